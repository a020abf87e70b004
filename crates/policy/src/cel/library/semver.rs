//! Versions that follow semver.org.

use std::sync::Arc;

use super::{Function, entry, method};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    entry("semver", false, 1, 2, semver),
    entry("isSemver", false, 1, 2, is_semver),
    method("major", 0, 0, major),
    method("minor", 0, 0, minor),
    method("patch", 0, 0, patch),
];

fn parse(call: &Call<'_, '_>) -> Result<Result<semver::Version, String>, Fault> {
    let text = call.text(0)?;
    let normal = match call.args.get(1) {
        None | Some(Value::Bool(false)) => (**text).to_owned(),
        Some(Value::Bool(true)) => normalise(text),
        Some(_) => return Err(Fault::no_overload()),
    };
    Ok(normal
        .parse()
        .map_err(|error: semver::Error| error.to_string()))
}

/// Without a leading `v`, without leading noughts, with three numbers.
fn normalise(text: &str) -> String {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let mut numbers: Vec<&str> = core
        .split('.')
        .map(|number| match number.trim_start_matches('0') {
            "" if !number.is_empty() => "0",
            trimmed => trimmed,
        })
        .collect();
    while numbers.len() < 3 {
        numbers.push("0");
    }
    format!("{}{rest}", numbers.join("."))
}

fn semver<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match parse(call)? {
        Ok(version) => Ok(Value::Semver(Arc::new(version))),
        Err(why) => Err(Fault::Error(why)),
    }
}

fn is_semver<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(parse(call)?.is_ok()))
}

fn part<'a>(call: &Call<'_, 'a>, part: fn(&semver::Version) -> u64) -> Answer<'a> {
    match call.arg(0)? {
        Value::Semver(version) => i64::try_from(part(version))
            .map(Value::Int)
            .ok()
            .ok_or_else(|| Fault::new("integer overflow")),
        _ => Err(Fault::no_overload()),
    }
}

fn major<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |version| version.major)
}

fn minor<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |version| version.minor)
}

fn patch<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    part(call, |version| version.patch)
}
