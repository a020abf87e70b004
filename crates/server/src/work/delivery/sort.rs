//! Sorting: which notices go to a sink, alone or in a digest.

use export::Kind;
use jiff::Timestamp;
use model::{
    Notice,
    query::{Asking, Query},
};
use store::{NewDelivery, Outgoing, Route, Sink, StoreError};

use super::hold::{Held, Pace};
use crate::app::App;

/// Notices looked at in one transaction.
const CHUNK: u32 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sorted {
    /// There may be more.
    More,
    Done,
    /// Another server serves the sink now.
    Overtaken,
}

struct Sorter {
    route: Route,
    query: Option<Query>,
    pace: Pace,
    held: Held,
    before: Option<String>,
    matched: u64,
    last: Option<Timestamp>,
}

impl Sorter {
    fn new(route: Route) -> Self {
        let query = match Query::parse(&route.record.query) {
            Ok(query) => Some(query),
            Err(error) => {
                // It was checked when it was written. Telling too much
                // is better than telling nothing.
                tracing::warn!(
                    route.name = %route.record.name,
                    error = %error,
                    "a route's filter is not understood any more; it lets everything pass"
                );
                None
            }
        };
        Self {
            query,
            pace: Pace {
                digest_seconds: route.record.digest_seconds,
                max_per_minute: route.record.max_per_minute,
            },
            held: Held::read(route.held.as_deref()),
            before: route.held.clone(),
            matched: 0,
            last: None,
            route,
        }
    }

    fn matches(&self, outgoing: &Outgoing, asking: &Asking<'_>) -> bool {
        let record = &self.route.record;
        let environments = &record.environments;
        let is_meant = if environments.is_empty() {
            !outgoing.demo
        } else {
            environments.contains(&outgoing.notice.environment)
        };
        is_meant
            && record.events.contains(&outgoing.notice.event)
            && self
                .query
                .as_ref()
                .is_none_or(|query| query.matches(&outgoing.notice, asking))
    }
}

/// Sorts the next notices for one sink.
pub(super) async fn sort(app: &App, sink: &Sink, holder: &str) -> Result<Sorted, StoreError> {
    let outgoing = app.store.unsorted(sink, CHUNK).await?;
    let routes = app.store.routes_to(sink).await?;
    if outgoing.is_empty() && routes.iter().all(|route| route.held.is_none()) {
        return Ok(Sorted::Done);
    }
    let now = app.clock.now();
    let asking = Asking { now, me: None };
    let mut sorters: Vec<Sorter> = routes.into_iter().map(Sorter::new).collect();
    let size = sink.kind.parse().map_or(1, Kind::batch);
    let mut deliveries: Vec<NewDelivery> = Vec::new();
    let last = outgoing.last().map(|outgoing| outgoing.number);
    let more = outgoing.len() >= CHUNK as usize;
    for outgoing in outgoing {
        let mut by = Vec::new();
        for sorter in &mut sorters {
            if !sorter.matches(&outgoing, &asking) {
                continue;
            }
            sorter.matched += 1;
            sorter.last = Some(now);
            if sorter.held.passes(&outgoing.notice, sorter.pace, now) {
                by.push(sorter.route.record.name.clone());
            }
        }
        if !by.is_empty() {
            put(&mut deliveries, outgoing.notice, by, size);
        }
    }
    for sorter in &mut sorters {
        let name = &sorter.route.record.name;
        if let Some(digest) = sorter.held.due(name, sorter.pace, now) {
            deliveries.push(NewDelivery {
                notices: vec![digest],
                routes: vec![name.clone()],
            });
        }
    }
    let progress: Vec<_> = sorters
        .into_iter()
        .filter_map(|sorter| {
            let held = sorter.held.write();
            (sorter.matched > 0 || held != sorter.before)
                .then(|| sorter.route.progress(sorter.matched, sorter.last, held))
        })
        .collect();
    if last.is_none() && deliveries.is_empty() && progress.is_empty() {
        return Ok(Sorted::Done);
    }
    let is_ours = app
        .store
        .sort(sink, holder, last, deliveries, progress, now)
        .await?;
    Ok(match (is_ours, more) {
        (false, _) => Sorted::Overtaken,
        (true, true) => Sorted::More,
        (true, false) => Sorted::Done,
    })
}

/// Adds a notice to the last delivery, or begins another.
fn put(deliveries: &mut Vec<NewDelivery>, notice: Notice, by: Vec<String>, size: usize) {
    match deliveries.last_mut() {
        Some(last) if last.notices.len() < size => {
            last.notices.push(notice);
            for route in by {
                if !last.routes.contains(&route) {
                    last.routes.push(route);
                }
            }
        }
        _ => deliveries.push(NewDelivery {
            notices: vec![notice],
            routes: by,
        }),
    }
}
