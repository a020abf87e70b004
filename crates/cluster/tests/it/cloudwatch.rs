//! CloudWatch Logs: moto's, and one that says it is asked too often.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use cluster::audit::{AccessKey, Batch, CloudwatchSettings, Settings, Source};
use model::Clock as _;
use serde_json::{Value, json};
use testkit::receiver::Receiver;

const GROUP: &str = "/aws/eks/prod/cluster";
const STREAM: &str = "kube-apiserver-audit-5ba2";

fn open(endpoint: &str, position: Option<&str>) -> Source {
    let settings = CloudwatchSettings {
        region: "eu-west-1".to_owned(),
        log_group: GROUP.to_owned(),
        interval: Duration::from_millis(1),
        since: Duration::from_hours(1),
        endpoint: Some(endpoint.to_owned()),
        access_key: Some(AccessKey {
            id: "AKID".to_owned(),
            secret: "secret".to_owned(),
        }),
    };
    Source::open(Settings::Cloudwatch(settings), position).unwrap()
}

fn ask(endpoint: &str, action: &str, body: &Value) {
    let client = fetch::Client::new(&fetch::Settings::default()).unwrap();
    let url: fetch::Url = endpoint.parse().unwrap();
    let response = client
        .post(&url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("Logs_20140328.{action}"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20260302/eu-west-1/logs/aws4_request, \
             SignedHeaders=host, Signature=0",
        )
        .body(body.to_string())
        .send()
        .unwrap();
    let status = response.status;
    let text = String::from_utf8(response.bytes(1 << 20).unwrap()).unwrap();
    assert_eq!(status, 200, "{action}: {text}");
}

fn put(endpoint: &str, stream: &str, events: &[(i64, String)]) {
    let events: Vec<Value> = events
        .iter()
        .map(|(time, message)| json!({"timestamp": time, "message": message}))
        .collect();
    let body = json!({"logGroupName": GROUP, "logStreamName": stream, "logEvents": events});
    ask(endpoint, "PutLogEvents", &body);
}

fn event(id: usize) -> String {
    json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": id.to_string(),
        "verb": "get"})
    .to_string()
}

fn ids(batch: &Batch) -> Vec<usize> {
    let text = std::str::from_utf8(&batch.body).unwrap();
    text.lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["auditID"].as_str().unwrap().parse().unwrap()
        })
        .collect()
}

/// All there is, and the last position.
async fn rest(source: &mut Source) -> (Vec<usize>, String) {
    let (mut all, mut position, mut quiet) = (Vec::new(), String::new(), 0);
    while quiet < 2 {
        let batch = source.next().await.unwrap();
        quiet = if batch.is_empty() { quiet + 1 } else { 0 };
        all.extend(ids(&batch));
        position = batch.position;
    }
    all.sort_unstable();
    (all, position)
}

#[tokio::test]
async fn events_come_once_over_pages_overlaps_and_delays() {
    let Some(moto) = Receiver::cloudwatch() else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}/", moto.port);
    ask(&endpoint, "CreateLogGroup", &json!({"logGroupName": GROUP}));
    let second = "kube-apiserver-audit-77f0";
    for stream in [STREAM, second, "authenticator-5ba2"] {
        let body = json!({"logGroupName": GROUP, "logStreamName": stream});
        ask(&endpoint, "CreateLogStream", &body);
    }
    // Behind now, so that none is of tomorrow.
    let begin = model::SystemClock.now().as_millisecond() - 600_000;
    let at = |id: usize| begin + i64::try_from(id).unwrap();
    for chunk in (0..25_000_usize).collect::<Vec<_>>().chunks(5_000) {
        let events: Vec<_> = chunk.iter().map(|id| (at(*id), event(*id))).collect();
        let stream = if chunk[0] % 10_000 == 0 {
            STREAM
        } else {
            second
        };
        put(&endpoint, stream, &events);
    }
    put(
        &endpoint,
        "authenticator-5ba2",
        &[(at(0), "I0302 hello".to_owned())],
    );
    let mut source = open(&endpoint, None);
    let (read, _) = rest(&mut source).await;
    assert_eq!(read, (0..25_000).collect::<Vec<_>>());
    // One that comes late lies before what was read last.
    put(&endpoint, second, &[(at(24_000), event(30_000))]);
    put(
        &endpoint,
        STREAM,
        &[
            (at(26_000), event(30_001)),
            (at(26_001), "half {".to_owned()),
        ],
    );
    let mut batches = Vec::new();
    let mut broken = 0;
    while batches.len() < 2 {
        let batch = source.next().await.unwrap();
        broken += batch.skipped.broken;
        batches.extend(ids(&batch));
    }
    batches.sort_unstable();
    assert_eq!((batches, broken), (vec![30_000, 30_001], 1));
    let (nothing, position) = rest(&mut source).await;
    assert_eq!(nothing, Vec::<usize>::new());
    // Somebody who begins at the position reads the overlap again, and
    // goes on behind it.
    put(&endpoint, STREAM, &[(at(60_000), event(30_002))]);
    let (again, _) = rest(&mut open(&endpoint, Some(&position))).await;
    assert!(
        again.contains(&30_002) && again.len() < 25_100,
        "{}",
        again.len()
    );
}

/// Answers each request with the next of these.
fn stub(answers: Vec<(u16, Value)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        for (status, answer) in answers {
            let (socket, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(socket);
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap() > 2 {}
            let head = head.to_lowercase();
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length = length.lines().next().unwrap().trim().parse().unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            seen.lock().unwrap().push(String::from_utf8(body).unwrap());
            let answer = answer.to_string();
            write!(
                reader.get_mut(),
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            )
            .unwrap();
        }
    });
    (endpoint, asked)
}

#[tokio::test]
async fn who_is_told_to_wait_waits_longer_and_loses_nothing() {
    let page = |ids: &[usize], next: Option<&str>| {
        let events: Vec<Value> = ids
            .iter()
            .map(|id| json!({"eventId": id.to_string(), "timestamp": 1, "message": event(*id)}))
            .collect();
        json!({"events": events, "nextToken": next})
    };
    let throttled = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
    let (endpoint, asked) = stub(vec![
        (200, page(&[1, 2], Some("next"))),
        (400, throttled.clone()),
        (400, throttled),
        (200, page(&[3], None)),
        (
            400,
            json!({"__type": "InvalidParameterException", "message": "The token is too old"}),
        ),
        (200, page(&[2, 3, 4], None)),
    ]);
    let mut source = open(&endpoint, None);
    assert_eq!(ids(&source.next().await.unwrap()), [1, 2]);
    let first = source.next().await.unwrap_err();
    assert!(
        first
            .to_string()
            .contains("ThrottlingException Rate exceeded"),
        "{first}"
    );
    let second = source.next().await.unwrap_err();
    assert!(
        second.wait > first.wait && first.wait.is_some(),
        "{second:?}"
    );
    assert_eq!(ids(&source.next().await.unwrap()), [3]);
    let asked_again = asked.lock().unwrap()[3].clone();
    assert!(
        asked_again.contains("\"nextToken\":\"next\""),
        "{asked_again}"
    );
    let old = source.next().await.unwrap_err();
    assert!(old.wait.is_none(), "{old:?}");
    assert_eq!(ids(&source.next().await.unwrap()), [4]);
}
