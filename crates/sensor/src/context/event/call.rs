//! The arguments of each call, by Falco's names and in its order.

use rules::syscall::{Kind, Open};

use super::{Frame, Items, Path, Text, errno_name, words, write, written};
use crate::{context::process::user, record::Call};

const AT_WORKING_FOLDER: i32 = -100;
const IN_PROGRESS: i64 = -115;

fn text_of<'r>(path: Path<'r>, joined: Text<'static>) -> Text<'r> {
    match path {
        Path::Given(path) => Text::Given(path),
        Path::Joined => joined,
    }
}

pub(super) fn number(text: &mut Vec<u8>, items: &mut Items<'_>, name: &'static str, value: i64) {
    let from = text.len();
    write::number(text, value);
    items.push(name, written(from, text), Some(value));
}

pub(super) fn choice(items: &mut Items<'_>, name: &'static str, table: words::Choice, value: u64) {
    let word = words::choice(table, value).unwrap_or("");
    items.push(name, Text::Word(word), Some(value.cast_signed()));
}

fn flags(
    text: &mut Vec<u8>,
    items: &mut Items<'_>,
    name: &'static str,
    table: words::Flags,
    value: u64,
) {
    let from = text.len();
    write::flags(text, table, value, "");
    items.push(name, written(from, text), Some(value.cast_signed()));
}

fn octal(text: &mut Vec<u8>, items: &mut Items<'_>, name: &'static str, value: u64) {
    let from = text.len();
    write::octal(text, value);
    items.push(name, written(from, text), Some(value.cast_signed()));
}

/// What the call returned, an error by its name.
fn result(text: &mut Vec<u8>, items: &mut Items<'_>, value: i64) {
    if value < 0
        && let Some(word) = errno_name(value)
    {
        items.push("res", Text::Word(word), Some(value));
    } else {
        number(text, items, "res", value);
    }
}

fn folder(text: &mut Vec<u8>, items: &mut Items<'_>, name: &'static str, value: u64) {
    let value = descriptor(value);
    if value == AT_WORKING_FOLDER {
        items.push(name, Text::Word("AT_FDCWD"), Some(value.into()));
    } else {
        number(text, items, name, value.into());
    }
}

/// Descriptors are numbers of 32 bits with a sign.
fn descriptor(value: u64) -> i32 {
    low(value).cast_signed()
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}

fn opened(text: &mut Vec<u8>, items: &mut Items<'_>, value: u64) {
    let from = text.len();
    write::open_flags(text, value);
    items.push("flags", written(from, text), Some(value.cast_signed()));
}

fn user_argument(
    items: &mut Items<'_>,
    text: &mut Vec<u8>,
    frame: &Frame<'_>,
    name: &'static str,
    value: u64,
) {
    let uid = low(value);
    if uid == u32::MAX {
        // Left as it is.
        return items.push(name, Text::Word(""), Some(-1));
    }
    let from = text.len();
    text.extend_from_slice(&user(uid, 0, u32::MAX, frame.users).name);
    if text.len() == from {
        write::digits(text, u64::from(uid));
    }
    items.push(name, written(from, text), Some(i64::from(uid)));
}

fn group_argument(
    items: &mut Items<'_>,
    text: &mut Vec<u8>,
    frame: &Frame<'_>,
    name: &'static str,
    value: u64,
) {
    let gid = low(value);
    let from = text.len();
    match frame.users.group(gid) {
        Some(group) => text.extend_from_slice(group),
        None if gid == 0 => text.extend_from_slice(b"root"),
        None => write::digits(text, u64::from(gid)),
    }
    items.push(name, written(from, text), Some(i64::from(gid)));
}

