//! Splunk: the HTTP event collector.

use model::Notice;
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format::ocsf,
    http,
};

pub(super) const DESCRIPTION: Description = Description {
    title: "Splunk",
    about: "Events for the HTTP event collector, many in one request.",
    for_people: false,
    fields: &[
        Field::new(
            "url",
            "URL",
            Input::Url,
            "Of the collector, without /services/collector/event.",
        )
        .required(),
        Field::new("token", "Token", Input::Text, "Of the collector's input.")
            .required()
            .secret(),
        Field::new(
            "index",
            "Index",
            Input::Text,
            "Where events are kept; the token's own when empty.",
        ),
        Field::new(
            "format",
            "Format",
            Input::Choice,
            "Seawall's own fields, or OCSF.",
        )
        .one_of(&["json", "ocsf"])
        .default("\"json\""),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    #[default]
    Json,
    Ocsf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    url: String,
    token: Secret,
    index: Option<String>,
    #[serde(default)]
    format: Form,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

pub(super) struct Splunk {
    client: Client,
    url: Url,
    token: Secret,
    index: Option<String>,
    form: Form,
}

impl Splunk {
    pub(super) fn open(settings: Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        super::one_line("token", settings.token.reveal())?;
        let base = http::address("url", &settings.url, guard)?;
        Ok(Self {
            url: http::below(&base, "services/collector/event"),
            client: http::client(guard, settings.ca_certificate.as_deref())?,
            token: settings.token,
            index: settings.index,
            form: settings.format,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let body: String = batch
            .notices
            .iter()
            .map(|notice| event(notice, self.form, self.index.as_deref()).to_string())
            .collect();
        let request = self
            .client
            .post(self.url.clone())
            .header("authorization", format!("Splunk {}", self.token.reveal()))
            .header("content-type", "application/json")
            .body(body);
        http::send(request, batch.now).await
    }
}

fn event(notice: &Notice, form: Form, index: Option<&str>) -> Value {
    let (sourcetype, event) = match form {
        Form::Json => (
            "seawall:notice",
            serde_json::to_value(notice).unwrap_or_default(),
        ),
        Form::Ocsf => ("seawall:ocsf", ocsf::write(notice)),
    };
    let milliseconds = notice.time.as_millisecond();
    let mut object = json!({
        "time": format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000)),
        "source": "seawall",
        "sourcetype": sourcetype,
        "host": notice.finding.as_ref().and_then(|f| f.host.as_deref()).unwrap_or("seawall"),
        "event": event,
    });
    if let Some(index) = index {
        object["index"] = index.into();
    }
    object
}
