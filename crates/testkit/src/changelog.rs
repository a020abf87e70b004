//! What Debian's own changelogs say a security update fixed: a truth
//! that comes from positions in a file, not from comparing versions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::Path,
};

use anyhow::Context;
use flate2::read::GzDecoder;

/// CVE ids by source package.
pub type Fixed = BTreeMap<String, BTreeSet<String>>;

/// The (source package, CVE) pairs an OSV zip of Debian advisories knows.
/// What a changelog fixed after those were gathered cannot be among them.
pub fn advised(advisories: &Path) -> anyhow::Result<BTreeSet<(String, String)>> {
    let mut archive = zip::ZipArchive::new(fs::File::open(advisories)?)?;
    let mut pairs = BTreeSet::new();
    for index in 0..archive.len() {
        let record: serde_json::Value = serde_json::from_reader(archive.by_index(index)?)?;
        let ids = record["upstream"].as_array().into_iter().flatten();
        for id in ids.filter_map(serde_json::Value::as_str) {
            for affected in record["affected"].as_array().into_iter().flatten() {
                if let Some(source) = affected["package"]["name"].as_str() {
                    pairs.insert((source.to_owned(), id.to_owned()));
                }
            }
        }
    }
    Ok(pairs)
}

struct Installed {
    binary: String,
    source: String,
    version: String,
}

struct Entry {
    version: String,
    cves: BTreeSet<String>,
}

/// The CVEs named in those changelog entries of `updated` that stand
/// above the version installed in `old`, and in none below it.
///
/// A package whose old version its new changelog does not hold (the
/// security suite moved to another upstream branch) proves nothing and
/// is left out.
pub fn fixed_between(old: &Path, updated: &Path) -> anyhow::Result<Fixed> {
    let before: BTreeMap<String, String> = installed(old)?
        .into_iter()
        .map(|package| (package.source, package.version))
        .collect();
    let mut fixed = Fixed::new();
    for package in installed(updated)? {
        let Some(old_version) = before.get(&package.source) else {
            continue;
        };
        if *old_version == package.version || fixed.contains_key(&package.source) {
            continue;
        }
        let Some(text) = read(updated, &package.binary) else {
            continue;
        };
        let entries = entries(&text, &package.source);
        let Some(position) = entries
            .iter()
            .position(|entry| entry.version == *old_version)
        else {
            continue;
        };
        let (newer, older) = entries.split_at(position);
        let known: BTreeSet<&String> = older.iter().flat_map(|entry| &entry.cves).collect();
        let news: BTreeSet<String> = newer
            .iter()
            .flat_map(|entry| &entry.cves)
            .filter(|cve| !known.contains(cve))
            .cloned()
            .collect();
        if !news.is_empty() {
            fixed.insert(package.source, news);
        }
    }
    Ok(fixed)
}

fn installed(root: &Path) -> anyhow::Result<Vec<Installed>> {
    let status = fs::read_to_string(root.join("var/lib/dpkg/status"))
        .with_context(|| format!("failed to read the packages of {}", root.display()))?;
    let mut packages = Vec::new();
    for stanza in status.split("\n\n") {
        let field = |name: &str| {
            stanza
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let (Some(binary), Some(version)) = (field("Package"), field("Version")) else {
            continue;
        };
        if !field("Status").is_some_and(|status| status.ends_with(" installed")) {
            continue;
        }
        let (source, source_version) = match field("Source").map(|source| source.split_once(' ')) {
            None => (binary, version),
            Some(None) => (field("Source").unwrap_or(binary), version),
            Some(Some((source, version))) => (source, version.trim_matches(['(', ')'])),
        };
        packages.push(Installed {
            binary: binary.to_owned(),
            source: source.to_owned(),
            version: source_version.to_owned(),
        });
    }
    Ok(packages)
}

fn read(root: &Path, binary: &str) -> Option<String> {
    let folder = root.join("usr/share/doc").join(binary);
    [
        "changelog.Debian.gz",
        "changelog.Debian.amd64.gz",
        "changelog.gz",
    ]
    .iter()
    .find_map(|name| {
        let file = fs::File::open(folder.join(name)).ok()?;
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    })
}

/// Newest first, as the file lists them.
fn entries(text: &str, source: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.lines() {
        let head = line
            .strip_prefix(source)
            .and_then(|rest| rest.strip_prefix(" ("))
            .and_then(|rest| rest.split_once(')'));
        if let Some((version, _)) = head {
            entries.push(Entry {
                version: version.to_owned(),
                cves: BTreeSet::new(),
            });
        } else if let Some(entry) = entries.last_mut() {
            entry.cves.extend(cves(line));
        }
    }
    entries
}

fn cves(line: &str) -> impl Iterator<Item = String> + '_ {
    line.match_indices("CVE").filter_map(|(at, _)| {
        let rest = line.get(at + 3..)?.trim_start_matches(['-', ' ']);
        let (year, rest) = rest.split_once('-')?;
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) && number.len() >= 4)
            .then(|| format!("CVE-{year}-{number}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_both_spellings_and_nonsense_is_not() {
        let line = "  * Fix CVE-2024-1234, CVE 2023-99999 (CVE-20-1, CVE-2024-12).";
        let found: Vec<String> = cves(line).collect();
        assert_eq!(found, ["CVE-2024-1234", "CVE-2023-99999"]);
    }

    #[test]
    fn entries_keep_the_order_of_the_file() {
        let text = "zlib (1:1.2-2) bookworm; urgency=low\n\n  * CVE-2022-37434\n\n -- A\n\nzlib (1:1.2-1) sid; urgency=low\n\n  * first\n";
        let entries = entries(text, "zlib");
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].version, "1:1.2-2");
        assert!(entries[0].cves.contains("CVE-2022-37434"));
        assert!(entries[1].cves.is_empty());
    }
}
