//! Arithmetic, order, equality and membership.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Function, flat, plain};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::{List, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    plain("!_", 1, not),
    plain("-_", 1, negate),
    plain("_+_", 2, add),
    flat(plain("_-_", 2, subtract)),
    flat(plain("_*_", 2, multiply)),
    flat(plain("_/_", 2, divide)),
    flat(plain("_%_", 2, modulo)),
    flat(plain("_==_", 2, equal)),
    flat(plain("_!=_", 2, not_equal)),
    flat(plain("_<_", 2, less)),
    flat(plain("_<=_", 2, less_or_equal)),
    flat(plain("_>_", 2, greater)),
    flat(plain("_>=_", 2, greater_or_equal)),
    flat(plain("@in", 2, is_in)),
];

fn not<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Bool(value) => Ok(Value::Bool(!value)),
        _ => Err(Fault::no_overload()),
    }
}

fn overflow(what: &str) -> Fault {
    Fault::Error(format!("{what} overflow"))
}

fn negate<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Int(value) => value
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| overflow("integer")),
        Value::Double(value) => Ok(Value::Double(-value)),
        Value::Duration(value) => Ok(Value::Duration(-*value)),
        _ => Err(Fault::no_overload()),
    }
}

fn add<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match (call.arg(0)?, call.arg(1)?) {
        (Value::Int(left), Value::Int(right)) => left
            .checked_add(*right)
            .map(Value::Int)
            .ok_or_else(|| overflow("integer")),
        (Value::Uint(left), Value::Uint(right)) => left
            .checked_add(*right)
            .map(Value::Uint)
            .ok_or_else(|| overflow("unsigned integer")),
        (Value::Double(left), Value::Double(right)) => Ok(Value::Double(left + right)),
        (Value::String(left), Value::String(right)) => {
            Ok(Value::text(format!("{}{}", &**left, &**right)))
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            Ok(Value::Bytes([&**left, &**right].concat().into()))
        }
        (Value::List(left), Value::List(right)) => Ok(Value::List(List::Made(Arc::new(
            left.iter().chain(right.iter()).collect(),
        )))),
        (Value::Duration(left), Value::Duration(right)) => left
            .checked_add(*right)
            .map(Value::Duration)
            .ok_or_else(|| overflow("duration")),
        (Value::Timestamp(time), Value::Duration(span))
        | (Value::Duration(span), Value::Timestamp(time)) => time
            .checked_add(*span)
            .map(Value::Timestamp)
            .ok()
            .ok_or_else(|| overflow("timestamp")),
        _ => Err(Fault::no_overload()),
    }
}

fn subtract<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match (call.arg(0)?, call.arg(1)?) {
        (Value::Int(left), Value::Int(right)) => left
            .checked_sub(*right)
            .map(Value::Int)
            .ok_or_else(|| overflow("integer")),
        (Value::Uint(left), Value::Uint(right)) => left
            .checked_sub(*right)
            .map(Value::Uint)
            .ok_or_else(|| overflow("unsigned integer")),
        (Value::Double(left), Value::Double(right)) => Ok(Value::Double(left - right)),
        (Value::Duration(left), Value::Duration(right)) => left
            .checked_sub(*right)
            .map(Value::Duration)
            .ok_or_else(|| overflow("duration")),
        (Value::Timestamp(time), Value::Duration(span)) => time
            .checked_sub(*span)
            .map(Value::Timestamp)
            .ok()
            .ok_or_else(|| overflow("timestamp")),
        (Value::Timestamp(left), Value::Timestamp(right)) => {
            Ok(Value::Duration(left.duration_since(*right)))
        }
        _ => Err(Fault::no_overload()),
    }
}

fn multiply<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match (call.arg(0)?, call.arg(1)?) {
        (Value::Int(left), Value::Int(right)) => left
            .checked_mul(*right)
            .map(Value::Int)
            .ok_or_else(|| overflow("integer")),
        (Value::Uint(left), Value::Uint(right)) => left
            .checked_mul(*right)
            .map(Value::Uint)
            .ok_or_else(|| overflow("unsigned integer")),
        (Value::Double(left), Value::Double(right)) => Ok(Value::Double(left * right)),
        _ => Err(Fault::no_overload()),
    }
}

fn divide<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match (call.arg(0)?, call.arg(1)?) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => {
            Err(Fault::new("division by zero"))
        }
        (Value::Int(left), Value::Int(right)) => left
            .checked_div(*right)
            .map(Value::Int)
            .ok_or_else(|| overflow("integer")),
        (Value::Uint(left), Value::Uint(right)) => Ok(Value::Uint(left / right)),
        (Value::Double(left), Value::Double(right)) => Ok(Value::Double(left / right)),
        _ => Err(Fault::no_overload()),
    }
}

fn modulo<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match (call.arg(0)?, call.arg(1)?) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => {
            Err(Fault::new("modulus by zero"))
        }
        (Value::Int(left), Value::Int(right)) => left
            .checked_rem(*right)
            .map(Value::Int)
            .ok_or_else(|| overflow("integer")),
        (Value::Uint(left), Value::Uint(right)) => Ok(Value::Uint(left % right)),
        _ => Err(Fault::no_overload()),
    }
}

fn equality(call: &mut Call<'_, '_>) -> Result<bool, Fault> {
    let (left, right) = (call.args.first(), call.args.get(1));
    match (left, right) {
        (Some(left), Some(right)) => left.equals(right, call.budget),
        _ => Err(Fault::no_overload()),
    }
}

fn equal<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    equality(call).map(Value::Bool)
}

fn not_equal<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    equality(call).map(|same| Value::Bool(!same))
}

fn compare(call: &mut Call<'_, '_>) -> Result<Option<Ordering>, Fault> {
    let (left, right) = (call.arg(0)?, call.arg(1)?);
    let cost = left.weight().min(right.weight());
    let order = left.order(right);
    // A double that is no number has no order, and is no mistake.
    if order.is_none() && !(left.as_f64().is_some() && right.as_f64().is_some()) {
        return Err(Fault::no_overload());
    }
    call.budget.spend(cost)?;
    Ok(order)
}

fn less<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(compare(call)?.is_some_and(Ordering::is_lt)))
}

fn less_or_equal<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(compare(call)?.is_some_and(Ordering::is_le)))
}

fn greater<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(compare(call)?.is_some_and(Ordering::is_gt)))
}

fn greater_or_equal<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(compare(call)?.is_some_and(Ordering::is_ge)))
}

fn is_in<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (Some(item), Some(range)) = (call.args.first(), call.args.get(1)) else {
        return Err(Fault::no_overload());
    };
    match range {
        Value::List(list) => {
            for other in list.iter() {
                if item.equals(&other, call.budget)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        Value::Map(map) => Ok(Value::Bool(map.get(item).is_some())),
        _ => Err(Fault::no_overload()),
    }
}
