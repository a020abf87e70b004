//! Falco's JSON output.
//!
//! What: the object Falco writes with `json_output` (`time`, `rule`,
//! `priority`, `source`, `hostname`, `output`, `tags`, `output_fields`)
//! and falcosidekick passes on, with an `uuid` of its own: one alone, an
//! array of them, or one after the other (NDJSON).
//! Why: run-time alerts of a sensor many already have.
//! Limits: 1 MiB and 1,000 events at once; fields beyond the bounds are
//! cut, and said to be. An event without a rule or a known priority is
//! refused, the others are kept.
//! References: falco.org, "Falco Alerts, Formatting" and "Supported
//! Fields"; falcosidekick's README.

mod advice;
mod context;
mod fields;
mod place;

use jiff::Timestamp;
use model::{
    Alert, AlertRule, Fingerprint, Severity,
    alert::{MAX_RAW, bounded, redact},
};
use serde_json::{Map, Value, json};

use self::fields::Fields;

/// The largest body that is read.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// The most events in one body.
pub(crate) const MAX_EVENTS: usize = 1_000;
/// A rule's name is its identity: a longer one is refused, not cut.
const MAX_RULE: usize = 200;
const MAX_OUTPUT: usize = 8 << 10;
const MAX_SUMMARY: usize = 500;
const MAX_TAGS: usize = 50;
/// Bytes of output fields kept as evidence.
const MAX_EVIDENCE: usize = 32 << 10;

/// What the request said beside the events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The cluster whose events these are, where Falco does not know.
    pub(crate) cluster: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// What was understood, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) refused: Vec<Refused>,
}

/// An event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Which of those sent, counted from 0.
    pub(crate) index: usize,
    pub(crate) reason: String,
}

/// Why a body holds no events.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FalcoError {
    #[error("there is no event in the body; is json_output on in falco.yaml?")]
    Empty,
    #[error("more than {MAX_EVENTS} events at once; send them in several requests")]
    TooMany,
}

/// Reads a body.
pub(crate) fn parse(body: &[u8], context: Context<'_>) -> Result<Parsed, FalcoError> {
    let mut parsed = Parsed::default();
    let mut index = 0;
    let mut take = |event: Result<Value, String>| {
        if index == MAX_EVENTS {
            return Err(FalcoError::TooMany);
        }
        match event.and_then(|event| alert(&event, context)) {
            Ok(alert) => parsed.alerts.push(alert),
            Err(reason) => parsed.refused.push(Refused { index, reason }),
        }
        index += 1;
        Ok(())
    };
    let mut rest = body;
    while let Some(start) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) {
        rest = rest.get(start..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
        let value = values.next();
        let read = values.byte_offset();
        match value {
            None => break,
            Some(Ok(Value::Array(events))) => {
                for event in events {
                    take(Ok(event))?;
                }
                rest = rest.get(read..).unwrap_or_default();
            }
            Some(Ok(event)) => {
                take(Ok(event))?;
                rest = rest.get(read..).unwrap_or_default();
            }
            Some(Err(error)) => {
                take(Err(format!("not JSON: {error}")))?;
                // A broken line spoils no other.
                let end = rest.iter().position(|byte| *byte == b'\n');
                rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
            }
        }
    }
    if index == 0 {
        return Err(FalcoError::Empty);
    }
    Ok(parsed)
}

fn alert(event: &Value, context: Context<'_>) -> Result<Alert, String> {
    let event = event.as_object().ok_or("expected an object")?;
    let name = text(event, "rule").ok_or("rule: expected the rule's name")?;
    if name.len() > MAX_RULE {
        return Err(format!("rule: longer than {MAX_RULE} bytes"));
    }
    let priority = text(event, "priority").ok_or("priority: expected one of Falco's")?;
    let severity = severity(priority).ok_or_else(|| {
        let shown: String = priority.chars().take(40).collect();
        format!(
            "priority: '{shown}' is none of Falco's (Emergency, Alert, Critical, Error, Warning, \
             Notice, Informational, Debug)"
        )
    })?;
    // A clock that runs ahead must not keep an alert on top for ever.
    let time = match text(event, "time") {
        Some(text) => text
            .parse::<Timestamp>()
            .map_err(|error| format!("time: {error}"))?
            .min(context.now),
        None => context.now,
    };
    let empty = Map::new();
    let fields = Fields(match event.get("output_fields") {
        Some(Value::Object(fields)) => fields,
        None | Some(Value::Null) => &empty,
        Some(_) => return Err("output_fields: expected an object".to_owned()),
    });
    let hostname = text(event, "hostname").map(|name| fields::clean(name, MAX_RULE));
    let source = text(event, "source").unwrap_or_default();
    let place = place::of(&fields, hostname.as_deref(), source, context.cluster);
    let tags = tags(event);
    let title = fields::clean(name, MAX_RULE);
    let tactics: Vec<String> = tags.iter().filter_map(|tag| tactic(tag)).collect();
    let techniques: Vec<String> = tags.iter().filter_map(|tag| technique(tag)).collect();
    let pages = techniques
        .iter()
        .map(|technique| advice::reference(technique));
    let rule = AlertRule {
        id: slug(name),
        severity,
        source: "Falco".to_owned(),
        why: advice::why(&tactics),
        steps: advice::steps(&title),
        references: pages.collect(),
        title,
        tactics,
        techniques,
        ..AlertRule::default()
    };
    let output = fields::clean(text(event, "output").unwrap_or_default(), MAX_OUTPUT);
    let program = ["proc.exepath", "proc.name", "ka.user.name", "evt.type"];
    let program = program.iter().find_map(|name| fields.text(name));
    Ok(Alert {
        event: identity(event, &output, &fields),
        time,
        fingerprint: place.fingerprint(&rule.id, &program.unwrap_or_default()),
        place,
        summary: summary(&output, priority),
        evidence: json!({
            "sensor": "falco",
            "source": fields::clean(source, MAX_RULE),
            "priority": fields::clean(priority, MAX_RULE),
            "hostname": hostname,
            "output": output,
            "tags": tags,
            "fields": fields.evidence(MAX_EVIDENCE),
        })
        .to_string(),
        context: context::of(&fields, source),
        raw: raw(event),
        trace: None,
        rule,
    })
}

