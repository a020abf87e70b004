//! What outlives an event: thresholds, sequences and what is kept quiet.
//!
//! All of it goes by the time of events, not by when they arrive: an event
//! that is late by up to [`LATE`] counts where it belongs. All of it is
//! bounded; the keys that were silent longest go first and are counted.
//! [`Windows`] can be written and read back, so that a restart forgets
//! nothing.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::rule::{Sequence, Suppress, Threshold};

/// How late an event may be, in microseconds.
pub const LATE: i64 = 60_000_000;
/// Keys of one rule.
const MAX_KEYS: usize = 4096;
/// Events kept for one rule.
const MAX_HITS: usize = 50_000;
/// Events kept for one step of one key.
const MAX_STEP_HITS: usize = 32;
/// Events kept for one key of a threshold, and so the largest count.
const MAX_KEY_HITS: usize = 10_000;
/// Events named by a match.
const MAX_RELATED: usize = 100;

/// All windows, by the id of their rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    rules: HashMap<String, RuleWindows>,
    #[serde(default)]
    pub(crate) evicted: u64,
    #[serde(default)]
    pub(crate) late: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct RuleWindows {
    keys: HashMap<String, Entry>,
    hits: usize,
    quiet: HashMap<String, Quiet>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Entry {
    newest: i64,
    /// One list for a threshold, one for each step of a sequence; in order.
    steps: Vec<VecDeque<Hit>>,
}

/// An event that a condition held for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hit {
    /// Microseconds.
    pub(crate) at: i64,
    pub(crate) id: String,
    /// Which request it was: the same in each of its stages.
    pub(crate) request: u64,
    /// What is counted where different values are.
    pub(crate) value: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Quiet {
    since: i64,
    first: i64,
    last: i64,
    count: u64,
}

/// Events that together are a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Together {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u64,
    pub(crate) related: Vec<String>,
}

impl Together {
    pub(crate) fn one(hit: &Hit) -> Self {
        Self {
            first: hit.at,
            last: hit.at,
            count: 1,
            related: vec![hit.id.clone()],
        }
    }

    fn of<'h>(hits: impl Iterator<Item = &'h Hit>) -> Self {
        let mut together = Self {
            first: i64::MAX,
            last: i64::MIN,
            count: 0,
            related: Vec::new(),
        };
        for hit in hits {
            together.first = together.first.min(hit.at);
            together.last = together.last.max(hit.at);
            together.count += 1;
            if together.related.len() < MAX_RELATED {
                together.related.push(hit.id.clone());
            }
        }
        together
    }
}

/// Whether a match is new or the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) is_repeat: bool,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u64,
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

impl Windows {
    /// Forgets rules that are no longer there.
    pub(crate) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.rules.retain(|id, _| is_there(id));
    }

    /// How many keys are watched.
    pub fn keys(&self) -> usize {
        self.rules
            .values()
            .map(|rule| rule.keys.len() + rule.quiet.len())
            .sum()
    }

    /// A match once there are enough.
    pub(crate) fn threshold(
        &mut self,
        rule: &str,
        threshold: &Threshold,
        key: &str,
        hit: Hit,
    ) -> Option<Together> {
        let within = micros(threshold.within);
        let count = (threshold.count.max(1) as usize).min(MAX_KEY_HITS);
        let windows = self.rules.entry(rule.to_owned()).or_default();
        if threshold.distinct.is_some() && hit.value.is_none() {
            return None;
        }
        let entry = windows.keys.entry(key.to_owned()).or_default();
        if !entry.admit(hit.at, within, &mut windows.hits, 1) {
            self.late += 1;
            return None;
        }
        let list = entry.steps.first_mut()?;
        if hit.value.is_some() {
            // The newest of each value stands for it.
            if let Some(at) = list.iter().position(|it| it.value == hit.value) {
                if list.get(at).is_some_and(|it| it.at >= hit.at) {
                    return None;
                }
                list.remove(at);
                windows.hits = windows.hits.saturating_sub(1);
            }
        } else if list.iter().rev().any(|it| it.request == hit.request) {
            return None;
        }
        let place = insert(list, hit, MAX_KEY_HITS, &mut windows.hits);
        let from = place.saturating_sub(count - 1);
        let start =
            (from..=place).find(
                |start| match (list.get(*start), list.get(start + count - 1)) {
                    (Some(earliest), Some(latest)) => latest.at - earliest.at <= within,
                    _ => false,
                },
            );
        let found = start.map(|start| {
            let together = Together::of(list.range(start..start + count));
            windows.hits = windows.hits.saturating_sub(list.len());
            list.clear();
            together
        });
        if found.is_some() {
            windows.keys.remove(key);
        }
        self.evicted += windows.bound();
        found
    }

    /// A match once every step was taken in order.
    pub(crate) fn sequence(
        &mut self,
        rule: &str,
        sequence: &Sequence,
        key: &str,
        step: usize,
        hit: Hit,
    ) -> Option<Together> {
        let within = micros(sequence.within);
        let windows = self.rules.entry(rule.to_owned()).or_default();
        let entry = windows.keys.entry(key.to_owned()).or_default();
        if !entry.admit(hit.at, within, &mut windows.hits, sequence.steps.len()) {
            self.late += 1;
            return None;
        }
        let list = entry.steps.get_mut(step)?;
        if list.iter().any(|it| it.request == hit.request) {
            return None;
        }
        insert(list, hit, MAX_STEP_HITS, &mut windows.hits);
        let found = entry.chain(within);
        if let Some(found) = &found {
            for list in &mut entry.steps {
                let before = list.len();
                list.retain(|hit| hit.at > found.last);
                windows.hits = windows.hits.saturating_sub(before - list.len());
            }
            if entry.steps.iter().all(VecDeque::is_empty) {
                windows.keys.remove(key);
            }
        }
        self.evicted += windows.bound();
        found
    }

    /// Whether this was said within the time; counts it either way.
    pub(crate) fn suppress(
        &mut self,
        rule: &str,
        suppress: &Suppress,
        key: String,
        together: &Together,
    ) -> Standing {
        let within = micros(suppress.within);
        let windows = self.rules.entry(rule.to_owned()).or_default();
        let quiet = windows.quiet.entry(key);
        let mut is_repeat = true;
        let quiet = quiet
            .and_modify(|quiet| {
                let since = together.last - quiet.since;
                if since < within && since > -within.max(LATE) {
                    quiet.first = quiet.first.min(together.first);
                    quiet.last = quiet.last.max(together.last);
                    quiet.count += together.count;
                } else {
                    is_repeat = false;
                    *quiet = Quiet::begin(together);
                }
            })
            .or_insert_with(|| {
                is_repeat = false;
                Quiet::begin(together)
            });
        let standing = Standing {
            is_repeat,
            first: quiet.first,
            last: quiet.last,
            count: quiet.count,
        };
        self.evicted += windows.bound();
        standing
    }
}

