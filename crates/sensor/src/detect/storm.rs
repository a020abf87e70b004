//! Storms: the same alert again and again becomes one, with a count.
//!
//! # What
//! The first alerts of a rule by a program in a place are told at once.
//! The same by the same process within a minute, and more than
//! [`MAX_TOLD`] unlike ones, are only counted; when the minute is over the
//! last is told once more, with how many there were. A rule may say
//! [`PER_RULE`] things a minute in all; more is held back and told as a
//! gap.
//!
//! # Why
//! A loop that reads `/etc/shadow` is one thing that happens, not ten
//! thousand, and must not bury another alert. What is only counted costs
//! no more than a look into a table.
//!
//! # Limits
//! [`MAX_BUCKETS`] rules by program and place at a time; the oldest ends
//! early when there are more.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, Hash, RandomState},
};

use api::sensor::{SensorAlert, SensorGap, SensorNews};
use jiff::{SignedDuration, Timestamp};

use super::Raised;

/// Unlike alerts that are told within a [`WINDOW`].
const MAX_TOLD: usize = 5;
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
const MAX_BUCKETS: usize = 512;
/// Alerts of one rule within a [`WINDOW`], whoever caused them.
const PER_RULE: u32 = 120;
/// Rules counted apart; more share one count.
const MAX_RULES: usize = 2_000;

/// What is done with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Tell it, and hand it back to [`Storms::keep`].
    Tell(u64),
    /// It was counted.
    Count,
    /// Its rule says too much.
    HoldBack,
}

#[derive(Debug)]
struct Bucket {
    since: Timestamp,
    /// Hashes of what was told.
    told: [u64; MAX_TOLD],
    telling: usize,
    /// What was not.
    count: u64,
    first: Timestamp,
    last: Timestamp,
    sample: Option<Box<SensorAlert>>,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    since: Timestamp,
    told: u32,
    held: u64,
    last: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Storms {
    hash: RandomState,
    buckets: HashMap<u64, Bucket>,
    /// Buckets by when they began; a bucket may stand in it no more.
    order: VecDeque<(Timestamp, u64)>,
    shares: HashMap<String, Share>,
    /// Storms that ended early.
    ended: Vec<Raised>,
}

impl Storms {
    pub(super) fn hash(&self, what: impl Hash) -> u64 {
        self.hash.hash_one(what)
    }

    /// `bucket`: rule, program and place; `exact`: the process and what it
    /// is about beside.
    pub(super) fn admit(
        &mut self,
        rule: &str,
        bucket: u64,
        exact: u64,
        time: Timestamp,
        now: Timestamp,
    ) -> Ruling {
        let is_over = |bucket: &Bucket| !is_within(bucket.since, now);
        if self.buckets.get(&bucket).is_some_and(is_over)
            && let Some(old) = self.buckets.remove(&bucket)
        {
            self.ended.extend(told(old));
        }
        if let Some(known) = self.buckets.get_mut(&bucket) {
            let so_far = known.told.get(..known.telling).unwrap_or_default();
            if so_far.contains(&exact) || known.telling == MAX_TOLD {
                if known.count == 0 {
                    known.first = time;
                }
                known.count += 1;
                known.last = time;
                return Ruling::Count;
            }
        }
        if !self.may_say(rule, time, now) {
            return Ruling::HoldBack;
        }
        if !self.buckets.contains_key(&bucket) {
            self.begin(bucket, now);
        }
        if let Some(known) = self.buckets.get_mut(&bucket) {
            if let Some(place) = known.told.get_mut(known.telling) {
                *place = exact;
            }
            known.telling += 1;
        }
        Ruling::Tell(bucket)
    }

    fn begin(&mut self, bucket: u64, now: Timestamp) {
        while self.buckets.len() >= MAX_BUCKETS
            && let Some((since, oldest)) = self.order.pop_front()
        {
            if self
                .buckets
                .get(&oldest)
                .is_some_and(|it| it.since == since)
                && let Some(old) = self.buckets.remove(&oldest)
            {
                self.ended.extend(told(old));
            }
        }
        self.order.push_back((now, bucket));
        self.buckets.insert(
            bucket,
            Bucket {
                since: now,
                told: [0; MAX_TOLD],
                telling: 0,
                count: 0,
                first: now,
                last: now,
                sample: None,
            },
        );
    }

    fn may_say(&mut self, rule: &str, time: Timestamp, now: Timestamp) -> bool {
        let rule = if self.shares.contains_key(rule) || self.shares.len() < MAX_RULES {
            rule
        } else {
            "others"
        };
        if !self.shares.contains_key(rule) {
            self.shares.insert(
                rule.to_owned(),
                Share {
                    since: now,
                    told: 0,
                    held: 0,
                    last: now,
                },
            );
        }
        let Some(share) = self.shares.get_mut(rule) else {
            return true;
        };
        if !is_within(share.since, now) && share.held == 0 {
            share.since = now;
            share.told = 0;
        }
        if share.told < PER_RULE {
            share.told += 1;
            return true;
        }
        share.held += 1;
        share.last = time;
        false
    }

    /// The alert that was told last, to be told again with a count.
    pub(super) fn keep(&mut self, bucket: u64, alert: &SensorAlert) {
        if let Some(known) = self.buckets.get_mut(&bucket) {
            let mut sample = alert.clone();
            // It was told once.
            sample.trace = None;
            known.sample = Some(Box::new(sample));
        }
    }

