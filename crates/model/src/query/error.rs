//! What cannot be understood, where it stands, and what was perhaps
//! meant.

use std::{error::Error, fmt};

use super::Place;

/// One part of a query that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryError {
    pub message: String,
    pub place: Place,
    /// What to put there instead.
    pub suggestion: Option<String>,
}

/// Everything about a query that cannot be read, in the order it stands
/// there; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryErrors(pub Vec<QueryError>);

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean {suggestion}?")?;
        }
        Ok(())
    }
}

impl fmt::Display for QueryErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "at {}: {error}", error.place.start + 1)?;
        }
        Ok(())
    }
}

impl Error for QueryErrors {}

/// The longest word that is worth comparing with ours.
const LONGEST: usize = 32;

/// The word somebody was probably about to write.
pub(super) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word: Vec<char> = word.to_ascii_lowercase().chars().collect();
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let allowed = (word.len() / 3).clamp(1, 3);
    known
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed && *distance < candidate.chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, dropped, replaced or swapped with
/// their neighbour. What continues the word counts as one letter.
fn distance(word: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().collect();
    if word.len() >= 3 && candidate.starts_with(word) {
        return 1;
    }
    let width = candidate.len() + 1;
    let mut before = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    for (row, letter) in word.iter().enumerate() {
        let mut current = vec![row + 1; width];
        for (column, other) in candidate.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0
                && column > 0
                && word[row - 1] == *other
                && candidate[column - 1] == *letter;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            current[column + 1] = best;
        }
        before = std::mem::replace(&mut above, current);
    }
    above[width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_word() {
        let known = || ["severity", "state", "package", "repository"].into_iter();
        assert_eq!(nearest("sevrity", known()), Some("severity"));
        assert_eq!(nearest("sate", known()), Some("state"));
        assert_eq!(nearest("pakcage", known()), Some("package"));
        assert_eq!(nearest("Repo", known()), Some("repository"));
        assert_eq!(nearest("nginx", known()), None);
        assert_eq!(nearest(&"s".repeat(5000), known()), None);
    }
}
