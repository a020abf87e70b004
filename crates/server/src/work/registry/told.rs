//! What registries tell by themselves: pushes, copies, pulls and
//! deletions. It was kept before it was acknowledged; here it is looked
//! up, for nothing told is believed before.

use jiff::SignedDuration;
use model::error::chain;
use registry::AskError;
use store::{Registry, RegistryEvent, ScanOrigin, SeenTag, StoreError, Unless};

use super::{
    Cause, Image, Opened, attached, copied, images, lease, note_fault, queue_wish, read_since,
    tell, wish,
};
use crate::{app::App, registries};

/// Events taken up at once.
const BATCH: u32 = 100;
/// Tries before an event is given up, and the wait after the first.
const TRIES: u32 = 10;
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(30);

/// Works on what a registry told.
pub(super) async fn work(app: &App, known: &Registry) -> Result<(), StoreError> {
    let now = app.clock.now();
    let waiting = app.store.told_waiting(known, now, BATCH).await?;
    if waiting.is_empty() || !lease(app, known).await? {
        return Ok(());
    }
    let opened = match Opened::new(app, known) {
        Ok(opened) => opened,
        Err(error) => return note_fault(app, known, registries::fault(&error), None).await,
    };
    for event in waiting {
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        match take(app, &opened, &event).await? {
            Ok(()) => app.store.end_told(&event, None, app.clock.now()).await?,
            Err(error) => put_off(app, &event, &error).await?,
        }
    }
    tell(app, known);
    Ok(())
}

/// How long the queue's answer is waited for, and messages taken in one
/// go.
const WAIT: std::time::Duration = std::time::Duration::from_secs(1);
const ROUNDS: usize = 20;

/// Takes what is queued for a registry: kept first, then acknowledged.
pub(super) async fn hear(app: &App, known: &Registry) -> Result<(), StoreError> {
    if !lease(app, known).await? {
        return Ok(());
    }
    let opened = match Opened::new(app, known) {
        Ok(opened) => opened,
        Err(error) => return note_fault(app, known, registries::fault(&error), None).await,
    };
    for _ in 0..ROUNDS {
        let messages = opened
            .ask(app, |registry| match registry.events()? {
                Some(queue) => queue.receive(WAIT),
                None => Ok(Vec::new()),
            })
            .await;
        let messages = match messages {
            Ok(messages) if messages.is_empty() => return Ok(()),
            Ok(messages) => messages,
            Err(error) => {
                let told = registries::unanswered(&error);
                return note_fault(app, known, told, error.later()).await;
            }
        };
        let mut events = Vec::new();
        let mut receipts = Vec::with_capacity(messages.len());
        let mut misread: (u64, Option<registry::Refusal>) = (0, None);
        for message in messages {
            receipts.push(message.receipt);
            match message.told {
                Ok(told) => {
                    let told = told.into_iter();
                    events.extend(told.filter_map(crate::http::registry_hook::event));
                }
                // It is acknowledged all the same, or it would come for
                // ever.
                Err(refusal) => misread = (misread.0 + 1, Some(refusal)),
            }
        }
        if let (count, Some(refusal)) = misread {
            let why = format!("a message of its queue: {refusal}");
            app.store
                .note_misread(known, count, why, app.clock.now())
                .await?;
            tell(app, known);
        }
        if !events.is_empty() {
            let taken = app.store.put_told(known, events, app.clock.now()).await?;
            crate::metrics::add(&app.metrics.registry_events, taken);
            app.registries.ring();
        }
        let forgotten = opened
            .ask(app, move |registry| match registry.events()? {
                Some(queue) => queue.acknowledge(&receipts),
                None => Ok(()),
            })
            .await;
        if let Err(error) = forgotten {
            // It comes again, and is known then.
            tracing::debug!(error = %chain(&error), "cannot acknowledge events of a registry");
        }
    }
    Ok(())
}

