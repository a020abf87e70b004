//! Lists, sets and mathematics.

use super::{Function, flat, method, plain};
use crate::cel::call::{Answer, Budget, Call, Fault};
use crate::cel::value::{List, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    method("isSorted", 0, 0, is_sorted),
    method("sum", 0, 0, sum),
    method("min", 0, 0, min),
    method("max", 0, 0, max),
    method("indexOf", 1, 2, index_of),
    method("lastIndexOf", 1, 2, last_index_of),
    method("slice", 2, 2, slice),
    method("flatten", 0, 1, flatten),
    method("distinct", 0, 0, distinct),
    method("sort", 0, 0, sort),
    method("first", 0, 0, first),
    method("last", 0, 0, last),
    flat(plain("lists.range", 1, range)),
    flat(plain("sets.contains", 2, sets_contains)),
    flat(plain("sets.equivalent", 2, sets_equivalent)),
    flat(plain("sets.intersects", 2, sets_intersects)),
    super::entry("math.greatest", false, 1, 16, greatest),
    super::entry("math.least", false, 1, 16, least),
    flat(plain("math.abs", 1, abs)),
    flat(plain("math.ceil", 1, ceil)),
    flat(plain("math.floor", 1, floor)),
    flat(plain("math.round", 1, round)),
    flat(plain("math.trunc", 1, trunc)),
    flat(plain("math.sign", 1, sign)),
];

fn position<'a>(at: Option<usize>) -> Value<'a> {
    Value::Int(at.map_or(-1, |at| i64::try_from(at).unwrap_or(i64::MAX)))
}

fn is_sorted<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let list = call.list(0)?;
    let mut previous: Option<Value<'_>> = None;
    for item in list.iter() {
        if let Some(smaller) = &previous
            && smaller.order(&item).ok_or_else(Fault::no_overload)?.is_gt()
        {
            return Ok(Value::Bool(false));
        }
        previous = Some(item);
    }
    Ok(Value::Bool(true))
}

fn sum<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let list = call.list(0)?;
    let mut total: Option<Value<'a>> = None;
    for item in list.iter() {
        let overflow = || Fault::new("integer overflow");
        total = Some(match (total, item) {
            (
                None,
                item @ (Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_)),
            ) => item,
            (Some(Value::Int(left)), Value::Int(right)) => {
                Value::Int(left.checked_add(right).ok_or_else(overflow)?)
            }
            (Some(Value::Uint(left)), Value::Uint(right)) => {
                Value::Uint(left.checked_add(right).ok_or_else(overflow)?)
            }
            (Some(Value::Double(left)), Value::Double(right)) => Value::Double(left + right),
            (Some(Value::Duration(left)), Value::Duration(right)) => {
                Value::Duration(left.checked_add(right).ok_or_else(overflow)?)
            }
            _ => return Err(Fault::no_overload()),
        });
    }
    Ok(total.unwrap_or(Value::Int(0)))
}

fn extreme<'a>(
    items: impl Iterator<Item = Value<'a>>,
    greatest: bool,
) -> Result<Option<Value<'a>>, Fault> {
    let mut found: Option<Value<'a>> = None;
    for item in items {
        let is_better = match &found {
            None => true,
            Some(best) => {
                let order = item.order(best).ok_or_else(Fault::no_overload)?;
                if greatest {
                    order.is_gt()
                } else {
                    order.is_lt()
                }
            }
        };
        if is_better {
            found = Some(item);
        }
    }
    Ok(found)
}

fn min<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    extreme(call.list(0)?.iter(), false)?.ok_or_else(|| Fault::new("min called on empty list"))
}

fn max<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    extreme(call.list(0)?.iter(), true)?.ok_or_else(|| Fault::new("max called on empty list"))
}

fn greatest<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    numbers(call, true)
}

fn least<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    numbers(call, false)
}

