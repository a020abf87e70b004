//! Until when an operating system's publisher mends it for everybody.
//!
//! The table is `content/systems/end-of-life.yaml`. A date is the last
//! day of security updates that need no contract: paid extensions come
//! later and are not counted, since nothing in an image says whether
//! somebody paid.

use std::sync::LazyLock;

use jiff::civil::Date;
use model::OperatingSystem;
use serde::Deserialize;

const TABLE: &str = include_str!("../../../content/systems/end-of-life.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct System {
    /// `ID` of `os-release`.
    id: String,
    name: String,
    source: String,
    /// How many parts of `VERSION_ID` tell releases apart.
    parts: usize,
    /// Release to the last day.
    ends: Vec<(String, Date)>,
}

/// What is known of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// `Debian 11`
    pub release: String,
    /// The last day of updates.
    pub ends: Date,
    /// Where the publisher says so.
    pub source: &'static str,
    /// The newest release in the table that is supported longer.
    pub newest: Option<String>,
}

fn table() -> &'static [System] {
    static SYSTEMS: LazyLock<Vec<System>> = LazyLock::new(|| {
        serde_norway::from_str(TABLE).expect("invariant: a test reads the table before a release")
    });
    &SYSTEMS
}

/// Until when `os` is mended; `None` where the table does not say, or the
/// release is a rolling one.
pub fn support(os: &OperatingSystem) -> Option<Support> {
    let system = table().iter().find(|system| system.id == os.id)?;
    let version = release_of(os)?;
    let parts: Vec<&str> = version.split('.').take(system.parts).collect();
    let release = parts.join(".");
    let (_, ends) = system.ends.iter().find(|(known, _)| *known == release)?;
    let newest = system
        .ends
        .iter()
        .max_by_key(|(_, until)| *until)
        .filter(|(_, until)| until > ends)
        .map(|(release, _)| format!("{} {release}", system.name));
    Some(Support {
        release: format!("{} {release}", system.name),
        ends: *ends,
        source: &system.source,
        newest,
    })
}

/// The release's number, where it is a release: testing and edge images
/// carry none, or an odd one.
fn release_of(os: &OperatingSystem) -> Option<&str> {
    let version = os.version.as_str();
    let is_snapshot = version.contains("alpha") || version.contains("_rc");
    (!version.is_empty() && !is_snapshot).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(id: &str, version: &str) -> Option<String> {
        let os = OperatingSystem {
            id: id.to_owned(),
            version: version.to_owned(),
            ..OperatingSystem::default()
        };
        support(&os).map(|support| format!("{} {}", support.release, support.ends))
    }

    #[test]
    fn a_release_is_found_by_the_parts_that_tell_it_apart() {
        let cases = [
            ("debian", "11", Some("Debian 11 2026-08-31")),
            ("debian", "11.6", Some("Debian 11 2026-08-31")),
            ("alpine", "3.15.0", Some("Alpine 3.15 2023-11-01")),
            ("ubuntu", "18.04", Some("Ubuntu 18.04 2023-05-31")),
            ("centos", "8", Some("CentOS 8 2024-05-31")),
            ("alpine", "3.21.0_alpha20240807", None),
            ("debian", "", None),
            ("wolfi", "20230201", None),
            ("ubuntu", "99.04", None),
        ];
        for (id, version, expected) in cases {
            assert_eq!(ends(id, version).as_deref(), expected, "{id} {version}");
        }
    }

    #[test]
    fn the_table_is_sorted_sourced_and_says_each_release_once() {
        let mut faults = Vec::new();
        for system in table() {
            if !system.source.starts_with("https://") {
                faults.push(format!("{}: no source", system.id));
            }
            let mut seen = std::collections::HashSet::new();
            for (release, _) in &system.ends {
                if !seen.insert(release) {
                    faults.push(format!("{} {release}: twice", system.id));
                }
                if release.split('.').count() > system.parts {
                    faults.push(format!("{} {release}: never found", system.id));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
