//! Trust policies between the contract, the record and the room that
//! verifies: what is asked for, where it holds, and what was found as
//! whoever judges before something runs is told it.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    policy::{BundleTrust, BundleTrusted},
    trust::{TrustSigner, TrustStamper},
};
use model::{error::chain, query::Pattern};
use policy::{Trust, TrustFound};
use registry::signature::{Asked, AskedError, TrustRoot, Wanted};
use scan::Reference;
use store::{TrustOutcome, TrustPolicy, TrustRecord, TrustTag, TrustVerdict};

/// Tags told of one image.
const MOST_TAGS: usize = 100;

/// What a policy asks for, ready to judge by.
pub(crate) fn asked(
    signers: &[TrustSigner],
    stampers: &[TrustStamper],
    root: Option<&str>,
) -> Result<Asked, String> {
    let told = |error: &AskedError| match error {
        AskedError::Key { .. } | AskedError::Certificate { .. } => {
            format!("failed to {}", chain(error))
        }
        sentence => sentence.to_string(),
    };
    let mut anyone_of = Vec::new();
    for signer in signers {
        let wanted = match signer {
            TrustSigner::Key { name, pem, .. } => Wanted::key(name, pem),
            TrustSigner::Identity { issuer, subject } => Wanted::identity(subject, issuer),
            TrustSigner::Certificate {
                name, pem, subject, ..
            } => Wanted::certificate(name, pem, subject.as_deref()),
        };
        anyone_of.push(wanted.map_err(|error| told(&error))?);
    }
    let root = root
        .map(|text| TrustRoot::from_json(text).map(Arc::new))
        .transpose()
        .map_err(|error| format!("failed to {}", chain(&error)))?;
    let asked = Asked {
        anyone_of,
        root,
        stampers: stampers
            .iter()
            .map(|one| (one.name.clone(), one.pem.clone()))
            .collect(),
    };
    asked.check().map_err(|error| told(&error))?;
    Ok(asked)
}

/// The same from what the record keeps.
pub(crate) fn asked_of(record: &TrustRecord) -> Result<Asked, String> {
    let (signers, stampers) = parts(record);
    asked(&signers, &stampers, record.root.as_deref())
}

/// Signers and timestamp authorities as the contract writes them.
pub(crate) fn parts(record: &TrustRecord) -> (Vec<TrustSigner>, Vec<TrustStamper>) {
    let signers = serde_json::from_value(record.signers.clone()).unwrap_or_default();
    let stampers = serde_json::from_value(record.stampers.clone()).unwrap_or_default();
    (signers, stampers)
}

/// Signers with what their keys and certificates say of themselves.
pub(crate) fn described(signers: Vec<TrustSigner>) -> Vec<TrustSigner> {
    let describe = |signer| match signer {
        TrustSigner::Key { name, pem, .. } => {
            let about = Wanted::key(&name, &pem).map(|key| key.about());
            let (fingerprint, _) = about.unwrap_or_default();
            TrustSigner::Key {
                name,
                pem,
                fingerprint: fingerprint.map(|digest| digest.to_string()),
            }
        }
        TrustSigner::Certificate {
            name, pem, subject, ..
        } => {
            let about = Wanted::certificate(&name, &pem, None).map(|it| it.about());
            let (fingerprint, ends) = about.unwrap_or_default();
            TrustSigner::Certificate {
                name,
                pem,
                subject,
                fingerprint: fingerprint.map(|digest| digest.to_string()),
                ends,
            }
        }
        identity @ TrustSigner::Identity { .. } => identity,
    };
    signers.into_iter().map(describe).collect()
}

/// A pattern of repositories as it is compared: the registry written out,
/// Docker Hub by its one name.
pub(crate) fn pattern(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 500 || text.contains(char::is_whitespace) {
        return Err("expected a name as registry.example/team/*".to_owned());
    }
    if text.contains(['@', '?', '[', '{']) {
        return Err(format!(
            "'{text}': name repositories, without tag and digest; '*' alone stands for anything"
        ));
    }
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let is_host = host.contains(['.', ':', '*']) || host == "localhost";
    if !is_host {
        return Err(format!(
            "'{text}' names no registry: write docker.io/{text} for Docker Hub"
        ));
    }
    if path.is_empty() && !host.contains('*') {
        return Err(format!("'{text}' names no repository: {host}/* means all"));
    }
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io",
        host => host,
    };
    Ok(match (host, path) {
        (host, "") => host.to_owned(),
        ("docker.io", path) if !path.contains(['/', '*']) => format!("docker.io/library/{path}"),
        (host, path) => format!("{host}/{path}"),
    })
}

/// Whether a policy holds for a repository, named with its registry.
pub(crate) fn covers(policy: &TrustPolicy, repository: &str) -> bool {
    policy.record.repositories.iter().any(|text| {
        let pieces = text.split('*').map(str::to_owned).collect();
        Pattern::of_pieces(pieces).matches(repository)
    })
}