fn numbers<'a>(call: &mut Call<'_, 'a>, greatest: bool) -> Answer<'a> {
    let items: Vec<Value<'a>> = match call.args {
        [Value::List(list)] => list.iter().collect(),
        args => args.to_vec(),
    };
    if items.iter().any(|item| item.as_f64().is_none()) {
        return Err(Fault::no_overload());
    }
    extreme(items.into_iter(), greatest)?
        .ok_or_else(|| Fault::new("math.@max(list) argument must not be empty"))
}

fn find_in(
    list: &List<'_>,
    item: &Value<'_>,
    from_end: bool,
    budget: &mut Budget,
) -> Result<Option<usize>, Fault> {
    for step in 0..list.len() {
        let at = if from_end {
            list.len() - 1 - step
        } else {
            step
        };
        if let Some(other) = list.get(at)
            && other.equals(item, budget)?
        {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn index_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    search(call, false)
}

fn last_index_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    search(call, true)
}

fn search<'a>(call: &mut Call<'_, 'a>, from_end: bool) -> Answer<'a> {
    if let (Value::List(list), Some(item), 2) = (call.arg(0)?, call.args.get(1), call.args.len()) {
        let list = list.clone();
        return Ok(position(find_in(&list, item, from_end, call.budget)?));
    }
    let (text, part) = (call.text(0)?, call.text(1)?);
    let text: Vec<char> = text.chars().collect();
    let part: Vec<char> = part.chars().collect();
    let bound = if call.args.get(2).is_none() {
        None
    } else {
        let at = call.int(2)?;
        Some(
            usize::try_from(at)
                .ok()
                .filter(|at| *at <= text.len())
                .ok_or_else(|| Fault::Error(format!("index out of range: {at}")))?,
        )
    };
    call.budget
        .spend((text.len() as u64 / 10 + 1).saturating_mul(part.len() as u64 / 10 + 1))?;
    if part.is_empty() {
        return Ok(position(Some(bound.unwrap_or(if from_end {
            text.len()
        } else {
            0
        }))));
    }
    let mut places = text.windows(part.len()).enumerate().filter(|(at, window)| {
        *window == part
            && match bound {
                None => true,
                Some(bound) if from_end => *at <= bound,
                Some(bound) => *at >= bound,
            }
    });
    let place = if from_end {
        places.next_back()
    } else {
        places.next()
    };
    Ok(position(place.map(|(at, _)| at)))
}

fn slice<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let list = call.list(0)?;
    let (start, end) = (call.int(1)?, call.int(2)?);
    if start < 0 || end < 0 {
        return Err(Fault::Error(format!(
            "cannot slice({start}, {end}), negative indexes not supported"
        )));
    }
    if start > end {
        return Err(Fault::Error(format!(
            "cannot slice({start}, {end}), start index must be less than or equal to end index"
        )));
    }
    let (start, end) = (
        usize::try_from(start).unwrap_or(usize::MAX),
        usize::try_from(end).unwrap_or(usize::MAX),
    );
    if end > list.len() {
        return Err(Fault::Error(format!(
            "cannot slice({start}, {end}), list is length {}",
            list.len()
        )));
    }
    Ok(Value::list(
        list.iter().skip(start).take(end - start).collect(),
    ))
}

fn flatten<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let depth = match call.args.get(1) {
        Some(_) => call.int(1)?,
        None => 1,
    };
    if !(0..=16).contains(&depth) {
        return Err(Fault::new("level must be between 0 and 16"));
    }
    let list = call.list(0)?.clone();
    let mut flat = Vec::new();
    flatten_into(&list, depth, &mut flat, call.budget)?;
    Ok(Value::list(flat))
}

fn flatten_into<'a>(
    list: &List<'a>,
    depth: i64,
    into: &mut Vec<Value<'a>>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    for item in list.iter() {
        budget.spend(1)?;
        match item {
            Value::List(inner) if depth > 0 => flatten_into(&inner, depth - 1, into, budget)?,
            other => into.push(other),
        }
    }
    Ok(())
}

