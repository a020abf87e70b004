//! What the kernel's side costs those it watches.
//!
//! ```sh
//! cargo bench -p sensor --bench cost
//! ```
//!
//! Each figure is processor time, the best of rounds that alternate between
//! no sensor, one that looks only at processes, and one as it is by default,
//! so that all see the same machine. Loops do nothing but the call: the worst
//! case. That of a program that is run is the caller's and the program's own.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::{
    fs::File,
    io,
    net::UdpSocket,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};
use rustix::time::{ClockId, clock_gettime};
use sensor::kernel::{Class, ClassCounters, Error, Kernel, Opens, Settings};

const ROUNDS: usize = 7;

fn main() {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    if arguments.first().is_some_and(|it| it == "nothing") {
        return;
    }
    let done = costs().and_then(|()| idle(Duration::from_secs(10)));
    if let Err(error) = done {
        println!("not measured: {}", model::error::chain(&error));
    }
}

type Work = (&'static str, u32, Doing);

#[derive(Clone, Copy)]
enum Doing {
    All(fn()),
    /// Nothing but opening: what is opened is closed in between, and that
    /// does not count.
    Open(fn() -> io::Result<File>),
}

/// Files that are open at once.
const OPEN: usize = 500;

use Doing::{All, Open};

const WORK: &[Work] = &[
    (
        "getpid",
        200_000,
        All(|| {
            std::hint::black_box(rustix::process::getppid());
        }),
    ),
    ("open", 20_000, Open(|| File::open("/etc/hostname"))),
    (
        "open+close",
        20_000,
        All(|| {
            let _closed = File::open("/etc/hostname");
        }),
    ),
    (
        "create+close",
        20_000,
        All(|| {
            let _closed = File::create("/tmp/.seawall-cost");
        }),
    ),
    (
        "socket+connect+close",
        5_000,
        All(|| {
            let _closed: io::Result<()> =
                UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.connect("127.0.0.1:53"));
        }),
    ),
    (
        "exec",
        60,
        All(|| {
            if let Ok(own) = std::env::current_exe() {
                let _ended = Command::new(own).arg("nothing").status();
            }
        }),
    ),
];

#[derive(Clone, Copy)]
enum Watch {
    Nobody,
    Processes,
    Default,
    All,
}

const WATCHES: &[(&str, Watch)] = &[
    ("none", Watch::Nobody),
    ("processes", Watch::Processes),
    ("default", Watch::Default),
    ("all opens", Watch::All),
];

fn costs() -> Result<(), Error> {
    let mut best = vec![vec![f64::MAX; WORK.len()]; WATCHES.len()];
    let mut last = Vec::new();
    for _ in 0..ROUNDS {
        for (row, (_, watch)) in best.iter_mut().zip(WATCHES) {
            let settings = match watch {
                Watch::Nobody => None,
                Watch::Processes => Some(Settings {
                    classes: vec![Class::Process, Class::Cgroup],
                    has_calls: false,
                    ..Settings::default()
                }),
                Watch::Default => Some(Settings::default()),
                Watch::All => Some(Settings {
                    opens: Opens::All,
                    bulk_rate: 0,
                    ..Settings::default()
                }),
            };
            let watching = settings.as_ref().map(Watching::start).transpose()?;
            for (cell, (name, count, work)) in row.iter_mut().zip(WORK) {
                let cost = measure(*count, *work, *name == "exec");
                *cell = cell.min(cost);
            }
            if let Some(watching) = watching {
                last = watching.stop();
            }
        }
    }
    print!("{:12}", "");
    for (name, _, _) in WORK {
        print!("{name:>26}");
    }
    println!();
    for ((name, _), row) in WATCHES.iter().zip(&best) {
        print!("{name:12}");
        for (cell, none) in row.iter().zip(&best[0]) {
            let more = (cell / none - 1.0) * 100.0;
            print!("{:>26}", format!("{cell:.0} ns ({more:+.1} %)"));
        }
        println!();
    }
    say(&last);
    Ok(())
}

fn measure(count: u32, work: Doing, has_children: bool) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let took = match work {
            All(work) => {
                let begun = clock(has_children);
                for _ in 0..count {
                    work();
                }
                clock(has_children).saturating_sub(begun)
            }
            Open(open) => opening(count, open),
        };
        best = best.min(took.as_secs_f64() * 1e9 / f64::from(count));
    }
    best
}

fn opening(count: u32, open: fn() -> io::Result<File>) -> Duration {
    let mut files = Vec::with_capacity(OPEN);
    let mut took = Duration::ZERO;
    let mut left = count as usize;
    while left > 0 {
        let many = left.min(OPEN);
        let begun = clock(false);
        for _ in 0..many {
            files.push(open());
        }
        took += clock(false).saturating_sub(begun);
        files.clear();
        left -= many;
    }
    took
}

/// What this thread took, and children that ended.
fn clock(has_children: bool) -> Duration {
    let own = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    if !has_children {
        return own;
    }
    let theirs = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(Duration::ZERO, |usage| {
        let [user, system] = [usage.user_time(), usage.system_time()];
        let micros = user.num_microseconds() + system.num_microseconds();
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    });
    own + theirs
}

/// A sensor in a thread of its own.
struct Watching {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(Vec<ClassCounters>, Duration)>,
}

impl Watching {
    fn start(settings: &Settings) -> Result<Self, Error> {
        let (mut kernel, _) = Kernel::start(settings)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if kernel
                    .poll(Duration::from_millis(100), &mut |_| {})
                    .is_err()
                {
                    break;
                }
            }
            (kernel.counters(), clock(false))
        });
        Ok(Self { is_over, thread })
    }

    fn stop(self) -> Vec<ClassCounters> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map(|(counters, _)| counters)
            .unwrap_or_default()
    }
}

/// What the sensor itself takes while next to nothing happens.
fn idle(time: Duration) -> Result<(), Error> {
    let (mut kernel, _) = Kernel::start(&Settings::default())?;
    let (begun, cpu) = (Instant::now(), clock(false));
    let mut count = 0;
    while begun.elapsed() < time {
        count += kernel.poll(Duration::from_millis(100), &mut |_| {})?;
    }
    let took = clock(false).saturating_sub(cpu);
    println!(
        "idle: {:.3} % of a core beside {:.0} records a second; {} kB resident",
        took.as_secs_f64() / time.as_secs_f64() * 100.0,
        real(count as u64) / time.as_secs_f64(),
        resident()
    );
    Ok(())
}

fn resident() -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or("?")
        .trim()
        .trim_end_matches(" kB")
        .to_owned()
}

fn say(counters: &[ClassCounters]) {
    for each in counters.iter().filter(|it| it.seen > 0) {
        println!(
            "  {:10} seen {} filtered {} suppressed {} sent {} dropped {} delivered {}",
            each.class.as_str(),
            each.seen,
            each.filtered,
            each.suppressed,
            each.sent,
            each.dropped,
            each.delivered
        );
    }
}

/// A count, to be divided by.
#[expect(clippy::cast_precision_loss, reason = "a measurement")]
fn real(count: u64) -> f64 {
    count as f64
}
