//! What is attached to images at their registries.

use model::Digest;

use super::*;
use crate::people::{first_account, somebody};

const SPDX: &str = "application/spdx+json";

/// An SBOM that says which image it is of.
fn sbom_of(image: &str, size: usize) -> String {
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
        "digest": Digest::of(b"{}").to_string()});
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": SPDX, "config": empty,
        "layers": [empty], "annotations": {"org.example.made": "today"},
        "subject": {"mediaType": OCI_MANIFEST, "digest": image, "size": size}})
    .to_string()
}

/// A registry of an image and an SBOM of it.
fn holding(sbom: &str) -> Server {
    listing(sbom, None)
}

/// One that lists what refers to the image.
fn listing(sbom: &str, index: Option<String>) -> Server {
    let blobs = Image::example().blobs();
    let sbom = sbom.to_owned();
    let named = Digest::of(sbom.as_bytes()).to_string();
    Server::start(move |request: &Request| {
        let manifest = |body: &[u8]| {
            Reply::new(200, body.to_vec())
                .header("content-type", OCI_MANIFEST)
                .header("docker-content-digest", &Digest::of(body).to_string())
        };
        if request.target.ends_with(&format!("/manifests/{named}")) {
            return manifest(sbom.as_bytes());
        }
        if let Some(index) = &index
            && request.target.contains("/referrers/")
        {
            return Reply::new(200, index.clone())
                .header("content-type", "application/vnd.oci.image.index.v1+json");
        }
        if request.target.contains("/manifests/sha256-") {
            return Reply::new(404, "");
        }
        if request.target.contains("/manifests/") {
            return manifest(&blobs.manifest);
        }
        let all = std::iter::once(&blobs.config).chain(&blobs.layers);
        for blob in all {
            if request.target.ends_with(&Digest::of(blob).to_string()) {
                return Reply::new(200, blob.clone());
            }
        }
        if request.target.starts_with("/v2/_catalog") {
            return Reply::new(200, r#"{"repositories": ["team/shop"]}"#);
        }
        if request.target.contains("/tags/list") {
            return Reply::new(200, r#"{"name": "team/shop", "tags": ["1.0"]}"#);
        }
        Reply::new(200, "{}")
    })
}

#[tokio::test]
async fn what_is_pushed_onto_an_image_is_told_to_those_who_see_the_image() {
    let test = start().await;
    let owner = first_account(&test).await;
    let manifest = Image::example().blobs().manifest;
    let image = Digest::of(&manifest).to_string();
    let sbom = sbom_of(&image, manifest.len());
    let server = holding(&sbom);
    let mut body = body_of("team", &server.host());
    body["credential"] = json!({"type": "anonymous"});
    let made = add(&owner, body).await;
    test.server.start_jobs().await.unwrap();
    test.server.look_at_registries(true).await.unwrap();
    owner.wait_for_scans().await;
    let done = owner.get("/api/v1/scans?state=done").await.json();
    let id = done["items"][0]["image"]["id"].as_str().unwrap();
    let path = format!("/api/v1/images/{id}/referrers");
    let none = owner.get(&path).await;
    assert_eq!(none.json(), json!({"items": []}), "{}", none.text);

    let digest = Digest::of(sbom.as_bytes()).to_string();
    let mut told: Value = serde_json::from_str(&notification("sbom", "", &digest)).unwrap();
    told["events"][0]["target"]
        .as_object_mut()
        .unwrap()
        .remove("tag");
    let secret = made["secret"].as_str().unwrap();
    let heard = hook(&test, &made, secret, &told.to_string()).await;
    assert_eq!(heard.json()["taken"], 1, "{}", heard.text);
    let known = until(&owner, &path, |told| told["items"][0].is_object()).await;
    let one = &known["items"][0];
    assert_eq!(one["repository"], format!("{}/team/shop", server.host()));
    assert_eq!(
        (&one["digest"], &one["subject"], &one["kind"]),
        (&json!(digest), &json!(image), &json!("sbom"))
    );
    assert_eq!(
        (&one["artifact_type"], &one["size_bytes"], &one["found_by"]),
        (&json!(SPDX), &json!(sbom.len()), &json!("push"))
    );
    assert_eq!(one["annotations"]["org.example.made"], "today");
    // No trust policy holds: nobody asked for all there is.
    assert_eq!(known["asked"], Value::Null);

    let shop = json!({"id": "shop", "name": "The shop"});
    owner.post("/api/v1/environments", shop).await;
    let roles =
        |environment: &str| json!([{"role": "security_reader", "environments": [environment]}]);
    let reader = somebody(&test, &owner, "reader", roles("local")).await;
    assert_eq!(reader.get(&path).await.json(), known);
    let other = somebody(&test, &owner, "other", roles("shop")).await;
    assert_eq!(other.get(&path).await.status, StatusCode::NOT_FOUND);
    let nobody = test.anonymous().get(&path).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let asked = server.take_lines();
    owner.get(&path).await;
    let after = server.take_lines();
    assert!(!asked.is_empty() && after.is_empty(), "{after:?}");
}

/// A registry that lists an SBOM of its image, and the SBOM's digest.
fn listing_an_sbom() -> (Server, String) {
    let manifest = Image::example().blobs().manifest;
    let sbom = sbom_of(&Digest::of(&manifest).to_string(), manifest.len());
    let digest = Digest::of(sbom.as_bytes()).to_string();
    let index = json!({"schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": OCI_MANIFEST, "digest": digest, "size": sbom.len(),
            "artifactType": SPDX}]});
    (listing(&sbom, Some(index.to_string())), digest)
}

