//! Names of images in registries.

use std::{fmt, str::FromStr};

use model::Digest;

/// `registry/repository:tag@digest`, with Docker's shorthands resolved
/// (distribution's reference grammar).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// `docker.io`, `localhost:5000`.
    pub registry: String,
    /// `library/debian`.
    pub repository: String,
    /// `latest` unless the name has a tag or a digest.
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

/// The text is no image name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no image name: {reason}")]
pub struct ParseReferenceError {
    text: String,
    reason: &'static str,
}

const LONGEST: usize = 4096;
const DOCKER_HUB: &str = "docker.io";

impl Reference {
    /// Where the registry's API is: Docker Hub's differs from its name.
    pub fn api_host(&self) -> &str {
        api_host(&self.registry)
    }

    /// What is asked of the registry: the digest if there is one, for it
    /// cannot be moved, else the tag.
    pub fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// The name without digest, as a tag of the image.
    pub fn name(&self) -> String {
        let mut name = format!("{}/{}", self.registry, self.repository);
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        name
    }
}

pub(crate) fn api_host(registry: &str) -> &str {
    if registry == DOCKER_HUB {
        "registry-1.docker.io"
    } else {
        registry
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason| ParseReferenceError {
            text: text.chars().take(200).collect(),
            reason,
        };
        if text.is_empty() || text.len() > LONGEST {
            return Err(refuse("it is empty or far too long"));
        }
        if text.contains("://") {
            return Err(refuse("leave out http:// or https://"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let digest = digest.parse();
                let digest = digest.map_err(|_unreadable| {
                    refuse("after '@' belongs sha256: and 64 hexadecimal digits")
                })?;
                (name, Some(digest))
            }
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            // A port has a path after it.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return Err(refuse("its tag has characters tags do not have"));
        }
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path),
            _ => (DOCKER_HUB, name),
        };
        let registry = match registry {
            "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => DOCKER_HUB,
            other => other,
        };
        if !registry
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
        {
            return Err(refuse("its host has characters hosts do not have"));
        }
        if !path.split('/').all(is_path_component) {
            return Err(refuse(
                "repositories are lower-case letters and digits, joined by '.', '_', '-' and '/'",
            ));
        }
        let repository = if registry == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("latest".to_owned()),
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag,
            digest,
        })
    }
}

/// The first component is a host if it could be no repository.
fn is_host(text: &str) -> bool {
    text == "localhost"
        || text.contains(['.', ':'])
        || text.chars().any(|letter| letter.is_ascii_uppercase())
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128
        && text.starts_with(is_word)
        && text.chars().all(|c| is_word(c) || c == '.' || c == '-')
}

fn is_path_component(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_letter)
        && text.ends_with(is_letter)
        && text.chars().all(|c| is_letter(c) || ".-_".contains(c))
        && !text.contains("..")
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shorthands_are_written_out() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let cases = [
            ("debian", "docker.io/library/debian:latest".to_owned()),
            ("debian:12", "docker.io/library/debian:12".to_owned()),
            (
                "grafana/grafana:9",
                "docker.io/grafana/grafana:9".to_owned(),
            ),
            (
                "index.docker.io/debian",
                "docker.io/library/debian:latest".to_owned(),
            ),
            ("localhost/shop", "localhost/shop:latest".to_owned()),
            (
                "localhost:5000/shop",
                "localhost:5000/shop:latest".to_owned(),
            ),
            ("[::1]:5000/shop:1", "[::1]:5000/shop:1".to_owned()),
            ("ghcr.io/a/b/c:v1.2_x", "ghcr.io/a/b/c:v1.2_x".to_owned()),
            (
                &format!("quay.io/a/b@{digest}"),
                format!("quay.io/a/b@{digest}"),
            ),
            (
                &format!("quay.io/a/b:1@{digest}"),
                format!("quay.io/a/b:1@{digest}"),
            ),
        ];
        for (text, expected) in cases {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, reason) in [
            ("", "empty"),
            ("https://quay.io/a", "leave out"),
            ("a@sha256:12", "64 hexadecimal"),
            ("a:b c", "tag"),
            ("quay.io/UPPER", "lower-case"),
            ("a/../b", "lower-case"),
            ("quay.io/", "lower-case"),
            ("ex ample.org/a", "host"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_name_reads_back_what_it_prints(text in "[a-z]{1,8}(\\.[a-z]{2})?(/[a-z0-9]{1,5}){0,3}(:[a-z0-9]{1,9})?") {
            let reference: Reference = text.parse().unwrap();
            prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
        }

        #[test]
        fn nothing_panics(text in ".*") {
            drop(text.parse::<Reference>());
        }
    }
}
