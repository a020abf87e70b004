//! One line for each control and check that answers it.

use std::{borrow::Cow, io};

use super::Assessed;
use crate::csv::write_line;

const HEADER: &[&str] = &[
    "standard",
    "control",
    "title",
    "level",
    "state",
    "check",
    "check_title",
    "severity",
    "healthy",
    "affected",
    "exempted",
    "attested_by",
    "attested",
    "attested_until",
    "note",
    "first_affected",
];

pub(super) fn write(assessed: &Assessed, out: &mut dyn io::Write) -> io::Result<()> {
    write_line(HEADER.iter().map(|&name| Cow::Borrowed(name)), out)?;
    for control in &assessed.controls {
        let checks = control.checks.iter().map(Some);
        let lines: Vec<_> = match control.checks.len() {
            0 => vec![None],
            _ => checks.collect(),
        };
        for check in lines {
            let count = |of: fn(&super::Check) -> u64| {
                check.map_or_else(String::new, |check| of(check).to_string())
            };
            let word = control.word.as_ref();
            let affected = control
                .evidence
                .iter()
                .find(|evidence| check.is_some_and(|check| check.id == evidence.check));
            let cells: [String; 16] = [
                assessed.id.clone(),
                control.id.clone(),
                control.title.clone(),
                control
                    .level
                    .map_or_else(String::new, |level| level.to_string()),
                control.state.word().to_owned(),
                check.map_or_else(String::new, |check| check.id.clone()),
                check.map_or_else(String::new, |check| check.title.clone()),
                check.map_or_else(String::new, |check| check.severity.to_string()),
                count(|check| check.healthy),
                count(|check| check.affected),
                count(|check| check.exempted),
                word.map_or_else(String::new, |word| word.by.clone()),
                word.map_or_else(String::new, |word| word.made.to_string()),
                word.map_or_else(String::new, |word| word.expires.to_string()),
                word.map_or_else(String::new, |word| word.note.clone()),
                affected.map_or_else(String::new, |evidence| {
                    format!("{}: {}", evidence.asset, evidence.summary)
                }),
            ];
            write_line(cells.into_iter().map(Cow::Owned), out)?;
        }
    }
    Ok(())
}
