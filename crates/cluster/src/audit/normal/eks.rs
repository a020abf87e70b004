//! CloudWatch Logs.
//!
//! What: log events whose `message` is an event, as `FilterLogEvents`
//! answers them and exports write them, and the records a subscription
//! filter sends (`DATA_MESSAGE`).
//! Why: EKS leaves its API server's audit log there, and nowhere else.
//! Limits: streams of other parts of the control plane are counted and
//! left out.
//! References: docs.aws.amazon.com, "Amazon EKS control plane logging",
//! "CloudWatch Logs subscription filters".

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Batch;

/// How streams of the audit log begin.
pub(in crate::audit) const STREAMS: &str = "kube-apiserver-audit-";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    message_type: String,
    #[serde(default)]
    log_stream: String,
    #[serde(default)]
    log_events: Vec<LogEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogEvent {
    message: Option<String>,
    #[serde(default)]
    log_stream_name: String,
}

pub(super) fn take(raw: &str, batch: &mut Batch) {
    match serde_json::from_str::<LogEvent>(raw) {
        Ok(event) if event.log_stream_name.starts_with(STREAMS) => {
            take_message(event.message.as_deref(), batch);
        }
        Ok(_other) => batch.skipped.others += 1,
        Err(_) => batch.skipped.broken += 1,
    }
}

pub(super) fn take_subscription(raw: &str, batch: &mut Batch) {
    match serde_json::from_str::<Subscription>(raw) {
        Ok(data) if data.message_type != "DATA_MESSAGE" => batch.skipped.others += 1,
        Ok(data) if !data.log_stream.starts_with(STREAMS) => {
            batch.skipped.others += data.log_events.len() as u64;
        }
        Ok(data) => {
            for event in data.log_events {
                take_message(event.message.as_deref(), batch);
            }
        }
        Err(_) => batch.skipped.broken += 1,
    }
}

/// Adds the event a message is.
pub(in crate::audit) fn take_message(message: Option<&str>, batch: &mut Batch) {
    let message = message.unwrap_or_default();
    if serde_json::from_str::<&RawValue>(message).is_ok() {
        batch.push(message);
    } else {
        batch.skipped.broken += 1;
    }
}
