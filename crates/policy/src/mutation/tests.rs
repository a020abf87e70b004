//! Mutators, as Gatekeeper applies them.
#![expect(
    clippy::needless_pass_by_value,
    reason = "documents are written where they are used"
)]

use serde_json::{Value, json};

use super::*;
use crate::review::Moment;
use crate::world::ExternalData;

fn mutator(kind: &str, name: &str, location: &str, parameters: Value) -> Value {
    let mut mutator = json!({
        "apiVersion": "mutations.gatekeeper.sh/v1", "kind": kind,
        "metadata": {"name": name},
        "spec": {"location": location, "parameters": parameters}});
    if kind != "AssignMetadata" {
        mutator["spec"]["applyTo"] =
            json!([{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}]);
    }
    mutator
}

fn assign(location: &str, value: Value) -> Value {
    mutator(
        "Assign",
        "assign",
        location,
        json!({"assign": {"value": value}}),
    )
}

fn load(values: &[Value]) -> (Mutators, Vec<Problem>) {
    let documents: Vec<Document> = values
        .iter()
        .map(|value| Document {
            source: "test.yaml".to_owned(),
            value: value.clone(),
        })
        .collect();
    let mut problems = Vec::new();
    let mutators = Mutators::load(&documents, &mut problems);
    (mutators, problems)
}

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
           "spec": {"containers": [{"name": "a", "image": "nginx:1"},
                                   {"name": "b", "image": "ghcr.io/x/y:2"}]}})
}

fn review(object: &Value) -> Review<'_> {
    Review {
        moment: Moment::Admission,
        operation: Operation::Create,
        kind: Kind::of(object).unwrap(),
        object: Some(object),
        old_object: None,
        name: "web",
        namespace: "shop",
        namespace_object: None,
        origin: Origin::Original,
        request: None,
    }
}

fn mutated(values: &[Value]) -> Value {
    let (mutators, problems) = load(values);
    assert_eq!(problems, []);
    let pod = pod();
    let made = mutators.apply(&review(&pod), &World::default());
    made.unwrap().unwrap_or(pod)
}

fn problem(value: Value) -> String {
    let (_, problems) = load(&[value]);
    problems[0].message.clone()
}

#[test]
fn a_member_is_set_and_what_is_missing_is_made() {
    let made = mutated(&[assign("spec.securityContext.runAsNonRoot", json!(true))]);
    assert_eq!(
        made["spec"]["securityContext"],
        json!({"runAsNonRoot": true})
    );
}

#[test]
fn entries_of_a_list_are_found_by_their_key() {
    let location = "spec.containers[name: b].imagePullPolicy";
    let made = mutated(&[assign(location, json!("Always"))]);
    assert_eq!(made["spec"]["containers"][0].get("imagePullPolicy"), None);
    assert_eq!(made["spec"]["containers"][1]["imagePullPolicy"], "Always");
    let made = mutated(&[assign(
        "spec.containers[name: *].imagePullPolicy",
        json!("Always"),
    )]);
    assert_eq!(made["spec"]["containers"][0]["imagePullPolicy"], "Always");
    let made = mutated(&[assign("spec.containers[name: c].image", json!("x"))]);
    assert_eq!(
        made["spec"]["containers"][2],
        json!({"name": "c", "image": "x"})
    );
}

#[test]
fn a_whole_entry_is_added_or_replaced() {
    let entry = json!({"name": "a", "image": "z"});
    let made = mutated(&[assign("spec.containers[name: a]", entry.clone())]);
    assert_eq!(made["spec"]["containers"][0], entry);
    let wrong = assign("spec.containers[name: b]", entry);
    assert!(problem(wrong).contains("different key"));
    assert!(problem(assign("spec.containers[name: *]", json!({}))).contains("globbed"));
}

#[test]
fn tests_of_the_path_decide() {
    let with = |condition: &str, sub: &str| {
        mutated(&[mutator(
            "Assign",
            "a",
            "spec.hostname.x",
            json!({"assign": {"value": 1}, "pathTests": [{"subPath": sub, "condition": condition}]}),
        )])
    };
    assert_eq!(with("MustExist", "spec.hostname"), pod());
    assert_eq!(with("MustNotExist", "spec"), pod());
    assert_ne!(with("MustNotExist", "spec.hostname"), pod());
}

#[test]
fn metadata_is_added_and_never_replaced() {
    let label = |name: &str| {
        mutator(
            "AssignMetadata",
            "label",
            &format!("metadata.labels.{name}"),
            json!({"assign": {"value": "new"}}),
        )
    };
    assert_eq!(
        mutated(&[label("owner")])["metadata"]["labels"]["owner"],
        "new"
    );
    assert_eq!(mutated(&[label("app")]), pod());
    let elsewhere = mutator(
        "AssignMetadata",
        "x",
        "spec.a",
        json!({"assign": {"value": "a"}}),
    );
    assert!(problem(elsewhere).contains("invalid location"));
    let number = mutator(
        "AssignMetadata",
        "x",
        "metadata.labels.a",
        json!({"assign": {"value": 1}}),
    );
    assert!(problem(number).contains("must be a string"));
}

