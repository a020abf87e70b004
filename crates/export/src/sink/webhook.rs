//! Webhook: one notice in one signed POST, by the Standard Webhooks
//! convention.
//!
//! The signature is HMAC-SHA256 over `id.timestamp.body`. While a secret
//! is being replaced, both sign, so the receiver never misses one.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Client;
use serde::Deserialize;
use sha2::Sha256;
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format, http,
};

const SECRET_HELP: &str = "Signs each request. 24 to 64 bytes in base64, with or without 'whsec_' \
                           in front.";

pub(super) const DESCRIPTION: Description = Description {
    title: "Webhook",
    about: "One signed JSON request for each notice (Standard Webhooks).",
    for_people: false,
    fields: &[
        Field::new("url", "URL", Input::Url, "Where requests are posted.").required(),
        Field::new("secret", "Signing secret", Input::Text, SECRET_HELP)
            .required()
            .secret(),
        Field::new(
            "next_secret",
            "Second signing secret",
            Input::Text,
            "While a secret is being replaced, requests carry a signature of each.",
        )
        .secret(),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    url: String,
    secret: Secret,
    next_secret: Option<Secret>,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

pub(super) struct Webhook {
    client: Client,
    url: Url,
    keys: Vec<Vec<u8>>,
}

impl Webhook {
    pub(super) fn open(settings: &Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        let mut keys = vec![key("secret", &settings.secret)?];
        if let Some(next) = &settings.next_secret {
            keys.push(key("next_secret", next)?);
        }
        Ok(Self {
            url: http::address("url", &settings.url, guard)?,
            client: http::client(guard, settings.ca_certificate.as_deref())?,
            keys,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let mut last = Answer::delivered("");
        for notice in batch.notices {
            let body = format::json(notice);
            let timestamp = batch.now.as_second();
            let request = self
                .client
                .post(self.url.clone())
                .header("content-type", "application/json")
                .header("webhook-id", &notice.id)
                .header("webhook-timestamp", timestamp)
                .header(
                    "webhook-signature",
                    signatures(&self.keys, &notice.id, timestamp, &body),
                )
                .body(body);
            last = http::send(request, batch.now).await;
            if !last.is_delivered() {
                break;
            }
        }
        last
    }
}

fn key(field: &'static str, secret: &Secret) -> Result<Vec<u8>, Invalid> {
    let text = secret.reveal().trim();
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    let key = BASE64_STANDARD.decode(text).map_err(|_bytes| {
        Invalid::new(field, "not base64 ('openssl rand -base64 32' makes one)")
    })?;
    if !(24..=64).contains(&key.len()) {
        return Err(Invalid::new(
            field,
            format!("{} bytes long; expected 24 to 64", key.len()),
        ));
    }
    Ok(key)
}

fn signatures(keys: &[Vec<u8>], id: &str, timestamp: i64, body: &str) -> String {
    keys.iter()
        .map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key)
                .expect("invariant: HMAC takes keys of any length");
            mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
            format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Standard Webhooks specification's libraries.
    #[test]
    fn the_published_vector_is_signed_alike() {
        let key = BASE64_STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap();
        let signature = signatures(
            &[key],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
