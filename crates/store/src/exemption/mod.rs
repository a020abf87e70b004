//! Exemptions: decisions, with owner, reason and end, that findings of a
//! scope need no work. A scope is a query of what findings are, so it
//! works alike for every kind; findings that come later are held too.

mod end;
mod hold;
mod release;

use jiff::Timestamp;
use model::{Query, Reason};

pub(crate) use hold::hold;
pub(crate) use release::release;

use crate::{
    Author, Page, PageRequest, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Row, Sql, sql},
    finding::reason_of,
    page::{Key, Order, Total},
    row::like,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExemptionState {
    Active,
    Expired,
    /// Ended by a person before its time.
    Revoked,
}

impl ExemptionState {
    pub const ALL: [Self; 3] = [Self::Active, Self::Expired, Self::Revoked];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Expired => 1,
            Self::Revoked => 2,
        }
    }
}

/// One exemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub id: String,
    /// In the query grammar.
    pub scope: String,
    /// `None`: everywhere.
    pub environment: Option<String>,
    pub reason: Reason,
    pub note: String,
    pub owner: String,
    pub created: Timestamp,
    pub created_by: String,
    pub expires: Option<Timestamp>,
    pub state: ExemptionState,
    pub ended: Option<Timestamp>,
    pub ended_by: Option<String>,
    /// Findings it holds now.
    pub findings: u64,
    number: i64,
}

/// A new exemption.
#[derive(Clone, Debug)]
pub struct NewExemption {
    pub scope: Query,
    pub environment: Option<String>,
    pub reason: Reason,
    pub note: String,
    pub owner: String,
    pub expires: Option<Timestamp>,
}

/// A change; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ExemptionChange {
    pub note: Option<String>,
    pub owner: Option<String>,
    pub expires: Option<Timestamp>,
}

/// Which exemptions.
#[derive(Clone, Debug, Default)]
pub struct ExemptionFilter {
    /// Empty: all.
    pub states: Vec<ExemptionState>,
    pub text: Option<String>,
    /// Also those that hold everywhere.
    pub everywhere: bool,
}

/// Environments and kinds of which counts moved.
pub(crate) type Touched = Vec<(String, model::FindingKind)>;

const NEWEST: Order = Order {
    name: "newest",
    expression: "exemption.created",
    id: "exemption.id",
    descending: true,
};

const SELECT: &str = "SELECT exemption.*, environment.name AS environment FROM exemption
    LEFT JOIN environment ON environment.id = exemption.environment_id WHERE ";

fn read(row: &Row) -> Result<Exemption, StoreError> {
    let state = row.int("state")?;
    Ok(Exemption {
        id: row.text("uid")?,
        scope: row.text("scope")?,
        environment: row.maybe_text("environment")?,
        reason: reason_of(&row.text("reason")?),
        note: row.text("note")?,
        owner: row.text("owner")?,
        created: row.time("created")?,
        created_by: row.text("created_by")?,
        expires: row.maybe_time("expires")?,
        state: ExemptionState::ALL
            .into_iter()
            .find(|known| known.number() == state)
            .unwrap_or(ExemptionState::Revoked),
        ended: row.maybe_time("ended")?,
        ended_by: row.maybe_text("ended_by")?,
        findings: row.count("findings")?,
        number: row.int("id")?,
    })
}

impl ExemptionFilter {
    fn narrow(&self, scope: &Scope, query: &mut Sql) {
        query.push("(");
        scope.constrain(query, "exemption.environment_id");
        if self.everywhere {
            query.push(" OR exemption.environment_id IS NULL");
        }
        query.push(")");
        if !self.states.is_empty() {
            query
                .push(" AND exemption.state IN ")
                .push_list(self.states.iter().map(|state| state.number()));
        }
        if let Some(text) = &self.text {
            let pattern = like(text);
            query.push(" AND (");
            for (step, column) in ["scope", "note", "owner"].into_iter().enumerate() {
                query
                    .push(if step == 0 { "" } else { " OR " })
                    .push(format_args!("LOWER(exemption.{column}) LIKE "))
                    .push_bind(&pattern)
                    .push(" ESCAPE '\\'");
            }
            query.push(")");
        }
    }
}

impl Store {
    /// Exemptions, newest first.
    pub async fn exemptions(
        &self,
        scope: &Scope,
        filter: &ExemptionFilter,
        request: &PageRequest,
    ) -> Result<Page<Exemption>, StoreError> {
        let mut query = sql(SELECT);
        filter.narrow(scope, &mut query);
        NEWEST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM exemption WHERE ");
        filter.narrow(scope, &mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(NEWEST.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |exemption| {
                let created = exemption.created.as_microsecond();
                (Key::Int(created), exemption.number)
            },
        ))
    }

