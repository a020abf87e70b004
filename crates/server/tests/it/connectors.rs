//! Connectors of clusters: what they send becomes findings, inventory and
//! score, once, and ends when it is gone.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    people::{in_days, token},
    test_server::{Person, TestServer, start},
};

const OBJECTS: &str = "/api/v1/clusters/prod/objects";

async fn connector(test: &TestServer, maker: &Person) -> Person {
    let body = json!({"name": "connector", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(1)});
    token(test, maker, body).await.0
}

fn key(group: &str, kind: &str, name: &str) -> Value {
    json!({"group": group, "kind": kind, "namespace": "shop", "name": name})
}

fn deployment(name: &str, messages: &[&str]) -> Value {
    let violations: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({"kind": "K8sTest", "constraint": "test", "action": "dryrun",
                "message": message, "details": {"container": "main",
                    "patch": [{"op": "remove", "path": "/spec/template/spec/hostPID"}]}})
        })
        .collect();
    json!({"key": key("apps", "Deployment", name), "version": "v1",
        "body": {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "nginx:1"}]}}}},
        "judged": {"policies": 0, "violations": violations}})
}

fn pod(name: &str, owner: &str, running: bool) -> Value {
    json!({"key": key("", "Pod", name), "version": "v1",
        "owner": key("apps", "Deployment", owner),
        "pod": {"node": "n1", "phase": "Running", "containers": [{"name": "main",
            "image": "nginx:1", "id": format!("containerd://{}", "c0ffee".repeat(10)),
            "image_id": format!("nginx@sha256:{}", "0".repeat(64)), "running": running}]}})
}

fn batch(session: &str, number: u64, completes: bool, objects: &[Value]) -> Value {
    json!({"session": session, "number": number, "completes": completes,
        "policies": [["K8sTest", "K8sOther"]], "objects": objects})
}

async fn open(person: &Person, q: &str) -> Value {
    let path = format!("/api/v1/findings?q={}", q.replace(' ', "%20"));
    person.get(&path).await.json()
}

#[tokio::test]
async fn what_is_sent_is_found_once_and_ends_when_it_is_mended_or_gone() {
    let test = start().await;
    let person = test.signed_in().await;
    let connector = connector(&test, &person).await;
    let objects = [
        deployment("web", &["is bad", "is worse"]),
        deployment("db", &["is bad"]),
        pod("web-1", "web", true),
        json!({"key": {"kind": "Node", "name": "n1"}, "version": "v1",
            "node": {"kernel": "6.12", "roles": ["worker"]}}),
    ];
    let first = batch("a", 1, true, &objects);
    let answer = connector.post(OBJECTS, first.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["taken"], 4);
    let again = connector.post(OBJECTS, first).await.json();
    assert_eq!(again["repeated"], true);

    let page = open(&person, "kind:misconfiguration cluster:prod").await;
    assert_eq!(page["total"], 2, "{page}");
    let web = open(&person, "kind:misconfiguration workload:web").await;
    let finding = &web["items"][0];
    assert_eq!(finding["summary"], "is bad (and 1 more)");
    assert_eq!(finding["asset"]["kind"], "workload");
    let id = finding["id"].as_str().unwrap();
    let detail = person.get(&format!("/api/v1/findings/{id}")).await.json();
    let steps = detail["remediation"].to_string();
    assert!(steps.contains("kubectl patch"), "{detail}");

    // Mended, and moved.
    let next = batch("a", 2, false, &[deployment("web", &[])]);
    connector.post(OBJECTS, next).await;
    assert_eq!(
        open(&person, "kind:misconfiguration workload:web").await["total"],
        0
    );
    assert_eq!(
        open(&person, "kind:misconfiguration workload:db").await["total"],
        1
    );

    // A number is missing: what came before is not here.
    let later = batch("a", 9, false, &[deployment("web", &["is bad"])]);
    let answer = connector.post(OBJECTS, later).await.json();
    assert_eq!(
        (&answer["resync"], &answer["taken"]),
        (&json!(true), &json!(0))
    );
    // So it begins anew, and shows no more of the database.
    let anew = batch("b", 1, false, &[deployment("web", &["is bad"])]);
    connector.post(OBJECTS, anew).await;
    assert_eq!(
        open(&person, "kind:misconfiguration workload:db").await["total"],
        1,
        "the picture is not complete"
    );
    connector.post(OBJECTS, batch("b", 2, true, &[])).await;
    let left = open(&person, "kind:misconfiguration cluster:prod").await;
    assert_eq!(left["total"], 1, "{left}");
    assert_eq!(left["items"][0]["asset"]["name"], "web");
    let mut gone = batch("b", 3, false, &[]);
    gone["gone"] = json!([key("apps", "Deployment", "web")]);
    connector.post(OBJECTS, gone).await;
    assert_eq!(
        open(&person, "kind:misconfiguration cluster:prod").await["total"],
        0
    );
}

