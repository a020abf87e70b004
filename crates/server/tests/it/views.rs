//! Saved views.

use axum::http::StatusCode;
use serde_json::json;

use crate::test_server::start;

#[tokio::test]
async fn a_view_is_saved_listed_replaced_and_deleted() {
    let server = start().await;
    let person = server.signed_in().await;
    let view = json!({ "name": "mine", "page": "/alerts", "search": "q=severity%3Ahigh" });
    let saved = person.post("/api/v1/views", view).await;
    assert_eq!(saved.status, StatusCode::CREATED, "{}", saved.text);
    let id = saved.json()["id"].as_str().unwrap().to_owned();
    let view = json!({ "name": "mine", "page": "/images", "search": "", "shared": true });
    let again = person.post("/api/v1/views", view).await;
    assert_eq!(again.json()["id"], id.as_str());
    let views = person.get("/api/v1/views").await.json();
    assert_eq!(views.as_array().unwrap().len(), 1);
    assert_eq!(views[0]["page"], "/images");
    assert_eq!(views[0]["mine"], true);
    let gone = person.delete(&format!("/api/v1/views/{id}")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let gone = person.delete(&format!("/api/v1/views/{id}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_view_cannot_lead_out_of_the_dashboard() {
    let server = start().await;
    let person = server.signed_in().await;
    for page in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a?b",
        "/a b",
        "",
    ] {
        let view = json!({ "name": "x", "page": page, "search": "" });
        let answer = person.post("/api/v1/views", view).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{page}");
    }
    for (name, search) in [("", ""), ("a\u{7}", ""), ("x", "a\nb")] {
        let view = json!({ "name": name, "page": "/", "search": search });
        let answer = person.post("/api/v1/views", view).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{name:?} {search:?}"
        );
    }
    let long = json!({ "name": "n".repeat(101), "page": "/", "search": "" });
    let answer = person.post("/api/v1/views", long).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
