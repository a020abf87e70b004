//! What a connector sends, as the record takes it.

use super::*;

fn key(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn sent(key: ObjectKey, violations: Vec<ObjectViolation>) -> SentObject {
    SentObject {
        key,
        version: "v1".to_owned(),
        owner: None,
        body: None,
        judged: Some(ObjectJudgement {
            violations,
            ..ObjectJudgement::default()
        }),
        pod: None,
        node: None,
    }
}

fn batch(objects: Vec<SentObject>) -> ObjectBatch {
    ObjectBatch {
        session: "s".to_owned(),
        number: 1,
        policies: vec![vec!["K8sAny".to_owned()]],
        objects,
        ..ObjectBatch::default()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a test says it in place")]
fn violation(container: &str, message: &str, patch: Value) -> ObjectViolation {
    ObjectViolation {
        kind: "K8sAny".to_owned(),
        constraint: "any".to_owned(),
        action: "dryrun".to_owned(),
        message: message.to_owned(),
        details: json!({"container": container, "patch": patch}),
        failed: false,
    }
}

#[test]
fn violations_are_one_finding_for_each_policy_and_container() {
    let operation = |at: &str| json!([{"op": "remove", "path": at}]);
    let deployment = key("apps", "Deployment", "shop", "web");
    let all = vec![
        violation("a", "one", operation("/x")),
        violation("a", "two", operation("/y")),
        violation("b", "three", Value::Null),
    ];
    let understood = understand("c", batch(vec![sent(deployment, all)])).unwrap();
    let object = &understood.objects[0];
    assert_eq!(object.findings.len(), 2);
    let first = &object.findings[0];
    assert_eq!(first.summary.as_deref(), Some("one (and 1 more)"));
    assert_eq!(first.path.as_deref(), Some("Deployment.apps/web"));
    let evidence: Value = serde_json::from_str(first.evidence.as_ref().unwrap()).unwrap();
    assert_eq!(evidence["patch"].as_array().unwrap().len(), 2);
    assert_eq!(
        evidence["remediation"][0]["code"],
        "kubectl patch 'deployment.apps' 'web' --namespace 'shop' --type json --patch \
         '[{\"op\":\"remove\",\"path\":\"/x\"},{\"op\":\"remove\",\"path\":\"/y\"}]'"
    );
    assert_ne!(first.fingerprint, object.findings[1].fingerprint);
}

#[test]
fn violations_that_are_not_kept_are_counted_where_they_are_read() {
    let deployment = key("apps", "Deployment", "shop", "web");
    let finding = |count: usize, left_out: u32| {
        let all = (0..count).map(|at| violation("a", &format!("no {at}"), Value::Null));
        let mut sent = sent(deployment.clone(), all.collect());
        sent.judged.as_mut().unwrap().left_out = left_out;
        let mut understood = understand("c", batch(vec![sent])).unwrap();
        understood.objects.remove(0).findings.remove(0)
    };
    let cut = finding(MAX_VIOLATIONS + 2, 5);
    assert_eq!(
        cut.summary.as_deref(),
        Some("no 0 (and 999 more); 7 more violations of this object are not kept, of any policy")
    );
    let evidence: Value = serde_json::from_str(&cut.evidence.unwrap()).unwrap();
    let messages = evidence["messages"].as_array().unwrap();
    assert_eq!(messages.len(), MAX_MESSAGES + 1);
    assert_eq!(
        messages[MAX_MESSAGES],
        "7 more violations of this object are not kept, of any policy"
    );
    let whole = finding(MAX_VIOLATIONS, 0);
    assert_eq!(whole.summary.as_deref(), Some("no 0 (and 999 more)"));
}

#[test]
fn a_name_cannot_end_the_command_it_is_in() {
    let step = mend(
        &ObjectName {
            kind: "Pod".to_owned(),
            name: "a'; rm -rf /; '".to_owned(),
            ..ObjectName::default()
        },
        "[]",
    );
    assert_eq!(
        step["code"],
        r"kubectl patch 'pod' 'a'\''; rm -rf /; '\''' --type json --patch '[]'"
    );
}

#[test]
fn every_object_has_its_place_on_the_tree() {
    let place = |key: &ObjectKey, owner: Option<&ObjectKey>| {
        let owner = owner.map(|owner| name(owner).unwrap());
        let path = asset("c", &name(key).unwrap(), owner.as_ref());
        let steps = path.iter().skip(1);
        let words: Vec<String> = steps
            .map(|step| format!("{} {}", step.kind, step.name))
            .collect();
        words.join(", ")
    };
    let deployment = key("apps", "Deployment", "shop", "web");
    let pod = key("", "Pod", "shop", "web-x");
    for (key, owner, expected) in [
        (&deployment, None, "namespace shop, workload web"),
        (&pod, None, "namespace shop, pod web-x"),
        (
            &pod,
            Some(&deployment),
            "namespace shop, workload web, pod web-x",
        ),
        (&key("", "Service", "shop", "web"), None, "namespace shop"),
        (&key("", "Namespace", "", "shop"), None, "namespace shop"),
        (&key("", "Node", "", "n1"), None, "host n1"),
        (
            &key("rbac.authorization.k8s.io", "ClusterRole", "", "r"),
            None,
            "",
        ),
    ] {
        assert_eq!(place(key, owner), expected);
    }
}

#[test]
fn what_is_out_of_bounds_is_refused_by_its_place() {
    let nameless = sent(key("", "Pod", "shop", ""), Vec::new());
    let (part, told) = understand("c", batch(vec![nameless])).unwrap_err();
    assert_eq!(part, "/objects/0/key");
    assert!(told.starts_with("name:"), "{told}");
    let mut other = batch(vec![sent(key("", "Pod", "shop", "a"), Vec::new())]);
    other.policies.clear();
    let (part, _) = understand("c", other).unwrap_err();
    assert_eq!(part, "/objects/0/judged/policies");
    let mut many = batch(Vec::new());
    many.gone = vec![key("", "Pod", "shop", "a"); MAX_GONE + 1];
    assert_eq!(understand("c", many).unwrap_err().0, "/gone");
}

#[test]
fn digests_are_read_however_they_are_written() {
    let hex = "0".repeat(64);
    for text in [
        format!("sha256:{hex}"),
        format!("docker.io/library/nginx@sha256:{hex}"),
        format!("docker-pullable://nginx@sha256:{hex}"),
    ] {
        assert_eq!(digest(&text).unwrap().hex(), hex);
    }
    assert_eq!(digest("nginx:1"), None);
}

#[test]
fn our_policies_are_known_by_their_kind() {
    assert_eq!(rule_of("SeawallPodsNotPrivileged"), "pods-not-privileged");
    assert_eq!(rule_of("K8sRequiredLabels"), "K8sRequiredLabels");
}
