//! Policies over objects of Kubernetes: one folder each in
//! `content/policies`, a template and a constraint as Gatekeeper has
//! them, with prose and cases.
//!
//! A policy is a recommendation, under the same id. Its template's kind
//! is `Seawall` and the id in camel case, so that the one is found from
//! the other without a table. What templates share lies in
//! `content/policies/lib` once, and is put into each as it is handed out.

#[cfg(test)]
mod lint;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use model::Severity;
use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::recommendation::{AssetSort, Effort, Recommendation};
use crate::set::Document;
use crate::verdict::Step;

/// A policy: what is said of it is its [`Recommendation`].
#[derive(Clone, Debug)]
pub struct Policy {
    /// Also its recommendation's.
    pub id: String,
    /// The folder it lies in: `pods`, `roles`, `network`…
    pub group: String,
    /// Of its constraint: `SeawallPodsNotPrivileged`.
    pub kind: String,
    /// Built-in policies of Azure that it answers to.
    pub built_in: Vec<String>,
    /// It is in the default bundle.
    pub bundle: bool,
    /// What it has to be told before it is of use, where it is not in the
    /// default bundle.
    pub needs: Option<String>,
    /// The template, whole.
    pub template: Value,
    /// The constraint it begins with.
    pub constraint: Value,
    /// A mutator that mends instead, where there is one; nobody's default.
    pub mutation: Vec<Value>,
}

impl Policy {
    /// Template and constraint, to be loaded.
    pub fn documents(&self) -> [Document; 2] {
        let place = format!("content/policies/{}/{}", self.group, self.id);
        [
            Document {
                source: format!("{place}/template.yaml"),
                value: self.template.clone(),
            },
            Document {
                source: format!("{place}/constraint.yaml"),
                value: self.constraint.clone(),
            },
        ]
    }
}

/// `policy.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prose {
    id: String,
    title: String,
    severity: Severity,
    effort: Effort,
    asset: AssetSort,
    description: String,
    why: String,
    remediation: Vec<Step>,
    checked_by: String,
    #[serde(default)]
    techniques: Vec<String>,
    references: Vec<String>,
    #[serde(default)]
    built_in: Vec<String>,
    bundle: bool,
    #[serde(default)]
    needs: Option<String>,
}

#[derive(RustEmbed)]
#[folder = "../../content/policies"]
struct Files;

/// Every policy, by id.
pub fn policies() -> &'static [Policy] {
    static ALL: LazyLock<Vec<Policy>> = LazyLock::new(|| {
        let mut all: Vec<Policy> = folders()
            .iter()
            .map(|folder| {
                read(folder)
                    .expect("invariant: a test reads every policy before a release")
                    .0
            })
            .collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    });
    &ALL
}

/// One policy by id.
pub fn policy(id: &str) -> Option<&'static Policy> {
    let all = policies();
    all.binary_search_by(|known| known.id.as_str().cmp(id))
        .ok()
        .map(|index| &all[index])
}

/// The policy whose constraints are of this kind.
pub fn policy_of_kind(kind: &str) -> Option<&'static Policy> {
    static KINDS: LazyLock<BTreeMap<&'static str, &'static Policy>> = LazyLock::new(|| {
        let all = policies().iter();
        all.map(|policy| (policy.kind.as_str(), policy)).collect()
    });
    KINDS.get(kind).copied()
}

/// The default bundle: what is worth knowing of any cluster, noted and
/// refused to nobody.
pub fn bundle() -> Vec<Document> {
    let on = policies().iter().filter(|policy| policy.bundle);
    on.flat_map(Policy::documents).collect()
}

/// The kind of the constraints of the policy `id`.
pub(crate) fn kind_of(id: &str) -> String {
    let mut kind = String::from("Seawall");
    for word in id.split('-') {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            kind.extend(first.to_uppercase());
            kind.push_str(letters.as_str());
        }
    }
    kind
}

/// What policies recommend.
pub(crate) fn recommendations() -> Vec<Recommendation> {
    folders()
        .iter()
        .map(|folder| {
            read(folder)
                .expect("invariant: a test reads every policy before a release")
                .1
        })
        .collect()
}

/// `group/id` of each.
pub(crate) fn folders() -> Vec<String> {
    let mut all: Vec<String> = Files::iter()
        .filter_map(|name| name.strip_suffix("/policy.yaml").map(str::to_owned))
        .collect();
    all.sort();
    all
}

