//! Bytes of a ring, read as [`Record`]s. Whatever they are, this does not
//! panic: what is shorter than it says is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rules::syscall::{DescriptorKind, Kind};
use thiserror::Error;

use super::layout as l;
use crate::record::{
    Call, Cgroup, Credentials, Dns, Exec, File, Fork, Group, Matter, Outcome, Record, Socket, Task,
    Verdict, Via, What,
};

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoRecord {
    #[error("a record of {length} bytes is too short")]
    Short { length: usize },
    #[error("there are no records of type {0}")]
    Type(u8),
    #[error("there is no call of kind {0}")]
    Kind(u16),
    #[error("there is no verdict {0} about {1}")]
    Verdict(u8, u8),
}

/// Reads one entry of a ring; nothing for one that only measures.
pub fn decode(bytes: &[u8]) -> Result<Record<'_>, NoRecord> {
    let short = NoRecord::Short {
        length: bytes.len(),
    };
    let head = Fields(bytes.get(..l::HEAD).ok_or(short)?);
    let rest = bytes.get(l::HEAD..).ok_or(short)?;
    let split = |size: usize| -> Result<(Fields<'_>, Sections<'_>), NoRecord> {
        let (body, sections) = rest.split_at_checked(size).ok_or(short)?;
        Ok((Fields(body), Sections::read(sections)))
    };
    let mut name = [0; 16];
    name.copy_from_slice(head.bytes::<16>(64).as_slice());
    let task = Task {
        time: head.u64(l::TIME_AT),
        cpu: head.u16(2),
        pid: head.u32(4),
        tid: head.u32(8),
        parent: head.u32(12),
        started: head.u64(32),
        uid: head.u32(16),
        gid: head.u32(20),
        cgroup: Cgroup {
            unified: head.u64(40),
            legacy: head.u64(48),
        },
        mount_namespace: head.u32(56),
        pid_namespace: head.u32(60),
        name,
    };
    let what = match head.u8(0) {
        l::FORK => {
            let (body, _) = split(l::FORK_BODY)?;
            What::Fork(Fork {
                pid: body.u32(0),
                virtual_pid: body.u32(4),
                started: body.u64(8),
            })
        }
        l::EXEC => {
            let (body, sections) = split(l::EXEC_BODY)?;
            What::Exec(exec(body, &sections))
        }
        l::EXIT => {
            let (body, _) = split(l::EXIT_BODY)?;
            What::Exit {
                code: body.u32(0).cast_signed(),
            }
        }
        kind @ (l::CGROUP_MADE | l::CGROUP_REMOVED | l::CGROUP_JOINED) => {
            let (body, sections) = split(l::GROUP_BODY)?;
            let group = Group {
                id: body.u64(0),
                hierarchy: body.u32(8),
                path: sections.path,
            };
            match kind {
                l::CGROUP_MADE => What::CgroupMade(group),
                l::CGROUP_REMOVED => What::CgroupRemoved(group),
                _ => What::CgroupJoined {
                    group,
                    pid: body.u32(12),
                },
            }
        }
        l::CALL => {
            let (body, sections) = split(l::CALL_BODY)?;
            What::Call(call(body, &sections)?)
        }
        l::DNS => {
            let (body, sections) = split(l::DNS_BODY)?;
            What::Dns(Dns {
                is_answer: body.u8(0) != 0,
                server: address(body.u8(1), &body.bytes(8)).map(|it| (it, body.u16(2))),
                message: sections.data,
            })
        }
        l::VERDICT => {
            let (body, sections) = split(l::VERDICT_BODY)?;
            What::Verdict(verdict(body, &sections)?)
        }
        other => return Err(NoRecord::Type(other)),
    };
    Ok(Record { task, what })
}

fn exec<'a>(body: Fields<'_>, sections: &Sections<'a>) -> Exec<'a> {
    Exec {
        path: sections.path,
        resolved: sections.resolved,
        arguments: sections.arguments,
        are_arguments_cut: body.u8(23) != 0,
        environment: sections.environment,
        file: sections.file.unwrap_or_default(),
        credentials: sections.credentials.unwrap_or_default(),
        virtual_pid: body.u32(0),
        session: body.u32(4),
        group: body.u32(8),
        terminal: body.u32(12),
        login_uid: body.u32(16),
        stdio: [20, 21, 22].map(|at| descriptor(body.u8(at))),
    }
}

