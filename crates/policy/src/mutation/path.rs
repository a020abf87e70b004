//! Where a mutator changes an object: `spec.containers[name: *].image`.

use std::fmt;

use serde_json::Value;

/// The longest location that is read.
const MAX_LENGTH: usize = 4_096;
/// The most steps in one.
const MAX_STEPS: usize = 64;

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// A member of an object.
    Member(String),
    /// Entries of a list whose `key` is `value`, or all where it is none.
    Entry { key: String, value: Option<Value> },
}

/// A location.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Number(i64),
    Dot,
    Open,
    Close,
    Colon,
    Star,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "{word:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Dot => f.write_str("'.'"),
            Self::Open => f.write_str("'['"),
            Self::Close => f.write_str("']'"),
            Self::Colon => f.write_str("':'"),
            Self::Star => f.write_str("'*'"),
        }
    }
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("longer than {MAX_LENGTH} bytes"));
        }
        let tokens = tokens(text)?;
        let mut rest = tokens.as_slice();
        let mut steps = Vec::new();
        while let [first, after @ ..] = rest {
            let Token::Word(name) = first else {
                return Err(format!(
                    "unexpected token: expected field name or eof, got: {first}"
                ));
            };
            steps.push(Step::Member(name.clone()));
            rest = after;
            if let [Token::Open, after @ ..] = rest {
                let (step, after) = entry(after)?;
                steps.push(step);
                rest = after;
            }
            match rest {
                [] => {}
                [Token::Dot] => return Err("trailing separators are forbidden".to_owned()),
                [Token::Dot, after @ ..] => rest = after,
                [other, ..] => {
                    return Err(format!(
                        "unexpected token: expected '.' or eof, got: {other}"
                    ));
                }
            }
        }
        if steps.is_empty() {
            return Err("it is empty".to_owned());
        }
        if steps.len() > MAX_STEPS {
            return Err(format!("more than {MAX_STEPS} steps"));
        }
        Ok(Self { steps })
    }

    /// Whether it begins with the member `name`.
    pub(crate) fn is_under(&self, name: &str) -> bool {
        matches!(self.steps.first(), Some(Step::Member(first)) if first == name)
    }

    pub(crate) fn ends_in_list(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Entry { .. }))
    }

    /// Whether it changes the very key an entry of a list is found by.
    pub(crate) fn changes_key(&self) -> bool {
        matches!(self.steps.as_slice(),
            [.., Step::Entry { key, .. }, Step::Member(name)] if key == name)
    }
}

fn entry(tokens: &[Token]) -> Result<(Step, &[Token]), String> {
    let shown = |token: Option<&Token>| token.map_or("eof".to_owned(), Token::to_string);
    let [Token::Word(key), rest @ ..] = tokens else {
        return Err(format!(
            "unexpected token: expected keyField in listSpec, got: {}",
            shown(tokens.first())
        ));
    };
    let [Token::Colon, rest @ ..] = rest else {
        return Err(format!(
            "unexpected token: expected ':' following keyField {key}, got: {}",
            shown(rest.first())
        ));
    };
    let (value, rest) = match rest {
        [Token::Star, rest @ ..] => (None, rest),
        [Token::Word(word), rest @ ..] => (Some(Value::from(word.as_str())), rest),
        [Token::Number(number), rest @ ..] => (Some(Value::from(*number)), rest),
        other => {
            return Err(format!(
                "unexpected token: expected key value or glob in listSpec, got: {}",
                shown(other.first())
            ));
        }
    };
    let [Token::Close, rest @ ..] = rest else {
        return Err(format!(
            "unexpected token: expected ']' following listSpec, got: {}",
            shown(rest.first())
        ));
    };
    let key = key.clone();
    Ok((Step::Entry { key, value }, rest))
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let is_word = |found: &char| found.is_ascii_alphanumeric() || "_-".contains(*found);
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        tokens.push(match next {
            ' ' | '\t' | '\r' | '\n' => continue,
            '.' => Token::Dot,
            '[' => Token::Open,
            ']' => Token::Close,
            ':' => Token::Colon,
            '*' => Token::Star,
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match rest.next() {
                        None => return Err("unterminated string".to_owned()),
                        Some('\\') => match rest.next() {
                            Some(escaped) => word.push(escaped),
                            None => return Err("unterminated string".to_owned()),
                        },
                        Some(end) if end == next => break,
                        Some(other) => word.push(other),
                    }
                }
                Token::Word(word)
            }
            first if first.is_ascii_digit() => {
                let mut digits = String::from(first);
                while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                Token::Number(
                    digits
                        .parse()
                        .ok()
                        .ok_or_else(|| format!("overflow in integer string: {digits}"))?,
                )
            }
            first if is_word(&first) => {
                let mut word = String::from(first);
                while let Some(more) = rest.next_if(is_word) {
                    word.push(more);
                }
                Token::Word(word)
            }
            other => return Err(format!("invalid character: {other:?}")),
        });
    }
    Ok(tokens)
}

