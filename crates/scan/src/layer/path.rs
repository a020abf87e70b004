//! Paths inside a target: relative, clean, and never leading out.

use xxhash_rust::xxh3::xxh3_64;

/// A path as a number, exactly as spelled.
pub(crate) fn hash(path: &str) -> u64 {
    xxh3_64(path.as_bytes())
}

/// The archive's spelling is of no use as a path.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    #[error("its path leads out of the root")]
    Escapes,
    #[error("its path is longer than {0} bytes")]
    TooLong(usize),
    #[error("its path is deeper than {0} folders")]
    TooDeep(usize),
}

/// Writes the clean form of `raw` into `out`: no leading slash, no empty
/// or `.` components, `..` resolved by spelling alone, bytes that are
/// not UTF-8 replaced. The root itself is the empty path.
pub(crate) fn normalise(
    raw: &[u8],
    longest: usize,
    deepest: usize,
    out: &mut String,
) -> Result<(), BadPath> {
    out.clear();
    if raw.len() > longest {
        return Err(BadPath::TooLong(longest));
    }
    let mut depth = 0;
    for component in raw.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                if depth == 0 {
                    return Err(BadPath::Escapes);
                }
                depth -= 1;
                out.truncate(out.rfind('/').unwrap_or(0));
            }
            name => {
                depth += 1;
                if depth > deepest {
                    return Err(BadPath::TooDeep(deepest));
                }
                if !out.is_empty() {
                    out.push('/');
                }
                match std::str::from_utf8(name) {
                    Ok(name) => out.push_str(name),
                    Err(_) => out.push_str(&String::from_utf8_lossy(name)),
                }
            }
        }
    }
    Ok(())
}

/// The folders above a path, nearest first, ending with the root.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let parent = match rest?.rfind('/') {
            Some(slash) => rest?.get(..slash).unwrap_or_default(),
            None if rest?.is_empty() => return None,
            None => "",
        };
        rest = Some(parent);
        Some(parent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(raw: &str) -> Result<String, BadPath> {
        let mut out = "left over".to_owned();
        normalise(raw.as_bytes(), 100, 5, &mut out).map(|()| out)
    }

    #[test]
    fn every_spelling_of_a_path_is_one_path() {
        for raw in [
            "a/b", "/a/b", "./a/b", "a//b/", "a/./b", "a/x/../b", "./../a/b",
        ] {
            let expected = if raw.starts_with("./..") {
                Err(BadPath::Escapes)
            } else {
                Ok("a/b".to_owned())
            };
            assert_eq!(clean(raw), expected, "{raw}");
        }
        assert_eq!(clean("./"), Ok(String::new()));
    }

    #[test]
    fn tricks_are_refused_by_name() {
        assert_eq!(clean("../etc/passwd"), Err(BadPath::Escapes));
        assert_eq!(clean("a/../../etc"), Err(BadPath::Escapes));
        assert_eq!(clean(&"a/".repeat(6)), Err(BadPath::TooDeep(5)));
        assert_eq!(clean(&"a".repeat(101)), Err(BadPath::TooLong(100)));
    }

    #[test]
    fn bytes_outside_unicode_are_replaced() {
        let mut out = String::new();
        normalise(b"a/\xff\xfe", 100, 5, &mut out).unwrap();
        assert_eq!(out, "a/\u{fffd}\u{fffd}");
    }

    #[test]
    fn ancestors_climb_to_the_root() {
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a/b", "a", ""]);
        assert_eq!(ancestors("a").collect::<Vec<_>>(), [""]);
        assert_eq!(ancestors("").count(), 0);
    }
}
