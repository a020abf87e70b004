//! The three formats against the same five packages, which `rpmbuild`
//! made; their sqlite database is rpm's own with only the tables that
//! matter, the Berkeley one was loaded by `db5.3_load`.

use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::extract::path_key;

const SQLITE: (&str, &[u8]) = (
    "var/lib/rpm/rpmdb.sqlite",
    include_bytes!("testdata/rpmdb.sqlite.gz"),
);
const NDB: (&str, &[u8]) = (
    "usr/lib/sysimage/rpm/Packages.db",
    include_bytes!("testdata/Packages.db.gz"),
);
const BERKELEY: (&str, &[u8]) = (
    "var/lib/rpm/Packages",
    include_bytes!("testdata/Packages.gz"),
);

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut out)
        .unwrap();
    out
}

fn extract(path: &str, bytes: &[u8]) -> Extraction {
    let mut out = Extraction::default();
    Rpm.extract(&mut Input::memory(path, bytes), &mut out);
    out
}

fn lines(out: &Extraction) -> Vec<String> {
    out.packages
        .iter()
        .map(|found| {
            let source = found.source.as_ref();
            format!(
                "{} {} {} from {}",
                found.name,
                found.version,
                found.architecture.as_deref().unwrap_or("-"),
                source.map_or_else(
                    || "-".to_owned(),
                    |source| format!("{} {}", source.name, source.version)
                )
            )
        })
        .collect()
}

const PACKAGES: [&str; 4] = [
    "example-agent 7.50.0-1 x86_64 from example-agent 7.50.0-1",
    "harbour-server 2:1.4.0-3.module_el8+12 x86_64 \
     from harbour-server 2:1.4.0-3.module_el8+12",
    "harbour-server-libs 2:1.4.0-3.module_el8+12 x86_64 \
     from harbour-server 2:1.4.0-3.module_el8+12",
    "python3-harbour 0.9-3.module_el8+12 noarch from harbour-server 2:1.4.0-3.module_el8+12",
];

#[test]
fn every_format_holds_the_same_packages() {
    for (path, bytes) in [SQLITE, NDB, BERKELEY] {
        let out = extract(path, &inflate(bytes));
        assert_eq!(lines(&out), PACKAGES, "{path}");
        assert!(out.warnings.is_empty(), "{:?}", out.warnings);
        let server = &out.packages[1];
        assert_eq!(server.licenses, ["Apache-2.0 AND MIT"]);
        assert_eq!(
            server.qualifiers,
            [(
                "modularitylabel".to_owned(),
                "harbour:1.4:8060020230101:abcdef01".to_owned()
            )]
        );
    }
}

#[test]
fn files_are_owned_by_the_distributions_packages_alone() {
    let out = extract(SQLITE.0, &inflate(SQLITE.1));
    let owner = |path: &str| {
        let key = path_key(path);
        out.owned
            .iter()
            .find(|owned| owned.files.binary_search(&key).is_ok())
            .map(|owned| owned.package.as_str())
    };
    assert_eq!(owner("usr/bin/harbour"), Some("harbour-server"));
    assert_eq!(
        owner("usr/lib/python3.9/site-packages/harbour-0.9.dist-info/METADATA"),
        Some("python3-harbour")
    );
    assert_eq!(owner("opt/example/bin/agent"), None);
}

#[test]
fn only_databases_are_wanted() {
    let wants = |path: &str, size| {
        Rpm.wants(&FileMeta {
            path,
            size,
            mode: 0o644,
        })
        .is_some()
    };
    for folder in FOLDERS {
        for name in ["rpmdb.sqlite", "Packages.db", "Packages"] {
            assert!(wants(&format!("{folder}{name}"), 1));
        }
    }
    assert!(wants(MANIFEST, 1));
    assert!(wants("var/lib/rpm/rpmdb.sqlite-wal", 1));
    assert!(!wants("var/lib/rpm/rpmdb.sqlite-wal", 0));
    assert!(!wants("var/lib/rpm/rpmdb.sqlite-shm", 1));
    assert!(!wants("srv/var/lib/rpm/Packages", 1));
}

#[test]
fn a_journal_in_use_is_a_gap() {
    let out = extract("var/lib/rpm/rpmdb.sqlite-wal", b"journal");
    assert_eq!(out.warnings.len(), 1);
}

