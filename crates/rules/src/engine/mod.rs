//! Rules, compiled and run.
//!
//! [`Engine::compile`] makes an engine of a rule set; it never changes and
//! may be shared. What changes with every event is in a [`State`], one for
//! each stream. To load other rules, or to switch some off, compile another
//! engine and go on with the same state: windows are kept by the id of
//! their rule, everything else is only memory of what was worked out and
//! comes back by itself. [`State::windows`] can be written down and read
//! back, so that a restart forgets no half-filled threshold.
//!
//! ```text
//! let (engine, warnings) = Engine::compile(&ruleset);
//! let mut state = State::default();
//! let event = audit::Event::read(bytes, &mut tape)?;
//! engine.audit(&mut state, &event, clock.now(), &mut |found| …);
//! ```

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    audit,
    field::Source,
    rule::{Expression, Rule, Ruleset, Term},
    syscall,
    value::Facts,
};

mod audit_log;
mod cache;
mod glob;
mod kernel;
mod matcher;
mod output;
mod plan;
mod program;
mod runtime;
mod terms;
mod trivial;
mod truth;
mod windows;

use audit_log::AuditLog;
use cache::FastHash;
use kernel::Kernel;
pub use matcher::Unusable;
pub use output::Template;
pub(crate) use plan::Scope;
use plan::{Owner, Plan, Planner, Vocabulary};
use runtime::{Identity, Runtime};
pub use terms::NOT_AVAILABLE;
pub use truth::{Line, truth};
use windows::{Hit, Standing, Together};
pub use windows::{LATE, Windows};

/// Fields, and comparisons with them, of one source.
const MAX_FIELDS: usize = 16_384;
/// Clocks differ; an event from further in the future has its time made up.
const MOST_AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// Requests whose matches are remembered, so that another stage of the same
/// request does not match again.
const MAX_SEEN: usize = 65_536;
/// A key is cut off here.
const MAX_KEY_BYTES: usize = 512;

/// What is odd about a rule. None of it stops the others.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Warning {
    #[error("rule {rule:?} compares with something that cannot be: it never holds there")]
    Unusable {
        rule: String,
        #[source]
        problem: Unusable,
    },
    #[error("rule {rule:?} matches every event")]
    MatchesEverything { rule: String },
    #[error("rule {rule:?} can match no event")]
    NeverMatches { rule: String },
    #[error("rule {rule:?} is too large to run and was left out")]
    TooLarge { rule: String },
}

impl Warning {
    /// Id of the rule it is about.
    pub fn rule(&self) -> &str {
        match self {
            Self::Unusable { rule, .. }
            | Self::MatchesEverything { rule }
            | Self::NeverMatches { rule }
            | Self::TooLarge { rule } => rule,
        }
    }
}

/// A rule set, compiled.
#[derive(Debug)]
pub struct Engine {
    /// Unlike that of any other engine of this process.
    number: u64,
    rules: Vec<Arc<Rule>>,
    ids: HashSet<String>,
    audit: Plan<AuditLog>,
    syscall: Plan<Kernel>,
}

/// What a compiled rule set consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub rules: usize,
    /// Different comparisons.
    pub predicates: usize,
    /// Different fields.
    pub fields: usize,
}

/// What happened to a stream so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub events: u64,
    pub matches: u64,
    /// Matches that were the same again.
    pub repeats: u64,
    /// Matches by another stage of a request that had matched.
    pub duplicates: u64,
    /// Events whose time was too far ahead.
    pub skewed: u64,
    /// Events that came too late for a window.
    pub late: u64,
    /// Keys that windows had no room for.
    pub evicted: u64,
}

/// What one stream of events needs to remember.
#[derive(Debug, Default)]
pub struct State {
    engine: u64,
    audit: Option<Runtime>,
    syscall: Option<Runtime>,
    windows: Windows,
    seen: Seen,
    counters: Counters,
    /// By number of the rule: how often its condition held.
    held: Vec<u64>,
}

#[derive(Debug, Default)]
struct Seen {
    hash: FastHash,
    is_in: HashSet<u64, FastHash>,
    order: VecDeque<u64>,
}

