//! Which system calls are taken, and what of each: the table `calls` of
//! the programs. A number means another call on each processor and to
//! 32-bit programs, so there is a column for each.

use rules::syscall::Kind;

use super::{
    Class,
    layout::{CALL_RULE, CALLS},
};

/// Not there on this processor.
const NONE: u16 = u16::MAX;

/// Numbers of a call: x86-64, 32-bit programs on it, arm64.
type Numbers = (u16, u16, u16);

/// Places of arguments count from 1; 0 is none.
#[derive(Clone, Copy, Debug)]
struct Rule {
    kind: Kind,
    class: Class,
    filter: u8,
    path: u8,
    folder: u8,
    second: u8,
    second_folder: u8,
    descriptor: u8,
    address: u8,
    data: u8,
    target: u8,
    flags: u16,
}

/// Relative paths begin from the working folder.
const WORKING: u8 = 7;

const RETURNS_DESCRIPTOR: u16 = 1;
const TAKES_CREDENTIALS: u16 = 2;
const FOR_SERVER: u16 = 4;
const IS_CRITICAL: u16 = 8;
const TAKES_WORKING_FOLDER: u16 = 16;
const DATA_IS_TEXT: u16 = 32;
const ADDRESS_IN_MESSAGE: u16 = 64;

const FILTER_OPEN: u8 = 1;
const FILTER_OPEN2: u8 = 2;
const FILTER_CREAT: u8 = 3;
const FILTER_PTRACE: u8 = 4;
const FILTER_PRCTL: u8 = 5;
const FILTER_KILL: u8 = 6;
const FILTER_DUP: u8 = 7;
const FILTER_BPF: u8 = 8;
const FILTER_DATAGRAM: u8 = 9;
const FILTER_SUCCESS: u8 = 10;
const FILTER_SOCKET: u8 = 12;
const FILTER_OPEN_OLD: u8 = 13;
const FILTER_TGKILL: u8 = 14;

impl Rule {
    const fn new(kind: Kind, class: Class) -> Self {
        Self {
            kind,
            class,
            filter: 0,
            path: 0,
            folder: 0,
            second: 0,
            second_folder: 0,
            descriptor: 0,
            address: 0,
            data: 0,
            target: 0,
            flags: 0,
        }
    }

    /// About a file of a path that begins from a folder.
    const fn file(kind: Kind, path: u8, folder: u8) -> Self {
        Self {
            path,
            folder,
            ..Self::new(kind, Class::File)
        }
    }

    const fn second(self, second: u8, second_folder: u8) -> Self {
        Self {
            second,
            second_folder,
            ..self
        }
    }

    const fn open(kind: Kind, filter: u8, path: u8, folder: u8) -> Self {
        Self {
            filter,
            flags: RETURNS_DESCRIPTOR,
            ..Self::file(kind, path, folder)
        }
    }

    const fn socket(kind: Kind, address: u8, flags: u16) -> Self {
        Self {
            descriptor: 1,
            address,
            flags,
            ..Self::new(kind, Class::Network)
        }
    }

    const fn privilege(kind: Kind, flags: u16) -> Self {
        Self {
            flags: flags | IS_CRITICAL,
            ..Self::new(kind, Class::Privilege)
        }
    }

    const fn filter(self, filter: u8) -> Self {
        Self { filter, ..self }
    }

    const fn target(self, target: u8) -> Self {
        Self { target, ..self }
    }

    const fn descriptor(self, descriptor: u8) -> Self {
        Self { descriptor, ..self }
    }

    const fn path(self, path: u8) -> Self {
        Self { path, ..self }
    }

    const fn text(self, data: u8) -> Self {
        Self {
            data,
            flags: self.flags | DATA_IS_TEXT,
            ..self
        }
    }

    const fn flags(self, flags: u16) -> Self {
        Self {
            flags: self.flags | flags,
            ..self
        }
    }

