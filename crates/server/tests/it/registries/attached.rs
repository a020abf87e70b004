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
