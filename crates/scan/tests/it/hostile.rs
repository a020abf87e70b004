//! Whatever an image does, the rest of it is reported, and soon.

use std::path::Path;

use scan::{Limits, Options, Source};
use tar::EntryType;
use testkit::{Compression, Image, Layer, image, layer};

use crate::subject::{lines, scan_path, scan_with, try_scan, warnings};

const PACKAGE: &str = r#"{"name":"survivor","version":"1.0.0"}"#;
const PATH: &str = "node_modules/survivor/package.json";

/// Scans a sound layer with `hostile` above it.
fn scan_above_sound(hostile: Layer, options: &Options) -> model::Sbom {
    let folder = tempfile::tempdir().unwrap();
    Image::new()
        .layer("sound", image::debian())
        .layer("hostile", hostile)
        .write_layout(folder.path());
    let sbom = scan_with(&Source::Layout(folder.path().to_owned()), options);
    assert!(
        sbom.packages
            .iter()
            .any(|package| package.name == "openssl")
    );
    sbom
}

fn finds_survivor(sbom: &model::Sbom) -> bool {
    sbom.packages
        .iter()
        .any(|package| package.name == "survivor")
}

fn says(sbom: &model::Sbom, text: &str) -> bool {
    sbom.warnings
        .iter()
        .any(|warning| warning.message.contains(text))
}

#[test]
fn paths_that_lead_out_are_refused_and_strange_entries_passed_over() {
    let hostile = Layer::new()
        .file("../../etc/node_modules/evil/package.json", PACKAGE)
        .entry(
            EntryType::Regular,
            "/abs/node_modules/survivor/package.json",
            "",
            0o644,
            PACKAGE.as_bytes(),
        )
        .device("dev/null")
        .fifo("pipe/package.json")
        .symlink("loop", "loop")
        .symlink("node_modules/link/package.json", "/etc/passwd")
        .hard_link("node_modules/hard/package.json", "../../../etc/passwd")
        .entry(EntryType::new(b'Q'), "unknown", "", 0o644, b"content")
        .file(&format!("{}package.json", "deep/".repeat(300)), PACKAGE)
        .file(PATH, PACKAGE);
    let sbom = scan_above_sound(hostile, &Options::default());
    let survivors: Vec<_> = lines(&sbom)
        .into_iter()
        .filter(|line| line.starts_with("survivor"))
        .collect();
    assert_eq!(
        survivors,
        [
            "survivor 1.0.0 @1 abs/node_modules/survivor/package.json",
            "survivor 1.0.0 @1 node_modules/survivor/package.json",
        ]
    );
    assert!(says(&sbom, "leads out of the root"));
    assert!(says(&sbom, "deeper than 256 folders"));
}

#[test]
fn a_damaged_tar_keeps_what_came_before_the_damage() {
    let hostile = Layer::new()
        .file(PATH, PACKAGE)
        .raw(&[0x55; 512])
        .file("later", "x");
    let sbom = scan_above_sound(hostile, &Options::default());
    assert!(finds_survivor(&sbom));
    assert!(
        says(&sbom, "damaged tar header at byte 1024"),
        "{:?}",
        warnings(&sbom)
    );
    assert!(sbom.warnings.iter().all(|warning| warning.layer.is_some()));
}

#[test]
fn a_cut_layer_keeps_what_came_before_the_cut() {
    for packing in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let noise: Vec<u8> = (0..400_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let folder = tempfile::tempdir().unwrap();
        Image::new()
            .compression(packing)
            .layer("sound", image::debian())
            .layer("cut", Layer::new().file(PATH, PACKAGE).file("noise", noise))
            .write_layout(folder.path());
        let sbom = scan_path(folder.path());
        assert_eq!(warnings(&sbom), [""; 0]);
        let blob = folder
            .path()
            .join("blobs/sha256")
            .join(sbom.layers[1].digest.unwrap().hex());
        let bytes = std::fs::read(&blob).unwrap();
        std::fs::write(&blob, &bytes[..bytes.len() / 2]).unwrap();
        let sbom = scan_path(folder.path());
        assert!(finds_survivor(&sbom), "{packing:?}");
        assert!(
            says(&sbom, "only partly read"),
            "{packing:?} {:?}",
            warnings(&sbom)
        );
    }
}

