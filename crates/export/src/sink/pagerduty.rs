//! `PagerDuty`: Events API v2. One incident for each finding, resolved
//! when the finding is.

use model::{Notice, NoticeEvent, Severity};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret,
    answer::shorten,
    describe::{ALLOW_PRIVATE, Description, Field, Input},
    format::{facts, line, link, time},
    http,
};

const PUBLIC: &str = "https://events.pagerduty.com/v2/enqueue";

pub(super) const DESCRIPTION: Description = Description {
    title: "PagerDuty",
    about: "One incident for each finding, resolved with it (Events API v2).",
    for_people: true,
    fields: &[
        Field::new(
            "routing_key",
            "Integration key",
            Input::Text,
            "Of the service's 'Events API v2' integration.",
        )
        .required()
        .secret(),
        Field::new(
            "url",
            "URL",
            Input::Url,
            "Accounts in Europe use https://events.eu.pagerduty.com/v2/enqueue.",
        )
        .default("\"https://events.pagerduty.com/v2/enqueue\""),
        ALLOW_PRIVATE,
    ],
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    routing_key: Secret,
    url: Option<String>,
    #[serde(default)]
    allow_private: bool,
}

pub(super) struct Pagerduty {
    client: Client,
    url: Url,
    routing_key: Secret,
}

impl Pagerduty {
    pub(super) fn open(settings: Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        Ok(Self {
            url: http::address("url", settings.url.as_deref().unwrap_or(PUBLIC), guard)?,
            client: http::client(guard, None)?,
            routing_key: settings.routing_key,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let mut last = Answer::delivered("");
        for notice in batch.notices {
            let mut events = vec![event(notice)];
            if notice.event == NoticeEvent::Test {
                // A test leaves no incident open.
                let mut end = event(notice);
                end["event_action"] = "resolve".into();
                events.push(end);
            }
            for mut event in events {
                event["routing_key"] = self.routing_key.reveal().into();
                let request = self
                    .client
                    .post(self.url.clone())
                    .header("content-type", "application/json")
                    .body(event.to_string());
                last = http::send(request, batch.now).await;
                if !last.is_delivered() {
                    return last;
                }
            }
        }
        last
    }
}

/// The event of one notice, without the key.
pub fn event(notice: &Notice) -> Value {
    let details: serde_json::Map<_, _> = facts(notice)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let source = notice
        .finding
        .as_ref()
        .map(model::notice::NoticedFinding::place)
        .filter(|place| !place.is_empty())
        .unwrap_or_else(|| notice.environment.clone());
    let links: Vec<_> = link(notice)
        .map(|link| json!({"href": link, "text": "Open in Seawall"}))
        .into_iter()
        .collect();
    json!({
        "event_action": if notice.event.closes() { "resolve" } else { "trigger" },
        "dedup_key": shorten(&format!("seawall/{}", notice.subject()), 255),
        "payload": {
            "summary": shorten(&line(&notice.headline()), 1024),
            "source": shorten(&line(&source), 255),
            "severity": severity(notice.severity()),
            "timestamp": notice.time.to_string(),
            "component": notice.finding.as_ref().and_then(model::notice::NoticedFinding::installed),
            "group": notice.environment,
            "class": notice.finding.as_ref().map(|finding| finding.kind.as_str()),
            "custom_details": details,
        },
        "links": links,
        "client": format!("Seawall, {}", time(notice.time)),
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info | Severity::Unknown => "info",
    }
}
