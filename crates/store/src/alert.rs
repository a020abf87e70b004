//! Alerts: events of run-time sensors, kept as findings.
//!
//! The first of a rule, place and program opens a finding; the next ones
//! raise its count. An event that is delivered twice counts once.

mod context;
mod trace;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use model::{Alert, AlertImage, AlertPlace, AlertRule, AssetKind, FindingKind, attack::Tactics};

pub use self::context::AlertEvent;
pub(crate) use self::{
    context::{SeenAlert, term_number},
    trace::unpacked,
};
use crate::{
    RuleDetails, Store, StoreError,
    asset::{self, Described, IMAGE_FACT, Placed},
    counts::{finding_rank, severity_number},
    db::{Connection, insert, sql},
    environment, exemption,
    finding::kind_number,
    incident,
    row::json,
    rule,
    scan::mint,
    sighting::{self, Look, Said, Seen, Sighting},
};

/// How long a delivered event is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Rows in one statement.
const CHUNK: usize = 500;

/// What became of alerts handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenAlerts {
    /// Kept: opened, or seen again.
    pub accepted: u64,
    /// Findings that were not open before.
    pub opened: u64,
    /// Delivered before.
    pub repeated: u64,
    /// Incidents that opened or changed by them.
    pub incidents: u64,
}

