//! Alertmanager: alerts of its API v2. A finding is one alert, told
//! apart by its labels; it ends when the finding does, or when nothing
//! was heard of it for a while.

use jiff::{SignedDuration, Timestamp};
use model::{Notice, NoticeEvent};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret,
    answer::shorten,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format::{advice, line, link},
    http,
};

pub(super) const DESCRIPTION: Description = Description {
    title: "Alertmanager",
    about: "One alert for each finding, ended with it (API v2).",
    for_people: false,
    fields: &[
        Field::new(
            "url",
            "URL",
            Input::Url,
            "Of Alertmanager itself, without /api/v2/alerts.",
        )
        .required(),
        Field::new(
            "hold_hours",
            "Hold for hours",
            Input::Number,
            "An alert of which no more is heard ends after this time.",
        )
        .default("168"),
        Field::new(
            "token",
            "Bearer token",
            Input::Text,
            "Where one is asked for.",
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
    #[serde(default = "week")]
    hold_hours: u32,
    token: Option<Secret>,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

fn week() -> u32 {
    168
}

pub(super) struct Alertmanager {
    client: Client,
    url: Url,
    token: Option<Secret>,
    hold: SignedDuration,
}

impl Alertmanager {
    pub(super) fn open(settings: Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        if !(1..=8760).contains(&settings.hold_hours) {
            return Err(Invalid::new("hold_hours", "expected 1 to 8760"));
        }
        let base = http::address("url", &settings.url, guard)?;
        Ok(Self {
            url: http::below(&base, "api/v2/alerts"),
            client: http::client(guard, settings.ca_certificate.as_deref())?,
            token: settings.token,
            hold: SignedDuration::from_hours(settings.hold_hours.into()),
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let alerts: Vec<_> = batch
            .notices
            .iter()
            .map(|notice| alert(notice, self.hold))
            .collect();
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .body(Value::from(alerts).to_string());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        http::send(request, batch.now).await
    }
}

/// The alert of one notice.
pub fn alert(notice: &Notice, hold: SignedDuration) -> Value {
    let mut labels = Map::new();
    // An alert is told from others by all its labels, so nothing that
    // changes during a finding's life may be one.
    let mut label = |name: &str, value: &str| {
        let value = line(&shorten(value, 512));
        if !value.is_empty() {
            labels.insert(name.to_owned(), value.into());
        }
    };
    label("alertname", "SeawallFinding");
    label("environment", &notice.environment);
    label("finding", notice.subject());
    if let Some(finding) = &notice.finding {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        label("severity", finding.severity.as_str());
        label("kind", finding.kind.as_str());
        label("rule", &finding.rule);
        label("cluster", &text(&finding.cluster));
        label("namespace", &text(&finding.namespace));
        label("workload", &text(&finding.workload));
        label("image", &text(&finding.image));
        label("package", &text(&finding.package));
        label("instance", &text(&finding.host));
    } else {
        label("severity", notice.severity().as_str());
        label("kind", notice.event.as_str());
    }
    let is_over = notice.event.closes() || notice.event == NoticeEvent::Test;
    let starts = notice
        .finding
        .as_ref()
        .map_or(notice.time, |finding| finding.first_seen.min(notice.time));
    let ends: Timestamp = if is_over {
        notice.time
    } else {
        notice.time.saturating_add(hold).unwrap_or(notice.time)
    };
    let mut alert = json!({
        "labels": labels,
        "annotations": {
            "summary": line(&notice.headline()),
            "description": advice(notice).unwrap_or_default(),
        },
        "startsAt": starts.to_string(),
        "endsAt": ends.to_string(),
    });
    if let Some(link) = link(notice) {
        alert["generatorURL"] = link.into();
    }
    alert
}
