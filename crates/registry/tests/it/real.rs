//! A real Docker registry and skopeo.

use std::{collections::BTreeMap, process::Command, sync::Arc, thread, time::Duration};

use http::HeaderMap;
use model::{Clock as _, Digest, Secret, SystemClock};
use registry::{Content, Delivery, How, Kind, NewReferrer, Told, What, told};
use scan::Source;
use testkit::{
    Image,
    service::{self, program},
    web::{self, Reply, Server},
};

use crate::anonymous;

fn names(listing: registry::Listing<'_>) -> Vec<String> {
    listing.map(Result::unwrap).collect()
}

#[test]
fn what_a_registry_holds_is_listed_and_resolved() {
    let Some(server) = service::Registry::start().unwrap() else {
        return;
    };
    let image = Image::example();
    for (repository, tag) in [("team/shop", "1.0"), ("team/shop", "1.1"), ("base", "12")] {
        web::push(&image, &server.host, repository, tag);
    }
    let registry = anonymous(&server.host);
    registry.check().unwrap();
    assert_eq!(
        names(registry.repositories().unwrap()),
        ["base", "team/shop"]
    );
    let mut tags = names(registry.tags("team/shop").unwrap());
    tags.sort();
    assert_eq!(tags, ["1.0", "1.1"]);
    let missing = registry.tags("team/none").unwrap().next().unwrap();
    assert!(missing.unwrap_err().is_not_found());

    let reference = registry.reference("team/shop", "1.0").unwrap();
    let resolved = registry.resolve(&reference).unwrap();
    assert_eq!(resolved.digest, Digest::of(&image.blobs().manifest));
    assert_eq!(registry.digest(&reference).unwrap(), resolved.digest);
    let Content::Image { layers, .. } = &resolved.content else {
        panic!("{:?}", resolved.content);
    };
    assert_eq!(layers.len(), image.blobs().layers.len());
    assert_eq!(resolved.images(), [resolved.digest]);

    // What resolves is what is scanned.
    let options = scan::Options {
        registry: registry.scan_options().unwrap(),
        ..scan::Options::default()
    };
    let sbom = scan::scan(
        &Source::Registry(reference),
        &options,
        &scan::Silent,
        &model::Cancel::default(),
    )
    .unwrap();
    assert!(!sbom.packages.is_empty());
}

#[test]
fn every_platform_of_an_index_is_named() {
    let (Some(skopeo), Some(server)) = (program("skopeo"), service::Registry::start().unwrap())
    else {
        return;
    };
    let mut manifests = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let image = Image::example().architecture(architecture);
        web::push(&image, &server.host, "team/shop", architecture);
        let bytes = image.blobs().manifest;
        manifests.push(serde_json::json!({
            "mediaType": testkit::image::OCI_MANIFEST,
            "digest": Digest::of(&bytes).to_string(),
            "size": bytes.len(),
            "platform": {"os": "linux", "architecture": architecture},
        }));
    }
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": testkit::image::OCI_INDEX,
        "manifests": manifests,
    })
    .to_string();
    let kind = [("content-type", testkit::image::OCI_INDEX)];
    let target = "/v2/team/shop/manifests/all";
    let (status, _) = web::send("PUT", &server.host, target, &kind, index.as_bytes());
    assert_eq!(status, 201);
    // Copied as people copy.
    let at = |name: &str| format!("docker://{}/{name}", server.host);
    let copied = Command::new(skopeo)
        .args(["copy", "--all", "--quiet", "--insecure-policy"])
        .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
        .args([at("team/shop:all"), at("mirror/shop:1")])
        .output()
        .unwrap();
    assert!(copied.status.success(), "{copied:?}");

    let registry = anonymous(&server.host);
    let resolved = registry
        .resolve(&registry.reference("mirror/shop", "1").unwrap())
        .unwrap();
    assert_eq!(resolved.digest, Digest::of(index.as_bytes()));
    let Content::Index { images } = &resolved.content else {
        panic!("{:?}", resolved.content);
    };
    let platforms: Vec<_> = images
        .iter()
        .map(|image| image.platform.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(resolved.images().len(), 2);
}

