//! What our own sensor sends.
//!
//! What: items of `SensorBatch`, each an alert with all its rule says, or
//! a gap. Why: the words of the wire become the model's, and what is too
//! long is cut, here and nowhere else. Limits: an alert that names no
//! rule or no place on the tree is refused, the others are kept.

use api::sensor::{RefusedItem, SensorAlert, SensorBatch, SensorGap, SensorItem, SensorNews};
use jiff::Timestamp;
use model::{
    Alert, AlertContext, AlertImage, AlertPlace, AlertRule, AssetKind, Fingerprint, Principal,
    alert::{MAX_RAW, RuleStep, bounded, redact},
};
use store::{SensorItems, container_identity};

/// The largest body that is read.
pub(crate) const MAX_BODY: usize = 4 << 20;
/// The most items in one body.
pub(crate) const MAX_ITEMS: usize = 1_000;
/// The longest name of a node, and of what names a boot or a run.
pub(crate) const MAX_NAME: usize = 253;
const MAX_TITLE: usize = 200;
const MAX_SUMMARY: usize = 500;
const MAX_PROSE: usize = 16 << 10;
const MAX_LISTED: usize = 50;
/// Bytes of evidence, and of one text in it.
const MAX_EVIDENCE: usize = 64 << 10;
const MAX_PROGRAM: usize = 1 << 10;

/// What was understood of a batch.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) items: SensorItems,
    pub(crate) refused: Vec<RefusedItem>,
}

/// Whether this can be a node's name, or name a boot or a run.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_NAME
        && text.trim() == text
        && !text.contains(|c: char| c.is_control() || c == '/')
}

/// Reads a batch. The fault of the whole, where it has one: the part,
/// and what is wrong with it.
pub(crate) fn understand(
    node: &str,
    batch: SensorBatch,
    now: Timestamp,
) -> Result<Understood, (String, String)> {
    for (part, text) in [("/boot", &batch.boot), ("/run", &batch.run)] {
        if !is_name(text) {
            let told = format!("expected 1 to {MAX_NAME} bytes on one line, without '/'");
            return Err((part.to_owned(), told));
        }
    }
    let cluster = batch.cluster.as_deref();
    if cluster.is_some_and(|name| !is_name(name)) {
        return Err(("/cluster".to_owned(), "no name of a cluster".to_owned()));
    }
    let mut items = SensorItems {
        node: node.to_owned(),
        boot: batch.boot,
        run: batch.run,
        ..SensorItems::default()
    };
    let mut refused = Vec::new();
    for (index, item) in batch.items.into_iter().enumerate() {
        let SensorItem {
            sequence,
            time,
            what,
        } = item;
        let last = match what {
            SensorNews::Alert(_) => &mut items.last_alert,
            SensorNews::Gap(_) => &mut items.last_gap,
        };
        if sequence <= *last {
            let told = format!("{sequence} comes after {last}; expected ascending numbers from 1");
            return Err((format!("/items/{index}/sequence"), told));
        }
        *last = sequence;
        // A clock that runs ahead must not keep an alert on top for ever.
        let time = time.min(now);
        match what {
            SensorNews::Alert(told) => {
                let of = [node, &items.boot, &items.run, &sequence.to_string()];
                match alert(of, time, *told) {
                    Ok(alert) => items.alerts.push((sequence, alert)),
                    Err(reason) => refused.push(RefusedItem { sequence, reason }),
                }
            }
            SensorNews::Gap(told) => items.gaps.push((sequence, gap(&told, now))),
        }
    }
    Ok(Understood { items, refused })
}

fn gap(told: &SensorGap, now: Timestamp) -> store::SensorGap {
    store::SensorGap {
        stage: clean(&told.stage, 50),
        class: clean(&told.class, 50),
        reason: clean(&told.reason, MAX_SUMMARY),
        count: told.count,
        from: told.from.min(now),
        to: told.to.min(now),
    }
}

