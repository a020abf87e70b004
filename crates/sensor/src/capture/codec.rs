//! Records and what is known of containers as bytes: for files that are
//! played again, and for records that wait.
//!
//! Numbers take seven bits a byte, texts follow their length. Bytes that
//! are no record are refused; none of them can make anything large.

use rules::syscall::DescriptorKind;

use crate::record::{Matter, Outcome};

mod read;
mod write;

pub(crate) use read::Reader;
pub(crate) use write::Writer;

/// Items of a list.
const MAX_ITEMS: u64 = 4096;

/// Kinds of descriptors by their number here, which never changes.
const DESCRIPTORS: [DescriptorKind; 15] = [
    DescriptorKind::File,
    DescriptorKind::Directory,
    DescriptorKind::Ipv4,
    DescriptorKind::Ipv6,
    DescriptorKind::Unix,
    DescriptorKind::Pipe,
    DescriptorKind::Event,
    DescriptorKind::Signal,
    DescriptorKind::Eventpoll,
    DescriptorKind::Inotify,
    DescriptorKind::Timer,
    DescriptorKind::Memfd,
    DescriptorKind::Bpf,
    DescriptorKind::Netlink,
    DescriptorKind::Unknown,
];
const PROTOCOLS: [&str; 5] = ["", "tcp", "udp", "icmp", "raw"];
const MATTERS: [Matter; 4] = [Matter::Drift, Matter::Connect, Matter::Sysctl, Matter::File];
const OUTCOMES: [Outcome; 3] = [Outcome::WouldStop, Outcome::Refused, Outcome::Killed];
