//! Our rules on events that others recorded, and on two weeks that were
//! made up: what shall be told is told, and nothing else is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{BufRead, BufReader},
};

use model::Severity;
use rules::{
    content::pack,
    engine::{Engine, State},
};
use serde_json::Value;

use crate::replay;

/// Falco's rules over the audit log, with ours that say the same.
///
/// Falco judges the pods that controllers create; ours the workload that
/// somebody wrote, and inform about the pod.
const SAME: [(&str, &[&str]); 20] = [
    (
        "Anonymous Request Allowed",
        &["K8S_AnonymousRequestAllowed"],
    ),
    ("Attach/Exec Pod", &["K8S_ExecIntoPod", "K8S_AttachToPod"]),
    (
        "ClusterRole With Wildcard Created",
        &["K8S_HighPrivilegesRole"],
    ),
    // Writing anything at all is no danger by itself: the role is in the
    // timeline, and named where what it writes is dangerous.
    (
        "ClusterRole With Write Privileges Created",
        &["K8S_RbacChangedByPerson"],
    ),
    (
        "Create HostNetwork Pod",
        &["K8S_HostNetworkPod", "K8S_ControllerPodWithNodePower"],
    ),
    (
        "Create Privileged Pod",
        &["K8S_PrivilegedContainer", "K8S_ControllerPodWithNodePower"],
    ),
    (
        "Create Sensitive Mount Pod",
        &["K8S_SensitiveMount", "K8S_ControllerPodWithNodePower"],
    ),
    ("K8s ConfigMap Deleted", &["K8S_ObjectDeletedByPerson"]),
    ("K8s Deployment Created", &["K8S_WorkloadCreatedByPerson"]),
    ("K8s Namespace Created", &["K8S_NamespaceChangedByPerson"]),
    ("K8s Namespace Deleted", &["K8S_NamespaceChangedByPerson"]),
    ("K8s Role/Clusterrole Deleted", &["K8S_RbacChangedByPerson"]),
    (
        "K8s Role/Clusterrolebinding Created",
        &["K8S_ClusterRoleBindingByPerson"],
    ),
    ("K8s Service Created", &["K8S_ServiceChangedByPerson"]),
    ("K8s Service Deleted", &["K8S_ServiceChangedByPerson"]),
    (
        "K8s Serviceaccount Created",
        &["K8S_ServiceAccountChangedByPerson"],
    ),
    (
        "Pod Created in Kube Namespace",
        &["K8S_KubeSystemContainer"],
    ),
    (
        "Service Account Created in Kube Namespace",
        &["K8S_ServiceAccountInKubeSystem"],
    ),
    ("Create Disallowed Pod", &["K8S_ImageNotAllowed"]),
    ("json_pointer_example", &["SITE_DecisionNoted"]),
];

/// What a site says of itself, by the files with which the recorded tests
/// say the same to Falco; allowed users and namespaces have no rule here.
const SITES: [(&str, &str, &str); 5] = [
    (
        "allow_only_apache_container.yaml",
        "site/only-apache.yaml",
        include_str!("site/only-apache.yaml"),
    ),
    (
        "allow_nginx_container.yaml",
        "site/only-nginx.yaml",
        include_str!("site/only-nginx.yaml"),
    ),
    (
        "trust_nginx_container.yaml",
        "site/trusted-nginx.yaml",
        include_str!("site/trusted-nginx.yaml"),
    ),
    (
        "disallow_kactivity.yaml",
        "site/no-activity.yaml",
        include_str!("site/no-activity.yaml"),
    ),
    (
        "single_rule_with_json_pointer.yaml",
        "site/pointer.yaml",
        include_str!("site/pointer.yaml"),
    ),
];

/// Our rules, and behind them what a test's site says.
fn engine(case: &Value) -> Engine {
    let mut loader = rules::content::loader();
    for file in case["rules_files"].as_array().into_iter().flatten() {
        let file = file.as_str().unwrap();
        for (falco, name, text) in SITES {
            if file.rsplit('/').next() == Some(falco) {
                loader = loader.file(name, text);
            }
        }
    }
    let (ruleset, diagnostics) = loader.finish();
    let faults: Vec<_> = diagnostics
        .into_iter()
        .filter(|fault| fault.file.starts_with("site/"))
        .collect();
    let said = rules::diagnostic::render(&faults, false);
    assert!(faults.is_empty(), "{said}");
    Engine::compile(&ruleset).0
}