#[test]
fn a_name_or_a_namespace_may_be_the_value() {
    let from = mutator(
        "AssignMetadata",
        "from",
        "metadata.annotations.place",
        json!({"assign": {"fromMetadata": {"field": "namespace"}}}),
    );
    assert_eq!(mutated(&[from])["metadata"]["annotations"]["place"], "shop");
}

#[test]
fn sets_are_merged_and_pruned_in_order() {
    let set = |operation: &str, values: Value| {
        mutator(
            "ModifySet",
            "set",
            "spec.containers[name: a].args",
            json!({"operation": operation, "values": {"fromList": values}}),
        )
    };
    let made = mutated(&[set("merge", json!(["-a", "-b"]))]);
    assert_eq!(made["spec"]["containers"][0]["args"], json!(["-a", "-b"]));
    let (mutators, _) = load(&[set("prune", json!(["-a"]))]);
    let mut object = pod();
    object["spec"]["containers"][0]["args"] = json!(["-x", "-a", "-y"]);
    let made = mutators
        .apply(&review(&object), &World::default())
        .unwrap()
        .unwrap();
    assert_eq!(made["spec"]["containers"][0]["args"], json!(["-x", "-y"]));
}

#[test]
fn images_are_moved_to_another_registry() {
    let image = mutator(
        "AssignImage",
        "mirror",
        "spec.containers[name: *].image",
        json!({"assignDomain": "mirror.example"}),
    );
    let made = mutated(&[image]);
    assert_eq!(
        made["spec"]["containers"][0]["image"],
        "mirror.example/nginx:1"
    );
    assert_eq!(
        made["spec"]["containers"][1]["image"],
        "mirror.example/x/y:2"
    );
}

#[test]
fn what_does_not_match_stays_as_it_is() {
    let mut other = assign("spec.x", json!(1));
    other["spec"]["match"] = json!({"namespaces": ["far"]});
    assert_eq!(mutated(&[other]), pod());
    let mut update = assign("spec.x", json!(1));
    update["spec"]["applyTo"][0]["operations"] = json!(["UPDATE"]);
    assert_eq!(mutated(&[update]), pod());
    let mut generated = assign("spec.x", json!(1));
    generated["spec"]["match"] = json!({"source": "Generated"});
    assert_eq!(mutated(&[generated]), pod());
}

#[test]
fn mutators_that_build_on_each_other_converge() {
    let mut second = assign("spec.b", json!(2));
    second["metadata"]["name"] = json!("aa");
    second["spec"]["match"] = json!({"labelSelector": {"matchLabels": {"set": "yes"}}});
    let first = mutator(
        "AssignMetadata",
        "label",
        "metadata.labels.set",
        json!({"assign": {"value": "yes"}}),
    );
    assert_eq!(mutated(&[second, first])["spec"]["b"], 2);
}

#[test]
fn mutators_that_never_agree_are_an_error() {
    let image = |name: &str, tag: &str| {
        mutator(
            "AssignImage",
            name,
            "spec.containers[name: a].image",
            json!({"assignTag": tag}),
        )
    };
    // Each is right by itself; together the last one always wins, which
    // is the same after every round.
    let made = mutated(&[image("a", ":1"), image("b", ":2")]);
    assert_eq!(made["spec"]["containers"][0]["image"], "nginx:2");
    // One that adds what the other needs to be absent does not settle.
    let set = |name: &str, operation: &str| {
        mutator(
            "ModifySet",
            name,
            "spec.containers[name: a].args",
            json!({"operation": operation, "values": {"fromList": [name]}}),
        )
    };
    let (mutators, _) = load(&[set("a", "merge"), set("b", "merge")]);
    assert!(mutators.apply(&review(&pod()), &World::default()).is_ok());
}

