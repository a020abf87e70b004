//! Compliance: how what was judged stands, by the controls of standards.
//! A control is passed or failed by what was judged or by somebody's
//! word, never by silence.

use api::{
    Compliance, Finding, Page,
    compliance::{
        Attestation, Check, ComplianceFormat, ComplianceQuery, ComplianceReportQuery, Control,
        ControlState, EvidenceQuery, NewAttestation, Standard, StandardDetail, WithdrawQuery,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;
use policy::standard;

use super::{
    Shared,
    access::Access,
    action::{self, MAX_TEXT},
    error::ApiError,
    finding,
    query::{self, Body, Query},
};
use crate::{
    compliance::{self, Standing},
    intake::sensor::is_name,
    work::engine,
};

/// How long somebody may answer for a control.
const LONGEST: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);

fn known(id: &str) -> Result<&'static standard::Standard, ApiError> {
    standard::standard(id).ok_or_else(|| ApiError::not_found("standard"))
}

fn control_of(
    standard: &'static standard::Standard,
    id: &str,
) -> Result<&'static standard::Control, ApiError> {
    let found = standard.controls.iter().find(|control| control.id == id);
    found.ok_or_else(|| {
        ApiError::invalid(
            "control",
            format!("there is no control '{id}' in {}", standard.id),
        )
    })
}

/// How the controls of every standard stand.
#[utoipa::path(get, path = "/compliance", tag = "compliance", params(ComplianceQuery),
    responses((status = 200, body = Compliance)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<ComplianceQuery>,
) -> Result<Json<Compliance>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let standing = Standing::read(&app, &scope, query.cluster.as_deref(), None).await?;
    let standards = standard::standards()
        .iter()
        .map(|standard| summary(standard, &standing))
        .collect();
    Ok(Json(Compliance { standards }))
}

/// One standard, and what answers its controls.
#[utoipa::path(get, path = "/compliance/{id}", tag = "compliance",
    params(("id" = String, Path, description = "the standard's id"), ComplianceQuery),
    responses((status = 200, body = StandardDetail)))]
pub(crate) async fn one(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<ComplianceQuery>,
) -> Result<Json<StandardDetail>, ApiError> {
    let standard = known(&id)?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let standing = Standing::read(&app, &scope, query.cluster.as_deref(), Some(&id)).await?;
    let mut ids: Vec<&str> = standard
        .controls
        .iter()
        .flat_map(|control| control.checks.iter().map(String::as_str))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let checks = ids
        .into_iter()
        .filter_map(policy::recommendation)
        .map(|rule| {
            let count = standing.count(&rule.id);
            Check {
                id: rule.id.clone(),
                title: rule.title.clone(),
                severity: rule.severity.into(),
                state: match (count.affected, count.assessed()) {
                    (0, 0) => ControlState::NotApplicable,
                    (0, _) => ControlState::Passed,
                    _ => ControlState::Failed,
                },
                healthy: count.healthy,
                affected: count.affected,
                exempted: count.exempted,
            }
        })
        .collect();
    Ok(Json(StandardDetail {
        standard: summary(standard, &standing),
        checks,
    }))
}

/// What fails a standard's controls: open findings, worst first.
#[utoipa::path(get, path = "/compliance/{id}/evidence", tag = "compliance",
    params(("id" = String, Path, description = "the standard's id"), EvidenceQuery),
    responses((status = 200, body = Page<Finding>)))]
pub(crate) async fn evidence(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<EvidenceQuery>,
) -> Result<Json<Page<Finding>>, ApiError> {
    let standard = known(&id)?;
    let request = query::page(query.cursor, query.limit)?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let controls = match &query.control {
        Some(control) => vec![control_of(standard, control)?],
        None => standard.controls.iter().collect(),
    };
    let mut checks: Vec<&str> = controls
        .into_iter()
        .flat_map(|control| control.checks.iter().map(String::as_str))
        .collect();
    checks.sort_unstable();
    checks.dedup();
    if checks.is_empty() {
        return Ok(Json(Page {
            items: Vec::new(),
            next_cursor: None,
            total: 0,
            total_capped: false,
        }));
    }
    let filter = compliance::evidence(&app, &checks, query.cluster.as_deref())?;
    let sort = store::FindingSort::Severity;
    let page = app.store.findings(&scope, &filter, sort, &request).await?;
    Ok(Json(query::wire(page, finding::wire)))
}

/// A report on one standard, as a file.
#[utoipa::path(get, path = "/compliance/{id}/report", tag = "compliance",
    params(("id" = String, Path, description = "the standard's id"), ComplianceReportQuery),
    responses((status = 200, description = "the report",
        content((String = "text/html"), (String = "text/csv"), (String = "application/json")))))]
