//! Small feeds, small systems, whole reports.

use std::fmt::Write as _;

use model::{
    AffectedState, Package, PackageKind, Report, Severity, SourcePackage, Warning,
    finding::SuppressedBy,
};
use vulns::{Database, Judgements, assess, ignore, vex};

use crate::shared::{NOW, deb, machine, sbom};

fn database(sources: &[(&str, &[&str])]) -> Database {
    Database::from_records(sources, NOW.parse().unwrap()).unwrap()
}

fn feed(records: &[&str]) -> Database {
    database(&[("feed", records)])
}

fn report(db: &Database, packages: Vec<Package>) -> Report {
    judged(db, packages, &Judgements::default())
}

fn judged(db: &Database, packages: Vec<Package>, judgements: &Judgements) -> Report {
    let now = NOW.parse().unwrap();
    assess(db, sbom(packages), machine(), judgements, "test", now)
}

/// One line a finding: vulnerability, package, severity, state, fixes.
fn lines(report: &Report) -> String {
    let mut text = String::new();
    for finding in report.findings.iter().chain(&report.suppressed) {
        writeln!(
            text,
            "{} {}@{} {} {} {:?} {:?}{}",
            finding.vulnerability,
            finding.package.name,
            finding.package.version,
            finding.severity,
            finding.fix.state,
            finding.fix.versions,
            finding.advisories,
            if finding.suppression.is_some() {
                " suppressed"
            } else {
                ""
            }
        )
        .unwrap();
    }
    text
}

fn language(kind: PackageKind, name: &str, version: &str) -> Package {
    let purl = match (kind, name.split_once(':')) {
        (PackageKind::Maven, Some((group, artifact))) => {
            format!("pkg:maven/{group}/{artifact}@{version}")
        }
        _ => format!("pkg:{kind}/{name}@{version}"),
    };
    Package {
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: None,
        source: None,
        purl: purl.parse().unwrap(),
        path: "app/lock".to_owned(),
        ..deb(name, name, version)
    }
}

fn rpm(ecosystem: &str, name: &str, version: &str, source: &str) -> Package {
    Package {
        kind: PackageKind::Rpm,
        ecosystem: Some(ecosystem.parse().unwrap()),
        source: Some(SourcePackage {
            name: source.to_owned(),
            version: version.to_owned(),
        }),
        purl: format!("pkg:rpm/x/{name}@1").parse().unwrap(),
        ..deb(name, source, version)
    }
}

/// A record of one ecosystem package and one range.
fn record(id: &str, more: &str, ecosystem: &str, name: &str, events: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2026-01-01T00:00:00Z",{more}"affected":[{{"package":
        {{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM",
        "events":[{events}]}}]}}]}}"#
    )
}