    fn write(&self, to: &mut [u8]) {
        let kind = number(self.kind);
        let mut bytes = [0; CALL_RULE];
        let (numbers, rest) = bytes.split_at_mut(2);
        numbers.copy_from_slice(&kind.to_ne_bytes());
        let (singles, rest) = rest.split_at_mut(10);
        singles.copy_from_slice(&[
            self.class as u8,
            self.filter,
            self.path,
            self.folder,
            self.second,
            self.second_folder,
            self.descriptor,
            self.address,
            self.data,
            self.target,
        ]);
        let (flags, _) = rest.split_at_mut(2);
        flags.copy_from_slice(&self.flags.to_ne_bytes());
        to.copy_from_slice(&bytes);
    }
}

/// The number the programs know a kind by; 0 is a call that is not taken.
pub(super) fn number(kind: Kind) -> u16 {
    Kind::ALL
        .iter()
        .position(|each| *each == kind)
        .and_then(|at| u16::try_from(at + 1).ok())
        .unwrap_or_default()
}

#[rustfmt::skip]
fn rules() -> Vec<(Numbers, Rule)> {
    use Kind as K;
    let folder = Class::Process;
    vec![
        ((2, 5, NONE), Rule::open(K::Open, FILTER_OPEN_OLD, 1, WORKING)),
        ((85, 8, NONE), Rule::open(K::Creat, FILTER_CREAT, 1, WORKING)),
        ((257, 295, 56), Rule::open(K::Openat, FILTER_OPEN, 2, 1)),
        ((437, 437, 437), Rule::open(K::Openat2, FILTER_OPEN2, 2, 1)),
        ((304, 342, 265), Rule::open(K::OpenByHandleAt, 0, 0, 0)),
        ((87, 10, NONE), Rule::file(K::Unlink, 1, WORKING)),
        ((263, 301, 35), Rule::file(K::Unlinkat, 2, 1)),
        ((84, 40, NONE), Rule::file(K::Rmdir, 1, WORKING)),
        ((82, 38, NONE), Rule::file(K::Rename, 1, WORKING).second(2, WORKING)),
        ((264, 302, 38), Rule::file(K::Renameat, 2, 1).second(4, 3)),
        ((316, 353, 276), Rule::file(K::Renameat2, 2, 1).second(4, 3)),
        ((83, 39, NONE), Rule::file(K::Mkdir, 1, WORKING)),
        ((258, 296, 34), Rule::file(K::Mkdirat, 2, 1)),
        ((133, 14, NONE), Rule::file(K::Mknod, 1, WORKING)),
        ((259, 297, 33), Rule::file(K::Mknodat, 2, 1)),
        ((90, 15, NONE), Rule::file(K::Chmod, 1, WORKING)),
        ((91, 94, 52), Rule::file(K::Fchmod, 0, 0).descriptor(1)),
        ((268, 306, 53), Rule::file(K::Fchmodat, 2, 1)),
        ((452, 452, 452), Rule::file(K::Fchmodat, 2, 1)),
        ((92, 182, NONE), Rule::file(K::Chown, 1, WORKING)),
        ((NONE, 212, NONE), Rule::file(K::Chown, 1, WORKING)),
        ((93, 95, 55), Rule::file(K::Fchown, 0, 0).descriptor(1)),
        ((NONE, 207, NONE), Rule::file(K::Fchown, 0, 0).descriptor(1)),
        ((94, 16, NONE), Rule::file(K::Lchown, 1, WORKING)),
        ((NONE, 198, NONE), Rule::file(K::Lchown, 1, WORKING)),
        ((260, 298, 54), Rule::file(K::Fchownat, 2, 1)),
        ((86, 9, NONE), Rule::file(K::Link, 1, WORKING).second(2, WORKING)),
        ((265, 303, 37), Rule::file(K::Linkat, 2, 1).second(4, 3)),
        // The first is what the link says, not a path of a file.
        ((88, 83, NONE), Rule::file(K::Symlink, 1, 0).second(2, WORKING)),
        ((266, 304, 36), Rule::file(K::Symlinkat, 1, 0).second(3, 2)),
        ((76, 92, 45), Rule::file(K::Truncate, 1, WORKING)),
        ((280, 320, 88), Rule::file(K::Utimensat, 2, 1)),
        ((261, 299, NONE), Rule::file(K::Utimensat, 2, 1)),
        ((235, 271, NONE), Rule::file(K::Utimensat, 1, WORKING)),
        ((132, 30, NONE), Rule::file(K::Utimensat, 1, WORKING)),
        ((165, 21, 40), Rule::file(K::Mount, 1, 0).second(2, WORKING).text(3).flags(IS_CRITICAL)),
        ((166, 52, 39), Rule::file(K::Umount2, 1, WORKING).flags(IS_CRITICAL)),
        ((429, 429, 429), Rule::file(K::MoveMount, 2, 1).second(4, 3).flags(IS_CRITICAL)),
        ((155, 217, 41), Rule::file(K::PivotRoot, 1, WORKING).second(2, WORKING).flags(IS_CRITICAL)),

        ((41, 359, 198), Rule::new(K::Socket, Class::Network).filter(FILTER_SOCKET).flags(RETURNS_DESCRIPTOR)),
        ((42, 362, 203), Rule::socket(K::Connect, 2, 0)),
        ((49, 361, 200), Rule::socket(K::Bind, 2, FOR_SERVER)),
        ((50, 363, 201), Rule::socket(K::Listen, 0, FOR_SERVER)),
        ((43, NONE, 202), Rule::socket(K::Accept, 0, RETURNS_DESCRIPTOR | FOR_SERVER).filter(FILTER_SUCCESS)),
        ((288, 364, 242), Rule::socket(K::Accept4, 0, RETURNS_DESCRIPTOR | FOR_SERVER).filter(FILTER_SUCCESS)),
        ((44, 369, 206), Rule::socket(K::Sendto, 5, 0).filter(FILTER_DATAGRAM)),
        ((46, 370, 211), Rule::socket(K::Sendmsg, 0, ADDRESS_IN_MESSAGE).filter(FILTER_DATAGRAM)),

        // Where a process is decides what its relative paths mean.
        ((80, 12, 49), Rule { class: folder, ..Rule::file(K::Chdir, 1, 0) }.flags(TAKES_WORKING_FOLDER | IS_CRITICAL).filter(FILTER_SUCCESS)),
        ((81, 133, 50), Rule { class: folder, ..Rule::file(K::Fchdir, 0, 0) }.flags(TAKES_WORKING_FOLDER | IS_CRITICAL).filter(FILTER_SUCCESS)),
        ((112, 66, 157), Rule::new(K::Setsid, Class::Process).flags(IS_CRITICAL)),
        ((161, 61, 51), Rule { class: Class::Privilege, ..Rule::file(K::Chroot, 1, WORKING) }.flags(IS_CRITICAL)),

        ((105, 213, 146), Rule::privilege(K::Setuid, TAKES_CREDENTIALS)),
        ((106, 214, 144), Rule::privilege(K::Setgid, TAKES_CREDENTIALS)),
        ((113, 203, 145), Rule::privilege(K::Setreuid, TAKES_CREDENTIALS)),
        ((114, 204, 143), Rule::privilege(K::Setregid, TAKES_CREDENTIALS)),
        ((117, 208, 147), Rule::privilege(K::Setresuid, TAKES_CREDENTIALS)),
        ((119, 210, 149), Rule::privilege(K::Setresgid, TAKES_CREDENTIALS)),
        // 16-bit numbers of users, for 32-bit programs alone.
        ((NONE, 23, NONE), Rule::privilege(K::Setuid, TAKES_CREDENTIALS)),
        ((NONE, 46, NONE), Rule::privilege(K::Setgid, TAKES_CREDENTIALS)),
        ((126, 185, 91), Rule::privilege(K::Capset, TAKES_CREDENTIALS)),
        ((308, 346, 268), Rule::privilege(K::Setns, 0).descriptor(1)),
        ((272, 310, 97), Rule::privilege(K::Unshare, TAKES_CREDENTIALS)),
        ((101, 26, 117), Rule::privilege(K::Ptrace, 0).filter(FILTER_PTRACE).target(2)),
        ((321, 357, 280), Rule::privilege(K::Bpf, 0).filter(FILTER_BPF)),
        ((175, 128, 105), Rule::privilege(K::InitModule, 0)),
        ((313, 350, 273), Rule::privilege(K::FinitModule, 0).descriptor(1)),
        ((176, 129, 106), Rule::privilege(K::DeleteModule, 0).path(1)),
        ((319, 356, 279), Rule::privilege(K::MemfdCreate, RETURNS_DESCRIPTOR).path(1)),
        ((425, 425, 425), Rule::privilege(K::IoUring, 0)),
        ((323, 374, 282), Rule::privilege(K::Userfaultfd, 0)),
        ((311, 348, 271), Rule::privilege(K::ProcessVmWritev, 0).target(1)),
        ((157, 172, 167), Rule::privilege(K::Prctl, 0).filter(FILTER_PRCTL).path(2)),
        ((62, 37, 129), Rule::privilege(K::Kill, 0).filter(FILTER_KILL).target(1)),
        ((200, 238, 130), Rule::privilege(K::Tkill, 0).filter(FILTER_KILL).target(1)),
        ((234, 270, 131), Rule::privilege(K::Tgkill, 0).filter(FILTER_TGKILL).target(1)),
        ((32, 41, 23), Rule::privilege(K::Dup, RETURNS_DESCRIPTOR).filter(FILTER_DUP)),
        ((33, 63, NONE), Rule::privilege(K::Dup2, RETURNS_DESCRIPTOR).filter(FILTER_DUP)),
        ((292, 330, 24), Rule::privilege(K::Dup3, RETURNS_DESCRIPTOR).filter(FILTER_DUP)),
    ]
}

