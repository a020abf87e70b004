//! Everything the record knows of one finding.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{FindingKind, alert::Trace, in_use::Known, priority::Facts};
use serde_json::Value;

use super::{AssetKey, Finding, asset_key};
use crate::asset::IMAGE_FACT;
use crate::{
    RuleDetails, ScanOrigin, Scope, Store, StoreError, VulnerabilityRecord, db::sql, in_use,
    priority,
};

/// One finding, with what explains it.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingDetail {
    pub finding: Finding,
    pub said_by: SaidBy,
    pub evidence: Option<Value>,
    /// Events that are kept of it.
    pub events: u64,
    /// What happened before, where a sensor told.
    pub trace: Option<Trace>,
    /// From the environment down to the asset.
    pub chain: Vec<AssetKey>,
    /// What its runtime calls the image that runs there, whether or not
    /// the record knows that image.
    pub runs: Option<String>,
    /// The last look at the image that ended well.
    pub look: Option<Look>,
    /// What made the layer that brought the package.
    pub created_by: Option<String>,
    /// The package's source and release, for distributions.
    pub source: Option<String>,
    pub ecosystem: Option<String>,
    /// Other open findings of the same rule, and of the same asset.
    pub same_rule: u64,
    pub same_asset: u64,
    /// Of a vulnerability: what its priority is made of, and what is
    /// known of the use of its package.
    pub pressing: Option<(Facts, Known)>,
}

/// What says so.
#[derive(Clone, Debug, PartialEq)]
pub enum SaidBy {
    Vulnerability(Box<VulnerabilityRecord>),
    Rule(Box<RuleDetails>),
}

/// A look at an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub time: Timestamp,
    pub origin: ScanOrigin,
}

impl Store {
    /// One finding and what explains it.
    pub async fn finding_detail(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<FindingDetail>, StoreError> {
        let Some(finding) = self.finding(scope, id).await? else {
            return Ok(None);
        };
        let row = sql(
            "SELECT finding.asset_id, finding.rule_id, finding.image_id, finding.layer,
                 finding.state, finding.suppressed, rule.details, finding_evidence.evidence,
                 alert_trace.trace, package.source, package.ecosystem, asset.facts,
                 (SELECT COUNT(*) FROM alert_event
                  WHERE alert_event.finding_id = finding.id) AS events
             FROM finding JOIN rule ON rule.id = finding.rule_id
             JOIN asset ON asset.id = finding.asset_id
             LEFT JOIN finding_evidence ON finding_evidence.finding_id = finding.id
             LEFT JOIN alert_trace ON alert_trace.finding_id = finding.id
             LEFT JOIN package ON package.id = finding.package_id
             WHERE finding.id = ?",
        )
        .bind(finding.id)
        .fetch_one(&self.readers)
        .await?;
        let said_by = if finding.kind == FindingKind::Vulnerability {
            SaidBy::Vulnerability(row.json("details")?)
        } else {
            SaidBy::Rule(row.json("details")?)
        };
        let (asset, rule) = (row.int("asset_id")?, row.int("rule_id")?);
        let image = row.maybe_int("image_id")?;
        let created_by = match (image, row.maybe_int("layer")?) {
            (Some(image), Some(layer)) => {
                sql("SELECT created_by FROM layer WHERE image_id = ? AND ordinal = ?")
                    .bind(image)
                    .bind(layer)
                    .scalar::<Option<String>>()
                    .fetch_optional(&self.readers)
                    .await?
                    .flatten()
            }
            _ => None,
        };
        let is_open = row.int("state")? == 0 && row.int("suppressed")? == 0;
        Ok(Some(FindingDetail {
            said_by,
            evidence: row
                .maybe_text("evidence")?
                .and_then(|text| serde_json::from_str(&text).ok()),
            chain: self.asset_chain(asset).await?,
            runs: row
                .json::<BTreeMap<String, String>>("facts")?
                .remove(IMAGE_FACT),
            events: row.count("events")?,
            trace: row
                .maybe_blob("trace")?
                .map(|packed| crate::alert::unpacked(&packed))
                .transpose()?
                .flatten(),
            look: self.last_look(image).await?,
            created_by,
            source: row.maybe_text("source")?,
            ecosystem: row.maybe_text("ecosystem")?,
            same_rule: self
                .open_of_rule(scope, rule)
                .await?
                .saturating_sub(u64::from(is_open)),
            same_asset: self
                .open_of_asset(asset)
                .await?
                .saturating_sub(u64::from(is_open)),
            pressing: match finding.kind {
                FindingKind::Vulnerability => Some(self.pressing(finding.id).await?),
                _ => None,
            },
            finding,
        }))
    }

    /// What the priority of a finding is made of.
    async fn pressing(&self, finding: i64) -> Result<(Facts, Known), StoreError> {
        let mut query = sql("SELECT image_use.running, image_use.watched,
                 package_in_use.image_id AS noted, package_in_use.unseeable, package_in_use.seen,
                 package_in_use.path, ");
        query
            .push(priority::COLUMNS)
            .push(" FROM finding JOIN rule ON rule.id = finding.rule_id")
            .push(priority::JOINS)
            .push(" WHERE finding.id = ")
            .push_bind(finding);
        let row = query.fetch_one(&self.readers).await?;
        Ok((priority::facts(&row)?, in_use::known(&row, "path")?))
    }

    /// From the environment down to an asset.
    async fn asset_chain(&self, asset: i64) -> Result<Vec<AssetKey>, StoreError> {
        let mut chain = Vec::new();
        let mut next = asset;
        // The tree has eight levels; a damaged one must not loop.
        while next != crate::asset::NO_PARENT && chain.len() < 16 {
            let row = sql("SELECT asset.parent_id, asset.uid AS asset_uid,
                     asset.kind AS asset_kind, asset.name AS asset_name, asset.cluster,
                     asset.namespace, asset.workload, environment.name AS environment
                 FROM asset JOIN environment ON environment.id = asset.environment_id
                 WHERE asset.id = ?")
            .bind(next)
            .fetch_optional(&self.readers)
            .await?;
            let Some(row) = row else { break };
            chain.push(asset_key(&row)?);
            next = row.int("parent_id")?;
        }
        chain.reverse();
        Ok(chain)
    }

    async fn last_look(&self, image: Option<i64>) -> Result<Option<Look>, StoreError> {
        let Some(image) = image else { return Ok(None) };
        let row = sql("SELECT origin, finished FROM scan
             WHERE image_id = ? AND state = 'done' ORDER BY id DESC LIMIT 1")
        .bind(image)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(time) = row.maybe_time("finished")? else {
            return Ok(None);
        };
        Ok(Some(Look {
            time,
            origin: crate::scan::origin_of(&row.text("origin")?),
        }))
    }

    async fn open_of_rule(&self, scope: &Scope, rule: i64) -> Result<u64, StoreError> {
        let mut query = sql(
            "SELECT CAST(COALESCE(SUM(findings), 0) AS BIGINT) AS findings
             FROM rule_use WHERE rule_id = ",
        );
        query.push_bind(rule).push(" AND ");
        scope.constrain(&mut query, "environment_id");
        query.fetch_one(&self.readers).await?.count("findings")
    }

    async fn open_of_asset(&self, asset: i64) -> Result<u64, StoreError> {
        sql(
            "SELECT own_critical + own_high + own_medium + own_low + own_info + own_unknown
                 AS findings FROM asset WHERE id = ?",
        )
        .bind(asset)
        .fetch_one(&self.readers)
        .await?
        .count("findings")
    }
}
