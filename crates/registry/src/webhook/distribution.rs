//! Docker distribution: an envelope of events.
//!
//! References: distribution.github.io, "Work with notifications"
//! (`application/vnd.docker.distribution.events.v1+json`).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Refusal, Told, What, digest, is_manifest, parse, present};

/// How Seawall itself is called by whoever it asks.
const OURS: &str = "seawall/";

#[derive(Deserialize)]
struct Envelope {
    events: Vec<Event>,
}

/// Azure's webhook is one such event without an envelope.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) timestamp: Timestamp,
    #[serde(default)]
    pub(super) action: String,
    #[serde(default)]
    pub(super) target: Target,
    #[serde(default)]
    actor: Actor,
    #[serde(default)]
    request: Request,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    repository: String,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

/// What asked for it.
#[derive(Default, Deserialize)]
struct Request {
    #[serde(default)]
    useragent: Option<String>,
}

#[derive(Default, Deserialize)]
struct Actor {
    #[serde(default)]
    name: Option<String>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    let envelope: Envelope = parse(body)?;
    if envelope.events.len() > super::MOST_EVENTS {
        return Err(Refusal::TooMany(super::MOST_EVENTS));
    }
    let events = envelope.events.into_iter();
    Ok(events
        .filter_map(|event| {
            let what = match event.action.as_str() {
                "push" => What::Push,
                "pull" => What::Pull,
                "delete" => What::Delete,
                // Of blobs that another repository has already.
                _ => return None,
            };
            event.told(what)
        })
        .collect())
}

impl Event {
    /// `None` for what happens to blobs.
    pub(super) fn told(self, what: What) -> Option<Told> {
        let agent = self.request.useragent.as_deref().unwrap_or_default();
        if what == What::Pull && agent.starts_with(OURS) {
            // To read an image is not to use it.
            return None;
        }
        let target = self.target;
        let is_image = match (&target.media_type, &target.url) {
            (Some(kind), _) if !kind.is_empty() => is_manifest(kind),
            (_, Some(url)) if url.contains("/blobs/") => false,
            // What is deleted has no media type any more.
            _ => what == What::Delete,
        };
        is_image.then(|| Told {
            repository: target.repository,
            tag: present(target.tag),
            digest: digest(target.digest.as_deref()),
            media_type: present(target.media_type),
            what,
            time: self.timestamp,
            id: self.id,
            actor: present(self.actor.name),
            origin: None,
        })
    }
}
