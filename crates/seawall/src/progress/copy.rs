//! Tables as they are copied.

use indicatif::{MultiProgress, ProgressBar};

use super::{canvas, row_bar};

/// One bar for the table under way.
#[derive(Debug)]
pub(crate) struct CopyProgress {
    bars: MultiProgress,
    current: Option<(String, bool, ProgressBar)>,
}

impl CopyProgress {
    pub(crate) fn start(has_bars: bool) -> Self {
        Self {
            bars: canvas(has_bars),
            current: None,
        }
    }

    pub(crate) fn report(&mut self, step: &store::CopyProgress<'_>) {
        match &self.current {
            Some((table, verifying, bar))
                if table == step.table && *verifying == step.verifying =>
            {
                bar.set_position(step.rows);
            }
            _ => {
                tracing::info!(
                    table = step.table,
                    rows = step.of,
                    verifying = step.verifying,
                    "copying"
                );
                let what = if step.verifying {
                    "verifying"
                } else {
                    "copying"
                };
                let bar = row_bar(&self.bars, format!("{what} {}", step.table), step.of);
                let next = Some((step.table.to_owned(), step.verifying, bar));
                if let Some((_, _, bar)) = std::mem::replace(&mut self.current, next) {
                    bar.finish_and_clear();
                }
            }
        }
    }

    pub(crate) fn finish(&mut self) {
        if let Some((_, _, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}
