//! The secure score: points earned of points possible.
//!
//! Each recommendation can give as many points as its severity weighs,
//! and gives the share of them that its healthy assets are of all that
//! were looked at. What nothing was looked at for weighs nothing, so
//! that a score never rises by knowing less of what is there, and an
//! environment is not blamed for what it does not have.

use crate::Severity;

/// The points a recommendation can give at most.
///
/// Each step weighs about twice the one below, so that mending what is
/// worst moves the score most; what is for information only moves it
/// not at all.
pub fn weight(severity: Severity) -> f64 {
    match severity {
        Severity::Critical => 20.0,
        Severity::High => 10.0,
        Severity::Medium => 5.0,
        Severity::Low => 2.0,
        Severity::Info | Severity::Unknown => 0.0,
    }
}

/// How many assets a recommendation looked at, and what it saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub healthy: u64,
    pub affected: u64,
    /// Affected, but exempted or dismissed by somebody: they count as
    /// healthy and are shown apart.
    pub exempted: u64,
}

impl Standing {
    pub fn assessed(self) -> u64 {
        self.healthy + self.affected + self.exempted
    }

    /// The share of assets that `count` is; 0 where none was looked at.
    #[expect(clippy::cast_precision_loss, reason = "far fewer assets than 2^52")]
    fn share(self, count: u64) -> f64 {
        match self.assessed() {
            0 => 0.0,
            assessed => count as f64 / assessed as f64,
        }
    }
}

/// One recommendation's part in the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The recommendation.
    pub rule: String,
    pub severity: Severity,
    pub standing: Standing,
}

impl Part {
    pub fn weight(&self) -> f64 {
        weight(self.severity)
    }

    /// Points it can give: its weight, where anything was looked at.
    pub fn possible(&self) -> f64 {
        match self.standing.assessed() {
            0 => 0.0,
            _ => self.weight(),
        }
    }

    pub fn earned(&self) -> f64 {
        let Standing {
            healthy, exempted, ..
        } = self.standing;
        self.weight() * self.standing.share(healthy + exempted)
    }

    /// Points earned only because somebody exempted what is affected.
    pub fn exempted(&self) -> f64 {
        self.weight() * self.standing.share(self.standing.exempted)
    }

    /// Points that mending all that is affected would add.
    pub fn gain(&self) -> f64 {
        self.weight() * self.standing.share(self.standing.affected)
    }
}

/// The score of some recommendations together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    pub earned: f64,
    pub possible: f64,
    pub exempted: f64,
}

impl Score {
    pub fn of(parts: &[Part]) -> Self {
        parts.iter().fold(Self::default(), |sum, part| Self {
            earned: sum.earned + part.earned(),
            possible: sum.possible + part.possible(),
            exempted: sum.exempted + part.exempted(),
        })
    }

    /// 0 to 100; `None` where nothing that weighs was looked at.
    pub fn percent(self) -> Option<f64> {
        (self.possible > 0.0).then(|| (100.0 * self.earned / self.possible).clamp(0.0, 100.0))
    }
}

/// One reason why a score moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    pub rule: String,
    /// Percent points, either sign.
    pub change: f64,
    pub before: Standing,
    pub after: Standing,
}

/// Why the score went from what `before` gives to what `after` gives:
/// one entry for each recommendation that stands otherwise.
///
/// Recommendations are moved one after the other, in the order of their
/// ids, and each is charged with what its step did; so the entries add
/// up to the whole change exactly.
pub fn moves(before: &[Part], after: &[Part]) -> Vec<Move> {
    use std::collections::BTreeMap;

    let by_rule = |parts: &[Part]| -> BTreeMap<String, Part> {
        parts
            .iter()
            .map(|part| (part.rule.clone(), part.clone()))
            .collect()
    };
    let (mut current, after) = (by_rule(before), by_rule(after));
    let percent = |parts: &BTreeMap<String, Part>| {
        let parts: Vec<Part> = parts.values().cloned().collect();
        Score::of(&parts).percent().unwrap_or(0.0)
    };
    let rules: Vec<String> = current
        .keys()
        .chain(after.keys().filter(|rule| !current.contains_key(*rule)))
        .cloned()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut moves = Vec::new();
    let mut at = percent(&current);
    for rule in rules {
        let old = current.get(&rule).map(|part| part.standing);
        let new = after.get(&rule).map(|part| part.standing);
        if current.get(&rule) == after.get(&rule) {
            continue;
        }
        match after.get(&rule) {
            Some(part) => current.insert(rule.clone(), part.clone()),
            None => current.remove(&rule),
        };
        let now = percent(&current);
        moves.push(Move {
            rule,
            change: now - at,
            before: old.unwrap_or_default(),
            after: new.unwrap_or_default(),
        });
        at = now;
    }
    moves
}

