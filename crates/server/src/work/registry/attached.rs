//! What is attached to images: as registries list it, as tags lead to it
//! that stand for an image, and as indexes hold it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::Digest;
use registry::{Content, Referrer, Resolved};
use store::{FoundReferrer, Registry, StoreError};

use crate::{app::App, trust};

/// What builders put beside the images of an index.
const STATEMENTS: &str = "application/vnd.in-toto+json";

/// As a registry lists it.
pub(crate) fn listed(subject: &Digest, referrers: &[Referrer]) -> Vec<FoundReferrer> {
    let found = |one: &Referrer| FoundReferrer {
        subject: subject.to_string(),
        digest: one.digest.to_string(),
        artifact_type: one.artifact_type.clone(),
        size: one.size,
        annotations: one.annotations.clone(),
        found_by: one.by.as_str().to_owned(),
    };
    referrers.iter().map(found).collect()
}

/// The image that a tag stands for, as `sha256-….sig` does.
fn by_tag(tag: &str) -> Option<Digest> {
    let hex = tag.strip_prefix("sha256-")?.get(..64)?;
    format!("sha256:{hex}").parse().ok()
}

/// What a tag turns out to attach to which images.
pub(super) fn resolved(tag: &str, resolved: &Resolved) -> Vec<FoundReferrer> {
    match &resolved.content {
        Content::Image { .. } => Vec::new(),
        Content::Index { images } => images
            .iter()
            .filter_map(|image| {
                Some(FoundReferrer {
                    subject: image.describes?.to_string(),
                    digest: image.digest.to_string(),
                    artifact_type: STATEMENTS.to_owned(),
                    size: image.size,
                    annotations: BTreeMap::new(),
                    found_by: "index".to_owned(),
                })
            })
            .collect(),
        Content::Artifact { artifact_type } => {
            let (subject, found_by) = match (resolved.subject, by_tag(tag)) {
                (Some(subject), _) => (subject, "push"),
                (None, Some(subject)) => (subject, "cosign_tag"),
                (None, None) => return Vec::new(),
            };
            vec![FoundReferrer {
                subject: subject.to_string(),
                digest: resolved.digest.to_string(),
                artifact_type: artifact_type.clone(),
                size: resolved.size,
                annotations: resolved.annotations.clone(),
                found_by: found_by.to_owned(),
            }]
        }
    }
}

/// Keeps what was found attached to images of a repository.
pub(super) async fn keep(
    app: &App,
    known: &Registry,
    repository: &str,
    found: Vec<FoundReferrer>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let name = format!("{}/{repository}", known.address);
    if found.is_empty() {
        return Ok(());
    }
    let Some((repository, _)) = trust::place(&name) else {
        return Ok(());
    };
    app.store
        .put_referrers(&known.environment, &repository, found, &[], now)
        .await?;
    Ok(())
}

/// What was pushed is attached to an image, as signatures are, by naming
/// it or by a tag that stands for it: that image is looked at again.
pub(super) async fn hurry(
    app: &App,
    known: &Registry,
    tag: &str,
    subject: Option<Digest>,
) -> Result<(), StoreError> {
    let Some(digest) = subject.or_else(|| by_tag(tag)) else {
        return Ok(());
    };
    app.store
        .hurry_trust(&known.environment, &digest.to_string())
        .await?;
    app.trust.ring();
    Ok(())
}

#[cfg(test)]
mod tests {
    use registry::PlatformImage;

    use super::*;

    fn about(content: Content, subject: Option<Digest>) -> Resolved {
        Resolved {
            digest: Digest::of(b"itself"),
            media_type: String::new(),
            size: 700,
            content,
            subject,
            annotations: BTreeMap::from([("made".to_owned(), "today".to_owned())]),
        }
    }

    #[test]
    fn what_is_attached_is_told_by_its_subject_its_tag_or_its_index() {
        let image = Digest::of(b"image");
        let artifact = || Content::Artifact {
            artifact_type: "application/spdx+json".to_owned(),
        };
        let pushed = resolved("1.0", &about(artifact(), Some(image)));
        assert_eq!(pushed[0].subject, image.to_string());
        assert_eq!(pushed[0].digest, Digest::of(b"itself").to_string());
        assert_eq!((pushed[0].size, pushed[0].found_by.as_str()), (700, "push"));
        assert_eq!(pushed[0].annotations["made"], "today");
        let tag = format!("sha256-{}.sig", image.to_string().replace("sha256:", ""));
        let tagged = resolved(&tag, &about(artifact(), None));
        assert_eq!(tagged[0].subject, image.to_string());
        assert_eq!(tagged[0].found_by, "cosign_tag");
        assert_eq!(resolved("chart", &about(artifact(), None)), []);
        assert_eq!(resolved("sha256-é", &about(artifact(), None)), []);

        let of = |name: &str, describes| PlatformImage {
            digest: Digest::of(name.as_bytes()),
            platform: None,
            size: 9,
            describes,
        };
        let images = vec![of("image", None), of("statement", Some(image))];
        let held = resolved("1.0", &about(Content::Index { images }, None));
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].subject, image.to_string());
        assert_eq!(held[0].digest, Digest::of(b"statement").to_string());
        assert_eq!(held[0].found_by, "index");
    }
}
