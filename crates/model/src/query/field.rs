//! The catalogue: every field a query may name.

use std::str::FromStr;

use super::error::nearest;
use crate::alert::context::Term;

/// A field of a finding or of what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Kind,
    Severity,
    State,
    Is,
    Has,
    Progress,
    Rule,
    Cve,
    Package,
    Version,
    Purl,
    Ecosystem,
    Path,
    Layer,
    Image,
    Repository,
    Digest,
    Asset,
    Environment,
    Cluster,
    Host,
    Namespace,
    Workload,
    Pod,
    Container,
    Label,
    Tactic,
    Technique,
    User,
    Groups,
    ServiceAccount,
    SourceIp,
    Verb,
    Resource,
    Incident,
    Assignee,
    Due,
    Finding,
    Exemption,
    Epss,
    Cvss,
    FirstSeen,
    LastSeen,
    Resolved,
}

/// What sort of values a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// One of its words.
    Word,
    /// One of its words, which have an order.
    Rank,
    /// Any text; `*` stands for any run of characters.
    Text,
    Number,
    Time,
    /// One of its words, each a claim.
    Flag,
}

/// A claim about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    Open,
    Resolved,
    Dismissed,
    Exempted,
    /// First seen within a day.
    New,
    Fixable,
    /// Known to be exploited.
    Kev,
    /// Somebody else says that it needs no attention.
    Suppressed,
    /// What it is about runs now.
    Running,
    Assigned,
    /// Open, and its due date has passed.
    Overdue,
    Commented,
}

/// What the catalogue says of a field.
#[derive(Debug)]
pub struct Catalogued {
    pub field: Field,
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub kind: FieldKind,
    /// All the words of a closed set; else a few that are well known.
    pub values: &'static [&'static str],
    /// One line for people.
    pub doc: &'static str,
    pub example: &'static str,
    /// Part of what a finding is, not of what happened to it: may stand
    /// in the scope of an exemption.
    pub identity: bool,
}

/// The words of `is:` and `has:`, the first of a flag being the one it
/// prints as.
const FLAGS: &[(Field, &str, Flag)] = &[
    (Field::Is, "open", Flag::Open),
    (Field::Is, "resolved", Flag::Resolved),
    (Field::Is, "dismissed", Flag::Dismissed),
    (Field::Is, "exempted", Flag::Exempted),
    (Field::Is, "new", Flag::New),
    (Field::Is, "fixable", Flag::Fixable),
    (Field::Is, "kev", Flag::Kev),
    (Field::Is, "exploited", Flag::Kev),
    (Field::Is, "suppressed", Flag::Suppressed),
    (Field::Is, "running", Flag::Running),
    (Field::Is, "assigned", Flag::Assigned),
    (Field::Is, "overdue", Flag::Overdue),
    (Field::Has, "fix", Flag::Fixable),
    (Field::Has, "comments", Flag::Commented),
    (Field::Has, "exploit", Flag::Kev),
    (Field::Has, "owner", Flag::Assigned),
];

const IS: &[&str] = &[
    "open",
    "fixable",
    "kev",
    "exploited",
    "running",
    "new",
    "overdue",
    "assigned",
    "suppressed",
    "resolved",
    "dismissed",
    "exempted",
];

const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "info", "unknown"];

const GROUPS: &[&str] = &[
    "system:authenticated",
    "system:masters",
    "system:serviceaccounts",
    "system:unauthenticated",
];

const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "impersonate",
];

const RESOURCES: &[&str] = &[
    "pods",
    "pods/exec",
    "secrets",
    "configmaps",
    "serviceaccounts/token",
    "clusterrolebindings",
    "rolebindings",
    "nodes",
];

const ECOSYSTEMS: &[&str] = &[
    "deb", "apk", "rpm", "npm", "pypi", "maven", "golang", "cargo", "gem", "composer", "nuget",
];

