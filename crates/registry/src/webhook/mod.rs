//! What registries tell by webhook: each kind's own form, read into one.
//!
//! A webhook is believed when it carries the registry's secret
//! ([`Proof`]), and told of no longer ago than a day: within that, whoever
//! asks remembers [`Told::id`]. What it says is a reason to look, never a
//! fact: repositories and tags are looked up before anything is scanned,
//! and no address in it is ever asked.

mod amazon;
mod azure;
mod distribution;
mod docker_hub;
mod ghcr;
mod google;
mod harbor;
mod proof;
mod quay;

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use model::{Digest, Secret};
use serde::de::DeserializeOwned;

use crate::Kind;
#[cfg(doc)]
use crate::Proof;

/// A body; a registry's largest event has a hundred layers.
const LARGEST_BODY: usize = 4 << 20;
/// Events in one body.
const MOST_EVENTS: usize = 1_000;
/// How long ago something may have happened. Registries try again for
/// hours; a recording older than this is not believed.
pub const OLDEST: SignedDuration = SignedDuration::from_hours(24);
/// How far a registry's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);
const LONGEST_TEXT: usize = 512;

/// One thing that happened at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// As the registry's own names go: `team/shop`.
    pub repository: String,
    pub tag: Option<String>,
    /// As it was told, not verified: look it up before it is believed.
    pub digest: Option<Digest>,
    pub media_type: Option<String>,
    pub what: What,
    /// When it happened, or when it was told where that is all we know.
    pub time: Timestamp,
    /// The same for the same event however often it is delivered: to be
    /// remembered until [`Told::time`] is too old to be accepted again
    /// ([`OLDEST`]).
    pub id: String,
    /// Who did it.
    pub actor: Option<String>,
    /// Where it was copied from, as far as it was told.
    pub origin: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Push,
    Delete,
    Pull,
    /// Copied in from another registry (replication, import).
    Copy,
    /// Set apart until it was looked at.
    Quarantine,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Pull => "pull",
            Self::Copy => "copy",
            Self::Quarantine => "quarantine",
        }
    }
}

/// A webhook's request.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// The secret part of the address it was sent to, for the kinds that
    /// prove themselves by it ([`crate::Proof::Address`]).
    pub token: Option<&'a str>,
}

/// Why a webhook was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not prove where it comes from. Answered with 401.
    #[error("it does not carry the secret of this registry's webhook: {0}")]
    Unproven(&'static str),
    /// Answered with 413.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("it tells of more than {0} events at once")]
    TooMany(usize),
    /// A recording, played again. Answered with 400.
    #[error("it tells of {time}, which is too far from now to be believed")]
    OutOfTime { time: Timestamp },
    #[error("it is not what this sort of registry sends: {0}")]
    NotUnderstood(String),
}

/// Reads a webhook of a registry of some kind. What it tells may be
/// nothing: pings, and events of things that are no images.
pub fn told(
    kind: Kind,
    delivery: &Delivery<'_>,
    secret: &Secret,
    now: Timestamp,
) -> Result<Vec<Told>, Refusal> {
    if delivery.body.len() > LARGEST_BODY {
        return Err(Refusal::TooLarge(LARGEST_BODY));
    }
    proof::check(kind.proof(), delivery, secret)?;
    let body = delivery.body;
    let events = match kind {
        Kind::Distribution => distribution::read(body),
        Kind::Harbor => harbor::read(body),
        Kind::Quay => quay::read(body, now),
        Kind::Ghcr => ghcr::read(body),
        Kind::DockerHub => docker_hub::read(body),
        Kind::Azure => azure::read(body),
        Kind::Amazon => amazon::read(body),
        Kind::Google => google::read(body),
    }?;
    let events = checked(events)?;
    let is_in_time = |event: &Told| {
        let age = now.duration_since(event.time);
        age <= OLDEST && age >= -AHEAD
    };
    match events.first() {
        Some(first) if !events.iter().any(is_in_time) => {
            Err(Refusal::OutOfTime { time: first.time })
        }
        _ => Ok(events.into_iter().filter(is_in_time).collect()),
    }
}

/// What a message of the account's own queue tells. The queue is asked
/// with the account's credentials, and may keep a message for days.
pub(crate) fn of_queue(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    if body.len() > LARGEST_BODY {
        return Err(Refusal::TooLarge(LARGEST_BODY));
    }
    checked(amazon::read(body)?)
}

/// Events whose names are names; bounded.
fn checked(mut events: Vec<Told>) -> Result<Vec<Told>, Refusal> {
    if events.len() > MOST_EVENTS {
        return Err(Refusal::TooMany(MOST_EVENTS));
    }
    for event in &mut events {
        let tag = event.tag.as_deref().unwrap_or("none");
        // The grammar of names, whatever the registry's host.
        let name = format!("registry.example/{}:{tag}", event.repository);
        if event.repository.len() > LONGEST_TEXT || name.parse::<scan::Reference>().is_err() {
            let shown: String = name.chars().take(80).filter(|c| !c.is_control()).collect();
            return Err(Refusal::NotUnderstood(format!("'{shown}' is no image")));
        }
        let too_long = |text: &String| text.len() > LONGEST_TEXT;
        if too_long(&event.id) || event.id.is_empty() {
            event.id = fingerprint(&[&event.id, &event.repository, tag]);
        }
        for text in [&mut event.actor, &mut event.origin, &mut event.media_type] {
            text.take_if(|text| too_long(text) || text.chars().any(char::is_control));
        }
    }
    Ok(events)
}

/// An id for what has none of its own.
fn fingerprint(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(&part.len().to_string());
        text.push(':');
        text.push_str(part);
    }
    Digest::of(text.as_bytes()).hex()
}

/// The same for a whole body.
fn fingerprint_of(body: &[u8]) -> String {
    Digest::of(body).hex()
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::NotUnderstood(error.to_string()))
}

/// A time that is a whole number of seconds since 1970.
fn of_seconds(seconds: i64) -> Result<Timestamp, Refusal> {
    Timestamp::from_second(seconds)
        .map_err(|error| Refusal::NotUnderstood(format!("its time: {error}")))
}

fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn digest(text: Option<&str>) -> Option<Digest> {
    text?.parse().ok()
}

/// Whether a media type is one of a manifest or an index, and not of a
/// blob.
fn is_manifest(media_type: &str) -> bool {
    media_type.contains("manifest") || media_type.contains("image.index")
}

#[cfg(test)]
mod tests;
