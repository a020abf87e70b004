//! The demonstration environment, from button to broom.

use axum::http::StatusCode;
use serde_json::json;

use crate::test_server::{Person, start};

#[tokio::test]
async fn the_demonstration_is_found_out_by_the_real_pipeline_and_goes_without_a_trace() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let answer = person.post("/api/v1/demo", json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let count = answer.json()["scans"].as_u64().unwrap();
    person.wait_for_scans().await;

    let failed = person.get("/api/v1/scans?state=failed").await.json();
    assert_eq!(failed["total"], 0, "{failed}");
    let images = person.get("/api/v1/images?environment=demo").await.json();
    assert_eq!(images["total"], count);
    let counts: Vec<String> = images["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            let name = image["name"].as_str().unwrap();
            let is_clean = image["counts"]
                .as_object()
                .unwrap()
                .values()
                .all(|count| count == 0);
            format!("{name} {}", if is_clean { "clean" } else { "vulnerable" })
        })
        .collect();
    insta::assert_snapshot!(counts.join("\n"));

    let log4shell = person
        .get("/api/v1/vulnerabilities/CVE-2021-44228?environment=demo")
        .await
        .json();
    assert_eq!(
        log4shell["affected"][0]["path"],
        "opt/billing/billing.jar!/BOOT-INF/lib/log4j-core-2.14.1.jar"
    );
    let local = person
        .get("/api/v1/vulnerabilities?environment=local")
        .await
        .json();
    assert_eq!(local["total"], 0);

    its_pods_run_below_namespaces_and_are_judged(&person).await;

    let answer = person.delete("/api/v1/demo").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for list in ["images", "vulnerabilities", "scans"] {
        let page = person.get(&format!("/api/v1/{list}")).await.json();
        assert_eq!(page["total"], 0, "{list}");
    }
    let findings = person.get("/api/v1/findings").await.json();
    for finding in findings["items"].as_array().unwrap() {
        assert_eq!(finding["asset"]["environment"], "local");
    }
    let environments = person.get("/api/v1/environments").await.json();
    assert_eq!(environments.as_array().unwrap().len(), 1);
    assert!(!server.folder.path().join("data/demo").exists());
}

async fn its_pods_run_below_namespaces_and_are_judged(person: &Person) {
    let rule = "/api/v1/recommendations/containers-not-privileged?environment=demo";
    let mut events = person.events().await;
    while person.get(rule).await.json()["recommendation"]["affected"] != 1 {
        while events.next().await.name != "score" {}
    }
    let list = async |what: &str| {
        let path = format!("/api/v1/assets?environment=demo&{what}");
        person.get(&path).await.json()
    };
    let cluster = list("kind=cluster").await;
    let id = cluster["items"][0]["asset"]["id"].as_str().unwrap();
    assert_eq!(cluster["items"][0]["running"], 6);
    let namespaces = list(&format!("parent={id}")).await;
    let mut names: Vec<&str> = namespaces["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["asset"]["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["edge", "finance", "platform", "shop"]);
    let image = list("kind=image&q=billing").await;
    assert_eq!(image["items"][0]["running"], 1);
    let id = image["items"][0]["asset"]["id"].as_str().unwrap();
    let detail = person.get(&format!("/api/v1/assets/{id}")).await.json();
    assert_eq!(detail["running_in"][0]["workload"], "billing");
    assert_eq!(detail["chain"][0]["kind"], "environment");

    let score = person.get("/api/v1/score?environment=demo").await.json();
    let percent = score["percent"].as_f64().unwrap();
    assert!(percent > 0.0 && percent < 80.0, "{score}");
    let open = person
        .get("/api/v1/recommendations?environment=demo")
        .await
        .json();
    assert!(open.as_array().unwrap().len() >= 5, "{open}");
    let fresh = person
        .get("/api/v1/recommendations/advisories-fresh?environment=demo")
        .await
        .json();
    assert_eq!(fresh["recommendation"]["state"], "not_applicable");
    let matrix = person.get("/api/v1/attack?environment=demo").await.json();
    let alerts: u64 = matrix["tactics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tactic| tactic["alerts"].as_u64().unwrap())
        .sum();
    assert!(alerts >= 3, "{matrix}");
    let overview = person.get("/api/v1/overview?environment=demo").await.json();
    assert_eq!(overview["top_alerts"][0]["severity"], "critical");
    let compliance = person
        .get("/api/v1/compliance?environment=demo")
        .await
        .json();
    let failed: u64 = compliance["standards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|standard| standard["failed"].as_u64().unwrap())
        .sum();
    assert!(failed >= 5, "{compliance}");
}
