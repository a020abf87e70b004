//! Docker Hub's and GitHub's interfaces, and Harbor's, played by a server
//! of ours.

use model::Secret;
use registry::{Account, Credential, Kind};
use serde_json::json;
use testkit::web::{Reply, Server};

use crate::open;

fn account(kind: Kind, server: &Server, patterns: &[&str]) -> Account {
    let address = kind.default_address().unwrap_or("harbor.example");
    let mut account = Account::anonymous(kind, address);
    account.endpoint = Some(format!("http://{}/", server.host()));
    account.repositories = patterns.iter().map(|text| (*text).to_owned()).collect();
    account.credential = Credential::Basic {
        username: "ada".to_owned(),
        password: Secret::new("pw"),
    };
    account
}

fn found(account: Account) -> Vec<String> {
    let registry = open(account);
    registry
        .repositories()
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn docker_hub_lists_what_an_owner_has() {
    let server = Server::start(|request| {
        let host = &request.headers["host"];
        let bearer = request.headers.get("authorization").map(String::as_str);
        match request.target.as_str() {
            "/v2/auth/token" => {
                let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                assert_eq!(body, json!({"identifier": "ada", "secret": "pw"}));
                Reply::new(200, r#"{"access_token":"t"}"#)
            }
            "/v2/namespaces/team/repositories?page_size=100" => {
                assert_eq!(bearer, Some("Bearer t"));
                let next = format!("http://{host}/v2/namespaces/team/repositories?page=2");
                let body = json!({"next": next, "results": [{"name": "shop"}, {"name": "base"}]});
                Reply::new(200, body.to_string())
            }
            "/v2/namespaces/team/repositories?page=2" => {
                // To another host our name is not taken.
                let next = "http://attacker.example/v2/";
                let body = json!({"next": next, "results": [{"name": "web"}]});
                Reply::new(200, body.to_string())
            }
            _ => Reply::new(404, ""),
        }
    });
    let all = found(account(
        Kind::DockerHub,
        &server,
        &["library/debian", "team/*"],
    ));
    assert_eq!(
        all,
        ["library/debian", "team/shop", "team/base", "team/web"]
    );
    let some = found(account(Kind::DockerHub, &server, &["team/s*"]));
    assert_eq!(some, ["team/shop"]);
    // Whole names need nobody's list.
    let asked = server.asked().len();
    assert_eq!(found(account(Kind::DockerHub, &server, &["a/b"])), ["a/b"]);
    assert_eq!(server.asked().len(), asked);
}

#[test]
fn github_lists_what_an_owner_has() {
    let server = Server::start(|request| {
        assert_eq!(request.headers["authorization"], "Bearer pw");
        match request.target.as_str() {
            "/orgs/team/packages?package_type=container&per_page=100" => {
                let next = format!("<http://{}/two>; rel=\"next\"", request.headers["host"]);
                Reply::new(200, r#"[{"name":"shop"}]"#).header("link", &next)
            }
            "/users/ada/packages?package_type=container&per_page=100" => {
                Reply::new(200, r#"[{"name":"toy"}]"#)
            }
            "/two" => Reply::new(200, r#"[{"name":"web"}]"#),
            _ => Reply::new(404, r#"{"message":"Not Found"}"#),
        }
    });
    let all = found(account(Kind::Ghcr, &server, &["team/*"]));
    assert_eq!(all, ["team/shop", "team/web"]);
    assert_eq!(found(account(Kind::Ghcr, &server, &["ada/*"])), ["ada/toy"]);
    let registry = open(account(Kind::Ghcr, &server, &["nobody/*"]));
    let error = registry.repositories().unwrap().next().unwrap();
    assert!(error.unwrap_err().to_string().contains("Not Found"));
}

#[test]
fn harbor_lists_what_a_robot_may_see() {
    let server = Server::start(|request| {
        // ada:pw
        assert_eq!(request.headers["authorization"], "Basic YWRhOnB3");
        let page = request.target.contains("page=1&");
        let names: Vec<_> = (0..if page { 100 } else { 3 })
            .map(|number| json!({"name": format!("team/{}-{number}", u8::from(page))}))
            .collect();
        Reply::new(200, json!(names).to_string())
    });
    let mut account = account(Kind::Harbor, &server, &[]);
    account.address = server.host();
    assert_eq!(found(account.clone()).len(), 103);
    account.repositories = vec!["team/0-*".to_owned()];
    assert_eq!(found(account).len(), 3);
    assert!(
        server.asked()[0]
            .target
            .starts_with("/api/v2.0/repositories?")
    );
}
