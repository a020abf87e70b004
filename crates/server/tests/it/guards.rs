//! Other sites' pages, other names, headers on every answer.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};

use crate::test_server::start;

#[tokio::test]
async fn names_that_merely_resolve_here_are_refused() {
    let server = start().await;
    let person = server.signed_in().await;
    for (host, allowed) in [
        ("localhost:8470", true),
        ("127.0.0.1", true),
        ("[::1]:8470", true),
        ("evil.example:8470", false),
        ("192.168.0.7:8470", false),
    ] {
        let answer = person
            .ask(
                Method::GET,
                "/api/v1/overview",
                Body::empty(),
                &[("host", host)],
            )
            .await;
        let expected = if allowed {
            StatusCode::OK
        } else {
            StatusCode::MISDIRECTED_REQUEST
        };
        assert_eq!(answer.status, expected, "{host}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let server = start().await;
    let person = server.signed_in().await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ] {
        let answer = person
            .ask(
                Method::DELETE,
                "/api/v1/session",
                Body::empty(),
                &[(name, value)],
            )
            .await;
        assert!(
            answer.problem().starts_with("403 cross_site"),
            "{name}: {value}"
        );
    }
    assert_eq!(person.get("/api/v1/session").await.status, StatusCode::OK);
    let answer = person
        .ask(
            Method::DELETE,
            "/api/v1/session",
            Body::empty(),
            &[("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn every_answer_carries_its_id_and_its_policy() {
    let server = start().await;
    let person = server.anonymous();
    for path in ["/health", "/api/v1/overview", "/api/v1/nowhere", "/"] {
        let answer = person.get(path).await;
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
    }
    let answer = person.get("/api/v1/overview").await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
}