#[test]
fn a_layer_that_is_not_what_its_digest_says_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        cache: Some(cache.path().to_owned()),
        ..Options::default()
    };
    Image::example().write_layout(folder.path());
    let blobs = Image::example().blobs();
    let place = model::Digest::of(&blobs.layers[1]).hex();
    let other = Compression::Gzip.pack(&Layer::new().file(PATH, PACKAGE).tar());
    std::fs::write(folder.path().join("blobs/sha256").join(place), other).unwrap();
    for _ in 0..2 {
        let sbom = scan_with(&Source::Layout(folder.path().to_owned()), &options);
        assert!(finds_survivor(&sbom));
        assert!(
            says(&sbom, "its content has the digest"),
            "and is never taken from the cache"
        );
    }
}

#[test]
fn bombs_stop_at_the_bound_they_exceed() {
    let options = Options {
        limits: Limits {
            layer_bytes: 50 << 20,
            ..Limits::default()
        },
        ..Options::default()
    };
    for packing in [Compression::Gzip, Compression::Zstd] {
        let folder = tempfile::tempdir().unwrap();
        Image::new()
            .compression(packing)
            .layer("sound", image::debian())
            .layer(
                "bomb",
                Layer::new()
                    .file(PATH, PACKAGE)
                    .file("zeros", vec![0; 80 << 20]),
            )
            .write_layout(folder.path());
        let sbom = scan_with(&Source::Layout(folder.path().to_owned()), &options);
        assert!(finds_survivor(&sbom));
        assert!(
            says(&sbom, "more than 52428800 bytes uncompressed"),
            "{packing:?}"
        );
    }
}

#[test]
fn a_million_entries_stop_at_the_bound() {
    let header = layer::header(EntryType::Regular, "f", "", 0o644, 0);
    let mut hostile = Layer::new().file(PATH, PACKAGE);
    hostile = hostile.raw(&header.as_bytes().repeat(1_000_000));
    let options = Options {
        limits: Limits {
            entries: 10_000,
            ..Limits::default()
        },
        ..Options::default()
    };
    let sbom = scan_above_sound(hostile, &options);
    assert!(finds_survivor(&sbom));
    assert!(says(&sbom, "more than 10000 entries"));
}

#[test]
fn a_wanted_file_that_is_too_large_is_named() {
    let huge = vec![b' '; 70 << 20];
    let hostile = Layer::new()
        .file("node_modules/huge/package.json", huge)
        .file(PATH, PACKAGE);
    let sbom = scan_above_sound(hostile, &Options::default());
    assert!(finds_survivor(&sbom));
    let warning = sbom
        .warnings
        .iter()
        .find(|warning| warning.message.contains("larger than"))
        .unwrap();
    assert_eq!(
        warning.path.as_deref(),
        Some("node_modules/huge/package.json")
    );
}

#[test]
fn archives_that_are_no_images_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.tar");
    let refuse = |content: &[u8], path: &Path| {
        std::fs::write(path, content).unwrap();
        let error = try_scan(&Source::Archive(path.to_owned()), &Options::default()).unwrap_err();
        model::error::chain(&error)
    };
    let cases: [(&[u8], &str); 5] = [
        (b"not a tar at all", "file.tar"),
        (
            &Layer::new().file("readme", "hello").tar(),
            "neither an index.json nor a manifest.json",
        ),
        (
            &Layer::new().file("manifest.json", "[[[").tar(),
            "manifest.json",
        ),
        (
            &Layer::new().file("manifest.json", "[]").tar(),
            "find an image",
        ),
        (
            &Layer::new().file("index.json", "[".repeat(100_000)).tar(),
            "index.json",
        ),
    ];
    for (content, expected) in cases {
        let error = refuse(content, &path);
        assert!(error.contains(expected), "{error}");
        let error = refuse(&Compression::Gzip.pack(content), &path);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_member_missing_from_an_archive_costs_only_its_layer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    let bytes = Image::example().docker_archive();
    // Renames the last layer's file in its header, checksum included.
    let tar = Layer::new().raw(&bytes).unfinished().tar();
    let missing = {
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut kept = Layer::new();
        let mut layers = 0;
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            std::io::copy(&mut entry, &mut content).unwrap();
            if name.ends_with("layer.tar") {
                layers += 1;
            }
            if layers != 2 || !name.ends_with("layer.tar") {
                kept = kept.file(&name, content);
            }
        }
        kept.tar()
    };
    std::fs::write(&path, missing).unwrap();
    let sbom = scan_path(&path);
    assert_eq!(sbom.packages.len(), 2);
    assert!(says(&sbom, "the archive has no"), "{:?}", warnings(&sbom));
}
