//! Kubernetes' own policies, and templates in CEL.
#![expect(
    clippy::needless_pass_by_value,
    reason = "documents are written where they are used"
)]

use serde_json::{Value as Json, json};

use super::Native;
use crate::review::{Action, Kind, Moment, Operation, Origin, Review, Violation};
use crate::set::{Document, Policies, Problem};
use crate::world::World;

fn documents(values: &[Json]) -> Vec<Document> {
    values
        .iter()
        .map(|value| Document {
            source: "test.yaml".to_owned(),
            value: value.clone(),
        })
        .collect()
}

fn load(values: &[Json]) -> (Native, Vec<Problem>) {
    let mut problems = Vec::new();
    let native = Native::load(&documents(values), &mut problems);
    (native, problems)
}

fn policy(spec: Json) -> Json {
    let mut spec = spec;
    if spec.get("matchConstraints").is_none() {
        spec["matchConstraints"] = json!({"resourceRules": [{
            "apiGroups": ["apps"], "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]});
    }
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
           "metadata": {"name": "replicas"}, "spec": spec})
}

fn binding(spec: Json) -> Json {
    let mut spec = spec;
    spec["policyName"] = json!("replicas");
    if spec.get("validationActions").is_none() {
        spec["validationActions"] = json!(["Deny"]);
    }
    json!({"apiVersion": "admissionregistration.k8s.io/v1",
           "kind": "ValidatingAdmissionPolicyBinding",
           "metadata": {"name": "bound"}, "spec": spec})
}

fn deployment(replicas: i64) -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
           "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
           "spec": {"replicas": replicas}})
}

fn review(object: &Json, operation: Operation) -> Review<'_> {
    let metadata = |key: &str| object["metadata"][key].as_str().unwrap_or("");
    Review {
        moment: Moment::Admission,
        operation,
        kind: Kind::of(object).unwrap(),
        object: Some(object),
        old_object: None,
        name: metadata("name"),
        namespace: metadata("namespace"),
        namespace_object: None,
        origin: Origin::Original,
        request: None,
    }
}

fn said(values: &[Json], object: &Json) -> Vec<Violation> {
    let (native, problems) = load(values);
    assert_eq!(problems, []);
    native.review(&review(object, Operation::Create), &World::default())
}

fn messages(values: &[Json], object: &Json) -> Vec<String> {
    said(values, object)
        .into_iter()
        .map(|violation| violation.message)
        .collect()
}

#[test]
fn a_binding_makes_a_policy_speak() {
    let policy = policy(json!({"validations": [
        {"expression": "object.spec.replicas <= 5", "message": "too many"}]}));
    assert_eq!(
        messages(std::slice::from_ref(&policy), &deployment(9)),
        [""; 0]
    );
    let violations = said(&[policy.clone(), binding(json!({}))], &deployment(9));
    let [violation] = &*violations else {
        panic!("{violations:?}");
    };
    assert_eq!(violation.kind, "ValidatingAdmissionPolicy");
    assert_eq!(violation.constraint, "bound");
    assert_eq!(violation.message, "too many");
    assert_eq!(violation.action, Action::Deny);
    assert_eq!(
        violation.details,
        json!({"policy": "replicas", "reason": "Invalid"})
    );
    assert_eq!(
        messages(&[policy, binding(json!({}))], &deployment(5)),
        [""; 0]
    );
}

#[test]
fn the_strongest_action_of_a_binding_counts() {
    let policy = policy(json!({"validations": [{"expression": "false"}]}));
    for (actions, action) in [
        (json!(["Audit"]), Action::DryRun),
        (json!(["Warn", "Audit"]), Action::Warn),
        (json!(["Audit", "Deny"]), Action::Deny),
    ] {
        let bound = binding(json!({"validationActions": actions}));
        let violations = said(&[policy.clone(), bound], &deployment(1));
        assert_eq!(violations[0].action, action);
        assert_eq!(violations[0].message, "failed expression: false");
    }
}

