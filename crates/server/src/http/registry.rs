//! Registries: what is watched, what it holds, and where it tells.
//! Credentials and secrets go in and never come out, but for the secret
//! of webhooks, which is shown once when it is made.

use api::{
    Registry,
    registry::{
        HookProof, NewRegistry, RegistryChange, RegistryCheck, RegistryDescription, RegistryKind,
        RegistryMade, RegistryOptions, RegistryQuery, RegistryState,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::SignedDuration;
use model::{Cancel, error::chain};
use registry::{Kind, Proof};
use serde_json::Value;
use store::{RegistryRecord, RegistrySettings};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{Body, Query},
    sink,
};
use crate::{
    app::{App, LOCAL},
    registries::{self, OpenError, Secrets},
    work::{engine, registry as work},
};

/// The most registries of an installation.
const MOST_REGISTRIES: usize = 500;
/// How long the secret before is believed beside a new one.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// Repositories shown by a check.
const SOME: usize = 10;

fn kind_of(kind: RegistryKind) -> Kind {
    match kind {
        RegistryKind::Distribution => Kind::Distribution,
        RegistryKind::Harbor => Kind::Harbor,
        RegistryKind::Quay => Kind::Quay,
        RegistryKind::Ghcr => Kind::Ghcr,
        RegistryKind::DockerHub => Kind::DockerHub,
        RegistryKind::Azure => Kind::Azure,
        RegistryKind::Amazon => Kind::Amazon,
        RegistryKind::Google => Kind::Google,
    }
}

fn kind(kind: Kind) -> RegistryKind {
    match kind {
        Kind::Distribution => RegistryKind::Distribution,
        Kind::Harbor => RegistryKind::Harbor,
        Kind::Quay => RegistryKind::Quay,
        Kind::Ghcr => RegistryKind::Ghcr,
        Kind::DockerHub => RegistryKind::DockerHub,
        Kind::Azure => RegistryKind::Azure,
        Kind::Amazon => RegistryKind::Amazon,
        Kind::Google => RegistryKind::Google,
    }
}

fn proof(kind: Kind) -> HookProof {
    match kind.proof() {
        Proof::Header => HookProof::Header,
        Proof::Signature => HookProof::Signature,
        Proof::Address => HookProof::Address,
    }
}

fn options(settings: RegistrySettings) -> RegistryOptions {
    RegistryOptions {
        repositories: settings.repositories,
        tags: settings.tags,
        poll_minutes: settings.poll_minutes,
        recent_days: settings.recent_days,
        again_days: settings.again_days,
        per_minute: settings.per_minute,
        concurrency: settings.concurrency,
        authorities: settings.authorities,
        plain_http: settings.plain_http,
        allow_private: settings.allow_private,
        queue: settings.queue,
        endpoint: settings.endpoint,
    }
}

/// Settings within bounds.
fn settings(options: RegistryOptions) -> Result<RegistrySettings, ApiError> {
    let bounds = [
        ("tags", options.tags, 1, 10_000),
        ("poll_minutes", options.poll_minutes, 0, 10_080),
        ("recent_days", options.recent_days, 1, 3_650),
        ("again_days", options.again_days, 1, 3_650),
        ("per_minute", options.per_minute, 0, 100_000),
        ("concurrency", options.concurrency, 1, 64),
    ];
    for (name, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            return Err(ApiError::invalid(
                &format!("/options/{name}"),
                format!("expected {least} to {most}"),
            ));
        }
    }
    Ok(RegistrySettings {
        repositories: options.repositories,
        tags: options.tags,
        poll_minutes: options.poll_minutes,
        recent_days: options.recent_days,
        again_days: options.again_days,
        per_minute: options.per_minute,
        concurrency: options.concurrency,
        authorities: options.authorities.filter(|text| !text.trim().is_empty()),
        plain_http: options.plain_http,
        allow_private: options.allow_private,
        queue: options.queue.filter(|text| !text.trim().is_empty()),
        endpoint: options.endpoint.filter(|text| !text.trim().is_empty()),
    })
}