fn alert(of: [&str; 4], time: Timestamp, told: SensorAlert) -> Result<Alert, String> {
    let rule = told.rule;
    let id = rule.id;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if id.is_empty() || id.len() > MAX_TITLE || !id.bytes().all(is_word) {
        return Err(format!(
            "rule.id: expected 1 to {MAX_TITLE} letters, digits, '.', '-' and '_'"
        ));
    }
    let mut place = place(&told.place)?;
    place.image = told.image.map(|image| AlertImage {
        name: clean(&image.name, MAX_PROGRAM),
        digest: image.digest.and_then(|digest| digest.parse().ok()),
    });
    let program = clean(&told.program, MAX_PROGRAM);
    let mut evidence = told.evidence;
    redact(&mut evidence, false);
    let evidence = bounded(evidence, MAX_EVIDENCE)
        .unwrap_or_else(|| r#"{"omitted":"the evidence was too long to be kept"}"#.to_owned());
    let raw = Some(evidence.clone()).filter(|text| text.len() <= MAX_RAW);
    let [node, boot, run, sequence] = of;
    let mut trace = told.trace;
    if let Some(trace) = &mut trace {
        trace.bound();
    }
    Ok(Alert {
        event: Fingerprint::of(&["sensor", node, boot, run, sequence]),
        time,
        fingerprint: place.fingerprint(&id, &program),
        place,
        summary: clean(&told.summary, MAX_SUMMARY),
        evidence,
        context: AlertContext {
            principal: told.user.map(|name| Principal {
                uid: told.uid.map(|uid| uid.to_string()),
                ..Principal::local(clean(&name, MAX_TITLE))
            }),
            ..AlertContext::default()
        },
        raw,
        trace,
        rule: AlertRule {
            title: clean(&rule.title, MAX_TITLE),
            description: clean(&rule.description, MAX_PROSE),
            condition: clean(&rule.condition, MAX_PROSE),
            severity: severity(rule.severity),
            tactics: listed(rule.tactics),
            techniques: listed(rule.techniques),
            matrix: listed(rule.matrix),
            source: "Seawall sensor".to_owned(),
            why: clean(&rule.why, MAX_PROSE),
            steps: RuleStep::of_text(&clean(&rule.fix, MAX_PROSE)),
            false_positives: clean(&rule.false_positives, MAX_PROSE),
            references: listed(rule.references),
            id,
        },
    })
}

/// Down the tree: what is lower never comes before what is higher.
fn place(steps: &[api::sensor::SensorStep]) -> Result<AlertPlace, String> {
    let mut place = AlertPlace::default();
    let mut last = AssetKind::Environment;
    for step in steps {
        let kind = AssetKind::named(&step.kind)
            .filter(|kind| (AssetKind::Cluster..=AssetKind::Container).contains(kind))
            .ok_or_else(|| format!("place: '{}' is no step of it", clean(&step.kind, 40)))?;
        if kind <= last {
            return Err(format!("place: {kind} cannot be below {last}"));
        }
        let identity = match kind {
            AssetKind::Container if last == AssetKind::Host => {
                container_identity(step.identity.trim(), None)
            }
            _ => step.identity.trim().to_owned(),
        };
        if !is_name(&identity.replace('/', "-")) {
            return Err(format!("place: {kind}: expected 1 to {MAX_NAME} bytes"));
        }
        last = kind;
        let name = Some(clean(&step.name, MAX_NAME)).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| identity.clone());
        place.push(kind, identity, name);
    }
    if place.steps.is_empty() {
        return Err("place: expected at least one step".to_owned());
    }
    Ok(place)
}

fn severity(severity: api::Severity) -> model::Severity {
    match severity {
        api::Severity::Unknown => model::Severity::Unknown,
        api::Severity::Info => model::Severity::Info,
        api::Severity::Low => model::Severity::Low,
        api::Severity::Medium => model::Severity::Medium,
        api::Severity::High => model::Severity::High,
        api::Severity::Critical => model::Severity::Critical,
    }
}

