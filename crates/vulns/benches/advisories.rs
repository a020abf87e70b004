//! Compiling the shared feeds, opening the result, matching an image.
//!
//! `cargo bench -p vulns`; the feeds are those of `SEAWALL_TESTDATA`.
//! Without them there is nothing to measure, and it says so.

#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use model::{Cancel, Package, PackageKind, SourcePackage, SystemClock};
use vulns::{Database, assess::rematch, feed};

fn feeds() -> Option<Vec<PathBuf>> {
    let root = std::env::var_os("SEAWALL_TESTDATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let paths = ["osv", "osv-derived"].map(|name| root.join(name));
    paths.iter().all(|path| path.exists()).then(|| paths.into())
}

fn import(dir: &Path, paths: &[PathBuf]) -> Database {
    let cancel = Cancel::default();
    feed::import(dir, paths, &[], &SystemClock, &feed::Silent, &cancel)
        .expect("the feeds can be imported");
    Database::open(dir).expect("what was just compiled opens")
}

/// As many packages as a real image has, most of them without any
/// advisory and the rest as old as Debian 12's first release.
fn image(db: &Database) -> Vec<Package> {
    let debian = [
        ("openssl", "3.0.9-1"),
        ("systemd", "252.6-1"),
        ("curl", "7.88.1-10"),
        ("glibc", "2.36-9"),
        ("imagemagick", "8:6.9.11.60+dfsg-1.6"),
        ("php8.2", "8.2.7-1~deb12u1"),
        ("python3.11", "3.11.2-6"),
        ("perl", "5.36.0-7"),
        ("libxml2", "2.9.14+dfsg-1.2"),
        ("krb5", "1.20.1-2"),
        ("gnutls28", "3.7.9-2"),
        ("tiff", "4.5.0-6"),
        ("expat", "2.5.0-1"),
        ("nghttp2", "1.52.0-1"),
    ];
    let npm = [
        ("lodash", "4.17.15"),
        ("minimist", "1.2.0"),
        ("handlebars", "4.5.3"),
        ("jquery", "3.4.1"),
        ("marked", "0.7.0"),
        ("ws", "7.2.0"),
    ];
    let pypi = [
        ("django", "3.2.0"),
        ("pillow", "9.0.0"),
        ("urllib3", "1.26.4"),
        ("requests", "2.25.0"),
        ("jinja2", "2.11.2"),
    ];
    let maven = [
        ("com.fasterxml.jackson.core:jackson-databind", "2.9.10"),
        ("org.apache.logging.log4j:log4j-core", "2.14.1"),
    ];
    let of = |kind: PackageKind, known: &[(&str, &str)], count: usize| -> Vec<Package> {
        let known = known.iter().map(|(name, version)| (*name, *version));
        let known = known.chain(std::iter::repeat(("quiet", "1.0.0")));
        let packages = known.take(count).enumerate();
        packages
            .map(|(number, (name, version))| package(kind, name, version, number))
            .collect()
    };
    let packages = [
        of(PackageKind::Deb, &debian, 277),
        of(PackageKind::Npm, &npm, 99),
        of(PackageKind::Pypi, &pypi, 40),
        of(PackageKind::Maven, &maven, 8),
    ]
    .concat();
    println!(
        "an image of {} packages with {} hits",
        packages.len(),
        rematch(db, &packages).len()
    );
    packages
}

fn package(kind: PackageKind, name: &str, version: &str, number: usize) -> Package {
    let is_debian = kind == PackageKind::Deb;
    let purl = format!("pkg:generic/{}", name.replace([':', '@'], "/"));
    Package {
        kind,
        name: if is_debian {
            format!("{name}-{number}")
        } else {
            name.to_owned()
        },
        version: version.to_owned(),
        ecosystem: is_debian.then(|| "Debian:12".parse().expect("an ecosystem")),
        source: is_debian.then(|| SourcePackage {
            name: name.to_owned(),
            version: version.to_owned(),
        }),
        architecture: None,
        licenses: vec![],
        purl: purl.parse().expect("a package URL"),
        path: format!("place/{number}"),
        layer: None,
        owned_by: None,
    }
}

fn advisories(criterion: &mut Criterion) {
    let Some(paths) = feeds() else {
        println!("skipped: there are no shared feeds");
        return;
    };
    let dir = tempfile::tempdir().expect("a folder for the database");
    let db = import(dir.path(), &paths);
    let mut group = criterion.benchmark_group("advisories");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(20))
        .bench_function("compile", |bench| {
            bench.iter(|| import(dir.path(), &paths));
        });
    group.bench_function("open", |bench| {
        bench.iter(|| Database::open(black_box(dir.path())));
    });
    let packages = image(&db);
    group.bench_function("match one image", |bench| {
        bench.iter(|| rematch(&db, black_box(&packages)));
    });
    group.finish();
}

criterion_group!(benches, advisories);
criterion_main!(benches);
