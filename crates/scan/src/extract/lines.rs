//! Lock files laid out by indentation, read line by line.
//!
//! Yarn and pnpm write the plainest of YAML, always in the same layout.
//! A general YAML reader would build the whole tree in memory, several
//! times the file's size; these lines need none.

/// One line: how far it is indented, its key and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub indent: usize,
    /// Without its quotes.
    pub key: &'a str,
    /// Without its quotes; empty for a key that opens a block.
    pub value: &'a str,
}

/// The lines of `text` that are neither empty nor comments.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        // `? ` introduces a key too long for the short form.
        let content = content.strip_prefix("? ").unwrap_or(content).trim_end();
        if content.is_empty() || content.starts_with('#') {
            return None;
        }
        let (key, value) = split(content);
        Some(Line {
            indent,
            key,
            value: unquoted(value),
        })
    })
}

/// `key: value`, `key value` or `key:`, where the key may be quoted.
fn split(content: &str) -> (&str, &str) {
    let quote = content.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote
        && let Some((key, rest)) = content
            .strip_prefix(quote)
            .and_then(|inner| inner.split_once(quote))
        // In Yarn 1 a quoted key may be one of several.
        && !rest.starts_with(',')
    {
        return (key, rest.strip_prefix(':').unwrap_or(rest).trim());
    }
    if let Some(key) = content.strip_suffix(':') {
        return (key, "");
    }
    match content.split_once(": ").or_else(|| content.split_once(' ')) {
        Some((key, value)) => (key, value.trim()),
        None => (content, ""),
    }
}

/// Without the quotes around it, if any.
pub(super) fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text
            .strip_prefix(quote)
            .and_then(|inner| inner.strip_suffix(quote))
        {
            return inner;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(indent: usize, key: &'static str, value: &'static str) -> Line<'static> {
        Line { indent, key, value }
    }

    #[test]
    fn keys_and_values_are_told_apart_in_both_layouts() {
        let cases = [
            ("  version \"1.0.0\"", line(2, "version", "1.0.0")),
            ("  version: 1.0.0", line(2, "version", "1.0.0")),
            ("debug@2.6.8:", line(0, "debug@2.6.8", "")),
            ("'@hapi/boom@9.1.0':", line(0, "@hapi/boom@9.1.0", "")),
            ("'@hapi/boom': 9.1.0", line(0, "@hapi/boom", "9.1.0")),
            ("\"a@npm:1, a@npm:2\":", line(0, "a@npm:1, a@npm:2", "")),
            (
                "\"@a/b@1\", \"@a/b@2\":",
                line(0, "\"@a/b@1\", \"@a/b@2\"", ""),
            ),
            ("    dev: true", line(4, "dev", "true")),
            ("  ? a@1", line(2, "a@1", "")),
            ("lonely", line(0, "lonely", "")),
            ("\"", line(0, "\"", "")),
        ];
        for (text, expected) in cases {
            assert_eq!(lines(text).collect::<Vec<_>>(), [expected], "{text}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_passed_over() {
        assert_eq!(lines("# a\n\n   \n  # b\n").count(), 0);
    }
}
