//! A cluster assessed once, for whoever asked.

use std::collections::{BTreeMap, BTreeSet};

use api::posture::{ConnectorProblem, ConnectorStatus, ObjectKey, ObjectViolation};
use serde::Serialize;

use super::core::Core;

/// Everything policies say of a cluster.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    pub kubernetes: String,
    pub objects: u64,
    /// Objects a policy was asked about, and those it says something
    /// against.
    pub judged: u64,
    pub affected: u64,
    /// By constraint's kind: objects judged, and affected.
    pub policies: BTreeMap<String, PolicyCount>,
    /// Those that something is said against, by name.
    pub items: Vec<AssessedObject>,
    pub problems: Vec<ConnectorProblem>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PolicyCount {
    pub judged: u64,
    pub affected: u64,
}

/// One object, and what is said against it.
#[derive(Clone, Debug, Serialize)]
pub struct AssessedObject {
    pub object: ObjectKey,
    pub violations: Vec<ObjectViolation>,
}

impl Assessment {
    pub fn of(core: &Core, status: &ConnectorStatus) -> Self {
        let mut policies: BTreeMap<String, PolicyCount> = BTreeMap::new();
        let mut items = Vec::new();
        let mut judged = 0;
        for (key, verdict) in core.verdicts() {
            judged += 1;
            for kind in core.set(verdict.policies) {
                policies.entry(kind.clone()).or_default().judged += 1;
            }
            if verdict.count == 0 {
                continue;
            }
            let violations = verdict.violations();
            let kinds: BTreeSet<&str> = violations.iter().map(|one| one.kind.as_str()).collect();
            for kind in kinds {
                policies.entry(kind.to_owned()).or_default().affected += 1;
            }
            items.push(AssessedObject {
                object: key.clone(),
                violations,
            });
        }
        items.sort_by(|a, b| a.object.cmp(&b.object));
        Self {
            kubernetes: status.kubernetes.clone(),
            objects: status.objects,
            judged,
            affected: items.len() as u64,
            policies,
            items,
            problems: status.problems.clone(),
        }
    }
}
