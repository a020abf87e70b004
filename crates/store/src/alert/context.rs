//! Who, from where, what and the event itself, beside the finding.
//!
//! The last word of an alert's context counts, what queries ask of it
//! gathers, and of the events themselves the last few are kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::{
    Alert,
    alert::{
        MAX_RAW,
        context::{MAX_TERMS, Term},
    },
};

use crate::{
    Scope, Store, StoreError,
    db::{Connection, insert, sql},
    packed,
    row::json,
    sighting::push_keys,
};

/// Events kept of one alert.
pub(super) const KEPT: usize = 5;
/// Findings of one statement.
const CHUNK: usize = 500;

/// An alert, and the finding it is.
pub(crate) struct SeenAlert<'a> {
    pub(crate) alert: &'a Alert,
    pub(crate) finding: i64,
}

/// One event, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEvent {
    pub time: Timestamp,
    /// JSON.
    pub raw: String,
}

/// The number a field has in the record.
pub(crate) fn term_number(term: Term) -> i64 {
    match term {
        Term::User => 0,
        Term::Group => 1,
        Term::ServiceAccount => 2,
        Term::SourceAddress => 3,
        Term::Verb => 4,
        Term::Resource => 5,
    }
}

/// The findings alerts became, in the order given; each with its asset
/// and its rule.
pub(super) async fn seen<'a>(
    connection: &mut Connection,
    placed: &[(&'a Alert, i64, i64)],
) -> Result<Vec<SeenAlert<'a>>, StoreError> {
    let keys: BTreeSet<(i64, i64, &str)> = placed
        .iter()
        .map(|(alert, asset, rule)| (*asset, *rule, alert.fingerprint.as_str()))
        .collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let mut ids: HashMap<(i64, i64, String), i64> = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        let mut query =
            sql("SELECT finding.id, finding.asset_id, finding.rule_id, finding.fingerprint FROM ");
        push_keys(&mut query, chunk, connection.dialect());
        for row in &query.fetch_all(&mut *connection).await? {
            ids.insert(
                (
                    row.int("asset_id")?,
                    row.int("rule_id")?,
                    row.text("fingerprint")?,
                ),
                row.int("id")?,
            );
        }
    }
    Ok(placed
        .iter()
        .filter_map(|(alert, asset, rule)| {
            let finding = *ids.get(&(*asset, *rule, alert.fingerprint.to_string()))?;
            Some(SeenAlert { alert, finding })
        })
        .collect())
}