fn call<'a>(body: Fields<'_>, sections: &Sections<'a>) -> Result<Call<'a>, NoRecord> {
    // 0 is a call that is not taken.
    let number = body.u16(0);
    let kind = usize::from(number)
        .checked_sub(1)
        .and_then(|at| Kind::ALL.get(at).copied())
        .ok_or(NoRecord::Kind(number))?;
    Ok(Call {
        kind,
        result: body.u64(8).cast_signed(),
        arguments: [16, 24, 32, 40, 48, 56].map(|at| body.u64(at)),
        path: sections.path,
        resolved: sections.resolved,
        second: sections.second,
        folder: sections.folder,
        second_folder: sections.second_folder,
        file: sections.file,
        descriptor: descriptor(body.u8(3)),
        socket: sections.socket.map(|socket| Socket {
            path: sections.unix,
            ..socket
        }),
        data: sections.data,
        target: body.u32(4),
        credentials: sections.credentials,
        by: match body.u8(2) {
            0 => Via::SystemCall,
            _ => Via::IoUring,
        },
    })
}

fn verdict<'a>(body: Fields<'_>, sections: &Sections<'a>) -> Result<Verdict<'a>, NoRecord> {
    let (matter, outcome) = (body.u8(0), body.u8(1));
    let unknown = NoRecord::Verdict(outcome, matter);
    Ok(Verdict {
        matter: match matter {
            1 => Matter::Drift,
            2 => Matter::Connect,
            3 => Matter::Sysctl,
            4 => Matter::File,
            _ => return Err(unknown),
        },
        outcome: match outcome {
            1 => Outcome::WouldStop,
            2 => Outcome::Refused,
            3 => Outcome::Killed,
            _ => return Err(unknown),
        },
        path: if sections.resolved.is_empty() {
            sections.path
        } else {
            sections.resolved
        },
        file: sections.file.unwrap_or_default(),
        address: address(body.u8(2), &body.bytes(8)).map(|it| (it, body.u16(4))),
    })
}

/// Fixed fields: all are within, the length was looked at before.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(self, at: usize) -> [u8; N] {
        self.0
            .get(at..)
            .and_then(|from| from.first_chunk())
            .copied()
            .unwrap_or([0; N])
    }

    fn u8(self, at: usize) -> u8 {
        u8::from_ne_bytes(self.bytes(at))
    }

    fn u16(self, at: usize) -> u16 {
        u16::from_ne_bytes(self.bytes(at))
    }

    fn u32(self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes(at))
    }

    fn u64(self, at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes(at))
    }
}

/// What follows the body, in whatever order it came.
#[derive(Default)]
struct Sections<'a> {
    path: &'a [u8],
    resolved: &'a [u8],
    arguments: &'a [u8],
    environment: &'a [u8],
    second: &'a [u8],
    folder: &'a [u8],
    second_folder: &'a [u8],
    unix: &'a [u8],
    data: &'a [u8],
    file: Option<File>,
    credentials: Option<Credentials>,
    socket: Option<Socket<'a>>,
}

impl<'a> Sections<'a> {
    /// What is cut off is left out: a ring's records end at any byte.
    fn read(mut rest: &'a [u8]) -> Self {
        let mut all = Self::default();
        while let Some((head, behind)) = rest.split_at_checked(l::SECTION_HEAD) {
            let head = Fields(head);
            let length = usize::from(head.u16(2));
            let Some(bytes) = behind.get(..length) else {
                break;
            };
            match head.u16(0) {
                l::PATH => all.path = bytes,
                l::RESOLVED => all.resolved = bytes,
                l::ARGUMENTS => all.arguments = bytes,
                l::ENVIRONMENT => all.environment = bytes,
                l::SECOND => all.second = bytes,
                l::FOLDER => all.folder = bytes,
                l::SECOND_FOLDER => all.second_folder = bytes,
                l::UNIX => all.unix = unix(bytes),
                l::DATA => all.data = bytes,
                l::FILE if length >= l::FILE_SECTION => all.file = Some(file(Fields(bytes))),
                l::CREDENTIALS if length >= l::CREDENTIALS_SECTION => {
                    all.credentials = Some(credentials(Fields(bytes)));
                }
                l::SOCKET if length >= l::SOCKET_SECTION => {
                    all.socket = Some(socket(Fields(bytes)));
                }
                // A section of a newer program: not for us.
                _ => {}
            }
            rest = behind.get(length.next_multiple_of(8)..).unwrap_or_default();
        }
        all
    }
}

