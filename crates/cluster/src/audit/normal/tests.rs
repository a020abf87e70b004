//! Wrapped events of each cloud, and hostile ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::audit::Skipped;

fn event(id: &str) -> Value {
    json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": id, "verb": "get"})
}

fn normal(text: &str) -> (Vec<Value>, Skipped) {
    let mut batch = Batch::default();
    normalise(text.as_bytes(), &mut batch);
    let body = String::from_utf8(batch.body).unwrap();
    let lines: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len() as u64, batch.events);
    (lines, batch.skipped)
}

fn ids(text: &str) -> Vec<String> {
    let (events, _) = normal(text);
    events
        .iter()
        .map(|event| event["auditID"].as_str().unwrap_or("?").to_owned())
        .collect()
}

#[test]
fn an_api_servers_own_lines_stay_as_they_are() {
    let text = format!("{}\n{}\n", event("a"), event("b"));
    assert_eq!(
        normal(&text),
        (vec![event("a"), event("b")], Skipped::default())
    );
    let pretty = serde_json::to_string_pretty(&json!([event("a"), event("b")])).unwrap();
    assert_eq!(ids(&pretty), ["a", "b"]);
    // A list is somebody else's to take apart.
    let list = json!({"kind": "EventList", "items": [event("a")]});
    assert_eq!(normal(&list.to_string()).0, [list]);
}

/// As an event hub gives them: the log a string, and an object, and
/// records of other logs beside.
#[test]
fn azures_records_give_their_logs() {
    let record = |category: &str, log: Value| {
        json!({"time": "2026-03-02T10:00:00Z", "category": category,
            "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
            "resourceId": "/SUBSCRIPTIONS/1/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PROD",
            "properties": {"log": log, "stream": "stdout", "pod": "kube-apiserver-6f"}})
    };
    let records = json!({"records": [
        record("kube-audit", json!(format!("{}\n", event("a")))),
        record("kube-audit-admin", event("b")),
        record("KUBE-AUDIT", event("c")),
        record("guard", json!("I1102 10:00:00 started")),
        record("kube-audit", json!("half {")),
        record("kube-audit", json!(7)),
    ]});
    let (events, skipped) = normal(&records.to_string());
    assert_eq!(events, [event("a"), event("b"), event("c")]);
    let expected = Skipped {
        broken: 2,
        others: 1,
        too_long: 0,
    };
    assert_eq!(skipped, expected);
    // A file of a storage account: one record a line.
    assert_eq!(ids(&record("kube-audit", event("d")).to_string()), ["d"]);
    let mut as_text = record("kube-audit", event("e"));
    as_text["properties"] = json!(as_text["properties"].to_string());
    assert_eq!(ids(&as_text.to_string()), ["e"]);
}

#[test]
fn cloudwatchs_messages_are_events() {
    let logged = |stream: &str, id: &str| {
        json!({"logStreamName": stream, "timestamp": 1_770_000_000_000_i64,
            "message": event(id).to_string(), "ingestionTime": 1, "eventId": "3"})
    };
    let audit = "kube-apiserver-audit-5ba2";
    let lines = format!(
        "{}\n{}",
        logged(audit, "a"),
        logged("authenticator-5ba2", "b")
    );
    let (events, skipped) = normal(&lines);
    assert_eq!((events, skipped.others), (vec![event("a")], 1));
    let sent = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/eks/prod/cluster",
        "logStream": audit, "subscriptionFilters": ["f"],
        "logEvents": [{"id": "1", "timestamp": 1, "message": event("c").to_string()},
            {"id": "2", "timestamp": 1, "message": "half {"}]});
    let (events, skipped) = normal(&sent.to_string());
    assert_eq!((events, skipped.broken), (vec![event("c")], 1));
    let control = json!({"messageType": "CONTROL_MESSAGE", "logEvents": []});
    assert_eq!(normal(&control.to_string()).1.others, 1);
}

fn entry() -> Value {
    json!({
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "authenticationInfo": {"principalEmail": "system:serviceaccount:shop:ci"},
            "authorizationInfo": [{"granted": true,
                "permission": "io.k8s.core.v1.pods.create",
                "resource": "core/v1/namespaces/shop/pods/web-1"}],
            "methodName": "io.k8s.core.v1.pods.create",
            "request": {"@type": "core.k8s.io/v1.Pod", "apiVersion": "v1",
                "metadata": {"name": "web-1"}, "spec": {"hostPID": true}},
            "requestMetadata": {"callerIp": "203.0.113.9",
                "callerSuppliedUserAgent": "kubectl/v1.36"},
            "resourceName": "core/v1/namespaces/shop/pods/web-1",
            "serviceName": "k8s.io"
        },
        "insertId": "i-1",
        "resource": {"type": "k8s_cluster", "labels": {"cluster_name": "prod"}},
        "timestamp": "2026-03-02T10:00:00.5Z",
        "labels": {"authorization.k8s.io/reason": "RBAC: allowed", "other": "x"},
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "operation": {"id": "a-1", "producer": "k8s.io", "first": true, "last": true}
    })
}

