//! Audit logs: judged from files, and handed in under load to a server
//! that is killed.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::service::spare_port;

use crate::harness::Place;

/// Seconds of load; the whole measurement says 300.
const SECONDS: &str = "SEAWALL_LOAD_SECONDS";
const FEW: u64 = 3;
/// As API servers send at most by default: batches a second, and events
/// in each, of so many bytes.
const RATE: u64 = 10;
const BATCH: usize = 400;
const EVENT: usize = 2_500;
const SENDERS: u64 = 4;
const RULE: &str = "K8S_ClusterAdminBinding";
const PATIENCE: Duration = Duration::from_mins(5);

fn binding(user: &str, id: &str, time: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "auditID": id,
        "stage": "ResponseComplete", "verb": "create",
        "requestURI": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "user": {"username": user, "groups": ["system:authenticated"]},
        "sourceIPs": ["203.0.113.9"], "userAgent": "kubectl/v1.36.1",
        "objectRef": {"resource": "clusterrolebindings", "name": format!("{user}-owner"),
            "apiGroup": "rbac.authorization.k8s.io", "apiVersion": "v1"},
        "responseStatus": {"code": 201},
        "requestObject": {"kind": "ClusterRoleBinding", "metadata": {"name": format!("{user}-owner")},
            "subjects": [{"kind": "User", "name": user}],
            "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}},
        "stageTimestamp": time, "annotations": {"authorization.k8s.io/decision": "allow"}
    })
}

#[test]
fn recorded_events_are_judged_without_a_server() {
    let place = Place::new();
    let time = "2026-03-02T10:00:00Z";
    let lines = [
        binding("mallory", "a", time).to_string(),
        binding("mallory", "a", time).to_string(),
        "{\"half\":".to_owned(),
        json!({"kind": "Pod", "apiVersion": "v1"}).to_string(),
    ];
    place.write("audit.log", lines.join("\n"));
    let ending = place.run(&["audit", "replay", "audit.log", "--format", "json"]);
    let (_, rest) = ending.split_once("----- stdout -----\n").unwrap();
    let (text, _) = rest.split_once("----- stderr -----").unwrap();
    let summary: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{ending}"));
    assert_eq!(summary["events"], 3);
    let faults = json!({"duplicate": 1, "not_json": 1, "wrong_kind": 1});
    assert_eq!(summary["faults"], faults);
    let rules = summary["rules"].as_array().unwrap();
    let found = rules.iter().find(|rule| rule["rule"] == RULE);
    assert_eq!(found.unwrap()["alerts"], 1, "{summary}");
    assert_eq!(summary["principals"][0]["name"], "mallory");
    let ending = place.run(&["audit", "replay", "audit.log", "--fail-on", "medium"]);
    assert!(ending.starts_with("exit: 1"), "{ending}");
    let ending = place.run_with_input(&["audit", "replay", "-"], &lines[0]);
    assert!(ending.starts_with("exit: 0"), "{ending}");
    assert!(ending.contains(RULE), "{ending}");
}

#[test]
fn a_users_rules_judge_too_and_broken_ones_are_refused() {
    let place = Place::new();
    place.write(
        "rules/mine.yaml",
        "- rule: Mine\n  desc: d\n  condition: ka.user.name = mallory\n  output: by %ka.user.name\n  \
         priority: WARNING\n  source: k8s_audit\n",
    );
    let event = binding("mallory", "a", "2026-03-02T10:00:00Z").to_string();
    place.write("audit.log", &event);
    let ending = place.run(&["audit", "replay", "audit.log", "--rules", "rules"]);
    assert!(ending.contains("mine: Mine"), "{ending}");
    place.write(
        "rules/mine.yaml",
        "- rule: Mine\n  condition: ka.usr.name = mallory\n",
    );
    let ending = place.run(&["audit", "replay", "audit.log", "--rules", "rules"]);
    assert!(ending.starts_with("exit: 2"), "{ending}");
}

