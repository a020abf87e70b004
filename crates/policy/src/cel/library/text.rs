//! Strings: the language's own functions, its extension, regular
//! expressions, base64 and the escaping of pointers.

use std::sync::Arc;

use base64::Engine as _;
use regex::{Regex, RegexBuilder};

use super::convert::{display, float};
use super::{Function, method, pattern as regex, plain};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::{Text, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    method("contains", 1, 1, contains),
    method("startsWith", 1, 1, starts_with),
    method("endsWith", 1, 1, ends_with),
    regex(plain("matches", 2, matches)),
    regex(method("matches", 1, 1, matches)),
    regex(method("find", 1, 1, find)),
    regex(method("findAll", 1, 2, find_all)),
    method("charAt", 1, 1, char_at),
    method("format", 1, 1, format),
    method("join", 0, 1, join),
    method("lowerAscii", 0, 0, lower),
    method("upperAscii", 0, 0, upper),
    method("replace", 2, 3, replace),
    method("split", 1, 2, split),
    method("substring", 1, 2, substring),
    method("trim", 0, 0, trim),
    method("reverse", 0, 0, super::collect::reverse),
    plain("strings.quote", 1, quote),
    plain("base64.encode", 1, encode),
    plain("base64.decode", 1, decode),
    plain("jsonpatch.escapeKey", 1, escape_key),
];

/// Compiles a pattern, within bounds.
pub(crate) fn pattern(pattern: &str) -> Result<Regex, Fault> {
    if pattern.len() > 10_000 {
        return Err(Fault::new("Illegal regex: longer than 10000 bytes"));
    }
    RegexBuilder::new(pattern)
        .size_limit(1 << 18)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Fault::Error(format!(
                "error parsing regexp: {}: `{pattern}`",
                last.strip_prefix("error: ").unwrap_or(last)
            ))
        })
}

fn with_pattern<'a, T>(
    call: &mut Call<'_, 'a>,
    with: impl FnOnce(&Regex, &Text<'a>) -> T,
) -> Result<T, Fault> {
    let text = call.text(0)?.clone();
    let source = call.text(1)?.clone();
    call.budget
        .spend((text.len() as u64 / 10 + 1) * (source.len() as u64 / 4 + 1))?;
    if let Some(regex) = call.regex {
        Ok(with(regex, &text))
    } else {
        Ok(with(&call.patterns.get(&source, call.budget)?, &text))
    }
}

fn contains<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(call.text(0)?.contains(&**call.text(1)?)))
}

fn starts_with<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(call.text(0)?.starts_with(&**call.text(1)?)))
}

fn ends_with<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(call.text(0)?.ends_with(&**call.text(1)?)))
}

fn matches<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    with_pattern(call, |regex, text| Value::Bool(regex.is_match(text)))
}

fn find<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    with_pattern(call, |regex, text| {
        Value::text(regex.find(text).map_or("", |found| found.as_str()))
    })
}

fn find_all<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let limit = match call.args.get(2) {
        Some(_) => usize::try_from(call.int(2)?).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    with_pattern(call, |regex, text| {
        Value::list(
            regex
                .find_iter(text)
                .take(limit)
                .map(|found| Value::text(found.as_str()))
                .collect(),
        )
    })
}

fn char_at<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, at) = (call.text(0)?, call.int(1)?);
    let out = || Fault::Error(format!("index out of range: {at}"));
    let at = usize::try_from(at).ok().ok_or_else(&out)?;
    match text.chars().nth(at) {
        Some(found) => Ok(Value::text(found.to_string())),
        None if at == text.chars().count() => Ok(Value::text("")),
        None => Err(out()),
    }
}

fn lower<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(call.text(0)?.to_ascii_lowercase()))
}

fn upper<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(call.text(0)?.to_ascii_uppercase()))
}

fn trim<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(call.text(0)?.trim()))
}

fn join<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let separator = match call.args.get(1) {
        Some(_) => call.text(1)?.clone(),
        None => Text::Borrowed(""),
    };
    let list = call.list(0)?.clone();
    let mut joined = String::new();
    for (at, item) in list.iter().enumerate() {
        let Value::String(text) = item else {
            return Err(Fault::no_overload());
        };
        call.budget
            .spend((text.len() + separator.len()) as u64 / 10 + 1)?;
        if at > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(&text);
    }
    Ok(Value::text(joined))
}

fn replace<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, old, new) = (
        call.text(0)?.clone(),
        call.text(1)?.clone(),
        call.text(2)?.clone(),
    );
    let limit = match call.args.get(3) {
        Some(_) => usize::try_from(call.int(3)?).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    // Paid before it is made: many short matches and one long
    // replacement would be larger than memory.
    let count = text.matches(&*old).count().min(limit);
    call.budget
        .spend((count as u64).saturating_mul(new.len() as u64) / 10)?;
    Ok(Value::text(text.replacen(&*old, &new, limit)))
}

fn split<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, separator) = (call.text(0)?, call.text(1)?);
    let limit = match call.args.get(2) {
        Some(_) => call.int(2)?,
        None => -1,
    };
    let pieces: Vec<Value<'a>> = match limit {
        0 => Vec::new(),
        _ if separator.is_empty() => {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut pieces = Vec::new();
            let mut rest: &str = text;
            while let Some(first) = rest.chars().next() {
                if pieces.len() + 1 == limit {
                    pieces.push(Value::text(rest));
                    break;
                }
                pieces.push(Value::text(first.to_string()));
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
            pieces
        }
        limit if limit < 0 => text.split(&**separator).map(Value::text).collect(),
        limit => text
            .splitn(usize::try_from(limit).unwrap_or(usize::MAX), &**separator)
            .map(Value::text)
            .collect(),
    };
    Ok(Value::list(pieces))
}

