//! Slack: an incoming webhook and Block Kit.
//!
//! Whatever is not ours is `plain_text`, in which Slack neither links
//! nor mentions anybody.

use model::{Notice, Severity};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret, Verdict,
    answer::shorten,
    describe::{ALLOW_PRIVATE, Description, Field, Input},
    format::{advice, digest_lines, facts, line, link},
    http,
};

pub(super) const DESCRIPTION: Description = Description {
    title: "Slack",
    about: "Messages in a channel, through an incoming webhook.",
    for_people: true,
    fields: &[
        Field::new(
            "url",
            "Webhook URL",
            Input::Url,
            "https://hooks.slack.com/services/…, which is itself the password.",
        )
        .required()
        .secret(),
        ALLOW_PRIVATE,
    ],
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    url: Secret,
    #[serde(default)]
    allow_private: bool,
}

pub(super) struct Slack {
    client: Client,
    url: Url,
}

impl Slack {
    pub(super) fn open(settings: &Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        Ok(Self {
            url: http::address("url", settings.url.reveal(), guard)?,
            client: http::client(guard, None)?,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let mut last = Answer::delivered("");
        for notice in batch.notices {
            let request = self
                .client
                .post(self.url.clone())
                .header("content-type", "application/json; charset=utf-8")
                .body(message(notice).to_string());
            last = http::send(request, batch.now).await;
            // Slack's workflows answer 200 with a refusal in words.
            if last.is_delivered() && last.text.contains("\"ok\":false") {
                last.verdict = Verdict::Rejected;
            }
            if !last.is_delivered() {
                break;
            }
        }
        last
    }
}

/// The message of one notice.
pub fn message(notice: &Notice) -> Value {
    let headline = line(&notice.headline());
    let mut blocks = vec![json!({
        "type": "header",
        "text": plain(&format!("{} {headline}", mark(notice)), 150),
    })];
    if let Some((lines, more)) = digest_lines(notice) {
        let mut text: Vec<String> = lines
            .iter()
            .map(|text| format!("• {}", line(text)))
            .collect();
        text.extend(more);
        blocks.push(json!({"type": "section", "text": plain(&text.join("\n"), 3000)}));
    }
    let fields: Vec<_> = facts(notice)
        .into_iter()
        .take(10)
        .map(|(name, value)| plain(&format!("{name}: {}", line(&value)), 2000))
        .collect();
    blocks.push(json!({"type": "section", "fields": fields}));
    if let Some(advice) = advice(notice) {
        blocks.push(
            json!({"type": "section", "text": plain(&format!("What to do: {advice}"), 3000)}),
        );
    }
    if let Some(link) = link(notice) {
        blocks.push(json!({
            "type": "actions",
            "elements": [{"type": "button", "text": plain("Open in Seawall", 75), "url": link}],
        }));
    }
    json!({
        // What notifications and screen readers say; here Slack does
        // read markup, so its three characters are written out.
        "text": shorten(&escape(&headline), 3000),
        "mrkdwn": false,
        "blocks": blocks,
    })
}

fn plain(text: &str, limit: usize) -> Value {
    json!({"type": "plain_text", "text": shorten(text, limit), "emoji": false})
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Colour for the eye; the words say it too.
fn mark(notice: &Notice) -> &'static str {
    if notice.event.closes() {
        return "✅";
    }
    match notice.severity() {
        Severity::Critical => "🔴",
        Severity::High => "🟠",
        Severity::Medium => "🟡",
        Severity::Low => "🔵",
        Severity::Info | Severity::Unknown => "⚪",
    }
}
