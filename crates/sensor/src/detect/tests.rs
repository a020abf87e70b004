//! The detector as a whole: events made by hand in, alerts out.

use api::sensor::SensorAlert;
use rules::{Loader, syscall::Kind};
use serde_json::json;

use super::*;

const RULES: &str = "
- rule: Shadow read
  desc: Somebody reads password hashes.
  condition: evt.type in (open, openat) and fd.name = /etc/shadow
  output: 'Hashes read by %proc.cmdline (user=%user.name file=%fd.name)'
  priority: WARNING
  tags: [container, mitre_credential_access, T1003.008]
  seawall:
    id: K8S.NODE_Shadow
    on_host: VM_Shadow
    attack: [T1003.008]
    why: Hashes are cracked elsewhere.
- rule: Connected
  desc: d
  condition: evt.type = connect
  output: 'to %fd.name'
  priority: INFO
  seawall: { id: connected }
- rule: Three deletes
  desc: d
  condition: evt.type = unlinkat
  output: three
  priority: ERROR
  seawall:
    id: three
    threshold: { count: 3, within: 1m, by: [proc.pid] }
";

fn engine() -> Arc<Engine> {
    let (ruleset, faults) = Loader::new().file("rules.yaml", RULES).finish();
    assert!(faults.is_empty(), "{faults:?}");
    Arc::new(Engine::compile(&ruleset).0)
}

fn settings() -> Settings {
    Settings {
        host: "node-1".to_owned(),
        ..Settings::default()
    }
}

fn now() -> Timestamp {
    Timestamp::from_nanosecond(i128::from(made::NOW)).unwrap()
}

fn judge(detector: &mut Detector, event: &Event<'_>) -> Vec<SensorAlert> {
    let mut alerts = Vec::new();
    let now = Timestamp::from_nanosecond(i128::from(event.time)).unwrap();
    detector.judge(event, now, &mut |raised| match raised.news {
        SensorNews::Alert(alert) => alerts.push(*alert),
        SensorNews::Gap(gap) => panic!("{gap:?}"),
    });
    alerts
}

#[test]
fn an_alert_says_what_where_by_whom_and_what_came_before() {
    let mut detector = Detector::new(engine(), settings());
    let shell = made::process(
        150,
        "/bin/sh",
        &["-c", "curl -u ada:love http://x; cat /etc/shadow"],
    );
    let cat = Process {
        parent: Some(Arc::new(shell.clone())),
        ..made::process(151, "/bin/cat", &["/etc/shadow", "--password=hunter2"])
    };
    let mut before = made::event(&shell, Kind::Execve);
    before.time -= 5_000_000_000;
    assert!(judge(&mut detector, &before).is_empty());
    let exec = made::event(&cat, Kind::Execve);
    assert!(judge(&mut detector, &exec).is_empty());
    let alerts = judge(&mut detector, &made::open(&cat, "/etc/shadow", false));
    let golden = json!({
        "rule": {
            "id": "K8S.NODE_Shadow",
            "title": "Shadow read",
            "description": "Somebody reads password hashes.",
            "condition": "evt.type in (open, openat) and fd.name = /etc/shadow",
            "severity": "medium",
            "tactics": ["credential_access"],
            "techniques": ["T1003.008"],
            "why": "Hashes are cracked elsewhere.",
        },
        "place": [
            { "kind": "host", "identity": "node-1", "name": "node-1" },
            { "kind": "container", "identity": "0123456789ab", "name": "web" },
        ],
        "image": { "name": "docker.io/library/nginx:1.29" },
        "program": "/bin/cat",
        "summary": "Hashes read by cat /etc/shadow --password=(redacted) (user=www-data \
                    file=/etc/shadow)",
        "evidence": {
            "sensor": "seawall",
            "source": "syscall",
            "priority": "Warning",
            "output": "Hashes read by cat /etc/shadow --password=(redacted) (user=www-data \
                       file=/etc/shadow)",
            "tags": ["container", "mitre_credential_access", "T1003.008"],
            "count": 1,
            "first": "2023-11-14T22:13:20Z",
            "last": "2023-11-14T22:13:20Z",
            "fields": {
                "container.full_id":
                    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "container.name": "web",
                "fd.name": "/etc/shadow",
                "proc.cmdline": "cat /etc/shadow --password=(redacted)",
                "proc.cwd": "/app",
                "proc.exepath": "/bin/cat",
                "proc.name": "cat",
                "proc.pid": "151",
                "proc.pname": "sh",
                "proc.ppid": "150",
                "proc.vpid": "52",
                "user.name": "www-data",
            },
        },
        "user": "www-data",
        "uid": 33,
        "trace": {
            "processes": [
                { "pid": 10, "parent": 0, "name": "containerd-shim",
                  "path": "/usr/bin/containerd-shim-runc-v2", "command": "containerd-shim",
                  "user": "0", "started": "1970-01-01T00:00:00Z", "in_container": false },
                { "pid": 100, "parent": 10, "name": "nginx", "path": "/usr/sbin/nginx",
                  "command": "nginx", "user": "0", "started": "2023-11-14T22:12:20Z",
                  "in_container": true },
                { "pid": 150, "parent": 100, "name": "sh", "path": "/bin/sh",
                  "command": "sh -c curl -u ada:(redacted) http://x; cat /etc/shadow",
                  "user": "www-data", "started": "2023-11-14T22:13:20Z", "in_container": true },
                { "pid": 151, "parent": 150, "name": "cat", "path": "/bin/cat",
                  "command": "cat /etc/shadow --password=(redacted)", "user": "www-data",
                  "started": "2023-11-14T22:13:20Z", "in_container": true, "is_subject": true },
            ],
            "events": [
                { "time": "2023-11-14T22:13:15Z", "pid": 150, "kind": "execute",
                  "what": "sh -c curl -u ada:(redacted) http://x; cat /etc/shadow" },
                { "time": "2023-11-14T22:13:20Z", "pid": 151, "kind": "execute",
                  "what": "cat /etc/shadow --password=(redacted)" },
                { "time": "2023-11-14T22:13:20Z", "pid": 151, "kind": "read",
                  "what": "/etc/shadow" },
                { "time": "2023-11-14T22:13:20Z", "pid": 151, "kind": "alert",
                  "what": "Shadow read" },
            ],
        },
    });
    assert_eq!(alerts.len(), 1);
    let told = serde_json::to_value(&alerts[0]).unwrap();
    assert_eq!(told, golden, "{told:#}");
}