fn wire(app: &App, registry: store::Registry) -> Registry {
    let now = app.clock.now();
    let error = registries::noted(registry.error.as_deref());
    let hold_until = registry.hold_until.filter(|until| *until > now);
    let state = if registry.paused {
        RegistryState::Paused
    } else if hold_until.is_some() {
        RegistryState::Waiting
    } else if error.is_some() {
        RegistryState::Failing
    } else if registry.polled.is_none() && registry.told.is_none() {
        RegistryState::New
    } else {
        RegistryState::Working
    };
    Registry {
        hook: hook(&registry.id),
        id: registry.id,
        environment: registry.environment,
        name: registry.name,
        kind: registries::kind(&registry.kind).map_or(RegistryKind::Distribution, kind),
        address: registry.address,
        options: options(registry.settings),
        credential: registry.secrets.into_iter().next().unwrap_or_default(),
        state,
        paused: registry.paused,
        created: registry.created,
        updated: registry.updated,
        polled: registry.polled,
        reached: registry.reached,
        told: registry.told,
        hold_until,
        error,
        repositories: registry.repositories,
        tags: registry.tags,
        failing: registry.failing,
        losses: registries::losses(registry.losses),
    }
}

fn hook(id: &str) -> String {
    format!("/api/v1/registries/{id}/hook")
}

fn refused(error: &OpenError) -> ApiError {
    match error {
        OpenError::Account { field, reason } => {
            let part = match field.as_str() {
                "address" | "credential" => format!("/{field}"),
                other => format!("/options/{other}"),
            };
            ApiError::invalid(&part, reason.clone())
        }
        other => ApiError::invalid("/", chain(other)),
    }
}

fn record(
    app: &App,
    (name, of, address): (String, Kind, String),
    settings: RegistrySettings,
    secrets: &Secrets,
    paused: bool,
) -> Result<RegistryRecord, ApiError> {
    let account = registries::account(of, &address, &settings, &secrets.credential)
        .map_err(|error| refused(&error))?;
    Ok(RegistryRecord {
        name,
        kind: of.as_str().to_owned(),
        address,
        settings,
        secrets: vec![account.credential.type_name().to_owned()],
        sealed: Some(
            secrets
                .seal(app)
                .map_err(|error| ApiError::internal(&error))?,
        ),
        paused,
    })
}

fn name_taken() -> ApiError {
    ApiError::conflict(
        "name_taken",
        "another registry of the environment has this name",
    )
}

pub(super) async fn find(
    app: &App,
    access: &Access,
    id: &str,
) -> Result<store::Registry, ApiError> {
    let scope = access.scope(app, None).await?;
    app.store
        .registry(&scope, id)
        .await?
        .ok_or_else(|| ApiError::not_found("registry"))
}

fn made(app: &App, registry: store::Registry, secrets: &Secrets) -> RegistryMade {
    let of = registries::kind(&registry.kind).unwrap_or(Kind::Distribution);
    let url = format!("{}{}", app.public_url(), hook(&registry.id));
    let url = match of.proof() {
        Proof::Address => format!("{url}?token={}", secrets.hook),
        Proof::Header | Proof::Signature => url,
    };
    RegistryMade {
        registry: wire(app, registry),
        secret: secrets.hook.clone(),
        url,
        proof: proof(of),
    }
}

/// The sorts of registries and what each has to be told.
#[utoipa::path(get, path = "/registries/kinds", tag = "registries",
    responses((status = 200, body = Vec<RegistryDescription>)))]
pub(crate) async fn kinds() -> Json<Vec<RegistryDescription>> {
    let describe = |of: Kind| {
        let credentials: &[&str] = match of {
            Kind::Azure => &[
                "anonymous",
                "basic",
                "token",
                "service_principal",
                "refresh_token",
                "managed_identity",
            ],
            Kind::Amazon => &["aws"],
            Kind::Google => &[
                "anonymous",
                "basic",
                "token",
                "service_account",
                "managed_identity",
            ],
            _ => &["anonymous", "basic", "token"],
        };
        RegistryDescription {
            kind: kind(of),
            title: of.title().to_owned(),
            address: of.default_address().map(str::to_owned),
            has_catalogue: of.has_catalogue(),
            proof: proof(of),
            credentials: credentials.iter().map(|&word| word.to_owned()).collect(),
        }
    };
    Json(Kind::ALL.into_iter().map(describe).collect())
}

/// Every registry, by name, and how it does.
#[utoipa::path(get, path = "/registries", tag = "registries", params(RegistryQuery),
    responses((status = 200, body = Vec<Registry>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<RegistryQuery>,
) -> Result<Json<Vec<Registry>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let registries = app.store.registries(&scope).await?.into_iter();
    Ok(Json(
        registries.map(|registry| wire(&app, registry)).collect(),
    ))
}