impl Move {
    /// What happened, for people: `1 image exempted, 2 images mended`.
    /// `one` and `many` name the kind of asset.
    pub fn text(&self, one: &str, many: &str) -> String {
        let count = |count: u64| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let (before, after) = (self.before, self.after);
        let mut said = Vec::new();
        // Who was affected and no longer is was exempted, or went, or was
        // mended; only the sums are known, and this is the reading that
        // claims the least mending.
        let mut fewer = before.affected.saturating_sub(after.affected);
        let more = after.affected.saturating_sub(before.affected);
        let exempted = after.exempted.saturating_sub(before.exempted);
        let ended = before.exempted.saturating_sub(after.exempted);
        let gone = before.assessed().saturating_sub(after.assessed());
        if more > 0 {
            said.push(format!("{} newly affected", count(more)));
        }
        if exempted > 0 {
            said.push(format!("{} exempted", count(exempted)));
            fewer = fewer.saturating_sub(exempted);
        }
        if ended > 0 {
            said.push(format!("{} no longer exempted", count(ended)));
        }
        let left = fewer.min(gone);
        if left > 0 {
            said.push(format!("{} gone", count(left)));
            fewer -= left;
        }
        if fewer > 0 {
            said.push(format!("{} mended", count(fewer)));
        }
        if said.is_empty() {
            let joined = after.assessed().saturating_sub(before.assessed());
            if joined > 0 {
                said.push(format!("{} looked at and healthy", count(joined)));
            } else if gone > 0 {
                said.push(format!("{} healthy and gone", count(gone)));
            }
        }
        said.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(rule: &str, severity: Severity, counts: [u64; 3]) -> Part {
        let [healthy, affected, exempted] = counts;
        Part {
            rule: rule.to_owned(),
            severity,
            standing: Standing {
                healthy,
                affected,
                exempted,
            },
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    /// The example of docs/concepts/score.md.
    #[test]
    fn the_documented_example_works_out() {
        let parts = [
            part("images-fix-critical", Severity::Critical, [6, 2, 0]),
            part("images-not-root", Severity::Medium, [3, 4, 1]),
            part("advisories-fresh", Severity::High, [1, 0, 0]),
            part("containers-not-privileged", Severity::High, [0, 0, 0]),
        ];
        let score = Score::of(&parts);
        assert!(close(score.earned, 15.0 + 2.5 + 10.0), "{score:?}");
        assert!(close(score.possible, 35.0), "{score:?}");
        assert!(close(score.exempted, 0.625), "{score:?}");
        assert!(close(parts[0].gain(), 5.0));
        assert_eq!(score.percent().map(f64::round), Some(79.0), "{score:?}");
    }

    #[test]
    fn nothing_looked_at_is_no_score_rather_than_a_bad_one() {
        assert_eq!(Score::of(&[]).percent(), None);
        let nothing = [part("a", Severity::Critical, [0, 0, 0])];
        assert_eq!(Score::of(&nothing).percent(), None);
        let weightless = [part("a", Severity::Info, [0, 5, 0])];
        assert_eq!(Score::of(&weightless).percent(), None);
    }

    #[test]
    fn a_worse_severity_weighs_more() {
        let weights = Severity::WORST_FIRST.map(weight);
        assert!(weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
    }

    #[test]
    fn the_ledger_says_what_happened() {
        let text = |before: [u64; 3], after: [u64; 3]| {
            Move {
                rule: "r".to_owned(),
                change: 0.0,
                before: part("r", Severity::High, before).standing,
                after: part("r", Severity::High, after).standing,
            }
            .text("image", "images")
        };
        let cases = [
            ([5, 0, 0], [2, 3, 0], "3 images newly affected"),
            ([2, 3, 0], [4, 1, 0], "2 images mended"),
            ([2, 3, 0], [2, 2, 0], "1 image gone"),
            ([2, 3, 0], [2, 2, 1], "1 image exempted"),
            ([2, 3, 0], [3, 1, 1], "1 image exempted, 1 image mended"),
            (
                [2, 2, 1],
                [2, 3, 0],
                "1 image newly affected, 1 image no longer exempted",
            ),
            ([2, 0, 0], [5, 0, 0], "3 images looked at and healthy"),
            ([5, 1, 0], [2, 1, 0], "3 images healthy and gone"),
        ];
        for (before, after, expected) in cases {
            assert_eq!(text(before, after), expected, "{before:?} to {after:?}");
        }
    }

    fn severity() -> impl Strategy<Value = Severity> {
        prop::sample::select(Severity::WORST_FIRST.to_vec())
    }

    fn parts() -> impl Strategy<Value = Vec<Part>> {
        prop::collection::btree_map("[a-e]", (severity(), 0..50_u64, 0..50_u64, 0..9_u64), 0..5)
            .prop_map(|parts| {
                parts
                    .into_iter()
                    .map(|(rule, (severity, healthy, affected, exempted))| {
                        part(&rule, severity, [healthy, affected, exempted])
                    })
                    .collect()
            })
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(parts in parts()) {
            let score = Score::of(&parts);
            prop_assert!(score.earned <= score.possible + 1e-9);
            prop_assert!(score.exempted <= score.earned + 1e-9);
            if let Some(percent) = score.percent() {
                prop_assert!((0.0..=100.0).contains(&percent));
            }
        }

        #[test]
        fn mending_one_asset_never_lowers_it(parts in parts(), which in 0..5_usize) {
            let mut mended = parts.clone();
            if let Some(part) = mended.get_mut(which)
                && part.standing.affected > 0
            {
                part.standing.affected -= 1;
                part.standing.healthy += 1;
            }
            let (before, after) = (Score::of(&parts), Score::of(&mended));
            prop_assert!(after.earned >= before.earned - 1e-9);
            prop_assert_eq!(before.possible.to_bits(), after.possible.to_bits());
        }

        #[test]
        fn exempting_never_lowers_it_and_is_worth_no_more_than_mending(
            parts in parts(), which in 0..5_usize
        ) {
            let (mut exempted, mut mended) = (parts.clone(), parts.clone());
            if let Some((exempted, mended)) = exempted.get_mut(which).zip(mended.get_mut(which))
                && exempted.standing.affected > 0
            {
                exempted.standing.affected -= 1;
                exempted.standing.exempted += 1;
                mended.standing.affected -= 1;
                mended.standing.healthy += 1;
            }
            let before = Score::of(&parts);
            let (exempted, mended) = (Score::of(&exempted), Score::of(&mended));
            prop_assert!(exempted.earned >= before.earned - 1e-9);
            prop_assert!(exempted.earned <= mended.earned + 1e-9);
            // Told apart, it is no better than it was.
            prop_assert!(exempted.earned - exempted.exempted <= mended.earned + 1e-9);
        }

        #[test]
        fn what_is_exempted_is_never_counted_against_it(healthy in 0..50_u64, exempted in 1..50_u64) {
            let part = part("a", Severity::High, [healthy, 0, exempted]);
            let score = Score::of(std::slice::from_ref(&part));
            prop_assert!(close(score.earned, score.possible));
            prop_assert!(close(part.gain(), 0.0));
        }

        #[test]
        fn mending_everything_is_all_there_is(parts in parts()) {
            let gain: f64 = parts.iter().map(Part::gain).sum();
            let score = Score::of(&parts);
            prop_assert!(close(score.earned + gain, score.possible));
            let mended: Vec<Part> = parts
                .into_iter()
                .map(|mut part| {
                    part.standing.healthy += std::mem::take(&mut part.standing.affected);
                    part
                })
                .collect();
            if let Some(percent) = Score::of(&mended).percent() {
                prop_assert!(close(percent, 100.0));
            }
        }

        #[test]
        fn the_ledger_adds_up_to_the_change(before in parts(), after in parts()) {
            let sum: f64 = moves(&before, &after).iter().map(|step| step.change).sum();
            let percent = |parts: &[Part]| Score::of(parts).percent().unwrap_or(0.0);
            prop_assert!(close(sum, percent(&after) - percent(&before)));
        }
    }
}
