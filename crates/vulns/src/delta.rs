//! What a new generation says otherwise than the one before it.
//!
//! Both carry marks of what they say of each package name and of each
//! vulnerability, so telling them apart reads neither's rules, only of
//! the names that differ. What cannot be told this way is said, and then
//! everything must be matched again.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt, thread,
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
        causes(
            &by_record(&old.generation, &self.key),
            &by_record(&new.generation, &self.key),
        )
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
        // Two walks through two files, neither of which needs the other.
        let (keys, vulnerabilities) = thread::scope(|scope| {
            let keys = scope.spawn(|| keys(old, new));
            let vulnerabilities = vulnerabilities(old, new);
            (keys.join(), vulnerabilities)
        });
        Ok(Self {
            keys: keys.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            vulnerabilities,
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

/// A key lies in the same slot of both tables unless they differ in size
/// or a neighbour took its place, so that most are told apart without
/// hashing them again.
fn keys(old: &Generation, new: &Generation) -> Vec<KeyChange> {
    let mut changed = Vec::new();
    let mut in_both = 0;
    for (place, slot) in new.keys() {
        let before = old.slot_like(new, place, &slot);
        in_both += usize::from(before.is_some());
        if before.is_none_or(|before| old.key_mark(before) != new.key_mark(place)) {
            changed.push(new.string(slot.key));
        }
    }
    if in_both < old.keys().count() {
        for (place, slot) in old.keys() {
            if new.slot_like(old, place, &slot).is_none() {
                changed.push(old.string(slot.key));
            }
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

/// What two generations do not share of one key.
#[derive(Debug)]
pub(crate) struct Differing {
    /// Rules of advisories that say something else.
    pub(crate) old: Vec<Rule>,
    pub(crate) new: Vec<Rule>,
    /// These advisories.
    pub(crate) causes: Vec<Cause>,
}

impl KeyChange {
    pub(crate) fn differing(&self, old: &Generation, new: &Generation) -> Differing {
        let (before, after) = (by_record(old, &self.key), by_record(new, &self.key));
        let of = |generation: &Generation| {
            let mut rules = generation.rules(&self.key);
            rules.retain(|rule| {
                let record = generation.record(rule.record);
                let id = record.map_or("", |record| generation.string(record.id));
                before.get(id) != after.get(id)
            });
            rules
        };
        Differing {
            old: of(old),
            new: of(new),
            causes: causes(&before, &after),
        }
    }
}

/// The advisories that differ between what each says.
fn causes(before: &BTreeMap<&str, u64>, after: &BTreeMap<&str, u64>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (record, said) in after {
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

fn name_of(generation: &Generation, row: u32) -> &[u8] {
    generation.bytes(generation.vulnerability(row).map_or(0, |row| row.id))
}

/// Rows are sorted by id in both.
fn vulnerabilities(old: &Generation, new: &Generation) -> Vec<VulnerabilityId> {
    let id = |generation: &Generation, row: u32| {
        generation
            .vulnerability(row)
            .map(|row| VulnerabilityId::new(generation.string(row.id)))
    };
    let (mut a, mut b) = (0, 0);
    let (ends_a, ends_b) = (old.vulnerability_count(), new.vulnerability_count());
    let mut changed = Vec::new();
    while a < ends_a || b < ends_b {
        let order = if a == ends_a {
            Ordering::Greater
        } else if b == ends_b {
            Ordering::Less
        } else {
            name_of(old, a).cmp(name_of(new, b))
        };
        match order {
            Ordering::Less => {
                changed.extend(id(old, a));
                a += 1;
            }
            Ordering::Greater => {
                changed.extend(id(new, b));
                b += 1;
            }
            Ordering::Equal => {
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
    fn tables_of_different_sizes_are_told_apart_by_what_is_in_them() {
        let record = |number: usize| {
            let fixed = format!("{}.0.0", number % 7 + 1);
            record(
                &format!("CVE-1-{number}"),
                &format!("p{number}"),
                &fixed,
                "words",
            )
        };
        let records: Vec<String> = (0..300).map(record).collect();
        let texts = |from: usize, to: usize| -> Vec<&str> {
            records[from..to].iter().map(String::as_str).collect()
        };
        for (a, b) in [
            ((0, 300), (290, 300)),
            ((0, 10), (5, 200)),
            ((0, 99), (99, 300)),
        ] {
            let (old, new) = (database(&texts(a.0, a.1)), database(&texts(b.0, b.1)));
            let delta = Delta::between(&old, &new).unwrap();
            let mut expected: Vec<String> = (a.0..a.1)
                .filter(|number| !(b.0..b.1).contains(number))
                .chain((b.0..b.1).filter(|number| !(a.0..a.1).contains(number)))
                .map(|number| format!("p{number}"))
                .collect();
            expected.sort();
            let names: Vec<&str> = delta.keys.iter().map(KeyChange::name).collect();
            assert_eq!(names, expected);
            assert_eq!(delta.vulnerabilities.len(), expected.len());
        }
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
