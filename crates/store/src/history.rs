//! What happened to findings after they opened.

use jiff::Timestamp;

use crate::{
    Scope, Store, StoreError,
    db::{Connection, insert, sql},
};

/// What can happen to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingEventKind {
    Opened,
    Resolved,
    Reopened,
    Dismissed,
    Exempted,
    ExemptionEnded,
    Assigned,
    Progressed,
    DueChanged,
    SeverityChanged,
    Commented,
    Undone,
}

impl FindingEventKind {
    const ALL: [Self; 12] = [
        Self::Opened,
        Self::Resolved,
        Self::Reopened,
        Self::Dismissed,
        Self::Exempted,
        Self::ExemptionEnded,
        Self::Assigned,
        Self::Progressed,
        Self::DueChanged,
        Self::SeverityChanged,
        Self::Commented,
        Self::Undone,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Dismissed => "dismissed",
            Self::Exempted => "exempted",
            Self::ExemptionEnded => "exemption_ended",
            Self::Assigned => "assigned",
            Self::Progressed => "progressed",
            Self::DueChanged => "due_changed",
            Self::SeverityChanged => "severity_changed",
            Self::Commented => "commented",
            Self::Undone => "undone",
        }
    }
}

/// One thing that happened to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingEvent {
    /// Nought for its opening, which needs no row.
    pub id: i64,
    pub time: Timestamp,
    /// Absent: the product itself, by evidence.
    pub actor: Option<String>,
    pub what: FindingEventKind,
    /// One line for people.
    pub text: String,
}

/// A thing that happens.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent<'a> {
    pub finding: i64,
    pub time: Timestamp,
    pub actor: Option<&'a str>,
    pub what: FindingEventKind,
    pub text: String,
}

/// Notes why findings open that nobody looked for.
pub(crate) async fn put_cause(
    connection: &mut Connection,
    now: Timestamp,
    text: &str,
) -> Result<i64, StoreError> {
    sql("INSERT INTO cause (time, text) VALUES (?, ?) RETURNING id")
        .bind(now)
        .bind(text)
        .scalar()
        .fetch_one(connection)
        .await
}

pub(crate) async fn append(
    connection: &mut Connection,
    events: &[NewEvent<'_>],
) -> Result<(), StoreError> {
    insert("INSERT INTO finding_event (finding_id, time, actor, what, text) ")
        .rows(connection, events, |row, event| {
            row.push_bind(event.finding)
                .push_bind(event.time)
                .push_bind(event.actor)
                .push_bind(event.what.as_str())
                .push_bind(&event.text);
        })
        .await?;
    Ok(())
}

impl Store {
    /// What happened to a finding, newest first; its opening comes last.
    /// `None`: there is no such finding in scope.
    pub async fn finding_history(
        &self,
        scope: &Scope,
        id: &str,
        limit: u32,
    ) -> Result<Option<Vec<FindingEvent>>, StoreError> {
        let Ok(number) = id.parse::<i64>() else {
            return Ok(None);
        };
        let mut query = sql(
            "SELECT first_seen, (SELECT text FROM cause WHERE cause.id = finding.cause_id) AS cause
             FROM finding WHERE id = ",
        );
        query.push_bind(number).push(" AND ");
        scope.constrain(&mut query, "+environment_id");
        let Some(row) = query.fetch_optional(&self.readers).await? else {
            return Ok(None);
        };
        let opened = FindingEvent {
            id: 0,
            time: row.time("first_seen")?,
            actor: None,
            what: FindingEventKind::Opened,
            text: match row.maybe_text("cause")? {
                Some(cause) => format!("first seen, because {cause}"),
                None => "first seen".to_owned(),
            },
        };
        let rows = sql("SELECT id, time, actor, what, text FROM finding_event
             WHERE finding_id = ? ORDER BY id DESC LIMIT ?")
        .bind(number)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let mut events = rows
            .iter()
            .map(|row| {
                let what = row.text("what")?;
                Ok(FindingEvent {
                    id: row.int("id")?,
                    time: row.time("time")?,
                    actor: row.maybe_text("actor")?,
                    what: FindingEventKind::ALL
                        .into_iter()
                        .find(|kind| kind.as_str() == what)
                        .unwrap_or(FindingEventKind::Commented),
                    text: row.text("text")?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        if events.len() < limit as usize {
            events.push(opened);
        }
        Ok(Some(events))
    }
}
