//! Sensors on nodes, as this server knows them: how each is now and was
//! during the last hour, and what each environment's are to do.
//!
//! What they tell every few seconds stays in memory; the record gets it
//! now and then, for other servers and for the next start.

mod live;
mod policy;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use api::sensor::{Sensor, SensorSample, SensorStatus};
use jiff::{SignedDuration, Timestamp};
use store::{SensorRecord, StoreError};

use self::live::Live;
pub(crate) use self::policy::{Policy, document, drift_of, written};
use crate::app::App;

/// Sensors there may be.
const MOST: usize = 10_000;
/// How often listeners are told that sensors of an environment told.
const TELL: SignedDuration = SignedDuration::from_secs(3);
/// How often the record is brought up to date.
const SAVE: SignedDuration = SignedDuration::from_secs(30);

/// Environment and node.
pub(crate) type Key = (String, String);

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Sensors {
    live: Mutex<BTreeMap<Key, Live>>,
    told: Mutex<HashMap<String, Timestamp>>,
    policies: Mutex<HashMap<String, Arc<Policy>>>,
}

/// There are as many as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MOST} sensors")]
pub(crate) struct TooManySensors;

impl Sensors {
    fn live(&self) -> MutexGuard<'_, BTreeMap<Key, Live>> {
        self.live
            .lock()
            .expect("invariant: no panic under the lock")
    }

    /// Takes in how a sensor is. `true`: it is one that was not known.
    pub(crate) fn hear(
        &self,
        environment: &str,
        node: &str,
        status: SensorStatus,
        now: Timestamp,
    ) -> Result<bool, TooManySensors> {
        let mut live = self.live();
        let key = (environment.to_owned(), node.to_owned());
        if let Some(known) = live.get_mut(&key) {
            known.hear(status, now);
            return Ok(false);
        }
        if live.len() >= MOST {
            return Err(TooManySensors);
        }
        live.insert(key, Live::new(status, now));
        Ok(true)
    }

    /// Whether listeners should be told; not again for a while.
    pub(crate) fn is_to_be_told(&self, environment: &str, now: Timestamp) -> bool {
        let mut told = self
            .told
            .lock()
            .expect("invariant: no panic under the lock");
        match told.get(environment) {
            Some(last) if now.duration_since(*last) < TELL => false,
            _ => {
                told.insert(environment.to_owned(), now);
                true
            }
        }
    }

    /// Every sensor, as the wire has it, by environment and node.
    pub(crate) fn all(&self, judge: &Judge<'_>) -> Vec<Sensor> {
        let live = self.live();
        live.iter().map(|(key, one)| one.wire(key, judge)).collect()
    }

    /// One sensor, what it last told, and the last hour.
    pub(crate) fn one(
        &self,
        environment: &str,
        node: &str,
        judge: &Judge<'_>,
    ) -> Option<(Sensor, SensorStatus, Vec<SensorSample>)> {
        let key = (environment.to_owned(), node.to_owned());
        let live = self.live();
        let one = live.get(&key)?;
        Some((one.wire(&key, judge), one.status.clone(), one.history()))
    }

    /// The environments that have a sensor of this name.
    pub(crate) fn environments_of(&self, node: &str) -> Vec<String> {
        let live = self.live();
        let keys = live.keys().filter(|(_, name)| name == node);
        keys.map(|(environment, _)| environment.clone()).collect()
    }

    pub(crate) fn forget(&self, environment: &str, node: &str) {
        self.live()
            .remove(&(environment.to_owned(), node.to_owned()));
    }

    /// Those not heard of since they should have been, each told once;
    /// with when they were last heard of.
    pub(crate) fn newly_silent(&self, judge: &Judge<'_>) -> Vec<(Key, Option<String>, Timestamp)> {
        let mut live = self.live();
        let mut silent = Vec::new();
        for (key, one) in live.iter_mut() {
            if one.fell_silent(judge) {
                silent.push((key.clone(), one.status.cluster.clone(), one.last_seen));
            }
        }
        silent
    }

    /// Those whose kernel keeps most of what happens from them, each told
    /// once for each start; with what that is.
    pub(crate) fn newly_blind(&self) -> Vec<(Key, Option<String>, Vec<String>)> {
        let mut live = self.live();
        let mut blind = Vec::new();
        for (key, one) in live.iter_mut() {
            if let Some(absent) = one.grew_blind() {
                blind.push((key.clone(), one.status.cluster.clone(), absent));
            }
        }
        blind
    }

    /// What the record does not know yet.
    fn unsaved(&self, now: Timestamp, all: bool) -> Vec<SensorRecord> {
        let mut live = self.live();
        let due = live
            .iter_mut()
            .filter(|(_, one)| one.is_unsaved(now, if all { SignedDuration::ZERO } else { SAVE }));
        due.map(|((environment, node), one)| {
            one.saved = one.last_seen;
            SensorRecord {
                environment: environment.clone(),
                node: node.clone(),
                status: serde_json::to_string(&one.status).expect("invariant: plain data"),
                first_seen: one.first_seen,
                last_seen: one.last_seen,
            }
        })
        .collect()
    }

    /// Takes in what the record knows later or alone: another server
    /// heard of it.
    fn recall(&self, records: Vec<SensorRecord>) {
        let mut live = self.live();
        let keys: std::collections::BTreeSet<Key> = records
            .iter()
            .map(|record| (record.environment.clone(), record.node.clone()))
            .collect();
        // Forgotten at another server.
        live.retain(|key, one| keys.contains(key) || one.saved < one.last_seen);
        for record in records {
            // A newer server's form is nothing to stop at.
            let Ok(status) = serde_json::from_str::<SensorStatus>(&record.status) else {
                continue;
            };
            live.entry((record.environment, record.node))
                .and_modify(|one| one.recall(&status, record.last_seen))
                .or_insert_with(|| Live::recalled(status, record.first_seen, record.last_seen));
        }
    }
}

/// What sensors are judged by.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) now: Timestamp,
    /// Not heard of for as long: silent.
    pub(crate) patience: SignedDuration,
    /// Nobody can have been heard of before.
    pub(crate) started: Timestamp,
    /// The marks of policies in force, by environment.
    pub(crate) marks: &'a HashMap<String, String>,
}

/// Brings the record up to date, and learns from it what other servers
/// heard.
pub(crate) async fn save(app: &App, all: bool) -> Result<(), StoreError> {
    let unsaved = app.sensors.unsaved(app.clock.now(), all);
    if !unsaved.is_empty() {
        app.store.put_sensors(unsaved).await?;
    }
    let scope = app.store.scope(None).await?;
    app.sensors.recall(app.store.sensors(&scope).await?);
    Ok(())
}
