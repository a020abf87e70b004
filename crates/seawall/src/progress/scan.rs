//! A scan as it goes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use indicatif::{MultiProgress, ProgressBar};
use scan::ProgressEvent;

use super::{byte_bar, canvas, spinner};

/// One line for the target, and a bar for each layer being read.
#[derive(Debug)]
pub(crate) struct ScanProgress {
    bars: MultiProgress,
    headline: ProgressBar,
    target: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    layers: HashMap<usize, ProgressBar>,
    of: usize,
    done: usize,
    cached: usize,
}

impl ScanProgress {
    pub(crate) fn start(target: &str, has_bars: bool) -> Self {
        let bars = canvas(has_bars);
        let headline = spinner(&bars, format!("scanning {target}"));
        Self {
            bars,
            headline,
            target: target.to_owned(),
            state: Mutex::default(),
        }
    }

    /// Removes every line, so that the result stands alone.
    pub(crate) fn finish(&self) {
        for bar in self.state().layers.values() {
            bar.finish_and_clear();
        }
        self.headline.finish_and_clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Bars are only shown: a panic elsewhere cannot make them wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl scan::Progress for ScanProgress {
    fn report(&self, event: ProgressEvent<'_>) {
        let target = self.target.as_str();
        match event {
            ProgressEvent::Resolved { layers, bytes } => {
                tracing::info!(target = target, layers, bytes, "resolved");
                self.state().of = layers;
            }
            ProgressEvent::LayerStarted {
                layer,
                diff_id,
                bytes,
            } => {
                tracing::info!(layer = layer + 1, layer.diff_id = %diff_id, bytes, "reading layer");
                let bar = byte_bar(&self.bars, format!("layer {}", layer + 1), bytes);
                self.state().layers.insert(layer, bar);
            }
            ProgressEvent::LayerAdvanced { layer, bytes } => {
                if let Some(bar) = self.state().layers.get(&layer) {
                    bar.inc(bytes);
                }
            }
            ProgressEvent::LayerDone { layer, cached } => {
                tracing::info!(layer = layer + 1, cached, "layer done");
                let mut state = self.state();
                if let Some(bar) = state.layers.remove(&layer) {
                    bar.finish_and_clear();
                }
                state.done += 1;
                state.cached += usize::from(cached);
                let known = if state.cached > 0 {
                    format!(", {} known from before", state.cached)
                } else {
                    String::new()
                };
                self.headline.set_message(format!(
                    "scanning {target}: {} of {} layers{known}",
                    state.done,
                    state.of.max(state.done),
                ));
            }
            ProgressEvent::FilesWalked { files } => {
                self.headline
                    .set_message(format!("scanning {target}: {files} files"));
            }
            ProgressEvent::Note(text) => tracing::info!(target = target, "{text}"),
        }
    }
}
