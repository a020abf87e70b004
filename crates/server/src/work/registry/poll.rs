//! A walk of what a registry holds: its repositories, their tags, and
//! what those point to that pointed elsewhere before.
//!
//! A walk is bounded in what it reads and asks. Repositories take turns,
//! those longest ago first; names are written page by page as they come,
//! and what they point to is asked for the newest first, and only the
//! headers of it. What is left, the next walk goes on with, at once.

use jiff::{SignedDuration, Timestamp};
use registry::{AskError, Names};
use store::{
    DueRepository, FoundReferrer, KnownTag, NewScan, Registry, RegistryLook, RepositoryWalk, Rest,
    ScanOrigin, SeenTag, StoreError, TagAnswer, TagList, Unless,
};
use tokio::sync::mpsc;

use super::{
    Cause, Image, Opened, Round, attached, copied, images, lease, note_fault, queue, read_since,
    tell, wish,
};
use crate::{app::App, metrics, registries};

/// Repositories of one registry.
const REPOSITORIES: usize = 20_000;
/// Repositories looked at in one walk.
const TURNS: u32 = 2_000;
/// Names of tags of one repository.
const TAGS: u64 = 200_000;
/// Names written in one go.
const WRITTEN: usize = 1_000;
/// Pages of one repository's tags read in one walk, and of all of them.
const PAGES_OF_ONE: usize = 64;
const PAGES: usize = 2_000;
/// Tags asked for in one walk.
const QUESTIONS: usize = 2_000;
/// A page that has fewer counts as so many of them: only the last has.
const LEAST: usize = 100;
/// A longer address of a page is not kept.
const LONGEST_PAGE: usize = 4_096;

/// What is told of so many tags, or in so long, is written in one go: a
/// server that dies asks for no more than that again.
const TOGETHER: usize = 200;
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// What a walk may still do.
struct Budget {
    pages: usize,
    questions: usize,
}

/// Walks a registry, and notes how that went.
pub(super) async fn walk(app: &App, known: &Registry, round: Round) -> Result<(), StoreError> {
    let opened = match Opened::new(app, known) {
        Ok(opened) => opened,
        Err(error) => return note_fault(app, known, registries::fault(&error), None).await,
    };
    metrics::count(&app.metrics.registry_walks);
    match walk_all(app, &opened, round).await? {
        Ok(is_over) => {
            let now = app.clock.now();
            app.store
                .note_registry_look(known, RegistryLook::default(), now)
                .await?;
            tell(app, known);
            if !is_over {
                app.registries.go_on(&known.id, round);
            }
            Ok(())
        }
        Err(_) if app.shutdown.is_cancelled() => Ok(()),
        Err(error) => {
            tracing::warn!(
                registry.name = %known.name,
                error = %model::error::chain(&error),
                "cannot walk a registry"
            );
            if error.later().is_some() {
                app.registries.go_on(&known.id, round);
            }
            let told = registries::unanswered(&error);
            note_fault(app, known, told, error.later()).await
        }
    }
}

/// `true`: nothing is left.
async fn walk_all(
    app: &App,
    opened: &Opened,
    round: Round,
) -> Result<Result<bool, AskError>, StoreError> {
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
    let (count, is_whole) = (names.len(), names.len() < REPOSITORIES);
    let mut unread = Vec::new();
    let now = app.clock.now();
    app.store
        .put_repositories(known, names, is_whole, now)
        .await?;
    let turns = app
        .store
        .repositories_to_walk(known, round.before, now, TURNS)
        .await?;
    let mut is_over = turns.len() < TURNS as usize;
    let mut budget = Budget {
        pages: PAGES,
        questions: QUESTIONS,
    };
    for turn in turns {
        let is_spent = budget.pages == 0 || budget.questions == 0;
        if is_spent || app.shutdown.is_cancelled() {
            is_over = false;
            break;
        }
        if !lease(app, known).await? {
            // Another server goes on with it.
            return Ok(Ok(true));
        }
        let (walked, error) = match walk_repository(app, opened, round, &turn, &mut budget).await? {
            Ok(walked) => (walked, None),
            Err(_) if app.shutdown.is_cancelled() => return Ok(Ok(false)),
            Err(error) => (failed(&error), Some(error)),
        };
        is_over &= !walked.unfinished;
        app.store
            .note_repository_walk(known, &turn.name, walked, app.clock.now())
            .await?;
        match error {
            Some(error) if error.is_of_all() => return Ok(Err(error)),
            Some(error) if !error.is_not_found() => unread.push(error),
            _ => {}
        }
    }
    // Where not one of all can be read, it is the registry that is ill.
    match unread.pop() {
        Some(error) if unread.len() + 1 >= count.min(TURNS as usize) => Ok(Err(error)),
        _ => Ok(Ok(is_over)),
    }
}

