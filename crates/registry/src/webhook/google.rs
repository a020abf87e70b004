//! Google Artifact Registry: messages of the topic `gcr`, pushed by
//! Pub/Sub.
//!
//! References: cloud.google.com, Artifact Registry's "Configure Pub/Sub
//! notifications"; Pub/Sub's "Push subscriptions".

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Refusal, Told, What, digest, parse};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    data: String,
    #[serde(rename = "messageId")]
    id: String,
    publish_time: Timestamp,
}

/// Pub/Sub sends `messageId` and `message_id`, the same twice.
#[derive(Deserialize)]
struct Spelt {
    message: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    action: String,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    tag: Option<String>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    let mut spelt: Spelt = parse(body)?;
    spelt.message.retain(|name, _| !name.contains('_'));
    let message = serde_json::Value::Object(spelt.message);
    let message: Message = serde_json::from_value(message)
        .map_err(|error| Refusal::NotUnderstood(error.to_string()))?;
    let bytes = BASE64_STANDARD
        .decode(message.data)
        .map_err(|error| Refusal::NotUnderstood(format!("its data: {error}")))?;
    let event: Event = parse(&bytes)?;
    let what = match event.action.as_str() {
        "INSERT" => What::Push,
        "DELETE" => What::Delete,
        _ => return Ok(Vec::new()),
    };
    // "us-docker.pkg.dev/project/repository/image@sha256:…", the same
    // with ":tag", or both.
    let name = |text: &str| {
        let text = text.split('@').next().unwrap_or_default();
        let (_, path) = text.split_once('/')?;
        Some(match path.rsplit_once(':') {
            Some((path, tag)) => (path.to_owned(), Some(tag.to_owned())),
            None => (path.to_owned(), None),
        })
    };
    let tagged = event.tag.as_deref().and_then(name);
    let stated = event.digest.as_deref();
    let named = tagged.or_else(|| stated.and_then(name));
    let Some((repository, tag)) = named else {
        return Err(Refusal::NotUnderstood("it names no image".to_owned()));
    };
    Ok(vec![Told {
        repository,
        tag,
        digest: digest(
            stated
                .and_then(|text| text.split_once('@'))
                .map(|(_, it)| it),
        ),
        media_type: None,
        what,
        time: message.publish_time,
        id: message.id,
        actor: None,
        origin: None,
    }])
}
