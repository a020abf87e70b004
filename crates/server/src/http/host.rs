//! Container hosts: machines whose engine is reached from here.
//! Certificates and keys go in and never come out.
//!
//! A server that connects to where it is told is a way into networks it
//! can reach: only whoever runs the installation may say where.

use api::{
    Host, HostChange, HostCheck, HostDetail, NewHost,
    host::{HostCertificate, HostContainer, HostEngine, HostError, HostQuery, HostState, HostTls},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use host::Address;
use model::error::chain;
use policy::{
    HostFacts,
    facts::{DaemonFacts, TlsFacts},
};
use store::{ContainerHost, HostRecord};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{Body, Query},
    severity, sink,
};
use crate::{
    app::{App, LOCAL},
    hosts::{self, Secrets},
    work::engine,
};

/// The most hosts of an installation.
const MOST_HOSTS: usize = 1_000;
const MAX_ADDRESS: usize = 300;
/// Containers shown of one host.
const CONTAINERS: u32 = 1_000;

fn engine_of(daemon: DaemonFacts) -> HostEngine {
    HostEngine {
        version: daemon.version,
        api_version: daemon.api_version,
        os: daemon.os,
        kernel: daemon.kernel,
        storage_driver: daemon.storage_driver,
        logging_driver: daemon.logging_driver,
        security: daemon.security.unwrap_or_default(),
        live_restore: daemon.live_restore,
        containers: daemon.containers,
        running: daemon.running,
        images: daemon.images,
    }
}

fn tls_of(tls: TlsFacts) -> HostTls {
    HostTls {
        version: tls.version,
        old_versions: tls.old_versions.unwrap_or_default(),
        certificates: tls
            .certificates
            .into_iter()
            .map(|certificate| HostCertificate {
                of: certificate.of,
                subject: certificate.subject,
                not_before: certificate.not_before,
                not_after: certificate.not_after,
                key: certificate.key,
                bits: certificate.bits,
                hash: certificate.hash,
            })
            .collect(),
    }
}

/// The host, and what was seen of it.
async fn wire(app: &App, host: ContainerHost) -> Result<(Host, HostFacts), ApiError> {
    let seen = app.store.seen_of_host(&host).await?;
    let facts: HostFacts = seen
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let error: Option<HostError> = host
        .error
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let state = match (host.paused, host.looked, &error) {
        (true, _, _) => HostState::Paused,
        (_, None, _) => HostState::New,
        (_, _, Some(_)) => HostState::Unreached,
        (_, _, None) => HostState::Reached,
    };
    let host = Host {
        id: host.id,
        environment: host.environment,
        name: host.name,
        address: host.address,
        secrets: host.secrets,
        state,
        paused: host.paused,
        created: host.created,
        updated: host.updated,
        looked: host.looked,
        reached: host.reached,
        error,
        engine: facts.daemon.clone().map(engine_of),
        asset: host.asset,
    };
    Ok((host, facts))
}

fn address(text: &str) -> Result<String, ApiError> {
    let refuse = |told: String| ApiError::invalid("/address", told);
    if text.len() > MAX_ADDRESS {
        return Err(refuse(format!("longer than {MAX_ADDRESS} bytes")));
    }
    let address: Address = text
        .parse()
        .map_err(|error: host::ParseAddressError| refuse(error.to_string()))?;
    if address.is_local() {
        return Err(refuse(
            "this machine's own engine is looked at without being added".to_owned(),
        ));
    }
    Ok(address.to_string())
}

fn record(
    app: &App,
    name: String,
    address: String,
    secrets: &Secrets,
    paused: bool,
) -> Result<HostRecord, ApiError> {
    secrets
        .credentials()
        .map_err(|error| ApiError::invalid("/ca", format!("failed to {}", chain(&error))))?;
    Ok(HostRecord {
        name,
        address,
        secrets: secrets.names(),
        sealed: secrets
            .seal(app)
            .map_err(|error| ApiError::internal(&error))?,
        paused,
    })
}

/// What was given; an empty text is as good as none.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn name_taken() -> ApiError {
    ApiError::conflict(
        "name_taken",
        "another host of the environment has this name",
    )
}

async fn find(app: &App, access: &Access, id: &str) -> Result<ContainerHost, ApiError> {
    let scope = access.scope(app, None).await?;
    app.store
        .container_host(&scope, id)
        .await?
        .ok_or_else(|| ApiError::not_found("host"))
}

/// Every container host, by name, and how it was at the last look.
#[utoipa::path(get, path = "/hosts", tag = "hosts", params(HostQuery),
    responses((status = 200, body = Vec<Host>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<HostQuery>,
) -> Result<Json<Vec<Host>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let mut hosts = Vec::new();
    for host in app.store.container_hosts(&scope).await? {
        hosts.push(wire(&app, host).await?.0);
    }
    Ok(Json(hosts))
}