#[test]
fn googles_entries_are_told_as_the_api_server_would() {
    let (events, _) = normal(&entry().to_string());
    let expected = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "auditID": "a-1",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods/web-1",
        "verb": "create",
        "user": {"username": "system:serviceaccount:shop:ci", "groups": [
            "system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]},
        "sourceIPs": ["203.0.113.9"], "userAgent": "kubectl/v1.36",
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web-1",
            "apiVersion": "v1"},
        "responseStatus": {"code": 200, "reason": "", "message": ""},
        "requestObject": {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-1"},
            "spec": {"hostPID": true}},
        "requestReceivedTimestamp": "2026-03-02T10:00:00.5Z",
        "stageTimestamp": "2026-03-02T10:00:00.5Z",
        "annotations": {"authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": "RBAC: allowed"}
    });
    assert_eq!(events, [expected]);

    let mut denied = entry();
    denied["protoPayload"]["status"] = json!({"code": 7, "message": "forbidden"});
    denied["protoPayload"]["authorizationInfo"][0]["granted"] = json!(false);
    let (events, _) = normal(&denied.to_string());
    assert_eq!(events[0]["responseStatus"]["code"], 403);
    assert_eq!(
        events[0]["annotations"]["authorization.k8s.io/decision"],
        "forbid"
    );

    let mut other = entry();
    other["protoPayload"]["serviceName"] = json!("compute.googleapis.com");
    let plain = json!({"logName": "projects/p/logs/stdout", "textPayload": "hello"});
    let (events, skipped) = normal(&format!("{other}\n{plain}"));
    assert_eq!((events.len(), skipped.others), (0, 2));
}

#[test]
fn googles_names_of_resources_are_taken_apart() {
    let told = |name: &str| {
        let mut entry = entry();
        entry["protoPayload"]["resourceName"] = json!(name);
        let (events, _) = normal(&entry.to_string());
        let reference = &events[0]["objectRef"];
        let of = |field: &str| reference[field].as_str().unwrap_or("-").to_owned();
        format!(
            "{} | {} {} {} {} {}",
            events[0]["requestURI"].as_str().unwrap(),
            of("apiGroup"),
            of("namespace"),
            of("resource"),
            of("name"),
            of("subresource")
        )
    };
    let cases = [
        (
            "core/v1/namespaces/shop/pods/web-1/exec",
            "/api/v1/namespaces/shop/pods/web-1/exec | - shop pods web-1 exec",
        ),
        (
            "core/v1/namespaces/shop/secrets",
            "/api/v1/namespaces/shop/secrets | - shop secrets - -",
        ),
        ("core/v1/secrets", "/api/v1/secrets | - - secrets - -"),
        (
            "core/v1/nodes/n1/proxy",
            "/api/v1/nodes/n1/proxy | - - nodes n1 proxy",
        ),
        (
            "core/v1/namespaces/shop",
            "/api/v1/namespaces/shop | - shop namespaces shop -",
        ),
        (
            "core/v1/namespaces/shop/finalize",
            "/api/v1/namespaces/shop/finalize | - shop namespaces shop finalize",
        ),
        (
            "rbac.authorization.k8s.io/v1/clusterrolebindings/owner",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/owner | rbac.authorization.k8s.io - clusterrolebindings owner -",
        ),
        (
            "apps/v1/namespaces/shop/deployments/web",
            "/apis/apps/v1/namespaces/shop/deployments/web | apps shop deployments web -",
        ),
        ("healthz", "/healthz | - - - - -"),
        ("", "/ | - - - - -"),
    ];
    for (name, expected) in cases {
        assert_eq!(told(name), expected);
    }
}

#[test]
fn a_push_of_pub_sub_holds_an_entry() {
    let data = STANDARD.encode(entry().to_string());
    let push = json!({"message": {"data": data, "messageId": "1", "attributes": {}},
        "subscription": "projects/p/subscriptions/s"});
    assert_eq!(ids(&push.to_string()), ["a-1"]);
    let broken = json!({"message": {"data": "%"}, "subscription": "s"});
    assert_eq!(normal(&broken.to_string()).1.broken, 1);
}

#[test]
fn wrappings_within_wrappings_end() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(normal(&deep).1.broken, 1);
    let mut nested = event("a");
    for _ in 0..10 {
        nested = json!({"records": [nested]});
    }
    assert_eq!(normal(&nested.to_string()).1.broken, 1);
    let lines = format!("{{\"half\n{}", event("b"));
    let (events, skipped) = normal(&lines);
    assert_eq!((events, skipped.broken), (vec![event("b")], 1));
}

proptest! {
    #[test]
    fn anything_at_all_is_read_without_harm(bytes: Vec<u8>) {
        let mut batch = Batch::default();
        normalise(&bytes, &mut batch);
    }

    /// Fields of any shape in the place of those that are looked at.
    #[test]
    fn fields_of_any_shape_are_read_without_harm(
        which in 0_usize..11,
        inner in 0_usize..6,
        shape in 0_usize..5,
    ) {
        let value = [json!(null), json!(7), json!("x"), json!([{"records": 1}]), json!({"a": {}})][shape].clone();
        let mut text = entry();
        let outer = ["records", "properties", "category", "protoPayload", "message", "subscription",
            "logEvents", "messageType", "logStreamName", "logName", "operation"][which];
        text[outer] = value.clone();
        let mut batch = Batch::default();
        normalise(text.to_string().as_bytes(), &mut batch);
        let mut text = entry();
        let field = ["request", "status", "authorizationInfo", "resourceName", "methodName",
            "authenticationInfo"][inner];
        text["protoPayload"][field] = value;
        normalise(text.to_string().as_bytes(), &mut batch);
    }
}
