//! Where everything lies in a generation file, said once for writer and
//! reader.
//!
//! ```text
//! header    256 bytes: magic, version, length, section table, checksum
//! prose     zstd blocks of advisory text, in the order of compilation
//! meta      JSON: what the database knows, for people
//! strings   u16 length + bytes each; a reference is an offset; 0 is ""
//! keys      hash table: ecosystem NUL name -> a run of rules
//! rules, records, vulnerabilities, names, lists, blocks: fixed rows
//! marks     what tells one key or vulnerability from the same of another
//!           generation without reading it
//! ```
//!
//! Numbers are little-endian; every row is a whole number of `u32`s.

use jiff::civil::Date;
use model::{AffectedState, Severity};

pub(crate) const MAGIC: [u8; 8] = *b"SEAWALLG";
/// Grows with every change of layout; an older file is compiled anew.
pub(crate) const VERSION: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 256;
pub(crate) const CHECKSUM_AT: usize = HEADER_BYTES - 8;
pub(crate) const TABLE_AT: usize = 24;
/// "No reference", where 0 is one.
pub(crate) const NONE: u32 = u32::MAX;

/// The parts of the file, in the order of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Meta,
    Prose,
    Blocks,
    Strings,
    Keys,
    Rules,
    Records,
    Vulnerabilities,
    Names,
    Lists,
    /// Beside [`Section::Keys`]; a file from before there were any has
    /// none, and is read all the same.
    KeyMarks,
    /// Beside [`Section::Vulnerabilities`].
    VulnerabilityMarks,
}

pub(crate) const SECTIONS: usize = 12;

/// How a rule's upper end is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// No upper end.
    Open,
    /// Up to, not including: the version that mends it.
    Fixed,
    /// Up to, not including: where this statement ends.
    Limit,
    /// Up to and including.
    LastAffected,
    /// Exactly the versions listed.
    Versions,
}

/// One row of [`Section::Rules`]: these versions of the key's package
/// are affected by what the record covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) record: u32,
    /// String; 0 is "from the first version on".
    pub(crate) introduced: u32,
    /// String, or for [`Bound::Versions`] the start of a list of them.
    pub(crate) upper: u32,
    /// Of [`Bound::Versions`]: the list's length.
    pub(crate) count: u32,
    pub(crate) flags: RuleFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleFlags {
    pub(crate) bound: Bound,
    /// What the publisher says where no fixed version is named.
    pub(crate) state: AffectedState,
    /// The publisher's own rating of this vulnerability in this package.
    pub(crate) severity: Severity,
}

impl RuleFlags {
    pub(crate) fn pack(self) -> u32 {
        let bound = match self.bound {
            Bound::Open => 0,
            Bound::Fixed => 1,
            Bound::Limit => 2,
            Bound::LastAffected => 3,
            Bound::Versions => 4,
        };
        let state = match self.state {
            AffectedState::Unfixed => 0,
            AffectedState::Fixed => 1,
            AffectedState::WillNotFix => 2,
            AffectedState::UnderInvestigation => 3,
            AffectedState::NotAffected => 4,
        };
        bound | state << 3 | pack_severity(self.severity) << 6
    }

    pub(crate) fn unpack(word: u32) -> Self {
        Self {
            bound: match word & 7 {
                0 => Bound::Open,
                1 => Bound::Fixed,
                2 => Bound::Limit,
                3 => Bound::LastAffected,
                _ => Bound::Versions,
            },
            state: match word >> 3 & 7 {
                1 => AffectedState::Fixed,
                2 => AffectedState::WillNotFix,
                3 => AffectedState::UnderInvestigation,
                4 => AffectedState::NotAffected,
                _ => AffectedState::Unfixed,
            },
            severity: unpack_severity(word >> 6 & 7),
        }
    }
}

pub(crate) fn pack_severity(severity: Severity) -> u32 {
    match severity {
        Severity::Unknown => 0,
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

pub(crate) fn unpack_severity(word: u32) -> Severity {
    match word {
        1 => Severity::Info,
        2 => Severity::Low,
        3 => Severity::Medium,
        4 => Severity::High,
        5 => Severity::Critical,
        _ => Severity::Unknown,
    }
}

/// A fixed-size row of `N` numbers.
pub(crate) trait Row<const N: usize>: Sized {
    const SECTION: Section;
    fn to_words(&self) -> [u32; N];
    fn from_words(words: [u32; N]) -> Self;
}

impl Row<5> for Rule {
    const SECTION: Section = Section::Rules;

    fn to_words(&self) -> [u32; 5] {
        [
            self.record,
            self.introduced,
            self.upper,
            self.count,
            self.flags.pack(),
        ]
    }

    fn from_words([record, introduced, upper, count, flags]: [u32; 5]) -> Self {
        Self {
            record,
            introduced,
            upper,
            count,
            flags: RuleFlags::unpack(flags),
        }
    }
}

/// A slot of the hash table [`Section::Keys`]; empty when `count` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeySlot {
    /// String: the key itself.
    pub(crate) key: u32,
    /// Upper half of its hash, to pass over strangers cheaply.
    pub(crate) hash: u32,
    pub(crate) start: u32,
    pub(crate) count: u32,
}

impl Row<4> for KeySlot {
    const SECTION: Section = Section::Keys;

    fn to_words(&self) -> [u32; 4] {
        [self.key, self.hash, self.start, self.count]
    }

    fn from_words([key, hash, start, count]: [u32; 4]) -> Self {
        Self {
            key,
            hash,
            start,
            count,
        }
    }
}

/// One advisory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordRow {
    pub(crate) id: u32,
    /// List of vulnerabilities it covers.
    pub(crate) start: u32,
    pub(crate) count: u32,
    /// Where its prose lies.
    pub(crate) block: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

impl Row<6> for RecordRow {
    const SECTION: Section = Section::Records;

    fn to_words(&self) -> [u32; 6] {
        [
            self.id,
            self.start,
            self.count,
            self.block,
            self.offset,
            self.length,
        ]
    }

    fn from_words([id, start, count, block, offset, length]: [u32; 6]) -> Self {
        Self {
            id,
            start,
            count,
            block,
            offset,
            length,
        }
    }
}

/// One vulnerability. Rows are sorted by id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VulnerabilityRow {
    pub(crate) id: u32,
    pub(crate) severity: Severity,
    /// List of the records that speak of it.
    pub(crate) records: (u32, u32),
    /// List of its other names, as strings.
    pub(crate) names: (u32, u32),
    /// Score and percentile; a negative score is none.
    pub(crate) epss: (f32, f32),
    /// Days since 1970; `None` when not in the catalogue.
    pub(crate) kev_added: Option<u32>,
    pub(crate) kev_due: Option<u32>,
    pub(crate) kev_ransomware: bool,
}