/// The table as the programs read it: 64-bit programs, then 32-bit ones.
pub(super) fn table() -> Vec<u8> {
    let mut bytes = vec![0; 2 * CALLS * CALL_RULE];
    for ((x86_64, i386, arm64), rule) in rules() {
        let (native, compat) = if cfg!(target_arch = "x86_64") {
            (x86_64, i386)
        } else {
            (arm64, NONE)
        };
        for (number, first) in [(native, 0), (compat, CALLS)] {
            let number = usize::from(number);
            if number >= CALLS {
                continue;
            }
            let at = (first + number) * CALL_RULE;
            if let Some(place) = bytes.get_mut(at..at + CALL_RULE) {
                rule.write(place);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_stands_for_two_calls() {
        let columns: [fn(&Numbers) -> u16; 3] = [|it| it.0, |it| it.1, |it| it.2];
        for column in columns {
            let mut seen = HashSet::new();
            for (numbers, rule) in rules() {
                let number = column(&numbers);
                assert!(number == NONE || usize::from(number) < CALLS, "{rule:?}");
                assert!(
                    number == NONE || seen.insert(number),
                    "{number} twice: {rule:?}"
                );
            }
        }
    }

    #[test]
    fn an_open_is_found_by_its_number() {
        let table = table();
        let at = if cfg!(target_arch = "x86_64") {
            257
        } else {
            56
        } * CALL_RULE;
        let kind = u16::from_ne_bytes([table[at], table[at + 1]]);
        assert_eq!(Kind::ALL[usize::from(kind) - 1], Kind::Openat);
        assert_eq!(table[at + 2], Class::File as u8);
        assert_eq!(table[at + 4..at + 6], [2, 1]);
    }
}
