//! Clusters' objects: taking in what connectors send, and showing what is
//! known of them.

use api::{
    Page, SeverityCounts,
    cluster::{AuditSpool, ClusterAudit},
    posture::{
        ClusterObject, ClusterObjectDetail, ClusterPosture, ConnectorStatus, ObjectBatch,
        ObjectKey, ObjectQuery, ObjectReceipt, PostureQuery, Workload, WorkloadDetail,
        WorkloadImage, WorkloadPod, WorkloadQuery,
    },
};
use axum::{
    Json,
    body::{self, Body},
    extract::{Path, State},
    http::StatusCode,
};
use jiff::{SignedDuration, Timestamp};
use model::Permission;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{
    ConnectorRecord, FindingSort, ObjectFilter, ObjectName, ObjectRow, PageRequest, Scope,
};

use super::{
    Shared, access::Access, around, error::ApiError, finding, query, query::Query, severity,
};
use crate::{
    app::App,
    intake::{posture, sensor::is_name},
};

/// The largest status.
const MAX_STATUS: usize = 1 << 20;
const MAX_LISTED: usize = 1_000;
/// How long a connector may be silent.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// Findings shown of one workload.
const FINDINGS: u32 = 500;
const ALERTS: u32 = 50;

/// Take objects of a cluster, and what policies say of them. Answered
/// once they are durable; a number that was taken is not taken again.
#[utoipa::path(post, path = "/clusters/{cluster}/objects", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        PostureQuery),
    request_body = ObjectBatch,
    responses((status = 200, body = ObjectReceipt),
        (status = 413, description = "more than 16 MiB")))]
pub(crate) async fn take(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(query): Query<PostureQuery>,
    body: Body,
) -> Result<Json<ObjectReceipt>, ApiError> {
    let environment = of_connector(&app, &access, &cluster, query).await?;
    let batch: ObjectBatch = read_body(body, posture::MAX_BODY).await?;
    let batch = posture::understand(&cluster, batch)
        .map_err(|(part, told)| ApiError::invalid(&part, told))?;
    let now = app.clock.now();
    let taken = app
        .store
        .put_cluster_batch(&environment, &cluster, batch, now)
        .await?;
    if taken.running {
        app.posture.ring();
    }
    if taken.objects > 0 || taken.findings.resolved > 0 {
        app.posture.ring_judged();
    }
    if taken.running || taken.objects > 0 {
        app.running.ring();
    }
    if taken.findings.new.total() > 0 || taken.findings.resolved > 0 {
        app.bus.publish(&api::Event::Findings {
            environment,
            kind: api::FindingKind::Misconfiguration,
            new: taken.findings.new.total(),
        });
    }
    Ok(Json(ObjectReceipt {
        taken: taken.objects,
        repeated: taken.repeated,
        resync: taken.resync,
    }))
}

/// Take how a cluster's connector is.
#[utoipa::path(post, path = "/clusters/{cluster}/connector", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        PostureQuery),
    request_body = ConnectorStatus,
    responses((status = 204, description = "heard")))]
pub(crate) async fn hear(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(query): Query<PostureQuery>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let environment = of_connector(&app, &access, &cluster, query).await?;
    let mut status: ConnectorStatus = read_body(body, MAX_STATUS).await?;
    status.watches.truncate(MAX_LISTED);
    status.problems.truncate(MAX_LISTED);
    let text = serde_json::to_string(&status).unwrap_or_default();
    let now = app.clock.now();
    app.store
        .put_connector(&environment, &cluster, text, now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a cluster is set up, and how its connector is.
#[utoipa::path(get, path = "/clusters/{cluster}/posture", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        PostureQuery),
    responses((status = 200, body = ClusterPosture)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(query): Query<PostureQuery>,
) -> Result<Json<ClusterPosture>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let all = of_scope(&app, &scope).await?;
    all.into_iter()
        .find(|known| known.cluster == cluster)
        .map(Json)
        .ok_or_else(|| ApiError::not_found("cluster"))
}

/// What runs in a cluster: what makes pods, and pods that nothing known
/// made; worst first.
#[utoipa::path(get, path = "/clusters/{cluster}/workloads", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        WorkloadQuery),
    responses((status = 200, body = Page<Workload>)))]
