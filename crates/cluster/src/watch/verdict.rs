//! What is said of one object, and how it is kept.

use std::collections::BTreeSet;

use api::posture::ObjectViolation;
use policy::{
    Policies, World,
    review::{Action, Review, Violation},
};

use super::packed;

/// What policies say of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The place in [`Core::set`].
    pub policies: u32,
    pub count: u32,
    pub(super) hash: u64,
    /// The violations, compressed.
    said: Box<[u8]>,
    size: usize,
}

impl Judged {
    pub(super) fn new(policies: u32, violations: &[ObjectViolation]) -> Self {
        let text = serde_json::to_vec(violations).unwrap_or_default();
        Self {
            policies,
            count: u32::try_from(violations.len()).unwrap_or(u32::MAX),
            hash: xxhash_rust::xxh3::xxh3_64_with_seed(&text, u64::from(policies)),
            said: packed::pack(&text),
            size: text.len(),
        }
    }

    pub fn violations(&self) -> Vec<ObjectViolation> {
        let text = packed::unpack(&self.said, self.size);
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

pub(super) enum Verdict {
    /// As it was: what has to be looked at did not come along.
    Stays,
    /// It is not judged by itself.
    None,
    Judged {
        policies: Vec<String>,
        violations: Vec<ObjectViolation>,
    },
}

/// The constraints that were asked about an object, by kind; those that
/// spoke, whether of the object or of the pods it makes, were.
pub(super) fn asked(
    policies: &Policies,
    review: &Review<'_>,
    world: &World,
    said: &[Violation],
) -> Vec<String> {
    let asked = policies.asked(review, world).into_iter();
    let spoke = said.iter().map(|violation| violation.kind.as_str());
    let all: BTreeSet<&str> = asked.chain(spoke).collect();
    all.into_iter().map(str::to_owned).collect()
}

pub(super) fn wire(violation: Violation) -> ObjectViolation {
    let action = match violation.action {
        Action::DryRun => "dryrun",
        Action::Warn => "warn",
        Action::Deny => "deny",
    };
    ObjectViolation {
        kind: violation.kind,
        constraint: violation.constraint,
        action: action.to_owned(),
        message: violation.message,
        details: violation.details,
        failed: violation.failed,
    }
}
