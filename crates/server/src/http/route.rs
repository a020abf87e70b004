//! Routes: which notices go to which sink.

use api::{NewRoute, Route, delivery::SinkRef, route::RoutePreview};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use export::Kind;
use jiff::SignedDuration;
use model::{
    NoticeEvent,
    query::{Asking, Query},
};
use store::{PictureFilter, RouteRecord, RouteRefusal};

use super::{Shared, access::Access, error::ApiError, query::Body, sink};
use crate::app::App;

/// What a route may look back over.
const DAYS: u32 = 7;
/// Findings a preview looks at.
const LOOKED_AT: u32 = 20_000;
const PAGE: u32 = 1000;
const SAMPLE: usize = 10;
/// The longest a digest may gather.
const MAX_DIGEST: u32 = 7 * 24 * 3600;
const MAX_PER_MINUTE: u32 = 10_000;
/// Messages a minute people can bear.
const FOR_PEOPLE: u32 = 20;

fn wire(route: store::Route) -> Route {
    let record = route.record;
    Route {
        id: route.id,
        name: record.name,
        sink: SinkRef {
            id: record.sink,
            name: route.sink_name,
            kind: sink::kind(&route.sink_kind),
        },
        enabled: record.enabled,
        query: record.query,
        environments: record.environments,
        events: record
            .events
            .into_iter()
            .map(|event| event.as_str().to_owned())
            .collect(),
        digest_seconds: record.digest_seconds,
        max_per_minute: record.max_per_minute,
        created: route.created,
        updated: route.updated,
        matched: route.matched,
        last_matched: route.last_matched,
    }
}

fn filter(text: &str) -> Result<Query, ApiError> {
    Query::parse(text).map_err(|error| ApiError::invalid("/query", error.to_string()))
}

fn events(words: &[String]) -> Result<Vec<NoticeEvent>, ApiError> {
    if words.is_empty() {
        return Ok(vec![
            NoticeEvent::FindingOpened,
            NoticeEvent::FindingReopened,
        ]);
    }
    let mut events = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let pointer = format!("/events/{index}");
        let event: NoticeEvent =
            word.parse()
                .map_err(|error: model::notice::ParseNoticeEventError| {
                    ApiError::invalid(&pointer, error.to_string())
                })?;
        if !NoticeEvent::ROUTABLE.contains(&event) {
            return Err(ApiError::invalid(
                &pointer,
                format!("'{event}' cannot be routed"),
            ));
        }
        if !events.contains(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

async fn record(app: &App, body: NewRoute) -> Result<RouteRecord, ApiError> {
    filter(&body.query)?;
    let sink = app
        .store
        .sink(&body.sink)
        .await?
        .ok_or_else(|| ApiError::invalid("/sink", "no such sink"))?;
    let known = app.store.environments().await?;
    for (index, name) in body.environments.iter().enumerate() {
        if !known.iter().any(|environment| environment.name == *name) {
            return Err(ApiError::invalid(
                &format!("/environments/{index}"),
                format!("no environment '{name}'"),
            ));
        }
    }
    if body.digest_seconds > MAX_DIGEST {
        return Err(ApiError::invalid(
            "/digest_seconds",
            format!("expected at most {MAX_DIGEST}, a week"),
        ));
    }
    let for_people = sink
        .kind
        .parse()
        .is_ok_and(|kind: Kind| kind.describe().for_people);
    let max_per_minute = body
        .max_per_minute
        .unwrap_or(if for_people { FOR_PEOPLE } else { 0 });
    if max_per_minute > MAX_PER_MINUTE {
        return Err(ApiError::invalid(
            "/max_per_minute",
            format!("expected at most {MAX_PER_MINUTE}; 0 is no limit"),
        ));
    }
    Ok(RouteRecord {
        name: sink::name(&body.name)?,
        sink: body.sink,
        enabled: body.enabled,
        query: body.query.trim().to_owned(),
        environments: body.environments,
        events: events(&body.events)?,
        digest_seconds: body.digest_seconds,
        max_per_minute,
    })
}

fn refused(refusal: RouteRefusal) -> ApiError {
    match refusal {
        RouteRefusal::NameTaken => ApiError::conflict("name_taken", "another route has this name"),
        RouteRefusal::NoSink => ApiError::invalid("/sink", "no such sink"),
        RouteRefusal::NoRoute => ApiError::not_found("route"),
    }
}

async fn find(app: &App, id: &str) -> Result<Route, ApiError> {
    let route = app.store.route(id).await?;
    route.map(wire).ok_or_else(|| ApiError::not_found("route"))
}

/// Every route, by name.
#[utoipa::path(get, path = "/routes", tag = "sinks",
    responses((status = 200, body = Vec<Route>)))]
