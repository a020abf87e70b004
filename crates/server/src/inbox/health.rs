//! How the intake of each cluster does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{InboxError, is_cluster_name};
use crate::intake::audit::{Fault, Faults};

/// Seconds over which a rate is told.
const WINDOW: i64 = 60;
/// Seconds that are kept: some come late.
const KEPT: usize = 120;

/// What was counted of a cluster, from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub requests: u64,
    pub bytes: u64,
    /// Good and bad.
    pub events: u64,
    /// Matches of rules.
    pub alerts: u64,
    #[serde(with = "by_word")]
    pub faults: Faults,
    pub last_received: Option<Timestamp>,
    /// When the newest event happened.
    pub last_event: Option<Timestamp>,
    /// From when the newest event happened until it was judged.
    pub delay_ms: Option<u64>,
}

impl Counts {
    /// Adds what was counted later.
    pub(crate) fn add(&mut self, later: &Self) {
        self.requests += later.requests;
        self.bytes += later.bytes;
        self.events += later.events;
        self.alerts += later.alerts;
        self.faults.add_all(&later.faults);
        self.last_received = self.last_received.max(later.last_received);
        if later.last_event >= self.last_event {
            self.last_event = later.last_event;
            self.delay_ms = later.delay_ms;
        }
    }
}

/// How the intake of a cluster does.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterHealth {
    pub environment: String,
    pub cluster: String,
    pub first_seen: Timestamp,
    pub counts: Counts,
    /// Over the last minute.
    pub events_per_second: f64,
    /// Times somebody was told to come again, since the server started.
    pub refused: u64,
    pub last_refusal: Option<(Timestamp, String)>,
    pub sources: Vec<SourceHealth>,
}

/// How a source this server reads by itself does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceHealth {
    pub name: String,
    /// Since when it does, or does not.
    pub since: Timestamp,
    /// What keeps it from reading.
    pub error: Option<String>,
}

/// All clusters that were heard of.
#[derive(Debug, Default)]
pub(crate) struct Clusters(BTreeMap<(String, String), Cluster>);

#[derive(Debug)]
struct Cluster {
    first_seen: Timestamp,
    counts: Counts,
    recent: Recent,
    refused: u64,
    last_refusal: Option<(Timestamp, String)>,
    sources: BTreeMap<String, SourceHealth>,
}

impl Cluster {
    fn new(first_seen: Timestamp) -> Self {
        Self {
            first_seen,
            counts: Counts::default(),
            recent: Recent::default(),
            refused: 0,
            last_refusal: None,
            sources: BTreeMap::new(),
        }
    }
}

impl Clusters {
    /// Makes room for a cluster that was not heard of before.
    pub(super) fn meet(
        &mut self,
        environment: &str,
        cluster: &str,
        now: Timestamp,
        most: usize,
    ) -> Result<(), InboxError> {
        let key = (environment.to_owned(), cluster.to_owned());
        if self.0.contains_key(&key) {
            return Ok(());
        }
        if !is_cluster_name(cluster) {
            let shown: String = cluster.chars().take(40).collect();
            return Err(InboxError::Cluster(shown));
        }
        if self.0.len() >= most {
            return Err(InboxError::TooManyClusters(most));
        }
        self.0.insert(key, Cluster::new(now));
        Ok(())
    }

    fn of(&mut self, environment: &str, cluster: &str, now: Timestamp) -> &mut Cluster {
        self.0
            .entry((environment.to_owned(), cluster.to_owned()))
            .or_insert_with(|| Cluster::new(now))
    }

    pub(super) fn refused(&mut self, environment: &str, cluster: &str, why: &str, now: Timestamp) {
        let cluster = self.of(environment, cluster, now);
        cluster.refused += 1;
        cluster.last_refusal = Some((now, why.to_owned()));
    }

    pub(super) fn note(&mut self, environment: &str, cluster: &str, faults: &Faults) {
        let cluster = self.of(environment, cluster, Timestamp::UNIX_EPOCH);
        cluster.counts.faults.add_all(faults);
    }

    pub(super) fn note_source(
        &mut self,
        environment: &str,
        cluster: &str,
        source: &str,
        outcome: Result<(), String>,
        now: Timestamp,
    ) {
        let sources = &mut self.of(environment, cluster, now).sources;
        let error = outcome.err();
        let known = sources
            .entry(source.to_owned())
            .or_insert_with(|| SourceHealth {
                name: source.to_owned(),
                since: now,
                error: error.clone(),
            });
        if known.error.is_some() != error.is_some() {
            known.since = now;
        }
        known.error = error;
    }

    /// Adds what was judged of one record.
    pub(crate) fn judged(&mut self, environment: &str, cluster: &str, counts: &Counts) {
        let received = counts.last_received.unwrap_or(Timestamp::UNIX_EPOCH);
        let cluster = self.of(environment, cluster, received);
        if cluster.first_seen == Timestamp::UNIX_EPOCH {
            cluster.first_seen = received;
        }
        cluster.counts.add(counts);
        cluster.recent.add(received.as_second(), counts.events);
    }

    pub(super) fn health(&self, now: Timestamp) -> Vec<ClusterHealth> {
        self.0
            .iter()
            .map(|((environment, name), cluster)| ClusterHealth {
                environment: environment.clone(),
                cluster: name.clone(),
                first_seen: cluster.first_seen,
                counts: cluster.counts.clone(),
                events_per_second: cluster.recent.per_second(now.as_second()),
                refused: cluster.refused,
                last_refusal: cluster.last_refusal.clone(),
                sources: cluster.sources.values().cloned().collect(),
            })
            .collect()
    }

    /// What is to be remembered over a restart.
    pub(super) fn remembered(&self) -> Vec<Remembered> {
        self.0
            .iter()
            .map(|((environment, name), cluster)| Remembered {
                environment: environment.clone(),
                cluster: name.clone(),
                first_seen: cluster.first_seen,
                counts: cluster.counts.clone(),
            })
            .collect()
    }

    pub(super) fn recall(remembered: Vec<Remembered>) -> Self {
        Self(
            remembered
                .into_iter()
                .map(|known| {
                    let cluster = Cluster {
                        counts: known.counts,
                        ..Cluster::new(known.first_seen)
                    };
                    ((known.environment, known.cluster), cluster)
                })
                .collect(),
        )
    }
}

/// A cluster as the ledger keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    environment: String,
    cluster: String,
    first_seen: Timestamp,
    counts: Counts,
}

/// Events by the second they came in.
#[derive(Debug, Default)]
struct Recent(BTreeMap<i64, u64>);

impl Recent {
    fn add(&mut self, second: i64, events: u64) {
        *self.0.entry(second).or_default() += events;
        while self.0.len() > KEPT {
            self.0.pop_first();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    fn per_second(&self, now: i64) -> f64 {
        let events: u64 = self.0.range(now - WINDOW..).map(|(_, events)| events).sum();
        events as f64 / WINDOW as f64
    }
}

mod by_word {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{BTreeMap, Fault, Faults};

    pub(super) fn serialize<S: Serializer>(faults: &Faults, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(faults.iter().map(|(fault, count)| (fault.as_str(), count)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Faults, D::Error> {
        let words = BTreeMap::<String, u64>::deserialize(source)?;
        let mut faults = Faults::default();
        for (word, count) in words {
            // A newer program's word is nothing to stop at.
            if let Some(fault) = Fault::parse(&word) {
                faults.add_many(fault, count);
            }
        }
        Ok(faults)
    }
}
