//! What a list of findings can be narrowed to, counted.

use std::collections::BTreeMap;

use model::{FindingKind, FindingState};

use super::{FindingFilter, Suppressed, kind_of, state_of};
use crate::{
    Counts, Scope, Store, StoreError, Tally,
    counts::severity_of,
    db::{Sql, sql},
};

/// Findings counted where the roll-ups do not know; as far as is quick.
const CAP: u64 = 10_000;
/// Names of one facet.
const NAMES: u32 = 30;

/// Findings by what they have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingFacets {
    pub severities: Counts,
    pub kinds: BTreeMap<FindingKind, u64>,
    /// In every state, whatever the filter says of states.
    pub states: BTreeMap<FindingState, u64>,
    pub fixable: u64,
    pub kev: u64,
    pub suppressed: u64,
    pub clusters: Vec<Tally>,
    pub namespaces: Vec<Tally>,
    /// Only this many of them were counted.
    pub capped: Option<u64>,
}

impl Store {
    /// Read from the roll-ups where they know all that the filter asks;
    /// else counted, as far as is quick.
    pub async fn finding_facets(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
    ) -> Result<FindingFacets, StoreError> {
        let mut facets = FindingFacets::default();
        if filter.is_counted() {
            let lifted = FindingFilter {
                states: Vec::new(),
                suppressed: Suppressed::Either,
                ..filter.clone()
            };
            let mut query = counts(scope);
            lifted.narrow_counts(&mut query);
            facets.read(&query, self, filter).await?;
            facets.clusters = self.places(scope, "cluster").await?;
            facets.namespaces = self.places(scope, "namespace").await?;
        } else {
            let mut query = sql("SELECT kind, severity, state, suppressed, fixable, kev,
                     COUNT(*) AS findings
                 FROM (SELECT finding.kind, finding.severity, finding.state, finding.suppressed,
                     finding.fixable, finding.rank / 1000000 % 2 AS kev
                     FROM finding WHERE ");
            filter.narrow(
                scope,
                &mut query,
                filter.environment_column(),
                self.dialect(),
            );
            query.push(format_args!(
                " LIMIT {CAP}) AS counted WHERE 1 = 1
                 GROUP BY kind, severity, state, suppressed, fixable, kev"
            ));
            facets.tally(&query.fetch_all(&self.readers).await?, filter)?;
            let counted = facets.states.values().sum::<u64>();
            facets.capped = (counted >= CAP).then_some(CAP);
        }
        Ok(facets)
    }

    /// Open findings by the clusters or namespaces they are in.
    async fn places(&self, scope: &Scope, column: &str) -> Result<Vec<Tally>, StoreError> {
        let mut query = sql("SELECT ");
        query.push(format_args!(
            "{column} AS value, CAST(SUM(findings) AS BIGINT) AS number FROM place_count
             WHERE {column} <> '' AND findings > 0 AND "
        ));
        scope.constrain(&mut query, "environment_id");
        query.push(format_args!(
            " GROUP BY {column} ORDER BY SUM(findings) DESC, {column} LIMIT {NAMES}"
        ));
        crate::image::tallies(&query.fetch_all(&self.readers).await?)
    }
}

fn counts(scope: &Scope) -> Sql {
    let mut query = sql(
        "SELECT kind, severity, state, suppressed, fixable, kev, findings
         FROM finding_count WHERE findings > 0 AND ",
    );
    scope.constrain(&mut query, "environment_id");
    query
}

impl FindingFacets {
    async fn read(
        &mut self,
        query: &Sql,
        store: &Store,
        filter: &FindingFilter,
    ) -> Result<(), StoreError> {
        let rows = query.clone().fetch_all(&store.readers).await?;
        self.tally(&rows, filter)
    }

    fn tally(&mut self, rows: &[crate::db::Row], filter: &FindingFilter) -> Result<(), StoreError> {
        for row in rows {
            let findings = row.count("findings")?;
            let state = state_of(row.int("state")?);
            let suppressed = row.flag("suppressed")?;
            if filter.suppressed.means(suppressed) {
                *self.states.entry(state).or_default() += findings;
            }
            if !filter.states.is_empty() && !filter.states.contains(&state) {
                continue;
            }
            if suppressed {
                self.suppressed += findings;
            }
            if !filter.suppressed.means(suppressed) {
                continue;
            }
            *self.severities.of(severity_of(row.int("severity")?)) += findings;
            *self.kinds.entry(kind_of(row.int("kind")?)).or_default() += findings;
            if row.flag("fixable")? {
                self.fixable += findings;
            }
            if row.flag("kev")? {
                self.kev += findings;
            }
        }
        Ok(())
    }
}
