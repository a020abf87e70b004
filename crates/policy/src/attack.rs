//! MITRE ATT&CK for containers: the matrix, as content.
//!
//! `content/attack/containers.csv` lists one technique under one tactic
//! a line, tactics in the order an attack goes. Ids, names and addresses
//! are MITRE's (© The MITRE Corporation, used under its terms of use).

use std::sync::LazyLock;

use serde::Deserialize;

const CSV: &str = include_str!("../../../content/attack/containers.csv");

/// The version of ATT&CK the ids are of.
pub const VERSION: &str = "18";

/// The matrix: tactics in the order an attack goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    pub tactics: Vec<Tactic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tactic {
    /// `TA0002`
    pub id: String,
    /// `initial-access`: as findings carry it.
    pub slug: String,
    pub name: String,
    pub techniques: Vec<Technique>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technique {
    /// `T1053.007`
    pub id: String,
    /// Without the name of what it is part of.
    pub name: String,
    pub url: String,
}

impl Technique {
    /// The technique it is part of.
    pub fn parent(&self) -> Option<&str> {
        self.id.split_once('.').map(|(parent, _)| parent)
    }
}

impl Matrix {
    /// Whether a technique is in it.
    pub fn knows(&self, technique: &str) -> bool {
        self.tactics
            .iter()
            .flat_map(|tactic| &tactic.techniques)
            .any(|known| known.id == technique)
    }
}

#[derive(Deserialize)]
struct Line {
    tactic_id: String,
    tactic: String,
    technique_id: String,
    technique: String,
    url: String,
}

/// The matrix for containers.
pub fn matrix() -> &'static Matrix {
    static MATRIX: LazyLock<Matrix> =
        LazyLock::new(|| read(CSV).expect("invariant: a test reads the matrix before a release"));
    &MATRIX
}

fn read(text: &str) -> Result<Matrix, csv::Error> {
    let mut tactics: Vec<Tactic> = Vec::new();
    for line in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let line: Line = line?;
        if tactics.last().is_none_or(|last| last.id != line.tactic_id) {
            tactics.push(Tactic {
                id: line.tactic_id,
                slug: line.tactic.to_lowercase().replace(' ', "-"),
                name: line.tactic,
                techniques: Vec::new(),
            });
        }
        let name = match line.technique.split_once(": ") {
            Some((_, name)) if line.technique_id.contains('.') => name.to_owned(),
            _ => line.technique,
        };
        if let Some(tactic) = tactics.last_mut() {
            tactic.techniques.push(Technique {
                id: line.technique_id,
                name,
                url: line.url,
            });
        }
    }
    Ok(Matrix { tactics })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_has_every_tactic_once_in_the_order_of_an_attack() {
        let slugs: Vec<&str> = matrix()
            .tactics
            .iter()
            .map(|tactic| tactic.slug.as_str())
            .collect();
        assert_eq!(
            slugs,
            [
                "initial-access",
                "execution",
                "persistence",
                "privilege-escalation",
                "defense-evasion",
                "credential-access",
                "discovery",
                "lateral-movement",
                "impact"
            ]
        );
        for tactic in &matrix().tactics {
            let mut ids: Vec<_> = tactic.techniques.iter().map(|known| &known.id).collect();
            ids.dedup();
            assert_eq!(ids.len(), tactic.techniques.len(), "{}", tactic.name);
            for technique in &tactic.techniques {
                let path = technique.id.replace('.', "/");
                assert_eq!(
                    technique.url,
                    format!("https://attack.mitre.org/techniques/{path}")
                );
            }
        }
        assert!(matrix().knows("T1611"));
        assert!(!matrix().knows("T9999"));
    }

    #[test]
    fn a_part_goes_by_its_own_name() {
        let parts: Vec<_> = matrix()
            .tactics
            .iter()
            .flat_map(|tactic| &tactic.techniques)
            .filter(|technique| technique.id == "T1059.013")
            .collect();
        assert_eq!(parts[0].name, "Container CLI/API");
        assert_eq!(parts[0].parent(), Some("T1059"));
    }
}
