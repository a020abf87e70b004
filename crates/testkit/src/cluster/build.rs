//! Builds the cluster's program once for each state of its sources.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use crate::skip::skipped;

/// The oldest Go that the modules are written for.
const GO: (u32, u32) = (1, 26);
/// What every part says it is; `main.go` says it too.
const KUBERNETES: &str = "v1.35.4";

/// The Go module's folder.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/cluster")
}

/// Told to the linker, so that user agents read as a release's do.
fn linker_flags() -> String {
    let mut flags = "-s -w".to_owned();
    for package in [
        "k8s.io/component-base/version",
        "k8s.io/client-go/pkg/version",
    ] {
        for (name, value) in [
            ("gitVersion", KUBERNETES),
            ("gitMajor", "1"),
            ("gitMinor", "35"),
            ("gitCommit", "unknown"),
            ("gitTreeState", "clean"),
        ] {
            flags.extend([" -X ", package, ".", name, "=", value]);
        }
    }
    flags
}

/// Where the program of these sources lies, built or not:
/// `~/.cache/seawall/cluster/<hash>/cluster`.
pub fn location() -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(sources())
        .context("failed to list testkit/cluster")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("go" | "mod" | "sum")) || file.ends_with("system.yaml")
    });
    files.sort();
    let mut hash = Sha256::new();
    hash.update(linker_flags());
    for file in files {
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(std::fs::read(&file)?);
    }
    let short = hash
        .finalize()
        .iter()
        .take(8)
        .fold(0_u64, |short, byte| short << 8 | u64::from(*byte));
    let digest = format!("{short:016x}");
    Ok(base.join("seawall/cluster").join(digest).join("cluster"))
}

/// The program, or `None` (after saying so) where it is not built.
pub fn built() -> anyhow::Result<Option<PathBuf>> {
    let location = location()?;
    if location.exists() {
        return Ok(Some(location));
    }
    skipped(match go() {
        Ok(_) => {
            "the cluster's program is not built, which takes 10 minutes: \
             run `cargo xtask cluster build`"
        }
        Err(_) => "the cluster's program is not built, and Go 1.26 or newer is not installed",
    });
    Ok(None)
}

/// A Go that is new enough.
pub(crate) fn go() -> anyhow::Result<PathBuf> {
    let mut found = Vec::new();
    for candidate in ["go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go"] {
        let Ok(output) = Command::new(candidate)
            .args(["env", "GOVERSION"])
            .env("GOTOOLCHAIN", "local")
            .current_dir("/")
            .output()
        else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let mut numbers = text.trim_start_matches("go").split('.').map(str::parse);
        if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next())
            && (major, minor) >= GO
        {
            return Ok(candidate.into());
        }
        found.push(text);
    }
    bail!(
        "the test cluster is built by Go {}.{} or newer, and {}",
        GO.0,
        GO.1,
        if found.is_empty() {
            "none is installed".to_owned()
        } else {
            format!("this is {}", found.join(", "))
        }
    )
}

/// Builds the program if these sources' is not there; where it lies.
/// Two who build at once wait for each other.
pub fn build(say: impl Fn(&str)) -> anyhow::Result<PathBuf> {
    let location = location()?;
    if location.exists() {
        return Ok(location);
    }
    let go = go()?;
    let folder = location.parent().context("a program lies in a folder")?;
    std::fs::create_dir_all(folder)?;
    let lock = std::fs::File::create(folder.join("lock"))?;
    if lock.try_lock().is_err() {
        say("somebody else is building it; waiting");
        lock.lock()?;
    }
    if location.exists() {
        return Ok(location);
    }
    say(&format!(
        "building Kubernetes {KUBERNETES} (about 10 minutes and 3 GB of memory the first time)"
    ));
    let unfinished = folder.join("unfinished");
    let status = Command::new(go)
        .args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly"])
        .arg(format!("-ldflags={}", linker_flags()))
        .arg("-o")
        .arg(&unfinished)
        .arg(".")
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local")
        .env_remove("GOFLAGS")
        .current_dir(sources())
        .status()
        .context("failed to run go build")?;
    if !status.success() {
        bail!("go build ended with {status}");
    }
    std::fs::rename(&unfinished, &location)?;
    say(&format!("built {}", location.display()));
    Ok(location)
}
