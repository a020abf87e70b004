//! Azure's exchange of tokens, played by a server of ours.

use model::Secret;
use registry::{Account, Credential, Kind};
use testkit::web::{Reply, Request, Server};

use crate::open;

fn form(request: &Request) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect()
}

fn value(form: &[(String, String)], key: &str) -> String {
    let found = form.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Entra ID and the registry, in one.
fn azure() -> Server {
    Server::start(|request| {
        let form = form(request);
        match request.target.split('?').next().unwrap() {
            "/contoso/oauth2/v2.0/token" => {
                if value(&form, "client_secret") != "right" {
                    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}"#;
                    return Reply::new(401, body);
                }
                assert_eq!(value(&form, "grant_type"), "client_credentials");
                assert_eq!(
                    value(&form, "scope"),
                    "https://containerregistry.azure.net/.default"
                );
                Reply::new(200, r#"{"access_token":"of-entra","expires_in":3599}"#)
            }
            "/machine" => {
                assert_eq!(request.headers["metadata"], "true");
                Reply::new(200, r#"{"access_token":"of-entra","expires_in":"86399"}"#)
            }
            "/oauth2/exchange" => {
                assert_eq!(value(&form, "grant_type"), "access_token");
                assert_eq!(value(&form, "access_token"), "of-entra");
                assert_eq!(value(&form, "service"), request.headers["host"]);
                Reply::new(200, r#"{"refresh_token":"of-registry"}"#)
            }
            "/oauth2/token" => {
                assert_eq!(value(&form, "grant_type"), "refresh_token");
                assert_eq!(value(&form, "refresh_token"), "of-registry");
                let scope = value(&form, "scope");
                let body = serde_json::json!({"access_token": format!("for:{scope}")});
                Reply::new(200, body.to_string())
            }
            path => {
                let scope = match path {
                    "/v2/_catalog" => "registry:catalog:*",
                    _ => "repository:team/shop:metadata_read",
                };
                let expected = format!("Bearer for:{scope}");
                if request.headers.get("authorization") != Some(&expected) {
                    let host = &request.headers["host"];
                    let challenge = format!(
                        "Bearer realm=\"http://{host}/oauth2/token\",service=\"{host}\",\
                         scope=\"{scope}\""
                    );
                    return Reply::new(401, "{}").header("www-authenticate", &challenge);
                }
                Reply::new(200, r#"{"repositories":["team/shop"],"tags":["1","2"]}"#)
            }
        }
    })
}

fn account(server: &Server, credential: Credential) -> Account {
    let mut account = Account::anonymous(Kind::Azure, server.host());
    account.endpoint = Some(format!("http://{}/", server.host()));
    account.credential = credential;
    account
}

fn principal(secret: &str) -> Credential {
    Credential::ServicePrincipal {
        tenant: "contoso".to_owned(),
        client_id: "app".to_owned(),
        client_secret: Secret::new(secret),
    }
}

#[test]
fn a_service_principal_is_exchanged_for_the_registrys_tokens() {
    let server = azure();
    let registry = open(account(&server, principal("right")));
    let repositories: Vec<_> = registry
        .repositories()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(repositories, ["team/shop"]);
    assert_eq!(registry.tags("team/shop").unwrap().count(), 2);
    assert_eq!(registry.tags("team/shop").unwrap().count(), 2);
    // The log-in is kept, and each scope's token.
    let count = |path: &str| {
        let asked = server.asked();
        asked
            .iter()
            .filter(|request| request.target == path)
            .count()
    };
    assert_eq!(count("/oauth2/exchange"), 1);
    assert_eq!(count("/oauth2/token"), 2);
}

#[test]
fn a_machines_identity_and_a_kept_refresh_token_serve_as_well() {
    let server = azure();
    let mut by_machine = account(&server, Credential::ManagedIdentity { client_id: None });
    by_machine.endpoint = Some(format!("http://{}/machine", server.host()));
    let by_token = account(
        &server,
        Credential::RefreshToken {
            token: Secret::new("of-registry"),
        },
    );
    for account in [by_machine, by_token] {
        let registry = open(account);
        assert_eq!(registry.tags("team/shop").unwrap().count(), 2);
    }
}

#[test]
fn a_refused_principal_is_told_in_azures_words_and_without_the_secret() {
    let server = azure();
    let registry = open(account(&server, principal("wrong-secret")));
    let error = registry.check().unwrap_err().to_string();
    assert!(error.contains("AADSTS7000215"), "{error}");
    assert!(!error.contains("wrong-secret"), "{error}");
}