/// In the order of the matrix.
const TACTICS: &[&str] = &[
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// Words that mean one of the catalogue's.
const SYNONYMS: &[(Field, &str, &str)] = &[
    (Field::Kind, "recommendation", "misconfiguration"),
    (Field::Kind, "vuln", "vulnerability"),
    (Field::Kind, "threat", "alert"),
];

macro_rules! catalogue {
    ($($field:ident $name:literal $aliases:tt $kind:ident $identity:literal $values:expr, $doc:literal, $example:literal;)*) => {
        const CATALOGUE: &[Catalogued] = &[$(Catalogued {
            field: Field::$field,
            name: $name,
            aliases: &$aliases,
            kind: FieldKind::$kind,
            identity: $identity,
            values: $values,
            doc: $doc,
            example: $example,
        }),*];
    };
}

// In the order of `Field`; each line: names, sort of values, whether it
// is identity, words, one line for people, an example.
catalogue! {
    Kind "kind" [] Word true &["vulnerability", "misconfiguration", "alert", "secret", "malware"],
        "What sort of finding it is", "kind:alert";
    Severity "severity" ["sev"] Rank true SEVERITIES,
        "How bad it is; ordered, so >= works", "severity:>=high";
    State "state" ["status"] Word false &["open", "resolved", "dismissed", "exempted"],
        "Where it is in its life; open when a query says nothing of it", "state:dismissed,exempted";
    Is "is" [] Flag false IS,
        "A claim that holds", "is:fixable";
    Has "has" [] Flag false &["fix", "comments", "exploit", "owner"],
        "Something it has", "has:fix";
    Progress "progress" [] Word false &["new", "in_progress"],
        "What is being done about an open one", "progress:in_progress";
    Rule "rule" ["policy", "check"] Text true &[],
        "What says so: a rule's, a check's or a vulnerability's id", "rule:image-fixable-critical";
    Cve "cve" ["vulnerability", "vuln"] Text true &[],
        "A vulnerability's id, whoever gave it", "cve:CVE-2021-44228,GHSA-jfh8-c2jp-5v3q";
    Package "package" ["pkg", "component"] Text true &[],
        "The affected package's name", "package:openssl,libssl*";
    Version "version" [] Text true &[],
        "The affected package's installed version", "version:3.0.*";
    Purl "purl" [] Text true &[],
        "The affected package's URL", "purl:pkg:npm/lodash@4.*";
    Ecosystem "ecosystem" [] Text true ECOSYSTEMS,
        "The sort of package, or the distribution's release", "ecosystem:npm,debian*";
    Path "path" ["file"] Text true &[],
        "The file that names the package or that is meant", "path:usr/lib/*";
    Layer "layer" [] Number false &[],
        "The image layer that brought it, counted from 0", "layer:0";
    Image "image" [] Text true &[],
        "The image, by its name with tag, or by id", "image:registry.example/shop/*";
    Repository "repository" ["repo"] Text true &[],
        "The image's name without tag and digest", "repository:registry.example/shop/web";
    Digest "digest" [] Text true &[],
        "The image's digest", "digest:sha256:9f8e*";
    Asset "asset" [] Text true &[],
        "What it is about or is inside of, by name or id", "asset:web-7d4b9";
    Environment "environment" ["env"] Text true &[],
        "The environment", "env:production";
    Cluster "cluster" [] Text true &[],
        "The cluster", "cluster:aks-*";
    Host "host" ["node"] Text true &[],
        "The machine", "host:build-01";
    Namespace "namespace" ["ns"] Text true &[],
        "The namespace", "-ns:kube-system";
    Workload "workload" ["deployment"] Text true &[],
        "The workload: Deployment, StatefulSet, DaemonSet, Job, …", "workload:checkout";
    Pod "pod" [] Text false &[],
        "The pod", "pod:checkout-*";
    Container "container" [] Text true &[],
        "The container", "container:sidecar";
    Label "label" [] Text true &[],
        "A label of the asset, by key or key=value", "label:team=payments";
    Tactic "tactic" [] Text false TACTICS,
        "MITRE ATT&CK tactic", "tactic:execution";
    Technique "technique" ["attack"] Text false &[],
        "MITRE ATT&CK technique; sub-techniques count as it", "technique:T1059";
    User "user" ["principal"] Text true &[],
        "Who did it, or was impersonated, as the cluster or the machine knows them", "user:alice@example.com";
    Groups "groups" ["group"] Text true GROUPS,
        "A group of whoever did it", "groups:system:masters";
    ServiceAccount "sa" ["service_account", "serviceaccount"] Text true &[],
        "The service account that did it: namespace/name", "sa:shop/ci";
    SourceIp "source_ip" ["source", "address", "ip"] Text true &[],
        "The address it came from", "source_ip:203.0.113.*";
    Verb "verb" [] Text true VERBS,
        "What was asked of the Kubernetes API", "verb:create,patch";
    Resource "resource" [] Text true RESOURCES,
        "The resource it was asked of, with or without its subresource", "resource:secrets,pods/exec";
    Incident "incident" [] Text false &[],
        "The incident it is part of, by id", "incident:*";
    Assignee "assignee" ["assigned"] Text false &["me", "none"],
        "Who takes care of it: a name, me or none", "assignee:me";
    Due "due" [] Time false &[],
        "When it should be done by; a stretch of time counts ahead", "due:<3d";
    Finding "finding" ["id", "fingerprint"] Text true &[],
        "The finding itself, by id or fingerprint", "finding:9f86d081884c7d65";
    Exemption "exemption" [] Text false &[],
        "The exemption that holds it, by id", "exemption:*";
    Epss "epss" [] Number false &[],
        "Probability of exploitation within 30 days, 0 to 1 or in %", "epss:>=10%";
    Cvss "cvss" [] Number false &[],
        "Highest CVSS base score, 0 to 10", "cvss:>=9";
    FirstSeen "first_seen" ["first", "created"] Time false &[],
        "When it was first seen; < means more recently than", "first_seen:<1d";
    LastSeen "last_seen" ["last", "seen", "updated"] Time false &[],
        "When it was last seen", "last_seen:<2h";
    Resolved "resolved" [] Time false &[],
        "When it was resolved", "resolved:>=2026-11-01";
}

impl Field {
    /// Every field, in the order people are shown them.
    pub fn catalogue() -> &'static [Catalogued] {
        CATALOGUE
    }

    pub fn catalogued(self) -> &'static Catalogued {
        &CATALOGUE[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.catalogued().name
    }

    pub fn kind(self) -> FieldKind {
        self.catalogued().kind
    }

    pub fn is_identity(self) -> bool {
        self.catalogued().identity
    }

    /// Whether `>`, `>=`, `<` and `<=` mean something.
    pub fn is_ordered(self) -> bool {
        matches!(
            self.kind(),
            FieldKind::Rank | FieldKind::Number | FieldKind::Time
        )
    }

    /// The field of a name that is almost one.
    pub(super) fn nearest(name: &str) -> Option<&'static str> {
        nearest(
            name,
            CATALOGUE
                .iter()
                .flat_map(|known| known.aliases.iter().copied().chain([known.name])),
        )
    }

    /// The catalogue's own spelling of one of its words.
    pub(super) fn word(self, text: &str) -> Option<&'static str> {
        let text = text.to_ascii_lowercase().replace('-', "_");
        let text = SYNONYMS
            .iter()
            .find(|(field, synonym, _)| *field == self && *synonym == text)
            .map_or(text.as_str(), |(_, _, word)| word);
        let values = self.catalogued().values;
        values.iter().copied().find(|value| *value == text)
    }
}

