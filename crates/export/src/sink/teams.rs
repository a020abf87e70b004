//! Microsoft Teams: a Workflows URL and an Adaptive Card, the one form
//! left since connectors were retired.
//!
//! Adaptive Cards read a part of Markdown in every text, so what is not
//! ours is written with its marks escaped.

use model::{Notice, Severity};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret,
    answer::shorten,
    describe::{ALLOW_PRIVATE, Description, Field, Input},
    format::{advice, digest_lines, facts, line, link},
    http,
};

pub(super) const DESCRIPTION: Description = Description {
    title: "Microsoft Teams",
    about: "Cards in a channel or chat, through a workflow that starts when a webhook is called.",
    for_people: true,
    fields: &[
        Field::new(
            "url",
            "Workflow URL",
            Input::Url,
            "From the workflow 'Post to a channel when a webhook request is received'. It is \
             itself the password.",
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

pub(super) struct Teams {
    client: Client,
    url: Url,
}

impl Teams {
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
                .header("content-type", "application/json")
                .body(message(notice).to_string());
            last = http::send(request, batch.now).await;
            if !last.is_delivered() {
                break;
            }
        }
        last
    }
}

/// The message of one notice; Teams takes at most 28 KB.
pub fn message(notice: &Notice) -> Value {
    let mut body = vec![json!({
        "type": "TextBlock",
        "size": "Medium",
        "weight": "Bolder",
        "wrap": true,
        "color": colour(notice),
        "text": escape(&notice.headline(), 300),
    })];
    if let Some((lines, more)) = digest_lines(notice) {
        for text in lines {
            body.push(json!({
                "type": "TextBlock", "wrap": true, "spacing": "Small",
                "text": escape(text, 200),
            }));
        }
        if let Some(more) = more {
            body.push(json!({"type": "TextBlock", "isSubtle": true, "text": more}));
        }
    }
    let facts: Vec<_> = facts(notice)
        .into_iter()
        .map(|(name, value)| json!({"title": name, "value": escape(&value, 400)}))
        .collect();
    body.push(json!({"type": "FactSet", "facts": facts}));
    if let Some(advice) = advice(notice) {
        body.push(json!({
            "type": "TextBlock", "wrap": true, "text": escape(advice, 1000),
        }));
    }
    let actions: Vec<_> = link(notice)
        .map(|link| json!({"type": "Action.OpenUrl", "title": "Open in Seawall", "url": link}))
        .into_iter()
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": body,
                "actions": actions,
            },
        }],
    })
}

fn escape(text: &str, limit: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in line(&shorten(text, limit)).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '{' | '}'
        ) {
            escaped.push('\\');
        }
        match c {
            // Teams also reads a little HTML.
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn colour(notice: &Notice) -> &'static str {
    if notice.event.closes() {
        return "Good";
    }
    match notice.severity() {
        Severity::Critical | Severity::High => "Attention",
        Severity::Medium => "Warning",
        Severity::Low => "Accent",
        Severity::Info | Severity::Unknown => "Default",
    }
}
