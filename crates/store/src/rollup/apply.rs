//! Writing gathered changes down.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{BySeverity, Deltas, OfAsset};
use crate::{
    Counts, StoreError,
    counts::{finding_rank, severity_of},
    db::{Connection, Sql, Value, insert, sql},
    row::json,
};

/// Rows of one statement.
const ROWS: usize = 1000;
/// Open findings of one rule and asset that are counted to learn whether
/// there were any before.
const ENOUGH: i64 = 5000;
/// Package names kept for a rule.
const NAMES: usize = 5;

/// Appends `(VALUES (…), (…)) AS delta`; both databases call the columns
/// `column1`, `column2`, ….
pub(crate) fn push_values(query: &mut Sql, rows: impl IntoIterator<Item = Vec<Value>>) {
    for (step, row) in rows.into_iter().enumerate() {
        query
            .push(if step == 0 { "(VALUES " } else { ", " })
            .push_list(row);
    }
    query.push(") AS delta");
}

/// Unknown first, as stored numbers; the columns are worst first.
fn columns(open: &BySeverity) -> impl Iterator<Item = i64> + '_ {
    open.iter().rev().copied()
}

impl Deltas {
    /// Writes the changes down. The findings themselves must have been
    /// written before.
    pub(crate) async fn apply(
        self,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.apply_counts(connection).await?;
        self.apply_exemptions(connection).await?;
        self.apply_assets(connection).await?;
        self.apply_rules(connection, now).await
    }

