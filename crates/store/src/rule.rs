//! Detection rules as the record knows them: which are switched off
//! where, how often each matched, and those that only alerts told of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{Alert, FindingKind, Severity, Tactics};

use crate::{
    Author, RuleDetails, Scope, Store, StoreError,
    audit::{self, Note},
    counts::severity_of,
    db::{Connection, insert, sql},
    environment,
    finding::kind_number,
};

const DAY: i64 = 86_400_000_000;

/// A rule switched on or off in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSwitch {
    pub environment: String,
    pub rule: String,
    pub is_enabled: bool,
    pub note: String,
    pub changed: Timestamp,
    pub changed_by: String,
}

/// What alerts say of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleUse {
    pub name: String,
    pub title: String,
    pub severity: Severity,
    pub tactics: Tactics,
    pub techniques: Vec<String>,
    pub details: RuleDetails,
    /// Open alerts of it, and the worst of them.
    pub open: u64,
    pub worst: Option<Severity>,
    /// Matches since the day asked for.
    pub hits: u64,
    /// The last match ever.
    pub last_hit: Option<Timestamp>,
}

/// The days since 1970 (UTC) at a time.
pub(crate) fn day_of(time: Timestamp) -> i64 {
    time.as_microsecond().div_euclid(DAY)
}

/// Counts the matches of alerts, which have just been taken in.
pub(crate) async fn count_hits(
    connection: &mut Connection,
    environment: i64,
    hits: &[(i64, &Alert)],
) -> Result<(), StoreError> {
    let mut days: BTreeMap<(i64, i64), (i64, Timestamp)> = BTreeMap::new();
    for &(rule, alert) in hits {
        let (hits, last) = days
            .entry((rule, day_of(alert.time)))
            .or_insert((0, alert.time));
        *hits += 1;
        *last = alert.time.max(*last);
    }
    insert("INSERT INTO rule_hit (environment_id, rule_id, day, hits, last_hit) ")
        .ending(
            " ON CONFLICT (environment_id, rule_id, day) DO UPDATE SET
                 hits = rule_hit.hits + excluded.hits,
                 last_hit = CASE WHEN excluded.last_hit > rule_hit.last_hit
                     THEN excluded.last_hit ELSE rule_hit.last_hit END",
        )
        .rows(connection, &days, |row, ((rule, day), (hits, last))| {
            row.push_bind(environment)
                .push_bind(*rule)
                .push_bind(*day)
                .push_bind(*hits)
                .push_bind(*last);
        })
        .await?;
    Ok(())
}

