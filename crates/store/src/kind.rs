//! Findings of each kind, counted from the roll-up.

use std::collections::BTreeMap;

use model::FindingKind;

use crate::{Counts, Scope, Store, StoreError, counts::severity_of, db::sql};

/// Findings of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    pub open: Counts,
    pub dismissed: u64,
    pub exempted: u64,
}

impl Store {
    /// Findings of every kind that has any; what VEX suppresses is not
    /// among them.
    pub async fn kind_counts(
        &self,
        scope: &Scope,
    ) -> Result<BTreeMap<FindingKind, KindCounts>, StoreError> {
        let mut query = sql("SELECT kind, severity, state,
                 CAST(SUM(findings) AS BIGINT) AS findings
             FROM finding_count WHERE suppressed = 0 AND state IN (0, 2, 3) AND ");
        scope.constrain(&mut query, "environment_id");
        query.push(" GROUP BY kind, severity, state");
        let mut kinds: BTreeMap<FindingKind, KindCounts> = BTreeMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let Some(kind) = kind_of(row.int("kind")?) else {
                continue;
            };
            let counts = kinds.entry(kind).or_default();
            let findings = row.count("findings")?;
            match row.int("state")? {
                2 => counts.dismissed += findings,
                3 => counts.exempted += findings,
                _ => *counts.open.of(severity_of(row.int("severity")?)) += findings,
            }
        }
        Ok(kinds)
    }
}

/// The kind a stored number stands for.
pub(crate) fn kind_of(number: i64) -> Option<FindingKind> {
    usize::try_from(number)
        .ok()
        .and_then(|number| FindingKind::ALL.get(number))
        .copied()
}
