//! Findings, across images.

use api::{
    AssetKind, AssetRef, Facet, FacetValue, Facets, Finding, FindingDetail, FindingKind,
    FindingState, InUse, Page,
    alert::{MuteProposal, RawEvent},
    finding::{
        Decision, FindingEvent, FindingEventKind, FindingFacetQuery, FindingGroup,
        FindingGroupQuery, FindingPackage, FindingQuery, FindingSort, GroupBy, Progress, Reason,
    },
};
use axum::{
    Json,
    extract::{Path, State},
};
use store::{FindingFilter, Suppressed};

use super::{
    Shared,
    access::Access,
    context,
    error::ApiError,
    explain, grammar, image, mute,
    query::{self, Query},
    severity,
};
use crate::app::App;

pub(crate) fn wire(finding: store::Finding) -> Finding {
    let path = finding.path.unwrap_or_default();
    Finding {
        id: finding.id.to_string(),
        fingerprint: finding.fingerprint,
        kind: kind(finding.kind),
        state: state(finding.state),
        severity: finding.severity.into(),
        rule: finding.rule,
        title: finding.title,
        summary: finding.summary,
        asset: asset(finding.asset),
        image: finding.image.as_ref().map(image::reference),
        cvss: finding.cvss,
        epss: finding.epss,
        kev: finding.kev,
        priority: (finding.kind == model::FindingKind::Vulnerability).then_some(finding.priority),
        package: finding.package.map(|package| FindingPackage {
            kind: package.kind.into(),
            name: package.name,
            version: package.version,
            purl: package.purl,
            path,
            layer: finding.layer,
        }),
        fix: finding.fix.map(Into::into),
        advisories: finding.advisories,
        tactics: finding.tactics.names().map(str::to_owned).collect(),
        techniques: finding.techniques,
        occurrences: finding.occurrences,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        resolved: finding.resolved,
        progress: match finding.progress {
            model::Progress::New => Progress::New,
            model::Progress::InProgress => Progress::InProgress,
        },
        assignee: finding.assignee,
        due: finding.due,
        comments: finding.comments,
        decision: finding.decision.map(|decision| Decision {
            reason: reason(decision.reason),
            note: decision.note,
            by: decision.by,
            at: decision.at,
            exemption: decision.exemption,
            expires: decision.expires,
        }),
        suppression: finding.suppression.map(Into::into),
        alert: finding.context.as_deref().map(context::brief),
    }
}

pub(crate) fn state(state: model::FindingState) -> FindingState {
    match state {
        model::FindingState::Open => FindingState::Open,
        model::FindingState::Resolved => FindingState::Resolved,
        model::FindingState::Dismissed => FindingState::Dismissed,
        model::FindingState::Exempted => FindingState::Exempted,
    }
}

pub(crate) fn kind(kind: model::FindingKind) -> FindingKind {
    match kind {
        model::FindingKind::Vulnerability => FindingKind::Vulnerability,
        model::FindingKind::Misconfiguration => FindingKind::Misconfiguration,
        model::FindingKind::Alert => FindingKind::Alert,
        model::FindingKind::Secret => FindingKind::Secret,
        model::FindingKind::Malware => FindingKind::Malware,
    }
}

pub(crate) fn reason(reason: model::Reason) -> Reason {
    match reason {
        model::Reason::FalsePositive => Reason::FalsePositive,
        model::Reason::AcceptedRisk => Reason::AcceptedRisk,
        model::Reason::Mitigated => Reason::Mitigated,
        model::Reason::Benign => Reason::Benign,
        model::Reason::Test => Reason::Test,
        model::Reason::Other => Reason::Other,
    }
}

pub(crate) fn asset(asset: store::AssetKey) -> AssetRef {
    AssetRef {
        id: asset.id,
        kind: match asset.kind {
            model::AssetKind::Environment => AssetKind::Environment,
            model::AssetKind::Cluster => AssetKind::Cluster,
            model::AssetKind::Host => AssetKind::Host,
            model::AssetKind::Namespace => AssetKind::Namespace,
            model::AssetKind::Workload => AssetKind::Workload,
            model::AssetKind::Pod => AssetKind::Pod,
            model::AssetKind::Container => AssetKind::Container,
            model::AssetKind::Image => AssetKind::Image,
        },
        name: asset.name,
        environment: asset.environment,
        cluster: asset.cluster,
        namespace: asset.namespace,
        workload: asset.workload,
    }
}

