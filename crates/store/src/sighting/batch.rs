//! Batches of findings, named as whoever looked names things.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use model::{AssetKind, FindingKind, Fingerprint, RuleStep, Severity, Tactics};
use serde::{Deserialize, Serialize};

use super::{Look, Said, Sighting, Whole, Within, put, said::Seen};
use crate::{
    Counts, Store, StoreError,
    asset::{self, Found},
    counts::{finding_rank, severity_number},
    db::{Connection, insert, sql},
    environment,
    finding::kind_number,
    row::json,
};

/// The largest evidence kept of one finding, in bytes of JSON.
const MAX_EVIDENCE: usize = 64 * 1024;
/// Findings brought into the record, and summed up, in one go.
const CHUNK: usize = 5000;

/// Findings of one environment, seen in one look.
#[derive(Clone, Debug)]
pub struct FindingBatch {
    pub environment: String,
    pub now: Timestamp,
    pub sight: Sight,
    /// Every rule its findings name.
    pub rules: Vec<NewRule>,
    pub findings: Vec<NewFinding>,
}

/// How much a look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// There may be more: nothing is resolved.
    Partial,
    /// All there is of one kind in some assets: what is not among the
    /// findings is resolved.
    Whole {
        kind: FindingKind,
        /// What these rules say; empty: all rules of the kind.
        rules: Vec<String>,
        assets: Vec<Vec<AssetStep>>,
    },
}

/// One step from the environment down to an asset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetStep {
    pub kind: AssetKind,
    /// What tells it from its siblings of this kind.
    pub identity: String,
    pub name: String,
}

/// What says so.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRule {
    pub kind: FindingKind,
    pub name: String,
    pub severity: Severity,
    pub title: String,
    pub tactics: Tactics,
    pub techniques: Vec<String>,
    pub details: RuleDetails,
}

/// What is known of a rule beside its name: for people to read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleDetails {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Why it matters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What the rule looks for, in its own language.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// The tool or the content it comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remediation: Vec<RuleStep>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub effort: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// When it is nothing bad.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub false_positives: String,
    /// Techniques of Microsoft's matrix for Kubernetes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<String>,
}

/// One finding seen.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFinding {
    /// See [`Fingerprint`] for how it is made.
    pub fingerprint: Fingerprint,
    /// The name of a rule of the batch.
    pub rule: String,
    pub severity: Severity,
    /// From below the environment down to what it is about; assets not
    /// known yet are made. Empty: the environment itself.
    pub asset: Vec<AssetStep>,
    /// One line about this occurrence.
    pub summary: Option<String>,
    pub path: Option<String>,
    pub layer: Option<u32>,
    /// Of an object's containers, the one it is about, where the asset is
    /// the whole.
    pub container: Option<String>,
    /// What was seen, as JSON; what is longer than 64 KiB is left out.
    pub evidence: Option<String>,
    /// When and how often, for what happens; absent for what is.
    pub happened: Option<Happened>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    pub first: Timestamp,
    pub last: Timestamp,
    pub times: u32,
}

/// What a batch changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Open and unsuppressed, and not so before.
    pub new: Counts,
    pub resolved: u64,
    /// Known before and seen again.
    pub again: u64,
}

impl Store {
    /// Takes findings of any kind in. Doing so twice changes nothing the
    /// second time, except that what happens is counted again.
    pub async fn put_findings(&self, batch: FindingBatch) -> Result<BatchOutcome, StoreError> {
        let outcome = self
            .writer
            .write(move |connection| Box::pin(async move { put_batch(connection, batch).await }))
            .await?;
        self.grew(outcome.new.total()).await;
        Ok(outcome)
    }
}

/// As [`Store::put_findings`], inside somebody else's transaction.
pub(crate) async fn put_batch(
    connection: &mut Connection,
    batch: FindingBatch,
) -> Result<BatchOutcome, StoreError> {
    let environment = environment::id(connection, &batch.environment).await?;
    let rules = put_rules(connection, &batch.rules).await?;
    let mut paths: BTreeMap<&[AssetStep], Option<Found>> = BTreeMap::new();
    for finding in &batch.findings {
        paths.insert(&finding.asset, None);
    }
    if let Sight::Whole { assets, .. } = &batch.sight {
        for asset in assets {
            paths.insert(asset, None);
        }
    }
    let is_whole = batch.sight != Sight::Partial;
    asset::find_paths(
        connection,
        (environment, &batch.environment),
        &mut paths,
        batch.now,
        is_whole,
    )
    .await?;

    let kinds: HashMap<&str, FindingKind> = batch
        .rules
        .iter()
        .map(|rule| (rule.name.as_str(), rule.kind))
        .collect();
    let mut sightings = Vec::with_capacity(batch.findings.len());
    for finding in &batch.findings {
        let kind = *kinds
            .get(finding.rule.as_str())
            .ok_or_else(|| StoreError::NoRule(finding.rule.clone()))?;
        let rule = rules[&(kind, finding.rule.clone())];
        let found = paths[finding.asset.as_slice()]
            .as_ref()
            .expect("invariant: every path was found or made");
        sightings.push(sighting(finding, kind, rule, found));
    }

    let look = |whole| Look {
        environment,
        now: batch.now,
        whole,
        because: None,
    };
    match &batch.sight {
        Sight::Whole {
            kind,
            rules: only,
            assets,
        } => {
            let whole = Whole {
                assets: assets
                    .iter()
                    .filter_map(|path| paths[path.as_slice()].as_ref())
                    .map(|found| (found.id, found.seen_before))
                    .collect(),
                kind: kind_number(*kind),
                within: if only.is_empty() {
                    Within::Kind
                } else {
                    let rules = only
                        .iter()
                        .filter_map(|name| rules.get(&(*kind, name.clone())).copied());
                    Within::Rules(rules.collect())
                },
                may_be_hidden: &|_| false,
            };
            let changes = put(connection, &look(Some(whole)), sightings).await?;
            changes.finish(connection, environment, batch.now).await
        }
        Sight::Partial => {
            let mut sums = BatchOutcome::default();
            let mut sightings = sightings.into_iter().peekable();
            while sightings.peek().is_some() {
                let chunk: Vec<Sighting> = sightings.by_ref().take(CHUNK).collect();
                let changes = put(connection, &look(None), chunk).await?;
                let part = changes.finish(connection, environment, batch.now).await?;
                sums.new += part.new;
                sums.resolved += part.resolved;
                sums.again += part.again;
            }
            Ok(sums)
        }
    }
}

