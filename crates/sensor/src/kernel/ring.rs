//! The two rings, read as one stream in the order of time.
//!
//! What is critical (processes, privileges, verdicts) has a ring that bulk
//! cannot fill. A process that runs another program writes into the one,
//! then opens a file and writes into the other: read one after the other,
//! the file would be opened by the wrong program. So the next of both are
//! looked at, and the earlier one taken.

use std::{mem, ops::ControlFlow, time::Duration};

use aya::maps::{MapData, RingBuf};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    time::Timespec,
};

use super::layout::TIME_AT;

pub(super) type Ring = RingBuf<MapData>;

pub(super) struct Rings {
    critical: Ring,
    bulk: Ring,
}

/// At most so many records are handed out in one turn, so that whoever
/// polls can look up from it.
const TURN: usize = 16_384;

impl Rings {
    pub(super) fn new(critical: Ring, bulk: Ring) -> Self {
        Self { critical, bulk }
    }

    /// Waits until a ring asks to be read, or the time is up.
    pub(super) fn wait(&self, wait: Duration) -> Result<(), Errno> {
        let mut both = [
            PollFd::new(&self.critical, PollFlags::IN),
            PollFd::new(&self.bulk, PollFlags::IN),
        ];
        let wait = Timespec::try_from(wait).ok();
        match poll(&mut both, wait.as_ref()) {
            // A signal came: whoever asked looks whether it was meant to end.
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Hands out what is there; says how many.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        while count < TURN {
            let Some(bulk) = self.bulk.next() else {
                break;
            };
            // The kernel wrote all that led to this record before it: what
            // the critical ring does not show now is later.
            let time = time_of(&bulk);
            count += drain_until(&mut self.critical, time, &mut take);
            take(&bulk);
            count += 1;
        }
        if count < TURN {
            count += drain_until(&mut self.critical, u64::MAX, &mut take);
        }
        count
    }
}

fn drain_until(ring: &mut Ring, time: u64, take: &mut impl FnMut(&[u8])) -> usize {
    let mut count = 0;
    while let ControlFlow::Continue(()) = {
        match ring.next() {
            None => ControlFlow::Break(()),
            Some(record) if time_of(&record) > time => {
                // Dropping it would consume it; it is for the next time.
                mem::forget(record);
                ControlFlow::Break(())
            }
            Some(record) => {
                take(&record);
                ControlFlow::Continue(())
            }
        }
    } {
        count += 1;
        // An endless storm must not keep the bulk ring waiting for good.
        if time == u64::MAX && count >= TURN {
            break;
        }
    }
    count
}

fn time_of(record: &[u8]) -> u64 {
    record
        .get(TIME_AT..)
        .and_then(|from| from.first_chunk())
        .map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}
