//! What people do with incidents.

use model::{IncidentState, NoticeEvent, Reason};

use super::{Incident, IncidentEventKind, NewEvent, SELECT, append, picture, read, state_number};
use crate::{
    Author, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Connection, sql},
    outbox,
};

/// A change; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct IncidentChange {
    pub state: Option<IncidentState>,
    /// Why it is closed.
    pub reason: Option<Reason>,
    pub note: Option<String>,
    /// `Some(None)`: nobody.
    pub assignee: Option<Option<String>>,
}

impl Store {
    /// Acknowledges, closes, reopens, assigns or comments. `None`: there
    /// is no such incident in scope, or its alerts are another's.
    pub async fn change_incident(
        &self,
        author: Author,
        scope: &Scope,
        id: &str,
        change: IncidentChange,
    ) -> Result<Option<Incident>, StoreError> {
        let Some(known) = self.incident(scope, id).await? else {
            return Ok(None);
        };
        let number = known.number;
        let environment = known.environment;
        let changed = self
            .writer
            .write(move |connection| {
                Box::pin(
                    async move { apply(connection, &author, number, &environment, &change).await },
                )
            })
            .await?;
        if changed {
            self.incident(scope, id).await
        } else {
            Ok(None)
        }
    }
}

async fn apply(
    connection: &mut Connection,
    author: &Author,
    number: i64,
    environment: &str,
    change: &IncidentChange,
) -> Result<bool, StoreError> {
    let mut query = sql(SELECT);
    query
        .push("incident.state < 3 AND incident.id = ")
        .push_bind(number);
    let Some(row) = query.fetch_optional(&mut *connection).await? else {
        return Ok(false);
    };
    let environment_id = row.int("environment_id")?;
    let before = read(&row)?;
    let mut after = before.clone();
    let mut events = Vec::new();
    let mut tell = |what, text: String| {
        events.push(NewEvent {
            incident: number,
            time: author.time,
            actor: Some(author.name.clone()),
            what,
            text,
        });
    };
    if let Some(state) = change.state.filter(|state| *state != before.state) {
        after.state = state;
        after.decided_by = Some(author.name.clone());
        after.decided = Some(author.time);
        after.reason = change.reason.filter(|_| state == IncidentState::Closed);
        after.note.clone_from(&change.note);
        let (what, said) = match state {
            IncidentState::Acknowledged => (IncidentEventKind::Acknowledged, "acknowledged".into()),
            IncidentState::Closed => {
                let why = after.reason.map(Reason::phrase).unwrap_or_default();
                (IncidentEventKind::Closed, format!("closed {why}"))
            }
            _ => (IncidentEventKind::Reopened, "reopened".to_owned()),
        };
        let said = said.trim_end();
        tell(
            what,
            match &change.note {
                Some(note) => format!("{said}: {note}"),
                None => said.to_owned(),
            },
        );
    } else if let Some(note) = &change.note {
        tell(IncidentEventKind::Commented, note.clone());
    }
    if let Some(assignee) = change
        .assignee
        .as_ref()
        .filter(|to| **to != before.assignee)
    {
        after.assignee.clone_from(assignee);
        tell(
            IncidentEventKind::Assigned,
            match assignee {
                Some(name) => format!("assigned to {name}"),
                None => "assigned to nobody".to_owned(),
            },
        );
    }
    if events.is_empty() {
        return Ok(true);
    }
    sql(
        "UPDATE incident SET state = ?, reason = ?, note = ?, assignee = ?, decided_by = ?,
             decided = ? WHERE id = ?",
    )
    .bind(state_number(after.state))
    .bind(after.reason.map(Reason::as_str))
    .bind(&after.note)
    .bind(&after.assignee)
    .bind(&after.decided_by)
    .bind(after.decided)
    .bind(number)
    .execute(&mut *connection)
    .await?;
    append(connection, &events).await?;
    let entry = Note::of("incident.update", "incident", &after.id)
        .within(environment)
        .changed(&record(&before), &record(&after));
    audit::note(connection, author, entry).await?;
    if after.state == IncidentState::Closed && before.state != after.state {
        let mut told = picture(&after);
        told.actor = Some(author.name.clone());
        told.reason = after
            .note
            .clone()
            .or_else(|| after.reason.map(|reason| reason.as_str().to_owned()));
        let event = NoticeEvent::IncidentClosed;
        outbox::note_incidents(connection, environment_id, author.time, event, vec![told]).await?;
    }
    Ok(true)
}

/// What of it people change.
fn record(incident: &Incident) -> serde_json::Value {
    serde_json::json!({
        "state": incident.state.as_str(),
        "reason": incident.reason.map(Reason::as_str),
        "note": incident.note,
        "assignee": incident.assignee,
    })
}
