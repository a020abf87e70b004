//! `seawall audit policy`
//!
//! What to record follows from what the rules read: the resources whose
//! requests a rule looks into are recorded with them, all else by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use model::Severity;
use rules::{
    ast::Operator,
    field::{Needs, Source},
    rule::{Comparand, Expression, Predicate, Rule, Term},
};

use super::super::write_stdout;
use crate::{
    args::audit::{Policy, PolicyLevel, PolicyPart},
    exit::{Exit, Failure},
};

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

/// Resources whose bodies are or hold credentials. (Raw: a line that is
/// continued loses the spaces it begins with.)
const SECRET: &str = r#"      - group: ""
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

/// What a rule reads.
#[derive(Debug)]
struct Reading<'r> {
    rule: &'r Rule,
    needs: Needs,
    /// The resources it is about; empty: any.
    resources: BTreeSet<String>,
}

impl<'r> Reading<'r> {
    fn of(rule: &'r Rule) -> Self {
        let mut reading = Self {
            rule,
            needs: Needs::Event,
            resources: BTreeSet::new(),
        };
        reading.walk(&rule.condition, false);
        for step in rule
            .extension
            .sequence
            .iter()
            .flat_map(|sequence| &sequence.steps)
        {
            reading.walk(&step.condition, false);
        }
        reading
    }

    fn walk(&mut self, expression: &Expression, is_negated: bool) {
        match expression {
            Expression::Or(parts) | Expression::And(parts) => {
                for part in parts {
                    self.walk(part, is_negated);
                }
            }
            Expression::Not(inner) => self.walk(inner, !is_negated),
            Expression::Constant(_) => {}
            Expression::Predicate(predicate) => self.read(predicate, is_negated),
        }
    }

    fn read(&mut self, predicate: &Predicate, is_negated: bool) {
        self.term(&predicate.left);
        if let Comparand::Term(term) = &predicate.right {
            self.term(term);
        }
        let is_resource = matches!(&predicate.left,
            Term::Field { field, .. } if field.name == "ka.target.resource");
        let is_one_of = matches!(predicate.operator, Operator::Equal | Operator::In);
        if is_resource && is_one_of && !is_negated {
            match &predicate.right {
                Comparand::Value(value) => {
                    self.resources.insert(value.clone());
                }
                Comparand::List(values) => self.resources.extend(values.iter().cloned()),
                Comparand::None | Comparand::Term(_) => {}
            }
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Field { field, argument } => {
                let needs = field.needs_for(argument.as_deref());
                if weight(needs) > weight(self.needs) {
                    self.needs = needs;
                }
            }
            Term::Call(_, terms) | Term::List(terms) => {
                for term in terms {
                    self.term(term);
                }
            }
            Term::Value(_) => {}
        }
    }

    /// What of it a policy of this level cannot show.
    fn missed(&self, level: PolicyLevel) -> Option<&'static str> {
        match (level, self.needs) {
            (PolicyLevel::Full, _) | (_, Needs::Event) => None,
            (PolicyLevel::Minimal, Needs::RequestBody) => Some("reads what was asked for"),
            (_, Needs::ResponseBody) => Some("reads what was answered"),
            (PolicyLevel::Recommended, Needs::RequestBody) => {
                let is_known = |name: &String| group(name).is_some();
                if !self.resources.is_empty() && self.resources.iter().all(is_known) {
                    None
                } else {
                    Some("reads requests for other resources than are recorded, too")
                }
            }
        }
    }
}

fn weight(needs: Needs) -> u8 {
    match needs {
        Needs::Event => 0,
        Needs::RequestBody => 1,
        Needs::ResponseBody => 2,
    }
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
            "# Of {count} rules it is too weak for {}, wholly or in part:",
            missed.len()
        );
        for (reading, why) in missed {
            let rule = reading.rule;
            put!(text, "#   {} ({}): {why}", rule.id, rule.severity());
        }
    }
    text.push_str("apiVersion: audit.k8s.io/v1\nkind: Policy\n");
    text.push_str("# The end of a request tells all its beginning did.\n");
    text.push_str("omitStages: [\"RequestReceived\"]\nrules:\n");
    text.push_str(NOISE);
    text.push_str("  # Credentials by name only: a log must hold none.\n");
    text.push_str("  - level: Metadata\n    resources:\n");
    text.push_str(SECRET);
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
            Some(_) if level == PolicyLevel::Recommended && reading.needs == Needs::RequestBody => {
                "part"
            }
            Some(_) => "no",
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
            .filter(|name| group(name).is_none() && *name != "secrets")
            .collect();
        assert!(unknown.is_empty(), "add to GROUPS: {unknown:?}");
    }

    #[test]
    fn a_weaker_policy_misses_more_and_a_full_one_nothing() {
        let readings = readings();
        let missed = |level| {
            readings
                .iter()
                .filter(|r| r.missed(level).is_some())
                .count()
        };
        assert!(missed(PolicyLevel::Minimal) > missed(PolicyLevel::Recommended));
        assert_eq!(missed(PolicyLevel::Full), 0);
        let text = policy(&arguments(PolicyLevel::Minimal), &readings);
        assert!(text.contains("it is too weak for"), "{text}");
        assert!(
            text.contains("(high): reads what was asked for")
                || text.contains("reads what was asked for")
        );
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
