//! Receivers that are killed and a server that is killed while it
//! delivers: everything arrives, and what comes twice is the same twice.

#![expect(
    clippy::print_stdout,
    reason = "said to the parent, and to who reads the run"
)]

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::http::StatusCode;
use model::{Notice, NoticeEvent, notice::NoticedRecommendation};
use object_store::{ObjectStoreExt as _, aws::AmazonS3Builder};
use rskafka::client::{ClientBuilder, partition::UnknownTopicHandling};
use serde_json::{Value, json};
use server::{Config, Server};
use store::{DeliveryFilter, DeliveryState, PageRequest, Store};
use testkit::receiver::{BUCKET, Receiver, S3_ACCOUNT, S3_KEY, TOPIC};
use tokio_util::sync::CancellationToken;

use crate::test_server::start;

/// Set in the child: where its data is.
const DATA: &str = "SEAWALL_TEST_DELIVERY_DATA";

fn config(data: &Path) -> Config {
    let mut config = Config::default();
    config.listen.set_port(0);
    config.data_dir = data.to_owned();
    config.cache_dir = data.join("cache");
    config.scan.machine = false;
    config.scan.images = false;
    config.advisories.update = false;
    config
}

/// What the child runs: a server that only delivers.
async fn serve(data: &Path) -> ! {
    let clock = Arc::new(model::SystemClock);
    let server = Server::start(config(data), clock, CancellationToken::new())
        .await
        .unwrap();
    server.start_jobs().await.unwrap();
    println!("delivering");
    std::future::pending().await
}

/// The process, and its output, which must stay open.
struct Worker(
    Child,
    #[expect(dead_code, reason = "dropped with the process")] BufReader<ChildStdout>,
);

impl Worker {
    /// A server of its own process; `test` is this test's name.
    fn start(test: &str, data: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", test])
            .env(DATA, data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line.trim_end() != "delivering" {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it does not start");
        }
        Self(child, output)
    }
}

impl Drop for Worker {
    /// SIGKILL: no destructor runs.
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn notice(number: usize) -> Notice {
    Notice {
        id: format!("notice-{number:05}"),
        event: NoticeEvent::RecommendationChanged,
        time: jiff_time(number),
        environment: "local".to_owned(),
        finding: None,
        incident: None,
        recommendation: Some(NoticedRecommendation {
            id: format!("recommendation-{number}"),
            title: "update".to_owned(),
            severity: model::Severity::High,
            affected: 1,
            total: 2,
            points: 1.0,
            state: "open".to_owned(),
        }),
        digest: None,
        link: None,
    }
}

/// These hand a file from process to process.
fn is_elsewhere() -> bool {
    let elsewhere = crate::test_server::is_postgresql();
    if elsewhere {
        testkit::skipped("interruptions are tried on the embedded record");
    }
    elsewhere
}

/// Without what the server itself found to say meanwhile.
fn ours(ids: Vec<String>) -> Vec<String> {
    ids.into_iter()
        .filter(|id| id.starts_with("notice-"))
        .collect()
}

fn jiff_time(number: usize) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000 + i64::try_from(number).unwrap()).unwrap()
}

/// A data folder with a sink, a route to it and `count` notices to tell.
async fn furnish(kind: &str, settings: Value, count: usize) -> (tempfile::TempDir, PathBuf) {
    let server = start().await;
    let person = server.signed_in().await;
    let body = json!({"name": "receiver", "kind": kind, "settings": settings});
    let sink = person.post("/api/v1/sinks", body).await;
    assert_eq!(sink.status, StatusCode::CREATED, "{}", sink.text);
    let body = json!({"name": "all", "sink": sink.json()["id"], "max_per_minute": 0,
        "events": ["recommendation.changed"]});
    let route = person.post("/api/v1/routes", body).await;
    assert_eq!(route.status, StatusCode::CREATED, "{}", route.text);
    let folder = server.folder;
    drop((person, server.server));
    let data = folder.path().join("data");
    let store = Store::open(&data.join("seawall.db")).await.unwrap();
    let notices = (0..count).map(notice).collect();
    store.put_notices(notices).await.unwrap();
    store.close().await;
    (folder, data)
}

