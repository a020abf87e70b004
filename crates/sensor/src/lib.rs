//! What happens on a node? All talk with the kernel, and what is made of
//! it before it leaves: events in their context, alerts, what was blocked.
//!
//! A path through it: the programs in `bpf/` watch the kernel and write
//! into rings; [`kernel`] loads them and reads the rings as [`record`]s;
//! [`context`] keeps the processes and containers they belong to and makes
//! `rules::syscall::Event`s of them, [`capture`] keeps both to be played
//! again; [`detect`] runs rules and the
//! analytics over those; [`drift`] and [`malware`] judge what is executed;
//! [`spool`] keeps what is to be sent and [`ship`] sends it; the
//! [`governor`] keeps all of it within its budget. `used` notes which files of images are
//! loaded. This room knows no SQL,
//! serves no HTTP and is the only one that is privileged.

pub mod capture;
pub mod context;
pub mod detect;
pub mod drift;
pub mod governor;
pub mod kernel;
pub mod malware;
pub mod record;
pub mod run;
pub mod ship;
pub mod spool;
mod status;
mod used;
