//! Counting everything again, to find out whether the roll-ups hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    Store, StoreError,
    counts::COUNT_COLUMNS,
    db::{Connection, Row, sql},
};

/// A roll-up that says something else than the findings it sums up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The table and its key: `asset 7`.
    pub at: String,
    pub kept: Vec<i64>,
    pub counted: Vec<i64>,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "roll-up {}: it says {:?}, its findings {:?}",
            self.at, self.kept, self.counted
        )
    }
}

/// Keys and sums, as one side has them.
type Sums = BTreeMap<Vec<i64>, Vec<i64>>;

const SEVERITIES: &str = "
    CAST(SUM(CASE finding.severity WHEN 5 THEN 1 ELSE 0 END) AS BIGINT) AS critical,
    CAST(SUM(CASE finding.severity WHEN 4 THEN 1 ELSE 0 END) AS BIGINT) AS high,
    CAST(SUM(CASE finding.severity WHEN 3 THEN 1 ELSE 0 END) AS BIGINT) AS medium,
    CAST(SUM(CASE finding.severity WHEN 2 THEN 1 ELSE 0 END) AS BIGINT) AS low,
    CAST(SUM(CASE finding.severity WHEN 1 THEN 1 ELSE 0 END) AS BIGINT) AS info,
    CAST(SUM(CASE finding.severity WHEN 0 THEN 1 ELSE 0 END) AS BIGINT) AS unknown";

impl Store {
    /// Counts all findings again and compares with the roll-ups; takes
    /// its time. Nothing written meanwhile is missed: it waits its turn
    /// with the writer.
    pub async fn check_roll_ups(&self) -> Result<Vec<Drift>, StoreError> {
        self.writer
            .write(|connection| Box::pin(recount(connection)))
            .await
    }
}

pub(crate) async fn recount(connection: &mut Connection) -> Result<Vec<Drift>, StoreError> {
    let mut drifts = Vec::new();
    let key = "environment_id, kind, severity, state, suppressed, fixable";
    compare(
        connection,
        &mut drifts,
        "finding_count",
        7,
        &format!("SELECT {key}, kev, findings FROM finding_count WHERE findings <> 0"),
        &format!(
            "SELECT {key}, rank / 1000000 % 2 AS kev, COUNT(*) AS findings FROM finding
             GROUP BY {key}, rank / 1000000 % 2"
        ),
    )
    .await?;
    compare(
        connection,
        &mut drifts,
        "rule_use",
        2,
        &format!(
            "SELECT environment_id, rule_id, severity, assets, findings, fixable,
                 {COUNT_COLUMNS} FROM rule_use"
        ),
        &format!(
            "SELECT finding.environment_id, finding.rule_id, MAX(finding.severity) AS severity,
                 COUNT(DISTINCT finding.asset_id) AS assets,
                 COUNT(*) AS findings, CAST(SUM(finding.fixable) AS BIGINT) AS fixable, {SEVERITIES}
             FROM finding WHERE state = 0 AND suppressed = 0
             GROUP BY finding.environment_id, finding.rule_id"
        ),
    )
    .await?;
    compare(
        connection,
        &mut drifts,
        "exemption",
        1,
        "SELECT id, findings FROM exemption WHERE findings <> 0",
        "SELECT exemption_id, COUNT(*) AS findings FROM finding
         WHERE state = 3 AND exemption_id IS NOT NULL GROUP BY exemption_id",
    )
    .await?;
    compare(
        connection,
        &mut drifts,
        "image",
        1,
        &format!(
            "SELECT id, {COUNT_COLUMNS}, fixable, kev FROM image
             WHERE critical + high + medium + low + info + unknown <> 0"
        ),
        &format!(
            "SELECT asset.image_id AS id, {SEVERITIES},
                 CAST(SUM(finding.fixable) AS BIGINT) AS fixable,
                 CAST(SUM(finding.rank / 1000000 % 2) AS BIGINT) AS kev
             FROM finding JOIN asset ON asset.id = finding.asset_id AND asset.kind = 'image'
             WHERE finding.state = 0 AND finding.suppressed = 0 GROUP BY asset.image_id"
        ),
    )
    .await?;
    compare(
        connection,
        &mut drifts,
        "image suppressed",
        1,
        "SELECT id, suppressed FROM image WHERE suppressed <> 0",
        "SELECT asset.image_id AS id, COUNT(*) AS suppressed
         FROM finding JOIN asset ON asset.id = finding.asset_id AND asset.kind = 'image'
         WHERE finding.state = 0 AND finding.suppressed = 1 GROUP BY asset.image_id",
    )
    .await?;
    check_tree(connection, &mut drifts).await?;
    let [kept, counted] = super::place::both(connection).await?;
    for place in kept.keys().chain(counted.keys()).collect::<BTreeSet<_>>() {
        let (ours, theirs) = (kept.get(place), counted.get(place));
        if ours != theirs {
            let (environment, cluster, namespace) = place;
            drifts.push(Drift {
                at: format!("place_count {environment} '{cluster}' '{namespace}'"),
                kept: ours.copied().into_iter().collect(),
                counted: theirs.copied().into_iter().collect(),
            });
        }
    }
    Ok(drifts)
}

