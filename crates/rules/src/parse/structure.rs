//! `or`, `and`, `not`, and what a check is made of.

use super::{KEYWORDS, Parser, SyntaxError, is_blank, is_identifier};
use crate::{
    ast::{Check, Condition, Name, Operand, Operator, Quantifier, Right, Transformer},
    suggest,
};

impl Parser<'_> {
    pub(super) fn or(&mut self) -> Result<Condition, SyntaxError> {
        let mut parts = vec![self.and()?];
        loop {
            self.blank();
            if !self.word("or") {
                break;
            }
            parts.push(self.operand_of("or", Self::and)?);
        }
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ => Condition::Or(parts),
        })
    }

    pub(super) fn and(&mut self) -> Result<Condition, SyntaxError> {
        let mut parts = vec![self.not()?];
        loop {
            self.blank();
            if !self.word("and") {
                break;
            }
            parts.push(self.operand_of("and", Self::not)?);
        }
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ => Condition::And(parts),
        })
    }

    /// What follows `and` or `or`: a space or a parenthesis, and a part.
    pub(super) fn operand_of(
        &mut self,
        word: &str,
        part: impl FnOnce(&mut Self) -> Result<Condition, SyntaxError>,
    ) -> Result<Condition, SyntaxError> {
        if self.blank() || self.rest().starts_with('(') {
            part(self)
        } else {
            Err(self.error(&format!("expected a space or `(` after `{word}`"), "here"))
        }
    }

    pub(super) fn not(&mut self) -> Result<Condition, SyntaxError> {
        self.blank();
        let mut is_not = false;
        loop {
            let before = self.at;
            if !self.word("not") {
                break;
            }
            if self.blank() {
                is_not = !is_not;
            } else if self.eat("(") {
                let inner = self.embedded()?;
                return Ok(if is_not {
                    inner
                } else {
                    Condition::Not(Box::new(inner))
                });
            } else {
                self.at = before;
                break;
            }
        }
        let check = self.check()?;
        Ok(if is_not {
            Condition::Not(Box::new(check))
        } else {
            check
        })
    }

    pub(super) fn embedded(&mut self) -> Result<Condition, SyntaxError> {
        let open = self.at - 1;
        let inner = self.deeper(Self::or)?;
        self.blank();
        if self.eat(")") {
            return Ok(inner);
        }
        if self.rest().is_empty() {
            return Err(self.error_at(
                "a parenthesis is never closed",
                "opened here",
                open,
                open + 1,
            ));
        }
        Err(self.unexpected_rest())
    }

    pub(super) fn unexpected_rest(&self) -> SyntaxError {
        let (found, _) = self.found();
        if self.rest().starts_with(')') {
            return self.error(
                "a parenthesis is closed that was never opened",
                "closed here",
            );
        }
        let mut error = self.error(
            &format!("expected `and`, `or` or the end, found {found}"),
            "not expected here",
        );
        error.help = match found.trim_matches('`') {
            "&&" => Some("write `and`".to_owned()),
            "||" => Some("write `or`".to_owned()),
            "," => Some("several values stand in parentheses: `in (a, b)`".to_owned()),
            word if KEYWORDS.contains(&word.to_lowercase().as_str()) => {
                Some(format!("write `{}` in lower case", word.to_lowercase()))
            }
            _ if self.rest().starts_with('=') => {
                Some("a value with `=` in it stands in quotes".to_owned())
            }
            _ => None,
        };
        error
    }

    pub(super) fn check(&mut self) -> Result<Condition, SyntaxError> {
        self.blank();
        if self.eat("(") {
            return self.embedded();
        }
        let start = self.at;
        if let Some(name) = self.field_name() {
            let left = Operand::Field(self.field(name)?);
            return self.comparison(left, start);
        }
        if let Some(transformer) = self.transformer() {
            if transformer == Transformer::Value {
                return Err(self.error_at(
                    "`val()` stands on the right side only",
                    "not on the left",
                    start,
                    self.at,
                ));
            }
            let left = self.call(transformer)?;
            return self.comparison(left, start);
        }
        self.identifier(start)
    }

    /// A macro, or the many ways to miss a check.
    pub(super) fn identifier(&mut self, start: usize) -> Result<Condition, SyntaxError> {
        let word = self.peek_word();
        if KEYWORDS.contains(&word) {
            return Err(self.error(
                &format!("expected a check, found `{word}`"),
                "a field, a macro or `(` goes here",
            ));
        }
        if !is_identifier(word) {
            let (found, _) = self.found();
            let mut error = self.error(
                &format!("expected a check, found {found}"),
                "a field, a macro or `(` goes here",
            );
            if self.rest().starts_with('!') {
                error.help = Some("write `not`".to_owned());
            }
            return Err(error);
        }
        self.at += word.len();
        if self.rest().starts_with('(') {
            let known = Transformer::ALL.iter().map(|each| each.as_str());
            let mut error = self.error_at(
                &format!("unknown transformer `{word}`"),
                "not one of the transformers",
                start,
                self.at,
            );
            error.help = suggest::or_list(word, known);
            return Err(error);
        }
        let name = Name {
            text: word.to_owned(),
            span: self.span_from(start),
        };
        let end = self.at;
        self.blank();
        if self.operator_follows() {
            let mut error = self.error_at(
                &format!("`{word}` is compared but is no field"),
                "fields have a dot, as in `proc.name`",
                start,
                end,
            );
            error.help = Some("a macro stands alone, without operator".to_owned());
            return Err(error);
        }
        Ok(Condition::Macro(name))
    }

    pub(super) fn operator_follows(&self) -> bool {
        self.rest().starts_with(['=', '<', '>', '!']) || Operator::parse(self.peek_word()).is_some()
    }

    pub(super) fn comparison(
        &mut self,
        left: Operand,
        start: usize,
    ) -> Result<Condition, SyntaxError> {
        self.blank();
        let operator = self.operator()?;
        let mut quantifier = None;
        let right = match operator {
            Operator::Exists => Right::None,
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => self.number_or_call(operator)?,
            Operator::In | Operator::Intersects | Operator::PathMatch => {
                self.list_or_call(operator)?
            }
            _ => {
                quantifier = if self.blank() {
                    self.quantifier()
                } else {
                    None
                };
                if quantifier.is_some() {
                    self.list(operator)?
                } else {
                    self.text_or_call(operator)?
                }
            }
        };
        Ok(Condition::Check(Check {
            left,
            operator,
            quantifier,
            right,
            span: self.span_from(start),
        }))
    }

    pub(super) fn operator(&mut self) -> Result<Operator, SyntaxError> {
        for (symbol, operator) in [
            ("<=", Operator::LessOrEqual),
            ("<", Operator::Less),
            (">=", Operator::GreaterOrEqual),
            (">", Operator::Greater),
            ("==", Operator::Equal),
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
        ] {
            if self.eat(symbol) {
                return Ok(operator);
            }
        }
        let word = self.peek_word();
        let operator = Operator::parse(word).filter(|_| !word.is_empty());
        let Some(operator) = operator else {
            return Err(self.unknown_operator(word));
        };
        let takes_text = !matches!(
            operator,
            Operator::Exists | Operator::In | Operator::Intersects | Operator::PathMatch
        );
        self.at += word.len();
        if takes_text && !self.rest().starts_with(is_blank) {
            return Err(self.error(&format!("expected a space after `{word}`"), "here"));
        }
        Ok(operator)
    }

    pub(super) fn unknown_operator(&self, word: &str) -> SyntaxError {
        let (found, length) = self.found();
        if length == 0 || matches!(word, "and" | "or") || self.rest().starts_with([')', '(']) {
            let mut error = self.error(
                &format!("expected an operator, found {found}"),
                "the field is compared with nothing",
            );
            error.help = Some("to ask whether it has a value, write `exists`".to_owned());
            return error;
        }
        let mut error = self.error(
            &format!("unknown operator {found}"),
            "not one of the operators",
        );
        error.help = match found.trim_matches('`') {
            "not" => Some("`not` goes before the field: `not proc.name in (…)`".to_owned()),
            "is" | "equals" | "eq" => Some("write `=`".to_owned()),
            "<>" | "ne" | "=!" => Some("write `!=`".to_owned()),
            "like" | "matches" | "=~" | "~" | "~=" => {
                Some("write `glob` for wildcards, `regex` for expressions".to_owned())
            }
            _ => suggest::or_list(word, Operator::ALL.iter().map(|each| each.as_str())),
        };
        error
    }

    /// `oneof`, `anyof` and `allof` are ordinary words unless a list, or
    /// the name of one, follows.
    pub(super) fn quantifier(&mut self) -> Option<Quantifier> {
        let before = self.at;
        let quantifier = Quantifier::parse(self.peek_word())?;
        self.at += quantifier.as_str().len();
        let next = self.blank() && {
            let word = self.peek_word();
            self.rest().starts_with('(') || (is_identifier(word) && !KEYWORDS.contains(&word))
        };
        if next {
            Some(quantifier)
        } else {
            self.at = before;
            None
        }
    }
}
