//! The audit trail: added to in the transaction of the change it
//! records, read back, and checked.
//!
//! # Recording a change
//!
//! Every function of the store that changes something for somebody takes
//! an [`Author`] and, inside the writer's closure, after the change:
//!
//! ```ignore
//! audit::note(
//!     &mut *connection,
//!     &author,
//!     Note::of("finding.dismiss", "finding", &id)
//!         .within("shop")
//!         .changed(&before, &after), // anything serialisable; or json!({…})
//! )
//! .await?;
//! ```
//!
//! Actions are `noun.verb`. Only the parts that differ are kept; keys
//! that name secrets are not shown. Both succeed or neither.

use jiff::Timestamp;
use model::{
    audit::{self, Actor, Entry, Fault, Object, START, Verifier},
    permission::ActorKind,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Page, PageRequest, Store, StoreError,
    db::{Connection, Row, Sql, sql},
    page::{Key, Order, Total},
};

/// Who changes something, from where and when.
#[derive(Clone, Debug)]
pub struct Author {
    pub kind: ActorKind,
    /// The account's or the token's; none for the owner and the server.
    pub id: Option<String>,
    pub name: String,
    pub address: Option<String>,
    /// The request's id.
    pub request: Option<String>,
    pub time: Timestamp,
}

impl Author {
    /// The server itself: jobs, expiry, recovery on the machine.
    pub fn system(time: Timestamp) -> Self {
        Self {
            kind: ActorKind::System,
            id: None,
            name: "seawall".to_owned(),
            address: None,
            request: None,
            time,
        }
    }
}

/// What is recorded of a change.
#[derive(Clone, Debug)]
pub struct Note {
    action: &'static str,
    object: Object,
    environment: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
}

impl Note {
    /// `action` (`user.create`) was done to the object of this kind and
    /// id.
    pub fn of(action: &'static str, kind: &str, id: &str) -> Self {
        Self {
            action,
            object: Object {
                kind: kind.to_owned(),
                id: id.to_owned(),
            },
            environment: None,
            before: None,
            after: None,
        }
    }

    /// It belongs to this environment.
    #[must_use]
    pub fn within(mut self, environment: &str) -> Self {
        self.environment = Some(environment.to_owned());
        self
    }

    /// Something is there that was not.
    #[must_use]
    pub fn made(mut self, after: &impl Serialize) -> Self {
        self.after = Some(plain(after));
        self
    }

    /// Something is gone.
    #[must_use]
    pub fn removed(mut self, before: &impl Serialize) -> Self {
        self.before = Some(plain(before));
        self
    }

    /// Something is different: the parts that are, are kept.
    #[must_use]
    pub fn changed(mut self, before: &impl Serialize, after: &impl Serialize) -> Self {
        let (before, after) = audit::difference(plain(before), plain(after));
        self.before = Some(before);
        self.after = Some(after);
        self
    }
}

fn plain(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("invariant: what is recorded is plain data")
}

