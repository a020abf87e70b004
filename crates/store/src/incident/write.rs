//! Writing incidents down, and telling of them.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use model::{IncidentState, NoticeEvent};

use super::{
    IncidentEventKind, NewEvent, append,
    gather::{CHUNK, Working},
    picture, state_number,
};
use crate::{
    StoreError,
    counts::severity_number,
    db::{Connection, insert, sql},
    outbox,
    row::json,
};

pub(super) async fn write(
    connection: &mut Connection,
    environment: i64,
    all: &mut [Working],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut events = Vec::new();
    for working in all.iter_mut() {
        merge(connection, working, now, &mut events).await?;
    }
    insert_new(connection, environment, all).await?;
    put_alerts(connection, environment, all).await?;
    update(connection, all).await?;
    let mut told: BTreeMap<NoticeEvent, Vec<_>> = BTreeMap::new();
    for working in all.iter() {
        if let Some((notice, what, text)) = working.news() {
            told.entry(notice)
                .or_default()
                .push(picture(&working.incident));
            events.push(NewEvent {
                incident: working.incident.number,
                time: now,
                actor: None,
                what,
                text,
            });
        }
    }
    append(connection, &events).await?;
    for (event, incidents) in told {
        outbox::note_incidents(connection, environment, now, event, incidents).await?;
    }
    Ok(())
}

/// Moves the alerts of others that are in the record.
async fn merge(
    connection: &mut Connection,
    working: &Working,
    now: Timestamp,
    events: &mut Vec<NewEvent>,
) -> Result<(), StoreError> {
    // A new one is younger than any in the record, and takes over none.
    let home = working.incident.number;
    for &other in &working.merged {
        sql(
            "INSERT INTO incident_alert (incident_id, finding_id, first_seen, last_seen, events)
             SELECT ?, finding_id, first_seen, last_seen, events FROM incident_alert
             WHERE incident_id = ?
             ON CONFLICT (incident_id, finding_id) DO UPDATE SET
                 events = incident_alert.events + excluded.events,
                 first_seen = CASE WHEN excluded.first_seen < incident_alert.first_seen
                     THEN excluded.first_seen ELSE incident_alert.first_seen END,
                 last_seen = CASE WHEN excluded.last_seen > incident_alert.last_seen
                     THEN excluded.last_seen ELSE incident_alert.last_seen END",
        )
        .bind(home)
        .bind(other)
        .execute(&mut *connection)
        .await?;
        sql(
            "INSERT INTO incident_key (incident_id, key, environment_id, cluster, first_seen,
                 last_seen)
             SELECT ?, key, environment_id, cluster, first_seen, last_seen FROM incident_key
             WHERE incident_id = ?
             ON CONFLICT (incident_id, key) DO UPDATE SET
                 first_seen = CASE WHEN excluded.first_seen < incident_key.first_seen
                     THEN excluded.first_seen ELSE incident_key.first_seen END,
                 last_seen = CASE WHEN excluded.last_seen > incident_key.last_seen
                     THEN excluded.last_seen ELSE incident_key.last_seen END",
        )
        .bind(home)
        .bind(other)
        .execute(&mut *connection)
        .await?;
        for table in ["incident_alert", "incident_key"] {
            sql(format!("DELETE FROM {table} WHERE incident_id = ?"))
                .bind(other)
                .execute(&mut *connection)
                .await?;
        }
        sql("UPDATE incident SET state = ?, merged_into = ? WHERE id = ?")
            .bind(state_number(IncidentState::Merged))
            .bind(&working.incident.id)
            .bind(other)
            .execute(&mut *connection)
            .await?;
        // What was merged into it earlier is where it is now.
        sql("UPDATE incident SET merged_into = ? WHERE merged_into =
                 (SELECT uid FROM incident WHERE id = ?)")
        .bind(&working.incident.id)
        .bind(other)
        .execute(&mut *connection)
        .await?;
        for (incident, text) in [
            (home, "another incident turned out to be part of it"),
            (other, "its alerts are part of an older incident"),
        ] {
            events.push(NewEvent {
                incident,
                time: now,
                actor: None,
                what: IncidentEventKind::Merged,
                text: text.to_owned(),
            });
        }
    }
    Ok(())
}

async fn insert_new(
    connection: &mut Connection,
    environment: i64,
    all: &mut [Working],
) -> Result<(), StoreError> {
    for working in all.iter_mut().filter(|working| working.before.is_none()) {
        let events: i64 = working.alerts.values().map(|(_, times)| times).sum();
        working.conclude(working.alerts.len() as u64, events.try_into().unwrap_or(0));
    }
    let new: Vec<&Working> = all
        .iter()
        .filter(|working| working.before.is_none())
        .collect();
    let rows = insert(
        "INSERT INTO incident (uid, environment_id, cluster, title, severity, worst, tactics,
             techniques, principals, workloads, alerts, events, shown, state, first_seen,
             last_seen, opened) ",
    )
    .ending(" RETURNING id, uid")
    .returning(connection, new, |row, working| {
        let incident = &working.incident;
        row.push_bind(&incident.id)
            .push_bind(environment)
            .push_bind(incident.cluster.clone().unwrap_or_default())
            .push_bind(&incident.title)
            .push_bind(severity_number(incident.severity))
            .push_bind(severity_number(incident.worst))
            .push_bind(i64::from(incident.tactics.bits()))
            .push_bind(json(&incident.techniques))
            .push_bind(json(&incident.principals))
            .push_bind(json(&incident.workloads))
            .push_bind(count(incident.alerts))
            .push_bind(count(incident.events))
            .push_bind(incident.is_shown)
            .push_bind(0_i64)
            .push_bind(incident.first_seen)
            .push_bind(incident.last_seen)
            .push_bind(incident.opened);
    })
    .await?;
    let mut numbers: HashMap<String, i64> = HashMap::with_capacity(rows.len());
    for row in &rows {
        numbers.insert(row.text("uid")?, row.int("id")?);
    }
    for working in all.iter_mut() {
        if let Some(number) = numbers.get(&working.incident.id) {
            working.incident.number = *number;
        }
    }
    Ok(())
}

