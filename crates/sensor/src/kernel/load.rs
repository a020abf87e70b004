//! Loading: each program by itself, and what it means where one is
//! refused.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, VerifierLogLevel,
    maps::MapError,
    programs::{
        CgroupAttachMode, CgroupSkbAttachType, Program, ProgramError, RawTracePointRunOptions,
        TestRun as _,
    },
};
use rules::syscall::Kind;

use super::{Error, Feature, Report, Settings, State, calls, cast};

pub(super) static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sensor.bpf.o"));

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
enum Hook {
    /// A trace point, with the kernel's types.
    Trace(&'static str),
    /// A hook of the security framework.
    Security(&'static str),
    /// Packets of all control groups.
    Packets(CgroupSkbAttachType),
    /// Connections of all control groups.
    Address,
    /// Kernel settings written by any control group.
    Setting,
}

/// Programs that do one thing together.
#[derive(Clone, Copy, Debug)]
struct Means {
    /// In words.
    by: &'static str,
    programs: &'static [(&'static str, Hook)],
    /// What is lost although it works; empty where nothing.
    lost: &'static str,
}

/// What a person wants, and the means from the best to the least.
#[derive(Clone, Copy, Debug)]
struct Wish {
    name: &'static str,
    means: &'static [Means],
    lost: &'static str,
    /// The lesser means is attached beside the better one.
    takes_all: bool,
}

impl Wish {
    const fn new(name: &'static str, lost: &'static str, means: &'static [Means]) -> Self {
        Self {
            name,
            means,
            lost,
            takes_all: false,
        }
    }
}

