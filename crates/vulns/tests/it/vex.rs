//! VEX documents in three forms, and real ones.

use std::{path::Path, process::Command};

use model::{
    Digest, ImageIdentity, OperatingSystem, Package, PackageKind, Sbom, TargetKind, scan::Target,
};
use vulns::{Database, Judgements, assess, vex};

use crate::shared::{NOW, data, deb};

const RECORD: &str = r#"{"id":"GO-1","aliases":["CVE-2026-1"],"affected":[{"package":{
    "ecosystem":"Go","name":"example.org/lib"},"ranges":[{"type":"SEMVER","events":[
    {"introduced":"0"}]}]},{"package":{"ecosystem":"Red Hat:enterprise_linux:9::baseos",
    "name":"zlib"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#;

fn go(name: &str, version: &str, path: &str) -> Package {
    Package {
        kind: PackageKind::Golang,
        ecosystem: None,
        source: None,
        purl: format!("pkg:golang/{name}@{version}").parse().unwrap(),
        path: path.to_owned(),
        ..deb(name, name, version)
    }
}

fn zlib() -> Package {
    Package {
        kind: PackageKind::Rpm,
        ecosystem: Some("Red Hat:enterprise_linux:9".parse().unwrap()),
        source: None,
        purl: "pkg:rpm/redhat/zlib@1.2.11-40.el9?arch=x86_64"
            .parse()
            .unwrap(),
        ..deb("zlib", "zlib", "1.2.11-40.el9")
    }
}

fn image_digest() -> Digest {
    Digest::of(b"manifest")
}

/// A program that holds the library, the library alone, and zlib: what
/// is left of their findings once a document has spoken.
fn left(document: &str) -> Vec<String> {
    let db = Database::from_records(&[("feed", &[RECORD])], NOW.parse().unwrap()).unwrap();
    let sbom = Sbom {
        os: Some(OperatingSystem {
            id: "rhel".to_owned(),
            version: "9.4".to_owned(),
            ..OperatingSystem::default()
        }),
        image: Some(ImageIdentity {
            manifest: Some(image_digest()),
            config: None,
            tags: vec!["registry.example.org:5000/team/app:1.0".to_owned()],
        }),
        packages: vec![
            go("example.org/app", "v1.0.0", "usr/bin/app"),
            go("example.org/lib", "v0.9.0", "usr/bin/app"),
            go("example.org/lib", "v0.9.0", "usr/bin/other"),
            zlib(),
        ],
        ..Sbom::default()
    };
    let target = Target {
        kind: TargetKind::Image,
        name: "registry.example.org:5000/team/app:1.0".to_owned(),
    };
    let judgements = Judgements {
        vex: vec![vex::parse("doc", document.as_bytes()).unwrap()],
        ignore: None,
    };
    let report = assess(&db, sbom, target, &judgements, "test", NOW.parse().unwrap());
    assert_eq!(report.findings.len() + report.suppressed.len(), 3);
    let paths = report.findings.iter().map(|f| f.package.path.as_str());
    paths
        .map(|path| path.rsplit('/').next().unwrap().to_owned())
        .collect()
}

const ALL: [&str; 3] = ["status", "app", "other"];

fn openvex(product: &str) -> String {
    format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{{"vulnerability":
        {{"name":"CVE-2026-1"}},"products":[{product}],"status":"not_affected"}}]}}"#
    )
}

#[test]
fn a_product_may_be_the_package_the_program_or_the_image() {
    let digest = image_digest();
    let lib = r#""subcomponents":[{"@id":"pkg:golang/example.org/lib"}]"#;
    let cases: [(String, &[&str]); 12] = [
        (
            r#"{"@id":"pkg:golang/example.org/lib"}"#.into(),
            &["status"],
        ),
        (
            r#"{"@id":"pkg:golang/example.org/lib@v0.9.0"}"#.into(),
            &["status"],
        ),
        (
            r#"{"@id":"pkg:golang/example.org/lib@v0.8.0"}"#.into(),
            &ALL,
        ),
        (
            format!(r#"{{"@id":"pkg:golang/example.org/app",{lib}}}"#),
            &["status", "other"],
        ),
        (
            format!(r#"{{"@id":"pkg:golang/example.org/else",{lib}}}"#),
            &ALL,
        ),
        (
            format!(
                r#"{{"@id":"pkg:oci/app?repository_url=registry.example.org:5000/team/app",{lib}}}"#
            ),
            &["status"],
        ),
        (
            r#"{"@id":"pkg:oci/app?repository_url=registry.example.org:5000/team"}"#.into(),
            &[],
        ),
        (
            r#"{"@id":"pkg:oci/app?repository_url=ghcr.io/team/app"}"#.into(),
            &ALL,
        ),
        (r#"{"@id":"pkg:oci/app?tag=2.0"}"#.into(), &ALL),
        (
            format!(
                r#"{{"@id":"pkg:oci/app@{}"}}"#,
                digest.to_string().replace(':', "%3A")
            ),
            &[],
        ),
        (
            format!(
                r#"{{"@id":"an app","hashes":{{"sha-256":"{}"}}}}"#,
                digest.hex()
            ),
            &[],
        ),
        (
            r#"{"@id":"registry.example.org:5000/team/app:1.0"}"#.into(),
            &[],
        ),
    ];
    for (product, expected) in cases {
        assert_eq!(left(&openvex(&product)), expected, "{product}");
    }
}

#[test]
fn openvex_of_the_first_version_is_read() {
    let document = r#"{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":"GO-1",
        "products":["pkg:golang/example.org/app"],"subcomponents":["pkg:golang/example.org/lib"],
        "status":"fixed"}]}"#;
    assert_eq!(left(document), ["status", "other"]);
}