    /// Tells what ended.
    pub(super) fn tick(&mut self, now: Timestamp, raise: &mut dyn FnMut(Raised)) {
        self.ended.drain(..).for_each(&mut *raise);
        while let Some((since, bucket)) = self.order.front().copied() {
            if is_within(since, now) {
                break;
            }
            self.order.pop_front();
            if self
                .buckets
                .get(&bucket)
                .is_some_and(|it| it.since == since)
                && let Some(old) = self.buckets.remove(&bucket)
                && let Some(raised) = told(old)
            {
                raise(raised);
            }
        }
        self.shares.retain(|rule, share| {
            if is_within(share.since, now) {
                return true;
            }
            if share.held > 0 {
                raise(Raised {
                    time: share.last,
                    news: SensorNews::Gap(SensorGap {
                        stage: "rules".to_owned(),
                        class: "alert".to_owned(),
                        reason: format!("{rule} raised more than {PER_RULE} alerts in a minute"),
                        count: share.held,
                        from: share.since,
                        to: share.last,
                    }),
                });
            }
            false
        });
    }
}

/// Whether it is not over yet; a clock that was set back ends it.
fn is_within(since: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(since);
    age < WINDOW && age > -WINDOW
}

fn told(bucket: Bucket) -> Option<Raised> {
    let mut alert = bucket.sample.filter(|_| bucket.count > 0)?;
    if let Some(evidence) = alert.evidence.as_object_mut() {
        evidence.insert("count".to_owned(), bucket.count.into());
        evidence.insert("first".to_owned(), bucket.first.to_string().into());
        evidence.insert("last".to_owned(), bucket.last.to_string().into());
        evidence.insert("repeated".to_owned(), true.into());
    }
    Some(Raised {
        time: bucket.last,
        news: SensorNews::Alert(alert),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::made;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn tick(storms: &mut Storms, second: i64) -> Vec<Raised> {
        let mut raised = Vec::new();
        storms.tick(at(second), &mut |each| raised.push(each));
        raised
    }

    #[test]
    fn the_same_again_is_counted_and_told_once_when_it_is_over() {
        let mut storms = Storms::default();
        let alert = made::alert("r");
        assert_eq!(storms.admit("r", 1, 1, at(0), at(0)), Ruling::Tell(1));
        storms.keep(1, &alert);
        for second in 1..40 {
            let ruling = storms.admit("r", 1, 1, at(second), at(second));
            assert_eq!(ruling, Ruling::Count);
        }
        assert!(tick(&mut storms, 59).is_empty());
        let raised = tick(&mut storms, 60);
        assert_eq!(raised.len(), 1);
        assert_eq!(raised[0].time, at(39));
        let SensorNews::Alert(again) = &raised[0].news else {
            panic!("no alert");
        };
        assert_eq!(again.evidence["count"], 39);
        assert_eq!(again.summary, alert.summary);
        assert!(tick(&mut storms, 200).is_empty());
        assert_eq!(storms.admit("r", 1, 1, at(201), at(201)), Ruling::Tell(1));
    }

    #[test]
    fn unlike_ones_are_told_up_to_a_number() {
        let mut storms = Storms::default();
        let told = (0..100)
            .filter(|exact| storms.admit("r", 1, *exact, at(0), at(0)) == Ruling::Tell(1))
            .count();
        assert_eq!(told, MAX_TOLD);
    }

    #[test]
    fn a_rule_that_says_too_much_is_held_back_and_that_is_told() {
        let mut storms = Storms::default();
        let rulings: Vec<_> = (0..1000)
            .map(|bucket| storms.admit("r", bucket, 1, at(0), at(0)))
            .collect();
        let held = rulings.iter().filter(|it| **it == Ruling::HoldBack).count();
        assert_eq!(held, 1000 - PER_RULE as usize);
        assert_eq!(storms.admit("other", 0, 7, at(0), at(0)), Ruling::Tell(0));
        let gaps: Vec<_> = tick(&mut storms, 60)
            .into_iter()
            .filter_map(|raised| match raised.news {
                SensorNews::Gap(gap) => Some(gap),
                SensorNews::Alert(_) => None,
            })
            .collect();
        assert_eq!(gaps.len(), 1);
        assert_eq!(gaps[0].count, held as u64);
        assert!(gaps[0].reason.starts_with("r raised"), "{}", gaps[0].reason);
    }

    #[test]
    fn buckets_are_bounded_and_none_is_forgotten_in_silence() {
        let mut storms = Storms::default();
        for bucket in 0..5000 {
            let rule = format!("r{}", bucket % 100);
            storms.admit(&rule, bucket, 1, at(0), at(0));
            storms.keep(bucket, &made::alert(&rule));
            assert_eq!(storms.admit(&rule, bucket, 1, at(0), at(0)), Ruling::Count);
            assert!(storms.buckets.len() <= MAX_BUCKETS);
        }
        assert_eq!(tick(&mut storms, 61).len(), 5000);
    }

    #[test]
    fn a_clock_set_back_ends_storms_instead_of_freezing_them() {
        let mut storms = Storms::default();
        storms.admit("r", 1, 1, at(1000), at(1000));
        assert_eq!(storms.admit("r", 1, 1, at(0), at(0)), Ruling::Tell(1));
    }
}
