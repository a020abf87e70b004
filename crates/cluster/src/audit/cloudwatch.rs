//! CloudWatch Logs, where EKS leaves its audit log.
//!
//! What: `FilterLogEvents` over the streams of the audit log, page by
//! page, from a little before what was read last: what AWS delivers late
//! comes in behind its time. Every few minutes the look goes further
//! back. An event's id tells what came before.
//! Why: the one way to EKS's audit log without an agent in the account.
//! Limits: an account may ask five times a second in a region, for all
//! its programs together; this asks four times at most, and waits longer
//! and longer when told that it is too often.
//! References: docs.aws.amazon.com, `FilterLogEvents`, "CloudWatch Logs
//! quotas", "Amazon EKS control plane logging".

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use model::Clock as _;
use object_store::{
    aws::{AmazonS3Builder, AwsAuthorizer, AwsCredential, AwsCredentialProvider},
    client::HttpRequest,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    Batch, SourceError,
    normal::eks::{STREAMS, take_message},
    tls,
};

/// How far each look goes back behind what was read last.
const OVERLAP_MS: i64 = 30_000;
/// How far a thorough look goes back, and how often there is one.
const THOROUGH_MS: i64 = 10 * 60_000;
const THOROUGH_EVERY: u32 = 30;
/// Ids that are remembered: of a busy cluster, ten minutes' worth.
const REMEMBERED: usize = 1 << 20;
/// Between two requests.
const PACE: Duration = Duration::from_millis(250);
/// The largest answer: a page holds 1 MiB of messages, and ids.
const MAX_PAGE: u64 = 32 << 20;
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A log group to read.
#[derive(Clone, Debug)]
pub struct CloudwatchSettings {
    pub region: String,
    pub log_group: String,
    /// How often it is looked at.
    pub interval: Duration,
    /// Without a position: how far back to begin.
    pub since: Duration,
    /// Another address than AWS's own.
    pub endpoint: Option<String>,
    /// Without one: AWS's usual chain, which is the environment, a web
    /// identity, the pod's or the machine's role.
    pub access_key: Option<AccessKey>,
}

/// An access key of AWS's.
#[derive(Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Up to when was read, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    read_ms: i64,
}

pub(super) struct Cloudwatch {
    settings: CloudwatchSettings,
    endpoint: Url,
    client: fetch::Client,
    credentials: AwsCredentialProvider,
    position: Position,
    looks: u32,
    look: Option<Look>,
    seen: Seen,
    /// Times in a row that AWS said it was too often.
    throttled: u32,
}

impl std::fmt::Debug for Cloudwatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloudwatch")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Pages of one look.
#[derive(Debug)]
struct Look {
    from_ms: i64,
    token: Option<String>,
    /// The newest event so far.
    newest_ms: i64,
}

/// The ids of the last events, by hash.
#[derive(Debug, Default)]
struct Seen {
    is_in: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    fn is_new(&mut self, id: &str) -> bool {
        let hash = xxh3_64(id.as_bytes());
        if !self.is_in.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.is_in.remove(&oldest);
        }
        true
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    events: Vec<LogEvent>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogEvent {
    #[serde(default)]
    event_id: String,
    #[serde(default)]
    timestamp: i64,
    message: Option<String>,
}

/// How AWS says what is wrong.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message")]
    message: String,
}

impl Cloudwatch {
    pub(super) fn open(
        settings: CloudwatchSettings,
        position: Option<&str>,
    ) -> Result<Self, SourceError> {
        tls::install_provider();
        let address = match &settings.endpoint {
            Some(address) => address.clone(),
            None => format!("https://logs.{}.amazonaws.com/", settings.region),
        };
        let endpoint = Url::parse(&address)
            .map_err(|error| SourceError::of(format!("understand the address {address}"), error))?;
        // The library's chain of credentials is what is wanted of it.
        let chain = match &settings.access_key {
            Some(key) => AmazonS3Builder::new()
                .with_access_key_id(&key.id)
                .with_secret_access_key(&key.secret),
            None => AmazonS3Builder::from_env(),
        };
        let chain = chain
            .with_region(&settings.region)
            .with_bucket_name("none")
            .build()
            .map_err(|error| SourceError::of("find AWS credentials", error))?;
        let client = fetch::Client::new(&fetch::Settings {
            // Waiting is done here, where AWS's own words are understood.
            retries: 0,
            ..fetch::Settings::default()
        })
        .map_err(|error| SourceError::of("set an HTTP client up", error))?;
        let since = i64::try_from(settings.since.as_millis()).unwrap_or(i64::MAX);
        let begin = model::SystemClock
            .now()
            .as_millisecond()
            .saturating_sub(since);
        Ok(Self {
            position: position
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or(Position { read_ms: begin }),
            settings,
            endpoint,
            client,
            credentials: std::sync::Arc::clone(chain.credentials()),
            looks: 0,
            look: None,
            seen: Seen::default(),
            throttled: 0,
        })
    }

