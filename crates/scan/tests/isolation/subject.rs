//! Scanning by workers, and looking at them.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use model::{Cancel, Sbom};
use scan::{Isolation, Limits, Options, Progress, ScanError, Silent, Source};
use tempfile::TempDir;
use testkit::{Compression, Image, Layer};

pub(crate) fn honest() -> Isolation {
    Isolation::own().unwrap()
}

pub(crate) fn compromised() -> Isolation {
    let mut isolation = honest();
    isolation.arguments = vec!["attack".into()];
    isolation
}

pub(crate) fn scan_with(
    image: &Image,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Sbom, ScanError> {
    let folder = TempDir::new().unwrap();
    image.write_layout(folder.path());
    let source = Source::Layout(folder.path().to_owned());
    scan::scan(&source, options, progress, &Cancel::default())
}

pub(crate) fn scan_by(isolation: Isolation, image: &Image) -> Sbom {
    let options = Options {
        isolation: Some(isolation),
        ..Options::default()
    };
    scan_with(image, &options, &Silent).unwrap()
}

/// An image whose one layer tells a compromised worker what to try.
pub(crate) fn attack_image(attack: &str) -> Image {
    let text = format!("ATTACK {attack}\n");
    Image::new()
        .compression(Compression::Plain)
        .layer("ADD attack", Layer::new().file("attack", &text))
}

/// What came of an attack: all warnings of the scan.
pub(crate) fn outcome(attack: &str, limits: &Limits) -> Vec<String> {
    let mut isolation = compromised();
    isolation.memory = 128 << 20;
    let options = Options {
        isolation: Some(isolation),
        limits: limits.clone(),
        ..Options::default()
    };
    let sbom = scan_with(&attack_image(attack), &options, &Silent).unwrap();
    assert!(sbom.packages.is_empty());
    sbom.warnings
        .into_iter()
        .map(|warning| warning.message)
        .collect()
}

pub(crate) fn quick() -> Limits {
    Limits {
        layer_time: Duration::from_secs(1),
        ..Limits::default()
    }
}

/// The workers this process has now.
pub(crate) fn workers() -> Vec<i32> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let children = tasks.filter_map(|task| {
        let path = task.ok()?.path().join("children");
        fs::read_to_string(path).ok()
    });
    let children: String = children.collect();
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// One line of what the kernel says of a process.
pub(crate) fn status(pid: i32, key: &str) -> String {
    // One that has ended has nothing to say.
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let line = line.unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Does something once, when so many bytes of a layer have been read.
pub(crate) struct After {
    bytes: u64,
    act: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    read: Arc<Mutex<u64>>,
}

impl After {
    pub(crate) fn new(bytes: u64, act: impl FnOnce() + Send + 'static) -> Self {
        Self {
            bytes,
            act: Mutex::new(Some(Box::new(act))),
            read: Arc::default(),
        }
    }
}

impl Progress for After {
    fn report(&self, event: scan::ProgressEvent<'_>) {
        if let scan::ProgressEvent::LayerAdvanced { bytes, .. } = event {
            let mut read = self.read.lock().unwrap();
            *read += bytes;
            if *read >= self.bytes
                && let Some(act) = self.act.lock().unwrap().take()
            {
                act();
            }
        }
    }
}