#[test]
fn what_happens_on_the_host_has_the_id_and_place_of_a_host() {
    let mut detector = Detector::new(engine(), settings());
    let cat = made::on_host(151, "/bin/cat", &[]);
    let alerts = judge(&mut detector, &made::open(&cat, "/etc/shadow", false));
    assert_eq!(alerts[0].rule.id, "VM_Shadow");
    assert_eq!(alerts[0].place.len(), 1);
    assert_eq!(alerts[0].image, None);
    detector.switch_off(vec!["VM_Shadow".to_owned()]);
    let other = made::on_host(152, "/bin/tac", &[]);
    assert!(judge(&mut detector, &made::open(&other, "/etc/shadow", false)).is_empty());
    let inside = made::process(153, "/bin/tac", &[]);
    assert_eq!(
        judge(&mut detector, &made::open(&inside, "/etc/shadow", false)).len(),
        1
    );
}

#[test]
fn a_storm_is_one_alert_and_a_count() {
    let mut detector = Detector::new(engine(), settings());
    let cat = made::process(151, "/bin/cat", &[]);
    let mut told = 0;
    for number in 0..1000 {
        let mut event = made::open(&cat, "/etc/shadow", false);
        event.time += number * 1_000_000;
        told += judge(&mut detector, &event).len();
    }
    assert_eq!(told, 1);
    let mut counts = Vec::new();
    let later = now() + jiff::SignedDuration::from_secs(61);
    detector.tick(later, &mut |raised| {
        if let SensorNews::Alert(alert) = raised.news {
            counts.push(alert.evidence["count"].clone());
        }
    });
    assert_eq!(counts, [json!(999)]);
    assert_eq!(detector.counters().folded, 999);
    assert_eq!(detector.counters().alerts, 2);
}

#[test]
fn the_whole_history_is_told_once_in_a_while() {
    let mut detector = Detector::new(engine(), settings());
    let mut lengths = Vec::new();
    for (pid, second) in [(151, 0), (152, 5), (153, 11)] {
        let cat = made::process(pid, &format!("/bin/cat{pid}"), &[]);
        let mut event = made::open(&cat, "/etc/shadow", false);
        event.time += second * 1_000_000_000;
        let trace = judge(&mut detector, &event)[0].trace.clone().unwrap();
        assert!(trace.processes.iter().any(|it| it.is_subject));
        lengths.push(trace.events.len());
    }
    assert_eq!(lengths, [2, 1, 4]);
    // What is for information says who it was, and no more.
    let curl = made::process(160, "/bin/curl", &[]);
    let mut event = made::connect(&curl, [192, 0, 2, 1], 80);
    event.time += 30_000_000_000;
    let trace = judge(&mut detector, &event)[0].trace.clone().unwrap();
    let names: Vec<_> = trace.processes.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["containerd-shim", "nginx", "curl"]);
    assert_eq!(trace.events.len(), 1);
}

#[test]
fn half_filled_windows_outlive_a_restart() {
    let rm = made::process(151, "/bin/rm", &[]);
    let event = |number: u64| Event {
        number,
        ..made::event(&rm, Kind::Unlinkat)
    };
    let mut detector = Detector::new(engine(), settings());
    for number in 1..3 {
        assert!(judge(&mut detector, &event(number)).is_empty());
    }
    let text = serde_json::to_string(detector.windows()).unwrap();
    let windows = serde_json::from_str(&text).unwrap();
    let mut again = Detector::with_windows(engine(), settings(), windows);
    assert_eq!(judge(&mut again, &event(3)).len(), 1);
    // Other rules keep what is known of those that stay.
    for number in 1..3 {
        assert!(judge(&mut Detector::new(engine(), settings()), &event(number)).is_empty());
    }
    detector.replace(engine());
    assert_eq!(judge(&mut detector, &event(3)).len(), 1);
}

#[test]
fn hostile_names_are_cut_and_made_text() {
    let mut detector = Detector::new(engine(), settings());
    let mut cat = made::process(151, "/bin/cat", &[]);
    let nasty: Box<[u8]> = (0..=u8::MAX).cycle().take(100_000).collect();
    cat.exe_path.clone_from(&nasty);
    cat.name.clone_from(&nasty);
    cat.exe.clone_from(&nasty);
    cat.arguments = vec![nasty.clone(); 50];
    cat.user.name.clone_from(&nasty);
    // A family tree that is far too long.
    let mut line = Arc::new(made::on_host(1, "/sbin/init", &[]));
    for _ in 0..500 {
        line = Arc::new(Process {
            parent: Some(line),
            ..made::on_host(2, "/bin/sh", &[])
        });
    }
    cat.parent = Some(line);
    let alerts = judge(&mut detector, &made::open(&cat, "/etc/shadow", false));
    let text = serde_json::to_string(&alerts[0]).unwrap();
    assert!(text.len() < 400_000, "{}", text.len());
    assert!(!text.contains("\\u0000"));
    assert!(alerts[0].trace.as_ref().unwrap().processes.len() <= 32);
}
