//! What is known of vulnerabilities, and the order of findings by it.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use model::Vulnerability;

use crate::{
    Store, StoreError,
    counts::finding_rank,
    db::{Connection, ROWS, Value, sql},
    ingest::dictionary,
    priority,
    rollup::{Deltas, WEIGHT, Weight},
};

impl Store {
    /// Brings up to date what is known of vulnerabilities, and the order
    /// of their findings by it.
    pub async fn put_vulnerabilities(
        &self,
        vulnerabilities: Vec<Vulnerability>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let before = likelihoods(connection, &vulnerabilities).await?;
                    let ids =
                        dictionary::put_vulnerabilities(connection, &mut vulnerabilities.iter())
                            .await?;
                    let known: HashMap<i64, &Vulnerability> = vulnerabilities
                        .iter()
                        .filter_map(|vulnerability| {
                            let id = *ids.get(&vulnerability.id)?;
                            let is = likelihood(vulnerability);
                            (before.get(&id) != Some(&is)).then_some((id, vulnerability))
                        })
                        .collect();
                    rank(connection, &known, now).await
                })
            })
            .await
    }
}

/// Whether it is exploited, and how likely that is.
fn likelihood(vulnerability: &Vulnerability) -> (bool, Option<f64>) {
    (
        vulnerability.kev.is_some(),
        vulnerability.epss.map(|epss| epss.score),
    )
}

/// What is known of the likelihoods of vulnerabilities: all that decides
/// the order of findings beside what is said of each.
async fn likelihoods(
    connection: &mut Connection,
    vulnerabilities: &[Vulnerability],
) -> Result<HashMap<i64, (bool, Option<f64>)>, StoreError> {
    let mut known = HashMap::with_capacity(vulnerabilities.len());
    for chunk in vulnerabilities.chunks(500) {
        let mut query = sql("SELECT id, kev, epss FROM rule WHERE kind = 0 AND name IN ");
        query.push_list(chunk.iter().map(|vulnerability| vulnerability.id.as_str()));
        for row in &query.fetch_all(&mut *connection).await? {
            known.insert(row.int("id")?, (row.flag("kev")?, row.real("epss")?));
        }
    }
    Ok(known)
}

/// Orders findings by what is known of their vulnerabilities.
async fn rank(
    connection: &mut Connection,
    known: &HashMap<i64, &Vulnerability>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rules: Vec<i64> = known.keys().copied().collect();
    let mut deltas = Deltas::default();
    let mut weighed = BTreeSet::new();
    for chunk in rules.chunks(500) {
        let mut query = sql("SELECT finding.id, ");
        query
            .push(WEIGHT)
            .push(" FROM finding WHERE finding.rule_id");
        query.push_in(chunk, connection.dialect());
        query.push(" AND finding.state <> 1");
        let mut moved: Vec<Vec<Value>> = Vec::new();
        for row in &query.fetch_all(&mut *connection).await? {
            let was = Weight::read(row)?;
            let Some(vulnerability) = known.get(&was.rule) else {
                continue;
            };
            let rank = rank_of(
                crate::counts::severity_of(was.severity),
                Some(vulnerability),
            );
            if rank == row.int("rank")? {
                continue;
            }
            let is = Weight {
                kev: crate::rollup::kev_of(rank),
                ..was
            };
            deltas.change(Some(&was), Some(&is));
            moved.push(vec![row.int("id")?.into(), rank.into()]);
            weighed.insert(was.rule);
        }
        for chunk in moved.chunks(ROWS) {
            let mut query = sql("UPDATE finding SET rank = delta.column2 FROM ");
            query.push_rows(chunk.to_vec(), connection.dialect());
            query.push(" WHERE finding.id = delta.column1");
            query.execute(&mut *connection).await?;
        }
    }
    deltas.apply(connection, now).await?;
    let weighed: Vec<i64> = weighed.into_iter().collect();
    priority::refresh_rules(connection, &weighed).await?;
    crate::rollup::rerank(connection, &rules).await
}

pub(crate) fn rank_of(severity: model::Severity, vulnerability: Option<&Vulnerability>) -> i64 {
    finding_rank(
        severity,
        vulnerability.is_some_and(|vulnerability| vulnerability.kev.is_some()),
        vulnerability.and_then(|vulnerability| vulnerability.epss.map(|epss| epss.score)),
    )
}