impl Seen {
    /// `false` where it was seen before.
    fn insert(&mut self, key: u64) -> bool {
        if !self.is_in.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.is_in.remove(&oldest);
        }
        true
    }
}

impl State {
    /// With windows that were written down before.
    pub fn with_windows(windows: Windows) -> Self {
        Self {
            windows,
            ..Self::default()
        }
    }

    /// Windows, to be written down.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    pub fn counters(&self) -> Counters {
        Counters {
            late: self.windows.late,
            evicted: self.windows.evicted,
            ..self.counters
        }
    }

    /// How often the condition of each rule held, by its id.
    pub fn held<'a>(&'a self, engine: &'a Engine) -> impl Iterator<Item = (&'a str, u64)> {
        let is_same = self.engine == engine.number;
        engine
            .rules
            .iter()
            .zip(&self.held)
            .filter(move |_| is_same)
            .map(|(rule, held)| (rule.id.as_str(), *held))
    }

    /// Texts whose answers are remembered, and sorts of events.
    pub fn remembered(&self) -> (usize, usize) {
        [&self.audit, &self.syscall]
            .into_iter()
            .flatten()
            .fold((0, 0), |(texts, sorts), runtime| {
                (texts + runtime.remembered(), sorts + runtime.sorts())
            })
    }

    /// The time of an event, unless it has none or one far ahead.
    fn credible(&mut self, time: Option<Timestamp>, now: Timestamp) -> Timestamp {
        match time {
            Some(time) if time.duration_since(now) <= MOST_AHEAD => time,
            Some(_) => {
                self.counters.skewed += 1;
                now
            }
            None => now,
        }
    }

    fn adopt(&mut self, engine: &Engine) {
        if self.engine != engine.number {
            self.engine = engine.number;
            self.audit = None;
            self.syscall = None;
            self.held = vec![0; engine.rules.len()];
            self.windows.keep(|id| engine.ids.contains(id));
        }
    }
}

/// An event, or several together, for which a rule holds.
pub struct Match<'a> {
    pub rule: &'a Arc<Rule>,
    /// When the event at hand happened.
    pub time: Timestamp,
    /// The same within the time its rule keeps quiet; it only counts.
    pub is_repeat: bool,
    /// How many events so far.
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Ids of the events, the one at hand among them.
    pub related: Vec<String>,
    /// What makes two matches the same alert, as fields and values.
    pub key: Vec<(String, String)>,
    facts: &'a dyn Facts,
}

impl std::fmt::Debug for Match<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Match")
            .field("rule", &self.rule.id)
            .field("time", &self.time)
            .field("count", &self.count)
            .field("is_repeat", &self.is_repeat)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Match<'_> {
    /// What the rule says, with its fields filled in.
    pub fn output(&self) -> String {
        Template::new(self.rule.source, &self.rule.output).fill(self.facts)
    }

    /// The fields of the output with their values; absent ones are left
    /// out.
    pub fn fields(&self) -> Vec<(String, String)> {
        Template::new(self.rule.source, &self.rule.output).fields(self.facts)
    }
}

