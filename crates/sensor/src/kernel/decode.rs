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
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Record<'_>, NoRecord> {
    let short = NoRecord::Short {
        length: bytes.len(),
    };
    let (head, rest) = bytes.split_first_chunk::<{ l::HEAD }>().ok_or(short)?;
    let head = Fields(head);
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
        name: head.bytes(64),
    };
    let what = match head.u8(0) {
        l::CALL => {
            let (body, sections) = rest.split_first_chunk().ok_or(short)?;
            What::Call(call(body, Sections(sections))?)
        }
        other => another(other, rest, short)?,
    };
    Ok(Record { task, what })
}

/// All that is no call.
fn another(kind: u8, rest: &[u8], short: NoRecord) -> Result<What<'_>, NoRecord> {
    Ok(match kind {
        l::FORK => {
            let body = Fields(rest.first_chunk::<{ l::FORK_BODY }>().ok_or(short)?);
            What::Fork(Fork {
                pid: body.u32(0),
                virtual_pid: body.u32(4),
                started: body.u64(8),
            })
        }
        l::EXEC => {
            let (body, sections) = rest.split_first_chunk().ok_or(short)?;
            What::Exec(exec(body, Sections(sections)))
        }
        l::EXIT => {
            let body = Fields(rest.first_chunk::<{ l::EXIT_BODY }>().ok_or(short)?);
            What::Exit {
                code: body.u32(0).cast_signed(),
            }
        }
        l::CGROUP_MADE | l::CGROUP_REMOVED | l::CGROUP_JOINED => {
            let (body, sections) = rest.split_first_chunk::<{ l::GROUP_BODY }>().ok_or(short)?;
            let body = Fields(body);
            let group = Group {
                id: body.u64(0),
                hierarchy: body.u32(8),
                path: Sections(sections).of(l::PATH),
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
        l::DNS => {
            let (body, sections) = rest.split_first_chunk::<{ l::DNS_BODY }>().ok_or(short)?;
            let body = Fields(body);
            What::Dns(Dns {
                is_answer: body.u8(0) != 0,
                server: address(body.u8(1), &body.bytes(8)).map(|it| (it, body.u16(2))),
                message: Sections(sections).of(l::DATA),
            })
        }
        l::VERDICT => {
            let (body, sections) = rest.split_first_chunk().ok_or(short)?;
            What::Verdict(verdict(body, &Sections(sections))?)
        }
        other => return Err(NoRecord::Type(other)),
    })
}

fn exec<'a>(body: &[u8; l::EXEC_BODY], sections: Sections<'a>) -> Exec<'a> {
    let body = Fields(body);
    let mut exec = Exec {
        path: b"",
        resolved: b"",
        arguments: b"",
        are_arguments_cut: body.u8(23) != 0,
        environment: b"",
        file: File::default(),
        credentials: Credentials::default(),
        virtual_pid: body.u32(0),
        session: body.u32(4),
        group: body.u32(8),
        terminal: body.u32(12),
        login_uid: body.u32(16),
        stdio: [
            descriptor(body.u8(20)),
            descriptor(body.u8(21)),
            descriptor(body.u8(22)),
        ],
    };
    for (name, bytes) in sections {
        match name {
            l::PATH => exec.path = bytes,
            l::RESOLVED => exec.resolved = bytes,
            l::ARGUMENTS => exec.arguments = bytes,
            l::ENVIRONMENT => exec.environment = bytes,
            l::FILE => exec.file = file(bytes).unwrap_or_default(),
            l::CREDENTIALS => exec.credentials = credentials(bytes).unwrap_or_default(),
            // A section of a newer program: not for us.
            _ => {}
        }
    }
    exec
}

