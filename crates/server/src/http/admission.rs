//! Admission: what it is given, what it decided, and how it is.

use std::cmp::Reverse;

use api::{
    Event,
    decision::{
        Admission, AdmissionStatus, Decision, DecisionBatch, DecisionQuery, DecisionReceipt,
        DecisionViolation, NewDecision, OffenderQuery, RefusedDecision, Verdict,
    },
    policy::{Bundle, BundleQuery, Offender, PolicyQuery},
};
use axum::{
    Json,
    body::{self, Body},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use model::Permission;
use store::{
    AdmissionFilter, AdmissionHit, AdmissionOffender, AdmissionReplica, NewAdmissionDecision,
};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    policy::tally,
    query::{self, Query},
};
use crate::{app::App, intake::sensor::is_name};

/// The largest batch, its decisions, and the largest of them.
const MAX_BODY: usize = 8 << 20;
const MAX_ITEMS: usize = 1_000;
const MAX_ITEM: usize = 128 << 10;
const MAX_WORD: usize = 500;
const MAX_VIOLATIONS: usize = 200;
const MAX_IMAGES: usize = 200;
/// Of what is wrong with a replica.
const MAX_PROBLEMS: usize = 100;
/// A clock may be ahead by so much.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// A replica that told nothing for so long is silent.
const SILENT: SignedDuration = SignedDuration::from_secs(60);
const OFFENDERS: u32 = 50;
const MOST_DAYS: u32 = 30;

/// The environment whoever judges a cluster speaks for, which must be
/// there.
async fn of_cluster(
    app: &App,
    access: &Access,
    cluster: &str,
    environment: Option<String>,
) -> Result<String, ApiError> {
    let environment = environment.unwrap_or_else(|| access.own_environment(Permission::Ingest));
    access.require_in(&environment)?;
    access.scope(app, Some(&environment)).await?;
    if !is_name(cluster) {
        let told = "expected a name on one line, without '/'";
        return Err(ApiError::invalid("cluster", told));
    }
    Ok(environment)
}

/// Everything whoever judges a cluster's objects needs: policies with
/// what was set of them, exemptions in force, facts of images. Its entity
/// tag is its mark.
#[utoipa::path(get, path = "/clusters/{cluster}/bundle", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        BundleQuery),
    responses((status = 200, body = Bundle),
        (status = 304, description = "as the mark in `If-None-Match` says")))]
pub(crate) async fn bundle(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(asked): Query<BundleQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let environment = of_cluster(&app, &access, &cluster, asked.environment).await?;
    let bundle = app.bundles.of(&app, &environment, &cluster).await?;
    let tag = format!("\"{}\"", bundle.mark);
    let known = headers.get(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(&*bundle).into_response()
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Takes what admission of a cluster decided. Answered once it is
/// durable; what is sent again is known by its uid.
#[utoipa::path(post, path = "/clusters/{cluster}/decisions", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        BundleQuery),
    request_body = DecisionBatch,
    responses((status = 200, body = DecisionReceipt),
        (status = 413, description = "more than 8 MiB or 1,000 decisions")))]
pub(crate) async fn take(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(asked): Query<BundleQuery>,
    body: Body,
) -> Result<Json<DecisionReceipt>, ApiError> {
    let environment = of_cluster(&app, &access, &cluster, asked.environment).await?;
    let too_large = |told: String| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", told);
    let bytes = body::to_bytes(body, MAX_BODY)
        .await
        .map_err(|_longer| too_large(format!("more than {MAX_BODY} bytes at once")))?;
    let batch: DecisionBatch = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::invalid("body", error.to_string()))?;
    if batch.items.len() > MAX_ITEMS {
        return Err(too_large(format!(
            "more than {MAX_ITEMS} decisions at once"
        )));
    }
    let now = app.clock.now();
    let mut refused = Vec::new();
    let mut decisions = Vec::new();
    for mut item in batch.items {
        match understand(&mut item, now) {
            Ok(decision) => {
                app.requested.note(&environment, &cluster, &item, now);
                decisions.push(decision);
            }
            Err(reason) => refused.push(RefusedDecision {
                uid: item.uid.chars().take(MAX_WORD).collect(),
                reason,
            }),
        }
    }
    for image in batch.images.iter().take(MAX_IMAGES) {
        app.requested.name(&environment, &cluster, image, now);
    }
    let is_some = !decisions.is_empty();
    if is_some || batch.status.is_some() {
        app.store.put_cluster(&environment, &cluster, now).await?;
    }
    let taken = if is_some {
        let put = app.store.put_decisions(&environment, &cluster, decisions);
        put.await?
    } else {
        store::TakenDecisions::default()
    };
    if let Some(status) = batch.status {
        hear(&app, &environment, &cluster, status, now).await?;
    }
    if taken.taken > 0 {
        app.bus.publish(&Event::Admission {
            environment: environment.clone(),
        });
    }
    let bundle = app.bundles.of(&app, &environment, &cluster).await?;
    Ok(Json(DecisionReceipt {
        taken: taken.taken,
        repeated: taken.repeated,
        refused,
        bundle: bundle.mark.clone(),
    }))
}

pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Audited => "audited",
        Verdict::Warned => "warned",
        Verdict::Denied => "denied",
        Verdict::Exempted => "exempted",
        Verdict::Mutated => "mutated",
        Verdict::Failed => "failed",
    }
}

/// Bounds a decision, and makes of it what is kept.
fn understand(item: &mut NewDecision, now: Timestamp) -> Result<NewAdmissionDecision, String> {
    if item.uid.is_empty() || item.uid.len() > MAX_WORD {
        return Err(format!("uid: expected 1 to {MAX_WORD} bytes"));
    }
    if item.time > now + AHEAD {
        return Err("time: it is in the future; is a clock wrong?".to_owned());
    }
    let words = [
        &mut item.operation,
        &mut item.group,
        &mut item.kind,
        &mut item.namespace,
        &mut item.name,
        &mut item.workload,
        &mut item.user,
        &mut item.note,
    ];
    for text in words {
        *text = crate::intake::sensor::clean(text, MAX_WORD);
    }
    cut(item);
    let mut hits: Vec<AdmissionHit> = Vec::new();
    let mut searched = format!(
        "{} {} {} {}",
        item.kind, item.name, item.workload, item.user
    );
    for violation in &item.violations {
        let policy: String = violation.policy.chars().take(MAX_WORD).collect();
        let verdict = word(violation.verdict);
        searched.push(' ');
        searched.push_str(&violation.message);
        match hits.iter_mut().find(|hit| hit.policy == policy) {
            // The strongest of what it said counts.
            Some(hit) if rank(&hit.verdict) < rank(verdict) => verdict.clone_into(&mut hit.verdict),
            Some(_) => {}
            None => hits.push(AdmissionHit {
                policy,
                verdict: verdict.to_owned(),
            }),
        }
    }
    let document = serde_json::to_string(item).map_err(|error| error.to_string())?;
    if document.len() > MAX_ITEM {
        return Err(format!("longer than {MAX_ITEM} bytes"));
    }
    Ok(NewAdmissionDecision {
        uid: item.uid.clone(),
        time: item.time,
        verdict: word(item.verdict).to_owned(),
        namespace: item.namespace.clone(),
        object: item.about(),
        user: item.user.clone(),
        searched: searched.chars().take(4_000).collect(),
        document,
        hits,
    })
}

/// Keeps of a long list what weighs most, and says so.
fn cut(item: &mut NewDecision) {
    let (violations, images) = (item.violations.len(), item.images.len());
    if violations > MAX_VIOLATIONS {
        let by_weight = |one: &DecisionViolation| Reverse(rank(word(one.verdict)));
        item.violations.sort_by_key(by_weight);
        item.violations.truncate(MAX_VIOLATIONS);
        item.remark(&format!(
            "{MAX_VIOLATIONS} of {violations} violations are kept, those that weigh most"
        ));
    }
    if images > MAX_IMAGES {
        item.images.truncate(MAX_IMAGES);
        item.remark(&format!("{MAX_IMAGES} of {images} images are kept"));
    }
}

fn rank(verdict: &str) -> usize {
    let order = ["exempted", "audited", "warned", "denied"];
    order
        .iter()
        .position(|known| *known == verdict)
        .unwrap_or(0)
}

async fn hear(
    app: &App,
    environment: &str,
    cluster: &str,
    mut status: AdmissionStatus,
    now: Timestamp,
) -> Result<(), ApiError> {
    let clean = crate::intake::sensor::clean;
    let more = status.problems.len().saturating_sub(MAX_PROBLEMS);
    status.problems.truncate(MAX_PROBLEMS);
    if more > 0 {
        let told = format!("and {more} more problems, which are in its log");
        status.problems.push(told);
    }
    for text in status.problems.iter_mut().chain([
        &mut status.replica,
        &mut status.version,
        &mut status.bundle,
        &mut status.fail,
    ]) {
        *text = clean(text, MAX_WORD);
    }
    let told = AdmissionReplica {
        environment: environment.to_owned(),
        cluster: cluster.to_owned(),
        replica: status.replica.clone(),
        status: serde_json::to_string(&status).expect("invariant: plain data"),
        last_seen: now,
    };
    Ok(app.store.put_admission_replica(told).await?)
}