fn distinct<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let list = call.list(0)?.clone();
    let mut kept: Vec<Value<'a>> = Vec::new();
    'items: for item in list.iter() {
        for other in &kept {
            if other.equals(&item, call.budget)? {
                continue 'items;
            }
        }
        kept.push(item);
    }
    Ok(Value::list(kept))
}

fn sort<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let mut items: Vec<Value<'a>> = call.list(0)?.iter().collect();
    if items.windows(2).any(|pair| match pair {
        // One order over all: two sorts of numbers have none that is exact.
        [left, right] => left.type_name() != right.type_name() || left.order(right).is_none(),
        _ => false,
    }) {
        return Err(Fault::no_overload());
    }
    call.budget.spend(4 * items.len() as u64)?;
    items.sort_by(|left, right| left.order(right).unwrap_or(std::cmp::Ordering::Equal));
    Ok(Value::list(items))
}

fn first<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Optional(
        call.list(0)?.get(0).map(std::sync::Arc::new),
    ))
}

fn last<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let list = call.list(0)?;
    Ok(Value::Optional(
        list.len()
            .checked_sub(1)
            .and_then(|at| list.get(at))
            .map(std::sync::Arc::new),
    ))
}

pub(super) fn reverse<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::List(list) => {
            let mut items: Vec<Value<'a>> = list.iter().collect();
            items.reverse();
            Ok(Value::list(items))
        }
        Value::String(text) => Ok(Value::text(text.chars().rev().collect::<String>())),
        _ => Err(Fault::no_overload()),
    }
}

fn range<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let count = call.int(0)?;
    call.budget.spend(u64::try_from(count).unwrap_or(0))?;
    Ok(Value::list((0..count).map(Value::Int).collect()))
}

fn subset(of: &List<'_>, part: &List<'_>, budget: &mut Budget) -> Result<bool, Fault> {
    for item in part.iter() {
        if find_in(of, &item, false, budget)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn sets_contains<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (left, right) = (call.list(0)?.clone(), call.list(1)?.clone());
    Ok(Value::Bool(subset(&left, &right, call.budget)?))
}

fn sets_equivalent<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (left, right) = (call.list(0)?.clone(), call.list(1)?.clone());
    Ok(Value::Bool(
        subset(&left, &right, call.budget)? && subset(&right, &left, call.budget)?,
    ))
}

fn sets_intersects<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (left, right) = (call.list(0)?.clone(), call.list(1)?.clone());
    for item in left.iter() {
        if find_in(&right, &item, false, call.budget)?.is_some() {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn abs<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Int(value) => value
            .checked_abs()
            .map(Value::Int)
            .ok_or_else(|| Fault::new("integer overflow")),
        Value::Uint(value) => Ok(Value::Uint(*value)),
        Value::Double(value) => Ok(Value::Double(value.abs())),
        _ => Err(Fault::no_overload()),
    }
}

fn sign<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Int(value) => Ok(Value::Int(value.signum())),
        Value::Uint(value) => Ok(Value::Uint(u64::from(*value > 0))),
        Value::Double(value) if *value == 0.0 => Ok(Value::Double(0.0)),
        Value::Double(value) => Ok(Value::Double(value.signum())),
        _ => Err(Fault::no_overload()),
    }
}

fn rounded<'a>(call: &mut Call<'_, 'a>, round: fn(f64) -> f64) -> Answer<'a> {
    match call.arg(0)? {
        Value::Double(value) => Ok(Value::Double(round(*value))),
        _ => Err(Fault::no_overload()),
    }
}

fn ceil<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    rounded(call, f64::ceil)
}

fn floor<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    rounded(call, f64::floor)
}

fn round<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    rounded(call, f64::round)
}

fn trunc<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    rounded(call, f64::trunc)
}