#[test]
fn the_latest_statement_counts() {
    let statement = |status: &str, day: u8| {
        format!(
            r#"{{"vulnerability":{{"name":"CVE-2026-1"}},"status":"{status}","timestamp":
            "2026-01-0{day}T00:00:00Z","products":[{{"@id":"pkg:golang/example.org/lib"}}]}}"#
        )
    };
    let document = |statements: [String; 2]| {
        let statements = statements.join(",");
        format!(r#"{{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{statements}]}}"#)
    };
    let later = document([statement("affected", 3), statement("not_affected", 2)]);
    assert_eq!(left(&later), ALL);
    let later = document([statement("not_affected", 3), statement("affected", 2)]);
    assert_eq!(left(&later), ["status"]);
}

fn csaf(platform_cpe: &str) -> String {
    format!(
        r#"{{"document":{{"category":"csaf_vex","tracking":{{"current_release_date":
        "2026-01-01T00:00:00Z"}}}},"product_tree":{{"branches":[{{"category":"vendor","branches":[
        {{"product":{{"product_id":"RHEL","name":"Enterprise Linux","product_identification_helper":
        {{"cpe":"{platform_cpe}"}}}}}},{{"product":{{"product_id":"zlib","name":"zlib",
        "product_identification_helper":{{"purl":"pkg:rpm/redhat/zlib@1.2.11-40.el9"}}}}}}]}}],
        "relationships":[{{"category":"default_component_of","product_reference":"zlib",
        "relates_to_product_reference":"RHEL","full_product_name":{{"product_id":"RHEL:zlib",
        "name":"zlib of Enterprise Linux"}}}}]}},"vulnerabilities":[{{"cve":"CVE-2026-1",
        "product_status":{{"known_not_affected":["RHEL:zlib"]}},"flags":[{{"label":
        "vulnerable_code_not_present","product_ids":["RHEL:zlib"]}}]}}]}}"#
    )
}

#[test]
fn csaf_speaks_of_components_of_a_platform() {
    assert_eq!(
        left(&csaf("cpe:/o:redhat:enterprise_linux:9")),
        ["app", "other"]
    );
    assert_eq!(left(&csaf("cpe:/o:redhat:enterprise_linux:8")), ALL);
}

#[test]
fn cyclonedx_points_at_components_by_reference_link_or_purl() {
    let document = |reference: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{{"bom-ref":"c1",
            "type":"library","name":"lib","purl":"pkg:golang/example.org/lib@v0.9.0"}}],
            "vulnerabilities":[{{"id":"CVE-2026-1","analysis":{{"state":"not_affected",
            "justification":"code_not_reachable"}},"affects":[{{"ref":"{reference}"}}]}}]}}"#
        )
    };
    for reference in [
        "c1",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#c1",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Agolang%2Fexample.org%2Flib%40v0.9.0",
        "pkg:golang/example.org/lib",
    ] {
        assert_eq!(left(&document(reference)), ["status"], "{reference}");
    }
    assert_eq!(left(&document("c2")), ALL);
}

#[test]
fn what_is_no_vex_is_refused_by_name() {
    let error = vex::parse("notes.json", b"{}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "recognise notes.json: it is no OpenVEX, CSAF or CycloneDX document"
    );
    let error = vex::parse("notes.json", b"{").unwrap_err();
    assert!(
        model::error::chain(&error).contains("notes.json"),
        "{error}"
    );
}

/// A shared archive, unpacked.
fn unpacked(archive: &str) -> Option<tempfile::TempDir> {
    let archive = data(archive)?;
    let dir = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    let tar = tar.arg("-xJf").arg(&archive).arg("-C").arg(dir.path());
    assert!(tar.status().unwrap().success());
    Some(dir)
}

#[test]
fn every_document_of_a_real_hub_is_read() {
    let Some(dir) = unpacked("vex/aquasecurity-vexhub.tar.xz") else {
        return;
    };
    let mut statements = 0;
    let documents = read_all(dir.path(), &mut statements);
    assert!(documents > 50, "{documents}");
    assert!(statements > 500, "{statements}");
}

#[test]
fn the_specifications_own_examples_are_read() {
    let Some(dir) = unpacked("conformance/openvex-spec.tar.xz") else {
        return;
    };
    let text = std::fs::read_to_string(dir.path().join("OPENVEX-SPEC.md")).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    let examples: Vec<_> = blocks
        .map(|block| block.strip_prefix("json").unwrap_or(block))
        .filter(|block| block.contains("@context") && block.contains("statements"))
        .filter(|block| serde_json::from_str::<serde_json::Value>(block).is_ok())
        .collect();
    assert!(examples.len() >= 2, "{}", examples.len());
    for example in examples {
        let document = vex::parse("example", example.as_bytes()).unwrap();
        assert!(!document.is_empty(), "{example}");
    }
}

/// Reads every VEX document below; the number of them.
fn read_all(folder: &Path, statements: &mut usize) -> usize {
    let mut documents = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            documents += read_all(&path, statements);
        } else if name.contains("vex.json") {
            let document = vex::read(&path).unwrap();
            assert!(!document.is_empty(), "{}", path.display());
            *statements += document.len();
            documents += 1;
        }
    }
    documents
}
