//! How pressing findings of vulnerabilities are.
//!
//! The number is the model's; here are the facts it is made of, for many
//! findings at once, and bringing it up to date where one of them
//! changed. It is kept with each finding, so that the list by it is read
//! off an index.

use std::collections::HashMap;

use model::{
    Severity,
    priority::{Facts, Reach, Use},
};

use crate::{
    StoreError,
    db::{Connection, ROWS, Row, Value, sql},
    in_use::reach_of,
};

/// What is known of who uses an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    running: i64,
    reach: Reach,
    settled: bool,
    /// Packages a sensor could see, and whether it did.
    seen: HashMap<i64, bool>,
}

impl Context {
    fn used(&self, package: Option<i64>) -> Use {
        let seen = package.and_then(|package| self.seen.get(&package));
        used(self.running, self.settled, seen.copied())
    }

    /// The priority of a finding of this image.
    pub(crate) fn priority(
        &self,
        severity: Severity,
        (kev, epss): (bool, Option<f64>),
        fixable: bool,
        package: Option<i64>,
    ) -> i64 {
        let facts = Facts {
            severity,
            epss,
            kev,
            used: self.used(package),
            reach: self.reach,
            fixable,
        };
        i64::from(facts.priority())
    }
}

/// `seen`: whether a package that could be seen was.
fn used(running: i64, settled: bool, seen: Option<bool>) -> Use {
    match seen {
        Some(true) => Use::Seen,
        _ if running == 0 => Use::NotRunning,
        Some(false) if settled => Use::NotSeen,
        _ => Use::NotKnown,
    }
}

/// The contexts of some images; an image without one is used by nobody.
pub(crate) async fn contexts(
    connection: &mut Connection,
    images: &[i64],
) -> Result<HashMap<i64, Context>, StoreError> {
    let mut contexts: HashMap<i64, Context> = HashMap::new();
    for chunk in images.chunks(5_000) {
        let mut query =
            sql("SELECT image_id, running, reach, settled FROM image_use WHERE image_id");
        query.push_in(chunk, connection.dialect());
        for row in &query.fetch_all(&mut *connection).await? {
            let context = Context {
                running: row.int("running")?,
                reach: reach_of(row.int("reach")?),
                settled: row.flag("settled")?,
                seen: HashMap::new(),
            };
            contexts.insert(row.int("image_id")?, context);
        }
        let mut query = sql("SELECT image_id, package_id, seen FROM package_in_use
             WHERE (seen IS NOT NULL OR unseeable IS NULL) AND image_id");
        query.push_in(chunk, connection.dialect());
        for row in &query.fetch_all(&mut *connection).await? {
            let context = contexts.entry(row.int("image_id")?).or_default();
            let is_seen = row.maybe_int("seen")?.is_some();
            context.seen.insert(row.int("package_id")?, is_seen);
        }
    }
    Ok(contexts)
}

/// Of a vulnerability's finding, with all its priority is made of.
pub(crate) const COLUMNS: &str = "finding.severity, finding.fixable,
    rule.kev AS rule_kev, rule.epss AS rule_epss, image_use.running AS use_running,
    image_use.reach AS use_reach, image_use.settled AS use_settled,
    package_in_use.image_id AS use_noted, package_in_use.unseeable AS use_unseeable,
    package_in_use.seen AS use_seen";

/// Joins what [`COLUMNS`] names, but `rule`.
pub(crate) const JOINS: &str = "
    LEFT JOIN image_use ON image_use.image_id = finding.image_id
    LEFT JOIN package_in_use ON package_in_use.image_id = finding.image_id
        AND package_in_use.package_id = finding.package_id";

/// From [`COLUMNS`].
pub(crate) fn facts(row: &Row) -> Result<Facts, StoreError> {
    let is_seen = row.maybe_int("use_seen")?.is_some();
    let could_be =
        row.maybe_int("use_noted")?.is_some() && row.maybe_int("use_unseeable")?.is_none();
    let running = row.maybe_int("use_running")?.unwrap_or(0);
    Ok(Facts {
        severity: crate::counts::severity_of(row.int("severity")?),
        epss: row.real("rule_epss")?,
        kev: row.flag("rule_kev")?,
        used: used(
            running,
            row.maybe_int("use_settled")? == Some(1),
            (is_seen || could_be).then_some(is_seen),
        ),
        reach: reach_of(row.maybe_int("use_reach")?.unwrap_or(0)),
        fixable: row.flag("fixable")?,
    })
}

/// Brings the priorities of some images' findings up to date; how many
/// changed.
pub(crate) async fn refresh(
    connection: &mut Connection,
    images: &[i64],
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in images.chunks(500) {
        let mut query = sql("SELECT finding.id, finding.priority, ");
        query
            .push(COLUMNS)
            .push(" FROM finding JOIN rule ON rule.id = finding.rule_id")
            .push(JOINS)
            .push(
                " WHERE finding.kind = 0 AND finding.state <> 1 AND finding.asset_id IN
                     (SELECT id FROM asset WHERE kind = 'image' AND image_id",
            );
        query.push_in(chunk, connection.dialect());
        query.push(")");
        let rows = query.fetch_all(&mut *connection).await?;
        changed += put(connection, rows).await?;
    }
    Ok(changed)
}

/// Brings the priorities of the findings of some vulnerabilities up to
/// date.
pub(crate) async fn refresh_rules(
    connection: &mut Connection,
    rules: &[i64],
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in rules.chunks(500) {
        let mut query = sql("SELECT finding.id, finding.priority, ");
        query
            .push(COLUMNS)
            .push(" FROM finding JOIN rule ON rule.id = finding.rule_id")
            .push(JOINS)
            .push(" WHERE finding.kind = 0 AND finding.state <> 1 AND finding.rule_id");
        query.push_in(chunk, connection.dialect());
        let rows = query.fetch_all(&mut *connection).await?;
        changed += put(connection, rows).await?;
    }
    Ok(changed)
}

async fn put(connection: &mut Connection, rows: Vec<Row>) -> Result<u64, StoreError> {
    let mut moved: Vec<Vec<Value>> = Vec::new();
    for row in &rows {
        let priority = i64::from(facts(row)?.priority());
        if priority != row.int("priority")? {
            moved.push(vec![row.int("id")?.into(), priority.into()]);
        }
    }
    for chunk in moved.chunks(ROWS) {
        let mut query = sql("UPDATE finding SET priority = delta.column2 FROM ");
        query.push_rows(chunk.to_vec(), connection.dialect());
        query.push(" WHERE finding.id = delta.column1");
        query.execute(&mut *connection).await?;
    }
    Ok(moved.len() as u64)
}
