//! Live events.

use std::{convert::Infallible, time::Duration};

use api::Event;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use model::permission::Reach;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::{Shared, access::Access, identity};
use crate::{
    app::App,
    bus::{Numbered, Subscription},
};

/// Silence is broken this often, so that proxies keep the line open and
/// both sides learn of its end.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is asked whether the listener still may listen.
const DOUBT: Duration = Duration::from_secs(30);
/// Events on their way to one listener; a slower one waits here and then
/// falls behind on the bus, which ends in a `resync`.
const ON_THE_WAY: usize = 64;

/// Live events as server-sent events. `id` is opaque and grows; send the
/// last one seen as `Last-Event-ID` to get what was missed, or a
/// `resync` event where that is no longer known. A comment is sent every
/// 15 seconds.
#[utoipa::path(get, path = "/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "the last id seen")),
    responses((status = 200, body = Event, content_type = "text/event-stream")))]
pub(crate) async fn stream(State(app): Shared, access: Access, headers: HeaderMap) -> Response {
    let last_seen = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let subscription = app.bus.subscribe(last_seen);
    let (out, events) = mpsc::channel(ON_THE_WAY);
    let tasks = app.tasks.clone();
    tasks.spawn(async move { forward(&app, &access, subscription, out).await });
    let events = ReceiverStream::new(events).map(Ok::<_, Infallible>);
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response()
}

/// Hands on what is within reach, as long as that does not change: whoever
/// was signed out, or given other roles, has to come again.
async fn forward(
    app: &App,
    access: &Access,
    subscription: Subscription,
    out: mpsc::Sender<sse::Event>,
) {
    use tokio::sync::broadcast::error::RecvError;

    let reach = &access.reach();
    let mut doubts = tokio::time::interval(DOUBT);
    doubts.reset();
    let Subscription {
        missed,
        last,
        mut live,
    } = subscription;
    match missed {
        Some(missed) => {
            for event in missed.iter().filter(|event| concerns(reach, event)) {
                if out.send(write(app, event)).await.is_err() {
                    return;
                }
            }
        }
        None => {
            if out.send(resync(app, last)).await.is_err() {
                return;
            }
        }
    }
    loop {
        let received = tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = out.closed() => return,
            _ = doubts.tick() => match identity::still_is(app, &access.actor).await {
                Ok(true) => continue,
                Ok(false) | Err(_) => return,
            },
            received = live.recv() => received,
        };
        let event = match received {
            Ok(event) if !concerns(reach, &event) => continue,
            Ok(event) => write(app, &event),
            // Everything still waiting is covered by reading all again.
            Err(RecvError::Lagged(_)) => {
                live = live.resubscribe();
                resync(app, app.bus.subscribe(None).last)
            }
            Err(RecvError::Closed) => return,
        };
        if out.send(event).await.is_err() {
            return;
        }
    }
}

fn concerns(reach: &Reach, event: &Numbered) -> bool {
    event
        .environment
        .as_deref()
        .is_none_or(|environment| reach.contains(environment))
}

fn write(app: &App, event: &Numbered) -> sse::Event {
    sse::Event::default()
        .id(app.bus.id(event.number))
        .event(event.name)
        .data(&*event.data)
}

fn resync(app: &App, last: u64) -> sse::Event {
    sse::Event::default()
        .id(app.bus.id(last))
        .event(Event::Resync.name())
        .data("{\"type\":\"resync\"}")
}
