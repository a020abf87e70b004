//! Requests that make no sense, and how they are told so.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use serde_json::json;

use crate::test_server::{start, start_with};

#[tokio::test]
async fn refusals_name_the_part_and_what_is_allowed() {
    let server = start().await;
    let person = server.signed_in().await;
    let mut told = Vec::new();
    for path in [
        "/images?limit=0",
        "/images?limit=many",
        "/images?kind=pod",
        "/images?sort=colour",
        "/images?severity=high,severe",
        "/images?colour=red",
        "/images?cursor=nonsense",
        "/images/none",
        "/images/none/findings",
        "/findings?state=lost",
        "/findings?kind=debs",
        "/scans?state=lost",
        "/scans/none",
        "/vulnerabilities/CVE-1999-0001",
        "/search?q=a",
        "/search",
    ] {
        told.push(person.get(&format!("/api/v1{path}")).await.problem());
    }
    for body in [
        json!({}),
        json!({ "target": "" }),
        json!({ "target": "registry:UPPER CASE" }),
        json!({ "target": "dir:/nowhere", "platform": "linux" }),
        json!({ "target": "alpine", "colour": "red" }),
    ] {
        told.push(person.post("/api/v1/scans", body).await.problem());
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn bodies_too_large_and_of_the_wrong_kind_are_refused() {
    let server = start().await;
    let person = server.signed_in().await;
    let large = json!({ "target": "x".repeat(100_000) });
    let answer = person.post("/api/v1/scans", large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let answer = person
        .ask(Method::POST, "/api/v1/scans", Body::from("target=x"), &[])
        .await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_upload_is_bounded() {
    let server = start_with(|config| {
        config.advisories.max_upload = "1KiB".parse().unwrap();
    })
    .await;
    let person = server.signed_in().await;
    let upload = async |bytes: Vec<u8>| {
        person
            .ask(
                Method::POST,
                "/api/v1/database/import?name=Debian.zip",
                Body::from(bytes),
                &[],
            )
            .await
    };
    let answer = upload(vec![0; 2000]).await;
    assert!(answer.problem().starts_with("413 too_large"), "{answer:?}");
    let answer = upload(Vec::new()).await;
    assert!(
        answer.problem().starts_with("400 invalid_request"),
        "{answer:?}"
    );
    let left: Vec<_> = std::fs::read_dir(server.folder.path().join("data"))
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("import-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn local_paths_can_be_forbidden() {
    let server = start_with(|config| config.scan.local_paths = false).await;
    let person = server.signed_in().await;
    let answer = person
        .post("/api/v1/scans", json!({ "target": "dir:/etc" }))
        .await;
    assert!(
        answer.problem().starts_with("403 local_paths_not_allowed"),
        "{answer:?}"
    );
}
