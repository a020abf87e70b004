//! Trust policies: whose signatures images of some repositories must
//! have. What verifying found is in [`outcome`], where images are in
//! [`place`].

pub(crate) mod outcome;
pub(crate) mod place;

use jiff::Timestamp;
use model::Digest;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Author, Note, Scope, Store, StoreError, audit,
    db::{Connection, Row, sql},
    environment,
    row::json,
    scan::mint,
};

/// Policies an environment may have.
pub const MAX_TRUST_POLICIES: usize = 200;

/// A policy, and how many images it holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    pub(crate) row: i64,
    pub id: String,
    pub environment: String,
    pub record: TrustRecord,
    /// Grows with every change.
    pub revision: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub updated_by: String,
    pub tally: TrustTally,
}

/// What is written of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustRecord {
    pub name: String,
    pub description: String,
    /// Names with their registry; `*` stands for anything.
    pub repositories: Vec<String>,
    /// As the contract writes them.
    pub signers: Value,
    /// The same of timestamp authorities.
    pub stampers: Value,
    /// Sigstore's trusted root: JSON. The audit trail names it by its
    /// digest.
    #[serde(serialize_with = "digest")]
    pub root: Option<String>,
    pub enabled: bool,
}

#[expect(clippy::ref_option, reason = "serde hands it over so")]
fn digest<S: serde::Serializer>(root: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let digest = root.as_ref().map(|text| Digest::of(text.as_bytes()));
    digest
        .map(|digest| digest.to_string())
        .serialize(serializer)
}

/// Images a policy holds for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrustTally {
    pub signed: u64,
    pub refused: u64,
    /// Not looked at yet, or not since the policy changed.
    pub pending: u64,
    /// The registry could not be asked.
    pub unknown: u64,
}

/// Why a policy was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustRefusal {
    #[error("another policy of the environment has this name")]
    NameTaken,
    #[error("there are {MAX_TRUST_POLICIES} policies already")]
    TooMany,
    #[error("there is no such policy")]
    Gone,
}

const TALLY: &str = "(SELECT COUNT(*) FROM trust_outcome
     WHERE trust_outcome.policy_id = trust_policy.id";

fn select() -> crate::db::Sql {
    let mut query = sql("SELECT trust_policy.*, environment.name AS environment");
    for (name, condition) in [
        (
            "signed",
            " AND trust_outcome.revision = trust_policy.revision
              AND trust_outcome.verdict = 'signed') AS ",
        ),
        (
            "refused",
            " AND trust_outcome.revision = trust_policy.revision
              AND trust_outcome.verdict = 'refused') AS ",
        ),
        (
            "unknown",
            " AND trust_outcome.revision = trust_policy.revision
              AND trust_outcome.verdict = 'unknown') AS ",
        ),
        ("every", ") AS "),
    ] {
        query
            .push(", ")
            .push(TALLY)
            .push(condition)
            .push(name)
            .push("_count");
    }
    query.push(
        " FROM trust_policy JOIN environment ON environment.id = trust_policy.environment_id
          WHERE ",
    );
    query
}

fn read(row: &Row) -> Result<TrustPolicy, StoreError> {
    let (signed, refused, unknown) = (
        row.count("signed_count")?,
        row.count("refused_count")?,
        row.count("unknown_count")?,
    );
    let every = row.count("every_count")?;
    Ok(TrustPolicy {
        row: row.int("id")?,
        id: row.text("uid")?,
        environment: row.text("environment")?,
        record: TrustRecord {
            name: row.text("name")?,
            description: row.text("description")?,
            repositories: row.json("repositories")?,
            signers: row.json("signers")?,
            stampers: row.json("stampers")?,
            root: row.maybe_text("root")?,
            enabled: row.flag("enabled")?,
        },
        revision: row.count("revision")?,
        created: row.time("created")?,
        updated: row.time("updated")?,
        updated_by: row.text("updated_by")?,
        tally: TrustTally {
            signed,
            refused,
            unknown,
            pending: every.saturating_sub(signed + refused + unknown),
        },
    })
}

