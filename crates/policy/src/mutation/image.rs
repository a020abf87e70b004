//! References to images, taken apart and put together as `AssignImage`
//! does: a domain, a path, a tag or digest.

use std::sync::LazyLock;

use regex::Regex;

/// The parts to be set; an empty one stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    domain: String,
    path: String,
    tag: String,
}

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("invariant: the patterns here compile")
}

static DOMAIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?-u)(^\w[\w\-_]*\.[\w\-_\.]*[\w](:\d+)?$)|(^localhost(:\d+)?$)"));
static PATH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[a-z0-9]+(?:(?:(?:[._/]|__|[-]*)[a-z0-9]+)+)?$"));
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?-u)(^:[\w][\w.-]{0,127}$)|(^@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*[:][0-9A-Fa-f]{32,}$)",
    )
});

impl Image {
    /// Checks the parts: one that could be read as another would change
    /// the image anew each time it is applied.
    pub(crate) fn new(domain: &str, path: &str, tag: &str) -> Result<Self, String> {
        if domain.is_empty() && path.is_empty() && tag.is_empty() {
            return Err(
                "at least one of [assignDomain, assignPath, assignTag] must be set".to_owned(),
            );
        }
        if !domain.is_empty() && !DOMAIN.is_match(domain) {
            return Err(format!(
                "assignDomain {domain:?} is no domain of a registry"
            ));
        }
        if !path.is_empty() && !PATH.is_match(path) {
            return Err(format!("assignPath {path:?} is no path of an image"));
        }
        if !tag.is_empty() && !TAG.is_match(tag) {
            return Err(format!(
                "assignTag {tag:?} is neither a tag, which begins with ':', nor a digest, which \
                 begins with '@'"
            ));
        }
        if domain.is_empty() && !split_domain(path).0.is_empty() {
            return Err(format!(
                "assignPath {path:?} begins like a domain: set assignDomain as well"
            ));
        }
        Ok(Self {
            domain: domain.to_owned(),
            path: path.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// `image` with the parts set.
    pub(crate) fn apply(&self, image: &str) -> String {
        let (domain, rest) = split_domain(image);
        let (path, tag) = match rest.find([':', '@']) {
            Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
            None => (rest, ""),
        };
        let domain = chosen(&self.domain, domain);
        let slash = if domain.is_empty() { "" } else { "/" };
        format!(
            "{domain}{slash}{}{}",
            chosen(&self.path, path),
            chosen(&self.tag, tag)
        )
    }
}

/// What is set, else what was there.
fn chosen<'a>(new: &'a str, old: &'a str) -> &'a str {
    if new.is_empty() { old } else { new }
}

fn split_domain(image: &str) -> (&str, &str) {
    match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("", image),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parts_given_are_set() {
        let apply = |domain, path, tag, image| Image::new(domain, path, tag).unwrap().apply(image);
        assert_eq!(
            apply("mirror.example", "", "", "nginx:1"),
            "mirror.example/nginx:1"
        );
        assert_eq!(
            apply("mirror.example", "", "", "docker.io/a/b@sha256:0"),
            "mirror.example/a/b@sha256:0"
        );
        assert_eq!(apply("", "x/y", "", "localhost/a:1"), "localhost/x/y:1");
        assert_eq!(apply("", "", ":2", "a/b:1"), "a/b:2");
        assert_eq!(apply("r.example:5000", "p", ":3", ""), "r.example:5000/p:3");
    }

    #[test]
    fn parts_that_would_leak_into_another_are_refused() {
        assert!(Image::new("", "", "").is_err());
        assert!(Image::new("nodots", "", "").is_err());
        assert!(
            Image::new("", "gcr.io/repo", "")
                .unwrap_err()
                .contains("like a domain")
        );
        assert!(Image::new("", "UPPER", "").is_err());
        assert!(Image::new("", "", "latest").is_err());
    }
}
