//! What the wire carries of a match: its rule, and what was seen.

use api::sensor::{SensorAlert, SensorRule};
use rules::{
    engine::Match,
    rule::Rule,
    syscall::{Container, Process},
};
use serde_json::{Map, Value, json};

use super::{Known, Settings, place, secret, suspicion::Suspicion, text};

const MAX_SUMMARY: usize = 500;
const MAX_OUTPUT: usize = 8 << 10;
/// No single value is kept longer.
const MAX_VALUE: usize = 4 << 10;
/// Fields kept of one alert.
const MAX_FIELDS: usize = 64;

/// What an alert is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) process: Option<&'a Process>,
    pub(super) container: Option<&'a Container>,
}

impl<'a> Subject<'a> {
    pub(super) fn of(process: &'a Process) -> Self {
        Self {
            process: Some(process),
            container: process.container.as_deref(),
        }
    }

    /// The file it runs, or its name where that is not known.
    pub(super) fn program(&self) -> &'a [u8] {
        match (self.process, self.container) {
            (Some(process), _) if !process.exe_path.is_empty() => &process.exe_path,
            (Some(process), _) => &process.name,
            (None, Some(container)) => &container.name,
            (None, None) => b"",
        }
    }
}

/// What is to say of a rule, once.
pub(super) fn known(rule: &Rule) -> Known {
    let extension = &rule.extension;
    let tactics = rule.tags.iter().filter_map(|tag| {
        let tag = tag.to_ascii_lowercase();
        let name = tag.strip_prefix("mitre_")?;
        let is_technique = name.starts_with('t') && name.bytes().any(|byte| byte.is_ascii_digit());
        (!is_technique).then(|| name.to_owned())
    });
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    Known {
        text: SensorRule {
            id: rule.id.clone(),
            title: rule.title().to_owned(),
            description: rule.description.clone(),
            condition: rule.written.clone(),
            severity: rule.severity().into(),
            tactics: tactics.collect(),
            techniques: extension.attack.clone(),
            matrix: extension.matrix.clone(),
            why: said(&extension.why),
            fix: said(&extension.fix),
            false_positives: said(&extension.false_positives),
            references: extension.references.clone(),
        },
        on_host: rule.on_host.clone(),
    }
}

/// The alert of a match of a rule.
pub(super) fn of_match(
    found: &Match<'_>,
    rule: SensorRule,
    process: &Process,
    settings: &Settings,
) -> SensorAlert {
    let output = secret::hide(&text::clean(&found.output(), MAX_OUTPUT)).into_owned();
    let mut evidence = Map::new();
    evidence.insert("priority".to_owned(), found.rule.priority.as_str().into());
    evidence.insert("output".to_owned(), output.as_str().into());
    evidence.insert("tags".to_owned(), json!(found.rule.tags));
    evidence.insert("count".to_owned(), found.count.into());
    evidence.insert("first".to_owned(), json!(found.first));
    evidence.insert("last".to_owned(), json!(found.last));
    let fields = found.fields();
    let summary = output.lines().next().unwrap_or_default();
    alert(
        rule,
        summary,
        evidence,
        fields,
        Subject::of(process),
        settings,
    )
}

/// The alert of what an analytic found.
pub(super) fn of_suspicion(
    suspicion: &Suspicion,
    rule: SensorRule,
    subject: Subject<'_>,
    settings: &Settings,
) -> SensorAlert {
    let fields = suspicion.fields.iter();
    let fields = fields.map(|(name, value)| ((*name).to_owned(), value.clone()));
    let mut evidence = Map::new();
    evidence.insert("count".to_owned(), 1.into());
    let summary = &suspicion.summary;
    alert(rule, summary, evidence, fields.collect(), subject, settings)
}

/// An alert of whatever sort.
fn alert(
    rule: SensorRule,
    summary: &str,
    mut evidence: Map<String, Value>,
    fields: Vec<(String, String)>,
    subject: Subject<'_>,
    settings: &Settings,
) -> SensorAlert {
    evidence.insert("sensor".to_owned(), "seawall".into());
    evidence.insert("source".to_owned(), "syscall".into());
    let mut kept = Map::new();
    let own = subject.process.map(of_process).unwrap_or_default();
    for (name, value) in fields.into_iter().chain(own) {
        if value.is_empty() || kept.contains_key(&name) {
            continue;
        }
        if kept.len() == MAX_FIELDS {
            kept.insert("seawall.cut".to_owned(), true.into());
            break;
        }
        let value = secret::hide(&text::clean(&value, MAX_VALUE)).into_owned();
        kept.insert(text::clean(&name, 100), value.into());
    }
    evidence.insert("fields".to_owned(), kept.into());
    let user = subject.process.map(|process| &process.user);
    SensorAlert {
        rule,
        place: place::of(subject.container, settings),
        image: subject.container.and_then(place::image),
        program: text::bytes(subject.program(), MAX_SUMMARY),
        summary: text::clean(&secret::hide(summary), MAX_SUMMARY),
        evidence: Value::Object(evidence),
        user: user
            .map(|user| text::bytes(&user.name, 64))
            .filter(|name| !name.is_empty()),
        uid: user.map(|user| user.uid),
        trace: None,
    }
}

/// What is always told of a process, by the names rules use.
fn of_process(process: &Process) -> Vec<(String, String)> {
    let mut fields = vec![
        ("proc.name", text::bytes(&process.name, 64)),
        ("proc.exepath", text::bytes(&process.exe_path, MAX_VALUE)),
        ("proc.cmdline", text::command(process, MAX_VALUE)),
        ("proc.cwd", text::bytes(&process.working_folder, MAX_VALUE)),
        ("proc.pid", process.pid.to_string()),
    ];
    if process.vpid != process.pid && process.vpid != 0 {
        fields.push(("proc.vpid", process.vpid.to_string()));
    }
    if let Some(parent) = &process.parent {
        fields.push(("proc.pname", text::bytes(&parent.name, 64)));
        fields.push(("proc.ppid", parent.pid.to_string()));
    }
    if let Some(container) = &process.container {
        let id = text::bytes(&container.full_id, 64);
        fields.push(("container.full_id", id));
        fields.push(("container.name", text::bytes(&container.name, 253)));
    }
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
