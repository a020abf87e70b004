//! Which packages of an image are used, told by a real sensor beside a
//! real Docker Engine to a real server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{
    Image, Layer,
    node::{Node, Sensor},
    service::is_root,
    skipped,
};

use crate::{attacks::program, program::Seawall, server::Server};

const NODE: &str = "node-in-use";
const TAG: &str = "example.org/shop/used:1";
/// Seconds for the sensor to start, look, and tell.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a program of this machine is linked with.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let Ok(output) = Command::new("ldd").arg(program).output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

/// A Debian with `sleep` of one package, its libraries of another, and a
/// third that nothing runs.
fn image(sleep: &Path, libraries: &[PathBuf]) -> Image {
    let package = |name: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n"
        )
    };
    let lines = libraries.iter().map(|path| format!("{}\n", path.display()));
    let list = lines.collect::<Vec<_>>().concat();
    let status = ["coreutils", "libc6", "openssl"].map(package).concat();
    let mut layer = Layer::new()
        .file(
            "etc/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n",
        )
        .file("var/lib/dpkg/status", status)
        .file("var/lib/dpkg/info/coreutils.list", "/usr/bin/sleep\n")
        .file("var/lib/dpkg/info/libc6.list", list)
        .file("var/lib/dpkg/info/openssl.list", "/usr/bin/openssl\n")
        .executable("usr/bin/openssl", b"#!/bin/false\n")
        .executable("usr/bin/sleep", fs::read(sleep).expect("sleep is read"));
    for library in libraries {
        let path = library.to_str().expect("a library's path is text");
        layer = layer.executable(
            path.trim_start_matches('/'),
            fs::read(library).expect("a library is read"),
        );
    }
    Image::new().tag(TAG).layer("ADD root / # buildkit", layer)
}

fn packages(server: &Server, image: &str) -> Vec<(String, Value)> {
    let page = server.get(&format!("/api/v1/images/{image}/packages"));
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let named = items.into_iter();
    named
        .map(|item| (item["name"].as_str().unwrap_or_default().to_owned(), item))
        .collect()
}

#[test]
fn a_package_whose_program_runs_is_in_use() {
    if std::env::var_os("SEAWALL_ATTACKS").is_none() {
        skipped("a sensor on this machine (set SEAWALL_ATTACKS)");
        return;
    }
    if !is_root("a sensor") {
        return;
    }
    let sleep = Path::new("/usr/bin/sleep");
    let libraries = libraries(sleep);
    if libraries.is_empty() {
        skipped("/usr/bin/sleep and ldd to see what it loads");
        return;
    }
    let Some(program) = program() else { return };
    let seawall = Seawall::new();
    let server = Server::start(&seawall);
    let Some(node) = Node::start().expect("the node starts") else {
        return;
    };
    let image = image(sleep, &libraries);
    let archive = seawall.folder().join("used.tar");
    image.write_docker_archive(&archive);
    let archive_text = archive.to_str().expect("a path of the test");
    node.docker(&["load", "--quiet", "--input", archive_text])
        .expect("the image is loaded");

    // Read as a pipeline would, before it runs.
    fs::write(seawall.folder().join("token"), server.token("ingest")).expect("written");
    let report = seawall.scan(&["--no-cache"], &format!("archive:{archive_text}"));
    let body = serde_json::json!({"report": report});
    let handed = server.post("/api/v1/reports", &body);
    let id = handed["image"]["id"]
        .as_str()
        .expect("it is known")
        .to_owned();

    let mut command = Command::new(program);
    command
        .args(["run", "--node", NODE, "--server", &server.url()])
        .arg("--token-file")
        .arg(seawall.folder().join("token"))
        .arg("--state-dir")
        .arg(seawall.folder().join("state"))
        .arg("--host-root")
        .arg(node.root())
        .env("NO_COLOR", "1");
    let log = seawall.folder().join("sensor.log");
    let mut sensor = Sensor::start(command, &log).expect("it starts");
    let begun = Instant::now();
    while server.find(&format!("/api/v1/sensors/{NODE}")).is_none() {
        if let Some(end) = sensor.ended() {
            skipped(&format!("the sensor does not run here: {end}"));
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no status: {}", sensor.log());
        thread::sleep(Duration::from_millis(100));
    }
    let started = Instant::now();
    let container = node
        .docker(&[
            "run",
            "--detach",
            "--network",
            "none",
            "--user",
            "0",
            "--entrypoint",
            "/usr/bin/sleep",
            TAG,
            "1000000",
        ])
        .expect("a container runs");
    let state = |name: &str| {
        let all = packages(&server, &id);
        let found = all.into_iter().find(|(known, _)| known == name);
        found
            .map(|(_, item)| item["in_use"].clone())
            .unwrap_or_default()
    };
    let is_seen = |name: &str| state(name)["state"] == "seen";
    while !(is_seen("coreutils") && is_seen("libc6")) {
        assert!(
            started.elapsed() < PATIENCE,
            "{} {}: {}",
            state("coreutils"),
            state("libc6"),
            sensor.log()
        );
        thread::sleep(Duration::from_millis(200));
    }
    println!("seen in use after {:.1} s", started.elapsed().as_secs_f64());
    assert_eq!(state("coreutils")["path"], "/usr/bin/sleep");
    let other = state("openssl");
    assert_eq!(other["state"], "not_known", "{other}");
    drop(node.docker(&["rm", "--force", container.trim()]));
}
