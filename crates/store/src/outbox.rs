//! What other systems are to be told of, written in the transaction of
//! the change itself: a change that was undone is told to nobody, and
//! one that was acknowledged is never forgotten.
//!
//! Where no route asks for an event nothing is written, so that a record
//! nobody exports pays nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::{
    Notice, NoticeEvent,
    notice::{NoticedIncident, NoticedRecommendation},
};

use crate::{
    Store, StoreError,
    db::{Connection, ROWS, Sql, insert, sql},
    notice,
    row::json,
};

/// Findings looked at in one statement.
const CHUNK: usize = ROWS;

/// Who decided, and why.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decision<'a> {
    pub(crate) actor: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
}

/// Something happened to these findings, by id. Call it after their rows
/// say so: the picture is taken now.
pub(crate) async fn note(
    connection: &mut Connection,
    environment_id: i64,
    time: Timestamp,
    event: NoticeEvent,
    findings: &[i64],
    decision: Decision<'_>,
) -> Result<(), StoreError> {
    let Some(environment) = wanted(connection, environment_id, event, findings.is_empty()).await?
    else {
        return Ok(());
    };
    for chunk in findings.chunks(CHUNK) {
        let mut query = notice::pictures();
        query
            .push("finding.id")
            .push_in(chunk, connection.dialect())
            .push(" ORDER BY finding.id");
        put(connection, &environment, time, event, query, decision).await?;
    }
    Ok(())
}

/// A recommendation's affected assets, severity or state changed.
pub(crate) async fn note_recommendation(
    connection: &mut Connection,
    environment_id: i64,
    time: Timestamp,
    recommendation: NoticedRecommendation,
) -> Result<(), StoreError> {
    let event = NoticeEvent::RecommendationChanged;
    let Some(environment) = wanted(connection, environment_id, event, false).await? else {
        return Ok(());
    };
    let notice = Notice {
        id: uuid::Uuid::now_v7().to_string(),
        event,
        time,
        environment: environment.name.clone(),
        link: Some(format!("/recommendations/{}", recommendation.id)),
        finding: None,
        recommendation: Some(recommendation),
        incident: None,
        digest: None,
    };
    append(connection, &environment, &[notice]).await
}

/// Incidents opened, became worse or were closed.
pub(crate) async fn note_incidents(
    connection: &mut Connection,
    environment_id: i64,
    time: Timestamp,
    event: NoticeEvent,
    incidents: Vec<NoticedIncident>,
) -> Result<(), StoreError> {
    let Some(environment) = wanted(connection, environment_id, event, incidents.is_empty()).await?
    else {
        return Ok(());
    };
    let notices: Vec<Notice> = incidents
        .into_iter()
        .map(|incident| Notice {
            id: uuid::Uuid::now_v7().to_string(),
            event,
            time,
            environment: environment.name.clone(),
            link: Some(format!("/incidents/{}", incident.id)),
            finding: None,
            recommendation: None,
            incident: Some(incident),
            digest: None,
        })
        .collect();
    append(connection, &environment, &notices).await
}

impl Store {
    /// Tells of something that is no change of the record.
    pub async fn put_notices(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment = Environment {
                        name: String::new(),
                        demo: false,
                    };
                    append(connection, &environment, &notices).await
                })
            })
            .await
    }
}

struct Environment {
    name: String,
    demo: bool,
}

/// The environment, if any route asks for such an event.
async fn wanted(
    connection: &mut Connection,
    environment_id: i64,
    event: NoticeEvent,
    nothing: bool,
) -> Result<Option<Environment>, StoreError> {
    if nothing {
        return Ok(None);
    }
    let asked: Vec<String> = sql("SELECT events FROM route WHERE enabled = 1")
        .scalar()
        .fetch_all(&mut *connection)
        .await?;
    let asked: BTreeSet<NoticeEvent> = asked
        .iter()
        .flat_map(|events| serde_json::from_str::<Vec<NoticeEvent>>(events).unwrap_or_default())
        .collect();
    if !asked.contains(&event) {
        return Ok(None);
    }
    let row = sql("SELECT name, demo FROM environment WHERE id = ?")
        .bind(environment_id)
        .fetch_optional(&mut *connection)
        .await?;
    row.map(|row| {
        Ok(Environment {
            name: row.text("name")?,
            demo: row.flag("demo")?,
        })
    })
    .transpose()
}

async fn put(
    connection: &mut Connection,
    environment: &Environment,
    time: Timestamp,
    event: NoticeEvent,
    query: Sql,
    decision: Decision<'_>,
) -> Result<(), StoreError> {
    let rows = query.fetch_all(&mut *connection).await?;
    let notices = rows
        .iter()
        .map(|row| {
            let mut finding = notice::picture(row)?;
            if decision.actor.is_some() {
                finding.actor = decision.actor.map(str::to_owned);
            }
            if decision.reason.is_some() {
                finding.reason = decision.reason.map(str::to_owned);
            }
            Ok(notice::of_finding(event, time, &environment.name, finding))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    append(connection, environment, &notices).await
}

async fn append(
    connection: &mut Connection,
    environment: &Environment,
    notices: &[Notice],
) -> Result<(), StoreError> {
    insert("INSERT INTO outbox (demo, notice) ")
        .rows(connection, notices, |row, notice| {
            row.push_bind(environment.demo).push_bind(json(notice));
        })
        .await?;
    Ok(())
}
