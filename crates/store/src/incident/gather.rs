//! Putting alerts into incidents as they come.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use model::{
    IncidentState, NoticeEvent, Severity, Tactics,
    attack::TACTICS,
    incident::{self, LONGEST, NAMED, Named, RAISED_AT, WINDOW},
};

use super::{Incident, IncidentEventKind, SELECT, read, write::write};
use crate::{
    StoreError,
    alert::SeenAlert,
    db::{Connection, sql},
    scan::mint,
};

/// An incident that has so many alerts takes no more of them.
const MOST_ALERTS: u64 = 2_000;
pub(super) const CHUNK: usize = 500;

/// A span of time, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Span {
    fn at(time: i64) -> Self {
        Self {
            first: time,
            last: time,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    fn is_near(self, time: i64, distance: i64) -> bool {
        time >= self.first.saturating_sub(distance) && time <= self.last.saturating_add(distance)
    }
}

/// An incident while alerts are put into it.
pub(super) struct Working {
    /// Of a new one the number is 0.
    pub(super) incident: Incident,
    /// What it was before, where it is not new.
    pub(super) before: Option<(Severity, Tactics, bool)>,
    span: Span,
    /// Of those that this batch may ask for.
    pub(super) keys: BTreeMap<String, Span>,
    /// Alerts of this batch, and how often each happened.
    pub(super) alerts: BTreeMap<i64, (Span, i64)>,
    /// Numbers of those whose alerts it takes over.
    pub(super) merged: Vec<i64>,
    is_touched: bool,
    /// Its alerts went to another of the batch.
    is_gone: bool,
}

/// Puts alerts, which have just been taken in, into incidents; how many
/// of those that people see opened or changed.
pub(crate) async fn gather(
    connection: &mut Connection,
    environment: i64,
    seen: &[SeenAlert<'_>],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut related = Vec::new();
    let open = open(connection, seen).await?;
    for seen in seen.iter().filter(|seen| open.contains(&seen.finding)) {
        let keys = incident::keys(seen.alert);
        if !keys.is_empty() {
            related.push((seen, keys));
        }
    }
    if related.is_empty() {
        return Ok(0);
    }
    related.sort_by_key(|(seen, _)| (seen.alert.time, seen.alert.event.clone()));
    let mut all = load(connection, environment, &related).await?;
    for (seen, keys) in &related {
        put(&mut all, seen, keys, now);
    }
    all.retain(|working| working.is_touched && !working.is_gone);
    write(connection, environment, &mut all, now).await?;
    Ok(all
        .iter()
        .filter(|working| working.incident.is_shown)
        .count() as u64)
}

/// Those that are open: what is dismissed or exempted makes no incident.
async fn open(
    connection: &mut Connection,
    seen: &[SeenAlert<'_>],
) -> Result<HashSet<i64>, StoreError> {
    let ids: BTreeSet<i64> = seen.iter().map(|seen| seen.finding).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut open = HashSet::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut query = sql("SELECT id FROM finding WHERE +state = 0 AND id IN ");
        query.push_list(chunk);
        let ids: Vec<i64> = query.once().scalar().fetch_all(&mut *connection).await?;
        open.extend(ids);
    }
    Ok(open)
}

/// The incidents that any of the alerts may be of, oldest first.
async fn load(
    connection: &mut Connection,
    environment: i64,
    related: &[(&SeenAlert<'_>, Vec<String>)],
) -> Result<Vec<Working>, StoreError> {
    let window = micros(WINDOW);
    let times = related
        .iter()
        .map(|(seen, _)| seen.alert.time.as_microsecond());
    let (earliest, latest) = times.fold((i64::MAX, i64::MIN), |(low, high), time| {
        (low.min(time), high.max(time))
    });
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (seen, keys) in related {
        let of_cluster = wanted.entry(incident::cluster(seen.alert)).or_default();
        of_cluster.extend(keys.iter().map(String::as_str));
    }
    let mut found: BTreeMap<i64, BTreeMap<String, Span>> = BTreeMap::new();
    for (cluster, keys) in wanted {
        let keys: Vec<&str> = keys.into_iter().collect();
        for chunk in keys.chunks(CHUNK) {
            let mut query = sql("SELECT incident_key.incident_id, incident_key.key,
                     incident_key.first_seen, incident_key.last_seen
                 FROM incident_key WHERE environment_id = ");
            query
                .push_bind(environment)
                .push(" AND cluster = ")
                .push_bind(cluster)
                .push(" AND last_seen >= ")
                .push_bind(earliest.saturating_sub(window))
                .push(" AND first_seen <= ")
                .push_bind(latest.saturating_add(window))
                .push(" AND key IN ")
                .push_list(chunk.iter().copied());
            for row in &query.once().fetch_all(&mut *connection).await? {
                let span = Span {
                    first: row.int("first_seen")?,
                    last: row.int("last_seen")?,
                };
                let keys = found.entry(row.int("incident_id")?).or_default();
                keys.insert(row.text("key")?, span);
            }
        }
    }
    let ids: Vec<i64> = found.keys().copied().collect();
    let mut all = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut query = sql(SELECT);
        query
            .push("incident.state < 2 AND incident.id IN ")
            .push_list(chunk)
            .push(" ORDER BY incident.id");
        for row in &query.once().fetch_all(&mut *connection).await? {
            let incident = read(row)?;
            all.push(Working {
                before: Some((incident.severity, incident.tactics, incident.is_shown)),
                span: Span {
                    first: incident.first_seen.as_microsecond(),
                    last: incident.last_seen.as_microsecond(),
                },
                keys: found.remove(&incident.number).unwrap_or_default(),
                alerts: BTreeMap::new(),
                merged: Vec::new(),
                is_touched: false,
                is_gone: false,
                incident,
            });
        }
    }
    Ok(all)
}

fn micros(duration: jiff::SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Puts one alert into the oldest incident it is related to, together
/// with the others it is related to; into a new one where there is none.
fn put(all: &mut Vec<Working>, seen: &SeenAlert<'_>, keys: &[String], now: Timestamp) {
    let time = seen.alert.time.as_microsecond();
    let cluster = incident::cluster(seen.alert);
    let mut home: Option<usize> = None;
    for place in 0..all.len() {
        if !all[place].takes(cluster, keys, time) {
            continue;
        }
        let Some(first) = home else {
            home = Some(place);
            continue;
        };
        let joint = all[first].span.and(all[place].span);
        if joint.last.saturating_sub(joint.first) <= micros(LONGEST) {
            let (front, back) = all.split_at_mut(place);
            front[first].take_over(&mut back[0]);
        }
    }
    let place = home.unwrap_or_else(|| {
        all.push(Working::begin(seen, now));
        all.len() - 1
    });
    all[place].add(seen, keys);
}

impl Working {
    fn begin(seen: &SeenAlert<'_>, now: Timestamp) -> Self {
        let alert = seen.alert;
        let cluster = incident::cluster(alert);
        Self {
            incident: Incident {
                id: mint(),
                environment: String::new(),
                cluster: Some(cluster.to_owned()).filter(|name| !name.is_empty()),
                title: alert.rule.title.clone(),
                severity: alert.rule.severity,
                worst: alert.rule.severity,
                state: IncidentState::Open,
                tactics: Tactics::default(),
                techniques: Vec::new(),
                principals: Vec::new(),
                workloads: Vec::new(),
                alerts: 0,
                events: 0,
                first_seen: alert.time,
                last_seen: alert.time,
                opened: now,
                assignee: None,
                reason: None,
                note: None,
                decided_by: None,
                decided: None,
                merged_into: None,
                number: 0,
                is_shown: false,
            },
            before: None,
            span: Span::at(alert.time.as_microsecond()),
            keys: BTreeMap::new(),
            alerts: BTreeMap::new(),
            merged: Vec::new(),
            is_touched: false,
            is_gone: false,
        }
    }

    fn takes(&self, cluster: &str, keys: &[String], time: i64) -> bool {
        let joint = self.span.and(Span::at(time));
        !self.is_gone
            && self.incident.alerts + (self.alerts.len() as u64) < MOST_ALERTS
            && self.incident.cluster.as_deref().unwrap_or_default() == cluster
            && joint.last.saturating_sub(joint.first) <= micros(LONGEST)
            && keys.iter().any(|key| {
                let span = self.keys.get(key);
                span.is_some_and(|span| span.is_near(time, micros(WINDOW)))
            })
    }

    fn add(&mut self, seen: &SeenAlert<'_>, keys: &[String]) {
        let alert = seen.alert;
        let at = Span::at(alert.time.as_microsecond());
        self.is_touched = true;
        self.span = self.span.and(at);
        for key in keys {
            let span = self.keys.entry(key.clone()).or_insert(at);
            *span = span.and(at);
        }
        let (span, times) = self.alerts.entry(seen.finding).or_insert((at, 0));
        *span = span.and(at);
        *times += 1;
        let incident = &mut self.incident;
        incident.worst = incident.worst.max(alert.rule.severity);
        let tactics = Tactics::named(alert.rule.tactics.iter().map(String::as_str));
        incident.tactics = Tactics::from_bits(incident.tactics.bits() | tactics.bits());
        name(&mut incident.techniques, &alert.rule.techniques);
        let principals = alert
            .context
            .principal
            .iter()
            .flat_map(model::Principal::all);
        let principals = principals.filter(|one| one.is_identity() && !one.is_system());
        let principals: Vec<String> = principals.map(|one| one.name.clone()).collect();
        name(&mut incident.principals, &principals);
        name(
            &mut incident.workloads,
            incident::workload(alert).as_slice(),
        );
    }

    /// Takes over the alerts of a younger one.
    fn take_over(&mut self, other: &mut Self) {
        other.is_gone = true;
        self.is_touched = true;
        self.span = self.span.and(other.span);
        for (key, span) in std::mem::take(&mut other.keys) {
            let known = self.keys.entry(key).or_insert(span);
            *known = known.and(span);
        }
        for (finding, (span, times)) in std::mem::take(&mut other.alerts) {
            let known = self.alerts.entry(finding).or_insert((span, 0));
            *known = (known.0.and(span), known.1 + times);
        }
        self.merged.append(&mut other.merged);
        if other.incident.number != 0 {
            self.merged.push(other.incident.number);
        }
        let (mine, its) = (&mut self.incident, &mut other.incident);
        mine.worst = mine.worst.max(its.worst);
        mine.tactics = Tactics::from_bits(mine.tactics.bits() | its.tactics.bits());
        name(&mut mine.techniques, &its.techniques);
        name(&mut mine.principals, &its.principals);
        name(&mut mine.workloads, &its.workloads);
        if mine.assignee.is_none() {
            mine.assignee = its.assignee.take();
        }
        // Whoever was told of the other is not told of this as new.
        if let (Some((severity, tactics, shown)), Some((its_severity, its_tactics, its_shown))) =
            (&mut self.before, other.before)
            && its_shown
        {
            *severity = if *shown {
                (*severity).max(its_severity)
            } else {
                its_severity
            };
            *tactics = if *shown { *tactics } else { its_tactics };
            *shown = true;
        }
    }

    /// Its outcome, once its alerts are counted.
    pub(super) fn conclude(&mut self, alerts: u64, events: u64) {
        let incident = &mut self.incident;
        incident.alerts = alerts;
        incident.events = events;
        incident.severity = incident::severity(incident.worst, incident.tactics);
        incident.is_shown |= alerts > 1
            || incident.worst >= Severity::Medium
            || self.before.is_some_and(|(.., shown)| shown);
        let time = |micros| Timestamp::from_microsecond(micros).unwrap_or(incident.opened);
        incident.first_seen = time(self.span.first);
        incident.last_seen = time(self.span.last);
        if alerts > 1 || incident.number == 0 {
            incident.title = incident::title(Named {
                rule: &incident.title,
                alerts,
                techniques: incident.techniques.len(),
                principals: &incident.principals,
                workloads: &incident.workloads,
                cluster: incident.cluster.as_deref().unwrap_or_default(),
            });
        }
    }

    /// What is told of it, and in which words.
    pub(super) fn news(&self) -> Option<(NoticeEvent, IncidentEventKind, String)> {
        let incident = &self.incident;
        if !incident.is_shown {
            return None;
        }
        match self.before {
            Some((severity, tactics, true)) => {
                let (before, after) = (tactics.names().count(), incident.tactics.names().count());
                let crosses = before < RAISED_AT && after >= RAISED_AT;
                (incident.severity > severity || crosses).then(|| {
                    let text = format!(
                        "{severity} became {}: {after} of {} tactics",
                        incident.severity,
                        TACTICS.len()
                    );
                    (
                        NoticeEvent::IncidentEscalated,
                        IncidentEventKind::Escalated,
                        text,
                    )
                })
            }
            _ => Some((
                NoticeEvent::IncidentOpened,
                IncidentEventKind::Opened,
                incident.title.clone(),
            )),
        }
    }
}

/// Adds names that are not there, as far as there is room.
fn name(known: &mut Vec<String>, more: &[String]) {
    for name in more {
        if known.len() < NAMED && !known.contains(name) {
            known.push(name.clone());
        }
    }
}
