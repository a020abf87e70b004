//! Telling other systems: one task for each sink sorts what happened for
//! it and delivers in order, so that a slow receiver keeps nobody else
//! waiting.
//!
//! A sink is served by whoever holds its lease; a server that stops in
//! the middle of a delivery leaves it pending, and it is made again
//! under the same id. A fault of the receiver is tried again for a day,
//! ever less often; then, or where the receiver says no, the delivery is
//! set aside as dead until somebody replays it.

mod hold;
mod sort;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use export::{Answer, Batch, Kind, Verdict};
use jiff::{SignedDuration, Timestamp};
use model::Notice;
use store::{DeliveryAnswer, DeliveryState, Keep, Pending, Tried};
use tokio::{sync::Notify, task::JoinSet};
use tracing::Instrument as _;

use crate::{
    app::App,
    sinks::{self, Opened},
};

/// How often a sink looks for work nobody rang for.
const LOOK: Duration = Duration::from_secs(1);
/// How long a lease lasts: so long a sink waits when the server that
/// served it dies. And when it is renewed, also during a delivery.
const LEASE: SignedDuration = SignedDuration::from_secs(45);
const RENEW: Duration = Duration::from_secs(15);
/// How long a delivery is tried.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// Between tries, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// How long what is over is kept.
const KEEP_DELIVERED: SignedDuration = SignedDuration::from_hours(24 * 7);
const KEEP_DEAD: SignedDuration = SignedDuration::from_hours(24 * 30);
const TIDY: Duration = Duration::from_mins(10);

/// What deliverers share.
#[derive(Debug)]
pub(crate) struct Deliverer {
    /// Who this server is among those that share a database.
    holder: String,
    /// Rung when there may be something to do.
    bell: Notify,
}

impl Deliverer {
    pub(crate) fn new() -> Self {
        Self {
            holder: uuid::Uuid::now_v7().to_string(),
            bell: Notify::new(),
        }
    }

    /// Says that there may be something to do.
    pub(crate) fn ring(&self) {
        self.bell.notify_waiters();
    }
}

