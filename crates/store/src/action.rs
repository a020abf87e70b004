//! What people do with findings, many at once, and taking it back.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};
use model::{NoticeEvent, Progress, Reason};

use crate::{
    Author, FindingEventKind, FindingFilter, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Connection, insert, sql},
    decision::{self, Decided, Judged},
    history::{self, NewEvent},
    outbox,
    rollup::Deltas,
    row::{json, number},
    trend::{self, Activity},
};

/// The most findings of one action.
pub const MAX_SELECTED: usize = 20_000;

/// Something a person does with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingAction {
    Dismiss {
        reason: Reason,
        note: Option<String>,
    },
    Reopen {
        note: Option<String>,
    },
    Assign {
        to: Option<String>,
    },
    Progress(Progress),
    Due(Option<Date>),
    Comment(String),
}

/// Which findings it is done with.
#[derive(Clone, Debug)]
pub enum Selected {
    Ids(Vec<String>),
    All(Box<FindingFilter>),
}

/// What an action did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionDone {
    pub id: String,
    pub changed: u64,
    /// Selected, but already so, not open to it or not in scope.
    pub skipped: u64,
    pub summary: String,
    pub undo_until: Timestamp,
    /// Environments and kinds of which counts moved.
    pub touched: Vec<(String, model::FindingKind)>,
}

/// Why an action cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    #[error("it was taken back already")]
    Undone,
    #[error("it was too long ago")]
    TooLate,
}

impl FindingAction {
    fn event(&self) -> FindingEventKind {
        match self {
            Self::Dismiss { .. } => FindingEventKind::Dismissed,
            Self::Reopen { .. } => FindingEventKind::Reopened,
            Self::Assign { .. } => FindingEventKind::Assigned,
            Self::Progress(_) => FindingEventKind::Progressed,
            Self::Due(_) => FindingEventKind::DueChanged,
            Self::Comment(_) => FindingEventKind::Commented,
        }
    }

    fn notice(&self) -> Option<NoticeEvent> {
        match self {
            Self::Dismiss { .. } => Some(NoticeEvent::FindingDismissed),
            Self::Reopen { .. } => Some(NoticeEvent::FindingReopened),
            Self::Assign { .. } | Self::Progress(_) | Self::Due(_) => {
                Some(NoticeEvent::FindingChanged)
            }
            Self::Comment(_) => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Dismiss { .. } => "finding.dismiss",
            Self::Reopen { .. } => "finding.reopen",
            Self::Assign { .. } => "finding.assign",
            Self::Progress(_) => "finding.progress",
            Self::Due(_) => "finding.due",
            Self::Comment(_) => "finding.comment",
        }
    }

    /// One line for people, after "3 findings".
    fn done(&self) -> String {
        match self {
            Self::Dismiss { reason, .. } => format!("dismissed {}", reason.phrase()),
            Self::Reopen { .. } => "reopened".to_owned(),
            Self::Assign { to: Some(to) } => format!("assigned to {to}"),
            Self::Assign { to: None } => "assigned to nobody".to_owned(),
            Self::Progress(Progress::InProgress) => "in progress".to_owned(),
            Self::Progress(Progress::New) => "set back to new".to_owned(),
            Self::Due(Some(date)) => format!("due on {date}"),
            Self::Due(None) => "due at no date".to_owned(),
            Self::Comment(_) => "commented".to_owned(),
        }
    }

    /// What its history says.
    fn text(&self) -> String {
        match self {
            Self::Dismiss {
                note: Some(note), ..
            }
            | Self::Reopen { note: Some(note) } => format!("{}: {note}", self.done()),
            Self::Comment(text) => text.clone(),
            _ => self.done(),
        }
    }

