//! The writing half.

use std::net::IpAddr;

use rules::syscall::{Bytes, Container, DescriptorKind};

use super::{DESCRIPTORS, MATTERS, OUTCOMES, PROTOCOLS};
use crate::{
    context::{Group as SeenGroup, Seen, Snapshot, Users},
    record::{Call, Credentials, Exec, File, Group, Record, Task, Via, What},
};

/// Writes.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        self.byte(u8::try_from(number).unwrap_or_default());
    }

    fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63).cast_unsigned());
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn flag(&mut self, flag: bool) {
        self.byte(flag.into());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn index<T: PartialEq>(&mut self, of: &[T], it: &T) {
        let at = of.iter().position(|each| each == it).unwrap_or_default();
        self.byte(u8::try_from(at).unwrap_or_default());
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u64);
        for item in items {
            each(self, item);
        }
    }

    fn some<T>(&mut self, it: Option<&T>, each: impl FnOnce(&mut Self, &T)) {
        self.flag(it.is_some());
        if let Some(it) = it {
            each(self, it);
        }
    }

    fn descriptor(&mut self, kind: Option<DescriptorKind>) {
        self.some(kind.as_ref(), |to, it| to.index(&DESCRIPTORS, it));
    }

    fn end(&mut self, end: Option<(IpAddr, u16)>) {
        self.some(end.as_ref(), |to, (address, port)| {
            match address {
                IpAddr::V4(it) => to.bytes(&it.octets()),
                IpAddr::V6(it) => to.bytes(&it.octets()),
            }
            to.number((*port).into());
        });
    }

    fn file(&mut self, file: &File) {
        self.number(file.inode);
        self.number(file.device.0.into());
        self.number(file.device.1.into());
        for flag in [
            file.is_overlay,
            file.is_upper,
            file.is_unlinked,
            file.is_memfd,
        ] {
            self.flag(flag);
        }
        self.number(file.mode.into());
        self.number(file.size);
        self.signed(file.modified);
        self.signed(file.changed);
        self.number(file.magic);
    }

    fn credentials(&mut self, who: &Credentials) {
        for number in [who.uid, who.gid, who.effective_uid, who.effective_gid] {
            self.number(number.into());
        }
        for set in [who.permitted, who.inheritable, who.effective] {
            self.number(set);
        }
    }

    fn task(&mut self, task: &Task) {
        self.number(task.time);
        for number in [
            task.cpu.into(),
            task.pid,
            task.tid,
            task.parent,
            task.uid,
            task.gid,
            task.mount_namespace,
            task.pid_namespace,
        ] {
            self.number(number.into());
        }
        for number in [task.started, task.cgroup.unified, task.cgroup.legacy] {
            self.number(number);
        }
        self.0.extend_from_slice(&task.name);
    }

    fn group(&mut self, group: &Group<'_>) {
        self.number(group.id);
        self.number(group.hierarchy.into());
        self.bytes(group.path);
    }

    pub(crate) fn record(&mut self, record: &Record<'_>) {
        self.task(&record.task);
        match &record.what {
            What::Fork(fork) => {
                self.byte(1);
                self.number(fork.pid.into());
                self.number(fork.started);
                self.number(fork.virtual_pid.into());
            }
            What::Exec(exec) => {
                self.byte(2);
                self.exec(exec);
            }
            What::Exit { code } => {
                self.byte(3);
                self.signed((*code).into());
            }
            What::CgroupMade(group) => {
                self.byte(4);
                self.group(group);
            }
            What::CgroupRemoved(group) => {
                self.byte(5);
                self.group(group);
            }
            What::CgroupJoined { group, pid } => {
                self.byte(6);
                self.group(group);
                self.number((*pid).into());
            }
            What::Call(call) => {
                self.byte(7);
                self.call(call);
            }
            What::Dns(dns) => {
                self.byte(8);
                self.flag(dns.is_answer);
                self.end(dns.server);
                self.bytes(dns.message);
            }
            What::Verdict(verdict) => {
                self.byte(9);
                self.index(&MATTERS, &verdict.matter);
                self.index(&OUTCOMES, &verdict.outcome);
                self.bytes(verdict.path);
                self.file(&verdict.file);
                self.end(verdict.address);
            }
        }
    }

    fn exec(&mut self, exec: &Exec<'_>) {
        for text in [exec.path, exec.resolved, exec.arguments, exec.environment] {
            self.bytes(text);
        }
        self.flag(exec.are_arguments_cut);
        self.file(&exec.file);
        self.credentials(&exec.credentials);
        for number in [
            exec.virtual_pid,
            exec.session,
            exec.group,
            exec.terminal,
            exec.login_uid,
        ] {
            self.number(number.into());
        }
        for kind in exec.stdio {
            self.descriptor(kind);
        }
    }

    fn call(&mut self, call: &Call<'_>) {
        // By name: numbers of kinds change from version to version.
        self.bytes(call.kind.as_str().as_bytes());
        self.signed(call.result);
        for argument in call.arguments {
            self.number(argument);
        }
        for text in [
            call.path,
            call.resolved,
            call.second,
            call.folder,
            call.second_folder,
            call.data,
        ] {
            self.bytes(text);
        }
        self.some(call.file.as_ref(), Self::file);
        self.descriptor(call.descriptor);
        self.some(call.socket.as_ref(), |to, socket| {
            to.index(&PROTOCOLS, &socket.protocol);
            to.end(socket.local);
            to.end(socket.remote);
            to.bytes(socket.path);
            to.flag(socket.is_server);
        });
        self.number(call.target.into());
        self.some(call.credentials.as_ref(), Self::credentials);
        self.flag(call.by == Via::IoUring);
    }

    pub(crate) fn seen(&mut self, seen: &Seen) {
        for number in [
            seen.pid,
            seen.parent,
            seen.virtual_pid,
            seen.session,
            seen.group,
            seen.terminal,
            seen.login_uid,
        ] {
            self.number(number.into());
        }
        self.number(seen.started);
        for text in [&seen.name, &seen.exe_path, &seen.working_folder] {
            self.bytes(text);
        }
        self.list(&seen.arguments, |to, it| to.bytes(it));
        self.list(&seen.environment, |to, it| to.bytes(it));
        self.credentials(&seen.credentials);
        self.list(&seen.cgroups, |to, it| {
            to.number(it.hierarchy.into());
            to.bytes(&it.controllers);
            to.bytes(&it.path);
        });
        for stdio in &seen.stdio {
            self.descriptor(stdio.as_ref().map(|(kind, _)| *kind));
            self.bytes(stdio.as_ref().map_or(b"", |(_, name)| name));
        }
    }

    pub(crate) fn seen_group(&mut self, group: &SeenGroup) {
        self.number(group.hierarchy.into());
        self.number(group.id);
        self.bytes(&group.path);
    }

    pub(crate) fn container(&mut self, it: &Container) {
        for text in [
            &it.full_id,
            &it.name,
            &it.image,
            &it.image_id,
            &it.repository,
            &it.tag,
            &it.digest,
            &it.runtime,
            &it.healthcheck,
            &it.address,
            &it.cni,
        ] {
            self.bytes(text);
        }
        self.some(it.is_privileged.as_ref(), |to, it| to.flag(*it));
        for flag in [it.has_host_pid, it.has_host_network, it.has_host_ipc] {
            self.flag(flag);
        }
        self.signed(it.started);
        self.list(&it.mounts, |to, mount| {
            for text in [
                &mount.source,
                &mount.destination,
                &mount.mode,
                &mount.propagation,
            ] {
                to.bytes(text);
            }
            to.flag(mount.is_writable);
        });
        self.labels(&it.labels);
        self.some(it.pod.as_ref(), |to, pod| {
            for text in [
                &pod.name,
                &pod.namespace,
                &pod.uid,
                &pod.sandbox,
                &pod.address,
                &pod.cni,
            ] {
                to.bytes(text);
            }
            to.labels(&pod.labels);
        });
    }

    fn labels(&mut self, labels: &[(Bytes, Bytes)]) {
        self.list(labels, |to, (key, value)| {
            to.bytes(key);
            to.bytes(value);
        });
    }
}

impl Writer {
    pub(crate) fn snapshot(&mut self, snapshot: &Snapshot) {
        self.number(snapshot.legacy.into());
        self.list(&snapshot.groups, Self::seen_group);
        self.list(&snapshot.processes, Self::seen);
    }

    pub(crate) fn users(&mut self, users: &Users) {
        self.list(users.people(), |to, (uid, person)| {
            to.number((*uid).into());
            for text in [&person.name, &person.home, &person.shell] {
                to.bytes(text);
            }
        });
        self.list(users.groups(), |to, (gid, name)| {
            to.number((*gid).into());
            to.bytes(name);
        });
    }
}