#[test]
fn the_policy_is_yaml_that_says_what_it_is_too_weak_for() {
    let place = Place::new();
    for level in ["minimal", "recommended", "full"] {
        let ending = place.run(&["audit", "policy", "--level", level]);
        assert!(ending.starts_with("exit: 0"), "{ending}");
        assert!(
            ending.contains("apiVersion: audit.k8s.io/v1\nkind: Policy\n"),
            "{ending}"
        );
    }
    let weak = place.run(&["audit", "policy", "--level", "minimal"]);
    assert!(weak.contains(&format!("#   {RULE} (")), "{weak}");
    let fitting = place.run(&["audit", "policy"]);
    assert!(!fitting.contains(&format!("#   {RULE} (")), "{fitting}");
}

/// A server at an address of its own, which outlives it.
struct Server<'p> {
    place: &'p Place,
    address: String,
    child: Mutex<Option<Child>>,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

impl<'p> Server<'p> {
    fn new(place: &'p Place) -> Self {
        Self {
            place,
            address: format!("127.0.0.1:{}", spare_port()),
            child: Mutex::new(None),
        }
    }

    /// Starts it; what it says until it listens.
    fn start(&self) -> String {
        let mut child = self
            .place
            .command(&["server", "--listen", &self.address, "--offline"])
            .env("SEAWALL__SCAN__MACHINE", "false")
            .env("SEAWALL__SCAN__IMAGES", "false")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said: Vec<String> = lines
            .map_while(Result::ok)
            .take_while(|line| !line.starts_with("Ctrl-C"))
            .collect();
        *self.child.lock().unwrap() = Some(child);
        said.join("\n")
    }

    /// SIGKILL: no destructor runs.
    fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        header: &str,
        body: &str,
    ) -> Option<(u16, String, String)> {
        let mut socket = TcpStream::connect(&self.address).ok()?;
        socket.set_nodelay(true).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             sec-fetch-site: none\r\n{header}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        socket.write_all(head.as_bytes()).ok()?;
        socket.write_all(body.as_bytes()).ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, head.to_owned(), body.to_owned()))
    }

    fn get(&self, path: &str, authorization: &str) -> Value {
        let (status, _, body) = self.ask("GET", path, authorization, "").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"))
    }

    /// A token, made with the link the server printed.
    fn token(&self, said: &str) -> String {
        let (_, link) = said.split_once("token=").unwrap();
        let link = link.lines().next().unwrap().trim();
        let body = json!({ "token": link }).to_string();
        let (_, head, _) = self
            .ask("POST", "/api/v1/session", "accept: */*", &body)
            .unwrap();
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .and_then(|cookie| cookie.split(';').next())
            .unwrap();
        let expires = model::Clock::now(&model::SystemClock) + Duration::from_hours(24);
        let body = json!({"name": "load", "expires": expires,
            "permissions": ["view", "ingest_audit"]});
        let cookie = format!("cookie: {cookie}");
        let (_, _, body) = self
            .ask("POST", "/api/v1/tokens", &cookie, &body.to_string())
            .unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        let secret = body["secret"].as_str().unwrap_or_else(|| panic!("{body}"));
        format!("authorization: Bearer {secret}")
    }
}

