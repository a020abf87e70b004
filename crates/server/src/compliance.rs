//! How controls stand: from counts of assets and from people's words.
//!
//! A control fails where any check that answers it has an affected asset.
//! Otherwise, where it is manual, somebody's word passes it until that
//! expires, and without one it stays manual. Otherwise it passes where
//! anything was judged, and is not applicable where nothing was.

use std::collections::BTreeMap;

use api::compliance::{Attestation, ControlState};
use jiff::Timestamp;
use model::{FindingState, score::Standing as Count};
use policy::standard::{Control, Standard};
use report::compliance::{Assessed, Check, Evidence, State, Word};
use store::{FindingFilter, FindingSort, PageRequest, Scope, StoreError};

use crate::{app::App, http::error::ApiError};

/// Affected assets that a report names of each check.
const NAMED: u32 = 25;

/// What is known of one place.
#[derive(Debug)]
pub(crate) struct Standing {
    pub now: Timestamp,
    counts: BTreeMap<String, Count>,
    words: Vec<store::Attestation>,
    /// Environments in scope.
    environments: usize,
    cluster: Option<String>,
}

impl Standing {
    /// How everything stands in scope or, there, in one cluster.
    pub(crate) async fn read(
        app: &App,
        scope: &Scope,
        cluster: Option<&str>,
        standard: Option<&str>,
    ) -> Result<Self, StoreError> {
        let counts = if let Some(cluster) = cluster {
            of_cluster(app, scope, cluster).await?
        } else {
            let mut counts: BTreeMap<String, Count> = BTreeMap::new();
            for one in app.store.standings(scope).await? {
                let count = counts.entry(one.rule).or_default();
                count.healthy += one.standing.healthy;
                count.affected += one.standing.affected;
                count.exempted += one.standing.exempted;
            }
            counts
        };
        Ok(Self {
            now: app.clock.now(),
            counts,
            words: app.store.attestations(scope, standard).await?,
            environments: scope.count(),
            cluster: cluster.map(str::to_owned),
        })
    }

    pub(crate) fn count(&self, check: &str) -> Count {
        self.counts.get(check).copied().unwrap_or_default()
    }

    pub(crate) fn affected(&self, control: &Control) -> u64 {
        let checks = control.checks.iter();
        checks.map(|check| self.count(check).affected).sum()
    }

    /// The newest word for a control here, expired or not. A word for
    /// one environment says nothing of others.
    pub(crate) fn word_for(&self, standard: &str, control: &str) -> Option<&store::Attestation> {
        let words = || {
            self.words.iter().filter(|word| {
                word.standard == standard
                    && word.control == control
                    && (word.cluster.is_empty() || Some(&word.cluster) == self.cluster.as_ref())
            })
        };
        let mut places: Vec<&str> = words()
            .filter(|word| word.expires > self.now)
            .map(|word| word.environment.as_str())
            .collect();
        places.sort_unstable();
        places.dedup();
        if places.len() >= self.environments {
            return words().find(|word| word.expires > self.now);
        }
        words().find(|word| word.expires <= self.now)
    }

    /// How one control stands.
    pub(crate) fn of(&self, standard: &str, control: &Control) -> ControlState {
        if self.affected(control) > 0 {
            return ControlState::Failed;
        }
        if control.manual {
            let word = self.word_for(standard, &control.id);
            return match word {
                Some(word) if word.expires > self.now => ControlState::Passed,
                _ => ControlState::Manual,
            };
        }
        let mut checks = control.checks.iter();
        if checks.any(|check| self.count(check).assessed() > 0) {
            ControlState::Passed
        } else {
            ControlState::NotApplicable
        }
    }
}

/// How checks stand in one cluster: of its machines and its objects.
pub(crate) async fn of_cluster(
    app: &App,
    scope: &Scope,
    cluster: &str,
) -> Result<BTreeMap<String, Count>, StoreError> {
    let mut counts: BTreeMap<String, Count> = app
        .store
        .node_standings(scope, Some(cluster))
        .await?
        .into_iter()
        .map(|(rule, (standing, _))| (rule, standing))
        .collect();
    let mut judged = app.store.policies_judged(scope, cluster).await?;
    let affected = app.store.affected_in_cluster(scope, cluster).await?;
    for (rule, (open, decided)) in affected {
        let healthy = judged.remove(&rule).unwrap_or_default();
        counts.entry(rule).or_insert(Count {
            healthy: healthy.saturating_sub(open + decided),
            affected: open,
            exempted: decided,
        });
    }
    for (rule, healthy) in judged {
        counts.entry(rule).or_insert(Count {
            healthy,
            ..Count::default()
        });
    }
    Ok(counts)
}

