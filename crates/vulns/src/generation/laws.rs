//! Laws of the compiled form, tried on many made-up feeds.

use model::{Ecosystem, Package, PackageKind};
use proptest::prelude::*;

use super::{Generation, read};
use crate::{
    Database, feed,
    mapped::Bytes,
    matcher,
    version::range::{self, Event},
};

const SMALL: &[&str] = &[
    r#"{"id":"GHSA-1","aliases":["CVE-1-1"],"summary":"one","details":"some text","affected":[
        {"package":{"ecosystem":"npm","name":"a"},"versions":["9.0.0"],"ranges":[{"type":"SEMVER",
        "events":[{"introduced":"1.0.0"},{"fixed":"2.0.0"}]}]}]}"#,
    r#"{"id":"DSA-1","upstream":["CVE-1-1","CVE-1-2"],"affected":[{"package":{"ecosystem":
        "Debian:12","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}],
        "ecosystem_specific":{"urgency":"low"}}]}"#,
];

fn compile(records: &[&str]) -> Vec<u8> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    feed::compile_records(&[("feed", records)], now).unwrap()
}

fn package(kind: PackageKind, ecosystem: &str, version: &str) -> Package {
    Package {
        kind,
        name: "a".to_owned(),
        version: version.to_owned(),
        ecosystem: ecosystem.parse::<Ecosystem>().ok(),
        source: None,
        architecture: None,
        licenses: vec![],
        purl: "pkg:generic/a".parse().unwrap(),
        path: String::new(),
        layer: None,
        owned_by: None,
    }
}

/// Everything there is to ask of a generation.
fn ask_everything(bytes: Vec<u8>) {
    let Ok(generation) = Generation::from_bytes(Bytes::Owned(bytes)) else {
        return;
    };
    let packages = [
        package(PackageKind::Npm, "npm", "1.5.0"),
        package(PackageKind::Npm, "npm", "9.0.0"),
        package(PackageKind::Deb, "Debian:12", "1.0"),
    ];
    matcher::find(&generation, &packages);
    for index in 0..8 {
        if let Some(record) = generation.record(index)
            && let Some(block) = generation.block(record.block)
        {
            read::prose(&block, &record);
        }
    }
    let db = Database::of(generation);
    let ids: Vec<_> = db
        .entries()
        .take(100)
        .map(|entry| entry.id.to_owned())
        .collect();
    for id in ids {
        db.vulnerability(&model::VulnerabilityId::new(id));
    }
    db.canonical_id("CVE-1-1");
}

/// With the header's checksum made right again, so that what lies
/// behind it is reached.
fn reseal(bytes: &mut [u8]) {
    use super::layout::CHECKSUM_AT;
    if let Some((head, rest)) = bytes.split_at_mut_checked(CHECKSUM_AT)
        && let Some(checksum) = rest.first_chunk_mut::<8>()
    {
        *checksum = xxhash_rust::xxh3::xxh3_64(head).to_le_bytes();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_damaged_file_gives_wrong_answers_at_worst(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        is_resealed: bool,
    ) {
        let mut bytes = compile(SMALL);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= value;
        }
        if is_resealed {
            reseal(&mut bytes);
        }
        ask_everything(bytes);
    }

    #[test]
    fn the_same_records_compile_to_the_same_bytes(order in Just(vec![0, 1, 0]).prop_shuffle()) {
        let records: Vec<&str> = order.iter().map(|&index: &usize| SMALL[index]).collect();
        prop_assert_eq!(compile(&records), compile(&records));
        // A record taken in again changes nothing.
        let twice = [SMALL, SMALL].concat();
        prop_assert_eq!(compile(SMALL), compile(&twice));
    }

    #[test]
    fn rules_say_what_the_schemas_own_evaluation_says(
        points in prop::collection::vec((0_u8..3, 0_u64..6, 0_u64..4), 0..6),
        listed in prop::collection::vec((0_u64..6, 0_u64..4), 0..3),
        (major, minor) in (0_u64..6, 0_u64..4),
    ) {
        // As published: sorted, each stretch closed once.
        let mut points = points;
        points.sort_by_key(|(_, major, minor)| (*major, *minor));
        points.dedup_by_key(|(_, major, minor)| (*major, *minor));
        let texts: Vec<(bool, u8, String)> = points
            .iter()
            .enumerate()
            .map(|(index, (kind, major, minor))| (index % 2 == 0, *kind, format!("{major}.{minor}.0")))
            .collect();
        let listed: Vec<String> =
            listed.iter().map(|(major, minor)| format!("{major}.{minor}.0")).collect();
        let events: Vec<String> = texts
            .iter()
            .map(|(opens, kind, text)| {
                let kind = match (opens, kind) {
                    (true, _) => "introduced",
                    (false, 0) => "last_affected",
                    (false, _) => "fixed",
                };
                format!(r#"{{"{kind}":"{text}"}}"#)
            })
            .collect();
        let record = format!(
            r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"npm","name":"a"}},
            "versions":{listed:?},"ranges":[{{"type":"SEMVER","events":[{}]}}]}}]}}"#,
            events.join(",")
        );
        let generation = Generation::from_bytes(Bytes::Owned(compile(&[&record]))).unwrap();
        let version = format!("{major}.{minor}.0");
        let packages = [package(PackageKind::Npm, "npm", &version)];
        let is_hit = !matcher::find(&generation, &packages).0.is_empty();
        let events = texts.iter().map(|(opens, kind, text)| match (opens, kind) {
            (true, _) => Event::Introduced(text),
            (false, 0) => Event::LastAffected(text),
            (false, _) => Event::Fixed(text),
        });
        let scheme = model::VersionScheme::Semver;
        let listed = listed.iter().map(String::as_str);
        let expected = range::affected(scheme, events, listed, &version);
        prop_assert_eq!(Some(is_hit), expected);
    }
}

#[test]
fn every_beginning_of_a_file_is_refused() {
    let bytes = compile(SMALL);
    for length in 0..bytes.len() {
        let part = Bytes::Owned(bytes[..length].to_vec());
        assert!(Generation::from_bytes(part).is_err(), "{length} bytes");
    }
}

#[test]
fn a_file_of_another_layout_is_named_as_such() {
    let mut bytes = compile(SMALL);
    bytes[8] += 1;
    let error = Generation::from_bytes(Bytes::Owned(bytes)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it has layout version 2, and this program reads version 1"
    );
}