impl Store {
    /// Keeps alerts; answered once they are durable.
    pub async fn put_alerts(
        &self,
        environment: &str,
        alerts: Vec<Alert>,
        now: Timestamp,
    ) -> Result<TakenAlerts, StoreError> {
        let environment = environment.to_owned();
        let taken = self
            .writer
            .write(move |connection| {
                Box::pin(async move { put(connection, &environment, alerts, now).await })
            })
            .await?;
        self.grew(taken.opened).await;
        Ok(taken)
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    alerts: Vec<Alert>,
    now: Timestamp,
) -> Result<TakenAlerts, StoreError> {
    let environment_id = environment::id(connection, environment).await?;
    let sent = alerts.len();
    let alerts = unseen(connection, environment_id, alerts, now).await?;
    let taken = keep(connection, environment_id, environment, alerts, now).await?;
    Ok(TakenAlerts {
        repeated: sent as u64 - taken.accepted,
        ..taken
    })
}

/// Keeps alerts, none of which was delivered before.
pub(crate) async fn keep(
    connection: &mut Connection,
    environment_id: i64,
    environment: &str,
    alerts: Vec<Alert>,
    now: Timestamp,
) -> Result<TakenAlerts, StoreError> {
    let top = asset::of_environment(connection, environment_id, environment).await?;
    let rules = rules(connection, &alerts).await?;
    let mut tree = Tree {
        environment_id,
        top,
        known: HashMap::new(),
    };
    let mut sightings = Vec::with_capacity(alerts.len());
    let mut placed = Vec::with_capacity(alerts.len());
    for alert in &alerts {
        let Some(&rule) = rules.get(alert.rule.id.as_str()) else {
            continue;
        };
        let (asset, image) = tree.find(connection, &alert.place, alert.time).await?;
        let time = alert.time.as_microsecond();
        placed.push((alert, asset, rule));
        sightings.push(Sighting {
            said: said(alert, asset, image, rule),
            seen: Some(Seen {
                first: time,
                last: time,
                occurrences: 1,
            }),
            evidence: Some(alert.evidence.clone()),
            package: None,
        });
    }
    let look = Look {
        environment: environment_id,
        now,
        whole: None,
        because: None,
    };
    let accepted = sightings.len();
    let changes = sighting::put(connection, &look, sightings).await?;
    // Before exemptions look at what came: they may ask who did it.
    let seen = context::seen(connection, &placed).await?;
    context::put(connection, &seen).await?;
    trace::put(connection, &seen).await?;
    let outcome = changes.finish(connection, environment_id, now).await?;
    let freed = exemption::release(connection, environment_id, &seen, now).await?;
    let hits = seen.iter().filter_map(|seen| {
        let rule = rules.get(seen.alert.rule.id.as_str())?;
        Some((*rule, seen.alert))
    });
    let hits: Vec<_> = hits.collect();
    rule::count_hits(connection, environment_id, &hits).await?;
    let incidents = incident::gather(connection, environment_id, &seen, now).await?;
    Ok(TakenAlerts {
        accepted: accepted as u64,
        opened: outcome.new.total() + freed,
        repeated: 0,
        incidents,
    })
}

fn said(alert: &Alert, asset: i64, image: Option<i64>, rule: i64) -> Said {
    Said {
        fingerprint: alert.fingerprint.to_string(),
        asset,
        image,
        kind: kind_number(FindingKind::Alert),
        rule,
        package: None,
        severity: severity_number(alert.rule.severity),
        rank: finding_rank(alert.rule.severity, false, None),
        priority: 0,
        suppression: None,
        fix_state: None,
        fix_versions: None,
        fixable: 0,
        advisories: None,
        path: None,
        layer: None,
        summary: Some(alert.summary.clone()).filter(|summary| !summary.is_empty()),
        container: None,
    }
}

/// Leaves those whose event was never delivered before, and remembers
/// them.
async fn unseen(
    connection: &mut Connection,
    environment_id: i64,
    mut alerts: Vec<Alert>,
    now: Timestamp,
) -> Result<Vec<Alert>, StoreError> {
    sql("DELETE FROM alert_receipt WHERE received < ?")
        .bind(now - REMEMBERED)
        .execute(&mut *connection)
        .await?;
    let mut seen: HashSet<String> = HashSet::new();
    for chunk in alerts.chunks(CHUNK) {
        let mut query = sql("SELECT event FROM alert_receipt WHERE environment_id = ");
        query.push_bind(environment_id).push(" AND event IN ");
        query.push_list(chunk.iter().map(|alert| alert.event.as_str()));
        let events: Vec<String> = query.once().scalar().fetch_all(&mut *connection).await?;
        seen.extend(events);
    }
    alerts.retain(|alert| seen.insert(alert.event.to_string()));
    let events: Vec<&str> = alerts.iter().map(|alert| alert.event.as_str()).collect();
    insert("INSERT INTO alert_receipt (environment_id, event, received) ")
        .rows(connection, events, |row, event| {
            row.push_bind(environment_id)
                .push_bind(event)
                .push_bind(now);
        })
        .await?;
    Ok(alerts)
}

/// The ids of the alerts' rules; what is known of each is brought up to
/// date.
async fn rules(
    connection: &mut Connection,
    alerts: &[Alert],
) -> Result<HashMap<String, i64>, StoreError> {
    // The last word on a rule is the one that counts.
    let rules: HashMap<&str, &AlertRule> = alerts
        .iter()
        .map(|alert| (alert.rule.id.as_str(), &alert.rule))
        .collect();
    let mut ids = HashMap::with_capacity(rules.len());
    for rule in rules.into_values() {
        let tactics = Tactics::named(rule.tactics.iter().map(String::as_str));
        let details = RuleDetails {
            description: rule.description.clone(),
            condition: rule.condition.clone(),
            source: rule.source.clone(),
            why: rule.why.clone(),
            remediation: rule.steps.clone(),
            references: rule.references.clone(),
            false_positives: rule.false_positives.clone(),
            matrix: rule.matrix.clone(),
            ..RuleDetails::default()
        };
        let id: i64 = sql(
            "INSERT INTO rule (kind, name, severity, title, kev, tactics, techniques, details)
             VALUES (?, ?, ?, ?, 0, ?, ?, ?)
             ON CONFLICT (name, kind) DO UPDATE SET severity = excluded.severity,
                 title = excluded.title, tactics = excluded.tactics,
                 techniques = excluded.techniques, details = excluded.details
             RETURNING id",
        )
        .bind(kind_number(FindingKind::Alert))
        .bind(&rule.id)
        .bind(severity_number(rule.severity))
        .bind(&rule.title)
        .bind(i64::from(tactics.bits()))
        .bind(json(&rule.techniques))
        .bind(json(&details))
        .scalar()
        .fetch_one(&mut *connection)
        .await?;
        ids.insert(rule.id.clone(), id);
    }
    Ok(ids)
}

/// Assets met so far, by parent, kind and identity.
struct Tree {
    environment_id: i64,
    top: i64,
    known: HashMap<(i64, AssetKind, String), (i64, Option<i64>)>,
}

impl Tree {
    /// The asset a place leads to, made where it is not known, and the
    /// image it runs.
    async fn find(
        &mut self,
        connection: &mut Connection,
        place: &AlertPlace,
        time: Timestamp,
    ) -> Result<(i64, Option<i64>), StoreError> {
        let mut found = (self.top, None);
        let mut placed = Placed::default();
        for (index, step) in place.steps.iter().enumerate() {
            let parent = found.0;
            placed = placed.with(step.kind, &step.name);
            let key = (parent, step.kind, step.identity.clone());
            found = if let Some(known) = self.known.get(&key) {
                *known
            } else {
                let is_last = index + 1 == place.steps.len();
                let image = place.image.as_ref().filter(|_| is_last);
                let described = Described {
                    place: placed.clone(),
                    ..Described::new(
                        self.environment_id,
                        parent,
                        step.kind,
                        &step.identity,
                        &step.name,
                    )
                };
                let asset = self.meet(connection, described, image, time).await?;
                self.known.insert(key, asset);
                asset
            };
        }
        Ok(found)
    }

