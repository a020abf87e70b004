//! What is compared: fields, calls, lists.

use super::{KEYWORDS, Parser, SyntaxError, is_argument_char, is_identifier};
use crate::ast::{FieldName, Operand, Operator, Right, Transformer, Value};

impl<'t> Parser<'t> {
    pub(super) fn field_or_call(&mut self) -> Result<Operand, SyntaxError> {
        if let Some(transformer) = self.transformer() {
            return self.call(transformer);
        }
        match self.field_name() {
            Some(name) => Ok(Operand::Field(self.field(name)?)),
            None => Err(self.error("expected a field", "fields look like `proc.name`")),
        }
    }

    /// `name(.name)+`, where each name begins with a letter.
    pub(super) fn field_name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let mut length = 0;
        let mut names = 0;
        for name in rest.split('.') {
            let word = name
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(name.len());
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                break;
            }
            length += word + usize::from(names > 0);
            names += 1;
            if word < name.len() {
                break;
            }
        }
        if names < 2 {
            return None;
        }
        self.at += length;
        rest.get(..length)
    }

    pub(super) fn field(&mut self, name: &str) -> Result<FieldName, SyntaxError> {
        let start = self.at - name.len();
        let argument = self.argument()?;
        Ok(FieldName {
            name: name.to_owned(),
            argument,
            span: self.span_from(start),
        })
    }

    pub(super) fn argument(&mut self) -> Result<Option<String>, SyntaxError> {
        let open = self.at;
        if !self.eat("[") {
            return Ok(None);
        }
        let argument = match self.quoted()? {
            Some(value) => value.text,
            None => self.take(is_argument_char).to_owned(),
        };
        if self.rest().starts_with(']') && (!argument.is_empty() || self.at > open + 1) {
            self.at += 1;
            return Ok(Some(argument));
        }
        let message = if self.rest().starts_with(']') {
            "the brackets are empty"
        } else {
            "an argument in brackets is never closed"
        };
        Err(self.error_at(message, "opened here", open, open + 1))
    }

    /// `tolower(`, without a space before the parenthesis.
    pub(super) fn transformer(&mut self) -> Option<Transformer> {
        let word = self.peek_word();
        let transformer = Transformer::parse(word)?;
        self.rest().get(word.len()..)?.starts_with('(').then(|| {
            self.at += word.len() + 1;
            transformer
        })
    }

    /// The rest of a call whose parenthesis is open.
    pub(super) fn call(&mut self, transformer: Transformer) -> Result<Operand, SyntaxError> {
        let start = self.at - transformer.as_str().len() - 1;
        self.deeper(|parser| {
            let mut arguments = Vec::new();
            loop {
                arguments.push(parser.call_argument()?);
                parser.blank();
                if !parser.eat(",") {
                    break;
                }
            }
            if !parser.eat(")") {
                let (found, _) = parser.found();
                return Err(parser.error(
                    &format!("expected `,` or `)` in the call of `{transformer}`, found {found}"),
                    "the call is not closed",
                ));
            }
            let argument = parser.argument()?;
            Ok(Operand::Call {
                transformer,
                arguments,
                argument,
                span: parser.span_from(start),
            })
        })
    }

    pub(super) fn call_argument(&mut self) -> Result<Operand, SyntaxError> {
        self.blank();
        if let Some(value) = self.number() {
            return Ok(Operand::Value(value));
        }
        if let Some(value) = self.quoted()? {
            return Ok(Operand::Value(value));
        }
        if self.eat("(") {
            return self.deeper(Self::call_list);
        }
        if let Some(transformer) = self.transformer() {
            return self.call(transformer);
        }
        if let Some(name) = self.field_name() {
            return Ok(Operand::Field(self.field(name)?));
        }
        let (found, _) = self.found();
        Err(self.error(
            &format!("expected a field, a call, a number or a quoted text, found {found}"),
            "not an argument",
        ))
    }

    pub(super) fn call_list(&mut self) -> Result<Operand, SyntaxError> {
        let mut parts = Vec::new();
        self.blank();
        if self.eat(")") {
            return Ok(Operand::List(parts));
        }
        loop {
            self.blank();
            if self.rest().starts_with('(') {
                return Err(self.error("a list does not hold lists", "not here"));
            }
            parts.push(self.call_argument()?);
            self.blank();
            if self.eat(",") {
                continue;
            }
            if self.eat(")") {
                return Ok(Operand::List(parts));
            }
            let (found, _) = self.found();
            return Err(self.error(
                &format!("expected `,` or `)` in the list, found {found}"),
                "the list is not closed",
            ));
        }
    }

    pub(super) fn number_or_call(&mut self, operator: Operator) -> Result<Right, SyntaxError> {
        if let Some(operand) = self.right_call()? {
            return Ok(Right::Operand(operand));
        }
        if let Some(value) = self.number() {
            return Ok(Right::Value(value));
        }
        let (found, _) = self.found();
        let mut error = self.error(
            &format!("expected a number after `{operator}`, found {found}"),
            "not a number",
        );
        if self.rest().starts_with(['"', '\'']) {
            error.help = Some("numbers stand without quotes".to_owned());
        }
        Err(error)
    }

    pub(super) fn text_or_call(&mut self, operator: Operator) -> Result<Right, SyntaxError> {
        if let Some(operand) = self.right_call()? {
            return Ok(Right::Operand(operand));
        }
        if let Some(value) = self.value()? {
            return Ok(Right::Value(value));
        }
        let (found, _) = self.found();
        let mut error = self.error(
            &format!("expected a value after `{operator}`, found {found}"),
            "not a value",
        );
        if self.rest().starts_with('(') {
            error.help = Some(match operator {
                Operator::Equal => "a list is compared with `in`".to_owned(),
                _ => format!("for any of several values write `{operator} anyof (…)`"),
            });
        }
        Err(error)
    }

    pub(super) fn list_or_call(&mut self, operator: Operator) -> Result<Right, SyntaxError> {
        self.blank();
        if !self.rest().starts_with('(')
            && let Some(operand) = self.right_call()?
        {
            return Ok(Right::Operand(operand));
        }
        self.list(operator)
    }

    /// `(a, b)` or the name of a list.
    pub(super) fn list(&mut self, operator: Operator) -> Result<Right, SyntaxError> {
        self.blank();
        if self.eat("(") {
            return Ok(Right::List(self.list_rest()?));
        }
        let start = self.at;
        let word = self.peek_word();
        if is_identifier(word) && !KEYWORDS.contains(&word) {
            self.at += word.len();
            return Ok(Right::List(vec![Value {
                text: word.to_owned(),
                is_quoted: false,
                span: self.span_from(start),
            }]));
        }
        let (found, _) = self.found();
        let mut error = self.error(
            &format!("expected a list after `{operator}`, found {found}"),
            "not a list",
        );
        error.help = Some("lists stand in parentheses: `in (a, b)`".to_owned());
        Err(error)
    }

    pub(super) fn list_rest(&mut self) -> Result<Vec<Value>, SyntaxError> {
        let open = self.at - 1;
        let values = self.values_until(|parser| parser.rest().starts_with(')'))?;
        if self.eat(")") {
            return Ok(values);
        }
        if self.rest().is_empty() {
            return Err(self.error_at("a list is never closed", "opened here", open, open + 1));
        }
        let (found, _) = self.found();
        let mut error = self.error(
            &format!("expected `,` or `)` in the list, found {found}"),
            "a comma is missing before this",
        );
        if self.rest().starts_with('(') {
            "a list does not hold lists".clone_into(&mut error.label);
        } else if self.rest().starts_with('=') {
            "not part of a bare word".clone_into(&mut error.label);
            error.help = Some("a value with `=` in it stands in quotes".to_owned());
        }
        Err(error)
    }

    pub(super) fn values_until(
        &mut self,
        is_end: impl Fn(&Self) -> bool,
    ) -> Result<Vec<Value>, SyntaxError> {
        let mut values = Vec::new();
        self.blank();
        if is_end(self) {
            return Ok(values);
        }
        loop {
            self.blank();
            match self.value()? {
                Some(value) => values.push(value),
                None if self.rest().is_empty() => return Ok(values),
                None => {
                    let (found, _) = self.found();
                    return Err(self.error(
                        &format!("expected a value in the list, found {found}"),
                        "not a value",
                    ));
                }
            }
            self.blank();
            if !self.eat(",") {
                return Ok(values);
            }
        }
    }

    /// `val(field)` or a transformed field.
    pub(super) fn right_call(&mut self) -> Result<Option<Operand>, SyntaxError> {
        self.blank();
        let Some(transformer) = self.transformer() else {
            return Ok(None);
        };
        if transformer != Transformer::Value {
            return self.call(transformer).map(Some);
        }
        let start = self.at - "val(".len();
        self.blank();
        let Some(name) = self.field_name() else {
            return Err(self.error("expected a field inside `val()`", "not a field"));
        };
        let field = self.field(name)?;
        self.blank();
        if !self.eat(")") {
            return Err(self.error("`val()` takes one field and is closed after it", "here"));
        }
        Ok(Some(Operand::Call {
            transformer,
            arguments: vec![Operand::Field(field)],
            argument: None,
            span: self.span_from(start),
        }))
    }
}