/// Open findings of these checks.
pub(crate) fn evidence(
    app: &App,
    checks: &[&str],
    cluster: Option<&str>,
) -> Result<FindingFilter, ApiError> {
    let mut text = format!("kind:misconfiguration rule:{}", checks.join(","));
    if let Some(cluster) = cluster {
        if !crate::intake::sensor::is_name(cluster) || cluster.contains('"') {
            return Err(ApiError::invalid("cluster", "no name of a cluster"));
        }
        text.push_str(" cluster:\"");
        text.push_str(cluster);
        text.push('"');
    }
    let query =
        model::Query::parse(&text).map_err(|errors| ApiError::invalid_query("cluster", &errors))?;
    let mut filter = FindingFilter::of_query(query, app.clock.now(), None);
    filter.states = vec![FindingState::Open];
    Ok(filter)
}

/// A standard as reports write it.
pub(crate) async fn assessed(
    app: &App,
    scope: &Scope,
    cluster: Option<&str>,
    (standard, standing): (&Standard, &Standing),
    place: String,
) -> Result<Assessed, ApiError> {
    let mut named: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    let mut controls = Vec::with_capacity(standard.controls.len());
    for control in &standard.controls {
        let mut checks = Vec::new();
        let mut evidence = Vec::new();
        for rule in control
            .checks
            .iter()
            .filter_map(|id| policy::recommendation(id))
        {
            let count = standing.count(&rule.id);
            checks.push(Check {
                id: rule.id.clone(),
                title: rule.title.clone(),
                severity: rule.severity,
                healthy: count.healthy,
                affected: count.affected,
                exempted: count.exempted,
            });
            if count.affected == 0 {
                continue;
            }
            if !named.contains_key(rule.id.as_str()) {
                let filter = self::evidence(app, &[&rule.id], cluster)?;
                let first = PageRequest::first(NAMED);
                let sort = FindingSort::Severity;
                let found = app.store.findings(scope, &filter, sort, &first).await?;
                let found = found.items.into_iter().map(|finding| Evidence {
                    check: rule.id.clone(),
                    asset: asset(&finding.asset),
                    summary: finding.summary.unwrap_or_default(),
                    since: finding.first_seen,
                });
                named.insert(&rule.id, found.collect());
            }
            evidence.extend(named[rule.id.as_str()].iter().cloned());
        }
        let word = standing
            .word_for(&standard.id, &control.id)
            .filter(|word| word.expires > standing.now);
        controls.push(report::compliance::Control {
            id: control.id.clone(),
            title: control.title.clone(),
            level: control.level,
            state: match standing.of(&standard.id, control) {
                ControlState::Passed => State::Passed,
                ControlState::Failed => State::Failed,
                ControlState::Manual => State::Manual,
                ControlState::NotApplicable => State::NotApplicable,
            },
            checks,
            word: word.map(|word| Word {
                note: word.note.clone(),
                by: word.made_by.clone(),
                made: word.made,
                expires: word.expires,
            }),
            evidence,
        });
    }
    Ok(Assessed {
        id: standard.id.clone(),
        name: standard.name.clone(),
        source: standard.source.clone(),
        description: standard.description.trim().to_owned(),
        place,
        time: standing.now,
        controls,
    })
}

/// `production › shop › web`.
fn asset(asset: &store::AssetKey) -> String {
    let mut path: Vec<&str> = vec![&asset.environment];
    for step in [&asset.cluster, &asset.namespace, &asset.workload] {
        path.extend(step.as_deref());
    }
    if path.last() != Some(&asset.name.as_str()) {
        path.push(&asset.name);
    }
    path.join(" › ")
}

pub(crate) fn word(word: &store::Attestation, now: Timestamp) -> Attestation {
    Attestation {
        environment: word.environment.clone(),
        cluster: word.cluster.clone(),
        note: word.note.clone(),
        made: word.made,
        made_by: word.made_by.clone(),
        expires: word.expires,
        expired: word.expires <= now,
    }
}
