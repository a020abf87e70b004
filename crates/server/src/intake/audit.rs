//! Events of Kubernetes API servers' audit logs.
//!
//! What: `audit.k8s.io` events, alone, as an array, in an `EventList` (the
//! body of the audit webhook) or one after the other (a log file's lines).
//! Why: what an API server did, for whom, is what rules over the control
//! plane judge.
//! Limits: whoever hands a body in bounds it. An event that is not one is
//! left out and counted by its fault; one that is odd is counted and
//! judged all the same. Half a body gives the events of its first half.
//! References: kubernetes.io, "Auditing" and "kube-apiserver Audit
//! Configuration (v1)".

mod fault;
mod split;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

pub use self::fault::{Fault, Faults};

/// The longest event that is judged.
const MAX_EVENT: usize = rules::audit::MAX_BYTES;
/// No id comes near it.
const MAX_ID: usize = 200;
/// How far clocks may be apart before it is told.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// An event, and what had to be read of it to let it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event<'b> {
    /// As it was sent.
    pub(crate) raw: &'b str,
    /// The request's; every stage of a request has the same.
    pub(crate) id: String,
    pub(crate) stage: String,
    /// When this stage was reached.
    pub(crate) time: Timestamp,
}

/// What was understood, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Parsed<'b> {
    pub(crate) events: Vec<Event<'b>>,
    pub(crate) faults: Faults,
    /// Events there were, good and bad.
    pub(crate) count: u64,
}

/// When a body came, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) received: Timestamp,
    /// It was sent a moment after it happened.
    pub(crate) is_live: bool,
}

/// Reads a body.
pub(crate) fn parse(body: &str, context: Context) -> Parsed<'_> {
    let mut parsed = Parsed::default();
    let pieces = split::split(body, &mut parsed.faults);
    parsed.count = pieces.len() as u64;
    for piece in pieces {
        match event(&piece, context, &mut parsed.faults) {
            Ok(event) => parsed.events.push(event),
            Err(fault) => parsed.faults.add(fault),
        }
    }
    parsed
}

/// What is read of an event here. Everything else is the rules'.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Front {
    kind: Option<String>,
    api_version: Option<String>,
    #[serde(rename = "auditID")]
    audit_id: Option<String>,
    stage: Option<String>,
    verb: Option<String>,
    #[serde(rename = "requestURI")]
    request_uri: Option<String>,
    stage_timestamp: Option<String>,
    request_received_timestamp: Option<String>,
    /// Of the first betas.
    timestamp: Option<String>,
}

fn event<'b>(
    piece: &split::Piece<'b>,
    context: Context,
    faults: &mut Faults,
) -> Result<Event<'b>, Fault> {
    let raw = piece.raw;
    if raw.len() > MAX_EVENT {
        return Err(Fault::TooLarge);
    }
    if !raw.starts_with('{') {
        return Err(Fault::WrongKind);
    }
    let front: Front = serde_json::from_str(raw).map_err(|_shape| Fault::WrongShape)?;
    // In a list the list says it.
    let kind = front
        .kind
        .as_deref()
        .unwrap_or(if piece.version.is_some() { "Event" } else { "" });
    // Items cut out of a list may have lost it; no other event has both.
    let is_cut_out = front.kind.as_deref() == Some("Event") && front.audit_id.is_some();
    let version = front
        .api_version
        .as_deref()
        .or(piece.version.as_deref())
        .or(is_cut_out.then_some("audit.k8s.io/v1"));
    let (group, version) = version
        .and_then(|version| version.split_once('/'))
        .unwrap_or_default();
    if kind != "Event" || group != "audit.k8s.io" {
        return Err(Fault::WrongKind);
    }
    if !["v1", "v1beta1", "v1alpha1"].contains(&version) {
        return Err(Fault::UnknownVersion);
    }
    let id = front
        .audit_id
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID)
        .ok_or(Fault::MissingField)?;
    if front.verb.is_none() && front.request_uri.is_none() {
        return Err(Fault::MissingField);
    }
    let time = front
        .stage_timestamp
        .or(front.request_received_timestamp)
        .or(front.timestamp);
    let time = if let Some(text) = time {
        text.parse().map_err(|_time| Fault::WrongShape)?
    } else {
        faults.add(Fault::MissingField);
        context.received
    };
    let behind = context.received.duration_since(time);
    // What was fetched, or waited in a file, is late and not wrong.
    if behind < -SKEW || (context.is_live && behind > SKEW) {
        faults.add(Fault::ClockSkew);
    }
    if raw.contains('\u{fffd}') {
        faults.add(Fault::NotUtf8);
    }
    Ok(Event {
        raw,
        id,
        stage: front.stage.unwrap_or_default(),
        // A clock that runs ahead must not keep anything on top for ever.
        time: time.min(context.received),
    })
}

#[cfg(test)]
mod tests;