/// Add a container host. It is looked at within seconds, and again
/// whenever something changes there.
#[utoipa::path(post, path = "/hosts", tag = "hosts", request_body = NewHost,
    responses((status = 201, body = Host), (status = 409, description = "the name is taken")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewHost>,
) -> Result<(StatusCode, Json<Host>), ApiError> {
    let everything = app.store.scope(None).await?;
    if app.store.container_hosts(&everything).await?.len() >= MOST_HOSTS {
        return Err(ApiError::conflict(
            "too_many_hosts",
            format!("there are {MOST_HOSTS} hosts already"),
        ));
    }
    let environment = body.environment.as_deref().unwrap_or(LOCAL);
    // One that does not exist answers 404.
    access.scope(&app, Some(environment)).await?;
    let secrets = Secrets {
        ca: given(body.ca),
        certificate: given(body.certificate),
        key: given(body.key),
    };
    let name = sink::name(&body.name)?;
    if environment == LOCAL && name == app.host {
        return Err(ApiError::conflict(
            "name_taken",
            "this machine has this name",
        ));
    }
    let record = record(&app, name, address(&body.address)?, &secrets, body.paused)?;
    let host = app
        .store
        .add_container_host(access.author(&app), environment, record)
        .await?
        .ok_or_else(name_taken)?;
    app.hosts.ask(&host.id);
    Ok((StatusCode::CREATED, Json(wire(&app, host).await?.0)))
}

/// One container host: its engine, how it is reached, what runs there
/// and what is wrong with it.
#[utoipa::path(get, path = "/hosts/{id}", tag = "hosts",
    params(("id" = String, Path, description = "the host's id")),
    responses((status = 200, body = HostDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<HostDetail>, ApiError> {
    let found = find(&app, &access, &id).await?;
    let gaps = found.gaps.clone();
    let (findings, containers) = match &found.asset {
        Some(asset) => (
            app.store.open_on_host(asset).await?,
            app.store.containers_on_host(asset, CONTAINERS).await?,
        ),
        None => Default::default(),
    };
    let (host, facts) = wire(&app, found).await?;
    Ok(Json(HostDetail {
        host,
        tls: facts.tls.map(tls_of),
        plain: facts.plain.unwrap_or_default(),
        unverified: facts.unverified.unwrap_or_default(),
        gaps,
        findings: severity::counts(findings),
        containers: containers
            .into_iter()
            .map(|container| HostContainer {
                asset: container.asset,
                name: container.name,
                image: container.image,
                image_id: container.image_id,
            })
            .collect(),
    }))
}

/// Change a container host. Certificates and key that are left out stay
/// as they are.
#[utoipa::path(patch, path = "/hosts/{id}", tag = "hosts", request_body = HostChange,
    params(("id" = String, Path, description = "the host's id")),
    responses((status = 200, body = Host), (status = 409, description = "the name is taken")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(body): Body<HostChange>,
) -> Result<Json<Host>, ApiError> {
    let host = find(&app, &access, &id).await?;
    let is_anew = body.ca.is_some() || body.certificate.is_some() || body.key.is_some();
    let secrets = if is_anew {
        Secrets {
            ca: given(body.ca),
            certificate: given(body.certificate),
            key: given(body.key),
        }
    } else {
        Secrets::open(&app, &host).map_err(|error| {
            ApiError::conflict(
                "secrets_not_readable",
                format!("{}; give certificates and key anew", chain(&error)),
            )
        })?
    };
    let name = match body.name {
        Some(name) => sink::name(&name)?,
        None => host.name,
    };
    let address = match body.address {
        Some(text) => address(&text)?,
        None => host.address,
    };
    let paused = body.paused.unwrap_or(host.paused);
    let record = record(&app, name, address, &secrets, paused)?;
    let host = app
        .store
        .change_container_host(access.author(&app), &id, record)
        .await?
        .ok_or_else(name_taken)?;
    app.hosts.ask(&host.id);
    app.posture.ring();
    Ok(Json(wire(&app, host).await?.0))
}

/// Forget a container host. Its containers are gone; images that were
/// scanned stay.
#[utoipa::path(delete, path = "/hosts/{id}", tag = "hosts",
    params(("id" = String, Path, description = "the host's id")),
    responses((status = 204, description = "forgotten")))]
pub(crate) async fn remove(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    if !app
        .store
        .remove_container_host(access.author(&app), &id)
        .await?
    {
        return Err(ApiError::not_found("host"));
    }
    app.posture.ring();
    Ok(StatusCode::NO_CONTENT)
}

/// Try to reach a container host now, and say what is wrong if that
/// fails. Nothing is written down.
#[utoipa::path(post, path = "/hosts/{id}/check", tag = "hosts",
    params(("id" = String, Path, description = "the host's id")),
    responses((status = 200, body = HostCheck)))]
pub(crate) async fn check(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<HostCheck>, ApiError> {
    let found = find(&app, &access, &id).await?;
    let reach = hosts::open(&app, &found).map_err(|error| {
        ApiError::conflict(
            "secrets_not_readable",
            format!("{}; give certificates and key anew", chain(&error)),
        )
    })?;
    let now = app.clock.now();
    let look = engine::blocking(move || host::look(&found.name, &reach, None, now)).await;
    // The next regular look need not be waited for.
    app.hosts.ask(&id);
    Ok(Json(HostCheck {
        reached: look.error.is_none(),
        error: look.error.map(|error| HostError {
            code: error.code().to_owned(),
            message: error.explain(),
            advice: error.advice().to_owned(),
        }),
        engine: look.facts.daemon.map(engine_of),
        tls: look.facts.tls.map(tls_of),
        plain: look.facts.plain.unwrap_or_default(),
        unverified: look.facts.unverified.unwrap_or_default(),
        gaps: look.gaps,
    }))
}
