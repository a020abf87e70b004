//! Recommendations, the score and what is made of them.

use axum::http::StatusCode;

use crate::test_server::start;

#[tokio::test]
async fn before_anything_is_judged_there_is_no_score_and_nothing_failed() {
    let server = start().await;
    let person = server.signed_in().await;
    let score = person.get("/api/v1/score").await.json();
    assert_eq!(score["percent"], serde_json::Value::Null);
    let open = person.get("/api/v1/recommendations").await.json();
    assert_eq!(open.as_array().unwrap().len(), 0);
    let all = person.get("/api/v1/recommendations?state=all").await.json();
    assert!(all.as_array().unwrap().len() >= 12);
    let compliance = person.get("/api/v1/compliance").await.json();
    for standard in compliance["standards"].as_array().unwrap() {
        assert_eq!(
            (&standard["passed"], &standard["failed"]),
            (&0.into(), &0.into())
        );
    }
    let trend = person.get("/api/v1/overview/trend").await.json();
    assert_eq!(trend["days"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_recommendation_explains_itself() {
    let server = start().await;
    let person = server.signed_in().await;
    let rule = person
        .get("/api/v1/recommendations/containers-not-privileged")
        .await
        .json();
    assert_eq!(rule["recommendation"]["severity"], "high");
    assert!(rule["why"].as_str().unwrap().len() > 40);
    assert!(rule["remediation"][0]["code"].is_string());
    let unknown = person.get("/api/v1/recommendations/no-such").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    for bad in [
        "recommendations?state=broken",
        "recommendations?severity=huge",
        "score/history?days=0",
        "score/history?days=366",
        "overview/trend?days=1000",
    ] {
        let answer = person.get(&format!("/api/v1/{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}