/// The repository with its registry, and the tag, of an image's name.
pub(crate) fn place(name: &str) -> Option<(String, Option<String>)> {
    // The platform, which is told behind the names of some.
    let name = name.split(" (").next().unwrap_or(name);
    let reference: Reference = name.parse().ok()?;
    let repository = format!("{}/{}", reference.registry, reference.repository);
    let tag = reference.tag.filter(|_| reference.digest.is_none());
    Some((repository, tag))
}

/// What whoever judges before something runs is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) policies: Vec<BundleTrust>,
    pub(crate) images: Vec<BundleTrusted>,
}

impl Told {
    /// The same, as policies read it.
    pub(crate) fn trust(&self) -> Trust {
        let asked = self.policies.iter();
        let mut trust = Trust::new(asked.map(|it| (it.name.as_str(), it.repositories.as_slice())));
        for image in &self.images {
            let found = TrustFound {
                digest: image.digest.clone(),
                signed: image.signed.clone(),
                refused: image.refused.clone(),
            };
            trust.put(&image.repository, &image.tags, found);
        }
        trust
    }
}

type Images = BTreeMap<(String, String), BundleTrusted>;

/// The image of a repository and a digest, nothing said of it yet.
fn entry(images: &mut Images, key: (String, String)) -> &mut BundleTrusted {
    images.entry(key.clone()).or_insert_with(|| BundleTrusted {
        repository: key.0,
        digest: key.1,
        ..BundleTrusted::default()
    })
}

/// Puts together what was found, and which tags lead to it.
pub(crate) fn told(
    policies: &[TrustPolicy],
    outcomes: Vec<TrustOutcome>,
    tags: Vec<TrustTag>,
) -> Told {
    let on: Vec<&TrustPolicy> = policies
        .iter()
        .filter(|policy| policy.record.enabled)
        .collect();
    let mut images = Images::new();
    for outcome in outcomes {
        let key = (outcome.repository, outcome.digest);
        let image = entry(&mut images, key);
        match outcome.found.verdict {
            TrustVerdict::Signed => {
                let signer = outcome.found.signer.unwrap_or_default();
                image.signed.insert(outcome.policy_name, signer);
            }
            TrustVerdict::Refused => {
                let reason = outcome.found.reason.unwrap_or_default();
                image.refused.insert(outcome.policy_name, reason);
            }
            TrustVerdict::Pending | TrustVerdict::Unknown => {}
        }
    }
    // A tag leads to one image: the registry knows better than a scan,
    // and is told first.
    let mut led: BTreeMap<(String, String), String> = BTreeMap::new();
    for tag in tags {
        let Some((repository, Some(name))) = place(&tag.name) else {
            continue;
        };
        if on.iter().any(|policy| covers(policy, &repository)) {
            led.entry((repository, name)).or_insert(tag.digest);
        }
    }
    for ((repository, tag), digest) in led {
        let key = (repository, digest);
        let image = entry(&mut images, key);
        if image.tags.len() < MOST_TAGS {
            image.tags.push(tag);
        }
    }
    for image in images.values_mut() {
        image.tags.sort();
    }
    Told {
        policies: on
            .iter()
            .map(|policy| BundleTrust {
                name: policy.record.name.clone(),
                repositories: policy.record.repositories.clone(),
            })
            .collect(),
        images: images.into_values().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_its_registry() {
        for (text, expected) in [
            ("registry.example/team/*", "registry.example/team/*"),
            ("localhost:5000/shop", "localhost:5000/shop"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("index.docker.io/team/*", "docker.io/team/*"),
            ("*", "*"),
            ("*.example/shop", "*.example/shop"),
        ] {
            assert_eq!(pattern(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "team/*",
            "nginx",
            "registry.example",
            "registry.example/a@sha256:1",
            "registry.example/a b",
            "registry.example/[ab]",
        ] {
            assert!(pattern(text).is_err(), "{text}");
        }
        assert!(pattern("team/*").unwrap_err().contains("docker.io/team/*"));
    }

    #[test]
    fn an_image_is_placed_by_its_name() {
        let at = |name: &str| place(name);
        let tagged =
            |repository: &str, tag: &str| Some((repository.to_owned(), Some(tag.to_owned())));
        assert_eq!(at("nginx"), tagged("docker.io/library/nginx", "latest"));
        assert_eq!(
            at("registry.example:5000/shop:1 (linux/arm64)"),
            tagged("registry.example:5000/shop", "1")
        );
        let digest = format!("registry.example/shop@sha256:{}", "1".repeat(64));
        assert_eq!(
            at(&digest),
            Some(("registry.example/shop".to_owned(), None))
        );
        assert_eq!(at("/var/lib/some where"), None);
    }
}
