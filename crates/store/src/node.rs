//! What checks said of the machines of clusters: what is wrong as
//! findings, and of the rest that it was looked at.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{AssetKind, FindingKind, score::Standing};
use serde::{Deserialize, Serialize};

use crate::{
    AssetStep, BatchOutcome, FindingBatch, NewFinding, NewRule, Scope, Sight, Store, StoreError,
    db::sql, environment, row::json, sighting::put_batch,
};

/// Checks by what they said of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeVerdicts {
    pub healthy: Vec<String>,
    pub affected: Vec<String>,
    pub not_applicable: Vec<String>,
}

/// One machine, as it was looked at.
#[derive(Clone, Debug)]
pub struct NewNodeAssessment {
    pub environment: String,
    pub cluster: String,
    pub node: String,
    /// `self-managed`, `eks`, `aks`, `gke`.
    pub profile: String,
    pub verdicts: NodeVerdicts,
    /// What could not be read.
    pub gaps: Vec<String>,
    /// Every rule that may have something to say of a machine.
    pub rules: Vec<NewRule>,
    /// Of every check that is affected, one; their assets are filled in.
    pub findings: Vec<NewFinding>,
}

/// One machine, as it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAssessment {
    pub environment: String,
    pub cluster: String,
    pub node: String,
    pub profile: String,
    pub time: Timestamp,
    pub verdicts: NodeVerdicts,
    pub gaps: Vec<String>,
    /// What the cluster tells of it; nothing where no connector does.
    pub facts: BTreeMap<String, String>,
}

/// Where a machine of a cluster is in the tree.
pub(crate) fn place(cluster: &str, node: &str) -> Vec<AssetStep> {
    [(AssetKind::Cluster, cluster), (AssetKind::Host, node)]
        .into_iter()
        .map(|(kind, name)| AssetStep {
            kind,
            identity: name.to_owned(),
            name: name.to_owned(),
        })
        .collect()
}

