//! How many objects each policy judged, and what became of them: counted
//! by sets of policies and by findings, with no row for what is healthy.

use std::collections::BTreeMap;

use crate::{Scope, Store, StoreError, db::sql};

/// Objects one policy was asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyCount {
    pub judged: u64,
    /// Of them, with a finding that is open.
    pub affected: u64,
    /// Of them, with findings that somebody dismissed or exempted.
    pub exempted: u64,
}

impl Store {
    /// How many objects of one cluster each policy judged.
    pub async fn policies_judged(
        &self,
        scope: &Scope,
        cluster: &str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut query = sql(
            "SELECT policy_set.policies, COUNT(*) AS objects FROM cluster_object
             JOIN connector ON connector.id = cluster_object.connector_id
             JOIN policy_set ON policy_set.id = cluster_object.set_id
             WHERE connector.cluster = ",
        );
        query.push_bind(cluster).push(" AND ");
        scope.constrain(&mut query, "connector.environment_id");
        query.push(" GROUP BY policy_set.id, policy_set.policies");
        let mut judged = BTreeMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let objects = row.count("objects")?;
            for policy in row.json::<Vec<String>>("policies")? {
                *judged.entry(policy).or_default() += objects;
            }
        }
        Ok(judged)
    }

    /// How policies over clusters' objects stand in an environment, by
    /// rule.
    pub async fn policy_counts(
        &self,
        environment: &str,
    ) -> Result<BTreeMap<String, PolicyCount>, StoreError> {
        let mut counts: BTreeMap<String, PolicyCount> = BTreeMap::new();
        let rows = sql(
            "SELECT policy_set.policies, COUNT(*) AS objects FROM cluster_object
             JOIN connector ON connector.id = cluster_object.connector_id
             JOIN environment ON environment.id = connector.environment_id
             JOIN policy_set ON policy_set.id = cluster_object.set_id
             WHERE environment.name = ?
             GROUP BY policy_set.id, policy_set.policies",
        )
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        for row in &rows {
            let policies: Vec<String> = row.json("policies")?;
            let objects = row.count("objects")?;
            for policy in policies {
                counts.entry(policy).or_default().judged += objects;
            }
        }
        if counts.is_empty() {
            return Ok(counts);
        }
        let rows = sql("SELECT rule.name, part.is_decided, COUNT(*) AS objects
             FROM (SELECT finding.rule_id, finding.asset_id, finding.path,
                     MIN(CASE finding.state WHEN 0 THEN 0 ELSE 1 END) AS is_decided
                 FROM finding JOIN environment ON environment.id = finding.environment_id
                 WHERE environment.name = ? AND finding.kind = 1 AND finding.state <> 1
                   AND finding.path IS NOT NULL
                 GROUP BY finding.rule_id, finding.asset_id, finding.path) AS part
             JOIN rule ON rule.id = part.rule_id
             GROUP BY rule.name, part.is_decided")
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        for row in &rows {
            // A policy that judges nothing has no standing.
            let Some(count) = counts.get_mut(&row.text("name")?) else {
                continue;
            };
            let objects = row.count("objects")?;
            if row.flag("is_decided")? {
                count.exempted += objects;
            } else {
                count.affected += objects;
            }
        }
        Ok(counts)
    }
}
