//! Policies somebody wrote, as they wrote them.

use jiff::Timestamp;
use model::Severity;

use crate::{
    Author, Scope, Store, StoreError,
    audit::{self, Note},
    counts::{severity_number, severity_of},
    db::{Connection, sql},
    environment,
};

/// Policies an environment may have of its own.
const MOST: i64 = 2_000;

/// One of somebody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomPolicy {
    pub environment: String,
    pub name: String,
    /// Grows with every change.
    pub revision: u64,
    pub title: String,
    pub severity: Severity,
    pub description: String,
    /// YAML.
    pub documents: String,
    pub changed: Timestamp,
    pub changed_by: String,
}

/// A new one, or a new version of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCustomPolicy {
    pub environment: String,
    pub name: String,
    /// What this is a change of; 0: there is none yet.
    pub revision: u64,
    pub title: String,
    pub severity: Severity,
    pub description: String,
    pub documents: String,
    pub reason: String,
}

/// Why it was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomPolicyRefusal {
    /// Somebody else changed it meanwhile; the revision there is, 0 where
    /// there is none.
    #[error("the policy is at revision {0}")]
    Stale(u64),
    #[error("there may be {MOST} policies of an environment's own")]
    TooMany,
}

impl Store {
    /// Every policy of somebody's in scope, by name.
    pub async fn custom_policies(&self, scope: &Scope) -> Result<Vec<CustomPolicy>, StoreError> {
        let mut query = sql(
            "SELECT custom_policy.*, environment.name AS environment FROM custom_policy
             JOIN environment ON environment.id = custom_policy.environment_id WHERE ",
        );
        scope.constrain(&mut query, "custom_policy.environment_id");
        query.push(" ORDER BY custom_policy.name, environment.name");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(CustomPolicy {
                    environment: row.text("environment")?,
                    name: row.text("name")?,
                    revision: row.count("revision")?,
                    title: row.text("title")?,
                    severity: severity_of(row.int("severity")?),
                    description: row.text("description")?,
                    documents: row.text("documents")?,
                    changed: row.time("changed")?,
                    changed_by: row.text("changed_by")?,
                })
            })
            .collect()
    }

    /// Keeps a policy of somebody's, if it is a change of what there is;
    /// the revision it has now.
    pub async fn put_custom_policy(
        &self,
        author: Author,
        policy: NewCustomPolicy,
    ) -> Result<Result<u64, CustomPolicyRefusal>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move { put(connection, &author, &policy).await })
            })
            .await
    }

    /// Forgets one, and what was set of it. `false`: there was none.
    pub async fn delete_custom_policy(
        &self,
        author: Author,
        environment: &str,
        name: &str,
    ) -> Result<bool, StoreError> {
        let (environment, name) = (environment.to_owned(), name.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = environment::id(connection, &environment).await?;
                    let gone =
                        sql("DELETE FROM custom_policy WHERE environment_id = ? AND name = ?")
                            .bind(id)
                            .bind(&name)
                            .execute(&mut *connection)
                            .await?;
                    if gone == 0 {
                        return Ok(false);
                    }
                    sql("DELETE FROM policy_setting WHERE environment_id = ? AND policy = ?")
                        .bind(id)
                        .bind(&name)
                        .execute(&mut *connection)
                        .await?;
                    let entry = Note::of("policy.delete", "policy", &name).within(&environment);
                    audit::note(connection, &author, entry).await?;
                    Ok(true)
                })
            })
            .await
    }
}

async fn put(
    connection: &mut Connection,
    author: &Author,
    policy: &NewCustomPolicy,
) -> Result<Result<u64, CustomPolicyRefusal>, StoreError> {
    let id = environment::id(connection, &policy.environment).await?;
    let known = sql("SELECT revision, documents FROM custom_policy
         WHERE environment_id = ? AND name = ?")
    .bind(id)
    .bind(&policy.name)
    .fetch_optional(&mut *connection)
    .await?;
    let (there, before) = match known {
        Some(row) => (row.count("revision")?, Some(row.text("documents")?)),
        None => (0, None),
    };
    if there != policy.revision {
        return Ok(Err(CustomPolicyRefusal::Stale(there)));
    }
    if before.is_none() {
        let all: i64 = sql("SELECT COUNT(*) FROM custom_policy WHERE environment_id = ?")
            .bind(id)
            .scalar()
            .fetch_one(&mut *connection)
            .await?;
        if all >= MOST {
            return Ok(Err(CustomPolicyRefusal::TooMany));
        }
    }
    let next = there + 1;
    sql(
        "INSERT INTO custom_policy (environment_id, name, revision, title, severity, description,
             documents, changed, changed_by)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (environment_id, name) DO UPDATE SET revision = excluded.revision,
             title = excluded.title, severity = excluded.severity,
             description = excluded.description, documents = excluded.documents,
             changed = excluded.changed, changed_by = excluded.changed_by",
    )
    .bind(id)
    .bind(&policy.name)
    .bind(i64::try_from(next).unwrap_or(i64::MAX))
    .bind(&policy.title)
    .bind(severity_number(policy.severity))
    .bind(&policy.description)
    .bind(&policy.documents)
    .bind(author.time)
    .bind(&author.name)
    .execute(&mut *connection)
    .await?;
    let after = serde_json::json!({
        "revision": next, "documents": policy.documents, "reason": policy.reason,
    });
    let note = match before {
        None => Note::of("policy.create", "policy", &policy.name).made(&after),
        Some(documents) => Note::of("policy.change", "policy", &policy.name).changed(
            &serde_json::json!({ "revision": there, "documents": documents }),
            &after,
        ),
    };
    audit::note(connection, author, note.within(&policy.environment)).await?;
    Ok(Ok(next))
}
