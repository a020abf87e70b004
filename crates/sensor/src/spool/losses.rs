//! What was lost and is not told yet: by stage, class and reason, so that
//! a flood of losses is a few gaps with large counts.

use std::collections::BTreeMap;

use api::sensor::SensorGap;
use jiff::Timestamp;

/// Kinds of losses that are told apart.
const MOST: usize = 64;
const REASON: usize = 300;

type Key = (String, String, String);

#[derive(Debug, Default)]
pub(super) struct Losses {
    gaps: BTreeMap<Key, SensorGap>,
}

impl Losses {
    pub(super) fn is_empty(&self) -> bool {
        self.gaps.is_empty()
    }

    pub(super) fn add(
        &mut self,
        stage: &str,
        class: &str,
        reason: &str,
        count: u64,
        now: Timestamp,
    ) {
        let reason = reason
            .get(..reason.floor_char_boundary(REASON))
            .unwrap_or_default();
        self.give_back(SensorGap {
            stage: stage.to_owned(),
            class: class.to_owned(),
            reason: reason.to_owned(),
            count,
            from: now,
            to: now,
        });
    }

    /// Adds a gap to what is known of its kind.
    pub(super) fn give_back(&mut self, gap: SensorGap) {
        let mut key = (gap.stage.clone(), gap.class.clone(), gap.reason.clone());
        let mut gap = gap;
        if self.gaps.len() >= MOST && !self.gaps.contains_key(&key) {
            "several reasons".clone_into(&mut gap.reason);
            key.2.clone_from(&gap.reason);
        }
        self.gaps
            .entry(key)
            .and_modify(|known| {
                known.count = known.count.saturating_add(gap.count);
                known.from = known.from.min(gap.from);
                known.to = known.to.max(gap.to);
            })
            .or_insert(gap);
    }

    pub(super) fn take(&mut self) -> Option<SensorGap> {
        self.gaps.pop_first().map(|(_, gap)| gap)
    }
}
