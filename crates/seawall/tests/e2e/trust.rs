//! Who signed what, from a real registry: on the command line, in a
//! server, and in front of a real API server.

use std::process::Output;

use model::Digest;
use serde_json::{Value, json};
use testkit::{
    Image,
    cluster::{Cluster, Options},
    service::{Registry, program},
    signing::Signer,
    web,
};

use crate::{
    admission::{Admission, done, kubectl, namespace, said, trial, until},
    program::Seawall,
    server::Server,
};

const REPOSITORY: &str = "team/shop";

/// An image that is like no other one.
fn push(host: &str, tag: &str) -> Digest {
    let image = Image::example().architecture(tag);
    web::push(&image, host, REPOSITORY, tag);
    Digest::of(&image.blobs().manifest)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_command_says_who_signed_and_how_to_mend_what_nobody_did() {
    let Some(registry) = Registry::start().expect("the registry starts") else {
        return;
    };
    let seawall = Seawall::new();
    let (ours, theirs) = (Signer::default(), Signer::default());
    let key = seawall.folder().join("release.pub");
    std::fs::write(&key, ours.public_pem()).expect("the key is written");
    let [signed, other, unsigned, moved] =
        ["signed", "other", "unsigned", "moved"].map(|tag| push(&registry.host, tag));
    ours.sign(&registry.host, REPOSITORY, &signed);
    theirs.sign(&registry.host, REPOSITORY, &other);
    ours.sign_as(&registry.host, REPOSITORY, &moved, &signed);
    let verify = |image: &str, more: &[&str]| {
        seawall
            .command()
            .args(["verify", image, "--key"])
            .arg(&key)
            .args(more)
            .output()
            .expect("the command starts")
    };
    let name = |version: &str| format!("{}/{REPOSITORY}{version}", registry.host);
    let output = verify(&name(":signed"), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = out(&output);
    assert!(
        told.contains("yes") && told.contains("the key release.pub"),
        "{told}"
    );
    assert!(told.contains(&signed.to_string()), "{told}");
    let output = verify(&name(&format!("@{signed}")), &["--format", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&told["signed"], &told["scheme"]),
        (&json!(true), &json!("cosign"))
    );
    for (tag, digest, why, mend) in [
        (":other", other, "other_key", "add the key"),
        (":unsigned", unsigned, "unsigned", "cosign sign"),
        (":moved", moved, "other_image", "sign this digest"),
    ] {
        let output = verify(&name(tag), &["--format", "json"]);
        assert_eq!(output.status.code(), Some(1), "{tag}: {}", said(&output));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["why"], why, "{told}");
        assert_eq!(told["digest"], digest.to_string());
        assert!(
            told["mend"]
                .as_str()
                .is_some_and(|text| text.contains(mend)),
            "{told}"
        );
    }
    let output = verify(&name(":none"), &[]);
    assert_eq!(output.status.code(), Some(3), "{}", out(&output));
    assert!(said(&output).contains("help:"), "{}", said(&output));
}

#[test]
fn an_sbom_is_attached_to_its_image_in_a_real_registry_once() {
    if program("docker-registry").is_none() {
        return;
    }
    let Some(held) = Registry::start().expect("the registry starts") else {
        return;
    };
    let seawall = Seawall::new();
    let digest = push(&held.host, "1.0");
    let file = seawall.folder().join("shop.cdx.json");
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "library", "name": "lodash", "version": "4.17.15",
         "purl": "pkg:npm/lodash@4.17.15"}]});
    std::fs::write(&file, document.to_string()).expect("the SBOM is written");
    let image = format!("{}/{REPOSITORY}:1.0", held.host);
    let attach = |file: &std::path::Path| {
        seawall
            .command()
            .args(["sbom", "attach", &image, "--file"])
            .arg(file)
            .output()
            .expect("the command starts")
    };
    let first = attach(&file);
    done(&first);
    assert_eq!(out(&first), out(&attach(&file)), "the same is pushed once");
    // This registry has no API for referrers: a tag stands in for it.
    let account = registry::Account::anonymous(registry::Kind::Distribution, &held.host);
    let clock = std::sync::Arc::new(model::SystemClock);
    let asked =
        registry::Registry::open(account, clock, &model::Cancel::default()).expect("an account");
    let found = asked.referrers(REPOSITORY, &digest).expect("a list");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].by, registry::How::Tag);
    assert_eq!(found[0].digest.to_string(), out(&first).trim());
    assert_eq!(found[0].artifact_type, "application/vnd.cyclonedx+json");
    let artifact = asked
        .artifact(REPOSITORY, &found[0].digest)
        .expect("it is there");
    assert_eq!(artifact.subject, Some(digest));
    assert_eq!(artifact.blobs[0].bytes, document.to_string().into_bytes());
    // The image is what it was, and what is no SBOM is not attached.
    let tag = asked.reference(REPOSITORY, "1.0").expect("a name");
    assert_eq!(asked.digest(&tag).expect("it is there"), digest);
    std::fs::write(&file, "{}").expect("written");
    assert_eq!(attach(&file).status.code(), Some(3));
}

