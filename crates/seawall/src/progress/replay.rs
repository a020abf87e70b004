//! Files of events as they are read.

use std::io::Read;

use indicatif::{MultiProgress, ProgressBar};

use super::{byte_bar, canvas};

/// One bar for the file under way.
#[derive(Debug)]
pub(crate) struct ReplayProgress {
    bars: MultiProgress,
    current: Option<ProgressBar>,
}

impl ReplayProgress {
    pub(crate) fn start(has_bars: bool) -> Self {
        Self {
            bars: canvas(has_bars),
            current: None,
        }
    }

    /// Goes on with the next file.
    pub(crate) fn file(&mut self, name: &str, length: Option<u64>) {
        self.finish();
        tracing::info!(file = name, "reading");
        self.current = Some(byte_bar(&self.bars, name.to_owned(), length));
    }

    /// Counts what is read of the file.
    pub(crate) fn counted<R: Read + Send + 'static>(&self, source: R) -> Box<dyn Read + Send> {
        match &self.current {
            Some(bar) => Box::new(bar.wrap_read(source)),
            None => Box::new(source),
        }
    }

    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}