    /// The next page that has something new, or an empty one after a look
    /// that found nothing.
    pub(super) async fn next(&mut self) -> Result<Batch, SourceError> {
        loop {
            if self.look.is_none() {
                if self.looks > 0 {
                    tokio::time::sleep(self.settings.interval).await;
                }
                let back = if self.looks % THOROUGH_EVERY == THOROUGH_EVERY - 1 {
                    THOROUGH_MS
                } else {
                    OVERLAP_MS
                };
                self.looks += 1;
                self.look = Some(Look {
                    from_ms: self.position.read_ms.saturating_sub(back).max(0),
                    token: None,
                    newest_ms: self.position.read_ms,
                });
            }
            let page = self.page().await?;
            let mut batch = Batch::default();
            let is_last = page.next_token.is_none();
            if let Some(look) = &mut self.look {
                look.token = page.next_token;
                for event in page.events {
                    look.newest_ms = look.newest_ms.max(event.timestamp);
                    if self.seen.is_new(&event.event_id) {
                        take_message(event.message.as_deref(), &mut batch);
                    }
                }
                if is_last {
                    self.position.read_ms = look.newest_ms;
                    self.look = None;
                }
            }
            // Until a look has ended it would be begun anew: pages come
            // in no order.
            batch.position = serde_json::to_string(&self.position)
                .map_err(|error| SourceError::of("remember how far was read", error))?;
            if !batch.is_empty() || is_last {
                return Ok(batch);
            }
        }
    }

    /// Asks for the next page, and waits while AWS says it is too often.
    async fn page(&mut self) -> Result<Page, SourceError> {
        let mut body = json!({
            "logGroupName": self.settings.log_group,
            "logStreamNamePrefix": STREAMS,
            "limit": 10_000,
        });
        if let Some(look) = &self.look {
            body["startTime"] = look.from_ms.into();
            if let Some(token) = &look.token {
                body["nextToken"] = token.as_str().into();
            }
        }
        tokio::time::sleep(PACE).await;
        let (status, answer) = self.ask(body.to_string()).await?;
        if status == 200 {
            self.throttled = 0;
            return serde_json::from_slice(&answer)
                .map_err(|error| SourceError::of("understand CloudWatch's answer", error));
        }
        let fault: Fault = serde_json::from_slice(&answer).unwrap_or_default();
        let kind = fault.kind.rsplit('#').next().unwrap_or_default();
        let is_throttled = status == 429
            || status == 503
            || kind.contains("Throttl")
            || kind == "LimitExceededException";
        if !is_throttled {
            // A token that is too old, or anything else: the look begins
            // anew, and what was seen of it is known.
            self.look = None;
        }
        let wait = is_throttled.then(|| {
            self.throttled = (self.throttled + 1).min(6);
            (Duration::from_secs(1) * 2_u32.pow(self.throttled)).min(LONGEST_WAIT)
        });
        let told: String = fault.message.chars().take(300).collect();
        Err(SourceError {
            wait,
            ..SourceError::new(format!(
                "read the log group {}: AWS answers {status} {kind} {told}",
                self.settings.log_group
            ))
        })
    }

    async fn ask(&self, body: String) -> Result<(u16, Vec<u8>), SourceError> {
        let credential = self
            .credentials
            .get_credential()
            .await
            .map_err(|error| SourceError::of("find AWS credentials", error))?;
        let headers = sign(&credential, &self.settings.region, &self.endpoint, &body)?;
        let (client, url) = (self.client.clone(), self.endpoint.clone());
        let task = tokio::task::spawn_blocking(move || {
            let mut request = client.post(&url).body(body);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let response = request.send()?;
            let status = response.status;
            Ok((status, response.bytes(MAX_PAGE)?))
        });
        task.await
            .map_err(|error| SourceError::of("ask CloudWatch", error))?
            .map_err(|error: fetch::FetchError| SourceError::of("ask CloudWatch", error))
    }
}

const TARGET: &str = "Logs_20140328.FilterLogEvents";
const CONTENT: &str = "application/x-amz-json-1.1";

/// The headers of a signed request.
fn sign(
    credential: &AwsCredential,
    region: &str,
    url: &Url,
    body: &str,
) -> Result<Vec<(&'static str, String)>, SourceError> {
    const SENT: [&str; 6] = [
        "content-type",
        "x-amz-target",
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "authorization",
    ];
    let mut request = HttpRequest::new(body.to_owned().into());
    *request.method_mut() = "POST"
        .parse()
        .map_err(|_method| SourceError::new("sign a request"))?;
    *request.uri_mut() = url
        .as_str()
        .parse()
        .map_err(|error| SourceError::of("sign a request", error))?;
    let headers = request.headers_mut();
    for (name, value) in [("content-type", CONTENT), ("x-amz-target", TARGET)] {
        let value = value
            .parse()
            .map_err(|error| SourceError::of("sign a request", error))?;
        headers.insert(name, value);
    }
    AwsAuthorizer::new(credential, "logs", region)
        .try_authorize(&mut request, None)
        .map_err(|error| SourceError::of("sign a request", error))?;
    let headers = request.headers();
    Ok(SENT
        .into_iter()
        .filter_map(|name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some((name, value.to_owned()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_with_what_it_says() {
        let credential = AwsCredential {
            key_id: "AKID".to_owned(),
            secret_key: "secret".to_owned(),
            token: Some("session".to_owned()),
        };
        let url: Url = "https://logs.eu-west-1.amazonaws.com/".parse().unwrap();
        let headers = sign(&credential, "eu-west-1", &url, "{}").unwrap();
        let of = |name: &str| {
            let found = headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        assert_eq!(of("x-amz-target"), TARGET);
        assert_eq!(of("x-amz-security-token"), "session");
        let signature = of("authorization");
        assert!(
            signature.contains("/eu-west-1/logs/aws4_request"),
            "{signature}"
        );
        assert!(signature.contains("x-amz-target"), "{signature}");
    }

    #[test]
    fn an_id_counts_once_and_memory_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..=REMEMBERED {
            assert!(seen.is_new(&number.to_string()));
        }
        assert!(!seen.is_new(&REMEMBERED.to_string()));
        assert!(seen.is_new("0"));
        assert!(seen.order.len() <= REMEMBERED);
    }
}