/// One file of a policy's folder.
pub(crate) fn file(folder: &str, name: &str) -> Result<String, String> {
    let path = format!("{folder}/{name}");
    let file = Files::get(&path).ok_or_else(|| format!("{path}: there is none"))?;
    String::from_utf8(file.data.into_owned()).map_err(|error| format!("{path}: {error}"))
}

/// One file of a policy's folder, as YAML.
pub(crate) fn yaml<T: serde::de::DeserializeOwned>(folder: &str, name: &str) -> Result<T, String> {
    serde_norway::from_str(&file(folder, name)?)
        .map_err(|error| format!("{folder}/{name}: {error}"))
}

pub(crate) fn read(folder: &str) -> Result<(Policy, Recommendation), String> {
    let group = folder.split('/').next().unwrap_or_default();
    let prose: Prose = yaml(folder, "policy.yaml")?;
    let mut template: Value = yaml(folder, "template.yaml")?;
    add_libraries(&mut template).map_err(|error| format!("{folder}/template.yaml: {error}"))?;
    let mutation = if Files::get(&format!("{folder}/mutation.yaml")).is_some() {
        let text = file(folder, "mutation.yaml")?;
        serde_norway::Deserializer::from_str(&text)
            .map(Value::deserialize)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{folder}/mutation.yaml: {error}"))?
    } else {
        Vec::new()
    };
    let policy = Policy {
        id: prose.id.clone(),
        group: group.to_owned(),
        kind: kind_of(&prose.id),
        built_in: prose.built_in,
        bundle: prose.bundle,
        needs: prose.needs,
        template,
        constraint: yaml(folder, "constraint.yaml")?,
        mutation,
    };
    let recommendation = Recommendation {
        id: prose.id,
        title: prose.title,
        severity: prose.severity,
        effort: prose.effort,
        asset: prose.asset,
        description: prose.description,
        why: prose.why,
        remediation: prose.remediation,
        checked_by: prose.checked_by,
        techniques: prose.techniques,
        references: prose.references,
        cases: Vec::new(),
    };
    Ok((policy, recommendation))
}

/// Puts the shared libraries a template imports into it.
fn add_libraries(template: &mut Value) -> Result<(), String> {
    let source = template
        .pointer_mut("/spec/targets/0/code/0/source")
        .and_then(Value::as_object_mut)
        .ok_or("has no code")?;
    let rego = source.get("rego").and_then(Value::as_str);
    let mut wanted = imported(rego.ok_or("has no Rego")?);
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    while let Some(name) = wanted.pop_first() {
        if texts.contains_key(&name) {
            continue;
        }
        let text = file("lib", &format!("{name}.rego"))?;
        wanted.extend(imported(&text));
        texts.insert(name, text);
    }
    let texts: Vec<String> = texts.into_values().collect();
    source.insert("libs".to_owned(), json!(texts));
    Ok(())
}

/// Names of the libraries a module imports.
fn imported(rego: &str) -> BTreeSet<String> {
    rego.lines()
        .filter_map(|line| line.trim().strip_prefix("import data.lib."))
        .map(|name| name.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_found_from_its_kind_and_the_other_way_round() {
        for policy in policies() {
            assert_eq!(policy_of_kind(&policy.kind).unwrap().id, policy.id);
            assert_eq!(super::policy(&policy.id).unwrap().kind, policy.kind);
        }
        assert_eq!(kind_of("pods-not-privileged"), "SeawallPodsNotPrivileged");
        assert!(policy_of_kind("K8sBlockNodePort").is_none());
    }

    #[test]
    fn a_template_carries_the_libraries_it_imports_and_theirs() {
        let template = &policy("pods-not-privileged").unwrap().template;
        let libraries = template.pointer("/spec/targets/0/code/0/source/libs");
        let libraries = libraries.unwrap().as_array().unwrap();
        let known = |start: &str| {
            let mut texts = libraries.iter().filter_map(Value::as_str);
            texts.any(|text| text.contains(start))
        };
        assert!(known("package lib.pods\n") && known("package lib.known\n"));
        assert!(!known("package lib.rbac\n"));
    }

    #[test]
    fn the_bundle_refuses_nothing() {
        let bundle = bundle();
        assert!(bundle.len() > 2);
        for document in bundle {
            let action = document.value.pointer("/spec/enforcementAction");
            let is_template = document.value["kind"] == "ConstraintTemplate";
            assert!(
                is_template || action == Some(&json!("dryrun")),
                "{document:?}"
            );
        }
    }
}
