//! What a server keeps: SBOMs, images, registries, and what runs.

use model::Digest;
use testkit::{
    Image,
    image::OCI_MANIFEST,
    web::{Reply, Request},
};

use super::*;

/// What went to standard output, of a command that ended well.
fn out(place: &Place, arguments: &[&str]) -> String {
    let told = place.run(arguments);
    assert!(told.starts_with("exit: 0\n"), "{arguments:?}: {told}");
    let (_, rest) = told.split_once("----- stdout -----\n").unwrap();
    rest.split_once("----- stderr -----").unwrap().0.to_owned()
}

fn parsed(place: &Place, arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&out(place, arguments)).unwrap()
}

fn signed_in(place: &Place) -> Server {
    let server = Server::start(place);
    let url = format!("http://{}", server.address);
    place.run_with_input(&["login", &url], &server.token);
    server
}

fn sbom(version: &str) -> String {
    json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "container", "name": "shop"}},
        "components": [{"type": "library", "name": "left-pad", "version": version,
            "purl": format!("pkg:npm/left-pad@{version}")}]})
    .to_string()
}

#[test]
fn sboms_are_handed_in_searched_compared_and_written() {
    let place = Place::new();
    let _server = signed_in(&place);
    for version in ["1.0.0", "2.0.0"] {
        let (file, name) = (format!("{version}.json"), format!("shop:{version}"));
        place.write(&file, sbom(version));
        let line = ["sbom", "import", &file, "--name", &name, "--format", "json"];
        let taken = parsed(&place, &line);
        assert_eq!(taken["image"]["name"], name.as_str(), "{taken}");
    }
    let held = |version: &str| {
        let line = ["sbom", "search", "left-pad", version, "--format", "json"];
        parsed(&place, &line).as_array().unwrap().len()
    };
    assert_eq!((held("<3"), held("<2"), held(">=3")), (2, 1, 0));
    let compared = ["sbom", "diff", "shop:1.0.0", "shop:2.0.0"];
    let compared = out(&place, &compared);
    assert!(
        compared.contains("1.0.0") && compared.contains("2.0.0") && compared.contains("left-pad"),
        "{compared}"
    );
    let written = out(&place, &["sbom", "export", "shop:2.0.0"]);
    assert!(written.contains("pkg:npm/left-pad@2.0.0"), "{written}");
    let missing = place.run(&["sbom", "export", "shop:9"]);
    assert!(missing.starts_with("exit: 3\n"), "{missing}");
}

#[test]
fn an_image_is_shown_with_why_it_was_read_and_what_is_attached() {
    let place = Place::new();
    let _server = signed_in(&place);
    place.write("shop.json", sbom("1.0.0"));
    out(&place, &["sbom", "import", "shop.json", "--name", "shop:1"]);
    let images = parsed(&place, &["images", "list", "shop", "--format", "json"]);
    assert_eq!(images[0]["name"], "shop:1", "{images}");
    let id = images[0]["id"].as_str().unwrap();
    let shown = out(&place, &["images", "show", id]);
    assert!(
        shown.contains("shop:1") && shown.contains("Packages"),
        "{shown}"
    );
    let timeline = parsed(&place, &["images", "timeline", id, "--format", "json"]);
    assert!(timeline.is_array(), "{timeline}");
    // It was handed in: no registry was asked.
    let attached = parsed(&place, &["images", "referrers", id, "--format", "json"]);
    assert_eq!(attached, json!([]));
    let nothing = place.run(&["images", "referrers", "nothing"]);
    assert!(!nothing.starts_with("exit: 0"), "{nothing}");
    let runs = parsed(&place, &["whatruns", "--format", "json"]);
    assert_eq!(runs, json!([]));
}

/// A registry of an image, to which an SBOM is attached.
fn registry(attached: &str) -> testkit::web::Server {
    let blobs = Image::example().blobs();
    let list = json!({"schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": OCI_MANIFEST, "digest": attached, "size": 700,
            "artifactType": "application/spdx+json"}]});
    testkit::web::Server::start(move |request: &Request| {
        let target = &request.target;
        if target.contains("/referrers/") {
            return Reply::new(200, list.to_string())
                .header("content-type", "application/vnd.oci.image.index.v1+json");
        }
        if target.contains("/manifests/sha256-") {
            return Reply::new(404, "");
        }
        if target.contains("/manifests/") {
            return Reply::new(200, blobs.manifest.clone()).header("content-type", OCI_MANIFEST);
        }
        let mut all = std::iter::once(&blobs.config).chain(&blobs.layers);
        match all.find(|blob| target.ends_with(&Digest::of(blob).to_string())) {
            Some(blob) => Reply::new(200, blob.clone()),
            None => Reply::new(200, "{}"),
        }
    })
}

#[test]
fn what_is_attached_to_an_image_is_listed_once_it_was_scanned() {
    let place = Place::new();
    let server = signed_in(&place);
    let digest = Digest::of(b"an SBOM").to_string();
    let registry = registry(&digest);
    let body = json!({"target": format!("registry:{}/team/shop:1.0", registry.host())});
    let authorization = format!("authorization: Bearer {}", server.token);
    let (head, told) = server.post("/api/v1/scans", &authorization, &body.to_string());
    assert!(head.starts_with("HTTP/1.1 202"), "{head} {told}");
    // Each try takes a program's start: a minute in all, at least.
    let listed = (0..1_000)
        .map(|_| parsed(&place, &["images", "list", "team/shop", "--format", "json"]))
        .find(|images| images[0]["id"].is_string());
    let images = listed.expect("the image is scanned");
    let id = images[0]["id"].as_str().unwrap();
    let table = out(&place, &["images", "referrers", id]);
    assert!(
        table.contains("KIND") && table.contains("sbom") && table.contains("team/shop"),
        "{table}"
    );
    let csv = out(&place, &["images", "referrers", id, "--format", "csv"]);
    let row = format!(
        "sbom,{digest},{},application/spdx+json,700,api,",
        images[0]["digest"]
    );
    assert!(csv.contains(&row.replace('"', "")), "{csv}");
}

#[test]
fn a_registry_is_added_shown_changed_and_forgotten() {
    let place = Place::new();
    let _server = signed_in(&place);
    let none = place.run(&["registry", "list"]);
    assert!(none.contains("No registries. Add one"), "{none}");
    // Nobody listens on the discard port: it is added all the same.
    let added = place.run(&["registry", "add", "team", "127.0.0.1:9", "--poll", "0"]);
    assert!(added.contains("It was added all the same"), "{added}");
    let listed = parsed(&place, &["registry", "list", "--format", "json"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["address"]),
        (&json!("team"), &json!("127.0.0.1:9"))
    );
    let shown = parsed(&place, &["registry", "show", "team", "--format", "json"]);
    assert_eq!(shown["options"]["poll_minutes"], 0, "{shown}");
    out(&place, &["registry", "change", "team", "--poll", "30"]);
    let shown = parsed(&place, &["registry", "show", "team", "--format", "json"]);
    assert_eq!(shown["options"]["poll_minutes"], 30, "{shown}");
    let repositories = ["registry", "repositories", "team", "--format", "json"];
    assert_eq!(parsed(&place, &repositories), json!([]));
    let forgotten = place.run(&["registry", "remove", "team"]);
    assert!(forgotten.contains("team is forgotten"), "{forgotten}");
    let unknown = place.run(&["registry", "show", "team"]);
    assert!(!unknown.starts_with("exit: 0"), "{unknown}");
}
