//! Every operation of the contract, asked by everybody there can be:
//! what each needs is read from the contract, where its declaration
//! beside the route put it.

use std::{collections::BTreeSet, path::Path};

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use model::{
    Permission, Role,
    permission::{Binding, Reach, Rights},
};
use serde_json::{Value, json};

use crate::{
    people::{PASSWORD, first_account, in_days, sign_in, somebody, token},
    test_server::{Person, TestServer, start},
};

/// An operation and what it says it needs.
#[derive(Clone, Debug)]
struct Operation {
    method: Method,
    /// With ids filled in that are nobody's.
    path: String,
    needs: String,
    by_environment: bool,
}

fn operations() -> Vec<Operation> {
    let contract: Value = serde_json::from_str(api::OPENAPI_JSON).unwrap();
    let mut operations = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array();
            operations.push(Operation {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path.replace("{id}", "none").replace("{cluster}", "none"),
                needs: operation["x-needs"].as_str().unwrap_or_default().to_owned(),
                by_environment: parameters.is_some_and(|parameters| {
                    parameters
                        .iter()
                        .any(|parameter| parameter["name"] == "environment")
                }),
            });
        }
    }
    let beside = |path: &str, needs: &str| Operation {
        method: Method::GET,
        path: path.to_owned(),
        needs: needs.to_owned(),
        by_environment: false,
    };
    operations.push(beside("/metrics", "metrics everywhere"));
    operations.push(beside("/api/v1/openapi.json", "signed_in"));
    // What ends the asker's own session comes last.
    operations.sort_by_key(|operation| {
        operation.method == Method::DELETE && operation.path == "/api/v1/session"
    });
    operations
}

async fn ask(person: &Person, operation: &Operation, path: &str) -> (StatusCode, String) {
    let headers = [("content-type", "application/json")];
    let response = person
        .open(operation.method.clone(), path, Body::from("{}"), &headers)
        .await;
    let status = response.status();
    if !status.is_client_error() {
        // Some answers never end.
        return (status, String::new());
    }
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// What is refused to somebody with these rights; `None`: nothing.
fn expected(needs: &str, rights: Option<&Rights>) -> Option<StatusCode> {
    if needs == "nothing" {
        return None;
    }
    let Some(rights) = rights else {
        return Some(StatusCode::UNAUTHORIZED);
    };
    if needs == "signed_in" {
        return None;
    }
    let (word, everywhere) = match needs.split_once(' ') {
        Some((word, "everywhere")) => (word, true),
        Some(_) => panic!("what is '{needs}'?"),
        None => (needs, false),
    };
    let permission = Permission::parse(word).unwrap_or_else(|| panic!("what is '{needs}'?"));
    let may = if everywhere {
        rights.may_everywhere(permission)
    } else {
        rights.may_somewhere(permission)
    };
    (!may).then_some(StatusCode::FORBIDDEN)
}

/// Reaching a handler without saying what it needs would be an accident.
#[test]
fn every_operation_declares_what_it_needs() {
    let silent: Vec<_> = operations()
        .into_iter()
        .filter(|operation| operation.needs.is_empty())
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    assert!(
        silent.is_empty(),
        "declare what these need beside their routes in server::http (`needs(View, routes!(…))`): \
         {silent:?}"
    );
}

/// The golden file holds signing in and health, and nothing else.
#[tokio::test]
async fn nobody_gets_past_the_door_but_where_the_golden_file_says() {
    let server = start().await;
    let person = server.anonymous();
    let mut open = Vec::new();
    let mut all = operations();
    for path in ["/", "/health", "/ready"] {
        all.push(Operation {
            method: Method::GET,
            path: path.to_owned(),
            needs: "nothing".to_owned(),
            by_environment: false,
        });
    }
    for operation in all {
        let (status, _) = ask(&person, &operation, &operation.path).await;
        if status != StatusCode::UNAUTHORIZED {
            assert_eq!(operation.needs, "nothing", "{operation:?}");
            open.push(format!("{} {}\n", operation.method, operation.path));
        }
    }
    open.sort();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("authz-uncovered.txt");
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, open.concat()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(golden).unwrap(), open.concat());
}

/// Everybody there can be, with what they may do.
struct Everybody {
    admin: Person,
    people: Vec<(String, Person, Option<Rights>)>,
}

fn bound(role: Role, environment: &str) -> Rights {
    Rights::of_bindings(&[Binding {
        role,
        reach: Reach::from_names([environment.to_owned()]),
    }])
}

async fn everybody(server: &TestServer) -> Everybody {
    let admin = first_account(server).await;
    let shop = json!({ "id": "shop", "name": "The shop" });
    let made = admin.post("/api/v1/environments", shop).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let mut people = vec![("nobody".to_owned(), server.anonymous(), None)];
    for role in Role::ALL {
        for environment in ["*", "shop"] {
            let name = format!("{}-{}", role.as_str(), environment.replace('*', "all"));
            let roles = json!([{ "role": role.as_str(), "environments": [environment] }]);
            let person = somebody(server, &admin, &name, roles).await;
            people.push((name, person, Some(bound(role, environment))));
        }
    }
    for permission in Permission::ALL {
        for environment in ["*", "shop"] {
            let word = permission.as_str();
            let body = json!({ "name": word, "permissions": [word], "expires": in_days(1),
                "environments": [environment] });
            let (program, _) = token(server, &admin, body).await;
            let reach = Reach::from_names([environment.to_owned()]);
            let rights = Rights::default().with([permission].into_iter().collect(), &reach);
            people.push((format!("token {word} {environment}"), program, Some(rights)));
        }
    }
    let owner = server.signed_in().await;
    people.push(("owner".to_owned(), owner, Some(Rights::all())));
    Everybody { admin, people }
}