/// Kills the server and the receiver in turn, three times each, then
/// lets both go on; what arrived, in the end.
async fn interrupt(
    test: &str,
    data: &Path,
    receiver: &mut Receiver,
    arrived: impl AsyncFn(&Receiver) -> Vec<String>,
    count: usize,
) {
    let expected: BTreeSet<String> = (0..count).map(|number| notice(number).id).collect();
    for round in 1..4_u32 {
        let worker = Worker::start(test, data);
        // Some way in, wherever that is.
        pause(300 * round).await;
        if round == 2 {
            receiver.kill();
            pause(500).await;
        }
        drop(worker);
        receiver.kill();
        receiver.start().unwrap();
    }
    let _worker = Worker::start(test, data);
    let mut found = Vec::new();
    for _ in 0..300 {
        found = ours(arrived(receiver).await);
        if found.iter().collect::<BTreeSet<_>>().len() == count {
            break;
        }
        pause(200).await;
    }
    let distinct: BTreeSet<String> = found.iter().cloned().collect();
    let missing: Vec<_> = expected.difference(&distinct).take(5).collect();
    assert!(
        missing.is_empty(),
        "{} of {count} arrived, not {missing:?}: {}",
        distinct.len(),
        receiver.log()
    );
    println!("{test}: {count} notices arrived {} times", found.len());
}

async fn pause(milliseconds: u32) {
    tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
}

/// Nothing waits and nothing was given up.
async fn check(data: &Path) {
    let mut store = Store::open(&data.join("seawall.db")).await;
    for _ in 0..50 {
        if store.is_ok() {
            break;
        }
        pause(100).await;
        store = Store::open(&data.join("seawall.db")).await;
    }
    let store = store.unwrap();
    let filter = DeliveryFilter {
        sink: None,
        states: vec![DeliveryState::Dead],
    };
    let dead = store
        .deliveries(&filter, &PageRequest::first(5))
        .await
        .unwrap();
    assert_eq!(dead.total, 0, "{:?}", dead.items);
    store.close().await;
}

