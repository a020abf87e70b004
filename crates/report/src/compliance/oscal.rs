//! OSCAL assessment results, in JSON.
//!
//! # References
//!
//! <https://pages.nist.gov/OSCAL-Reference/models/v1.1.2/assessment-results/json-reference/>
//!
//! # Limits
//!
//! There is no assessment plan to import: its reference says so. A control
//! that nobody judged is among the reviewed ones and has no finding.

use std::io;

use model::Digest;
use serde_json::{Value, json};

use super::{Assessed, Control, State};
use crate::WriteError;

const VERSION: &str = "1.1.2";
const PROPERTIES: &str = "https://seawall.example/ns/oscal";

pub(super) fn write(assessed: &Assessed, out: &mut dyn io::Write) -> Result<(), WriteError> {
    serde_json::to_writer_pretty(&mut *out, &document(assessed))?;
    out.write_all(b"\n")?;
    Ok(())
}

fn document(assessed: &Assessed) -> Value {
    // The same standard, place and time are the same results.
    let base = format!("{} {} {}", assessed.id, assessed.place, assessed.time);
    let id = |name: &str| identifier(&format!("{base} {name}"));
    let time = assessed.time.to_string();
    let mut observations = Vec::new();
    let mut findings = Vec::new();
    for control in &assessed.controls {
        let Some(status) = status(control.state) else {
            continue;
        };
        let related = observe(control, &time, &id, &mut observations);
        findings.push(json!({
            "uuid": id(&format!("finding {}", control.id)),
            "title": control.title,
            "description": format!("{} {}: {}", assessed.id, control.id, control.state.word()),
            "target": {
                "type": "objective-id",
                "target-id": token(&control.id),
                "status": status,
            },
            "related-observations": related,
        }));
    }
    let mut selection = json!({
        "description": assessed.description,
        "props": [{ "name": "catalog", "ns": PROPERTIES, "value": assessed.source }],
    });
    // Lists of OSCAL have one item at least.
    if !assessed.controls.is_empty() {
        selection["include-controls"] = assessed
            .controls
            .iter()
            .map(|control| json!({ "control-id": token(&control.id) }))
            .collect();
    }
    let mut result = json!({
        "uuid": id("result"),
        "title": format!("{} in {}", assessed.name, assessed.place),
        "description": format!("How {} was judged by Seawall.", assessed.place),
        "start": time,
        "end": time,
        "reviewed-controls": { "control-selections": [selection] },
    });
    if !observations.is_empty() {
        result["observations"] = Value::Array(observations);
    }
    if !findings.is_empty() {
        result["findings"] = Value::Array(findings);
    }
    json!({
        "assessment-results": {
            "uuid": id("document"),
            "metadata": {
                "title": format!("{}: {}", assessed.name, assessed.place),
                "last-modified": time,
                "version": time,
                "oscal-version": VERSION,
            },
            "import-ap": {
                "href": "#",
                "remarks": "There is no assessment plan: everything that is known is judged.",
            },
            "results": [result],
        },
    })
}

/// The same for the same name (RFC 9562, version 5 by shape, which OSCAL
/// asks for).
fn identifier(name: &str) -> String {
    let digest = Digest::of(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    uuid::Builder::from_sha1_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// What was seen of a control; how a finding refers to it.
fn observe(
    control: &Control,
    time: &str,
    id: &dyn Fn(&str) -> String,
    observations: &mut Vec<Value>,
) -> Vec<Value> {
    let mut related = Vec::new();
    for check in &control.checks {
        let uuid = id(&format!("observation {} {}", control.id, check.id));
        related.push(json!({ "observation-uuid": uuid }));
        let evidence: Vec<Value> = control
            .evidence
            .iter()
            .filter(|evidence| evidence.check == check.id)
            .map(|evidence| {
                json!({ "description": format!("{}: {}", evidence.asset, evidence.summary) })
            })
            .collect();
        let mut observation = json!({
            "uuid": uuid,
            "title": check.title,
            "description": format!(
                "{} affected, {} exempted, {} healthy",
                check.affected, check.exempted, check.healthy
            ),
            "props": [{ "name": "check", "ns": PROPERTIES, "value": check.id }],
            "methods": ["TEST"],
            "collected": time,
        });
        if !evidence.is_empty() {
            observation["relevant-evidence"] = Value::Array(evidence);
        }
        observations.push(observation);
    }
    if let Some(word) = &control.word {
        let uuid = id(&format!("observation {} attested", control.id));
        related.push(json!({ "observation-uuid": uuid }));
        observations.push(json!({
            "uuid": uuid,
            "title": format!("{} answers for it", word.by),
            "description": word.note,
            "methods": ["INTERVIEW"],
            "collected": word.made.to_string(),
            "expires": word.expires.to_string(),
        }));
    }
    if related.is_empty() {
        let uuid = id(&format!("observation {} open", control.id));
        related.push(json!({ "observation-uuid": uuid }));
        observations.push(json!({
            "uuid": uuid,
            "description": "Nobody has looked yet.",
            "methods": ["UNKNOWN"],
            "collected": time,
        }));
    }
    related
}

/// `None`: nothing is said of it.
fn status(state: State) -> Option<Value> {
    match state {
        State::Passed => Some(json!({ "state": "satisfied", "reason": "pass" })),
        State::Failed => Some(json!({ "state": "not-satisfied", "reason": "fail" })),
        State::Manual => Some(json!({
            "state": "not-satisfied",
            "reason": "other",
            "remarks": "No check answers it, or only a part: somebody has to look.",
        })),
        State::NotApplicable => None,
    }
}

/// Identifiers of OSCAL begin with a letter.
fn token(id: &str) -> String {
    let plain: String = id
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    if plain.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        plain
    } else {
        format!("control-{plain}")
    }
}
