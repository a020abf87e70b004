//! Signing in and out.

use axum::http::StatusCode;
use serde_json::json;

use crate::test_server::start;

#[tokio::test]
async fn a_link_signs_in_once() {
    let server = start().await;
    let person = server.anonymous();
    assert_eq!(
        person.get("/api/v1/session").await.problem(),
        "401 not_signed_in /api/v1/session: sign in, or send an API token"
    );

    let token = server.link_token().await;
    let body = json!({ "token": token });
    let answer = person.post("/api/v1/session", body.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("seawall_session="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800"),
        "{cookie}"
    );
    assert_eq!(answer.json()["server"]["local_paths"], true);

    let again = person.post("/api/v1/session", body).await;
    assert!(
        again.problem().starts_with("401 link_not_valid"),
        "{again:?}"
    );
}

#[tokio::test]
async fn who_signs_out_is_out() {
    let server = start().await;
    let person = server.signed_in().await;
    assert_eq!(person.get("/api/v1/session").await.status, StatusCode::OK);
    let answer = person.delete("/api/v1/session").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").ends_with("Max-Age=0"));
    assert_eq!(
        person.get("/api/v1/session").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = start().await;
    let person = server.anonymous();
    for _ in 0..30 {
        let answer = person
            .post("/api/v1/session", json!({ "token": "guess" }))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = person
        .post("/api/v1/session", json!({ "token": "guess" }))
        .await;
    assert!(
        answer.problem().starts_with("429 too_many_requests"),
        "{answer:?}"
    );
}
