//! Every operation of the contract, asked by somebody nobody knows and
//! by somebody signed in.

use std::path::Path;

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use serde_json::Value;

use crate::test_server::{Person, start};

/// Method and path of every operation, with ids filled in.
fn operations() -> Vec<(Method, String)> {
    let contract: Value = serde_json::from_str(api::OPENAPI_JSON).unwrap();
    let mut operations = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.push((method, path.replace("{id}", "none")));
        }
    }
    for path in ["/", "/health", "/ready", "/metrics", "/api/v1/openapi.json"] {
        operations.push((Method::GET, path.to_owned()));
    }
    operations
}

async fn status(person: &Person, method: &Method, path: &str) -> StatusCode {
    let headers = [("content-type", "application/json")];
    person
        .open(method.clone(), path, Body::from("{}"), &headers)
        .await
        .status()
}

/// Reaching a handler without saying what it needs would be an accident.
#[test]
fn every_operation_declares_what_it_needs() {
    let contract: Value = serde_json::from_str(api::OPENAPI_JSON).unwrap();
    let mut silent = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !operation["x-needs"].is_string() {
                silent.push(format!("{method} {path}"));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "declare what these need beside their routes in server::http (`needs(View, routes!(…))`): \
         {silent:?}"
    );
}

#[tokio::test]
async fn nobody_gets_past_the_door_but_where_the_golden_file_says() {
    let server = start().await;
    let person = server.anonymous();
    let mut open = Vec::new();
    for (method, path) in operations() {
        if status(&person, &method, &path).await != StatusCode::UNAUTHORIZED {
            open.push(format!("{method} {path}\n"));
        }
    }
    open.sort();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("authz-uncovered.txt");
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, open.concat()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(golden).unwrap(), open.concat());
}

#[tokio::test]
async fn somebody_signed_in_gets_past_every_door() {
    let server = start().await;
    let mut person = server.signed_in().await;
    for (method, path) in operations() {
        let status = status(&person, &method, &path).await;
        assert!(
            status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN
                || path == "/api/v1/session",
            "{method} {path}: {status}"
        );
        assert!(!status.is_server_error(), "{method} {path}: {status}");
        if path == "/api/v1/session" {
            person = server.signed_in().await;
        }
    }
}

#[tokio::test]
async fn a_forged_or_foreign_cookie_opens_nothing() {
    let server = start().await;
    let other = start().await;
    let mut person = server.anonymous();
    let foreign = other.signed_in().await.cookie;
    for cookie in [Some("seawall_session=".to_owned()), foreign] {
        person.cookie = cookie;
        let answer = person.get("/api/v1/overview").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}
