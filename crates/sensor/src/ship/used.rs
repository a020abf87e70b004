//! Tells which files of images are used, a little at a time.
//!
//! What is not told is not lost: it is seen again. A server that knows
//! nothing of it is asked again after a while only.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use api::sensor::SensorUseReceipt;
use model::Clock;

use super::{
    Shared,
    link::{Link, MAX_ANSWER},
};
use crate::used::{Ledger, locked};

/// How often it is looked whether there is something to tell.
const EVERY: Duration = Duration::from_secs(10);
/// How long a server is left alone that does not know the question.
const ALONE: Duration = Duration::from_hours(1);

/// Tells until told to stop.
pub(super) fn run(shared: &Shared, link: &Link, ledger: &Arc<Mutex<Ledger>>, clock: &dyn Clock) {
    let mut backoff = shared.backoff("used");
    let mut is_told = false;
    while !shared.is_stopping() {
        let wait = match turn(link, ledger, clock) {
            Ok(true) => {
                backoff.succeeded();
                is_told = false;
                Duration::from_millis(200)
            }
            Ok(false) => EVERY,
            Err(Fault::Unknown) => {
                tracing::info!("the server does not take which files are used");
                ALONE
            }
            Err(Fault::Later(why)) => {
                if !is_told {
                    tracing::warn!(why, "which files are used does not reach the server");
                    is_told = true;
                }
                backoff.failed(None).max(EVERY)
            }
        };
        // In slices: a stop told between two looks must not wait for long.
        let mut left = wait;
        while !left.is_zero() && !shared.is_stopping() {
            let slice = left.min(EVERY);
            shared.pause(slice);
            left = left.saturating_sub(slice);
        }
    }
}

enum Fault {
    /// An older server.
    Unknown,
    Later(String),
}

/// Whether there was something to tell.
fn turn(link: &Link, ledger: &Mutex<Ledger>, clock: &dyn Clock) -> Result<bool, Fault> {
    let Some((body, sent)) = locked(ledger).next(clock.now()) else {
        return Ok(false);
    };
    let bytes = serde_json::to_vec(&body).expect("invariant: plain data");
    let answer = link
        .token()
        .map_err(|error| format!("the token cannot be read: {error}"))
        .and_then(|token| {
            let told = |error: fetch::FetchError| format!("cannot {}", model::error::chain(&error));
            let answer = link.post("used", &token, bytes).map_err(told)?;
            match answer.status {
                200 => answer
                    .json::<SensorUseReceipt>(MAX_ANSWER)
                    .map(Ok)
                    .map_err(told),
                status => Ok(Err(status)),
            }
        });
    match answer {
        Ok(Ok(receipt)) => {
            tracing::debug!(
                images = receipt.images,
                files = receipt.files,
                "told what is used"
            );
            locked(ledger).acknowledge(sent);
            Ok(true)
        }
        Ok(Err(404 | 405)) => {
            locked(ledger).take_back(sent);
            Err(Fault::Unknown)
        }
        Ok(Err(status)) => {
            // A body it refuses would be refused again.
            let is_refused = matches!(status, 400 | 413 | 422);
            if is_refused {
                locked(ledger).acknowledge(sent);
            } else {
                locked(ledger).take_back(sent);
            }
            Err(Fault::Later(format!("the server answers {status}")))
        }
        Err(why) => {
            locked(ledger).take_back(sent);
            Err(Fault::Later(why))
        }
    }
}
