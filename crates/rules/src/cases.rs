//! The cases of a rule: events with what it shall say to them.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{
    audit,
    engine::{Engine, Match, State, truth},
    field::Source,
    rule::{Case, Expression, Rule, Ruleset},
    syscall::Fields,
    value::Facts,
};

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub rule: String,
    pub case: String,
    pub expects_match: bool,
    /// What it said: new alerts, not repeats.
    pub outputs: Vec<String>,
    /// Why it failed: each event with what every comparison said to it.
    pub failure: Option<String>,
}

impl Outcome {
    pub fn is_passed(&self) -> bool {
        self.failure.is_none()
    }
}

/// Runs the cases of one rule; each begins with nothing remembered.
pub fn run(rule: &Rule) -> Vec<Outcome> {
    let enabled = Rule {
        is_enabled: true,
        ..rule.clone()
    };
    let (engine, _) = Engine::compile(&Ruleset {
        rules: vec![enabled],
    });
    rule.extension
        .cases
        .iter()
        .map(|case| run_case(&engine, rule, case))
        .collect()
}

fn run_case(engine: &Engine, rule: &Rule, case: &Case) -> Outcome {
    let mut state = State::default();
    let mut outputs = Vec::new();
    let mut table = String::new();
    let mut broken = None;
    for (number, text) in case.events.iter().enumerate() {
        let event = match Event::read(rule.source, text) {
            Ok(event) => event,
            Err(problem) => {
                broken.get_or_insert(format!("event {}: cannot {problem}", number + 1));
                continue;
            }
        };
        event.run(engine, &mut state, &mut outputs);
        event.facts(&mut |facts| explain(&mut table, rule, number + 1, text, facts));
    }
    let is_met = case.expects_match != outputs.is_empty();
    let failure = broken.or_else(|| {
        (!is_met).then(|| {
            let expected = if case.expects_match {
                "expected a match, found none".to_owned()
            } else {
                format!(
                    "expected no match, found {}: {}",
                    outputs.len(),
                    outputs.join(" | ")
                )
            };
            format!("{expected}\n{table}")
        })
    });
    Outcome {
        rule: rule.id.clone(),
        case: case.name.clone(),
        expects_match: case.expects_match,
        outputs,
        failure,
    }
}

/// An event of a case, in the form of its source.
enum Event<'a> {
    Audit(&'a str),
    Syscall(Fields),
}

impl<'a> Event<'a> {
    fn read(source: Source, text: &'a str) -> Result<Self, String> {
        match source {
            Source::K8sAudit => {
                let mut tape = audit::Tape::default();
                audit::Event::read(text.as_bytes(), &mut tape)
                    .map_err(|error| error.to_string())?;
                Ok(Self::Audit(text))
            }
            Source::Syscall => Fields::read(text)
                .map(Self::Syscall)
                .map_err(|error| error.to_string()),
        }
    }

    fn run(&self, engine: &Engine, state: &mut State, outputs: &mut Vec<String>) {
        let mut say = |found: Match<'_>| {
            if !found.is_repeat {
                outputs.push(found.output());
            }
        };
        match self {
            Self::Audit(text) => {
                let mut tape = audit::Tape::default();
                if let Ok(event) = audit::Event::read(text.as_bytes(), &mut tape) {
                    engine.audit(state, &event, Timestamp::MAX, &mut say);
                }
            }
            Self::Syscall(fields) => engine.fields(state, fields, Timestamp::MAX, &mut say),
        }
    }

    fn facts(&self, each: &mut dyn FnMut(&dyn Facts)) {
        match self {
            Self::Audit(text) => {
                let mut tape = audit::Tape::default();
                if let Ok(event) = audit::Event::read(text.as_bytes(), &mut tape) {
                    each(&event);
                }
            }
            Self::Syscall(fields) => each(fields),
        }
    }
}

/// Longer events are cut; who wrote the case has the whole.
const SHOWN: usize = 2000;

fn explain(table: &mut String, rule: &Rule, number: usize, text: &str, facts: &dyn Facts) {
    let shown: String = text.chars().take(SHOWN).collect();
    let conditions: Vec<(String, &Expression)> = match &rule.extension.sequence {
        Some(sequence) => sequence
            .steps
            .iter()
            .map(|step| (format!("step {:?}", step.name), &step.condition))
            .collect(),
        None => vec![("condition".to_owned(), &rule.condition)],
    };
    // Writing to a string does not fail.
    _ = writeln!(table, "event {number}: {shown}");
    for (name, condition) in conditions {
        let (holds, lines) = truth(condition, facts);
        _ = writeln!(table, "  {name}: {}", word(holds));
        for line in lines {
            _ = writeln!(
                table,
                "    {}{:<5} {}   ({})",
                "  ".repeat(line.depth),
                word(line.holds),
                line.text,
                line.values
            );
        }
    }
}

fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}
