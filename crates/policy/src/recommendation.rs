//! Recommendations: one file each in `content/recommendations`.

use std::sync::LazyLock;

use model::Severity;
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::{Facts, Step, node, standard};

/// What sort of asset a recommendation judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetSort {
    Image,
    Container,
    Machine,
    /// A machine with a container engine.
    Host,
    /// The advisory database an environment is judged by.
    Advisories,
    /// Whatever makes pods, in a cluster.
    Workload,
    Namespace,
    Cluster,
    /// A machine of a cluster.
    Node,
    /// Whatever leads to pods from elsewhere: services, ingresses, gateways.
    Service,
    /// Roles, and what binds them.
    Role,
}

impl AssetSort {
    /// The noun, for one and for many.
    pub fn noun(self) -> (&'static str, &'static str) {
        match self {
            Self::Image => ("image", "images"),
            Self::Container => ("container", "containers"),
            Self::Machine => ("machine", "machines"),
            Self::Host => ("host", "hosts"),
            Self::Advisories => ("environment", "environments"),
            Self::Workload => ("workload", "workloads"),
            Self::Namespace => ("namespace", "namespaces"),
            Self::Cluster => ("cluster", "clusters"),
            Self::Node => ("node", "nodes"),
            Self::Service => ("service", "services"),
            Self::Role => ("role", "roles"),
        }
    }
}

impl Recommendation {
    /// The controls it serves, as the standards say: each with its
    /// standard's id before it.
    pub fn controls(&self) -> &'static [String] {
        standard::served_by(&self.id)
    }
}

impl Facts {
    pub fn sort(&self) -> AssetSort {
        match self {
            Self::Image(_) => AssetSort::Image,
            Self::Container(_) => AssetSort::Container,
            Self::Machine(_) => AssetSort::Machine,
            Self::Host(_) => AssetSort::Host,
            Self::Advisories(_) => AssetSort::Advisories,
            Self::Node(_) => AssetSort::Node,
        }
    }
}

/// How much work mending one asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    Low,
    Moderate,
    High,
}

/// What should be so, and why, and how to get there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// The file's name.
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub effort: Effort,
    pub asset: AssetSort,
    /// Markdown.
    pub description: String,
    pub why: String,
    pub remediation: Vec<Step>,
    /// How it is checked, in words.
    pub checked_by: String,
    /// ATT&CK techniques it makes harder.
    #[serde(default)]
    pub techniques: Vec<String>,
    pub references: Vec<String>,
    /// What it must say of these, held by a test. A policy's lie beside it.
    pub cases: Vec<Case>,
}

/// Facts, and what the recommendation must say of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub verdict: Expected,
    /// When it is judged; the test's own time when absent.
    #[serde(default)]
    pub now: Option<jiff::Timestamp>,
    #[serde(with = "serde_norway::with::singleton_map")]
    pub facts: Facts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    Affected,
    Healthy,
    NotApplicable,
}

#[derive(RustEmbed)]
#[folder = "../../content/recommendations"]
struct Files;

/// Every recommendation, by id: those judged here, and those of policies.
pub fn recommendations() -> &'static [Recommendation] {
    static ALL: LazyLock<Vec<Recommendation>> = LazyLock::new(|| {
        let mut all: Vec<Recommendation> = Files::iter()
            .filter(|name| name.ends_with(".yaml"))
            .map(|name| {
                read(&name).expect("invariant: a test reads every recommendation before a release")
            })
            .collect();
        all.extend(node::checks().iter().map(node::Check::recommendation));
        all.extend(crate::policies::recommendations());
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    });
    &ALL
}

/// One recommendation by id.
pub fn recommendation(id: &str) -> Option<&'static Recommendation> {
    let all = recommendations();
    all.binary_search_by(|known| known.id.as_str().cmp(id))
        .ok()
        .map(|index| &all[index])
}

fn read(name: &str) -> Result<Recommendation, String> {
    let file = Files::get(name).ok_or_else(|| format!("{name}: gone"))?;
    serde_norway::from_slice(&file.data).map_err(|error| format!("{name}: {error}"))
}

/// Ids of those judged here.
#[cfg(test)]
pub(crate) fn plain_ids() -> std::collections::BTreeSet<String> {
    let names = Files::iter();
    names
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Verdict, attack, judge};

    /// Everything content must hold, every offender at once.
    #[test]
    fn every_recommendation_is_whole() {
        let now: jiff::Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let mut faults = Vec::new();
        let mut titles = std::collections::HashMap::new();
        for name in Files::iter().filter(|name| name.ends_with(".yaml")) {
            let rule = match read(&name) {
                Ok(rule) => rule,
                Err(error) => {
                    faults.push(error);
                    continue;
                }
            };
            let mut fault = |text: String| faults.push(format!("{name}: {text}"));
            if Some(rule.id.as_str()) != name.strip_suffix(".yaml") {
                fault(format!("its id is '{}'", rule.id));
            }
            if let Some(other) = titles.insert(rule.title.clone(), name.to_string()) {
                fault(format!("has the title of {other}"));
            }
            if rule.title.ends_with('.') || rule.title.len() > 100 {
                fault("a title is at most 100 characters, without a full stop".to_owned());
            }
            for (field, text) in [
                ("description", &rule.description),
                ("why", &rule.why),
                ("checked_by", &rule.checked_by),
            ] {
                if text.trim().len() < 40 {
                    fault(format!("{field} says too little"));
                }
            }
            if rule.remediation.is_empty() {
                fault("lacks remediation".to_owned());
            }
            for step in &rule.remediation {
                let language = step.language.as_deref();
                let known = [
                    None,
                    Some("shell"),
                    Some("yaml"),
                    Some("dockerfile"),
                    Some("diff"),
                ];
                if !known.contains(&language) || step.code.is_some() != language.is_some() {
                    fault(format!(
                        "'{}': code and its language go together",
                        step.text
                    ));
                }
            }
            if rule.references.is_empty() {
                fault("lacks references".to_owned());
            }
            for reference in &rule.references {
                if !reference.starts_with("https://") {
                    fault(format!("{reference}: not an https address"));
                }
            }
            for technique in &rule.techniques {
                if !attack::matrix().knows(technique) {
                    fault(format!("{technique} is not in the matrix"));
                }
            }
            for expected in [Expected::Affected, Expected::Healthy] {
                if !rule.cases.iter().any(|case| case.verdict == expected) {
                    fault(format!("has no case that is {expected:?}"));
                }
            }
            for case in &rule.cases {
                if case.facts.sort() != rule.asset && case.verdict != Expected::NotApplicable {
                    fault(format!("case '{}' is about another asset", case.name));
                }
                let verdict = judge(&rule.id, &case.facts, case.now.unwrap_or(now));
                let said = match &verdict {
                    Verdict::Affected(_) => Expected::Affected,
                    Verdict::Healthy => Expected::Healthy,
                    Verdict::NotApplicable => Expected::NotApplicable,
                };
                if said != case.verdict {
                    fault(format!("case '{}' is judged {said:?}", case.name));
                }
                if let Verdict::Affected(broken) = verdict
                    && (broken.summary.is_empty()
                        || broken
                            .evidence
                            .as_object()
                            .is_none_or(serde_json::Map::is_empty))
                {
                    fault(format!("case '{}' is not explained", case.name));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(recommendations().len() >= 10);
        assert!(recommendation("images-fix-critical").is_some());
        assert!(recommendation("images-fix").is_none());
    }
}
