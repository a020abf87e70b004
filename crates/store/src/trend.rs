//! What happened to findings by the hour, and how many were open at the
//! end of each day: roll-ups, so that no chart counts findings.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use model::FindingKind;

use crate::{
    Counts, Scope, Store, StoreError,
    counts::COUNT_COLUMNS,
    db::{Connection, sql},
    environment,
    kind::kind_of,
    row::number,
};

/// What happened to findings of one kind in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// First seen, or seen again after they had resolved.
    pub new: Counts,
    pub resolved: u64,
    pub dismissed: u64,
    pub exempted: u64,
}

/// One day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrendDay {
    pub date: Date,
    /// Open at its end; of today, now.
    pub open: Counts,
    pub new: u64,
    pub resolved: u64,
}

const HOUR: i64 = 3_600_000_000;
const DAY_HOURS: i64 = 24;
/// Days the roll-ups are kept.
const KEPT: i64 = 400;

fn hour_of(time: Timestamp) -> i64 {
    time.as_microsecond().div_euclid(HOUR)
}

fn date_of(day: i64) -> Date {
    jiff::civil::date(1970, 1, 1)
        .checked_add(jiff::Span::new().days(day.clamp(0, 100_000)))
        .unwrap_or(Date::MAX)
}

/// Adds to what happened in the hour of `time`.
pub(crate) async fn note(
    connection: &mut Connection,
    environment_id: i64,
    kind: i64,
    time: Timestamp,
    activity: &Activity,
) -> Result<(), StoreError> {
    if *activity == Activity::default() {
        return Ok(());
    }
    let mut query = sql(
        "INSERT INTO activity (environment_id, hour, kind, critical, high, medium, low, info,
             unknown, resolved, dismissed, exempted) VALUES (",
    );
    query
        .push_bind(environment_id)
        .push(", ")
        .push_bind(hour_of(time))
        .push(", ")
        .push_bind(kind);
    let amount = |count: u64| number(usize::try_from(count).unwrap_or(usize::MAX));
    let rest = [activity.resolved, activity.dismissed, activity.exempted].map(amount);
    for count in activity.new.as_columns().into_iter().chain(rest) {
        query.push(", ").push_bind(count);
    }
    let sums = COUNT_COLUMNS
        .split(", ")
        .chain(["resolved", "dismissed", "exempted"])
        .map(|column| format!("{column} = activity.{column} + excluded.{column}"))
        .collect::<Vec<_>>()
        .join(", ");
    query
        .push(") ON CONFLICT (environment_id, hour, kind) DO UPDATE SET ")
        .push(sums);
    query.execute(connection).await?;
    Ok(())
}

impl Store {
    /// What happened since the hour of `since`, by kind.
    pub async fn activity(
        &self,
        scope: &Scope,
        since: Timestamp,
    ) -> Result<BTreeMap<FindingKind, Activity>, StoreError> {
        let sums = COUNT_COLUMNS
            .split(", ")
            .chain(["resolved", "dismissed", "exempted"])
            .map(|column| format!("COALESCE(SUM({column}), 0) AS {column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let mut query = sql("SELECT kind, ");
        query
            .push(sums)
            .push(" FROM activity WHERE hour >= ")
            .push_bind(hour_of(since))
            .push(" AND ");
        scope.constrain(&mut query, "environment_id");
        query.push(" GROUP BY kind");
        let mut kinds = BTreeMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let Some(kind) = kind_of(row.int("kind")?) else {
                continue;
            };
            let activity = Activity {
                new: Counts::read(row)?,
                resolved: row.count("resolved")?,
                dismissed: row.count("dismissed")?,
                exempted: row.count("exempted")?,
            };
            kinds.insert(kind, activity);
        }
        Ok(kinds)
    }

    /// The last `days` days, oldest first; days before anything was
    /// known are left out.
    pub async fn trend(
        &self,
        scope: &Scope,
        days: u32,
        now: Timestamp,
    ) -> Result<Vec<TrendDay>, StoreError> {
        let today = hour_of(now).div_euclid(DAY_HOURS);
        let first = today - i64::from(days) + 1;
        let mut query = sql("SELECT * FROM trend WHERE day <= ");
        query.push_bind(today).push(" AND day >= ");
        // A day on which the server was off ends as the one before.
        query.push_bind(first - KEPT).push(" AND ");
        scope.constrain(&mut query, "environment_id");
        query.push(" ORDER BY day");
        let mut rows = query.fetch_all(&self.readers).await?.into_iter().peekable();

        let mut query = sql(
            "SELECT hour / 24 AS day, CAST(SUM(critical + high + medium + low
                 + info + unknown) AS BIGINT) AS arrived, CAST(SUM(resolved) AS BIGINT) AS ended
             FROM activity WHERE hour >= ",
        );
        query.push_bind(first * DAY_HOURS).push(" AND ");
        scope.constrain(&mut query, "environment_id");
        query.push(" GROUP BY hour / 24");
        let mut happened = BTreeMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            happened.insert(
                row.int("day")?,
                (row.count("arrived")?, row.count("ended")?),
            );
        }

        let mut latest: BTreeMap<i64, Counts> = BTreeMap::new();
        let mut trend = Vec::new();
        for day in first - KEPT..=today {
            while let Some(row) = rows.peek() {
                if row.int("day")? > day {
                    break;
                }
                latest.insert(row.int("environment_id")?, Counts::read(row)?);
                rows.next();
            }
            if day < first || latest.is_empty() {
                continue;
            }
            let (new, resolved) = happened.get(&day).copied().unwrap_or((0, 0));
            trend.push(TrendDay {
                date: date_of(day),
                open: latest.values().fold(Counts::default(), add),
                new,
                resolved,
            });
        }
        Ok(trend)
    }

    /// Writes down how many findings are open now, as today's.
    pub async fn put_trend(
        &self,
        environment: &str,
        open: Counts,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let environment = environment.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = environment::id(connection, &environment).await?;
                    let today = hour_of(now).div_euclid(DAY_HOURS);
                    let mut query = sql("INSERT INTO trend (environment_id, day, critical, high,
                             medium, low, info, unknown) VALUES (");
                    query.push_bind(environment_id).push(", ").push_bind(today);
                    for count in open.as_columns() {
                        query.push(", ").push_bind(count);
                    }
                    let columns = COUNT_COLUMNS
                        .split(", ")
                        .map(|column| format!("{column} = excluded.{column}"))
                        .collect::<Vec<_>>()
                        .join(", ");
                    query
                        .push(") ON CONFLICT (environment_id, day) DO UPDATE SET ")
                        .push(columns);
                    query.execute(&mut *connection).await?;
                    for (text, oldest) in [
                        ("DELETE FROM trend WHERE day < ?", today - KEPT),
                        (
                            "DELETE FROM activity WHERE hour < ?",
                            (today - KEPT) * DAY_HOURS,
                        ),
                    ] {
                        sql(text).bind(oldest).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

fn add(a: Counts, b: &Counts) -> Counts {
    Counts {
        critical: a.critical + b.critical,
        high: a.high + b.high,
        medium: a.medium + b.medium,
        low: a.low + b.low,
        info: a.info + b.info,
        unknown: a.unknown + b.unknown,
    }
}
