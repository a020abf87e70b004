//! Writing gathered changes down.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{BySeverity, Deltas, OfAsset, OfRule, place::Places};
use crate::{
    Counts, StoreError,
    counts::{finding_rank, severity_of},
    db::{Connection, Dialect, ROWS, Value, insert, sql, update},
    row::json,
};

/// Package names kept for a rule.
const NAMES: usize = 5;

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
        let mut places = Places::default();
        // One may be met again above another that changed.
        let mut counted = BTreeSet::new();
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
                let mut query = sql(
                    "SELECT id, parent_id, kind, image_id, environment_id, cluster,
                         namespace FROM asset WHERE id",
                );
                query.push_in(chunk, connection.dialect());
                for row in query.fetch_all(&mut *connection).await? {
                    let id = row.int("id")?;
                    let change = level[&id];
                    add(below.entry(id).or_default(), &change);
                    let parent = row.int("parent_id")?;
                    if parent != crate::asset::NO_PARENT {
                        add(parents.entry(parent).or_default(), &change);
                    }
                    let Some(own) = changed.get(&id).filter(|_| counted.insert(id)) else {
                        continue;
                    };
                    places.change(
                        row.int("environment_id")?,
                        row.maybe_text("cluster")?,
                        row.maybe_text("namespace")?,
                        own.open.iter().sum(),
                    );
                    if row.text("kind")? == "image"
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
        let values = rows.iter().map(|(asset, own, all)| {
            std::iter::once(*asset)
                .chain(columns(own))
                .chain(columns(all))
                .map(Value::from)
                .collect()
        });
        update(
            "asset",
            "own_critical = own_critical + delta.column2,
             own_high = own_high + delta.column3, own_medium = own_medium + delta.column4,
             own_low = own_low + delta.column5, own_info = own_info + delta.column6,
             own_unknown = own_unknown + delta.column7, critical = critical + delta.column8,
             high = high + delta.column9, medium = medium + delta.column10,
             low = low + delta.column11, info = info + delta.column12,
             unknown = unknown + delta.column13",
        )
        .rows(connection, values.collect())
        .await?;
        places.apply(connection).await?;
        apply_images(connection, &images).await
    }

    async fn apply_rules(
        &self,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let assets = self.asset_changes(connection).await?;
        let changed: Vec<_> = self
            .rules
            .iter()
            .filter(|(key, change)| {
                change.open != BySeverity::default()
                    || change.fixable != 0
                    || assets.get(key).is_some_and(|change| *change != 0)
            })
            .collect();
        let keys: BTreeSet<(i64, i64)> = changed.iter().map(|(key, _)| **key).collect();
        let known = Used::load(connection, &keys.into_iter().collect::<Vec<_>>()).await?;
        let mut gone: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let mut kept = Vec::with_capacity(changed.len());
        for (key, change) in changed {
            let mut open = known.uses.get(key).map_or([0; 6], |used| used.open);
            add(&mut open, &change.open);
            if open.iter().sum::<i64>() == 0 {
                gone.entry(key.0).or_default().push(key.1);
            } else {
                kept.push((key, change, open));
            }
        }
        let names = self.package_names(connection, &known).await?;
        insert(
            "INSERT INTO rule_use (environment_id, rule_id, kind, severity, rank, assets, findings,
                 fixable, critical, high, medium, low, info, unknown, packages, first_seen,
                 last_seen) ",
        )
        .ending(
            " ON CONFLICT (environment_id, rule_id) DO UPDATE SET
                 severity = excluded.severity, rank = excluded.rank,
                 assets = rule_use.assets + excluded.assets,
                 findings = rule_use.findings + excluded.findings,
                 fixable = rule_use.fixable + excluded.fixable,
                 critical = rule_use.critical + excluded.critical,
                 high = rule_use.high + excluded.high,
                 medium = rule_use.medium + excluded.medium,
                 low = rule_use.low + excluded.low,
                 info = rule_use.info + excluded.info,
                 unknown = rule_use.unknown + excluded.unknown,
                 packages = excluded.packages, last_seen = excluded.last_seen",
        )
        .rows(&mut *connection, &kept, |row, (key, change, open)| {
            let severity = worst(open);
            let (kev, epss) = known.likelihoods.get(&key.1).copied().unwrap_or_default();
            row.push_bind(key.0)
                .push_bind(key.1)
                .push_bind(change.kind)
                .push_bind(severity)
                .push_bind(finding_rank(severity_of(severity), kev, epss))
                .push_bind(assets.get(*key).copied().unwrap_or(0))
                .push_bind(change.open.iter().sum::<i64>())
                .push_bind(change.fixable);
            for count in columns(&change.open) {
                row.push_bind(count);
            }
            row.push_bind(json(&known.named(key, change, &names)))
                .push_bind(now)
                .push_bind(now);
        })
        .await?;
        for (environment, rules) in &gone {
            for chunk in rules.chunks(ROWS) {
                let mut query = sql("DELETE FROM rule_use WHERE environment_id = ");
                query
                    .push_bind(*environment)
                    .push(" AND rule_id")
                    .push_in(chunk, connection.dialect());
                query.execute(&mut *connection).await?;
            }
        }
        Ok(())
    }

    /// The names of packages met by rules that keep few.
    async fn package_names(
        &self,
        connection: &mut Connection,
        known: &Used,
    ) -> Result<BTreeMap<i64, String>, StoreError> {
        let wanted: BTreeSet<i64> = self
            .rules
            .iter()
            .filter(|(key, _)| !known.has_names_enough(key))
            .flat_map(|(_, change)| change.packages.iter().copied().take(NAMES))
            .collect();
        let wanted: Vec<i64> = wanted.into_iter().collect();
        let mut names = BTreeMap::new();
        for chunk in wanted.chunks(ROWS) {
            let mut query = sql("SELECT id, name FROM package WHERE id");
            query.push_in(chunk, connection.dialect());
            for row in query.fetch_all(&mut *connection).await? {
                names.insert(row.int("id")?, row.text("name")?);
            }
        }
        Ok(names)
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
            // One more than came: then there were some before. In steps,
            // so that there are few texts.
            let most = chunk.iter().map(|(_, change)| **change).max().unwrap_or(0);
            let enough = (most.max(0).unsigned_abs() + 1).next_power_of_two();
            // The sums keep PostgreSQL off the queue's index, which it
            // walks whole while it knows nothing of the table.
            let text = format!(
                "SELECT delta.column1 AS environment_id, delta.column2 AS rule_id,
                     delta.column4 AS change,
                     (SELECT COUNT(*) FROM (SELECT 1 FROM finding
                         WHERE finding.rule_id = delta.column2
                           AND finding.asset_id = delta.column3
                           AND finding.state + 0 = 0 AND finding.suppressed + 0 = 0
                         LIMIT {enough}) AS open) AS after"
            );
            let values = chunk.iter().map(|((environment, rule, asset), change)| {
                [*environment, *rule, *asset, **change]
                    .map(Value::from)
                    .into()
            });
            let values: Vec<Vec<Value>> = values.collect();
            let counted = if connection.dialect() == Dialect::Sqlite {
                let text = text.replace("delta.column", "?");
                connection.each(sql(text), values).await?
            } else {
                let mut query = sql(text + " FROM ");
                query.push_rows(values, connection.dialect());
                query.fetch_all(&mut *connection).await?
            };
            for row in counted {
                let after = row.int("after")?;
                let before = after - row.int("change")?;
                let key = (row.int("environment_id")?, row.int("rule_id")?);
                let step = i64::from(after > 0) - i64::from(before > 0);
                *assets.entry(key).or_default() += step;
            }
        }
        Ok(assets)
    }
}

