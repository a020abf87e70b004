//! Text to compare with, with or without wildcards.

/// A text with gaps: `nginx*` is the pieces `nginx` and nothing.
///
/// Comparing ignores the case of the letters a to z and of no others,
/// which is what every database can do alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What is between the wildcards; one piece where there is none.
    /// Only the first and the last may be empty.
    pieces: Vec<String>,
}

/// `label:app=web`: the key alone means that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub key: String,
    pub value: Option<Pattern>,
}

impl Pattern {
    /// This text and no other.
    pub fn exact(text: impl Into<String>) -> Self {
        Self {
            pieces: vec![text.into()],
        }
    }

    /// The pieces of a text between its wildcards.
    pub fn of_pieces(pieces: Vec<String>) -> Self {
        let last = pieces.len().saturating_sub(1);
        let mut kept: Vec<String> = pieces
            .into_iter()
            .enumerate()
            .filter(|(index, piece)| *index == 0 || *index == last || !piece.is_empty())
            .map(|(_, piece)| piece)
            .collect();
        if kept.is_empty() {
            kept.push(String::new());
        }
        Self { pieces: kept }
    }

    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// The text, where there is no wildcard.
    pub fn as_exact(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    /// Nothing but a wildcard.
    pub fn is_any(&self) -> bool {
        self.pieces.len() > 1 && self.pieces.iter().all(String::is_empty)
    }

    /// Whether the whole of `text` is it.
    pub fn matches(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let Some((first, rest)) = self.pieces.split_first() else {
            return text.is_empty();
        };
        let first = first.to_ascii_lowercase();
        let Some((last, middle)) = rest.split_last() else {
            return text == first;
        };
        let Some(text) = text.strip_prefix(&first) else {
            return false;
        };
        let Some(text) = text.strip_suffix(&last.to_ascii_lowercase()) else {
            return false;
        };
        in_order(middle, text)
    }

    /// Whether it is somewhere in `text`.
    pub fn found_in(&self, text: &str) -> bool {
        in_order(&self.pieces, &text.to_ascii_lowercase())
    }
}

/// Whether all pieces follow each other in `text`: taking each as early
/// as can be leaves most room for the next.
fn in_order(pieces: &[String], mut text: &str) -> bool {
    for piece in pieces {
        match text.split_once(&piece.to_ascii_lowercase()) {
            Some((_, rest)) => text = rest,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::of_pieces(text.split('*').map(str::to_owned).collect())
    }

    #[test]
    fn wildcards_stand_for_any_run_of_characters() {
        for (text, yes, no) in [
            (
                "nginx",
                vec!["nginx", "NGINX"],
                vec!["nginx1", "a nginx", ""],
            ),
            ("open*", vec!["open", "openssl"], vec!["libopen"]),
            ("*ssl", vec!["ssl", "openssl"], vec!["openssl3"]),
            ("a*b*c", vec!["abc", "a-b-b-c"], vec!["acb", "ab"]),
            ("a*a", vec!["aa", "aba"], vec!["a"]),
            ("*", vec!["", "anything"], vec![]),
            ("**x**", vec!["x", "axb"], vec!["a"]),
        ] {
            for value in yes {
                assert!(pattern(text).matches(value), "{text} {value}");
            }
            for value in no {
                assert!(!pattern(text).matches(value), "{text} {value}");
            }
        }
    }

    #[test]
    fn only_latin_letters_lose_their_case() {
        assert!(Pattern::exact("Straße").matches("sTRAßE"));
        assert!(!Pattern::exact("É").matches("é"));
        assert!(pattern("rev*shell").found_in("a Reverse Shell was opened"));
        assert!(!pattern("shell*rev").found_in("a reverse shell was opened"));
    }
}
