//! The thread that looks at processes, few at a time.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use model::Clock;
use rules::syscall::Bytes;

use super::{
    ledger::Ledger,
    locked,
    look::{self, Look},
};

/// Targets that wait for the thread, and those it keeps for later.
const QUEUE: usize = 1_024;
const MOST_LATER: usize = 4_096;
/// When a new program is looked at: once its libraries are mapped, once it
/// has begun to work, and once it has loaded what it loads late.
const AFTER: [Duration; 3] = [
    Duration::from_millis(15),
    Duration::from_secs(3),
    Duration::from_mins(1),
];
/// Between two looks, so that many take a hundredth of a processor.
const PACE: Duration = Duration::from_millis(50);
/// New programs may end at once: so many are looked at without a pause.
const BURST: u32 = 20;

/// A process to be looked at.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) pid: u32,
    pub(super) container: Bytes,
    /// Names container and program.
    pub(super) key: u64,
    /// It was executed just now.
    pub(super) is_new: bool,
}

/// A look that is due.
struct Due {
    at: Instant,
    target: Target,
    /// Which of [`AFTER`]; past them for one of the rounds.
    turn: usize,
}

/// Hands targets to the thread.
#[derive(Debug)]
pub(super) struct Looker {
    targets: SyncSender<Target>,
}

impl Looker {
    pub(super) fn start(
        proc: &Path,
        ledger: Arc<Mutex<Ledger>>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let (targets, waiting) = sync_channel(QUEUE);
        let proc = proc.to_owned();
        // It ends with the sender.
        thread::Builder::new()
            .name("used-files".to_owned())
            .spawn(move || run(&proc, &ledger, clock.as_ref(), &waiting))?;
        Ok(Self { targets })
    }

    /// False: too many wait.
    pub(super) fn look(&self, target: Target) -> bool {
        match self.targets.try_send(target) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

fn run(proc: &Path, ledger: &Mutex<Ledger>, clock: &dyn Clock, waiting: &Receiver<Target>) {
    // One queue for each turn: each is in the order it is due.
    let mut queues: [VecDeque<Due>; 4] = Default::default();
    let mut burst = BURST;
    loop {
        let time = Instant::now();
        let next = queues
            .iter()
            .filter_map(|queue| queue.front().map(|due| due.at))
            .min();
        let wait = next.map_or(Duration::from_hours(1), |at| {
            at.saturating_duration_since(time)
        });
        match waiting.recv_timeout(wait) {
            Ok(target) => {
                let turn = if target.is_new { 0 } else { AFTER.len() };
                queue(&mut queues, target, turn, Instant::now());
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let time = Instant::now();
        let due = queues.iter_mut().find_map(|queue| {
            queue
                .front()
                .is_some_and(|due| due.at <= time)
                .then(|| queue.pop_front())
                .flatten()
        });
        let Some(Due { target, turn, .. }) = due else {
            continue;
        };
        match look::at(proc, target.pid, &target.container) {
            Look::Files(files) => {
                let seen = clock.now();
                let mut ledger = locked(ledger);
                // What runs from the image is seen by its files as well,
                // and was perhaps not known when it began.
                for file in &files {
                    ledger.saw(&target.container, file.as_bytes(), seen);
                }
                drop(ledger);
                if turn + 1 < AFTER.len() {
                    queue(&mut queues, target, turn + 1, time);
                }
            }
            Look::Gone if turn == 0 => {
                locked(ledger).miss(&target.container, target.key, clock.now());
            }
            // What it had loaded at first was seen.
            Look::Gone => {}
        }
        if turn == 0 && burst > 0 {
            burst -= 1;
        } else {
            thread::sleep(PACE);
            burst = (burst + 1).min(BURST);
        }
    }
}

fn queue(queues: &mut [VecDeque<Due>; 4], target: Target, turn: usize, time: Instant) {
    let after = AFTER.get(turn).copied().unwrap_or_default();
    let Some(queue) = queues.get_mut(turn) else {
        return;
    };
    if queue.len() < MOST_LATER {
        queue.push_back(Due {
            at: time + after,
            target,
            turn,
        });
    }
}
