//! The interpreter and the virtual machine say the same of the same.

use policy::review::{Kind, Moment, Operation, Origin, Review, Violation};
use policy::suite::RegoEngine;
use policy::{Document, Policies, World};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Policies that do what is easily told apart: absent values under
/// negation, in comprehensions, in functions, in partial objects.
const RULES: &[&str] = &[
    "violation[{\"msg\": msg}] { s := input.review.object.spec; not priv(s); msg := \"a\" }
     priv(s) { s.hostNetwork }",
    "violation[{\"msg\": msg}] { c := input.review.object.spec.containers[_]; ctx := c.securityContext;
       not ctx.runAsNonRoot; msg := sprintf(\"%v %v\", [c.name]) }",
    "violation[{\"msg\": msg, \"details\": {\"missing\": missing}}] {
       given := {k | input.review.object.metadata.labels[k]}; wanted := {\"app\", \"team\"};
       missing := wanted - given; count(missing) > 0; msg := sprintf(\"%v\", [missing]) }",
    "violation[{\"msg\": msg}] { c := all_containers[_]; not known(c.image); msg := c.name }
     all_containers[c] { c := input.review.object.spec.containers[_] }
     all_containers[c] { c := input.review.object.spec.initContainers[_] }
     known(image) { startswith(image, input.parameters.repos[_]) }",
    "violation[{\"msg\": msg}] { c := input.review.object.spec.containers[_];
       bad := [v | v := c.env[_]; not v.valueFrom]; count(bad) > 0; msg := sprintf(\"%v\", [bad]) }",
    "violation[{\"msg\": msg}] { x := object.get(input.review.object, \"metadata\", {});
       y := object.get(x, \"annotations\", {}); not y.owner; msg := json.marshal(x) }",
    "violation[{\"msg\": msg}] { c := input.review.object.spec.containers[i];
       m := mem(c.resources.limits.memory); m > 10; msg := sprintf(\"%d %v\", [i, m]) }
     mem(x) = n { is_number(x); n := x } mem(x) = n { is_string(x); n := to_number(x) }",
    "violation[{\"msg\": msg}] { some i; c := input.review.object.spec.containers[i];
       not c.resources.limits; not c.resources.requests.cpu; msg := concat(\"/\", [c.name, format_int(i, 10)]) }",
    "default strict = false
     strict { input.parameters.strict == true }
     violation[{\"msg\": msg}] { strict; caps := {c | c := input.review.object.spec.containers[_].securityContext.capabilities.add[_]};
       count(caps - {\"NET_BIND_SERVICE\"}) > 0; msg := sprintf(\"%v\", [caps]) }",
    "violation[{\"msg\": msg}] { v := input.review.object.spec.volumes[_]; f := [k | v[k]; k != \"name\"];
       x := f[0]; not x == \"configMap\"; msg := x }",
    "violation[{\"msg\": msg}] { a := input.review.object.spec.hostPID; b := input.review.object.spec.hostIPC;
       any([a == true, b == true]); msg := \"host\" }",
    "violation[{\"msg\": msg}] { level := pick(input.review.object); msg := level }
     pick(o) = \"none\" { not o.spec } else = \"some\" { o.spec.containers } else = \"odd\" { true }",
    "violation[{\"msg\": msg}] { walk(input.review.object.spec, [path, value]); value == \"latest\"; msg := sprintf(\"%v\", [path]) }",
    "violation[{\"msg\": msg}] { by := {n: i | c := input.review.object.spec.containers[_]; n := c.name; i := c.image};
       i := by[n]; not contains(i, \":\"); msg := n }",
];

fn documents() -> Vec<Document> {
    let mut documents = Vec::new();
    for (index, rules) in RULES.iter().enumerate() {
        let kind = format!("Rule{index}");
        let document = |value| Document {
            source: format!("rule {index}"),
            value,
        };
        documents.push(document(json!({
            "apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
            "metadata": {"name": kind.to_lowercase()},
            "spec": {
                "crd": {"spec": {"names": {"kind": kind}, "validation": {"legacySchema": true}}},
                "targets": [{"target": "admission.k8s.gatekeeper.sh",
                    "rego": format!("package rule{index}\n{rules}")}],
            },
        })));
        documents.push(document(json!({
            "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
            "metadata": {"name": "it"},
            "spec": {"parameters": {"repos": ["registry.example/"], "strict": true}},
        })));
    }
    documents
}

fn load(documents: &[Document], engine: RegoEngine) -> Policies {
    let (policies, problems) = Policies::load_on(documents, engine);
    assert!(problems.is_empty(), "{engine:?}: {problems:#?}");
    policies
}

fn judge(policies: &Policies, object: &Value, world: &World) -> Vec<Violation> {
    policies.review(
        &Review {
            moment: Moment::Audit,
            operation: Operation::Create,
            kind: Kind::of(object).unwrap_or_default(),
            object: Some(object),
            old_object: None,
            name: object["metadata"]["name"].as_str().unwrap_or_default(),
            namespace: object["metadata"]["namespace"].as_str().unwrap_or_default(),
            namespace_object: None,
            origin: Origin::Original,
            request: None,
        },
        world,
    )
}

type Words = (String, String, Value, bool);

/// What violations say; of errors, that there is one.
fn words(violations: &[Violation]) -> Vec<Words> {
    violations
        .iter()
        .map(|each| {
            let message = if each.failed {
                String::new()
            } else {
                each.message.clone()
            };
            (
                each.kind.clone(),
                message,
                each.details.clone(),
                each.failed,
            )
        })
        .collect()
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..40).prop_map(Value::from),
        prop_oneof![
            "latest",
            "registry.example/a:1",
            "nginx",
            "12",
            "",
            "NET_ADMIN",
            "é%v\""
        ]
        .prop_map(Value::from),
    ]
}

/// A field that may be absent, of another type, or as it should be.
fn field(right: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    prop_oneof![
        2 => Just(None),
        1 => scalar().prop_map(Some),
        6 => right.prop_map(Some),
    ]
    .boxed()
}

fn object(fields: Vec<(&'static str, BoxedStrategy<Option<Value>>)>) -> BoxedStrategy<Value> {
    let (names, strategies): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    strategies
        .prop_map(move |values| {
            let mut map = Map::new();
            for (name, value) in names.iter().zip(values) {
                if let Some(value) = value {
                    map.insert((*name).to_owned(), value);
                }
            }
            Value::Object(map)
        })
        .boxed()
}

fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop::collection::vec(item, 0..4)
        .prop_map(Value::from)
        .boxed()
}

fn container() -> BoxedStrategy<Value> {
    let quantities = || object(vec![("memory", field(scalar())), ("cpu", field(scalar()))]);
    let resources = object(vec![
        ("limits", field(quantities())),
        ("requests", field(quantities())),
    ]);
    let capabilities = object(vec![("add", field(list(scalar().boxed())))]);
    let context = object(vec![
        ("runAsNonRoot", field(any::<bool>().prop_map(Value::from))),
        ("privileged", field(any::<bool>().prop_map(Value::from))),
        ("capabilities", field(capabilities)),
    ]);
    let variable = object(vec![
        ("name", field(scalar())),
        ("value", field(scalar())),
        ("valueFrom", field(Just(json!({"secretKeyRef": {}})))),
    ]);
    object(vec![
        (
            "name",
            field(prop_oneof!["a", "b", "c"].prop_map(Value::from)),
        ),
        ("image", field(scalar())),
        ("resources", field(resources)),
        ("securityContext", field(context)),
        ("env", field(list(variable))),
    ])
}

fn pod() -> BoxedStrategy<Value> {
    let volume = object(vec![
        ("name", field(scalar())),
        ("hostPath", field(Just(json!({"path": "/"})))),
        ("configMap", field(Just(json!({"name": "c"})))),
    ]);
    let spec = object(vec![
        ("containers", field(list(container()))),
        ("initContainers", field(list(container()))),
        ("volumes", field(list(volume))),
        ("hostNetwork", field(any::<bool>().prop_map(Value::from))),
        ("hostPID", field(any::<bool>().prop_map(Value::from))),
        ("hostIPC", field(any::<bool>().prop_map(Value::from))),
    ]);
    let labels = || object(vec![("app", field(scalar())), ("team", field(scalar()))]);
    let metadata = object(vec![
        ("name", field(Just(json!("web")))),
        ("labels", field(labels())),
        ("annotations", field(labels())),
    ]);
    object(vec![
        ("apiVersion", Just(Some(json!("v1"))).boxed()),
        ("kind", Just(Some(json!("Pod"))).boxed()),
        ("metadata", field(metadata)),
        ("spec", field(spec)),
    ])
}

/// Holds `count` random pods to the same verdict on both engines.
fn compare(documents: &[Document], count: u32) {
    let interpreter = load(documents, RegoEngine::Interpreter);
    let machine = load(documents, RegoEngine::Bytecode);
    let world = World::default();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    };
    proptest!(config, |(pod in pod())| {
        let one = judge(&interpreter, &pod, &world);
        let other = judge(&machine, &pod, &world);
        prop_assert_eq!(words(&one), words(&other));
        // What is remembered is what was said.
        prop_assert_eq!(words(&one), words(&judge(&interpreter, &pod, &world)));
        prop_assert_eq!(words(&one), words(&judge(&machine, &pod, &world)));
    });
}

#[test]
fn random_pods_are_judged_alike() {
    compare(&documents(), 300);
}

/// The public library's, where a copy is at hand: every constraint
/// against every object, and against random pods.
#[test]
fn the_library_judges_alike() {
    let Some(library) = crate::library::library() else {
        return;
    };
    let (mut constraints, mut objects) = (Vec::new(), Vec::new());
    let mut templates = Vec::new();
    for (source, value) in crate::library::yaml(&library.join("library")) {
        let version = value["apiVersion"].as_str().unwrap_or_default().to_owned();
        let document = Document { source, value };
        if version.starts_with("templates.gatekeeper.sh") {
            templates.push(document);
        } else if version.starts_with("constraints.gatekeeper.sh") {
            constraints.push(document);
        } else if !version.is_empty() && !version.contains("gatekeeper.sh") {
            objects.push(document.value);
        }
    }
    // Names are used again from sample to sample.
    for (index, constraint) in constraints.iter_mut().enumerate() {
        constraint.value["metadata"]["name"] = json!(format!("c{index}"));
        constraint.value["spec"]["match"] = json!({});
    }
    let all = [templates, constraints].concat();
    let (interpreter, problems) = Policies::load_on(&all, RegoEngine::Interpreter);
    let (machine, _) = Policies::load_on(&all, RegoEngine::Bytecode);
    for problem in &problems {
        eprintln!("{}: {} {}", problem.source, problem.name, problem.message);
    }
    let mut world = World::default();
    for object in &objects {
        world.inventory.put(object);
    }
    let (mut said, mut differ) = (0, Vec::new());
    for object in &objects {
        let one = judge(&interpreter, object, &world);
        let other = judge(&machine, object, &world);
        said += one.len();
        if words(&one) != words(&other) {
            let (one, other) = (words(&one), words(&other));
            let only = |these: &[Words], those: &[Words]| -> Vec<String> {
                let these = these.iter().filter(|each| !those.contains(each));
                these.map(|each| format!("{each:?}")).collect()
            };
            differ.push(format!(
                "{}: interpreter alone {:#?}\nmachine alone {:#?}",
                object["metadata"]["name"],
                only(&one, &other),
                only(&other, &one)
            ));
        }
    }
    eprintln!(
        "{} constraints, {} templates on the machine, {} on the interpreter, {} objects, {said} \
         violations, {} differ",
        interpreter.constraints().count(),
        format!("{machine:?}").matches("bytecode: true").count(),
        format!("{machine:?}").matches("bytecode: false").count(),
        objects.len(),
        differ.len()
    );
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let loaded: Vec<Document> = all
        .into_iter()
        .filter(|document| {
            !problems
                .iter()
                .any(|problem| problem.source == document.source)
        })
        .collect();
    compare(&loaded, 200);
}

/// The default bundle, compiled together, says what each of its policies
/// says by itself: of the seeded cluster, and of random pods.
#[test]
fn policies_say_together_what_they_say_apart() {
    let documents = policy::bundle();
    let together = load(&documents, RegoEngine::Chosen);
    let is_template = |document: &&Document| document.value["kind"] == "ConstraintTemplate";
    let templates: Vec<&Document> = documents.iter().filter(is_template).collect();
    let mut apart: Vec<Policies> = Vec::new();
    for constraint in documents.iter().filter(|one| !is_template(one)) {
        let kind = &constraint.value["kind"];
        let of = |one: &&&Document| one.value["spec"]["crd"]["spec"]["names"]["kind"] == *kind;
        let template = templates.iter().find(of).copied();
        let alone: Vec<Document> = template.into_iter().chain([constraint]).cloned().collect();
        apart.push(load(&alone, RegoEngine::Chosen));
    }
    let each = |object: &Value, world: &World| {
        let said = apart.iter().flat_map(|one| judge(one, object, world));
        words(&said.collect::<Vec<_>>())
    };
    let mut count = 0;
    for cluster in [
        crate::hardening::cluster::bad().unwrap(),
        crate::hardening::cluster::twin().unwrap(),
    ] {
        let world = crate::hardening::world(&cluster);
        for one in &cluster {
            let said = words(&judge(&together, &one.object, &world));
            assert_eq!(said, each(&one.object, &world), "{}", one.object);
            count += said.len();
        }
    }
    eprintln!("{count} violations of the seeded cluster, said alike");
    assert!(count > 100);
    let world = World::default();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(60)
    };
    proptest!(config, |(pod in pod())| {
        prop_assert_eq!(words(&judge(&together, &pod, &world)), each(&pod, &world));
    });
}
