//! Traces, as a collector gets them.

use std::time::Duration;

use serde_json::Value;
use testkit::web;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::test_server::start_with;

#[tokio::test]
async fn a_request_becomes_a_span_at_the_collector() {
    let collector = web::Server::start(|_| web::Reply::new(200, "{}"));
    let url = format!("http://{}", collector.host());
    let server = start_with(|config| config.telemetry.otlp_url = url).await;
    let subscriber = tracing_subscriber::registry().with(server::TraceLayer);
    let _guard = tracing::subscriber::set_default(subscriber);
    server.server.start_jobs().await.unwrap();
    let person = server.anonymous();
    let mut found = None;
    for _ in 0..600 {
        // A span first met by a thread without subscriber, other tests', is
        // remembered as wanted by nobody.
        tracing::callsite::rebuild_interest_cache();
        person.get("/api/v1/overview").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = collector.asked().into_iter().find_map(|request| {
            assert_eq!(request.target, "/v1/traces");
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].clone();
            let spans = spans.as_array().unwrap().clone();
            spans.into_iter().find(|span| span["name"] == "request")
        });
        if found.is_some() {
            break;
        }
    }
    let span = found.unwrap();
    assert_eq!(span["traceId"].as_str().unwrap().len(), 32);
    let attributes = span["attributes"].to_string();
    assert!(attributes.contains("/api/v1/overview"), "{attributes}");
    server.shutdown.cancel();
}