#[test]
fn messages_are_made_where_they_can_be() {
    let said = |validation: Json| {
        messages(
            &[
                policy(json!({"validations": [validation]})),
                binding(json!({})),
            ],
            &deployment(9),
        )
    };
    let expression = "object.spec.replicas < 5";
    assert_eq!(
        said(json!({"expression": expression,
                    "messageExpression": "'has ' + string(object.spec.replicas)"})),
        ["has 9"]
    );
    // What cannot be made, is empty, or has lines falls back.
    for made in ["object.nothing", "'  '", "'a\\nb'"] {
        assert_eq!(
            said(json!({"expression": expression, "messageExpression": made, "message": "many"})),
            ["many"]
        );
    }
}

#[test]
fn variables_are_worked_out_once_and_only_when_asked_for() {
    let policy = policy(json!({
        "variables": [
            {"name": "n", "expression": "object.spec.replicas"},
            {"name": "bad", "expression": "object.nothing"},
            {"name": "twice", "expression": "variables.n * 2"}],
        "validations": [
            {"expression": "variables.twice < 10", "messageExpression": "string(variables.twice)"},
            {"expression": "variables.n > 100 ? variables.bad : true"}]}));
    assert_eq!(
        messages(&[policy, binding(json!({}))], &deployment(9)),
        ["18"]
    );
}

#[test]
fn what_cannot_be_evaluated_follows_the_failure_policy() {
    let spec = |policy: &str| {
        json!({"failurePolicy": policy, "variables": [{"name": "v", "expression": "object.gone"}],
               "validations": [{"expression": "variables.v == 1"}]})
    };
    let violations = said(&[policy(spec("Fail")), binding(json!({}))], &deployment(1));
    assert_eq!(
        violations[0].message,
        "expression 'variables.v == 1' resulted in error: composited variable \"v\" fails to \
         evaluate: no such key: gone"
    );
    assert!(violations[0].failed);
    assert_eq!(
        messages(
            &[policy(spec("Ignore")), binding(json!({}))],
            &deployment(1)
        ),
        [""; 0]
    );
}

#[test]
fn a_condition_that_does_not_hold_outweighs_one_that_fails() {
    let said = |conditions: &[&str]| {
        let conditions: Vec<Json> = conditions
            .iter()
            .map(|source| json!({"name": "c", "expression": source}))
            .collect();
        messages(
            &[
                policy(json!({"matchConditions": conditions,
                              "validations": [{"expression": "false", "message": "no"}]})),
                binding(json!({})),
            ],
            &deployment(1),
        )
    };
    assert_eq!(said(&["true"]), ["no"]);
    assert_eq!(said(&["false"]), [""; 0]);
    assert_eq!(said(&["object.gone == 1", "false"]), [""; 0]);
    assert_eq!(
        said(&["object.gone == 1"]),
        ["expression 'object.gone == 1' resulted in error: no such key: gone"]
    );
}

#[test]
fn rules_choose_by_group_operation_resource_and_scope() {
    let rule = |key: &str, value: Json| {
        let mut rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"],
                              "operations": ["*"], "resources": ["deployments"]});
        rule[key] = value;
        let spec = json!({"matchConstraints": {"resourceRules": [rule]},
                          "validations": [{"expression": "false", "message": "no"}]});
        !messages(&[policy(spec), binding(json!({}))], &deployment(1)).is_empty()
    };
    assert!(rule("scope", json!("Namespaced")));
    assert!(!rule("scope", json!("Cluster")));
    assert!(!rule("operations", json!(["DELETE"])));
    assert!(!rule("resources", json!(["deployments/scale"])));
    assert!(rule("resources", json!(["*"])));
    assert!(!rule("apiGroups", json!([""])));
    assert!(rule("resourceNames", json!(["web"])));
    assert!(!rule("resourceNames", json!(["other"])));
    // Another version of the same is as good, unless it must be exact.
    assert!(rule("apiVersions", json!(["v1beta2"])));
    assert!(rule("apiGroups", json!(["extensions"])));
}