/// Writes what the alerts say beside their findings.
pub(super) async fn put(
    connection: &mut Connection,
    seen: &[SeenAlert<'_>],
) -> Result<(), StoreError> {
    // Of several the latest speaks.
    let mut contexts: BTreeMap<i64, &Alert> = BTreeMap::new();
    let mut terms: BTreeSet<(i64, i64, String)> = BTreeSet::new();
    for SeenAlert { alert, finding } in seen {
        if alert.context.is_empty() {
            continue;
        }
        let latest = contexts.entry(*finding).or_insert(alert);
        if latest.time <= alert.time {
            *latest = alert;
        }
        for (term, value) in alert.context.terms() {
            // No database keeps a NUL.
            terms.insert((*finding, term_number(term), value.replace('\0', "\u{fffd}")));
        }
    }
    insert("INSERT INTO alert_context (finding_id, context) ")
        .ending(" ON CONFLICT (finding_id) DO UPDATE SET context = excluded.context")
        .rows(connection, &contexts, |row, (finding, alert)| {
            row.push_bind(*finding).push_bind(json(&alert.context));
        })
        .await?;
    let terms = unknown(connection, terms).await?;
    insert("INSERT INTO alert_term (finding_id, field, value) ")
        .ending(" ON CONFLICT (finding_id, field, value) DO NOTHING")
        .rows(connection, &terms, |row, (finding, field, value)| {
            row.push_bind(*finding).push_bind(*field).push_bind(value);
        })
        .await?;
    put_events(connection, seen).await
}

/// Leaves the terms that are not written yet, as far as there is room
/// for them.
async fn unknown(
    connection: &mut Connection,
    terms: BTreeSet<(i64, i64, String)>,
) -> Result<Vec<(i64, i64, String)>, StoreError> {
    let findings: BTreeSet<i64> = terms.iter().map(|(finding, ..)| *finding).collect();
    let findings: Vec<i64> = findings.into_iter().collect();
    let mut known: BTreeSet<(i64, i64, String)> = BTreeSet::new();
    let mut counts: HashMap<(i64, i64), usize> = HashMap::new();
    for chunk in findings.chunks(CHUNK) {
        let mut query = sql("SELECT finding_id, field, value FROM alert_term WHERE finding_id IN ");
        query.push_list(chunk);
        for row in &query.once().fetch_all(&mut *connection).await? {
            let (finding, field) = (row.int("finding_id")?, row.int("field")?);
            *counts.entry((finding, field)).or_default() += 1;
            known.insert((finding, field, row.text("value")?));
        }
    }
    Ok(terms
        .into_iter()
        .filter(|term| !known.contains(term))
        .filter(|(finding, field, _)| {
            let count = counts.entry((*finding, *field)).or_default();
            *count += 1;
            *count <= MAX_TERMS
        })
        .collect())
}

async fn put_events(connection: &mut Connection, seen: &[SeenAlert<'_>]) -> Result<(), StoreError> {
    let mut events: BTreeMap<i64, Vec<&Alert>> = BTreeMap::new();
    for SeenAlert { alert, finding } in seen {
        if alert.raw.as_ref().is_some_and(|raw| raw.len() <= MAX_RAW) {
            events.entry(*finding).or_default().push(alert);
        }
    }
    if events.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::new();
    for (finding, alerts) in &mut events {
        alerts.sort_by_key(|alert| alert.time);
        let first = alerts.len().saturating_sub(KEPT);
        for alert in alerts.drain(first..) {
            let raw = alert.raw.as_deref().unwrap_or_default();
            let packed = packed::pack(raw.as_bytes()).map_err(StoreError::Event)?;
            rows.push((*finding, alert, packed));
        }
    }
    insert("INSERT INTO alert_event (finding_id, event, time, raw) ")
        .ending(" ON CONFLICT (finding_id, event) DO NOTHING")
        .rows(connection, &rows, |row, (finding, alert, packed)| {
            row.push_bind(*finding)
                .push_bind(alert.event.as_str())
                .push_bind(alert.time)
                .push_bind(packed.clone());
        })
        .await?;
    let findings: Vec<i64> = events.into_keys().collect();
    for chunk in findings.chunks(CHUNK) {
        let mut query = sql("DELETE FROM alert_event WHERE finding_id IN ");
        query.push_list(chunk).push(format_args!(
            " AND {KEPT} <= (SELECT COUNT(*) FROM alert_event AS later
                 WHERE later.finding_id = alert_event.finding_id
                   AND (later.time, later.event) > (alert_event.time, alert_event.event))"
        ));
        query.once().execute(&mut *connection).await?;
    }
    Ok(())
}

impl Store {
    /// The last events of an alert, newest first. `None`: there is no
    /// such finding in scope.
    pub async fn alert_events(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<Vec<AlertEvent>>, StoreError> {
        let Some(finding) = self.finding(scope, id).await? else {
            return Ok(None);
        };
        let rows = sql("SELECT time, raw FROM alert_event WHERE finding_id = ?
             ORDER BY time DESC, event DESC")
        .bind(finding.id)
        .fetch_all(&self.readers)
        .await?;
        let events = rows
            .iter()
            .map(|row| {
                let raw = packed::unpack(&row.blob("raw")?, MAX_RAW).map_err(StoreError::Event)?;
                Ok(AlertEvent {
                    time: row.time("time")?,
                    raw: String::from_utf8_lossy(&raw).into_owned(),
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some(events))
    }
}
