//! Accounts, sessions and tokens, over HTTP.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::test_server::{Answer, Person, TestServer, start, start_with};

pub(crate) const PASSWORD: &str = "tide-and-gravel-9";

pub(crate) fn cookie_of(answer: &Answer) -> Option<String> {
    answer
        .header("set-cookie")
        .split(';')
        .next()
        .map(str::to_owned)
}

/// The first account: both admin roles, everywhere.
pub(crate) async fn first_account(server: &TestServer) -> Person {
    let mut owner = server.signed_in().await;
    let body = json!({ "name": "ada", "password": PASSWORD });
    let answer = owner.post("/api/v1/first-account", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    owner.cookie = cookie_of(&answer);
    owner
}

/// Somebody with these roles, signed in.
pub(crate) async fn somebody(
    server: &TestServer,
    admin: &Person,
    name: &str,
    roles: Value,
) -> Person {
    let body = json!({ "name": name, "password": PASSWORD, "roles": roles });
    let answer = admin.post("/api/v1/users", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    sign_in(server, name, PASSWORD).await.unwrap()
}

pub(crate) async fn sign_in(
    server: &TestServer,
    name: &str,
    password: &str,
) -> Result<Person, Answer> {
    let mut person = server.anonymous();
    let body = json!({ "name": name, "password": password });
    let answer = person.post("/api/v1/session", body).await;
    if answer.status != StatusCode::OK {
        return Err(answer);
    }
    person.cookie = cookie_of(&answer);
    Ok(person)
}

pub(crate) fn in_days(days: i64) -> String {
    let now = model::Clock::now(&model::SystemClock);
    (now + SignedDuration::from_hours(days * 24)).to_string()
}

/// A program with a token `maker` made.
pub(crate) async fn token(server: &TestServer, maker: &Person, body: Value) -> (Person, Value) {
    let answer = maker.post("/api/v1/tokens", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let made = answer.json();
    let mut program = server.anonymous();
    program.bearer = made["secret"].as_str().map(str::to_owned);
    (program, made["token"].clone())
}

#[tokio::test]
async fn the_first_account_takes_over_from_the_link() {
    let server = start().await;
    let anyone = server.anonymous();
    let ways = anyone.get("/api/v1/session/providers").await.json();
    assert_eq!(
        ways,
        json!({ "password": false, "first_run": true, "oidc": [] })
    );
    assert!(server.server.ready().await.unwrap().link.is_some());

    let owner = server.signed_in().await;
    let me = owner.get("/api/v1/me").await.json();
    assert_eq!(
        (&me["kind"], &me["first_account_needed"]),
        (&json!("owner"), &json!(true))
    );
    let weak = json!({ "name": "ada", "password": "password1234" });
    let answer = owner.post("/api/v1/first-account", weak).await;
    assert!(answer.problem().starts_with("400 invalid_request"));

    let ada = first_account(&server).await;
    let me = ada.get("/api/v1/me").await.json();
    assert_eq!(me["name"], "ada");
    assert_eq!(me["first_account_needed"], false);
    let everywhere: Vec<_> = me["everywhere"].as_array().unwrap().clone();
    assert_eq!(everywhere.len(), 9, "{me}");

    // The owner's sessions are over, and no link is printed any more.
    let answer = owner.get("/api/v1/me").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.server.ready().await.unwrap().link, None);
    let ways = anyone.get("/api/v1/session/providers").await.json();
    assert_eq!(
        (&ways["password"], &ways["first_run"]),
        (&json!(true), &json!(false))
    );
    let again = json!({ "name": "eve", "password": PASSWORD });
    let answer = ada.post("/api/v1/first-account", again).await;
    assert!(answer.problem().starts_with("409 not_first"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_alike_and_lock_out() {
    let server = start().await;
    first_account(&server).await;
    let wrong = sign_in(&server, "ada", "wrong-and-gravel-9")
        .await
        .unwrap_err();
    let unknown = sign_in(&server, "nobody", "wrong-and-gravel-9")
        .await
        .unwrap_err();
    assert!(wrong.problem().starts_with("401 not_recognised"));
    assert_eq!(wrong.problem(), unknown.problem());
    for _ in 0..4 {
        sign_in(&server, "ada", "wrong-and-gravel-9")
            .await
            .unwrap_err();
    }
    // Even the right one, for a while.
    let locked = sign_in(&server, "ada", PASSWORD).await.unwrap_err();
    assert!(locked.problem().starts_with("429 too_many_requests"));
    assert!(locked.header("retry-after").parse::<u64>().unwrap() > 60);
}

#[tokio::test]
async fn an_invitation_lets_somebody_choose_a_password_once() {
    let server = start().await;
    let ada = first_account(&server).await;
    let reader = json!([{ "role": "security_reader", "environments": ["*"] }]);
    let body = json!({ "name": "Bob@example.org", "roles": reader });
    let made = ada.post("/api/v1/users", body).await.json();
    assert_eq!(made["user"]["name"], "bob@example.org");
    assert_eq!(made["user"]["state"], "invited");
    let link = made["invitation"]["link"].as_str().unwrap();
    let (_, invitation) = link.split_once("/sign-in#invitation=").unwrap();

    let anyone = server.anonymous();
    let accept = |password: &str| json!({ "invitation": invitation, "password": password });
    let path = "/api/v1/session/invitation";
    let weak = anyone.post(path, accept("short")).await;
    assert!(weak.problem().contains("at least 12"), "{}", weak.text);
    let answer = anyone.post(path, accept(PASSWORD)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let again = anyone.post(path, accept(PASSWORD)).await;
    assert!(again.problem().starts_with("401 link_not_valid"));
    let bob = sign_in(&server, "BOB@example.org", PASSWORD).await.unwrap();

    // A reset closes the door at once, and opens it with the new link.
    let id = made["user"]["id"].as_str().unwrap();
    let reset = ada
        .post(&format!("/api/v1/users/{id}/reset"), json!({}))
        .await;
    assert_eq!(reset.status, StatusCode::OK);
    assert_eq!(bob.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    sign_in(&server, "bob@example.org", PASSWORD)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn changing_the_password_ends_the_other_sessions() {
    let server = start().await;
    let here = first_account(&server).await;
    let there = sign_in(&server, "ada", PASSWORD).await.unwrap();
    let sessions = here.get("/api/v1/sessions").await.json();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    let path = "/api/v1/me/password";
    let wrong = here
        .post(path, change("wrong", "new-tide-and-gravel"))
        .await;
    assert!(wrong.problem().starts_with("403 wrong_password"));
    let weak = here.post(path, change(PASSWORD, "ada.ada.ada")).await;
    assert!(weak.problem().starts_with("400 invalid_request"));
    let done = here
        .post(path, change(PASSWORD, "new-tide-and-gravel"))
        .await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);
    assert_eq!(here.get("/api/v1/me").await.status, StatusCode::OK);
    assert_eq!(
        there.get("/api/v1/me").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn sessions_are_listed_and_revoked_by_their_owner_and_by_an_admin() {
    let server = start().await;
    let ada = first_account(&server).await;
    let reader = json!([{ "role": "security_reader", "environments": ["*"] }]);
    let bob = somebody(&server, &ada, "bob", reader).await;
    let list = bob.get("/api/v1/sessions").await.json();
    let id = list[0]["id"].as_str().unwrap();
    assert_eq!(list[0]["current"], true);
    assert_eq!(list[0]["method"], "password");
    // Nobody ends another's.
    let foreign = ada.delete(&format!("/api/v1/sessions/{id}")).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let users = ada.get("/api/v1/users?q=bo").await.json();
    let user = users[0]["id"].as_str().unwrap();
    assert_eq!(users[0]["sessions"], 1);
    let ended = ada.delete(&format!("/api/v1/users/{user}/sessions")).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(bob.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn new_roles_hold_from_the_next_sign_in_and_old_ones_no_longer() {
    let server = start().await;
    let ada = first_account(&server).await;
    let reader = json!([{ "role": "security_reader", "environments": ["*"] }]);
    let bob = somebody(&server, &ada, "bob", reader).await;
    let id = bob.get("/api/v1/me").await.json()["id"].clone();
    let path = format!("/api/v1/users/{}", id.as_str().unwrap());
    for (body, problem) in [
        (
            json!({ "roles": [{ "role": "security_reader", "environments": [] }] }),
            "400",
        ),
        (
            json!({ "roles": [{ "role": "security_reader", "environments": ["moon"] }] }),
            "400",
        ),
        (
            json!({ "roles": [{ "role": "emperor", "environments": ["*"] }] }),
            "422",
        ),
        (json!({ "colour": "red" }), "422"),
    ] {
        let answer = ada.send(Method::PATCH, &path, body.clone()).await;
        assert!(
            answer.problem().starts_with(problem),
            "{body}: {}",
            answer.text
        );
    }
    let roles = json!({ "roles": [{ "role": "security_admin", "environments": ["local"] }] });
    let answer = ada.send(Method::PATCH, &path, roles).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(bob.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let bob = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let me = bob.get("/api/v1/me").await.json();
    assert_eq!(me["everywhere"], json!([]));
    assert_eq!(me["environments"][0]["environment"], "local");

    let own = ada.get("/api/v1/me").await.json()["id"].clone();
    let own = format!("/api/v1/users/{}", own.as_str().unwrap());
    let answer = ada
        .send(Method::PATCH, &own, json!({ "disabled": true }))
        .await;
    assert!(answer.problem().starts_with("409 last_administrator"));
    assert!(
        ada.delete(&own)
            .await
            .problem()
            .starts_with("409 last_administrator")
    );
}

#[tokio::test]
async fn a_token_does_what_it_was_made_for_and_ends_with_its_maker() {
    let server = start().await;
    let ada = first_account(&server).await;
    let admin = json!([{ "role": "security_admin", "environments": ["*"] }]);
    let bob = somebody(&server, &ada, "bob", admin).await;
    let body = json!({ "name": "pipeline", "permissions": ["view"], "expires": in_days(30) });
    let (program, made) = token(&server, &bob, body).await;
    assert_eq!(program.get("/api/v1/findings").await.status, StatusCode::OK);
    let answer = program.post("/api/v1/database/update", json!({})).await;
    assert!(
        answer.problem().starts_with("403 not_permitted"),
        "{}",
        answer.text
    );
    assert!(answer.problem().contains("security admin"));
    let me = program.get("/api/v1/me").await.json();
    assert_eq!(
        (&me["kind"], &me["name"]),
        (&json!("token"), &json!("pipeline"))
    );
    let list = bob.get("/api/v1/tokens").await.json();
    assert_eq!(list[0]["id"], made["id"]);
    assert!(!list[0]["last_used"].is_null());
    assert!(
        !list
            .to_string()
            .contains(program.bearer.as_deref().unwrap())
    );

    // Its secret alone, or another's id, opens nothing.
    let mut thief = server.anonymous();
    let secret = program.bearer.clone().unwrap();
    for forged in [
        secret.replace(made["id"].as_str().unwrap(), "0123456789abcdef"),
        format!("{}0", secret.get(..secret.len() - 1).unwrap()),
        "sw_".to_owned(),
    ] {
        thief.bearer = Some(forged);
        let answer = thief.get("/api/v1/findings").await;
        let is_refused = answer.status == StatusCode::UNAUTHORIZED;
        assert!(is_refused || thief.bearer.as_deref() == Some(&secret));
    }

    let id = bob.get("/api/v1/me").await.json()["id"].clone();
    let path = format!("/api/v1/users/{}", id.as_str().unwrap());
    ada.send(Method::PATCH, &path, json!({ "disabled": true }))
        .await;
    let answer = program.get("/api/v1/findings").await;
    assert!(answer.problem().starts_with("401 token_not_valid"));
    let all = ada.get("/api/v1/tokens?all=true").await.json();
    assert_eq!(all[0]["state"], "suspended");
}

#[tokio::test]
async fn a_token_is_never_more_than_its_maker() {
    let server = start().await;
    let ada = first_account(&server).await;
    let reader = json!([{ "role": "security_reader", "environments": ["local"] }]);
    let bob = somebody(&server, &ada, "bob", reader).await;
    let ask = |permissions: Value, environments: Value, days: i64| {
        json!({ "name": "t", "permissions": permissions, "environments": environments,
                "expires": in_days(days) })
    };
    for (body, problem) in [
        (
            ask(json!(["administer"]), json!([]), 1),
            "403 not_permitted",
        ),
        (
            ask(json!(["view", "exempt"]), json!(["local"]), 1),
            "403 not_permitted",
        ),
        (
            ask(json!(["view"]), json!(["moon"]), 1),
            "400 invalid_request",
        ),
        (ask(json!([]), json!([]), 1), "400 invalid_request"),
        (ask(json!(["view"]), json!([]), -1), "400 invalid_request"),
        (ask(json!(["view"]), json!([]), 400), "400 invalid_request"),
    ] {
        let answer = bob.post("/api/v1/tokens", body.clone()).await;
        assert!(
            answer.problem().starts_with(problem),
            "{body}: {}",
            answer.text
        );
    }
    let all = bob.get("/api/v1/tokens?all=true").await;
    assert!(all.problem().starts_with("403 not_permitted"));

    // A token made with a token works no longer and does no more, and
    // goes with it.
    let (parent, made) = token(&server, &ada, ask(json!(["view", "scan"]), json!([]), 5)).await;
    for body in [
        ask(json!(["view", "administer"]), json!([]), 1),
        ask(json!(["view"]), json!([]), 6),
    ] {
        let answer = parent.post("/api/v1/tokens", body).await;
        assert!(answer.status.is_client_error(), "{}", answer.text);
    }
    let (child, _) = token(&server, &parent, ask(json!(["view"]), json!([]), 4)).await;
    assert_eq!(child.get("/api/v1/findings").await.status, StatusCode::OK);
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(bob.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        child.get("/api/v1/findings").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_token_bound_to_addresses_works_from_nowhere_else() {
    let server = start().await;
    let ada = first_account(&server).await;
    let body = json!({ "name": "t", "permissions": ["view"], "expires": in_days(1),
                       "addresses": ["192.0.2.0/24"] });
    let (mut program, _) = token(&server, &ada, body).await;
    assert_eq!(
        program.get("/api/v1/findings").await.status,
        StatusCode::UNAUTHORIZED
    );
    program.address = Some("192.0.2.9".parse().unwrap());
    assert_eq!(program.get("/api/v1/findings").await.status, StatusCode::OK);
    program.address = Some("198.51.100.1".parse().unwrap());
    assert_eq!(
        program.get("/api/v1/findings").await.status,
        StatusCode::UNAUTHORIZED
    );
    // Saying so is not being there, unless a trusted proxy says it.
    let said = [("x-forwarded-for", "192.0.2.9")];
    let path = "/api/v1/findings";
    let answer = program.ask(Method::GET, path, Body::empty(), &said).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let trusting = start_with(|config| {
        config.trusted_proxies = vec!["198.51.100.0/24".to_owned()];
    })
    .await;
    let ada = first_account(&trusting).await;
    let body = json!({ "name": "t", "permissions": ["view"], "expires": in_days(1),
                       "addresses": ["192.0.2.0/24"] });
    let (mut program, _) = token(&trusting, &ada, body).await;
    program.address = Some("198.51.100.1".parse().unwrap());
    for (said, expected) in [
        ("192.0.2.9", StatusCode::OK),
        ("192.0.2.9, 203.0.113.5", StatusCode::UNAUTHORIZED),
        ("203.0.113.5, 192.0.2.9", StatusCode::OK),
        ("192.0.2.9, nonsense", StatusCode::UNAUTHORIZED),
    ] {
        let said_so = [("x-forwarded-for", said)];
        let answer = program
            .ask(Method::GET, path, Body::empty(), &said_so)
            .await;
        assert_eq!(answer.status, expected, "{said}");
    }
}

#[tokio::test]
async fn too_many_requests_are_answered_429() {
    let server = start_with(|config| config.limits.requests_per_minute = 10).await;
    let person = server.signed_in().await;
    let mut refused = None;
    for _ in 0..11 {
        refused = Some(person.get("/api/v1/me").await);
    }
    let refused = refused.unwrap();
    assert!(refused.problem().starts_with("429 too_many_requests"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 60);
}

#[tokio::test]
async fn every_change_is_in_the_trail_and_no_secret_is() {
    let server = start().await;
    let ada = first_account(&server).await;
    let reader = json!([{ "role": "security_reader", "environments": ["*"] }]);
    somebody(&server, &ada, "bob", reader).await;
    sign_in(&server, "bob", "wrong-and-gravel-9")
        .await
        .unwrap_err();
    let body = json!({ "name": "t", "permissions": ["view"], "expires": in_days(1) });
    let (program, _) = token(&server, &ada, body).await;
    let page = ada.get("/api/v1/audit?limit=100").await.json();
    let actions: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "token.create",
            "session.refuse",
            "session.open",
            "user.create",
            "session.open",
            "user.create",
            "session.open",
        ]
    );
    let export = ada.get("/api/v1/audit/export").await;
    assert_eq!(export.text.lines().count(), 8);
    for secret in [PASSWORD, "argon2id", program.bearer.as_deref().unwrap()] {
        assert!(!export.text.contains(secret), "{secret}");
    }
    let mut verifier = model::audit::Verifier::default();
    for line in export.text.lines() {
        verifier.take(&serde_json::from_str(line).unwrap()).unwrap();
    }
    let verdict = ada.get("/api/v1/audit/verify").await.json();
    assert_eq!(verdict["intact"], true);
    assert_eq!(verdict["head"], verifier.head());
    let mine = ada.get("/api/v1/audit?actor=ada&action=token").await.json();
    assert_eq!(mine["total"], 1);
    assert_eq!(mine["items"][0]["request"].as_str().unwrap().len(), 36);
    let never = Timestamp::UNIX_EPOCH;
    let none = ada.get(&format!("/api/v1/audit?to={never}")).await.json();
    assert_eq!(none["total"], 0);
}