fn substring<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let text = call.text(0)?;
    let length = text.chars().count();
    let bound = |at: i64| {
        usize::try_from(at)
            .ok()
            .filter(|at| *at <= length)
            .ok_or_else(|| Fault::Error(format!("index out of range: {at}")))
    };
    let start = bound(call.int(1)?)?;
    let end = match call.args.get(2) {
        Some(_) => bound(call.int(2)?)?,
        None => length,
    };
    if start > end {
        return Err(Fault::Error(format!(
            "invalid substring range. start: {start}, end: {end}"
        )));
    }
    Ok(Value::text(
        text.chars()
            .skip(start)
            .take(end - start)
            .collect::<String>(),
    ))
}

fn quote<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let mut quoted = String::from("\"");
    for found in call.text(0)?.chars() {
        match found {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(Value::text(quoted))
}

fn encode<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let engine = base64::engine::general_purpose::STANDARD;
    match call.arg(0)? {
        Value::Bytes(bytes) => Ok(Value::text(engine.encode(bytes))),
        _ => Err(Fault::no_overload()),
    }
}

fn decode<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let text = call.text(0)?;
    base64::engine::general_purpose::STANDARD
        .decode(text.as_bytes())
        .or_else(|_| base64::engine::general_purpose::STANDARD_NO_PAD.decode(text.as_bytes()))
        .map(|bytes| Value::Bytes(Arc::from(bytes)))
        .ok()
        .ok_or_else(|| Fault::new("illegal base64 data"))
}

fn escape_key<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(
        call.text(0)?.replace('~', "~0").replace('/', "~1"),
    ))
}

/// `"%s of %d".format([…])`.
fn format<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let text = call.text(0)?.clone();
    let list = call.list(1)?.clone();
    let mut made = String::new();
    let mut used = 0;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        if next != '%' {
            made.push(next);
            continue;
        }
        let mut precision = None;
        if rest.peek() == Some(&'.') {
            rest.next();
            let mut digits = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            precision = digits.parse::<usize>().ok().map(|digits| digits.min(100));
        }
        let clause = match rest.next() {
            Some('%') => {
                made.push('%');
                continue;
            }
            Some(clause) => clause,
            None => return Err(Fault::new("unexpected end of format string")),
        };
        let value = list
            .get(used)
            .ok_or_else(|| Fault::Error(format!("index {used} out of range")))?;
        used += 1;
        // A member may be a whole object: paid before it is written.
        call.budget.spend(spread(&value))?;
        made.push_str(&clause_text(clause, precision, &value)?);
    }
    Ok(Value::text(made))
}

/// How much there is to write of a value.
fn spread(value: &Value<'_>) -> u64 {
    match value {
        Value::List(list) => list.iter().map(|item| 1 + spread(&item)).sum(),
        Value::Map(map) => map
            .entries()
            .iter()
            .map(|(key, item)| 1 + spread(key) + spread(item))
            .sum(),
        other => other.weight(),
    }
}

fn clause_text(clause: char, precision: Option<usize>, value: &Value<'_>) -> Result<String, Fault> {
    let wrong = || {
        Fault::Error(format!(
            "error during formatting: %{clause} does not take a value of type {}",
            value.type_name()
        ))
    };
    Ok(match (clause, value) {
        ('s', value) => display(value),
        ('d', Value::Int(number)) => number.to_string(),
        ('d', Value::Uint(number)) => number.to_string(),
        ('d', Value::Double(number)) => float(*number),
        ('f', value) => {
            let number = value.as_f64().ok_or_else(wrong)?;
            format!("{number:.*}", precision.unwrap_or(6))
        }
        ('e', value) => {
            let number = value.as_f64().ok_or_else(wrong)?;
            let text = format!("{number:.*e}", precision.unwrap_or(6));
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        ('b', Value::Bool(value)) => u8::from(*value).to_string(),
        ('b', Value::Int(number)) => signed(*number, |magnitude| format!("{magnitude:b}")),
        ('b', Value::Uint(number)) => format!("{number:b}"),
        ('o', Value::Int(number)) => signed(*number, |magnitude| format!("{magnitude:o}")),
        ('o', Value::Uint(number)) => format!("{number:o}"),
        ('x', Value::Int(number)) => signed(*number, |magnitude| format!("{magnitude:x}")),
        ('X', Value::Int(number)) => signed(*number, |magnitude| format!("{magnitude:X}")),
        ('x', Value::Uint(number)) => format!("{number:x}"),
        ('X', Value::Uint(number)) => format!("{number:X}"),
        ('x', Value::String(text)) => hex(text.as_bytes()),
        ('X', Value::String(text)) => hex(text.as_bytes()).to_uppercase(),
        ('x', Value::Bytes(bytes)) => hex(bytes),
        ('X', Value::Bytes(bytes)) => hex(bytes).to_uppercase(),
        ('d' | 'b' | 'o' | 'x' | 'X', _) => return Err(wrong()),
        _ => {
            return Err(Fault::Error(format!(
                "unrecognized formatting clause \"{clause}\""
            )));
        }
    })
}

fn signed(number: i64, write: impl Fn(u64) -> String) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", write(number.unsigned_abs()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    let pairs = bytes
        .iter()
        .map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    pairs.flatten().collect()
}
