//! The values of a term, the slow way: for keys, outputs, and comparisons
//! of one field with another.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::{
    ast::Transformer,
    field::Kind,
    rule::Term,
    value::{Facts, Value},
};

/// With or without padding, and with bits to spare at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A value that outlives the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    Text(Vec<u8>),
    Number(i64),
    Boolean(bool),
    Address(std::net::IpAddr),
}

impl Owned {
    pub(crate) fn of(value: Value<'_>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.to_vec()),
            Value::Number(number) => Self::Number(number),
            Value::Boolean(truth) => Self::Boolean(truth),
            Value::Address(address) => Self::Address(address),
        }
    }

    pub(crate) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Boolean(truth) => Value::Boolean(*truth),
            Self::Address(address) => Value::Address(*address),
        }
    }

    fn into_text(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text,
            other => other.as_value().to_text().into_bytes(),
        }
    }
}

/// What kind its values are of.
pub(crate) fn kind(term: &Term) -> Kind {
    match term {
        Term::Field { field, .. } => field.kind,
        Term::Call(Transformer::Length, _) => Kind::Number,
        Term::Call(Transformer::Value, arguments) => arguments.first().map_or(Kind::Text, kind),
        Term::Call(..) | Term::List(_) | Term::Value(_) => Kind::Text,
    }
}

fn is_list(term: &Term) -> bool {
    match term {
        Term::Field { field, .. } => field.is_list,
        Term::List(_) => true,
        Term::Call(Transformer::GetOpt, arguments) => arguments.len() < 3,
        Term::Call(Transformer::Length | Transformer::Join | Transformer::Concat, _)
        | Term::Value(_) => false,
        Term::Call(_, arguments) => arguments.first().is_some_and(is_list),
    }
}

/// What a transformer of one value makes of it.
pub(crate) fn transform(transformer: Transformer, text: &[u8]) -> Option<Owned> {
    Some(match transformer {
        Transformer::Lower => Owned::Text(text.to_ascii_lowercase()),
        Transformer::Upper => Owned::Text(text.to_ascii_uppercase()),
        Transformer::Base64 => Owned::Text(BASE64.decode(text).ok()?),
        Transformer::Basename => {
            let from = text
                .iter()
                .rposition(|it| *it == b'/')
                .map_or(0, |at| at + 1);
            Owned::Text(text.get(from..).unwrap_or_default().to_vec())
        }
        Transformer::Length => Owned::Number(i64::try_from(text.len()).unwrap_or(i64::MAX)),
        _ => Owned::Text(text.to_vec()),
    })
}

pub(crate) fn values(term: &Term, facts: &dyn Facts) -> Vec<Owned> {
    match term {
        Term::Field { field, argument } => {
            let mut found = Vec::new();
            facts.visit(field, argument.as_deref(), &mut |value| {
                found.push(Owned::of(value));
            });
            found
        }
        Term::Value(text) => vec![Owned::Text(text.clone().into_bytes())],
        Term::List(terms) => terms.iter().flat_map(|each| values(each, facts)).collect(),
        Term::Call(transformer, arguments) => call(*transformer, arguments, facts),
    }
}

fn call(transformer: Transformer, arguments: &[Term], facts: &dyn Facts) -> Vec<Owned> {
    let argument = |number: usize| arguments.get(number).map(|term| values(term, facts));
    match transformer {
        Transformer::Value => argument(0).unwrap_or_default(),
        Transformer::Length if arguments.first().is_some_and(is_list) => {
            let count = argument(0).unwrap_or_default().len();
            if count == 0 {
                return Vec::new();
            }
            vec![Owned::Number(i64::try_from(count).unwrap_or(i64::MAX))]
        }
        Transformer::Join => {
            let separator = argument(0).unwrap_or_default().into_iter().next();
            let list = argument(1).unwrap_or_default();
            let Some(separator) = separator.map(Owned::into_text) else {
                return Vec::new();
            };
            if list.is_empty() {
                return Vec::new();
            }
            let parts: Vec<_> = list.into_iter().map(Owned::into_text).collect();
            vec![Owned::Text(parts.join(separator.as_slice()))]
        }
        Transformer::Concat => {
            let mut whole = Vec::new();
            for term in arguments {
                let Some(first) = values(term, facts).into_iter().next() else {
                    return Vec::new();
                };
                whole.extend(first.into_text());
            }
            vec![Owned::Text(whole)]
        }
        Transformer::GetOpt => getopt(arguments, facts),
        _ => argument(0)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|value| transform(transformer, &value.into_text()))
            .collect(),
    }
}

