//! Incidents: alerts that belong together.
//!
//! Alerts are related when, within an hour and in one cluster, the same
//! principal did them, they are about the same workload, or they came
//! from the same address. Parts of Kubernetes itself do so much that
//! having done two things relates them to nothing, and what nobody
//! signed for is related by its address alone.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{Alert, AssetKind, Principal, Severity, Tactics};

/// How long after the last related alert another one belongs to it.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// An incident spans no more: what goes on for days is begun anew each
/// day, so that one noisy principal does not gather a whole year.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Tactics from which an incident is worse than the worst of its alerts.
pub const RAISED_AT: usize = 3;
/// The most principals, workloads and techniques that are named.
pub const NAMED: usize = 50;

/// What is being done about an incident.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    #[default]
    Open,
    /// Somebody is at it.
    Acknowledged,
    Closed,
    /// Its alerts are another incident's.
    Merged,
}

impl IncidentState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Acknowledged, Self::Closed, Self::Merged];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
            Self::Merged => "merged",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The cluster an alert is of; empty where it is of none.
pub fn cluster(alert: &Alert) -> &str {
    let first = alert.place.steps.first();
    first
        .filter(|step| step.kind == AssetKind::Cluster)
        .map_or("", |step| step.name.as_str())
}

/// What relates an alert to others: whoever shares one of these, in one
/// cluster and within an hour, is of the same incident.
pub fn keys(alert: &Alert) -> Vec<String> {
    let mut keys = Vec::new();
    let principal = alert.context.principal.as_ref();
    for principal in principal.iter().flat_map(|principal| principal.all()) {
        if principal.is_identity() && !principal.is_system() {
            keys.push(format!("principal {}", principal.name));
        }
    }
    if let Some(workload) = workload(alert) {
        keys.push(format!("workload {workload}"));
    }
    let is_system = principal.is_some_and(Principal::is_system);
    if let Some(address) = alert.context.whence.source().filter(|_| !is_system) {
        keys.push(format!("address {address}"));
    }
    keys
}

/// The workload an alert is about, or what stands for one: a pod of its
/// own, a container of a host, the host.
pub fn workload(alert: &Alert) -> Option<String> {
    let steps = &alert.place.steps;
    let of = |kind: AssetKind| steps.iter().find(|step| step.kind == kind);
    let namespace = of(AssetKind::Namespace);
    for kind in [AssetKind::Workload, AssetKind::Pod] {
        if let (Some(namespace), Some(step)) = (namespace, of(kind)) {
            return Some(format!("{}/{}", namespace.name, step.name));
        }
    }
    let host = of(AssetKind::Host)?;
    Some(match of(AssetKind::Container) {
        Some(container) => format!("{}/{}", host.name, container.name),
        None => host.name.clone(),
    })
}

/// How bad an incident is: as its worst alert, and one step worse where
/// it spans three tactics or more.
pub fn severity(worst: Severity, tactics: Tactics) -> Severity {
    if tactics.names().count() < RAISED_AT {
        return worst;
    }
    match worst {
        Severity::Critical | Severity::High => Severity::Critical,
        Severity::Medium => Severity::High,
        Severity::Low => Severity::Medium,
        Severity::Info | Severity::Unknown => Severity::Low,
    }
}

/// What an incident is named after.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The title of its first alert's rule.
    pub rule: &'a str,
    pub alerts: u64,
    pub techniques: usize,
    /// Whoever did it, without parts of Kubernetes.
    pub principals: &'a [String],
    pub workloads: &'a [String],
    pub cluster: &'a str,
}

fn counted(word: &str, names: &[String], noun: &str) -> String {
    format!(" {word} {} {noun}", names.len())
}

