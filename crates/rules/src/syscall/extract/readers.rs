//! From the name of a field to what reads it.

use super::{
    Each, Event, Read, address, ancestors, argument, command_line, connection, container,
    descriptor_name, environment, errno, file_name, folder, joined, label, labels, last_part,
    leader, local, mount, mount_text, names, number, parent, path, pod, port, remote, say, short,
    source_path, target_path, time, truth, unsigned,
};
use crate::syscall::{DescriptorKind, Process};

/// Reads something of a thing of this type.
type Of<T> = fn(&T, Each<'_>);

/// Arguments that say what a file operation is about.
const PATHS: &[&str] = &["path", "name", "filename"];

/// Fields the sensor does not fill say nothing.
pub(super) fn reader(name: &str) -> Read {
    known(name).unwrap_or(|_, _, _| {})
}

pub(super) fn known(name: &str) -> Option<Read> {
    let name = match name {
        _ if name.starts_with("evt.arg.") => "evt.arg",
        _ if name.starts_with("evt.rawarg.") => "evt.rawarg",
        _ => name,
    };
    of_event(name).or_else(|| of_process(name))
}

fn of_event(name: &str) -> Option<Read> {
    Some(match name {
        "evt.num" => |e, _, each| unsigned(e.number, each),
        "evt.time" => |e, _, each| time(e, "%H:%M:%S.%9f", each),
        "evt.time.s" => |e, _, each| time(e, "%H:%M:%S", each),
        "evt.time.iso8601" => |e, _, each| time(e, "%Y-%m-%dT%H:%M:%S.%9fZ", each),
        "evt.datetime" => |e, _, each| time(e, "%Y-%m-%d %H:%M:%S.%9f", each),
        "evt.datetime.s" => |e, _, each| time(e, "%Y-%m-%d %H:%M:%S", each),
        "evt.rawtime" => |e, _, each| number(e.time, each),
        "evt.rawtime.s" => |e, _, each| number(e.time / 1_000_000_000, each),
        "evt.rawtime.ns" => |e, _, each| number(e.time % 1_000_000_000, each),
        "evt.source" | "evt.pluginname" => |_, _, each| say(b"syscall", each),
        "evt.is_async" => |_, _, each| truth(false, each),
        "evt.type" => |e, _, each| say(e.kind.as_str().as_bytes(), each),
        "evt.type.is" => |e, place, each| truth(e.kind.as_str().as_bytes() == place.key(), each),
        "evt.category" => |e, _, each| say(e.kind.category().as_bytes(), each),
        "evt.dir" => |_, _, each| say(b"<", each),
        "evt.cpu" => |e, _, each| number(i64::from(e.cpu), each),
        "evt.args" | "evt.info" | "evt.plugininfo" => |e, _, each| {
            let parts: Vec<_> = e
                .arguments
                .all()
                .iter()
                .map(|it| [it.name.as_bytes(), b"=", it.text].concat())
                .collect();
            say(&parts.join(&b' '), each);
        },
        "evt.arg" => |e, place, each| {
            if let Some(argument) = argument(e, place) {
                say(argument.text, each);
            }
        },
        "evt.rawarg" => |e, place, each| {
            if let Some(raw) = argument(e, place).and_then(|it| it.raw) {
                number(raw, each);
            }
        },
        "evt.buffer" => |e, _, each| say(e.buffer, each),
        "evt.buflen" => |e, _, each| unsigned(e.buffer.len() as u64, each),
        "evt.res" => |e, _, each| match errno::name(e.result) {
            Some(name) => say(name.as_bytes(), each),
            None => say(e.result.unsigned_abs().to_string().as_bytes(), each),
        },
        "evt.rawres" => |e, _, each| number(e.result, each),
        "evt.failed" => |e, _, each| truth(e.result < 0, each),
        "evt.latency" => |e, _, each| number(e.latency, each),
        "evt.is_io" => |e, _, each| truth(e.kind.category().starts_with("IO-"), each),
        "evt.is_io_read" => |e, _, each| truth(e.kind.category() == "IO-read", each),
        "evt.is_io_write" => |e, _, each| truth(e.kind.category() == "IO-write", each),
        "evt.io_dir" => |e, _, each| match e.kind.category() {
            "IO-read" => say(b"r", each),
            "IO-write" => say(b"w", each),
            _ => {}
        },
        "evt.is_wait" => |_, _, each| truth(false, each),
        "evt.is_syslog" => |e, _, each| truth(file_name(e) == Some(b"/dev/log"), each),
        "evt.count" => |_, _, each| number(1, each),
        "evt.abspath" => |e, place, each| match place.key() {
            b"src" => source_path(e, false, each),
            b"dst" => target_path(e, false, each),
            _ => path(e, PATHS, false, each),
        },
        "evt.is_open_read" => |e, _, each| truth(e.open.reads, each),
        "evt.is_open_write" => |e, _, each| truth(e.open.writes, each),
        "evt.is_open_exec" => |e, _, each| truth(e.open.executes, each),
        "evt.is_open_create" => |e, _, each| truth(e.open.creates, each),
        "fd.num" => |e, _, each| {
            if let Some(it) = e.descriptor {
                number(it.number, each);
            }
        },
        "fd.type" | "fd.types" => |e, _, each| {
            if let Some(it) = e.descriptor {
                say(it.kind.words().1.as_bytes(), each);
            }
        },
        "fd.typechar" => |e, _, each| {
            if let Some(it) = e.descriptor {
                say(it.kind.words().0.as_bytes(), each);
            }
        },
        "fd.name" => |e, _, each| descriptor_name(e, each),
        "fd.nameraw" => |e, _, each| {
            if let Some(it) = e.descriptor {
                say(it.raw_name, each);
            }
        },
        "fd.directory" => |e, _, each| say(file_name(e).map_or(b"", folder), each),
        "fd.filename" => |e, _, each| say(file_name(e).map_or(b"", last_part), each),
        "fd.ip" | "fd.net" => |e, _, each| {
            address(e, each, |it| it.client);
            address(e, each, |it| it.server);
        },
        "fd.cip" | "fd.cnet" => |e, _, each| address(e, each, |it| it.client),
        "fd.sip" | "fd.snet" => |e, _, each| address(e, each, |it| it.server),
        "fd.lip" | "fd.lnet" => |e, _, each| address(e, each, local),
        "fd.rip" | "fd.rnet" => |e, _, each| address(e, each, remote),
        "fd.port" | "fd.proto" => |e, _, each| {
            port(e, each, |it| it.client);
            port(e, each, |it| it.server);
        },
        "fd.cport" | "fd.cproto" => |e, _, each| port(e, each, |it| it.client),
        "fd.sport" | "fd.sproto" => |e, _, each| port(e, each, |it| it.server),
        "fd.lport" | "fd.lproto" => |e, _, each| port(e, each, local),
        "fd.rport" | "fd.rproto" => |e, _, each| port(e, each, remote),
        "fd.cip.name" => |e, _, each| {
            if let Some(it) = connection(e) {
                names(it.client_names, each);
            }
        },
        "fd.sip.name" => |e, _, each| {
            if let Some(it) = connection(e) {
                names(it.server_names, each);
            }
        },
        "fd.lip.name" => |e, _, each| {
            if let Some(it) = connection(e) {
                names(
                    if it.is_server {
                        it.server_names
                    } else {
                        it.client_names
                    },
                    each,
                );
            }
        },
        "fd.rip.name" => |e, _, each| {
            if let Some(it) = connection(e) {
                names(
                    if it.is_server {
                        it.client_names
                    } else {
                        it.server_names
                    },
                    each,
                );
            }
        },
        "fd.l4proto" => |e, _, each| {
            if let Some(it) = connection(e) {
                say(it.protocol.as_bytes(), each);
            }
        },
        "fd.sockfamily" => |e, _, each| match e.descriptor.map(|it| it.kind) {
            Some(DescriptorKind::Ipv4 | DescriptorKind::Ipv6) => say(b"ip", each),
            Some(DescriptorKind::Unix) => say(b"unix", each),
            _ => {}
        },
        "fd.is_server" => |e, _, each| {
            if let Some(it) = connection(e) {
                truth(it.is_server, each);
            }
        },
        "fd.connected" => |e, _, each| {
            if let Some(it) = connection(e) {
                truth(it.is_connected, each);
            }
        },
        "fd.name_changed" => |e, _, each| {
            if let Some(it) = e.descriptor {
                truth(it.is_renamed, each);
            }
        },
        "fd.uid" => |e, _, each| {
            if let Some(it) = e.descriptor {
                say(format!("{}{}", e.process.pid, it.number).as_bytes(), each);
            }
        },
        "fd.containername" => |e, _, each| in_container(e, file_name(e), each),
        "fd.containerdirectory" => |e, _, each| in_container(e, file_name(e).map(folder), each),
        "fd.dev" => |e, _, each| {
            if let Some(it) = e.descriptor {
                number(i64::from(it.device.0) << 8 | i64::from(it.device.1), each);
            }
        },
        "fd.dev.major" => |e, _, each| {
            if let Some(it) = e.descriptor {
                number(i64::from(it.device.0), each);
            }
        },
        "fd.dev.minor" => |e, _, each| {
            if let Some(it) = e.descriptor {
                number(i64::from(it.device.1), each);
            }
        },
        "fd.ino" => |e, _, each| {
            if let Some(it) = e.descriptor {
                unsigned(it.inode, each);
            }
        },
        "fd.is_upper_layer" => |e, _, each| {
            if let Some(it) = e.descriptor {
                truth(it.is_upper_layer == Some(true), each);
            }
        },
        "fd.is_lower_layer" => |e, _, each| {
            if let Some(it) = e.descriptor {
                truth(it.is_upper_layer == Some(false), each);
            }
        },
        "fs.path.name" => |e, _, each| path(e, PATHS, false, each),
        "fs.path.nameraw" => |e, _, each| path(e, PATHS, true, each),
        "fs.path.source" => |e, _, each| source_path(e, false, each),
        "fs.path.sourceraw" => |e, _, each| source_path(e, true, each),
        "fs.path.target" => |e, _, each| target_path(e, false, each),
        "fs.path.targetraw" => |e, _, each| target_path(e, true, each),
        _ => return None,
    })
}

fn of_process(name: &str) -> Option<Read> {
    Some(match name {
        "proc.exe" => |e, _, each| {
            let read: Of<Process> = |it, each| say(&it.exe, each);
            read(e.process, each);
        },
        "proc.pexe" => |e, _, each| parent(e, each, |it, each| say(&it.exe, each)),
        "proc.aexe" => |e, place, each| ancestors(e, place, each, |it, each| say(&it.exe, each)),
        "proc.exepath" => |e, _, each| {
            let read: Of<Process> = |it, each| say(&it.exe_path, each);
            read(e.process, each);
        },
        "proc.pexepath" => |e, _, each| parent(e, each, |it, each| say(&it.exe_path, each)),
        "proc.aexepath" => {
            |e, place, each| ancestors(e, place, each, |it, each| say(&it.exe_path, each))
        }
        "proc.name" => |e, _, each| {
            let read: Of<Process> = |it, each| say(&it.name, each);
            read(e.process, each);
        },
        "proc.pname" => |e, _, each| parent(e, each, |it, each| say(&it.name, each)),
        "proc.aname" => |e, place, each| ancestors(e, place, each, |it, each| say(&it.name, each)),
        "proc.args" => |e, place, each| match (place.index, &place.argument) {
            (Some(index), _) => {
                if let Some(argument) = e.process.arguments.get(index) {
                    say(argument, each);
                }
            }
            (None, None) => joined(&e.process.arguments, each),
            _ => {}
        },
        "proc.aargs" => {
            |e, place, each| ancestors(e, place, each, |it, each| joined(&it.arguments, each))
        }
        "proc.cmdline" => |e, _, each| {
            let read: Of<Process> = command_line;
            read(e.process, each);
        },
        "proc.pcmdline" => |e, _, each| parent(e, each, command_line),
        "proc.acmdline" => |e, place, each| ancestors(e, place, each, command_line),
        "proc.cmdnargs" => |e, _, each| unsigned(e.process.arguments.len() as u64, each),
        "proc.cmdlenargs" => |e, _, each| {
            let bytes: usize = e.process.arguments.iter().map(|it| it.len()).sum();
            unsigned(bytes as u64, each);
        },
        "proc.exeline" => |e, _, each| {
            let mut line = vec![e.process.exe.clone()];
            line.extend(e.process.arguments.iter().cloned());
            joined(&line, each);
        },
        "proc.env" => |e, place, each| environment(e.process, place, each),
        "proc.aenv" => |e, place, each| {
            if let Some(index) = place.index {
                if let Some(it) = e.process.ancestor(index) {
                    joined(&it.environment, each);
                }
                return;
            }
            for it in e.process.ancestors() {
                environment(it, place, each);
            }
        },
        "proc.cwd" => |e, _, each| say(&e.process.working_folder, each),
        "proc.loginshellid" => |e, _, each| {
            let shell = std::iter::once(e.process)
                .chain(e.process.ancestors())
                .filter(|it| it.name.ends_with(b"sh"))
                .last();
            if let Some(shell) = shell {
                number(shell.pid, each);
            }
        },
        "proc.tty" => |e, _, each| number(e.process.tty, each),
        "proc.pid" => |e, _, each| {
            let read: Of<Process> = |it, each| number(it.pid, each);
            read(e.process, each);
        },
        "proc.ppid" => |e, _, each| parent(e, each, |it, each| number(it.pid, each)),
        "proc.apid" => |e, place, each| ancestors(e, place, each, |it, each| number(it.pid, each)),
        "proc.vpid" => |e, _, each| {
            let read: Of<Process> = |it, each| number(it.vpid, each);
            read(e.process, each);
        },
        "proc.pvpid" => |e, _, each| parent(e, each, |it, each| number(it.vpid, each)),
        "proc.sid" => |e, _, each| number(e.process.sid, each),
        "proc.sname" => |e, _, each| {
            leader(e.process.session_leader.as_deref(), each, |it, each| {
                say(&it.name, each);
            });
        },
        "proc.sid.exe" => |e, _, each| {
            leader(e.process.session_leader.as_deref(), each, |it, each| {
                say(&it.exe, each);
            });
        },
        "proc.sid.exepath" => |e, _, each| {
            leader(e.process.session_leader.as_deref(), each, |it, each| {
                say(&it.exe_path, each);
            });
        },
        "proc.vpgid.name" => |e, _, each| {
            leader(e.process.group_leader.as_deref(), each, |it, each| {
                say(&it.name, each);
            });
        },
        "proc.vpgid.exe" => |e, _, each| {
            leader(e.process.group_leader.as_deref(), each, |it, each| {
                say(&it.exe, each);
            });
        },
        "proc.vpgid.exepath" => |e, _, each| {
            leader(e.process.group_leader.as_deref(), each, |it, each| {
                say(&it.exe_path, each);
            });
        },
        "proc.pgid.name" => |e, _, each| {
            leader(e.process.group_leader.as_deref(), each, |it, each| {
                say(&it.name, each);
            });
        },
        "proc.pgid.exe" => |e, _, each| {
            leader(e.process.group_leader.as_deref(), each, |it, each| {
                say(&it.exe, each);
            });
        },
        "proc.pgid.exepath" => |e, _, each| {
            leader(e.process.group_leader.as_deref(), each, |it, each| {
                say(&it.exe_path, each);
            });
        },
        "proc.vpgid" => |e, _, each| number(e.process.vpgid, each),
        "proc.pgid" => |e, _, each| number(e.process.pgid, each),
        "proc.duration" => |e, _, each| number(e.time - e.process.started, each),
        "proc.ppid.duration" => |e, _, each| {
            if let Some(it) = &e.process.parent {
                number(e.time - it.started, each);
            }
        },
        "proc.pid.ts" => |e, _, each| {
            let read: Of<Process> = |it, each| number(it.started, each);
            read(e.process, each);
        },
        "proc.ppid.ts" => |e, _, each| parent(e, each, |it, each| number(it.started, each)),
        "proc.is_exe_writable" => |e, _, each| truth(e.process.executable.is_writable, each),
        "proc.is_exe_upper_layer" => |e, _, each| truth(e.process.executable.is_upper_layer, each),
        "proc.is_exe_lower_layer" => |e, _, each| truth(e.process.executable.is_lower_layer, each),
        "proc.is_exe_from_memfd" => |e, _, each| truth(e.process.executable.is_memfd, each),
        "proc.is_sid_leader" => |e, _, each| truth(e.process.sid == e.process.vpid, each),
        "proc.is_vpgid_leader" => |e, _, each| truth(e.process.vpgid == e.process.vpid, each),
        "proc.is_pgid_leader" => |e, _, each| truth(e.process.pgid == e.process.pid, each),
        "proc.exe_ino" => |e, _, each| unsigned(e.process.executable.inode, each),
        "proc.exe_ino.ctime" => |e, _, each| number(e.process.executable.changed, each),
        "proc.exe_ino.mtime" => |e, _, each| number(e.process.executable.modified, each),
        "proc.exe_ino.ctime_duration_proc_start" => {
            |e, _, each| number(e.process.started - e.process.executable.changed, each)
        }
        "proc.exe_ino.ctime_duration_pidns_start" => |e, _, each| {
            number(
                e.process.executable.changed - e.process.executable.namespace_started,
                each,
            );
        },
        "proc.pidns_init_start_ts" => {
            |e, _, each| number(e.process.executable.namespace_started, each)
        }
        "proc.stdin.type" => |e, _, each| {
            if let [Some((kind, _)), ..] = &e.process.stdio {
                say(kind.words().1.as_bytes(), each);
            }
        },
        "proc.stdin.name" => |e, _, each| {
            if let [Some((_, name)), ..] = &e.process.stdio {
                say(name, each);
            }
        },
        "proc.stdout.type" => |e, _, each| {
            if let [_, Some((kind, _)), ..] = &e.process.stdio {
                say(kind.words().1.as_bytes(), each);
            }
        },
        "proc.stdout.name" => |e, _, each| {
            if let [_, Some((_, name)), ..] = &e.process.stdio {
                say(name, each);
            }
        },
        "proc.stderr.type" => |e, _, each| {
            if let [_, _, Some((kind, _)), ..] = &e.process.stdio {
                say(kind.words().1.as_bytes(), each);
            }
        },
        "proc.stderr.name" => |e, _, each| {
            if let [_, _, Some((_, name)), ..] = &e.process.stdio {
                say(name, each);
            }
        },
        "proc.is_container_healthcheck" => |e, _, each| truth(e.process.is_healthcheck, each),
        "proc.is_container_liveness_probe" => |e, _, each| truth(e.process.is_liveness_probe, each),
        "proc.is_container_readiness_probe" => {
            |e, _, each| truth(e.process.is_readiness_probe, each)
        }
        "thread.cap_permitted" => |e, _, each| say(&e.process.permitted, each),
        "thread.cap_inheritable" => |e, _, each| say(&e.process.inheritable, each),
        "thread.cap_effective" => |e, _, each| say(&e.process.effective, each),
        "thread.tid" => |e, _, each| number(e.thread, each),
        "thread.vtid" => |e, _, each| {
            if e.thread == e.process.pid {
                number(e.process.vpid, each);
            }
        },
        "thread.ismain" => |e, _, each| truth(e.thread == e.process.pid, each),
        "thread.nametid" => |e, _, each| {
            let mut name = e.process.name.to_vec();
            name.extend_from_slice(e.thread.to_string().as_bytes());
            say(&name, each);
        },
        "thread.cgroups" => |e, _, each| {
            let parts: Vec<_> = e
                .process
                .cgroups
                .iter()
                .map(|(name, path)| [name, b"=".as_slice(), path].concat())
                .collect();
            say(&parts.join(&b' '), each);
        },
        "thread.cgroup" => |e, place, each| label(&e.process.cgroups, place.key(), each),
        "user.uid" => |e, _, each| number(i64::from(e.process.user.uid), each),
        "user.name" => |e, _, each| say(&e.process.user.name, each),
        "user.homedir" => |e, _, each| say(&e.process.user.home, each),
        "user.shell" => |e, _, each| say(&e.process.user.shell, each),
        "user.loginuid" => |e, _, each| number(e.process.user.login_uid, each),
        "user.loginname" => |e, _, each| say(&e.process.user.login_name, each),
        "group.gid" => |e, _, each| number(i64::from(e.process.user.gid), each),
        "group.name" => |e, _, each| say(&e.process.user.group, each),
        "container.id" => |e, _, each| match &e.process.container {
            Some(container) => say(short(&container.full_id), each),
            None => say(b"host", each),
        },
        "container.full_id" => |e, _, each| container(e, each, |it, each| say(&it.full_id, each)),
        "container.image" => |e, _, each| container(e, each, |it, each| say(&it.image, each)),
        "container.image.id" => |e, _, each| container(e, each, |it, each| say(&it.image_id, each)),
        "container.image.repository" => {
            |e, _, each| container(e, each, |it, each| say(&it.repository, each))
        }
        "container.image.tag" => |e, _, each| container(e, each, |it, each| say(&it.tag, each)),
        "container.image.digest" => {
            |e, _, each| container(e, each, |it, each| say(&it.digest, each))
        }
        "container.type" => |e, _, each| container(e, each, |it, each| say(&it.runtime, each)),
        "container.healthcheck" => {
            |e, _, each| container(e, each, |it, each| say(&it.healthcheck, each))
        }
        "container.liveness_probe" => {
            |e, _, each| container(e, each, |it, each| say(&it.liveness_probe, each))
        }
        "container.readiness_probe" => {
            |e, _, each| container(e, each, |it, each| say(&it.readiness_probe, each))
        }
        "container.ip" => |e, _, each| container(e, each, |it, each| say(&it.address, each)),
        "container.cni.json" => |e, _, each| container(e, each, |it, each| say(&it.cni, each)),
        "container.name" => |e, _, each| match &e.process.container {
            Some(container) => say(&container.name, each),
            None => say(b"host", each),
        },
        "container.privileged" => |e, _, each| {
            container(e, each, |it, each| {
                if let Some(is_so) = it.is_privileged {
                    truth(is_so, each);
                }
            });
        },
        "container.mounts" => |e, _, each| {
            container(e, each, |it, each| {
                let parts: Vec<_> = it.mounts.iter().map(mount_text).collect();
                say(&parts.join(&b','), each);
            });
        },
        "container.mount" => {
            |e, place, each| mount(e, place, each, |it, each| say(&mount_text(it), each))
        }
        "container.mount.source" => {
            |e, place, each| mount(e, place, each, |it, each| say(&it.source, each))
        }
        "container.mount.dest" => {
            |e, place, each| mount(e, place, each, |it, each| say(&it.destination, each))
        }
        "container.mount.mode" => {
            |e, place, each| mount(e, place, each, |it, each| say(&it.mode, each))
        }
        "container.mount.propagation" => {
            |e, place, each| mount(e, place, each, |it, each| say(&it.propagation, each))
        }
        "container.mount.rdwr" => |e, place, each| {
            mount(e, place, each, |it, each| {
                say(if it.is_writable { b"true" } else { b"false" }, each);
            });
        },
        "container.start_ts" => {
            |e, _, each| container(e, each, |it, each| number(it.started, each))
        }
        "container.duration" => |e, _, each| {
            if let Some(container) = &e.process.container {
                number(e.time - container.started, each);
            }
        },
        "container.host_pid" => {
            |e, _, each| container(e, each, |it, each| truth(it.has_host_pid, each))
        }
        "container.host_network" => {
            |e, _, each| container(e, each, |it, each| truth(it.has_host_network, each))
        }
        "container.host_ipc" => {
            |e, _, each| container(e, each, |it, each| truth(it.has_host_ipc, each))
        }
        "container.label" => |e, place, each| {
            if let Some(container) = &e.process.container {
                label(&container.labels, place.key(), each);
            }
        },
        "container.labels" => |e, _, each| container(e, each, |it, each| labels(&it.labels, each)),
        "k8s.ns.name" => |e, _, each| pod(e, each, |it, each| say(&it.namespace, each)),
        "k8s.pod.name" => |e, _, each| pod(e, each, |it, each| say(&it.name, each)),
        "k8s.pod.uid" | "k8s.pod.id" => |e, _, each| pod(e, each, |it, each| say(&it.uid, each)),
        "k8s.pod.sandbox_id" => |e, _, each| pod(e, each, |it, each| say(short(&it.sandbox), each)),
        "k8s.pod.full_sandbox_id" => |e, _, each| pod(e, each, |it, each| say(&it.sandbox, each)),
        "k8s.pod.label" => |e, place, each| {
            let container = e.process.container.as_deref();
            if let Some(pod) = container.and_then(|it| it.pod.as_ref()) {
                label(&pod.labels, place.key(), each);
            }
        },
        "k8s.pod.labels" => |e, _, each| pod(e, each, |it, each| labels(&it.labels, each)),
        "k8s.pod.ip" => |e, _, each| pod(e, each, |it, each| say(&it.address, each)),
        "k8s.pod.cni.json" => |e, _, each| pod(e, each, |it, each| say(&it.cni, each)),
        _ => return None,
    })
}

fn in_container(event: &Event<'_>, name: Option<&[u8]>, each: Each<'_>) {
    let id: &[u8] = match &event.process.container {
        Some(container) => short(&container.full_id),
        None => b"",
    };
    if let Some(name) = name {
        say(&[id, b":", name].concat(), each);
    }
}
