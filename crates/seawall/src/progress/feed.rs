//! Advisories as they arrive.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use indicatif::{MultiProgress, ProgressBar};
use vulns::feed::Event;

use super::{byte_bar, canvas, spinner};

/// One line for the whole, and a bar for each source on its way.
#[derive(Debug)]
pub(crate) struct FeedProgress {
    bars: MultiProgress,
    headline: ProgressBar,
    sources: Mutex<HashMap<String, ProgressBar>>,
}

impl FeedProgress {
    pub(crate) fn start(what: &str, has_bars: bool) -> Self {
        let bars = canvas(has_bars);
        let headline = spinner(&bars, what.to_owned());
        Self {
            bars,
            headline,
            sources: Mutex::default(),
        }
    }

    pub(crate) fn finish(&self) {
        for bar in self.sources().values() {
            bar.finish_and_clear();
        }
        self.headline.finish_and_clear();
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<String, ProgressBar>> {
        // Bars are only shown: a panic elsewhere cannot make them wrong.
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl vulns::feed::Progress for FeedProgress {
    fn report(&self, event: Event<'_>) {
        match event {
            Event::Started { source, bytes } => {
                tracing::info!(source, bytes, "reading advisories");
                let bar = byte_bar(&self.bars, source.to_owned(), bytes);
                if let Some(earlier) = self.sources().insert(source.to_owned(), bar) {
                    earlier.finish_and_clear();
                }
            }
            Event::Advanced { source, bytes } => {
                if let Some(bar) = self.sources().get(source) {
                    bar.set_position(bytes);
                }
            }
            Event::Done { source, changed } => {
                tracing::info!(source, changed, "advisories read");
                if let Some(bar) = self.sources().remove(source) {
                    bar.finish_and_clear();
                }
            }
            Event::Compiling { done, total } => {
                self.headline
                    .set_message(format!("compiling {done} of {total} advisories"));
            }
            Event::Warning(warning) => tracing::debug!(%warning, "left out"),
            _ => {}
        }
    }
}