/// The event as it came, for a click.
fn raw(event: &Map<String, Value>) -> Option<String> {
    let mut event = Value::Object(event.clone());
    redact(&mut event, false);
    bounded(event, MAX_RAW)
}

fn text<'e>(event: &'e Map<String, Value>, name: &str) -> Option<&'e str> {
    event.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Falco's eight priorities are syslog's.
fn severity(priority: &str) -> Option<Severity> {
    Some(match priority.to_ascii_lowercase().as_str() {
        "emergency" | "alert" | "critical" => Severity::Critical,
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "notice" => Severity::Low,
        "informational" | "info" | "debug" => Severity::Info,
        _ => return None,
    })
}

fn tags(event: &Map<String, Value>) -> Vec<String> {
    let tags = event.get("tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(Value::as_str);
    let mut tags: Vec<String> = tags
        .take(MAX_TAGS)
        .map(|tag| fields::clean(tag, 100))
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// `mitre_privilege_escalation`.
fn tactic(tag: &str) -> Option<String> {
    let name = tag.to_ascii_lowercase();
    let name = name.strip_prefix("mitre_")?;
    technique(name).is_none().then(|| name.to_owned())
}

/// `T1059` or `T1059.004`, with or without `mitre_`.
fn technique(tag: &str) -> Option<String> {
    let tag = tag.to_ascii_uppercase();
    let id = tag.strip_prefix("MITRE_").unwrap_or(&tag);
    let (number, part) = match id.strip_prefix('T')?.split_once('.') {
        Some((number, part)) => (number, Some(part)),
        None => (id.get(1..)?, None),
    };
    let is_number = |text: &str, length| {
        text.len() == length && text.bytes().all(|digit| digit.is_ascii_digit())
    };
    (is_number(number, 4) && part.is_none_or(|part| is_number(part, 3))).then(|| id.to_owned())
}

/// The rule's name as an id: `Terminal shell in container` is
/// `terminal-shell-in-container`. A name without a Latin letter or digit
/// is known by its hash.
pub(crate) fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() {
        let hash = Fingerprint::of(&["rule", name]);
        slug = format!("rule-{}", hash.as_str().get(..12).unwrap_or_default());
    }
    slug
}

/// What was sent under the same uuid is the same event; where there is
/// none, what happened at the same nanosecond, on the same machine, in
/// the same words.
fn identity(event: &Map<String, Value>, output: &str, fields: &Fields<'_>) -> Fingerprint {
    if let Some(uuid) = text(event, "uuid") {
        return Fingerprint::of(&["falco", "uuid", uuid]);
    }
    let of = |name| text(event, name).unwrap_or_default();
    let raw = [
        "evt.time",
        "evt.num",
        "evt.rawtime",
        "ka.auditid",
        "ka.req.id",
    ];
    let raw: Vec<String> = raw
        .iter()
        .map(|name| fields.text(name).unwrap_or_default())
        .collect();
    let mut parts = vec!["falco", of("time"), of("hostname"), of("rule"), output];
    parts.extend(raw.iter().map(String::as_str));
    Fingerprint::of(&parts)
}

/// Falco begins its output with the time and the priority, which are
/// told elsewhere.
fn summary(output: &str, priority: &str) -> String {
    let line = output.lines().next().unwrap_or_default();
    let has_time = line.starts_with(|c: char| c.is_ascii_digit());
    let told = line.split_once(&format!(": {priority} "));
    let line = match told {
        Some((time, rest)) if has_time && time.len() <= 40 => rest,
        _ => line,
    };
    fields::clean(line, MAX_SUMMARY)
}

#[cfg(test)]
mod tests;