fn count(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

async fn put_alerts(
    connection: &mut Connection,
    environment: i64,
    all: &[Working],
) -> Result<(), StoreError> {
    let mut alerts = Vec::new();
    let mut keys = Vec::new();
    for working in all {
        let incident = &working.incident;
        alerts.extend(working.alerts.iter().map(|alert| (incident.number, alert)));
        keys.extend(working.keys.iter().map(|key| (incident, key)));
    }
    insert("INSERT INTO incident_alert (incident_id, finding_id, first_seen, last_seen, events) ")
        .ending(
            " ON CONFLICT (incident_id, finding_id) DO UPDATE SET
                 events = incident_alert.events + excluded.events,
                 first_seen = CASE WHEN excluded.first_seen < incident_alert.first_seen
                     THEN excluded.first_seen ELSE incident_alert.first_seen END,
                 last_seen = CASE WHEN excluded.last_seen > incident_alert.last_seen
                     THEN excluded.last_seen ELSE incident_alert.last_seen END",
        )
        .rows(
            connection,
            alerts,
            |row, (incident, (finding, (span, times)))| {
                row.push_bind(incident)
                    .push_bind(*finding)
                    .push_bind(span.first)
                    .push_bind(span.last)
                    .push_bind(*times);
            },
        )
        .await?;
    insert(
        "INSERT INTO incident_key (incident_id, key, environment_id, cluster, first_seen,
             last_seen) ",
    )
    .ending(
        " ON CONFLICT (incident_id, key) DO UPDATE SET
             first_seen = CASE WHEN excluded.first_seen < incident_key.first_seen
                 THEN excluded.first_seen ELSE incident_key.first_seen END,
             last_seen = CASE WHEN excluded.last_seen > incident_key.last_seen
                 THEN excluded.last_seen ELSE incident_key.last_seen END",
    )
    .rows(connection, keys, |row, (incident, (key, span))| {
        row.push_bind(incident.number)
            .push_bind(key)
            .push_bind(environment)
            .push_bind(incident.cluster.clone().unwrap_or_default())
            .push_bind(span.first)
            .push_bind(span.last);
    })
    .await?;
    Ok(())
}

/// Brings those that were there up to date.
async fn update(connection: &mut Connection, all: &mut [Working]) -> Result<(), StoreError> {
    let known = |working: &&mut Working| working.before.is_some();
    let ids: Vec<i64> = all
        .iter_mut()
        .filter(known)
        .map(|working| working.incident.number)
        .collect();
    let mut counts: HashMap<i64, (u64, u64)> = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut query = sql("SELECT incident_id, COUNT(*) AS alerts,
                 CAST(SUM(events) AS BIGINT) AS events
             FROM incident_alert WHERE incident_id IN ");
        query.push_list(chunk).push(" GROUP BY incident_id");
        for row in &query.once().fetch_all(&mut *connection).await? {
            let counted = (row.count("alerts")?, row.count("events")?);
            counts.insert(row.int("incident_id")?, counted);
        }
    }
    let mut rows = Vec::with_capacity(ids.len());
    for working in all.iter_mut().filter(known) {
        let (alerts, events) = counts
            .get(&working.incident.number)
            .copied()
            .unwrap_or_default();
        working.conclude(alerts, events);
        let incident = &working.incident;
        rows.push(vec![
            incident.number.into(),
            (&incident.title).into(),
            severity_number(incident.severity).into(),
            severity_number(incident.worst).into(),
            i64::from(incident.tactics.bits()).into(),
            json(&incident.techniques).into(),
            json(&incident.principals).into(),
            json(&incident.workloads).into(),
            count(incident.alerts).into(),
            count(incident.events).into(),
            i64::from(incident.is_shown).into(),
            incident.first_seen.as_microsecond().into(),
            incident.last_seen.as_microsecond().into(),
            (&incident.assignee).into(),
        ]);
    }
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(CHUNK));
        let mut query = sql("UPDATE incident SET title = delta.column2,
                 severity = delta.column3, worst = delta.column4, tactics = delta.column5,
                 techniques = delta.column6, principals = delta.column7,
                 workloads = delta.column8, alerts = delta.column9, events = delta.column10,
                 shown = delta.column11, first_seen = delta.column12,
                 last_seen = delta.column13, assignee = delta.column14 FROM ");
        query.push_rows(std::mem::replace(&mut rows, rest), connection.dialect());
        query.push(" WHERE incident.id = delta.column1");
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
