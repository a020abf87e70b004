//! Bringing advisories in and carrying them out: `update`, `import` and
//! `export`.

use anyhow::anyhow;
use fetch::{Client, Url};
use vulns::feed::{self, FeedError, Outcome, SigningKey, TrustedKey, UpdateOptions};

use super::super::{Context, write_stdout};
use crate::{
    args::db::{Export, Import, Update},
    cancel,
    exit::{Exit, Failure},
    progress::FeedProgress,
};

/// Warnings quoted in full; the rest are counted.
const QUOTED_WARNINGS: usize = 5;

pub(super) fn update(context: &Context, arguments: &Update) -> Result<Exit, Failure> {
    let options = update_options(context, arguments)?;
    let client = Client::new(&fetch::Settings {
        ca_file: arguments.ca_file.clone(),
        ..fetch::Settings::default()
    })
    .map_err(Failure::failed)?;
    let folder = context.database_dir(&arguments.database);
    let cancel = cancel::on_signal()?;
    let progress = FeedProgress::start("looking for advisories", context.has_progress_bars());
    let outcome = feed::update(
        &folder,
        &options,
        &client,
        &context.clock,
        &progress,
        &cancel,
    );
    progress.finish();
    report(context, outcome)
}

fn update_options(context: &Context, arguments: &Update) -> Result<UpdateOptions, Failure> {
    let mut options = UpdateOptions {
        ecosystems: arguments.ecosystem.clone(),
        ..UpdateOptions::default()
    };
    let mirror = arguments
        .mirror
        .clone()
        .or_else(|| context.env.text("SEAWALL_FEED_URL"));
    if let Some(mirror) = mirror {
        // A folder's address ends in a slash, or its last part is lost
        // when names are joined to it.
        let mirror = format!("{}/", mirror.trim_end_matches('/'));
        options.base_url = url(&mirror)?;
    }
    if let Some(text) = &arguments.epss_url {
        options.epss_url = Some(url(text)?);
    }
    if let Some(text) = &arguments.kev_url {
        options.kev_url = Some(url(text)?);
    }
    if arguments.no_epss {
        options.epss_url = None;
    }
    if arguments.no_kev {
        options.kev_url = None;
    }
    Ok(options)
}

fn url(text: &str) -> Result<Url, Failure> {
    let is_known = |url: &Url| matches!(url.scheme(), "https" | "http" | "file");
    Url::parse(text)
        .ok()
        .filter(is_known)
        .ok_or_else(|| Failure::usage(anyhow!("'{text}' is no https:, http: or file: address")))
}

pub(super) fn import(context: &Context, arguments: &Import) -> Result<Exit, Failure> {
    let trusted = arguments
        .trusted_key
        .iter()
        .map(|path| TrustedKey::read(path).map_err(Failure::bad_file))
        .collect::<Result<Vec<_>, _>>()?;
    let folder = context.database_dir(&arguments.database);
    let cancel = cancel::on_signal()?;
    let progress = FeedProgress::start("reading advisories", context.has_progress_bars());
    let outcome = feed::import(
        &folder,
        &arguments.paths,
        &trusted,
        &context.clock,
        &progress,
        &cancel,
    );
    progress.finish();
    report(context, outcome)
}

pub(super) fn export(context: &Context, arguments: &Export) -> Result<Exit, Failure> {
    let key = arguments
        .signing_key
        .as_deref()
        .map(|path| SigningKey::read(path).map_err(Failure::bad_file))
        .transpose()?;
    let folder = context.database_dir(&arguments.database);
    let cancel = cancel::on_signal()?;
    let progress = FeedProgress::start("packing advisories", context.has_progress_bars());
    let outcome = feed::export(
        &folder,
        &arguments.output,
        key.as_ref(),
        &context.clock,
        &progress,
        &cancel,
    );
    progress.finish();
    let exported = outcome.map_err(failure)?;
    let line = format!(
        "{}: {} records, {} bytes, {}\n",
        exported.path.display(),
        exported.records,
        exported.bytes,
        if exported.is_signed {
            "signed"
        } else {
            "not signed"
        },
    );
    write_stdout(line.as_bytes())?;
    Ok(Exit::Clean)
}

fn report(context: &Context, outcome: Result<Outcome, FeedError>) -> Result<Exit, Failure> {
    let outcome = outcome.map_err(failure)?;
    for warning in outcome.warnings.iter().take(QUOTED_WARNINGS) {
        context.warn(warning);
    }
    let more = outcome.warnings.len().saturating_sub(QUOTED_WARNINGS);
    if more > 0 {
        context.warn(&format!("{more} more like these (-vv lists them)"));
    }
    let status = &outcome.status;
    let state = if outcome.changed { "" } else { "nothing new; " };
    write_stdout(
        format!(
            "{state}{} advisories from {} sources, generation {}\n",
            status.advisories,
            status.sources.len(),
            status.generation
        )
        .as_bytes(),
    )?;
    Ok(Exit::Clean)
}

fn failure(error: FeedError) -> Failure {
    let help = match &error {
        FeedError::Busy(_) => Some("wait until the other one is done, or stop it"),
        FeedError::NothingFound(_) => {
            Some("OSV records are expected, as in <Ecosystem>/all.zip or <id>.json")
        }
        FeedError::NothingToExport => Some("fetch some with `seawall db update` first"),
        FeedError::Unsigned(_) | FeedError::Signature(_) => {
            Some("ask whoever made the bundle for a signed one, or for their public key")
        }
        FeedError::AllFailed { .. } => Some(
            "without network, carry a bundle over: `seawall db export` there, `seawall db import` here",
        ),
        _ => None,
    };
    let help = help.map(str::to_owned);
    Failure::failed(error).help_if(help.as_deref())
}
