//! Does it mean harm? Rules and analytics over events, and the alerts they
//! make.
//!
//! [`Detector::judge`] takes every event once, in order. What rules say
//! comes from [`rules::engine::Engine`]; what takes more memory than a
//! window of a rule is an analytic, one file each. Either becomes an
//! [`Alert`](api::sensor::SensorAlert) at once: an alert that waits is
//! worth less than one that lacks a detail. [`Detector::tick`] does what
//! goes by time: storms that ended, rates, what was held back.
//!
//! Everything kept is bounded: what a container did lately is a fixed
//! number of slots, repeated alerts are counted in a fixed number of
//! buckets, and each analytic names its own limits.

mod alert;
mod analytics;
mod beacon;
mod blind;
mod bounded;
mod built;
mod busy;
mod credentials;
mod desk;
mod domains;
mod drifted;
mod ended;
mod entry;
mod fetched;
mod history;
mod known_bad;
mod load;
mod place;
mod processes;
mod rewrite;
mod scan;
mod secret;
mod storm;
mod suspicion;
mod text;
mod trace;
mod tunnel;

use std::{collections::HashMap, sync::Arc};

use api::sensor::{SensorNews, SensorRule};
use jiff::Timestamp;
use rules::{
    engine::{Engine, State, Windows},
    syscall::{Container, Event, Process},
};

use self::{
    alert::Subject,
    analytics::{Act, Analytics},
    desk::Desk,
    suspicion::Suspicion,
};
pub use self::{
    domains::Intel,
    load::{Loaded, load},
    suspicion::{Text, texts},
};
use crate::{
    context::{Lookup, Told},
    drift::Drift,
    malware::Malware,
    record::{Matter, Record},
};

/// What a detector must be told about where it runs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What the machine is called.
    pub host: String,
    /// The cluster it is a node of.
    pub cluster: Option<String>,
    /// Ids of rules and analytics that are switched off.
    pub off: Vec<String>,
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// When it happened, which is before it was noticed.
    pub time: Timestamp,
    pub news: SensorNews,
}

/// Counted since the detector began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub events: u64,
    /// Matches of rules and suspicions of analytics.
    pub matches: u64,
    pub alerts: u64,
    /// The same again, told as a number.
    pub folded: u64,
    /// More than a rule may say at once.
    pub held_back: u64,
}

/// What is known of a rule beside how it is compiled.
#[derive(Clone, Debug)]
struct Known {
    text: SensorRule,
    /// What it is called where no container is involved.
    on_host: Option<String>,
}

/// Judges the events of a node.
#[derive(Debug)]
pub struct Detector {
    engine: Arc<Engine>,
    state: State,
    rules: HashMap<String, Known>,
    drift: Drift,
    analytics: Analytics,
    malware: Option<Malware>,
    desk: Desk,
}

impl Detector {
    pub fn new(engine: Arc<Engine>, settings: Settings) -> Self {
        Self::with_windows(engine, settings, Windows::default())
    }

    /// Goes on with windows that were written down.
    pub fn with_windows(engine: Arc<Engine>, settings: Settings, windows: Windows) -> Self {
        let mut detector = Self {
            engine: Arc::clone(&engine),
            state: State::with_windows(windows),
            rules: HashMap::new(),
            drift: Drift::new(settings.cluster.clone()),
            analytics: Analytics::default(),
            malware: None,
            desk: Desk::new(settings),
        };
        detector.replace(engine);
        detector
    }

    /// Goes on with other rules; what is remembered for those that stay
    /// stays.
    pub fn replace(&mut self, engine: Arc<Engine>) {
        self.rules = engine
            .rules()
            .iter()
            .map(|rule| (rule.id.clone(), alert::known(rule)))
            .collect();
        self.engine = engine;
    }

    /// Switches rules and analytics off and on, by their ids.
    pub fn switch_off(&mut self, ids: Vec<String>) {
        self.desk.settings.off = ids;
    }

    /// What rules remember, to be written down.
    pub fn windows(&self) -> &Windows {
        self.state.windows()
    }

    pub fn counters(&self) -> Counters {
        self.desk.counters
    }

    /// How many rules are at work.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Judges one event. What it means is told before this returns.
    pub fn judge(&mut self, event: &Event<'_>, now: Timestamp, raise: &mut dyn FnMut(Raised)) {
        let Self {
            engine,
            state,
            rules,
            desk,
            ..
        } = self;
        desk.counters.events += 1;
        desk.note(event);
        engine.syscall(state, event, now, &mut |found| {
            desk.counters.matches += 1;
            if found.is_repeat {
                desk.counters.folded += 1;
            } else if let Some(known) = rules.get(&found.rule.id) {
                desk.matched(&found, known, event, now, raise);
            }
        });
    }