    /// One exemption of the scope, or of everywhere.
    pub async fn exemption(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<Exemption>, StoreError> {
        let mut query = sql(SELECT);
        query.push("exemption.uid = ").push_bind(id).push(" AND (");
        scope.constrain(&mut query, "exemption.environment_id");
        query.push(" OR exemption.environment_id IS NULL)");
        query
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Makes an exemption and takes the open findings it means.
    pub async fn exempt(
        &self,
        author: Author,
        exemption: NewExemption,
    ) -> Result<(Exemption, Touched), StoreError> {
        let uid = crate::scan::mint();
        let id = uid.clone();
        let touched = self
            .writer
            .write(move |connection| {
                Box::pin(async move { hold::create(connection, &author, &uid, &exemption).await })
            })
            .await?;
        Ok((self.exemption_now(&id).await?, touched))
    }

    /// Changes note, owner or end of an active exemption; `None`: there
    /// is no such, or it ended.
    pub async fn change_exemption(
        &self,
        author: Author,
        id: &str,
        change: ExemptionChange,
    ) -> Result<Option<Exemption>, StoreError> {
        let uid = id.to_owned();
        let changed = self
            .writer
            .write(move |connection| {
                Box::pin(async move {
                    let row = sql("SELECT note, owner, expires FROM exemption
                         WHERE uid = ? AND state = 0")
                    .bind(&uid)
                    .fetch_optional(&mut *connection)
                    .await?;
                    let Some(row) = row else { return Ok(false) };
                    let before = serde_json::json!({
                        "note": row.text("note")?,
                        "owner": row.text("owner")?,
                        "expires": row.maybe_time("expires")?,
                    });
                    let note = change.note.unwrap_or(row.text("note")?);
                    let owner = change.owner.unwrap_or(row.text("owner")?);
                    let expires = change.expires.or(row.maybe_time("expires")?);
                    sql("UPDATE exemption SET note = ?, owner = ?, expires = ? WHERE uid = ?")
                        .bind(&note)
                        .bind(&owner)
                        .bind(expires)
                        .bind(&uid)
                        .execute(&mut *connection)
                        .await?;
                    let after = serde_json::json!({
                        "note": note, "owner": owner, "expires": expires,
                    });
                    let entry =
                        Note::of("exemption.update", "exemption", &uid).changed(&before, &after);
                    audit::note(connection, &author, entry).await?;
                    Ok(true)
                })
            })
            .await?;
        if changed {
            Ok(Some(self.exemption_now(id).await?))
        } else {
            Ok(None)
        }
    }

    /// Ends an exemption before its time; its findings open again.
    /// `None`: there is no such, or it ended already.
    pub async fn revoke_exemption(
        &self,
        author: Author,
        id: &str,
    ) -> Result<Option<Touched>, StoreError> {
        let uid = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let number = sql("SELECT id FROM exemption WHERE uid = ? AND state = 0")
                        .bind(&uid)
                        .scalar()
                        .fetch_optional(&mut *connection)
                        .await?;
                    let Some(number) = number else {
                        return Ok(None);
                    };
                    let state = ExemptionState::Revoked;
                    let touched = end::end(connection, &author, (number, &uid), state).await?;
                    Ok(Some(touched))
                })
            })
            .await
    }

    /// Ends the exemptions whose time has come; how many.
    pub async fn expire_exemptions(&self, now: Timestamp) -> Result<(u64, Touched), StoreError> {
        let due = sql("SELECT id, uid FROM exemption
             WHERE state = 0 AND expires <= ? ORDER BY expires, id LIMIT 100")
        .bind(now)
        .fetch_all(&self.readers)
        .await?;
        let mut touched = Touched::new();
        for row in &due {
            let (number, uid) = (row.int("id")?, row.text("uid")?);
            let moved = self
                .writer
                .write(move |connection| {
                    Box::pin(async move {
                        let author = Author::system(now);
                        let state = ExemptionState::Expired;
                        end::end(connection, &author, (number, &uid), state).await
                    })
                })
                .await?;
            touched.extend(moved);
        }
        touched.sort();
        touched.dedup();
        Ok((due.len() as u64, touched))
    }

    /// When the next exemption ends.
    pub async fn next_expiry(&self) -> Result<Option<Timestamp>, StoreError> {
        sql("SELECT MIN(expires) AS expires FROM exemption WHERE state = 0")
            .fetch_one(&self.readers)
            .await?
            .maybe_time("expires")
    }

    async fn exemption_now(&self, id: &str) -> Result<Exemption, StoreError> {
        let mut query = sql(SELECT);
        query.push("exemption.uid = ").push_bind(id);
        read(&query.fetch_one(&self.readers).await?)
    }
}
