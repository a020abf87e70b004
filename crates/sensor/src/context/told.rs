//! What is told of a record once its process and container are known.

use std::{net::IpAddr, sync::Arc};

use model::Clock;
use rules::syscall::{Bytes, Container, Event, Process};

use crate::record::{Cgroup, Record, Verdict};

/// One thing that is known now.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// A call, an exec, a fork or an exit, as rules see it.
    Event {
        event: &'a Event<'a>,
        /// `event.process`, to be kept.
        process: &'a Arc<Process>,
        /// What it was made of: the file's facts, its credentials, its data.
        record: &'a Record<'a>,
    },
    /// A question to, or an answer from, the domain name system.
    Lookup(&'a Lookup<'a>),
    /// The kernel stopped something, or would have.
    Verdict {
        verdict: &'a Verdict<'a>,
        process: &'a Arc<Process>,
        /// Nanoseconds since 1970.
        time: i64,
    },
    /// A container is there, or more is known of it than before.
    Container(&'a Known),
    /// Its control group is gone.
    Ended(&'a Known),
}

/// A container and where it lives.
#[derive(Clone, Debug)]
pub struct Known {
    pub container: Arc<Container>,
    pub cgroup: Cgroup,
    /// The container inside of it whose control group was seen last, where
    /// a container runs containers.
    pub inner: Option<Bytes>,
    /// Whether all that its runtime keeps was found.
    pub is_complete: bool,
    /// Processes in it, and events of them so far.
    pub processes: u32,
    pub events: u64,
}

/// A message of the domain name system.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// Nanoseconds since 1970.
    pub time: i64,
    pub container: Option<&'a Arc<Container>>,
    /// Who asked, where the kernel knew.
    pub process: Option<&'a Arc<Process>>,
    pub is_answer: bool,
    /// The other end.
    pub server: Option<(IpAddr, u16)>,
    /// In small letters, without the last dot.
    pub name: &'a [u8],
    /// Type of the question: 1 is an address, 16 a text.
    pub kind: u16,
    /// 0 is an answer, 3 says that there is no such name.
    pub code: u8,
    pub answers: &'a [Answer<'a>],
    /// Bytes of the message as far as it was taken along.
    pub size: usize,
}

/// One line of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    Address(IpAddr),
    /// Another name for the same.
    Alias(&'a [u8]),
    /// Of another type: that, and the bytes as they came.
    Other(u16, &'a [u8]),
}

/// A point in time on both clocks, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Since boot, suspended time included.
    pub boot: u64,
    /// Since 1970.
    pub wall: i64,
}

impl Moment {
    /// Now, by the machine's own clock since boot and the given one.
    pub fn now(clock: &dyn Clock) -> Self {
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or_default();
        Self {
            boot: seconds * 1_000_000_000 + u64::try_from(boot.tv_nsec).unwrap_or_default(),
            wall: i64::try_from(clock.now().as_nanosecond()).unwrap_or_default(),
        }
    }
}
