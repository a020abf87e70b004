//! The demonstration's alerts: Falco events in `content/demo`, sent
//! through the same intake as any others.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Definitions;
use crate::intake::falco::{self, Context, Parsed};

const FILE: &str = "alerts.jsonl";
/// Replaced by a time, so that a demonstration is always of today.
const AGO: &str = "ago_minutes";

/// The events as Falco would send them at `now`.
pub(super) fn parsed(now: Timestamp) -> Parsed {
    let Some(file) = Definitions::get(FILE) else {
        return Parsed::default();
    };
    let mut body = Vec::new();
    for event in serde_json::Deserializer::from_slice(&file.data).into_iter::<Value>() {
        let Ok(mut event) = event else {
            continue;
        };
        if let Some(fields) = event.as_object_mut()
            && let Some(ago) = fields.remove(AGO).and_then(|ago| ago.as_i64())
        {
            let time = now - SignedDuration::from_mins(ago);
            fields.insert("time".to_owned(), Value::String(time.to_string()));
        }
        body.extend_from_slice(event.to_string().as_bytes());
        body.push(b'\n');
    }
    let context = Context {
        cluster: Some("demo"),
        now,
    };
    falco::parse(&body, context).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_is_understood_and_clearly_made_up() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let parsed = parsed(now);
        assert!(parsed.refused.is_empty(), "{:?}", parsed.refused);
        assert!(parsed.alerts.len() >= 6);
        for alert in parsed.alerts {
            assert!(
                alert.summary.starts_with("Demonstration: "),
                "{}",
                alert.summary
            );
            assert!(alert.time < now && !alert.place.steps.is_empty());
        }
    }
}