#[tokio::test]
async fn everybody_gets_exactly_what_their_permissions_say() {
    let server = start().await;
    let Everybody { people, .. } = everybody(&server).await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for operation in operations() {
        for (name, person, rights) in &people {
            let expected = expected(&operation.needs, rights.as_ref());
            let (status, code) = ask(person, &operation, &operation.path).await;
            asked += 1;
            let fits = match expected {
                Some(StatusCode::UNAUTHORIZED) => code == "not_signed_in",
                Some(_) => status == StatusCode::FORBIDDEN && code == "not_permitted",
                // What else may be wrong with an empty request is not
                // the door's business.
                None => {
                    code != "not_permitted" && code != "not_signed_in" && !status.is_server_error()
                }
            };
            if !fits {
                wrong.push(format!(
                    "{} {} ({}) by {name}: {status} {code}",
                    operation.method, operation.path, operation.needs
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 1000, "{asked}");
}

/// What lies in one environment does not exist for those of another:
/// neither by its id, nor in a list, nor by the environment's name.
#[tokio::test]
async fn what_is_foreign_does_not_exist() {
    const MARK: &str = "harbour-mole-lantern";
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let Everybody { admin, people } = everybody(&server).await;
    let folder = server.folder.path().join(MARK);
    let package = folder.join("node_modules/lodash");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(
        package.join("package.json"),
        r#"{ "name": "lodash", "version": "4.17.15" }"#,
    )
    .unwrap();
    let target = json!({ "target": format!("dir:{}", folder.display()) });
    let scan = admin.post("/api/v1/scans", target).await;
    assert_eq!(scan.status, StatusCode::ACCEPTED, "{}", scan.text);
    admin.wait_for_scans().await;
    let scan = scan.json()["id"].as_str().unwrap().to_owned();
    let images = admin.get("/api/v1/images").await;
    assert!(images.text.contains(MARK), "{}", images.text);
    let image = images.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let findings = admin.get("/api/v1/findings").await.json();
    let finding = findings["items"][0]["id"].as_str().unwrap().to_owned();
    let assets = admin.get("/api/v1/assets").await.json();
    let asset = assets["items"][0]["id"]
        .as_str()
        .unwrap_or("none")
        .to_owned();

    let named = |name: &str| {
        let found = people.iter().find(|(known, ..)| known == name);
        found.unwrap_or_else(|| panic!("{name}")).1.clone()
    };
    let contract: Value = serde_json::from_str(api::OPENAPI_JSON).unwrap();
    for (foreigner, local) in [
        ("security_reader-shop", "security_reader-all"),
        ("security_admin-shop", "security_admin-all"),
        ("token view shop", "token view *"),
    ] {
        let (foreigner, local) = (named(foreigner), named(local));
        let mut objects = BTreeSet::new();
        for (path, item) in contract["paths"].as_object().unwrap() {
            let Some(operation) = item.get("get") else {
                continue;
            };
            let is_endless = path.ends_with("/events");
            if operation["x-needs"] != "view" || is_endless {
                continue;
            }
            let id = match path.split('/').nth(3) {
                Some("images") => &image,
                Some("scans") => &scan,
                Some("findings") => &finding,
                Some("assets") => &asset,
                _ => "none",
            };
            let mut full = path.replace("{id}", id).replace("{cluster}", "none");
            if path.ends_with("/comparison") {
                // With itself: there is but one.
                full.push_str("?with=");
                full.push_str(&image);
            }
            let answer = foreigner.get(&full).await;
            assert!(!answer.text.contains(MARK), "{path}: {}", answer.text);
            if path.contains("{id}") && id != "none" {
                let seen = local.get(&full).await;
                assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.text);
                assert_eq!(
                    answer.status,
                    StatusCode::NOT_FOUND,
                    "{path}: {}",
                    answer.text
                );
                objects.insert(path.split('/').nth(3).unwrap());
            }
        }
        assert!(objects.len() >= 2, "{objects:?}");
        for operation in operations() {
            if !operation.by_environment || operation.needs != "view" {
                continue;
            }
            // What is nowhere is told like what is out of reach.
            for elsewhere in ["local", "moon"] {
                let path = format!("{}?environment={elsewhere}&q=ab", operation.path);
                let (status, _) = ask(&foreigner, &operation, &path).await;
                let is_hidden =
                    status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST;
                assert!(is_hidden, "{path}: {status}");
            }
        }
    }
    // Those who may change things elsewhere change nothing here.
    let foreigner = named("security_admin-shop");
    for path in [
        format!("/api/v1/images/{image}"),
        format!("/api/v1/scans/{scan}"),
    ] {
        assert_eq!(
            foreigner.delete(&path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let target = json!({ "target": "alpine:3.19" });
    let scan = foreigner.post("/api/v1/scans", target).await;
    assert_eq!(scan.status, StatusCode::NOT_FOUND, "{}", scan.text);
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

#[tokio::test]
async fn the_refusal_names_the_role_that_would_do() {
    let server = start().await;
    let admin = first_account(&server).await;
    let reader = json!([{ "role": "security_reader", "environments": ["*"] }]);
    somebody(&server, &admin, "bob", reader).await;
    let bob = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let answer = bob.get("/api/v1/users").await;
    assert_eq!(
        answer.problem(),
        "403 not_permitted /api/v1/users: this needs the permission 'administer' for all \
         environments, which comes with the role platform admin"
    );
}