/// Keeps one task for each sink until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    if let Err(error) = app.store.free_leases().await {
        failed(&error);
    }
    if let Err(error) = sinks::reseal(&app).await {
        tracing::error!(error = %model::error::chain(&error), "some secrets keep their old seal");
    }
    let mut served = BTreeSet::new();
    let mut tasks: JoinSet<String> = JoinSet::new();
    let mut tidied: Option<Timestamp> = None;
    loop {
        match app.store.sinks().await {
            Ok(sinks) => {
                for sink in sinks {
                    if served.insert(sink.id.clone()) {
                        tasks.spawn(serve(Arc::clone(&app), sink.id));
                    }
                }
            }
            Err(error) => failed(&error),
        }
        let now = app.clock.now();
        if tidied.is_none_or(|last| now.duration_since(last).unsigned_abs() > TIDY) {
            tidied = Some(now);
            let keep = Keep {
                delivered_since: now - KEEP_DELIVERED,
                dead_since: now - KEEP_DEAD,
            };
            if let Err(error) = app.store.tidy_deliveries(keep).await {
                failed(&error);
            }
        }
        tokio::select! {
            () = app.shutdown.cancelled() => break,
            () = app.deliverer.bell.notified() => {}
            () = tokio::time::sleep(LOOK * 5) => {}
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                if let Ok(id) = ended {
                    served.remove(&id);
                }
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    if let Err(error) = app.store.release_sinks(&app.deliverer.holder).await {
        failed(&error);
    }
}

fn failed(error: &store::StoreError) {
    tracing::warn!(error = %model::error::chain(error), "delivery waits for the database");
}

/// Serves one sink until it is gone or the server stops.
async fn serve(app: Arc<App>, id: String) -> String {
    let mut ready: Option<(Timestamp, Opened)> = None;
    let mut leased_until = Timestamp::MIN;
    loop {
        let heard = app.deliverer.bell.notified();
        let step = step(&app, &id, &mut ready, &mut leased_until);
        let step = tokio::select! {
            step = step => step,
            // A delivery under way is left as it is: pending.
            () = app.shutdown.cancelled() => return id,
        };
        let wait = match step {
            Ok(Step::Again) => continue,
            Ok(Step::Wait(wait)) => wait.min(LOOK),
            Ok(Step::Gone) => return id,
            Err(error) => {
                failed(&error);
                LOOK
            }
        };
        tokio::select! {
            () = app.shutdown.cancelled() => return id,
            () = heard => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

enum Step {
    /// There may be more to do at once.
    Again,
    Wait(Duration),
    Gone,
}

async fn step(
    app: &App,
    id: &str,
    ready: &mut Option<(Timestamp, Opened)>,
    leased_until: &mut Timestamp,
) -> Result<Step, store::StoreError> {
    let Some(sink) = app.store.sink(id).await? else {
        return Ok(Step::Gone);
    };
    let holder = &app.deliverer.holder;
    let now = app.clock.now();
    if leased_until.duration_since(now) < LEASE - SignedDuration::from_secs(15) {
        let until = now + LEASE;
        if !app.store.lease_sink(&sink, holder, now, until).await? {
            *leased_until = Timestamp::MIN;
            return Ok(Step::Wait(LOOK));
        }
        *leased_until = until;
    }
    let sorted = sort::sort(app, &sink, holder).await?;
    if sorted == sort::Sorted::Overtaken {
        *leased_until = Timestamp::MIN;
        return Ok(Step::Wait(LOOK));
    }
    let idle = if sorted == sort::Sorted::More {
        Step::Again
    } else {
        Step::Wait(LOOK)
    };
    if sink.paused {
        return Ok(idle);
    }
    let Some(mut delivery) = app.store.next_delivery(&sink).await? else {
        return Ok(idle);
    };
    let wait = delivery.next_try.duration_since(now);
    if wait > SignedDuration::ZERO {
        return Ok(Step::Wait(wait.unsigned_abs()));
    }

    let is_fresh = ready.as_ref().is_some_and(|(at, _)| *at == sink.updated);
    if !is_fresh {
        *ready = None;
    }
    let began = app.clock.now();
    let answer = match ready {
        Some((_, opened)) => deliver(app, &sink, opened, &mut delivery).await?,
        None => match sinks::open(app, &sink) {
            Ok(opened) => {
                let (_, opened) = ready.insert((sink.updated, opened));
                deliver(app, &sink, opened, &mut delivery).await?
            }
            // Somebody has to mend the settings or the key; until then
            // nothing is lost.
            Err(error) => Answer::new(
                Verdict::Retry { after: None },
                None,
                &model::error::chain(&error),
            ),
        },
    };
    let tried = judge(app, &delivery, &answer, began);
    let is_delivered = tried.state == DeliveryState::Delivered;
    if tried.state == DeliveryState::Dead {
        tracing::warn!(
            sink.name = %sink.name,
            delivery.id = %delivery.id,
            attempts = delivery.attempts + 1,
            "given up on a delivery; it can be replayed"
        );
    }
    count(app, tried.state, delivery.notices.len());
    if !app.store.tried(&sink, holder, &delivery, tried).await? {
        *leased_until = Timestamp::MIN;
    }
    Ok(if is_delivered {
        Step::Again
    } else {
        Step::Wait(Duration::ZERO)
    })
}

async fn deliver(
    app: &App,
    sink: &store::Sink,
    opened: &Opened,
    delivery: &mut Pending,
) -> Result<Answer, store::StoreError> {
    let subjects: Vec<&str> = delivery.notices.iter().map(Notice::subject).collect();
    let known = if opened.kind == Kind::Jira {
        app.store.remembered(sink, &subjects).await?
    } else {
        BTreeMap::new()
    };
    let base = app.public_url();
    for notice in &mut delivery.notices {
        link(notice, &base);
    }
    let batch = Batch {
        id: &delivery.id,
        created: delivery.created,
        now: app.clock.now(),
        attempts: delivery.attempts,
        notices: &delivery.notices,
        known: &known,
    };
    let span = tracing::info_span!(
        "delivery",
        sink.name = %sink.name,
        delivery.id = %delivery.id,
        notices = delivery.notices.len()
    );
    let mut delivering = std::pin::pin!(opened.sink.deliver(&batch).instrument(span));
    loop {
        tokio::select! {
            answer = &mut delivering => return Ok(answer),
            () = tokio::time::sleep(RENEW) => {
                let (holder, now) = (&app.deliverer.holder, app.clock.now());
                app.store.lease_sink(sink, holder, now, now + LEASE).await?;
            }
        }
    }
}

/// Makes paths of the dashboard addresses a receiver can open.
pub(crate) fn link(notice: &mut Notice, base: &str) {
    let absolute = |link: &mut Option<String>| {
        if let Some(path) = link.as_mut().filter(|path| path.starts_with('/')) {
            path.insert_str(0, base);
        }
    };
    absolute(&mut notice.link);
    for line in notice
        .digest
        .iter_mut()
        .flat_map(|digest| &mut digest.worst)
    {
        absolute(&mut line.link);
    }
}

fn judge(app: &App, delivery: &Pending, answer: &Answer, began: Timestamp) -> Tried {
    let now = app.clock.now();
    let (state, next_try) = match answer.verdict {
        Verdict::Delivered => (DeliveryState::Delivered, now),
        Verdict::Rejected => (DeliveryState::Dead, now),
        Verdict::Retry { .. } if now.duration_since(delivery.since) >= PATIENCE => {
            (DeliveryState::Dead, now)
        }
        Verdict::Retry { after } => {
            let wait = wait(delivery.attempts, after, chance());
            let wait = SignedDuration::try_from(wait).unwrap_or(PATIENCE);
            (DeliveryState::Pending, now + wait)
        }
    };
    Tried {
        state,
        next_try,
        answer: kept(answer, now, began),
        learned: answer.learned.clone(),
    }
}

/// An answer as the record keeps it.
pub(crate) fn kept(answer: &Answer, now: Timestamp, began: Timestamp) -> DeliveryAnswer {
    let took = now.duration_since(began).unsigned_abs();
    DeliveryAnswer {
        time: now,
        verdict: match answer.verdict {
            Verdict::Delivered => "delivered",
            Verdict::Retry { .. } => "retry",
            Verdict::Rejected => "rejected",
        }
        .to_owned(),
        status: answer.status,
        text: answer.text.clone(),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// How long to wait after `attempts` tries: doubling, spread by a
/// quarter each way so that many sinks of one receiver do not come back
/// at once, and never less than the receiver asked for.
fn wait(attempts: u32, asked: Option<Duration>, chance: u8) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1_u32 << attempts.min(16));
    let spread = 0.75 + f64::from(chance) / 512.0;
    let wait = doubled.min(LONGEST_WAIT).mul_f64(spread);
    match asked {
        Some(asked) => wait.max(asked).min(PATIENCE.unsigned_abs()),
        None => wait,
    }
}

fn chance() -> u8 {
    let mut byte = [128];
    match getrandom::fill(&mut byte) {
        Ok(()) => byte[0],
        // Without chance the middle does.
        Err(_none) => 128,
    }
}

fn count(app: &App, state: DeliveryState, notices: usize) {
    let metrics = &app.metrics;
    match state {
        DeliveryState::Delivered => {
            metrics.deliveries_done.fetch_add(1, Ordering::Relaxed);
            metrics
                .notices_delivered
                .fetch_add(notices as u64, Ordering::Relaxed);
        }
        DeliveryState::Pending => {
            metrics.deliveries_retried.fetch_add(1, Ordering::Relaxed);
        }
        DeliveryState::Dead => {
            metrics.deliveries_dead.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_are_spread() {
        assert_eq!(wait(0, None, 128), Duration::from_secs(2));
        assert_eq!(wait(3, None, 128), Duration::from_secs(16));
        assert_eq!(wait(40, None, 128), LONGEST_WAIT);
        assert!(wait(3, None, 0) < wait(3, None, 255));
    }

    #[test]
    fn a_receiver_is_never_asked_earlier_than_it_wants() {
        let asked = Some(Duration::from_mins(10));
        assert_eq!(wait(0, asked, 0), Duration::from_mins(10));
        let absurd = Some(Duration::from_hours(24 * 400));
        assert_eq!(wait(0, absurd, 0), PATIENCE.unsigned_abs());
    }
}