    async fn apply_counts(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let changed = self.counts.iter().filter(|(_, change)| **change != 0);
        insert(
            "INSERT INTO finding_count (environment_id, kind, severity, state, suppressed, fixable,
                 kev, findings) ",
        )
        .ending(
            " ON CONFLICT (environment_id, kind, severity, state, suppressed, fixable, kev)
              DO UPDATE SET findings = finding_count.findings + excluded.findings",
        )
        .rows(connection, changed, |row, (key, change)| {
            for part in key {
                row.push_bind(part);
            }
            row.push_bind(change);
        })
        .await?;
        Ok(())
    }

    async fn apply_exemptions(&self, connection: &mut Connection) -> Result<(), StoreError> {
        for (exemption, change) in &self.exemptions {
            sql("UPDATE exemption SET findings = findings + ? WHERE id = ?")
                .bind(change)
                .bind(exemption)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn apply_assets(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let changed: BTreeMap<i64, OfAsset> = self
            .assets
            .iter()
            .filter(|(_, change)| **change != OfAsset::default())
            .map(|(asset, change)| (*asset, *change))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let mut below: BTreeMap<i64, BySeverity> = BTreeMap::new();
        let mut images = BTreeMap::new();
        let mut level: BTreeMap<i64, BySeverity> = changed
            .iter()
            .map(|(asset, change)| (*asset, change.open))
            .collect();
        // The tree has eight levels; a damaged one must not loop.
        for _ in 0..16 {
            if level.is_empty() {
                break;
            }
            let mut parents: BTreeMap<i64, BySeverity> = BTreeMap::new();
            let ids: Vec<i64> = level.keys().copied().collect();
            for chunk in ids.chunks(ROWS) {
                let mut query = sql("SELECT id, parent_id, kind, image_id FROM asset WHERE id IN ");
                query.push_list(chunk);
                for row in query.once().fetch_all(&mut *connection).await? {
                    let id = row.int("id")?;
                    let change = level[&id];
                    add(below.entry(id).or_default(), &change);
                    let parent = row.int("parent_id")?;
                    if parent != crate::asset::NO_PARENT {
                        add(parents.entry(parent).or_default(), &change);
                    }
                    if let Some(own) = changed.get(&id)
                        && row.text("kind")? == "image"
                        && let Some(image) = row.maybe_int("image_id")?
                    {
                        images.insert(image, *own);
                    }
                }
            }
            level = parents;
        }
        let rows: Vec<(i64, BySeverity, BySeverity)> = below
            .into_iter()
            .map(|(asset, all)| {
                let own = changed.get(&asset).map(|own| own.open).unwrap_or_default();
                (asset, own, all)
            })
            .filter(|(_, own, all)| *own != BySeverity::default() || *all != BySeverity::default())
            .collect();
        for chunk in rows.chunks(ROWS) {
            let mut query = sql(
                "UPDATE asset SET own_critical = own_critical + delta.column2,
                     own_high = own_high + delta.column3, own_medium = own_medium + delta.column4,
                     own_low = own_low + delta.column5, own_info = own_info + delta.column6,
                     own_unknown = own_unknown + delta.column7, critical = critical + delta.column8,
                     high = high + delta.column9, medium = medium + delta.column10,
                     low = low + delta.column11, info = info + delta.column12,
                     unknown = unknown + delta.column13 FROM ",
            );
            let values = chunk.iter().map(|(asset, own, all)| {
                std::iter::once(*asset)
                    .chain(columns(own))
                    .chain(columns(all))
                    .map(Value::from)
                    .collect()
            });
            push_values(&mut query, values);
            query.push(" WHERE asset.id = delta.column1");
            query.once().execute(&mut *connection).await?;
        }
        apply_images(connection, &images).await
    }

    async fn apply_rules(
        &self,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut assets = self.asset_changes(connection).await?;
        let changed: Vec<_> = self
            .rules
            .iter()
            .filter(|(key, change)| {
                change.open != BySeverity::default()
                    || change.fixable != 0
                    || assets.get(key).is_some_and(|change| *change != 0)
            })
            .collect();
        insert(
            "INSERT INTO rule_use (environment_id, rule_id, kind, severity, rank, assets, findings,
                 fixable, critical, high, medium, low, info, unknown, packages, first_seen,
                 last_seen) ",
        )
        .ending(
            " ON CONFLICT (environment_id, rule_id) DO UPDATE SET
                 assets = rule_use.assets + excluded.assets,
                 findings = rule_use.findings + excluded.findings,
                 fixable = rule_use.fixable + excluded.fixable,
                 critical = rule_use.critical + excluded.critical,
                 high = rule_use.high + excluded.high,
                 medium = rule_use.medium + excluded.medium,
                 low = rule_use.low + excluded.low,
                 info = rule_use.info + excluded.info,
                 unknown = rule_use.unknown + excluded.unknown,
                 last_seen = excluded.last_seen",
        )
        .rows(&mut *connection, &changed, |row, (key, change)| {
            row.push_bind(key.0)
                .push_bind(key.1)
                .push_bind(change.kind)
                .push_bind(0_i64)
                .push_bind(0_i64)
                .push_bind(assets.remove(*key).unwrap_or(0))
                .push_bind(change.open.iter().sum::<i64>())
                .push_bind(change.fixable);
            for count in columns(&change.open) {
                row.push_bind(count);
            }
            row.push_bind("[]").push_bind(now).push_bind(now);
        })
        .await?;
        self.rank_rules(
            connection,
            &changed.iter().map(|(key, _)| **key).collect::<Vec<_>>(),
        )
        .await
    }

    /// How many assets each rule gained or lost.
    async fn asset_changes(
        &self,
        connection: &mut Connection,
    ) -> Result<BTreeMap<(i64, i64), i64>, StoreError> {
        let changed: Vec<_> = self
            .pairs
            .iter()
            .filter(|(_, change)| **change != 0)
            .collect();
        let mut assets = BTreeMap::new();
        for chunk in changed.chunks(ROWS) {
            // The sums keep PostgreSQL off the queue's index, which it
            // walks whole while it knows nothing of the table.
            let mut query = sql(
                "SELECT delta.column1 AS environment_id, delta.column2 AS rule_id,
                     delta.column4 AS change,
                     (SELECT COUNT(*) FROM (SELECT 1 FROM finding
                         WHERE finding.rule_id = delta.column2
                           AND finding.asset_id = delta.column3
                           AND finding.state + 0 = 0 AND finding.suppressed + 0 = 0 ",
            );
            query.push(format_args!("LIMIT {ENOUGH}) AS open) AS after FROM "));
            let values = chunk.iter().map(|((environment, rule, asset), change)| {
                [*environment, *rule, *asset, **change]
                    .map(Value::from)
                    .into()
            });
            push_values(&mut query, values);
            for row in query.once().fetch_all(&mut *connection).await? {
                let after = row.int("after")?;
                let before = after - row.int("change")?;
                let key = (row.int("environment_id")?, row.int("rule_id")?);
                let step = i64::from(after > 0) - i64::from(before > 0);
                *assets.entry(key).or_default() += step;
            }
        }
        Ok(assets)
    }

    /// What follows from a rule's counts: its severity and rank, or that
    /// it is used no more; and the first few packages it met.
    async fn rank_rules(
        &self,
        connection: &mut Connection,
        keys: &[(i64, i64)],
    ) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut wanted = BTreeMap::new();
        for chunk in keys.chunks(ROWS) {
            let mut query = sql("SELECT rule_use.*, rule.kev, rule.epss FROM rule_use
                 JOIN rule ON rule.id = rule_use.rule_id WHERE rule_use.rule_id IN ");
            query.push_list(chunk.iter().map(|(_, rule)| *rule));
            for row in query.once().fetch_all(&mut *connection).await? {
                let key = (row.int("environment_id")?, row.int("rule_id")?);
                let Some(change) = self.rules.get(&key) else {
                    continue;
                };
                let counts = Counts::read(&row)?;
                let severity = counts.worst();
                let names: Vec<String> = row.json("packages")?;
                if names.len() < NAMES && !change.packages.is_empty() {
                    let ids: Vec<i64> = change.packages.iter().copied().take(NAMES).collect();
                    wanted.insert(key, (names, ids));
                }
                rows.push((key, counts, severity, row.flag("kev")?, row.real("epss")?));
            }
        }
        for chunk in rows.chunks(ROWS) {
            let mut query = sql("UPDATE rule_use SET severity = delta.column3,
                     rank = delta.column4 FROM ");
            let values = chunk.iter().map(|(key, _, severity, kev, epss)| {
                let number = crate::counts::severity_number(*severity);
                let rank = finding_rank(severity_of(number), *kev, *epss);
                [key.0, key.1, number, rank].map(Value::from).into()
            });
            push_values(&mut query, values);
            query.push(
                " WHERE rule_use.environment_id = delta.column1
                    AND rule_use.rule_id = delta.column2",
            );
            query.once().execute(&mut *connection).await?;
        }
        name_packages(connection, wanted).await?;
        let gone: Vec<_> = rows
            .iter()
            .filter(|(_, counts, ..)| counts.total() == 0)
            .collect();
        for ((environment, rule), ..) in gone {
            sql("DELETE FROM rule_use WHERE environment_id = ? AND rule_id = ?")
                .bind(environment)
                .bind(rule)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

/// Ranks again where rules are used whose likelihood changed.
pub(crate) async fn rerank(connection: &mut Connection, rules: &[i64]) -> Result<(), StoreError> {
    for chunk in rules.chunks(ROWS) {
        let mut query = sql(
            "SELECT rule_use.environment_id, rule_use.rule_id, rule_use.severity,
                 rule_use.rank, rule.kev, rule.epss FROM rule_use
             JOIN rule ON rule.id = rule_use.rule_id WHERE rule_use.rule_id IN ",
        );
        query.push_list(chunk);
        for row in query.once().fetch_all(&mut *connection).await? {
            let severity = severity_of(row.int("severity")?);
            let rank = finding_rank(severity, row.flag("kev")?, row.real("epss")?);
            if rank != row.int("rank")? {
                sql("UPDATE rule_use SET rank = ? WHERE environment_id = ? AND rule_id = ?")
                    .bind(rank)
                    .bind(row.int("environment_id")?)
                    .bind(row.int("rule_id")?)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    Ok(())
}

fn add(sum: &mut BySeverity, change: &BySeverity) {
    for (sum, change) in sum.iter_mut().zip(change) {
        *sum += change;
    }
}

/// The package names a rule has, and the packages it met meanwhile.
type Wanted = BTreeMap<(i64, i64), (Vec<String>, Vec<i64>)>;

async fn name_packages(connection: &mut Connection, wanted: Wanted) -> Result<(), StoreError> {
    let ids: Vec<i64> = wanted.values().flat_map(|(_, ids)| ids.clone()).collect();
    let mut known = BTreeMap::new();
    for chunk in ids.chunks(ROWS) {
        let mut query = sql("SELECT id, name FROM package WHERE id IN ");
        query.push_list(chunk);
        for row in query.once().fetch_all(&mut *connection).await? {
            known.insert(row.int("id")?, row.text("name")?);
        }
    }
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for ((environment, rule), (mut names, ids)) in wanted {
        let before = names.len();
        for name in ids.iter().filter_map(|id| known.get(id)) {
            if names.len() < NAMES && !names.contains(name) {
                names.push(name.clone());
            }
        }
        if names.len() > before {
            names.sort();
            rows.push(vec![environment.into(), rule.into(), json(&names).into()]);
        }
    }
    for chunk in rows.chunks(ROWS) {
        let mut query = sql("UPDATE rule_use SET packages = delta.column3 FROM ");
        push_values(&mut query, chunk.iter().cloned());
        query.push(
            " WHERE rule_use.environment_id = delta.column1
                AND rule_use.rule_id = delta.column2",
        );
        query.once().execute(&mut *connection).await?;
    }
    Ok(())
}

/// An image shows more than its asset: what an upgrade would close, what
/// is exploited, and one number that orders images.
async fn apply_images(
    connection: &mut Connection,
    images: &BTreeMap<i64, OfAsset>,
) -> Result<(), StoreError> {
    for (image, change) in images {
        let [critical, high, medium, low, info, unknown] =
            std::array::from_fn(|place| change.open[5 - place]);
        let row = sql(
            "UPDATE image SET critical = critical + ?, high = high + ?, medium = medium + ?,
                 low = low + ?, info = info + ?, unknown = unknown + ?, fixable = fixable + ?,
                 kev = kev + ?, suppressed = suppressed + ?
             WHERE id = ? RETURNING critical, high, medium, low, info, unknown",
        )
        .bind(critical)
        .bind(high)
        .bind(medium)
        .bind(low)
        .bind(info)
        .bind(unknown)
        .bind(change.fixable)
        .bind(change.kev)
        .bind(change.suppressed)
        .bind(image)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = row {
            sql("UPDATE image SET risk = ? WHERE id = ?")
                .bind(Counts::read(&row)?.risk())
                .bind(image)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}
