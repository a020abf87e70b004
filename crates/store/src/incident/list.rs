//! Lists of incidents, and one with all that is in it.

use jiff::Timestamp;
use model::{IncidentState, Severity, Tactics};

use super::{
    Incident, IncidentEvent, IncidentEventKind, IncidentKey, SELECT, read, state_number, state_of,
};
use crate::{
    Counts, Finding, Page, PageRequest, Scope, Store, StoreError,
    counts::{severity_number, severity_of},
    db::{Sql, sql},
    finding,
    page::{Key, Order, TOTAL_CAP, Total},
    row::like,
};

/// Entries of an incident's history that are shown.
const HISTORY: u32 = 500;

/// Which incidents.
#[derive(Clone, Debug, Default)]
pub struct IncidentFilter {
    /// Empty: those that are open or acknowledged.
    pub states: Vec<IncidentState>,
    /// Empty: all.
    pub severities: Vec<Severity>,
    pub cluster: Option<String>,
    /// One principal's exact name.
    pub principal: Option<String>,
    /// `namespace/name`.
    pub workload: Option<String>,
    /// Any of these.
    pub tactics: Tactics,
    pub technique: Option<String>,
    /// A name; `Some(None)`: nobody.
    pub assignee: Option<Option<String>>,
    /// Text in the title, the principals, the workloads or the id.
    pub text: Option<String>,
    pub since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncidentSort {
    /// Worst first, the latest first among equals.
    #[default]
    Severity,
    LastSeen,
}

/// Incidents by what they can be narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentCounts {
    /// Of those in the states asked for.
    pub severities: Counts,
    /// Of all states.
    pub states: Vec<(IncidentState, u64)>,
}

/// An alert of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentAlert {
    pub finding: Finding,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// How often it happened within the incident.
    pub events: u64,
}

/// One incident with what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentDetail {
    pub incident: Incident,
    /// In the order they happened first.
    pub timeline: Vec<IncidentAlert>,
    /// Newest first.
    pub history: Vec<IncidentEvent>,
}

impl IncidentSort {
    fn order(self) -> Order {
        let (name, expression) = match self {
            // No time is longer than what severities are apart.
            Self::Severity => (
                "severity",
                "(incident.severity * 1000000000000000000 + incident.last_seen)",
            ),
            Self::LastSeen => ("-last_seen", "incident.last_seen"),
        };
        Order {
            name,
            expression,
            id: "incident.id",
            descending: true,
        }
    }

    fn key(self, incident: &Incident) -> Key {
        let seen = incident.last_seen.as_microsecond();
        Key::Int(match self {
            Self::Severity => severity_number(incident.severity) * 1_000_000_000_000_000_000 + seen,
            Self::LastSeen => seen,
        })
    }
}

impl IncidentFilter {
    fn narrow(&self, scope: &Scope, query: &mut Sql, with_states: bool) {
        scope.constrain(query, "incident.environment_id");
        query.push(" AND incident.shown = 1");
        if with_states {
            let open = [IncidentState::Open, IncidentState::Acknowledged];
            let states = if self.states.is_empty() {
                &open[..]
            } else {
                &self.states
            };
            query
                .push(" AND incident.state IN ")
                .push_list(states.iter().map(|state| state_number(*state)));
        } else {
            query.push(" AND incident.state < 3");
        }
        if !self.severities.is_empty() {
            query
                .push(" AND incident.severity IN ")
                .push_list(self.severities.iter().map(|one| severity_number(*one)));
        }
        if let Some(cluster) = &self.cluster {
            query.push(" AND incident.cluster = ").push_bind(cluster);
        }
        for (kind, value) in [("principal", &self.principal), ("workload", &self.workload)] {
            if let Some(value) = value {
                query
                    .push(
                        " AND EXISTS (SELECT 1 FROM incident_key
                         WHERE incident_key.incident_id = incident.id AND incident_key.key = ",
                    )
                    .push_bind(format!("{kind} {value}"))
                    .push(")");
            }
        }
        if !self.tactics.is_empty() {
            query.push(format_args!(
                " AND (incident.tactics & {}) <> 0",
                self.tactics.bits()
            ));
        }
        if let Some(technique) = &self.technique {
            // A technique stands in quotes in the list, a part of one
            // goes on with a full stop.
            let technique = like(technique);
            let technique = technique.trim_matches('%');
            query.push(" AND (");
            for (step, end) in ["\"", "."].into_iter().enumerate() {
                query
                    .push(if step == 0 { "" } else { " OR " })
                    .push("LOWER(incident.techniques) LIKE ")
                    .push_bind(format!("%\"{technique}{end}%"))
                    .push(" ESCAPE '\\'");
            }
            query.push(")");
        }
        match &self.assignee {
            Some(Some(name)) => {
                query.push(" AND incident.assignee = ").push_bind(name);
            }
            Some(None) => {
                query.push(" AND incident.assignee IS NULL");
            }
            None => {}
        }
        if let Some(since) = self.since {
            query.push(" AND incident.last_seen >= ").push_bind(since);
        }
        if let Some(text) = &self.text {
            let pattern = like(text);
            query.push(" AND (");
            let columns = ["title", "principals", "workloads", "uid"];
            for (step, column) in columns.into_iter().enumerate() {
                query
                    .push(if step == 0 { "" } else { " OR " })
                    .push(format_args!("LOWER(incident.{column}) LIKE "))
                    .push_bind(&pattern)
                    .push(" ESCAPE '\\'");
            }
            query.push(")");
        }
    }
}

