//! Single sign-on against a real identity provider.

use axum::http::StatusCode;
use serde_json::json;
use server::config::GroupRole;
use testkit::identity::{Browser, IdentityProvider};

use crate::test_server::{Answer, Person, TestServer, start_with};

const ORIGIN: &str = "http://127.0.0.1:18470";
const BACK: &str = "http://127.0.0.1:18470/api/v1/session/oidc/callback";

fn provider() -> Option<IdentityProvider> {
    IdentityProvider::start(BACK).unwrap()
}

async fn server(provider: &IdentityProvider) -> TestServer {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), IdentityProvider::SECRET).unwrap();
    let (_, path) = secret.keep().unwrap();
    let line = |group: &str, role, environment: &str| GroupRole {
        group: group.to_owned(),
        role,
        environments: vec![environment.to_owned()],
    };
    let issuer = provider.issuer();
    start_with(move |config| {
        config.public_url = ORIGIN.to_owned();
        config.oidc.issuer = issuer;
        config.oidc.client_id = IdentityProvider::CLIENT.to_owned();
        config.oidc.client_secret_file = path;
        config.oidc.allowed_domains = vec!["example.org".to_owned()];
        config.oidc.roles = vec![
            line("sec", api::Role::SecurityAdmin, "*"),
            line("dev", api::Role::SecurityReader, "local"),
        ];
    })
    .await
}

/// Leaves for the provider: a browser that is on its way, and the URL it
/// comes back with.
async fn leave(server: &TestServer, name: &'static str) -> (Person, String) {
    let mut person = server.anonymous();
    let answer = person
        .get("/api/v1/session/oidc/start?next=/findings")
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let url = answer.header("location").to_owned();
    for part in [
        "code_challenge_method=S256",
        "state=",
        "nonce=",
        "response_type=code",
    ] {
        assert!(url.contains(part), "{url}");
    }
    person.cookie = crate::people::cookie_of(&answer);
    let back = tokio::task::spawn_blocking(move || Browser::default().sign_in(&url, name, BACK));
    let back = back.await.unwrap().unwrap();
    (person, back.strip_prefix(ORIGIN).unwrap().to_owned())
}

/// The session's cookie among those set.
fn session_of(answer: &Answer) -> Option<String> {
    answer
        .headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().unwrap().split(';').next())
        .find(|pair| pair.starts_with("seawall_session="))
        .map(str::to_owned)
}

async fn signed_in(server: &TestServer, name: &'static str) -> Person {
    let (mut person, back) = leave(server, name).await;
    let answer = person.get(&back).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.header("location"), "/findings");
    person.cookie = session_of(&answer);
    person
}

#[tokio::test]
async fn groups_give_roles_and_nothing_is_accepted_twice() {
    let Some(provider) = provider() else { return };
    let server = server(&provider).await;
    let ways = server
        .anonymous()
        .get("/api/v1/session/providers")
        .await
        .json();
    assert_eq!(ways["oidc"][0]["start"], "/api/v1/session/oidc/start");

    let (person, back) = leave(&server, "ada+sec").await;
    // Another browser that learnt of the answer gets nowhere with it …
    let thief = server.anonymous();
    let answer = thief.get(&back).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.text.contains("Not signed in"), "{}", answer.text);
    assert_eq!(session_of(&answer), None);
    // … and has spent it.
    let answer = person.get(&back).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);

    let ada = signed_in(&server, "ada+sec").await;
    let me = ada.get("/api/v1/me").await.json();
    assert_eq!(
        (&me["name"], &me["display_name"], &me["email"]),
        (&json!("ada"), &json!("ADA"), &json!("ada@example.org"))
    );
    assert_eq!(me["roles"][0]["role"], "security_admin");
    assert_eq!(me["has_password"], false);
    assert_eq!(server.server.ready().await.unwrap().link, None);

    // Another identity of the same name is another account.
    let other = signed_in(&server, "ada+dev").await;
    let me = other.get("/api/v1/me").await.json();
    assert_eq!(me["name"], "ada-2");
    assert_eq!(me["environments"][0]["environment"], "local");
    assert_eq!(me["everywhere"], json!([]));

    // Signing out says where to sign out of the provider.
    let answer = ada.delete("/api/v1/session").await;
    let url = answer.json()["provider_sign_out"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        url.starts_with(&format!("{}/session/end?id_token_hint=", provider.issuer())),
        "{url}"
    );
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_has_no_group_or_no_verified_address_stays_outside() {
    let Some(provider) = provider() else { return };
    let server = server(&provider).await;
    for (name, why) in [
        ("bob", "none of your groups"),
        ("bob+sec+unverified", "e-mail address"),
    ] {
        let (person, back) = leave(&server, name).await;
        let answer = person.get(&back).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains(why), "{}", answer.text);
        assert_eq!(session_of(&answer), None);
    }
}

#[tokio::test]
async fn forged_answers_are_refused() {
    let Some(provider) = provider() else { return };
    let server = server(&provider).await;
    let replaced = |back: &str, name: &str, value: &str| {
        let (path, query) = back.split_once('?').unwrap();
        let parts: Vec<String> = query
            .split('&')
            .map(|part| match part.split_once('=') {
                Some((known, _)) if known == name => format!("{known}={value}"),
                _ => part.to_owned(),
            })
            .collect();
        format!("{path}?{}", parts.join("&"))
    };
    for (name, value) in [
        ("state", "0000"),
        ("code", "0000"),
        ("iss", "https://evil.example"),
    ] {
        let (person, back) = leave(&server, "ada+sec").await;
        let answer = person.get(&replaced(&back, name, value)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        assert_eq!(session_of(&answer), None, "{name}");
    }
    // A code of one attempt does not fit another: its nonce and its
    // verifier are others.
    let (_, first) = leave(&server, "ada+sec").await;
    let (person, second) = leave(&server, "bob+sec").await;
    let code = first
        .split(['?', '&'])
        .find_map(|part| part.strip_prefix("code="));
    let answer = person.get(&replaced(&second, "code", code.unwrap())).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let error = server
        .anonymous()
        .get("/api/v1/session/oidc/callback?error=access_denied")
        .await;
    assert_eq!(error.status, StatusCode::FORBIDDEN);
    let forged = [("content-type", "application/x-www-form-urlencoded")];
    for token in ["", "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGErc2VjIn0."] {
        let answer = server
            .anonymous()
            .ask(
                axum::http::Method::POST,
                "/api/v1/session/oidc/logout",
                axum::body::Body::from(format!("logout_token={token}")),
                &forged,
            )
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{token}");
    }
}

#[tokio::test]
async fn new_keys_after_a_restart_are_learnt() {
    let Some(provider) = provider() else { return };
    let server = server(&provider).await;
    let ada = signed_in(&server, "ada+sec").await;
    let provider = provider.restart().unwrap();
    let again = signed_in(&server, "ada+sec").await;
    let id = |me: serde_json::Value| me["id"].clone();
    assert_eq!(
        id(ada.get("/api/v1/me").await.json()),
        id(again.get("/api/v1/me").await.json())
    );
    drop(provider);
    // Without it nobody new gets in, and who is in stays in.
    let answer = server.anonymous().get("/api/v1/session/oidc/start").await;
    assert!(answer.status == StatusCode::SEE_OTHER || answer.status == StatusCode::FORBIDDEN);
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::OK);
}
