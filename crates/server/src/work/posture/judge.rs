//! One round of judging one environment.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, LazyLock},
};

use api::Event;
use jiff::Timestamp;
use model::{LicenseVerdict, attack::Tactics, score::Standing};
use policy::{Facts, Verdict, facts::Unlicensed, recommendations};
use serde_json::json;
use store::{
    Counts, Environment, Fault, Judgement, NewStanding, PolicyCount, RuleText, StoreError,
};

use super::{Dirty, WRITTEN, facts};
use crate::app::App;

/// What was judged in an environment, so that only changes are written.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Whether everything was judged once.
    begun: bool,
    images: HashMap<String, Verdicts>,
    containers: HashMap<String, Verdicts>,
    hosts: HashMap<String, Verdicts>,
    rest: HashMap<String, Verdicts>,
    /// Containers by the image they run.
    running: HashMap<String, u64>,
}

/// By the recommendation's place in the list.
type Verdicts = Vec<(usize, Said)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    NotApplicable,
    Healthy,
    /// A hash of what is said, to tell whether it is said again.
    Affected(u64),
}

/// The recommendations, as findings carry them.
fn texts() -> Arc<Vec<RuleText>> {
    static TEXTS: LazyLock<Arc<Vec<RuleText>>> = LazyLock::new(|| {
        // Nodes are judged by whoever looks at them, and what policies say
        // of clusters' objects comes with what connectors send.
        let judged = recommendations().iter().filter(|rule| {
            policy::node::check(&rule.id).is_none() && policy::policy(&rule.id).is_none()
        });
        let texts = judged.map(|rule| RuleText {
            id: rule.id.clone(),
            severity: rule.severity,
            title: rule.title.clone(),
            tactics: tactics(&rule.techniques),
            techniques: rule.techniques.clone(),
            details: json!({
                "description": rule.description.trim(),
                "why": rule.why.trim(),
                "remediation": rule.remediation,
                "checked_by": rule.checked_by.trim(),
                "controls": rule.controls(),
                "references": rule.references,
            }),
        });
        Arc::new(texts.collect())
    });
    Arc::clone(&TEXTS)
}

/// The tactics whose techniques these are.
pub(crate) fn tactics(techniques: &[String]) -> Tactics {
    let all = &policy::attack::matrix().tactics;
    let served = all.iter().filter(|tactic| {
        let mut known = tactic.techniques.iter();
        known.any(|technique| techniques.contains(&technique.id))
    });
    Tactics::named(served.map(|tactic| tactic.slug.as_str()))
}

/// Judges an asset by every recommendation that is for its sort.
fn judge(asset: &str, facts: &Facts, now: Timestamp) -> (Verdicts, Judgement) {
    let mut verdicts = Vec::new();
    let mut faults = Vec::new();
    for (place, rule) in recommendations().iter().enumerate() {
        if rule.asset != facts.sort() {
            continue;
        }
        let said = match policy::judge(&rule.id, facts, now) {
            Verdict::NotApplicable => Said::NotApplicable,
            Verdict::Healthy => Said::Healthy,
            Verdict::Affected(fault) => {
                let mut evidence = fault.evidence;
                if let Some(facts) = evidence.as_object_mut() {
                    facts.insert("remediation".to_owned(), json!(fault.remediation));
                }
                let mut hasher = DefaultHasher::new();
                (&fault.summary, evidence.to_string()).hash(&mut hasher);
                faults.push(Fault {
                    rule: rule.id.clone(),
                    summary: fault.summary,
                    evidence,
                });
                Said::Affected(hasher.finish())
            }
        };
        verdicts.push((place, said));
    }
    let judgement = Judgement {
        asset: asset.to_owned(),
        faults,
    };
    (verdicts, judgement)
}

/// Remembers verdicts; what has to be written, if they changed.
fn remember(
    known: &mut HashMap<String, Verdicts>,
    asset: &str,
    facts: &Facts,
    now: Timestamp,
) -> Option<Judgement> {
    let (verdicts, judgement) = judge(asset, facts, now);
    let before = known.insert(asset.to_owned(), verdicts.clone());
    (before.as_ref() != Some(&verdicts)).then_some(judgement)
}

