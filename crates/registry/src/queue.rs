//! The queue where Amazon's registries tell: ECR's events reach SQS by
//! `EventBridge`.
//!
//! References: docs.aws.amazon.com, "Amazon ECR events and `EventBridge`";
//! SQS' API reference (`ReceiveMessage`, `DeleteMessageBatch`).

use std::time::Duration;

use fetch::Url;
use model::Digest;
use serde::Deserialize;
use serde_json::json;

use crate::{
    AskError, Refusal, Registry, Told,
    cloud::amazon::{Place, Service},
    webhook,
};

const SQS: &str = "AmazonSQS";
const MOST_MESSAGES: usize = 10;
/// SQS waits no longer.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A queue of events. A message is given again and again until it is
/// acknowledged: receive, make it durable, acknowledge.
#[derive(Debug)]
pub struct EventQueue<'a> {
    registry: &'a Registry,
    url: Url,
    region: String,
}

/// One message.
#[derive(Debug)]
pub struct Delivered {
    /// What it tells; a message that tells nothing we know is to be
    /// acknowledged like any other.
    pub told: Result<Vec<Told>, Refusal>,
    pub receipt: Receipt,
}

/// What a message is acknowledged by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub(crate) String);

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(default)]
    messages: Option<Vec<Message>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    receipt_handle: String,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Deleted {
    #[serde(default)]
    failed: Option<Vec<serde_json::Value>>,
}

impl Registry {
    /// The queue of events the account names, if it names one.
    pub fn events(&self) -> Result<Option<EventQueue<'_>>, AskError> {
        let Some(address) = &self.account().queue else {
            return Ok(None);
        };
        let refuse = |reason: String| AskError::Account {
            field: "queue",
            reason,
        };
        let url = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
        if url.scheme() != "https" && !fetch::is_loopback(&url) {
            return Err(refuse("it is not reached over https".to_owned()));
        }
        // https://sqs.REGION.amazonaws.com/ACCOUNT/NAME
        let host = url.host_str().unwrap_or_default();
        let named = host
            .strip_prefix("sqs.")
            .and_then(|rest| rest.split('.').next());
        let region = match named {
            Some(region) => region.to_owned(),
            None => Place::of(&self.account().address)
                .map(|place| place.region)
                .ok_or_else(|| refuse("it names no region".to_owned()))?,
        };
        Ok(Some(EventQueue {
            registry: self,
            url,
            region,
        }))
    }
}

impl EventQueue<'_> {
    /// Up to ten messages, waiting for the first no longer than `wait`
    /// (twenty seconds at most).
    pub fn receive(&self, wait: Duration) -> Result<Vec<Delivered>, AskError> {
        let body = json!({
            "QueueUrl": self.url.as_str(),
            "MaxNumberOfMessages": MOST_MESSAGES,
            "WaitTimeSeconds": wait.min(LONGEST_WAIT).as_secs(),
        });
        let answer = self.ask("ReceiveMessage", &body)?;
        let received: Received = self.registry.parsed("the queue's messages", &answer)?;
        let messages = received.messages.unwrap_or_default();
        Ok(messages
            .into_iter()
            .take(MOST_MESSAGES)
            .map(|message| Delivered {
                told: webhook::of_queue(message.body.as_bytes()),
                receipt: Receipt(message.receipt_handle),
            })
            .collect())
    }

    /// Has messages forgotten.
    pub fn acknowledge(&self, receipts: &[Receipt]) -> Result<(), AskError> {
        for some in receipts.chunks(MOST_MESSAGES) {
            let entries: Vec<_> = some
                .iter()
                .map(|receipt| {
                    // An id of ours, the same for the same message.
                    let id = Digest::of(receipt.0.as_bytes()).hex();
                    json!({"Id": id, "ReceiptHandle": receipt.0})
                })
                .collect();
            let body = json!({"QueueUrl": self.url.as_str(), "Entries": entries});
            let answer = self.ask("DeleteMessageBatch", &body)?;
            let deleted: Deleted = self.registry.parsed("the queue's answer", &answer)?;
            let failed = deleted.failed.map_or(0, |failed| failed.len());
            if failed > 0 {
                tracing::debug!(failed, "messages stay in the queue, and will come again");
            }
        }
        Ok(())
    }

    fn ask(&self, action: &str, body: &serde_json::Value) -> Result<Vec<u8>, AskError> {
        let mut url = self.url.clone();
        url.set_path("/");
        url.set_query(None);
        let service = Service {
            name: "sqs",
            target: SQS,
            content: "application/x-amz-json-1.0",
            url,
            region: self.region.clone(),
        };
        self.registry.of_amazon(&service, action, body)
    }
}
