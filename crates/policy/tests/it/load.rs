//! Documents that are not as they should be, and reviews around them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use policy::review::{Action, Kind, Moment, Operation, Origin, Review};
use policy::{Document, ExternalData, Policies, Problem, World};
use serde_json::{Value, json};

fn template(kind: &str, rego: &str) -> Document {
    Document {
        source: format!("{kind}.yaml"),
        value: json!({
            "apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
            "metadata": {"name": kind.to_lowercase()},
            "spec": {
                "crd": {"spec": {"names": {"kind": kind}}},
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
            },
        }),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a test says it in place")]
fn constraint(kind: &str, name: &str, spec: Value) -> Document {
    Document {
        source: "constraints.yaml".to_owned(),
        value: json!({
            "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
            "metadata": {"name": name}, "spec": spec,
        }),
    }
}

const ALWAYS: &str = "package p\nviolation[{\"msg\": \"no\"}] { true }";

fn review(object: &Value, moment: Moment) -> Review<'_> {
    Review {
        moment,
        operation: Operation::Create,
        kind: Kind::of(object).unwrap_or_default(),
        object: Some(object),
        old_object: None,
        name: object["metadata"]["name"].as_str().unwrap_or_default(),
        namespace: object["metadata"]["namespace"].as_str().unwrap_or_default(),
        namespace_object: None,
        origin: Origin::Original,
        request: None,
    }
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}})
}

#[track_caller]
fn check_problem(documents: &[Document], expected: &str) {
    let (_, problems) = Policies::load(documents);
    let messages: Vec<&str> = problems
        .iter()
        .map(|problem: &Problem| problem.message.as_str())
        .collect();
    assert!(
        messages.iter().any(|message| message.contains(expected)),
        "{messages:?}: not {expected}"
    );
}

#[test]
fn every_problem_names_its_document_and_the_rest_still_loads() {
    let mut misnamed = template("Misnamed", ALWAYS);
    misnamed.value["metadata"]["name"] = json!("other");
    let mut two = template("Two", ALWAYS);
    two.value["spec"]["targets"] = json!([{}, {}]);
    let mut elsewhere = template("Elsewhere", ALWAYS);
    elsewhere.value["spec"]["targets"][0]["target"] = json!("admission.example");
    let documents = [
        template("Good", ALWAYS),
        template("Broken", "package p\nviolation[x] {"),
        misnamed.clone(),
        two.clone(),
        elsewhere.clone(),
        constraint("Good", "a", json!({})),
        constraint("Good", "odd", json!({"match": {"knds": []}})),
        constraint("Good", "action", json!({"enforcementAction": "block"})),
        constraint("Good", "parameters", json!({"parameters": {"a": 1}})),
        constraint("Good", "Capital", json!({})),
        constraint("Broken", "b", json!({})),
        constraint("Absent", "c", json!({})),
    ];
    let (policies, problems) = Policies::load(&documents);
    assert_eq!(policies.constraints().count(), 1);
    assert_eq!(problems.len(), 10, "{problems:#?}");
    for problem in &problems {
        assert!(!problem.source.is_empty() && !problem.kind.is_empty());
    }
    check_problem(&documents, "template:2:");
    check_problem(
        &[misnamed],
        "must be the lower-case of spec.crd.spec.names.kind: 'misnamed'",
    );
    check_problem(&[two], "multi-target templates are not currently supported");
    check_problem(&[elsewhere], "'admission.example' is not known");
    check_problem(
        &documents,
        "spec.match.knds: unknown field (known are kinds",
    );
    check_problem(
        &documents,
        "'block' is not known (one of deny, warn, dryrun, scoped)",
    );
    check_problem(&documents, "spec.parameters: unknown field");
    check_problem(&documents, "invalid name: 'Capital'");
    check_problem(&documents, "its ConstraintTemplate could not be read");
    check_problem(&documents, "no ConstraintTemplate of kind Absent");
}

#[test]
fn a_broken_document_leaves_what_it_would_replace() {
    let documents = [
        template("Rule", ALWAYS),
        template("Rule", "package p\nviolation["),
        constraint("Rule", "a", json!({})),
        constraint("Rule", "a", json!({"enforcementAction": "nonsense"})),
    ];
    let (policies, problems) = Policies::load(&documents);
    assert_eq!(problems.len(), 2);
    let said = policies.review(&review(&pod("p"), Moment::Audit), &World::default());
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].action, said[0].failed), (Action::Deny, false));
}

