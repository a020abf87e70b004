//! `?` as PostgreSQL wants it: numbered.

/// Replaces each `?` that stands for a value by `$1`, `$2`, …; those
/// inside strings, quoted names and comments are text. A sign in front
/// of a column, which keeps SQLite's planner off an index, is left out:
/// PostgreSQL's knows how rare the values of a column are, and nothing
/// of an expression.
pub(super) fn number(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 32);
    let mut count = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find(['?', '\'', '"', '-', '/', '+']) {
        let (plain, found) = rest.split_at(at);
        numbered.push_str(plain);
        let length = match found.as_bytes() {
            [b'?', ..] => {
                count += 1;
                numbered.push('$');
                numbered.push_str(&count.to_string());
                rest = found.get(1..).unwrap_or_default();
                continue;
            }
            [b'+', letter, ..]
                if letter.is_ascii_alphabetic() && numbered.ends_with([' ', '(']) =>
            {
                rest = found.get(1..).unwrap_or_default();
                continue;
            }
            // A doubled quote closes one and opens the next.
            [quote @ (b'\'' | b'"'), ..] => closing(found, 1, char::from(*quote), 1),
            [b'-', b'-', ..] => closing(found, 2, '\n', 1),
            [b'/', b'*', ..] => found.find("*/").map_or(found.len(), |end| end + 2),
            _ => 1,
        };
        let (skipped, after) = found.split_at(length);
        numbered.push_str(skipped);
        rest = after;
    }
    numbered.push_str(rest);
    numbered
}

/// Where what `text` opens ends; an unclosed one ends with the text.
fn closing(text: &str, from: usize, close: char, length: usize) -> usize {
    text.get(from..)
        .and_then(|inner| inner.find(close))
        .map_or(text.len(), |end| from + end + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_in_order() {
        assert_eq!(
            number("SELECT * FROM t WHERE a = ? AND b IN (?, ?) LIMIT ?"),
            "SELECT * FROM t WHERE a = $1 AND b IN ($2, $3) LIMIT $4"
        );
    }

    #[test]
    fn a_sign_in_front_of_a_column_is_for_sqlite() {
        assert_eq!(
            number("WHERE +t.a = ? AND (+b + ? > 1) AND c+d = a + 1 AND e = '+f'"),
            "WHERE t.a = $1 AND (b + $2 > 1) AND c+d = a + 1 AND e = '+f'"
        );
    }

    #[test]
    fn a_question_mark_in_text_is_text() {
        for text in [
            "SELECT 'who?' ",
            "SELECT 'it''s ?' ",
            "SELECT \"odd?\" ",
            "SELECT 1 -- why?\n",
            "SELECT 1 /* why? */ ",
            "SELECT 'never closed? ",
        ] {
            assert_eq!(number(text), text);
        }
        assert_eq!(
            number("a LIKE ? ESCAPE '\\' AND b - ? / ? = '?' -- ?\n OR c = ?"),
            "a LIKE $1 ESCAPE '\\' AND b - $2 / $3 = '?' -- ?\n OR c = $4"
        );
        assert_eq!(number("'é?' || ?"), "'é?' || $1");
    }
}
