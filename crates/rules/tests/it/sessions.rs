//! Our rules over nodes on recorded sessions of system calls: a web
//! application and a web server at work, some of them attacked for a while.
//! Outside those moments nothing that asks for attention is told.
//!
//! The recordings have paths, programs, arguments and results, and neither
//! flags nor modes nor what a descriptor is; events are made as far as they
//! tell. Each session is taken for a container.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{BufRead, BufReader},
    sync::Arc,
};

use jiff::Timestamp;
use model::Severity;
use rules::{
    content::pack,
    engine::{Engine, State},
    field::Source,
    rule::{Rule, Ruleset},
    syscall::Fields,
};
use serde_json::{Map, Value, json};

use crate::replay;

/// Some time in 2026.
const BEGIN: i64 = 1_772_445_600_000_000_000;

/// Calls that rules ask about and recordings tell enough of.
const ASKED: [&str; 25] = [
    "bpf",
    "chmod",
    "chroot",
    "connect",
    "creat",
    "execve",
    "fchmodat",
    "link",
    "listen",
    "memfd_create",
    "mount",
    "open",
    "openat",
    "openat2",
    "ptrace",
    "rename",
    "renameat",
    "renameat2",
    "setns",
    "setuid",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "unshare",
];

/// What is known of a process of a recording.
#[derive(Clone, Default)]
struct Program {
    name: String,
    path: String,
    arguments: Vec<String>,
    parent: Option<i64>,
}

impl Program {
    fn line(&self) -> String {
        let mut line = self.name.clone();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(argument);
        }
        line
    }
}

/// From recorded calls to events.
#[derive(Default)]
struct Session {
    id: String,
    programs: BTreeMap<i64, Program>,
}

fn text<'e>(event: &'e Value, key: &str) -> &'e str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(event: &Value, key: &str) -> i64 {
    event.get(key).and_then(Value::as_i64).unwrap_or_default()
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

impl Session {
    /// The event of a call, where rules know of such.
    fn event(&mut self, call: &Value) -> Option<Fields> {
        let process = number(call, "p");
        let result = number(call, "r");
        match text(call, "s") {
            "clone" | "clone3" | "fork" | "vfork" if result > 0 => {
                let child = Program {
                    parent: Some(process),
                    ..self.programs.get(&process).cloned().unwrap_or_default()
                };
                self.programs.insert(result, child);
            }
            "execve" if result == 0 => self.runs(process, call),
            _ => {}
        }
        let kind = text(call, "s");
        if !ASKED.contains(&kind) || (kind == "execve" && result != 0) {
            return None;
        }
        let mut facts = self.of_process(process);
        let mut say = |name: &str, value: Value| {
            facts.insert(name.to_owned(), value);
        };
        let path = text(call, "f");
        match kind {
            "open" | "openat" | "openat2" | "creat" => {
                let writes = number(call, "w") != 0 || kind == "creat";
                say("fd.name", json!(path));
                say("fd.nameraw", json!(path));
                say("fd.filename", json!(last_part(path)));
                let folder = path.strip_suffix(last_part(path)).unwrap_or_default();
                say("fd.directory", json!(folder.trim_end_matches('/')));
                say("fd.typechar", json!("f"));
                say("evt.is_open_write", json!(writes));
                say("evt.is_open_read", json!(!writes));
            }
            "unlink" | "unlinkat" | "rename" | "renameat" | "renameat2" | "chmod" | "fchmodat"
            | "symlink" | "symlinkat" | "link" | "mount" | "chroot" => {
                say("fs.path.name", json!(path));
                say("evt.abspath", json!(path));
                say("evt.arg.path", json!(path));
            }
            "connect" => {
                let name = text(call, "n");
                if let Some(path) = name.strip_prefix("unix:") {
                    say("fd.typechar", json!("u"));
                    say("fd.name", json!(path));
                } else {
                    let (address, port) = name.rsplit_once(':')?;
                    say("fd.typechar", json!("4"));
                    say("fd.name", json!(format!("10.0.0.5:40000->{name}")));
                    for field in ["fd.sip", "fd.snet", "fd.rip"] {
                        say(field, json!(address));
                    }
                    say("fd.sport", json!(port));
                }
            }
            _ => {}
        }
        say("evt.type", json!(kind));
        say("evt.rawres", json!(result));
        say("evt.failed", json!(result < 0));
        let seconds = call.get("t").and_then(Value::as_f64).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a session")]
        say("evt.rawtime", json!(BEGIN + (seconds * 1e9) as i64));
        facts.retain(|_, value| value.as_str() != Some(""));
        let event = Value::Object(facts).to_string();
        Some(Fields::read(&event).unwrap_or_else(|error| panic!("{error}: {event}")))
    }

