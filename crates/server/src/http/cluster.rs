//! Clusters' audit logs: taking them in, and how that goes.

use api::{
    ClusterAudit,
    cluster::{
        AuditFault, AuditFaultCount, AuditIntakeQuery, AuditRefusal, AuditSource, AuditSpool,
        ClusterQuery,
    },
};
use axum::{
    Json,
    body::{self, Body},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
};
use model::Permission;

use super::{Shared, access::Access, error::ApiError, posture, query::Query};
use crate::{
    app::App,
    inbox::{ClusterHealth, Delivery, Fault, InboxError},
};

/// Seconds after which somebody who is refused should come again.
const COME_AGAIN: u64 = 2;

/// Take audit events of a cluster's API server: the body of its audit
/// webhook (an `EventList`), or events alone, as an array, or one a line.
/// Answered once they are durable; judged afterwards.
#[utoipa::path(post, path = "/clusters/{cluster}/audit", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        AuditIntakeQuery),
    request_body(content_type = "application/json", description = "audit.k8s.io events"),
    responses((status = 204, description = "durable"),
        (status = 413, description = "more than `audit.max_body`"),
        (status = 503, description = "come again: the spool is full, or its disk refuses")))]
pub(crate) async fn take_audit(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(query): Query<AuditIntakeQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let environment = match query.environment {
        Some(name) => name,
        None => access.own_environment(Permission::IngestAudit),
    };
    access.require_in(&environment)?;
    // It must be there, too.
    access.scope(&app, Some(&environment)).await?;
    let limit = app.inbox.max_body();
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let admission = app
        .inbox
        .admit(length.unwrap_or(limit))
        .map_err(|error| refusal(&error))?;
    let most = usize::try_from(length.unwrap_or(limit)).unwrap_or(usize::MAX);
    let bytes = body::to_bytes(body, most)
        .await
        .map_err(|_longer| refusal(&InboxError::TooLarge(limit)))?;
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(first, Some(b'{' | b'[')) {
        return Err(ApiError::invalid("body", "expected audit events as JSON"));
    }
    let delivery = Delivery {
        environment,
        cluster,
        is_live: true,
        body: bytes.into(),
    };
    app.inbox
        .take_admitted(delivery, admission)
        .await
        .map_err(|error| refusal(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

fn refusal(error: &InboxError) -> ApiError {
    let told = error.to_string();
    match error {
        InboxError::Cluster(_) => ApiError::invalid("cluster", told),
        InboxError::TooManyClusters(_) => ApiError::conflict("too_many_clusters", told),
        InboxError::TooLarge(_) => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", told),
        InboxError::Unavailable(_) => {
            ApiError::come_again("audit_intake_unavailable", told, COME_AGAIN)
        }
    }
}

/// Clusters whose audit logs come in, or that a connector tells of, and
/// how that goes.
#[utoipa::path(get, path = "/clusters", tag = "clusters", params(ClusterQuery),
    responses((status = 200, body = Vec<ClusterAudit>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<ClusterQuery>,
) -> Result<Json<Vec<ClusterAudit>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let reach = access.reach();
    let is_meant = |cluster: &ClusterAudit| {
        let asked = query.environment.as_ref();
        asked.is_none_or(|name| *name == cluster.environment)
            && reach.contains(&cluster.environment)
    };
    let mut all: Vec<ClusterAudit> = clusters(&app).filter(is_meant).collect();
    for told in posture::of_scope(&app, &scope).await? {
        let known = all.iter_mut().find(|cluster| {
            cluster.environment == told.environment && cluster.cluster == told.cluster
        });
        match known {
            Some(cluster) => cluster.posture = Some(told),
            None => all.push(posture::without_audit(told, spool(&app))),
        }
    }
    all.sort_by(|a, b| (&a.environment, &a.cluster).cmp(&(&b.environment, &b.cluster)));
    Ok(Json(all))
}

/// How the audit log of a cluster comes in.
#[utoipa::path(get, path = "/clusters/{cluster}/audit", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        ClusterQuery),
    responses((status = 200, body = ClusterAudit)))]
pub(crate) async fn audit(
    State(app): Shared,
    access: Access,
    Path(name): Path<String>,
    Query(query): Query<ClusterQuery>,
) -> Result<Json<ClusterAudit>, ApiError> {
    access.scope(&app, query.environment.as_deref()).await?;
    let reach = access.reach();
    clusters(&app)
        .find(|cluster| {
            let asked = query.environment.as_ref();
            cluster.cluster == name
                && asked.is_none_or(|asked| *asked == cluster.environment)
                && reach.contains(&cluster.environment)
        })
        .map(Json)
        .ok_or_else(|| ApiError::not_found("cluster"))
}

fn spool(app: &App) -> AuditSpool {
    let health = app.inbox.spool_health();
    AuditSpool {
        bytes: health.room.used,
        limit_bytes: health.room.limit,
        waiting: health.room.waiting,
        lag_ms: u64::try_from(health.lag.as_millis()).unwrap_or(u64::MAX),
        damaged: health.damaged,
    }
}

fn clusters(app: &App) -> impl Iterator<Item = ClusterAudit> {
    let spool = spool(app);
    let clusters = app.inbox.health().into_iter();
    clusters.map(move |cluster| told(cluster, spool.clone()))
}

fn told(cluster: ClusterHealth, spool: AuditSpool) -> ClusterAudit {
    let counts = cluster.counts;
    let mut faults: Vec<AuditFaultCount> = counts
        .faults
        .iter()
        .map(|(fault, events)| AuditFaultCount {
            fault: fault_word(fault),
            events,
            left_out: fault.is_left_out(),
        })
        .collect();
    faults.sort_by_key(|count| std::cmp::Reverse(count.events));
    ClusterAudit {
        environment: cluster.environment,
        cluster: cluster.cluster,
        first_seen: cluster.first_seen,
        last_received: counts.last_received,
        last_event: counts.last_event,
        delay_ms: counts.delay_ms,
        events_per_second: cluster.events_per_second,
        requests: counts.requests,
        bytes: counts.bytes,
        events: counts.events,
        alerts: counts.alerts,
        faults,
        refused: cluster.refused,
        last_refusal: cluster
            .last_refusal
            .map(|(at, reason)| AuditRefusal { at, reason }),
        sources: cluster
            .sources
            .into_iter()
            .map(|source| AuditSource {
                name: source.name,
                since: source.since,
                error: source.error,
            })
            .collect(),
        spool,
        posture: None,
    }
}

fn fault_word(fault: Fault) -> AuditFault {
    match fault {
        Fault::NotJson => AuditFault::NotJson,
        Fault::WrongKind => AuditFault::WrongKind,
        Fault::WrongShape => AuditFault::WrongShape,
        Fault::MissingField => AuditFault::MissingField,
        Fault::TooLarge => AuditFault::TooLarge,
        Fault::Duplicate => AuditFault::Duplicate,
        Fault::UnknownVersion => AuditFault::UnknownVersion,
        Fault::NotUtf8 => AuditFault::NotUtf8,
        Fault::ClockSkew => AuditFault::ClockSkew,
        Fault::OutOfOrder => AuditFault::OutOfOrder,
    }
}