    /// What a finding becomes; `None`: it is so already, or this is not
    /// for it.
    fn apply(&self, before: &Decided, by: &str, now: i64) -> Option<Decided> {
        let mut after = before.clone();
        match self {
            Self::Dismiss { reason, note } => {
                let may = before.state == 0 || before.state == 2;
                let is_so = before.state == 2
                    && before.reason.as_deref() == Some(reason.as_str())
                    && before.note == *note;
                if !may || is_so {
                    return None;
                }
                after.forget_reason();
                after.state = 2;
                after.reason = Some(reason.as_str().to_owned());
                after.note.clone_from(note);
                after.by = Some(by.to_owned());
                after.at = Some(now);
            }
            // One that is exempted is reopened by ending its exemption.
            Self::Reopen { .. } => {
                if before.state != 2 {
                    return None;
                }
                after.forget_reason();
                after.state = 0;
            }
            Self::Assign { to } => after.assignee.clone_from(to),
            Self::Progress(progress) => {
                after.progress = i64::from(*progress == Progress::InProgress);
            }
            Self::Due(date) => after.due = date.map(|date| date.to_string()),
            Self::Comment(_) => after.comments += 1,
        }
        (after != *before).then_some(after)
    }

    /// What is kept of it, for the record of actions.
    fn record(&self) -> serde_json::Value {
        serde_json::json!({ "action": self.name(), "text": self.text() })
    }
}

impl Store {
    /// Does something with the findings selected in scope. It can be
    /// taken back for `undo_for`.
    pub async fn act(
        &self,
        author: Author,
        scope: &Scope,
        selected: Selected,
        action: FindingAction,
        undo_for: SignedDuration,
    ) -> Result<ActionDone, StoreError> {
        let asked = match &selected {
            Selected::Ids(ids) => ids.len(),
            Selected::All(_) => 0,
        };
        let ids = self.select(scope, selected).await?;
        let environments = scope.ids().to_vec();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let judged = decision::load(connection, &ids, Some(&environments)).await?;
                    let asked = asked.max(ids.len());
                    act(connection, &author, judged, asked, &action, undo_for).await
                })
            })
            .await
    }

    /// The ids selected, as far as they are ids.
    async fn select(&self, scope: &Scope, selected: Selected) -> Result<Vec<i64>, StoreError> {
        let mut ids: Vec<i64> = match selected {
            Selected::Ids(ids) => ids.iter().filter_map(|id| id.parse().ok()).collect(),
            Selected::All(filter) => {
                let mut query = sql("SELECT finding.id FROM finding WHERE ");
                filter.narrow(
                    scope,
                    &mut query,
                    filter.environment_column(),
                    self.dialect(),
                );
                query.push(format_args!(" LIMIT {}", MAX_SELECTED + 1));
                query.scalar().fetch_all(&self.readers).await?
            }
        };
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > MAX_SELECTED {
            return Err(StoreError::TooMany(MAX_SELECTED));
        }
        Ok(ids)
    }

    /// Takes an action back, as far as nothing else was done since with
    /// the findings in scope. `None`: no such action.
    pub async fn undo(
        &self,
        author: Author,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<Result<ActionDone, UndoError>>, StoreError> {
        let environments = scope.ids().to_vec();
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move { undo(connection, &author, &environments, &id).await })
            })
            .await
    }
}

/// Changes of findings, gathered.
#[derive(Default)]
pub(crate) struct Gathered {
    pub deltas: Deltas,
    pub events: Vec<(i64, FindingEventKind, String)>,
    /// By environment and what others are told.
    pub told: BTreeMap<(i64, NoticeEvent), Vec<i64>>,
    /// By environment and kind.
    pub activity: BTreeMap<(i64, i64), Activity>,
    /// Findings that counted as open until an exemption took them, and
    /// their severities.
    pub held: Vec<(i64, i64)>,
}

impl Gathered {
    /// Notes that a finding is decided so now.
    pub(crate) fn change(&mut self, judged: &Judged, after: &Decided) {
        let is = judged.weight_as(after);
        self.deltas.change(Some(&judged.weight), Some(&is));
        let place = (is.environment, is.kind);
        let activity = self.activity.entry(place).or_default();
        match (judged.weight.state, is.state) {
            (2, 2) | (3, 3) => {}
            (_, 2) => activity.dismissed += 1,
            (_, 3) => activity.exempted += 1,
            _ => {}
        }
    }

