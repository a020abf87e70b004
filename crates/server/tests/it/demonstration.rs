//! The demonstration environment, from button to broom.

use axum::http::StatusCode;
use serde_json::json;

use crate::test_server::start;

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
