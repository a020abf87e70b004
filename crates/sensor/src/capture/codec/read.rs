//! The reading half.
#![expect(
    clippy::option_option,
    reason = "what is not there was read, too; the outer one is the end of the bytes"
)]

use std::net::IpAddr;

use rules::syscall::{Bytes, Container, DescriptorKind, Kind, Mount, Pod};

use super::{DESCRIPTORS, MATTERS, MAX_ITEMS, OUTCOMES, PROTOCOLS};
use crate::{
    context::{Group as SeenGroup, Membership, Person, Seen, Users},
    record::{
        Call, Cgroup, Credentials, Dns, Exec, File, Fork, Group, Record, Socket, Task, Verdict,
        Via, What,
    },
};

/// Reads; nothing where the bytes end or make no sense.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.small()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn owned(&mut self) -> Option<Bytes> {
        self.bytes().map(Into::into)
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let at = self.byte()?;
        of.get(usize::from(at)).copied()
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        if count > MAX_ITEMS {
            return None;
        }
        (0..count).map(|_| each(self)).collect()
    }

    fn some<T>(&mut self, each: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? {
            Some(Some(each(self)?))
        } else {
            Some(None)
        }
    }

    fn descriptor(&mut self) -> Option<Option<DescriptorKind>> {
        self.some(|from| from.one_of(&DESCRIPTORS))
    }

    fn end(&mut self) -> Option<Option<(IpAddr, u16)>> {
        self.some(|from| {
            let address = match *from.bytes()? {
                [a, b, c, d] => IpAddr::from([a, b, c, d]),
                ref long => IpAddr::from(<[u8; 16]>::try_from(long).ok()?),
            };
            Some((address, from.small()?))
        })
    }

    fn file(&mut self) -> Option<File> {
        Some(File {
            inode: self.number()?,
            device: (self.small()?, self.small()?),
            is_overlay: self.flag()?,
            is_upper: self.flag()?,
            is_unlinked: self.flag()?,
            is_memfd: self.flag()?,
            mode: self.small()?,
            size: self.number()?,
            modified: self.signed()?,
            changed: self.signed()?,
            magic: self.number()?,
        })
    }

    fn credentials(&mut self) -> Option<Credentials> {
        Some(Credentials {
            uid: self.small()?,
            gid: self.small()?,
            effective_uid: self.small()?,
            effective_gid: self.small()?,
            permitted: self.number()?,
            inheritable: self.number()?,
            effective: self.number()?,
        })
    }

    fn task(&mut self) -> Option<Task> {
        let mut task = Task {
            time: self.number()?,
            cpu: self.small()?,
            pid: self.small()?,
            tid: self.small()?,
            parent: self.small()?,
            uid: self.small()?,
            gid: self.small()?,
            mount_namespace: self.small()?,
            pid_namespace: self.small()?,
            started: self.number()?,
            cgroup: Cgroup {
                unified: self.number()?,
                legacy: self.number()?,
            },
            name: [0; 16],
        };
        let (name, rest) = self.0.split_at_checked(16)?;
        task.name.copy_from_slice(name);
        self.0 = rest;
        Some(task)
    }

    fn group(&mut self) -> Option<Group<'a>> {
        Some(Group {
            id: self.number()?,
            hierarchy: self.small()?,
            path: self.bytes()?,
        })
    }

    pub(crate) fn record(&mut self) -> Option<Record<'a>> {
        let task = self.task()?;
        let what = match self.byte()? {
            1 => What::Fork(Fork {
                pid: self.small()?,
                started: self.number()?,
                virtual_pid: self.small()?,
            }),
            2 => What::Exec(self.exec()?),
            3 => What::Exit {
                code: self.signed()?.try_into().ok()?,
            },
            4 => What::CgroupMade(self.group()?),
            5 => What::CgroupRemoved(self.group()?),
            6 => What::CgroupJoined {
                group: self.group()?,
                pid: self.small()?,
            },
            7 => What::Call(self.call()?),
            8 => What::Dns(Dns {
                is_answer: self.flag()?,
                server: self.end()?,
                message: self.bytes()?,
            }),
            9 => What::Verdict(Verdict {
                matter: self.one_of(&MATTERS)?,
                outcome: self.one_of(&OUTCOMES)?,
                path: self.bytes()?,
                file: self.file()?,
                address: self.end()?,
            }),
            _ => return None,
        };
        Some(Record { task, what })
    }

    fn exec(&mut self) -> Option<Exec<'a>> {
        let [path, resolved, arguments, environment] = self.texts()?;
        Some(Exec {
            path,
            resolved,
            arguments,
            environment,
            are_arguments_cut: self.flag()?,
            file: self.file()?,
            credentials: self.credentials()?,
            virtual_pid: self.small()?,
            session: self.small()?,
            group: self.small()?,
            terminal: self.small()?,
            login_uid: self.small()?,
            stdio: [self.descriptor()?, self.descriptor()?, self.descriptor()?],
        })
    }

    fn texts<const N: usize>(&mut self) -> Option<[&'a [u8]; N]> {
        let mut texts = [b"".as_slice(); N];
        for text in &mut texts {
            *text = self.bytes()?;
        }
        Some(texts)
    }

    fn call(&mut self) -> Option<Call<'a>> {
        let kind = Kind::parse(std::str::from_utf8(self.bytes()?).ok()?)?;
        let result = self.signed()?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = self.number()?;
        }
        let [path, resolved, second, folder, second_folder, data] = self.texts()?;
        Some(Call {
            kind,
            result,
            arguments,
            path,
            resolved,
            second,
            folder,
            second_folder,
            data,
            file: self.some(Self::file)?,
            descriptor: self.descriptor()?,
            socket: self.some(|from| {
                Some(Socket {
                    protocol: from.one_of(&PROTOCOLS)?,
                    local: from.end()?,
                    remote: from.end()?,
                    path: from.bytes()?,
                    is_server: from.flag()?,
                })
            })?,
            target: self.small()?,
            credentials: self.some(Self::credentials)?,
            by: if self.flag()? {
                Via::IoUring
            } else {
                Via::SystemCall
            },
        })
    }

    pub(crate) fn seen(&mut self) -> Option<Seen> {
        Some(Seen {
            pid: self.small()?,
            parent: self.small()?,
            virtual_pid: self.small()?,
            session: self.small()?,
            group: self.small()?,
            terminal: self.small()?,
            login_uid: self.small()?,
            started: self.number()?,
            name: self.owned()?,
            exe_path: self.owned()?,
            working_folder: self.owned()?,
            arguments: self.list(Self::owned)?,
            environment: self.list(Self::owned)?,
            credentials: self.credentials()?,
            cgroups: self.list(|from| {
                Some(Membership {
                    hierarchy: from.small()?,
                    controllers: from.owned()?,
                    path: from.owned()?,
                })
            })?,
            stdio: [self.stdio()?, self.stdio()?, self.stdio()?],
        })
    }

    fn stdio(&mut self) -> Option<Option<(DescriptorKind, Bytes)>> {
        let kind = self.descriptor()?;
        let name = self.owned()?;
        Some(kind.map(|kind| (kind, name)))
    }

    pub(crate) fn seen_group(&mut self) -> Option<SeenGroup> {
        Some(SeenGroup {
            hierarchy: self.small()?,
            id: self.number()?,
            path: self.bytes()?.to_vec(),
        })
    }

    pub(crate) fn container(&mut self) -> Option<Container> {
        Some(Container {
            full_id: self.owned()?,
            name: self.owned()?,
            image: self.owned()?,
            image_id: self.owned()?,
            repository: self.owned()?,
            tag: self.owned()?,
            digest: self.owned()?,
            runtime: self.owned()?,
            healthcheck: self.owned()?,
            address: self.owned()?,
            cni: self.owned()?,
            is_privileged: self.some(Self::flag)?,
            has_host_pid: self.flag()?,
            has_host_network: self.flag()?,
            has_host_ipc: self.flag()?,
            started: self.signed()?,
            mounts: self.list(|from| {
                Some(Mount {
                    source: from.owned()?,
                    destination: from.owned()?,
                    mode: from.owned()?,
                    propagation: from.owned()?,
                    is_writable: from.flag()?,
                })
            })?,
            labels: self.labels()?,
            pod: self.some(|from| {
                Some(Pod {
                    name: from.owned()?,
                    namespace: from.owned()?,
                    uid: from.owned()?,
                    sandbox: from.owned()?,
                    address: from.owned()?,
                    cni: from.owned()?,
                    labels: from.labels()?,
                })
            })?,
            ..Container::default()
        })
    }

    fn labels(&mut self) -> Option<Vec<(Bytes, Bytes)>> {
        self.list(|from| Some((from.owned()?, from.owned()?)))
    }
}

impl Reader<'_> {
    pub(crate) fn users(&mut self) -> Option<Users> {
        let people = self.list(|from| {
            let uid = from.small()?;
            let person = Person {
                name: from.owned()?,
                home: from.owned()?,
                shell: from.owned()?,
            };
            Some((uid, person))
        })?;
        let groups = self.list(|from| Some((from.small()?, from.owned()?)))?;
        Some(Users::of_lists(people, groups))
    }
}
