//! Roll-ups: what lists show without counting findings again.

use std::collections::BTreeSet;

use crate::{
    StoreError,
    db::{Connection, sql},
    row::json,
};

/// Package names kept for the list of vulnerabilities.
const NAMES: i64 = 5;

/// Counts again where the given vulnerabilities are.
pub(crate) async fn vulnerabilities(
    connection: &mut Connection,
    environment_id: i64,
    vulnerabilities: &BTreeSet<i64>,
) -> Result<(), StoreError> {
    for &vulnerability in vulnerabilities {
        let row = sql(
            "SELECT COUNT(DISTINCT asset_id) AS images, COUNT(*) AS findings,
                    COALESCE(SUM(fixable), 0) AS fixable, COALESCE(MAX(severity), 0) AS severity,
                    COALESCE(MAX(rank), 0) AS rank, COALESCE(MIN(first_seen), 0) AS first_seen
             FROM finding
             WHERE rule_id = ? AND environment_id = ? AND state = 0 AND suppressed = 0",
        )
        .bind(vulnerability)
        .bind(environment_id)
        .fetch_one(&mut *connection)
        .await?;
        let findings = row.int("findings")?;
        if findings == 0 {
            sql("DELETE FROM rule_use WHERE environment_id = ? AND rule_id = ?")
                .bind(environment_id)
                .bind(vulnerability)
                .execute(&mut *connection)
                .await?;
            continue;
        }
        let names: Vec<String> = sql("SELECT DISTINCT package.name FROM finding
             JOIN package ON package.id = finding.package_id
             WHERE finding.rule_id = ? AND finding.environment_id = ?
               AND finding.state = 0 AND finding.suppressed = 0
             ORDER BY package.name LIMIT ?")
        .bind(vulnerability)
        .bind(environment_id)
        .bind(NAMES)
        .scalar()
        .fetch_all(&mut *connection)
        .await?;
        sql(
            "INSERT INTO rule_use (environment_id, rule_id, severity, rank,
                 assets, findings, fixable, packages, first_seen, last_seen, kind, critical, high,
                 medium, low, info, unknown)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0)
             ON CONFLICT (environment_id, rule_id) DO UPDATE SET
                 severity = excluded.severity, rank = excluded.rank, assets = excluded.assets,
                 findings = excluded.findings, fixable = excluded.fixable,
                 packages = excluded.packages, first_seen = excluded.first_seen",
        )
        .bind(environment_id)
        .bind(vulnerability)
        .bind(row.int("severity")?)
        .bind(row.int("rank")?)
        .bind(row.int("images")?)
        .bind(findings)
        .bind(row.int("fixable")?)
        .bind(json(&names))
        .bind(row.int("first_seen")?)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
