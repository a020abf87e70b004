//! What a rule says: text with fields in it, `%ka.user.name`.

use crate::{
    ast::Transformer,
    engine::terms::{self, NOT_AVAILABLE},
    field::Source,
    rule::Term,
    value::Facts,
};

/// An output, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Term(Term),
}

impl Template {
    /// What is no field stays as it is written.
    pub fn new(source: Source, text: &str) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            if let Some((term, after)) = term(source, after) {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Term(term));
                rest = after;
            } else {
                plain.push('%');
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self { parts }
    }

    /// With the values of an event in it.
    pub fn fill(&self, facts: &dyn Facts) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Term(term) => text.push_str(&terms::text(term, facts)),
            }
        }
        text
    }

    /// Its fields and what an event says to them, each once.
    pub fn fields(&self, facts: &dyn Facts) -> Vec<(String, String)> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for part in &self.parts {
            if let Part::Term(term) = part {
                let name = name(term);
                let value = terms::text(term, facts);
                if value != NOT_AVAILABLE && fields.iter().all(|(known, _)| *known != name) {
                    fields.push((name, value));
                }
            }
        }
        fields
    }
}

/// A field, or a call of one, at the beginning; what is behind it.
fn term(source: Source, text: &str) -> Option<(Term, &str)> {
    let end = text
        .find(|it: char| !(it.is_ascii_alphanumeric() || matches!(it, '.' | '_')))
        .unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end)?;
    if let Some(after) = after.strip_prefix('(') {
        let transformer = Transformer::parse(word)?;
        let (inner, after) = term(source, after.trim_start())?;
        let after = after.trim_start().strip_prefix(')')?;
        return Some((Term::Call(transformer, vec![inner]), after));
    }
    // A sentence may end behind a field.
    let mut name = word;
    let field = loop {
        match source.field(name) {
            Some(field) => break field,
            None => name = name.strip_suffix('.')?,
        }
    };
    let after = text.get(name.len()..)?;
    let bracket = after
        .strip_prefix('[')
        .filter(|_| name == word)
        .and_then(|inside| inside.split_once(']'));
    let (argument, after) = match bracket {
        Some((argument, after)) => (Some(argument.to_owned()), after),
        None => (None, after),
    };
    Some((Term::Field { field, argument }, after))
}

/// A term as rule files spell it.
pub(crate) fn name(term: &Term) -> String {
    match term {
        Term::Field {
            field,
            argument: Some(argument),
        } => format!("{}[{argument}]", field.name),
        Term::Field { field, .. } => field.name.to_owned(),
        Term::Call(transformer, arguments) => {
            let inner: Vec<_> = arguments.iter().map(name).collect();
            format!("{transformer}({})", inner.join(", "))
        }
        Term::List(terms) => {
            let inner: Vec<_> = terms.iter().map(name).collect();
            format!("({})", inner.join(", "))
        }
        Term::Value(value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Event, Tape};

    #[test]
    fn fields_are_filled_in_and_the_rest_stays() {
        let mut tape = Tape::default();
        let event = br#"{"auditID":"1","verb":"GET","user":{"username":"jane","groups":["a","b"]},"requestURI":"/x?c=d"}"#;
        let event = Event::read(event, &mut tape).unwrap();
        let fill = |text| Template::new(Source::K8sAudit, text).fill(&event);
        assert_eq!(
            fill("%ka.user.name. 100% of %ka.user.groups"),
            "jane. 100% of (a,b)"
        );
        assert_eq!(fill("c=%ka.uri.param[c] %tolower(ka.verb)"), "c=d get");
        assert_eq!(
            fill("%ka.stage and %nothing.known"),
            "<NA> and %nothing.known"
        );
        let fields = Template::new(Source::K8sAudit, "%ka.user.name %ka.stage").fields(&event);
        assert_eq!(fields, [("ka.user.name".to_owned(), "jane".to_owned())]);
    }
}