/// Findings of every image.
#[utoipa::path(get, path = "/findings", tag = "findings", params(FindingQuery),
    responses((status = 200, body = Page<Finding>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<FindingQuery>,
) -> Result<Json<Page<Finding>>, ApiError> {
    page(&app, &access, query).await
}

pub(crate) async fn page(
    app: &App,
    access: &Access,
    query: FindingQuery,
) -> Result<Json<Page<Finding>>, ApiError> {
    let request = query::page(query.cursor.clone(), query.limit)?;
    let sort = match query.sort.unwrap_or_default() {
        FindingSort::Severity => store::FindingSort::Severity,
        FindingSort::Priority => store::FindingSort::Priority,
        FindingSort::Newest => store::FindingSort::Newest,
        FindingSort::LastSeen => store::FindingSort::LastSeen,
        FindingSort::Epss => store::FindingSort::Epss,
        FindingSort::Package => store::FindingSort::Package,
    };
    let scope = access.scope(app, query.environment.as_deref()).await?;
    let filter = narrowed(app, access, query)?;
    let page = app.store.findings(&scope, &filter, sort, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// The findings a query means to whoever asks now.
pub(crate) fn asked(
    app: &App,
    access: &Access,
    pointer: &str,
    q: Option<&str>,
) -> Result<FindingFilter, ApiError> {
    let query = grammar::read(pointer, q)?;
    Ok(FindingFilter::of_query(
        query,
        app.clock.now(),
        Some(&access.actor.name),
    ))
}

/// What a query means, narrowed by the other parameters.
fn narrowed(app: &App, access: &Access, query: FindingQuery) -> Result<FindingFilter, ApiError> {
    let asked = grammar::read("q", query.q.as_deref())?;
    let mut filter = FindingFilter {
        image: query.image,
        severities: query::words("severity", query.severity.as_deref())?,
        states: match query.state.as_deref() {
            None if asked.speaks_of_state() => Vec::new(),
            None => vec![model::FindingState::Open],
            Some(text) => states(text)?,
        },
        suppressed: match query.suppressed {
            None if asked.speaks_of(model::query::Flag::Suppressed) => Suppressed::Either,
            asked => asked.unwrap_or(false).into(),
        },
        fixable: query.fixable,
        kev: query.kev,
        kinds: Vec::new(),
        package_kinds: query::package_kinds(query.kind.as_deref())?,
        layer: query.layer,
        rule: query.vulnerability,
        package: query.package,
        priority: query.priority,
        in_use: query.in_use,
        ..FindingFilter::default()
    };
    filter.ask(asked, app.clock.now(), Some(&access.actor.name));
    Ok(filter)
}

fn states(text: &str) -> Result<Vec<model::FindingState>, ApiError> {
    if text == "all" {
        return Ok(Vec::new());
    }
    query::list("state", Some(text), |word| {
        model::FindingState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| {
                format!(
                    "unknown state '{word}' (expected open, resolved, dismissed, exempted or all)"
                )
            })
    })
}

/// What the findings of a query can be narrowed to, with counts. Where
/// the query asks for no more than kind, severity, state and flags the
/// counts are exact; else they are of the first ten thousand.
#[utoipa::path(get, path = "/findings/facets", tag = "findings", params(FindingFacetQuery),
    responses((status = 200, body = Facets)))]
pub(crate) async fn facets(
    State(app): Shared,
    access: Access,
    Query(query): Query<FindingFacetQuery>,
) -> Result<Json<Facets>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let filter = asked(&app, &access, "q", query.q.as_deref())?;
    let known = app.store.finding_facets(&scope, &filter).await?;
    let words = |field: &str, counts: Vec<(&'static str, u64)>| Facet {
        field: field.to_owned(),
        values: counts
            .into_iter()
            .map(|(value, count)| FacetValue {
                value: value.to_owned(),
                label: None,
                count,
            })
            .collect(),
    };
    Ok(Json(Facets {
        facets: vec![
            severity::facet(known.severities),
            words(
                "kind",
                known
                    .kinds
                    .iter()
                    .map(|(kind, count)| (kind.as_str(), *count))
                    .collect(),
            ),
            words(
                "state",
                known
                    .states
                    .iter()
                    .map(|(state, count)| (state.as_str(), *count))
                    .collect(),
            ),
            severity::flag("fixable", known.fixable),
            severity::flag("kev", known.kev),
            severity::flag("suppressed", known.suppressed),
            severity::tallied("cluster", known.clusters),
            severity::tallied("namespace", known.namespaces),
        ],
    }))
}

/// The findings of a query, gathered by what they have in common, worst
/// first.
#[utoipa::path(get, path = "/findings/groups", tag = "findings", params(FindingGroupQuery),
    responses((status = 200, body = Page<FindingGroup>)))]
pub(crate) async fn groups(
    State(app): Shared,
    access: Access,
    Query(query): Query<FindingGroupQuery>,
) -> Result<Json<Page<FindingGroup>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let filter = asked(&app, &access, "q", query.q.as_deref())?;
    let by = match query.by {
        GroupBy::Rule => store::GroupBy::Rule,
        GroupBy::Asset => store::GroupBy::Asset,
        GroupBy::Workload => store::GroupBy::Workload,
        GroupBy::Namespace => store::GroupBy::Namespace,
        GroupBy::Image => store::GroupBy::Image,
        GroupBy::Package => store::GroupBy::Package,
    };
    let page = app
        .store
        .finding_groups(&scope, &filter, by, &request)
        .await?;
    Ok(Json(query::wire(page, |group| FindingGroup {
        q: group.query.to_string(),
        label: group.label,
        severity: group.severity.into(),
        counts: severity::counts(group.counts),
        last_seen: group.last_seen,
    })))
}

