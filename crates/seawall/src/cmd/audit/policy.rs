//! `seawall audit policy`
//!
//! What to record follows from what the rules read: the resources whose
//! requests a rule looks into are recorded with them, all else by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use model::Severity;
use rules::field::{Needs, Source};

use super::super::write_stdout;
use crate::{
    args::audit::{Policy, PolicyLevel, PolicyPart},
    exit::{Exit, Failure},
};

mod reading;

use reading::Reading;

/// The API group of resources that rules look into.
const GROUPS: [(&str, &[&str]); 14] = [
    (
        "",
        &[
            "bindings",
            "configmaps",
            "endpoints",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "podtemplates",
            "replicationcontrollers",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ],
    ),
    (
        "admissionregistration.k8s.io",
        &[
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
        ],
    ),
    ("apiextensions.k8s.io", &["customresourcedefinitions"]),
    ("apiregistration.k8s.io", &["apiservices"]),
    (
        "apps",
        &[
            "controllerrevisions",
            "daemonsets",
            "deployments",
            "replicasets",
            "statefulsets",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    (
        "certificates.k8s.io",
        &["certificatesigningrequests", "clustertrustbundles"],
    ),
    (
        "networking.k8s.io",
        &["ingressclasses", "ingresses", "networkpolicies"],
    ),
    (
        "rbac.authorization.k8s.io",
        &[
            "clusterrolebindings",
            "clusterroles",
            "rolebindings",
            "roles",
        ],
    ),
    (
        "snapshot.storage.k8s.io",
        &["volumesnapshotcontents", "volumesnapshots"],
    ),
    ("kyverno.io", &["clusterpolicies", "policies"]),
    (
        "cilium.io",
        &["tracingpolicies", "tracingpoliciesnamespaced"],
    ),
    ("storage.k8s.io", &["storageclasses", "volumeattachments"]),
];

/// A policy that names a resource does not mean what lies below it, and
/// `kubectl scale` asks for this.
const SCALES: [&str; 4] = [
    "deployments/scale",
    "replicasets/scale",
    "replicationcontrollers/scale",
    "statefulsets/scale",
];

/// A request for a token says whose and for which audience; only its answer
/// holds the token.
const TOKEN: &str = "serviceaccounts/token";

/// Resources whose bodies are or hold credentials: by name only, whatever the
/// level.
const CREDENTIALS: [&str; 2] = ["secrets", "tokenreviews"];

/// The rule for tokens comes before any that would record answers. (Raw: a
/// line that is continued loses the spaces it begins with.)
const TOKEN_REQUESTS: &str = r#"  # Who asks for a token of whom, for which audience; never the answer.
  - level: Request
    verbs: ["create"]
    resources:
      - group: ""
        resources: ["serviceaccounts/token"]
"#;

const BY_NAME_ONLY: &str = r#"  # Credentials by name only: a log must hold none.
  - level: Metadata
    resources:
      - group: ""
        resources: ["secrets", "serviceaccounts/token"]
      - group: authentication.k8s.io
        resources: ["tokenreviews"]
"#;

/// What no rule reads, and most of what is written.
const NOISE: &str = r#"  # What no rule reads, and most of what there is: leases, health, and the
  # upkeep of nodes and events.
  - level: None
    resources:
      - group: coordination.k8s.io
        resources: ["leases"]
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
  - level: None
    verbs: ["create", "patch", "update"]
    resources:
      - group: ""
        resources: ["events"]
      - group: events.k8s.io
        resources: ["events"]
  - level: None
    userGroups: ["system:nodes"]
    verbs: ["get", "patch", "update", "watch"]
    resources:
      - group: ""
        resources: ["nodes", "nodes/status", "pods", "pods/status"]
"#;

pub(super) fn run(arguments: &Policy) -> Result<Exit, Failure> {
    let known = &rules::content::pack().ruleset.rules;
    let needs: Vec<Reading<'_>> = known
        .iter()
        .filter(|rule| rule.source == Source::K8sAudit && rule.is_enabled)
        .map(Reading::of)
        .collect();
    let text = match arguments.part {
        PolicyPart::Policy => policy(arguments, &needs),
        PolicyPart::Kubeconfig => kubeconfig(arguments),
        PolicyPart::Coverage => coverage(&needs),
    };
    write_stdout(text.as_bytes())?;
    Ok(Exit::Clean)
}

fn group(resource: &str) -> Option<&'static str> {
    let found = GROUPS.iter().find(|(_, names)| names.contains(&resource));
    found.map(|(group, _)| *group)
}

/// The resources whose requests are read, by group.
fn recorded<'r>(readings: &'r [Reading<'_>]) -> BTreeMap<&'static str, BTreeSet<&'r str>> {
    let mut groups: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
    let read = readings
        .iter()
        .filter(|reading| reading.needs != Needs::Event);
    for name in read.flat_map(|reading| &reading.resources) {
        if let Some(group) = group(name) {
            let names = groups.entry(group).or_default();
            names.insert(name);
            names.extend(
                SCALES
                    .iter()
                    .find(|scale| scale.strip_suffix("/scale") == Some(name.as_str())),
            );
        }
    }
    groups
}

/// Writes to a string, which cannot fail.
macro_rules! put {
    ($text:expr, $($words:tt)+) => {
        writeln!($text, $($words)+).expect("invariant: writing to a string cannot fail")
    };
}

fn policy(arguments: &Policy, readings: &[Reading<'_>]) -> String {
    let level = arguments.level;
    let name = format!("{level:?}").to_lowercase();
    let mut text = String::new();
    put!(text, "# Audit policy of a Kubernetes API server, made by");
    put!(text, "#   seawall audit policy --level {name}");
    put!(text, "#");
    put!(text, "# Flags of kube-apiserver:");
    for flag in FLAGS {
        put!(text, "#   {flag}");
    }
    put!(text, "#");
    put!(text, "# webhook.yaml is printed by");
    put!(
        text,
        "#   seawall audit policy --part kubeconfig --webhook {} --cluster {}",
        arguments.webhook,
        arguments.cluster
    );
    put!(text, "#");
    let missed: Vec<_> = readings
        .iter()
        .filter_map(|reading| Some((reading, reading.missed(level)?)))
        .collect();
    let count = readings.len();
    if missed.is_empty() {
        put!(
            text,
            "# All {count} rules can be judged by what it records."
        );
    } else {
        put!(
            text,
            "# Of {count} rules it is too weak for {}:",
            missed.len()
        );
        for (reading, missed) in missed {
            let rule = reading.rule;
            let how = if missed.is_whole { "never" } else { "in part" };
            let why = missed.why;
            put!(text, "#   {} ({}) {how}: {why}", rule.id, rule.severity());
        }
    }
    let nodes: Vec<&str> = readings
        .iter()
        .filter(|reading| reading.is_missing_nodes())
        .map(|reading| reading.rule.id.as_str())
        .collect();
    if !nodes.is_empty() {
        put!(
            text,
            "# Nor is the upkeep of nodes by nodes recorded, which is most of a log: what"
        );
        put!(
            text,
            "# a stolen node's identity reads and writes of nodes and pods is not seen by"
        );
        put!(text, "#   {}", nodes.join(", "));
    }
    text.push_str("apiVersion: audit.k8s.io/v1\nkind: Policy\n");
    text.push_str("# The end of a request tells all its beginning did.\n");
    text.push_str("omitStages: [\"RequestReceived\"]\nrules:\n");
    text.push_str(NOISE);
    if level != PolicyLevel::Minimal {
        text.push_str(TOKEN_REQUESTS);
    }
    text.push_str(BY_NAME_ONLY);
    match level {
        PolicyLevel::Minimal => {}
        PolicyLevel::Recommended => {
            text.push_str("  # Requests that rules look into.\n  - level: Request\n");
            text.push_str("    verbs: [\"create\", \"update\", \"patch\"]\n    resources:\n");
            for (group, names) in recorded(readings) {
                let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                put!(text, "      - group: \"{group}\"");
                put!(text, "        resources: [{}]", names.join(", "));
            }
        }
        PolicyLevel::Full => {
            text.push_str("  # Requests and answers, of whatever changes something.\n");
            text.push_str("  - level: RequestResponse\n    verbs: [\"create\", \"update\", ");
            text.push_str("\"patch\", \"delete\", \"deletecollection\"]\n");
        }
    }
    text.push_str("  # All else by name.\n  - level: Metadata\n");
    text
}

const FLAGS: [&str; 6] = [
    "--audit-policy-file=/etc/kubernetes/audit/policy.yaml",
    "--audit-webhook-config-file=/etc/kubernetes/audit/webhook.yaml",
    "--audit-webhook-mode=batch",
    "--audit-webhook-batch-max-wait=1s         (30s by default: alerts would be as late)",
    "--audit-webhook-batch-buffer-size=50000   (10000 by default: what does not fit is lost)",
    "--audit-webhook-truncate-enabled=true     (a request of megabytes is cut, not lost)",
];

fn kubeconfig(arguments: &Policy) -> String {
    let address = arguments.webhook.trim_end_matches('/');
    format!(
        "\
# How an API server reaches Seawall with its audit events: the file
# --audit-webhook-config-file names. Let root alone read it.
# The token: seawall tokens create audit-{cluster} --permission ingest-audit --expires 365d
apiVersion: v1
kind: Config
clusters:
  - name: seawall
    cluster:
      server: {address}/api/v1/clusters/{path}/audit
      # Where Seawall's certificate is its own: that certificate, PEM.
      certificate-authority: /etc/kubernetes/audit/seawall.pem
users:
  - name: api-server
    user:
      token: sw_…
contexts:
  - name: seawall
    context: {{cluster: seawall, user: api-server}}
current-context: seawall
",
        cluster = arguments.cluster,
        path = encoded(&arguments.cluster),
    )
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("invariant: writing to a string cannot fail");
        }
    }
    text
}

