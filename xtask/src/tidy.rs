//! Rules that are true of this repository and that no lint can hold.
//! Every offence is listed, not only the first.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, bail};

/// Which room may depend on which (ARCHITECTURE.md, "Rooms").
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("fetch", &["model"]),
    ("scan", &["model", "fetch"]),
    ("registry", &["model", "fetch", "scan"]),
    ("vulns", &["model", "fetch"]),
    ("policy", &["model"]),
    ("rules", &["model"]),
    ("cluster", &["model", "fetch", "policy", "api"]),
    ("host", &["model", "fetch", "policy"]),
    ("sensor", &["model", "fetch", "rules", "api"]),
    ("malware", &["model"]),
    ("report", &["model"]),
    ("store", &["model"]),
    ("api", &["model"]),
    ("export", &["model", "fetch"]),
    (
        "server",
        &[
            "model", "fetch", "scan", "vulns", "rules", "policy", "report", "store", "api",
            "export", "host", "registry",
        ],
    ),
    (
        "seawall",
        &[
            "model", "fetch", "scan", "vulns", "rules", "policy", "report", "store", "api",
            "cluster", "host", "registry", "server",
        ],
    ),
    ("testkit", &["model"]),
    ("xtask", &["model", "testkit"]),
];

/// Outside crates that only some rooms may name.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("rusqlite", &["store"]),
    ("axum", &["server", "cluster"]),
    ("tower-http", &["server"]),
    ("ureq", &["fetch"]),
    ("lettre", &["export"]),
    ("object_store", &["export", "cluster", "registry"]),
    ("rskafka", &["export", "cluster"]),
    ("kube", &["cluster"]),
    ("k8s-openapi", &["cluster"]),
    ("x509-parser", &["host", "registry"]),
    ("regorus", &["policy"]),
    ("cel", &["policy"]),
    ("aya", &["sensor"]),
    ("yara-x", &["malware"]),
    ("clap", &["seawall", "sensor", "malware"]),
    ("indicatif", &["seawall"]),
    ("memmap2", &["vulns"]),
    ("tar", &["scan", "server", "testkit", "vulns"]),
];

/// No file says what it is for by one of these names.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "impl",
];

const LONGEST_FILE: usize = 600;

/// Generated or tabular files, which may be as long as they need.
const LONG_FILES: &[&str] = &["ui/src/api/schema.ts", "ui/mock-api/catalogue.ts"];

/// Words that belong to a machine or a place, not to the project.
const LEAKS: &[&str] = &[
    "/wo\u{72}k/",
    "/far\u{6d}/",
    "/tmp/\u{73}/",
    "/tmp/w\u{74}/",
];

/// Outcome of a check.
pub(crate) struct Tidiness {
    pub offences: Vec<String>,
    pub summary: String,
}

/// Runs every check over the files git tracks below `root`.
pub(crate) fn check(root: &Path) -> anyhow::Result<Tidiness> {
    let mut offences = Vec::new();
    let files = tracked(root)?;
    dependencies(root, &mut offences)?;
    let locked = locked(root, &mut offences)?;
    for file in &files {
        names(file, &mut offences);
        text(root, file, &mut offences)?;
    }
    Ok(Tidiness {
        summary: format!(
            "tidy: {} files, {} rooms, {locked} locked dependencies",
            files.len(),
            ROOMS.len()
        ),
        offences,
    })
}

fn tracked(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("failed to run git")?;
    if !output.status.success() {
        bail!("git ls-files failed");
    }
    let listing = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(listing
        .lines()
        .filter(|file| root.join(file).is_file())
        .map(str::to_owned)
        .collect())
}

fn dependencies(root: &Path, offences: &mut Vec<String>) -> anyhow::Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("failed to run cargo metadata")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("failed to read cargo metadata")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for package in packages {
        let owner = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == owner) else {
            offences.push(format!(
                "crate '{owner}' is in no room: add it to xtask and ARCHITECTURE.md, with a reason"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if rooms.contains(name) && !for_tests && !allowed.contains(&name) {
                offences.push(format!("'{owner}' must not know '{name}'"));
            }
            if let Some((_, keepers)) = KEPT_TO.iter().find(|(kept, _)| *kept == name)
                && !keepers.contains(&owner)
                && !for_tests
            {
                offences.push(format!(
                    "'{owner}' must not depend on '{name}', which is kept to {}",
                    keepers.join(", ")
                ));
            }
        }
    }
    Ok(())
}

/// Counts `Cargo.lock` and holds it to `docs/dependencies.md`, where
/// every direct dependency is argued for.
fn locked(root: &Path, offences: &mut Vec<String>) -> anyhow::Result<usize> {
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).context("no Cargo.lock")?;
    let locked = lock
        .lines()
        .filter(|line| {
            *line == "source = \"registry+https://github.com/rust-lang/crates.io-index\""
        })
        .count();
    let argued = std::fs::read_to_string(root.join("docs/dependencies.md"))
        .context("failed to read docs/dependencies.md")?;
    if !argued.contains(&format!("**{locked}** locked")) {
        offences.push(format!(
            "docs/dependencies.md does not say '**{locked}** locked': \
             a dependency came or went without an argument"
        ));
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let direct = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.contains("path = "))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.trim()));
    for name in direct {
        if !argued.contains(&format!("`{name}`")) {
            offences.push(format!("docs/dependencies.md does not argue for `{name}`"));
        }
    }
    Ok(locked)
}

fn names(file: &str, offences: &mut Vec<String>) {
    let stem = Path::new(file)
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        offences.push(format!("{file}: '{stem}' names no noun"));
    }
}

fn text(root: &Path, file: &str, offences: &mut Vec<String>) -> anyhow::Result<()> {
    let extension = Path::new(file)
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let is_source = matches!(
        extension,
        "rs" | "ts" | "tsx" | "mjs" | "css" | "sql" | "toml" | "md" | "yaml" | "yml" | "sh"
    );
    if !is_source || file.contains("/testdata/") || file.contains("/snapshots/") {
        return Ok(());
    }
    let bytes = std::fs::read(root.join(file)).with_context(|| format!("failed to read {file}"))?;
    let Ok(text) = String::from_utf8(bytes) else {
        offences.push(format!("{file}: not UTF-8"));
        return Ok(());
    };
    if text.contains('\r') {
        offences.push(format!("{file}: has carriage returns"));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        offences.push(format!("{file}: no newline at the end"));
    }
    let is_code = matches!(extension, "rs" | "ts" | "tsx" | "mjs");
    let lines = text.lines().count();
    if is_code && lines > LONGEST_FILE && !LONG_FILES.contains(&file) {
        offences.push(format!(
            "{file}: {lines} lines, over {LONGEST_FILE}: split it by noun"
        ));
    }
    if extension == "rs"
        && !text.trim_start().starts_with("//!")
        && !text.trim_start().starts_with("#!")
    {
        offences.push(format!("{file}: does not open with //!"));
    }
    for (index, line) in text.lines().enumerate() {
        if is_code && line.contains(concat!("TO", "DO")) && !line.contains('#') {
            offences.push(format!("{file}:{}: a promise without a number", index + 1));
        }
        if LEAKS.iter().any(|leak| line.contains(leak)) {
            offences.push(format!("{file}:{}: names a path of a machine", index + 1));
        }
    }
    Ok(())
}