impl Store {
    /// Every rule that is switched on or off somewhere in scope.
    pub async fn rule_switches(&self, scope: &Scope) -> Result<Vec<RuleSwitch>, StoreError> {
        let mut query = sql("SELECT environment.name AS environment, rule_switch.rule,
                 rule_switch.enabled, rule_switch.note, rule_switch.changed,
                 rule_switch.changed_by
             FROM rule_switch JOIN environment ON environment.id = rule_switch.environment_id
             WHERE ");
        scope.constrain(&mut query, "rule_switch.environment_id");
        query.push(" ORDER BY rule_switch.rule, environment.name");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(RuleSwitch {
                    environment: row.text("environment")?,
                    rule: row.text("rule")?,
                    is_enabled: row.flag("enabled")?,
                    note: row.text("note")?,
                    changed: row.time("changed")?,
                    changed_by: row.text("changed_by")?,
                })
            })
            .collect()
    }

    /// Switches a rule on or off in one environment; whether it was
    /// otherwise before. `by_default`: what it is where nobody says.
    pub async fn switch_rule(
        &self,
        author: Author,
        environment: &str,
        rule: &str,
        (is_enabled, by_default): (bool, bool),
        note: &str,
    ) -> Result<bool, StoreError> {
        let (environment, rule) = (environment.to_owned(), rule.to_owned());
        let note = note.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let wanted = (is_enabled, by_default);
                    switch(connection, &author, &environment, &rule, wanted, &note).await
                })
            })
            .await
    }

    /// Every detection rule that an alert in scope came from, by name,
    /// with its matches since a day.
    pub async fn rule_uses(
        &self,
        scope: &Scope,
        since: Timestamp,
    ) -> Result<Vec<RuleUse>, StoreError> {
        let mut query = sql(
            "SELECT rule.id, rule.name, rule.title, rule.severity, rule.tactics,
                 rule.techniques, rule.details, hit.hits, hit.last_hit,
                 rolled.findings, rolled.worst
             FROM (SELECT rule_id, MAX(last_hit) AS last_hit,
                     CAST(SUM(CASE WHEN day >= ",
        );
        query
            .push(day_of(since))
            .push(" THEN hits ELSE 0 END) AS BIGINT) AS hits FROM rule_hit WHERE ");
        scope.constrain(&mut query, "rule_hit.environment_id");
        query.push(
            " GROUP BY rule_id) AS hit
             JOIN rule ON rule.id = hit.rule_id
             LEFT JOIN (SELECT rule_id, CAST(SUM(findings) AS BIGINT) AS findings,
                     MAX(severity) AS worst FROM rule_use WHERE findings > 0 AND ",
        );
        scope.constrain(&mut query, "rule_use.environment_id");
        query
            .push(" GROUP BY rule_id) AS rolled ON rolled.rule_id = rule.id WHERE rule.kind = ")
            .push_bind(kind_number(FindingKind::Alert))
            .push(" ORDER BY rule.name");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(RuleUse {
                    name: row.text("name")?,
                    title: row.text("title")?,
                    severity: severity_of(row.int("severity")?),
                    tactics: Tactics::from_bits(row.int("tactics")?.try_into().unwrap_or(0)),
                    techniques: row.json("techniques")?,
                    details: row.json("details")?,
                    open: row
                        .maybe_int("findings")?
                        .and_then(|open| open.try_into().ok())
                        .unwrap_or(0),
                    worst: row.maybe_int("worst")?.map(severity_of),
                    hits: row.count("hits")?,
                    last_hit: row.maybe_time("last_hit")?,
                })
            })
            .collect()
    }

    /// Matches of a rule on each day since a time: days since 1970 (UTC).
    pub async fn rule_hits(
        &self,
        scope: &Scope,
        rule: &str,
        since: Timestamp,
    ) -> Result<Vec<(i64, u64)>, StoreError> {
        let mut query = sql(
            "SELECT rule_hit.day, CAST(SUM(rule_hit.hits) AS BIGINT) AS hits
             FROM rule_hit JOIN rule ON rule.id = rule_hit.rule_id
             WHERE rule.kind = ",
        );
        query
            .push_bind(kind_number(FindingKind::Alert))
            .push(" AND rule.name = ")
            .push_bind(rule)
            .push(" AND rule_hit.day >= ")
            .push_bind(day_of(since))
            .push(" AND ");
        scope.constrain(&mut query, "rule_hit.environment_id");
        query.push(" GROUP BY rule_hit.day ORDER BY rule_hit.day");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| Ok((row.int("day")?, row.count("hits")?)))
            .collect()
    }
}

async fn switch(
    connection: &mut Connection,
    author: &Author,
    environment: &str,
    rule: &str,
    (is_enabled, by_default): (bool, bool),
    note: &str,
) -> Result<bool, StoreError> {
    let id = environment::id(connection, environment).await?;
    let before = sql("SELECT enabled FROM rule_switch WHERE environment_id = ? AND rule = ?")
        .bind(id)
        .bind(rule)
        .scalar::<i64>()
        .fetch_optional(&mut *connection)
        .await?
        .map_or(by_default, |enabled| enabled == 1);
    if before == is_enabled {
        return Ok(false);
    }
    // Kept even where it says what is so by default: a rule somebody
    // switched on stays on when the default changes.
    sql(
        "INSERT INTO rule_switch (environment_id, rule, enabled, note, changed, changed_by)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (environment_id, rule) DO UPDATE SET enabled = excluded.enabled,
             note = excluded.note, changed = excluded.changed,
             changed_by = excluded.changed_by",
    )
    .bind(id)
    .bind(rule)
    .bind(is_enabled)
    .bind(note)
    .bind(author.time)
    .bind(&author.name)
    .execute(&mut *connection)
    .await?;
    let action = if is_enabled {
        "rule.enable"
    } else {
        "rule.disable"
    };
    let entry = Note::of(action, "rule", rule).within(environment).changed(
        &serde_json::json!({ "enabled": before }),
        &serde_json::json!({ "enabled": is_enabled, "note": note }),
    );
    audit::note(connection, author, entry).await?;
    Ok(true)
}