impl Store {
    /// Incidents of the scope.
    pub async fn incidents(
        &self,
        scope: &Scope,
        filter: &IncidentFilter,
        sort: IncidentSort,
        request: &PageRequest,
    ) -> Result<Page<Incident>, StoreError> {
        let order = sort.order();
        let mut query = sql(SELECT);
        filter.narrow(scope, &mut query, true);
        order.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM incident WHERE ");
        filter.narrow(scope, &mut count, true);
        count.push(format_args!(" LIMIT {}) AS counted", TOTAL_CAP + 1));
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        Ok(order.cut(items, request, total, |incident| {
            (sort.key(incident), incident.number)
        }))
    }

    /// How many there are of each severity and in each state.
    pub async fn incident_counts(
        &self,
        scope: &Scope,
        filter: &IncidentFilter,
    ) -> Result<IncidentCounts, StoreError> {
        let mut counts = IncidentCounts::default();
        let mut query = sql("SELECT severity, COUNT(*) AS incidents FROM incident WHERE ");
        filter.narrow(scope, &mut query, true);
        query.push(" GROUP BY severity");
        for row in &query.fetch_all(&self.readers).await? {
            *counts.severities.of(severity_of(row.int("severity")?)) += row.count("incidents")?;
        }
        let mut query = sql("SELECT state, COUNT(*) AS incidents FROM incident WHERE ");
        filter.narrow(scope, &mut query, false);
        query.push(" GROUP BY state ORDER BY state");
        for row in &query.fetch_all(&self.readers).await? {
            counts
                .states
                .push((state_of(row.int("state")?), row.count("incidents")?));
        }
        Ok(counts)
    }

    /// One incident; one that is not shown is there for those who know
    /// its id.
    pub async fn incident(&self, scope: &Scope, id: &str) -> Result<Option<Incident>, StoreError> {
        let mut query = sql(SELECT);
        query.push("incident.uid = ").push_bind(id).push(" AND ");
        scope.constrain(&mut query, "incident.environment_id");
        query
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// One incident, with its first `limit` alerts.
    pub async fn incident_detail(
        &self,
        scope: &Scope,
        id: &str,
        limit: u32,
    ) -> Result<Option<IncidentDetail>, StoreError> {
        let Some(incident) = self.incident(scope, id).await? else {
            return Ok(None);
        };
        let mut query = sql("SELECT incident_alert.first_seen AS began,
                 incident_alert.last_seen AS ended, incident_alert.events, ");
        query
            .push(finding::COLUMNS)
            .push(" FROM incident_alert JOIN finding ON finding.id = incident_alert.finding_id")
            .push(finding::JOINS)
            .push(" WHERE incident_alert.incident_id = ")
            .push_bind(incident.number)
            .push(" ORDER BY incident_alert.first_seen, finding.id LIMIT ")
            .push_bind(i64::from(limit));
        let rows = query.fetch_all(&self.readers).await?;
        let timeline = rows
            .iter()
            .map(|row| {
                Ok(IncidentAlert {
                    finding: finding::read(row)?,
                    first_seen: row.time("began")?,
                    last_seen: row.time("ended")?,
                    events: row.count("events")?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some(IncidentDetail {
            timeline,
            history: self.incident_history(incident.number).await?,
            incident,
        }))
    }

    async fn incident_history(&self, incident: i64) -> Result<Vec<IncidentEvent>, StoreError> {
        let rows = sql("SELECT id, time, actor, what, text FROM incident_event
             WHERE incident_id = ? ORDER BY id DESC LIMIT ?")
        .bind(incident)
        .bind(i64::from(HISTORY))
        .fetch_all(&self.readers)
        .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let word = row.text("what")?;
            let known = IncidentEventKind::ALL.into_iter();
            let Some(what) = known.into_iter().find(|what| what.as_str() == word) else {
                continue;
            };
            events.push(IncidentEvent {
                id: row.int("id")?,
                time: row.time("time")?,
                actor: row.maybe_text("actor")?,
                what,
                text: row.text("text")?,
            });
        }
        Ok(events)
    }

    /// The incidents a finding is in, the latest first.
    pub async fn incidents_of(&self, finding: i64) -> Result<Vec<IncidentKey>, StoreError> {
        let rows = sql(
            "SELECT incident.uid, incident.title, incident.severity, incident.state
             FROM incident_alert JOIN incident ON incident.id = incident_alert.incident_id
             WHERE incident_alert.finding_id = ? AND incident.shown = 1
             ORDER BY incident_alert.last_seen DESC, incident.id DESC LIMIT 20",
        )
        .bind(finding)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(IncidentKey {
                    id: row.text("uid")?,
                    title: row.text("title")?,
                    severity: severity_of(row.int("severity")?),
                    state: state_of(row.int("state")?),
                })
            })
            .collect()
    }
}