impl Store {
    /// Takes in what was seen of a machine: all there is, so that what it
    /// no longer says is resolved.
    pub async fn put_node_assessment(
        &self,
        mut new: NewNodeAssessment,
        now: Timestamp,
    ) -> Result<BatchOutcome, StoreError> {
        let asset = place(&new.cluster, &new.node);
        for finding in &mut new.findings {
            finding.asset.clone_from(&asset);
        }
        let outcome = self
            .writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = environment::id(connection, &new.environment).await?;
                    let batch = FindingBatch {
                        environment: new.environment.clone(),
                        now,
                        sight: Sight::Whole {
                            kind: FindingKind::Misconfiguration,
                            // Others may have something to say of it too.
                            rules: new.rules.iter().map(|rule| rule.name.clone()).collect(),
                            assets: vec![asset],
                        },
                        rules: new.rules,
                        findings: new.findings,
                    };
                    let outcome = put_batch(connection, batch).await?;
                    sql(
                        "INSERT INTO node_assessment (environment_id, cluster, node, profile,
                             time, verdicts, gaps)
                         VALUES (?, ?, ?, ?, ?, ?, ?)
                         ON CONFLICT (environment_id, cluster, node) DO UPDATE SET
                             profile = excluded.profile, time = excluded.time,
                             verdicts = excluded.verdicts, gaps = excluded.gaps",
                    )
                    .bind(id)
                    .bind(&new.cluster)
                    .bind(&new.node)
                    .bind(&new.profile)
                    .bind(now)
                    .bind(json(&new.verdicts))
                    .bind(json(&new.gaps))
                    .execute(&mut *connection)
                    .await?;
                    Ok(outcome)
                })
            })
            .await?;
        self.grew(outcome.new.total()).await;
        Ok(outcome)
    }

    /// Machines that were looked at, by cluster and name.
    pub async fn node_assessments(
        &self,
        scope: &Scope,
        cluster: Option<&str>,
    ) -> Result<Vec<NodeAssessment>, StoreError> {
        let mut query = sql("SELECT node_assessment.*, environment.name AS environment,
                 (SELECT asset.facts FROM asset WHERE asset.kind = 'host'
                     AND asset.environment_id = node_assessment.environment_id
                     AND asset.cluster = node_assessment.cluster
                     AND asset.name = node_assessment.node LIMIT 1) AS facts
             FROM node_assessment
             JOIN environment ON environment.id = node_assessment.environment_id WHERE ");
        scope.constrain(&mut query, "node_assessment.environment_id");
        if let Some(cluster) = cluster {
            query
                .push(" AND node_assessment.cluster = ")
                .push_bind(cluster);
        }
        query.push(" ORDER BY environment.name, node_assessment.cluster, node_assessment.node");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(NodeAssessment {
                    environment: row.text("environment")?,
                    cluster: row.text("cluster")?,
                    node: row.text("node")?,
                    profile: row.text("profile")?,
                    time: row.time("time")?,
                    verdicts: row.json("verdicts")?,
                    gaps: row.json("gaps")?,
                    facts: row.maybe_json("facts")?.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// How checks of machines stand, by rule, and of how many each says
    /// nothing.
    pub async fn node_standings(
        &self,
        scope: &Scope,
        cluster: Option<&str>,
    ) -> Result<BTreeMap<String, (Standing, u64)>, StoreError> {
        let mut all: BTreeMap<String, (Standing, u64)> = BTreeMap::new();
        for node in self.node_assessments(scope, cluster).await? {
            for rule in node.verdicts.healthy {
                all.entry(rule).or_default().0.healthy += 1;
            }
            for rule in node.verdicts.affected {
                all.entry(rule).or_default().0.affected += 1;
            }
            for rule in node.verdicts.not_applicable {
                all.entry(rule).or_default().1 += 1;
            }
        }
        if all.is_empty() {
            return Ok(all);
        }
        // Of what is affected, some is decided about.
        let mut query = sql("SELECT rule.name, COUNT(*) AS machines FROM finding
             JOIN rule ON rule.id = finding.rule_id
             JOIN asset ON asset.id = finding.asset_id
             JOIN node_assessment ON node_assessment.environment_id = asset.environment_id
                 AND node_assessment.cluster = asset.cluster
                 AND node_assessment.node = asset.name
             WHERE rule.kind = 1 AND finding.state IN (2, 3) AND asset.kind = 'host' AND ");
        scope.constrain(&mut query, "finding.environment_id");
        if let Some(cluster) = cluster {
            query.push(" AND asset.cluster = ").push_bind(cluster);
        }
        query.push(" GROUP BY rule.name");
        for row in &query.fetch_all(&self.readers).await? {
            if let Some((standing, _)) = all.get_mut(&row.text("name")?) {
                let decided = row.count("machines")?.min(standing.affected);
                standing.affected -= decided;
                standing.exempted += decided;
            }
        }
        Ok(all)
    }

    /// Assets of a cluster that rules have something against, by rule:
    /// open, and decided about.
    pub async fn affected_in_cluster(
        &self,
        scope: &Scope,
        cluster: &str,
    ) -> Result<BTreeMap<String, (u64, u64)>, StoreError> {
        let mut query = sql("SELECT rule.name, part.is_decided, COUNT(*) AS assets
             FROM (SELECT finding.rule_id, finding.asset_id,
                     MIN(CASE finding.state WHEN 0 THEN 0 ELSE 1 END) AS is_decided
                 FROM finding JOIN asset ON asset.id = finding.asset_id
                 WHERE finding.kind = 1 AND finding.state <> 1 AND asset.cluster = ");
        query.push_bind(cluster).push(" AND ");
        scope.constrain(&mut query, "finding.environment_id");
        query.push(
            " GROUP BY finding.rule_id, finding.asset_id) AS part
             JOIN rule ON rule.id = part.rule_id
             GROUP BY rule.name, part.is_decided",
        );
        let mut all: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let count = all.entry(row.text("name")?).or_default();
            let assets = row.count("assets")?;
            if row.flag("is_decided")? {
                count.1 += assets;
            } else {
                count.0 += assets;
            }
        }
        Ok(all)
    }
}