/// `10.0.0.1:1234->10.0.0.2:443`, or the path of a unix socket.
fn tuple<'r>(text: &mut Vec<u8>, items: &mut Items<'r>, name: &'static str, call: &Call<'r>) {
    let Some(socket) = &call.socket else {
        return items.push(name, Text::Word(""), None);
    };
    if socket.local.is_none() && socket.remote.is_none() {
        return items.push(name, Text::Given(socket.path), None);
    }
    let (client, server) = if socket.is_server {
        (socket.remote, socket.local)
    } else {
        (socket.local, socket.remote)
    };
    let from = text.len();
    if let Some(client) = client {
        write::end(text, client);
    }
    if client.is_some() && server.is_some() {
        text.extend_from_slice(b"->");
    }
    if let Some(server) = server {
        write::end(text, server);
    }
    items.push(name, written(from, text), None);
}

/// The end a call names: `10.0.0.2:443`.
fn address<'r>(text: &mut Vec<u8>, items: &mut Items<'r>, call: &Call<'r>) {
    let Some(socket) = &call.socket else {
        return items.push("addr", Text::Word(""), None);
    };
    let end = if socket.is_server {
        socket.local
    } else {
        socket.remote
    };
    let Some(end) = end else {
        return items.push("addr", Text::Given(socket.path), None);
    };
    let from = text.len();
    write::end(text, end);
    items.push("addr", written(from, text), None);
}

pub(super) fn fill<'r>(
    text: &mut Vec<u8>,
    items: &mut Items<'r>,
    frame: &Frame<'_>,
    call: &Call<'r>,
    first: Path<'r>,
    second: Path<'r>,
) {
    let [a, b, c, d, ..] = call.arguments;
    let first = text_of(first, Text::First);
    let second = text_of(second, Text::Second);
    match call.kind {
        Kind::Open | Kind::Openat | Kind::Openat2 | Kind::Creat | Kind::OpenByHandleAt => {
            opens(text, items, call, first);
        }
        Kind::Connect => {
            result(text, items, call.result);
            tuple(text, items, "tuple", call);
            number(text, items, "fd", descriptor(a).into());
            address(text, items, call);
        }
        Kind::Accept | Kind::Accept4 => {
            number(text, items, "fd", call.result);
            tuple(text, items, "tuple", call);
            if call.kind == Kind::Accept4 {
                flags(text, items, "flags", words::SOCKET_FLAGS, d);
            }
        }
        Kind::Bind => {
            result(text, items, call.result);
            address(text, items, call);
            number(text, items, "fd", descriptor(a).into());
        }
        Kind::Listen => {
            result(text, items, call.result);
            number(text, items, "fd", descriptor(a).into());
            number(text, items, "backlog", descriptor(b).into());
        }
        Kind::Socket => {
            number(text, items, "fd", call.result);
            choice(items, "domain", words::FAMILIES, a);
            number(text, items, "type", descriptor(b).into());
            number(text, items, "proto", descriptor(c).into());
        }
        Kind::Sendto | Kind::Sendmsg | Kind::Recvfrom | Kind::Recvmsg => {
            result(text, items, call.result);
            items.push("data", Text::Given(call.data), None);
            number(text, items, "fd", descriptor(a).into());
            number(text, items, "size", call.result.max(0));
            tuple(text, items, "tuple", call);
        }
        Kind::Read | Kind::Write => {
            result(text, items, call.result);
            items.push("data", Text::Given(call.data), None);
            number(text, items, "fd", descriptor(a).into());
            number(text, items, "size", c.cast_signed());
        }
        Kind::Dup | Kind::Dup2 | Kind::Dup3 => {
            result(text, items, call.result);
            number(text, items, "oldfd", descriptor(a).into());
            if call.kind != Kind::Dup {
                number(text, items, "newfd", descriptor(b).into());
            }
            if call.kind == Kind::Dup3 {
                flags(text, items, "flags", words::OPEN_AFTER, c);
            }
        }
        Kind::Clone | Kind::Clone3 | Kind::Fork | Kind::Vfork => {
            result(text, items, call.result);
            flags(text, items, "flags", words::CLONE, a);
        }
        _ => file_calls(text, items, frame, call, first, second),
    }
}