/// What is noted of a repository whose walk ended so. It goes to the end
/// of the line all the same: it may be the only one that does so.
fn failed(error: &AskError) -> RepositoryWalk {
    // It went while it was looked at, or it was not its fault.
    let is_none = error.is_not_found() || error.later().is_some();
    RepositoryWalk {
        unfinished: error.later().is_some(),
        error: (!is_none).then(|| registries::unanswered(error).to_string()),
    }
}

async fn walk_repository(
    app: &App,
    opened: &Opened,
    round: Round,
    turn: &DueRepository,
    budget: &mut Budget,
) -> Result<Result<RepositoryWalk, AskError>, StoreError> {
    let known = &opened.known;
    let unfinished = RepositoryWalk {
        unfinished: true,
        ..RepositoryWalk::default()
    };
    let mut fault = None;
    if turn.listed.is_none_or(|listed| listed < round.before) {
        let list = match read_list(app, opened, turn, budget).await? {
            Ok(list) => list,
            Err(error) => return Ok(Err(error)),
        };
        match list.rest {
            // Which are its newest is not known before.
            Rest::From(_) => return Ok(Ok(unfinished)),
            Rest::Unread => fault = Some(too_long(known, turn, list.read)),
            Rest::Nothing => {}
        }
    }
    let left = u32::try_from(budget.questions).unwrap_or(u32::MAX);
    let newest = known.settings.tags;
    let mut due = app
        .store
        .tags_to_check(
            known,
            &turn.name,
            newest,
            round.before,
            left.saturating_add(1),
        )
        .await?;
    let is_more = due.len() > budget.questions;
    due.truncate(budget.questions);
    let mut learnt = Learnt::default();
    let looked = look_at_tags(app, opened, round, turn, due, budget, &mut learnt).await?;
    learnt.keep(app, known, &turn.name).await?;
    Ok(looked.map(|is_whole| {
        if is_whole {
            RepositoryWalk {
                unfinished: is_more,
                error: fault,
            }
        } else {
            unfinished
        }
    }))
}

/// `true`: at all of them.
async fn look_at_tags(
    app: &App,
    opened: &Opened,
    round: Round,
    turn: &DueRepository,
    due: Vec<KnownTag>,
    budget: &mut Budget,
    learnt: &mut Learnt,
) -> Result<Result<bool, AskError>, StoreError> {
    let known = &opened.known;
    for tag in due {
        if app.shutdown.is_cancelled() {
            return Ok(Ok(false));
        }
        budget.questions = budget.questions.saturating_sub(1);
        if let Err(error) = look_at_tag(app, opened, round, &turn.name, &tag, learnt).await? {
            return Ok(Err(error));
        }
        if learnt.is_much(app.clock.now()) {
            learnt.keep(app, known, &turn.name).await?;
            if !lease(app, known).await? {
                return Ok(Ok(false));
            }
        }
    }
    Ok(Ok(true))
}

/// What was told of tags of a repository, until it is written.
#[derive(Default)]
struct Learnt {
    answers: Vec<(Timestamp, TagAnswer)>,
    wishes: Vec<NewScan>,
    beside: Vec<FoundReferrer>,
}

impl Learnt {
    fn is_much(&self, now: Timestamp) -> bool {
        let since = self.answers.first().map(|(time, _)| *time);
        self.answers.len().max(self.wishes.len()) >= TOGETHER
            || since.is_some_and(|since| now.duration_since(since) >= SOON)
    }

    /// Wishes first: a tag whose answer was lost is asked for again, and
    /// its wish joins the one that waits.
    async fn keep(
        &mut self,
        app: &App,
        known: &Registry,
        repository: &str,
    ) -> Result<(), StoreError> {
        queue::wish_all(app, std::mem::take(&mut self.wishes)).await?;
        let beside = std::mem::take(&mut self.beside);
        attached::keep(app, known, repository, beside, app.clock.now()).await?;
        app.store
            .put_tag_answers(known, repository, std::mem::take(&mut self.answers))
            .await
    }
}

/// What is told of a list that is not read to its end.
fn too_long(known: &Registry, turn: &DueRepository, read: u64) -> String {
    let error = AskError::Bounds {
        what: format!("the tags of {}/{}", known.address, turn.name),
        reason: format!("they go on after {read}; what comes after is not looked at"),
    };
    registries::unanswered(&error).to_string()
}

