//! The columns of a finding that people decide, read and written in bulk.

use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    db::{Connection, ROWS, Row, Value, sql},
    rollup::{WEIGHT, Weight},
};

/// What people decided about a finding; kept of each before an action,
/// so that it can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Decided {
    pub state: i64,
    pub progress: i64,
    pub assignee: Option<String>,
    pub due: Option<String>,
    pub comments: i64,
    pub reason: Option<String>,
    pub note: Option<String>,
    pub by: Option<String>,
    pub at: Option<i64>,
    pub exemption: Option<i64>,
    /// The last action of a person; not restored.
    #[serde(skip)]
    pub action: Option<i64>,
}

impl Decided {
    /// Forgets who accepted it.
    pub(crate) fn forget_reason(&mut self) {
        self.reason = None;
        self.note = None;
        self.by = None;
        self.at = None;
        self.exemption = None;
    }
}

/// A finding, as it weighs and as it is decided.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub id: i64,
    pub weight: Weight,
    pub decided: Decided,
}

impl Judged {
    /// What it weighs once it is decided so.
    pub(crate) fn weight_as(&self, decided: &Decided) -> Weight {
        Weight {
            state: decided.state,
            exemption: decided.exemption,
            ..self.weight
        }
    }

    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let weight = Weight::read(row)?;
        Ok(Self {
            id: row.int("id")?,
            decided: Decided {
                state: weight.state,
                progress: row.int("progress")?,
                assignee: row.maybe_text("assignee")?,
                due: row.maybe_text("due")?,
                comments: row.int("comments")?,
                reason: row.maybe_text("reason")?,
                note: row.maybe_text("note")?,
                by: row.maybe_text("decided_by")?,
                at: row.maybe_int("decided")?,
                exemption: weight.exemption,
                action: row.maybe_int("action_id")?,
            },
            weight,
        })
    }
}

/// The findings of these ids that are in `environments`; all of them
/// where that is absent.
pub(crate) async fn load(
    connection: &mut Connection,
    ids: &[i64],
    environments: Option<&[i64]>,
) -> Result<Vec<Judged>, StoreError> {
    let mut judged = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(ROWS) {
        let mut query = sql(
            "SELECT finding.id, finding.progress, finding.assignee, finding.due,
                 finding.comments, finding.reason, finding.note, finding.decided_by,
                 finding.decided, finding.action_id, ",
        );
        query
            .push(WEIGHT)
            .push(" FROM finding WHERE finding.id")
            .push_in(chunk, connection.dialect());
        if let Some(environments) = environments {
            query
                .push(" AND +finding.environment_id IN ")
                .push_list(environments);
        }
        query.push(" ORDER BY finding.id");
        for row in &query.fetch_all(&mut *connection).await? {
            judged.push(Judged::read(row)?);
        }
    }
    Ok(judged)
}

/// Writes what is decided now.
pub(crate) async fn write(
    connection: &mut Connection,
    rows: &[(i64, Decided)],
) -> Result<(), StoreError> {
    for chunk in rows.chunks(ROWS) {
        let mut query = sql(
            "UPDATE finding SET state = delta.column2, progress = delta.column3,
                 assignee = delta.column4, due = delta.column5, comments = delta.column6,
                 reason = delta.column7, note = delta.column8, decided_by = delta.column9,
                 decided = delta.column10, exemption_id = delta.column11,
                 action_id = delta.column12 FROM ",
        );
        let rows = chunk
            .iter()
            .map(|(id, decided)| -> Vec<Value> {
                vec![
                    (*id).into(),
                    decided.state.into(),
                    decided.progress.into(),
                    (&decided.assignee).into(),
                    (&decided.due).into(),
                    decided.comments.into(),
                    (&decided.reason).into(),
                    (&decided.note).into(),
                    (&decided.by).into(),
                    decided.at.into(),
                    decided.exemption.into(),
                    decided.action.into(),
                ]
            })
            .collect();
        query.push_rows(rows, connection.dialect());
        query.push(" WHERE finding.id = delta.column1");
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