/// Most records are calls: what they have is put where it stays.
#[inline]
fn call<'a>(body: &[u8; l::CALL_BODY], sections: Sections<'a>) -> Result<Call<'a>, NoRecord> {
    let body = Fields(body);
    // 0 is a call that is not taken.
    let number = body.u16(0);
    let kind = usize::from(number)
        .checked_sub(1)
        .and_then(|at| Kind::ALL.get(at).copied())
        .ok_or(NoRecord::Kind(number))?;
    let mut call = Call {
        result: body.u64(8).cast_signed(),
        arguments: [
            body.u64(16),
            body.u64(24),
            body.u64(32),
            body.u64(40),
            body.u64(48),
            body.u64(56),
        ],
        descriptor: descriptor(body.u8(3)),
        target: body.u32(4),
        by: match body.u8(2) {
            0 => Via::SystemCall,
            _ => Via::IoUring,
        },
        ..Call::new(kind)
    };
    let mut name_of_socket: &[u8] = b"";
    for (name, bytes) in sections {
        match name {
            l::PATH => call.path = bytes,
            l::RESOLVED => call.resolved = bytes,
            l::SECOND => call.second = bytes,
            l::FOLDER => call.folder = bytes,
            l::SECOND_FOLDER => call.second_folder = bytes,
            l::DATA => call.data = bytes,
            l::FILE => call.file = file(bytes),
            l::SOCKET => call.socket = socket(bytes),
            l::UNIX => name_of_socket = unix(bytes),
            l::CREDENTIALS => call.credentials = credentials(bytes),
            _ => {}
        }
    }
    if let Some(socket) = &mut call.socket {
        socket.path = name_of_socket;
    }
    Ok(call)
}

fn verdict<'a>(
    body: &[u8; l::VERDICT_BODY],
    sections: &Sections<'a>,
) -> Result<Verdict<'a>, NoRecord> {
    let body = Fields(body);
    let (matter, outcome) = (body.u8(0), body.u8(1));
    let unknown = NoRecord::Verdict(outcome, matter);
    let resolved = sections.of(l::RESOLVED);
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
        path: if resolved.is_empty() {
            sections.of(l::PATH)
        } else {
            resolved
        },
        file: file(sections.of(l::FILE)).unwrap_or_default(),
        address: address(body.u8(2), &body.bytes(8)).map(|it| (it, body.u16(4))),
    })
}

/// Fixed fields: whoever asks for one knows that it is within.
#[derive(Clone, Copy)]
struct Fields<'a, const N: usize>(&'a [u8; N]);

impl<const N: usize> Fields<'_, N> {
    #[inline]
    fn bytes<const M: usize>(self, at: usize) -> [u8; M] {
        self.0
            .get(at..)
            .and_then(|from| from.first_chunk())
            .copied()
            .unwrap_or([0; M])
    }

    #[inline]
    fn u8(self, at: usize) -> u8 {
        u8::from_ne_bytes(self.bytes(at))
    }

    #[inline]
    fn u16(self, at: usize) -> u16 {
        u16::from_ne_bytes(self.bytes(at))
    }

    #[inline]
    fn u32(self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes(at))
    }

    #[inline]
    fn u64(self, at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes(at))
    }
}

/// What follows the body, in whatever order it came: what each is, and its
/// bytes. What is cut off is left out: a ring's records end at any byte.
struct Sections<'a>(&'a [u8]);

impl<'a> Iterator for Sections<'a> {
    type Item = (u16, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (head, behind) = self.0.split_first_chunk::<{ l::SECTION_HEAD }>()?;
        let head = Fields(head);
        let length = usize::from(head.u16(2));
        let bytes = behind.get(..length)?;
        self.0 = behind.get(length.next_multiple_of(8)..).unwrap_or_default();
        Some((head.u16(0), bytes))
    }
}

impl<'a> Sections<'a> {
    /// The last of this name; empty where there is none.
    fn of(&self, name: u16) -> &'a [u8] {
        let of_name = Sections(self.0).filter(|(it, _)| *it == name);
        of_name.last().map_or(b"", |(_, bytes)| bytes)
    }
}

fn file(section: &[u8]) -> Option<File> {
    let from = Fields(section.first_chunk::<{ l::FILE_SECTION }>()?);
    let flags = from.u32(52);
    Some(File {
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
    })
}

fn credentials(section: &[u8]) -> Option<Credentials> {
    let from = Fields(section.first_chunk::<{ l::CREDENTIALS_SECTION }>()?);
    Some(Credentials {
        uid: from.u32(0),
        gid: from.u32(4),
        effective_uid: from.u32(8),
        effective_gid: from.u32(12),
        permitted: from.u64(16),
        inheritable: from.u64(24),
        effective: from.u64(32),
    })
}

fn socket(section: &[u8]) -> Option<Socket<'_>> {
    let from = Fields(section.first_chunk::<{ l::SOCKET_SECTION }>()?);
    let family = from.u8(0);
    let flags = from.u8(2);
    let end = |flag, at, port| {
        (flags & flag != 0)
            .then(|| address(family, &from.bytes(at)))
            .flatten()
            .map(|it| (it, from.u16(port)))
    };
    Some(Socket {
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
    })
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