impl Engine {
    /// Compiles what is enabled.
    pub fn compile(ruleset: &Ruleset) -> (Self, Vec<Warning>) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let mut warnings = Vec::new();
        let mut rules: Vec<Arc<Rule>> = Vec::new();
        let mut audit = Planner::new();
        let mut syscall = Planner::new();
        for rule in ruleset.rules.iter().filter(|rule| rule.is_enabled) {
            let number = u32::try_from(rules.len()).unwrap_or(u32::MAX);
            match rule.source {
                Source::K8sAudit => add(&mut audit, rule, number, &mut warnings),
                Source::Syscall => add(&mut syscall, rule, number, &mut warnings),
            }
            rules.push(Arc::new(rule.clone()));
        }
        let engine = Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            ids: rules.iter().map(|rule| rule.id.clone()).collect(),
            rules,
            audit: audit.finish(),
            syscall: syscall.finish(),
        };
        (engine, warnings)
    }

    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    pub fn size(&self) -> Size {
        Size {
            rules: self.rules.len(),
            predicates: self.audit.predicates + self.syscall.predicates,
            fields: self.audit.groups.len() + self.syscall.groups.len(),
        }
    }

    /// Runs all rules for audit logs. `now` stands in where an event has no
    /// time or one that is far ahead.
    pub fn audit(
        &self,
        state: &mut State,
        event: &audit::Event<'_>,
        now: Timestamp,
        each: &mut dyn FnMut(Match<'_>),
    ) {
        state.adopt(self);
        state.counters.events += 1;
        let runtime = state.audit.get_or_insert_with(|| Runtime::new(&self.audit));
        runtime.run(&self.audit, event);
        if runtime.hits.is_empty() {
            return;
        }
        let hits = std::mem::take(&mut runtime.hits);
        let time = state.credible(event.time(), now);
        let hit = Hit {
            at: time.as_microsecond(),
            id: shorten(event.audit_id().into_owned()),
            request: state.seen.hash.of(event.request_key().as_bytes()),
            value: None,
        };
        for condition in &hits {
            if let Some((owner, _)) = self.audit.conditions.get(*condition as usize) {
                self.held(state, *owner, event, &hit, each);
            }
        }
        if let Some(runtime) = &mut state.audit {
            runtime.hits = hits;
        }
    }

    /// Runs all rules for system calls.
    pub fn syscall(
        &self,
        state: &mut State,
        event: &syscall::Event<'_>,
        now: Timestamp,
        each: &mut dyn FnMut(Match<'_>),
    ) {
        state.adopt(self);
        state.counters.events += 1;
        let runtime = state
            .syscall
            .get_or_insert_with(|| Runtime::new(&self.syscall));
        let process = Identity {
            slot: event.process.slot,
            version: event.process.version,
        };
        runtime.run_for(&self.syscall, event, process, event.sort());
        if !runtime.hits.is_empty() {
            let time = Timestamp::from_nanosecond(i128::from(event.time)).ok();
            self.syscall_held(state, event, event.number, time, now, each);
        }
    }

    /// The same for an event in the form of fields; slow.
    pub fn fields(
        &self,
        state: &mut State,
        event: &syscall::Fields,
        now: Timestamp,
        each: &mut dyn FnMut(Match<'_>),
    ) {
        state.adopt(self);
        state.counters.events += 1;
        let number = state.counters.events;
        let runtime = state
            .syscall
            .get_or_insert_with(|| Runtime::new(&self.syscall));
        runtime.run(&self.syscall, event);
        let time = event
            .time()
            .and_then(|time| Timestamp::from_nanosecond(i128::from(time)).ok());
        self.syscall_held(state, event, number, time, now, each);
    }

    fn syscall_held(
        &self,
        state: &mut State,
        facts: &dyn Facts,
        number: u64,
        time: Option<Timestamp>,
        now: Timestamp,
        each: &mut dyn FnMut(Match<'_>),
    ) {
        let Some(runtime) = &mut state.syscall else {
            return;
        };
        let hits = std::mem::take(&mut runtime.hits);
        let time = state.credible(time, now);
        let hit = Hit {
            at: time.as_microsecond(),
            id: number.to_string(),
            request: number,
            value: None,
        };
        for condition in &hits {
            if let Some((owner, _)) = self.syscall.conditions.get(*condition as usize) {
                self.held(state, *owner, facts, &hit, each);
            }
        }
        if let Some(runtime) = &mut state.syscall {
            runtime.hits = hits;
        }
    }

    /// A condition held: is that a match?
    fn held(
        &self,
        state: &mut State,
        owner: Owner,
        facts: &dyn Facts,
        hit: &Hit,
        each: &mut dyn FnMut(Match<'_>),
    ) {
        let Some(rule) = self.rules.get(owner.rule as usize) else {
            return;
        };
        if let Some(held) = state.held.get_mut(owner.rule as usize) {
            *held += 1;
        }
        let step = owner.step.map_or(u64::MAX, u64::from);
        let seen = [u64::from(owner.rule), step, hit.request].map(u64::to_le_bytes);
        let seen = state.seen.hash.of(seen.as_flattened());
        if rule.source == Source::K8sAudit && !state.seen.insert(seen) {
            state.counters.duplicates += 1;
            return;
        }
        let extension = &rule.extension;
        let together = match (&extension.sequence, owner.step, &extension.threshold) {
            (Some(sequence), Some(step), _) => {
                let key = key(&sequence.by, facts);
                let step = usize::from(step);
                state
                    .windows
                    .sequence(&rule.id, sequence, &key, step, hit.clone())
            }
            (_, _, Some(threshold)) => {
                let mut hit = hit.clone();
                hit.value = threshold
                    .distinct
                    .as_ref()
                    .map(|term| terms::text(term, facts))
                    .filter(|value| value != NOT_AVAILABLE)
                    .map(shorten);
                let key = key(&threshold.by, facts);
                state.windows.threshold(&rule.id, threshold, &key, hit)
            }
            _ => Some(Together::one(hit)),
        };
        let Some(together) = together else { return };
        let standing = match &extension.suppress {
            Some(suppress) => {
                let key = key(&suppress.by, facts);
                state.windows.suppress(&rule.id, suppress, key, &together)
            }
            None => Standing {
                is_repeat: false,
                first: together.first,
                last: together.last,
                count: together.count,
            },
        };
        state.counters.matches += 1;
        state.counters.repeats += u64::from(standing.is_repeat);
        each(Match {
            rule,
            time: moment(hit.at),
            is_repeat: standing.is_repeat,
            count: standing.count,
            first: moment(standing.first),
            last: moment(standing.last),
            related: together.related,
            key: identity(rule)
                .iter()
                .map(|term| (output::name(term), terms::text(term, facts)))
                .collect(),
            facts,
        });
    }
}

/// Whether a shell pattern matches.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    glob::matches(pattern, text, false)
}

fn add<V: Vocabulary>(
    planner: &mut Planner<V>,
    rule: &Rule,
    number: u32,
    warnings: &mut Vec<Warning>,
) {
    let conditions: Vec<(Option<u8>, &Expression)> = match &rule.extension.sequence {
        Some(sequence) => (0..)
            .map(Some)
            .zip(sequence.steps.iter().map(|step| &step.condition))
            .collect(),
        None => vec![(None, &rule.condition)],
    };
    let id = || rule.id.clone();
    for (step, condition) in conditions {
        if planner.fields() >= MAX_FIELDS || trivial::size(condition) >= MAX_FIELDS {
            warnings.push(Warning::TooLarge { rule: id() });
            return;
        }
        let owner = Owner { rule: number, step };
        let problems = planner.add(owner, condition);
        let is_sound = problems.is_empty();
        warnings.extend(problems.into_iter().map(|problem| Warning::Unusable {
            rule: id(),
            problem,
        }));
        if trivial::always(condition) {
            warnings.push(Warning::MatchesEverything { rule: id() });
        } else if is_sound && planner.last_is_constant() == Some(false) {
            warnings.push(Warning::NeverMatches { rule: id() });
        }
    }
}

/// Fields that make two matches the same.
fn identity(rule: &Rule) -> &[Term] {
    let extension = &rule.extension;
    let by = [
        Some(&extension.dedup),
        extension.suppress.as_ref().map(|it| &it.by),
        extension.threshold.as_ref().map(|it| &it.by),
        extension.sequence.as_ref().map(|it| &it.by),
    ];
    by.into_iter()
        .flatten()
        .find(|terms| !terms.is_empty())
        .map_or(&[], Vec::as_slice)
}

fn key(by: &[Term], facts: &dyn Facts) -> String {
    let parts: Vec<_> = by.iter().map(|term| terms::text(term, facts)).collect();
    shorten(parts.join("\u{1f}"))
}

/// Bounded, and still unlike others that begin the same.
fn shorten(text: String) -> String {
    if text.len() <= MAX_KEY_BYTES {
        return text;
    }
    let cut = text.floor_char_boundary(MAX_KEY_BYTES);
    let hash = xxhash_rust::xxh3::xxh3_128(text.as_bytes());
    format!("{}…{hash:032x}", text.get(..cut).unwrap_or_default())
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests;