pub(crate) fn sighting(
    finding: &NewFinding,
    kind: FindingKind,
    rule: i64,
    found: &Found,
) -> Sighting {
    Sighting {
        said: Said {
            fingerprint: finding.fingerprint.to_string(),
            asset: found.id,
            image: found.image,
            kind: kind_number(kind),
            rule,
            package: None,
            severity: severity_number(finding.severity),
            rank: finding_rank(finding.severity, false, None),
            priority: 0,
            suppression: None,
            fix_state: None,
            fix_versions: None,
            fixable: 0,
            advisories: None,
            path: finding.path.clone(),
            layer: finding.layer.map(i64::from),
            summary: finding.summary.clone(),
            container: finding.container.clone(),
        },
        seen: finding.happened.map(|happened| Seen {
            first: happened.first.as_microsecond(),
            last: happened.last.as_microsecond(),
            occurrences: i64::from(happened.times),
        }),
        evidence: finding
            .evidence
            .clone()
            .filter(|evidence| evidence.len() <= MAX_EVIDENCE),
        package: None,
    }
}

/// Makes or brings up to date what is known of rules; their ids. A rule
/// of which nothing changed is not written again.
pub(crate) async fn put_rules(
    connection: &mut Connection,
    rules: &[NewRule],
) -> Result<HashMap<(FindingKind, String), i64>, StoreError> {
    let mut ids = HashMap::with_capacity(rules.len());
    let mut known: HashMap<(i64, String), (i64, [String; 5])> = HashMap::new();
    for chunk in rules.chunks(500) {
        let mut query = sql(
            "SELECT id, kind, name, severity, title, tactics, techniques, details
             FROM rule WHERE name IN ",
        );
        query.push_list(chunk.iter().map(|rule| rule.name.as_str()));
        for row in query.fetch_all(&mut *connection).await? {
            let content = [
                row.int("severity")?.to_string(),
                row.text("title")?,
                row.int("tactics")?.to_string(),
                row.text("techniques")?,
                row.text("details")?,
            ];
            known.insert(
                (row.int("kind")?, row.text("name")?),
                (row.int("id")?, content),
            );
        }
    }
    let mut stale = BTreeMap::new();
    for rule in rules {
        let content = [
            severity_number(rule.severity).to_string(),
            rule.title.clone(),
            rule.tactics.bits().to_string(),
            json(&rule.techniques),
            json(&rule.details),
        ];
        let key = (kind_number(rule.kind), rule.name.clone());
        match known.get(&key) {
            Some((id, known)) if *known == content => {
                ids.insert((rule.kind, rule.name.clone()), *id);
            }
            _ => {
                stale.insert(key, rule);
            }
        }
    }
    let written = insert(
        "INSERT INTO rule (kind, name, severity, title, kev, tactics, techniques, details) ",
    )
    .ending(
        " ON CONFLICT (name, kind) DO UPDATE SET severity = excluded.severity,
             title = excluded.title, tactics = excluded.tactics,
             techniques = excluded.techniques, details = excluded.details
         RETURNING id, kind, name",
    )
    .returning(connection, stale.values(), |row, rule| {
        row.push_bind(kind_number(rule.kind))
            .push_bind(&rule.name)
            .push_bind(severity_number(rule.severity))
            .push_bind(&rule.title)
            .push_bind(0_i64)
            .push_bind(i64::from(rule.tactics.bits()))
            .push_bind(json(&rule.techniques))
            .push_bind(json(&rule.details));
    })
    .await?;
    for row in &written {
        let kind = crate::finding::kind_of(row.int("kind")?);
        ids.insert((kind, row.text("name")?), row.int("id")?);
    }
    Ok(ids)
}