fn listed(texts: Vec<String>) -> Vec<String> {
    let texts = texts.into_iter().take(MAX_LISTED);
    texts.map(|text| clean(&text, MAX_SUMMARY)).collect()
}

/// Cut between characters, and without NUL, which no database keeps.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    let text = text.get(..end).unwrap_or_default().trim();
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch(items: &serde_json::Value) -> SensorBatch {
        serde_json::from_value(json!({"boot": "b", "run": "r", "items": items})).unwrap()
    }

    fn item(sequence: u64, place: &serde_json::Value) -> serde_json::Value {
        json!({"sequence": sequence, "time": "2030-01-02T03:04:05Z", "what": {"alert": {
            "rule": {"id": "K8S.NODE_WebShell", "title": "Web shell", "description": "",
                "severity": "high", "tactics": ["persistence"]},
            "place": place, "program": "/bin/sh", "summary": "sh by nginx\u{0}",
            "evidence": {"proc.name": "sh"}, "user": "www-data", "uid": 33,
        }}})
    }

    fn step(kind: &str, identity: &str) -> serde_json::Value {
        json!({"kind": kind, "identity": identity, "name": ""})
    }

    fn now() -> Timestamp {
        "2026-01-02T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_alert_becomes_the_records_and_the_container_is_the_engines() {
        let id = "9f1c2ab34d5e".repeat(5) + "abcd";
        let place = json!([step("host", "node-1"), step("container", &id)]);
        let gap = json!({"sequence": 1, "time": "2026-01-02T03:04:05Z", "what": {"gap": {
            "stage": "kernel", "class": "file", "reason": "ring full", "count": 7,
            "from": "2026-01-02T03:04:05Z", "to": "2026-01-02T03:04:06Z"}}});
        let understood =
            understand("node-1", batch(&json!([item(2, &place), gap])), now()).unwrap();
        assert!(understood.refused.is_empty());
        let items = understood.items;
        assert_eq!((items.last_alert, items.last_gap), (2, 1));
        assert_eq!(items.gaps[0].1.count, 7);
        let (sequence, alert) = &items.alerts[0];
        assert_eq!(*sequence, 2);
        assert_eq!(alert.time, now(), "a clock that runs ahead");
        assert_eq!(alert.place.steps[1].identity, "9f1c2ab34d5e");
        assert_eq!(alert.summary, "sh by nginx\u{fffd}");
        assert_eq!(alert.context.principal.as_ref().unwrap().name, "www-data");
        // The same item of another run is another event of the same finding.
        let mut other = batch(&json!([item(2, &place)]));
        other.run = "s".to_owned();
        let other = understand("node-1", other, now()).unwrap().items;
        assert_ne!(other.alerts[0].1.event, alert.event);
        assert_eq!(other.alerts[0].1.fingerprint, alert.fingerprint);
    }

    #[test]
    fn a_poisonous_item_is_refused_alone_and_disorder_whole() {
        let good = json!([step("host", "n")]);
        for bad in [
            json!([]),
            json!([step("moon", "x")]),
            json!([step("image", "x")]),
            json!([step("pod", "x"), step("namespace", "y")]),
            json!([step("host", "")]),
        ] {
            let items = json!([item(1, &bad), item(2, &good)]);
            let understood = understand("n", batch(&items), now()).unwrap();
            assert_eq!(understood.refused.len(), 1, "{bad}");
            assert_eq!(understood.refused[0].sequence, 1);
            assert_eq!(understood.items.alerts.len(), 1);
            assert_eq!(understood.items.last_alert, 2);
        }
        let items = json!([item(2, &good), item(2, &good)]);
        let (part, _) = understand("n", batch(&items), now()).unwrap_err();
        assert_eq!(part, "/items/1/sequence");
    }

    #[test]
    fn names_are_bounded_and_on_one_line() {
        assert!(is_name("node-1.example"));
        for bad in ["", " a", "a/b", "a\nb", &"a".repeat(254)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