/// Has an image read that nobody watches. Its id.
async fn read(person: &Person, image: &str) -> String {
    let target = json!({"target": format!("registry:{image}")});
    let asked = person.post("/api/v1/scans", target).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    person.wait_for_scans().await;
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    let scan = person.get(&format!("/api/v1/scans/{id}")).await.json();
    assert_eq!(scan["state"], "done", "{scan}");
    scan["image"]["id"].as_str().unwrap().to_owned()
}

fn lists(server: &Server) -> usize {
    let lines = server.take_lines();
    let lists = lines.iter().filter(|line| line.contains("/referrers/"));
    lists.count()
}

#[tokio::test]
async fn what_is_attached_is_known_once_an_image_was_read() {
    let test = start().await;
    let owner = first_account(&test).await;
    let (server, digest) = listing_an_sbom();
    test.server.start_jobs().await.unwrap();
    // Nobody watches that registry, and no trust policy holds.
    let id = read(&owner, &format!("{}/team/shop:1.0", server.host())).await;
    let path = format!("/api/v1/images/{id}/referrers");
    let known = owner.get(&path).await.json();
    let one = &known["items"][0];
    let image = Digest::of(&Image::example().blobs().manifest).to_string();
    assert_eq!(
        (&one["digest"], &one["subject"], &one["found_by"]),
        (&json!(digest), &json!(image), &json!("api")),
        "{known}"
    );
    assert_eq!(one["repository"], format!("{}/team/shop", server.host()));
    assert_eq!(known["asked"], Value::Null);
    assert_eq!(lists(&server), 1);
}

#[tokio::test]
async fn where_a_trust_policy_holds_a_scan_does_not_ask_too() {
    let test = start().await;
    let owner = first_account(&test).await;
    let (server, digest) = listing_an_sbom();
    let policy = json!({"name": "shop", "repositories": [format!("{}/team/*", server.host())],
        "signers": [{"type": "key", "name": "release",
            "pem": testkit::signing::Signer::default().public_pem()}]});
    let made = owner.post("/api/v1/trust", policy).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    test.server.start_jobs().await.unwrap();
    let id = read(&owner, &format!("{}/team/shop:1.0", server.host())).await;
    test.server.look_at_signatures().await.unwrap();
    let path = format!("/api/v1/images/{id}/referrers");
    let known = until(&owner, &path, |told| told["asked"].is_string()).await;
    assert_eq!(known["items"][0]["digest"], digest, "{known}");
    assert_eq!(lists(&server), 1);
}

#[tokio::test]
async fn a_registry_that_wants_to_be_left_alone_is_not_asked_and_its_images_are_read() {
    let test = start().await;
    let owner = first_account(&test).await;
    let blobs = Image::example().blobs();
    let server = Server::start(move |request: &Request| {
        if request.target.contains("/referrers/") {
            return Reply::new(429, "").header("retry-after", "600");
        }
        let all = std::iter::once(&blobs.config).chain(&blobs.layers);
        for blob in all {
            if request.target.ends_with(&Digest::of(blob).to_string()) {
                return Reply::new(200, blob.clone());
            }
        }
        if request.target.contains("/manifests/") {
            return Reply::new(200, blobs.manifest.clone()).header("content-type", OCI_MANIFEST);
        }
        Reply::new(200, "{}")
    });
    test.server.start_jobs().await.unwrap();
    let id = read(&owner, &format!("{}/team/shop:1.0", server.host())).await;
    assert!(lists(&server) > 0);
    let known = owner.get(&format!("/api/v1/images/{id}/referrers")).await;
    assert_eq!(known.json(), json!({"items": []}), "{}", known.text);
    read(&owner, &format!("{}/team/other:1.0", server.host())).await;
    assert_eq!(lists(&server), 0);
}
