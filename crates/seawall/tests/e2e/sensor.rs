//! What a sensor tells, from its spool to the record of a real server,
//! through everything that may happen in between.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use api::sensor::{SensorAlert, SensorClass, SensorNews, SensorRule, SensorStatus, SensorStep};
use model::{Clock as _, SystemClock, alert};
use sensor::{
    ship::{Settings, Shipper},
    spool::{Limits, Origin, Spool},
};
use serde_json::{Value, json};

use crate::{program::Seawall, server::Server};

const NODE: &str = "node-of-the-test";

fn news(program: &str) -> SensorNews {
    let now = SystemClock.now();
    let event = |index: u32| alert::TraceEvent {
        time: now,
        pid: 7,
        kind: alert::TraceKind::Read,
        what: format!("/etc/file-{index}"),
        count: 1,
    };
    let process = alert::TraceProcess {
        pid: 7,
        parent: 1,
        name: "sh".to_owned(),
        path: "/bin/sh".to_owned(),
        command: "sh -i".to_owned(),
        user: "root".to_owned(),
        started: now,
        ended: None,
        in_container: true,
        is_subject: true,
    };
    SensorNews::Alert(Box::new(SensorAlert {
        rule: SensorRule {
            id: "K8S.NODE_OfTheTest".to_owned(),
            title: "Something of the test".to_owned(),
            description: "Nothing that happens elsewhere.".to_owned(),
            condition: "evt.type = execve".to_owned(),
            severity: api::Severity::High,
            tactics: vec!["execution".to_owned()],
            techniques: vec!["T1059".to_owned()],
            matrix: Vec::new(),
            why: "To see it arrive.".to_owned(),
            fix: "Nothing.".to_owned(),
            false_positives: String::new(),
            references: Vec::new(),
        },
        place: vec![
            SensorStep {
                kind: "host".to_owned(),
                identity: NODE.to_owned(),
                name: NODE.to_owned(),
            },
            SensorStep {
                kind: "container".to_owned(),
                identity: "c0ffee".repeat(10) + "c0ff",
                name: "web".to_owned(),
            },
        ],
        image: None,
        program: program.to_owned(),
        summary: format!("{program} ran"),
        evidence: json!({"proc.exepath": program, "proc.cmdline": "sh -i"}),
        user: Some("root".to_owned()),
        uid: Some(0),
        trace: Some(alert::Trace {
            processes: vec![process],
            events: (0..20).map(event).collect(),
            omitted: 0,
        }),
    }))
}

fn status() -> SensorStatus {
    SensorStatus {
        version: "1".to_owned(),
        boot: "boot".to_owned(),
        cluster: None,
        kernel: "6.12".to_owned(),
        architecture: "x86_64".to_owned(),
        os: "of the test".to_owned(),
        started: SystemClock.now(),
        cpu: 0.5,
        memory: 1 << 20,
        memory_limit: 64 << 20,
        spool: 0,
        spool_limit: 0,
        processes: 1,
        features: Vec::new(),
        classes: vec![SensorClass {
            name: "process".to_owned(),
            seen: 1,
            filtered: 0,
            delivered: 1,
            dropped: 0,
            rate: 1.0,
            shed: false,
        }],
        containers: Vec::new(),
        rules: 1,
        policy: String::new(),
        notes: Vec::new(),
    }
}

fn settings(server: &str, folder: &Path) -> Settings {
    Settings {
        server: server.to_owned(),
        token_file: folder.join("token"),
        ca_file: None,
        fingerprint: None,
        node: NODE.to_owned(),
        cluster: None,
        environment: None,
        state_dir: folder.to_owned(),
        status_every: Duration::from_millis(200),
    }
}

fn open(folder: &Path) -> Spool {
    let origin = Origin::of_this_machine().expect("the kernel has ids");
    let limits = Limits::default();
    Spool::open(&folder.join("spool"), origin, limits, Arc::new(SystemClock))
        .expect("the spool opens")
}