pub(crate) async fn list(State(app): Shared) -> Result<Json<Vec<Route>>, ApiError> {
    let routes = app.store.routes().await?;
    Ok(Json(routes.into_iter().map(wire).collect()))
}

/// Add a route. It is for what happens from now on.
#[utoipa::path(post, path = "/routes", tag = "sinks", request_body = NewRoute,
    responses((status = 201, body = Route), (status = 409, description = "the name is taken")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewRoute>,
) -> Result<(StatusCode, Json<Route>), ApiError> {
    let record = record(&app, body).await?;
    let id = app
        .store
        .put_route(access.author(&app), None, record)
        .await?
        .map_err(refused)?;
    app.deliverer.ring();
    Ok((StatusCode::CREATED, Json(find(&app, &id).await?)))
}

/// One route.
#[utoipa::path(get, path = "/routes/{id}", tag = "sinks",
    params(("id" = String, Path, description = "the route's id")),
    responses((status = 200, body = Route)))]
pub(crate) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Route>, ApiError> {
    Ok(Json(find(&app, &id).await?))
}

/// Change a route.
#[utoipa::path(put, path = "/routes/{id}", tag = "sinks", request_body = NewRoute,
    params(("id" = String, Path, description = "the route's id")),
    responses((status = 200, body = Route), (status = 409, description = "the name is taken")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(body): Body<NewRoute>,
) -> Result<Json<Route>, ApiError> {
    find(&app, &id).await?;
    let record = record(&app, body).await?;
    app.store
        .put_route(access.author(&app), Some(&id), record)
        .await?
        .map_err(refused)?;
    app.deliverer.ring();
    Ok(Json(find(&app, &id).await?))
}

/// Remove a route.
#[utoipa::path(delete, path = "/routes/{id}", tag = "sinks",
    params(("id" = String, Path, description = "the route's id")),
    responses((status = 204, description = "removed")))]
pub(crate) async fn remove(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    if app.store.remove_route(access.author(&app), &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found("route"))
    }
}

/// What a route would have sent in the last seven days. Nothing is
/// written or sent.
#[utoipa::path(post, path = "/routes/preview", tag = "sinks", request_body = NewRoute,
    responses((status = 200, body = RoutePreview)))]
pub(crate) async fn preview(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewRoute>,
) -> Result<Json<RoutePreview>, ApiError> {
    let query = filter(&body.query)?;
    let events = events(&body.events)?;
    let now = app.clock.now();
    let since = now - SignedDuration::from_hours(24 * i64::from(DAYS));
    let asking = Asking { now, me: None };
    let filter = PictureFilter {
        since: Some(since),
        opened: events.iter().any(|event| {
            matches!(
                event,
                NoticeEvent::FindingOpened | NoticeEvent::FindingReopened
            )
        }),
        resolved: events.contains(&NoticeEvent::FindingResolved),
    };
    let demo: Vec<String> = app
        .store
        .environments()
        .await?
        .into_iter()
        .filter(|environment| environment.demo)
        .map(|environment| environment.name)
        .collect();
    let scope = access.scope(&app, None).await?;
    let (mut after, mut looked_at) = (0, 0);
    let mut preview = RoutePreview {
        days: DAYS,
        matched: 0,
        capped: false,
        sample: Vec::new(),
    };
    loop {
        let pictures = app.store.pictures(&scope, &filter, after, PAGE).await?;
        let Some((last, _)) = pictures.last() else {
            break;
        };
        after = *last;
        looked_at += u32::try_from(pictures.len()).unwrap_or(PAGE);
        for (_, notice) in pictures {
            let is_meant = if body.environments.is_empty() {
                !demo.contains(&notice.environment)
            } else {
                body.environments.contains(&notice.environment)
            };
            if is_meant && query.matches(&notice, &asking) {
                preview.matched += 1;
                preview.sample.push(notice.headline());
                if preview.sample.len() > SAMPLE {
                    preview.sample.remove(0);
                }
            }
        }
        if looked_at >= LOOKED_AT {
            preview.capped = true;
            break;
        }
    }
    preview.sample.reverse();
    Ok(Json(preview))
}