#[test]
fn exact_rules_and_exclusions_are_kept() {
    let constraints = json!({"matchPolicy": "Exact", "resourceRules": [{
        "apiGroups": ["apps"], "apiVersions": ["v1beta2"], "operations": ["*"],
        "resources": ["*"]}]});
    let validations = json!([{"expression": "false"}]);
    let exact = policy(json!({"matchConstraints": constraints, "validations": validations}));
    assert_eq!(
        messages(&[exact, binding(json!({}))], &deployment(1)),
        [""; 0]
    );
    let constraints = json!({
        "resourceRules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"],
                           "resources": ["*"]}],
        "excludeResourceRules": [{"apiGroups": ["apps"], "apiVersions": ["*"],
                                  "operations": ["*"], "resources": ["deployments"]}]});
    let excluding = policy(json!({"matchConstraints": constraints, "validations": validations}));
    assert_eq!(
        messages(&[excluding, binding(json!({}))], &deployment(1)),
        [""; 0]
    );
}

#[test]
fn selectors_ask_the_namespace_and_the_object() {
    let native = |constraints: Json| {
        let mut constraints = constraints;
        constraints["resourceRules"] = json!([{"apiGroups": ["*"], "apiVersions": ["*"],
            "operations": ["*"], "resources": ["*"]}]);
        load(&[
            policy(json!({"matchConstraints": constraints,
                "validations": [{"expression":
                    "namespaceObject == null || namespaceObject.metadata.name == 'other'"}]})),
            binding(json!({})),
        ])
        .0
    };
    let selector = |key: &str| json!({(key): {"matchLabels": {"team": "a"}}});
    let object = deployment(1);
    let review = review(&object, Operation::Create);
    let mut world = World::default();
    let by_namespace = native(selector("namespaceSelector"));
    assert!(by_namespace.review(&review, &world).is_empty());
    world.namespaces.insert(
        "shop".to_owned(),
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": "shop", "labels": {"team": "a"}}})
        .into(),
    );
    assert_eq!(by_namespace.review(&review, &world).len(), 1);
    assert!(
        native(selector("objectSelector"))
            .review(&review, &world)
            .is_empty()
    );
    let by_object = native(json!({"objectSelector": {"matchLabels": {"app": "web"}}}));
    assert_eq!(by_object.review(&review, &world).len(), 1);
}

#[test]
fn parameters_come_by_name_or_by_label() {
    let policy = policy(json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [{"expression": "object.spec.replicas <= int(params.data.most)",
            "messageExpression": "'at most ' + params.data.most"}]}));
    let config = |name: &str, namespace: &str, most: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
               "metadata": {"name": name, "namespace": namespace, "labels": {"limits": "yes"}},
               "data": {"most": most}})
    };
    let configs = [
        config("a", "shop", "3"),
        config("b", "shop", "5"),
        config("a", "far", "1"),
    ];
    let said = |reference: Json| {
        let mut all = vec![policy.clone(), binding(json!({"paramRef": reference}))];
        all.extend(configs.clone());
        messages(&all, &deployment(9))
    };
    assert_eq!(said(json!({"name": "a"})), ["at most 3"]);
    assert_eq!(
        said(json!({"name": "a", "namespace": "far"})),
        ["at most 1"]
    );
    assert_eq!(
        said(json!({"selector": {"matchLabels": {"limits": "yes"}}})),
        ["at most 3", "at most 5"]
    );
    assert_eq!(
        said(json!({"name": "z", "parameterNotFoundAction": "Allow"})),
        [""; 0]
    );
    assert_eq!(
        said(json!({"name": "z", "parameterNotFoundAction": "Deny"})),
        [
            "failed to configure binding: no params found for policy binding with `Deny` \
          parameterNotFoundAction"
        ]
    );
}

#[test]
fn annotations_go_with_what_is_said() {
    let policy = policy(json!({
        "auditAnnotations": [{"key": "n", "valueExpression": "'n=' + string(object.spec.replicas)"},
                             {"key": "none", "valueExpression": "null"}],
        "validations": [{"expression": "false", "reason": "Forbidden"}]}));
    let violations = said(&[policy, binding(json!({}))], &deployment(2));
    assert_eq!(
        violations[0].details,
        json!({"policy": "replicas", "reason": "Forbidden", "auditAnnotations": {"n": "n=2"}})
    );
}

#[test]
fn the_request_is_there_without_a_request() {
    let policy = policy(json!({"validations": [{"expression":
        "request.operation == 'CREATE' && request.kind.kind == 'Deployment' && \
         request.resource.resource == 'deployments' && request.namespace == 'shop' && \
         request.name == 'web' && !has(request.userInfo.username) && request.dryRun == false"}]}));
    assert_eq!(
        messages(&[policy, binding(json!({}))], &deployment(2)),
        [""; 0]
    );
}

