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

/// As many packages as a real image has, of the ecosystems the feeds
/// cover best: 277 of Debian, 99 of npm, 40 of PyPI, 8 jars.
fn image(db: &Database) -> Vec<Package> {
    let debian = [
        "openssl",
        "systemd",
        "curl",
        "glibc",
        "imagemagick",
        "php8.2",
        "python3.11",
        "perl",
        "libxml2",
        "krb5",
        "gnutls28",
        "openldap",
        "sqlite3",
        "tiff",
        "expat",
        "nghttp2",
    ];
    let npm = [
        "lodash",
        "minimist",
        "handlebars",
        "jquery",
        "marked",
        "ws",
        "express",
        "moment",
    ];
    let pypi = [
        "django",
        "pillow",
        "tensorflow",
        "urllib3",
        "requests",
        "jinja2",
        "flask",
    ];
    let maven = [
        "com.fasterxml.jackson.core:jackson-databind",
        "org.apache.logging.log4j:log4j-core",
    ];
    let of = |kind: PackageKind, names: &[&str], version: &str, count: usize| -> Vec<Package> {
        let names = names.iter().cycle().take(count).enumerate();
        names
            .map(|(number, name)| package(kind, name, version, number))
            .collect()
    };
    let packages = [
        of(PackageKind::Deb, &debian, "1.0-1", 277),
        of(PackageKind::Npm, &npm, "1.0.0", 99),
        of(PackageKind::Pypi, &pypi, "1.0.0", 40),
        of(PackageKind::Maven, &maven, "2.8.0", 8),
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
    let purl = format!("pkg:generic/{}@{version}", name.replace([':', '@'], "/"));
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
