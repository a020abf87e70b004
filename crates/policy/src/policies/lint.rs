//! What every policy must hold, every offender at once: run through the
//! very code that judges clusters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Policy, folders, kind_of, read, yaml};
use crate::mend::{fix, mended};
use crate::review::{Kind, Moment, Operation, Origin, Review, Violation};
use crate::set::Policies;
use crate::trust::{Trust, TrustFound};
use crate::world::{ImageState, World};
use crate::{Recommendation, attack};

/// An object, what is around it, and what must be said of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "create")]
    operation: Operation,
    object: Value,
    #[serde(default)]
    old: Option<Value>,
    /// The rest of the request: `userInfo`.
    #[serde(default)]
    request: Option<Value>,
    /// Other objects of the cluster.
    #[serde(default)]
    inventory: Vec<Value>,
    #[serde(default)]
    images: BTreeMap<String, ImageState>,
    #[serde(default)]
    trust: CaseTrust,
    /// Instead of the constraint's own.
    #[serde(default)]
    parameters: Option<Value>,
    /// Every message, word by word; none where the object is as it should be.
    violations: Vec<String>,
}

/// Whose signatures are asked for, and what was found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CaseTrust {
    /// Repositories, by the names of trust policies.
    asked: BTreeMap<String, Vec<String>>,
    /// By repository and tag.
    found: BTreeMap<String, TrustFound>,
}

impl CaseTrust {
    fn trust(&self) -> Trust {
        let asked = self.asked.iter();
        let mut trust = Trust::new(asked.map(|(name, of)| (name.as_str(), of.as_slice())));
        for (name, found) in &self.found {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
            trust.put(repository, &[tag.to_owned()], found.clone());
        }
        trust
    }
}

fn create() -> Operation {
    Operation::Create
}

impl Case {
    fn world(&self) -> World {
        let mut world = World {
            images: Arc::new(self.images.clone()),
            trust: Arc::new(self.trust.trust()),
            ..World::default()
        };
        for object in self.inventory.iter().chain([&self.object]) {
            world.inventory.put(object);
        }
        world
    }

    fn judge(&self, policies: &Policies, object: &Value) -> Vec<Violation> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let deleted = self.operation == Operation::Delete;
        let review = Review {
            moment: Moment::Admission,
            operation: self.operation,
            kind: Kind::of(object).unwrap_or_default(),
            object: (!deleted).then_some(object),
            old_object: if deleted {
                Some(object)
            } else {
                self.old.as_ref()
            },
            name: text("/metadata/name").unwrap_or_default(),
            namespace: text("/metadata/namespace").unwrap_or_default(),
            namespace_object: None,
            origin: Origin::Original,
            request: self.request.as_ref(),
        };
        let mut all = policies.review(&review, &self.world());
        all.sort_by(|a, b| a.message.cmp(&b.message));
        all
    }
}

fn compiled(policy: &Policy, parameters: Option<&Value>, faults: &mut Vec<String>) -> Policies {
    let mut documents = policy.documents();
    if let Some(parameters) = parameters {
        documents[1].value["spec"]["parameters"] = parameters.clone();
    }
    let (policies, problems) = Policies::load(&documents);
    for problem in problems {
        faults.push(format!("{}: {}", problem.source, problem.message));
    }
    policies
}

