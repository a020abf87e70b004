//! Events a second on one core, by processor time.
//!
//! ```sh
//! cargo bench -p rules --bench engine
//! SEAWALL_FALCO_RULES=folder SEAWALL_AUDIT_EVENTS=events.jsonl cargo bench -p rules --bench engine
//! ```
//!
//! System calls run against rule sets made up in the shape of Falco's
//! stable set (25 rules) and of its sets together (100), and against those
//! themselves where they are at hand; audit events are read and run against
//! all our own rules.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::{fmt::Write as _, path::Path};

use jiff::Timestamp;
use rules::{
    Loader,
    audit::{Event, Tape},
    content,
    engine::{Engine, State},
    rule::Ruleset,
    syscall::synthetic::Stream,
};

/// Best of so many.
const ROUNDS: usize = 7;

fn main() {
    for (name, count) in [("25 rules, made up", 25), ("100 rules, made up", 100)] {
        syscalls(name, &made_up(count));
    }
    syscalls("our own node rules", &content::pack().ruleset);
    let folder = variable("SEAWALL_FALCO_RULES");
    if let Some(folder) = &folder {
        let stable = ["falco_rules.yaml"];
        let most = ["falco_rules.yaml", "falco-incubating_rules.yaml"];
        let all = [
            "falco_rules.yaml",
            "falco-incubating_rules.yaml",
            "falco-sandbox_rules.yaml",
            "falco-deprecated_rules.yaml",
        ];
        for (name, files) in [
            ("Falco's stable rules", stable.as_slice()),
            ("with incubating ones", &most),
            ("all of Falco's, switched on", &all),
        ] {
            let mut ruleset = load(Path::new(folder), files);
            for rule in &mut ruleset.rules {
                rule.is_enabled = true;
            }
            syscalls(name, &ruleset);
        }
        audit(
            "Falco's audit rules",
            &load(Path::new(folder), &["k8s_audit_rules.yaml"]),
        );
    }
    audit("our own audit rules", &content::pack().ruleset);
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn load(folder: &Path, files: &[&str]) -> Ruleset {
    let mut loader = Loader::new();
    for file in files {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        loader = loader.file(file, &text);
    }
    loader.finish().0
}

/// Nanoseconds this thread has run.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|it| it.parse().ok())
        .unwrap_or_default()
}

fn memory_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|it| it.parse().ok())
        .unwrap_or_default()
}

/// Prints events a second; `run` says how many events and matches.
fn measure(name: &str, mut run: impl FnMut() -> (u64, u64)) {
    let before = memory_kib();
    let mut best = u64::MAX;
    let (mut events, mut matches) = (0, 0);
    for _ in 0..ROUNDS {
        let start = cpu();
        (events, matches) = run();
        best = best.min(cpu() - start);
    }
    let a_second = u128::from(events) * 1_000_000_000 / u128::from(best.max(1));
    println!(
        "{name:<32} {a_second:>10} events/s  {:>6} ns each  {matches} matches in {events}  +{} KiB",
        best / events.max(1),
        memory_kib().saturating_sub(before),
    );
}

/// Conditions that held; the same request again is no match.
fn held(state: &State) -> u64 {
    let counters = state.counters();
    counters.matches + counters.duplicates
}

fn syscalls(name: &str, ruleset: &Ruleset) {
    let (engine, _) = Engine::compile(ruleset);
    let size = engine.size();
    let mut stream = Stream::new(7, 300, 3000);
    let events = stream.events(200_000);
    let mut state = State::default();
    println!(
        "{} rules, {} comparisons, {} fields",
        size.rules, size.predicates, size.fields
    );
    measure(name, || {
        let before = held(&state);
        for event in &events {
            engine.syscall(&mut state, event, Timestamp::MAX, &mut |_| {});
        }
        (events.len() as u64, held(&state) - before)
    });
}

