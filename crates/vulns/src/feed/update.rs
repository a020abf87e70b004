//! Updating from the OSV bucket, or anything laid out like it.
//!
//! ```text
//! ecosystems.txt               one name a line
//! <Ecosystem>/all.zip          every record
//! <Ecosystem>/modified_id.csv  moment,id of every record, newest first
//! <Ecosystem>/<id>.json        one record
//! ```
//!
//! The first time an archive comes whole; then the table says what is
//! new, and when that is little only those records come. What cannot be
//! fetched is said and stays as it was.

use std::{collections::BTreeSet, path::Path};

use fetch::{Client, Url};
use model::{Cancel, Clock, Ecosystem, Warning, error::chain};

use super::{
    Event, FeedError, Outcome, Progress, Warnings,
    bucket::Bucket,
    compile::compile,
    depot::Depot,
    intel::{Epss, IntelError, KevCatalogue},
    origin::{Answer, Origin, local},
};
use crate::Database;

const BASE: &str = "https://storage.googleapis.com/osv-vulnerabilities/";
const EPSS: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";
const KEV: &str =
    "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
const MAX_NAMES_BYTES: u64 = 1 << 20;
const MAX_INTEL_BYTES: u64 = 256 << 20;

/// Where to update from, and what.
#[derive(Clone, Debug)]
pub struct UpdateOptions {
    /// `https:`, `http:` or `file:`.
    pub base_url: Url,
    /// Names as in the bucket: `Debian`, `npm`. Empty: every ecosystem
    /// there whose versions we can order.
    pub ecosystems: Vec<String>,
    pub epss_url: Option<Url>,
    pub kev_url: Option<Url>,
}

impl Default for UpdateOptions {
    fn default() -> Self {
        let url = |text: &str| Url::parse(text).ok();
        Self {
            base_url: url(BASE).expect("invariant: a constant that parses, as a test shows"),
            ecosystems: Vec::new(),
            epss_url: url(EPSS),
            kev_url: url(KEV),
        }
    }
}

