//! Our own traces for an OpenTelemetry collector: OTLP over HTTP, in its
//! JSON form (OTLP 1.x, `ExportTraceServiceRequest`).

use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::{Answer, Guard, Invalid, http};

/// One span that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub trace: u128,
    pub id: u64,
    pub parent: Option<u64>,
    pub name: &'static str,
    pub start: Timestamp,
    pub end: Timestamp,
    pub attributes: Vec<(&'static str, String)>,
}

/// Where traces go.
#[derive(Clone, Debug)]
pub struct Collector {
    client: Client,
    url: Url,
}

impl Collector {
    /// `url` is the collector's: `http://localhost:4318`. An operator
    /// says it in the configuration, so private networks are fine.
    pub fn open(url: &str) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: true,
        };
        let base = http::address("telemetry.otlp_url", url, guard)?;
        Ok(Self {
            client: http::client(guard, None)?,
            url: http::below(&base, "v1/traces"),
        })
    }

    /// Sends what ended. Traces that are not taken are not sent again.
    pub async fn send(&self, spans: &[Span], now: Timestamp) -> Answer {
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .body(request(spans).to_string());
        http::send(request, now).await
    }
}

/// The request's body.
pub fn request(spans: &[Span]) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let spans: Vec<_> = spans
        .iter()
        .map(|span| {
            let attributes: Vec<_> = span
                .attributes
                .iter()
                .map(|(key, value)| text(key, value))
                .collect();
            json!({
                "traceId": format!("{:032x}", span.trace),
                "spanId": format!("{:016x}", span.id),
                "parentSpanId": span.parent.map(|id| format!("{id:016x}")).unwrap_or_default(),
                "name": span.name,
                "kind": 1,
                "startTimeUnixNano": span.start.as_nanosecond().to_string(),
                "endTimeUnixNano": span.end.as_nanosecond().to_string(),
                "attributes": attributes,
            })
        })
        .collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            text("service.name", "seawall"),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ]},
        "scopeSpans": [{"scope": {"name": "seawall"}, "spans": spans}],
    }]})
}