/// Short options of a command line, as `getopt(3)` reads them: the letters
/// and their values; or, of one letter, its last value.
fn getopt(arguments: &[Term], facts: &dyn Facts) -> Vec<Owned> {
    let [words, options, rest @ ..] = arguments else {
        return Vec::new();
    };
    let given = values(words, facts);
    let mut list: Vec<Vec<u8>> = given.into_iter().map(Owned::into_text).collect();
    if !is_list(words) {
        list = list
            .iter()
            .flat_map(|line| line.split(|byte| *byte == b' '))
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
    }
    let Some(options) = values(options, facts)
        .into_iter()
        .next()
        .map(Owned::into_text)
    else {
        return Vec::new();
    };
    let only = rest
        .first()
        .and_then(|term| values(term, facts).into_iter().next())
        .and_then(|value| value.into_text().first().copied());
    let takes_value = |letter: u8| {
        let at = options.iter().position(|it| *it == letter)?;
        (letter != b':').then(|| options.get(at + 1) == Some(&b':'))
    };
    let mut found = Vec::new();
    let mut say = |letter: u8, name: &[u8], value: Option<&[u8]>| {
        if only.is_none() {
            found.push(Owned::Text(name.to_vec()));
            found.extend(value.map(|it| Owned::Text(it.to_vec())));
        } else if only == Some(letter) {
            found = vec![Owned::Text(value.unwrap_or(name).to_vec())];
        }
    };
    let mut words = list.iter();
    while let Some(word) = words.next() {
        let letters = match word.as_slice() {
            b"--" => break,
            [b'-', b'-', ..] => continue,
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => break,
        };
        for (at, letter) in letters.iter().enumerate() {
            match takes_value(*letter) {
                None => {
                    if only.is_none() {
                        say(*letter, b"?", None);
                    }
                }
                Some(false) => say(*letter, &[*letter], None),
                Some(true) => {
                    let value = match letters.get(at + 1..) {
                        Some(value) if !value.is_empty() => Some(value),
                        _ => words.next().map(Vec::as_slice),
                    };
                    match value {
                        Some(value) => say(*letter, &[*letter], Some(value)),
                        None => say(*letter, b"", None),
                    }
                    break;
                }
            }
        }
    }
    found
}

/// All values as one text, for keys: `<NA>` where there is none.
pub(crate) fn text(term: &Term, facts: &dyn Facts) -> String {
    let found = values(term, facts);
    if found.is_empty() {
        return NOT_AVAILABLE.to_owned();
    }
    let texts: Vec<_> = found
        .into_iter()
        .map(|it| String::from_utf8_lossy(&it.into_text()).into_owned())
        .collect();
    if is_list(term) {
        format!("({})", texts.join(","))
    } else {
        texts.join(" ")
    }
}

/// What stands for a field without a value.
pub const NOT_AVAILABLE: &str = "<NA>";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Field, Source};

    struct Fake(Vec<(&'static str, Vec<&'static str>)>);

    impl Facts for Fake {
        fn visit(&self, field: &Field, _: Option<&str>, each: &mut dyn FnMut(Value<'_>)) {
            for (_, values) in self.0.iter().filter(|(name, _)| *name == field.name) {
                for value in values {
                    each(Value::Text(value.as_bytes()));
                }
            }
        }
    }

    fn field(name: &str) -> Term {
        Term::Field {
            field: Source::K8sAudit.field(name).unwrap(),
            argument: None,
        }
    }

    fn facts() -> Fake {
        Fake(vec![
            ("ka.verb", vec!["Get"]),
            ("ka.uri", vec!["-x -tvalue -o out rest -y"]),
            ("ka.user.groups", vec!["a", "b"]),
            ("ka.target.name", vec!["c2VjcmV0"]),
        ])
    }

    fn call(transformer: Transformer, arguments: Vec<Term>) -> String {
        text(&Term::Call(transformer, arguments), &facts())
    }

    #[test]
    fn calls_make_new_values() {
        let value = |text: &str| Term::Value(text.to_owned());
        assert_eq!(call(Transformer::Lower, vec![field("ka.verb")]), "get");
        assert_eq!(
            call(Transformer::Base64, vec![field("ka.target.name")]),
            "secret"
        );
        assert_eq!(call(Transformer::Length, vec![field("ka.verb")]), "3");
        assert_eq!(
            call(Transformer::Concat, vec![field("ka.verb"), value("!")]),
            "Get!"
        );
        assert_eq!(
            call(Transformer::Concat, vec![field("ka.stage"), value("!")]),
            "<NA>"
        );
        assert_eq!(
            call(Transformer::Join, vec![value("+"), field("ka.user.groups")]),
            "a+b"
        );
        let options = || vec![field("ka.uri"), value("xt:o:")];
        assert_eq!(call(Transformer::GetOpt, options()), "(x,t,value,o,out)");
        let mut one = options();
        one.push(value("o"));
        assert_eq!(call(Transformer::GetOpt, one), "out");
    }

    #[test]
    fn absence_and_lists_have_a_form() {
        assert_eq!(text(&field("ka.stage"), &facts()), "<NA>");
        assert_eq!(text(&field("ka.user.groups"), &facts()), "(a,b)");
        let count = Term::Call(Transformer::Length, vec![field("ka.user.groups")]);
        assert_eq!(text(&count, &facts()), "2");
    }
}