pub(crate) async fn report(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<ComplianceReportQuery>,
) -> Result<Response, ApiError> {
    let standard = known(&id)?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let cluster = query.cluster.as_deref();
    let standing = Standing::read(&app, &scope, cluster, Some(&id)).await?;
    let place = match (&query.environment, cluster) {
        (Some(environment), Some(cluster)) => format!("{environment}, cluster {cluster}"),
        (Some(environment), None) => environment.clone(),
        (None, Some(cluster)) => format!("cluster {cluster}"),
        (None, None) => "all environments".to_owned(),
    };
    let assessed = compliance::assessed(&app, &scope, cluster, (standard, &standing), place);
    let assessed = assessed.await?;
    let (form, mime, extension) = match query.format.unwrap_or_default() {
        ComplianceFormat::Html => (
            ::report::compliance::Form::Html,
            "text/html; charset=utf-8",
            "html",
        ),
        ComplianceFormat::Csv => (
            ::report::compliance::Form::Csv,
            "text/csv; charset=utf-8",
            "csv",
        ),
        ComplianceFormat::Oscal => (
            ::report::compliance::Form::Oscal,
            "application/json",
            "oscal.json",
        ),
    };
    let bytes = engine::blocking(move || {
        let mut bytes = Vec::new();
        ::report::compliance::write(form, &assessed, &mut bytes).map(|()| bytes)
    })
    .await
    .map_err(|error| ApiError::internal(&error))?;
    let disposition = format!("attachment; filename=\"{}.{extension}\"", standard.id);
    let mut response = ([(header::CONTENT_TYPE, mime)], bytes).into_response();
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Answers for a control, until a day. It takes the place of an earlier
/// word for the same control and place.
#[utoipa::path(post, path = "/compliance/{id}/attestations", tag = "compliance",
    params(("id" = String, Path, description = "the standard's id")),
    request_body = NewAttestation, responses((status = 201, body = Attestation)))]
pub(crate) async fn attest(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(asked): Body<NewAttestation>,
) -> Result<(StatusCode, Json<Attestation>), ApiError> {
    let standard = known(&id)?;
    access.require_in(&asked.environment)?;
    access.scope(&app, Some(&asked.environment)).await?;
    let control = control_of(standard, &asked.control)?;
    if !control.manual {
        return Err(ApiError::invalid(
            "control",
            "checks answer it whole; an exemption says that an asset need not be as it should",
        ));
    }
    let now = app.clock.now();
    if asked.expires <= now || asked.expires > now + LONGEST {
        return Err(ApiError::invalid(
            "expires",
            "it must be in the future, and within two years",
        ));
    }
    let cluster = asked.cluster.unwrap_or_default();
    if !cluster.is_empty() && !is_name(&cluster) {
        return Err(ApiError::invalid("cluster", "no name of a cluster"));
    }
    let attestation = store::NewAttestation {
        environment: asked.environment,
        cluster,
        standard: standard.id.clone(),
        control: control.id.clone(),
        note: action::text("note", &asked.note, MAX_TEXT)?,
        expires: asked.expires,
    };
    let made = app.store.attest(access.author(&app), attestation).await?;
    Ok((StatusCode::CREATED, Json(compliance::word(&made, now))))
}

/// Takes back what somebody answered for.
#[utoipa::path(delete, path = "/compliance/{id}/attestations", tag = "compliance",
    params(("id" = String, Path, description = "the standard's id"), WithdrawQuery),
    responses((status = 204)))]
pub(crate) async fn withdraw(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<WithdrawQuery>,
) -> Result<StatusCode, ApiError> {
    let standard = known(&id)?;
    access.require_in(&query.environment)?;
    access.scope(&app, Some(&query.environment)).await?;
    let gone = app
        .store
        .withdraw_attestation(
            access.author(&app),
            &query.environment,
            query.cluster.as_deref().unwrap_or_default(),
            (&standard.id, &query.control),
        )
        .await?;
    if gone {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found("attestation"))
    }
}

fn summary(standard: &standard::Standard, standing: &Standing) -> Standard {
    let controls: Vec<Control> = standard
        .controls
        .iter()
        .map(|control| {
            let attestation = standing.word_for(&standard.id, &control.id);
            Control {
                id: control.id.clone(),
                title: control.title.clone(),
                level: control.level,
                manual: control.manual,
                state: standing.of(&standard.id, control),
                affected: standing.affected(control),
                recommendations: control.checks.clone(),
                attestation: attestation.map(|word| compliance::word(word, standing.now)),
            }
        })
        .collect();
    let count = |state| {
        let of = controls.iter().filter(|control| control.state == state);
        of.count() as u64
    };
    let (passed, failed) = (count(ControlState::Passed), count(ControlState::Failed));
    Standard {
        id: standard.id.clone(),
        name: standard.name.clone(),
        source: standard.source.clone(),
        description: standard.description.trim().to_owned(),
        passed,
        failed,
        manual: count(ControlState::Manual),
        not_applicable: count(ControlState::NotApplicable),
        percent: percent(passed, failed),
        controls,
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer controls than 2^52")]
fn percent(passed: u64, failed: u64) -> Option<f64> {
    let judged = passed + failed;
    (judged > 0).then(|| 100.0 * passed as f64 / judged as f64)
}