impl Quiet {
    fn begin(together: &Together) -> Self {
        Self {
            since: together.last,
            first: together.first,
            last: together.last,
            count: together.count,
        }
    }
}

impl Entry {
    /// Moves the window on; `false` for what is too late to matter.
    fn admit(&mut self, at: i64, within: i64, hits: &mut usize, steps: usize) -> bool {
        self.steps.resize_with(steps, VecDeque::new);
        if self.newest == 0 {
            self.newest = at;
        }
        let oldest = self.newest.saturating_sub(within).saturating_sub(LATE);
        if at < oldest {
            return false;
        }
        self.newest = self.newest.max(at);
        let oldest = self.newest.saturating_sub(within).saturating_sub(LATE);
        for list in &mut self.steps {
            while list.front().is_some_and(|hit| hit.at < oldest) {
                list.pop_front();
                *hits = hits.saturating_sub(1);
            }
        }
        true
    }

    /// One event for each step, each not before the last, all within the
    /// time; the one that ends first.
    fn chain(&self, within: i64) -> Option<Together> {
        let (starts, rest) = self.steps.split_first()?;
        'starts: for start in starts.iter().rev() {
            let mut chain = vec![start];
            let mut last = start;
            for list in rest {
                let next = list.iter().find(|hit| {
                    hit.at >= last.at
                        && hit.at - start.at <= within
                        && chain.iter().all(|used| used.request != hit.request)
                });
                match next {
                    Some(next) => {
                        chain.push(next);
                        last = next;
                    }
                    None => continue 'starts,
                }
            }
            return Some(Together::of(chain.into_iter()));
        }
        None
    }
}

/// In order of time; among equals, of arrival.
fn insert(list: &mut VecDeque<Hit>, hit: Hit, most: usize, hits: &mut usize) -> usize {
    if list.len() >= most {
        list.pop_front();
    } else {
        *hits += 1;
    }
    let place = list.partition_point(|it| it.at <= hit.at);
    list.insert(place, hit);
    place
}

impl RuleWindows {
    /// Lets the keys go that were silent longest; says how many.
    fn bound(&mut self) -> u64 {
        let mut gone = 0;
        if self.quiet.len() > MAX_KEYS {
            let oldest = median(self.quiet.values().map(|quiet| quiet.last));
            let before = self.quiet.len();
            self.quiet.retain(|_, quiet| quiet.last > oldest);
            gone += before - self.quiet.len();
        }
        if self.keys.len() > MAX_KEYS || self.hits > MAX_HITS {
            let oldest = median(self.keys.values().map(|entry| entry.newest));
            let before = self.keys.len();
            self.keys.retain(|_, entry| entry.newest > oldest);
            gone += before - self.keys.len();
            self.hits = self
                .keys
                .values()
                .flat_map(|entry| &entry.steps)
                .map(VecDeque::len)
                .sum();
        }
        gone as u64
    }
}

fn median(times: impl Iterator<Item = i64>) -> i64 {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
