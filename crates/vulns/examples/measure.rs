//! What compiling and opening cost: time, and private memory at its
//! peak. Run it alone, in release:
//! `cargo run --release -p vulns --example measure -- <folder>…`

#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]

use std::{
    error::Error,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use model::{Cancel, SystemClock};
use vulns::{
    Database,
    feed::{self, Event, Progress},
};

/// Looks at this process's memory whenever it hears of progress.
#[derive(Debug, Default)]
struct Watch {
    peak: AtomicU64,
}

impl Progress for Watch {
    fn report(&self, _: Event<'_>) {
        let now = kilobytes("RssAnon:").unwrap_or_default();
        self.peak.fetch_max(now, Ordering::Relaxed);
    }
}

/// A line of `/proc/self/status`, in kB.
fn kilobytes(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|text| text.strip_prefix(line))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let dir = tempfile::tempdir()?;
    let (watch, cancel) = (Watch::default(), Cancel::default());
    let start = Instant::now();
    let outcome = feed::import(dir.path(), &paths, &[], &SystemClock, &watch, &cancel)?;
    let all = start.elapsed();
    println!(
        "{} advisories imported and compiled in {all:.2?}, {} left out",
        outcome.status.advisories,
        outcome.warnings.len()
    );
    let peak = watch.peak.load(Ordering::Relaxed);
    let end = kilobytes("RssAnon:").unwrap_or_default();
    println!("private memory: {peak} kB at its sampled peak, {end} kB at the end");
    println!(
        "resident with mapped files: {} kB at its peak",
        kilobytes("VmHWM:").unwrap_or_default()
    );
    let generation = dir
        .path()
        .join("generations")
        .join(&outcome.status.generation);
    println!("generation: {} bytes", std::fs::metadata(generation)?.len());
    let start = Instant::now();
    let db = Database::open(dir.path())?;
    println!("opened in {:.2?}", start.elapsed());
    println!("{} vulnerabilities", db.entries().count());
    Ok(())
}
