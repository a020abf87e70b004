//! HTTP: many notices in one POST, for collectors of any make.

use std::{collections::BTreeMap, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use reqwest::{
    Client,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format, http,
};

pub(super) const DESCRIPTION: Description = Description {
    title: "HTTP",
    about: "Many notices in one request, for collectors of any make.",
    for_people: false,
    fields: &[
        Field::new("url", "URL", Input::Url, "Where requests are posted.").required(),
        Field::new(
            "format",
            "Format",
            Input::Choice,
            "One JSON list, lines of JSON, lines of OCSF, or comma-separated values.",
        )
        .one_of(&["json", "ndjson", "ocsf", "csv"])
        .default("\"json\""),
        Field::new(
            "headers",
            "Headers",
            Input::Pairs,
            "Sent along; not for passwords, which 'Authorization' keeps secret.",
        ),
        Field::new(
            "authorization",
            "Authorization",
            Input::Text,
            "The whole header: 'Bearer …' or 'Basic …'.",
        )
        .secret(),
        Field::new("gzip", "Compress", Input::Boolean, "Send the body as gzip.").default("false"),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    #[default]
    Json,
    Ndjson,
    Ocsf,
    Csv,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    url: String,
    #[serde(default)]
    format: Form,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    authorization: Option<Secret>,
    #[serde(default)]
    gzip: bool,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

pub(super) struct Http {
    client: Client,
    url: Url,
    form: Form,
    headers: HeaderMap,
    gzip: bool,
}

impl Http {
    pub(super) fn open(settings: &Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let refuse = || Invalid::new("headers", format!("'{name}' is no header"));
            let key = HeaderName::try_from(name.as_str()).map_err(|_name| refuse())?;
            if matches!(
                key.as_str(),
                "host" | "content-length" | "transfer-encoding" | "connection" | "authorization"
            ) {
                return Err(Invalid::new("headers", format!("'{name}' may not be set")));
            }
            headers.insert(
                key,
                HeaderValue::try_from(value.as_str()).map_err(|_value| refuse())?,
            );
        }
        if let Some(secret) = &settings.authorization {
            let mut value = HeaderValue::try_from(secret.reveal())
                .map_err(|_value| Invalid::new("authorization", "is no header value"))?;
            value.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        Ok(Self {
            url: http::address("url", &settings.url, guard)?,
            client: http::client(guard, settings.ca_certificate.as_deref())?,
            form: settings.format,
            headers,
            gzip: settings.gzip,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let (content_type, text) = body(self.form, batch);
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", content_type)
            .header("idempotency-key", batch.id)
            .headers(self.headers.clone());
        request = if self.gzip {
            request
                .header("content-encoding", "gzip")
                .body(compress(text.as_bytes()))
        } else {
            request.body(text)
        };
        http::send(request, batch.now).await
    }
}

fn body(form: Form, batch: &Batch<'_>) -> (&'static str, String) {
    let notices = batch.notices.iter();
    match form {
        Form::Json => {
            let list: Vec<_> = notices.map(format::json).collect();
            ("application/json", format!("[{}]", list.join(",")))
        }
        Form::Ndjson => (
            "application/x-ndjson",
            notices.map(|notice| format::json(notice) + "\n").collect(),
        ),
        Form::Ocsf => (
            "application/x-ndjson",
            notices
                .map(|notice| format::ocsf::write(notice).to_string() + "\n")
                .collect(),
        ),
        Form::Csv => (
            "text/csv; charset=utf-8",
            std::iter::once(format::csv::header())
                .chain(notices.map(format::csv::write))
                .collect(),
        ),
    }
}

/// Gzip with the same bytes for the same text, so that a second try is
/// the same object.
pub(super) fn compress(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("invariant: writing to memory cannot fail")
}
