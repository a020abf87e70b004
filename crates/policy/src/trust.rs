//! What is known of images' signatures: whose are asked for where, and
//! what verifying found. Policies read `data.seawall.trust[reference]`.
//!
//! A reference by digest means that digest and nothing else. One by a tag
//! means what the tag was last seen to lead to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::query::Pattern;
use serde::{Deserialize, Serialize};

/// Whose signatures are asked for, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// By name, the repositories each holds for.
    asked: Vec<(String, Vec<Pattern>)>,
    /// By `repository@digest`, and by `repository:tag`.
    found: BTreeMap<String, Arc<TrustFound>>,
}

/// What verifying one image found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustFound {
    pub digest: String,
    /// Who signed, by the trust policies that satisfies.
    pub signed: BTreeMap<String, String>,
    /// Why not, by the others that were looked at.
    pub refused: BTreeMap<String, String>,
}

/// What a policy is told of one reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageTrust {
    /// Every trust policy that holds for its repository is satisfied.
    pub signed: bool,
    /// Each of them was looked at.
    pub verified: bool,
    /// Their names.
    pub asked: Vec<String>,
    /// What the reference leads to; empty where that is not known.
    pub digest: String,
    /// Who signed, by the policies that are satisfied.
    pub signers: BTreeMap<String, String>,
    /// Why not, by the others.
    pub refused: BTreeMap<String, String>,
}

impl Trust {
    /// From the names of trust policies with the repositories they hold
    /// for.
    pub fn new<'a>(asked: impl IntoIterator<Item = (&'a str, &'a [String])>) -> Self {
        let pattern = |text: &String| {
            let pieces = text.split('*').map(str::to_owned);
            Pattern::of_pieces(pieces.collect())
        };
        Self {
            asked: asked
                .into_iter()
                .map(|(name, repositories)| {
                    (name.to_owned(), repositories.iter().map(pattern).collect())
                })
                .collect(),
            found: BTreeMap::new(),
        }
    }

    /// Adds what was found of an image, and the tags that lead to it.
    pub fn put(&mut self, repository: &str, tags: &[String], found: TrustFound) {
        let found = Arc::new(found);
        for tag in tags {
            let name = format!("{repository}:{tag}");
            self.found.insert(name, Arc::clone(&found));
        }
        let name = format!("{repository}@{}", found.digest);
        self.found.insert(name, found);
    }

    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// What is known of what a pod names so; `None`: no trust policy
    /// holds for it.
    pub fn of(&self, reference: &str) -> Option<ImageTrust> {
        if self.asked.is_empty() {
            return None;
        }
        let (repository, version) = normal(reference);
        let asked: BTreeSet<&str> = self
            .asked
            .iter()
            .filter(|(_, patterns)| patterns.iter().any(|one| one.matches(&repository)))
            .map(|(name, _)| name.as_str())
            .collect();
        if asked.is_empty() {
            return None;
        }
        let found = self.found.get(&format!("{repository}{version}"));
        let digest = match (found, version.strip_prefix('@')) {
            (Some(found), _) => found.digest.clone(),
            (None, Some(digest)) => digest.to_owned(),
            (None, None) => String::new(),
        };
        let known = |of: fn(&TrustFound) -> &BTreeMap<String, String>| {
            let all = found.map(|found| of(found)).into_iter().flatten();
            all.filter(|(name, _)| asked.contains(name.as_str()))
                .map(|(name, text)| (name.clone(), text.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        let (signers, refused) = (known(|found| &found.signed), known(|found| &found.refused));
        Some(ImageTrust {
            signed: signers.len() == asked.len(),
            verified: signers.len() + refused.len() == asked.len(),
            asked: asked.into_iter().map(str::to_owned).collect(),
            digest,
            signers,
            refused,
        })
    }
}

/// A reference's repository, written out as engines understand short
/// names, and `@digest` or `:tag`.
fn normal(reference: &str) -> (String, String) {
    let (named, digest) = match reference.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (reference, None),
    };
    let slash = named.rfind('/').map_or(0, |place| place + 1);
    let colon = named.get(slash..).and_then(|last| last.rfind(':'));
    let (path, tag) = match colon.and_then(|colon| named.split_at_checked(slash + colon)) {
        Some((path, tag)) => (path, tag.trim_start_matches(':')),
        None => (named, "latest"),
    };
    let repository = match path.split_once('/') {
        Some(("index.docker.io" | "registry-1.docker.io" | "docker.io", rest)) => hub(rest),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => path.to_owned(),
        _ => hub(path),
    };
    let version = match digest {
        Some(digest) => format!("@{digest}"),
        None => format!(":{tag}"),
    };
    (repository, version)
}

fn hub(path: &str) -> String {
    if path.contains('/') {
        format!("docker.io/{path}")
    } else {
        format!("docker.io/library/{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:11";

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn by(name: &str, text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), text.to_owned())])
    }

    fn trust() -> Trust {
        let (shop, all) = (texts(&["registry.example/shop/*"]), texts(&["*"]));
        let mut trust = Trust::new([("shop", shop.as_slice()), ("all", all.as_slice())]);
        trust.put(
            "registry.example/shop/web",
            &texts(&["1.4"]),
            TrustFound {
                digest: DIGEST.to_owned(),
                signed: by("shop", "the key release"),
                refused: by("all", "no signature"),
            },
        );
        trust.put(
            "docker.io/library/nginx",
            &texts(&["latest"]),
            TrustFound {
                digest: DIGEST.to_owned(),
                signed: by("all", "somebody"),
                refused: BTreeMap::new(),
            },
        );
        trust
    }

    #[test]
    fn every_policy_that_holds_for_a_repository_counts() {
        let known = trust().of("registry.example/shop/web:1.4").unwrap();
        assert!(!known.signed && known.verified);
        assert_eq!(known.asked, ["all", "shop"]);
        assert_eq!(known.digest, DIGEST);
        assert_eq!(known.signers, by("shop", "the key release"));
        assert_eq!(known.refused, by("all", "no signature"));
    }

    #[test]
    fn an_image_is_known_by_every_spelling_of_its_name() {
        for name in [
            "nginx",
            "nginx:latest",
            "library/nginx",
            "docker.io/nginx",
            "index.docker.io/library/nginx:latest",
            "nginx@sha256:11",
            // The digest is what runs, whatever the tag was.
            "nginx:1.0@sha256:11",
        ] {
            let known = trust().of(name).unwrap();
            assert!(known.signed && known.verified, "{name}: {known:?}");
        }
    }

    #[test]
    fn what_nobody_looked_at_is_neither_signed_nor_refused() {
        for (name, digest) in [
            ("nginx:1.0", ""),
            ("nginx@sha256:22", "sha256:22"),
            ("registry.example/shop/web:1.5", ""),
        ] {
            let known = trust().of(name).unwrap();
            assert!(!known.signed && !known.verified, "{name}: {known:?}");
            assert_eq!(known.digest, digest, "{name}");
        }
    }

    #[test]
    fn where_nothing_is_asked_for_nothing_is_told() {
        let shop = texts(&["registry.example/shop/*"]);
        let trust = Trust::new([("shop", shop.as_slice())]);
        assert_eq!(trust.of("registry.example/shopping/web:1"), None);
        assert_eq!(trust.of("nginx"), None);
        assert_eq!(Trust::default().of("nginx"), None);
    }
}
