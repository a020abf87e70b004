//! A registry with the referrers API, whose tokens are for what was asked
//! and no more; played by a server of ours, for the packaged one is older.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use model::{Digest, Secret};
use registry::{Account, Credential, How, Kind, NewReferrer};
use testkit::{
    Image,
    web::{Reply, Request, Server},
};

use crate::open;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Keeps what is put, lists what has a subject.
fn serve(kept: &Mutex<BTreeMap<String, Vec<u8>>>, request: &Request) -> Reply {
    let host = &request.headers["host"];
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    if path == "/token" {
        // seawall's robot: r:pw
        assert_eq!(request.headers["authorization"], "Basic cjpwdw==");
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let scope = pairs
            .find(|(key, _)| key == "scope")
            .unwrap()
            .1
            .into_owned();
        return Reply::new(200, serde_json::json!({"token": scope}).to_string());
    }
    let writes = matches!(request.method.as_str(), "PUT" | "POST");
    let actions = if writes { "pull,push" } else { "pull" };
    let bearer = request
        .headers
        .get("authorization")
        .cloned()
        .unwrap_or_default();
    if !bearer.starts_with("Bearer repository:team/shop:") || (writes && !bearer.contains("push")) {
        let challenge = format!(
            "Bearer realm=\"http://{host}/token\",service=\"r\",scope=\"repository:team/shop:{actions}\""
        );
        return Reply::new(401, "{}").header("www-authenticate", &challenge);
    }
    let mut kept = kept.lock().unwrap();
    if let Some(subject) = path.strip_prefix("/v2/team/shop/referrers/") {
        let mut entries = Vec::new();
        for (name, bytes) in kept.iter().filter(|(name, _)| name.contains("/manifests/")) {
            let document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            if document
                .pointer("/subject/digest")
                .and_then(|it| it.as_str())
                == Some(subject)
            {
                entries.push(serde_json::json!({
                    "mediaType": document["mediaType"], "size": bytes.len(),
                    "digest": name.rsplit('/').next(), "artifactType": document["artifactType"],
                }));
            }
        }
        let second = entries.split_off(1.min(entries.len()));
        let (page, next) = if query.contains("page=2") {
            (second, false)
        } else {
            (entries, !second.is_empty())
        };
        let body = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": page});
        let reply = Reply::new(200, body.to_string()).header("content-type", INDEX);
        if next {
            return reply.header("link", &format!("<{path}?page=2>; rel=\"next\""));
        }
        return reply;
    }
    match request.method.as_str() {
        "POST" => Reply::new(202, "").header("location", "/v2/team/shop/blobs/uploads/1?state=x"),
        "PUT" if path.contains("/uploads/") => {
            let digest = query.split("digest=").nth(1).unwrap();
            assert_eq!(digest, Digest::of(&request.body).to_string());
            kept.insert(
                format!("/v2/team/shop/blobs/{digest}"),
                request.body.clone(),
            );
            Reply::new(201, "")
        }
        "PUT" => {
            kept.insert(path.to_owned(), request.body.clone());
            Reply::new(201, "").header("oci-subject", "sha256:any")
        }
        _ => match kept.get(path) {
            Some(bytes) => {
                Reply::new(200, bytes.clone()).header("content-type", testkit::image::OCI_MANIFEST)
            }
            None => Reply::new(404, "{}"),
        },
    }
}

#[test]
fn referrers_are_pushed_and_listed_by_the_api_with_the_right_to_push() {
    let manifest = Image::example().blobs().manifest;
    let subject = Digest::of(&manifest);
    let kept = Arc::new(Mutex::new(BTreeMap::from([(
        format!("/v2/team/shop/manifests/{subject}"),
        manifest,
    )])));
    let store = Arc::clone(&kept);
    let server = Server::start(move |request| serve(&store, request));
    let mut account = Account::anonymous(Kind::Distribution, server.host());
    account.credential = Credential::Basic {
        username: "r".to_owned(),
        password: Secret::new("pw"),
    };
    let registry = open(account);
    for kind in ["application/spdx+json", "application/vnd.cyclonedx+json"] {
        let document = NewReferrer {
            artifact_type: kind.to_owned(),
            media_type: kind.to_owned(),
            bytes: kind.as_bytes().to_vec(),
            annotations: BTreeMap::new(),
        };
        let pushed = registry
            .push_referrer("team/shop", &subject, &document)
            .unwrap();
        assert_eq!(pushed.by, How::Api);
    }
    let found = registry.referrers("team/shop", &subject).unwrap();
    let mut kinds: Vec<_> = found.iter().map(|one| one.artifact_type.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["application/spdx+json", "application/vnd.cyclonedx+json"]
    );
    assert!(found.iter().all(|one| one.by == How::Api));
    // No tag that stands in for the API was made.
    assert!(
        kept.lock()
            .unwrap()
            .keys()
            .all(|name| !name.contains("/sha256-"))
    );
}