const fn whole(by: &'static str, programs: &'static [(&'static str, Hook)]) -> Means {
    Means {
        by,
        programs,
        lost: "",
    }
}

/// The feature that costs even those it does not tell of.
const CALLS: &str = "calls";
/// The feature whose best means sees what `io_uring` does.
pub(super) const IO_URING: &str = "io_uring";

const ALL: &[Wish] = &[
    Wish::new(
        "processes",
        "everything",
        &[whole(
            "trace points",
            &[
                ("process_fork", Hook::Trace("sched_process_fork")),
                ("process_exec", Hook::Trace("sched_process_exec")),
                ("process_exit", Hook::Trace("sched_process_exit")),
            ],
        )],
    ),
    Wish::new(
        "containers",
        "containers are known only once their first process was looked up",
        &[whole(
            "trace points of control groups",
            &[
                ("cgroup_made", Hook::Trace("cgroup_mkdir")),
                ("cgroup_removed", Hook::Trace("cgroup_rmdir")),
                ("cgroup_joined", Hook::Trace("cgroup_attach_task")),
            ],
        )],
    ),
    Wish::new(
        CALLS,
        "files, connections and privileges",
        &[whole(
            "system calls as they return",
            &[("call_returned", Hook::Trace("sys_exit"))],
        )],
    ),
    Wish::new(
        "dns",
        "names that are looked up",
        &[whole(
            "packets of the unified control groups",
            &[
                ("dns_asked", Hook::Packets(CgroupSkbAttachType::Egress)),
                ("dns_answered", Hook::Packets(CgroupSkbAttachType::Ingress)),
            ],
        )],
    ),
    Wish::new(
        "signals",
        "who signals the sensor and the container runtime",
        &[whole(
            "trace point",
            &[("protected_signalled", Hook::Trace("signal_generate"))],
        )],
    ),
    Wish::new(
        IO_URING,
        "files and connections that are opened through io_uring",
        &[
            whole(
                "hooks of the security framework",
                &[
                    ("hook_open", Hook::Security("file_open")),
                    ("hook_connect", Hook::Security("socket_connect")),
                ],
            ),
            Means {
                by: "requests as they are submitted",
                programs: &[("io_uring_submitted", Hook::Trace("io_uring_submit_req"))],
                lost: "whether such a request succeeded, and the resolved path",
            },
            Means {
                by: "requests as they are submitted",
                programs: &[(
                    "io_uring_submitted_before",
                    Hook::Trace("io_uring_submit_sqe"),
                )],
                lost: "whether such a request succeeded, and the resolved path",
            },
        ],
    ),
    Wish {
        takes_all: true,
        ..Wish::new(
            "drift",
            "programs that are not in the image are told but not stopped",
            &[
                whole(
                    "refused by a hook of the security framework",
                    &[("hook_exec", Hook::Security("bprm_check_security"))],
                ),
                Means {
                    by: "the process is ended before its first instruction",
                    programs: &[("drift_killed", Hook::Trace("sched_process_exec"))],
                    lost: "scripts that are run by their own name are told but not stopped",
                },
            ],
        )
    },
    Wish::new(
        "denied connections",
        "connections to the metadata service are told but not refused",
        &[whole(
            "addresses of the unified control groups",
            &[
                ("deny_connect4", Hook::Address),
                ("deny_connect6", Hook::Address),
                ("deny_sendmsg4", Hook::Address),
                ("deny_sendmsg6", Hook::Address),
            ],
        )],
    ),
    Wish::new(
        "denied settings",
        "kernel settings written from a container are told but not refused",
        &[whole(
            "settings of the unified control groups",
            &[("deny_sysctl", Hook::Setting)],
        )],
    ),
];

pub(super) fn load(settings: &Settings) -> Result<(Ebpf, Report), Error> {
    for bytes in [settings.critical_bytes, settings.bulk_bytes] {
        if !bytes.is_power_of_two()
            || usize::try_from(bytes).is_ok_and(|it| it < rustix::param::page_size())
        {
            return Err(Error::RingSize(bytes));
        }
    }
    let types = Btf::from_sys_fs().map_err(|error| Error::NoTypes(Box::new(error)))?;
    let own_pid = settings.own_pid.unwrap_or_default();
    let host_mounts = host_mounts();
    let (object, can_cast) = cast::fill_in(OBJECT, &types);
    let can_cast = u8::from(can_cast);
    let table = calls::table();
    let kinds = [
        ("kind_kill", calls::number(Kind::Kill)),
        ("kind_io_uring", calls::number(Kind::IoUring)),
        ("kind_openat", calls::number(Kind::Openat)),
        ("kind_connect", calls::number(Kind::Connect)),
    ];
    let mut loader = EbpfLoader::new();
    for (name, number) in &kinds {
        loader.override_global(name, number, true);
    }
    loader
        .btf(Some(&types))
        // The log is asked for again where a program is refused.
        .verifier_log_level(VerifierLogLevel::DISABLE)
        .override_global("own_pid", &own_pid, true)
        .override_global("bulk_rate", &settings.bulk_rate, true)
        .override_global("host_mounts", &host_mounts, true)
        .override_global("can_cast", &can_cast, true)
        .override_global("calls", table.as_slice(), true)
        .map_max_entries("critical", settings.critical_bytes)
        .map_max_entries("bulk", settings.bulk_bytes);
    let mut programs = loader.load(&object).map_err(|error| {
        if is_refusal(&error) {
            Error::Privilege
        } else {
            Error::Load(Box::new(error))
        }
    })?;
    let mut report = Report::default();
    let host = Host::look(types);
    for wish in ALL {
        if wish.name == CALLS && !settings.has_calls {
            report.features.push(Feature {
                name: wish.name,
                state: State::Off,
                detail: "by the settings".to_owned(),
                lost: wish.lost.to_owned(),
            });
            continue;
        }
        report.features.push(grant(&mut programs, wish, &host));
    }
    match report.features.first() {
        Some(processes) if processes.state == State::Absent => {
            Err(Error::NoProcesses(processes.detail.clone()))
        }
        _ => Ok((programs, report)),
    }
}

/// The mount namespace of the first process there is to see: the host's own,
/// or that of the container this runs in. Who is in it leaves nothing by
/// looking elsewhere. 0 where it is not known.
fn host_mounts() -> u32 {
    let link = fs::read_link("/proc/1/ns/mnt").unwrap_or_default();
    let number = link.to_str().and_then(|text| {
        let digits = text.strip_prefix("mnt:[")?.strip_suffix(']')?;
        digits.parse().ok()
    });
    number.unwrap_or_default()
}

/// What programs are attached to.
struct Host {
    types: Btf,
    /// The root of the unified control groups, or why it is not.
    groups: Result<File, String>,
    /// Hooks that are attached are called, too.
    has_hooks: Result<(), String>,
}

impl Host {
    fn look(types: Btf) -> Self {
        let groups = unified_root(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
            .ok_or_else(|| "no unified control groups are mounted".to_owned())
            .and_then(|root| {
                File::open(&root).map_err(|error| format!("{}: {error}", root.display()))
            });
        Self {
            types,
            groups,
            has_hooks: has_hooks(),
        }
    }
}

/// Programs are attached to hooks without complaint where nothing ever
/// calls them, so it has to be asked.
fn has_hooks() -> Result<(), String> {
    const LIST: &str = "/sys/kernel/security/lsm";
    match fs::read_to_string(LIST) {
        Ok(list) if list.trim().split(',').any(|each| each == "bpf") => Ok(()),
        Ok(list) => Err(format!(
            "bpf is not among the security modules ({}): boot with lsm=…,bpf",
            list.trim()
        )),
        Err(error) => Err(format!("{LIST}: {error}")),
    }
}

/// Where the unified hierarchy is mounted, by the lines of `mountinfo`.
fn unified_root(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        (root == "/" && after.split(' ').next() == Some("cgroup2")).then(|| PathBuf::from(place))
    })
}

fn grant(programs: &mut Ebpf, wish: &Wish, host: &Host) -> Feature {
    let mut refused = Vec::new();
    let mut granted: Option<(usize, &Means)> = None;
    for (rank, means) in wish.means.iter().enumerate() {
        let mut is_whole = true;
        for &(name, hook) in means.programs {
            if let Err(why) = attach(programs, name, hook, host) {
                tracing::debug!(program = name, error = %why, "a program was refused");
                refused.push(format!("{name}: {why}"));
                is_whole = false;
                break;
            }
        }
        if is_whole && granted.is_none() {
            granted = Some((rank, means));
        }
        if is_whole && !wish.takes_all {
            break;
        }
    }
    let (state, detail, lost) = match granted {
        Some((0, means)) => (State::Active, means.by.to_owned(), means.lost),
        Some((_, means)) => (
            State::Fallback,
            format!("{} ({})", means.by, refused.join("; ")),
            means.lost,
        ),
        None => (State::Absent, refused.join("; "), wish.lost),
    };
    Feature {
        name: wish.name,
        state,
        detail,
        lost: lost.to_owned(),
    }
}

fn attach(programs: &mut Ebpf, name: &str, hook: Hook, host: &Host) -> Result<(), String> {
    let program = programs
        .program_mut(name)
        .ok_or_else(|| "it is not in the object".to_owned())?;
    // Links, which is how it is done, are always beside others' programs;
    // the kernel takes no other word for it.
    let beside = CgroupAttachMode::Single;
    let groups = host.groups.as_ref().map_err(String::clone);
    match (hook, program) {
        (Hook::Trace(point), Program::BtfTracePoint(program)) => {
            program
                .load(point, &host.types)
                .map_err(|error| why(&error))?;
            program.attach().map_err(|error| why(&error))?;
        }
        (Hook::Security(point), Program::Lsm(program)) => {
            host.has_hooks.clone()?;
            program
                .load(point, &host.types)
                .map_err(|error| why(&error))?;
            program.attach().map_err(|error| why(&error))?;
        }
        (Hook::Packets(side), Program::CgroupSkb(program)) => {
            program.load().map_err(|error| why(&error))?;
            program
                .attach(groups?, side, beside)
                .map_err(|error| why(&error))?;
        }
        (Hook::Address, Program::CgroupSockAddr(program)) => {
            program.load().map_err(|error| why(&error))?;
            program
                .attach(groups?, beside)
                .map_err(|error| why(&error))?;
        }
        (Hook::Setting, Program::CgroupSysctl(program)) => {
            program.load().map_err(|error| why(&error))?;
            program
                .attach(groups?, beside)
                .map_err(|error| why(&error))?;
        }
        _ => return Err("it is of another type".to_owned()),
    }
    Ok(())
}

/// Runs a program that is attached to nothing.
pub(super) fn run(programs: &mut Ebpf, name: &'static str) -> Result<(), Error> {
    let Some(Program::RawTracePoint(program)) = programs.program_mut(name) else {
        return Err(Error::Run(name, "it is not in the object".to_owned()));
    };
    if program.fd().is_err() {
        program
            .load()
            .map_err(|error| Error::Run(name, why(&error)))?;
    }
    program
        .test_run(RawTracePointRunOptions::new())
        .map(drop)
        .map_err(|error| Error::Run(name, why(&error)))
}

/// The last line says it; a verifier's log is long.
fn why(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            let log = verifier_log.to_string();
            let last = log
                .lines()
                .rev()
                .map(str::trim)
                .find(|line| !line.is_empty() && !line.starts_with("processed "));
            match last {
                Some(line) => format!("{io_error} ({line})"),
                None => io_error.to_string(),
            }
        }
        other => model::error::chain(other),
    }
}

fn is_refusal(error: &EbpfError) -> bool {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::PermissionDenied;
        }
        if let Some(MapError::CreateError { io_error, .. }) = error.downcast_ref::<MapError>() {
            return io_error.kind() == io::ErrorKind::PermissionDenied;
        }
        at = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unified_hierarchy_is_found_where_it_is_mounted() {
        let hybrid = "30 24 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw\n\
                      31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n\
                      32 30 0:28 / /sys/fs/cgroup/pids rw shared:9 - cgroup none rw,pids\n";
        assert_eq!(
            unified_root(hybrid),
            Some(PathBuf::from("/sys/fs/cgroup/unified"))
        );
        // A part of it, as a container sees it, is not the root.
        let part = "31 30 0:27 /docker/abc /sys/fs/cgroup rw - cgroup2 none rw\n";
        assert_eq!(unified_root(part), None);
    }

    #[test]
    fn no_program_is_named_twice() {
        let mut names: Vec<_> = ALL
            .iter()
            .flat_map(|wish| wish.means)
            .flat_map(|means| means.programs)
            .map(|(name, _)| *name)
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
