//! Fetching VEX documents from the addresses somebody named: at once, then
//! every so many hours, asking only for what changed. What cannot be
//! fetched leaves what was there before, and says why.

use std::{sync::Arc, time::Duration};

use fetch::{Client, Guard, Settings, Url};
use jiff::{SignedDuration, Timestamp};
use model::{Cancel, error::chain};
use store::{FetchedVex, StoreError, VexFetch, VexSource};
use vulns::vex::hub::{self, Hub};

use super::engine;
use crate::{app::App, http::vex};

/// How often it is looked for sources that are due.
const STEP: Duration = Duration::from_secs(30);
/// How long one fetch may take, whatever it fetches.
const LEASE: SignedDuration = SignedDuration::from_mins(30);
/// How soon one that failed is asked again.
const AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Fetches until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    if let Err(error) = app.store.free_vex_source_leases().await {
        failed(&error);
    }
    loop {
        if let Err(error) = once(&app).await {
            failed(&error);
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = app.vex_bell.notified() => {}
            () = tokio::time::sleep(STEP) => {}
        }
    }
}

fn failed(error: &StoreError) {
    tracing::error!(error = %chain(error), "cannot keep what VEX sources say");
}

/// Fetches what is due, now.
pub(crate) async fn once(app: &Arc<App>) -> Result<(), StoreError> {
    let scope = app.store.scope(None).await?;
    for source in app.store.vex_sources(&scope).await? {
        let now = app.clock.now();
        if app.shutdown.is_cancelled() || source.next_try > now {
            continue;
        }
        if app
            .store
            .lease_vex_source(&source, &app.holder, now, now + LEASE)
            .await?
        {
            take(app, &source, now).await?;
        }
    }
    Ok(())
}

async fn take(app: &Arc<App>, source: &VexSource, now: Timestamp) -> Result<(), StoreError> {
    let cancel = Cancel::default();
    let asking = {
        let (source, cancel) = (source.clone(), cancel.clone());
        engine::blocking(move || ask(&source, &cancel))
    };
    tokio::pin!(asking);
    let answer = tokio::select! {
        answer = &mut asking => answer,
        () = app.shutdown.cancelled() => {
            cancel.cancel();
            asking.await
        }
    };
    if app.shutdown.is_cancelled() {
        return Ok(());
    }
    let hours = SignedDuration::from_hours(i64::from(source.record.every_hours));
    let (fetch, wait) = match answer {
        Ok(Hub::Unchanged) => (VexFetch::Unchanged, hours),
        Ok(Hub::Documents {
            documents,
            left_out,
            mark,
        }) => {
            let documents = documents.into_iter().map(|found| FetchedVex {
                name: found.name,
                statements: found.statements as u64,
                document: found.bytes,
            });
            let fetch = VexFetch::Documents {
                documents: documents.collect(),
                left_out: left_out as u64,
                mark,
            };
            (fetch, hours)
        }
        Err(told) => {
            tracing::warn!(source = %source.record.name, error = %told, "cannot fetch VEX");
            (VexFetch::Failed(told), AGAIN.min(hours))
        }
    };
    let changed = app
        .store
        .put_vex_fetch(source, fetch, now, now + wait)
        .await?;
    if !changed.is_empty() {
        let said = changed.iter().filter_map(vex::reread).collect();
        let reason = format!("VEX source {} says something else", source.record.name);
        vex::judge_again(app, source.environment.clone(), said, reason);
    }
    Ok(())
}

fn ask(source: &VexSource, cancel: &Cancel) -> Result<Hub, String> {
    let address = Url::parse(&source.record.address).map_err(|error| error.to_string())?;
    let settings = Settings {
        guard: Some(Guard {
            allow_private: source.record.allow_private,
            allow_loopback: source.record.allow_private,
        }),
        retries: 2,
        total_timeout: Some(Duration::from_mins(5)),
        ..Settings::default()
    };
    let client = Client::new(&settings).map_err(|error| format!("failed to {}", chain(&error)))?;
    hub::fetch(&client, &address, source.mark.as_deref(), cancel)
        .map_err(|error| format!("failed to {}", chain(&error)))
}
