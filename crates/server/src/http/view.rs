//! Saved views: a page with its filters, under a name.

use api::view::{NewView, View};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::Permission;

use super::{
    Shared,
    access::{Access, Actor},
    error::ApiError,
    query::Body,
};

/// Bounds of what may be saved.
const MAX_NAME: usize = 100;
const MAX_PAGE: usize = 200;
const MAX_SEARCH: usize = 4000;

/// Whose a view is: the account's or the token's id, or `owner`.
fn owner(actor: &Actor) -> &str {
    actor.id.as_deref().unwrap_or("owner")
}

fn wire(view: store::View, actor: &Actor) -> View {
    View {
        mine: view.owner == owner(actor),
        id: view.id,
        name: view.name,
        page: view.page,
        search: view.search,
        shared: view.shared,
        owner: view.owner_name,
        created: view.created,
    }
}

/// The asker's views and those shared with everybody, by name.
#[utoipa::path(get, path = "/views", tag = "views",
    responses((status = 200, body = Vec<View>)))]
pub(crate) async fn list(State(app): Shared, access: Access) -> Result<Json<Vec<View>>, ApiError> {
    let views = app.store.views(owner(&access.actor)).await?;
    let views = views.into_iter().map(|view| wire(view, &access.actor));
    Ok(Json(views.collect()))
}

/// Save a view; one of the same name and owner is replaced.
#[utoipa::path(post, path = "/views", tag = "views", request_body = NewView,
    responses((status = 201, body = View, description = "saved")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(view): Body<NewView>,
) -> Result<(StatusCode, Json<View>), ApiError> {
    let name = view.name.trim();
    let has_control = |text: &str| text.chars().any(char::is_control);
    if name.is_empty() || name.chars().count() > MAX_NAME || has_control(name) {
        let detail = format!("expected 1 to {MAX_NAME} characters of text");
        return Err(ApiError::invalid("name", detail));
    }
    // A view opens a page of this dashboard and nothing else.
    let is_page = view.page.starts_with('/')
        && !view.page.starts_with("//")
        && view.page.len() <= MAX_PAGE
        && view
            .page
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !view.page.contains(['?', '#']);
    if !is_page {
        return Err(ApiError::invalid(
            "page",
            "expected a path of the dashboard: /alerts",
        ));
    }
    if view.search.len() > MAX_SEARCH || has_control(&view.search) {
        let detail = format!("expected at most {MAX_SEARCH} characters of text");
        return Err(ApiError::invalid("search", detail));
    }
    let saved = app
        .store
        .put_view(store::NewView {
            owner: owner(&access.actor).to_owned(),
            owner_name: access.actor.name.clone(),
            name: name.to_owned(),
            page: view.page,
            search: view.search,
            shared: view.shared,
            created: app.clock.now(),
        })
        .await?
        .ok_or_else(|| {
            ApiError::conflict("too_many_views", "delete a view before saving another")
        })?;
    Ok((StatusCode::CREATED, Json(wire(saved, &access.actor))))
}

/// Delete a view of one's own; who administers may delete shared ones.
#[utoipa::path(delete, path = "/views/{id}", tag = "views",
    params(("id" = String, Path, description = "the view's id")),
    responses((status = 204, description = "deleted")))]
pub(crate) async fn delete(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let view = app
        .store
        .view(&id)
        .await?
        .filter(|view| view.shared || view.owner == owner(&access.actor))
        .ok_or_else(|| ApiError::not_found("view"))?;
    let administers = access.actor.rights.may_everywhere(Permission::Administer);
    if view.owner != owner(&access.actor) && !administers {
        return Err(ApiError::forbidden(
            "not_yours",
            "this view is somebody else's; save one of your own under another name",
        ));
    }
    app.store.delete_view(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
