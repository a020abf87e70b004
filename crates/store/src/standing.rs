//! How recommendations stand: written after each judgement, read
//! wherever the score is shown.

use jiff::Timestamp;
use model::{
    Severity,
    notice::NoticedRecommendation,
    score::{self, Part, Score, Standing},
};

use crate::{
    Scope, Store, StoreError,
    counts::{severity_number, severity_of},
    db::{Connection, Row, sql},
    environment, outbox,
    row::number,
    score as points,
};

/// How one recommendation stands in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleStanding {
    pub environment: String,
    pub rule: String,
    pub severity: Severity,
    pub standing: Standing,
    pub not_applicable: u64,
    /// Since when something is affected.
    pub affected_since: Option<Timestamp>,
    pub checked: Timestamp,
}

/// How one recommendation stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStanding {
    pub rule: String,
    pub title: String,
    pub severity: Severity,
    pub standing: Standing,
    pub not_applicable: u64,
    /// What it judges, for one and for many: `image`, `images`.
    pub noun: (&'static str, &'static str),
}

impl RuleStanding {
    pub fn part(&self) -> Part {
        Part {
            rule: self.rule.clone(),
            severity: self.severity,
            standing: self.standing,
        }
    }
}

impl Store {
    /// How every recommendation stands, by environment and rule.
    pub async fn standings(&self, scope: &Scope) -> Result<Vec<RuleStanding>, StoreError> {
        let mut query = sql(
            "SELECT standing.*, environment.name AS environment FROM standing
             JOIN environment ON environment.id = standing.environment_id WHERE ",
        );
        scope.constrain(&mut query, "standing.environment_id");
        query.push(" ORDER BY environment.name, standing.rule");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Takes in how every recommendation of an environment stands now,
    /// all of them; those not named are forgotten. What moved the score
    /// goes into its ledger, and the score into its history where it
    /// moved or `always`. `true`: something stands otherwise than before.
    pub async fn put_standings(
        &self,
        environment: &str,
        standings: Vec<NewStanding>,
        now: Timestamp,
        always: bool,
    ) -> Result<bool, StoreError> {
        let environment = environment.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(
                    async move { put(connection, &environment, &standings, now, always).await },
                )
            })
            .await
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    standings: &[NewStanding],
    now: Timestamp,
    always: bool,
) -> Result<bool, StoreError> {
    let environment_id = environment::id(connection, environment).await?;
    let known = sql("SELECT standing.*, '' AS environment FROM standing
         WHERE environment_id = ? ORDER BY rule")
    .bind(environment_id)
    .fetch_all(&mut *connection)
    .await?;
    let known: Vec<RuleStanding> = known.iter().map(read).collect::<Result<_, _>>()?;
    let mut changed = false;
    for old in &known {
        if !standings.iter().any(|new| new.rule == old.rule) {
            changed = true;
            sql("DELETE FROM standing WHERE environment_id = ? AND rule = ?")
                .bind(environment_id)
                .bind(&old.rule)
                .execute(&mut *connection)
                .await?;
        }
    }
    for new in standings {
        let old = known.iter().find(|old| old.rule == new.rule);
        changed |= old.is_none_or(|old| {
            (old.severity, old.standing, old.not_applicable)
                != (new.severity, new.standing, new.not_applicable)
        });
        let since = match new.standing.affected {
            0 => None,
            _ => Some(old.and_then(|old| old.affected_since).unwrap_or(now)),
        };
        sql(
            "INSERT INTO standing (environment_id, rule, severity, healthy, affected, exempted,
                 not_applicable, affected_since, checked)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (environment_id, rule) DO UPDATE SET
                 severity = excluded.severity, healthy = excluded.healthy,
                 affected = excluded.affected, exempted = excluded.exempted,
                 not_applicable = excluded.not_applicable,
                 affected_since = excluded.affected_since, checked = excluded.checked",
        )
        .bind(environment_id)
        .bind(&new.rule)
        .bind(severity_number(new.severity))
        .bind(amount(new.standing.healthy))
        .bind(amount(new.standing.affected))
        .bind(amount(new.standing.exempted))
        .bind(amount(new.not_applicable))
        .bind(since)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    }
    let before: Vec<Part> = known.iter().map(RuleStanding::part).collect();
    let after: Vec<Part> = standings
        .iter()
        .map(|new| Part {
            rule: new.rule.clone(),
            severity: new.severity,
            standing: new.standing,
        })
        .collect();
    let (old, score) = (Score::of(&before), Score::of(&after));
    if changed && old.percent().is_some() {
        // The first judgement is where the history begins, not a move.
        for step in score::moves(&before, &after) {
            let (one, many) = standings
                .iter()
                .find(|new| new.rule == step.rule)
                .map_or(("asset", "assets"), |new| new.noun);
            let text = step.text(one, many);
            points::tell(connection, environment_id, now, &step, &text).await?;
        }
    }
    for new in standings {
        let old = known.iter().find(|old| old.rule == new.rule);
        let was = old.map_or(0, |old| old.standing.affected);
        if was != new.standing.affected {
            let told = noticed(new);
            outbox::note_recommendation(connection, environment_id, now, told).await?;
        }
    }
    if always || old != score {
        points::put(connection, environment_id, now, score).await?;
    }
    Ok(changed)
}

/// What other systems are told of a recommendation.
fn noticed(new: &NewStanding) -> NoticedRecommendation {
    let part = Part {
        rule: new.rule.clone(),
        severity: new.severity,
        standing: new.standing,
    };
    NoticedRecommendation {
        id: new.rule.clone(),
        title: new.title.clone(),
        severity: new.severity,
        affected: new.standing.affected,
        total: new.standing.assessed(),
        points: part.gain(),
        state: match new.standing {
            Standing { affected: 1.., .. } => "open",
            standing if standing.assessed() > 0 => "healthy",
            _ => "not_applicable",
        }
        .to_owned(),
    }
}

fn amount(count: u64) -> i64 {
    number(usize::try_from(count).unwrap_or(usize::MAX))
}

fn read(row: &Row) -> Result<RuleStanding, StoreError> {
    Ok(RuleStanding {
        environment: row.text("environment")?,
        rule: row.text("rule")?,
        severity: severity_of(row.int("severity")?),
        standing: Standing {
            healthy: row.count("healthy")?,
            affected: row.count("affected")?,
            exempted: row.count("exempted")?,
        },
        not_applicable: row.count("not_applicable")?,
        affected_since: row.maybe_time("affected_since")?,
        checked: row.time("checked")?,
    })
}
