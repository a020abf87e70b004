//! Secrets in text that is kept: told by their names, never by their
//! values, which are gone before anything is stored.

/// What stands in a masked secret's place.
pub const MASK: &str = "•••";

/// Parts of a name that say "secret", in lower case.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "access_key",
    "private_key",
    "credential",
    "auth_key",
    "_pwd",
];
/// Names that hold one of those and mean something else.
const OTHERS: [&str; 6] = ["_file", "_path", "_url", "_version", "_length", "_expiry"];
/// How well-known keys begin, whatever they are called.
const BEGINNINGS: [&str; 7] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
];
/// Shorter ones are words that only begin so.
const SHORTEST_KEY: usize = 16;

/// Whether whoever named something so means to keep it secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part)) && !OTHERS.iter().any(|end| name.ends_with(end))
}

/// A build step without the values of secrets: each `NAME=value` whose
/// name or value is one keeps its name only. A value that only refers to
/// another variable is no secret.
pub fn mask(step: &str) -> String {
    let mut masked = String::with_capacity(step.len());
    let mut rest = step;
    while let Some((before, after)) = rest.split_once('=') {
        let start = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .and_then(|at| Some(at + before.get(at..)?.chars().next()?.len_utf8()));
        let name = before.get(start.unwrap_or(0)..).unwrap_or_default();
        let length = value_length(after);
        let value = after.get(..length).unwrap_or_default();
        masked.push_str(before);
        masked.push('=');
        let bare = value.trim_matches(['"', '\'']);
        let is_key = bare.len() >= SHORTEST_KEY
            && BEGINNINGS
                .iter()
                .any(|beginning| bare.starts_with(beginning));
        if (is_secret_name(name) || is_key) && !bare.is_empty() && !bare.starts_with('$') {
            masked.push_str(MASK);
        } else {
            masked.push_str(value);
        }
        rest = after.get(length..).unwrap_or_default();
    }
    masked.push_str(rest);
    masked
}

/// Bytes of the value that a text begins with: to its closing quote, or
/// to the next space.
fn value_length(text: &str) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == quote)
            .map_or(text.len(), |(at, _)| at + 1),
        _ => text
            .find(|c: char| c.is_whitespace() || c == ';' || c == '&')
            .unwrap_or(text.len()),
    }
}

/// Names of the secrets that were masked in a step.
pub fn masked_names(step: &str) -> Vec<&str> {
    let mark = format!("={MASK}");
    let mut names = Vec::new();
    let mut rest = step;
    while let Some((before, after)) = rest.split_once(&mark) {
        let name = before
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .next()
            .unwrap_or_default();
        names.push(name);
        rest = after;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_go_and_their_names_stay() {
        let cases = [
            (
                "/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2 MODE=fast",
                "/bin/sh -c #(nop)  ENV DB_PASSWORD=••• MODE=fast",
            ),
            (
                "RUN API_TOKEN=\"a b c\" make && echo x=1",
                "RUN API_TOKEN=••• make && echo x=1",
            ),
            ("ENV KEY=AKIAIOSFODNN7EXAMPLE", "ENV KEY=•••"),
            ("ENV SECRET=$FROM_BUILD", "ENV SECRET=$FROM_BUILD"),
            ("ENV DB_PASSWORD_FILE=/run/x", "ENV DB_PASSWORD_FILE=/run/x"),
            ("ENV TOKEN=", "ENV TOKEN="),
            ("RUN é=ü ÄTOKEN=x", "RUN é=ü ÄTOKEN=•••"),
            ("CMD [\"sh\"]", "CMD [\"sh\"]"),
        ];
        for (step, expected) in cases {
            assert_eq!(mask(step), expected);
            assert_eq!(mask(&mask(step)), expected, "masked twice");
        }
        assert_eq!(
            masked_names("ENV A=1 DB_PASSWORD=••• B_TOKEN=•••"),
            ["DB_PASSWORD", "B_TOKEN"]
        );
    }
}
