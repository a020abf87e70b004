//! Receivers that take a stream: brokers and log servers.

use std::{collections::BTreeSet, time::Duration};

use export::{Kind, Verdict};
use rskafka::client::{ClientBuilder, partition::UnknownTopicHandling};
use serde_json::json;
use testkit::receiver::{Receiver, TOPIC};

use crate::sample::{all, deliver, hostile, insist, many, open};

#[tokio::test]
async fn a_killed_broker_loses_nothing_and_doubles_keep_their_id() {
    let Some(mut broker) = Receiver::kafka() else {
        return;
    };
    let address = format!("127.0.0.1:{}", broker.port);
    let sink = open(
        Kind::Kafka,
        json!({"brokers": [address], "topic": TOPIC, "security": "none", "allow_private": true}),
    );
    insist(&sink, "batch-1", &many(0, 200)).await;
    broker.kill();
    // Waits for the broker for as long as one delivery may.
    let late = many(200, 200);
    let trying = deliver(&sink, "batch-2", &late);
    let answer = tokio::time::timeout(Duration::from_secs(45), trying)
        .await
        .unwrap();
    assert!(
        matches!(answer.verdict, Verdict::Retry { .. }),
        "{answer:?}"
    );
    broker.start().unwrap();
    insist(&sink, "batch-2", &late).await;
    // The acknowledgement of a batch got lost: it comes a second time.
    insist(&sink, "batch-2", &late).await;

    let client = ClientBuilder::new(vec![address]).build().await.unwrap();
    let mut ids = Vec::new();
    for partition in 0..3 {
        let partition = client
            .partition_client(TOPIC, partition, UnknownTopicHandling::Retry)
            .await
            .unwrap();
        let mut offset = 0;
        loop {
            let (records, high) = partition
                .fetch_records(offset, 1..10_000_000, 500)
                .await
                .unwrap();
            for record in records {
                offset = record.offset + 1;
                let id = String::from_utf8(record.record.headers["id"].clone()).unwrap();
                let value: serde_json::Value =
                    serde_json::from_slice(record.record.value.as_ref().unwrap()).unwrap();
                assert_eq!(value["id"], id);
                ids.push(id);
            }
            if offset >= high {
                break;
            }
        }
    }
    assert_eq!(ids.len(), 600);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 400);
}

/// The lines in the log server's file, once there are so many, or after
/// ten seconds.
async fn written(server: &Receiver, lines: usize) -> Vec<String> {
    for _ in 0..100 {
        if server.lines().len() >= lines {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.lines()
}

#[tokio::test]
async fn a_real_log_server_reads_every_format() {
    let Some(mut server) = Receiver::rsyslog() else {
        return;
    };
    let sink = |format: &str| {
        open(
            Kind::Syslog,
            json!({"host": "127.0.0.1", "port": server.port, "transport": "tcp",
                "format": format, "allow_private": true}),
        )
    };
    let sinks = ["json", "cef", "leef", "ocsf"].map(sink);
    for sink in &sinks {
        let answer = deliver(sink, "b", &all()).await;
        assert!(answer.is_delivered(), "{answer:?}");
        assert_eq!(answer.text, "read to the end");
    }
    // What it read it writes a moment later; a kill may not fall between.
    written(&server, 4 * all().len()).await;
    server.kill();
    let answer = deliver(&sinks[0], "c", &[hostile()]).await;
    assert!(
        matches!(answer.verdict, Verdict::Retry { .. }),
        "{answer:?}"
    );
    server.start().unwrap();
    insist(&sinks[0], "c", &[hostile()]).await;

    let lines = written(&server, 4 * all().len() + 1).await;
    // One line for each message, whatever it holds.
    assert_eq!(lines.len(), 4 * all().len() + 1, "{lines:#?}");
    assert!(
        lines[0].starts_with("seawall|finding.opened|crit|[seawall@32473 id="),
        "{}",
        lines[0]
    );
    let cef = &lines[all().len()];
    assert!(cef.contains("|CEF:0|Seawall|Seawall|"), "{cef}");
}

#[tokio::test]
async fn a_log_server_is_spoken_to_over_tls() {
    use tokio::io::AsyncReadExt as _;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    let sink = open(
        Kind::Syslog,
        json!({"host": "localhost", "port": port, "allow_private": true,
            "ca_certificate": made.cert.pem()}),
    );
    let answer = deliver(&sink, "b", &many(0, 3)).await;
    assert!(answer.is_delivered(), "{answer:?}");
    let text = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(text.matches("seawall - finding.opened").count(), 3);

    // The same server without the certificate is not trusted.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = json!({"host": "localhost", "port": port, "allow_private": true});
    let sink = open(Kind::Syslog, settings);
    tasks.spawn(async move {
        drop(listener.accept().await);
        String::new()
    });
    assert!(!deliver(&sink, "b", &many(0, 1)).await.is_delivered());
}