/// A batch: one event that alerts among many that do not.
fn batch(number: u64) -> String {
    let now = model::Clock::now(&model::SystemClock).to_string();
    let alerting = binding(
        &format!("mallory-{number}"),
        &format!("alert-{number}"),
        &now,
    );
    let mut plain = json!({
        "level": "Request", "auditID": "ID", "stage": "ResponseComplete", "verb": "patch",
        "requestURI": "/api/v1/namespaces/shop/configmaps/cart",
        "user": {"username": "system:serviceaccount:shop:cart",
            "groups": ["system:serviceaccounts", "system:authenticated"]},
        "sourceIPs": ["10.0.0.7"], "userAgent": "cart/v1",
        "objectRef": {"resource": "configmaps", "namespace": "shop", "name": "cart",
            "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "stageTimestamp": now,
        "requestObject": {"data": {"cart": ""}}
    });
    let short = plain.to_string().len();
    // The same within a batch, which costs the sender little; the spool
    // keeps it smaller than it would real ones.
    let mut noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let padding: String = std::iter::repeat_with(|| {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        format!("{:x} ", noise >> 40)
    })
    .take((EVENT - short) / 7)
    .collect();
    plain["requestObject"]["data"]["cart"] = padding.into();
    let plain = plain.to_string();
    let mut events: Vec<String> = (1..BATCH)
        .map(|place| plain.replacen("\"ID\"", &format!("\"{number}-{place}\""), 1))
        .collect();
    events.push(alerting.to_string());
    format!(
        "{{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[{}]}}",
        events.join(",")
    )
}

/// Times an acknowledgement took, while the server was there.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get(last * percent / 100).copied().unwrap_or_default()
}

#[test]
#[expect(clippy::print_stdout, reason = "what was measured")]
fn what_was_acknowledged_alerts_once_whoever_is_killed() {
    let seconds = std::env::var(SECONDS).map_or(FEW, |text| text.parse().unwrap());
    let batches = seconds * RATE;
    let place = Place::new();
    let server = Server::new(&place);
    let said = server.start();
    let authorization = server.token(&said);
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let again = AtomicU64::new(0);
    let times = Mutex::new(Vec::new());
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= batches {
                        return;
                    }
                    let due = Duration::from_millis(number * 1000 / RATE);
                    thread::sleep(due.saturating_sub(began.elapsed()));
                    let body = batch(number);
                    let path = "/api/v1/clusters/load/audit?timeout=30s";
                    loop {
                        let sent = Instant::now();
                        let answer = server.ask("POST", path, &authorization, &body);
                        match answer {
                            Some((204, ..)) => {
                                times.lock().unwrap().push(sent.elapsed());
                                break;
                            }
                            // As an API server does, until it is told so.
                            None | Some((503, ..)) => {
                                again.fetch_add(1, Ordering::Relaxed);
                                thread::sleep(Duration::from_millis(100));
                            }
                            Some((status, _, body)) => panic!("{status}: {body}"),
                        }
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) < batches / 2 {
                thread::sleep(Duration::from_millis(20));
            }
            server.kill();
            server.start();
        });
    });
    let times = &mut *times.lock().unwrap();
    println!(
        "{} events in {} batches over {:.1} s, {} sent again; acknowledged: median {:?}, 99 % {:?}, \
         longest {:?}",
        batches * BATCH as u64,
        batches,
        began.elapsed().as_secs_f64(),
        again.load(Ordering::Relaxed),
        percentile(times, 50),
        percentile(times, 99),
        percentile(times, 100),
    );
    let judging = Instant::now();
    loop {
        let health = server.get("/api/v1/clusters/load/audit", &authorization);
        if health["spool"]["waiting"] == 0 {
            println!(
                "judged {:.1} s later: {health}",
                judging.elapsed().as_secs_f64()
            );
            break;
        }
        assert!(judging.elapsed() < PATIENCE, "{health}");
        thread::sleep(Duration::from_millis(100));
    }
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/findings?q=kind:alert%20rule:{RULE}&limit=1000{cursor}");
        let page = server.get(&path, &authorization);
        for finding in page["items"].as_array().unwrap() {
            let summary = finding["summary"].as_str().unwrap();
            let (_, rest) = summary
                .split_once("mallory-")
                .unwrap_or_else(|| panic!("{finding}"));
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            *found.entry(number).or_default() += finding["occurrences"].as_u64().unwrap();
        }
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let missing: Vec<u64> = (0..batches)
        .filter(|number| found.get(&number.to_string()) != Some(&1))
        .collect();
    assert!(missing.is_empty(), "not there once: {missing:?}: {found:?}");
}
