//! Where to read about an advisory.

/// The public page of a vulnerability or advisory id. Ids come from
/// advisory files, so only plain ones become part of an address.
pub(crate) fn advisory(id: &str) -> Option<String> {
    let is_plain = !id.is_empty()
        && id.len() <= 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'_'));
    if !is_plain {
        return None;
    }
    Some(if id.starts_with("CVE-") {
        format!("https://nvd.nist.gov/vuln/detail/{id}")
    } else if id.starts_with("GHSA-") {
        format!("https://github.com/advisories/{id}")
    } else if id.starts_with("RUSTSEC-") {
        format!("https://rustsec.org/advisories/{id}.html")
    } else {
        format!("https://osv.dev/vulnerability/{id}")
    })
}

/// A reference from an advisory, if it is a web address that the
/// documents' schemas accept as one (RFC 3986 characters only).
pub(crate) fn is_web_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.matches('#').count() <= 1
            && rest.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte)
            })
            && rest.split('%').skip(1).all(|escape| {
                escape.len() >= 2 && escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
            })
    })
}

/// `path` as a relative URI reference.
pub(crate) fn relative_uri(path: &str) -> String {
    use std::fmt::Write as _;
    let path = path.trim_start_matches('/');
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("invariant: writing to a string cannot fail");
        }
    }
    if uri.is_empty() { ".".to_owned() } else { uri }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_with_anything_odd_is_never_linked() {
        assert!(advisory("CVE-2021-44228").is_some());
        assert!(advisory("DSA-5601-1").is_some());
        assert!(advisory("CVE-2021-1\u{7}").is_none());
        assert!(advisory("../../evil").is_none());
        assert!(advisory("").is_none());
    }

    #[test]
    fn only_clean_web_addresses_pass() {
        assert!(is_web_address("https://example.org/a?b=c#d"));
        assert!(!is_web_address("javascript:alert(1)"));
        assert!(!is_web_address("https://example.org/a b"));
        assert!(!is_web_address("https://"));
        assert!(!is_web_address("https://example.org/100%"));
    }

    #[test]
    fn paths_become_uris_whatever_they_hold() {
        assert_eq!(relative_uri("var/lib/dpkg/status"), "var/lib/dpkg/status");
        assert_eq!(relative_uri("/a b/c#d"), "a%20b/c%23d");
        assert_eq!(relative_uri("x:y"), "x%3Ay");
        assert_eq!(relative_uri(""), ".");
    }
}
