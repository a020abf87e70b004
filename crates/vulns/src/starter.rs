//! The starter set: advisories inside the program, so that the first
//! scan on a machine without a network already says something true.
//!
//! They are content, one file each in `content/advisories`, and stand
//! in until feeds speak of the same. What is known of their exploitation
//! comes with them.

/// The records, as JSON.
pub(crate) fn starter() -> impl Iterator<Item = &'static str> {
    include_str!(concat!(env!("OUT_DIR"), "/starter.ndjson")).lines()
}

/// The KEV catalogue's entries on these vulnerabilities, in its form.
pub(crate) const KEV: &[u8] = include_bytes!("../../../content/intel/starter-kev.json");

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use model::{Ecosystem, Severity, VersionScheme, VulnerabilityId};
    use serde::Deserialize;

    use super::*;
    use crate::{Database, cvss, osv, version};

    /// The form we write: stricter than what feeds may send.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Record {
        schema_version: String,
        id: String,
        modified: jiff::Timestamp,
        published: jiff::Timestamp,
        #[serde(default)]
        aliases: Vec<String>,
        summary: String,
        details: String,
        severity: Vec<Score>,
        affected: Vec<Affected>,
        references: Vec<Reference>,
        database_specific: Specific,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Score {
        r#type: String,
        score: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Affected {
        package: Package,
        ranges: Vec<Range>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Package {
        ecosystem: Ecosystem,
        name: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Range {
        r#type: String,
        events: Vec<Event>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Event {
        Introduced(String),
        Fixed(String),
        LastAffected(String),
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reference {
        r#type: String,
        url: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Specific {
        #[serde(default)]
        cwe_ids: Vec<String>,
    }

    /// Everything wrong with one file.
    fn offences(stem: &str, text: &str) -> Vec<String> {
        let record: Record = match serde_json::from_str(text) {
            Ok(record) => record,
            Err(error) => return vec![error.to_string()],
        };
        let mut offences = Vec::new();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                offences.push(what.to_owned());
            }
        };
        expect(
            record.schema_version == "1.7.0",
            "schema_version is not 1.7.0",
        );
        expect(record.id == stem, "the id is not the file's name");
        expect(
            record.published <= record.modified,
            "modified before it was published",
        );
        let is_id = |id: &String| ["CVE-", "GHSA-"].iter().any(|kind| id.starts_with(kind));
        expect(
            is_id(&record.id) && record.aliases.iter().all(is_id),
            "an id is neither CVE nor GHSA",
        );
        let is_line = !record.summary.is_empty() && record.summary.len() <= 100;
        expect(
            is_line && !record.summary.ends_with('.'),
            "the summary is no short line",
        );
        expect(record.details.ends_with('.'), "the details are no sentence");
        expect(!record.references.is_empty(), "no reference");
        for reference in &record.references {
            let is_sound = reference.r#type == "ADVISORY" && reference.url.starts_with("https://");
            expect(is_sound, &format!("reference {}", reference.url));
        }
        for cwe in &record.database_specific.cwe_ids {
            let number = cwe
                .strip_prefix("CWE-")
                .and_then(|number| number.parse::<u16>().ok());
            expect(number.is_some(), cwe);
        }
        expect(record.severity.len() == 1, "not one severity");
        for score in &record.severity {
            let kind = if score.score.starts_with("CVSS:4") {
                "CVSS_V4"
            } else {
                "CVSS_V3"
            };
            let is_rated =
                cvss::severity(&score.score).is_some_and(|severity| severity > Severity::Info);
            expect(is_rated && score.r#type == kind, &score.score);
        }
        expect(!record.affected.is_empty(), "nothing is affected");
        let mut packages = BTreeSet::new();
        for affected in &record.affected {
            let Package { ecosystem, name } = &affected.package;
            let place = format!("{ecosystem} {name}");
            expect(packages.insert(place.clone()), &format!("{place} twice"));
            expect(!name.is_empty(), "a package without a name");
            match ecosystem.version_scheme() {
                None => expect(false, &format!("unknown ecosystem {ecosystem}")),
                Some(scheme) => {
                    expect(
                        ecosystem.is_distribution() == ecosystem.release.is_some(),
                        &format!(
                            "{ecosystem}: a release belongs to distributions, and to all of them"
                        ),
                    );
                    for range in &affected.ranges {
                        if let Err(what) = check_range(scheme, range) {
                            expect(false, &format!("{place}: {what}"));
                        }
                    }
                }
            }
            expect(
                affected.ranges.len() == 1,
                &format!("{place}: not one range"),
            );
        }
        offences
    }

    /// Introduced and fixed take turns, and every fix is later.
    fn check_range(scheme: VersionScheme, range: &Range) -> Result<(), String> {
        if !matches!(range.r#type.as_str(), "SEMVER" | "ECOSYSTEM") {
            return Err(format!("range type {}", range.r#type));
        }
        for pair in range.events.chunks(2) {
            let (from, to) = match pair {
                [
                    Event::Introduced(from),
                    Event::Fixed(to) | Event::LastAffected(to),
                ] => (from, to),
                [Event::Introduced(_)] => continue,
                _ => return Err("introduced and fixed do not take turns".to_owned()),
            };
            if !version::is_version(scheme, to) {
                return Err(format!("{to} is no version"));
            }
            if from != "0"
                && version::compare(scheme, from, to).is_none_or(std::cmp::Ordering::is_gt)
            {
                return Err(format!("{from} is no version before {to}"));
            }
        }
        if range.events.is_empty() {
            Err("no events".to_owned())
        } else {
            Ok(())
        }
    }

    #[test]
    fn every_advisory_of_the_content_is_well_formed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/advisories");
        let mut offenders = Vec::new();
        let mut count = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let is_json = path
                .extension()
                .is_some_and(|extension| extension == "json");
            let found = if is_json {
                offences(stem, &text)
            } else {
                vec!["no JSON file".to_owned()]
            };
            offenders.extend(found.into_iter().map(|what| format!("{stem}: {what}")));
            count += 1;
        }
        assert!(offenders.is_empty(), "{offenders:#?}");
        assert_eq!(
            starter().count(),
            count,
            "what is embedded is what is there"
        );
    }

    #[test]
    fn no_id_is_claimed_by_two_advisories() {
        let mut owners = std::collections::BTreeMap::new();
        let mut twice = Vec::new();
        for text in starter() {
            let record = osv::Record::parse(text.as_bytes()).unwrap();
            for id in record.aliases.iter().chain([&record.id]) {
                if let Some(other) = owners.insert(id.to_string(), record.id.to_string()) {
                    twice.push(format!("{}: {} and {other}", &**id, &*record.id));
                }
            }
        }
        assert!(twice.is_empty(), "{twice:#?}");
    }

    #[test]
    fn the_database_made_of_it_knows_what_is_exploited() {
        let database = Database::starter().unwrap();
        let id = VulnerabilityId::new("CVE-2021-44228");
        let log4shell = database.vulnerability(&id).unwrap();
        assert_eq!(log4shell.severity, Severity::Critical);
        assert_eq!(log4shell.kev.unwrap().added.to_string(), "2021-12-10");
        assert!(database.status().starter_only);
    }
}