/// Flags and mode a file is opened with.
fn how(call: &Call<'_>) -> (u64, u64) {
    let [_, b, c, d, ..] = call.arguments;
    match call.kind {
        Kind::Open => (b, c),
        Kind::Creat => (0o1_101, b),
        // The mode is in a structure that was not taken along.
        Kind::Openat2 | Kind::OpenByHandleAt => (c, 0),
        _ => (c, d),
    }
}

fn may_make(how: u64) -> bool {
    how & 0o100 != 0 || how & 0o20_200_000 == 0o20_200_000
}

/// How a file was opened, as far as the call says so.
pub(super) fn open(call: &Call<'_>) -> Open {
    match call.kind {
        Kind::Open | Kind::Openat | Kind::Openat2 | Kind::Creat | Kind::OpenByHandleAt => {
            let (how, mode) = how(call);
            let makes = may_make(how);
            Open {
                reads: how & 3 != 1,
                writes: how & 3 != 0,
                executes: makes && mode & 0o111 != 0,
                creates: makes,
            }
        }
        _ => Open::default(),
    }
}

fn opens<'r>(text: &mut Vec<u8>, items: &mut Items<'r>, call: &Call<'r>, first: Text<'r>) {
    let [a, ..] = call.arguments;
    let (how, mode) = how(call);
    let makes = may_make(how);
    number(text, items, "fd", call.result);
    match call.kind {
        Kind::Openat | Kind::Openat2 => folder(text, items, "dirfd", a),
        Kind::OpenByHandleAt => number(text, items, "mountfd", descriptor(a).into()),
        _ => {}
    }
    if call.kind == Kind::OpenByHandleAt {
        opened(text, items, how);
        items.push("path", first, None);
    } else {
        items.push("name", first, None);
        if call.kind != Kind::Creat {
            opened(text, items, how);
        }
        octal(text, items, "mode", if makes { mode & 0o7777 } else { 0 });
    }
    if let Some(file) = &call.file {
        number(
            text,
            items,
            "dev",
            i64::from(file.device.0) << 8 | i64::from(file.device.1),
        );
        number(text, items, "ino", file.inode.cast_signed());
    }
}

fn file_calls<'r>(
    text: &mut Vec<u8>,
    items: &mut Items<'r>,
    frame: &Frame<'_>,
    call: &Call<'r>,
    first: Text<'r>,
    second: Text<'r>,
) {
    let [a, b, c, d, last, _] = call.arguments;
    result(text, items, call.result);
    match call.kind.as_str() {
        "unlink" | "rmdir" | "chdir" | "chroot" | "truncate" | "utimensat" => {
            items.push("path", first, None);
        }
        "unlinkat" => {
            folder(text, items, "dirfd", a);
            items.push("name", first, None);
            flags(text, items, "flags", words::UNLINK, c);
            items.push("path", first, None);
        }
        "rename" | "link" => {
            items.push("oldpath", first, None);
            items.push("newpath", second, None);
        }
        "renameat" | "renameat2" => {
            folder(text, items, "olddirfd", a);
            items.push("oldpath", first, None);
            folder(text, items, "newdirfd", c);
            items.push("newpath", second, None);
            if call.kind == Kind::Renameat2 {
                flags(text, items, "flags", words::RENAME, last);
            }
        }
        "linkat" => {
            folder(text, items, "olddir", a);
            items.push("oldpath", first, None);
            folder(text, items, "newdir", c);
            items.push("newpath", second, None);
            flags(text, items, "flags", words::LINK, last);
        }
        "symlink" => {
            items.push("target", Text::Given(call.path), None);
            items.push("linkpath", second, None);
        }
        "symlinkat" => {
            items.push("target", Text::Given(call.path), None);
            folder(text, items, "linkdirfd", b);
            items.push("linkpath", second, None);
        }
        "mkdir" => {
            items.push("path", first, None);
            octal(text, items, "mode", b & 0o7777);
        }
        "mkdirat" => {
            folder(text, items, "dirfd", a);
            items.push("path", first, None);
            octal(text, items, "mode", c & 0o7777);
        }
        "mknod" => {
            items.push("path", first, None);
            octal(text, items, "mode", b & 0o7777);
            choice(items, "type", words::FILE_TYPES, b & 0o170_000);
        }
        "mknodat" => {
            folder(text, items, "dirfd", a);
            items.push("path", first, None);
            octal(text, items, "mode", c & 0o7777);
            choice(items, "type", words::FILE_TYPES, c & 0o170_000);
        }
        "chmod" => {
            items.push("filename", first, None);
            flags(text, items, "mode", words::MODE, b);
        }
        "fchmod" => {
            number(text, items, "fd", descriptor(a).into());
            flags(text, items, "mode", words::MODE, b);
            items.push("filename", first, None);
        }
        "fchmodat" => {
            folder(text, items, "dirfd", a);
            items.push("filename", first, None);
            flags(text, items, "mode", words::MODE, c);
        }
        "chown" | "lchown" | "fchown" => {
            items.push("path", first, None);
            user_argument(items, text, frame, "uid", b);
            group_argument(items, text, frame, "gid", c);
        }
        "fchownat" => {
            folder(text, items, "dirfd", a);
            items.push("pathname", first, None);
            user_argument(items, text, frame, "uid", c);
            group_argument(items, text, frame, "gid", d);
            flags(text, items, "flags", words::OWNER, last);
        }
        "mount" => {
            items.push("dev", Text::Given(call.path), None);
            items.push("dir", second, None);
            items.push("type", Text::Given(call.data), None);
            flags(text, items, "flags", words::MOUNT, d);
        }
        "move_mount" => {
            items.push("from", first, None);
            items.push("dir", second, None);
        }
        "pivot_root" => {
            items.push("path", first, None);
            items.push("old", second, None);
        }
        "umount2" => {
            items.push("name", first, None);
            flags(text, items, "flags", words::UMOUNT, b);
        }
        "fchdir" => {
            number(text, items, "fd", descriptor(a).into());
            items.push("path", first, None);
        }
        _ => privilege_calls(text, items, frame, call, first, (a, b, c, d)),
    }
}