    /// Takes whatever the context tells.
    pub fn take(&mut self, told: &Told<'_>, now: Timestamp, raise: &mut dyn FnMut(Raised)) {
        match told {
            Told::Event {
                event,
                process,
                record,
            } => {
                self.judge(event, now, raise);
                self.analyse(event, process, record, now, raise);
            }
            Told::Lookup(lookup) => self.look_up(lookup, now, raise),
            Told::Verdict {
                verdict,
                process,
                time,
            } => {
                let suspicion = match verdict.matter {
                    Matter::Drift => {
                        let (path, file) = (verdict.path, &verdict.file);
                        let drifted = self.drift.verdict(process, path, file, verdict.outcome);
                        drifted::suspect(&drifted, process, false)
                    }
                    Matter::Connect | Matter::Sysctl | Matter::File => drifted::refused(verdict),
                };
                self.suspect(&suspicion, process, *time, now, raise);
            }
            Told::Container(known) => self.drift.container(known),
            Told::Ended(known) => {
                self.drift.ended(known);
                self.analytics.load.ended(&known.container);
            }
        }
    }

    /// Percent of one core a container used lately, where that is known.
    pub fn cpu(&self, container: &Container) -> Option<f64> {
        self.analytics.load.percent(container)
    }

    /// Policy and marks about what is executed.
    pub fn drift(&mut self) -> &mut Drift {
        &mut self.drift
    }

    /// Adds a list of names to those that are told when they are looked
    /// up: one on each line. Says how many were taken.
    pub fn add_intel(&mut self, intel: Intel, text: &str) -> usize {
        self.analytics.domains.add(intel, text)
    }

    /// Has programs that are not in the image, and files that become
    /// executable, looked at.
    pub fn set_malware(&mut self, malware: Option<Malware>) {
        self.malware = malware;
    }

    pub fn malware(&self) -> Option<&Malware> {
        self.malware.as_ref()
    }

    /// So many events of a class were lost since this was told last.
    pub fn lost(&mut self, class: &str, count: u64, now: Timestamp) {
        self.analytics.blind.lost(class, count, nanos(now));
    }

    fn analyse(
        &mut self,
        event: &Event<'_>,
        process: &Arc<Process>,
        record: &Record<'_>,
        now: Timestamp,
        raise: &mut dyn FnMut(Raised),
    ) {
        let Self {
            analytics,
            drift,
            malware,
            desk,
            ..
        } = self;
        let Some(seen) = desk.seen else { return };
        let mut found = Vec::new();
        let act = Act {
            event,
            process,
            record,
            seen,
        };
        analytics.see(act, &desk.processes, drift, malware, &mut |each| {
            found.push(each);
        });
        for each in &found {
            self.suspect(each, process, event.time, now, raise);
        }
    }

    fn look_up(&mut self, lookup: &Lookup<'_>, now: Timestamp, raise: &mut dyn FnMut(Raised)) {
        let Some(whose) = self.desk.note_lookup(lookup) else {
            return;
        };
        let mut found = Vec::new();
        self.analytics
            .look_up(whose, lookup, &mut |each| found.push(each));
        let time = Timestamp::from_nanosecond(i128::from(lookup.time)).unwrap_or(now);
        let subject = Subject {
            process: lookup.process.map(|it| &**it),
            container: lookup.container.map(|it| &**it),
        };
        for each in found {
            self.desk.suspected(&each, subject, time, now, raise);
        }
    }

    fn suspect(
        &mut self,
        suspicion: &Suspicion,
        process: &Process,
        time: i64,
        now: Timestamp,
        raise: &mut dyn FnMut(Raised),
    ) {
        let time = Timestamp::from_nanosecond(i128::from(time)).unwrap_or(now);
        let subject = Subject::of(process);
        self.desk.suspected(suspicion, subject, time, now, raise);
    }

    /// Does what goes by time; to be called about once a second.
    pub fn tick(&mut self, now: Timestamp, raise: &mut dyn FnMut(Raised)) {
        let bad = self.malware.as_mut().map(Malware::poll);
        for found in bad.unwrap_or_default() {
            let suspicion = known_bad::suspect(&found);
            self.suspect(&suspicion, &found.process, found.time, now, raise);
        }
        for busy in self.analytics.load.tick(nanos(now)) {
            let subject = Subject {
                process: busy.process.as_deref(),
                container: Some(&busy.container),
            };
            self.desk
                .suspected(&busy.suspicion, subject, now, now, raise);
        }
        if let Some(found) = self.analytics.blind.tick(nanos(now)) {
            let subject = Subject {
                process: None,
                container: None,
            };
            self.desk.suspected(&found, subject, now, now, raise);
        }
        self.desk.tick(now, raise);
    }
}

fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;
