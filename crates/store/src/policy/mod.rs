//! Policies over clusters' objects as the record knows them: what is done
//! about each where, and those somebody wrote.

mod custom;
mod image;
mod object;

use jiff::Timestamp;
use serde_json::Value;

pub use self::{
    custom::{CustomPolicy, CustomPolicyRefusal, NewCustomPolicy},
    image::KnownImage,
};
use crate::{
    Author, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Connection, Row, sql},
    environment,
    row::json,
};

/// What is done about a policy in one place.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySetting {
    pub environment: String,
    /// Empty: every cluster that has no setting of its own.
    pub cluster: String,
    pub policy: String,
    /// In the wire's words.
    pub action: String,
    pub parameters: Option<Value>,
    pub scope: Option<Value>,
    pub reason: String,
    pub changed: Timestamp,
    pub changed_by: String,
}

/// What shall be done about a policy in one place.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPolicySetting {
    pub environment: String,
    pub cluster: String,
    pub policy: String,
    /// `None`: nothing is said here any more.
    pub action: Option<String>,
    pub parameters: Option<Value>,
    pub scope: Option<Value>,
    pub reason: String,
}

fn read(row: &Row) -> Result<PolicySetting, StoreError> {
    Ok(PolicySetting {
        environment: row.text("environment")?,
        cluster: row.text("cluster")?,
        policy: row.text("policy")?,
        action: row.text("action")?,
        parameters: row.maybe_json("parameters")?,
        scope: row.maybe_json("scope")?,
        reason: row.text("reason")?,
        changed: row.time("changed")?,
        changed_by: row.text("changed_by")?,
    })
}

impl Store {
    /// Every setting in scope, by policy and place.
    pub async fn policy_settings(&self, scope: &Scope) -> Result<Vec<PolicySetting>, StoreError> {
        let mut query = sql(
            "SELECT policy_setting.*, environment.name AS environment FROM policy_setting
             JOIN environment ON environment.id = policy_setting.environment_id WHERE ",
        );
        scope.constrain(&mut query, "policy_setting.environment_id");
        query.push(" ORDER BY policy_setting.policy, environment.name, policy_setting.cluster");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Sets what is done about a policy in one place, or says nothing of
    /// it there any more; whether that is another thing than before.
    pub async fn set_policy(
        &self,
        author: Author,
        setting: NewPolicySetting,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move { set(connection, &author, &setting).await })
            })
            .await
    }

    /// Names of the clusters that are known in an environment.
    pub async fn cluster_names(&self, environment: &str) -> Result<Vec<String>, StoreError> {
        sql("SELECT asset.identity FROM asset
             JOIN environment ON environment.id = asset.environment_id
             WHERE environment.name = ? AND asset.kind = 'cluster' ORDER BY asset.identity")
        .bind(environment)
        .scalar()
        .fetch_all(&self.readers)
        .await
    }
}

async fn set(
    connection: &mut Connection,
    author: &Author,
    setting: &NewPolicySetting,
) -> Result<bool, StoreError> {
    let id = environment::id(connection, &setting.environment).await?;
    let before = sql("SELECT action, parameters, scope FROM policy_setting
         WHERE environment_id = ? AND cluster = ? AND policy = ?")
    .bind(id)
    .bind(&setting.cluster)
    .bind(&setting.policy)
    .fetch_optional(&mut *connection)
    .await?;
    let told = |action: &Option<String>, parameters: &Option<Value>, scope: &Option<Value>| {
        serde_json::json!({
            "cluster": setting.cluster, "action": action, "parameters": parameters, "scope": scope,
        })
    };
    let before = match before {
        Some(row) => told(
            &row.maybe_text("action")?,
            &row.maybe_json("parameters")?,
            &row.maybe_json("scope")?,
        ),
        None => told(&None, &None, &None),
    };
    let mut after = told(&setting.action, &setting.parameters, &setting.scope);
    if before == after {
        return Ok(false);
    }
    match &setting.action {
        Some(action) => {
            sql(
                "INSERT INTO policy_setting (environment_id, cluster, policy, action, parameters,
                     scope, reason, changed, changed_by)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (environment_id, cluster, policy) DO UPDATE SET
                     action = excluded.action, parameters = excluded.parameters,
                     scope = excluded.scope, reason = excluded.reason,
                     changed = excluded.changed, changed_by = excluded.changed_by",
            )
            .bind(id)
            .bind(&setting.cluster)
            .bind(&setting.policy)
            .bind(action)
            .bind(setting.parameters.as_ref().map(json))
            .bind(setting.scope.as_ref().map(json))
            .bind(&setting.reason)
            .bind(author.time)
            .bind(&author.name)
            .execute(&mut *connection)
            .await?;
        }
        None => {
            sql("DELETE FROM policy_setting
                 WHERE environment_id = ? AND cluster = ? AND policy = ?")
            .bind(id)
            .bind(&setting.cluster)
            .bind(&setting.policy)
            .execute(&mut *connection)
            .await?;
        }
    }
    after["reason"] = setting.reason.clone().into();
    let entry = Note::of("policy.set", "policy", &setting.policy)
        .within(&setting.environment)
        .changed(&before, &after);
    audit::note(connection, author, entry).await?;
    Ok(true)
}
