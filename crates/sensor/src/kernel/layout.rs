//! What the programs and this side agree on: numbers and sizes of
//! `bpf/record.h`. A test compares them with the types in the object.

/// Types of records.
pub(super) const FORK: u8 = 1;
pub(super) const EXEC: u8 = 2;
pub(super) const EXIT: u8 = 3;
pub(super) const CGROUP_MADE: u8 = 4;
pub(super) const CGROUP_REMOVED: u8 = 5;
pub(super) const CGROUP_JOINED: u8 = 6;
pub(super) const CALL: u8 = 7;
pub(super) const DNS: u8 = 8;
pub(super) const VERDICT: u8 = 9;

/// Where a record's time is, which is looked at to merge the rings.
pub(super) const TIME_AT: usize = 24;
pub(super) const HEAD: usize = 80;
pub(super) const FORK_BODY: usize = 16;
pub(super) const EXEC_BODY: usize = 24;
pub(super) const EXIT_BODY: usize = 8;
pub(super) const GROUP_BODY: usize = 16;
pub(super) const CALL_BODY: usize = 64;
pub(super) const DNS_BODY: usize = 24;
pub(super) const VERDICT_BODY: usize = 24;
pub(super) const SECTION_HEAD: usize = 8;
pub(super) const FILE_SECTION: usize = 56;
pub(super) const CREDENTIALS_SECTION: usize = 40;
pub(super) const SOCKET_SECTION: usize = 40;

/// Sections.
pub(super) const PATH: u16 = 1;
pub(super) const RESOLVED: u16 = 2;
pub(super) const ARGUMENTS: u16 = 3;
pub(super) const ENVIRONMENT: u16 = 4;
pub(super) const SECOND: u16 = 5;
pub(super) const FOLDER: u16 = 6;
pub(super) const SECOND_FOLDER: u16 = 7;
pub(super) const FILE: u16 = 8;
pub(super) const CREDENTIALS: u16 = 9;
pub(super) const SOCKET: u16 = 10;
pub(super) const UNIX: u16 = 11;
pub(super) const DATA: u16 = 12;

/// Flags of a file.
pub(super) const IS_OVERLAY: u32 = 1;
pub(super) const IS_UPPER: u32 = 2;
pub(super) const IS_UNLINKED: u32 = 4;
pub(super) const IS_MEMFD: u32 = 8;

/// Flags of a socket.
pub(super) const IS_SERVER: u8 = 1;
pub(super) const HAS_LOCAL: u8 = 2;
pub(super) const HAS_REMOTE: u8 = 4;

/// Numbers of system calls each table has room for.
pub(super) const CALLS: usize = 512;
pub(super) const CALL_RULE: usize = 16;

/// `struct counters`.
pub(super) type Counts = [u64; 5];
/// `struct control`, its sketch in halves.
pub(super) type Control = [u32; 4 + SKETCH / 32];
/// Bits of the sketch of sensitive names.
pub(super) const SKETCH_BITS: u32 = 13;
pub(super) const SKETCH: usize = 1 << SKETCH_BITS;
pub(super) const SKETCH_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
