//! What a new generation says otherwise than the one before it.
//!
//! Both carry marks of what they say of each package name and of each
//! vulnerability, so telling them apart reads neither's rules, only of
//! the names that differ. What cannot be told this way is said, and then
//! everything must be matched again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use model::VulnerabilityId;

use crate::{
    Database,
    generation::{Generation, layout::Rule, mark},
    names,
};

/// What changed from one generation to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Package names about which something else is said.
    pub keys: Vec<KeyChange>,
    /// Vulnerabilities that came, went, or of which something else is
    /// known: words, scores, whether it is exploited.
    pub vulnerabilities: Vec<VulnerabilityId>,
}

/// One package name in one ecosystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// `ecosystem NUL name`, both canonical.
    pub(crate) key: String,
}

/// An advisory that says something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    pub advisory: String,
    pub how: How,
}

/// What became of an advisory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    Added,
    Changed,
    Withdrawn,
}

impl How {
    fn verb(self) -> &'static str {
        match self {
            Self::Added => "came",
            Self::Changed => "changed",
            Self::Withdrawn => "was withdrawn",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.advisory, self.how.verb())
    }
}

/// Why two generations cannot be told apart by their marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    #[error("one of the two was made by an older program, which wrote no marks")]
    NoMarks,
    #[error("they do not speak of the same ecosystems")]
    Ecosystems,
}

impl KeyChange {
    /// The ecosystem, as advisories spell it.
    pub fn ecosystem(&self) -> &str {
        self.key.split('\0').next().unwrap_or_default()
    }

    /// The advisories that say something else, by id.
    pub fn causes(&self, old: &Database, new: &Database) -> Vec<Cause> {
        causes(&old.generation, &new.generation, &self.key)
    }

    /// The package's name.
    pub fn name(&self) -> &str {
        self.key.split_once('\0').map_or("", |(_, name)| name)
    }
}

impl Delta {
    /// Compares two generations.
    pub fn between(old: &Database, new: &Database) -> Result<Self, Untold> {
        let (old, new) = (&*old.generation, &*new.generation);
        if !old.has_marks() || !new.has_marks() {
            return Err(Untold::NoMarks);
        }
        // Which distributions are spoken of decides who answers for the
        // language packages they own.
        if ecosystems(old) != ecosystems(new)
            || old.status().starter_only != new.status().starter_only
        {
            return Err(Untold::Ecosystems);
        }
        Ok(Self {
            keys: keys(old, new),
            vulnerabilities: vulnerabilities(old, new),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.vulnerabilities.is_empty()
    }
}

fn ecosystems(generation: &Generation) -> BTreeSet<String> {
    let sources = generation.status().sources.iter();
    sources
        .map(|source| names::ecosystem(&source.ecosystem).into_owned())
        .collect()
}

fn keys(old: &Generation, new: &Generation) -> Vec<KeyChange> {
    let mut changed = Vec::new();
    for (place, slot) in new.keys() {
        let key = new.string(slot.key);
        let before = old.slot_of(key);
        if before.is_some_and(|before| old.key_mark(before) == new.key_mark(place)) {
            continue;
        }
        changed.push(key);
    }
    for (_, slot) in old.keys() {
        let key = old.string(slot.key);
        if new.slot_of(key).is_none() {
            changed.push(key);
        }
    }
    changed.sort_unstable();
    let changed = changed.into_iter();
    changed
        .map(|key| KeyChange {
            key: key.to_owned(),
        })
        .collect()
}

/// The advisories that differ under one key.
fn causes(old: &Generation, new: &Generation, key: &str) -> Vec<Cause> {
    let (before, after) = (by_record(old, key), by_record(new, key));
    let mut causes = Vec::new();
    for (record, said) in &after {
        let how = match before.get(record) {
            None => How::Added,
            Some(before) if before != said => How::Changed,
            Some(_) => continue,
        };
        causes.push(Cause {
            advisory: (*record).to_owned(),
            how,
        });
    }
    for record in before.keys().filter(|record| !after.contains_key(*record)) {
        causes.push(Cause {
            advisory: (*record).to_owned(),
            how: How::Withdrawn,
        });
    }
    causes
}

/// What each record says under a key.
fn by_record<'g>(generation: &'g Generation, key: &str) -> BTreeMap<&'g str, u64> {
    let mut said: BTreeMap<&str, u64> = BTreeMap::new();
    for rule in generation.rules(key) {
        let Some(record) = generation.record(rule.record) else {
            continue;
        };
        let id = generation.string(record.id);
        let sum = said.entry(id).or_default();
        *sum = sum.wrapping_add(of_rule(generation, &rule, id));
    }
    said
}