/// Titles, prose, references, techniques.
fn prose(folder: &str, policy: &Policy, said: &Recommendation, faults: &mut Vec<String>) {
    let mut fault = |text: String| faults.push(format!("{folder}: {text}"));
    if folder.split('/').nth(1) != Some(said.id.as_str()) {
        fault(format!("its id is '{}'", said.id));
    }
    if said.title.ends_with('.') || said.title.len() > 100 || !said.title.contains("should") {
        fault("a title says what should be, in 100 characters, without a full stop".to_owned());
    }
    for (field, text) in [
        ("description", &said.description),
        ("why", &said.why),
        ("checked_by", &said.checked_by),
    ] {
        if text.trim().len() < 25 || text.lines().any(|line| line.chars().count() > 80) {
            fault(format!(
                "{field} says too little, or in lines over 80 characters"
            ));
        }
    }
    if said.remediation.is_empty() {
        fault("lacks remediation".to_owned());
    }
    for step in &said.remediation {
        let language = step.language.as_deref();
        let known = [None, Some("shell"), Some("yaml"), Some("diff")];
        if !known.contains(&language) || step.code.is_some() != language.is_some() {
            fault(format!(
                "'{}': code and its language go together",
                step.text
            ));
        }
        if language == Some("yaml")
            && let Some(code) = &step.code
            && serde_norway::from_str::<Value>(code).is_err()
        {
            fault(format!("'{}': its code is no YAML", step.text));
        }
    }
    if said.references.is_empty() {
        fault("lacks references".to_owned());
    }
    for reference in &said.references {
        if !reference.starts_with("https://") {
            fault(format!("{reference}: not an https address"));
        }
    }
    for technique in &said.techniques {
        if !attack::matrix().knows(technique) {
            fault(format!("{technique} is not in the matrix"));
        }
    }
    for id in &policy.built_in {
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        if parts != [8, 4, 4, 4, 12] {
            fault(format!("{id} is no id of a built-in policy"));
        }
    }
    if policy.bundle == policy.needs.is_some() {
        fault("what is not in the bundle says what it needs, and nothing else does".to_owned());
    }
}

/// Names of template and constraint, and how they match.
fn documents(folder: &str, policy: &Policy, faults: &mut Vec<String>) {
    let mut fault = |text: String| faults.push(format!("{folder}: {text}"));
    let kind = kind_of(&policy.id);
    let (template, constraint) = (&policy.template, &policy.constraint);
    if template["metadata"]["name"] != json!(kind.to_lowercase())
        || template["spec"]["crd"]["spec"]["names"]["kind"] != json!(kind)
        || constraint["kind"] != json!(kind)
    {
        fault(format!("template and constraint are of kind {kind}"));
    }
    if constraint["metadata"]["name"] != json!(policy.id) {
        fault("the constraint has the policy's name".to_owned());
    }
    if constraint["spec"]["enforcementAction"] != "dryrun" {
        fault("begins with dryrun".to_owned());
    }
    if constraint["spec"]["match"]["kinds"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        fault("says which kinds it is for".to_owned());
    }
    let source = &template["spec"]["targets"][0]["code"][0]["source"];
    let rego = source["rego"].as_str().unwrap_or_default();
    let package = format!("package seawall.{}\n", policy.id.replace('-', "_"));
    if source["version"] != "v1" || !rego.starts_with(&package) {
        fault(format!("Rego v1, in {}", package.trim()));
    }
    let schema = &template["spec"]["crd"]["spec"]["validation"]["openAPIV3Schema"]["properties"];
    let given = constraint["spec"]["parameters"].as_object();
    for key in given.into_iter().flat_map(serde_json::Map::keys) {
        if schema.get(key).is_none() {
            fault(format!("parameter {key} is not in the schema"));
        }
    }
    for (key, property) in schema.as_object().into_iter().flatten() {
        if property["description"]
            .as_str()
            .is_none_or(|text| text.len() < 20)
        {
            fault(format!("parameter {key} is not described"));
        }
        let built_in = ["excludedContainers", "excludedImages"].contains(&key.as_str());
        if !built_in && !rego.contains(&format!("\"{key}\"")) {
            fault(format!("parameter {key} is not used"));
        }
    }
}

fn is_workload(policy: &Policy) -> bool {
    policy.constraint["spec"]["match"]["kinds"]
        .to_string()
        .contains("\"Deployment\"")
}

