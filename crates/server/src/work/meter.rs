//! How far a scan is: counters the scanning threads raise and the event
//! stream reads.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use api::scan::{ScanPhase, ScanProgress};

#[derive(Debug, Default)]
pub(crate) struct Meter {
    phase: AtomicU8,
    bytes_done: AtomicU64,
    /// Zero: not known.
    bytes_total: AtomicU64,
    layers_done: AtomicU32,
    layers_total: AtomicU32,
    layers_cached: AtomicU32,
    files: AtomicU64,
    changed: AtomicBool,
}

impl Meter {
    pub(crate) fn enter(&self, phase: ScanPhase) {
        let number = match phase {
            ScanPhase::Resolving => 0,
            ScanPhase::Reading => 1,
            ScanPhase::Matching => 2,
            ScanPhase::Storing => 3,
        };
        self.phase.store(number, Ordering::Relaxed);
        self.touch();
    }

    pub(crate) fn resolved(&self, layers: usize, bytes: Option<u64>) {
        let layers = u32::try_from(layers).unwrap_or(u32::MAX);
        self.layers_total.store(layers, Ordering::Relaxed);
        self.bytes_total
            .store(bytes.unwrap_or(0), Ordering::Relaxed);
        self.enter(ScanPhase::Reading);
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        self.touch();
    }

    pub(crate) fn layer_done(&self, cached: bool) {
        self.layers_done.fetch_add(1, Ordering::Relaxed);
        if cached {
            self.layers_cached.fetch_add(1, Ordering::Relaxed);
        }
        self.touch();
    }

    pub(crate) fn walked(&self, files: u64) {
        self.files.store(files, Ordering::Relaxed);
        self.enter(ScanPhase::Reading);
    }

    fn touch(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Whether anything moved since this was last asked.
    pub(crate) fn take_change(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn progress(&self) -> ScanProgress {
        let total = self.bytes_total.load(Ordering::Relaxed);
        ScanProgress {
            phase: match self.phase.load(Ordering::Relaxed) {
                0 => ScanPhase::Resolving,
                1 => ScanPhase::Reading,
                2 => ScanPhase::Matching,
                _ => ScanPhase::Storing,
            },
            bytes_done: self.bytes_done.load(Ordering::Relaxed),
            bytes_total: (total > 0).then_some(total),
            layers_done: self.layers_done.load(Ordering::Relaxed),
            layers_total: self.layers_total.load(Ordering::Relaxed),
            layers_cached: self.layers_cached.load(Ordering::Relaxed),
            files: self.files.load(Ordering::Relaxed),
        }
    }
}
