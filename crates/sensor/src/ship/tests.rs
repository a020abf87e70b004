//! Sending to a server that is not as it should be.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
};

use api::sensor::{SensorBatch, SensorGap, SensorNews};
use jiff::Timestamp;
use model::time::FixedClock;
use serde_json::{Value, json};

use super::*;
use crate::{
    spool::{Limits, Origin},
    used::{Ledger, locked},
};

/// A server that answers what the test says, to each request by itself.
struct Fake {
    url: String,
}

impl Fake {
    fn start(answer: impl Fn(&str, &[u8]) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                thread::spawn(move || serve(&client, answer.as_ref()));
            }
        });
        Self { url }
    }
}

/// Status and body, to the first line of a request and its body.
type Answer = dyn Fn(&str, &[u8]) -> (u16, Value);

fn serve(client: &TcpStream, answer: &Answer) {
    let mut reader = BufReader::new(client);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let (status, told) = answer(first.trim(), &body);
        let told = told.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            told.len()
        );
        let mut writer = client;
        if writer.write_all((head + &told).as_bytes()).is_err() {
            return;
        }
    }
}

fn receipt() -> Value {
    json!({"taken": 1, "repeated": 0, "off": 0, "refused": [], "policy": "new"})
}

fn problem(pointer: &str) -> Value {
    json!({"type": "about:blank", "title": "X", "status": 400, "instance": "/x", "detail": "no",
        "code": "invalid_request", "request_id": "r",
        "errors": [{"pointer": pointer, "detail": "no"}]})
}

fn status() -> SensorStatus {
    serde_json::from_value(json!({"version": "1", "boot": "b", "kernel": "k",
        "architecture": "a", "os": "o", "started": "2026-01-02T03:04:05Z", "cpu": 0.0,
        "memory": 0, "memory_limit": 0, "spool": 0, "spool_limit": 0, "processes": 0,
        "features": [], "classes": [], "containers": [], "rules": 0, "policy": "", "notes": []}))
    .unwrap()
}

fn settings(server: &str, folder: &Path) -> Settings {
    std::fs::write(folder.join("token"), "sw_token\n").unwrap();
    Settings {
        server: server.to_owned(),
        token_file: folder.join("token"),
        ca_file: None,
        fingerprint: None,
        node: "node 1".to_owned(),
        cluster: Some("prod".to_owned()),
        environment: Some("shop".to_owned()),
        state_dir: folder.to_owned(),
        status_every: Duration::from_mins(1),
    }
}

fn spool(folder: &Path) -> Spool {
    let origin = Origin {
        boot: "b".to_owned(),
        run: "r".to_owned(),
    };
    let clock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
    Spool::open(&folder.join("spool"), origin, Limits::default(), clock).unwrap()
}

fn news(reason: &str) -> SensorNews {
    SensorNews::Gap(SensorGap {
        stage: "kernel".to_owned(),
        class: "file".to_owned(),
        reason: reason.to_owned(),
        count: 1,
        from: Timestamp::UNIX_EPOCH,
        to: Timestamp::UNIX_EPOCH,
    })
}

fn reasons(batch: &SensorBatch) -> Vec<String> {
    let items = batch.items.iter();
    items
        .map(|item| match &item.what {
            SensorNews::Gap(gap) => gap.reason.clone(),
            SensorNews::Alert(alert) => alert.summary.clone(),
        })
        .collect()
}

/// Appends, sends until as many arrived, and hands out what did.
fn sent(
    news: impl Iterator<Item = SensorNews>,
    arrive: usize,
    verdict: impl Fn(&SensorBatch) -> (u16, Value) + Send + Sync + 'static,
) -> (Vec<String>, Vec<String>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    for news in news {
        spool.append(Timestamp::UNIX_EPOCH, news).unwrap();
    }
    let (told, heard) = mpsc::sync_channel(100);
    let fake = Fake::start(move |first, body| {
        if !first.contains("/batches") {
            return (200, json!({"policy": ""}));
        }
        assert!(
            first.starts_with("POST /api/v1/sensors/node%201/batches?environment=shop "),
            "{first}"
        );
        let batch: SensorBatch = serde_json::from_slice(body).unwrap();
        assert_eq!(batch.cluster.as_deref(), Some("prod"));
        let answer = verdict(&batch);
        if answer.0 == 200 {
            told.send(reasons(&batch)).unwrap();
        }
        answer
    });
    let shipper = Shipper::start(settings(&fake.url, folder.path()), spool, status).unwrap();
    let mut arrived = Vec::new();
    while arrived.len() < arrive {
        arrived.extend(heard.recv_timeout(Duration::from_secs(30)).unwrap());
    }
    let notes = shipper.notes();
    shipper.stop(Duration::from_secs(5));
    (arrived, notes, folder)
}

