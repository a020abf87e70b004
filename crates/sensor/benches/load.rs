//! How many events a second get all the way: from a program in the kernel
//! through the ring, decoding, context, history, rules and analytics; and
//! that beyond it each one that does not is counted.
//!
//! ```sh
//! cargo bench -p sensor --bench load -- 250000 60            # a second, seconds
//! cargo bench -p sensor --bench load -- 250000 60 8388608    # and the ring's bytes
//! ```
//!
//! What is synthetic: nobody made the system calls. A program that is run a
//! thousand times over writes what the one at the end of a call would have
//! written of a file that is opened to be written, by this process, with its
//! path and what the file is. From there on all is as it is in the sensor,
//! but for what alerts cause, as there are none.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use model::{Clock as _, SystemClock};
use rustix::time::{ClockId, clock_gettime};
use sensor::{
    context::{self, Context, Nothing},
    detect::{self, Detector},
    kernel::{Class, ClassCounters, Error, Kernel, Settings},
    run::moment,
};

/// The bar, as the sensor is by default; and as many as can be made, with a
/// ring that has no room for them. A second, seconds, bytes.
const RATES: [(u64, u64, u32); 2] = [(250_000, 60, 4 << 20), (4_000_000, 5, 64 << 10)];
/// Written in one go.
const BATCH: u64 = 1_000;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let asked = match numbers[..] {
        [rate, seconds] => vec![(rate, seconds, 4 << 20)],
        [rate, seconds, ring, ..] => vec![(rate, seconds, u32::try_from(ring).unwrap_or(4 << 20))],
        _ => RATES.to_vec(),
    };
    for (rate, seconds, ring) in asked {
        match load(rate, Duration::from_secs(seconds), ring) {
            Ok(true) => {}
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => println!("not measured: {}", model::error::chain(&error)),
        }
    }
    ExitCode::SUCCESS
}

/// Says whether each record was either judged or counted as lost.
fn load(rate: u64, time: Duration, ring: u32) -> Result<bool, Error> {
    let (mut kernel, _) = Kernel::start(&Settings {
        bulk_rate: 0,
        bulk_bytes: ring,
        ..Settings::default()
    })?;
    let Some(mut synthetic) = kernel.synthetic() else {
        println!("not measured: no program may be loaded here");
        return Ok(true);
    };
    let mut context = Context::new(
        context::Settings::default(),
        Box::new(Nothing),
        moment(&SystemClock),
    );
    let snapshot = context.snapshot();
    context.start(&snapshot, &mut |_| {});
    let loaded = detect::load(&[], &[], &[]);
    let mut detector = Detector::new(loaded.engine, detect::Settings::default());

    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    let producer = thread::spawn(move || {
        let begun = Instant::now();
        let mut batches = 0_u32;
        let step = Duration::from_secs(BATCH) / u32::try_from(rate).unwrap_or(u32::MAX);
        while begun.elapsed() < time {
            if let Some(early) = (step * batches).checked_sub(begun.elapsed()) {
                thread::sleep(early);
            }
            if synthetic.write().is_err() {
                break;
            }
            batches += 1;
        }
        told.store(true, Ordering::Relaxed);
        (u64::from(batches) * BATCH, begun.elapsed())
    });
    let cpu = clock();
    let (mut tick, mut alerts, mut records) = (Instant::now(), 0_u64, 0_usize);
    loop {
        let ended = is_over.load(Ordering::Relaxed);
        let now = SystemClock.now();
        let few = kernel.poll(Duration::from_millis(100), &mut |record| {
            context.take(record, &mut |told| {
                detector.take(&told, now, &mut |_| alerts += 1);
            });
        })?;
        records += few;
        if tick.elapsed() > Duration::from_secs(1) {
            tick = Instant::now();
            context.tick(moment(&SystemClock), &mut |_| {});
            detector.tick(now, &mut |_| alerts += 1);
        }
        if ended && few == 0 {
            break;
        }
    }
    let took = clock().saturating_sub(cpu);
    let (made, wall) = producer.join().unwrap_or_default();
    let counters = kernel.counters();
    let Some(all) = counters.iter().find(|it| it.class == Class::Synthetic) else {
        return Ok(false);
    };
    println!(
        "{rate} a second asked for: {made} made in {:.1} s ({:.0} a second), {} judged by {} rules \
         ({:.2} µs each, {alerts} alerts of all that went on), {} dropped",
        wall.as_secs_f64(),
        real(made) / wall.as_secs_f64(),
        all.delivered,
        detector.rules(),
        took.as_secs_f64() * 1e6 / real(records as u64),
        all.dropped,
    );
    Ok(is_accounted_for(all, made))
}

fn is_accounted_for(all: &ClassCounters, made: u64) -> bool {
    let is_so = all.seen == made && all.sent + all.dropped == made && all.delivered == all.sent;
    if !is_so {
        println!("some are neither judged nor counted as lost: {all:?}");
    }
    is_so
}

/// What this thread took.
fn clock() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// A count, to be divided by.
#[expect(clippy::cast_precision_loss, reason = "a measurement")]
fn real(count: u64) -> f64 {
    count as f64
}