#[tokio::test]
async fn a_webhook_gets_everything_through_every_interruption() {
    const TEST: &str = "interruptions::a_webhook_gets_everything_through_every_interruption";
    if let Some(data) = std::env::var_os(DATA) {
        serve(Path::new(&data)).await;
    }
    if is_elsewhere() {
        return;
    }
    let Some(mut receiver) = Receiver::http() else {
        return;
    };
    let settings = json!({"url": format!("http://127.0.0.1:{}/", receiver.port),
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr", "allow_private": true});
    let (_folder, data) = furnish("webhook", settings, 600).await;
    interrupt(
        TEST,
        &data,
        &mut receiver,
        async |receiver| receiver.lines(),
        600,
    )
    .await;
    // One at a time and in order, so that a double is the one under way.
    let lines = ours(receiver.lines());
    assert!(lines.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(lines.len() <= 600 + 8, "{}", lines.len());
    check(&data).await;
}

#[tokio::test]
async fn mail_arrives_through_every_interruption() {
    const TEST: &str = "interruptions::mail_arrives_through_every_interruption";
    if let Some(data) = std::env::var_os(DATA) {
        serve(Path::new(&data)).await;
    }
    if is_elsewhere() {
        return;
    }
    let Some(mut receiver) = Receiver::smtp() else {
        return;
    };
    let settings = json!({"host": "127.0.0.1", "port": receiver.port, "security": "none",
        "from": "seawall@example.com", "to": ["ops@example.com"], "allow_private": true});
    let (_folder, data) = furnish("email", settings, 60).await;
    let ids = async |receiver: &Receiver| {
        let header = "X-Seawall-Notice: ";
        let mail = receiver.mail();
        mail.iter()
            .filter_map(|mail| mail.lines().find_map(|line| line.strip_prefix(header)))
            .map(str::to_owned)
            .collect()
    };
    interrupt(TEST, &data, &mut receiver, ids, 60).await;
    check(&data).await;
}

#[tokio::test]
async fn an_s3_bucket_holds_everything_through_every_interruption() {
    const TEST: &str = "interruptions::an_s3_bucket_holds_everything_through_every_interruption";
    if let Some(data) = std::env::var_os(DATA) {
        serve(Path::new(&data)).await;
    }
    if is_elsewhere() {
        return;
    }
    let Some(mut receiver) = Receiver::s3() else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}", receiver.port);
    let bucket = AmazonS3Builder::new()
        .with_endpoint(&endpoint)
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_access_key_id(S3_ACCOUNT)
        .with_secret_access_key(S3_KEY)
        .build()
        .unwrap();
    for _ in 0..100 {
        let path = object_store::path::Path::from("probe");
        if bucket.put(&path, "x".into()).await.is_ok() {
            bucket.delete(&path).await.unwrap();
            break;
        }
        pause(200).await;
    }
    let settings = json!({"store": "s3", "bucket": BUCKET, "endpoint": endpoint,
        "account": S3_ACCOUNT, "key": S3_KEY, "allow_private": true});
    let (_folder, data) = furnish("object_storage", settings, 12_000).await;
    let ids = async |_: &Receiver| {
        let Ok(listing) = list(&bucket).await else {
            return Vec::new();
        };
        listing
    };
    interrupt(TEST, &data, &mut receiver, ids, 12_000).await;
    // The same batch is the same object, so nothing is there twice.
    assert_eq!(ours(list(&bucket).await.unwrap()).len(), 12_000);
    check(&data).await;
}

async fn list(bucket: &dyn object_store::ObjectStore) -> object_store::Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut folders = vec![object_store::path::Path::from("seawall")];
    while let Some(folder) = folders.pop() {
        let listing = bucket.list_with_delimiter(Some(&folder)).await?;
        folders.extend(listing.common_prefixes);
        for object in listing.objects {
            let bytes = bucket.get(&object.location).await?.bytes().await?;
            let mut text = String::new();
            flate2::read::GzDecoder::new(&bytes[..])
                .read_to_string(&mut text)
                .unwrap();
            ids.extend(text.lines().map(|line| {
                let notice: Value = serde_json::from_str(line).unwrap();
                notice["id"].as_str().unwrap().to_owned()
            }));
        }
    }
    Ok(ids)
}

#[tokio::test]
async fn a_broker_holds_everything_through_every_interruption() {
    const TEST: &str = "interruptions::a_broker_holds_everything_through_every_interruption";
    if let Some(data) = std::env::var_os(DATA) {
        serve(Path::new(&data)).await;
    }
    if is_elsewhere() {
        return;
    }
    let Some(mut receiver) = Receiver::kafka() else {
        return;
    };
    let address = format!("127.0.0.1:{}", receiver.port);
    let settings = json!({"brokers": [address], "topic": TOPIC, "security": "none",
        "allow_private": true});
    let (_folder, data) = furnish("kafka", settings, 6000).await;
    let ids = async |_: &Receiver| records(&address).await;
    interrupt(TEST, &data, &mut receiver, ids, 6000).await;
    check(&data).await;
}

async fn records(address: &str) -> Vec<String> {
    let client = ClientBuilder::new(vec![address.to_owned()])
        .build()
        .await
        .unwrap();
    let mut ids = Vec::new();
    for partition in 0..3 {
        let partition = client
            .partition_client(TOPIC, partition, UnknownTopicHandling::Retry)
            .await
            .unwrap();
        let mut offset = 0;
        loop {
            let (records, high) = partition
                .fetch_records(offset, 1..10_000_000, 100)
                .await
                .unwrap();
            for record in records {
                offset = record.offset + 1;
                ids.push(String::from_utf8(record.record.headers["id"].clone()).unwrap());
            }
            if offset >= high {
                break;
            }
        }
    }
    ids
}