fn privilege_calls<'r>(
    text: &mut Vec<u8>,
    items: &mut Items<'r>,
    frame: &Frame<'_>,
    call: &Call<'r>,
    first: Text<'r>,
    (a, b, c, d): (u64, u64, u64, u64),
) {
    match call.kind.as_str() {
        "setuid" => user_argument(items, text, frame, "uid", a),
        "setgid" => group_argument(items, text, frame, "gid", a),
        "setreuid" | "setresuid" => {
            user_argument(items, text, frame, "ruid", a);
            user_argument(items, text, frame, "euid", b);
            if call.kind.as_str() == "setresuid" {
                user_argument(items, text, frame, "suid", c);
            }
        }
        "setregid" | "setresgid" => {
            group_argument(items, text, frame, "rgid", a);
            group_argument(items, text, frame, "egid", b);
            if call.kind.as_str() == "setresgid" {
                group_argument(items, text, frame, "sgid", c);
            }
        }
        "capset" => {
            let process = frame.process;
            for (name, set) in [
                ("cap_inheritable", &process.inheritable),
                ("cap_permitted", &process.permitted),
                ("cap_effective", &process.effective),
            ] {
                let from = text.len();
                text.extend_from_slice(set);
                items.push(name, written(from, text), None);
            }
        }
        "setns" => {
            number(text, items, "fd", descriptor(a).into());
            flags(text, items, "nstype", words::CLONE, b);
        }
        "unshare" => flags(text, items, "flags", words::CLONE, a),
        "ptrace" => {
            choice(items, "request", words::PTRACE, a);
            number(text, items, "pid", descriptor(b).into());
            number(text, items, "addr", c.cast_signed());
            number(text, items, "data", d.cast_signed());
        }
        "bpf" => choice(items, "cmd", words::BPF, a),
        "init_module" => {
            number(text, items, "length", b.cast_signed());
            items.push("uargs", Text::Given(call.data), None);
        }
        "finit_module" => {
            number(text, items, "fd", descriptor(a).into());
            items.push("uargs", Text::Given(call.data), None);
            flags(text, items, "flags", words::MODULE, c);
        }
        "delete_module" => items.push("name", first, None),
        "memfd_create" => {
            number(text, items, "fd", call.result);
            items.push("name", Text::Given(call.path), None);
            flags(text, items, "flags", words::MEMFD, b);
        }
        "mprotect" => {
            number(text, items, "addr", a.cast_signed());
            number(text, items, "length", b.cast_signed());
            flags(text, items, "prot", words::PROTECTION, c);
        }
        "prctl" => {
            choice(items, "option", words::PRCTL, a);
            items.push("arg2_str", Text::Given(call.path), None);
            number(text, items, "arg2_int", b.cast_signed());
        }
        "process_vm_writev" => number(text, items, "pid", descriptor(a).into()),
        "userfaultfd" => flags(text, items, "flags", words::OPEN_AFTER, a),
        "kill" | "tkill" => {
            number(text, items, "pid", descriptor(a).into());
            choice(items, "sig", words::SIGNALS, b);
        }
        "tgkill" => {
            number(text, items, "pid", descriptor(a).into());
            number(text, items, "tid", descriptor(b).into());
            choice(items, "sig", words::SIGNALS, c);
        }
        "io_uring" => {
            number(text, items, "entries", i64::from(low(a)));
        }
        "ioctl" => {
            number(text, items, "fd", descriptor(a).into());
            number(text, items, "request", b.cast_signed());
            number(text, items, "argument", c.cast_signed());
        }
        "close" => number(text, items, "fd", descriptor(a).into()),
        _ if !call.path.is_empty() => items.push("path", first, None),
        _ => {}
    }
}

