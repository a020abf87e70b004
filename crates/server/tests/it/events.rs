//! Live events.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{Method, StatusCode},
};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use crate::test_server::{Person, start};

/// An open event stream.
pub(crate) struct Stream {
    body: BodyDataStream,
    text: String,
}

/// One event as it came.
#[derive(Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Stream {
    pub(crate) async fn open(person: &Person, last_seen: Option<&str>) -> Self {
        let headers: Vec<_> = last_seen
            .map(|id| ("last-event-id", id))
            .into_iter()
            .collect();
        let response = person
            .open(Method::GET, "/api/v1/events", Body::empty(), &headers)
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event.starts_with(':') {
                    continue;
                }
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                };
                return Event {
                    id: field("id:"),
                    name: field("event:"),
                    data: serde_json::from_str(&field("data:")).unwrap(),
                };
            }
            let chunk = tokio::time::timeout(Duration::from_mins(1), self.body.next())
                .await
                .expect("an event comes")
                .expect("the stream goes on")
                .unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn what_was_missed_comes_first_and_what_is_forgotten_is_said() {
    let server = start().await;
    let person = server.signed_in().await;
    let folder = server.folder.path().display().to_string();
    let mut events = Stream::open(&person, None).await;
    let target = json!({ "target": format!("dir:{folder}") });
    let answer = person.post("/api/v1/scans", target).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let first = events.next().await;
    assert_eq!(first.name, "scan");
    assert_eq!(first.data["scan"]["state"], "queued");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    person.delete(&format!("/api/v1/scans/{id}")).await;
    let second = events.next().await;
    assert_eq!(second.data["scan"]["state"], "cancelled");

    let mut resumed = Stream::open(&person, Some(&first.id)).await;
    assert_eq!(resumed.next().await, second);
    let mut stranger = Stream::open(&person, Some("1.1")).await;
    assert_eq!(stranger.next().await.name, "resync");
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams() {
    let server = start().await;
    let person = server.signed_in().await;
    let mut events = Stream::open(&person, None).await;
    server.shutdown.cancel();
    assert!(events.body.next().await.is_none());
}
