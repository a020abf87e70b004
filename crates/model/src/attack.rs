//! MITRE ATT&CK's tactics: what an attacker is after, in the order of
//! the matrix.

use serde::{Deserialize, Serialize};

/// The tactics' short names. The order is that of the stored bits and
/// never changes.
pub const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// A set of tactics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tactics(u16);

impl Tactics {
    /// The tactics named; `execution`, `Execution` and `command_and_control`
    /// are understood, unknown words are left out.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = Self::default();
        for name in names {
            let name = name.trim().to_ascii_lowercase().replace([' ', '_'], "-");
            if let Some(place) = TACTICS.iter().position(|known| *known == name) {
                set.0 |= 1 << place;
            }
        }
        set
    }

    /// The number the set has in the record.
    pub fn bits(self) -> u16 {
        self.0
    }

    pub fn from_bits(bits: u16) -> Self {
        Self(bits & ((1 << TACTICS.len()) - 1))
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names, in the matrix's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        TACTICS
            .into_iter()
            .enumerate()
            .filter(move |(place, _)| self.0 & (1 << place) != 0)
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_what_it_was_made_of() {
        let set = Tactics::named(["Execution", "command_and_control", "nonsense"]);
        let names: Vec<_> = set.names().collect();
        assert_eq!(names, ["execution", "command-and-control"]);
        assert_eq!(Tactics::from_bits(set.bits()), set);
        assert_eq!(Tactics::from_bits(u16::MAX).names().count(), TACTICS.len());
    }
}