#[test]
fn actions_go_by_the_moment() {
    let scoped = json!({"enforcementAction": "scoped", "scopedEnforcementActions": [
        {"action": "deny", "enforcementPoints": [{"name": "validation.gatekeeper.sh"}]},
        {"action": "warn", "enforcementPoints": [{"name": "validation.gatekeeper.sh"},
            {"name": "audit.gatekeeper.sh"}]},
    ]});
    let documents = [
        template("Rule", ALWAYS),
        constraint("Rule", "scoped", scoped),
        constraint("Rule", "noted", json!({"enforcementAction": "dryrun"})),
    ];
    let (policies, problems) = Policies::load(&documents);
    assert!(problems.is_empty(), "{problems:?}");
    let object = pod("p");
    let actions = |moment| -> Vec<(String, Action)> {
        let said = policies.review(&review(&object, moment), &World::default());
        said.into_iter()
            .map(|violation| (violation.constraint, violation.action))
            .collect()
    };
    let noted = ("noted".to_owned(), Action::DryRun);
    let scoped = |action| ("scoped".to_owned(), action);
    assert_eq!(actions(Moment::Ci), std::slice::from_ref(&noted));
    assert_eq!(
        actions(Moment::Audit),
        [noted.clone(), scoped(Action::Warn)]
    );
    assert_eq!(actions(Moment::Admission), [noted, scoped(Action::Deny)]);
}

#[test]
fn an_error_is_a_violation_that_says_so() {
    let conflict = "package p\nviolation[{\"msg\": m}] { m := f(1) }\nf(x) = \"a\" { x == 1 }\n\
                    f(x) = \"b\" { x > 0 }";
    let number = "package p\nviolation[{\"msg\": 5}] { true }";
    let silent = "package p\nviolation[{\"text\": \"no msg\"}] { true }";
    let documents = [
        template("Conflict", conflict),
        template("Number", number),
        template("Silent", silent),
        constraint("Conflict", "a", json!({})),
        constraint("Number", "a", json!({})),
        constraint("Silent", "a", json!({})),
    ];
    let (policies, problems) = Policies::load(&documents);
    assert!(problems.is_empty(), "{problems:?}");
    let said = policies.review(&review(&pod("p"), Moment::Audit), &World::default());
    let failed: Vec<(&str, bool)> = said
        .iter()
        .map(|violation| (violation.kind.as_str(), violation.failed))
        .collect();
    assert_eq!(failed, [("Conflict", true), ("Number", true)], "{said:#?}");
}

#[test]
fn policies_are_shared_by_threads_and_say_the_same() {
    let rego = "package p\nviolation[{\"msg\": msg}] { msg := input.review.object.metadata.name }";
    let documents = [template("Rule", rego), constraint("Rule", "a", json!({}))];
    let (policies, _) = Policies::load(&documents);
    let world = World::default();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (policies, world) = (&policies, &world);
            scope.spawn(move || {
                for index in 0..50 {
                    let name = format!("p{}", (thread + index) % 7);
                    let object = pod(&name);
                    let said = policies.review(&review(&object, Moment::Audit), world);
                    assert_eq!(said[0].message, name);
                }
            });
        }
    });
}

#[test]
fn kinds_that_are_looked_up_are_named() {
    let config = Document {
        source: "config.yaml".to_owned(),
        value: json!({"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
            "spec": {"sync": {"syncOnly": [{"group": "", "version": "v1", "kind": "Service"}]}}}),
    };
    let set = Document {
        source: "set.yaml".to_owned(),
        value: json!({"apiVersion": "syncset.gatekeeper.sh/v1alpha1", "kind": "SyncSet",
            "spec": {"gvks": [{"group": "apps", "version": "v1", "kind": "Deployment"}]}}),
    };
    let (policies, _) = Policies::load(&[config, set]);
    let kinds: Vec<String> = policies
        .inventory_kinds()
        .into_iter()
        .map(|kind| kind.kind)
        .collect();
    assert_eq!(kinds, ["Service", "Deployment"]);
}

/// Knows who has to be refused, and notes whom it is asked about: each
/// evaluation asks once.
#[derive(Debug)]
struct Refusing {
    refused: BTreeSet<String>,
    asked: Mutex<Vec<String>>,
}

impl ExternalData for Refusing {
    fn ask(&self, _: &str, keys: &[String]) -> Value {
        self.asked.lock().unwrap().extend(keys.iter().cloned());
        let refused = keys.iter().filter(|key| self.refused.contains(*key));
        let errors: Vec<Value> = refused.map(|key| json!([key, "refused"])).collect();
        json!({"responses": [], "errors": errors, "status_code": 200, "system_error": ""})
    }
}

/// Speaks for a constraint, by the name it is given as a parameter.
const SPEAKS: &str = r#"package p
violation[{"msg": msg}] {
  said := external_data({"provider": "p", "keys": [input.parameters.name]})
  count(said.errors) > 0
  msg := sprintf("%v of %v", [input.parameters.name, input.review.object.kind])
}"#;