#[test]
fn a_document_is_attached_and_found_where_there_is_no_api() {
    let Some(server) = service::Registry::start().unwrap() else {
        return;
    };
    web::push(&Image::example(), &server.host, "team/shop", "1.0");
    let registry = anonymous(&server.host);
    let image = registry
        .resolve(&registry.reference("team/shop", "1.0").unwrap())
        .unwrap();
    assert_eq!(registry.referrers("team/shop", &image.digest).unwrap(), []);
    let sbom = NewReferrer {
        artifact_type: "application/vnd.cyclonedx+json".to_owned(),
        media_type: "application/vnd.cyclonedx+json".to_owned(),
        bytes: br#"{"bomFormat":"CycloneDX"}"#.to_vec(),
        annotations: BTreeMap::from([("made.by".to_owned(), "seawall".to_owned())]),
    };
    let pushed = registry
        .push_referrer("team/shop", &image.digest, &sbom)
        .unwrap();
    // This registry is older than the API.
    assert_eq!(pushed.by, How::Tag);
    let again = registry
        .push_referrer("team/shop", &image.digest, &sbom)
        .unwrap();
    assert_eq!(again, pushed);
    let vex = NewReferrer {
        artifact_type: "application/vnd.openvex+json".to_owned(),
        bytes: b"{}".to_vec(),
        ..sbom.clone()
    };
    registry
        .push_referrer("team/shop", &image.digest, &vex)
        .unwrap();

    let found = registry.referrers("team/shop", &image.digest).unwrap();
    let kinds: Vec<_> = found.iter().map(|one| one.artifact_type.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "application/vnd.cyclonedx+json",
            "application/vnd.openvex+json"
        ]
    );
    assert_eq!(found[0].digest, pushed.digest);
    assert_eq!(found[0].annotations["made.by"], "seawall");
    let artifact = registry.artifact("team/shop", &pushed.digest).unwrap();
    assert_eq!(artifact.subject, Some(image.digest));
    assert_eq!(artifact.blobs[0].bytes, sbom.bytes);
    let as_image = registry.reference("team/shop", &pushed.digest.to_string());
    let resolved = registry.resolve(&as_image.unwrap()).unwrap();
    assert!(resolved.images().is_empty());
    assert_eq!(resolved.subject, Some(image.digest));
}

#[test]
fn pushes_and_pulls_are_told_by_a_real_registry() {
    let secret = "of-the-webhook";
    let receiver = Arc::new(Server::start(|_| Reply::new(200, "")));
    let address = format!("http://{}/hook", receiver.host());
    let Some(server) = service::Registry::telling(&address, &format!("Bearer {secret}")).unwrap()
    else {
        return;
    };
    let image = Image::example();
    web::push(&image, &server.host, "team/shop", "1.0");
    let registry = anonymous(&server.host);
    let reference = registry.reference("team/shop", "1.0").unwrap();
    // Our own look at it is no use of it; a stranger's is.
    let digest = registry.resolve(&reference).unwrap().digest;
    let types = "application/vnd.oci.image.manifest.v1+json, \
                 application/vnd.docker.distribution.manifest.v2+json";
    let headers = [("accept", types), ("user-agent", "docker/27.0")];
    let path = "/v2/team/shop/manifests/1.0";
    assert_eq!(web::send("GET", &server.host, path, &headers, b"").0, 200);

    let mut events: Vec<Told> = Vec::new();
    // Told in the background; there is nothing to wait for but time.
    for _ in 0..200 {
        events.clear();
        for request in receiver.asked() {
            let mut headers = HeaderMap::new();
            for (name, value) in &request.headers {
                let name: http::HeaderName = name.parse().unwrap();
                headers.insert(name, value.parse().unwrap());
            }
            let delivery = Delivery {
                headers: &headers,
                body: &request.body,
                token: None,
            };
            let secret = Secret::new(secret);
            events.extend(told(Kind::Distribution, &delivery, &secret, SystemClock.now()).unwrap());
        }
        if events.iter().any(|event| event.what == What::Pull) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let push: Vec<_> = events
        .iter()
        .filter(|event| event.what == What::Push)
        .collect();
    // One image, however many blobs.
    assert_eq!(push.len(), 1, "{events:?}");
    assert_eq!(push[0].repository, "team/shop");
    assert_eq!(push[0].tag.as_deref(), Some("1.0"));
    assert_eq!(push[0].digest, Some(digest));
    let pulls = events.iter().filter(|event| event.what == What::Pull);
    assert_eq!(pulls.count(), 1, "{events:?}");
}