pub(crate) async fn workloads(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(query): Query<WorkloadQuery>,
) -> Result<Json<Page<Workload>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let request = query::page(query.cursor, query.limit)?;
    let filter = ObjectFilter {
        cluster,
        namespace: query::text(query.namespace),
        kinds: words(query.kind.as_deref()),
        text: query::text(query.q),
        workloads: true,
        affected: query.affected.unwrap_or(false),
    };
    let page = app.store.cluster_objects(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, workload_of)))
}

/// One workload: what policies say, what it runs, who reaches it, and
/// what it may do.
#[utoipa::path(get, path = "/clusters/{cluster}/workloads/{id}", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        ("id" = String, Path, description = "the workload's id"), PostureQuery),
    responses((status = 200, body = WorkloadDetail)))]
pub(crate) async fn workload(
    State(app): Shared,
    access: Access,
    Path((cluster, id)): Path<(String, String)>,
    Query(query): Query<PostureQuery>,
) -> Result<Json<WorkloadDetail>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let known = app
        .store
        .workload(&scope, &cluster, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("workload"))?;
    let body: Value = known
        .body
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let around = app
        .store
        .objects_around(&known.object, around::KINDS)
        .await?;
    let around = around::Around::read(&known.object.name, &body, &around);
    let findings = match &known.object.asset {
        Some(asset) => {
            found(
                &app,
                &access,
                &scope,
                &asset.id,
                "misconfiguration",
                FINDINGS,
            )
            .await?
        }
        None => Vec::new(),
    };
    let alerts = match &known.object.asset {
        Some(asset) => found(&app, &access, &scope, &asset.id, "alert", ALERTS).await?,
        None => Vec::new(),
    };
    let healthy = known
        .object
        .policies
        .iter()
        .filter(|policy| !findings.iter().any(|finding| finding.rule == **policy))
        .cloned()
        .collect();
    let pods: Vec<WorkloadPod> = known
        .pods
        .iter()
        .map(|pod| {
            let told: api::posture::SentPod = serde_json::from_str(&pod.told).unwrap_or_default();
            WorkloadPod {
                name: pod.name.clone(),
                node: told.node,
                phase: told.phase,
                address: told.address,
                containers: told.containers,
            }
        })
        .collect();
    Ok(Json(WorkloadDetail {
        images: images(&around, &pods, &known),
        findings,
        healthy,
        exposure: around.exposure,
        network_policies: around.network_policies,
        service_account: around.service_account,
        alerts,
        pods,
        workload: workload_of(known.object),
    }))
}

/// Objects of a cluster, of every kind that is kept.
#[utoipa::path(get, path = "/clusters/{cluster}/objects", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        ObjectQuery),
    responses((status = 200, body = Page<ClusterObject>)))]
pub(crate) async fn objects(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(query): Query<ObjectQuery>,
) -> Result<Json<Page<ClusterObject>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let request = query::page(query.cursor, query.limit)?;
    let filter = ObjectFilter {
        cluster,
        namespace: query::text(query.namespace),
        kinds: words(query.kind.as_deref()),
        text: query::text(query.q),
        ..ObjectFilter::default()
    };
    let page = app.store.cluster_objects(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, |row| object_of(&row))))
}

/// One object, with its text where that is kept.
#[utoipa::path(get, path = "/clusters/{cluster}/objects/{id}", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        ("id" = String, Path, description = "the object's id"), PostureQuery),
    responses((status = 200, body = ClusterObjectDetail)))]
pub(crate) async fn object(
    State(app): Shared,
    access: Access,
    Path((cluster, id)): Path<(String, String)>,
    Query(query): Query<PostureQuery>,
) -> Result<Json<ClusterObjectDetail>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let (row, body) = app
        .store
        .cluster_object(&scope, &cluster, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("object"))?;
    Ok(Json(ClusterObjectDetail {
        object: object_of(&row),
        body: body.and_then(|text| serde_json::from_str(&text).ok()),
    }))
}

/// Clusters with a connector.
pub(crate) async fn of_scope(app: &App, scope: &Scope) -> Result<Vec<ClusterPosture>, ApiError> {
    let now = app.clock.now();
    let all = app.store.connectors(scope).await?;
    Ok(all.into_iter().map(|record| told(record, now)).collect())
}

fn told(record: ConnectorRecord, now: Timestamp) -> ClusterPosture {
    ClusterPosture {
        environment: record.environment,
        cluster: record.cluster,
        first_seen: record.first_seen,
        last_seen: record.last_seen,
        silent: now.duration_since(record.last_seen) > PATIENCE,
        status: serde_json::from_str(&record.status).unwrap_or_default(),
        nodes: record.totals.nodes,
        namespaces: record.totals.namespaces,
        workloads: record.totals.workloads,
        pods: record.totals.pods,
        judged: record.totals.judged,
        affected: record.totals.affected,
        counts: severity::counts(record.counts),
    }
}