/// Judges what is dirty and writes down what changed.
pub(super) async fn environment(
    app: &App,
    environment: &Environment,
    state: &mut Judged,
    dirty: &Dirty,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let name = environment.name.as_str();
    let everything = dirty.everything || !state.begun;
    let mut judgements = images(app, name, state, dirty, everything, now).await?;
    if everything || dirty.running {
        judgements.extend(containers(app, name, state, now).await?);
        judgements.extend(hosts(app, name, state, now).await?);
    }
    if (everything || dirty.rest) && !environment.demo {
        let asset = store::environment_asset(name);
        let facts = facts::advisories(app);
        judgements.extend(remember(&mut state.rest, &asset, &facts, now));
    }
    state.begun = true;
    let changes = app
        .store
        .put_judgements(name, texts(), judgements, now)
        .await?;
    if changes.new.total() > 0 || changes.resolved > 0 {
        app.bus.publish(&Event::Findings {
            environment: name.to_owned(),
            kind: api::FindingKind::Misconfiguration,
            new: changes.new.total(),
        });
    }
    let last = app.store.last_scored(name).await?;
    let always = last.is_none_or(|last| last + WRITTEN <= now);
    let decided = app.store.decided_assets(name).await?;
    let scope = app.store.scope(Some(name)).await?;
    let nodes = app.store.node_standings(&scope, None).await?;
    let policies = app.store.policy_counts(name).await?;
    let standings = standings(state, &decided, &nodes, &policies);
    if app
        .store
        .put_standings(name, standings, now, always)
        .await?
    {
        app.bus.publish(&Event::Score {
            environment: name.to_owned(),
        });
    }
    note_trend(app, name, now).await
}

async fn images(
    app: &App,
    environment: &str,
    state: &mut Judged,
    dirty: &Dirty,
    everything: bool,
    now: Timestamp,
) -> Result<Vec<Judgement>, StoreError> {
    let mut wanted: BTreeSet<String> = dirty.images.clone();
    if everything || dirty.running {
        let scope = app.store.scope(Some(environment)).await?;
        let running = app.store.running_images(&scope).await?;
        let before = std::mem::replace(&mut state.running, running);
        for (image, count) in before.iter().chain(&state.running) {
            let same = before.get(image) == Some(count) && state.running.get(image) == Some(count);
            if !same {
                wanted.insert(image.clone());
            }
        }
    }
    let wanted: Vec<String> = wanted.into_iter().collect();
    let only = (!everything).then_some(wanted.as_slice());
    if only.is_some_and(<[String]>::is_empty) {
        return Ok(Vec::new());
    }
    let found = app.store.image_facts(environment, only).await?;
    let mut unlicensed = unlicensed(app, environment, only).await?;
    let ids: BTreeSet<String> = found.iter().map(|image| image.id.clone()).collect();
    // Its findings went with the image.
    state
        .images
        .retain(|id, _| ids.contains(id) || only.is_some_and(|only| !only.contains(id)));
    Ok(found
        .into_iter()
        .filter_map(|image| {
            let id = image.id.clone();
            let unlicensed = unlicensed
                .as_mut()
                .map(|by_image| by_image.remove(&id).unwrap_or_default());
            remember(
                &mut state.images,
                &id,
                &facts::image(image, unlicensed)?,
                now,
            )
        })
        .collect())
}

/// What images hold that may not be shipped, by image; `None` where
/// nobody said what may.
async fn unlicensed(
    app: &App,
    environment: &str,
    only: Option<&[String]>,
) -> Result<Option<HashMap<String, Vec<Unlicensed>>>, StoreError> {
    let policy = &app.config.licenses;
    if policy.is_empty() {
        return Ok(None);
    }
    let mut texts = app.store.license_texts().await?;
    texts.retain(|text| policy.judge_text(text) != LicenseVerdict::Allowed);
    let held = app
        .store
        .packages_licensed(environment, &texts, only)
        .await?;
    let mut by_image: HashMap<String, Vec<Unlicensed>> = HashMap::new();
    for package in held {
        if !policy.excepts(package.kind, &package.name) {
            let faults = by_image.entry(package.image).or_default();
            faults.push(Unlicensed::named(
                policy,
                package.name,
                package.version,
                &package.licenses,
            ));
        }
    }
    for faults in by_image.values_mut() {
        faults.sort();
    }
    Ok(Some(by_image))
}

