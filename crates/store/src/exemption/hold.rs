//! Taking the findings an exemption means: those there are when it is
//! made, and each that comes or opens later.

use jiff::Timestamp;
use model::{NoticeEvent, Query, query::Asking};

use super::{NewExemption, Touched};
use crate::{
    Author, FindingEventKind, StoreError,
    action::{Gathered, named},
    audit::{self, Note},
    db::{Connection, sql},
    decision::{self, Decided},
    environment, query,
};

/// Findings taken in one go.
const CHUNK: usize = 1000;

/// What an active exemption does to a finding.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub id: i64,
    pub environment: Option<i64>,
    pub scope: Query,
    pub reason: String,
    pub note: String,
    pub by: String,
    pub created: i64,
}

pub(super) async fn create(
    connection: &mut Connection,
    author: &Author,
    uid: &str,
    exemption: &NewExemption,
) -> Result<Touched, StoreError> {
    let now = author.time;
    let environment = match &exemption.environment {
        Some(name) => Some(environment::id(connection, name).await?),
        None => None,
    };
    let scope = exemption.scope.to_string();
    let id = sql(
        "INSERT INTO exemption (uid, environment_id, scope, reason, note, owner, created,
             created_by, expires, state, findings)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) RETURNING id",
    )
    .bind(uid)
    .bind(environment)
    .bind(&scope)
    .bind(exemption.reason.as_str())
    .bind(&exemption.note)
    .bind(&exemption.owner)
    .bind(now)
    .bind(&author.name)
    .bind(exemption.expires)
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    let mut entry = Note::of("exemption.create", "exemption", uid).made(&serde_json::json!({
        "scope": scope,
        "reason": exemption.reason.as_str(),
        "note": exemption.note,
        "owner": exemption.owner,
        "expires": exemption.expires,
    }));
    if let Some(name) = &exemption.environment {
        entry = entry.within(name);
    }
    audit::note(connection, author, entry).await?;
    let holder = Holder {
        id,
        environment,
        scope: exemption.scope.clone(),
        reason: exemption.reason.as_str().to_owned(),
        note: exemption.note.clone(),
        by: author.name.clone(),
        created: now.as_microsecond(),
    };
    let mut gathered = Gathered::default();
    let mut last = 0;
    loop {
        let ids = meant(connection, &holder, None, last, now).await?;
        let Some(&end) = ids.last() else { break };
        last = end;
        take(connection, &holder, &ids, &mut gathered).await?;
    }
    let reason = Some(exemption.reason.as_str());
    let places = gathered
        .finish(connection, Some(&author.name), reason, now)
        .await?;
    named(connection, places).await
}

/// Lets the active exemptions take what they mean of these findings,
/// which have just come or opened. Changes of counts are added to
/// `gathered`.
pub(crate) async fn hold(
    connection: &mut Connection,
    environment: i64,
    candidates: &[i64],
    now: Timestamp,
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    if candidates.is_empty() {
        return Ok(());
    }
    for holder in active(connection, environment, now).await? {
        for chunk in candidates.chunks(CHUNK) {
            let ids = meant(connection, &holder, Some(chunk), 0, now).await?;
            take(connection, &holder, &ids, gathered).await?;
        }
    }
    Ok(())
}

/// The exemptions that hold in an environment, oldest first.
async fn active(
    connection: &mut Connection,
    environment: i64,
    now: Timestamp,
) -> Result<Vec<Holder>, StoreError> {
    let rows = sql(
        "SELECT id, environment_id, scope, reason, note, created, created_by FROM exemption
         WHERE state = 0 AND (environment_id IS NULL OR environment_id = ?)
           AND (expires IS NULL OR expires > ?) ORDER BY id",
    )
    .bind(environment)
    .bind(now)
    .fetch_all(connection)
    .await?;
    let mut holders = Vec::with_capacity(rows.len());
    for row in &rows {
        let text = row.text("scope")?;
        match Query::parse_scope(&text) {
            Ok(scope) => holders.push(Holder {
                id: row.int("id")?,
                environment: row.maybe_int("environment_id")?,
                scope,
                reason: row.text("reason")?,
                note: row.text("note")?,
                by: row.text("created_by")?,
                created: row.int("created")?,
            }),
            // Written by a program that knew more words: what is not
            // understood holds nothing.
            Err(error) => tracing::warn!(
                exemption.scope = %text,
                error = %error,
                "an exemption's scope is not understood"
            ),
        }
    }
    Ok(holders)
}

/// Open findings the exemption means, after `last` by id; among
/// `candidates` where given.
async fn meant(
    connection: &mut Connection,
    holder: &Holder,
    candidates: Option<&[i64]>,
    last: i64,
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let mut select = sql("SELECT finding.id FROM finding WHERE +finding.state = 0");
    match candidates {
        Some(ids) => {
            select
                .push(" AND finding.id")
                .push_in(ids, connection.dialect());
        }
        None => {
            select.push(" AND finding.id > ").push_bind(last);
        }
    }
    if let Some(environment) = holder.environment {
        select
            .push(" AND +finding.environment_id = ")
            .push_bind(environment);
    }
    let asking = Asking { now, me: None };
    query::constrain(&mut select, &holder.scope, &asking, connection.dialect());
    select.push(format_args!(" ORDER BY finding.id LIMIT {CHUNK}"));
    select.once().scalar().fetch_all(connection).await
}

async fn take(
    connection: &mut Connection,
    holder: &Holder,
    ids: &[i64],
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    let judged = decision::load(connection, ids, None).await?;
    let mut rows = Vec::with_capacity(judged.len());
    for judged in &judged {
        let after = Decided {
            state: 3,
            reason: Some(holder.reason.clone()),
            note: Some(holder.note.clone()),
            by: Some(holder.by.clone()),
            at: Some(holder.created),
            exemption: Some(holder.id),
            action: None,
            ..judged.decided.clone()
        };
        gathered.change(judged, &after);
        let text = format!("exempted: {}", holder.note);
        gathered
            .events
            .push((judged.id, FindingEventKind::Exempted, text));
        if judged.weight.is_open() {
            gathered.held.push((judged.id, judged.weight.severity));
            let place = (judged.weight.environment, NoticeEvent::FindingExempted);
            gathered.told.entry(place).or_default().push(judged.id);
        }
        rows.push((judged.id, after));
    }
    decision::write(connection, &rows).await
}