/// Add a registry. What it holds is looked at within seconds; the secret
/// its webhooks prove themselves with is answered this once.
#[utoipa::path(post, path = "/registries", tag = "registries", request_body = NewRegistry,
    responses((status = 201, body = RegistryMade), (status = 409, description = "the name is taken")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewRegistry>,
) -> Result<(StatusCode, Json<RegistryMade>), ApiError> {
    let everything = app.store.scope(None).await?;
    if app.store.registries(&everything).await?.len() >= MOST_REGISTRIES {
        return Err(ApiError::conflict(
            "too_many_registries",
            format!("there are {MOST_REGISTRIES} registries already"),
        ));
    }
    let environment = body.environment.as_deref().unwrap_or(LOCAL);
    // One that does not exist answers 404.
    access.scope(&app, Some(environment)).await?;
    let of = kind_of(body.kind);
    let address = match body.address.filter(|text| !text.trim().is_empty()) {
        Some(address) => address.trim().to_owned(),
        None => of.default_address().map(str::to_owned).ok_or_else(|| {
            ApiError::invalid(
                "/address",
                format!("{} is wherever you run it: say where", of.title()),
            )
        })?,
    };
    let secrets = Secrets::new(body.credential).map_err(|error| ApiError::internal(&error))?;
    let parts = (sink::name(&body.name)?, of, address);
    let record = record(&app, parts, settings(body.options)?, &secrets, body.paused)?;
    let registry = app
        .store
        .add_registry(access.author(&app), environment, record)
        .await?
        .ok_or_else(name_taken)?;
    if registry.settings.poll_minutes > 0 {
        app.registries.ask(&registry.id);
    }
    work::tell(&app, &registry);
    Ok((StatusCode::CREATED, Json(made(&app, registry, &secrets))))
}

/// One registry.
#[utoipa::path(get, path = "/registries/{id}", tag = "registries",
    params(("id" = String, Path, description = "the registry's id")),
    responses((status = 200, body = Registry)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Registry>, ApiError> {
    let registry = find(&app, &access, &id).await?;
    Ok(Json(wire(&app, registry)))
}

/// Change a registry. Credentials that are left out stay as they are,
/// unless it is somewhere else from now on.
#[utoipa::path(patch, path = "/registries/{id}", tag = "registries",
    request_body = RegistryChange,
    params(("id" = String, Path, description = "the registry's id")),
    responses((status = 200, body = Registry), (status = 409, description = "the name is taken")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(body): Body<RegistryChange>,
) -> Result<Json<Registry>, ApiError> {
    let registry = find(&app, &access, &id).await?;
    let mut secrets = Secrets::open(&app, &registry);
    if let Some(credential) = body.credential {
        secrets = match secrets {
            Ok(known) => Ok(Secrets {
                credential,
                ..known
            }),
            Err(_) => {
                Ok(Secrets::new(Some(credential)).map_err(|error| ApiError::internal(&error))?)
            }
        };
    } else {
        keeps_its_place(&registry, body.address.as_deref(), body.options.as_ref())?;
    }
    let secrets = secrets.map_err(|error| {
        ApiError::conflict(
            "secrets_not_readable",
            format!("{}; give the credential anew", chain(&error)),
        )
    })?;
    let name = match body.name {
        Some(name) => sink::name(&name)?,
        None => registry.name,
    };
    let of = registries::kind(&registry.kind).map_err(|error| refused(&error))?;
    let address = body.address.unwrap_or(registry.address);
    let settings = match body.options {
        Some(options) => settings(options)?,
        None => registry.settings,
    };
    let paused = body.paused.unwrap_or(registry.paused);
    let record = record(&app, (name, of, address), settings, &secrets, paused)?;
    let registry = app
        .store
        .change_registry(access.author(&app), &id, record)
        .await?
        .ok_or_else(name_taken)?;
    if registry.settings.poll_minutes > 0 {
        app.registries.ask(&registry.id);
    }
    work::tell(&app, &registry);
    Ok(Json(wire(&app, registry)))
}

/// Credentials that nobody types again go nowhere else than before:
/// otherwise whoever may change an address could have them sent there.
fn keeps_its_place(
    registry: &store::Registry,
    address: Option<&str>,
    options: Option<&RegistryOptions>,
) -> Result<(), ApiError> {
    if registry.secrets.iter().all(|name| name == "anonymous") {
        return Ok(());
    }
    let refuse = |part: &str| {
        Err(ApiError::invalid(
            part,
            "changes where credentials are sent: give the credential again, too",
        ))
    };
    if address.is_some_and(|address| address != registry.address) {
        return refuse("/address");
    }
    let Some(options) = options else {
        return Ok(());
    };
    let before = &registry.settings;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    if given(&options.endpoint) != before.endpoint {
        return refuse("/options/endpoint");
    }
    if given(&options.queue) != before.queue {
        return refuse("/options/queue");
    }
    if given(&options.authorities) != before.authorities {
        return refuse("/options/authorities");
    }
    if options.plain_http && !before.plain_http {
        return refuse("/options/plain_http");
    }
    Ok(())
}

/// Forget a registry. Images that were scanned stay.
#[utoipa::path(delete, path = "/registries/{id}", tag = "registries",
    params(("id" = String, Path, description = "the registry's id")),
    responses((status = 204, description = "forgotten")))]