/// Brings the database of `dir` up to date.
pub fn update(
    dir: &Path,
    options: &UpdateOptions,
    client: &Client,
    clock: &dyn Clock,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Outcome, FeedError> {
    let depot = Depot::lock(dir)?;
    let origin = Origin::new(&options.base_url, client, cancel);
    let mut warnings = Warnings::default();
    let names = names(&origin, &options.ecosystems)?;
    let (mut changed, mut reached) = (false, false);
    let mut first_error = None;
    for name in &names {
        let bucket = Bucket {
            origin: &origin,
            depot: &depot,
            name,
        };
        match bucket.update(progress) {
            Ok(outcome) => {
                reached |= outcome.is_some();
                changed |= outcome == Some(true);
            }
            Err(FeedError::Cancelled) => return Err(FeedError::Cancelled),
            Err(error) => {
                let warning = format!("kept as it was: failed to {}", chain(&error));
                warnings.push(Warning::new(warning).at(name.clone()), progress);
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(first) if !reached => {
            return Err(FeedError::AllFailed {
                base: origin.base().to_string(),
                first: Box::new(first),
            });
        }
        None if !reached => {
            return Err(FeedError::NothingFound(origin.base().as_str().into()));
        }
        _ => {}
    }
    let check_epss = |bytes: &[u8]| Epss::read(bytes).map(drop);
    let check_kev = |bytes: &[u8]| KevCatalogue::read(bytes).map(drop);
    let intel: [(_, _, Check<'_>); 2] = [
        ("epss", &options.epss_url, &check_epss),
        ("kev", &options.kev_url, &check_kev),
    ];
    for (name, url, check) in intel {
        let Some(url) = url else { continue };
        match update_intel(&depot, &origin, name, url, check, progress) {
            Ok(is_new) => changed |= is_new,
            Err(FeedError::Cancelled) => return Err(FeedError::Cancelled),
            Err(error) => {
                let warning = format!("kept as it was: failed to {}", chain(&error));
                warnings.push(Warning::new(warning).at(name), progress);
            }
        }
    }
    if !changed && let Ok(current) = Database::open(dir) {
        return Ok(Outcome {
            status: current.status().clone(),
            warnings: warnings.finish(),
            changed: false,
        });
    }
    let status = compile(&depot, clock.now(), &mut warnings, progress, cancel)?;
    Ok(Outcome {
        status,
        warnings: warnings.finish(),
        changed: true,
    })
}

/// Which ecosystems to ask for.
fn names(origin: &Origin<'_>, wanted: &[String]) -> Result<Vec<String>, FeedError> {
    if !wanted.is_empty() {
        return Ok(wanted.to_vec());
    }
    let url = origin.url(&["ecosystems.txt"])?;
    let listed: Vec<String> = match origin.get(&url, None, MAX_NAMES_BYTES)? {
        Answer::New(bytes, _) => {
            let text = String::from_utf8_lossy(&bytes);
            text.lines().map(str::to_owned).collect()
        }
        Answer::Missing | Answer::NotModified => match local(origin.base())? {
            Some(folder) => folders(&folder)?,
            None => KNOWN.iter().map(|name| (*name).to_owned()).collect(),
        },
    };
    // `Debian:12` is a part of `Debian`, whose archive holds all of it.
    let bases: BTreeSet<&str> = listed
        .iter()
        .filter_map(|name| name.trim().split(':').next())
        .collect();
    let is_local = local(origin.base())?.is_some();
    Ok(bases
        .into_iter()
        .filter(|name| is_local || Ecosystem::new(*name).version_scheme().is_some())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Asked for where a mirror has no list.
const KNOWN: [&str; 24] = [
    "AlmaLinux",
    "Alpaquita",
    "Alpine",
    "Azure Linux",
    "Bitnami",
    "Chainguard",
    "Debian",
    "Go",
    "Mageia",
    "Maven",
    "MinimOS",
    "NuGet",
    "Packagist",
    "PyPI",
    "Red Hat",
    "Rocky Linux",
    "RubyGems",
    "SUSE",
    "Ubuntu",
    "Wolfi",
    "crates.io",
    "npm",
    "openEuler",
    "openSUSE",
];

fn folders(base: &Path) -> Result<Vec<String>, FeedError> {
    let entries = std::fs::read_dir(base).map_err(FeedError::read(base))?;
    Ok(entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect())
}

type Check<'c> = &'c dyn Fn(&[u8]) -> Result<(), IntelError>;

/// Fetches one file of intelligence; one that cannot be read is not
/// taken.
fn update_intel(
    depot: &Depot,
    origin: &Origin<'_>,
    name: &str,
    url: &Url,
    check: Check<'_>,
    progress: &dyn Progress,
) -> Result<bool, FeedError> {
    let (path, tag_path) = (depot.intel(name), depot.intel(&format!("{name}.etag")));
    let tag = std::fs::read_to_string(&tag_path).ok();
    let tag = tag.as_deref().filter(|_| path.is_file());
    progress.report(Event::Started {
        source: name,
        bytes: None,
    });
    let is_new = match origin.get(url, tag, MAX_INTEL_BYTES)? {
        Answer::NotModified => false,
        Answer::Missing => {
            return Err(FeedError::Status {
                name: url.to_string(),
                status: 404,
            });
        }
        Answer::New(bytes, tag) => {
            check(&bytes).map_err(|error| FeedError::Hostile {
                path: url.as_str().into(),
                reason: format!("cannot be used: {}", chain(&error)),
            })?;
            depot.write(&path, &bytes)?;
            depot.write(&tag_path, tag.unwrap_or_default().as_bytes())?;
            true
        }
    };
    progress.report(Event::Done {
        source: name,
        changed: is_new,
    });
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_addresses_parse() {
        let options = UpdateOptions::default();
        assert_eq!(options.base_url.as_str(), BASE);
        assert!(options.epss_url.is_some() && options.kev_url.is_some());
    }

    #[test]
    fn every_ecosystem_asked_for_can_be_ordered() {
        for name in KNOWN {
            assert!(Ecosystem::new(name).version_scheme().is_some(), "{name}");
        }
    }
}
