//! What a registry says when it wants to know who is asking
//! (RFC 9110, section 11.6.1; distribution's token specification).

/// How the registry wants credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads one `WWW-Authenticate` header; a bearer token is preferred
    /// where several schemes are offered.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let mut basic = None;
        let mut rest = header.trim();
        while !rest.is_empty() {
            let (scheme, after) = split_at(rest, |c| c.is_ascii_whitespace() || c == ',');
            let (parameters, after) = parameters(after);
            if scheme.eq_ignore_ascii_case("bearer") {
                let get = |key: &str| {
                    let found = parameters.iter().find(|(name, _)| name == key);
                    found
                        .map(|(_, value)| value.clone())
                        .filter(|value| !value.is_empty())
                };
                return Some(Self::Bearer {
                    realm: get("realm")?,
                    service: get("service"),
                    scope: get("scope"),
                });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
            if after.len() >= rest.len() {
                break;
            }
            rest = after.trim_start_matches([',', ' ']);
        }
        basic
    }
}

fn split_at(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(is_end).unwrap_or(text.len());
    text.split_at(end)
}

/// `key="value", key=value` up to the next scheme, which is a word
/// without an equals sign.
fn parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let start = rest.trim_start_matches([' ', ',', '\t']);
        let (key, after) = split_at(start, |c| c == '=' || c == ',' || c.is_ascii_whitespace());
        let Some(value) = after.strip_prefix('=') else {
            return (found, start);
        };
        if key.is_empty() {
            return (found, "");
        }
        let (value, after) = if let Some(quoted) = value.strip_prefix('"') {
            unquote(quoted)
        } else {
            let (value, after) = split_at(value, |c| c == ',' || c.is_ascii_whitespace());
            (value.to_owned(), after)
        };
        found.push((key.to_ascii_lowercase(), value));
        rest = after;
    }
}

fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn challenges_of_real_registries_are_understood() {
        let cases = [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/debian:pull""#,
                Some(bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:library/debian:pull"),
                )),
            ),
            (
                r"bearer realm=https://x/t",
                Some(bearer("https://x/t", None, None)),
            ),
            (r#"Basic realm="Registry""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            (
                r#"Basic realm="a, b=\"c\"", Bearer realm="https://x/t",service="s""#,
                Some(bearer("https://x/t", Some("s"), None)),
            ),
            (r#"Negotiate, Basic realm="x""#, Some(Challenge::Basic)),
            ("Bearer", None),
            ("", None),
            ("Digest qop=auth", None),
        ];
        for (header, expected) in cases {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_ends(header in "[A-Za-z=\", \\\\]{0,60}") {
            drop(Challenge::parse(&header));
        }
    }
}