#[test]
fn what_is_too_much_at_once_goes_in_parts_and_in_order() {
    let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let all = names.iter().map(|name| news(name));
    let (arrived, notes, _folder) = sent(all, 20, |batch| {
        if batch.items.len() > 3 {
            return (413, json!({}));
        }
        (200, receipt())
    });
    assert_eq!(arrived, names);
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn one_poisonous_item_is_put_aside_and_holds_nobody_up() {
    let names: Vec<String> = (0..20)
        .map(|number| {
            if number == 7 {
                "poison".to_owned()
            } else {
                number.to_string()
            }
        })
        .collect();
    let all = names.iter().map(|name| news(name));
    let (arrived, notes, folder) = sent(all, 19, |batch| {
        if reasons(batch).iter().any(|reason| reason == "poison") {
            return (400, problem("body"));
        }
        (200, receipt())
    });
    let expected: Vec<&String> = names.iter().filter(|name| *name != "poison").collect();
    assert_eq!(arrived.iter().collect::<Vec<_>>(), expected);
    assert!(notes[0].starts_with("1 items were refused"), "{notes:?}");
    let aside = std::fs::read_to_string(folder.path().join("refused.jsonl")).unwrap();
    let line: Value = serde_json::from_str(aside.trim()).unwrap();
    assert_eq!(line["item"]["what"]["gap"]["reason"], "poison");
}

#[test]
fn a_server_that_fails_is_asked_again() {
    let failures = AtomicBool::new(false);
    let (arrived, notes, _folder) = sent([news("a")].into_iter(), 1, move |_| {
        if failures.swap(true, Ordering::SeqCst) {
            (200, receipt())
        } else {
            (500, json!({}))
        }
    });
    assert_eq!(arrived, ["a"]);
    assert!(notes.len() <= 1);
}

#[test]
fn the_policy_is_fetched_when_its_mark_changes_and_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let policy = json!({"mark": "new", "drift": {"rules": []},
        "deny": {"metadata": "block", "sysctl": "alert"}, "rules_off": ["x"], "rules_on": []});
    let fake = Fake::start(move |first, _| {
        if first.starts_with("GET ") {
            (200, policy.clone())
        } else {
            (200, json!({"policy": "new"}))
        }
    });
    let begin = |url: &str| {
        let spool = spool(folder.path());
        Shipper::start(settings(url, folder.path()), spool, status).unwrap()
    };
    let shipper = begin(&fake.url);
    let policy = (0..3_000).find_map(|_| {
        thread::sleep(Duration::from_millis(10));
        shipper.new_policy()
    });
    assert_eq!(policy.unwrap().rules_off, ["x"]);
    assert!(shipper.new_policy().is_none());
    shipper.stop(Duration::ZERO);
    // Nobody answers there.
    let shipper = begin("http://127.0.0.1:9");
    assert_eq!(shipper.new_policy().unwrap().mark, "new");
}

#[test]
fn secrets_go_nowhere_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    for (server, part) in [
        ("http://seawall.example", "use https"),
        ("ftp://seawall.example", "expected https"),
        ("seawall.example", "relative URL"),
    ] {
        let spool = spool(&folder.path().join(part));
        let outcome = Shipper::start(settings(server, folder.path()), spool, status);
        let told = outcome.unwrap_err().to_string();
        assert!(told.contains(part), "{told}");
    }
}

/// A container whose image is known, and a program of it.
fn ledger() -> Arc<Mutex<Ledger>> {
    let web = rules::syscall::Container {
        full_id: b"c0ffee".as_slice().into(),
        image_id: "a".repeat(64).as_bytes().into(),
        ..rules::syscall::Container::default()
    };
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut open = locked(&ledger);
    open.there([&web].into_iter(), Timestamp::UNIX_EPOCH);
    open.saw(b"c0ffee", b"/usr/bin/curl", Timestamp::UNIX_EPOCH);
    drop(open);
    ledger
}

/// What the server is told of use, by one shipper.
fn told_of_use(answer: u16) -> (Vec<Value>, Arc<Mutex<Ledger>>) {
    let (say, heard) = mpsc::sync_channel(16);
    let server = Fake::start(move |first, body| {
        if !first.contains("/used") {
            return (503, json!({}));
        }
        let body = serde_json::from_slice(body).unwrap();
        say.send(body).unwrap();
        (answer, json!({"images": 1, "files": 1}))
    });
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let mut shipper = Shipper::start(settings(&server.url, folder.path()), spool, status).unwrap();
    let ledger = ledger();
    let clock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
    shipper.tell_used(Arc::clone(&ledger), clock).unwrap();
    let first = heard.recv_timeout(Duration::from_secs(20)).unwrap();
    drop(shipper);
    (vec![first], ledger)
}

#[test]
fn what_is_used_is_told_once() {
    let (told, ledger) = told_of_use(200);
    let image = &told[0]["images"][0];
    assert_eq!(image["files"][0]["path"], "/usr/bin/curl");
    assert_eq!(image["containers"][0]["id"], "c0ffee");
    let next = locked(&ledger).next(Timestamp::UNIX_EPOCH);
    assert!(next.is_none(), "{next:?}");
}

#[test]
fn an_older_server_loses_nothing_by_not_knowing_the_question() {
    let (_, ledger) = told_of_use(404);
    let next = locked(&ledger).next(Timestamp::UNIX_EPOCH);
    let (body, _) = next.expect("it is kept");
    assert_eq!(body.images[0].files.len(), 1);
}
