//! What judging an event costs, by processor time, and what it allocates.
//!
//! ```sh
//! cargo bench -p sensor --bench detect
//! ```
//!
//! A made-up stream of what busy containers do goes through the rules we
//! ship for system calls, then through the whole detector: history,
//! rules, analytics, drift. The bar is 0.3 microseconds for each event,
//! and no allocation for one that means nothing.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use rules::{
    engine::State,
    syscall::{Event, Process, synthetic::Stream},
};
use sensor::{
    context::Told,
    detect::{Detector, Settings, load},
    record::{Call, Record, Task, What},
};

/// Best of so many.
const ROUNDS: usize = 7;
const EVENTS: u64 = 200_000;

/// Counts what is allocated.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "the trait asks for it; everything is passed on")]
// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Nanoseconds this thread has run.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|it| it.parse().ok())
        .unwrap_or_default()
}

fn measure(name: &str, mut run: impl FnMut()) {
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let start = cpu();
        run();
        best = best.min(cpu() - start);
    }
    println!("{name:<28} {:>5} ns for each event", best / EVENTS);
}

fn record(event: &Event<'_>) -> Record<'static> {
    Record {
        task: Task::default(),
        what: What::Call(Call {
            result: event.result,
            ..Call::new(event.kind)
        }),
    }
}

fn main() {
    let loaded = load(&[], &[], &[]);
    println!(
        "{} rules, {} comparisons",
        loaded.engine.rules().len(),
        loaded.engine.size().predicates
    );
    let mut stream = Stream::new(7, 300, 3000);
    let events = stream.events(EVENTS);
    let mut processes: HashMap<u32, Arc<Process>> = HashMap::new();
    for event in &events {
        let slot = event.process.slot;
        processes
            .entry(slot)
            .or_insert_with(|| Arc::new(event.process.clone()));
    }
    let acts: Vec<_> = events
        .iter()
        .filter_map(|event| Some((event, processes.get(&event.process.slot)?, record(event))))
        .collect();
    let now = Timestamp::MAX;

    let mut state = State::default();
    measure("rules", || {
        for event in &events {
            loaded.engine.syscall(&mut state, event, now, &mut |_| {});
        }
    });
    let mut detector = Detector::new(Arc::clone(&loaded.engine), Settings::default());
    measure("rules and history", || {
        for event in &events {
            detector.judge(event, now, &mut |_| {});
        }
    });
    let mut detector = Detector::new(Arc::clone(&loaded.engine), Settings::default());
    measure("all", || {
        for (event, process, record) in &acts {
            let told = Told::Event {
                event,
                process,
                record,
            };
            detector.take(&told, now, &mut |_| {});
        }
    });
    let (mut quiet, mut allocations, mut busiest) = (0_u64, 0_u64, 0_u64);
    let matches = detector.counters().matches;
    for (event, process, record) in &acts {
        let told = Told::Event {
            event,
            process,
            record,
        };
        let before = (
            ALLOCATIONS.load(Ordering::Relaxed),
            detector.counters().matches,
        );
        detector.take(&told, now, &mut |_| {});
        if detector.counters().matches == before.1 {
            let more = ALLOCATIONS.load(Ordering::Relaxed) - before.0;
            quiet += 1;
            allocations += more;
            busiest = busiest.max(more);
        }
    }
    println!(
        "{allocations} allocations in {quiet} events that mean nothing, {busiest} at most for \
         one; {} of {EVENTS} matched a rule",
        detector.counters().matches - matches
    );
}