/// What has to be there, or must not, at each step of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    /// True where a step must exist, false where it must not.
    steps: std::collections::BTreeMap<usize, bool>,
}

impl Tests {
    /// Reads `pathTests` for `path`.
    pub(crate) fn parse(value: Option<&Value>, path: &Path) -> Result<Self, String> {
        let mut tests = Self::default();
        for test in value.and_then(Value::as_array).into_iter().flatten() {
            let text = test.get("subPath").and_then(Value::as_str).unwrap_or("");
            let sub = Path::parse(text)
                .map_err(|why| format!("problem parsing sub path `{text}`: {why}"))?;
            if !path.steps.starts_with(&sub.steps) {
                return Err(format!(
                    "all subpaths must be a prefix of the `location` value of the mutation: \
                     {text:?} is not"
                ));
            }
            let exists = match test.get("condition").and_then(Value::as_str) {
                Some("MustExist") => true,
                Some("MustNotExist") => false,
                other => {
                    return Err(format!(
                        "{} is not a valid path test condition",
                        other.unwrap_or("nothing")
                    ));
                }
            };
            let step = sub.steps.len() - 1;
            if tests
                .steps
                .insert(step, exists)
                .is_some_and(|other| other != exists)
            {
                return Err(format!(
                    "conflicting path test conditions: path {text:?} is marked both MustExist and \
                     MustNotExist"
                ));
            }
        }
        let forbidden = tests.steps.iter().find(|(_, exists)| !**exists);
        let needed = tests.steps.iter().rfind(|(_, exists)| **exists);
        if let (Some((forbidden, _)), Some((needed, _))) = (forbidden, needed)
            && needed > forbidden
        {
            return Err(
                "conflicting path test conditions: a path is marked MustExist but its parent \
                 MustNotExist"
                    .to_owned(),
            );
        }
        Ok(tests)
    }

    /// Only changes what is not there yet.
    pub(crate) fn only_where_absent(path: &Path) -> Self {
        Self {
            steps: [(path.steps.len() - 1, false)].into(),
        }
    }

    pub(crate) fn may_exist(&self, step: usize) -> bool {
        self.steps.get(&step).copied().unwrap_or(true)
    }

    pub(crate) fn may_be_missing(&self, step: usize) -> bool {
        !self.steps.get(&step).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_have_members_and_entries() {
        let path = Path::parse(r#"spec.containers[name: "a b"].ports[port: 80]."x.y""#).unwrap();
        let member = |name: &str| Step::Member(name.to_owned());
        let entry = |key: &str, value: Value| Step::Entry {
            key: key.to_owned(),
            value: Some(value),
        };
        assert_eq!(
            path.steps,
            [
                member("spec"),
                member("containers"),
                entry("name", json!("a b")),
                member("ports"),
                entry("port", json!(80)),
                member("x.y"),
            ]
        );
        let glob = Path::parse("a[name: *]").unwrap();
        assert!(glob.ends_in_list());
    }

    #[test]
    fn what_is_wrong_with_a_path_is_said() {
        for (text, wrong) in [
            ("", "empty"),
            ("spec.", "trailing separators"),
            ("spec[", "expected keyField"),
            ("spec[name]", "expected ':'"),
            ("spec[name: ]", "expected key value or glob"),
            ("spec[name: a", "expected ']'"),
            ("spec[name: a]x", "expected '.' or eof"),
            ("a[x: 1][y: 2]", "expected '.' or eof"),
            ("1.a", "expected field name"),
            ("a\"b", "unterminated"),
            ("a/b", "invalid character"),
        ] {
            let error = Path::parse(text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }

    #[test]
    fn tests_of_a_path_may_not_contradict_each_other() {
        let path = Path::parse("a.b.c").unwrap();
        let parse = |tests: Value| Tests::parse(Some(&tests), &path);
        assert!(parse(json!([{"subPath": "a.b", "condition": "MustExist"}])).is_ok());
        for (tests, wrong) in [
            (
                json!([{"subPath": "a.x", "condition": "MustExist"}]),
                "prefix",
            ),
            (
                json!([{"subPath": "a", "condition": "Maybe"}]),
                "not a valid",
            ),
            (
                json!([{"subPath": "a", "condition": "MustExist"},
                       {"subPath": "a", "condition": "MustNotExist"}]),
                "both",
            ),
            (
                json!([{"subPath": "a", "condition": "MustNotExist"},
                       {"subPath": "a.b", "condition": "MustExist"}]),
                "parent",
            ),
        ] {
            let error = parse(tests).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
