//! Every format over one rich report, as whole outputs.

use super::*;
use crate::fixture::{clean, options, report};

fn written(format: Format, report: &Report, options: &WriteOptions) -> Vec<u8> {
    let mut out = Vec::new();
    write(format, report, options, &mut out).unwrap();
    out
}

fn text(format: Format, report: &Report, options: &WriteOptions) -> String {
    String::from_utf8(written(format, report, options)).unwrap()
}

#[test]
fn a_terminal_gets_columns_and_advice() {
    let options = WriteOptions {
        width: Some(120),
        ..options()
    };
    insta::assert_snapshot!(text(Format::Table, &report(), &options));
}

#[test]
fn a_narrow_terminal_keeps_what_identifies_a_finding() {
    let options = WriteOptions {
        width: Some(80),
        ..options()
    };
    let table = text(Format::Table, &report(), &options);
    insta::assert_snapshot!(table);
    let rows = table
        .lines()
        .filter(|line| line.contains("CVE-") && !line.contains("Upgrade"));
    for row in rows {
        assert!(columns(row) <= 80, "{row}");
    }
}

#[test]
fn wide_tables_list_everything_with_suppressed_findings_and_packages() {
    let options = WriteOptions {
        width: Some(80),
        show_suppressed: true,
        list_packages: true,
        ..options()
    };
    insta::assert_snapshot!(text(Format::Wide, &report(), &options));
}

#[test]
fn a_pipe_gets_tab_separated_lines_without_colour_or_advice() {
    let options = WriteOptions {
        show_suppressed: true,
        list_packages: true,
        ..options()
    };
    let lines = text(Format::Table, &report(), &options);
    insta::assert_snapshot!(lines);
    let (findings, packages) = lines.split_once("\n\n").unwrap();
    for block in [findings, packages] {
        let mut widths = block.lines().map(|line| line.matches('\t').count());
        let width = widths.next().unwrap();
        assert!(widths.all(|other| other == width));
    }
}

#[test]
fn colour_and_links_add_nothing_but_themselves() {
    let plain = WriteOptions {
        width: Some(120),
        ..options()
    };
    let dressed = WriteOptions {
        color: true,
        hyperlinks: true,
        ..plain
    };
    let dressed = text(Format::Table, &report(), &dressed);
    assert!(dressed.contains("\u{1b}[1m\u{1b}[91mcritical\u{1b}[0m"));
    assert!(dressed.contains("\u{1b}]8;;https://nvd.nist.gov/vuln/detail/CVE-2021-44228\u{1b}\\"));
    assert_eq!(undressed(&dressed), text(Format::Table, &report(), &plain));
}

/// `text` without SGR sequences and OSC 8 links.
fn undressed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        let end = if after.starts_with('[') {
            "m"
        } else {
            "\u{1b}\\"
        };
        rest = after.split_once(end).unwrap().1;
    }
    out + rest
}

