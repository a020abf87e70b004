//! Whoever wrapped an event, it comes out as the API server wrote it.
//!
//! What a text holds is told by what is in it: Azure's diagnostic records
//! ([`aks`]), CloudWatch's ([`eks`]), Cloud Logging's entries and Pub/Sub's
//! messages around them ([`gke`]); anything else is handed on as it is,
//! and judged by whoever takes it.

mod aks;
pub(super) mod eks;
mod gke;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Batch;

/// Wrappings around an event: Pub/Sub's around Cloud Logging's is two.
const MAX_DEPTH: usize = 4;

/// Adds the events of a text: values of JSON, one after the other. What
/// is broken is counted, and skipped to the next line.
pub fn normalise(text: &[u8], batch: &mut Batch) {
    let text = String::from_utf8_lossy(text);
    normalise_text(&text, batch, 0);
}

fn normalise_text(text: &str, batch: &mut Batch, depth: usize) {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let value = values.next();
        let read = values.byte_offset();
        let consumed = match value {
            None => break,
            Some(Ok(value)) => {
                take(value.get(), batch, depth);
                read
            }
            Some(Err(_broken)) => {
                batch.skipped.broken += 1;
                rest.find('\n').unwrap_or(rest.len())
            }
        };
        rest = rest.get(consumed..).unwrap_or_default().trim_start();
    }
}

/// What tells one wrapping from another.
#[derive(Deserialize)]
struct Wrapping<'b> {
    #[serde(borrow, rename = "auditID")]
    audit_id: Option<&'b RawValue>,
    #[serde(borrow)]
    records: Option<&'b RawValue>,
    #[serde(borrow)]
    properties: Option<&'b RawValue>,
    #[serde(borrow)]
    category: Option<&'b RawValue>,
    #[serde(borrow, rename = "protoPayload")]
    proto_payload: Option<&'b RawValue>,
    #[serde(borrow)]
    message: Option<&'b RawValue>,
    #[serde(borrow)]
    subscription: Option<&'b RawValue>,
    #[serde(borrow, rename = "logEvents")]
    log_events: Option<&'b RawValue>,
    #[serde(borrow, rename = "messageType")]
    message_type: Option<&'b RawValue>,
    #[serde(borrow, rename = "logStreamName")]
    log_stream: Option<&'b RawValue>,
    #[serde(borrow, rename = "logName")]
    log_name: Option<&'b RawValue>,
}

fn take(raw: &str, batch: &mut Batch, depth: usize) {
    if depth == MAX_DEPTH {
        batch.skipped.broken += 1;
        return;
    }
    if raw.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
        for item in items {
            take(item.get(), batch, depth + 1);
        }
        return;
    }
    let wrapping = if raw.starts_with('{') {
        serde_json::from_str::<Wrapping<'_>>(raw).ok()
    } else {
        None
    };
    match wrapping {
        Some(Wrapping {
            audit_id: None,
            records: Some(records),
            ..
        }) => {
            take(records.get(), batch, depth + 1);
        }
        Some(Wrapping {
            audit_id: None,
            properties: Some(_),
            category: Some(_),
            ..
        }) => {
            aks::take(raw, batch);
        }
        Some(Wrapping {
            audit_id: None,
            proto_payload: Some(_),
            ..
        }) => gke::take(raw, batch),
        // Cloud Logging's other entries.
        Some(Wrapping {
            audit_id: None,
            log_name: Some(_),
            ..
        }) => batch.skipped.others += 1,
        Some(Wrapping {
            audit_id: None,
            message: Some(message),
            subscription: Some(_),
            ..
        }) => {
            pushed(message.get(), batch, depth);
        }
        Some(Wrapping {
            audit_id: None,
            message_type: Some(_),
            log_events: Some(_),
            ..
        }) => {
            eks::take_subscription(raw, batch);
        }
        Some(Wrapping {
            audit_id: None,
            message: Some(_),
            log_stream: Some(_),
            ..
        }) => {
            eks::take(raw, batch);
        }
        _ => batch.push(raw),
    }
}

/// The message of a Pub/Sub push.
#[derive(Deserialize)]
struct Message {
    data: Option<String>,
}

fn pushed(message: &str, batch: &mut Batch, depth: usize) {
    let data = serde_json::from_str::<Message>(message)
        .ok()
        .and_then(|message| STANDARD.decode(message.data?).ok());
    match data {
        Some(data) => normalise_text(&String::from_utf8_lossy(&data), batch, depth + 1),
        None => batch.skipped.broken += 1,
    }
}

#[cfg(test)]
mod tests;
