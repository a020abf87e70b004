//! A server in this process, and people who talk to it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use server::{Config, Server};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// `postgresql`: the whole suite keeps its records there instead.
const STORE: &str = "SEAWALL_TEST_STORE";

/// Whether the suite keeps its records in PostgreSQL this time.
pub(crate) fn is_postgresql() -> bool {
    std::env::var(STORE).is_ok_and(|store| store == "postgresql")
}

pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) shutdown: CancellationToken,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and problem, without what changes each time.
    pub(crate) fn problem(&self) -> String {
        let body = self.json();
        format!(
            "{} {} {}: {}",
            self.status.as_u16(),
            body["code"].as_str().unwrap_or("?"),
            body["instance"].as_str().unwrap_or("?"),
            body["detail"].as_str().unwrap_or("?")
        )
    }
}

/// A server that looks at nothing by itself.
pub(crate) async fn start() -> TestServer {
    start_with(|_| {}).await
}

/// A server whose clock is the test's.
pub(crate) async fn start_at(clock: Arc<dyn model::Clock>) -> TestServer {
    start_as(clock, |_| {}).await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> TestServer {
    start_as(Arc::new(model::SystemClock), change).await
}

async fn start_as(clock: Arc<dyn model::Clock>, change: impl FnOnce(&mut Config)) -> TestServer {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.listen.set_port(0);
    config.data_dir = folder.path().join("data");
    config.cache_dir = folder.path().join("cache");
    config.scan.machine = false;
    config.scan.images = false;
    config.scan.running = false;
    config.advisories.update = false;
    if std::env::var_os(STORE).is_some_and(|name| name == "postgresql")
        && let Some(cluster) = testkit::postgres::shared()
    {
        config.store.url = cluster.create_database().unwrap();
    }
    change(&mut config);
    let shutdown = CancellationToken::new();
    let server = Server::start(config, clock, shutdown.clone())
        .await
        .unwrap();
    TestServer {
        server,
        folder,
        shutdown,
    }
}

impl TestServer {
    pub(crate) fn router(&self) -> Router {
        self.server.router()
    }

    pub(crate) fn anonymous(&self) -> Person {
        Person {
            router: self.router(),
            cookie: None,
            bearer: None,
            address: None,
        }
    }

    /// Somebody who used the sign-in link.
    pub(crate) async fn signed_in(&self) -> Person {
        let mut person = self.anonymous();
        let token = self.link_token().await;
        let answer = person
            .post("/api/v1/session", json!({ "token": token }))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        person.cookie = answer
            .header("set-cookie")
            .split(';')
            .next()
            .map(str::to_owned);
        person
    }

    pub(crate) async fn link_token(&self) -> String {
        let link = self.server.sign_in_link().await.unwrap();
        let (_, token) = link.split_once("#token=").unwrap();
        token.to_owned()
    }
}

/// Somebody who talks to the server.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) router: Router,
    pub(crate) cookie: Option<String>,
    /// An API token.
    pub(crate) bearer: Option<String>,
    /// Where they are.
    pub(crate) address: Option<std::net::IpAddr>,
}

impl Person {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Body::empty(), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, Body::empty(), &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.ask(method, path, Body::from(body.to_string()), &json)
            .await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> Answer {
        let response = self.open(method, path, body, headers).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// As [`Self::ask`], leaving the body to be read bit by bit.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> axum::response::Response {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, "127.0.0.1:8470");
        }
        // As a browser on our own page does.
        let is_told = headers
            .iter()
            .any(|(name, _)| ["sec-fetch-site", "origin"].contains(name));
        if self.cookie.is_some() && !is_told {
            request = request.header("sec-fetch-site", "same-origin");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(address) = self.address {
            request = request.extension(server::peer(address));
        }
        self.router
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap()
    }

    /// Asks until no scan is active; the event stream says when to.
    pub(crate) async fn wait_for_scans(&self) {
        let patience = tokio::time::timeout(Duration::from_mins(2), async {
            let mut events = self.events().await;
            loop {
                let answer = self.get("/api/v1/scans?state=queued,running").await;
                if answer.json()["total"] == 0 {
                    return;
                }
                events.next().await;
            }
        });
        patience.await.expect("the scans end");
    }

    pub(crate) async fn events(&self) -> crate::events::Stream {
        crate::events::Stream::open(self, None).await
    }
}