#[test]
fn of_ten_thousand_constraints_those_that_match_are_evaluated_once_and_no_others() {
    const CONSTRAINTS: usize = 10_000;
    const KINDS: usize = 100;
    let mut rule = template("Rule", SPEAKS);
    rule.value["spec"]["crd"]["spec"]["validation"] = json!({"openAPIV3Schema": {
        "type": "object", "properties": {"name": {"type": "string"}}}});
    let mut documents = vec![rule];
    documents.extend((0..CONSTRAINTS).map(|index| {
        let (name, kind) = (format!("c{index}"), format!("Kind{}", index % KINDS));
        let matches = json!({"kinds": [{"apiGroups": ["apps"], "kinds": [kind]}]});
        let spec = json!({"match": matches, "parameters": {"name": name}});
        constraint("Rule", &name, spec)
    }));
    let (policies, problems) = Policies::load(&documents);
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(policies.constraints().count(), CONSTRAINTS);

    let refused = ["c0", "c77", "c1078", "c5077", "c9977", "c9999"];
    let refusing = Arc::new(Refusing {
        refused: refused.map(str::to_owned).into(),
        asked: Mutex::default(),
    });
    let world = World {
        external: Some(refusing.clone()),
        ..World::default()
    };
    // What is said of an object of a kind, and who was asked for that.
    let judge = |version: &str, kind: &str| {
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
        let said = policies.review(&review(&object, Moment::Audit), &world);
        let said: Vec<(String, String)> = said
            .into_iter()
            .map(|one| (one.constraint, one.message))
            .collect();
        let mut asked = std::mem::take(&mut *refusing.asked.lock().unwrap());
        asked.sort();
        (said, asked)
    };
    for (kind, expected) in [
        (0, &["c0"][..]),
        (77, &["c5077", "c77", "c9977"]),
        (78, &["c1078"]),
        (98, &[]),
        (99, &["c9999"]),
    ] {
        let name = format!("Kind{kind}");
        let (said, asked) = judge("apps/v1", &name);
        let expected = expected.iter().map(|constraint| {
            let message = format!("{constraint} of {name}");
            ((*constraint).to_owned(), message)
        });
        assert_eq!(said, expected.collect::<Vec<_>>());
        let mut matching: Vec<String> = (kind..CONSTRAINTS)
            .step_by(KINDS)
            .map(|index| format!("c{index}"))
            .collect();
        matching.sort();
        assert_eq!(asked, matching);
    }
    // Neither another kind nor another group.
    for (version, kind) in [
        ("apps/v1", "Kind100"),
        ("batch/v1", "Kind77"),
        ("v1", "Pod"),
    ] {
        assert_eq!(judge(version, kind), (Vec::new(), Vec::new()), "{kind}");
        let kind = Kind::of(&json!({"apiVersion": version, "kind": kind})).unwrap();
        assert!(!policies.wants(&kind), "{kind:?}");
    }
}

#[test]
fn a_config_leaves_namespaces_alone_for_the_processes_it_names() {
    let config = |entry: Value| Document {
        source: "config.yaml".to_owned(),
        value: json!({"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
            "metadata": {"name": "config"}, "spec": {"match": [entry]}}),
    };
    let labels = Document {
        source: "mutation.yaml".to_owned(),
        value: json!({"apiVersion": "mutations.gatekeeper.sh/v1", "kind": "AssignMetadata",
            "metadata": {"name": "owner"},
            "spec": {"location": "metadata.labels.owner",
                "parameters": {"assign": {"value": "unknown"}}}}),
    };
    let with = |processes: &[&str]| {
        let entry = json!({"excludedNamespaces": ["legacy-*"], "processes": processes});
        let all = [
            template("Rule", ALWAYS),
            constraint("Rule", "a", json!({})),
            labels.clone(),
            config(entry),
        ];
        let (policies, problems) = Policies::load(&all);
        assert!(problems.is_empty(), "{problems:#?}");
        policies
    };
    let object = |namespace: &str| {
        let mut pod = pod("web");
        pod["metadata"]["namespace"] = json!(namespace);
        pod
    };
    let world = World::default();
    let said = |policies: &Policies, namespace: &str, moment| {
        let object = object(namespace);
        policies.review(&review(&object, moment), &world).len()
    };
    let changes = |policies: &Policies, namespace: &str| {
        let object = object(namespace);
        let review = review(&object, Moment::Admission);
        policies.mutate(&review, &world).unwrap().is_some()
    };
    let audit = with(&["audit"]);
    assert_eq!(said(&audit, "legacy-1", Moment::Audit), 0);
    assert_eq!(said(&audit, "legacy-1", Moment::Admission), 1);
    assert_eq!(said(&audit, "shop", Moment::Audit), 1);
    assert!(changes(&audit, "legacy-1"));
    let webhook = with(&["webhook"]);
    assert_eq!(said(&webhook, "legacy-1", Moment::Admission), 0);
    assert_eq!(said(&webhook, "legacy-1", Moment::Audit), 1);
    let mutation = with(&["mutation-webhook"]);
    assert!(!changes(&mutation, "legacy-1"));
    assert!(changes(&mutation, "shop"));
    assert_eq!(said(&mutation, "legacy-1", Moment::Admission), 1);
    let all = with(&["*"]);
    assert_eq!(said(&all, "legacy-1", Moment::Audit), 0);
    assert!(!changes(&all, "legacy-1"));
    // A manifest is judged before there is such a process.
    assert_eq!(said(&all, "legacy-1", Moment::Ci), 1);
    let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "legacy-1"}});
    let asked = review(&own, Moment::Audit);
    assert!(
        all.review(&asked, &world).is_empty(),
        "the namespace itself"
    );
    check_problem(
        &[config(
            json!({"excludedNamespaces": ["a"], "processes": ["audits"]}),
        )],
        "spec.match[0].processes: 'audits' is not known (one of *, audit",
    );
}
