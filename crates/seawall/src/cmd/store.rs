//! `seawall store`

mod print;

use std::{path::Path, time::Instant};

use ::store::{Place, StoreError};

use super::{Context, config, write_stdout};
use crate::{
    args::{
        db::TextOrJson,
        store::{Backup, Check, Copy, Migrate, Store, StorePlace, Vacuum},
    },
    exit::{Exit, Failure},
    progress::CopyProgress,
};

pub(super) fn run(context: &Context, store: &Store) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    runtime.block_on(async {
        match store {
            Store::Migrate(arguments) => migrate(context, arguments).await,
            Store::Copy(arguments) => copy(context, arguments).await,
            Store::Backup(arguments) => backup(context, arguments).await,
            Store::Check(arguments) => check(context, arguments).await,
            Store::Vacuum(arguments) => vacuum(context, arguments).await,
        }
    })
}

async fn migrate(context: &Context, arguments: &Migrate) -> Result<Exit, Failure> {
    let place = place(context, &arguments.place)?;
    let migrated = ::store::migrate(&place).await.map_err(failure)?;
    print(
        arguments.format,
        &print::migrated(&place, migrated),
        &print::migrated_json(&place, migrated),
    )
}

async fn copy(context: &Context, arguments: &Copy) -> Result<Exit, Failure> {
    let from = StorePlace {
        store: arguments.from.clone(),
        config: arguments.config.clone(),
        data_dir: arguments.data_dir.clone(),
    };
    let from = place(context, &from)?;
    let to = Place::parse(&arguments.to).map_err(failure)?;
    let started = Instant::now();
    let mut progress = CopyProgress::start(context.has_progress_bars());
    let copied = ::store::copy(&from, &to, &mut |step| progress.report(&step)).await;
    progress.finish();
    let copied = copied.map_err(failure)?;
    let seconds = started.elapsed().as_secs_f64();
    print(
        arguments.format,
        &print::copied(&from, &to, &copied, seconds),
        &print::copied_json(&from, &to, &copied, seconds),
    )
}

async fn backup(context: &Context, arguments: &Backup) -> Result<Exit, Failure> {
    let place = place(context, &arguments.place)?;
    let mut progress = CopyProgress::start(context.has_progress_bars());
    let backup = ::store::backup(&place, &arguments.file, &mut |step| progress.report(&step)).await;
    progress.finish();
    let backup = backup.map_err(failure)?;
    print(
        arguments.format,
        &print::backup(&place, &backup),
        &print::backup_json(&place, &backup),
    )
}

async fn check(context: &Context, arguments: &Check) -> Result<Exit, Failure> {
    let place = place(context, &arguments.place)?;
    let check = ::store::check(&place).await.map_err(failure)?;
    print(
        arguments.format,
        &print::check(&place, &check),
        &print::check_json(&place, &check),
    )?;
    if check.problems.is_empty() {
        return Ok(Exit::Clean);
    }
    Ok(Exit::Failed)
}

async fn vacuum(context: &Context, arguments: &Vacuum) -> Result<Exit, Failure> {
    let place = place(context, &arguments.place)?;
    let (before, after) = ::store::vacuum(&place).await.map_err(failure)?;
    print(
        arguments.format,
        &print::vacuumed(&place, before, after),
        &print::vacuumed_json(&place, before, after),
    )
}

/// The record named on the command line, or the server's.
pub(super) fn place(context: &Context, choice: &StorePlace) -> Result<Place, Failure> {
    if let Some(text) = &choice.store {
        return Place::parse(text).map_err(failure);
    }
    let config = config::read(
        context,
        choice.config.as_deref(),
        choice.data_dir.as_deref(),
    )?;
    config.store().map_err(failure)
}

fn print(format: TextOrJson, text: &str, json: &serde_json::Value) -> Result<Exit, Failure> {
    match format {
        TextOrJson::Text => write_stdout(text.as_bytes())?,
        TextOrJson::Json => write_stdout(format!("{json:#}\n").as_bytes())?,
    }
    Ok(Exit::Clean)
}

fn failure(error: StoreError) -> Failure {
    let (usage, help) = match &error {
        StoreError::Url(_) | StoreError::PasswordFile { .. } => (true, None),
        StoreError::InUse { path } => (
            false,
            Some(format!("stop the server that uses {} first", shown(path))),
        ),
        StoreError::Company { .. } => (false, Some("stop every server on it first".to_owned())),
        StoreError::NoStore { .. } => (
            false,
            Some("name a file or URL with --store or --from, or the folder with --data-dir".into()),
        ),
        _ => (false, None),
    };
    let failure = if usage {
        Failure::bad_file(error)
    } else {
        Failure::failed(error)
    };
    failure.help_if(help.as_deref())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
