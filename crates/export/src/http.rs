//! HTTP to receivers: one client with a guard, times and sizes bounded,
//! no redirects, no proxy, and one reading of what an answer means.

use std::{error::Error, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Certificate, Client, RequestBuilder, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use url::Url;

use crate::{
    Answer, Guard, Invalid, Verdict,
    guard::{ConnectError, Refused},
    tls,
};

/// Resolving, connecting and the TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// The whole exchange.
const WHOLE: Duration = Duration::from_secs(30);
/// The most of an answer that is read.
const MAX_ANSWER: usize = 256 * 1024;

#[derive(Debug)]
struct Guarded(Guard);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0;
        Box::pin(async move {
            let addresses = guard.resolve(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// A client for one sink.
pub(crate) fn client(guard: Guard, ca: Option<&str>) -> Result<Client, Invalid> {
    tls::install_provider();
    let mut builder = Client::builder()
        .user_agent(concat!("seawall/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .redirect(Policy::none())
        // A proxy would resolve and connect where no guard stands.
        .no_proxy()
        .pool_idle_timeout(Duration::from_secs(30))
        .dns_resolver(Arc::new(Guarded(guard)));
    if let Some(pem) = ca {
        for certificate in
            tls::certificates(pem).map_err(|detail| Invalid::new("ca_certificate", detail))?
        {
            let certificate = Certificate::from_der(&certificate)
                .map_err(|error| Invalid::new("ca_certificate", error.to_string()))?;
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder
        .build()
        .map_err(|error| Invalid::new("ca_certificate", chain(&error)))
}

/// An address a sink was given: `http` or `https`, without credentials,
/// and not one the guard refuses.
pub(crate) fn address(field: &'static str, text: &str, guard: Guard) -> Result<Url, Invalid> {
    let url = Url::parse(text.trim())
        .map_err(|error| Invalid::new(field, format!("not a URL: {error} (expected https://…)")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Invalid::new(
            field,
            format!("expected http:// or https://, not '{}:'", url.scheme()),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Invalid::new(
            field,
            "holds a user name or password; there are settings for those",
        ));
    }
    let host = url
        .host_str()
        .ok_or_else(|| Invalid::new(field, "names no host"))?;
    guard
        .judge_literal(host)
        .map_err(|refusal| Invalid::new(field, refusal.to_string()))?;
    Ok(url)
}

/// Adds path segments to an address that may end in a slash.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&joined);
    url
}

/// An answer that came.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    retry_after: Option<Duration>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }

    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the status alone means.
    pub(crate) fn answer(&self) -> Answer {
        let status = self.status;
        let text = self.text();
        let verdict = if status.is_success() {
            Verdict::Delivered
        } else if status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 423 | 425 | 429)
        {
            Verdict::Retry {
                after: self.retry_after,
            }
        } else {
            Verdict::Rejected
        };
        let text = if status.is_redirection() {
            format!(
                "answered with a redirect, which is not followed; use the final address. {text}"
            )
        } else {
            text
        };
        Answer::new(verdict, Some(status.as_u16()), &text)
    }
}

/// Sends and reads. `Err` where no answer came.
pub(crate) async fn exchange(request: RequestBuilder, now: Timestamp) -> Result<Reply, Answer> {
    let mut response = request.send().await.map_err(|error| failed(&error))?;
    let status = response.status();
    let retry_after = retry_after(response.headers(), now);
    let mut body = Vec::new();
    // What was said beyond the limit, or after the connection broke, is
    // not needed to know what the status says.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() == MAX_ANSWER {
            break;
        }
    }
    Ok(Reply {
        status,
        body,
        retry_after,
    })
}

/// Sends, and judges by the status.
pub(crate) async fn send(request: RequestBuilder, now: Timestamp) -> Answer {
    match exchange(request, now).await {
        Ok(reply) => reply.answer(),
        Err(answer) => answer,
    }
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    fetch::parse_retry_after(text, now)
}

fn failed(error: &reqwest::Error) -> Answer {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Answer::rejected(&refused.to_string());
        }
        if let Some(ConnectError::Refused(refused)) = error.downcast_ref() {
            return Answer::rejected(&refused.to_string());
        }
        cause = error.source();
    }
    if error.is_timeout() {
        return Answer::unreachable(&format!("no answer within {} s", WHOLE.as_secs()));
    }
    if error.is_builder() {
        return Answer::rejected(&chain(error));
    }
    Answer::unreachable(&chain(error))
}

/// The causes of an error, without the address: addresses of incoming
/// webhooks are secrets.
fn chain(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    if parts.is_empty() {
        "the request could not be sent".to_owned()
    } else {
        parts.join(": ")
    }
}