/// What admission decided, newest first. Requests nothing is said of are
/// not kept.
#[utoipa::path(get, path = "/decisions", tag = "policies", params(DecisionQuery),
    responses((status = 200, body = api::Page<Decision>)))]
pub(crate) async fn decisions(
    State(app): Shared,
    access: Access,
    Query(asked): Query<DecisionQuery>,
) -> Result<Json<api::Page<Decision>>, ApiError> {
    let request = query::page(asked.cursor, asked.limit)?;
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let verdicts = query::list("verdict", asked.verdict.as_deref(), |text| {
        let known = [
            "audited", "warned", "denied", "exempted", "mutated", "failed",
        ];
        if known.contains(&text) {
            Ok(text.to_owned())
        } else {
            Err(format!(
                "unknown verdict '{text}' (expected {})",
                known.join(", ")
            ))
        }
    })?;
    let filter = AdmissionFilter {
        cluster: asked.cluster,
        except: Vec::new(),
        namespace: asked.namespace,
        policy: asked.policy,
        verdicts,
        user: asked.user,
        text: query::text(asked.q),
        since: asked.since,
        until: asked.until,
    };
    let page = app
        .store
        .admission_decisions(&scope, &filter, &request)
        .await?;
    let items = page.items.iter().map(|kept| {
        serde_json::from_str(&kept.document).map(|decision| Decision {
            id: kept.uid.clone(),
            environment: kept.environment.clone(),
            cluster: kept.cluster.clone(),
            decision,
        })
    });
    let items = items
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ApiError::internal(&error))?;
    Ok(Json(api::Page {
        items,
        next_cursor: page.next_cursor,
        total: page.total,
        total_capped: page.total_capped,
    }))
}

pub(crate) fn offender(offender: AdmissionOffender) -> Offender {
    Offender {
        environment: offender.environment,
        cluster: offender.cluster,
        namespace: offender.namespace,
        object: offender.object,
        user: offender.user,
        policy: offender.policy,
        decisions: tally(offender.tally),
        last: offender.last,
    }
}

/// Whose objects policies are against most.
#[utoipa::path(get, path = "/decisions/offenders", tag = "policies", params(OffenderQuery),
    responses((status = 200, body = Vec<Offender>)))]
pub(crate) async fn offenders(
    State(app): Shared,
    access: Access,
    Query(asked): Query<OffenderQuery>,
) -> Result<Json<Vec<Offender>>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let days = asked.days.unwrap_or(7);
    if !(1..=MOST_DAYS).contains(&days) {
        let told = format!("expected 1 to {MOST_DAYS}");
        return Err(ApiError::invalid("days", told));
    }
    let filter = AdmissionFilter {
        cluster: asked.cluster,
        policy: asked.policy,
        since: Some(app.clock.now() - SignedDuration::from_hours(i64::from(days) * 24)),
        ..AdmissionFilter::default()
    };
    let (all, _) = app
        .store
        .admission_offenders(&scope, &filter, OFFENDERS)
        .await?;
    Ok(Json(all.into_iter().map(offender).collect()))
}

/// Replicas of admission, and how each is.
#[utoipa::path(get, path = "/admissions", tag = "policies", params(PolicyQuery),
    responses((status = 200, body = Vec<Admission>)))]
pub(crate) async fn replicas(
    State(app): Shared,
    access: Access,
    Query(asked): Query<PolicyQuery>,
) -> Result<Json<Vec<Admission>>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let now = app.clock.now();
    let mut all = Vec::new();
    for replica in app.store.admission_replicas(&scope).await? {
        let is_asked = asked.cluster.as_ref();
        if is_asked.is_some_and(|asked| *asked != replica.cluster) {
            continue;
        }
        let status: AdmissionStatus =
            serde_json::from_str(&replica.status).map_err(|error| ApiError::internal(&error))?;
        let bundle = app
            .bundles
            .of(&app, &replica.environment, &replica.cluster)
            .await?;
        all.push(Admission {
            is_current: status.bundle == bundle.mark,
            is_silent: now.duration_since(replica.last_seen) > SILENT,
            environment: replica.environment,
            cluster: replica.cluster,
            last_seen: replica.last_seen,
            status,
        });
    }
    Ok(Json(all))
}