fn file(from: Fields<'_>) -> File {
    let flags = from.u32(52);
    File {
        inode: from.u64(0),
        device: (from.u32(40), from.u32(44)),
        is_overlay: flags & l::IS_OVERLAY != 0,
        is_upper: flags & l::IS_UPPER != 0,
        is_unlinked: flags & l::IS_UNLINKED != 0,
        is_memfd: flags & l::IS_MEMFD != 0,
        mode: from.u32(48),
        size: from.u64(16),
        modified: from.u64(24).cast_signed(),
        changed: from.u64(32).cast_signed(),
        magic: from.u64(8),
    }
}

fn credentials(from: Fields<'_>) -> Credentials {
    Credentials {
        uid: from.u32(0),
        gid: from.u32(4),
        effective_uid: from.u32(8),
        effective_gid: from.u32(12),
        permitted: from.u64(16),
        inheritable: from.u64(24),
        effective: from.u64(32),
    }
}

fn socket<'a>(from: Fields<'_>) -> Socket<'a> {
    let family = from.u8(0);
    let flags = from.u8(2);
    let end = |flag, at, port| {
        (flags & flag != 0)
            .then(|| address(family, &from.bytes(at)))
            .flatten()
            .map(|it| (it, from.u16(port)))
    };
    Socket {
        protocol: match (family, from.u8(1)) {
            (2 | 10, 6) => "tcp",
            (2 | 10, 17) => "udp",
            (2, 1) | (10, 58) => "icmp",
            (2 | 10, 255) => "raw",
            _ => "",
        },
        local: end(l::HAS_LOCAL, 8, 4),
        remote: end(l::HAS_REMOTE, 24, 6),
        path: b"",
        is_server: flags & l::IS_SERVER != 0,
    }
}

/// An address of the kernel's family; IPv4 in IPv6 is IPv4.
fn address(family: u8, bytes: &[u8; 16]) -> Option<IpAddr> {
    match family {
        2 => {
            let [a, b, c, d, ..] = *bytes;
            Some(Ipv4Addr::new(a, b, c, d).into())
        }
        10 => Some(Ipv6Addr::from(*bytes).to_canonical()),
        _ => None,
    }
}

/// A path ends at its zero byte; an abstract name begins with one.
fn unix(bytes: &[u8]) -> &[u8] {
    match bytes.first() {
        None | Some(0) => bytes,
        Some(_) => bytes.split(|&byte| byte == 0).next().unwrap_or_default(),
    }
}