/// A cluster whose audit log does not come in.
pub(crate) fn without_audit(posture: ClusterPosture, spool: AuditSpool) -> ClusterAudit {
    ClusterAudit {
        environment: posture.environment.clone(),
        cluster: posture.cluster.clone(),
        first_seen: posture.first_seen,
        last_received: None,
        last_event: None,
        delay_ms: None,
        events_per_second: 0.0,
        requests: 0,
        bytes: 0,
        events: 0,
        alerts: 0,
        faults: Vec::new(),
        refused: 0,
        last_refusal: None,
        sources: Vec::new(),
        spool,
        posture: Some(posture),
    }
}

async fn found(
    app: &App,
    access: &Access,
    scope: &Scope,
    asset: &str,
    kind: &str,
    most: u32,
) -> Result<Vec<api::Finding>, ApiError> {
    let asked = format!("asset:{asset} kind:{kind} is:open");
    let filter = finding::asked(app, access, "asset", Some(&asked))?;
    let sort = match kind {
        "alert" => FindingSort::Newest,
        _ => FindingSort::Severity,
    };
    let page = app
        .store
        .findings(scope, &filter, sort, &PageRequest::first(most))
        .await?;
    Ok(page.items.into_iter().map(finding::wire).collect())
}

fn images(
    around: &around::Around,
    pods: &[WorkloadPod],
    known: &store::WorkloadRow,
) -> Vec<WorkloadImage> {
    around
        .containers
        .iter()
        .map(|(container, name)| {
            // As a node reported it for that container.
            let digest = pods
                .iter()
                .flat_map(|pod| &pod.containers)
                .filter(|run| run.name == *container)
                .find_map(|run| posture::digest(&run.image_id));
            let image = digest.and_then(|digest| {
                let digest = digest.to_string();
                known
                    .images
                    .iter()
                    .find(|image| image.digests.contains(&digest))
            });
            WorkloadImage {
                container: container.clone(),
                name: name.clone(),
                image: image.map(|image| api::ImageRef {
                    id: image.id.clone(),
                    environment: known.object.environment.clone(),
                    kind: api::TargetKind::Image,
                    name: image.name.clone(),
                }),
                vulnerabilities: image
                    .map(|image| -> SeverityCounts { severity::counts(image.counts) }),
            }
        })
        .collect()
}

fn key(name: &ObjectName) -> ObjectKey {
    ObjectKey {
        group: name.group.clone(),
        kind: name.kind.clone(),
        namespace: name.namespace.clone(),
        name: name.name.clone(),
    }
}

fn object_of(row: &ObjectRow) -> ClusterObject {
    ClusterObject {
        id: row.id.clone(),
        environment: row.environment.clone(),
        cluster: row.cluster.clone(),
        key: key(&row.name),
        version: row.version.clone(),
        has_text: row.has_body,
        changed: row.changed,
    }
}

fn workload_of(row: ObjectRow) -> Workload {
    Workload {
        key: key(&row.name),
        id: row.id,
        environment: row.environment,
        cluster: row.cluster,
        judged: row.policies.len() as u64,
        violated: row.violated,
        counts: severity::counts(row.counts),
        pods: row.pods,
        changed: row.changed,
        asset: row.asset.map(finding::asset),
    }
}

fn words(text: Option<&str>) -> Vec<String> {
    let words = text.unwrap_or_default().split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The environment a connector speaks for, which must be there.
async fn of_connector(
    app: &App,
    access: &Access,
    cluster: &str,
    query: PostureQuery,
) -> Result<String, ApiError> {
    let environment = query
        .environment
        .unwrap_or_else(|| access.own_environment(Permission::Ingest));
    access.require_in(&environment)?;
    access.scope(app, Some(&environment)).await?;
    if !is_name(cluster) {
        let told = "expected 1 to 253 bytes on one line, without '/'";
        return Err(ApiError::invalid("cluster", told.to_owned()));
    }
    Ok(environment)
}

async fn read_body<T: DeserializeOwned>(body: Body, most: usize) -> Result<T, ApiError> {
    let bytes = body::to_bytes(body, most).await.map_err(|_longer| {
        let told = format!("more than {most} bytes at once");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", told)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::invalid("body", error.to_string()))
}
