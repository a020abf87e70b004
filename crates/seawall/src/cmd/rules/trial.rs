//! `seawall rules test` and `seawall rules bench`

use std::{fmt::Write as _, fs, time::Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use rules::{
    audit, cases,
    engine::{Engine, State},
    field::Source,
    rule::{Rule, Ruleset},
    syscall::{self, Fields, synthetic::Stream},
};
use serde::Serialize;

use super::{counted, ruleset};
use crate::{
    args::{
        db::TextOrJson,
        rules::{Bench, Test},
    },
    cmd::{Context, remote::output::json, write_stdout},
    exit::{Exit, Failure},
};

#[derive(Serialize)]
struct Tested<'a> {
    rules: usize,
    cases: usize,
    failed: usize,
    /// Rules without a case.
    untested: &'a [&'a str],
    outcomes: &'a [Told<'a>],
}

#[derive(Serialize)]
struct Told<'a> {
    rule: &'a str,
    case: &'a str,
    expects_match: bool,
    passed: bool,
    outputs: &'a [String],
    failure: Option<&'a str>,
}

pub(super) fn test(context: &Context, arguments: &Test) -> Result<Exit, Failure> {
    let mut choice = arguments.rules.clone();
    choice.files.extend_from_slice(&arguments.paths);
    let ruleset = ruleset(context, &choice)?;
    let wanted =
        |rule: &&Rule| arguments.only_rule.is_empty() || arguments.only_rule.contains(&rule.id);
    let chosen: Vec<&Rule> = ruleset.rules.iter().filter(wanted).collect();
    if chosen.is_empty() {
        return Err(Failure::usage(anyhow::anyhow!("no rule to test")));
    }
    let outcomes: Vec<_> = chosen.iter().flat_map(|rule| cases::run(rule)).collect();
    let untested: Vec<&str> = chosen
        .iter()
        .filter(|rule| rule.extension.cases.is_empty())
        .map(|rule| rule.id.as_str())
        .collect();
    let failed = outcomes.iter().filter(|it| !it.is_passed()).count();
    let told: Vec<Told<'_>> = outcomes
        .iter()
        .map(|it| Told {
            rule: &it.rule,
            case: &it.case,
            expects_match: it.expects_match,
            passed: it.is_passed(),
            outputs: &it.outputs,
            failure: it.failure.as_deref(),
        })
        .collect();
    match arguments.format {
        TextOrJson::Json => write_stdout(&json(&Tested {
            rules: chosen.len(),
            cases: told.len(),
            failed,
            untested: &untested,
            outcomes: &told,
        })?)?,
        TextOrJson::Text => {
            let mut text = String::new();
            for it in told.iter().filter(|it| !it.passed) {
                let why = it.failure.unwrap_or_default();
                // Writing to a string does not fail.
                _ = writeln!(text, "FAILED {}, case {:?}\n{why}", it.rule, it.case);
            }
            if !untested.is_empty() && !context.global.quiet {
                _ = writeln!(text, "without a case: {}", untested.join(", "));
            }
            _ = writeln!(
                text,
                "{} of {}, {failed} failed",
                counted(told.len(), "case"),
                counted(chosen.len(), "rule")
            );
            write_stdout(text.as_bytes())?;
        }
    }
    Ok(if failed > 0 {
        Exit::Reached
    } else {
        Exit::Clean
    })
}

/// What events are measured with.
enum Events<'a> {
    Audit(Vec<String>),
    Fields(Vec<Fields>),
    /// Made up: system calls of a busy node.
    Synthetic(&'a [syscall::Event<'a>]),
}

/// Made-up events, when no file is named.
const SYNTHETIC: u64 = 100_000;

/// A round goes over so many events at least, some of them again: less is
/// over before the clock moves.
const ROUND: u64 = 2_000;

/// The quickest round counts: others were held up by something else.
const ROUNDS: u64 = 4;

/// A rule that says something to more events than that is no alert.
const MOST_OFTEN: f64 = 0.1;

/// Of fewer events no share is told.
const ENOUGH: u64 = 1_000;

/// A rule that costs so many times what the others do is told, if that is as
/// many nanoseconds more.
const DEAR: u64 = 20;
const DEAR_NANOSECONDS: u64 = 1_000;

#[derive(Serialize)]
struct Measured {
    source: &'static str,
    rules: usize,
    events: u64,
    events_a_second: u64,
    costs: Vec<Cost>,
}

/// What one rule costs alone.
#[derive(Serialize)]
struct Cost {
    rule: String,
    nanoseconds: u64,
    /// How often its condition held.
    held: u64,
    warning: Option<String>,
}

pub(super) fn bench(context: &Context, arguments: &Bench) -> Result<Exit, Failure> {
    let ruleset = ruleset(context, &arguments.rules)?;
    if cfg!(debug_assertions) {
        context.note(&"A debug build: a release is many times faster.");
    }
    let mut stream = Stream::new(7, 300, 3000);
    let synthetic = stream.events(SYNTHETIC);
    let mut all = Vec::new();
    for source in Source::ALL {
        let rules: Vec<Rule> = ruleset
            .rules
            .iter()
            .filter(|rule| rule.source == source && rule.is_enabled)
            .cloned()
            .collect();
        if rules.is_empty() {
            continue;
        }
        let events = match (&arguments.events, source) {
            (Some(path), _) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("read '{}'", path.display()))
                    .map_err(Failure::bad_file)?;
                let events = from_lines(&text, source);
                if events.count() == 0 {
                    continue;
                }
                events
            }
            (None, Source::Syscall) => Events::Synthetic(&synthetic),
            (None, Source::K8sAudit) => of_cases(&rules),
        };
        all.push(measure(source, rules, &events));
    }
    if all.is_empty() {
        return Err(Failure::usage(anyhow::anyhow!(
            "nothing to measure: no rule of a source the events are of"
        )));
    }
    match arguments.format {
        TextOrJson::Json => write_stdout(&json(&all)?)?,
        TextOrJson::Text => write_stdout(render(&all, arguments.most).as_bytes())?,
    }
    Ok(Exit::Clean)
}

