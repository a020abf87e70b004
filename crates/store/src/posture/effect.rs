//! Which assets some findings are about, to tell what recommendations would
//! say of them, were the findings not open.

use std::collections::BTreeSet;

use model::FindingKind;

use crate::{FindingFilter, Scope, Store, StoreError, db::sql, finding::kind_number};

/// An asset that findings are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct About {
    pub environment: String,
    pub rule: String,
    /// The asset's id.
    pub asset: String,
}

impl Store {
    /// The assets that misconfigurations among these findings are about.
    pub async fn misconfigured(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
    ) -> Result<BTreeSet<About>, StoreError> {
        self.about(scope, filter, FindingKind::Misconfiguration, "rule.name")
            .await
    }

    /// The assets that vulnerabilities among these findings are about,
    /// each once, whatever the rule.
    pub async fn vulnerable(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
    ) -> Result<BTreeSet<About>, StoreError> {
        self.about(scope, filter, FindingKind::Vulnerability, "''")
            .await
    }

    async fn about(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
        kind: FindingKind,
        rule: &str,
    ) -> Result<BTreeSet<About>, StoreError> {
        let mut query = sql("");
        query.push(format_args!(
            "SELECT DISTINCT environment.name AS environment, {rule} AS rule, asset.uid
             FROM (SELECT finding.rule_id, finding.asset_id, finding.environment_id
                 FROM finding WHERE "
        ));
        filter.narrow(
            scope,
            &mut query,
            filter.environment_column(),
            self.dialect(),
        );
        query.push(format_args!(
            " AND finding.kind = {}) AS part
             JOIN rule ON rule.id = part.rule_id
             JOIN asset ON asset.id = part.asset_id
             JOIN environment ON environment.id = part.environment_id",
            kind_number(kind)
        ));
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(About {
                    environment: row.text("environment")?,
                    rule: row.text("rule")?,
                    asset: row.text("uid")?,
                })
            })
            .collect()
    }
}
