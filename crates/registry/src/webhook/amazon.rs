//! Amazon ECR: events of `EventBridge`, out of a queue or sent to an API
//! destination; as they are, or in SNS' envelope.
//!
//! References: docs.aws.amazon.com, "Amazon ECR events and `EventBridge`"
//! (`ECR Image Action`, `ECR Replication Action`, `ECR Pull Through Cache
//! Action`).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Refusal, Told, What, digest, parse, present};

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Message")]
    message: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    time: Timestamp,
    #[serde(default)]
    source: String,
    #[serde(default)]
    account: String,
    #[serde(default, rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    detail: Detail,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    #[serde(default)]
    result: String,
    #[serde(default)]
    repository_name: String,
    #[serde(default)]
    image_digest: Option<String>,
    #[serde(default)]
    image_tag: Option<String>,
    #[serde(default)]
    action_type: String,
    #[serde(default)]
    manifest_media_type: Option<String>,
    #[serde(default)]
    source_account: Option<String>,
    #[serde(default)]
    source_region: Option<String>,
    // Of a cache that pulls through.
    #[serde(default)]
    sync_status: String,
    #[serde(default)]
    upstream_registry_url: Option<String>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    let event: Event = match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) if envelope.kind == "Notification" => parse(envelope.message.as_bytes())?,
        Ok(_) | Err(_) => parse(body)?,
    };
    let detail = event.detail;
    let is_done = detail.result == "SUCCESS" || detail.sync_status == "SUCCESS";
    if event.source != "aws.ecr" || !is_done {
        return Ok(Vec::new());
    }
    let (what, origin) = match (event.detail_type.as_str(), detail.action_type.as_str()) {
        ("ECR Image Action", "PUSH") => (What::Push, None),
        ("ECR Image Action", "DELETE") => (What::Delete, None),
        ("ECR Replication Action", _) => {
            let region = detail.source_region.unwrap_or_default();
            let account = detail.source_account.unwrap_or_default();
            let from = format!("{account}.dkr.ecr.{region}.amazonaws.com");
            (What::Copy, Some(from))
        }
        ("ECR Pull Through Cache Action", _) => (What::Copy, detail.upstream_registry_url),
        // Scans, and the changes of images that are kept for later.
        _ => return Ok(Vec::new()),
    };
    Ok(vec![Told {
        repository: detail.repository_name,
        tag: present(detail.image_tag),
        digest: digest(detail.image_digest.as_deref()),
        media_type: present(detail.manifest_media_type),
        what,
        time: event.time,
        id: event.id,
        actor: present(Some(event.account)),
        origin: present(origin),
    }])
}
