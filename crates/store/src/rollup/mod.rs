//! Roll-ups: what totals, facets and lists show without counting
//! findings again.
//!
//! Whoever changes findings tells [`Deltas`] what each weighed before
//! and after, writes the findings, and then applies the deltas in the
//! same transaction. `check` counts everything again and compares.

mod apply;
mod check;
mod place;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use apply::rerank;
pub use check::Drift;
pub(crate) use check::recount;
pub(crate) use place::moved;

use crate::{StoreError, db::Row};

/// The part of a finding that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weight {
    pub environment: i64,
    pub asset: i64,
    pub kind: i64,
    pub rule: i64,
    pub package: Option<i64>,
    pub severity: i64,
    pub state: i64,
    pub suppressed: i64,
    pub fixable: i64,
    pub kev: i64,
    pub exemption: Option<i64>,
}

/// Columns [`Weight::read`] reads.
pub(crate) const WEIGHT: &str = "finding.environment_id, finding.asset_id, finding.kind,
    finding.rule_id, finding.package_id, finding.severity, finding.rank, finding.state,
    finding.suppressed, finding.fixable, finding.exemption_id";

impl Weight {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            environment: row.int("environment_id")?,
            asset: row.int("asset_id")?,
            kind: row.int("kind")?,
            rule: row.int("rule_id")?,
            package: row.maybe_int("package_id")?,
            severity: row.int("severity")?,
            state: row.int("state")?,
            suppressed: row.int("suppressed")?,
            fixable: row.int("fixable")?,
            kev: kev_of(row.int("rank")?),
            exemption: row.maybe_int("exemption_id")?,
        })
    }

    /// Whether it counts as something to work on.
    pub(crate) fn is_open(&self) -> bool {
        self.state == 0 && self.suppressed == 0
    }

    fn is_exempted(&self) -> bool {
        self.state == 3
    }
}

/// Whether a rank says "known to be exploited".
pub(crate) fn kev_of(rank: i64) -> i64 {
    rank / 1_000_000 % 2
}

/// Changes of open findings by severity, unknown first.
type BySeverity = [i64; 6];

/// What all of an asset's findings gained or lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OfAsset {
    open: BySeverity,
    fixable: i64,
    kev: i64,
    /// Open, but set aside by somebody else's word.
    suppressed: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfRule {
    kind: i64,
    open: BySeverity,
    fixable: i64,
    /// Packages of findings that opened.
    packages: BTreeSet<i64>,
}

/// Key of `finding_count`: environment, kind, severity, state,
/// suppressed, fixable, kev.
type CountKey = [i64; 7];

/// Changes gathered until they are applied.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    counts: BTreeMap<CountKey, i64>,
    assets: BTreeMap<i64, OfAsset>,
    /// By environment and rule.
    rules: BTreeMap<(i64, i64), OfRule>,
    /// Open findings by environment, rule and asset.
    pairs: BTreeMap<(i64, i64, i64), i64>,
    exemptions: BTreeMap<i64, i64>,
}

impl Deltas {
    /// A finding that weighed `before` weighs `after`; absent: it was or
    /// is not there.
    pub(crate) fn change(&mut self, before: Option<&Weight>, after: Option<&Weight>) {
        if before == after {
            return;
        }
        if let Some(weight) = before {
            self.add(weight, -1);
        }
        if let Some(weight) = after {
            self.add(weight, 1);
        }
    }

    fn add(&mut self, weight: &Weight, step: i64) {
        let key = [
            weight.environment,
            weight.kind,
            weight.severity,
            weight.state,
            weight.suppressed,
            weight.fixable,
            weight.kev,
        ];
        *self.counts.entry(key).or_default() += step;
        if weight.is_exempted()
            && let Some(exemption) = weight.exemption
        {
            *self.exemptions.entry(exemption).or_default() += step;
        }
        if weight.state == 0 && weight.suppressed == 1 {
            self.assets.entry(weight.asset).or_default().suppressed += step;
        }
        if !weight.is_open() {
            return;
        }
        let severity = usize::try_from(weight.severity.clamp(0, 5)).unwrap_or(0);
        let asset = self.assets.entry(weight.asset).or_default();
        asset.open[severity] += step;
        asset.fixable += step * weight.fixable;
        asset.kev += step * weight.kev;
        let rule = self
            .rules
            .entry((weight.environment, weight.rule))
            .or_default();
        rule.kind = weight.kind;
        rule.open[severity] += step;
        rule.fixable += step * weight.fixable;
        if step > 0 {
            rule.packages.extend(weight.package);
        }
        *self
            .pairs
            .entry((weight.environment, weight.rule, weight.asset))
            .or_default() += step;
    }
}