    /// Writes all of it but the findings themselves.
    pub(crate) async fn finish(
        self,
        connection: &mut Connection,
        actor: Option<&str>,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let events: Vec<NewEvent<'_>> = self
            .events
            .into_iter()
            .map(|(finding, what, text)| NewEvent {
                finding,
                time: now,
                actor,
                what,
                text,
            })
            .collect();
        history::append(connection, &events).await?;
        self.deltas.apply(connection, now).await?;
        for ((environment, kind), activity) in &self.activity {
            trend::note(connection, *environment, *kind, now, activity).await?;
        }
        for ((environment, event), findings) in &self.told {
            let decision = outbox::Decision { actor, reason };
            outbox::note(connection, *environment, now, *event, findings, decision).await?;
        }
        Ok(self.activity.into_keys().collect())
    }
}

async fn act(
    connection: &mut Connection,
    author: &Author,
    judged: Vec<Judged>,
    asked: usize,
    action: &FindingAction,
    undo_for: SignedDuration,
) -> Result<ActionDone, StoreError> {
    let now = author.time;
    let changed: Vec<(&Judged, Decided)> = judged
        .iter()
        .filter_map(|judged| {
            let after = action.apply(&judged.decided, &author.name, now.as_microsecond())?;
            Some((judged, after))
        })
        .collect();
    let summary = format!("{} {}", findings(changed.len()), action.done());
    let undo_until = now + undo_for;
    let uid = crate::scan::mint();
    let id: i64 = sql(
        "INSERT INTO action (uid, actor, time, what, summary, changed, undo_until)
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(&uid)
    .bind(&author.name)
    .bind(now)
    .bind(action.record().to_string())
    .bind(&summary)
    .bind(number(changed.len()))
    .bind(undo_until)
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    insert("INSERT INTO action_finding (action_id, finding_id, before) ")
        .rows(&mut *connection, &changed, |row, (judged, _)| {
            row.push_bind(id)
                .push_bind(judged.id)
                .push_bind(json(&judged.decided));
        })
        .await?;
    let mut gathered = Gathered::default();
    let mut rows = Vec::with_capacity(changed.len());
    for (judged, after) in &changed {
        gathered.change(judged, after);
        gathered
            .events
            .push((judged.id, action.event(), action.text()));
        if let Some(notice) = action.notice()
            && judged.weight.suppressed == 0
        {
            let place = (judged.weight.environment, notice);
            gathered.told.entry(place).or_default().push(judged.id);
        }
        rows.push((
            judged.id,
            Decided {
                action: Some(id),
                ..after.clone()
            },
        ));
    }
    decision::write(connection, &rows).await?;
    if !rows.is_empty() {
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).take(100).collect();
        let note = Note::of(action.name(), "action", &uid).made(&serde_json::json!({
            "summary": summary,
            "text": action.text(),
            "findings": ids,
        }));
        audit::note(connection, author, note).await?;
    }
    let reason = match action {
        FindingAction::Dismiss { reason, .. } => Some(reason.as_str()),
        _ => None,
    };
    let places = gathered
        .finish(connection, Some(&author.name), reason, now)
        .await?;
    Ok(ActionDone {
        id: uid,
        changed: changed.len() as u64,
        skipped: asked.saturating_sub(changed.len()) as u64,
        summary,
        undo_until,
        touched: named(connection, places).await?,
    })
}

