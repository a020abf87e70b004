//! Real application content, installed by the languages' own package
//! managers: old releases with published vulnerabilities.

use std::{fs, path::Path, process::Command};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{layer::Layer, skip::skipped};

const PACKAGE_JSON: &str = r#"{
  "name": "shop", "version": "1.0.0", "private": true,
  "dependencies": {"lodash": "4.17.15", "minimist": "1.2.0", "express": "4.17.1"}
}"#;

const PYTHON: &[&str] = &["jinja2==2.11.2", "requests==2.25.0", "urllib3==1.26.4"];

const GO_MOD: &str = "module example.com/shop\n\ngo 1.21\n\nrequire golang.org/x/text v0.3.7\n";
const GO_MAIN: &str = "package main\n\nimport \"golang.org/x/text/language\"\n\nfunc main() { println(language.English.String()) }\n";

/// Installs what this machine can install below `folder`, each language
/// in a folder of its own; says which it could not.
pub fn install(folder: &Path) -> anyhow::Result<()> {
    let done = folder.join("done");
    if done.exists() {
        return Ok(());
    }
    for (language, install) in [
        ("node", node as fn(&Path) -> anyhow::Result<()>),
        ("python", python),
        ("go", go),
    ] {
        let path = folder.join(language);
        fs::create_dir_all(&path)?;
        if let Err(error) = install(&path) {
            skipped(&format!("no {language} packages in this image: {error:#}"));
        }
    }
    fs::create_dir_all(folder.join("java"))?;
    fs::write(folder.join("java/shop.war"), war())?;
    fs::write(done, "")?;
    Ok(())
}

fn node(path: &Path) -> anyhow::Result<()> {
    fs::write(path.join("package.json"), PACKAGE_JSON)?;
    run(Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(path))
}

fn python(path: &Path) -> anyhow::Result<()> {
    run(Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--target",
        ])
        .arg(path)
        .args(PYTHON))
}

fn go(path: &Path) -> anyhow::Result<()> {
    let go = crate::cluster::build::go()?;
    let source = TempDir::new()?;
    fs::write(source.path().join("go.mod"), GO_MOD)?;
    fs::write(source.path().join("main.go"), GO_MAIN)?;
    run(Command::new(&go)
        .args(["mod", "tidy"])
        .current_dir(source.path()))?;
    run(Command::new(&go)
        .args(["build", "-o"])
        .arg(path.join("shop"))
        .arg(".")
        .env("CGO_ENABLED", "0")
        .current_dir(source.path()))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("failed to run {command:?}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
            .lines()
            .last()
            .unwrap_or_default()
    );
    Ok(())
}

/// A war with two libraries inside, as a build tool packs them.
fn war() -> Vec<u8> {
    let log4j = zip(&[(
        "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties",
        b"artifactId=log4j-core\ngroupId=org.apache.logging.log4j\nversion=2.14.1\n",
    )]);
    let text = zip(&[(
        "META-INF/maven/org.apache.commons/commons-text/pom.properties",
        b"artifactId=commons-text\ngroupId=org.apache.commons\nversion=1.9\n",
    )]);
    zip(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n"),
        ("WEB-INF/lib/log4j-core-2.14.1.jar", &log4j),
        ("WEB-INF/lib/commons-text-1.9.jar", &text),
    ])
}

/// A zip with stored entries (PKWARE APPNOTE 6.3.9, sections 4.3.7–16).
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let offset = u32_of(archive.len());
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut shared = Vec::new();
        shared.extend_from_slice(&20_u16.to_le_bytes()); // version needed
        shared.extend_from_slice(&[0; 8]); // flags, stored, no time
        shared.extend_from_slice(&crc.sum().to_le_bytes());
        shared.extend_from_slice(&u32_of(content.len()).to_le_bytes());
        shared.extend_from_slice(&u32_of(content.len()).to_le_bytes());
        shared.extend_from_slice(&u16_of(name.len()).to_le_bytes());
        shared.extend_from_slice(&0_u16.to_le_bytes()); // no extra field
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&shared);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(content);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&shared);
        directory.extend_from_slice(&[0; 10]); // comment, disk, attributes
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = u32_of(archive.len());
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        archive.extend_from_slice(&u16_of(entries.len()).to_le_bytes());
    }
    archive.extend_from_slice(&u32_of(directory.len()).to_le_bytes());
    archive.extend_from_slice(&start.to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    archive
}

fn u32_of(length: usize) -> u32 {
    u32::try_from(length).expect("invariant: fixtures are small")
}

fn u16_of(length: usize) -> u16 {
    u16::try_from(length).expect("invariant: fixtures are small")
}

/// One layer with a Java application, made here byte by byte.
pub fn java() -> Layer {
    Layer::new().dir("srv").file("srv/shop.war", war())
}

/// The layers an application image puts on its base: one for each
/// language, and one that removes what the first had brought.
pub fn layers(folder: &Path) -> Vec<(&'static str, Layer)> {
    vec![
        (
            "COPY node /srv/node",
            Layer::new().tree("srv/node", &folder.join("node")),
        ),
        (
            "RUN pip install",
            Layer::new().tree("srv/python", &folder.join("python")),
        ),
        (
            "COPY shop.war /srv/java/",
            Layer::new().tree("srv/java", &folder.join("java")),
        ),
        (
            "COPY shop /srv/go/",
            Layer::new().tree("srv/go", &folder.join("go")),
        ),
        (
            "RUN rm -r /srv/node/node_modules/minimist",
            Layer::new()
                .dir("srv/node/node_modules")
                .whiteout("srv/node/node_modules/minimist"),
        ),
    ]
}
