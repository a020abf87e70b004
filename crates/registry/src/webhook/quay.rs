//! Quay: which tags of a repository were pushed, and neither when nor what.
//!
//! References: docs.quay.io, "Repository notifications" (Repository Push).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Refusal, Told, What, fingerprint, parse};

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    repository: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    /// Only pushes have it; builds, scans and mirrors do not.
    #[serde(default)]
    updated_tags: Option<Tags>,
}

/// A list; older versions map each tag to its image.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tags {
    List(Vec<String>),
    Map(serde_json::Map<String, serde_json::Value>),
}

pub(super) fn read(body: &[u8], now: Timestamp) -> Result<Vec<Told>, Refusal> {
    let body: Body = parse(body)?;
    let tags = match body.updated_tags {
        None => return Ok(Vec::new()),
        Some(Tags::List(tags)) => tags,
        Some(Tags::Map(tags)) => tags.into_iter().map(|(tag, _)| tag).collect(),
    };
    let repository = if body.repository.is_empty() {
        format!("{}/{}", body.namespace, body.name)
    } else {
        body.repository
    };
    // Told again within the minute it is the same; later, a push like
    // the last one has to be looked at.
    let minute = (now.as_second() / 60).to_string();
    Ok(tags
        .into_iter()
        .map(|tag| Told {
            id: fingerprint(&["quay", &repository, &tag, &minute]),
            repository: repository.clone(),
            tag: Some(tag),
            digest: None,
            media_type: None,
            what: What::Push,
            time: now,
            actor: None,
            origin: None,
        })
        .collect())
}
