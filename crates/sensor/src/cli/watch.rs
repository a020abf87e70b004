//! From flags to what the library is told.

use sensor::{context::Sources, kernel::Settings};

use super::args::Watch;

/// How the kernel is watched.
pub(crate) fn kernel(watch: &Watch) -> Settings {
    Settings {
        bulk_bytes: u32::try_from(watch.ring).unwrap_or(u32::MAX),
        own_pid: Some(std::process::id()),
        ..Settings::default()
    }
}

/// Where runtimes keep what they know of containers.
pub(crate) fn sources(watch: &Watch) -> Sources {
    Sources {
        root: watch.host_root.clone(),
        ..Sources::default()
    }
}
