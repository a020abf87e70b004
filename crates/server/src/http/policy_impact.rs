//! What denying by a policy would mean, before it is done: for what was
//! asked of clusters lately, and for what is there.
//!
//! What is said is what is known. Requests were judged by a policy where
//! it is on, as it is set; where it is off nobody judged them, and that
//! is told. What is there is judged for the answer wherever its findings
//! do not say the same already.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use api::policy::{ImpactBasis, ImpactExample, ImpactQuestion, PolicyAction, PolicyImpact};
use axum::{
    Json,
    extract::{Path, State},
};
use jiff::{SignedDuration, Timestamp};
use model::{FindingKind, FindingState, Permission, Query as FindingQuery, query::Field};
use policy::{Document, exempt::Exemption};
use store::{
    AdmissionFilter, FindingFilter, FindingSort, PageRequest, PolicySetting, Scope, Suppressed,
};

use super::{
    Shared,
    access::Access,
    admission,
    error::ApiError,
    policy::{Known, compiled, find},
    policy_trial::{MAX_OBJECTS, around},
    query::Body,
};
use crate::{
    app::App,
    policies::{self, Object, Tried},
};

const OFFENDERS: u32 = 10;
const EXAMPLES: u32 = 10;
const MOST_DAYS: u32 = 30;
/// Clusters that are told by name.
const NAMED: usize = 100;
/// Connectors need no longer to judge by what was set.
const SETTLED: SignedDuration = SignedDuration::from_mins(2);

/// What denying by a policy would have meant in the last days, and would
/// mean for what is there: as the policy is set, or as somebody thinks of
/// setting it.
#[utoipa::path(post, path = "/policies/{id}/impact", tag = "policies",
    params(("id" = String, Path, description = "the policy's id")),
    request_body = ImpactQuestion,
    responses((status = 200, body = PolicyImpact),
        (status = 422, description = "parameters or scope do not fit the policy")))]
pub(crate) async fn ask(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(asked): Body<ImpactQuestion>,
) -> Result<Json<PolicyImpact>, ApiError> {
    let environment = match (&asked.environment, &asked.setting) {
        // A setting is one environment's.
        (None, Some(_)) => Some(access.own_environment(Permission::Configure)),
        (environment, _) => environment.clone(),
    };
    let scope = access.scope(&app, environment.as_deref()).await?;
    let known = find(&app, &scope, &id).await?;
    let days = asked.days.unwrap_or(7);
    if !(1..=MOST_DAYS).contains(&days) {
        let told = format!("expected 1 to {MOST_DAYS}");
        return Err(ApiError::invalid("days", told));
    }
    let now = app.clock.now();
    let since = now - SignedDuration::from_hours(i64::from(days) * 24);
    let thought = thought_of(&asked, &id, &known, environment.as_deref(), now);
    if let Some(documents) = &thought {
        compiled("setting", documents.clone()).await?;
    }
    let (places, except) = places(&app, &scope, &id, &known, &asked, thought).await?;

    let mut impact = PolicyImpact {
        days,
        is_other: places.iter().any(|place| place.is_other),
        set: places.iter().filter_map(|place| place.set).max(),
        ..PolicyImpact::default()
    };
    impact.set = impact.set.filter(|set| *set > since);
    let filter = AdmissionFilter {
        cluster: asked.cluster.clone(),
        except: except.clone(),
        policy: Some(id.clone()),
        since: Some(since),
        ..AdmissionFilter::default()
    };
    requests(&app, &scope, &filter, &places, &mut impact).await?;
    if places.iter().any(|place| place.is_told) {
        let is_settled = impact
            .set
            .is_none_or(|set| now.duration_since(set) > SETTLED);
        let is_judged = places.iter().all(|place| place.is_on && !place.is_other);
        if is_settled && is_judged && except.is_empty() {
            impact.basis = ImpactBasis::Findings;
            by_findings(&app, &scope, &id, asked.cluster.as_deref(), &mut impact).await?;
        } else {
            impact.basis = ImpactBasis::Trial;
            by_trial(&app, &access, &tried(&id, &known), places, &mut impact).await?;
        }
    }
    Ok(Json(impact))
}

