//! Which paths a user does not want to hear about.

/// Patterns over paths: `*` stands for anything within one name, `**`
/// for any names. A pattern that names a folder covers all in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skip(Vec<Vec<String>>);

impl Skip {
    pub(crate) fn new(patterns: &[String]) -> Self {
        let split = |pattern: &String| {
            pattern
                .split('/')
                .filter(|part| !part.is_empty() && *part != ".")
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        Self(
            patterns
                .iter()
                .map(split)
                .filter(|parts| !parts.is_empty())
                .collect(),
        )
    }

    pub(crate) fn covers(&self, path: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let names: Vec<&str> = path.split('/').collect();
        self.0.iter().any(|pattern| matches(pattern, &names))
    }
}

fn matches(pattern: &[String], names: &[&str]) -> bool {
    // `reached[i]`: the first `i` parts cover the names so far.
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    for name in std::iter::once(None).chain(names.iter().map(Some)) {
        if let Some(name) = name {
            let mut next = vec![false; pattern.len() + 1];
            for (at, part) in pattern.iter().enumerate() {
                if reached[at] {
                    if part == "**" {
                        next[at] = true;
                    } else if name_matches(part.as_bytes(), name.as_bytes()) {
                        next[at + 1] = true;
                    }
                }
            }
            reached = next;
        }
        for (at, part) in pattern.iter().enumerate() {
            if part == "**" && reached[at] {
                reached[at + 1] = true;
            }
        }
        if name.is_some() && reached[pattern.len()] {
            return true;
        }
    }
    false
}

/// `*` against one name, without backtracking beyond the last star.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, position));
            at += 1;
        } else if pattern.get(at) == Some(&name[position]) {
            at += 1;
            position += 1;
        } else if let Some((star_at, from)) = star {
            at = star_at + 1;
            position = from + 1;
            star = Some((star_at, from + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_they_say() {
        let cases = [
            ("usr/share/doc", "usr/share/doc/a/b", true),
            ("/usr/share/doc/", "usr/share/doc", true),
            ("usr/share", "usr/shared", false),
            ("*.jar", "app.jar", true),
            ("*.jar", "lib/app.jar", false),
            ("**/*.jar", "lib/deep/app.jar", true),
            ("**/*.jar", "app.jar", true),
            ("**/test/**", "a/test/b", true),
            ("a/*/c", "a/b/c/d", true),
            ("a/*/c", "a/b/b/c", false),
            ("a*b*c", "aXbYbZc", true),
        ];
        for (pattern, path, expected) in cases {
            let skip = Skip::new(&[pattern.to_owned()]);
            assert_eq!(skip.covers(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn without_patterns_nothing_is_covered() {
        assert!(!Skip::new(&[String::new(), "/".to_owned()]).covers("a"));
    }

    #[test]
    fn many_stars_do_not_explode() {
        let pattern = "*a".repeat(200);
        let path = "a".repeat(150) + "b";
        assert!(!Skip::new(&[pattern]).covers(&path));
        let deep = "**/".repeat(50) + "x";
        assert!(!Skip::new(&[deep]).covers(&"a/".repeat(200)));
    }
}