impl Row<10> for VulnerabilityRow {
    const SECTION: Section = Section::Vulnerabilities;

    fn to_words(&self) -> [u32; 10] {
        [
            self.id,
            pack_severity(self.severity) | u32::from(self.kev_ransomware) << 3,
            self.records.0,
            self.records.1,
            self.names.0,
            self.names.1,
            self.epss.0.to_bits(),
            self.epss.1.to_bits(),
            self.kev_added.unwrap_or(NONE),
            self.kev_due.unwrap_or(NONE),
        ]
    }

    fn from_words(words: [u32; 10]) -> Self {
        let [id, flags, r0, r1, n0, n1, score, percentile, added, due] = words;
        let day = |word: u32| (word != NONE).then_some(word);
        Self {
            id,
            severity: unpack_severity(flags & 7),
            records: (r0, r1),
            names: (n0, n1),
            epss: (f32::from_bits(score), f32::from_bits(percentile)),
            kev_added: day(added),
            kev_due: day(due),
            kev_ransomware: flags & 8 != 0,
        }
    }
}

/// A name and the vulnerability it means. Rows are sorted by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameRow {
    pub(crate) name: u32,
    pub(crate) vulnerability: u32,
}

impl Row<2> for NameRow {
    const SECTION: Section = Section::Names;

    fn to_words(&self) -> [u32; 2] {
        [self.name, self.vulnerability]
    }

    fn from_words([name, vulnerability]: [u32; 2]) -> Self {
        Self {
            name,
            vulnerability,
        }
    }
}

/// What is said of a key, or of a vulnerability, as one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) u64);

impl Mark {
    pub(crate) fn to_words(self) -> [u32; 2] {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the two halves of the number"
        )]
        let halves = [self.0 as u32, (self.0 >> 32) as u32];
        halves
    }
}

/// A compressed block of prose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockRow {
    /// From the start of [`Section::Prose`].
    pub(crate) offset: u64,
    pub(crate) packed: u32,
    pub(crate) unpacked: u32,
}

impl Row<4> for BlockRow {
    const SECTION: Section = Section::Blocks;

    fn to_words(&self) -> [u32; 4] {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the two halves of the offset"
        )]
        let halves = [self.offset as u32, (self.offset >> 32) as u32];
        [halves[0], halves[1], self.packed, self.unpacked]
    }

    fn from_words([low, high, packed, unpacked]: [u32; 4]) -> Self {
        Self {
            offset: u64::from(low) | u64::from(high) << 32,
            packed,
            unpacked,
        }
    }
}

/// The hash under which a key is filed.
pub(crate) fn hash(key: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key.as_bytes())
}

/// Where the search for a hash begins in a table of `capacity` slots.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the remainder is below the capacity, which is a usize"
)]
pub(crate) fn slot(hash: u64, capacity: usize) -> usize {
    (hash % capacity as u64) as usize
}

/// The part of a hash kept in its slot.
pub(crate) fn hash_tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// Days since 1970; `None` for what came before.
pub(crate) fn day_number(date: Date) -> Option<u32> {
    u32::try_from(EPOCH.until(date).ok()?.get_days()).ok()
}

/// The date of a day number.
pub(crate) fn date(day: u32) -> Option<Date> {
    let days = jiff::Span::new().try_days(i64::from(day)).ok()?;
    EPOCH.checked_add(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_back_as_written() {
        use AffectedState::{Fixed, NotAffected, UnderInvestigation, Unfixed, WillNotFix};
        for bound in [
            Bound::Open,
            Bound::Fixed,
            Bound::Limit,
            Bound::LastAffected,
            Bound::Versions,
        ] {
            for state in [Unfixed, Fixed, WillNotFix, UnderInvestigation, NotAffected] {
                for severity in Severity::WORST_FIRST {
                    let flags = RuleFlags {
                        bound,
                        state,
                        severity,
                    };
                    assert_eq!(RuleFlags::unpack(flags.pack()), flags);
                }
            }
        }
    }
}
