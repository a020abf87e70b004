//! What is said is what is read.

use jiff::Timestamp;
use model::{Digest, ImageIdentity, Package, PackageKind, Reason, Sbom, TargetKind, scan::Target};
use vulns::{Database, Judgements};

use super::{Basis, Format, Product, Publisher, Statement, write};

const FLAW: &str = r#"{"id":"CVE-3-1","affected":[{"package":{"ecosystem":"npm","name":"left"},
    "ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}"#;

const NOTE: &str = "the parser is never given input";

fn decided(reason: Reason) -> Basis {
    Basis::Decision {
        reason,
        note: NOTE.to_owned(),
        by: "ada".to_owned(),
    }
}

fn not_in_use() -> Basis {
    Basis::NotInUse {
        since: "2026-01-02T03:04:05Z".parse().unwrap(),
    }
}

fn statement(basis: Basis, digest: &Digest) -> Statement {
    Statement {
        vulnerability: "CVE-3-1".to_owned(),
        basis,
        time: Timestamp::UNIX_EPOCH,
        products: vec![Product {
            name: "registry.example/shop:1".to_owned(),
            purl: format!(
                "pkg:oci/shop@sha256%3A{}?repository_url=registry.example/shop&tag=1",
                digest.hex()
            ),
            packages: vec!["pkg:npm/left@1.0.0".to_owned()],
        }],
    }
}

fn publisher() -> Publisher {
    Publisher {
        name: "Example".to_owned(),
        address: "https://seawall.example".to_owned(),
        tool: "seawall test".to_owned(),
    }
}

fn sbom(digest: Digest) -> Sbom {
    Sbom {
        image: Some(ImageIdentity {
            manifest: Some(digest),
            config: None,
            tags: vec!["registry.example/shop:1".to_owned()],
        }),
        packages: vec![Package {
            kind: PackageKind::Npm,
            name: "left".to_owned(),
            version: "1.0.0".to_owned(),
            ecosystem: None,
            source: None,
            architecture: None,
            licenses: Vec::new(),
            purl: "pkg:npm/left@1.0.0".parse().unwrap(),
            path: "app/lock".to_owned(),
            layer: None,
            owned_by: None,
        }],
        ..Sbom::default()
    }
}

/// Findings left, and set aside, in an image of which was said so.
fn left(document: &[u8], of: Digest) -> (usize, usize) {
    let db = Database::from_records(&[("feed", &[FLAW])], Timestamp::UNIX_EPOCH).unwrap();
    let judgements = Judgements {
        vex: vec![vulns::vex::parse("ours", document).unwrap()],
        ignore: None,
    };
    let target = Target {
        kind: TargetKind::Image,
        name: "registry.example/other".to_owned(),
    };
    let now = Timestamp::UNIX_EPOCH;
    let report = vulns::assess(&db, sbom(of), target, &judgements, "test", now);
    (report.findings.len(), report.suppressed.len())
}

#[test]
fn what_we_say_is_read_back_as_meant_in_every_form() {
    let (ours, others) = (Digest::of(b"ours"), Digest::of(b"others"));
    for format in Format::ALL {
        for (basis, words, expected) in [
            (decided(Reason::FalsePositive), NOTE, (0, 1)),
            (decided(Reason::Mitigated), NOTE, (0, 1)),
            (decided(Reason::AcceptedRisk), NOTE, (1, 0)),
            (not_in_use(), "since 2026-01-02T03:04:05Z", (0, 1)),
        ] {
            let said = [statement(basis.clone(), &ours)];
            let document = write(format, &publisher(), &said, Timestamp::UNIX_EPOCH).unwrap();
            let text = String::from_utf8_lossy(&document);
            assert!(text.contains(words), "{text}");
            assert_eq!(
                left(&document, ours),
                expected,
                "{format:?} {basis:?}: {text}"
            );
            if format != Format::Cyclonedx {
                // Only in the image it was said of; CycloneDX as it is
                // read names the package alone.
                assert_eq!(
                    left(&document, others),
                    (1, 0),
                    "{format:?} {basis:?}: {text}"
                );
            }
        }
    }
}

#[test]
fn nothing_said_is_a_document_too() {
    for format in Format::ALL {
        let document = write(format, &publisher(), &[], Timestamp::UNIX_EPOCH).unwrap();
        assert!(vulns::vex::parse("ours", &document).unwrap().is_empty());
    }
}

#[test]
fn what_was_watched_and_never_ran_is_no_decision() {
    let ours = Digest::of(b"ours");
    let said = [
        statement(decided(Reason::Mitigated), &ours),
        statement(decided(Reason::AcceptedRisk), &ours),
        statement(not_in_use(), &ours),
    ];
    let written = |format| write(format, &publisher(), &said, Timestamp::UNIX_EPOCH).unwrap();
    insta::assert_binary_snapshot!("openvex.json", written(Format::Openvex));
    insta::assert_binary_snapshot!("cyclonedx.cdx.json", written(Format::Cyclonedx));
    insta::assert_binary_snapshot!("csaf.json", written(Format::Csaf));
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/vex/snapshots/report__vex__tests__cyclonedx.snap.cdx.json");
    testkit::validator::cyclonedx(&golden).unwrap();
}
