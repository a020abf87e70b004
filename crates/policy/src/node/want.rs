//! How a setting must be. A value is text, as command lines have it.

use std::fmt;

use serde::Deserialize;

/// What is wanted of a value; `None` is a setting nobody made and that
/// has no default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    Is(String),
    Not(String),
    OneOf(Vec<String>),
    StartsWithOneOf(Vec<String>),
    /// Of a list, separated by commas.
    Has(String),
    Lacks(String),
    /// A list of nothing but these.
    Only(Vec<String>),
    /// `true`: whatever, but something; `false`: nothing.
    Set(bool),
    AtLeast(i64),
    /// A time or a number that is not zero.
    NotZero(bool),
    /// A number above zero.
    Positive(bool),
}

impl Want {
    pub fn holds(&self, value: Option<&str>) -> bool {
        let value = value.map(str::trim);
        let has = |list: &str, wanted: &str| list.split(',').any(|item| item.trim() == wanted);
        match self {
            Self::Is(wanted) => value == Some(wanted.as_str()),
            Self::Not(unwanted) => value != Some(unwanted.as_str()),
            Self::OneOf(wanted) => value.is_some_and(|value| wanted.iter().any(|w| w == value)),
            Self::StartsWithOneOf(wanted) => value.is_some_and(|value| {
                let mut wanted = wanted.iter();
                wanted.any(|start| value.starts_with(start.as_str()))
            }),
            Self::Has(wanted) => value.is_some_and(|value| has(value, wanted)),
            Self::Lacks(unwanted) => !value.is_some_and(|value| has(value, unwanted)),
            Self::Only(wanted) => value.is_some_and(|value| {
                let mut items = value.split(',').map(str::trim);
                items.all(|item| wanted.iter().any(|wanted| wanted == item))
            }),
            Self::Set(wanted) => value.is_some_and(|value| !value.is_empty()) == *wanted,
            Self::AtLeast(least) => number(value).is_some_and(|value| value >= *least),
            Self::NotZero(_) => !value.is_some_and(is_zero),
            Self::Positive(_) => number(value).is_some_and(|value| value > 0),
        }
    }
}

fn number(value: Option<&str>) -> Option<i64> {
    value.and_then(|value| value.parse().ok())
}

/// `0`, `0s`, `0h0m0s`; whatever has another digit is not.
fn is_zero(value: &str) -> bool {
    let mut digits = value.chars().filter(char::is_ascii_digit).peekable();
    digits.peek().is_some() && digits.all(|digit| digit == '0')
}

impl fmt::Display for Want {
    /// Reads after "must".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(wanted) => write!(f, "be `{wanted}`"),
            Self::Not(unwanted) => write!(f, "not be `{unwanted}`"),
            Self::OneOf(wanted) => write!(f, "be one of `{}`", wanted.join("`, `")),
            Self::StartsWithOneOf(wanted) => {
                write!(f, "start with one of `{}`", wanted.join("`, `"))
            }
            Self::Has(wanted) => write!(f, "contain `{wanted}`"),
            Self::Lacks(unwanted) => write!(f, "not contain `{unwanted}`"),
            Self::Only(wanted) => write!(f, "contain nothing but `{}`", wanted.join("`, `")),
            Self::Set(true) => write!(f, "be set"),
            Self::Set(false) => write!(f, "not be set"),
            Self::AtLeast(least) => write!(f, "be {least} or more"),
            Self::NotZero(_) => write!(f, "not be zero"),
            Self::Positive(_) => write!(f, "be a number above zero"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_want_has_both_sides() {
        let text = |text: &str| text.to_owned();
        let cases = [
            (Want::Is(text("false")), vec!["false"], vec!["true", ""]),
            (
                Want::Not(text("AlwaysAllow")),
                vec!["Webhook"],
                vec!["AlwaysAllow"],
            ),
            (
                Want::OneOf(vec![text("a"), text("b")]),
                vec!["b"],
                vec!["c"],
            ),
            (
                Want::StartsWithOneOf(vec![text("127.0.0.1:")]),
                vec!["127.0.0.1:1"],
                vec!["0.0.0.0:1", ""],
            ),
            (
                Want::Has(text("RBAC")),
                vec!["Node,RBAC", "RBAC"],
                vec!["Node", "RBACS"],
            ),
            (Want::Lacks(text("X")), vec!["A,B", ""], vec!["A, X"]),
            (
                Want::Only(vec![text("a"), text("b")]),
                vec!["a", "a,b"],
                vec!["a,c"],
            ),
            (Want::Set(true), vec!["x"], vec![""]),
            (Want::Set(false), vec![""], vec!["x"]),
            (
                Want::AtLeast(30),
                vec!["30", "31"],
                vec!["29", "many", "-1"],
            ),
            (
                Want::NotZero(true),
                vec!["4h0m0s", "10"],
                vec!["0", "0s", "0h0m0s"],
            ),
            (Want::Positive(true), vec!["1"], vec!["0", "-1", "x"]),
        ];
        for (want, good, bad) in cases {
            for value in good {
                assert!(want.holds(Some(value)), "{value} must {want}");
            }
            for value in bad {
                assert!(!want.holds(Some(value)), "{value} must not pass: {want}");
            }
        }
        assert!(!Want::Set(true).holds(None));
        assert!(Want::Set(false).holds(None));
        assert!(Want::Lacks("X".to_owned()).holds(None));
        assert!(!Want::Has("X".to_owned()).holds(None));
    }
}
