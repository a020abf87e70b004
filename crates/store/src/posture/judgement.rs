//! Taking verdicts in: each fault is a finding, and an asset that was
//! judged whole and no longer has one has it resolved by that evidence.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use model::{FindingKind, Fingerprint, Severity, attack::Tactics};

use crate::{
    Counts, Store, StoreError,
    counts::{finding_rank, severity_number},
    db::{Connection, insert, sql},
    environment,
    finding::kind_number,
    row::json,
    sighting::{self, Look, Said, Sighting, Whole, Within},
};

/// A recommendation, as far as findings need it.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleText {
    pub id: String,
    pub severity: Severity,
    pub title: String,
    pub tactics: Tactics,
    pub techniques: Vec<String>,
    /// Prose, kept with the rule.
    pub details: serde_json::Value,
}

/// One asset, judged by every rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The asset's id.
    pub asset: String,
    /// What is wrong with it; empty: nothing.
    pub faults: Vec<Fault>,
}

/// What one rule has to say of one asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub rule: String,
    pub summary: String,
    pub evidence: serde_json::Value,
}

/// What judging changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JudgementChanges {
    pub new: Counts,
    pub resolved: u64,
}

/// Assets in one write, so that others write in between.
const CHUNK: usize = 200;

impl Store {
    /// Takes in what was judged. Assets that are gone are left out.
    pub async fn put_judgements(
        &self,
        environment: &str,
        rules: Arc<Vec<RuleText>>,
        judgements: Vec<Judgement>,
        now: Timestamp,
    ) -> Result<JudgementChanges, StoreError> {
        let mut total = JudgementChanges::default();
        let mut judgements = judgements.into_iter().peekable();
        while judgements.peek().is_some() {
            let chunk: Vec<Judgement> = judgements.by_ref().take(CHUNK).collect();
            let (environment, rules) = (environment.to_owned(), Arc::clone(&rules));
            let changes = self
                .writer
                .write(move |connection| {
                    Box::pin(
                        async move { put(connection, &environment, &rules, &chunk, now).await },
                    )
                })
                .await?;
            for severity in Severity::WORST_FIRST {
                *total.new.of(severity) += *changes.new.clone().of(severity);
            }
            total.resolved += changes.resolved;
        }
        Ok(total)
    }
}

/// An asset, as a sighting needs it.
struct At {
    id: i64,
    kind: String,
    name: String,
    cluster: Option<String>,
    image: Option<i64>,
    last_seen: i64,
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    rules: &[RuleText],
    judgements: &[Judgement],
    now: Timestamp,
) -> Result<JudgementChanges, StoreError> {
    let environment_id = environment::id(connection, environment).await?;
    let ids = put_rules(connection, rules).await?;
    let mut assets = HashMap::new();
    let mut query = sql(
        "SELECT id, uid, kind, name, cluster, image_id, last_seen FROM asset
         WHERE environment_id = ",
    );
    query
        .push_bind(environment_id)
        .push(" AND uid IN ")
        .push_list(judgements.iter().map(|judgement| judgement.asset.as_str()));
    for row in &query.once().fetch_all(&mut *connection).await? {
        let at = At {
            id: row.int("id")?,
            kind: row.text("kind")?,
            name: row.text("name")?,
            cluster: row.maybe_text("cluster")?,
            image: row.maybe_int("image_id")?,
            last_seen: row.int("last_seen")?,
        };
        assets.insert(row.text("uid")?, at);
    }
    let mut sightings = Vec::new();
    for judgement in judgements {
        let Some(at) = assets.get(&judgement.asset) else {
            continue;
        };
        for fault in &judgement.faults {
            let rule = rules.iter().find(|rule| rule.id == fault.rule);
            if let Some((rule, id)) = rule.zip(ids.get(&fault.rule)) {
                sightings.push(sighting(at, rule, *id, fault));
            }
        }
    }
    let look = Look {
        environment: environment_id,
        now,
        whole: Some(Whole {
            assets: assets.values().map(|at| (at.id, at.last_seen)).collect(),
            kind: kind_number(FindingKind::Misconfiguration),
            within: Within::Rules(ids.values().copied().collect()),
            may_be_hidden: &|_| false,
        }),
        because: None,
    };
    let changes = sighting::put(connection, &look, sightings).await?;
    // An environment is seen by being judged; others by whoever looks.
    let mut query = sql("UPDATE asset SET last_seen = ");
    query
        .push_bind(now)
        .push(", first_seen = CASE first_seen WHEN 0 THEN ")
        .push_bind(now)
        .push(" ELSE first_seen END WHERE kind = 'environment' AND id IN ")
        .push_list(assets.values().map(|at| at.id));
    query.once().execute(&mut *connection).await?;
    let told = JudgementChanges {
        new: changes.new,
        resolved: changes.resolved,
    };
    changes.finish(connection, environment_id, now).await?;
    Ok(told)
}