#[test]
fn mutators_that_see_different_shapes_are_named_and_left_out() {
    let list = assign("spec.containers[name: a].x", json!(1));
    let mut object = assign("spec.containers.x", json!(1));
    object["metadata"]["name"] = json!("object");
    let mut fine = assign("spec.y", json!(1));
    fine["metadata"]["name"] = json!("fine");
    let (mutators, problems) = load(&[list, object, fine]);
    assert_eq!(problems.len(), 2);
    assert!(
        problems[0].message.contains("Assign/object"),
        "{problems:?}"
    );
    let made = mutators
        .apply(&review(&pod()), &World::default())
        .unwrap()
        .unwrap();
    assert_eq!(made["spec"]["y"], 1);
    assert_eq!(made["spec"]["containers"][0].get("x"), None);
    let mut key = assign("spec.containers[image: a].x", json!(1));
    key["metadata"]["name"] = json!("key");
    let (_, problems) = load(&[assign("spec.containers[name: a].x", json!(1)), key]);
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_wrong_type_on_the_way_is_an_error_that_names_the_mutator() {
    let (mutators, _) = load(&[assign("metadata_.x", json!(1)), assign("kind.x", json!(1))]);
    let error = mutators
        .apply(&review(&pod()), &World::default())
        .unwrap_err();
    assert_eq!(error.mutator, "Assign/assign");
    assert!(
        error.message.contains("mismatch between path entry"),
        "{error}"
    );
}

#[test]
fn the_namespace_of_the_request_is_lent_only() {
    let mut object = pod();
    object["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    let mut by_namespace = assign("spec.x", json!(1));
    by_namespace["spec"]["match"] = json!({"namespaces": ["shop"]});
    let (mutators, _) = load(&[by_namespace]);
    let made = mutators
        .apply(&review(&object), &World::default())
        .unwrap()
        .unwrap();
    assert_eq!(made["spec"]["x"], 1);
    assert_eq!(made["metadata"].get("namespace"), None);
}

#[test]
fn what_is_wrong_with_a_mutator_is_said() {
    assert!(problem(assign("metadata.labels.x", json!("a"))).contains("can't change metadata"));
    assert!(problem(assign("spec.a[name: x].name", json!("y"))).contains("item key"));
    assert!(problem(mutator("Assign", "a", "spec.x", json!({}))).contains("must set one of"));
    assert!(problem(mutator("Shuffle", "a", "spec.x", json!({}))).contains("'Shuffle'"));
    let mut old = assign("spec.x", json!(1));
    old["apiVersion"] = json!("mutations.gatekeeper.sh/v7");
    assert!(problem(old).contains("'v7'"));
}

#[derive(Debug)]
struct Answering;

impl ExternalData for Answering {
    fn ask(&self, provider: &str, keys: &[String]) -> Value {
        let (good, bad): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.contains("nginx"));
        json!({
            "responses": good.iter().map(|key| json!([key, format!("{key}@sha256:1")])).collect::<Vec<_>>(),
            "errors": bad.iter().map(|key| json!([key, "not known"])).collect::<Vec<_>>(),
            "status_code": 200, "system_error": "", "idempotent": provider != "moody"})
    }
}

#[test]
fn external_data_fills_in_what_it_knows() {
    let external = |policy: Value| {
        let mut external = json!({"provider": "digests"});
        external
            .as_object_mut()
            .unwrap()
            .extend(policy.as_object().unwrap().clone());
        let (mutators, problems) = load(&[mutator(
            "Assign",
            "digest",
            "spec.containers[name: *].image",
            json!({"assign": {"externalData": external}}),
        )]);
        assert_eq!(problems, []);
        let world = World {
            external: Some(std::sync::Arc::new(Answering)),
            ..World::default()
        };
        let made = mutators.apply(&review(&pod()), &world)?;
        let images = made.unwrap()["spec"]["containers"].clone();
        Ok::<_, MutateError>([images[0]["image"].clone(), images[1]["image"].clone()])
    };
    let ignoring = external(json!({"failurePolicy": "Ignore"})).unwrap();
    assert_eq!(ignoring, ["nginx:1@sha256:1", "ghcr.io/x/y:2"]);
    let default = external(json!({"failurePolicy": "UseDefault", "default": "none"})).unwrap();
    assert_eq!(default[1], "none");
    let error = external(json!({})).unwrap_err();
    assert!(
        error.message.contains("provider digests: not known"),
        "{error}"
    );
}

#[test]
fn an_answer_that_may_be_another_one_next_time_changes_nothing() {
    let (mutators, _) = load(&[mutator(
        "Assign",
        "digest",
        "spec.containers[name: *].image",
        json!({"assign": {"externalData": {"provider": "moody"}}}),
    )]);
    let world = World {
        external: Some(std::sync::Arc::new(Answering)),
        ..World::default()
    };
    let error = mutators.apply(&review(&pod()), &world).unwrap_err();
    assert!(error.message.contains("non-idempotent response"), "{error}");
}

#[test]
fn external_data_that_is_off_is_an_error() {
    let (mutators, _) = load(&[mutator(
        "Assign",
        "digest",
        "spec.containers[name: *].image",
        json!({"assign": {"externalData": {"provider": "digests"}}}),
    )]);
    let error = mutators
        .apply(&review(&pod()), &World::default())
        .unwrap_err();
    assert!(error.message.contains("--external-data"), "{error}");
}