async fn containers(
    app: &App,
    environment: &str,
    state: &mut Judged,
    now: Timestamp,
) -> Result<Vec<Judgement>, StoreError> {
    let found = app.store.container_facts(environment).await?;
    let ids: BTreeSet<&str> = found
        .iter()
        .map(|container| container.id.as_str())
        .collect();
    state.containers.retain(|id, _| ids.contains(id.as_str()));
    // What ended has nothing wrong with it any more.
    let ended = app.store.ended_containers(environment).await?;
    let ended = ended.into_iter().map(|asset| Judgement {
        asset,
        faults: Vec::new(),
    });
    let running = found.iter().filter_map(|container| {
        let facts = facts::container(container);
        remember(&mut state.containers, &container.id, &facts, now)
    });
    Ok(running
        .collect::<Vec<_>>()
        .into_iter()
        .chain(ended)
        .collect())
}

async fn hosts(
    app: &App,
    environment: &str,
    state: &mut Judged,
    now: Timestamp,
) -> Result<Vec<Judgement>, StoreError> {
    let found = app.store.host_facts(environment).await?;
    let ids: BTreeSet<&str> = found.iter().map(|host| host.id.as_str()).collect();
    state.hosts.retain(|id, _| ids.contains(id.as_str()));
    let left = app.store.left_hosts(environment).await?;
    let left = left.into_iter().map(|asset| Judgement {
        asset,
        faults: Vec::new(),
    });
    let looked_at = found.iter().filter_map(|host| {
        let facts = facts::host(host)?;
        remember(&mut state.hosts, &host.id, &facts, now)
    });
    Ok(looked_at
        .collect::<Vec<_>>()
        .into_iter()
        .chain(left)
        .collect())
}

fn standings(
    state: &Judged,
    decided: &BTreeSet<(String, String)>,
    nodes: &BTreeMap<String, (Standing, u64)>,
    policies: &BTreeMap<String, PolicyCount>,
) -> Vec<NewStanding> {
    let rules = recommendations();
    let mut standings: Vec<NewStanding> = rules
        .iter()
        .map(|rule| NewStanding {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            severity: rule.severity,
            standing: Standing::default(),
            not_applicable: 0,
            noun: rule.asset.noun(),
        })
        .collect();
    for at in &mut standings {
        if let Some((standing, not_applicable)) = nodes.get(&at.rule) {
            at.standing = *standing;
            at.not_applicable = *not_applicable;
        }
    }
    let assets = [&state.images, &state.containers, &state.hosts, &state.rest];
    for (asset, verdicts) in assets.into_iter().flatten() {
        for (place, said) in verdicts {
            let at = &mut standings[*place];
            match said {
                Said::NotApplicable => at.not_applicable += 1,
                Said::Healthy => at.standing.healthy += 1,
                Said::Affected(_) => {
                    let is_decided = !decided.is_empty()
                        && decided.contains(&(asset.clone(), rules[*place].id.clone()));
                    if is_decided {
                        at.standing.exempted += 1;
                    } else {
                        at.standing.affected += 1;
                    }
                }
            }
        }
    }
    for standing in &mut standings {
        if let Some(count) = policies.get(&standing.rule) {
            let exempted = count
                .exempted
                .min(count.judged - count.affected.min(count.judged));
            standing.standing.affected += count.affected;
            standing.standing.exempted += exempted;
            standing.standing.healthy += count.judged.saturating_sub(count.affected + exempted);
        }
    }
    standings
}

/// Writes down how many findings are open today.
async fn note_trend(app: &App, environment: &str, now: Timestamp) -> Result<(), StoreError> {
    let scope = app.store.scope(Some(environment)).await?;
    let mut open = Counts::default();
    for kind in app.store.kind_counts(&scope).await?.into_values() {
        for severity in model::Severity::WORST_FIRST {
            *open.of(severity) += *kind.open.clone().of(severity);
        }
    }
    app.store.put_trend(environment, open, now).await
}
