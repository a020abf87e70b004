//! Which calls of the kernel a worker may make: to compute, and to speak
//! through the pipes it has. Everything else is refused, and what only
//! somebody up to no good would try ends the worker at once, which the
//! asker reports.
//!
//! Calls that take a descriptor are allowed for the worker's own alone,
//! so that one it was handed down by accident is of no use to it. Opening
//! files is refused, not fatal: libraries may try, and live without.

use std::{collections::BTreeMap, io};

#[cfg_attr(
    not(test),
    expect(
        clippy::wildcard_imports,
        reason = "a hundred numbers whose names begin alike"
    )
)]
use libc::*;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule,
};

/// The descriptors a worker has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptors {
    pub input: i32,
    pub output: i32,
    pub last_words: i32,
    pub spool: i32,
    /// The number that files get which are handed over, if any will be.
    pub passed: Option<i32>,
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Puts both filters in place: for good, and for this thread, which must
/// be the only one.
pub(super) fn apply(own: Descriptors, process: u32) -> io::Result<()> {
    // Of two verdicts the kernel takes the harsher one.
    for program in [fatal(own)?, allowed(own, process)?] {
        seccompiler::apply_filter(&program).map_err(io::Error::other)?;
    }
    Ok(())
}

fn compile(rules: Rules, listed: SeccompAction, others: SeccompAction) -> io::Result<BpfProgram> {
    let architecture = std::env::consts::ARCH
        .try_into()
        .map_err(io::Error::other)?;
    SeccompFilter::new(rules, others, listed, architecture)
        .and_then(TryInto::try_into)
        .map_err(io::Error::other)
}

fn allowed(own: Descriptors, process: u32) -> io::Result<BpfProgram> {
    let mut rules = Rules::new();
    for call in ALLOWED {
        rules.insert(*call, Vec::new());
    }
    let on = |descriptors: &[i32]| -> io::Result<Vec<SeccompRule>> {
        descriptors
            .iter()
            .map(|descriptor| rule(&[(0, Is::Eq, u64::from(descriptor.unsigned_abs()))]))
            .collect()
    };
    let files: Vec<i32> = [own.spool].into_iter().chain(own.passed).collect();
    rules.insert(SYS_read, on(&[&[own.input], &*files].concat())?);
    rules.insert(SYS_write, on(&[own.output, own.last_words, own.spool])?);
    rules.insert(SYS_writev, on(&[own.last_words])?);
    rules.insert(SYS_pwrite64, on(&[own.last_words])?);
    rules.insert(SYS_lseek, on(&files)?);
    if own.passed.is_some() {
        rules.insert(SYS_recvmsg, on(&[own.input])?);
    }
    rules.insert(SYS_ftruncate, on(&[own.spool])?);

    // Memory of its own, counted against its limit, never to be run.
    let executable = (2, Is::MaskedEq(u64::from(PROT_EXEC.unsigned_abs())), 0);
    let private = u64::from((MAP_PRIVATE | MAP_ANONYMOUS).unsigned_abs());
    let kind = u64::from((MAP_TYPE | MAP_ANONYMOUS).unsigned_abs());
    let map = rule(&[executable.clone(), (3, Is::MaskedEq(kind), private)])?;
    rules.insert(SYS_mmap, vec![map]);
    rules.insert(SYS_mprotect, vec![rule(&[executable])?]);

    // To abort, a process sends itself a signal.
    let itself = rule(&[(0, Is::Eq, u64::from(process))])?;
    rules.insert(SYS_tgkill, vec![itself]);
    let refused = SeccompAction::Errno(EPERM.unsigned_abs());
    compile(rules, SeccompAction::Allow, refused)
}

fn fatal(own: Descriptors) -> io::Result<BpfProgram> {
    let is_handed_files = |call: c_long| call == SYS_recvmsg && own.passed.is_some();
    let listed = FATAL.iter().filter(|call| !is_handed_files(**call));
    compile(
        listed.map(|call| (*call, Vec::new())).collect(),
        SeccompAction::KillProcess,
        SeccompAction::Allow,
    )
}

fn rule(conditions: &[(u8, Is, u64)]) -> io::Result<SeccompRule> {
    let conditions = conditions
        .iter()
        .map(|(argument, is, value)| {
            SeccompCondition::new(*argument, Length::Dword, is.clone(), *value)
        })
        .collect::<Result<_, _>>()
        .map_err(io::Error::other)?;
    SeccompRule::new(conditions).map_err(io::Error::other)
}

/// Whatever their arguments.
const ALLOWED: &[c_long] = &[
    SYS_brk,
    SYS_clock_gettime,
    SYS_close,
    SYS_exit,
    SYS_exit_group,
    SYS_futex,
    SYS_getpid,
    SYS_getrandom,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_madvise,
    SYS_mremap,
    SYS_munmap,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_yield,
    SYS_sigaltstack,
];

/// No reading comes near these.
const FATAL: &[c_long] = &[
    // Other programs and processes.
    SYS_clone,
    SYS_clone3,
    SYS_execve,
    SYS_execveat,
    #[cfg(target_arch = "x86_64")]
    SYS_fork,
    #[cfg(target_arch = "x86_64")]
    SYS_vfork,
    SYS_kill,
    SYS_tkill,
    SYS_pidfd_getfd,
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
    SYS_process_madvise,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_ptrace,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    // The network.
    SYS_accept,
    SYS_accept4,
    SYS_bind,
    SYS_connect,
    SYS_listen,
    SYS_recvfrom,
    SYS_recvmmsg,
    SYS_recvmsg,
    SYS_sendmmsg,
    SYS_sendmsg,
    SYS_sendto,
    SYS_socket,
    SYS_socketpair,
    // The file system as a whole.
    SYS_chroot,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fsopen,
    SYS_fspick,
    SYS_mount,
    SYS_move_mount,
    SYS_open_by_handle_at,
    SYS_open_tree,
    SYS_pivot_root,
    SYS_setns,
    SYS_umount2,
    SYS_unshare,
    // The kernel's own doors.
    SYS_add_key,
    SYS_bpf,
    SYS_delete_module,
    SYS_finit_module,
    SYS_init_module,
    SYS_io_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_io_uring_setup,
    SYS_kexec_load,
    SYS_keyctl,
    SYS_perf_event_open,
    SYS_reboot,
    SYS_request_key,
    SYS_userfaultfd,
    // Rights.
    SYS_capset,
    SYS_personality,
    SYS_setfsgid,
    SYS_setfsuid,
    SYS_setgid,
    SYS_setgroups,
    SYS_setregid,
    SYS_setresgid,
    SYS_setresuid,
    SYS_setreuid,
    SYS_setuid,
    // Memory that several share.
    SYS_memfd_create,
    SYS_shmat,
    SYS_shmget,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_both_allowed_and_fatal() {
        let both: Vec<_> = ALLOWED.iter().filter(|call| FATAL.contains(call)).collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn both_filters_can_be_compiled() {
        let own = Descriptors {
            input: 0,
            output: 1,
            last_words: 2,
            spool: 3,
            passed: Some(4),
        };
        assert!(!allowed(own, 7).unwrap().is_empty());
        assert!(!fatal(own).unwrap().is_empty());
    }
}
