//! What is attached to an image at its registry.

use api::referrer::{ImageReferrer, ImageReferrers, ReferrerKind, ReferrerSource};
use axum::{
    Json,
    extract::{Path, State},
};
use store::TrustVerdict;

use super::{Shared, access::Access, error::ApiError, image};

/// What is attached to an image at its registry: signatures, SBOMs,
/// attestations, as scans, pushes, walks and looks at signatures found it.
/// No registry is asked for this.
#[utoipa::path(get, path = "/images/{id}/referrers", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = ImageReferrers)))]
pub(crate) async fn of_image(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<ImageReferrers>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let image = image::find(&app, &scope, &id).await?;
    let environment = &image.key.environment;
    let Some(digest) = image.digest else {
        return Ok(Json(ImageReferrers::default()));
    };
    let looks = app.store.trust_of_digest(environment, &digest).await?;
    let mut subjects = app.store.indexes_of(environment, &digest).await?;
    subjects.insert(0, digest);
    let subjects = subjects.iter().map(String::as_str);
    let found = app.store.referrers(environment, subjects).await?;
    Ok(Json(ImageReferrers {
        items: found.into_iter().map(wire).collect(),
        asked: looks
            .iter()
            .filter(|look| look.found.verdict != TrustVerdict::Unknown)
            .filter_map(|look| look.checked)
            .max(),
    }))
}

fn wire(referrer: store::Referrer) -> ImageReferrer {
    let found = referrer.found;
    ImageReferrer {
        repository: referrer.repository,
        digest: found.digest,
        subject: found.subject,
        kind: kind(&found.artifact_type),
        artifact_type: found.artifact_type,
        size_bytes: found.size,
        annotations: found.annotations,
        found_by: source(&found.found_by),
        first_seen: referrer.first_seen,
        gone: referrer.gone,
    }
}

fn source(word: &str) -> ReferrerSource {
    match word {
        "api" => ReferrerSource::Api,
        "tag" => ReferrerSource::Tag,
        "cosign_tag" => ReferrerSource::CosignTag,
        "index" => ReferrerSource::Index,
        _ => ReferrerSource::Push,
    }
}

/// Words in the names of artifact types, the telling ones first.
const WORDS: [(&str, ReferrerKind); 12] = [
    ("vex", ReferrerKind::Vex),
    ("simplesigning", ReferrerKind::Signature),
    ("signature", ReferrerKind::Signature),
    ("sigstore.bundle", ReferrerKind::Signature),
    ("cyclonedx", ReferrerKind::Sbom),
    ("spdx", ReferrerKind::Sbom),
    ("syft", ReferrerKind::Sbom),
    ("sbom", ReferrerKind::Sbom),
    ("in-toto", ReferrerKind::Attestation),
    ("dsse", ReferrerKind::Attestation),
    ("attestation", ReferrerKind::Attestation),
    ("provenance", ReferrerKind::Attestation),
];

fn kind(artifact_type: &str) -> ReferrerKind {
    let name = artifact_type.to_ascii_lowercase();
    let found = WORDS.iter().find(|(word, _)| name.contains(word));
    found.map_or(ReferrerKind::Other, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_is_told_by_its_type() {
        for (name, expected) in [
            (
                "application/vnd.dev.cosign.simplesigning.v1+json",
                ReferrerKind::Signature,
            ),
            (
                "application/vnd.cncf.notary.signature",
                ReferrerKind::Signature,
            ),
            (
                "application/vnd.dev.sigstore.bundle.v0.3+json",
                ReferrerKind::Signature,
            ),
            ("application/vnd.cyclonedx+json", ReferrerKind::Sbom),
            ("text/spdx", ReferrerKind::Sbom),
            (
                "application/vnd.dsse.envelope.v1+json",
                ReferrerKind::Attestation,
            ),
            ("application/vnd.in-toto+json", ReferrerKind::Attestation),
            ("application/vnd.openvex+json", ReferrerKind::Vex),
            ("application/x-chart", ReferrerKind::Other),
            ("", ReferrerKind::Other),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }
}
