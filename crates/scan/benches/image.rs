//! What scanning a large image costs: CPU seconds, private memory, and
//! the time of a second scan.
//!
//! Run by hand, because it needs an image of realistic size:
//! `SEAWALL_BENCH_TARGET=oci:path/to/layout cargo bench -p scan`. With
//! `SEAWALL_BENCH_ISOLATION=1`, in processes of their own, whose CPU time
//! and memory are not counted.
//!
//! `SEAWALL_BENCH_LICENSES=1` with a folder of an unpacked Debian or Ubuntu
//! image (`SEAWALL_BENCH_TARGET=dir:/path`) measures instead what reading
//! its packages' licences costs: with `usr/share/doc` and without.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use model::{Cancel, Sbom};
use scan::{Options, Silent, Source};

const TARGET: &str = "SEAWALL_BENCH_TARGET";
const WARM_RUNS: u32 = 20;
const LICENSE_RUNS: u32 = 5;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    if scan::Isolation::is_asked(arguments.next().as_ref()) {
        scan::serve(arguments);
        return;
    }
    let Ok(target) = std::env::var(TARGET) else {
        println!("skipped: set {TARGET} to an image, as for `seawall scan`");
        return;
    };
    let source = match Source::detect(&target) {
        Ok(source) => source,
        Err(error) => {
            println!("failed to read {TARGET}: {error}");
            return;
        }
    };
    let cache = tempfile::tempdir().expect("invariant: there is room for a temporary folder");
    let mut options = Options {
        cache: Some(cache.path().to_owned()),
        ..Options::default()
    };
    if let Some(workers) = number("SEAWALL_BENCH_WORKERS") {
        options.workers = workers;
    }

    if number("SEAWALL_BENCH_LICENSES") == Some(1) {
        licenses(&source, &options);
        return;
    }
    if number("SEAWALL_BENCH_ISOLATION") == Some(1) {
        options.isolation = scan::Isolation::own().ok();
        let (started, rounds) = (Instant::now(), 50);
        for _ in 0..rounds {
            let sealed = options.isolation.as_ref().map(scan::Isolation::check);
            assert!(matches!(sealed, Some(Ok(_))), "{sealed:?}");
        }
        println!(
            "a worker's start and end: {:.2?}",
            started.elapsed() / rounds
        );
    }

    let peak = Peak::watch();
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let sbom = scan(&source, &options);
    let (wall, cpu) = (started.elapsed(), cpu_seconds() - cpu);
    println!(
        "first scan: {wall:.2?} wall, {cpu:.2} CPU s, {} MiB private memory at most, \
         {} layers, {} packages, {} warnings",
        peak.stop() >> 10,
        sbom.layers.len(),
        sbom.packages.len(),
        sbom.warnings.len(),
    );
    for warning in sbom.warnings.iter().take(5) {
        println!("  {warning}");
    }

    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..WARM_RUNS {
        let started = Instant::now();
        let again = scan(&source, &options);
        times.push(started.elapsed());
        assert_eq!(again, sbom, "the cache must not change the result");
    }
    times.sort();
    println!(
        "second scan: {:.2?} at best, {:.2?} median, {:.2?} at worst of {WARM_RUNS}",
        times[0],
        times[times.len() / 2],
        times[times.len() - 1],
    );
}

/// What reading Debian's copyright files costs. Both are read in turn, so
/// that whatever else the machine does falls on both.
fn licenses(source: &Source, options: &Options) {
    if !matches!(source, Source::Rootfs(_)) {
        println!("skipped: licences are measured on a folder");
        return;
    }
    let with = Options {
        cache: None,
        ..options.clone()
    };
    let mut without = with.clone();
    without.skip.push("usr/share/doc".to_owned());
    // Once unmeasured, so that the disk is warm.
    scan(source, &with);
    let mut spent = [0.0; 2];
    let mut named = [0; 2];
    for _ in 0..LICENSE_RUNS {
        for (at, options) in [&with, &without].into_iter().enumerate() {
            let cpu = cpu_seconds();
            let sbom = scan(source, options);
            spent[at] += cpu_seconds() - cpu;
            let has_one = |package: &&model::Package| !package.licenses.is_empty();
            named[at] = sbom.packages.iter().filter(has_one).count();
        }
    }
    let [with, without] = spent.map(|spent| spent / f64::from(LICENSE_RUNS));
    println!(
        "with licences of Debian's packages: {with:.3} CPU s, {} packages have one; without: \
         {without:.3} CPU s, {}; licences cost {:.3} CPU s",
        named[0],
        named[1],
        with - without,
    );
}

fn scan(source: &Source, options: &Options) -> Sbom {
    match scan::scan(source, options, &Silent, &Cancel::default()) {
        Ok(sbom) => sbom,
        Err(error) => panic!("failed to {}", model::error::chain(&error)),
    }
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

/// User and system time of this process, all threads (proc(5), stat).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    // Linux counts in hundredths whatever its own tick is.
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
}

/// The largest private memory (`RssAnon`) seen, in KiB.
struct Peak {
    is_over: Arc<AtomicBool>,
    watcher: std::thread::JoinHandle<u64>,
}

impl Peak {
    fn watch() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let watcher = std::thread::spawn(move || {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(private_kib());
                std::thread::sleep(Duration::from_millis(5));
            }
            most
        });
        Self { is_over, watcher }
    }

    fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.watcher.join().unwrap_or(0)
    }
}

fn private_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}
