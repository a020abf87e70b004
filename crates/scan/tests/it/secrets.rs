//! Secrets in images and folders, from layers to the bill of materials.

use std::{fs, path::Path};

use model::{FoundSecret, NotableSort, Sbom, SecretPlace, Severity};
use scan::{Options, Source};
use testkit::{Image, Layer};

use crate::subject::scan_with;

/// A token with its checksum, made here: no file of ours may look as if
/// it held one.
fn token(seed: u8) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body: Vec<u8> = (0..30_u8)
        .map(|at| LETTERS[usize::from(at.wrapping_mul(37).wrapping_add(seed) % 62)])
        .collect();
    let mut sum = u32::MAX;
    for byte in &body {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    let mut sum = !sum;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = LETTERS[sum as usize % 62];
        sum /= 62;
    }
    let text = [b"ghp", &b"_"[..], &body, &digits].concat();
    String::from_utf8(text).unwrap()
}

fn lines(sbom: &Sbom) -> Vec<String> {
    let line = |secret: &FoundSecret| {
        format!(
            "{} {} {} @{:?} -{:?}",
            secret.rule, secret.severity, secret.path, secret.layer, secret.removed_in
        )
    };
    sbom.secrets.iter().flatten().map(line).collect()
}

fn image() -> Image {
    let env = format!("TOKEN={}\n", token(1));
    let mut image = Image::new();
    image.variables = vec![format!("DEPLOY={}", token(2)), "PATH=/bin".to_owned()];
    image
        .layer(
            "COPY .env /app/.env",
            Layer::new()
                .file("app/.env", &env)
                .file("srv/keep.env", &env),
        )
        .layer("RUN rm /app/.env", Layer::new().whiteout("app/.env"))
        .empty_layer(&format!("ENV DEPLOY={}", token(2)))
}

/// Every byte that is kept anywhere below a folder.
fn kept(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            bytes.extend(kept(&entry.path()));
        } else {
            bytes.extend(fs::read(entry.path()).unwrap());
        }
    }
    bytes
}

fn holds(bytes: &[u8], value: &str) -> bool {
    // Twelve letters from its middle are enough to be it.
    let middle = &value.as_bytes()[12..24];
    bytes.windows(middle.len()).any(|window| window == middle)
}

#[test]
fn a_deleted_secret_is_told_with_the_layer_it_is_still_in() {
    let folder = tempfile::tempdir().unwrap();
    image().write_layout(folder.path());
    let source = Source::Layout(folder.path().to_owned());
    let sbom = scan_with(&source, &Options::default());
    assert_eq!(
        lines(&sbom),
        [
            "github-personal-token critical app/.env @Some(0) -Some(1)",
            "github-personal-token critical srv/keep.env @Some(0) -None",
            "github-personal-token critical ENV DEPLOY @None -None",
        ]
    );
    let places: Vec<SecretPlace> = sbom.secrets.iter().flatten().map(|one| one.place).collect();
    assert_eq!(places.last(), Some(&SecretPlace::Environment));
}

#[test]
fn no_value_is_kept_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, cache) = (folder.path().join("image"), folder.path().join("cache"));
    fs::create_dir(&layout).unwrap();
    image().write_layout(&layout);
    let options = Options {
        cache: Some(cache.clone()),
        ..Options::default()
    };
    let source = Source::Layout(layout);
    let sbom = scan_with(&source, &options);
    let again = scan_with(&source, &options);
    assert_eq!(again, sbom, "what is known says the same");
    let document = serde_json::to_vec(&sbom).unwrap();
    let bytes = kept(&cache);
    assert!(!bytes.is_empty(), "layers were kept");
    for seed in [1, 2] {
        let value = token(seed);
        assert!(!holds(&document, &value), "the bill of materials has it");
        assert!(!holds(&bytes, &value), "the cache has it");
    }
}

#[test]
fn nobody_who_was_not_asked_looks() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, cache) = (folder.path().join("image"), folder.path().join("cache"));
    fs::create_dir(&layout).unwrap();
    image().write_layout(&layout);
    let source = Source::Layout(layout);
    let with = Options {
        cache: Some(cache),
        ..Options::default()
    };
    let without = Options {
        secrets: false,
        ..with.clone()
    };
    assert_eq!(scan_with(&source, &without).secrets, None);
    assert_eq!(lines(&scan_with(&source, &with)).len(), 3);
    assert_eq!(
        scan_with(&source, &without).secrets,
        None,
        "though it is known"
    );
}

#[test]
fn a_folder_is_read_as_an_image_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("app/tests")).unwrap();
    fs::write(folder.path().join("app/.env"), format!("T={}\n", token(3))).unwrap();
    let example = folder.path().join("app/tests/.env");
    fs::write(example, format!("T={}\n", token(4))).unwrap();
    let sbom = scan_with(
        &Source::Rootfs(folder.path().to_owned()),
        &Options::default(),
    );
    assert_eq!(
        lines(&sbom),
        [
            "github-personal-token low app/tests/.env @None -None",
            "github-personal-token critical app/.env @None -None",
        ]
    );
    assert!(sbom.secrets.iter().flatten().all(|one| one.line == Some(1)));
}

#[test]
fn files_are_told_by_how_they_are() {
    let folder = tempfile::tempdir().unwrap();
    Image::new()
        .layer(
            "COPY . /",
            Layer::new()
                .file("var/lib/apt/lists/x_Packages", vec![b'x'; 2 << 20])
                .executable("usr/bin/plain", "x")
                .with_mode("opt/root", 0o4755, "x")
                .with_mode("usr/local/bin/open", 0o777, "x"),
        )
        .write_layout(folder.path());
    let sbom = scan_with(
        &Source::Layout(folder.path().to_owned()),
        &Options::default(),
    );
    let notable = sbom.notable.unwrap();
    let lines: Vec<(NotableSort, &str, u64)> = notable
        .iter()
        .map(|file| (file.sort, file.path.as_str(), file.bytes))
        .collect();
    assert_eq!(
        lines,
        [
            (NotableSort::SetId, "opt/root", 0),
            (NotableSort::WorldWritable, "usr/local/bin/open", 0),
            (NotableSort::PackageCache, "var/lib/apt/lists", 2 << 20),
        ]
    );
}

#[test]
fn severities_are_those_of_the_kinds() {
    let kinds = scan::secret_kinds();
    assert!(kinds.len() >= 45);
    assert!(kinds.iter().any(|kind| kind.severity == Severity::Critical));
    let rules = scan::secret_rules();
    assert_eq!(rules.len(), kinds.len());
}
