//! What a worker gives up before it is given anything to read.

use std::{fs, io};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetStatus,
};
use rustix::{
    process::{
        DumpableBehavior, Resource, Rlimit, Signal, geteuid, set_dumpable_behavior,
        set_parent_process_death_signal, setrlimit,
    },
    thread::{
        CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs, set_thread_groups,
        set_thread_res_gid, set_thread_res_uid,
    },
};

use super::{
    Landlock, Sealed, User,
    filter::{self, Descriptors},
};

/// Between the users that systemd hands out: nobody else's.
const OWN_USER: u32 = 60_907;

/// How much a worker may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of memory it may write to.
    pub memory: u64,
    /// Seconds of processor time.
    pub seconds: u64,
    /// Bytes of a spooled file.
    pub spool: u64,
}

/// Gives up everything. Must be called while there is one thread.
pub(super) fn seal(bounds: Bounds, own: Descriptors) -> io::Result<Sealed> {
    // If memory is short, this process is the one to go.
    fs::write("/proc/self/oom_score_adj", "1000").ok();
    let user = become_nobody()?;
    // Said again: changing the user has unsaid it.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_no_new_privs(true)?;
    let landlock = leave_files()?;
    let files = own
        .passed
        .map_or(0, |file| u64::from(file.unsigned_abs()) + 1);
    for (resource, most) in [
        // Not addresses, of which a program's own image takes many.
        (Resource::Data, bounds.memory),
        (Resource::Cpu, bounds.seconds),
        (Resource::Fsize, bounds.spool),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nproc, 0),
        // No more than there are, and the one that is handed over.
        (Resource::Nofile, files),
    ] {
        // Of time, the first limit says why it ends, the second kills.
        let grace = u64::from(resource == Resource::Cpu);
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most + grace),
        };
        setrlimit(resource, limit)?;
    }
    filter::apply(own, std::process::id())?;
    Ok(Sealed { user, landlock })
}

/// Root becomes a user that owns nothing. Where there is no such user
/// (in a namespace of one), root gives up its rights.
fn become_nobody() -> io::Result<User> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    if !geteuid().is_root() {
        set_capabilities(None, none)?;
        return Ok(User::Asker);
    }
    let group = rustix::process::Gid::from_raw(OWN_USER);
    let user = rustix::process::Uid::from_raw(OWN_USER);
    let changed = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(user, user, user));
    set_capabilities(None, none)?;
    Ok(match changed {
        Ok(()) => User::Own,
        Err(_) => User::BareRoot,
    })
}

/// The kernel's fence around files and ports, without a gate in it.
fn leave_files() -> io::Result<Landlock> {
    let version = ABI::V5;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(version))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(version)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Whole,
        RulesetStatus::PartiallyEnforced => Landlock::Partly,
        RulesetStatus::NotEnforced => Landlock::Absent,
    })
}