fn sighting(at: &At, rule: &RuleText, id: i64, fault: &Fault) -> Sighting {
    let fingerprint = Fingerprint::of(&[
        FindingKind::Misconfiguration.as_str(),
        &rule.id,
        &at.kind,
        at.cluster.as_deref().unwrap_or_default(),
        &at.name,
    ]);
    Sighting {
        said: Said {
            fingerprint: fingerprint.to_string(),
            asset: at.id,
            image: at.image,
            kind: kind_number(FindingKind::Misconfiguration),
            rule: id,
            package: None,
            severity: severity_number(rule.severity),
            rank: finding_rank(rule.severity, false, None),
            priority: 0,
            suppression: None,
            fix_state: None,
            fix_versions: None,
            fixable: 0,
            advisories: None,
            path: None,
            layer: None,
            summary: Some(fault.summary.clone()),
            container: None,
        },
        seen: None,
        evidence: Some(fault.evidence.to_string()),
        package: None,
    }
}

fn details_of(rule: &RuleText) -> String {
    rule.details.to_string()
}

/// The ids of the rules; what is said of each is brought up to date.
async fn put_rules(
    connection: &mut Connection,
    rules: &[RuleText],
) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut query = sql("SELECT id, name, severity, title, details FROM rule
         WHERE kind = 1 AND name IN ");
    query.push_list(rules.iter().map(|rule| rule.id.as_str()));
    let mut ids = BTreeMap::new();
    let mut current = Vec::new();
    for row in &query.fetch_all(&mut *connection).await? {
        let name = row.text("name")?;
        let is_current = rules.iter().any(|rule| {
            rule.id == name
                && row
                    .int("severity")
                    .is_ok_and(|severity| severity == severity_number(rule.severity))
                && row.text("title").is_ok_and(|title| title == rule.title)
                && row
                    .text("details")
                    .is_ok_and(|details| details == details_of(rule))
        });
        if is_current {
            current.push(name.clone());
        }
        ids.insert(name, row.int("id")?);
    }
    let stale = rules.iter().filter(|rule| !current.contains(&rule.id));
    let written = insert(
        "INSERT INTO rule (kind, name, severity, title, kev, tactics, techniques, details) ",
    )
    .ending(
        " ON CONFLICT (name, kind) DO UPDATE SET severity = excluded.severity,
             title = excluded.title, tactics = excluded.tactics,
             techniques = excluded.techniques, details = excluded.details
         RETURNING id, name",
    )
    .returning(connection, stale, |row, rule| {
        row.push_bind(1_i64)
            .push_bind(&rule.id)
            .push_bind(severity_number(rule.severity))
            .push_bind(&rule.title)
            .push_bind(0_i64)
            .push_bind(i64::from(rule.tactics.bits()))
            .push_bind(json(&rule.techniques))
            .push_bind(details_of(rule));
    })
    .await?;
    for row in &written {
        ids.insert(row.text("name")?, row.int("id")?);
    }
    Ok(ids)
}