#[test]
fn policies_are_never_asked_about_policies() {
    let all = policy(json!({"matchConstraints": {}, "validations": [{"expression": "false"}]}));
    let object = binding(json!({}));
    assert_eq!(messages(&[all, binding(json!({}))], &object), [""; 0]);
}

#[test]
fn a_broken_policy_is_a_problem_that_says_where() {
    let broken = policy(json!({"validations": [{"expression": "true"},
                                               {"expression": "object.spec ++"}]}));
    let (_, problems) = load(&[broken]);
    assert_eq!(problems[0].name, "replicas");
    assert!(
        problems[0]
            .message
            .starts_with("validations[1]: compilation failed: "),
        "{problems:?}"
    );
    let (_, problems) = load(&[binding(json!({"validationActions": ["Shout"]}))]);
    assert!(problems[0].message.contains("\"Shout\""), "{problems:?}");
}

#[test]
fn a_policy_that_costs_too_much_stops() {
    let all = "lists.range(900000).all(x, x >= 0)";
    let validations: Vec<Json> = (0..20).map(|_| json!({"expression": all})).collect();
    let said = messages(
        &[
            policy(json!({"validations": validations})),
            binding(json!({})),
        ],
        &deployment(1),
    );
    assert!(
        said.iter().any(|message| message.contains("cost")),
        "{said:?}"
    );
}

fn template_says(source: Json, parameters: Json, review: &Review<'_>) -> Vec<String> {
    let template = json!({
        "apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
        "metadata": {"name": "k8sreplicas"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "K8sReplicas"}, "validation": {
                "openAPIV3Schema": {"type": "object", "properties": {"most": {"type": "integer"}}}}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh",
                "code": [{"engine": "K8sNativeValidation", "source": source}]}]}});
    let mut spec = json!({});
    if !parameters.is_null() {
        spec["parameters"] = parameters;
    }
    let constraint = json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "K8sReplicas", "metadata": {"name": "few"}, "spec": spec});
    let (policies, problems) = Policies::load(&documents(&[template, constraint]));
    assert_eq!(problems, []);
    policies
        .review(review, &World::default())
        .into_iter()
        .map(|violation| violation.message)
        .collect()
}

#[test]
fn a_template_sees_its_parameters_and_the_object() {
    let object = deployment(9);
    let source = json!({"validations": [{
        "expression": "variables.anyObject.spec.replicas <= variables.params.most",
        "messageExpression": "'more than ' + string(variables.params.most)"}]});
    let review = review(&object, Operation::Create);
    assert_eq!(
        template_says(source.clone(), json!({"most": 3}), &review),
        ["more than 3"]
    );
    assert_eq!(
        template_says(source, Json::Null, &review),
        [
            "expression 'variables.anyObject.spec.replicas <= variables.params.most' resulted in \
          error: no such key: most"
        ]
    );
}

#[test]
fn a_deletion_has_only_the_old_object() {
    let object = deployment(9);
    let mut review = review(&object, Operation::Delete);
    review.old_object = Some(&object);
    let source = json!({"validations": [
        {"expression": "object == null", "message": "an object"},
        {"expression": "variables.anyObject.spec.replicas < 5", "message": "many"}]});
    assert_eq!(template_says(source, Json::Null, &review), ["many"]);
}

#[test]
fn a_template_is_remembered_only_by_what_it_sees() {
    let pure = |source: &str| {
        super::template(&json!({"validations": [{"expression": source}]}))
            .unwrap()
            .reads()
            .is_some_and(crate::rego::Reads::is_pure)
    };
    assert!(pure(
        "object.spec.replicas < 3 && variables.anyObject.kind != ''"
    ));
    assert!(!pure("request.userInfo.username == 'x'"));
    assert!(pure("oldObject == null"));
    assert!(!pure("params.metadata.name == 'x'"));
}

#[test]
fn reserved_names_are_refused() {
    for name in ["params", "anyObject", "gatekeeper_internal_x"] {
        let source = json!({"variables": [{"name": name, "expression": "1"}], "validations": []});
        assert!(super::template(&source).unwrap_err().contains("reserved"));
    }
}
