//! What registries hold: repositories and their tags, as last seen.

use api::{
    Page,
    registry::{RegistryTag, Repository, RepositoryQuery},
};
use axum::{
    Json,
    extract::{Path, State},
};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    image,
    query::{self, Query},
    registry,
};
use crate::registries;

/// A registry's repositories, by name.
#[utoipa::path(get, path = "/registries/{id}/repositories", tag = "registries",
    params(("id" = String, Path, description = "the registry's id"), RepositoryQuery),
    responses((status = 200, body = Page<Repository>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<RepositoryQuery>,
) -> Result<Json<Page<Repository>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let scope = access.scope(&app, None).await?;
    registry::find(&app, &access, &id).await?;
    let text = query::text(query.q);
    let page = app
        .store
        .repositories(&scope, &id, text.as_deref(), &request)
        .await?;
    Ok(Json(query::wire(page, |repository| Repository {
        id: repository.id,
        registry: repository.registry,
        name: repository.name,
        first_seen: repository.first_seen,
        last_seen: repository.last_seen,
        gone: repository.gone,
        tags: repository.tags,
        scanned: repository.scanned,
        walked: repository.walked,
        error: registries::noted(repository.error.as_deref()),
    })))
}

/// A repository's tags, newest first.
#[utoipa::path(get, path = "/repositories/{id}/tags", tag = "registries",
    params(("id" = String, Path, description = "the repository's id"), RepositoryQuery),
    responses((status = 200, body = Page<RegistryTag>)))]
pub(crate) async fn tags(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<RepositoryQuery>,
) -> Result<Json<Page<RegistryTag>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let scope = access.scope(&app, None).await?;
    if app.store.repository(&scope, &id).await?.is_none() {
        return Err(ApiError::not_found("repository"));
    }
    let text = query::text(query.q);
    let page = app
        .store
        .tags(&scope, &id, text.as_deref(), &request)
        .await?;
    Ok(Json(query::wire(page, |tag| RegistryTag {
        name: tag.name,
        digest: tag.digest,
        first_seen: tag.first_seen,
        last_seen: tag.last_seen,
        changed: tag.changed,
        pushed: tag.pushed,
        pulled: tag.pulled,
        gone: tag.gone,
        image: tag.image.as_ref().map(image::reference),
    })))
}
