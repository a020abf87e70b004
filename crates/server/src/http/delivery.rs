//! The log of deliveries, and putting dead ones back in line.

use api::{
    Delivery, Page,
    delivery::{DeliveryState, Replayed, SinkRef},
    sink::DeliveryQuery,
};
use axum::{
    Json,
    extract::{Path, State},
};
use store::DeliveryFilter;

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{self, Query},
    sink,
};

fn wire(delivery: store::Delivery) -> Delivery {
    Delivery {
        id: delivery.id,
        sink: SinkRef {
            id: delivery.sink,
            name: delivery.sink_name,
            kind: sink::kind(&delivery.sink_kind),
        },
        state: match delivery.state {
            store::DeliveryState::Pending => DeliveryState::Pending,
            store::DeliveryState::Delivered => DeliveryState::Delivered,
            store::DeliveryState::Dead => DeliveryState::Dead,
        },
        notices: delivery.notices,
        headline: delivery.headline,
        routes: delivery.routes,
        attempts: delivery.attempts,
        created: delivery.created,
        finished: delivery.finished,
        next_try: delivery.next_try,
        answer: delivery.answer.map(sink::answer),
    }
}

/// What was, is or could not be delivered, newest first.
#[utoipa::path(get, path = "/deliveries", tag = "sinks", params(DeliveryQuery),
    responses((status = 200, body = Page<Delivery>)))]
pub(crate) async fn list(
    State(app): Shared,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<Delivery>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = DeliveryFilter {
        sink: query.sink,
        states: query::list("state", query.state.as_deref(), |word| {
            store::DeliveryState::parse(word).ok_or_else(|| {
                format!("unknown state '{word}' (expected pending, delivered or dead)")
            })
        })?,
    };
    let page = app.store.deliveries(&filter, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// One delivery.
#[utoipa::path(get, path = "/deliveries/{id}", tag = "sinks",
    params(("id" = String, Path, description = "the delivery's id")),
    responses((status = 200, body = Delivery)))]
pub(crate) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Delivery>, ApiError> {
    let delivery = app.store.delivery(&id).await?;
    let delivery = delivery.ok_or_else(|| ApiError::not_found("delivery"))?;
    Ok(Json(wire(delivery)))
}

/// Put a dead delivery back in line. Its notices keep their ids.
#[utoipa::path(post, path = "/deliveries/{id}/replay", tag = "sinks",
    params(("id" = String, Path, description = "the delivery's id")),
    responses((status = 200, body = Delivery),
        (status = 409, description = "it is not dead")))]
pub(crate) async fn replay(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Delivery>, ApiError> {
    if app.store.delivery(&id).await?.is_none() {
        return Err(ApiError::not_found("delivery"));
    }
    if app
        .store
        .replay(access.author(&app), Some(&id), None)
        .await?
        == 0
    {
        return Err(ApiError::conflict(
            "not_dead",
            "only a delivery that was given up can be replayed",
        ));
    }
    app.deliverer.ring();
    read(State(app), Path(id)).await
}

/// Put all of a sink's dead deliveries back in line, in their old order.
#[utoipa::path(post, path = "/sinks/{id}/replay", tag = "sinks",
    params(("id" = String, Path, description = "the sink's id")),
    responses((status = 200, body = Replayed)))]
pub(crate) async fn replay_all(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Replayed>, ApiError> {
    sink::find(&app, &id).await?;
    let count = app
        .store
        .replay(access.author(&app), None, Some(&id))
        .await?;
    app.deliverer.ring();
    Ok(Json(Replayed { count }))
}