/// A rule as an environment used it before.
#[derive(Debug)]
struct OfUse {
    open: BySeverity,
    packages: Vec<String>,
}

/// What is known of rules that change.
#[derive(Debug, Default)]
struct Used {
    uses: BTreeMap<(i64, i64), OfUse>,
    /// Whether a rule's vulnerability is exploited, and how likely.
    likelihoods: BTreeMap<i64, (bool, Option<f64>)>,
}

impl Used {
    /// `keys` are environments and rules, in their order.
    async fn load(connection: &mut Connection, keys: &[(i64, i64)]) -> Result<Self, StoreError> {
        let mut used = Self::default();
        for of_one in keys.chunk_by(|one, other| one.0 == other.0) {
            for chunk in of_one.chunks(ROWS) {
                used.load_some(connection, chunk[0].0, chunk).await?;
            }
        }
        Ok(used)
    }

    async fn load_some(
        &mut self,
        connection: &mut Connection,
        environment: i64,
        keys: &[(i64, i64)],
    ) -> Result<(), StoreError> {
        let rules: Vec<i64> = keys.iter().map(|(_, rule)| *rule).collect();
        // Found by their key, which begins with the environment.
        let mut query = sql(
            "SELECT rule.id, rule.kev, rule.epss, rule_use.environment_id,
                 rule_use.critical, rule_use.high, rule_use.medium, rule_use.low,
                 rule_use.info, rule_use.unknown, rule_use.packages
             FROM rule LEFT JOIN rule_use ON rule_use.rule_id = rule.id
                 AND rule_use.environment_id = ",
        );
        query.push_bind(environment).push(" WHERE rule.id");
        query.push_in(&rules, connection.dialect());
        for row in query.fetch_all(connection).await? {
            let rule = row.int("id")?;
            self.likelihoods
                .insert(rule, (row.flag("kev")?, row.real("epss")?));
            if row.maybe_int("environment_id")?.is_none() {
                continue;
            }
            let mut open = Counts::read(&row)?.as_columns();
            open.reverse();
            let packages = row.json("packages")?;
            self.uses
                .insert((environment, rule), OfUse { open, packages });
        }
        Ok(())
    }

