//! What alerts say of ATT&CK: by rule, from the roll-up.

use model::{FindingKind, Severity, attack::Tactics};

use crate::{Scope, Store, StoreError, counts::severity_of, db::sql, finding::kind_number};

/// A rule that alerts came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRuleUse {
    pub tactics: Tactics,
    pub techniques: Vec<String>,
    /// Open alerts of it.
    pub open: u64,
    /// The worst of them.
    pub severity: Option<Severity>,
}

impl Store {
    /// Every rule that an alert in scope came from, open or not.
    pub async fn alert_rules(&self, scope: &Scope) -> Result<Vec<AlertRuleUse>, StoreError> {
        let mut query = sql("SELECT rule.id, rule.tactics, rule.techniques,
                 (SELECT CAST(COALESCE(SUM(rule_use.findings), 0) AS BIGINT) FROM rule_use
                  WHERE rule_use.rule_id = rule.id AND ");
        scope.constrain(&mut query, "rule_use.environment_id");
        query.push(
            ") AS findings, (SELECT MAX(rule_use.severity) FROM rule_use
             WHERE rule_use.rule_id = rule.id AND rule_use.findings > 0 AND ",
        );
        scope.constrain(&mut query, "rule_use.environment_id");
        query
            .push(") AS worst FROM rule WHERE rule.kind = ")
            .push_bind(kind_number(FindingKind::Alert))
            .push(" AND EXISTS (SELECT 1 FROM finding WHERE finding.rule_id = rule.id AND ");
        scope.constrain(&mut query, "finding.environment_id");
        query.push(")");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(AlertRuleUse {
                    tactics: Tactics::from_bits(
                        u16::try_from(row.int("tactics")?).unwrap_or_default(),
                    ),
                    techniques: row.json("techniques")?,
                    open: row.count("findings")?,
                    severity: row.maybe_int("worst")?.map(severity_of),
                })
            })
            .collect()
    }
}
