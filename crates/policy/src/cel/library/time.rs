//! Durations and timestamps. No clock is asked: Kubernetes gives an
//! expression none either.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Function, method, plain};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("duration", 1, duration),
    plain("timestamp", 1, timestamp),
    method("getFullYear", 0, 1, full_year),
    method("getMonth", 0, 1, month),
    method("getDayOfYear", 0, 1, day_of_year),
    method("getDayOfMonth", 0, 1, day_of_month),
    method("getDate", 0, 1, date),
    method("getDayOfWeek", 0, 1, day_of_week),
    method("getHours", 0, 1, hours),
    method("getMinutes", 0, 1, minutes),
    method("getSeconds", 0, 1, seconds_of),
    method("getMilliseconds", 0, 1, milliseconds),
];

/// A duration as Go writes it in seconds: `1.5s`.
pub(crate) fn seconds(span: SignedDuration) -> String {
    let nanos = span.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let magnitude = nanos.unsigned_abs();
    let (whole, rest) = (magnitude / 1_000_000_000, magnitude % 1_000_000_000);
    if rest == 0 {
        return format!("{sign}{whole}s");
    }
    let rest = format!("{rest:09}");
    format!("{sign}{whole}.{}s", rest.trim_end_matches('0'))
}

/// Go's units of time, in nanoseconds.
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Go's form of a duration: `1h30m`, `-1.5s`, `300ms`.
fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() || rest.len() > 100 {
        return None;
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|found: char| !found.is_ascii_digit() && found != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let end = tail
            .find(|found: char| found.is_ascii_digit() || found == '.')
            .unwrap_or(tail.len());
        let (name, after) = tail.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        nanos = nanos.checked_add(whole.checked_mul(*unit)?)?;
        let mut part = *unit;
        for digit in fraction.chars() {
            part /= 10;
            nanos = nanos.checked_add(part * i128::from(digit.to_digit(10)?))?;
        }
        rest = after;
    }
    if nanos > i128::from(i64::MAX) {
        return None;
    }
    let nanos = i64::try_from(if negative { -nanos } else { nanos }).ok()?;
    Some(SignedDuration::from_nanos(nanos))
}

fn duration<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Duration(span) => Ok(Value::Duration(*span)),
        Value::Int(nanos) => Ok(Value::Duration(SignedDuration::from_nanos(*nanos))),
        Value::String(text) => parse_duration(text)
            .map(Value::Duration)
            .ok_or_else(|| Fault::Error(format!("time: invalid duration {:?}", &**text))),
        _ => Err(Fault::no_overload()),
    }
}

fn timestamp<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Timestamp(time) => Ok(Value::Timestamp(*time)),
        Value::Int(seconds) => Timestamp::from_second(*seconds)
            .map(Value::Timestamp)
            .ok()
            .ok_or_else(|| Fault::new("timestamp overflow")),
        Value::String(text) => text
            .parse()
            .map(Value::Timestamp)
            .ok()
            .ok_or_else(|| Fault::Error(format!("cannot parse {:?} as a timestamp", &**text))),
        _ => Err(Fault::no_overload()),
    }
}

fn zoned(call: &Call<'_, '_>) -> Result<jiff::Zoned, Fault> {
    let Value::Timestamp(time) = call.arg(0)? else {
        return Err(Fault::no_overload());
    };
    let zone = if call.args.get(1).is_none() {
        TimeZone::UTC
    } else {
        let name = call.text(1)?;
        if let Some(offset) = fixed(name) {
            offset
        } else {
            TimeZone::get(name)
                .ok()
                .ok_or_else(|| Fault::Error(format!("unknown time zone {}", &**name)))?
        }
    };
    Ok(time.to_zoned(zone))
}

/// `+02:00`, `-08:00`, `02:00`.
fn fixed(name: &str) -> Option<TimeZone> {
    let (sign, rest) = match name.as_bytes().first()? {
        b'-' => (-1, name.get(1..)?),
        b'+' => (1, name.get(1..)?),
        _ => (1, name),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    jiff::tz::Offset::from_seconds(sign * seconds)
        .ok()
        .map(TimeZone::fixed)
}

fn part<'a>(
    call: &mut Call<'_, 'a>,
    of_time: fn(&jiff::Zoned) -> i64,
    of_span: Option<fn(SignedDuration) -> i64>,
) -> Answer<'a> {
    match (call.arg(0)?, of_span) {
        (Value::Duration(span), Some(part)) if call.args.len() == 1 => Ok(Value::Int(part(*span))),
        _ => Ok(Value::Int(of_time(&zoned(call)?))),
    }
}

fn full_year<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |time| i64::from(time.year()), None)
}

fn month<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |time| i64::from(time.month()) - 1, None)
}

fn day_of_year<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |time| i64::from(time.day_of_year()) - 1, None)
}

fn day_of_month<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |time| i64::from(time.day()) - 1, None)
}

fn date<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |time| i64::from(time.day()), None)
}

fn day_of_week<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(
        call,
        |time| i64::from(time.weekday().to_sunday_zero_offset()),
        None,
    )
}

fn hours<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(
        call,
        |time| i64::from(time.hour()),
        Some(|span| span.as_secs() / 3600),
    )
}

fn minutes<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(
        call,
        |time| i64::from(time.minute()),
        Some(|span| span.as_secs() / 60),
    )
}

fn seconds_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(
        call,
        |time| i64::from(time.second()),
        Some(|span| span.as_secs()),
    )
}

fn milliseconds<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(
        call,
        |time| i64::from(time.millisecond()),
        Some(|span| i64::from(span.subsec_millis())),
    )
}
