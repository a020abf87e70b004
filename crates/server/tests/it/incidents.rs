//! Alerts that belong together, and the rules they come from, over HTTP.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};

use crate::{
    people::{first_account, somebody},
    test_server::{Answer, Person, start, start_with},
};

/// As Falco tells of an audit event.
fn audited(rule: &str, tactic: &str, technique: &str, minute: u32) -> Value {
    json!({
        "uuid": format!("{rule}-{minute}"),
        "output": format!("{rule} (user=alice)"),
        "priority": "Warning",
        "rule": rule,
        "time": format!("2026-01-02T12:{minute:02}:00Z"),
        "source": "k8s_audit",
        "tags": [technique, format!("mitre_{tactic}")],
        "output_fields": {
            "ka.user.name": "alice",
            "ka.user.groups": "(devs,system:authenticated)",
            "ka.sourceips": "(203.0.113.9)",
            "ka.useragent": "kubectl/v1.33.1",
            "ka.verb": "create",
            "ka.target.resource": "pods",
            "ka.target.subresource": "exec",
            "ka.target.namespace": "shop",
            "ka.target.name": "web-1",
            "ka.response.code": "101",
            "ka.req.secret.data": "hidden",
        }
    })
}

async fn hand_in(person: &Person, events: Vec<Value>) -> Value {
    let path = "/api/v1/alerts/falco?cluster=prod";
    let headers = [("content-type", "application/json")];
    let body = Body::from(Value::Array(events).to_string());
    let answer = person.ask(Method::POST, path, body, &headers).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

fn attack() -> Vec<Value> {
    vec![
        audited("Exec in pod", "execution", "T1609", 0),
        audited("Read secrets", "credential_access", "T1552.007", 10),
        audited(
            "Bind cluster-admin",
            "privilege_escalation",
            "T1098.006",
            20,
        ),
    ]
}

async fn get(person: &Person, path: &str) -> Value {
    let answer = person.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.json()
}

async fn change(person: &Person, id: &str, body: Value) -> Answer {
    let path = format!("/api/v1/incidents/{id}");
    person.send(Method::PATCH, &path, body).await
}

#[tokio::test]
async fn an_attack_is_one_incident_that_says_who_did_what() {
    let test = start().await;
    let person = test.signed_in().await;
    hand_in(&person, attack()).await;
    let list = get(&person, "/api/v1/incidents?user=alice&tactic=execution").await;
    assert_eq!(list["total"], 1);
    let incident = &list["items"][0];
    assert_eq!(incident["title"], "3 techniques by alice in cluster prod");
    assert_eq!(incident["severity"], "high");
    assert_eq!(incident["worst"], "medium");
    assert_eq!(incident["principals"][0]["name"], "alice");
    let id = incident["id"].as_str().unwrap();

    let detail = get(&person, &format!("/api/v1/incidents/{id}")).await;
    let rules: Vec<_> = detail["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["finding"]["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["exec-in-pod", "read-secrets", "bind-cluster-admin"]);
    let stages: Vec<_> = detail["kill_chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| stage["tactic"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        ["execution", "privilege-escalation", "credential-access"]
    );
    let graph = &detail["graph"];
    let edges: Vec<_> = graph["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| {
            let of = |key: &str| edge[key].as_str().unwrap().to_owned();
            format!("{} -{}-> {}", of("from"), of("label"), of("to"))
        })
        .collect();
    assert!(
        edges.contains(&"address:203.0.113.9 -came as-> principal:alice".to_owned()),
        "{edges:?}"
    );
    assert!(
        edges.contains(&"principal:alice -create-> object:pods/exec shop/web-1".to_owned()),
        "{edges:?}"
    );

    // The alert says who, names its incident and has its event.
    let alert = detail["timeline"][0]["finding"]["id"].as_str().unwrap();
    let finding = get(&person, &format!("/api/v1/findings/{alert}")).await;
    assert_eq!(finding["finding"]["alert"]["principal"]["name"], "alice");
    assert_eq!(
        finding["finding"]["alert"]["object"],
        "pods/exec shop/web-1"
    );
    let known = &finding["alert"];
    assert_eq!(known["incidents"][0]["id"], id);
    assert_eq!(known["stage"]["tactic"], "execution");
    assert_eq!(known["context"]["action"]["code"], 101);
    assert_eq!(known["context"]["principal"]["groups"][0], "devs");
    let events = get(&person, &format!("/api/v1/findings/{alert}/events")).await;
    assert_eq!(events[0]["event"]["rule"], "Exec in pod");
    let counts = get(&person, "/api/v1/incidents/counts").await;
    assert_eq!(
        (&counts["open"], &counts["severities"]["high"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn an_incident_is_acknowledged_closed_and_its_alerts_dismissed_with_it() {
    let test = start().await;
    let person = test.signed_in().await;
    hand_in(&person, attack()).await;
    let list = get(&person, "/api/v1/incidents").await;
    let id = list["items"][0]["id"].as_str().unwrap();
    let mine = change(
        &person,
        id,
        json!({ "state": "acknowledged", "assignee": "me" }),
    )
    .await;
    assert_eq!(
        mine.json()["incident"]["assignee"],
        "owner",
        "{}",
        mine.text
    );
    for (body, pointer) in [
        (json!({ "state": "closed" }), "reason"),
        (json!({ "state": "merged" }), "state"),
        (json!({ "dismiss_alerts": true }), "dismiss_alerts"),
    ] {
        let refused = change(&person, id, body).await;
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            refused.text
        );
    }
    let body = json!({ "state": "closed", "reason": "test", "note": "an exercise",
        "dismiss_alerts": true });
    let closed = change(&person, id, body).await.json();
    assert_eq!(closed["incident"]["state"], "closed");
    assert_eq!(closed["timeline"][0]["finding"]["state"], "dismissed");
    assert_eq!(
        closed["history"][0]["text"],
        "closed as a test: an exercise"
    );
    assert_eq!(
        get(&person, "/api/v1/findings?q=kind:alert").await["total"],
        0
    );
    assert_eq!(get(&person, "/api/v1/incidents").await["total"], 0);
    assert_eq!(
        get(&person, "/api/v1/incidents?state=closed").await["total"],
        1
    );
    assert_eq!(
        change(&person, "none", json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    // Somebody did it: the trail says so.
    let admin = first_account(&test).await;
    let trail = admin.get("/api/v1/audit").await;
    assert!(trail.text.contains("incident.update"), "{}", trail.text);
}

#[tokio::test]
async fn incidents_of_one_environment_are_nobodys_elsewhere() {
    let test = start().await;
    let admin = first_account(&test).await;
    let shop = json!({ "id": "shop", "name": "The shop" });
    admin.post("/api/v1/environments", shop).await;
    let owner = test.signed_in().await;
    hand_in(&owner, attack()).await;
    let list = get(&owner, "/api/v1/incidents").await;
    let id = list["items"][0]["id"].as_str().unwrap();
    let roles = json!([{ "role": "security_admin", "environments": ["shop"] }]);
    let foreigner = somebody(&test, &admin, "eve", roles).await;
    assert_eq!(get(&foreigner, "/api/v1/incidents").await["total"], 0);
    let path = format!("/api/v1/incidents/{id}");
    assert_eq!(foreigner.get(&path).await.status, StatusCode::NOT_FOUND);
    let answer = change(&foreigner, id, json!({ "assignee": "me" })).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    // One who may look there but not touch is told so.
    let roles = json!([{ "role": "security_reader", "environments": ["local"] },
        { "role": "security_admin", "environments": ["shop"] }]);
    let reader = somebody(&test, &admin, "rea", roles).await;
    assert_eq!(reader.get(&path).await.status, StatusCode::OK);
    let answer = change(&reader, id, json!({ "assignee": "me" })).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    let body = json!({ "environment": "local", "enabled": false });
    let rule = "/api/v1/rules/exec-in-pod/switch";
    let answer = reader.send(Method::PUT, rule, body.clone()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    let answer = foreigner.send(Method::PUT, rule, body).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
}

#[tokio::test]
async fn a_rule_that_is_switched_off_raises_nothing_there() {
    let test = start().await;
    let person = test.signed_in().await;
    hand_in(&person, attack()).await;
    let rule = get(&person, "/api/v1/rules/exec-in-pod").await;
    assert_eq!(rule["rule"]["origin"], "sensor");
    assert_eq!(
        (&rule["rule"]["hits"], &rule["rule"]["open"]),
        (&json!(0), &json!(1))
    );
    assert!(rule["rule"]["last_hit"].is_string());
    let switch = |enabled: bool| {
        let body = json!({ "environment": "local", "enabled": enabled, "note": "too loud" });
        person.send(Method::PUT, "/api/v1/rules/exec-in-pod/switch", body)
    };
    let off = switch(false).await;
    assert_eq!(off.status, StatusCode::OK, "{}", off.text);
    assert_eq!(off.json()["rule"]["disabled_in"], json!(["local"]));
    assert_eq!(off.json()["switches"][0]["note"], "too loud");
    let again = vec![audited("Exec in pod", "execution", "T1609", 30)];
    let answer = hand_in(&person, again.clone()).await;
    assert_eq!(
        (&answer["accepted"], &answer["off"]),
        (&json!(0), &json!(1))
    );
    let off = get(&person, "/api/v1/rules?enabled=false&origin=sensor").await;
    assert_eq!(off["items"][0]["id"], "exec-in-pod");
    switch(true).await;
    let answer = hand_in(&person, again).await;
    assert_eq!(
        (&answer["accepted"], &answer["off"]),
        (&json!(1), &json!(0))
    );
    let unknown = person.get("/api/v1/rules/nothing").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn our_own_rules_are_told_with_prose_and_cases() {
    let folder = tempfile::tempdir().unwrap();
    let own = "- rule: Own rule\n  desc: Something of ours.\n  condition: ka.verb = create\n  \
               output: made\n  priority: Warning\n  source: k8s_audit\n  tags: [T1610]\n  \
               enabled: false\n";
    std::fs::write(folder.path().join("own.yaml"), own).unwrap();
    let test = start_with(|config| folder.path().clone_into(&mut config.rules.folder)).await;
    let person = test.signed_in().await;
    let list = get(
        &person,
        "/api/v1/rules?source=k8s_audit&origin=built_in&limit=5",
    )
    .await;
    assert!(list["total"].as_u64().unwrap() >= 20, "{}", list["total"]);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/rules?limit=7{cursor}");
        let page = get(&person, &path).await;
        for rule in page["items"].as_array().unwrap() {
            seen.push(rule["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else {
            assert_eq!(page["total"], seen.len());
            break;
        };
        cursor = format!("&cursor={next}");
    }
    seen.sort();
    let all = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), all);
    let id = list["items"][0]["id"].as_str().unwrap();
    let rule = get(&person, &format!("/api/v1/rules/{id}")).await;
    assert!(!rule["why"].as_str().unwrap().is_empty());
    assert!(!rule["steps"].as_array().unwrap().is_empty());
    assert!(rule["cases"].as_array().unwrap().len() >= 2);
    assert!(rule["cases"][0]["events"][0].is_object());
    let own = get(&person, "/api/v1/rules/own-rule").await;
    assert_eq!(own["rule"]["origin"], "user");
    assert_eq!(own["rule"]["by_default"], false);
    assert_eq!(own["rule"]["disabled_in"], json!(["local"]));

    let matrix = get(&person, "/api/v1/attack").await;
    let techniques = |matrix: &Value| -> Vec<Value> {
        let tactics = matrix["tactics"].as_array().unwrap();
        let lists = tactics.iter().map(|tactic| &tactic["techniques"]);
        lists
            .flat_map(|list| list.as_array().unwrap().clone())
            .collect()
    };
    let known = techniques(&matrix);
    let deploy = known.iter().find(|known| known["id"] == "T1610").unwrap();
    assert!(deploy["rules"].as_u64().unwrap() >= 1, "{deploy}");
    assert_eq!(deploy["gap"], false);
    assert_eq!(deploy["disabled"], 1);
    assert!(deploy["cases"].as_u64().unwrap() >= 2);
    assert_eq!(deploy["sources"][0]["source"], "k8s_audit");
    assert!(known.iter().any(|known| known["gap"] == true));
}

#[tokio::test]
async fn an_alert_is_muted_by_example() {
    let test = start().await;
    let person = test.signed_in().await;
    hand_in(&person, attack()).await;
    let alerts = get(&person, "/api/v1/findings?q=user:alice+rule:exec-in-pod").await;
    let id = alerts["items"][0]["id"].as_str().unwrap();
    let mutes = get(&person, &format!("/api/v1/findings/{id}/mutes")).await;
    let labels: Vec<_> = mutes
        .as_array()
        .unwrap()
        .iter()
        .map(|mute| {
            (
                mute["label"].as_str().unwrap(),
                mute["open"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        labels,
        [
            ("This rule for this user (alice) from 203.0.113.9", 1),
            ("This rule for this user (alice) in the namespace shop", 1),
            ("This rule for this user (alice)", 1),
            ("This rule from the address 203.0.113.9", 1),
            ("This rule in the namespace shop", 1),
            ("This rule everywhere", 1),
        ]
    );
    let exemption = json!({ "scope": mutes[2]["scope"], "environment": "local",
        "reason": "benign", "note": "her job", "expires": null });
    let made = person.post("/api/v1/exemptions", exemption).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["findings"], 1);
    let rule = get(&person, "/api/v1/rules/exec-in-pod").await;
    assert_eq!(
        (&rule["exempted"], &rule["rule"]["open"]),
        (&json!(1), &json!(0))
    );
}
