//! Doors for the fuzz targets.

use crate::intake::{
    audit,
    falco::{self, Context},
};

/// Whatever a sensor, or somebody with its token, may send.
pub fn falco(body: &[u8]) {
    let context = Context {
        cluster: None,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let Ok(parsed) = falco::parse(body, context) else {
        return;
    };
    for alert in parsed.alerts {
        assert!(alert.time <= context.now, "an alert from the future");
        assert!(!alert.rule.id.is_empty(), "a rule without an id");
        assert!(alert.evidence.len() < 128 << 10, "evidence without bounds");
    }
}

/// Whatever somebody with a token may send as audit events.
pub fn audit(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let context = audit::Context {
        received: jiff::Timestamp::UNIX_EPOCH,
        is_live: true,
    };
    let parsed = audit::parse(&text, context);
    for event in parsed.events {
        assert!(!event.id.is_empty(), "an event without an id");
        assert!(event.time <= context.received, "an event from the future");
        assert!(text.contains(event.raw), "an event that was not sent");
    }
}
