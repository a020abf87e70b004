//! Where alerts are written: what everything that finds something shares.

use std::hash::Hash;

use api::sensor::{SensorAlert, SensorNews, SensorRule};
use jiff::Timestamp;
use rules::{
    engine::Match,
    syscall::{Event, Process},
};

use super::{
    Counters, Known, Raised, Settings,
    alert::{self, Subject},
    entry::Entry,
    history::{History, Whose},
    processes::{Processes, Seen},
    storm::{Ruling, Storms},
    suspicion::Suspicion,
    trace,
};
use crate::context::Lookup;

/// Whole histories of one container are told no closer together, in
/// microseconds.
const TELL_APART: i64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) settings: Settings,
    pub(super) counters: Counters,
    history: History,
    pub(super) processes: Processes,
    storms: Storms,
    /// Of the event at hand.
    pub(super) seen: Option<Seen>,
}

impl Desk {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            counters: Counters::default(),
            history: History::default(),
            processes: Processes::default(),
            storms: Storms::default(),
            seen: None,
        }
    }

    /// Notes an event, before anybody judges it.
    pub(super) fn note(&mut self, event: &Event<'_>) -> Seen {
        let mut seen = self.processes.see(event, &mut self.history);
        if let Some(entry) = Entry::of(event)
            && !self.history.note(seen.seat, &entry)
        {
            seen.seat = self.processes.reseat(event, &mut self.history);
            self.history.note(seen.seat, &entry);
        }
        self.seen = Some(seen);
        seen
    }

    /// Notes a name that was looked up.
    pub(super) fn note_lookup(&mut self, lookup: &Lookup<'_>) -> Option<Whose> {
        let whose = match (lookup.process, lookup.container) {
            (Some(process), _) => Whose::of(process),
            (None, Some(container)) => Whose::of_container(container),
            (None, None) => return None,
        };
        self.seen = None;
        if let Some(entry) = Entry::of_lookup(lookup) {
            let seat = self.history.seat(whose, entry.time);
            self.history.note(seat, &entry);
        }
        Some(whose)
    }

    pub(super) fn is_off(&self, id: &str) -> bool {
        self.settings.off.iter().any(|off| off == id)
    }

    /// A rule holds.
    pub(super) fn matched(
        &mut self,
        found: &Match<'_>,
        known: &Known,
        event: &Event<'_>,
        now: Timestamp,
        raise: &mut dyn FnMut(Raised),
    ) {
        let process = event.process;
        let id = match &known.on_host {
            Some(id) if process.container.is_none() => id,
            _ => &known.text.id,
        };
        if self.is_off(id) {
            return;
        }
        let bucket = self.storms.hash((
            id,
            Subject::of(process).program(),
            process.container.as_ref().map(|it| &it.full_id),
        ));
        let exact = self
            .storms
            .hash((process.pid, process.started, about(event)));
        let time = found.time.min(now);
        match self.storms.admit(id, bucket, exact, time, now) {
            Ruling::Tell(bucket) => {
                let rule = SensorRule {
                    id: id.clone(),
                    ..known.text.clone()
                };
                let mut alert = alert::of_match(found, rule, process, &self.settings);
                self.storms.keep(bucket, &alert);
                self.add_trace(&mut alert, process, time);
                self.tell(alert, time, raise);
            }
            Ruling::Count => self.counters.folded += 1,
            Ruling::HoldBack => self.counters.held_back += 1,
        }
    }

    /// An analytic says so.
    pub(super) fn suspected(
        &mut self,
        suspicion: &Suspicion,
        subject: Subject<'_>,
        time: Timestamp,
        now: Timestamp,
        raise: &mut dyn FnMut(Raised),
    ) {
        self.counters.matches += 1;
        let is_on_host = subject.container.is_none();
        let id = suspicion.text.id(is_on_host);
        if self.is_off(id) {
            return;
        }
        let place = subject.container.map(|it| &it.full_id);
        let bucket = self.storms.hash((id, subject.program(), place));
        let exact = self.storms.hash(&suspicion.summary);
        let time = time.min(now);
        match self.storms.admit(id, bucket, exact, time, now) {
            Ruling::Tell(bucket) => {
                let rule = suspicion.text.rule(is_on_host, suspicion.severity);
                let mut alert = alert::of_suspicion(suspicion, rule, subject, &self.settings);
                self.storms.keep(bucket, &alert);
                if let Some(process) = subject.process {
                    self.add_trace(&mut alert, process, time);
                }
                self.tell(alert, time, raise);
            }
            Ruling::Count => self.counters.folded += 1,
            Ruling::HoldBack => self.counters.held_back += 1,
        }
    }

    fn tell(&mut self, alert: SensorAlert, time: Timestamp, raise: &mut dyn FnMut(Raised)) {
        self.counters.alerts += 1;
        raise(Raised {
            time,
            news: SensorNews::Alert(Box::new(alert)),
        });
    }

    /// Whole at times, else only the ancestors; what is for information
    /// alone is not worth more.
    fn add_trace(&mut self, alert: &mut SensorAlert, process: &Process, time: Timestamp) {
        let at = time.as_microsecond();
        // What is told of no event has its history all the same.
        let seat = self.history.seat(Whose::of(process), time.as_microsecond());
        let is_worth_it = alert.rule.severity >= api::Severity::Low;
        let mut trace = if is_worth_it && self.history.may_tell(seat, at, TELL_APART) {
            trace::whole(process, seat, &self.history, &self.processes, at)
        } else {
            trace::chain(process)
        };
        trace::close(&mut trace, process.pid, time, &alert.rule.title);
        alert.trace = Some(trace);
    }

    pub(super) fn tick(&mut self, now: Timestamp, raise: &mut dyn FnMut(Raised)) {
        let counters = &mut self.counters;
        self.storms.tick(now, &mut |raised| {
            if matches!(raised.news, SensorNews::Alert(_)) {
                counters.alerts += 1;
            }
            raise(raised);
        });
    }
}

/// What tells one event of a process from another, as far as alerts go.
fn about(event: &Event<'_>) -> impl Hash {
    let descriptor = event.descriptor;
    let mut texts = [&b""[..]; 3];
    for (to, argument) in texts.iter_mut().zip(event.arguments.all()) {
        *to = argument.text;
    }
    (
        event.kind,
        descriptor.map_or(&b""[..], |it| it.name),
        descriptor.and_then(|it| it.connection?.server),
        texts,
    )
}
