//! Shell patterns as `fnmatch` knows them: `*`, `?`, `[a-z]`, `[!a]`, `\`.
//! A slash is like any other byte.

/// Without going back more than to the last `*`: no pattern is slow.
pub(crate) fn matches(pattern: &[u8], text: &[u8], any_case: bool) -> bool {
    let (mut at, mut pos) = (0, 0);
    let mut last_star = None;
    while pos < text.len() {
        if pattern.get(at) == Some(&b'*') {
            last_star = Some((at + 1, pos));
            at += 1;
            continue;
        }
        let byte = text.get(pos).copied().unwrap_or_default();
        match one(pattern, at, byte, any_case) {
            Some(next) => {
                at = next;
                pos += 1;
            }
            None => match last_star {
                Some((star, from)) => {
                    last_star = Some((star, from + 1));
                    at = star;
                    pos = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Behind the part of the pattern that matches this byte.
fn one(pattern: &[u8], at: usize, byte: u8, any_case: bool) -> Option<usize> {
    let same =
        |left: u8, right: u8| left == right || (any_case && left.eq_ignore_ascii_case(&right));
    match pattern.get(at)? {
        b'?' => Some(at + 1),
        b'\\' => match pattern.get(at + 1) {
            Some(escaped) => same(*escaped, byte).then_some(at + 2),
            None => same(b'\\', byte).then_some(at + 1),
        },
        b'[' => match class(pattern, at, byte, any_case) {
            Some((is_in, next)) => is_in.then_some(next),
            // Nothing closes it: a bracket like any other byte.
            None => (byte == b'[').then_some(at + 1),
        },
        other => same(*other, byte).then_some(at + 1),
    }
}

fn class(pattern: &[u8], open: usize, byte: u8, any_case: bool) -> Option<(bool, usize)> {
    let mut at = open + 1;
    let is_negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    if is_negated {
        at += 1;
    }
    let first = at;
    let mut is_in = false;
    loop {
        let mut low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((is_in != is_negated, at + 1));
        }
        if low == b'\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        let mut high = low;
        if pattern.get(at + 1) == Some(&b'-') && pattern.get(at + 2).is_some_and(|it| *it != b']') {
            at += 2;
            high = *pattern.get(at)?;
            if high == b'\\' {
                at += 1;
                high = *pattern.get(at)?;
            }
        }
        let inside = |byte: u8| low <= byte && byte <= high;
        is_in |= inside(byte)
            || (any_case
                && (inside(byte.to_ascii_lowercase()) || inside(byte.to_ascii_uppercase())));
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_shell_does() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*.so", "/lib/x.so", true),
            ("/proc/*/mem", "/proc/1/task/1/mem", true),
            ("?", "ab", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[x", "[x", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("**a**", "xxaxx", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), false),
                expected,
                "{pattern} against {text}"
            );
        }
        assert!(matches(b"*TOKEN*", b"my_token=1", true));
        assert!(!matches(b"*TOKEN*", b"my_token=1", false));
    }

    #[test]
    fn a_pattern_of_stars_is_not_slow() {
        let pattern = "a*".repeat(200) + "b";
        let text = "a".repeat(20_000);
        assert!(!matches(pattern.as_bytes(), text.as_bytes(), false));
    }
}
