//! Judging every asset by the recommendations, again whenever something
//! it rests on changed.
//!
//! It listens to the same events as the dashboard, waits a moment for
//! more of them, and judges what they name. What was judged before is
//! remembered, so that only verdicts that changed are written. Everything
//! is judged at start and once an hour: days pass, and with them ends of
//! support.

mod effect;
mod facts;
mod judge;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api::{Event, FindingKind};
use jiff::SignedDuration;
use store::StoreError;
use tokio::sync::{
    Notify,
    broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
};
use tokio::time::Instant;

pub(crate) use self::effect::score_change;
use self::judge::Judged;
pub(crate) use self::judge::tactics;
use crate::{app::App, bus::Numbered};

/// How long further news is waited for.
const SETTLE: Duration = Duration::from_millis(500);
/// A round counts whatever it touches from the beginning: beside a cluster
/// that changes all the time, rounds take one part of so many of a core.
const SHARE: u32 = 6;
/// The longest it waits for that.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// How often everything is judged again.
const AGAIN: Duration = Duration::from_hours(1);
/// How often the score is written down though it did not move.
const WRITTEN: SignedDuration = SignedDuration::from_mins(59);
/// How often old points are thinned out.
const THINNED: SignedDuration = SignedDuration::from_hours(24);

/// What has to be judged again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may have changed or not"
)]
struct Dirty {
    everything: bool,
    images: BTreeSet<String>,
    /// What runs may have changed.
    running: bool,
    /// The advisories, or what people decided about findings.
    rest: bool,
    /// What policies say of clusters' objects.
    policies: bool,
}

impl Dirty {
    fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    fn hear(&mut self, event: &Numbered) {
        // Most events are progress; those are told apart by name alone.
        if !matches!(
            event.name,
            "image" | "image_removed" | "database" | "findings" | "resync"
        ) {
            return;
        }
        let Ok(event) = serde_json::from_str::<Event>(&event.data) else {
            self.everything = true;
            return;
        };
        match event {
            Event::Image { image } => {
                self.images.insert(image.id);
            }
            Event::ImageRemoved { id } => {
                self.images.insert(id);
            }
            Event::Database { database } => self.rest |= database.activity.is_none(),
            Event::Findings {
                kind: FindingKind::Misconfiguration,
                ..
            } => self.rest = true,
            // Somebody decided about vulnerabilities: of which images is
            // not said.
            Event::Findings {
                kind: FindingKind::Vulnerability,
                ..
            }
            | Event::Resync => self.everything = true,
            _ => {}
        }
    }
}

/// Rings between those who look and those who judge.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    running: Notify,
    judged: Notify,
    read: Notify,
}

impl Bell {
    /// Who runs what was looked at again.
    pub(crate) fn ring(&self) {
        self.running.notify_one();
    }

    /// Objects of a cluster were judged again.
    pub(crate) fn ring_judged(&self) {
        self.judged.notify_one();
    }

    /// An image was read: containers that run it can be told.
    pub(crate) fn ring_read(&self) {
        self.read.notify_one();
    }

    /// Waits until an image was read.
    pub(crate) async fn image_read(&self) {
        self.read.notified().await;
    }
}

/// Judges until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    let mut events = app.bus.subscribe(None).live;
    let mut judged: BTreeMap<String, Judged> = BTreeMap::new();
    let mut dirty = Dirty::everything();
    let mut again = tokio::time::interval(AGAIN);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    again.reset();
    let mut thinned = None;
    loop {
        let mut rest = SETTLE;
        if !dirty.is_clean() {
            let round = std::mem::take(&mut dirty);
            let begun = Instant::now();
            if let Err(error) = judge_all(&app, &mut judged, &round).await {
                tracing::error!(error = %model::error::chain(&error), "cannot judge the posture");
                // What was written is not known: begin again at the next
                // round.
                judged.clear();
                dirty.everything = true;
                tokio::select! {
                    () = app.shutdown.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(10)) => {}
                }
            }
            rest = (begun.elapsed() * (SHARE - 1)).clamp(SETTLE, LONGEST_REST);
        }
        let not_before = Instant::now() + rest;
        let now = app.clock.now();
        if thinned.is_none_or(|last| now >= last + THINNED) {
            thinned = Some(now);
            if let Err(error) = app.store.thin_scores(now).await {
                tracing::warn!(error = %model::error::chain(&error), "cannot thin out scores");
            }
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            _ = again.tick() => dirty.everything = true,
            () = app.posture.running.notified() => dirty.running = true,
            () = app.posture.judged.notified() => dirty.policies = true,
            event = events.recv() => match event {
                Ok(event) => dirty.hear(&event),
                Err(RecvError::Lagged(_)) => dirty.everything = true,
                Err(RecvError::Closed) => return,
            },
        }
        if !dirty.is_clean() {
            let due = not_before.max(Instant::now() + SETTLE);
            tokio::select! {
                () = app.shutdown.cancelled() => return,
                () = tokio::time::sleep_until(due) => drain(&mut events, &mut dirty),
            }
        }
    }
}

fn drain(events: &mut Receiver<Numbered>, dirty: &mut Dirty) {
    loop {
        match events.try_recv() {
            Ok(event) => dirty.hear(&event),
            Err(TryRecvError::Lagged(_)) => dirty.everything = true,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}

async fn judge_all(
    app: &App,
    judged: &mut BTreeMap<String, Judged>,
    dirty: &Dirty,
) -> Result<(), StoreError> {
    let environments = app.store.environments().await?;
    judged.retain(|name, _| environments.iter().any(|known| known.name == *name));
    for environment in environments {
        let state = judged.entry(environment.name.clone()).or_default();
        judge::environment(app, &environment, state, dirty).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::bus::Bus;

    fn heard(event: &Event) -> Dirty {
        let bus = Bus::new(Timestamp::UNIX_EPOCH);
        let mut live = bus.subscribe(None).live;
        bus.publish(event);
        let mut dirty = Dirty::default();
        drain(&mut live, &mut dirty);
        dirty
    }

    #[test]
    fn only_what_an_event_names_is_judged_again() {
        let removed = heard(&Event::ImageRemoved { id: "x".to_owned() });
        assert_eq!(removed.images, BTreeSet::from(["x".to_owned()]));
        assert!(!removed.everything);
        let score = heard(&Event::Score {
            environment: "local".to_owned(),
        });
        assert!(score.is_clean(), "its own news wakes nobody");
        assert!(heard(&Event::Resync).everything);
    }
}