fn cases(folder: &str, policy: &Policy, faults: &mut Vec<String>) {
    let cases: Vec<Case> = match yaml(folder, "cases.yaml") {
        Ok(cases) => cases,
        Err(error) => return faults.push(error),
    };
    let affected = cases.iter().filter(|case| !case.violations.is_empty());
    let affected: Vec<&Case> = affected.collect();
    if affected.len() < 2 || cases.len() - affected.len() < 2 || cases.len() < 5 {
        faults.push(format!(
            "{folder}: at least two cases of each verdict, five in all"
        ));
    }
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    if names.len() != cases.len() {
        faults.push(format!("{folder}: two cases of one name"));
    }
    if is_workload(policy) && affected.iter().all(|case| case.object["kind"] == "Pod") {
        faults.push(format!("{folder}: no case of a workload that is affected"));
    }
    let rego = policy.template["spec"]["targets"][0]["code"][0]["source"]["rego"].to_string();
    if rego.contains("pods.containers") {
        let seen: String = affected
            .iter()
            .map(|case| case.object.to_string())
            .collect();
        if !seen.contains("initContainers") && !seen.contains("ephemeralContainers") {
            faults.push(format!(
                "{folder}: no case of an init or ephemeral container"
            ));
        }
    }
    let usual = compiled(policy, None, faults);
    for case in &cases {
        let at = format!("{folder}: case '{}'", case.name);
        let own = case.parameters.as_ref();
        let own = own.map(|own| compiled(policy, Some(own), faults));
        let policies = own.as_ref().unwrap_or(&usual);
        let said = case.judge(policies, &case.object);
        let messages: Vec<&str> = said.iter().map(|one| one.message.as_str()).collect();
        let mut expected = case.violations.clone();
        expected.sort();
        if messages != expected {
            faults.push(format!(
                "{at}: expected {expected:#?}, is told {messages:#?}"
            ));
        }
        for one in &said {
            if one.message.contains('\n') || one.message.ends_with('.') || one.message.len() > 400 {
                faults.push(format!("{at}: a message is one line: '{}'", one.message));
            }
            if one.kind != policy.kind || one.constraint != policy.id || one.failed {
                faults.push(format!("{at}: told by another, or failed: {one:?}"));
            }
        }
        mends(&at, case, policies, said, faults);
    }
}

/// Each patch takes its own violation away, and one after another they
/// take all away that they are for.
fn mends(
    at: &str,
    case: &Case,
    policies: &Policies,
    mut said: Vec<Violation>,
    faults: &mut Vec<String>,
) {
    let mut object = case.object.clone();
    for _ in 0..20 {
        let patched = said.iter().find(|one| one.details.get("patch").is_some());
        let Some(one) = patched else { return };
        let patch = &one.details["patch"];
        match fix(&object, patch) {
            Ok(diff) if diff.is_empty() => {
                return faults.push(format!("{at}: the patch changes nothing: {patch}"));
            }
            Ok(_) => {}
            Err(error) => return faults.push(format!("{at}: {error}: {patch}")),
        }
        match mended(&object, patch) {
            Ok(next) => object = next,
            Err(error) => return faults.push(format!("{at}: {error}: {patch}")),
        }
        let next = case.judge(policies, &object);
        if next.iter().any(|other| other.message == one.message) {
            return faults.push(format!("{at}: mended, and still: {}", one.message));
        }
        said = next;
    }
    faults.push(format!("{at}: mending does not end"));
}

#[test]
fn every_policy_is_whole() {
    let mut faults = Vec::new();
    let mut titles: HashMap<String, String> = HashMap::new();
    let recommended: BTreeSet<String> = crate::recommendation::plain_ids();
    for folder in folders() {
        let (policy, said) = match read(&folder) {
            Ok(read) => read,
            Err(error) => {
                faults.push(error);
                continue;
            }
        };
        if recommended.contains(&said.id) {
            faults.push(format!("{folder}: a recommendation has its id"));
        }
        if let Some(other) = titles.insert(said.title.clone(), folder.clone()) {
            faults.push(format!("{folder}: has the title of {other}"));
        }
        prose(&folder, &policy, &said, &mut faults);
        documents(&folder, &policy, &mut faults);
        cases(&folder, &policy, &mut faults);
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn every_library_is_used() {
    let names = super::Files::iter().filter(|name| name.starts_with("lib/"));
    for name in names {
        let name = name.trim_start_matches("lib/").trim_end_matches(".rego");
        let package = format!("package lib.{name}\n");
        let mut used = super::policies().iter();
        assert!(
            used.any(|policy| policy
                .template
                .to_string()
                .contains(&package.replace('\n', "\\n"))),
            "{name}"
        );
    }
}
