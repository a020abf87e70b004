//! What an image is built on.

use std::sync::Arc;

use model::{Digest, ImageConfig, Layer, Severity, work::KnownBy};
use store::Assessment;

use crate::sample::{TestStore, image, on_each_database};

/// An image of these layers, of which nothing bad is known.
fn of_layers(name: &str, layers: &[&str]) -> Assessment {
    let mut assessment = image(name, name, 0, &[]);
    let report = Arc::make_mut(&mut assessment.report);
    let identity = report.sbom.image.as_mut().unwrap();
    identity.manifest = Some(Digest::of(name.as_bytes()));
    report.sbom.layers = layers
        .iter()
        .map(|layer| Layer {
            diff_id: Digest::of(layer.as_bytes()),
            digest: None,
            size: None,
            created_by: None,
            created: None,
        })
        .collect();
    assessment
}

async fn an_image_stands_on_the_tallest_one_whose_layers_are_all_below(test: &TestStore) {
    let store = &test.store;
    let put = async |assessment: Assessment| {
        let outcome = store.put_report("local", assessment).await.unwrap();
        outcome.image.id
    };
    put(of_layers("debian:12", &["debian"])).await;
    let python = put(of_layers("python:3", &["debian", "python"])).await;
    // One that shares the lowest layer and goes another way.
    put(of_layers("node:20", &["debian", "node"])).await;
    let shop = put(of_layers("shop:1", &["debian", "python", "shop"])).await;
    let scope = store.scope(None).await.unwrap();
    let base = store.image_base(&scope, &shop).await.unwrap().unwrap();
    assert_eq!(base.name, "python:3");
    assert_eq!(base.image.unwrap().id, python);
    assert_eq!(base.known_by, KnownBy::Layers);

    let digest = Digest::of(b"shop:1").to_string();
    let told = async |environment: &str, digest: &str| {
        let told = store.base_of_digest(environment, digest);
        told.await.unwrap()
    };
    assert_eq!(told("local", &digest).await.as_deref(), Some("python:3"));
    assert_eq!(told("local", "sha256:unread").await, None);

    // Its builder names what nobody here scanned.
    let mut labelled = of_layers("labelled:1", &["alpine", "own"]);
    let report = Arc::make_mut(&mut labelled.report);
    let labels = [("org.opencontainers.image.base.name", "alpine:3.20")];
    report.sbom.config = Some(ImageConfig {
        labels: labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..ImageConfig::default()
    });
    let labelled = put(labelled).await;
    let base = store.image_base(&scope, &labelled).await.unwrap().unwrap();
    assert_eq!(
        (base.name.as_str(), base.image, base.known_by),
        ("alpine:3.20", None, KnownBy::Label)
    );

    // Nobody tells of this one, and a system's name is no image.
    let alone = image("alone:1", "alone", 0, &[("CVE-1", "curl", Severity::High)]);
    let alone = put(alone).await;
    assert_eq!(store.image_base(&scope, &alone).await.unwrap(), None);
    store.ensure_environment("else", "", false).await.unwrap();
    let elsewhere = store.scope(Some("else")).await.unwrap();
    assert_eq!(store.image_base(&elsewhere, &shop).await.unwrap(), None);

    // All of them, with what stands on each.
    let (bases, is_cut) = store.bases(&scope).await.unwrap();
    assert!(!is_cut);
    let named = |name: &str| {
        let of = bases.iter().find(|of| of.base.name == name);
        let images = of.into_iter().flat_map(|of| &of.images);
        let mut names: Vec<&str> = images.map(|(key, _)| key.name.as_str()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(named("debian:12"), ["node:20", "python:3"]);
    assert_eq!(named("python:3"), ["shop:1"]);
    assert_eq!(named("alpine:3.20"), ["labelled:1"]);
    assert_eq!(bases[0].base.name, "debian:12");
    assert!(store.bases(&elsewhere).await.unwrap().0.is_empty());
}

on_each_database!(an_image_stands_on_the_tallest_one_whose_layers_are_all_below);