    /// What somebody else has described is not described again: an alert
    /// knows less of a container than its engine.
    async fn meet(
        &self,
        connection: &mut Connection,
        mut asset: Described,
        image: Option<&AlertImage>,
        time: Timestamp,
    ) -> Result<(i64, Option<i64>), StoreError> {
        let known = sql("SELECT id, image_id, facts FROM asset
             WHERE environment_id = ? AND kind = ? AND parent_id = ? AND identity = ?")
        .bind(asset.environment_id)
        .bind(asset.kind.as_str())
        .bind(asset.parent_id)
        .bind(&asset.identity)
        .fetch_optional(&mut *connection)
        .await?;
        let image_id = match image {
            Some(image) => self.image(connection, image).await?,
            None => None,
        };
        if let Some(row) = known {
            let id = row.int("id")?;
            let known_image = row.maybe_int("image_id")?;
            let mut facts: BTreeMap<String, String> = row.json("facts")?;
            if let Some(image) = image.filter(|image| !image.name.is_empty()) {
                facts
                    .entry(IMAGE_FACT.to_owned())
                    .or_insert_with(|| image.name.clone());
            }
            sql(
                "UPDATE asset SET last_seen = CASE WHEN last_seen > ? THEN last_seen ELSE ? END,
                     image_id = COALESCE(image_id, ?), facts = ?
                 WHERE id = ?",
            )
            .bind(time)
            .bind(time)
            .bind(image_id)
            .bind(json(&facts))
            .bind(id)
            .execute(connection)
            .await?;
            return Ok((id, known_image.or(image_id)));
        }
        if let Some(image) = image {
            asset
                .facts
                .insert(IMAGE_FACT.to_owned(), image.name.clone());
        }
        asset.image_id = image_id;
        let id = asset::put(connection, &asset, &mint(), time).await?;
        Ok((id, image_id))
    }

    /// The image an alert names, if it is known: by its digest, else by
    /// its name.
    async fn image(
        &self,
        connection: &mut Connection,
        image: &AlertImage,
    ) -> Result<Option<i64>, StoreError> {
        let digest = image.digest.map(|digest| digest.to_string());
        sql(
            "SELECT id FROM image WHERE environment_id = ? AND kind = 'image'
                 AND (digest = ? OR config_digest = ? OR name = ?)
             ORDER BY CASE name WHEN ? THEN 1 ELSE 0 END, id DESC LIMIT 1",
        )
        .bind(self.environment_id)
        .bind(&digest)
        .bind(&digest)
        .bind(&image.name)
        .bind(&image.name)
        .scalar()
        .fetch_optional(connection)
        .await
    }
}
