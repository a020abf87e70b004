//! Doors for the fuzz targets.

use crate::intake::falco::{self, Context};

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