fn sensor_folder(seawall: &Seawall, server: &Server) -> PathBuf {
    let folder = seawall.folder().join("sensor");
    std::fs::create_dir_all(&folder).expect("a folder for the sensor");
    std::fs::write(folder.join("token"), server.token("ingest")).expect("the token is written");
    folder
}

fn is_empty(spool: &Spool) -> bool {
    spool.next(1, 1).is_none()
}

fn until(what: &str, longest: Duration, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < longest, "{what}: not within {longest:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Occurrences of every alert, by its summary.
fn record(server: &Server) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/findings?q=kind:alert&limit=500{cursor}");
        let page = server.get(&path);
        for item in page["items"].as_array().expect("a page has items") {
            let summary = item["summary"].as_str().unwrap_or_default().to_owned();
            let known = all.insert(summary, item["occurrences"].as_u64().unwrap_or_default());
            assert_eq!(known, None, "{item}");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds for people to read"
)]
fn milliseconds(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted
        .get(place)
        .map_or(0.0, |time| time.as_micros() as f64 / 1000.0)
}

#[test]
fn an_alert_is_in_the_record_within_milliseconds_with_its_trace() {
    let seawall = Seawall::new();
    let server = Server::start(&seawall);
    let folder = sensor_folder(&seawall, &server);
    let spool = open(&folder);
    let shipper = Shipper::start(settings(&server.url(), &folder), spool.clone(), status)
        .expect("the shipper starts");

    let mut times = Vec::new();
    for number in 0..200 {
        let began = Instant::now();
        spool
            .append(SystemClock.now(), news(&format!("/tmp/program-{number}")))
            .expect("the spool takes it");
        while !is_empty(&spool) {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{:?}",
                shipper.notes()
            );
            thread::sleep(Duration::from_micros(100));
        }
        times.push(began.elapsed());
        thread::sleep(Duration::from_millis(2));
    }
    // The first pays for connecting.
    let first = times.remove(0);
    times.sort_unstable();
    let [p50, p99] = [50, 99].map(|percent| milliseconds(&times, percent));
    println!(
        "from the spool to the record and back: first {first:.1?}, p50 {p50:.1} ms, p99 {p99:.1} ms"
    );
    let began = Instant::now();
    for number in 0..3_000 {
        spool
            .append(
                SystemClock.now(),
                news(&format!("/tmp/program-{}", number % 200)),
            )
            .expect("the spool takes it");
    }
    let appended = began.elapsed();
    until("3,000 alerts", Duration::from_mins(2), || is_empty(&spool));
    println!(
        "3,000 alerts appended in {appended:.1?}, in the record after {:.1?}",
        began.elapsed()
    );

    let found = record(&server);
    assert_eq!(found.len(), 200);
    assert_eq!(found.values().sum::<u64>(), 3_200);

    // All of it on the alert's page.
    let page = server.get("/api/v1/findings?q=kind:alert&limit=1");
    let id = page["items"][0]["id"]
        .as_str()
        .expect("a finding has an id");
    let detail = server.get(&format!("/api/v1/findings/{id}"));
    assert_eq!(detail["finding"]["asset"]["name"], "web");
    assert_eq!(detail["alert"]["trace"]["processes"][0]["command"], "sh -i");
    assert_eq!(
        detail["alert"]["trace"]["events"].as_array().map(Vec::len),
        Some(20)
    );

    // How the sensor is, and what it is to do.
    let sensors = server.get("/api/v1/sensors");
    assert_eq!(sensors[0]["node"], NODE, "{sensors}");
    assert_eq!(sensors[0]["state"], "healthy", "{sensors}");
    let policy = json!({"revision": 0, "deny": {"metadata": "block", "sysctl": "alert"},
        "drift": {"rules": [{"name": "shop", "action": "block", "namespaces": ["shop"]}]}});
    let changed = server.put("/api/v1/drift/policy", &policy);
    assert_eq!(changed["revision"], 1, "{changed}");
    let mut policy = None;
    until("the policy", Duration::from_secs(20), || {
        policy = shipper
            .new_policy()
            .filter(|policy| !policy.drift.rules.is_empty());
        policy.is_some()
    });
    assert_eq!(policy.expect("it is there").drift.rules[0].name, "shop");
    until("the policy is in force", Duration::from_secs(20), || {
        server.get("/api/v1/sensors")[0]["policy_current"] == true
    });
}

