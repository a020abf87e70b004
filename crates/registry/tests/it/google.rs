//! Google's token service and interface, played by a server of ours.

use std::process::Command;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use model::Secret;
use registry::{Account, Credential, Kind};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use testkit::{
    service::program,
    web::{Reply, Server},
};

use crate::{now, open};

/// A private key and what is needed to check its signatures.
fn key_pair() -> Option<(String, Vec<u8>)> {
    let openssl = program("openssl")?;
    let made = Command::new(&openssl)
        .args([
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
        ])
        .output()
        .ok()?;
    let private = String::from_utf8(made.stdout).ok()?;
    let folder = tempfile::tempdir().ok()?;
    let path = folder.path().join("key.pem");
    std::fs::write(&path, &private).ok()?;
    let public = Command::new(&openssl)
        .args(["rsa", "-RSAPublicKey_out", "-outform", "DER", "-in"])
        .arg(&path)
        .output()
        .ok()?;
    Some((private, public.stdout))
}

#[test]
fn a_service_accounts_key_signs_for_a_password() {
    let Some((private, public)) = key_pair() else {
        return;
    };
    let server = Server::start(move |request| {
        let path = request.target.split('?').next().unwrap();
        let bearer = request.headers.get("authorization").map(String::as_str);
        match path {
            "/token" => {
                let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body)
                    .into_owned()
                    .collect();
                let assertion = &form.iter().find(|(key, _)| key == "assertion").unwrap().1;
                let (signed, signature) = assertion.rsplit_once('.').unwrap();
                let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public)
                    .verify(signed.as_bytes(), &signature)
                    .unwrap();
                let claims = signed.split('.').nth(1).unwrap();
                let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
                let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
                assert_eq!(claims["iss"], "scan@contoso.iam.gserviceaccount.com");
                assert_eq!(claims["iat"], now().as_second());
                Reply::new(200, r#"{"access_token":"ya29.x","expires_in":3600}"#)
            }
            "/v1/projects/contoso/locations/europe-west3/repositories" => {
                assert_eq!(bearer, Some("Bearer ya29.x"));
                let name = "projects/contoso/locations/europe-west3/repositories";
                let body = serde_json::json!({"repositories": [
                    {"name": format!("{name}/images"), "format": "DOCKER"},
                    {"name": format!("{name}/jars"), "format": "MAVEN"},
                ]});
                Reply::new(200, body.to_string())
            }
            "/v1/projects/contoso/locations/europe-west3/repositories/images/packages" => {
                let name = "projects/contoso/locations/europe-west3/repositories/images/packages";
                if request.target.contains("pageToken=two") {
                    let body = serde_json::json!({"packages": [{"name": format!("{name}/a%2Fb")}]});
                    return Reply::new(200, body.to_string());
                }
                let body = serde_json::json!({
                    "packages": [{"name": format!("{name}/shop")}], "nextPageToken": "two",
                });
                Reply::new(200, body.to_string())
            }
            _ => Reply::new(404, ""),
        }
    });
    let json = serde_json::json!({
        "type": "service_account", "project_id": "contoso", "private_key_id": "k1",
        "private_key": private, "client_email": "scan@contoso.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let mut account = Account::anonymous(Kind::Google, "europe-west3-docker.pkg.dev");
    account.endpoint = Some(format!("http://{}/", server.host()));
    account.credential = Credential::ServiceAccount {
        json: Secret::new(json.to_string()),
    };
    let registry = open(account);
    let found: Vec<_> = registry
        .repositories()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(found, ["contoso/images/shop", "contoso/images/a/b"]);
    let credentials = registry.scan_options().unwrap().credentials.unwrap();
    assert_eq!(credentials.username, "oauth2accesstoken");
    assert_eq!(credentials.password, "ya29.x");
}

#[test]
fn a_key_that_is_none_is_told_and_not_quoted() {
    for json in ["hunter2", r#"{"client_email":"a","private_key":"hunter2"}"#] {
        let mut account = Account::anonymous(Kind::Google, "europe-west3-docker.pkg.dev");
        account.repositories = vec!["contoso/images/shop".to_owned()];
        account.credential = Credential::ServiceAccount {
            json: Secret::new(json),
        };
        let error = open(account).check().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("key"), "{error}");
    }
}