/// The policy's documents as they would be.
fn thought_of(
    asked: &ImpactQuestion,
    id: &str,
    known: &Known,
    environment: Option<&str>,
    now: Timestamp,
) -> Option<Vec<Document>> {
    let setting = asked.setting.as_ref()?;
    let scope = setting.scope.as_ref();
    let setting = PolicySetting {
        environment: environment.unwrap_or_default().to_owned(),
        cluster: asked.cluster.clone().unwrap_or_default(),
        policy: id.to_owned(),
        action: String::new(),
        parameters: setting.parameters.clone(),
        scope: scope.and_then(|scope| serde_json::to_value(scope).ok()),
        reason: String::new(),
        changed: now,
        changed_by: String::new(),
    };
    Some(denying(known, Some(&setting)))
}

fn denying(known: &Known, setting: Option<&PolicySetting>) -> Vec<Document> {
    policies::documents_for(&known.documents(), Some(PolicyAction::Deny), setting)
}

/// One cluster, as the policy is set there.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four questions, each answered by itself"
)]
struct Place {
    environment: String,
    cluster: String,
    is_on: bool,
    set: Option<Timestamp>,
    /// What is asked about is not what is set.
    is_other: bool,
    /// Something judges what is asked of it.
    is_asked: bool,
    /// Something tells what is in it.
    is_told: bool,
    /// What is asked about.
    documents: Vec<Document>,
}

/// The clusters an answer is about, and those it is not.
async fn places(
    app: &App,
    scope: &Scope,
    id: &str,
    known: &Known,
    asked: &ImpactQuestion,
    thought: Option<Vec<Document>>,
) -> Result<(Vec<Place>, Vec<String>), ApiError> {
    let told = app.store.connectors(scope).await?;
    let told: BTreeSet<(String, String)> = told
        .into_iter()
        .map(|one| (one.environment, one.cluster))
        .collect();
    let replicas = app.store.admission_replicas(scope).await?;
    let judging: BTreeSet<(String, String)> = replicas
        .into_iter()
        .map(|one| (one.environment, one.cluster))
        .collect();
    let trusts = app.store.trust_policies(scope).await?;
    let trusting: BTreeSet<String> = trusts
        .into_iter()
        .filter(|policy| policy.record.enabled)
        .map(|policy| policy.environment)
        .collect();
    let mut settings = policies::by_policy(app.store.policy_settings(scope).await?);
    let settings = settings.remove(id).unwrap_or_default();
    let mut places = Vec::new();
    let mut except = Vec::new();
    for place in told.union(&judging) {
        let (environment, cluster) = place;
        let is_meant = asked.cluster.as_ref().is_none_or(|asked| asked == cluster);
        let is_of = match known {
            Known::BuiltIn(_) => true,
            Known::Custom(custom) => custom.0.environment == *environment,
        };
        if !is_meant || !is_of {
            continue;
        }
        let set = policies::holding(&settings, environment, cluster);
        let is_own = set.is_some_and(|set| !set.cluster.is_empty());
        if thought.is_some() && asked.cluster.is_none() && is_own {
            except.push(cluster.clone());
            continue;
        }
        let action = set.map_or_else(
            || known.by_default(trusting.contains(environment)),
            |set| policies::action(&set.action),
        );
        let is_set = denying(known, set);
        places.push(Place {
            environment: environment.clone(),
            cluster: cluster.clone(),
            is_on: action != PolicyAction::Off,
            set: set.map(|set| set.changed),
            is_other: thought.as_ref().is_some_and(|thought| *thought != is_set),
            is_asked: judging.contains(place),
            is_told: told.contains(place),
            documents: thought.clone().unwrap_or(is_set),
        });
    }
    Ok((places, except))
}

/// What is known of what was asked for.
async fn requests(
    app: &App,
    scope: &Scope,
    filter: &AdmissionFilter,
    places: &[Place],
    impact: &mut PolicyImpact,
) -> Result<(), ApiError> {
    let counts = app.store.policy_decisions(scope, filter).await?;
    let tally = counts.first().map(|one| one.tally).unwrap_or_default();
    let (offenders, objects) = app
        .store
        .admission_offenders(scope, filter, OFFENDERS)
        .await?;
    impact.requests = tally.denied + tally.warned + tally.audited;
    impact.denied = tally.denied;
    impact.objects = objects;
    impact.offenders = offenders.into_iter().map(admission::offender).collect();
    let is_judged = |place: &&Place| place.is_on && place.is_asked;
    impact.is_watched = places.iter().any(|place| is_judged(&place)) || !counts.is_empty();
    let unwatched = places.iter().filter(|place| !is_judged(place));
    let unwatched = unwatched.map(|place| place.cluster.clone());
    impact.unwatched = unwatched.take(NAMED).collect();
    Ok(())
}

