//! From text to a query, or to everything that is wrong with it.

use std::str::FromStr;

use super::{
    Condition, Field, MAX_DEPTH, MAX_LENGTH, MAX_TERMS, MAX_VALUES, MAX_WILDCARDS, Node, Op, Place,
    Query, QueryError, QueryErrors, Test,
    lex::{Cursor, Raw},
    value::{self, Wrong},
};

impl Query {
    /// Reads a query. Nothing but space means everything.
    pub fn parse(text: &str) -> Result<Self, QueryErrors> {
        let mut parser = Parser {
            text,
            cursor: Cursor::new(text),
            terms: 0,
            values: 0,
            errors: Vec::new(),
            stopped: false,
        };
        if text.len() > MAX_LENGTH {
            parser.wrong(
                0,
                text.len(),
                Wrong::new(format!("a query has at most {MAX_LENGTH} bytes")),
            );
            return Err(QueryErrors(parser.errors));
        }
        if let Some((at, letter)) = text
            .char_indices()
            .find(|(_, letter)| letter.is_control() && !letter.is_whitespace())
        {
            let end = at + letter.len_utf8();
            parser.wrong(at, end, Wrong::new("a control character means nothing"));
            return Err(QueryErrors(parser.errors));
        }
        let root = parser.whole();
        if parser.errors.is_empty() {
            Ok(Self { root })
        } else {
            Err(QueryErrors(parser.errors))
        }
    }

    /// Reads the scope of an exemption: at least one term, and only
    /// what a finding is, not what happened to it.
    pub fn parse_scope(text: &str) -> Result<Self, QueryErrors> {
        let query = Self::parse(text)?;
        let wrong = |place, message: String| QueryError {
            message,
            place,
            suggestion: None,
        };
        let errors: Vec<QueryError> = query
            .tests()
            .into_iter()
            .filter_map(|test| match test.condition.field() {
                None => Some(wrong(
                    test.place,
                    "a scope names fields, like rule: or package:; free text could mean more \
                     tomorrow"
                        .to_owned(),
                )),
                Some(field) if !field.is_identity() => Some(wrong(
                    test.place,
                    format!(
                        "{}: says what happened to a finding, not which it is, and cannot stand \
                         in a scope",
                        field.name()
                    ),
                )),
                Some(_) => None,
            })
            .collect();
        if query.is_everything() {
            let message = "a scope of nothing would exempt everything".to_owned();
            return Err(QueryErrors(vec![wrong(Place::default(), message)]));
        }
        if errors.is_empty() {
            Ok(query)
        } else {
            Err(QueryErrors(errors))
        }
    }
}

impl FromStr for Query {
    type Err = QueryErrors;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

struct Parser<'t> {
    text: &'t str,
    cursor: Cursor<'t>,
    terms: usize,
    values: usize,
    errors: Vec<QueryError>,
    /// A bound was passed: nothing further is read or told.
    stopped: bool,
}

/// The most errors worth telling.
const MOST_ERRORS: usize = 10;