pub(crate) async fn remove(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let registry = find(&app, &access, &id).await?;
    if !app.store.remove_registry(access.author(&app), &id).await? {
        return Err(ApiError::not_found("registry"));
    }
    work::tell(&app, &registry);
    Ok(StatusCode::NO_CONTENT)
}

/// Ask a registry now whether it is there and accepts the credentials.
/// Nothing is written down.
#[utoipa::path(post, path = "/registries/{id}/check", tag = "registries",
    params(("id" = String, Path, description = "the registry's id")),
    responses((status = 200, body = RegistryCheck)))]
pub(crate) async fn check(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<RegistryCheck>, ApiError> {
    let known = find(&app, &access, &id).await?;
    let fault = |told: Value| RegistryCheck {
        reached: false,
        error: serde_json::from_value(told).ok(),
        repositories: Vec::new(),
    };
    let opened = match registries::open(&app, &known, &Cancel::default()) {
        Ok(opened) => opened,
        Err(error) => return Ok(Json(fault(registries::fault(&error)))),
    };
    let answer = engine::blocking(move || {
        opened.check()?;
        // One without a catalogue is reached all the same.
        Ok(opened
            .repositories()
            .into_iter()
            .flatten()
            .take(SOME)
            .filter_map(Result::ok)
            .collect())
    })
    .await;
    Ok(Json(match answer {
        Ok(repositories) => RegistryCheck {
            reached: true,
            error: None,
            repositories,
        },
        Err(error) => fault(registries::unanswered(&error)),
    }))
}

/// Look at all a registry holds, now rather than when it is due.
#[utoipa::path(post, path = "/registries/{id}/sync", tag = "registries",
    params(("id" = String, Path, description = "the registry's id")),
    responses((status = 202, body = Registry), (status = 409, description = "it is paused")))]
pub(crate) async fn sync(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Registry>), ApiError> {
    let registry = find(&app, &access, &id).await?;
    if registry.paused {
        return Err(ApiError::conflict(
            "paused",
            "the registry is paused: resume it first",
        ));
    }
    app.registries.ask(&id);
    Ok((StatusCode::ACCEPTED, Json(wire(&app, registry))))
}

/// Make a new secret for a registry's webhooks. The one before is
/// believed for another 24 hours.
#[utoipa::path(post, path = "/registries/{id}/secret", tag = "registries",
    params(("id" = String, Path, description = "the registry's id")),
    responses((status = 200, body = RegistryMade)))]
pub(crate) async fn rotate(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<RegistryMade>, ApiError> {
    let registry = find(&app, &access, &id).await?;
    let before = Secrets::open(&app, &registry).map_err(|error| {
        ApiError::conflict(
            "secrets_not_readable",
            format!("{}; give the credential anew", chain(&error)),
        )
    })?;
    let mut secrets =
        Secrets::new(Some(before.credential)).map_err(|error| ApiError::internal(&error))?;
    secrets.hook_before = Some((before.hook, app.clock.now() + OVERLAP));
    let of = registries::kind(&registry.kind).map_err(|error| refused(&error))?;
    let record = record(
        &app,
        (registry.name, of, registry.address),
        registry.settings,
        &secrets,
        registry.paused,
    )?;
    let registry = app
        .store
        .change_registry(access.author(&app), &id, record)
        .await?
        .ok_or_else(|| ApiError::not_found("registry"))?;
    Ok(Json(made(&app, registry, &secrets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_knows_every_kind_there_is() {
        for known in Kind::ALL {
            assert_eq!(kind_of(kind(known)), known);
            let word = serde_json::to_value(kind(known)).unwrap();
            assert_eq!(word, known.as_str());
        }
    }

    #[test]
    fn settings_have_bounds_that_are_named() {
        let options = RegistryOptions {
            concurrency: 0,
            ..RegistryOptions::default()
        };
        assert!(settings(options).is_err());
        assert_eq!(
            settings(RegistryOptions::default()).ok(),
            Some(RegistrySettings::default())
        );
    }
}
