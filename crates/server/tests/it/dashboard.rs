//! The dashboard's page and files.

use axum::http::StatusCode;

use crate::test_server::start;

#[tokio::test]
async fn every_path_of_the_dashboard_is_one_page_under_a_fresh_nonce() {
    let server = start().await;
    let person = server.anonymous();
    let first = person.get("/").await;
    let second = person.get("/images/0197").await;
    for answer in [&first, &second] {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.text.contains("__CSP_NONCE__"));
        assert!(answer.text.contains("Seawall"));
    }
    assert_ne!(
        first.header("content-security-policy"),
        second.header("content-security-policy")
    );
}

#[tokio::test]
async fn what_is_missing_is_said_to_be() {
    let server = start().await;
    let person = server.anonymous();
    for path in ["/assets/gone-123.js", "/api/v1/nowhere", "/api/v2"] {
        let answer = person.get(path).await;
        assert!(answer.problem().starts_with("404 not_found"), "{path}");
    }
}