async fn put_off(app: &App, event: &RegistryEvent, error: &AskError) -> Result<(), StoreError> {
    let now = app.clock.now();
    let text = format!("failed to {}", chain(error));
    if !error.may_pass() || event.attempts + 1 >= TRIES {
        tracing::warn!(
            repository = %event.told.repository,
            error = %text,
            "what a registry told could not be looked up"
        );
        return app.store.end_told(event, Some(text), now).await;
    }
    let doubled = FIRST_WAIT.saturating_mul(1 << event.attempts.min(10));
    let next = error
        .later()
        .unwrap_or(now)
        .max(now + doubled.min(LONGEST_WAIT));
    app.store.put_off_told(event, text, next).await
}

async fn take(
    app: &App,
    opened: &Opened,
    event: &RegistryEvent,
) -> Result<Result<(), AskError>, StoreError> {
    let (known, told) = (&opened.known, &event.told);
    if !registries::is_wanted(&known.settings, &told.repository) {
        return Ok(Ok(()));
    }
    match told.kind.as_str() {
        "pull" => {
            app.store
                .put_pulled(
                    known,
                    &told.repository,
                    told.tag.as_deref(),
                    told.digest.as_deref(),
                    told.time,
                )
                .await?;
            Ok(Ok(()))
        }
        "delete" => {
            if let Some(tag) = &told.tag {
                let now = app.clock.now();
                app.store
                    .put_gone_tag(known, &told.repository, tag, now)
                    .await?;
            }
            Ok(Ok(()))
        }
        _ => pushed(app, opened, event).await,
    }
}

/// Something is in a repository that was not, or not under this tag.
async fn pushed(
    app: &App,
    opened: &Opened,
    event: &RegistryEvent,
) -> Result<Result<(), AskError>, StoreError> {
    let (known, told) = (&opened.known, &event.told);
    let Some(version) = told.digest.clone().or_else(|| told.tag.clone()) else {
        return Ok(Ok(()));
    };
    let repository = told.repository.clone();
    let answer = opened
        .ask(app, move |registry| {
            registry.resolve(&registry.reference(&repository, &version)?)
        })
        .await;
    let resolved = match answer {
        Ok(resolved) => resolved,
        // Gone again, or never there: nothing to read.
        Err(error) if error.is_not_found() => return Ok(Ok(())),
        Err(error) => return Ok(Err(error)),
    };
    let (now, digest) = (app.clock.now(), resolved.digest.to_string());
    let images = images(&resolved);
    let tag = told.tag.as_deref().unwrap_or_default();
    attached::hurry(app, known, tag, resolved.subject).await?;
    let beside = attached::resolved(tag, &resolved);
    attached::keep(app, known, &told.repository, beside, now).await?;
    super::to_verify(app, known, &told.repository, &digest, &images);
    let elsewhere = app
        .store
        .elsewhere(known, &told.repository, &digest)
        .await?;
    if let Some(tag) = &told.tag
        && !images.is_empty()
    {
        let seen = SeenTag {
            name: tag.clone(),
            digest,
            images: images.clone(),
            pushed: Some(told.time),
        };
        app.store
            .put_seen_tag(known, &told.repository, seen, now)
            .await?;
    }
    let source = told.source.clone().or(elsewhere);
    let place = match &told.tag {
        Some(tag) => format!("{}/{}:{tag}", known.address, told.repository),
        None => format!("{}/{}", known.address, told.repository),
    };
    for (digest, platform) in &images {
        let (origin, reason) = match &source {
            Some(source) => (
                ScanOrigin::Import,
                copied(app, known, &place, Some(source), digest).await?,
            ),
            None if told.kind == "import" => (
                ScanOrigin::Import,
                copied(app, known, &place, None, digest).await?,
            ),
            None => (ScanOrigin::Push, format!("pushed to {place}")),
        };
        let cause = Cause {
            origin,
            reason,
            source: source.clone(),
            unless: Unless {
                read: Some(read_since(app, now - super::due::FRESH)),
                tried: None,
            },
        };
        let image = Image {
            repository: &told.repository,
            tag: told.tag.as_deref(),
            digest,
            platform: platform.as_deref(),
            is_one_of_many: images.len() > 1,
        };
        queue_wish(app, wish(known, &image, cause, now)).await?;
    }
    Ok(Ok(()))
}