    fn runs(&mut self, process: i64, call: &Value) {
        let words: Vec<String> = call
            .get("a")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect();
        let path = text(call, "x").to_owned();
        let program = self.programs.entry(process).or_default();
        program.name = last_part(&path).chars().take(15).collect();
        program.path = path;
        program.arguments = words.into_iter().skip(1).collect();
    }

    /// The process, and those above it.
    fn of_process(&self, process: i64) -> Map<String, Value> {
        let program = self.programs.get(&process).cloned().unwrap_or_default();
        let mut facts = Map::new();
        facts.insert("container.id".to_owned(), json!(self.id));
        facts.insert("proc.name".to_owned(), json!(program.name));
        facts.insert("proc.exepath".to_owned(), json!(program.path));
        facts.insert("proc.cmdline".to_owned(), json!(program.line()));
        facts.insert("proc.args".to_owned(), json!(program.arguments.join(" ")));
        for (place, word) in program.arguments.iter().enumerate() {
            facts.insert(format!("proc.args[{place}]"), json!(word));
        }
        let mut names = Vec::new();
        let mut lines = Vec::new();
        let mut above = program.parent;
        while let Some(parent) = above.and_then(|it| self.programs.get(&it)) {
            names.push(parent.name.clone());
            lines.push(parent.line());
            facts.insert(format!("proc.aname[{}]", names.len()), json!(parent.name));
            above = parent.parent.filter(|_| names.len() < 16);
        }
        if let Some(name) = names.first() {
            facts.insert("proc.pname".to_owned(), json!(name));
        }
        facts.insert("proc.aname".to_owned(), json!(names));
        facts.insert("proc.acmdline".to_owned(), json!(lines));
        facts
    }
}

/// What was told in one session, inside and outside the attack.
#[derive(Default)]
struct Said {
    inside: BTreeSet<String>,
    outside: BTreeSet<String>,
}

fn judge(engine: &Engine, recording: &Value) -> Said {
    let window = recording.get("attack_window").and_then(Value::as_array);
    let edge = |at: usize| window.and_then(|it| it.get(at)?.as_f64());
    let mut session = Session {
        id: text(recording, "id").to_owned(),
        ..Session::default()
    };
    let mut state = State::default();
    let mut said = Said::default();
    let calls = recording.get("events").and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        let Some(event) = session.event(call) else {
            continue;
        };
        let time = call.get("t").and_then(Value::as_f64).unwrap_or_default();
        // What is begun in the window may end a moment after it.
        let is_inside = edge(0).is_some_and(|from| time >= from - 0.01)
            && edge(1).is_some_and(|to| time <= to + 0.5);
        engine.fields(&mut state, &event, Timestamp::MAX, &mut |hit| {
            let rule: &Arc<Rule> = hit.rule;
            let of = format!("{} ({}): {}", rule.id, rule.severity(), hit.output());
            if is_inside {
                said.inside.insert(rule.id.clone());
            } else if rule.severity() >= Severity::Medium {
                said.outside.insert(of);
            }
        });
    }
    said
}

#[test]
fn only_attacks_on_recorded_workloads_are_told() {
    let Some(path) = replay::data("anomaly/workload-sessions.jsonl.gz") else {
        return;
    };
    let rules = pack().ruleset.rules.iter();
    let ruleset = Ruleset {
        rules: rules
            .filter(|rule| rule.source == Source::Syscall)
            .cloned()
            .collect(),
    };
    let (engine, _) = Engine::compile(&ruleset);
    let file = std::fs::File::open(path).unwrap();
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let mut wrong = String::new();
    let mut found: BTreeMap<String, (u32, u32, BTreeSet<String>)> = BTreeMap::new();
    let mut sessions = 0;
    for line in lines {
        let recording: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let said = judge(&engine, &recording);
        sessions += 1;
        for alert in said.outside {
            writeln!(wrong, "{}: {alert}", text(&recording, "id")).unwrap();
        }
        let attack = text(&recording, "attack");
        let entry = found.entry(attack.to_owned()).or_default();
        entry.0 += 1;
        entry.1 += u32::from(!said.inside.is_empty());
        entry.2.extend(said.inside);
    }
    for (attack, (all, told, rules)) in &found {
        eprintln!("{attack}: {told} of {all} {rules:?}");
    }
    assert!(wrong.is_empty(), "outside the attacks:\n{wrong}");
    assert!(sessions >= 200, "{sessions} sessions");
    // Written by a shell beside the server and not through it, a page looks
    // like one that somebody puts up by hand.
    found.remove("x-webshell");
    let missed: Vec<_> = found
        .iter()
        .filter(|(attack, (all, told, _))| *attack != "none" && told < all)
        .map(|(attack, (all, told, _))| format!("{attack}: {told} of {all}"))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}