fn descriptor(number: u8) -> Option<DescriptorKind> {
    Some(match number {
        1 => DescriptorKind::File,
        2 => DescriptorKind::Directory,
        3 => DescriptorKind::Ipv4,
        4 => DescriptorKind::Ipv6,
        5 => DescriptorKind::Unix,
        6 => DescriptorKind::Pipe,
        7 => DescriptorKind::Event,
        8 => DescriptorKind::Signal,
        9 => DescriptorKind::Eventpoll,
        10 => DescriptorKind::Inotify,
        11 => DescriptorKind::Timer,
        12 => DescriptorKind::Memfd,
        13 => DescriptorKind::Bpf,
        14 => DescriptorKind::Netlink,
        15 => DescriptorKind::Unknown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; l::HEAD];
        bytes[0] = kind;
        bytes[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        bytes[24..32].copy_from_slice(&99_u64.to_ne_bytes());
        bytes[64..67].copy_from_slice(b"sh\0");
        bytes
    }

    fn section(to: &mut Vec<u8>, name: u16, content: &[u8]) {
        to.extend(name.to_ne_bytes());
        to.extend(u16::try_from(content.len()).unwrap().to_ne_bytes());
        to.extend([0; 4]);
        to.extend(content);
        to.resize(to.len().next_multiple_of(8), 0);
    }

    fn call(kind: Kind) -> Vec<u8> {
        let mut bytes = head(l::CALL);
        let mut body = [0; l::CALL_BODY];
        body[..2].copy_from_slice(&super::super::calls::number(kind).to_ne_bytes());
        body[3] = 3;
        body[8..16].copy_from_slice(&(-2_i64).to_ne_bytes());
        body[16..24].copy_from_slice(&5_u64.to_ne_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_call_is_read_with_all_its_sections() {
        let mut bytes = call(Kind::Connect);
        section(&mut bytes, l::PATH, b"a/b");
        section(&mut bytes, l::FOLDER, b"/x");
        let mut socket = [0; l::SOCKET_SECTION];
        socket[..3].copy_from_slice(&[10, 17, l::HAS_REMOTE]);
        socket[6..8].copy_from_slice(&443_u16.to_ne_bytes());
        socket[34..36].copy_from_slice(&[0xff, 0xff]);
        socket[36..40].copy_from_slice(&[10, 0, 0, 1]);
        section(&mut bytes, l::SOCKET, &socket);
        section(&mut bytes, l::UNIX, b"/run/s\0rest");
        section(&mut bytes, 999, b"of a newer program");
        section(&mut bytes, l::DATA, b"x");
        let record = decode(&bytes).unwrap();
        assert_eq!(record.task.pid, 7);
        assert_eq!(record.task.time, 99);
        assert!(record.task.name.starts_with(b"sh\0"));
        let What::Call(call) = record.what else {
            panic!("{record:?}");
        };
        assert_eq!(call.kind, Kind::Connect);
        assert_eq!((call.result, call.arguments[0]), (-2, 5));
        assert_eq!((call.path, call.folder), (&b"a/b"[..], &b"/x"[..]));
        assert_eq!(call.descriptor, Some(DescriptorKind::Ipv4));
        let socket = call.socket.unwrap();
        assert_eq!(socket.protocol, "udp");
        assert_eq!(socket.remote, Some(([10, 0, 0, 1].into(), 443)));
        assert_eq!(socket.local, None);
        assert_eq!(socket.path, b"/run/s");
        assert_eq!(call.data, b"x");
    }

    #[test]
    fn a_section_that_is_cut_is_left_out() {
        let mut bytes = call(Kind::Openat);
        section(&mut bytes, l::PATH, b"whole");
        section(&mut bytes, l::RESOLVED, b"/this/one/is/cut");
        bytes.truncate(bytes.len() - 4);
        let record = decode(&bytes).unwrap();
        let What::Call(call) = record.what else {
            panic!("{record:?}");
        };
        assert_eq!(call.path, b"whole");
        assert_eq!(call.resolved, b"");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        assert_eq!(decode(b"").unwrap_err(), NoRecord::Short { length: 0 });
        assert_eq!(decode(&head(77)).unwrap_err(), NoRecord::Type(77));
        assert!(matches!(
            decode(&head(l::EXEC)),
            Err(NoRecord::Short { .. })
        ));
        let mut unknown = call(Kind::Openat);
        unknown[l::HEAD] = 0;
        unknown[l::HEAD + 1] = 0;
        assert_eq!(decode(&unknown).unwrap_err(), NoRecord::Kind(0));
        let mut verdict = head(l::VERDICT);
        verdict.resize(l::HEAD + l::VERDICT_BODY, 0);
        assert_eq!(decode(&verdict).unwrap_err(), NoRecord::Verdict(0, 0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            kind in 0_u8..12,
            mut bytes in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            if let Ok(record) = decode(&bytes) {
                // Whatever was read is within what was given.
                let said = format!("{record:?}");
                prop_assert!(said.len() < 64 * 1_024);
            }
        }

        #[test]
        fn a_record_cut_anywhere_is_read_or_refused(cut in 0_usize..400) {
            let mut bytes = call(Kind::Renameat2);
            section(&mut bytes, l::PATH, &[b'a'; 100]);
            section(&mut bytes, l::FILE, &[1; l::FILE_SECTION]);
            section(&mut bytes, l::SECOND, b"second");
            bytes.truncate(cut);
            prop_assert_eq!(decode(&bytes).is_ok(), bytes.len() >= l::HEAD + l::CALL_BODY);
        }
    }
}
