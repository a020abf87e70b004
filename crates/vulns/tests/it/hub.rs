//! VEX documents at an address: one, a hub's archive, a hub's index; and
//! what leads nowhere.

use std::io::Write as _;

use fetch::{Client, Guard, Settings};
use model::Cancel;
use serde_json::json;
use vulns::vex::hub::{Found, Hub, HubError, fetch};

use crate::server::Mirror;

fn document(vulnerability: &str) -> Vec<u8> {
    json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": vulnerability,
        "author": "vendor", "timestamp": "2026-11-01T00:00:00Z", "version": 1,
        "statements": [{"vulnerability": {"name": vulnerability},
            "products": [{"@id": "pkg:npm/lodash@4.17.15"}],
            "status": "not_affected", "justification": "vulnerable_code_not_present"}]})
    .to_string()
    .into_bytes()
}

fn client() -> Client {
    let settings = Settings {
        guard: Some(Guard {
            allow_private: true,
            allow_loopback: true,
        }),
        retries: 0,
        ..Settings::default()
    };
    Client::new(&settings).unwrap()
}

fn ask(mirror: &Mirror, path: &str, mark: Option<&str>) -> Result<Hub, HubError> {
    let address = format!("{}/{path}", mirror.url()).parse().unwrap();
    fetch(&client(), &address, mark, &Cancel::default())
}

fn found(hub: Result<Hub, HubError>) -> (Vec<Found>, usize, Option<String>) {
    match hub {
        Ok(Hub::Documents {
            documents,
            left_out,
            mark,
        }) => (documents, left_out, mark),
        other => panic!("{other:?}"),
    }
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    let plain = tar.into_inner().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&plain).unwrap();
    packed.finish().unwrap()
}

fn manifest(location: &str) -> Vec<u8> {
    json!({"name": "hub", "description": "", "versions": [
        {"spec_version": "0.1", "locations": [{"url": location}], "update_interval": "24h"}]})
    .to_string()
    .into_bytes()
}

#[test]
fn a_document_is_fetched_and_then_only_what_changed() {
    let mirror = Mirror::start();
    mirror.put("a.json", document("CVE-2021-23337"));
    let (documents, left_out, mark) = found(ask(&mirror, "a.json", None));
    assert_eq!((documents.len(), left_out), (1, 0));
    assert_eq!(
        (documents[0].name.as_str(), documents[0].statements),
        ("", 1)
    );
    assert!(mark.is_some());
    let again = ask(&mirror, "a.json", mark.as_deref()).unwrap();
    assert_eq!(again, Hub::Unchanged);
    mirror.put("a.json", document("CVE-2020-8203"));
    let (documents, _, other) = found(ask(&mirror, "a.json", mark.as_deref()));
    assert_eq!(documents[0].bytes, document("CVE-2020-8203"));
    assert_ne!(other, mark);
}

#[test]
fn a_hub_is_its_archive_below_the_folder_its_manifest_names() {
    let mirror = Mirror::start();
    let (one, two) = (document("CVE-2021-23337"), document("CVE-2020-8203"));
    let packed = archive(&[
        ("hub-main/index.json", b"{}"),
        ("hub-main/vex-repository.json", b"{}"),
        ("hub-main/pkg/npm/a/vex.json", &one),
        ("hub-main/pkg/npm/b/vex.json", &two),
        ("hub-main/pkg/npm/c/package.json", b"{\"name\": \"c\"}"),
        ("hub-main/README.md", b"# hub"),
        ("elsewhere/vex.json", &two),
    ]);
    mirror.put("main.tar.gz", packed);
    mirror.put("vex-repository.json", manifest("main.tar.gz//hub-main"));
    let (documents, left_out, mark) = found(ask(&mirror, "vex-repository.json", None));
    let names: Vec<_> = documents.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["pkg/npm/a/vex.json", "pkg/npm/b/vex.json"]);
    assert_eq!(left_out, 1);
    // The manifest stays as it is while the archive changes.
    let again = ask(&mirror, "vex-repository.json", mark.as_deref()).unwrap();
    assert_eq!(again, Hub::Unchanged);
    mirror.put("main.tar.gz", archive(&[("hub-main/a/vex.json", &two)]));
    let (documents, ..) = found(ask(&mirror, "vex-repository.json", mark.as_deref()));
    assert_eq!(documents.len(), 1);
    let (documents, ..) = found(ask(&mirror, "main.tar.gz", None));
    assert_eq!(documents[0].name, "hub-main/a/vex.json");
}

#[test]
fn the_documents_of_an_index_lie_beside_it() {
    let mirror = Mirror::start();
    let entry = |location: &str| json!({"id": "pkg:npm/lodash", "location": location});
    let index = json!({"updated_at": "2026-11-01T00:00:00Z", "packages": [
        entry("pkg/a.json"), entry("pkg/a.json"), entry("pkg/none.txt"),
        entry("https://evil.example/vex.json")]});
    mirror.put("index.json", index.to_string());
    mirror.put("pkg/a.json", document("CVE-2021-23337"));
    mirror.put("pkg/none.txt", "nothing");
    let (documents, left_out, _) = found(ask(&mirror, "index.json", None));
    assert_eq!(documents.len(), 1, "each once, and from nowhere else");
    assert_eq!((documents[0].name.as_str(), left_out), ("pkg/a.json", 2));
    let asked = mirror.log();
    assert!(asked.iter().all(|line| !line.contains("evil")), "{asked:?}");
}

#[test]
fn what_leads_nowhere_says_why() {
    let mirror = Mirror::start();
    mirror.put("circle.json", manifest("circle.json"));
    mirror.put("nonsense", "nonsense");
    mirror.put("empty.tar.gz", archive(&[("README.md", b"x")]));
    mirror.put(
        "cut.tar.gz",
        archive(&[("a.json", &document("CVE-1"))])[..40].to_vec(),
    );
    mirror.put(
        "future.json",
        br#"{"versions": [{"spec_version": "9", "locations": []}]}"#,
    );
    let bomb = vec![b' '; 40 << 20];
    mirror.put("bomb.tar.gz", archive(&[("a.json", &bomb)]));
    for (path, words) in [
        ("none", "status 404"),
        ("circle.json", "from manifest to manifest"),
        ("nonsense", "as VEX"),
        ("empty.tar.gz", "makes a statement"),
        ("cut.tar.gz", "archive cannot be read"),
        ("future.json", "version 0.1"),
        ("bomb.tar.gz", "makes a statement"),
    ] {
        let told = model::error::chain(&ask(&mirror, path, None).unwrap_err());
        assert!(told.contains(words), "{path}: {told}");
    }
    let address = "http://vendor.example/vex.json".parse().unwrap();
    let plain = fetch(&client(), &address, None, &Cancel::default());
    assert!(matches!(plain, Err(HubError::Scheme(_))), "{plain:?}");
    // Addresses of this machine are refused unless they are allowed.
    let settings = Settings {
        guard: Some(Guard {
            allow_private: false,
            allow_loopback: false,
        }),
        retries: 0,
        ..Settings::default()
    };
    let guarded = Client::new(&settings).unwrap();
    let address = format!("{}/nonsense", mirror.url()).parse().unwrap();
    let told = fetch(&guarded, &address, None, &Cancel::default()).unwrap_err();
    let told = model::error::chain(&told);
    assert!(told.contains("this machine itself"), "{told}");
}