/// One event a line: audit events, or fields of system calls.
fn from_lines(text: &str, source: Source) -> Events<'static> {
    match source {
        Source::K8sAudit => Events::Audit(
            audit::events(text.as_bytes())
                .flatten()
                .map(|event| String::from_utf8_lossy(event).into_owned())
                .filter(|event| event.contains("auditID"))
                .collect(),
        ),
        Source::Syscall => Events::Fields(
            text.lines()
                .filter_map(|line| Fields::read(line).ok())
                .collect(),
        ),
    }
}

fn of_cases(rules: &[Rule]) -> Events<'static> {
    Events::Audit(
        rules
            .iter()
            .flat_map(|rule| &rule.extension.cases)
            .flat_map(|case| case.events.clone())
            .collect(),
    )
}

impl Events<'_> {
    fn count(&self) -> u64 {
        match self {
            Self::Audit(events) => events.len() as u64,
            Self::Fields(events) => events.len() as u64,
            Self::Synthetic(events) => events.len() as u64,
        }
    }

    /// Nanoseconds for one event, and how often rules held.
    fn run(&self, engine: &Engine) -> (u64, u64) {
        let mut state = State::default();
        let times = ROUND.div_ceil(self.count().max(1));
        // The first round fills what is remembered.
        let mut least = u64::MAX;
        for round in 0..=ROUNDS {
            let start = Instant::now();
            for _ in 0..times {
                self.round(engine, &mut state);
            }
            if round > 0 {
                least = least.min(nanoseconds(start));
            }
        }
        let rounds = times * (ROUNDS + 1);
        let held = state.held(engine).map(|(_, held)| held).sum::<u64>() / rounds;
        (least / (self.count().max(1) * times), held)
    }

    fn round(&self, engine: &Engine, state: &mut State) {
        match self {
            Self::Audit(events) => {
                let mut tape = audit::Tape::default();
                for event in events {
                    if let Ok(event) = audit::Event::read(event.as_bytes(), &mut tape) {
                        engine.audit(state, &event, Timestamp::MAX, &mut |_| {});
                    }
                }
            }
            Self::Fields(events) => {
                for event in events {
                    engine.fields(state, event, Timestamp::MAX, &mut |_| {});
                }
            }
            Self::Synthetic(events) => {
                for event in *events {
                    engine.syscall(state, event, Timestamp::MAX, &mut |_| {});
                }
            }
        }
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn measure(source: Source, rules: Vec<Rule>, events: &Events<'_>) -> Measured {
    let nothing = Engine::compile(&Ruleset::default()).0;
    let (idle, _) = events.run(&nothing);
    let mut costs: Vec<Cost> = rules
        .iter()
        .map(|rule| {
            let (engine, _) = Engine::compile(&Ruleset {
                rules: vec![rule.clone()],
            });
            let (took, held) = events.run(&engine);
            Cost {
                rule: rule.id.clone(),
                nanoseconds: took.saturating_sub(idle),
                held,
                warning: None,
            }
        })
        .collect();
    costs.sort_by_key(|cost| std::cmp::Reverse(cost.nanoseconds));
    let median = costs
        .get(costs.len() / 2)
        .map_or(1, |cost| cost.nanoseconds.max(50));
    for cost in &mut costs {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = cost.held as f64 / events.count().max(1) as f64;
        cost.warning = if share > MOST_OFTEN && events.count() >= ENOUGH {
            Some(format!("holds for {:.0} % of all events", share * 100.0))
        } else if cost.nanoseconds > (median * DEAR).max(DEAR_NANOSECONDS) {
            Some(format!(
                "costs {} times what most do",
                cost.nanoseconds / median
            ))
        } else {
            None
        };
    }
    let count = rules.len();
    let (took, _) = events.run(&Engine::compile(&Ruleset { rules }).0);
    Measured {
        source: source.as_str(),
        rules: count,
        events: events.count(),
        events_a_second: 1_000_000_000 / took.max(1),
        costs,
    }
}

fn render(all: &[Measured], most: usize) -> String {
    let mut text = String::new();
    for it in all {
        // Writing to a string does not fail.
        _ = writeln!(
            text,
            "{}: {}, {}: {} a second",
            it.source,
            counted(it.rules, "rule"),
            counted(usize::try_from(it.events).unwrap_or(usize::MAX), "event"),
            it.events_a_second
        );
        for cost in it.costs.iter().take(most) {
            _ = writeln!(
                text,
                "  {:>7} ns  held {:>6}  {}{}",
                cost.nanoseconds,
                cost.held,
                cost.rule,
                cost.warning
                    .as_ref()
                    .map(|it| format!("  (warning: {it})"))
                    .unwrap_or_default()
            );
        }
        let hidden = it.costs.iter().skip(most).filter_map(|cost| {
            let warning = cost.warning.as_ref()?;
            Some(format!("  warning: {} {warning}\n", cost.rule))
        });
        text.extend(hidden);
    }
    text
}