/// Everything about one finding.
#[utoipa::path(get, path = "/findings/{id}", tag = "findings",
    params(("id" = String, Path, description = "the finding's id")),
    responses((status = 200, body = FindingDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<FindingDetail>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let known = app
        .store
        .finding_detail(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("finding"))?;
    let history = app
        .store
        .finding_history(&scope, &id, HISTORY)
        .await?
        .unwrap_or_default();
    let incidents = app.store.incidents_of(known.finding.id).await?;
    let explained = explain::finding(&known);
    let now = app.clock.now();
    let (facts, used) = known.pressing.clone().unzip();
    Ok(Json(FindingDetail {
        priority: facts.as_ref().map(Into::into),
        in_use: used.map(|used| InUse::at(used.judge(now), now)),
        alert: context::detail(&known, incidents),
        description: explained.description,
        why: explained.why,
        remediation: explained.remediation,
        because: explained.because,
        references: explained.references,
        evidence: known.evidence,
        chain: known.chain.into_iter().map(asset).collect(),
        history: history.into_iter().map(event).collect(),
        same_rule: known.same_rule,
        same_asset: known.same_asset,
        finding: wire(known.finding),
    }))
}

/// What happened to a finding, newest first.
#[utoipa::path(get, path = "/findings/{id}/history", tag = "findings",
    params(("id" = String, Path, description = "the finding's id")),
    responses((status = 200, body = Vec<FindingEvent>)))]
pub(crate) async fn history(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Vec<FindingEvent>>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let events = app
        .store
        .finding_history(&scope, &id, ALL_HISTORY)
        .await?
        .ok_or_else(|| ApiError::not_found("finding"))?;
    Ok(Json(events.into_iter().map(event).collect()))
}

/// The last events behind an alert, newest first, as they came; secrets
/// are redacted. Of other findings there are none.
#[utoipa::path(get, path = "/findings/{id}/events", tag = "findings",
    params(("id" = String, Path, description = "the finding's id")),
    responses((status = 200, body = Vec<RawEvent>)))]
pub(crate) async fn events(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Vec<RawEvent>>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let events = app
        .store
        .alert_events(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("finding"))?;
    let wire = |event: store::AlertEvent| RawEvent {
        time: event.time,
        event: serde_json::from_str(&event.raw).unwrap_or(serde_json::Value::String(event.raw)),
    };
    Ok(Json(events.into_iter().map(wire).collect()))
}

/// Exemptions by example: what this alert could be muted by, from narrow
/// to wide, each with what it would take now. Make one with
/// `POST /exemptions`.
#[utoipa::path(get, path = "/findings/{id}/mutes", tag = "findings",
    params(("id" = String, Path, description = "the finding's id")),
    responses((status = 200, body = Vec<MuteProposal>)))]
pub(crate) async fn mutes(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Vec<MuteProposal>>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let finding = app
        .store
        .finding(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("finding"))?;
    let environment = access.scope(&app, Some(&finding.asset.environment)).await?;
    let mut proposals = Vec::new();
    for (label, query) in mute::proposals(&finding) {
        let mut filter = FindingFilter::of_query(query.clone(), app.clock.now(), None);
        filter.states = vec![model::FindingState::Open];
        let request = store::PageRequest::first(1);
        let sort = store::FindingSort::Newest;
        let page = app
            .store
            .findings(&environment, &filter, sort, &request)
            .await?;
        proposals.push(MuteProposal {
            label,
            scope: query.to_string(),
            open: page.total,
        });
    }
    Ok(Json(proposals))
}

/// Entries of a finding's history beside it, and alone.
const HISTORY: u32 = 200;
const ALL_HISTORY: u32 = 5000;

fn event(event: store::FindingEvent) -> FindingEvent {
    use store::FindingEventKind as Known;
    FindingEvent {
        id: event.id.try_into().unwrap_or(0),
        time: event.time,
        actor: event.actor,
        what: match event.what {
            Known::Opened => FindingEventKind::Opened,
            Known::Resolved => FindingEventKind::Resolved,
            Known::Reopened => FindingEventKind::Reopened,
            Known::Dismissed => FindingEventKind::Dismissed,
            Known::Exempted => FindingEventKind::Exempted,
            Known::ExemptionEnded => FindingEventKind::ExemptionEnded,
            Known::Assigned => FindingEventKind::Assigned,
            Known::Progressed => FindingEventKind::Progressed,
            Known::DueChanged => FindingEventKind::DueChanged,
            Known::SeverityChanged => FindingEventKind::SeverityChanged,
            Known::Commented => FindingEventKind::Commented,
            Known::Undone => FindingEventKind::Undone,
        },
        text: event.text,
    }
}