impl From<Term> for Field {
    fn from(term: Term) -> Self {
        match term {
            Term::User => Self::User,
            Term::Group => Self::Groups,
            Term::ServiceAccount => Self::ServiceAccount,
            Term::SourceAddress => Self::SourceIp,
            Term::Verb => Self::Verb,
            Term::Resource => Self::Resource,
        }
    }
}

/// The text names no field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no field '{0}'")]
pub struct UnknownField(String);

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `first-seen` and `First Seen` are ways others write it.
        let name = text.to_ascii_lowercase().replace(['-', ' '], "_");
        CATALOGUE
            .iter()
            .find(|known| known.name == name || known.aliases.contains(&name.as_str()))
            .map(|known| known.field)
            .ok_or_else(|| UnknownField(text.chars().take(100).collect()))
    }
}

impl Flag {
    pub(super) fn read(field: Field, text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        FLAGS
            .iter()
            .find(|(of, word, _)| *of == field && *word == text)
            .map(|(_, _, flag)| *flag)
    }

    /// Its word behind `field`.
    pub fn word(self, field: Field) -> &'static str {
        FLAGS
            .iter()
            .find(|(of, _, flag)| *of == field && *flag == self)
            .map_or("", |(_, word, _)| word)
    }

    /// Whether it says where a finding is in its life.
    pub fn is_state(self) -> bool {
        self.as_state().is_some()
    }

    /// The state it claims.
    pub fn as_state(self) -> Option<&'static str> {
        match self {
            Self::Open => Some("open"),
            Self::Resolved => Some("resolved"),
            Self::Dismissed => Some("dismissed"),
            Self::Exempted => Some("exempted"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_catalogue_is_in_order_and_says_each_name_once() {
        let mut names = BTreeSet::new();
        for (index, known) in CATALOGUE.iter().enumerate() {
            assert_eq!(known.field as usize, index, "{}", known.name);
            for name in known.aliases.iter().chain([&known.name]) {
                assert!(names.insert(*name), "{name} twice");
                assert_eq!(name.parse(), Ok(known.field));
            }
        }
    }

    #[test]
    fn every_word_of_a_flag_is_catalogued_and_read() {
        for field in [Field::Is, Field::Has] {
            let words: BTreeSet<&str> = FLAGS
                .iter()
                .filter(|(of, ..)| *of == field)
                .map(|(_, word, _)| *word)
                .collect();
            let values: BTreeSet<&str> = field.catalogued().values.iter().copied().collect();
            assert_eq!(words, values);
            for word in values {
                let flag = Flag::read(field, word).unwrap();
                assert_eq!(Flag::read(field, flag.word(field)), Some(flag));
            }
        }
    }
}