async fn compare(
    connection: &mut Connection,
    drifts: &mut Vec<Drift>,
    table: &str,
    keys: usize,
    kept: &str,
    counted: &str,
) -> Result<(), StoreError> {
    let kept = sums(connection, kept, keys).await?;
    let counted = sums(connection, counted, keys).await?;
    differ(drifts, table, &kept, &counted);
    Ok(())
}

fn differ(drifts: &mut Vec<Drift>, table: &str, kept: &Sums, counted: &Sums) {
    let mut all: Vec<&Vec<i64>> = kept.keys().chain(counted.keys()).collect();
    all.sort();
    all.dedup();
    for key in all {
        let (ours, theirs) = (kept.get(key), counted.get(key));
        if ours != theirs {
            let key: Vec<String> = key.iter().map(ToString::to_string).collect();
            drifts.push(Drift {
                at: format!("{table} {}", key.join(" ")),
                kept: ours.cloned().unwrap_or_default(),
                counted: theirs.cloned().unwrap_or_default(),
            });
        }
    }
}

async fn sums(connection: &mut Connection, text: &str, keys: usize) -> Result<Sums, StoreError> {
    let rows = sql(text.to_owned()).fetch_all(connection).await?;
    let mut sums = Sums::new();
    for row in &rows {
        let mut columns = numbers(row)?;
        let values = columns.split_off(keys.min(columns.len()));
        sums.insert(columns, values);
    }
    Ok(sums)
}

/// All columns of a row, which are numbers.
fn numbers(row: &Row) -> Result<Vec<i64>, StoreError> {
    (0..row.len())
        .map(|place| Ok(row.at::<Option<i64>>(place)?.unwrap_or(-1)))
        .collect()
}

/// Own counts of every asset, and the sums of all that is below.
async fn check_tree(
    connection: &mut Connection,
    drifts: &mut Vec<Drift>,
) -> Result<(), StoreError> {
    let own = sums(
        connection,
        &format!(
            "SELECT finding.asset_id, {SEVERITIES} FROM finding
             WHERE state = 0 AND suppressed = 0 GROUP BY finding.asset_id"
        ),
        1,
    )
    .await?;
    let kept = sums(
        connection,
        &format!(
            "SELECT id, parent_id, own_critical, own_high, own_medium, own_low, own_info,
                 own_unknown, {COUNT_COLUMNS} FROM asset"
        ),
        1,
    )
    .await?;
    let mut counted: Sums = kept
        .iter()
        .map(|(id, row)| {
            let mut columns = vec![row[0]];
            columns.extend(own.get(id).cloned().unwrap_or_else(|| vec![0; 6]));
            columns.extend([0; 6]);
            (id.clone(), columns)
        })
        .collect();
    for (id, counts) in &own {
        let mut next = Some(id.clone());
        // The tree has eight levels; a damaged one must not loop.
        for _ in 0..16 {
            let Some(columns) = next.as_ref().and_then(|id| counted.get_mut(id)) else {
                break;
            };
            for (sum, count) in columns[7..].iter_mut().zip(counts) {
                *sum += count;
            }
            next = Some(vec![columns[0]]);
        }
    }
    differ(drifts, "asset", &kept, &counted);
    Ok(())
}