/// Adds an entry to the trail. Called inside the writer, in the same
/// piece of work as the change; see the module.
pub(crate) async fn note(
    connection: &mut Connection,
    author: &Author,
    note: Note,
) -> Result<(), StoreError> {
    let head = sql("SELECT number, hash FROM audit_head WHERE id = 1")
        .fetch_optional(&mut *connection)
        .await?;
    let (last, previous) = match head {
        Some(row) => (row.count("number")?, row.text("hash")?),
        None => (0, START.to_owned()),
    };
    let mut entry = Entry {
        number: last + 1,
        // The record keeps microseconds, and so must what is hashed.
        time: Timestamp::from_microsecond(author.time.as_microsecond())
            .unwrap_or(Timestamp::UNIX_EPOCH),
        actor: Actor {
            kind: author.kind,
            id: author.id.clone(),
            name: author.name.clone(),
        },
        address: author.address.clone(),
        action: note.action.to_owned(),
        object: note.object,
        environment: note.environment,
        before: note.before.map(audit::presentable),
        after: note.after.map(audit::presentable),
        request: author.request.clone().filter(|request| !request.is_empty()),
        previous,
        hash: String::new(),
    };
    entry.hash = entry.computed_hash();
    let number = i64::try_from(entry.number).unwrap_or(i64::MAX);
    sql(
        "INSERT INTO audit (number, time, actor_kind, actor_id, actor_name, address, action,
             object_kind, object_id, environment, was, became, request, previous, hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(number)
    .bind(entry.time)
    .bind(entry.actor.kind.as_str())
    .bind(entry.actor.id)
    .bind(entry.actor.name)
    .bind(entry.address)
    .bind(entry.action)
    .bind(entry.object.kind)
    .bind(entry.object.id)
    .bind(entry.environment)
    .bind(entry.before.map(|value| value.to_string()))
    .bind(entry.after.map(|value| value.to_string()))
    .bind(entry.request)
    .bind(entry.previous)
    .bind(entry.hash.as_str())
    .execute(&mut *connection)
    .await?;
    sql("INSERT INTO audit_head (id, number, hash) VALUES (1, ?, ?)
         ON CONFLICT (id) DO UPDATE SET number = excluded.number, hash = excluded.hash")
    .bind(number)
    .bind(entry.hash)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The actor's name or id.
    pub actor: Option<String>,
    /// An action, or the noun it begins with.
    pub action: Option<String>,
    /// The object's kind, and its id.
    pub object: Option<(String, Option<String>)>,
    pub environment: Option<String>,
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    fn constrain(&self, query: &mut Sql) {
        query.push(" WHERE 1 = 1");
        if let Some(actor) = &self.actor {
            query.push(" AND (actor_name = ").push_bind(actor.as_str());
            query
                .push(" OR actor_id = ")
                .push_bind(actor.as_str())
                .push(")");
        }
        if let Some(action) = &self.action {
            // A range instead of LIKE: nothing in it is a wildcard.
            query.push(" AND (action = ").push_bind(action.as_str());
            query
                .push(" OR (action >= ")
                .push_bind(format!("{action}."))
                .push(" AND action < ")
                .push_bind(format!("{action}/"))
                .push("))");
        }
        if let Some((kind, id)) = &self.object {
            query.push(" AND object_kind = ").push_bind(kind.as_str());
            if let Some(id) = id {
                query.push(" AND object_id = ").push_bind(id.as_str());
            }
        }
        if let Some(environment) = &self.environment {
            query
                .push(" AND environment = ")
                .push_bind(environment.as_str());
        }
        if let Some(from) = self.from {
            query.push(" AND time >= ").push_bind(from);
        }
        if let Some(to) = self.to {
            query.push(" AND time < ").push_bind(to);
        }
    }
}

const NEWEST: Order = Order {
    name: "newest",
    expression: "number",
    id: "number",
    descending: true,
};

/// Entries read at once while the whole trail is walked.
const WALK: i64 = 1000;

impl Store {
    /// Records something that changed no row: a refused sign-in.
    pub async fn note(&self, author: Author, entry: Note) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move { note(connection, &author, entry).await })
            })
            .await
    }

    /// Entries, newest first.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        request: &PageRequest,
    ) -> Result<Page<Entry>, StoreError> {
        let mut query = sql("SELECT * FROM audit");
        filter.constrain(&mut query);
        NEWEST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT number FROM audit");
        filter.constrain(&mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        Ok(NEWEST.cut(items, request, total, |entry| {
            let number = i64::try_from(entry.number).unwrap_or(i64::MAX);
            (Key::Int(number), number)
        }))
    }

    /// The next entries after `number`, oldest first: for walking the
    /// trail piece by piece.
    pub async fn audit_after(
        &self,
        number: u64,
        filter: &AuditFilter,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut query = sql("SELECT * FROM audit");
        filter.constrain(&mut query);
        query
            .push(" AND number > ")
            .push_bind(i64::try_from(number).unwrap_or(i64::MAX))
            .push(" ORDER BY number LIMIT ")
            .push_bind(WALK);
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Walks the whole trail and shows each sound entry. The verifier says
    /// how far it is sound.
    pub async fn verify_audit(
        &self,
        mut show: impl FnMut(&Entry),
    ) -> Result<(Verifier, Option<Fault>), StoreError> {
        let mut verifier = Verifier::default();
        // Read first: entries added meanwhile are no fault.
        let head = sql("SELECT number, hash FROM audit_head WHERE id = 1")
            .fetch_optional(&self.readers)
            .await?;
        let (last, hash) = match head {
            Some(row) => (row.count("number")?, row.text("hash")?),
            None => (0, START.to_owned()),
        };
        let everything = AuditFilter::default();
        loop {
            let entries = match self.audit_after(verifier.number(), &everything).await {
                Ok(entries) => entries,
                // What cannot be read was not written by us.
                Err(StoreError::Column { .. }) => {
                    return Ok((verifier.clone(), Some(unreadable(&verifier))));
                }
                Err(error) => return Err(error),
            };
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                if verifier.number() == 0 && entry.number != 1 {
                    let message = "the beginning of the trail is missing".to_owned();
                    let number = 1;
                    return Ok((verifier, Some(Fault { number, message })));
                }
                if let Err(fault) = verifier.take(entry) {
                    return Ok((verifier, Some(fault)));
                }
                show(entry);
                if entry.number == last && entry.hash != hash {
                    let number = entry.number;
                    let message = "the end of the trail was rewritten".to_owned();
                    return Ok((verifier, Some(Fault { number, message })));
                }
            }
        }
        let fault = (verifier.number() < last).then(|| Fault {
            number: verifier.number() + 1,
            message: format!("the trail ends here, but {last} entries were written"),
        });
        Ok((verifier, fault))
    }
}

fn unreadable(verifier: &Verifier) -> Fault {
    Fault {
        number: verifier.number() + 1,
        message: "an entry near here cannot be read: it was changed".to_owned(),
    }
}

fn read(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        number: row.count("number")?,
        time: row.time("time")?,
        actor: Actor {
            kind: ActorKind::parse(&row.text("actor_kind")?).unwrap_or(ActorKind::System),
            id: row.maybe_text("actor_id")?,
            name: row.text("actor_name")?,
        },
        address: row.maybe_text("address")?,
        action: row.text("action")?,
        object: Object {
            kind: row.text("object_kind")?,
            id: row.text("object_id")?,
        },
        environment: row.maybe_text("environment")?,
        before: row.maybe_json("was")?,
        after: row.maybe_json("became")?,
        request: row.maybe_text("request")?,
        previous: row.text("previous")?,
        hash: row.text("hash")?,
    })
}