impl Parser<'_> {
    fn wrong(&mut self, start: usize, end: usize, wrong: Wrong) {
        if self.stopped || self.errors.len() >= MOST_ERRORS {
            return;
        }
        self.errors.push(QueryError {
            message: wrong.message,
            place: self.place(start, end),
            suggestion: wrong.suggestion,
        });
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.cursor = Cursor::new("");
    }

    fn place(&self, start: usize, end: usize) -> Place {
        let characters = |end: usize| self.text.get(..end).unwrap_or_default().chars().count();
        Place {
            start: characters(start),
            end: characters(end),
        }
    }

    fn whole(&mut self) -> Option<Node> {
        let mut parts = Vec::new();
        loop {
            parts.extend(self.any(0));
            let at = self.cursor.at();
            if !self.cursor.take(")") {
                break;
            }
            self.wrong(at, at + 1, Wrong::new("there is no '(' that this ends"));
        }
        Node::all(parts)
    }

    /// Alternatives, up to the end or a `)`.
    fn any(&mut self, depth: usize) -> Option<Node> {
        let mut alternatives = Vec::new();
        let mut divider = None;
        loop {
            let start = self.cursor.at();
            let found = self.all(depth);
            let ends = self.cursor.at();
            let more = self.cursor.take_keyword("OR");
            if found.is_none() && (more || divider.is_some()) && !self.has_error_in(start, ends) {
                let at = divider.unwrap_or(ends);
                self.wrong(
                    at,
                    at + 2,
                    Wrong::new("OR needs a term before it and one behind it"),
                );
            }
            alternatives.extend(found);
            if !more {
                return Node::any(alternatives);
            }
            divider = Some(ends);
        }
    }

    fn has_error_in(&self, start: usize, end: usize) -> bool {
        let place = self.place(start, end);
        self.errors
            .iter()
            .any(|error| error.place.start >= place.start && error.place.end <= place.end)
    }

    /// Terms beside each other.
    fn all(&mut self, depth: usize) -> Option<Node> {
        let mut terms = Vec::new();
        loop {
            self.cursor.skip_separators();
            if self.cursor.is_at_end()
                || self.cursor.peek() == Some(')')
                || self.cursor.is_at_keyword("OR")
            {
                return Node::all(terms);
            }
            // Beside each other means it already.
            if self.cursor.take_keyword("AND") {
                continue;
            }
            let start = self.cursor.at();
            self.terms += 1;
            if self.terms > MAX_TERMS {
                self.wrong(
                    start,
                    self.text.len(),
                    Wrong::new(format!("a query has at most {MAX_TERMS} terms")),
                );
                self.stop();
                return Node::all(terms);
            }
            terms.extend(self.term(depth));
        }
    }

    fn term(&mut self, depth: usize) -> Option<Node> {
        let start = self.cursor.at();
        let mut negated = false;
        loop {
            if self.cursor.take("-") || self.cursor.take("!") {
                negated = !negated;
            } else if self.cursor.take_keyword("NOT") {
                negated = !negated;
                self.cursor.skip_space();
            } else {
                break;
            }
        }
        let signs = self.cursor.at();
        let node = match self.cursor.peek() {
            Some('(') => self.parentheses(depth),
            Some('"') => self.contains(true),
            Some(next) if !next.is_whitespace() && next != ')' => {
                if self.cursor.name().is_some() {
                    self.field()
                } else {
                    self.contains(false)
                }
            }
            _ => {
                self.wrong(
                    start,
                    signs,
                    Wrong::new("nothing follows that could be negated"),
                );
                None
            }
        }?;
        Some(if negated { Node::not(node) } else { node })
    }

    fn parentheses(&mut self, depth: usize) -> Option<Node> {
        let start = self.cursor.at();
        self.cursor.take("(");
        if depth >= MAX_DEPTH {
            self.wrong(
                start,
                start + 1,
                Wrong::new(format!("parentheses nest at most {MAX_DEPTH} deep")),
            );
            self.stop();
            return None;
        }
        let inner = self.any(depth + 1);
        let end = self.cursor.at();
        if self.cursor.take(")") {
            if inner.is_none() && !self.has_error_in(start, end) {
                self.wrong(start, end + 1, Wrong::new("nothing in the parentheses"));
            }
        } else {
            self.wrong(start, start + 1, Wrong::new("this '(' is never closed"));
        }
        inner
    }

    /// Text to find anywhere.
    fn contains(&mut self, quoted: bool) -> Option<Node> {
        let raw = if quoted {
            self.cursor.phrase()
        } else {
            self.cursor.word(false)
        };
        if raw.is_any() {
            self.wrong(
                raw.start,
                raw.end,
                Wrong::new("'*' alone finds everything: leave it out"),
            );
            return None;
        }
        if !raw.quoted
            && let Some(suggestion) = with_colon(self.source(&raw))
        {
            self.wrong(
                raw.start,
                raw.end,
                Wrong::new("a ':' is missing behind the field").or(Some(suggestion)),
            );
            return None;
        }
        self.check(&raw)?;
        let place = self.place(raw.start, raw.end);
        Some(Node::Test(Test {
            condition: Condition::Contains(value::pattern(&raw)),
            place,
        }))
    }

    /// As it was written.
    fn source(&self, raw: &Raw) -> &str {
        self.text.get(raw.start..raw.end).unwrap_or_default()
    }

    /// What is wrong with a word or phrase wherever it stands.
    fn check(&mut self, raw: &Raw) -> Option<()> {
        let wrong = if raw.unclosed {
            Wrong::new("this quote is never closed").or(Some(quote(&raw.text())))
        } else if raw.is_blank() {
            Wrong::new("there is nothing in the quotes")
        } else if raw.has_too_many_wildcards() {
            Wrong::new(format!("a value has at most {MAX_WILDCARDS} '*'"))
        } else {
            return Some(());
        };
        self.wrong(raw.start, raw.end, wrong);
        None
    }

    fn field(&mut self) -> Option<Node> {
        let start = self.cursor.at();
        let name = self.cursor.name().unwrap_or_default();
        let Ok(field) = name.parse::<Field>() else {
            return self.unknown_field(start, name);
        };
        self.cursor.skip_bytes(name.len() + 1);
        let sign = self.cursor.at();
        let op = if self.cursor.take(">=") {
            Op::AtLeast
        } else if self.cursor.take(">") {
            Op::Above
        } else if self.cursor.take("<=") {
            Op::AtMost
        } else if self.cursor.take("<") {
            Op::Below
        } else {
            Op::Is
        };
        if op != Op::Is && !field.is_ordered() {
            self.wrong(
                sign,
                self.cursor.at(),
                Wrong::new(format!(
                    "{}: has no order: its values follow ':'",
                    field.name()
                )),
            );
        }
        let values = self.values(field)?;
        let end = self.cursor.at();
        if op != Op::Is && (values.len() > 1 || values.iter().any(Raw::is_any)) {
            self.wrong(
                sign,
                end,
                Wrong::new(format!("'{}' compares with one value", op.as_str())),
            );
            return None;
        }
        let mut wrong = Vec::new();
        let condition = value::condition(field, op, &values, &mut |raw, error| {
            wrong.push((raw.start, raw.end, error));
        });
        for (start, end, error) in wrong {
            self.wrong(start, end, error);
        }
        let place = self.place(start, end);
        condition.map(|condition| Node::Test(Test { condition, place }))
    }

    fn unknown_field(&mut self, start: usize, name: &str) -> Option<Node> {
        let shown: String = name.chars().take(40).collect();
        if let Some(nearest) = Field::nearest(name) {
            let end = start + name.len();
            let wrong = Wrong::new(format!("no field '{shown}'")).or(Some(nearest));
            self.wrong(start, end, wrong);
            self.skip_values(name);
        } else {
            self.skip_values(name);
            let end = self.cursor.at();
            let text = self.text.get(start..end).unwrap_or_default();
            let wrong = Wrong::new(format!(
                "no field '{shown}'; text with a ':' stands in quotes"
            ))
            .or(Some(quote(&text.replace('"', ""))));
            self.wrong(start, end, wrong);
        }
        None
    }

    fn skip_values(&mut self, name: &str) {
        self.cursor.skip_bytes(name.len() + 1);
        if self.cursor.peek() == Some('"') {
            self.cursor.phrase();
        } else {
            self.cursor.word(false);
        }
    }

    /// The values behind a field; `None` when one is missing or broken.
    fn values(&mut self, field: Field) -> Option<Vec<Raw>> {
        let mut values = Vec::new();
        let mut whole = true;
        loop {
            let raw = if self.cursor.peek() == Some('"') {
                self.cursor.phrase()
            } else {
                self.cursor.word(true)
            };
            self.values += 1;
            if self.values > MAX_VALUES {
                self.wrong(
                    raw.start,
                    self.text.len(),
                    Wrong::new(format!("a query has at most {MAX_VALUES} values")),
                );
                self.stop();
                return None;
            }
            if !raw.quoted && raw.is_blank() {
                self.missing(field, raw.start);
                whole = false;
            } else if !raw.quoted && self.source(&raw).starts_with('!') {
                let message = format!("'!' stands before the field: !{}:…", field.name());
                self.wrong(raw.start, raw.end, Wrong::new(message));
                whole = false;
            } else if self.check(&raw).is_none() {
                whole = false;
            }
            values.push(raw);
            if !self.cursor.take(",") {
                return whole.then_some(values);
            }
        }
    }

    fn missing(&mut self, field: Field, at: usize) {
        let message = if self.cursor.peek() == Some('(') {
            format!(
                "parentheses hold whole terms; several values are {}:one,two",
                field.name()
            )
        } else {
            format!(
                "{}: needs a value, as in {}",
                field.name(),
                field.catalogued().example
            )
        };
        self.wrong(at.saturating_sub(1), at, Wrong::new(message));
    }
}

/// `epss>0.5` was meant to be `epss:>0.5`.
fn with_colon(word: &str) -> Option<String> {
    let at = word.find(['<', '>', '='])?;
    let (name, rest) = word.split_at_checked(at)?;
    name.parse::<Field>().ok()?;
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some(format!("{name}:{rest}"))
}

fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
