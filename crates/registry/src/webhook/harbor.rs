//! Harbor: its own form, and the same as a `CloudEvent`.
//!
//! References: goharbor.io, "Configure webhook notifications" (event
//! types, payload formats `Default` and `CloudEvents`).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Refusal, Told, What, digest, fingerprint, of_seconds, parse, present};

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    occur_at: Option<i64>,
    #[serde(default)]
    operator: Option<String>,
    #[serde(default)]
    event_data: Option<Data>,
    // Of the CloudEvent.
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    time: Option<Timestamp>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    resources: Option<Vec<Resource>>,
    #[serde(default)]
    repository: Option<Repository>,
    #[serde(default)]
    replication: Option<Replication>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    tag: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    repo_full_name: String,
}

#[derive(Deserialize)]
struct Replication {
    #[serde(default)]
    src_resource: Option<Side>,
    #[serde(default)]
    dest_resource: Option<Side>,
    #[serde(default)]
    successful_artifact: Option<Vec<Copied>>,
}

#[derive(Deserialize)]
struct Side {
    #[serde(default)]
    registry_type: String,
    #[serde(default)]
    registry_name: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
struct Copied {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    name_tag: String,
    /// Tags, or digests of what has none; since 2.10.
    #[serde(default)]
    references: Option<Vec<String>>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    let body: Body = parse(body)?;
    let time = match (body.time, body.occur_at) {
        (Some(time), _) => time,
        (None, Some(seconds)) => of_seconds(seconds)?,
        (None, None) => {
            return Err(Refusal::NotUnderstood("it says no time".to_owned()));
        }
    };
    let data = body.event_data.or(body.data).unwrap_or_default();
    let what = match body.kind.as_str() {
        "PUSH_ARTIFACT" | "harbor.artifact.pushed" => What::Push,
        "PULL_ARTIFACT" | "harbor.artifact.pulled" => What::Pull,
        "DELETE_ARTIFACT" | "harbor.artifact.deleted" => What::Delete,
        "REPLICATION" | "harbor.replication.status.changed" => {
            let Some(replication) = data.replication else {
                return Ok(Vec::new());
            };
            return Ok(copied(
                replication,
                time,
                body.id.as_deref().unwrap_or_default(),
                body.operator.as_ref(),
            ));
        }
        // Scans of its own, quotas, retention.
        _ => return Ok(Vec::new()),
    };
    let Some(repository) = data.repository else {
        return Err(Refusal::NotUnderstood("it names no repository".to_owned()));
    };
    let name = if repository.repo_full_name.is_empty() {
        format!("{}/{}", repository.namespace, repository.name)
    } else {
        repository.repo_full_name
    };
    let mut events = Vec::new();
    for resource in data.resources.into_iter().flatten() {
        // An image without a tag has its digest for one.
        let tag = present(resource.tag).filter(|tag| !tag.starts_with("sha256:"));
        let stated = resource.digest.as_deref().unwrap_or_default();
        events.push(Told {
            id: fingerprint(&[
                body.id.as_deref().unwrap_or_default(),
                what.as_str(),
                &name,
                tag.as_deref().unwrap_or_default(),
                stated,
                &time.to_string(),
            ]),
            repository: name.clone(),
            tag,
            digest: digest(Some(stated)),
            media_type: None,
            what,
            time,
            actor: body.operator.clone(),
            origin: None,
        });
    }
    Ok(events)
}

/// What a replication brought in. What it took elsewhere is not here.
fn copied(
    replication: Replication,
    time: Timestamp,
    id: &str,
    operator: Option<&String>,
) -> Vec<Told> {
    let Some(destination) = replication.dest_resource else {
        return Vec::new();
    };
    if destination.registry_name != "Local" {
        return Vec::new();
    }
    let origin = replication.src_resource.map(|side| {
        let registry = if side.endpoint.is_empty() {
            &side.registry_type
        } else {
            &side.endpoint
        };
        format!("{registry}/{}", side.namespace)
    });
    let copies = replication.successful_artifact.into_iter().flatten();
    copies
        .filter(|copy| copy.kind.is_empty() || copy.kind == "image")
        .flat_map(|copy| {
            // "debian:12", or "debian [3 item(s) in total]".
            let name = copy.name_tag.split_whitespace().next().unwrap_or_default();
            let (name, tag) = match name.split_once(':') {
                Some((name, tag)) => (name.to_owned(), Some(tag.to_owned())),
                None => (name.to_owned(), None),
            };
            let references = copy.references.unwrap_or_default();
            let versions = if references.is_empty() {
                vec![tag]
            } else {
                references.into_iter().map(Some).collect()
            };
            versions
                .into_iter()
                .map(move |version| (name.clone(), version))
        })
        .map(|(name, version)| {
            let repository = if destination.namespace.is_empty() {
                name
            } else {
                format!("{}/{name}", destination.namespace)
            };
            let digest = digest(version.as_deref());
            Told {
                id: fingerprint(&[
                    id,
                    "copy",
                    &repository,
                    version.as_deref().unwrap_or_default(),
                    &time.to_string(),
                ]),
                repository,
                tag: version.filter(|_| digest.is_none()),
                digest,
                media_type: None,
                what: What::Copy,
                time,
                actor: operator.cloned(),
                origin: origin.clone(),
            }
        })
        .collect()
}