#[test]
fn no_finding_is_one_line_and_its_caveats() {
    let options = WriteOptions {
        width: Some(100),
        ..options()
    };
    let mut spotless = clean();
    spotless.sbom.warnings.clear();
    spotless
        .sbom
        .packages
        .retain(|package| package.kind == model::PackageKind::Deb);
    insta::assert_snapshot!(text(Format::Table, &spotless, &options), @"registry.example/shop/web:1.4: no known vulnerabilities in 4 packages (55,577 advisories, newest 2 days old)");
    insta::assert_snapshot!(text(Format::Table, &clean(), &options), @r"
    registry.example/shop/web:1.4: no known vulnerabilities in 12 packages (55,577 advisories, newest 2 days old)
    Owned by system packages and checked as those: 1 language package
    Not checked: 1 package the database knows no advisories for: RubyGems (1)
    Not read: 2 places; what they hold is missing from this result
      app/broken.jar: not a zip archive: end of central directory is missing (layer a172cedcae47)
      app/model.bin: larger than 512 MiB, passed over
    ");
}

#[test]
fn results_of_the_starter_set_say_that_they_are_incomplete() {
    let mut report = clean();
    report.database.starter_only = true;
    report.database.advisories = 150;
    let options = WriteOptions {
        width: Some(100),
        ..options()
    };
    let said = text(Format::Table, &report, &options);
    assert!(said.contains("These results are incomplete"), "{said}");
    assert!(said.contains("seawall db import"), "{said}");
}

#[test]
fn an_old_database_is_called_old() {
    let options = WriteOptions {
        width: Some(100),
        now: "2024-03-12T09:00:00Z".parse().unwrap(),
        ..options()
    };
    let said = text(Format::Table, &clean(), &options);
    assert!(said.contains("newest 31 days old"), "{said}");
    assert!(said.contains("database is old"), "{said}");
}

#[test]
fn advice_to_rebuild_comes_where_the_lowest_layers_hold_most() {
    let mut report = report();
    report
        .findings
        .retain(|finding| finding.package.kind.is_distribution());
    let summary = Summary::of(&report, options().compare_versions);
    let base = summary.base.unwrap();
    assert_eq!(
        (base.layers, base.findings, base.fixable, base.of),
        (1, 6, 4, 6)
    );
    assert_eq!(base.image.as_deref(), Some("debian:12"));
    report.sbom.layers.truncate(1);
    assert_eq!(Summary::of(&report, options().compare_versions).base, None);
}

#[test]
fn the_summary_stands_alone_beside_a_pipe() {
    let mut out = Vec::new();
    write_summary(&report(), &options(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("13 findings: 4 critical"), "{text}");
    assert!(text.contains("What to do first"), "{text}");
}

#[test]
fn json_is_the_report_itself() {
    let report = report();
    let json = written(Format::Json, &report, &options());
    assert_eq!(serde_json::from_slice::<Report>(&json).unwrap(), report);
    insta::assert_binary_snapshot!("report.json", json);
}

#[test]
fn sarif_names_rule_place_layer_and_fingerprint() {
    insta::assert_binary_snapshot!(
        "results.sarif",
        written(Format::Sarif, &report(), &options())
    );
}

#[test]
fn cyclonedx_holds_components_vulnerabilities_and_opinions() {
    let document = written(Format::Cyclonedx, &report(), &options());
    insta::assert_binary_snapshot!("components.cdx.json", document);
}

#[test]
fn spdx_holds_packages_and_annotations() {
    let document = written(Format::Spdx, &report(), &options());
    insta::assert_binary_snapshot!("packages.spdx.json", document);
}

#[test]
fn csv_has_one_line_for_each_finding() {
    let options = WriteOptions {
        show_suppressed: true,
        ..options()
    };
    insta::assert_binary_snapshot!("findings.csv", written(Format::Csv, &report(), &options));
}

/// What the golden files hold is what other programs accept: they are
/// compared above, and shown to those programs here.
#[test]
fn other_peoples_validators_accept_the_golden_documents() {
    let golden = |name: &str| {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/snapshots")
            .join(format!("report__tests__{name}"))
    };
    testkit::validator::cyclonedx(&golden("components.snap.cdx.json")).unwrap();
    testkit::validator::spdx(&golden("packages.snap.spdx.json")).unwrap();
    testkit::validator::sarif(&golden("results.snap.sarif")).unwrap();
}

#[test]
fn no_format_for_people_lets_a_control_character_through() {
    for format in [Format::Table, Format::Wide] {
        for width in [None, Some(60), Some(200)] {
            let options = WriteOptions {
                width,
                show_suppressed: true,
                list_packages: true,
                ..options()
            };
            let text = text(format, &report(), &options);
            let live = text
                .chars()
                .find(|&letter| letter.is_control() && !matches!(letter, '\n' | '\t'));
            assert_eq!(live, None);
            assert!(!text.contains('\u{202e}'));
        }
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    for format in Format::ALL {
        let first = written(format, &report(), &options());
        assert_eq!(first, written(format, &report(), &options()), "{format}");
    }
}

#[test]
fn several_targets_share_a_sarif_document_but_never_a_bill_of_materials() {
    let reports = [report(), clean()];
    let mut out = Vec::new();
    write_all(Format::Sarif, &reports, &options(), &mut out).unwrap();
    let sarif: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(sarif["runs"].as_array().unwrap().len(), 2);
    let refusal = write_all(Format::Spdx, &reports, &options(), &mut out).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "spdx describes one target and cannot hold 2"
    );
}
