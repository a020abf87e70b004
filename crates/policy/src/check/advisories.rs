//! Checks of the advisory database.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::count;
use crate::{AdvisoryFacts, Step, Verdict, verdict::Fault};

/// Older than this, it is called stale.
pub(crate) const STALE_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn fresh(advisories: &AdvisoryFacts, now: Timestamp) -> Verdict {
    let update = Step::copy(
        "Let the server update it, or bring it by hand where there is no network.",
        "shell",
        "seawall db update",
    );
    if advisories.starter_only {
        return Fault::verdict(
            "only the embedded starter set is here".to_owned(),
            json!({ "starter_only": true }),
            vec![update],
        );
    }
    let Some(as_of) = advisories.as_of else {
        return Verdict::NotApplicable;
    };
    let age = now.duration_since(as_of);
    if age <= STALE_AFTER {
        return Verdict::Healthy;
    }
    let days = u64::try_from(age.as_hours() / 24).unwrap_or(0);
    Fault::verdict(
        format!("the advisories are {} old", count(days, "day", "days")),
        json!({ "as_of": as_of, "days": days }),
        vec![update],
    )
}