fn pod(name: &str, image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn set(server: &Server, setting: &Value) {
    let told = server.put("/api/v1/policies/pods-images-signed/setting", setting);
    assert_eq!(told["policy"]["id"], "pods-images-signed", "{told}");
}

#[test]
fn what_is_not_signed_by_those_you_trust_does_not_run() {
    if program("docker-registry").is_none() {
        return;
    }
    let options = Options {
        is_bare: true,
        ..Options::default()
    };
    let Some(cluster) = Cluster::start(&options).expect("the cluster starts") else {
        return;
    };
    let seawall = Seawall::new();
    let server = Server::start(&seawall);
    let port = testkit::service::spare_port();
    let made = server.post(
        "/api/v1/registries",
        &json!({"name": "team", "kind": "distribution",
            "address": format!("127.0.0.1:{port}"), "options": {"poll_minutes": 0}}),
    );
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let authorization = format!("Bearer {}", text(&made["secret"]));
    let Some(registry) =
        Registry::telling_at(port, &text(&made["url"]), &authorization).expect("it starts")
    else {
        return;
    };
    let (ours, theirs) = (Signer::default(), Signer::default());
    let key = ours.public_pem();
    let policy = server.post(
        "/api/v1/trust",
        &json!({"name": "release", "repositories": [format!("{}/team/*", registry.host)],
            "signers": [{"type": "key", "name": "release", "pem": key}]}),
    );
    let path = format!("/api/v1/trust/{}", text(&policy["id"]));
    let [signed, other, _unsigned] =
        ["signed", "other", "unsigned"].map(|tag| push(&registry.host, tag));
    ours.sign(&registry.host, REPOSITORY, &signed);
    theirs.sign(&registry.host, REPOSITORY, &other);

    namespace(&cluster, "seawall", &json!({}));
    namespace(&cluster, "shop", &json!({}));
    let _admission = Admission::start(&seawall, &server, &cluster, &[]);
    // Told by the registry, and verified without being asked.
    until("every image was verified", || {
        let counts = server.get(&path)["counts"].clone();
        counts["signed"] == 1 && counts["refused"] == 2
    });
    set(
        &server,
        &json!({"cluster": "test", "action": "deny", "reason": "agreed"}),
    );
    let name = |version: &str| format!("{}/{REPOSITORY}{version}", registry.host);
    let asked = |image: &str| trial(&cluster, &pod("web", image));
    until("what nobody signed is refused", || {
        !asked(&name(":unsigned")).status.success()
    });
    let told = said(&asked(&name(":unsigned")));
    assert!(
        told.contains("[pods-images-signed]")
            && told.contains("not signed as the trust policy release asks")
            && told.contains("fix:"),
        "{told}"
    );
    println!("{told}");
    done(&asked(&name(":signed")));
    done(&asked(&name(&format!("@{signed}"))));
    let told = said(&asked(&name(":other")));
    assert!(told.contains("not by the key release"), "{told}");
    let told = said(&asked(&name(&format!("@{other}"))));
    assert!(told.contains("not by the key release"), "by digest: {told}");
    // A digest nobody knows, under a tag that is signed.
    let unknown = Digest::of(b"nobody knows it");
    let told = said(&asked(&name(&format!(":signed@{unknown}"))));
    assert!(told.contains("nobody has verified yet"), "{told}");
    // Where no trust policy holds, nothing is asked.
    done(&asked("elsewhere.example/shop:1"));

    // Signed now: the registry tells, and it may run.
    ours.sign(&registry.host, REPOSITORY, &other);
    until("signed by ours as well, it runs", || {
        asked(&name(":other")).status.success()
    });
    // What nobody looked at may run where somebody chose so.
    set(
        &server,
        &json!({"cluster": "test", "action": "deny", "parameters": {"unverified": "allow"}}),
    );
    until("what is unknown runs", || {
        asked(&name(
            ":signed@sha256:1111111111111111111111111111111111111111111111111111111111111111",
        ))
        .status
        .success()
    });
    assert!(!asked(&name(":unsigned")).status.success());
    // A Deployment is judged by the pod it will make.
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": pod("web", &name(":unsigned"))["spec"]}}});
    let output = kubectl(&cluster, &["create", "-f", "-"], &deployment);
    assert!(!output.status.success(), "a Deployment");
}
