//! Marks: what a generation says of a key, or of a vulnerability, as one
//! number each.
//!
//! Two generations are compared by them: where the marks are the same,
//! the matcher says the same. A mark is a sum over parts hashed by their
//! texts, so that it depends neither on the order in which records came
//! nor on where strings lie.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    layout::{Bound, KeySlot, Mark, Rule, VulnerabilityRow, pack_severity},
    link::run,
    write::{DraftRule, Drafts},
};

/// What the marks are made of.
pub(super) struct Marks<'d> {
    drafts: &'d Drafts,
    vulnerabilities: &'d [VulnerabilityRow],
    /// Of a record: what it covers, as the matcher needs it.
    covers: Vec<u64>,
    /// Of a vulnerability: its texts.
    texts: Vec<u64>,
    /// Of a vulnerability: its names, and how bad it is.
    standing: Vec<u64>,
}

impl<'d> Marks<'d> {
    pub(super) fn of(
        drafts: &'d Drafts,
        covered: &[Vec<u32>],
        names: &[Vec<u32>],
        vulnerabilities: &'d [VulnerabilityRow],
    ) -> Self {
        let standing: Vec<u64> = vulnerabilities
            .iter()
            .zip(names)
            .map(|(row, names)| {
                let mut hasher = Xxh3::new();
                hasher.update(&pack_severity(row.severity).to_le_bytes());
                for &name in names {
                    part(&mut hasher, drafts.strings.get(name));
                }
                hasher.digest()
            })
            .collect();
        let mut texts = vec![0_u64; vulnerabilities.len()];
        let mut covers = vec![0_u64; drafts.records.len()];
        for (index, vulnerabilities) in covered.iter().enumerate() {
            let record = &drafts.records[index];
            if !record.is_alive {
                continue;
            }
            let mut hasher = Xxh3::new();
            part(&mut hasher, drafts.strings.get(record.id));
            hasher.update(&record.place.mark.to_le_bytes());
            hasher.update(&vulnerabilities.len().to_le_bytes());
            let text = hasher.digest();
            for &vulnerability in vulnerabilities {
                let vulnerability = vulnerability as usize;
                texts[vulnerability] = texts[vulnerability].wrapping_add(text);
                covers[index] = covers[index].wrapping_add(standing[vulnerability]);
            }
        }
        Self {
            drafts,
            vulnerabilities,
            covers,
            texts,
            standing,
        }
    }

    /// Beside the slots of the hash table; `rules` are sorted by key and
    /// still name records as drafts.
    pub(super) fn of_keys(&self, rules: &[DraftRule], slots: &[KeySlot]) -> Vec<Mark> {
        slots
            .iter()
            .map(|slot| {
                let start = slot.start as usize;
                let rules = rules.get(start..start + slot.count as usize);
                let sum = rules
                    .unwrap_or_default()
                    .iter()
                    .fold(0, |sum: u64, rule| sum.wrapping_add(self.of_rule(rule)));
                Mark(sum)
            })
            .collect()
    }

    fn of_rule(&self, draft: &DraftRule) -> u64 {
        let strings = &self.drafts.strings;
        let rule = &draft.rule;
        let record = &self.drafts.records[rule.record as usize];
        let listed = run(&self.drafts.lists, (rule.upper, rule.count));
        let listed = listed.iter().map(|&version| strings.get(version));
        let covers = self.covers[rule.record as usize];
        of_rule(
            rule,
            strings.get(record.id),
            covers,
            |text| strings.get(text),
            listed,
        )
    }

    /// Beside the rows of vulnerabilities.
    pub(super) fn of_vulnerabilities(&self) -> Vec<Mark> {
        self.vulnerabilities
            .iter()
            .zip(&self.texts)
            .zip(&self.standing)
            .map(|((row, texts), standing)| {
                let mut hasher = Xxh3::new();
                hasher.update(&texts.to_le_bytes());
                hasher.update(&standing.to_le_bytes());
                hasher.update(&row.epss.0.to_bits().to_le_bytes());
                hasher.update(&row.epss.1.to_bits().to_le_bytes());
                for day in [row.kev_added, row.kev_due] {
                    hasher.update(&day.map_or(u64::MAX, u64::from).to_le_bytes());
                }
                hasher.update(&[u8::from(row.kev_ransomware)]);
                Mark(hasher.digest())
            })
            .collect()
    }
}

/// What one rule says, whatever file it is in. `listed` are its versions
/// where it has a list of them.
pub(crate) fn of_rule<'s>(
    rule: &Rule,
    record: &str,
    covers: u64,
    string: impl Fn(u32) -> &'s str,
    listed: impl Iterator<Item = &'s str>,
) -> u64 {
    let mut hasher = Xxh3::new();
    part(&mut hasher, record);
    hasher.update(&covers.to_le_bytes());
    hasher.update(&rule.flags.pack().to_le_bytes());
    part(&mut hasher, string(rule.introduced));
    if rule.flags.bound == Bound::Versions {
        let sum = listed.fold(0, |sum: u64, version| {
            sum.wrapping_add(xxh3_64(version.as_bytes()))
        });
        hasher.update(&sum.to_le_bytes());
    } else {
        part(&mut hasher, string(rule.upper));
    }
    hasher.digest()
}

fn part(hasher: &mut Xxh3, text: &str) {
    hasher.update(&text.len().to_le_bytes());
    hasher.update(text.as_bytes());
}
