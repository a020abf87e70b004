//! Comparing one column of text with patterns.

use model::query::Pattern;

use crate::db::Sql;

/// Appends `(column is any of the patterns)`. The column's text may be
/// an expression of ours; where it is NULL the answer is NULL.
pub(super) fn is_any(sql: &mut Sql, column: &str, patterns: &[Pattern]) {
    let exact: Vec<String> = patterns
        .iter()
        .filter_map(Pattern::as_exact)
        .map(str::to_ascii_lowercase)
        .collect();
    sql.push("(");
    match exact.as_slice() {
        [] => {}
        [one] => {
            sql.push(format_args!("LOWER({column}) = ")).push_bind(one);
        }
        many => {
            sql.push(format_args!("LOWER({column}) IN "))
                .push_list(many.iter());
        }
    }
    let gapped = patterns
        .iter()
        .filter(|pattern| pattern.as_exact().is_none());
    for (index, pattern) in gapped.enumerate() {
        if index > 0 || !exact.is_empty() {
            sql.push(" OR ");
        }
        is_like(sql, column, &whole(pattern));
    }
    sql.push(")");
}

/// Appends `LOWER(column) LIKE pattern`.
pub(crate) fn is_like(sql: &mut Sql, column: &str, pattern: &str) {
    sql.push(format_args!("LOWER({column}) LIKE "))
        .push_bind(pattern)
        .push(" ESCAPE '\\'");
}

/// For LIKE: the whole column.
pub(super) fn whole(pattern: &Pattern) -> String {
    let pieces: Vec<String> = pattern.pieces().iter().map(|piece| escape(piece)).collect();
    pieces.join("%")
}

/// For LIKE: somewhere in the column.
pub(crate) fn anywhere(pattern: &Pattern) -> String {
    format!("%{}%", whole(pattern))
}

/// Text as LIKE takes it literally, in lower case.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.to_ascii_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::sql;

    #[test]
    fn signs_of_like_are_taken_literally() {
        let pattern = Pattern::of_pieces(vec!["50%_\\A".to_owned(), "'--".to_owned()]);
        assert_eq!(whole(&pattern), r"50\%\_\\a%'--");
        assert_eq!(anywhere(&Pattern::exact("x")), "%x%");
    }

    #[test]
    fn whole_names_are_compared_and_only_gaps_searched() {
        let mut text = sql("");
        let patterns = ["a", "b"].map(Pattern::exact);
        is_any(&mut text, "name", &patterns);
        assert_eq!(text.as_str(), "(LOWER(name) IN (?, ?))");
    }
}