async fn find(connection: &mut Connection, id: &str) -> Result<Option<TrustPolicy>, StoreError> {
    let mut query = select();
    query.push("trust_policy.uid = ").push_bind(id);
    let row = query.fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

async fn is_taken(
    connection: &mut Connection,
    environment_id: i64,
    name: &str,
    but: &str,
) -> Result<bool, StoreError> {
    let taken: Option<String> = sql("SELECT uid FROM trust_policy
         WHERE environment_id = ? AND name = ? AND uid <> ?")
    .bind(environment_id)
    .bind(name)
    .bind(but)
    .scalar()
    .fetch_optional(connection)
    .await?;
    Ok(taken.is_some())
}

impl Store {
    /// Every policy in scope, by name.
    pub async fn trust_policies(&self, scope: &Scope) -> Result<Vec<TrustPolicy>, StoreError> {
        let mut query = select();
        scope.constrain(&mut query, "trust_policy.environment_id");
        query.push(" ORDER BY trust_policy.name, environment.name");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// One of them by id.
    pub async fn trust_policy(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<TrustPolicy>, StoreError> {
        let mut query = select();
        scope.constrain(&mut query, "trust_policy.environment_id");
        query.push(" AND trust_policy.uid = ").push_bind(id);
        let row = query.fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Adds a policy.
    pub async fn add_trust_policy(
        &self,
        author: Author,
        environment: &str,
        record: TrustRecord,
    ) -> Result<Result<TrustPolicy, TrustRefusal>, StoreError> {
        let (environment, now) = (environment.to_owned(), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = environment::id(connection, &environment).await?;
                    if is_taken(connection, environment_id, &record.name, "").await? {
                        return Ok(Err(TrustRefusal::NameTaken));
                    }
                    let count: i64 =
                        sql("SELECT COUNT(*) FROM trust_policy WHERE environment_id = ?")
                            .bind(environment_id)
                            .scalar()
                            .fetch_one(&mut *connection)
                            .await?;
                    if usize::try_from(count).is_ok_and(|count| count >= MAX_TRUST_POLICIES) {
                        return Ok(Err(TrustRefusal::TooMany));
                    }
                    let id = mint();
                    sql(
                        "INSERT INTO trust_policy (uid, environment_id, name, description,
                             repositories, signers, stampers, root, enabled, revision, created,
                             updated, updated_by)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
                    )
                    .bind(&id)
                    .bind(environment_id)
                    .bind(&record.name)
                    .bind(&record.description)
                    .bind(json(&record.repositories))
                    .bind(json(&record.signers))
                    .bind(json(&record.stampers))
                    .bind(&record.root)
                    .bind(record.enabled)
                    .bind(now)
                    .bind(now)
                    .bind(&author.name)
                    .execute(&mut *connection)
                    .await?;
                    let note = Note::of("trust.create", "trust", &id)
                        .within(&environment)
                        .made(&record);
                    audit::note(connection, &author, note).await?;
                    let made = find(connection, &id).await?;
                    Ok(made.ok_or(TrustRefusal::Gone))
                })
            })
            .await
    }

    /// Changes a policy. What was found by it as it was counts no more,
    /// and is looked at again at once.
    pub async fn change_trust_policy(
        &self,
        author: Author,
        id: &str,
        record: TrustRecord,
    ) -> Result<Result<TrustPolicy, TrustRefusal>, StoreError> {
        let (id, now) = (id.to_owned(), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(Err(TrustRefusal::Gone));
                    };
                    let environment_id = environment::id(connection, &before.environment).await?;
                    if is_taken(connection, environment_id, &record.name, &id).await? {
                        return Ok(Err(TrustRefusal::NameTaken));
                    }
                    sql(
                        "UPDATE trust_policy SET name = ?, description = ?, repositories = ?,
                             signers = ?, stampers = ?, root = ?, enabled = ?,
                             revision = revision + 1, updated = ?, updated_by = ?
                         WHERE uid = ?",
                    )
                    .bind(&record.name)
                    .bind(&record.description)
                    .bind(json(&record.repositories))
                    .bind(json(&record.signers))
                    .bind(json(&record.stampers))
                    .bind(&record.root)
                    .bind(record.enabled)
                    .bind(now)
                    .bind(&author.name)
                    .bind(&id)
                    .execute(&mut *connection)
                    .await?;
                    outcome::again(connection, before.row).await?;
                    let note = Note::of("trust.change", "trust", &id)
                        .within(&before.environment)
                        .changed(&before.record, &record);
                    audit::note(connection, &author, note).await?;
                    let changed = find(connection, &id).await?;
                    Ok(changed.ok_or(TrustRefusal::Gone))
                })
            })
            .await
    }

    /// Forgets a policy and what was found by it.
    pub async fn remove_trust_policy(&self, author: Author, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(false);
                    };
                    sql("DELETE FROM trust_policy WHERE id = ?")
                        .bind(before.row)
                        .execute(&mut *connection)
                        .await?;
                    let note = Note::of("trust.remove", "trust", &id)
                        .within(&before.environment)
                        .removed(&before.record);
                    audit::note(connection, &author, note).await?;
                    Ok(true)
                })
            })
            .await
    }
}