/// One line: "3 techniques by alice in cluster prod".
pub fn title(named: Named<'_>) -> String {
    let mut text = match (named.alerts, named.techniques) {
        (1, _) => named.rule.to_owned(),
        (alerts, 0 | 1) => format!("{alerts} alerts"),
        (_, techniques) => format!("{techniques} techniques"),
    };
    match (named.principals, named.workloads) {
        ([one], _) => {
            text.push_str(" by ");
            text.push_str(&Principal::of_kubernetes(one.as_str()).shown());
        }
        ([_, _, ..], _) => text += &counted("by", named.principals, "principals"),
        ([], [one]) => {
            text.push_str(" on ");
            text.push_str(one);
        }
        ([], [_, _, ..]) => text += &counted("on", named.workloads, "workloads"),
        ([], []) => {}
    }
    if !named.cluster.is_empty() {
        text.push_str(" in cluster ");
        text.push_str(named.cluster);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlertContext, AlertPlace, AlertRule, Fingerprint, Whence};

    fn alert(user: &str, address: &str, steps: &[(AssetKind, &str)]) -> Alert {
        let mut place = AlertPlace::default();
        for (kind, name) in steps {
            place.push(*kind, (*name).to_owned(), (*name).to_owned());
        }
        Alert {
            event: Fingerprint::of(&[]),
            time: jiff::Timestamp::UNIX_EPOCH,
            rule: AlertRule::default(),
            place,
            fingerprint: Fingerprint::of(&[]),
            summary: String::new(),
            evidence: String::new(),
            context: AlertContext {
                principal: Some(Principal::of_kubernetes(user)),
                whence: Whence {
                    addresses: vec![address.to_owned()],
                    user_agent: None,
                },
                ..AlertContext::default()
            },
            raw: None,
            trace: None,
        }
    }

    const WEB: [(AssetKind, &str); 3] = [
        (AssetKind::Cluster, "prod"),
        (AssetKind::Namespace, "shop"),
        (AssetKind::Workload, "web"),
    ];

    #[test]
    fn principal_workload_and_address_relate() {
        let mut known = alert("alice", "203.0.113.9", &WEB);
        assert_eq!(cluster(&known), "prod");
        assert_eq!(
            keys(&known),
            [
                "principal alice",
                "workload shop/web",
                "address 203.0.113.9"
            ]
        );
        let acting_as = Principal::of_kubernetes("bob");
        if let Some(principal) = &mut known.context.principal {
            principal.acting_as = Some(Box::new(acting_as));
        }
        assert!(keys(&known).contains(&"principal bob".to_owned()));
    }

    #[test]
    fn parts_of_kubernetes_and_nobody_relate_nothing_by_their_names() {
        for system in [
            "system:node:n1",
            "system:kube-controller-manager",
            "system:serviceaccount:kube-system:job-controller",
        ] {
            let known = alert(system, "10.0.0.1", &WEB);
            assert_eq!(keys(&known), ["workload shop/web"], "{system}");
        }
        let nobody = alert("system:anonymous", "203.0.113.9", &WEB[..1]);
        assert_eq!(keys(&nobody), ["address 203.0.113.9"]);
        let mut root = alert("root", "127.0.0.1", &[(AssetKind::Host, "n1")]);
        root.context.principal = Some(Principal::local("root"));
        assert_eq!(keys(&root), ["workload n1"]);
    }

    #[test]
    fn three_tactics_are_worse_than_the_worst_alert() {
        let two = Tactics::named(["execution", "impact"]);
        let three = Tactics::named(["execution", "impact", "discovery"]);
        assert_eq!(severity(Severity::Medium, two), Severity::Medium);
        assert_eq!(severity(Severity::Medium, three), Severity::High);
        assert_eq!(severity(Severity::Critical, three), Severity::Critical);
    }

    #[test]
    fn a_title_says_who_what_and_where() {
        let alice = ["alice".to_owned()];
        let ci = ["system:serviceaccount:shop:ci".to_owned()];
        let named = Named {
            rule: "Command run in a pod",
            alerts: 4,
            techniques: 3,
            principals: &alice,
            workloads: &[],
            cluster: "prod",
        };
        assert_eq!(title(named), "3 techniques by alice in cluster prod");
        let alone = Named {
            alerts: 1,
            principals: &ci,
            ..named
        };
        assert_eq!(
            title(alone),
            "Command run in a pod by shop/ci in cluster prod"
        );
        let on_host = Named {
            principals: &[],
            workloads: &["n1/web".to_owned()],
            techniques: 1,
            cluster: "",
            ..named
        };
        assert_eq!(title(on_host), "4 alerts on n1/web");
    }
}