/// Passes bytes on, until it does not.
pub(crate) struct Proxy {
    pub(crate) address: String,
    mode: Arc<AtomicU8>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    forwarded: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

pub(crate) const OPEN: u8 = 0;
/// Nobody gets through.
pub(crate) const CUT: u8 = 1;
/// Requests get through, answers do not.
const DEAF: u8 = 2;

impl Proxy {
    pub(crate) fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener
            .local_addr()
            .expect("it has an address")
            .to_string();
        let proxy = Self {
            address,
            mode: Arc::default(),
            connections: Arc::default(),
            forwarded: Arc::default(),
            is_over: Arc::default(),
        };
        let (mode, connections) = (Arc::clone(&proxy.mode), Arc::clone(&proxy.connections));
        let (forwarded, is_over) = (Arc::clone(&proxy.forwarded), Arc::clone(&proxy.is_over));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                if mode.load(Ordering::SeqCst) == CUT {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target) else {
                    continue;
                };
                let mut kept = connections.lock().expect("nothing panics under the lock");
                kept.extend(client.try_clone());
                kept.extend(server.try_clone());
                drop(kept);
                let pairs = [
                    (client.try_clone(), server.try_clone(), false),
                    (Ok(server), Ok(client), true),
                ];
                for (from, to, is_answer) in pairs {
                    let (Ok(from), Ok(to)) = (from, to) else {
                        continue;
                    };
                    let (mode, forwarded) = (Arc::clone(&mode), Arc::clone(&forwarded));
                    thread::spawn(move || pass(from, to, is_answer, &mode, &forwarded));
                }
            }
        });
        proxy
    }

    pub(crate) fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
        if mode != DEAF {
            let mut kept = self
                .connections
                .lock()
                .expect("nothing panics under the lock");
            for connection in kept.drain(..) {
                connection.shutdown(Shutdown::Both).ok();
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.set(CUT);
        TcpStream::connect(&self.address).ok();
    }
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    is_answer: bool,
    mode: &AtomicU8,
    forwarded: &AtomicU64,
) {
    let mut bytes = [0; 16 << 10];
    while let Ok(read) = from.read(&mut bytes) {
        let is_lost = is_answer && mode.load(Ordering::SeqCst) == DEAF;
        if read == 0 || is_lost || to.write_all(&bytes[..read]).is_err() {
            break;
        }
        forwarded.fetch_add(read as u64, Ordering::SeqCst);
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

/// A sensor in a process of its own, which may be killed.
struct Sender {
    child: Child,
    /// Alerts it said it has appended.
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<thread::JoinHandle<()>>,
}

const SENDER: &str = "SEAWALL_E2E_SENDER";

impl Sender {
    fn start(server: &str, folder: &Path, name: &str, count: usize) -> Self {
        let program = std::env::current_exe().expect("the test has a file");
        let mut child = Command::new(program)
            .args([
                "--exact",
                "sensor::the_sender_of_another_test",
                "--nocapture",
            ])
            .env(
                SENDER,
                format!("{server}\n{}\n{name}\n{count}", folder.display()),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the sender starts");
        let out = child.stdout.take().expect("the output is a pipe");
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let of_thread = Arc::clone(&said);
        let reader = thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(program) = line.strip_prefix("appended ") {
                    let mut said = of_thread.lock().expect("nothing panics under the lock");
                    said.push(program.to_owned());
                }
            }
        });
        Self {
            child,
            said,
            reader: Some(reader),
        }
    }

    fn said(&self) -> usize {
        self.said
            .lock()
            .expect("nothing panics under the lock")
            .len()
    }

    fn kill(mut self) -> Vec<String> {
        self.child.kill().ok();
        self.child.wait().ok();
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
        std::mem::take(&mut *self.said.lock().expect("nothing panics under the lock"))
    }
}