/// What is there, where it is judged all the time.
async fn by_findings(
    app: &App,
    scope: &Scope,
    id: &str,
    cluster: Option<&str>,
    impact: &mut PolicyImpact,
) -> Result<(), ApiError> {
    let findings = |state, suppressed| {
        let mut query = FindingQuery::everything().and_exactly(Field::Rule, id);
        if let Some(cluster) = cluster {
            query = query.and_exactly(Field::Cluster, cluster);
        }
        let mut filter = FindingFilter::of_query(query, app.clock.now(), None);
        filter.kinds = vec![FindingKind::Misconfiguration];
        filter.states = vec![state];
        filter.suppressed = suppressed;
        filter
    };
    let ask = |filter, limit| async move {
        let request = PageRequest::first(limit);
        app.store
            .findings(scope, &filter, FindingSort::Severity, &request)
            .await
    };
    let running = ask(findings(FindingState::Open, Suppressed::No), EXAMPLES).await?;
    let held = findings(FindingState::Exempted, Suppressed::Either);
    impact.exempted = ask(held, 1).await?.total;
    impact.running = running.total;
    let examples = running.items.into_iter().map(|finding| ImpactExample {
        finding: Some(finding.id.to_string()),
        cluster: finding.asset.cluster.unwrap_or_default(),
        namespace: finding.asset.namespace.unwrap_or_default(),
        workload: finding.asset.workload.unwrap_or_default(),
        summary: finding.summary.unwrap_or(finding.title),
    });
    impact.examples = examples.collect();
    Ok(())
}

/// What exemptions ask of a policy.
fn tried(id: &str, known: &Known) -> Tried {
    let (title, severity) = match known {
        Known::BuiltIn(_) => policy::recommendation(id).map_or_else(
            || (id.to_owned(), model::Severity::Medium),
            |said| (said.title.clone(), said.severity),
        ),
        Known::Custom(custom) => (custom.0.title.clone(), custom.0.severity),
    };
    Tried {
        policy: id.to_owned(),
        title,
        severity,
        environment: String::new(),
    }
}

/// What is there, judged for this answer.
async fn by_trial(
    app: &App,
    access: &Access,
    tried: &Tried,
    places: Vec<Place>,
    impact: &mut PolicyImpact,
) -> Result<(), ApiError> {
    let until = Instant::now() + policies::PATIENCE;
    let mut by_environment: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for place in places.into_iter().filter(|place| place.is_told) {
        let environment = place.environment.clone();
        by_environment.entry(environment).or_default().push(place);
    }
    let mut left = MAX_OBJECTS;
    for (environment, places) in by_environment {
        let scope = access.scope(app, Some(&environment)).await?;
        let around = around(app, &environment).await?;
        let (exemptions, is_cut) = policies::exemptions(app, &scope).await?;
        impact.is_partial |= is_cut;
        let exemptions: Vec<Exemption> = exemptions
            .into_iter()
            .filter_map(|one| {
                Some(Exemption {
                    scope: model::Query::parse_scope(&one.scope).ok()?,
                    id: one.id,
                    expires: one.expires,
                })
            })
            .collect();
        let tried = Tried {
            environment,
            ..tried.clone()
        };
        for place in places {
            let cluster = Some(place.cluster.as_str());
            let texts = app.store.object_texts(&scope, cluster, left + 1).await?;
            impact.is_partial |= texts.len() > left;
            let objects: Vec<Object> = texts
                .into_iter()
                .take(left)
                .filter_map(|(cluster, text)| {
                    let value = serde_json::from_str(&text).ok()?;
                    Some(Object { cluster, value })
                })
                .collect();
            left -= objects.len();
            let (tried, around) = (tried.clone(), around.clone());
            let exemptions = exemptions.clone();
            let trying = tokio::task::spawn_blocking(move || {
                let documents = &place.documents;
                policies::standing(&tried, documents, &objects, &around, &exemptions, until)
            });
            let standing = trying.await.map_err(|error| ApiError::internal(&error))?;
            impact.judged += standing.judged;
            impact.running += standing.against;
            impact.exempted += standing.exempted;
            impact.is_partial |= standing.is_partial;
            impact.examples.extend(standing.examples);
        }
    }
    impact.examples.truncate(EXAMPLES as usize);
    Ok(())
}
