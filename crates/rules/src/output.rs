//! What a rule says when it matches: text with fields in it.

use crate::{
    ast::Operand,
    parse::{self, SyntaxError},
};

/// A part of an output text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Literal(String),
    /// `%proc.name`, `%tolower(proc.name)`.
    Operand(Operand),
}

/// Takes an output text apart.
///
/// A `%` behind which no field stands is a mistake; the text is read as it
/// is and the mistakes come beside.
pub fn pieces(text: &str) -> (Vec<Piece>, Vec<SyntaxError>) {
    let mut pieces = Vec::new();
    let mut errors = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(percent) = rest.find('%') else {
            literal.push_str(rest);
            break;
        };
        literal.push_str(rest.get(..percent).unwrap_or(""));
        at += percent;
        match parse::operand_at(text, at + 1) {
            Ok((operand, end)) => {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Operand(operand));
                at = end;
            }
            Err(error) => {
                literal.push('%');
                at += 1;
                errors.push(error);
            }
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    (pieces, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (String, usize) {
        let (pieces, errors) = pieces(text);
        let shown: Vec<String> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.clone(),
                Piece::Operand(operand) => format!("<{operand}>"),
            })
            .collect();
        (shown.concat(), errors.len())
    }

    #[test]
    fn fields_are_told_from_text() {
        assert_eq!(
            shown("a=%proc.aname[2] (%fd.name), %toupper(proc.name)."),
            (
                "a=<proc.aname[2]> (<fd.name>), <toupper(proc.name)>.".to_owned(),
                0
            )
        );
        assert_eq!(
            shown("path=%jevt.value[/a/b] ä"),
            ("path=<jevt.value[/a/b]> ä".to_owned(), 0)
        );
        assert_eq!(shown("100% sure"), ("100% sure".to_owned(), 1));
        assert_eq!(shown(""), (String::new(), 0));
        assert_eq!(shown("%"), ("%".to_owned(), 1));
    }
}