/// The descriptor a call is about.
pub(super) fn descriptor_number(call: &Call<'_>) -> i64 {
    if returns_descriptor(call.kind) {
        return call.result.max(-1);
    }
    if call.socket.is_some() || takes_descriptor(call.kind) {
        return descriptor(call.arguments[0]).into();
    }
    -1
}

fn returns_descriptor(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Open
            | Kind::Openat
            | Kind::Openat2
            | Kind::Creat
            | Kind::OpenByHandleAt
            | Kind::Socket
            | Kind::Accept
            | Kind::Accept4
            | Kind::MemfdCreate
            | Kind::Dup
            | Kind::Dup2
            | Kind::Dup3
            | Kind::Userfaultfd
    )
}

fn takes_descriptor(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Read
            | Kind::Write
            | Kind::Close
            | Kind::Fchmod
            | Kind::Ioctl
            | Kind::Setns
            | Kind::FinitModule
            | Kind::Connect
            | Kind::Bind
            | Kind::Listen
            | Kind::Sendto
            | Kind::Sendmsg
            | Kind::Recvfrom
            | Kind::Recvmsg
    ) || matches!(kind.as_str(), "fchown" | "fchdir")
}

/// Whether rules may ask about a descriptor at all.
pub(super) fn has_descriptor(call: &Call<'_>) -> bool {
    (returns_descriptor(call.kind) || takes_descriptor(call.kind))
        && (call.descriptor.is_some() || call.file.is_some() || is_about_file(call))
}

/// Whether the first path is that of the call's descriptor.
pub(super) fn is_about_file(call: &Call<'_>) -> bool {
    call.socket.is_none()
        && (matches!(
            call.kind,
            Kind::Open | Kind::Openat | Kind::Openat2 | Kind::Creat | Kind::OpenByHandleAt
        ) || !call.resolved.is_empty()
            || call.kind == Kind::MemfdCreate)
}

/// Whether a socket has another end by now.
pub(super) fn is_connected(call: &Call<'_>) -> bool {
    match call.kind {
        Kind::Connect => call.result >= 0,
        // A datagram that is told where to go has no connection.
        Kind::Sendto => call.arguments[4] == 0,
        Kind::Sendmsg => call.socket.is_some_and(|it| it.protocol == "tcp"),
        Kind::Bind | Kind::Listen | Kind::Socket => false,
        _ => call.result >= 0 || call.result == IN_PROGRESS,
    }
}