/// Appends alerts, one after the other, and sends until it is killed. Does
/// nothing where no other test asks for it.
#[test]
fn the_sender_of_another_test() {
    let Ok(asked) = std::env::var(SENDER) else {
        return;
    };
    let words: Vec<&str> = asked.lines().collect();
    let [server, folder, name, count] = words[..] else {
        panic!("{asked}");
    };
    let folder = Path::new(folder);
    let spool = open(folder);
    let shipper = Shipper::start(settings(server, folder), spool.clone(), status)
        .expect("the shipper starts");
    for number in 0..count.parse().expect("a number") {
        let program = format!("/tmp/{name}-{number}");
        spool
            .append(SystemClock.now(), news(&program))
            .expect("the spool takes it");
        println!("appended {program}");
        thread::sleep(Duration::from_millis(4));
    }
    until("the end", Duration::from_mins(2), || is_empty(&spool));
    println!("appended and sent; {:?}", shipper.notes());
    thread::sleep(Duration::from_mins(2));
}

#[test]
fn whatever_happens_every_alert_is_in_the_record_once() {
    let seawall = Seawall::new();
    let mut server = Server::start(&seawall);
    let folder = sensor_folder(&seawall, &server);
    let proxy = Proxy::start(server.address.clone());
    let url = format!("http://{}", proxy.address);
    let mut said: Vec<String> = Vec::new();
    let short = Duration::from_mins(1);

    // Answers are lost: the server has what the sensor sends again.
    let sender = Sender::start(&url, &folder, "deaf", 100_000);
    until("alerts are sent", short, || sender.said() > 30);
    for _ in 0..3 {
        proxy.set(DEAF);
        let before = sender.said();
        until("alerts go on", short, || sender.said() > before + 40);
        proxy.set(OPEN);
        let before = sender.said();
        until("alerts go on", short, || sender.said() > before + 40);
    }
    // The network is cut, and the sensor killed meanwhile.
    proxy.set(CUT);
    let before = sender.said();
    until("alerts wait", short, || sender.said() > before + 100);
    said.extend(sender.kill());
    let sender = Sender::start(&url, &folder, "cut", 100_000);
    until("alerts wait", short, || sender.said() > 50);
    proxy.set(OPEN);
    let before = sender.said();
    until("alerts go on", short, || sender.said() > before + 100);
    // The server is killed in the middle of it, more than once, and stays
    // away for a while.
    for away in [0, 0, 4] {
        server.kill();
        thread::sleep(Duration::from_secs(away));
        server.restart(&seawall);
        let before = sender.said();
        until("alerts go on", short, || sender.said() > before + 150);
    }
    said.extend(sender.kill());
    // One after the other is killed in the middle of sending.
    for round in 0..5 {
        let sender = Sender::start(&url, &folder, &format!("killed-{round}"), 100_000);
        until("alerts are sent", short, || sender.said() > 40 + round * 7);
        said.extend(sender.kill());
    }
    let sender = Sender::start(&url, &folder, "last", 100);
    until("the last one is done", short * 2, || {
        let said = sender.said.lock().expect("nothing panics under the lock");
        said.iter().any(|line| line.starts_with("and sent"))
    });
    said.extend(sender.kill());
    said.retain(|program| program.starts_with("/tmp/"));

    let found = record(&server);
    let missing: Vec<&String> = said
        .iter()
        .filter(|program| !found.contains_key(&format!("{program} ran")))
        .collect();
    let twice: Vec<_> = found.iter().filter(|(_, times)| **times != 1).collect();
    println!(
        "{} alerts appended, {} in the record, {} missing, {} more than once",
        said.len(),
        found.len(),
        missing.len(),
        twice.len()
    );
    assert!(missing.is_empty(), "{missing:?}");
    assert!(twice.is_empty(), "{twice:?}");
    // A sender may have been killed between appending and saying so.
    assert!(
        found.len() <= said.len() + 7,
        "{} {}",
        found.len(),
        said.len()
    );
    let metrics: Value = server.get("/api/v1/sensors");
    assert_eq!(metrics[0]["node"], NODE);
}