fn audit(name: &str, ruleset: &Ruleset) {
    let (engine, _) = Engine::compile(ruleset);
    let events: Vec<String> = match variable("SEAWALL_AUDIT_EVENTS") {
        Some(path) => std::fs::read_to_string(path)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect(),
        None => audit_events(20_000),
    };
    let bytes: usize = events.iter().map(String::len).sum();
    let size = engine.size();
    println!(
        "{} rules, {} comparisons, {} fields; {} bytes an event",
        size.rules,
        size.predicates,
        size.fields,
        bytes / events.len().max(1)
    );
    let mut tape = Tape::default();
    measure("  read only", || {
        let read = events
            .iter()
            .filter(|text| Event::read(text.as_bytes(), &mut tape).is_ok())
            .count();
        (events.len() as u64, read as u64)
    });
    let mut state = State::default();
    measure(name, || {
        let before = held(&state);
        for text in &events {
            if let Ok(event) = Event::read(text.as_bytes(), &mut tape) {
                engine.audit(&mut state, &event, Timestamp::MAX, &mut |_| {});
            }
        }
        (events.len() as u64, held(&state) - before)
    });
}

/// What a quiet cluster says: leases, reads, some writes, a few pods.
fn audit_events(count: usize) -> Vec<String> {
    let kinds = [
        (
            "update",
            "leases",
            "coordination.k8s.io",
            "system:node:node-",
            "",
        ),
        (
            "get",
            "configmaps",
            "",
            "system:serviceaccount:kube-system:cilium-",
            "",
        ),
        ("list", "pods", "", "system:kube-scheduler", ""),
        (
            "watch",
            "endpointslices",
            "discovery.k8s.io",
            "system:kube-proxy",
            "",
        ),
        ("patch", "nodes", "", "system:node:node-", ""),
        ("get", "secrets", "", "system:serviceaccount:shop:web-", ""),
        (
            "create",
            "pods",
            "",
            "system:serviceaccount:kube-system:replicaset-controller",
            POD,
        ),
        (
            "create",
            "subjectaccessreviews",
            "authorization.k8s.io",
            "system:kube-apiserver",
            "",
        ),
        ("get", "pods", "", "jane@example.org", ""),
        ("create", "events", "", "system:node:node-", ""),
    ];
    (0..count)
        .map(|number| {
            let pick = match number % 100 {
                0..45 => 0,
                45..60 => 1,
                60..68 => 2,
                68..76 => 3,
                76..84 => 4,
                84..88 => 5,
                88..91 => 6,
                91..95 => 7,
                95..97 => 8,
                _ => 9,
            };
            let (verb, resource, group, user, body) = kinds[pick];
            format!(
                concat!(
                    r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","#,
                    r#""auditID":"0b1c2d3e-{number:08}","stage":"ResponseComplete","requestURI":"/apis/{group}/namespaces/ns-{ns}/{resource}/x-{number}","#,
                    r#""verb":"{verb}","user":{{"username":"{user}{node}","uid":"u","groups":["system:nodes","system:authenticated"]}},"#,
                    r#""sourceIPs":["10.0.{node}.4"],"userAgent":"kubelet/v1.35.0 (linux/amd64) kubernetes/abcdef","#,
                    r#""objectRef":{{"resource":"{resource}","namespace":"ns-{ns}","name":"x-{number}","apiGroup":"{group}","apiVersion":"v1"}},"#,
                    r#""responseStatus":{{"metadata":{{}},"code":200}}{body},"requestReceivedTimestamp":"2026-11-25T10:00:{second:02}.123456Z","#,
                    r#""stageTimestamp":"2026-11-25T10:00:{second:02}.223456Z","annotations":{{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}}}"#
                ),
                number = number,
                verb = verb,
                resource = resource,
                group = group,
                user = user,
                body = body,
                node = number % 50,
                ns = number % 20,
                second = number / 400 % 60,
            )
        })
        .collect()
}

const POD: &str = r#","requestObject":{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"web-","namespace":"shop","labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"registry.example.org/shop/web:1.2.3","ports":[{"containerPort":8080}],"env":[{"name":"A","value":"b"}],"resources":{"limits":{"cpu":"1","memory":"512Mi"}},"volumeMounts":[{"name":"t","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}],"volumes":[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"token"}}]}}],"serviceAccountName":"web","nodeName":"node-1"}}"#;