#[test]
fn a_distroless_manifest_needs_no_database() {
    let out = extract(
        MANIFEST,
        b"mariner-release\t2.0-12.cm2\t1653816591\t1653628955\tMicrosoft Corporation\t(none)\t580\tnoarch\t0\tmariner-release-2.0-12.cm2.src.rpm\n\
          openssl-libs\t1.1.1k-15.cm2\t1653816591\t1653628955\tMicrosoft Corporation\t1\t580\tx86_64\t1\topenssl-1.1.1k-15.cm2.src.rpm\n\
          torn li\n",
    );
    assert_eq!(
        lines(&out),
        [
            "mariner-release 2.0-12.cm2 noarch from mariner-release 2.0-12.cm2",
            "openssl-libs 1:1.1.1k-15.cm2 x86_64 from openssl 1:1.1.1k-15.cm2",
        ]
    );
    assert_eq!(out.warnings, ["1 damaged lines were skipped"]);
}

#[test]
fn one_format_is_not_taken_for_another() {
    for (path, other) in [
        (SQLITE.0, NDB.1),
        (NDB.0, BERKELEY.1),
        (BERKELEY.0, SQLITE.1),
    ] {
        let out = extract(path, &inflate(other));
        assert!(out.packages.is_empty());
        assert_eq!(out.warnings.len(), 1, "{path}: {:?}", out.warnings);
    }
}

#[test]
fn a_cut_database_keeps_what_came_before_and_says_so() {
    for (path, bytes) in [SQLITE, NDB, BERKELEY] {
        let whole = inflate(bytes);
        for tenth in 0..10 {
            let out = extract(path, &whole[..whole.len() * tenth / 10]);
            let complete = out.packages.len() == PACKAGES.len();
            assert!(complete || !out.warnings.is_empty(), "{path} {tenth}");
        }
    }
}

#[test]
fn slots_that_share_a_blob_are_read_once() {
    let mut bytes = inflate(NDB.1);
    let slot = bytes[32..48].to_vec();
    for other in bytes[48..4096].chunks_exact_mut(16) {
        other.copy_from_slice(&slot);
    }
    let out = extract(NDB.0, &bytes);
    assert!(out.packages.len() < 40);
    assert_eq!(out.warnings, ["the database is damaged: records overlap"]);
}

#[test]
fn real_databases_hold_what_rpm_lists() {
    let Some(folder) = testkit::data("conformance/rpmdb-fixtures.tar.xz") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let unpacked = std::process::Command::new("tar")
        .arg("-xJf")
        .arg(&folder)
        .arg("-C")
        .arg(scratch.path())
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        return testkit::skipped("tar cannot unpack the rpm databases");
    }
    let cases = [
        (
            SQLITE.0,
            "cbl-mariner-2.0/rpmdb.sqlite",
            129,
            "bash 5.1.8-1.cm2",
        ),
        (NDB.0, "sle15-bci/Packages.db", 35, "bash 4.4-19.6.1"),
        (BERKELEY.0, "libuuid/Packages", 1, "libuuid 2.32.1-42.el8_8"),
    ];
    for (path, file, count, one) in cases {
        let bytes = std::fs::read(scratch.path().join("pkg/testdata").join(file)).unwrap();
        let out = extract(path, &bytes);
        assert_eq!(out.packages.len(), count, "{file}");
        assert!(out.warnings.is_empty(), "{file}: {:?}", out.warnings);
        assert!(
            lines(&out).iter().any(|line| line.starts_with(one)),
            "{file}: {:?}",
            lines(&out)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_databases_are_survived(
        (path, bytes) in prop::sample::select(vec![SQLITE, NDB, BERKELEY]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        early in any::<bool>(),
    ) {
        let mut bytes = inflate(bytes);
        let end = if early { 4096 } else { bytes.len() };
        for (index, value) in damage {
            bytes[index.index(end)] = value;
        }
        let out = extract(path, &bytes);
        prop_assert!(out.packages.len() <= bytes.len());
    }

    #[test]
    fn any_bytes_at_all_are_survived(
        (path, magic) in prop::sample::select(vec![
            (SQLITE.0, &b"SQLite format 3\0"[..]), (NDB.0, b"RpmP\0\0\0\0"), (MANIFEST, b""),
        ]),
        rest: Vec<u8>,
    ) {
        extract(path, &[magic, &rest].concat());
    }
}
