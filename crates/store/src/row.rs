//! Values as columns hold them.

use serde::Serialize;

/// A count as a column holds it.
pub(crate) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A value as a JSON column holds it.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("invariant: stored values are plain data")
}

/// `%text%` for LIKE with `ESCAPE '\'`, in lower case.
pub(crate) fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