/// Rules in the shape of Falco's: macros for what happened, lists of
/// programs and places, a string of exceptions about who did it.
fn made_up(count: usize) -> Ruleset {
    let mut text = String::from(
        r"
- list: shells
  items: [ash, bash, csh, ksh, sh, tcsh, zsh, dash]
- list: package_tools
  items: [dpkg, apt, apt-get, rpm, yum, dnf, apk, pip, npm, gem]
- list: login_tools
  items: [login, systemd, systemd-logind, su, sudo, sshd, adduser, passwd, chpasswd]
- list: places
  items: [/bin, /sbin, /usr/bin, /usr/sbin]
- macro: opened_to_read
  condition: (evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.typechar='f' and fd.num>=0)
- macro: opened_to_write
  condition: (evt.type in (open, openat, openat2) and evt.is_open_write=true and fd.typechar='f' and fd.num>=0)
- macro: started
  condition: (evt.type in (execve, execveat) and evt.res=SUCCESS)
- macro: connects
  condition: (evt.type=connect and fd.typechar=4 and fd.l4proto=tcp)
- macro: in_container
  condition: (container.id != host)
- macro: by_package_tool
  condition: (proc.name in (package_tools) or proc.pname in (package_tools) or proc.aname[2] in (package_tools) or proc.cmdline startswith apt)
",
    );
    for number in 0..count {
        let who = format!(
            "not proc.name in (tool-{number}, helper-{number}, login_tools) \
             and not proc.pname in (runner-{number}, deploy-{number}) \
             and not proc.cmdline contains \"--job-{number}\" \
             and not proc.pcmdline startswith \"agent-{number} \" \
             and not container.image.repository in (registry.example.org/a-{number}, registry.example.org/b-{number}) \
             and not proc.aname[3] in (builder-{number})"
        );
        let what = match number % 8 {
            0 => format!(
                "opened_to_read and (fd.name in (/etc/shadow, /etc/sudoers) or fd.name startswith /etc/secret-{number} or fd.directory in (/root/.ssh)) and not by_package_tool and {who}"
            ),
            1 => format!(
                "started and in_container and proc.name in (shells) and proc.tty != 0 and proc.vpid = {number} and {who}"
            ),
            2 => format!(
                "opened_to_write and (fd.directory in (places) or fd.name pmatch (/usr/local/lib-{number}, /boot)) and not by_package_tool and {who}"
            ),
            3 => format!(
                "connects and in_container and fd.sport in (3333, 4444, {}) and fd.net != \"127.0.0.0/8\" and {who}",
                5000 + number
            ),
            4 => format!(
                "evt.type in (unlink, unlinkat, rename, renameat, renameat2) and evt.arg.path startswith /var/log-{number} and {who}"
            ),
            5 => format!(
                "opened_to_read and fd.name endswith \"history-{number}\" and proc.name in (curl, wget, cat, base64) and {who}"
            ),
            6 => format!(
                "started and (proc.args contains \"-e /bin/sh\" or proc.args icontains \"xmr-{number}\" or proc.exepath startswith /dev/shm) and {who}"
            ),
            _ => format!(
                "opened_to_write and in_container and (fd.name glob \"/proc/*/mem\" or fd.filename in (authorized_keys, crontab-{number}) or fd.name contains \"/cron.d/{number}\") and {who}"
            ),
        };
        // Writing to a string does not fail.
        _ = writeln!(
            text,
            "- rule: Made up {number}\n  desc: shape only\n  condition: >\n    {what}\n  output: x (%proc.name)\n  priority: WARNING"
        );
    }
    let (ruleset, diagnostics) = Loader::new().file("made-up.yaml", &text).finish();
    assert!(
        !diagnostics.iter().any(rules::Diagnostic::is_error),
        "{}",
        rules::diagnostic::render(&diagnostics, false)
    );
    ruleset
}
