//! Jira: one issue for each finding, closed and opened with it.
//!
//! The issue's key is remembered by the caller. Should that have been
//! lost (the answer never arrived), the issue is found again by a label
//! before another is made.

use std::fmt::Write as _;

use model::{Notice, NoticeEvent};
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    Answer, Batch, Guard, Invalid, Secret, Verdict,
    answer::shorten,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format::{advice, digest_lines, facts, line, link},
    http::{self, Reply},
};

pub(super) const DESCRIPTION: Description = Description {
    title: "Jira",
    about: "One issue for each finding, closed and opened again with it.",
    for_people: true,
    fields: &[
        Field::new(
            "url",
            "URL",
            Input::Url,
            "https://example.atlassian.net or your own server.",
        )
        .required(),
        Field::new("project", "Project", Input::Text, "The project's key: SEC.").required(),
        Field::new("issue_type", "Issue type", Input::Text, "Its name.").default("\"Task\""),
        Field::new(
            "email",
            "E-mail",
            Input::Text,
            "The account the token belongs to; empty for a server's personal access token.",
        ),
        Field::new(
            "token",
            "API token",
            Input::Text,
            "Or personal access token.",
        )
        .required()
        .secret(),
        Field::new(
            "done_transition",
            "Transition when resolved",
            Input::Text,
            "Its name; when empty, the first that leads to a status of the category 'done'.",
        ),
        Field::new(
            "reopen_transition",
            "Transition when reopened",
            Input::Text,
            "Its name; when empty, the first that leads to a status of another category.",
        ),
        Field::new(
            "labels",
            "Labels",
            Input::List,
            "Further labels of each issue.",
        ),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    url: String,
    project: String,
    #[serde(default = "task")]
    issue_type: String,
    email: Option<String>,
    token: Secret,
    done_transition: Option<String>,
    reopen_transition: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

fn task() -> String {
    "Task".to_owned()
}

pub(super) struct Jira {
    client: Client,
    base: Url,
    project: String,
    issue_type: String,
    email: Option<String>,
    token: Secret,
    done_transition: Option<String>,
    reopen_transition: Option<String>,
    labels: Vec<String>,
}

/// An answer that ends the delivery, one way or the other.
type Step<T> = Result<T, Answer>;

impl Jira {
    pub(super) fn open(settings: Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        let is_key = |text: &str| {
            text.len() <= 50 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !is_key(&settings.project) {
            return Err(Invalid::new(
                "project",
                "expected a project's key: letters, digits and '_'",
            ));
        }
        if settings
            .labels
            .iter()
            .any(|label| label.is_empty() || label.contains(char::is_whitespace))
        {
            return Err(Invalid::new("labels", "a label holds no spaces"));
        }
        Ok(Self {
            base: http::address("url", &settings.url, guard)?,
            client: http::client(guard, settings.ca_certificate.as_deref())?,
            project: settings.project,
            issue_type: settings.issue_type,
            email: settings.email,
            token: settings.token,
            done_transition: settings.done_transition,
            reopen_transition: settings.reopen_transition,
            labels: settings.labels,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let mut learned = Vec::new();
        let mut last = Answer::delivered("");
        for notice in batch.notices {
            last = match self.tell(notice, batch, &mut learned).await {
                Ok(answer) | Err(answer) => answer,
            };
            if !last.is_delivered() {
                break;
            }
        }
        // What was learned stays true though something later failed.
        last.learned = learned;
        last
    }

    async fn tell(
        &self,
        notice: &Notice,
        batch: &Batch<'_>,
        learned: &mut Vec<(String, String)>,
    ) -> Step<Answer> {
        if notice.event == NoticeEvent::Test {
            return self.test(batch).await;
        }
        let subject = notice.subject();
        let mut key = batch.known.get(subject).cloned();
        if key.is_none() && batch.attempts > 0 {
            key = self.find(subject, batch).await?;
        }
        let Some(key) = key else {
            if notice.event.closes() {
                return Ok(Answer::delivered("closed before there was an issue"));
            }
            let (key, answer) = self.create(notice, batch).await?;
            learned.push((subject.to_owned(), key));
            return Ok(answer);
        };
        learned.push((subject.to_owned(), key.clone()));
        let comment = json!({ "body": description(notice) });
        let path = format!("issue/{key}/comment");
        let commented = self.ask(Method::POST, &path, Some(comment), batch).await?;
        if commented.status.as_u16() == 404 {
            // Somebody deleted the issue; a finding that is still open
            // gets another.
            if notice.event.closes() {
                return Ok(Answer::delivered("the issue is gone"));
            }
            let (key, answer) = self.create(notice, batch).await?;
            learned.push((subject.to_owned(), key));
            return Ok(answer);
        }
        let answer = succeeded(&commented)?;
        if notice.event.closes() {
            self.transition(&key, true, batch).await
        } else if notice.event == NoticeEvent::FindingReopened {
            self.transition(&key, false, batch).await
        } else {
            Ok(answer)
        }
    }

    /// Asks who we are and whether the project is there; makes no issue.
    async fn test(&self, batch: &Batch<'_>) -> Step<Answer> {
        let path = format!("project/{}", self.project);
        let reply = self.ask(Method::GET, &path, None, batch).await?;
        let mut answer = succeeded(&reply)?;
        let name = reply.json().map(|body| body["name"].to_string());
        answer.text = format!("found the project {}", name.unwrap_or_default());
        Ok(answer)
    }

    async fn create(&self, notice: &Notice, batch: &Batch<'_>) -> Step<(String, Answer)> {
        let mut labels = vec!["seawall".to_owned(), label(notice.subject())];
        labels.extend(self.labels.iter().cloned());
        let issue = json!({"fields": {
            "project": {"key": self.project},
            "issuetype": {"name": self.issue_type},
            "summary": shorten(&line(&notice.headline()), 250),
            "description": description(notice),
            "labels": labels,
        }});
        let reply = self.ask(Method::POST, "issue", Some(issue), batch).await?;
        let mut answer = succeeded(&reply)?;
        let key = reply
            .json()
            .and_then(|body| body["key"].as_str().map(str::to_owned))
            .filter(|key| is_issue_key(key))
            .ok_or_else(|| Answer::rejected("made an issue but did not say its key"))?;
        answer.text = format!("made {key}");
        Ok((key, answer))
    }

    /// The issue an earlier try may have made.
    async fn find(&self, subject: &str, batch: &Batch<'_>) -> Step<Option<String>> {
        let query = format!(
            "project = \"{}\" AND labels = \"{}\"",
            self.project,
            label(subject)
        );
        // Cloud moved its search; servers have only the old one.
        for path in ["search/jql", "search"] {
            let body = json!({"jql": query, "maxResults": 1, "fields": ["summary"]});
            let reply = self.ask(Method::POST, path, Some(body), batch).await?;
            if matches!(reply.status.as_u16(), 404 | 405 | 410) {
                continue;
            }
            succeeded(&reply)?;
            let key = reply.json().and_then(|body| {
                let key = body["issues"][0]["key"].as_str()?;
                is_issue_key(key).then(|| key.to_owned())
            });
            return Ok(key);
        }
        Ok(None)
    }

    async fn transition(&self, key: &str, done: bool, batch: &Batch<'_>) -> Step<Answer> {
        let path = format!("issue/{key}/transitions");
        let reply = self.ask(Method::GET, &path, None, batch).await?;
        succeeded(&reply)?;
        let wanted = if done {
            &self.done_transition
        } else {
            &self.reopen_transition
        };
        let list = reply.json().unwrap_or_default();
        let list = list["transitions"].as_array().cloned().unwrap_or_default();
        let chosen = list.iter().find(|transition| match wanted {
            Some(name) => transition["name"]
                .as_str()
                .is_some_and(|found| found.eq_ignore_ascii_case(name)),
            None => (transition["to"]["statusCategory"]["key"] == "done") == done,
        });
        let Some(id) = chosen.and_then(|transition| transition["id"].as_str()) else {
            // Already there, or a workflow without such a step: the
            // comment has said it.
            return Ok(Answer::delivered(&format!(
                "commented on {key}; no transition to take"
            )));
        };
        let body = json!({"transition": {"id": id}});
        let reply = self.ask(Method::POST, &path, Some(body), batch).await?;
        let mut answer = succeeded(&reply)?;
        answer.text = format!("moved {key}");
        Ok(answer)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        batch: &Batch<'_>,
    ) -> Step<Reply> {
        let url = http::below(&self.base, &format!("rest/api/2/{path}"));
        let mut request: RequestBuilder = self
            .client
            .request(method, url)
            .header("accept", "application/json");
        request = match &self.email {
            Some(email) => request.basic_auth(email, Some(self.token.reveal())),
            None => request.bearer_auth(self.token.reveal()),
        };
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        http::exchange(request, batch.now).await
    }
}

fn succeeded(reply: &Reply) -> Step<Answer> {
    let answer = reply.answer();
    if answer.verdict == Verdict::Delivered {
        Ok(answer)
    } else {
        Err(answer)
    }
}

/// `SEC-12`: what is put into a path must be nothing else.
fn is_issue_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 80
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn label(subject: &str) -> String {
    let subject: String = subject
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') {
                c
            } else {
                '_'
            }
        })
        .take(200)
        .collect();
    format!("seawall-{subject}")
}

/// The text of an issue or comment, in the wiki form servers and Cloud
/// both read, with everything that is not ours escaped.
pub fn description(notice: &Notice) -> String {
    let mut text = format!("{}\n\n", escape(&notice.headline()));
    if let Some((lines, more)) = digest_lines(notice) {
        for item in lines {
            writeln!(text, "* {}", escape(item)).expect("invariant: memory");
        }
        if let Some(more) = more {
            writeln!(text, "* {}", escape(&more)).expect("invariant: memory");
        }
        text.push('\n');
    }
    for (name, value) in facts(notice) {
        writeln!(text, "||{}|{}|", escape(name), escape(&value)).expect("invariant: memory");
    }
    if let Some(advice) = advice(notice) {
        writeln!(text, "\n*What to do:* {}", escape(advice)).expect("invariant: memory");
    }
    if let Some(link) = link(notice) {
        // Between brackets, what ends them would end the link.
        let link = link.replace([']', '|', '\n'], "");
        writeln!(text, "\n[Open in Seawall|{link}]").expect("invariant: memory");
    }
    shorten(&text, 30_000)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in line(text).chars() {
        if matches!(
            c,
            '\\' | '{' | '}' | '[' | ']' | '|' | '*' | '_' | '~' | '^' | '+' | '!' | '#' | '@'
        ) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
