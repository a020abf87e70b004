//! The rules we ship: every offender at once.

use std::{collections::BTreeMap, fmt::Write as _};

use model::{RuleStep, Severity};
use rules::{
    content::{files, pack},
    engine::Engine,
    rule::{Priority, Rule},
};

const ATTACK: [&str; 2] = [
    include_str!("../../../../content/attack/containers.csv"),
    include_str!("../../../../content/attack/beyond-containers.csv"),
];
const KUBERNETES: &str = include_str!("../../../../content/attack/kubernetes.csv");

/// `k8s-exec-into-pod` and `K8S_ExecIntoPod` are the same word.
fn folded(word: &str) -> String {
    word.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The column of a table; the columns wanted come before any with commas.
fn column(table: &str, number: usize) -> Vec<&str> {
    let lines = table.lines().skip(1);
    lines
        .filter_map(|line| line.split(',').nth(number))
        .collect()
}

fn severity(priority: Priority) -> Severity {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => Severity::Critical,
        Priority::Error => Severity::High,
        Priority::Warning => Severity::Medium,
        Priority::Notice => Severity::Low,
        Priority::Informational | Priority::Debug => Severity::Info,
    }
}

/// What is wrong with one rule.
fn faults(rule: &Rule, folder: &str, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: String| faults.push(text);
    let extension = &rule.extension;
    if folded(name) != folded(&rule.id) {
        fault(format!("its file is {name}.yaml"));
    }
    if extension.title.as_deref() != Some(rule.name.as_str()) {
        fault("its title is not its name".to_owned());
    }
    match extension.severity {
        Some(said) if said == severity(rule.priority) => {}
        said => fault(format!(
            "severity {said:?}, but priority {:?}",
            rule.priority
        )),
    }
    for (what, text, least) in [
        ("why", &extension.why, 120),
        ("fix", &extension.fix, 40),
        ("false_positives", &extension.false_positives, 10),
    ] {
        let length = text.as_deref().map_or(0, str::len);
        if length < least {
            fault(format!(
                "{what}: {length} characters, fewer than {least} say nothing"
            ));
        }
    }
    let why = extension.why.as_deref().unwrap_or("");
    if rule.description.len() < 20 || why.starts_with(rule.description.trim()) {
        fault("its description does not say what it looks for".to_owned());
    }
    let steps = RuleStep::of_text(extension.fix.as_deref().unwrap_or(""));
    if steps.iter().any(|step| step.text.is_empty()) || steps.len() > 8 {
        fault(format!("{} steps, or one that says nothing", steps.len()));
    }
    if extension.maturity.is_none() {
        fault("no maturity".to_owned());
    }
    let tactic = format!("mitre_{}", folder.replace('-', "_"));
    if !rule.tags.contains(&tactic) {
        fault(format!("in folder {folder} without the tag {tactic}"));
    }
    for technique in &extension.attack {
        if !ATTACK
            .iter()
            .any(|table| column(table, 2).contains(&technique.as_str()))
        {
            fault(format!("{technique} is no technique in content/attack"));
        }
        if !rule.tags.contains(technique) {
            fault(format!("no tag {technique}"));
        }
    }
    for technique in &extension.matrix {
        if !column(KUBERNETES, 1).contains(&technique.as_str()) {
            fault(format!(
                "{technique} is not in content/attack/kubernetes.csv"
            ));
        }
    }
    if extension.attack.is_empty() || extension.matrix.is_empty() {
        fault("no technique".to_owned());
    }
    for expects in [true, false] {
        if !extension
            .cases
            .iter()
            .any(|case| case.expects_match == expects)
        {
            fault(format!(
                "no case that {}",
                if expects { "matches" } else { "nearly matches" }
            ));
        }
    }
    if extension.suppress.is_none() {
        fault("says of every event again and again: no suppress".to_owned());
    }
    for reference in &extension.references {
        if !reference.starts_with("https://") {
            fault(format!("{reference} is no address"));
        }
    }
    faults
}

#[test]
fn our_rules_keep_our_rules() {
    let mut offenders = String::new();
    let mut ids: BTreeMap<String, u32> = BTreeMap::new();
    for rule in &pack().ruleset.rules {
        *ids.entry(folded(&rule.id)).or_default() += 1;
        let path = rule
            .origin
            .rsplit_once(':')
            .map_or(rule.origin.as_str(), |(path, _)| path);
        let mut parts = path.trim_end_matches(".yaml").rsplit('/');
        let (name, folder) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        for fault in faults(rule, folder, name) {
            writeln!(offenders, "{}: {fault}", rule.id).unwrap();
        }
    }
    for (id, times) in ids {
        if times > 1 {
            writeln!(offenders, "{id}: {times} rules of this id").unwrap();
        }
    }
    for (name, text) in files() {
        let rules = text
            .lines()
            .filter(|line| line.starts_with("- rule:"))
            .count();
        let most = usize::from(!name.rsplit('/').next().unwrap_or("").starts_with('_'));
        if rules != most {
            writeln!(offenders, "{name}: {rules} rules instead of {most}").unwrap();
        }
    }
    assert!(offenders.is_empty(), "{offenders}");
}

#[test]
fn our_rules_compile_without_a_warning() {
    let (engine, warnings) = Engine::compile(&pack().ruleset);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(
        engine.rules().len() >= 60,
        "{} rules are few",
        engine.rules().len()
    );
}

/// Each alert a control plane's log can show, by the id it is known by.
#[test]
fn no_known_alert_is_missing() {
    const KNOWN: [&str; 22] = [
        "K8S_AbnormalMiActivity",
        "K8S_AdmissionController",
        "K8S_AnomalousPodDeployment",
        "K8S_AnomalousSecretAccess",
        "K8S_ClusterAdminBinding",
        "K8S_CoreDnsModification",
        "K8S_DeleteEvents",
        "K8S_ExposedDashboard",
        "K8S_ExposedKubeflow",
        "K8S_ExposedPostgresBroadIPRange",
        "K8S_ExposedPostgresTrustAuth",
        "K8S_ExposedRedis",
        "K8S_ExposedService",
        "K8S_HighPrivilegesRole",
        "K8S_KubeSystemContainer",
        "K8S_MaliciousContainerImage",
        "K8S_PenTestToolsKubeHunter",
        "K8S_PrivilegedContainer",
        "K8S_SensitiveMount",
        "K8S_ServiceAccountRareOperation",
        "K8S_ServiceAcountPermissionAnomaly",
        "K8S_TI_Proxy",
    ];
    let rules = &pack().ruleset.rules;
    let missing: Vec<_> = KNOWN
        .iter()
        .filter(|id| !rules.iter().any(|rule| rule.id == **id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