/// Belongs to every role written by a person, whatever else is said of it.
const TRAIL: &str = "K8S_RbacChangedByPerson";

#[test]
fn falcos_recorded_events_are_told_of_as_falco_does() {
    let Some(file) = replay::data("audit/falco-k8saudit-cases.jsonl") else {
        return;
    };
    let mut wrong = String::new();
    let mut expected_rules = 0;
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let test = case["test"].as_str().unwrap();
        let engine = engine(&case);
        let mut state = State::default();
        let mut told = BTreeSet::new();
        for event in case["events"].as_array().unwrap() {
            for rule in replay::run(&engine, &mut state, event.to_string().as_bytes()).unwrap() {
                told.insert(rule.id.clone());
            }
        }
        let mut allowed = BTreeSet::new();
        for expected in case["expected_rules"].as_array().into_iter().flatten() {
            for name in expected.as_object().unwrap().keys() {
                let Some((_, same)) = SAME.iter().find(|(falco, _)| falco == name) else {
                    writeln!(wrong, "{test}: '{name}' has no counterpart").unwrap();
                    continue;
                };
                expected_rules += 1;
                if !same.iter().any(|id| told.contains(*id)) {
                    writeln!(wrong, "{test}: none of {same:?}, but {told:?}").unwrap();
                }
                allowed.extend(*same);
                if same.contains(&"K8S_HighPrivilegesRole") {
                    allowed.insert(TRAIL);
                }
            }
        }
        let others: Vec<_> = told
            .iter()
            .filter(|id| !allowed.contains(id.as_str()))
            .collect();
        if !others.is_empty() {
            writeln!(wrong, "{test}: also {others:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(expected_rules >= 20, "{expected_rules} are few");
}

/// Two synthetic weeks of a small cluster, with 14 campaigns that carry a
/// label. The log is of level `Metadata`: no rule sees a body.
#[test]
#[expect(clippy::print_stdout, reason = "how much was shown is worth knowing")]
fn two_weeks_are_quiet_but_for_the_attacks() {
    let Some(file) = replay::data("anomaly/k8s-audit-sim.jsonl.gz") else {
        return;
    };
    let (engine, _) = Engine::compile(&pack().ruleset);
    let mut state = State::default();
    let mut shown: BTreeMap<String, BTreeSet<(Severity, String)>> = BTreeMap::new();
    let mut loud: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut days = BTreeSet::new();
    let unpacked = flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap());
    for line in BufReader::new(unpacked).lines() {
        let line = line.unwrap();
        let found = replay::run(&engine, &mut state, line.as_bytes()).unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        let time = event["requestReceivedTimestamp"].as_str().unwrap();
        let day = time.split('T').next().unwrap().to_owned();
        days.insert(day.clone());
        let label = event["label"].as_str();
        if let Some(label) = label {
            shown.entry(label.to_owned()).or_default();
        }
        for rule in found {
            let severity = rule.extension.severity.unwrap();
            match label {
                Some(label) => {
                    let alerts = shown.entry(label.to_owned()).or_default();
                    alerts.insert((severity, rule.id.clone()));
                }
                None if severity >= Severity::Medium => {
                    loud.entry(day.clone()).or_default().push(rule.id.clone());
                }
                None => {}
            }
        }
    }
    assert_eq!(days.len(), 14);
    let too_loud: Vec<_> = loud.iter().filter(|(_, alerts)| alerts.len() > 1).collect();
    assert!(too_loud.is_empty(), "{too_loud:?}");
    let all = shown.values().filter(|alerts| !alerts.is_empty()).count();
    let serious = shown
        .values()
        .filter(|alerts| {
            alerts
                .iter()
                .any(|(severity, _)| *severity >= Severity::Medium)
        })
        .count();
    println!(
        "{} alerts of medium or higher outside the campaigns in {} days; \
         {all} of {} campaigns shown, {serious} by an alert of medium or higher",
        loud.values().map(Vec::len).sum::<usize>(),
        days.len(),
        shown.len()
    );
    assert_eq!((all, serious), (14, 10), "{shown:#?}");
}