/// Every rule, and whether each level suffices for it.
fn coverage(readings: &[Reading<'_>]) -> String {
    let levels = [
        PolicyLevel::Minimal,
        PolicyLevel::Recommended,
        PolicyLevel::Full,
    ];
    let mut sorted: Vec<&Reading<'_>> = readings.iter().collect();
    sorted.sort_by_key(|reading| {
        let severity: Severity = reading.rule.severity();
        (std::cmp::Reverse(severity), reading.rule.id.as_str())
    });
    let mut text = String::new();
    put!(
        text,
        "{:<48} {:<9} minimal  recommended  full",
        "rule",
        "severity"
    );
    for reading in sorted {
        let words = levels.map(|level| match reading.missed(level) {
            None => "yes",
            Some(missed) if missed.is_whole => "no",
            Some(_) => "part",
        });
        let rule = reading.rule;
        put!(
            text,
            "{:<48} {:<9} {:<8} {:<12} {}",
            rule.id,
            rule.severity().to_string(),
            words[0],
            words[1],
            words[2]
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(level: PolicyLevel) -> Policy {
        Policy {
            level,
            webhook: "https://seawall.example:8470/".to_owned(),
            cluster: "pro d".to_owned(),
            part: PolicyPart::Policy,
        }
    }

    fn readings() -> Vec<Reading<'static>> {
        let known = &rules::content::pack().ruleset.rules;
        known.iter().map(Reading::of).collect()
    }

    #[test]
    fn the_recommended_policy_records_what_the_rules_read_and_no_secret() {
        let readings = readings();
        let groups = recorded(&readings);
        assert!(groups[""].contains("pods"), "{groups:?}");
        assert!(groups["apps"].contains("deployments/scale"), "{groups:?}");
        assert!(groups["rbac.authorization.k8s.io"].contains("clusterrolebindings"));
        for names in groups.values() {
            assert!(!names.contains("secrets"), "{groups:?}");
        }
        // Every resource a rule looks into has its group here.
        let unknown: BTreeSet<&String> = readings
            .iter()
            .filter(|reading| reading.needs != Needs::Event)
            .flat_map(|reading| &reading.resources)
            .filter(|name| group(name).is_none())
            .filter(|name| *name != TOKEN && !CREDENTIALS.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "add to GROUPS: {unknown:?}");
    }

    #[test]
    fn a_weaker_policy_misses_more() {
        let readings = readings();
        let missed = |level| {
            readings
                .iter()
                .filter(|r| r.missed(level).is_some())
                .count()
        };
        assert!(missed(PolicyLevel::Minimal) > missed(PolicyLevel::Recommended));
        assert!(missed(PolicyLevel::Recommended) >= missed(PolicyLevel::Full));
        let text = policy(&arguments(PolicyLevel::Minimal), &readings);
        let line = "#   K8S_PrivilegedContainer (medium) never: it reads what was asked for";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn no_policy_claims_to_see_into_credentials() {
        let readings = readings();
        let find = |id: &str| readings.iter().find(|it| it.rule.id == id).unwrap();
        for level in [PolicyLevel::Recommended, PolicyLevel::Full] {
            let missed = find("K8S_LongLivedToken").missed(level).unwrap();
            assert!(missed.is_whole, "{level:?}");
            // The name alone may say it.
            let missed = find("K8S_BootstrapToken").missed(level).unwrap();
            assert!(!missed.is_whole, "{level:?}");
            let text = policy(&arguments(level), &readings);
            assert!(
                text.contains("#   K8S_LongLivedToken (medium) never:"),
                "{text}"
            );
            assert!(text.contains("K8S_NodeIdentityMisused\n"), "{text}");
        }
    }

    #[test]
    fn requests_for_tokens_are_recorded_before_anything_else_and_never_answers() {
        let readings = readings();
        let rule = readings
            .iter()
            .find(|it| it.rule.id == "K8S_AbnormalMiActivity")
            .unwrap();
        assert!(rule.missed(PolicyLevel::Minimal).unwrap().is_whole);
        for level in [PolicyLevel::Recommended, PolicyLevel::Full] {
            assert_eq!(rule.missed(level), None);
            let text = policy(&arguments(level), &readings);
            // What comes first counts.
            let first = text.find("\"serviceaccounts/token\"").unwrap();
            let above = text.get(..first).unwrap();
            let level = above.rfind("- level: ").unwrap();
            let level = above.get(level..).unwrap();
            assert!(level.starts_with("- level: Request\n"), "{text}");
        }
    }

    #[test]
    fn every_item_stands_below_what_it_belongs_to() {
        let text = policy(&arguments(PolicyLevel::Recommended), &readings());
        let after = text.split_once("\nrules:\n").map(|(_, rules)| rules);
        for line in after.unwrap_or_default().lines() {
            let depth = line.len() - line.trim_start().len();
            let expected: &[usize] = if line.trim_start().starts_with("- group:") {
                &[6]
            } else if line.trim_start().starts_with("resources: [") {
                &[8]
            } else {
                &[2, 4]
            };
            assert!(expected.contains(&depth), "{line}");
        }
    }

    #[test]
    fn the_webhook_is_reached_by_the_clusters_own_path() {
        let text = kubeconfig(&arguments(PolicyLevel::Recommended));
        let server = "server: https://seawall.example:8470/api/v1/clusters/pro%20d/audit";
        assert!(text.contains(server), "{text}");
    }
}