#[test]
fn a_bulletin_of_many_cves_gives_one_finding_for_each() {
    let dsa = record(
        "DSA-1-1",
        r#""upstream":["CVE-2026-1","CVE-2026-2"],"#,
        "Debian:12",
        "openssl",
        r#"{"introduced":"0"},{"fixed":"3.0.15-1"}"#,
    );
    let db = feed(&[&dsa]);
    let report = report(&db, vec![deb("libssl3", "openssl", "3.0.11-1")]);
    insta::assert_snapshot!(lines(&report), @r#"
    CVE-2026-1 libssl3@3.0.11-1 unknown fixed ["3.0.15-1"] ["DSA-1-1"]
    CVE-2026-2 libssl3@3.0.11-1 unknown fixed ["3.0.15-1"] ["DSA-1-1"]
    "#);
    assert_eq!(
        db.vulnerability(&model::VulnerabilityId::new("DSA-1-1")),
        None
    );
}

#[test]
fn many_names_of_one_weakness_give_one_finding() {
    let range = r#"{"introduced":"0"},{"fixed":"2.3.1"}"#;
    let later = r#"{"introduced":"0"},{"fixed":"2.3.2"}"#;
    let score = r#""severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"#;
    let ghsa = format!(r#""aliases":["CVE-2026-1"],{score}"#);
    let db = feed(&[
        &record("GHSA-1", &ghsa, "PyPI", "Tensor_Flow", range),
        &record(
            "PYSEC-1",
            r#""aliases":["GHSA-1"],"#,
            "PyPI",
            "tensor-flow",
            later,
        ),
    ]);
    let report = report(
        &db,
        vec![language(PackageKind::Pypi, "tensor.flow", "2.3.0")],
    );
    // Only what both call mended mends it.
    insta::assert_snapshot!(lines(&report), @r#"CVE-2026-1 tensor.flow@2.3.0 critical fixed ["2.3.2"] ["GHSA-1", "PYSEC-1"]"#);
    let vulnerability = report.vulnerabilities.values().next().unwrap();
    assert_eq!(vulnerability.aliases, ["GHSA-1", "PYSEC-1"]);
    assert_eq!(vulnerability.cvss[0].source, "GHSA-1");
}

#[test]
fn two_cves_under_one_advisory_stay_two() {
    let both = r#""aliases":["CVE-2026-1","CVE-2026-2","GHSA-1"],"#;
    let range = r#"{"introduced":"0"}"#;
    let db = feed(&[
        &record("GO-1", both, "Go", "example.org/m", range),
        &record(
            "GHSA-1",
            r#""aliases":["CVE-2026-1"],"#,
            "Go",
            "example.org/m",
            range,
        ),
    ]);
    let package = language(PackageKind::Golang, "example.org/m", "v1.0.0");
    insta::assert_snapshot!(lines(&report(&db, vec![package])), @r#"
    CVE-2026-1 example.org/m@v1.0.0 unknown unfixed [] ["GHSA-1", "GO-1"]
    CVE-2026-2 example.org/m@v1.0.0 unknown unfixed [] ["GO-1"]
    "#);
}

#[test]
fn the_fix_is_the_smallest_step_on_the_installed_branch() {
    let events = r#"{"introduced":"2.0.0"},{"fixed":"2.1.0"},{"introduced":"0"},{"fixed":"1.5.0"},
        {"introduced":"3.0.0"},{"last_affected":"3.0.5"}"#;
    let db = feed(&[&record("GHSA-1", "", "npm", "x", events)]);
    let at = |version| lines(&report(&db, vec![language(PackageKind::Npm, "x", version)]));
    let fixed = |version: &str, fixes: &str| {
        format!("GHSA-1 x@{version} unknown fixed [{fixes}] [\"GHSA-1\"]\n")
    };
    assert_eq!(at("1.2.0"), fixed("1.2.0", r#""1.5.0", "2.1.0""#));
    assert_eq!(at("2.0.1"), fixed("2.0.1", r#""2.1.0""#));
    assert_eq!(
        at("3.0.5"),
        "GHSA-1 x@3.0.5 unknown unfixed [] [\"GHSA-1\"]\n"
    );
    for version in ["1.5.0", "2.1.0", "3.0.6"] {
        assert_eq!(at(version), "");
    }
}

#[test]
fn the_distributors_rating_and_state_are_kept() {
    let affected = |name: &str, specific: &str| {
        format!(
            r#"{{"package":{{"ecosystem":"Ubuntu:22.04:LTS","name":"{name}"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}]}}],
            "ecosystem_specific":{specific}}}"#
        )
    };
    let text = format!(
        r#"{{"id":"UBUNTU-CVE-2026-1","upstream":["CVE-2026-1"],
        "severity":[{{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}],
        "affected":[{},{},{},{}]}}"#,
        affected("a", r#"{"status":"ignored","priority":"negligible"}"#),
        affected("b", r#"{"status":"needs-triage","priority":"low"}"#),
        affected("c", r#"{"status":"needed"}"#),
        affected("d", r#"{"status":"not-affected"}"#),
    );
    let db = feed(&[&text]);
    let ubuntu = |name: &str| Package {
        ecosystem: Some("Ubuntu:22.04:LTS".parse().unwrap()),
        ..deb(name, name, "1.0")
    };
    let report = report(&db, ["a", "b", "c", "d"].map(ubuntu).to_vec());
    insta::assert_snapshot!(lines(&report), @r#"
    CVE-2026-1 c@1.0 critical unfixed [] ["UBUNTU-CVE-2026-1"]
    CVE-2026-1 b@1.0 low under_investigation [] ["UBUNTU-CVE-2026-1"]
    CVE-2026-1 a@1.0 info will_not_fix [] ["UBUNTU-CVE-2026-1"]
    "#);
}

#[test]
fn extended_maintenance_answers_for_packages_that_carry_it() {
    let plain = record(
        "UBUNTU-CVE-2026-1",
        r#""upstream":["CVE-2026-1"],"#,
        "Ubuntu:14.04:LTS",
        "bash",
        r#"{"introduced":"0"}"#,
    );
    let pro = record(
        "USN-1-1",
        r#""upstream":["CVE-2026-1"],"#,
        "Ubuntu:Pro:14.04:LTS",
        "bash",
        r#"{"introduced":"0"},{"fixed":"4.3-7ubuntu1.8+esm1"}"#,
    );
    let db = feed(&[&plain, &pro]);
    let at = |version: &str| {
        let ecosystem = Some("Ubuntu:14.04:LTS".parse().unwrap());
        let package = Package {
            ecosystem,
            ..deb("bash", "bash", version)
        };
        report(&db, vec![package]).findings.len()
    };
    assert_eq!(at("4.3-7ubuntu1.8"), 1);
    assert_eq!(at("4.3-7ubuntu1.8+esm0"), 1);
    assert_eq!(at("4.3-7ubuntu1.8+esm1"), 0);
}

#[test]
fn binary_names_count_where_the_feed_uses_them_and_modules_stay_apart() {
    let alsa = |id: &str, name: &str, fixed: &str| {
        let events = format!(r#"{{"introduced":"0"}},{{"fixed":"{fixed}"}}"#);
        record(
            id,
            r#""related":["CVE-2026-1"],"summary":"Important: x","#,
            "AlmaLinux:9",
            name,
            &events,
        )
    };
    let db = feed(&[
        &alsa("ALSA-2026:1", "openssl-libs", "1:3.0.7-27.el9"),
        &alsa("ALSA-2026:2", "nodejs", "1:18.0.0-1.module_el9.1.0+1"),
        &record(
            "ALBA-2026:3",
            "",
            "AlmaLinux:9",
            "bash",
            r#"{"introduced":"0"},{"fixed":"9"}"#,
        ),
    ]);
    let report = report(
        &db,
        vec![
            rpm("AlmaLinux:9", "openssl-libs", "1:3.0.1-1.el9", "openssl"),
            rpm("AlmaLinux:9", "openssl", "1:3.0.1-1.el9", "openssl"),
            rpm("AlmaLinux:9", "nodejs", "1:16.0.0-1.el9", "nodejs"),
            rpm("AlmaLinux:9", "bash", "5.0-1.el9", "bash"),
        ],
    );
    insta::assert_snapshot!(lines(&report), @r#"CVE-2026-1 openssl-libs@1:3.0.1-1.el9 high fixed ["1:3.0.7-27.el9"] ["ALSA-2026:1"]"#);
}

#[test]
fn withdrawn_and_superseded_are_not_reported() {
    let range = r#"{"introduced":"0"}"#;
    let old = record("GHSA-2", "", "npm", "x", range);
    let new = old
        .replace("2026-01-01", "2026-02-01")
        .replace("\"x\"", "\"y\"");
    let db = feed(&[
        &record(
            "GHSA-1",
            r#""withdrawn":"2026-01-02T00:00:00Z","#,
            "npm",
            "x",
            range,
        ),
        &old,
        &new,
    ]);
    let packages = vec![
        language(PackageKind::Npm, "x", "1.0.0"),
        language(PackageKind::Npm, "y", "1.0.0"),
    ];
    insta::assert_snapshot!(lines(&report(&db, packages)), @r#"GHSA-2 y@1.0.0 unknown unfixed [] ["GHSA-2"]"#);
    assert_eq!(db.status().advisories, 1);
}

#[test]
fn listed_versions_count_beside_ranges() {
    let text = r#"{"id":"MAL-1","affected":[{"package":{"ecosystem":"npm","name":"evil"},
        "versions":["6.6.6"],"ranges":[{"type":"GIT","events":[{"introduced":"0"}]},
        {"type":"SEMVER","events":[{"introduced":"1.0.0"},{"last_affected":"1.0.3"}]}]}]}"#;
    let db = feed(&[text]);
    let at = |version| report(&db, vec![language(PackageKind::Npm, "evil", version)]);
    for (version, expected) in [("6.6.6", 1), ("1.0.3", 1), ("1.0.4", 0), ("0.9.0", 0)] {
        let report = at(version);
        assert_eq!(report.findings.len(), expected, "{version}");
        assert!(
            report
                .findings
                .iter()
                .all(|f| f.severity == Severity::Critical)
        );
    }
}

#[test]
fn a_version_that_is_none_is_said_and_not_guessed() {
    let db = feed(&[&record("GHSA-1", "", "npm", "x", r#"{"introduced":"0"}"#)]);
    let report = report(&db, vec![language(PackageKind::Npm, "x", "latest")]);
    assert_eq!(report.findings, []);
    let Warning { message, path, .. } = &report.sbom.warnings[0];
    assert!(
        message.contains("npm x: 'latest' is not a version"),
        "{message}"
    );
    assert_eq!(path.as_deref(), Some("app/lock"));
}

#[test]
fn kernel_headers_are_shown_as_suppressed() {
    let db = feed(&[&record(
        "DEBIAN-CVE-2026-1",
        r#""upstream":["CVE-2026-1"],"#,
        "Debian:12",
        "linux",
        r#"{"introduced":"0"}"#,
    )]);
    let report = report(
        &db,
        vec![
            deb("linux-libc-dev", "linux", "6.1.1-1"),
            deb("linux-image-amd64", "linux", "6.1.1-1"),
        ],
    );
    assert_eq!(report.findings.len(), 1);
    let suppression = report.suppressed[0].suppression.as_ref().unwrap();
    assert_eq!(suppression.by, SuppressedBy::Advisory);
    assert!(suppression.statement.as_ref().unwrap().contains("kernel"));
}

#[test]
fn two_versions_in_one_file_are_one_finding_that_names_both_fixes() {
    let events = r#"{"introduced":"0"},{"fixed":"0.2.4"},{"introduced":"1.0.0"},{"fixed":"1.2.6"}"#;
    let db = feed(&[&record("GHSA-1", "", "npm", "minimist", events)]);
    let report = report(
        &db,
        vec![
            language(PackageKind::Npm, "minimist", "0.2.0"),
            language(PackageKind::Npm, "minimist", "1.2.0"),
        ],
    );
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].fix.versions, ["0.2.4", "1.2.6"]);
}

#[test]
fn the_starter_set_yields_to_a_feed_that_speaks_of_the_same() {
    let cve = r#""aliases":["CVE-2026-1"],"#;
    let starter = record("SEAWALL-1", cve, "npm", "x", r#"{"introduced":"0"}"#);
    let feed = record(
        "GHSA-1",
        cve,
        "npm",
        "x",
        r#"{"introduced":"0"},{"fixed":"1.0.0"}"#,
    );
    let package = || vec![language(PackageKind::Npm, "x", "1.0.0")];
    let alone = database(&[("starter", &[&starter])]);
    assert!(alone.status().starter_only);
    assert_eq!(report(&alone, package()).findings.len(), 1);
    let both = database(&[("feed", &[&feed]), ("starter", &[&starter])]);
    assert!(!both.status().starter_only);
    assert_eq!(report(&both, package()).findings.len(), 0);

    // Of one id both are kept, whichever is newer: a feed's record says
    // nothing of ecosystems it does not name.
    let range = r#"{"introduced":"0"}"#;
    let starter = record("CVE-2026-1", "", "npm", "x", range).replace("2026-01", "2026-09");
    let feed = record("CVE-2026-1", "", "PyPI", "x", range);
    let both = database(&[("feed", &[&feed]), ("starter", &[&starter])]);
    let packages = vec![
        language(PackageKind::Npm, "x", "1.0.0"),
        language(PackageKind::Pypi, "x", "1.0.0"),
    ];
    assert_eq!(report(&both, packages).findings.len(), 2);
}

#[test]
fn a_document_goes_before_the_ignore_file_and_both_give_their_reason() {
    let range = r#"{"introduced":"0"}"#;
    let db = feed(&[
        &record("GHSA-1", r#""aliases":["CVE-2026-1"],"#, "npm", "x", range),
        &record("GHSA-2", "", "npm", "x", range),
        &record("GHSA-3", "", "npm", "x", range),
        &record("GHSA-4", "", "npm", "x", range),
    ]);
    let statement = |name: &str, status: &str| {
        format!(
            r#"{{"vulnerability":{{"name":"{name}"}},"products":[{{"@id":"pkg:npm/x"}}],
            "status":"{status}","justification":"vulnerable_code_not_in_execute_path",
            "impact_statement":"never called"}}"#
        )
    };
    let document = format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","timestamp":"2026-01-01T00:00:00Z",
        "statements":[{},{}]}}"#,
        statement("GHSA-1", "not_affected"),
        statement("GHSA-4", "under_investigation")
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".seawallignore.yaml");
    let entries = "ignore:\n  - {id: CVE-2026-1, reason: ours}\n  \
                   - {id: GHSA-2, package: x, reason: accepted, expires: 2030-01-01}\n  \
                   - {id: GHSA-3, reason: too late, expires: 2026-01-01}\n";
    std::fs::write(&path, entries).unwrap();
    let judgements = Judgements {
        vex: vec![vex::parse("vendor.json", document.as_bytes()).unwrap()],
        ignore: Some(ignore::read(&path).unwrap()),
    };
    let report = judged(
        &db,
        vec![language(PackageKind::Npm, "x", "1.0.0")],
        &judgements,
    );
    let said: Vec<_> = report
        .suppressed
        .iter()
        .map(|finding| {
            let suppression = finding.suppression.as_ref().unwrap();
            let reason = suppression.justification.as_deref().unwrap();
            (
                finding.vulnerability.as_str(),
                suppression.status.as_str(),
                reason,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (
                "CVE-2026-1",
                "not_affected",
                "vulnerable_code_not_in_execute_path"
            ),
            ("GHSA-2", "ignored", "accepted"),
        ]
    );
    let left: Vec<_> = report
        .findings
        .iter()
        .map(|f| f.vulnerability.as_str())
        .collect();
    assert_eq!(left, ["GHSA-3", "GHSA-4"]);
    assert_eq!(
        report.findings[1].fix.state,
        AffectedState::UnderInvestigation
    );
    assert_eq!(report.sbom.warnings, []);
}

#[test]
fn a_whole_report_reads_as_ever() {
    let record = r#"{"id":"GHSA-jfh8-c2jp-5v3q","modified":"2022-03-25T20:56:18Z",
        "published":"2021-12-10T00:40:56Z","aliases":["CVE-2021-44228"],
        "summary":"Remote code injection in Log4j","details":"A *lookup* too far.",
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"}],
        "references":[{"type":"WEB","url":"https://logging.apache.org/security.html"}],
        "database_specific":{"cwe_ids":["CWE-502"],"severity":"CRITICAL"},
        "affected":[{"package":{"ecosystem":"Maven","name":"org.apache.logging.log4j:log4j-core"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.13.0"},{"fixed":"2.15.0"}]}]}]}"#;
    let name = "org.apache.logging.log4j:log4j-core";
    let db = feed(&[record]);
    let mut report = report(&db, vec![language(PackageKind::Maven, name, "2.14.1")]);
    report.database.generation = "changes with the layout".to_owned();
    insta::assert_json_snapshot!(report);
}

const JINJA: &str = r#"{"id":"GHSA-0000-0000-0001","modified":"2024-01-01T00:00:00Z",
 "affected":[{"package":{"ecosystem":"PyPI","name":"jinja2"},
 "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0"}]}]}]}"#;

const ZLIB: &str = r#"{"id":"DEBIAN-CVE-2022-37434","modified":"2024-01-01T00:00:00Z",
 "affected":[{"package":{"ecosystem":"Debian:12","name":"zlib"},
 "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:1.2.13"}]}]}]}"#;

#[test]
fn a_distribution_answers_for_what_it_owns_only_where_it_has_advisories() {
    let system = || {
        let mut python = language(PackageKind::Pypi, "jinja2", "2.11");
        python.owned_by = Some("python3-jinja2".to_owned());
        vec![deb("zlib1g", "zlib", "1:1.2.13"), python]
    };
    let heard = report(&feed(&[JINJA, ZLIB]), system());
    assert!(heard.findings.is_empty(), "{:?}", heard.findings);
    let unheard = report(&feed(&[JINJA]), system());
    assert_eq!(unheard.findings.len(), 1, "nobody else speaks for it");
}
