//! Names of images in parts.

use rules::syscall::{Bytes, Container};

/// Puts a name such as `registry:5000/shop/web:1.2@sha256:…` into a
/// container's fields, as rules read them.
pub(super) fn put(name: &str, container: &mut Container) {
    let (rest, digest) = name.split_once('@').unwrap_or((name, ""));
    // A colon before the last slash is a port.
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (rest, ""),
    };
    container.image = bytes(rest);
    container.repository = bytes(repository);
    container.tag = bytes(tag);
    if !digest.is_empty() {
        container.digest = bytes(digest);
    }
}

/// An identifier of an image, without the name of its hash.
pub(super) fn id(text: &str) -> Bytes {
    bytes(text.strip_prefix("sha256:").unwrap_or(text))
}

/// Whether a name is really an identifier.
pub(super) fn is_id(name: &str) -> bool {
    let name = name.strip_prefix("sha256:").unwrap_or(name);
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart() {
        for (name, repository, tag, digest) in [
            ("nginx", "nginx", "", ""),
            ("nginx:1.25", "nginx", "1.25", ""),
            ("host:5000/a/b", "host:5000/a/b", "", ""),
            (
                "host:5000/a/b:2@sha256:ab",
                "host:5000/a/b",
                "2",
                "sha256:ab",
            ),
            ("a@sha256:ab", "a", "", "sha256:ab"),
            ("", "", "", ""),
        ] {
            let mut container = Container::default();
            put(name, &mut container);
            assert_eq!(&*container.repository, repository.as_bytes(), "{name}");
            assert_eq!(&*container.tag, tag.as_bytes(), "{name}");
            assert_eq!(&*container.digest, digest.as_bytes(), "{name}");
        }
        assert!(is_id(&format!("sha256:{}", "a".repeat(64))));
        assert!(!is_id("nginx"));
    }
}