/// Reads on in a repository's list of tags, and writes each page as it
/// comes; how far it is read after.
async fn read_list(
    app: &App,
    opened: &Opened,
    turn: &DueRepository,
    budget: &mut Budget,
) -> Result<Result<TagList, AskError>, StoreError> {
    let known = &opened.known;
    let first = match &turn.list.rest {
        Rest::From(page) => page.clone(),
        Rest::Nothing | Rest::Unread => None,
    };
    let is_resumed = first.is_some();
    let (sender, receiver) = mpsc::channel(1);
    let repository = turn.name.clone();
    let most = PAGES_OF_ONE.min(budget.pages);
    let reading = opened.ask(app, move |registry| {
        let mut listing = registry.tags_from(&repository, first.as_deref())?;
        for _ in 0..most {
            let Some(page) = listing.next_page() else {
                break;
            };
            if sender.blocking_send(page?).is_err() {
                break;
            }
        }
        Ok(())
    });
    let writing = write_pages(app, known, turn, receiver);
    let (answer, written) = tokio::join!(reading, writing);
    let (pages, list) = written?;
    budget.pages = budget.pages.saturating_sub(pages.max(1));
    match answer {
        Ok(()) => Ok(Ok(list)),
        // The page it was to go on from is no longer one: it begins anew.
        Err(error) if is_resumed && pages == 0 && !error.may_pass() => {
            app.store.forget_tag_list(known, &turn.name).await?;
            if error.is_of_all() {
                return Ok(Err(error));
            }
            let rest = Rest::From(None);
            Ok(Ok(TagList { rest, ..list }))
        }
        Err(error) => Ok(Err(error)),
    }
}

/// How many pages came, and how far the list is read with them.
async fn write_pages(
    app: &App,
    known: &Registry,
    turn: &DueRepository,
    mut pages: mpsc::Receiver<Names>,
) -> Result<(usize, TagList), StoreError> {
    let (mut list, mut count) = (turn.list.clone(), 0);
    while let Some(page) = pages.recv().await {
        count += 1;
        list.read += page.names.len().max(LEAST) as u64;
        list.rest = match page.next {
            None => Rest::Nothing,
            Some(next) if list.read >= TAGS || next.len() > LONGEST_PAGE => Rest::Unread,
            Some(next) => Rest::From(Some(next)),
        };
        let mut parts: Vec<_> = page.names.chunks(WRITTEN).map(<[String]>::to_vec).collect();
        let end = parts.pop().unwrap_or_default();
        for part in parts {
            let now = app.clock.now();
            app.store
                .put_tag_names(known, &turn.name, part, None, now)
                .await?;
        }
        let (now, read) = (app.clock.now(), Some(list.clone()));
        app.store
            .put_tag_names(known, &turn.name, end, read, now)
            .await?;
        lease(app, known).await?;
        if list.rest == Rest::Unread {
            break;
        }
    }
    Ok((count, list))
}

async fn look_at_tag(
    app: &App,
    opened: &Opened,
    round: Round,
    repository: &str,
    tag: &KnownTag,
    learnt: &mut Learnt,
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
            Ok((resolved.digest.to_string(), Some(resolved)))
        })
        .await;
    let now = app.clock.now();
    let (digest, resolved) = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_not_found() => {
            let gone = TagAnswer::Gone(tag.name.clone());
            learnt.answers.push((now, gone));
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
    let images = resolved.as_ref().map(images).unwrap_or_default();
    if let Some(resolved) = &resolved {
        attached::hurry(app, known, &tag.name, resolved.subject).await?;
        learnt
            .beside
            .extend(attached::resolved(&tag.name, resolved));
        super::to_verify(app, known, repository, &digest, &images);
    }
    let elsewhere = if images.is_empty() {
        None
    } else {
        app.store.elsewhere(known, repository, &digest).await?
    };
    let seen = SeenTag {
        name: tag.name.clone(),
        digest,
        images: images.clone(),
        pushed: None,
    };
    learnt.answers.push((now, TagAnswer::Leads(seen)));
    let place = format!("{}/{repository}:{}", known.address, tag.name);
    for (digest, platform) in &images {
        let (origin, reason) = match (&elsewhere, round.is_first) {
            (Some(source), false) => (
                ScanOrigin::Import,
                copied(app, known, &place, Some(source), digest).await?,
            ),
            (_, false) => (
                ScanOrigin::Push,
                format!("pushed to {place}, as a walk of the registry found"),
            ),
            (_, true) => (ScanOrigin::Schedule, format!("found at {place}")),
        };
        let cause = Cause {
            origin,
            reason,
            source: elsewhere.clone().filter(|_| origin == ScanOrigin::Import),
            unless: Unless {
                read: Some(read_since(app, now - super::due::FRESH)),
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
        learnt.wishes.extend(wish(known, &image, cause, now));
    }
    Ok(Ok(()))
}