#[tokio::test]
async fn objects_in_one_namespace_end_each_by_itself() {
    let test = start().await;
    let person = test.signed_in().await;
    let connector = connector(&test, &person).await;
    let service = |name: &str, message: Option<&str>| {
        let violations: Vec<Value> = message
            .map(|message| {
                json!({"kind": "K8sTest", "constraint": "t", "action": "deny",
                    "message": message})
            })
            .into_iter()
            .collect();
        json!({"key": key("", "Service", name), "version": "v1",
            "judged": {"policies": 0, "violations": violations}})
    };
    let both = [
        service("a", Some("a is bad")),
        service("b", Some("b is bad")),
    ];
    connector.post(OBJECTS, batch("s", 1, true, &both)).await;
    assert_eq!(
        open(&person, "kind:misconfiguration namespace:shop").await["total"],
        2
    );
    connector
        .post(OBJECTS, batch("s", 2, false, &[service("a", None)]))
        .await;
    let left = open(&person, "kind:misconfiguration namespace:shop").await;
    assert_eq!(left["total"], 1, "{left}");
    assert_eq!(left["items"][0]["summary"], "b is bad");
}

#[tokio::test]
async fn a_workload_is_shown_with_what_is_around_it() {
    let test = start().await;
    let person = test.signed_in().await;
    let connector = connector(&test, &person).await;
    let service = json!({"key": key("", "Service", "web"), "version": "v1",
        "body": {"spec": {"type": "LoadBalancer", "selector": {"app": "web"},
            "ports": [{"port": 80}]}}});
    let objects = [
        deployment("web", &["is bad"]),
        pod("web-1", "web", true),
        service,
    ];
    connector.post(OBJECTS, batch("s", 1, true, &objects)).await;
    let status = json!({"version": "1", "synced": true, "objects": 3, "problems": [
        {"about": "pods", "message": "forbidden", "mend": "add a rule"}]});
    let heard = connector
        .post("/api/v1/clusters/prod/connector", status)
        .await;
    assert_eq!(heard.status, StatusCode::NO_CONTENT, "{}", heard.text);

    let clusters = person.get("/api/v1/clusters").await.json();
    let posture = &clusters[0]["posture"];
    assert_eq!(posture["workloads"], 1, "{clusters}");
    assert_eq!(
        (&posture["pods"], &posture["judged"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(posture["status"]["problems"][0]["mend"], "add a rule");

    let list = person
        .get("/api/v1/clusters/prod/workloads?affected=true")
        .await
        .json();
    assert_eq!(list["total"], 1, "{list}");
    let workload = &list["items"][0];
    assert_eq!(
        (&workload["pods"], &workload["judged"]),
        (&json!(1), &json!(2))
    );
    let id = workload["id"].as_str().unwrap();
    let detail = person
        .get(&format!("/api/v1/clusters/prod/workloads/{id}"))
        .await
        .json();
    assert_eq!(detail["exposure"][0]["reach"], "outside", "{detail}");
    assert_eq!(detail["findings"][0]["summary"], "is bad");
    assert_eq!(detail["healthy"], json!(["K8sOther"]));
    assert_eq!(detail["pods"][0]["name"], "web-1");
    let object = person
        .get(&format!("/api/v1/clusters/prod/objects/{id}"))
        .await
        .json();
    assert_eq!(object["body"]["metadata"]["name"], "web");
    let running = person.get("/api/v1/assets?kind=container").await.json();
    assert_eq!(running["total"], 1, "{running}");
    assert_eq!(running["items"][0]["asset"]["workload"], "web");

    // The pod ends, and so does what ran in it.
    let ended = batch("s", 2, false, &[pod("web-1", "web", false)]);
    connector.post(OBJECTS, ended).await;
    let running = person.get("/api/v1/assets?kind=container").await.json();
    assert_eq!(running["total"], 0, "{running}");
}

#[tokio::test]
async fn what_is_no_batch_is_refused() {
    let test = start().await;
    let person = test.signed_in().await;
    let connector = connector(&test, &person).await;
    let nameless = json!({"key": {"kind": "Pod", "name": ""}, "version": "v1"});
    for (body, part) in [
        (json!({"session": "s", "number": 0}), "/session"),
        (batch("s", 1, false, &[nameless]), "/objects/0/key"),
    ] {
        let answer = connector.post(OBJECTS, body).await;
        assert!(answer.status.is_client_error(), "{}", answer.text);
        assert!(answer.text.contains(part), "{}", answer.text);
    }
    let elsewhere = connector
        .post(
            "/api/v1/clusters/prod/objects?environment=bank",
            batch("s", 1, false, &[]),
        )
        .await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_exemption_of_one_container_or_by_label_holds_what_a_connector_tells() {
    let test = start().await;
    let person = test.signed_in().await;
    let connector = connector(&test, &person).await;
    let exempt = async |scope: &str| {
        let made = person
            .post(
                "/api/v1/exemptions",
                json!({"scope": scope, "environment": "local", "reason": "accepted_risk",
                    "note": "until it is moved"}),
            )
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    };
    exempt("rule:K8sTest ns:shop workload:web container:main").await;
    exempt("rule:K8sTest label:team=payments").await;
    let mut labelled = deployment("db", &["is bad"]);
    labelled["body"]["metadata"]["labels"] = json!({"team": "payments"});
    let mut other = deployment("web", &["is bad", "is bad"]);
    other["judged"]["violations"][1]["details"]["container"] = json!("sidecar");
    let mut plain = deployment("plain", &["is bad"]);
    plain["body"]["metadata"]["labels"] = json!({"team": "shop"});
    let objects = [labelled, other, plain];
    let answer = connector.post(OBJECTS, batch("a", 1, true, &objects)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);

    let left = open(&person, "kind:misconfiguration cluster:prod").await;
    assert_eq!(left["total"], 2, "{left}");
    let sidecar = open(&person, "kind:misconfiguration container:sidecar").await;
    assert_eq!(sidecar["items"][0]["asset"]["name"], "web", "{sidecar}");
    let held = "kind:misconfiguration state:exempted";
    let path = format!("/api/v1/findings?state=all&q={}", held.replace(' ', "%20"));
    let held = person.get(&path).await.json();
    assert_eq!(held["total"], 2, "{held}");

    // Other labels, and it is held no more once it is told anew.
    let mut moved = deployment("db", &["is bad"]);
    moved["body"]["metadata"]["labels"] = json!({"team": "shop"});
    connector
        .post(OBJECTS, batch("a", 2, false, &[moved]))
        .await;
    let shop = open(&person, "kind:misconfiguration label:team=shop").await;
    assert!(shop["total"].as_u64() >= Some(1), "{shop}");
}

#[tokio::test]
async fn every_finding_an_exemption_names_is_exempted_at_the_door() {
    let test = start().await;
    let person = test.signed_in().await;
    let connector = connector(&test, &person).await;
    let named: Vec<String> = (0..105).map(|index| format!("web-{index}")).collect();
    let objects: Vec<Value> = named
        .iter()
        .map(|name| deployment(name, &["is bad"]))
        .collect();
    let answer = connector.post(OBJECTS, batch("a", 1, true, &objects)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let page = person
        .get("/api/v1/findings?limit=200&q=kind:misconfiguration")
        .await
        .json();
    let items = page["items"].as_array().unwrap().iter();
    let ids: Vec<&str> = items.map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 105, "{page}");
    let exemption = json!({"scope": format!("finding:{}", ids.join(",")), "environment": "local",
        "reason": "accepted_risk", "note": "all of them"});
    let made = person.post("/api/v1/exemptions", exemption).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let bundle = connector.get("/api/v1/clusters/prod/bundle").await.json();
    let exempted = bundle["exemptions"].as_array().unwrap();
    assert_eq!(exempted.len(), 105);
    for name in named {
        let word = format!("workload:\"{name}\"");
        let is_meant = |one: &Value| one["scope"].as_str().unwrap().contains(&word);
        assert!(exempted.iter().any(is_meant), "{name}");
    }
}

#[tokio::test]
async fn a_machine_is_listed_with_its_kubelet_once_a_connector_told() {
    let test = start().await;
    let person = test.signed_in().await;
    let connector = connector(&test, &person).await;
    let nodes = "/api/v1/clusters/prod/nodes";
    for node in ["n1", "n2"] {
        let path = format!("{nodes}/{node}/assessment");
        let answer = connector
            .post(&path, json!({"profile": "eks", "checks": []}))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let listed = person.get(nodes).await.json();
    assert_eq!(listed[0].get("kubelet"), None, "{listed}");
    let machine = json!({"key": {"kind": "Node", "name": "n2"}, "version": "v1",
        "node": {"kernel": "6.12", "kubelet": "v1.35.4", "roles": ["worker"]}});
    let answer = connector
        .post(OBJECTS, batch("a", 1, true, &[machine]))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let listed = person.get(nodes).await.json();
    assert_eq!(listed[0].get("kubelet"), None, "{listed}");
    assert_eq!(listed[1]["kubelet"], "v1.35.4", "{listed}");
}