async fn undo(
    connection: &mut Connection,
    author: &Author,
    environments: &[i64],
    uid: &str,
) -> Result<Option<Result<ActionDone, UndoError>>, StoreError> {
    let now = author.time;
    let row = sql("SELECT id, actor, time, summary, undo_until, undone FROM action WHERE uid = ?")
        .bind(uid)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    if row.maybe_int("undone")?.is_some() {
        return Ok(Some(Err(UndoError::Undone)));
    }
    if row.time("undo_until")? < now {
        return Ok(Some(Err(UndoError::TooLate)));
    }
    let (id, did) = (row.int("id")?, row.text("summary")?);
    let undo_until = row.time("undo_until")?;
    let mut before: BTreeMap<i64, Decided> = BTreeMap::new();
    let rows = sql("SELECT finding_id, before FROM action_finding WHERE action_id = ?")
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        before.insert(row.int("finding_id")?, row.json("before")?);
    }
    let ids: Vec<i64> = before.keys().copied().collect();
    let judged = decision::load(connection, &ids, Some(environments)).await?;
    let mut gathered = Gathered::default();
    let mut rows = Vec::new();
    for judged in &judged {
        if judged.decided.action != Some(id) {
            continue;
        }
        let Some(mut after) = before.remove(&judged.id) else {
            continue;
        };
        // What evidence said meanwhile stands.
        if judged.decided.state == 1 {
            after.state = 1;
        } else if after.state == 1 {
            after.state = judged.decided.state;
        }
        let was_open = judged.weight.is_open();
        gathered.change(judged, &after);
        gathered.events.push((
            judged.id,
            FindingEventKind::Undone,
            format!("undone: {did}"),
        ));
        if judged.weight.suppressed == 0 && was_open != judged.weight_as(&after).is_open() {
            let notice = match after.state {
                0 => NoticeEvent::FindingReopened,
                2 => NoticeEvent::FindingDismissed,
                _ => NoticeEvent::FindingChanged,
            };
            let place = (judged.weight.environment, notice);
            gathered.told.entry(place).or_default().push(judged.id);
        }
        rows.push((judged.id, after));
    }
    take_comments_back(connection, &row, &rows).await?;
    decision::write(connection, &rows).await?;
    sql("UPDATE action SET undone = ? WHERE id = ?")
        .bind(now)
        .bind(id)
        .execute(&mut *connection)
        .await?;
    let summary = format!("{} put back", findings(rows.len()));
    let note = Note::of("finding.undo", "action", uid).made(&serde_json::json!({
        "summary": summary,
        "undone": did,
    }));
    audit::note(connection, author, note).await?;
    let places = gathered
        .finish(connection, Some(&author.name), None, now)
        .await?;
    Ok(Some(Ok(ActionDone {
        id: uid.to_owned(),
        changed: rows.len() as u64,
        skipped: ids.len().saturating_sub(rows.len()) as u64,
        summary,
        undo_until,
        touched: named(connection, places).await?,
    })))
}

/// A comment taken back is gone; that there was one stays in the
/// history and in the audit trail.
async fn take_comments_back(
    connection: &mut Connection,
    action: &crate::db::Row,
    rows: &[(i64, Decided)],
) -> Result<(), StoreError> {
    for chunk in rows.chunks(1000) {
        let mut query = sql("DELETE FROM finding_event WHERE what = 'commented' AND time = ");
        query
            .push_bind(action.int("time")?)
            .push(" AND actor = ")
            .push_bind(action.text("actor")?)
            .push(" AND finding_id IN ")
            .push_list(chunk.iter().map(|(id, _)| *id));
        query.once().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Places by the names people know.
pub(crate) async fn named(
    connection: &mut Connection,
    places: Vec<(i64, i64)>,
) -> Result<Vec<(String, model::FindingKind)>, StoreError> {
    let mut named = Vec::with_capacity(places.len());
    for (environment, kind) in places {
        let name = sql("SELECT name FROM environment WHERE id = ?")
            .bind(environment)
            .scalar::<String>()
            .fetch_optional(&mut *connection)
            .await?;
        named.extend(name.map(|name| (name, crate::finding::kind_of(kind))));
    }
    Ok(named)
}

fn findings(count: usize) -> String {
    if count == 1 {
        "1 finding".to_owned()
    } else {
        format!("{count} findings")
    }
}
