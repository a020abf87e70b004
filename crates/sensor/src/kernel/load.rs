//! Loading: each program by itself, and what it means where one is
//! refused.

use std::io;

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, VerifierLogLevel,
    maps::MapError,
    programs::{Program, ProgramError},
};

use super::{Error, Feature, Report, Settings, State, calls};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sensor.bpf.o"));

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
enum Hook {
    /// A trace point, with the kernel's types.
    Trace(&'static str),
}

/// Programs that do one thing together.
#[derive(Clone, Copy, Debug)]
struct Means {
    feature: &'static str,
    /// How it is done, in words.
    by: &'static str,
    programs: &'static [(&'static str, Hook)],
    lost: &'static str,
}

const ALL: &[Means] = &[
    Means {
        feature: "processes",
        by: "trace points",
        programs: &[
            ("process_fork", Hook::Trace("sched_process_fork")),
            ("process_exec", Hook::Trace("sched_process_exec")),
            ("process_exit", Hook::Trace("sched_process_exit")),
        ],
        lost: "everything",
    },
    Means {
        feature: "containers",
        by: "trace points of control groups",
        programs: &[
            ("cgroup_made", Hook::Trace("cgroup_mkdir")),
            ("cgroup_removed", Hook::Trace("cgroup_rmdir")),
            ("cgroup_joined", Hook::Trace("cgroup_attach_task")),
        ],
        lost: "containers are known only once their first process was looked up",
    },
    Means {
        feature: "calls",
        by: "system calls as they return",
        programs: &[("call_returned", Hook::Trace("sys_exit"))],
        lost: "files, connections and privileges",
    },
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
    let table = calls::table();
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(&types))
        // The log is asked for again where a program is refused.
        .verifier_log_level(VerifierLogLevel::DISABLE)
        .override_global("own_pid", &own_pid, true)
        .override_global("bulk_rate", &settings.bulk_rate, true)
        .override_global("calls", table.as_slice(), true)
        .map_max_entries("critical", settings.critical_bytes)
        .map_max_entries("bulk", settings.bulk_bytes);
    let mut programs = loader.load(OBJECT).map_err(|error| {
        if is_refusal(&error) {
            Error::Privilege
        } else {
            Error::Load(Box::new(error))
        }
    })?;
    let mut report = Report::default();
    for means in ALL {
        report.features.push(attach(&mut programs, means, &types));
    }
    match report.features.first() {
        Some(processes) if processes.state == State::Absent => {
            Err(Error::NoProcesses(processes.detail.clone()))
        }
        _ => Ok((programs, report)),
    }
}

fn attach(programs: &mut Ebpf, means: &Means, types: &Btf) -> Feature {
    let mut refused = Vec::new();
    for &(name, hook) in means.programs {
        if let Err(why) = attach_one(programs, name, hook, types) {
            tracing::debug!(program = name, error = %why, "a program was refused");
            refused.push(format!("{name}: {why}"));
        }
    }
    if refused.is_empty() {
        return Feature {
            name: means.feature,
            state: State::Active,
            detail: means.by.to_owned(),
            lost: String::new(),
        };
    }
    Feature {
        name: means.feature,
        state: State::Absent,
        detail: refused.join("; "),
        lost: means.lost.to_owned(),
    }
}

fn attach_one(programs: &mut Ebpf, name: &str, hook: Hook, types: &Btf) -> Result<(), String> {
    let program = programs
        .program_mut(name)
        .ok_or_else(|| "it is not in the object".to_owned())?;
    match (hook, program) {
        (Hook::Trace(point), Program::BtfTracePoint(program)) => {
            program.load(point, types).map_err(|error| why(&error))?;
            program.attach().map_err(|error| why(&error))?;
        }
        _ => return Err("it is of another type".to_owned()),
    }
    Ok(())
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