    fn has_names_enough(&self, key: &(i64, i64)) -> bool {
        self.uses
            .get(key)
            .is_some_and(|used| used.packages.len() >= NAMES)
    }

    /// The first few packages a rule met, in order.
    fn named(
        &self,
        key: &(i64, i64),
        change: &OfRule,
        names: &BTreeMap<i64, String>,
    ) -> Vec<String> {
        let mut kept = self
            .uses
            .get(key)
            .map(|used| used.packages.clone())
            .unwrap_or_default();
        let before = kept.len();
        for name in change
            .packages
            .iter()
            .take(NAMES)
            .filter_map(|id| names.get(id))
        {
            if kept.len() < NAMES && !kept.contains(name) {
                kept.push(name.clone());
            }
        }
        if kept.len() > before {
            kept.sort();
        }
        kept
    }
}

/// The worst severity there is any of, as stored.
fn worst(open: &BySeverity) -> i64 {
    let place = open.iter().rposition(|count| *count > 0).unwrap_or(0);
    i64::try_from(place).unwrap_or(0)
}

/// Ranks again where rules are used whose likelihood changed.
pub(crate) async fn rerank(connection: &mut Connection, rules: &[i64]) -> Result<(), StoreError> {
    for chunk in rules.chunks(ROWS) {
        let mut query = sql(
            "SELECT rule_use.environment_id, rule_use.rule_id, rule_use.severity,
                 rule_use.rank, rule.kev, rule.epss FROM rule_use
             JOIN rule ON rule.id = rule_use.rule_id WHERE rule_use.rule_id",
        );
        query.push_in(chunk, connection.dialect());
        for row in query.fetch_all(&mut *connection).await? {
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

/// An image shows more than its asset: what an upgrade would close, what
/// is exploited, and one number that orders images.
async fn apply_images(
    connection: &mut Connection,
    images: &BTreeMap<i64, OfAsset>,
) -> Result<(), StoreError> {
    let rows = images.iter().map(|(image, change)| {
        std::iter::once(*image)
            .chain(columns(&change.open))
            .chain([change.fixable, change.kev, change.suppressed])
            .map(Value::from)
            .collect()
    });
    let counted = update(
        "image",
        "critical = critical + delta.column2, high = high + delta.column3,
         medium = medium + delta.column4, low = low + delta.column5,
         info = info + delta.column6, unknown = unknown + delta.column7,
         fixable = fixable + delta.column8, kev = kev + delta.column9,
         suppressed = suppressed + delta.column10",
    )
    .ending(" RETURNING image.id, critical, high, medium, low, info, unknown")
    .rows(connection, rows.collect())
    .await?;
    let mut risks: Vec<Vec<Value>> = Vec::with_capacity(counted.len());
    for row in &counted {
        risks.push(vec![
            row.int("id")?.into(),
            Counts::read(row)?.risk().into(),
        ]);
    }
    update("image", "risk = delta.column2")
        .rows(connection, risks)
        .await?;
    Ok(())
}
