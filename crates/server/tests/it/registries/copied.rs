//! Why an image was copied in, as its timeline tells it.

use model::Digest;
use testkit::{
    Layer,
    image::{Blobs, debian},
};

use super::*;

const REPOSITORIES: [&str; 2] = ["team/base", "team/shop"];

/// A registry of a base and of what is built on it, which is in any other
/// repository, too.
fn holding(base: Blobs, shop: Blobs) -> Server {
    Server::start(move |request: &Request| {
        let target = &request.target;
        if target.starts_with("/v2/_catalog") {
            return Reply::new(200, json!({"repositories": REPOSITORIES}).to_string());
        }
        if target.contains("/tags/list") {
            return Reply::new(200, r#"{"tags": ["1.0"]}"#);
        }
        if target.contains("/manifests/sha256-") || target.contains("/referrers/") {
            return Reply::new(404, "");
        }
        let own = if target.contains("team/base") {
            &base
        } else {
            &shop
        };
        if target.contains("/manifests/") {
            return Reply::new(200, own.manifest.clone())
                .header("content-type", OCI_MANIFEST)
                .header(
                    "docker-content-digest",
                    &Digest::of(&own.manifest).to_string(),
                );
        }
        let mut all = std::iter::once(&own.config).chain(&own.layers);
        match all.find(|blob| target.ends_with(&Digest::of(blob).to_string())) {
            Some(blob) => Reply::new(200, blob.clone()),
            None => Reply::new(200, "{}"),
        }
    })
}

#[tokio::test]
async fn why_an_image_was_copied_in_names_where_from_and_its_base() {
    let test = start().await;
    let owner = first_account(&test).await;
    let base = Image::new().layer("ADD debian", debian());
    let shop = base
        .clone()
        .layer("COPY . /", Layer::new().file("app", "shop"));
    let (base, shop) = (base.blobs(), shop.blobs());
    let digest = Digest::of(&shop.manifest).to_string();
    let server = holding(base, shop);
    let mut body = body_of("team", &server.host());
    body["credential"] = json!({"type": "anonymous"});
    let made = add(&owner, body).await;
    test.server.start_jobs().await.unwrap();
    test.server.look_at_registries(true).await.unwrap();
    owner.wait_for_scans().await;
    let images = owner.get("/api/v1/images?q=team").await.json();
    assert_eq!(images["total"], 2, "{images:#}");
    let image = images["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|image| image["digest"] == digest.as_str())
        .unwrap();

    let mut told: Value = serde_json::from_str(&notification("copy", "2.0", &digest)).unwrap();
    told["events"][0]["target"]["repository"] = "mirror/shop".into();
    let secret = made["secret"].as_str().unwrap();
    let heard = hook(&test, &made, secret, &told.to_string()).await;
    assert_eq!(heard.json()["taken"], 1, "{}", heard.text);
    let path = format!("/api/v1/images/{}/timeline", image["id"].as_str().unwrap());
    let is_copy = |entry: &Value| entry["trigger"] == "import";
    let timeline = until(&owner, &path, |told| {
        told.as_array().into_iter().flatten().any(is_copy)
    })
    .await;
    let copy = timeline.as_array().unwrap().iter().find(|one| is_copy(one));
    let host = server.host();
    assert_eq!(
        copy.unwrap()["reason"],
        format!(
            "copied to {host}/mirror/shop:2.0 from {host}/team/shop:1.0, base {host}/team/base:1.0; it was known already"
        )
    );
}