fn of_rule(generation: &Generation, rule: &Rule, id: &str) -> u64 {
    let row = generation.record(rule.record);
    let covered = row
        .into_iter()
        .flat_map(|row| generation.list(row.start, row.count));
    let covers = covered
        .filter_map(|index| generation.vulnerability(index))
        .fold(0, |sum: u64, row| {
            let names = generation.list(row.names.0, row.names.1);
            let names = names.fold(0, |sum: u64, name| {
                sum.wrapping_add(number_of(generation.string(name)))
            });
            let id = number_of(generation.string(row.id));
            sum.wrapping_add(id.rotate_left(row.severity as u32) ^ names)
        });
    let listed = generation
        .list(rule.upper, rule.count)
        .map(|version| generation.string(version));
    mark::of_rule(rule, id, covers, |text| generation.string(text), listed)
}

fn number_of(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// Rows are sorted by id in both.
fn vulnerabilities(old: &Generation, new: &Generation) -> Vec<VulnerabilityId> {
    let id = |generation: &Generation, row: u32| {
        generation
            .vulnerability(row)
            .map(|row| VulnerabilityId::new(generation.string(row.id)))
    };
    let text =
        |generation: &Generation, row: u32| generation.vulnerability(row).map_or(0, |row| row.id);
    let (mut a, mut b) = (0, 0);
    let (ends_a, ends_b) = (old.vulnerability_count(), new.vulnerability_count());
    let mut changed = Vec::new();
    while a < ends_a || b < ends_b {
        let order = if a == ends_a {
            std::cmp::Ordering::Greater
        } else if b == ends_b {
            std::cmp::Ordering::Less
        } else {
            old.string(text(old, a)).cmp(new.string(text(new, b)))
        };
        match order {
            std::cmp::Ordering::Less => {
                changed.extend(id(old, a));
                a += 1;
            }
            std::cmp::Ordering::Greater => {
                changed.extend(id(new, b));
                b += 1;
            }
            std::cmp::Ordering::Equal => {
                if old.vulnerability_mark(a) != new.vulnerability_mark(b) {
                    changed.extend(id(new, b));
                }
                a += 1;
                b += 1;
            }
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn database(records: &[&str]) -> Database {
        Database::from_records(&[("feed", records)], Timestamp::UNIX_EPOCH).unwrap()
    }

    fn record(id: &str, package: &str, fixed: &str, words: &str) -> String {
        format!(
            r#"{{"id":"{id}","summary":"{words}","affected":[{{"package":{{"ecosystem":"npm",
            "name":"{package}"}},"ranges":[{{"type":"SEMVER","events":[{{"introduced":"0"}},
            {{"fixed":"{fixed}"}}]}}]}}]}}"#
        )
    }

    #[test]
    fn the_order_of_records_changes_nothing() {
        let (a, b) = (
            record("CVE-1-1", "left", "1.0.0", "one"),
            record("CVE-1-2", "right", "2.0.0", "two"),
        );
        let one = database(&[&a, &b]);
        let other = database(&[&b, &a]);
        assert_eq!(Delta::between(&one, &other), Ok(Delta::default()));
    }

    #[test]
    fn a_change_names_the_package_and_its_advisory() {
        let a = record("CVE-1-1", "left", "1.0.0", "one");
        let b = record("CVE-1-2", "right", "2.0.0", "two");
        let later = record("CVE-1-2", "right", "2.0.1", "two");
        let c = record("CVE-1-3", "left", "3.0.0", "three");
        let (old, new) = (database(&[&a, &b]), database(&[&a, &later, &c]));
        let delta = Delta::between(&old, &new).unwrap();
        let told: Vec<(&str, &str, Vec<String>)> = delta
            .keys
            .iter()
            .map(|key| {
                let causes = key.causes(&old, &new);
                let causes = causes.iter().map(ToString::to_string).collect();
                (key.ecosystem(), key.name(), causes)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("npm", "left", vec!["CVE-1-3 came".to_owned()]),
                ("npm", "right", vec!["CVE-1-2 changed".to_owned()]),
            ]
        );
        let ids: Vec<&str> = delta
            .vulnerabilities
            .iter()
            .map(VulnerabilityId::as_str)
            .collect();
        assert_eq!(ids, ["CVE-1-3"]);
    }

    #[test]
    fn words_alone_touch_no_package() {
        let a = record("CVE-1-1", "left", "1.0.0", "one");
        let b = record("CVE-1-1", "left", "1.0.0", "said better");
        let delta = Delta::between(&database(&[&a]), &database(&[&b])).unwrap();
        assert!(delta.keys.is_empty());
        assert_eq!(delta.vulnerabilities.len(), 1);
    }

    #[test]
    fn an_ecosystem_more_is_not_told_by_packages() {
        let a = record("CVE-1-1", "left", "1.0.0", "one");
        let b = a
            .replace("\"npm\"", "\"Debian:12\"")
            .replace("CVE-1-1", "CVE-1-2");
        let outcome = Delta::between(&database(&[&a]), &database(&[&a, &b]));
        assert_eq!(outcome, Err(Untold::Ecosystems));
    }
}
