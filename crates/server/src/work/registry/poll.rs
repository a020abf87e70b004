//! A walk of what a registry holds: its repositories, their tags, and
//! what those point to that pointed elsewhere before.
//!
//! Names are read whole and written page by page; what they point to is
//! asked for the newest first, so many in one walk, and only the headers
//! of it. A walk that stops goes on with the next.

use jiff::SignedDuration;
use registry::AskError;
use store::{KnownTag, Registry, RegistryLook, ScanOrigin, SeenTag, StoreError, Unless};

use super::{Cause, Image, Opened, images, lease, note_fault, queue_wish, read_since, tell, wish};
use crate::{app::App, metrics, registries};

/// Repositories of one registry.
const REPOSITORIES: usize = 20_000;
/// Names of tags of one repository.
const TAGS: usize = 200_000;
/// Names written in one go.
const PAGE: usize = 1_000;
/// Tags asked for in one walk.
const QUESTIONS: usize = 2_000;

/// Walks a registry, and notes how that went.
pub(super) async fn walk(app: &App, known: &Registry) -> Result<(), StoreError> {
    let opened = match Opened::new(app, known) {
        Ok(opened) => opened,
        Err(error) => return note_fault(app, known, registries::fault(&error), None).await,
    };
    metrics::count(&app.metrics.registry_walks);
    match walk_all(app, &opened).await? {
        Ok(()) => {
            let now = app.clock.now();
            app.store
                .note_registry_look(known, RegistryLook::default(), now)
                .await?;
            tell(app, known);
            Ok(())
        }
        Err(_) if app.shutdown.is_cancelled() => Ok(()),
        Err(error) => {
            tracing::warn!(
                registry.name = %known.name,
                error = %model::error::chain(&error),
                "cannot walk a registry"
            );
            let told = registries::unanswered(&error);
            note_fault(app, known, told, error.later()).await
        }
    }
}

async fn walk_all(app: &App, opened: &Opened) -> Result<Result<(), AskError>, StoreError> {
    let known = &opened.known;
    let names = opened
        .ask(app, |registry| {
            let names: Result<Vec<_>, _> = registry.repositories()?.take(REPOSITORIES).collect();
            names
        })
        .await;
    let names = match names {
        Ok(names) => names,
        Err(error) => return Ok(Err(error)),
    };
    let is_whole = names.len() < REPOSITORIES;
    let now = app.clock.now();
    app.store
        .put_repositories(known, names.clone(), is_whole, now)
        .await?;
    let mut questions = QUESTIONS;
    for name in names {
        if app.shutdown.is_cancelled() || questions == 0 {
            break;
        }
        lease(app, known).await?;
        match walk_repository(app, opened, &name, &mut questions).await? {
            Ok(()) => {}
            // It went while it was looked at.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

async fn walk_repository(
    app: &App,
    opened: &Opened,
    repository: &str,
    questions: &mut usize,
) -> Result<Result<(), AskError>, StoreError> {
    let (known, began) = (&opened.known, app.clock.now());
    let asked = repository.to_owned();
    let names = opened
        .ask(app, move |registry| {
            let names: Result<Vec<_>, _> = registry.tags(&asked)?.take(TAGS).collect();
            names
        })
        .await;
    let names = match names {
        Ok(names) => names,
        Err(error) => return Ok(Err(error)),
    };
    let pages = names.chunks(PAGE).len();
    for (step, page) in names.chunks(PAGE).enumerate() {
        let is_last = step + 1 == pages && names.len() < TAGS;
        let after = page.last().filter(|_| !is_last).cloned();
        app.store
            .put_tag_names(known, repository, page.to_vec(), after, began, began)
            .await?;
    }
    let minutes = i64::from(known.settings.poll_minutes.max(1));
    // A walk that was asked for asks for every tag again.
    let before = if known.polled.is_some() {
        began.max(began - SignedDuration::from_mins(minutes))
    } else {
        began
    };
    let limit = u32::try_from(*questions).unwrap_or(u32::MAX);
    let due = app
        .store
        .tags_to_check(known, repository, known.settings.tags, before, limit)
        .await?;
    for tag in due {
        if app.shutdown.is_cancelled() {
            break;
        }
        *questions = questions.saturating_sub(1);
        if let Err(error) = look_at_tag(app, opened, repository, &tag).await? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

async fn look_at_tag(
    app: &App,
    opened: &Opened,
    repository: &str,
    tag: &KnownTag,
) -> Result<Result<(), AskError>, StoreError> {
    let known = &opened.known;
    let (asked, name) = (repository.to_owned(), tag.name.clone());
    let before = tag.digest.clone();
    let answer = opened
        .ask(app, move |registry| {
            let image = registry.reference(&asked, &name)?;
            let digest = registry.digest(&image)?.to_string();
            if before.as_ref() == Some(&digest) {
                return Ok((digest, None));
            }
            let resolved = registry.resolve(&image)?;
            Ok((resolved.digest.to_string(), Some(images(&resolved))))
        })
        .await;
    let now = app.clock.now();
    let (digest, images) = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_not_found() => {
            app.store
                .put_gone_tag(known, repository, &tag.name, now)
                .await?;
            return Ok(Ok(()));
        }
        // One tag that lies, or is no image, keeps nobody from the others.
        Err(
            error @ (AskError::WrongDigest { .. }
            | AskError::NotUnderstood { .. }
            | AskError::Bounds { .. }),
        ) => {
            tracing::warn!(
                registry.name = %known.name,
                repository,
                tag = %tag.name,
                error = %model::error::chain(&error),
                "a tag is not what it should be"
            );
            (tag.digest.clone().unwrap_or_default(), None)
        }
        Err(error) => return Ok(Err(error)),
    };
    if let Some(images) = &images {
        super::attached(app, known, &tag.name, None).await?;
        super::to_verify(app, known, repository, &digest, images);
    }
    let elsewhere = match &images {
        Some(images) if !images.is_empty() => {
            app.store.elsewhere(known, repository, &digest).await?
        }
        _ => None,
    };
    let seen = SeenTag {
        name: tag.name.clone(),
        digest,
        images: images.clone().unwrap_or_default(),
        pushed: None,
    };
    app.store.put_seen_tag(known, repository, seen, now).await?;
    let images = images.unwrap_or_default();
    let place = format!("{}/{repository}:{}", known.address, tag.name);
    for (digest, platform) in &images {
        let (origin, reason) = match (&elsewhere, known.polled) {
            (Some(source), Some(_)) => (
                ScanOrigin::Import,
                format!("copied to {place} from {source}"),
            ),
            (_, Some(_)) => (
                ScanOrigin::Push,
                format!("pushed to {place}, as a walk of the registry found"),
            ),
            (_, None) => (ScanOrigin::Schedule, format!("found at {place}")),
        };
        let cause = Cause {
            origin,
            reason,
            source: elsewhere.clone().filter(|_| origin == ScanOrigin::Import),
            unless: Unless {
                read: Some(read_since(now - super::due::FRESH)),
                tried: None,
            },
        };
        let image = Image {
            repository,
            tag: Some(&tag.name),
            digest,
            platform: platform.as_deref(),
            is_one_of_many: images.len() > 1,
        };
        queue_wish(app, wish(known, &image, cause, now)).await?;
    }
    Ok(Ok(()))
}
