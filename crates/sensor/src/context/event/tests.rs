#![expect(
    clippy::large_types_passed_by_value,
    clippy::unnecessary_wraps,
    reason = "records are written where they are used"
)]

use std::net::IpAddr;

use super::*;
use crate::{
    context::sample::{call, open, task},
    record::{Via, What},
};

/// What rules see of a call: arguments, and a few fields.
fn tell(call: Call<'_>, ask: &mut dyn FnMut(&Event<'_>)) {
    let process = Process {
        working_folder: b"/srv".as_slice().into(),
        ..Process::default()
    };
    let users = Users::read(b"app:x:7:7::/:/bin/sh\n", b"app:x:7:\n");
    let frame = Frame {
        number: 1,
        time: 1_700_000_000_000_000_000,
        process: &process,
        users: &users,
        place: None,
    };
    let record = Record {
        task: task(10, 1),
        what: What::Call(call),
    };
    Scribe::new().call(&frame, &record, &call, &Names::default(), ask);
}

fn arguments(call: Call<'_>) -> String {
    let mut line = String::new();
    tell(call, &mut |event| {
        let parts: Vec<_> = event
            .arguments
            .all()
            .iter()
            .map(|it| format!("{}={}", it.name, String::from_utf8_lossy(it.text)))
            .collect();
        line = parts.join(" ");
    });
    line
}

fn numbers(kind: Kind, arguments: [u64; 6]) -> Call<'static> {
    Call {
        arguments,
        ..call(kind)
    }
}

#[test]
fn arguments_are_falcos() {
    for (made, line) in [
        (
            Call {
                arguments: [u64::MAX - 99, 0, 0o1_102, 0o755, 0, 0],
                ..open(b"/tmp/x")
            },
            "fd=3 dirfd=AT_FDCWD name=/tmp/x flags=O_TRUNC|O_CREAT|O_RDWR mode=0755",
        ),
        (
            Call {
                path: b"x",
                folder: b"/srv",
                arguments: [5, 0, 0x200, 0, 0, 0],
                result: -2,
                ..call(Kind::Unlinkat)
            },
            "res=ENOENT dirfd=5 name=/srv/x flags=AT_REMOVEDIR path=/srv/x",
        ),
        (
            Call {
                path: b"../a",
                folder: b"/srv/b",
                second: b"/c",
                ..call(Kind::Rename)
            },
            "res=0 oldpath=/srv/a newpath=/c",
        ),
        (
            Call {
                path: b"/etc/x",
                ..numbers(Kind::Chmod, [0, 0o4755, 0, 0, 0, 0])
            },
            "res=0 filename=/etc/x mode=S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID",
        ),
        (
            Call {
                path: b"/dev/null",
                second: b"h",
                second_folder: b"/root",
                ..call(Kind::Symlink)
            },
            "res=0 target=/dev/null linkpath=/root/h",
        ),
        (
            numbers(Kind::Ptrace, [4, 99, 0, 0, 0, 0]),
            "res=0 request=PTRACE_POKETEXT pid=99 addr=0 data=0",
        ),
        (
            numbers(Kind::Unshare, [0x1000_0000 | 0x0002_0000, 0, 0, 0, 0, 0]),
            "res=0 flags=CLONE_NEWNS|CLONE_NEWUSER",
        ),
        (
            numbers(Kind::Setns, [3, 0x4000_0000, 0, 0, 0, 0]),
            "res=0 fd=3 nstype=CLONE_NEWNET",
        ),
        (numbers(Kind::Setuid, [0, 0, 0, 0, 0, 0]), "res=0 uid=root"),
        (numbers(Kind::Setuid, [7, 0, 0, 0, 0, 0]), "res=0 uid=app"),
        (
            numbers(Kind::Setresuid, [0, 0xffff_ffff, 5, 0, 0, 0]),
            "res=0 ruid=root euid= suid=5",
        ),
        (
            Call {
                result: 4,
                ..numbers(Kind::Socket, [17, 3, 768, 0, 0, 0])
            },
            "fd=4 domain=AF_PACKET type=3 proto=768",
        ),
        (
            numbers(Kind::Bpf, [5, 0, 0, 0, 0, 0]),
            "res=0 cmd=BPF_PROG_LOAD",
        ),
        (
            Call {
                path: b"/dev/sda1",
                second: b"/mnt",
                data: b"ext4",
                ..numbers(Kind::Mount, [0, 0, 0, 0x1001, 0, 0])
            },
            "res=0 dev=/dev/sda1 dir=/mnt type=ext4 flags=RDONLY|BIND",
        ),
        (
            numbers(Kind::Kill, [99, 9, 0, 0, 0, 0]),
            "res=0 pid=99 sig=SIGKILL",
        ),
        (
            Call {
                path: b"x",
                result: 5,
                ..numbers(Kind::MemfdCreate, [0, 1, 0, 0, 0, 0])
            },
            "res=5 fd=5 name=x flags=MFD_CLOEXEC",
        ),
        (
            Call {
                result: 1,
                ..numbers(Kind::Dup2, [5, 1, 0, 0, 0, 0])
            },
            "res=1 oldfd=5 newfd=1",
        ),
    ] {
        assert_eq!(arguments(made), line, "{made:?}");
    }
}

#[test]
fn every_kind_is_written_without_harm() {
    for kind in Kind::ALL {
        for filler in [0, 1, u64::MAX, 0x8000_0000_0000_0000] {
            tell(
                Call {
                    path: b"\xff../\0",
                    second: b"..",
                    folder: b"/",
                    result: filler.cast_signed(),
                    data: b"\xff",
                    by: Via::IoUring,
                    ..numbers(*kind, [filler; 6])
                },
                &mut |event| {
                    assert!(event.arguments.all().len() <= MAX_ARGUMENTS);
                    assert!(!event.arguments.all().iter().any(|it| it.name.is_empty()));
                },
            );
        }
    }
}

#[test]
fn how_a_file_was_opened_is_said() {
    let opened = |flags: u64, file: Option<File>| {
        let mut seen = Open::default();
        let made = Call {
            arguments: [0, 0, flags, 0o755, 0, 0],
            file,
            ..open(b"/x")
        };
        tell(made, &mut |event| seen = event.open);
        (seen.reads, seen.writes, seen.executes, seen.creates)
    };
    assert_eq!(opened(0, None), (true, false, false, false));
    assert_eq!(opened(1, None), (false, true, false, false));
    assert_eq!(opened(2, None), (true, true, false, false));
    assert_eq!(opened(0o101, None), (false, true, true, true));
    let old = File {
        size: 5,
        ..File::default()
    };
    assert_eq!(opened(0o101, Some(old)), (false, true, true, false));
}

#[test]
fn paths_keep_both_forms() {
    let made = Call {
        path: b"../etc/./shadow",
        folder: b"/srv",
        ..open(b"")
    };
    tell(made, &mut |event| {
        let descriptor = event.descriptor.unwrap();
        assert_eq!(descriptor.name, b"/etc/shadow");
        assert_eq!(descriptor.raw_name, b"../etc/./shadow");
        assert_eq!(
            (descriptor.number, descriptor.kind),
            (3, DescriptorKind::File)
        );
    });
    let resolved = Call {
        resolved: b"/data/real",
        file: Some(File {
            mode: 0o040_755,
            is_overlay: true,
            is_upper: true,
            ..File::default()
        }),
        ..open(b"link")
    };
    tell(resolved, &mut |event| {
        let descriptor = event.descriptor.unwrap();
        assert_eq!(descriptor.name, b"/data/real");
        assert_eq!(descriptor.kind, DescriptorKind::Directory);
        assert_eq!(descriptor.is_upper_layer, Some(true));
    });
    let refused = Call {
        result: -13,
        ..open(b"/etc/shadow")
    };
    tell(refused, &mut |event| {
        assert_eq!(event.descriptor.unwrap().number, -1);
        assert_eq!(event.descriptor.unwrap().name, b"/etc/shadow");
    });
}

fn end(address: [u8; 4], port: u16) -> Option<(IpAddr, u16)> {
    Some((address.into(), port))
}

#[test]
fn connections_have_a_client_and_a_server() {
    let socket = Socket {
        protocol: "tcp",
        local: end([10, 0, 0, 1], 4000),
        remote: end([10, 0, 0, 2], 443),
        path: b"",
        is_server: false,
    };
    let connect = Call {
        socket: Some(socket),
        arguments: [5, 0, 0, 0, 0, 0],
        result: -115,
        ..call(Kind::Connect)
    };
    assert_eq!(
        arguments(connect),
        "res=EINPROGRESS tuple=10.0.0.1:4000->10.0.0.2:443 fd=5 addr=10.0.0.2:443"
    );
    tell(connect, &mut |event| {
        let descriptor = event.descriptor.unwrap();
        let it = descriptor.connection.unwrap();
        assert_eq!(
            (it.server, it.is_server, it.is_connected),
            (socket.remote, false, false)
        );
        assert_eq!((descriptor.number, descriptor.name), (5, &b""[..]));
    });
    let accept = Call {
        socket: Some(Socket {
            is_server: true,
            ..socket
        }),
        result: 6,
        ..call(Kind::Accept4)
    };
    tell(accept, &mut |event| {
        let it = event.descriptor.unwrap().connection.unwrap();
        assert_eq!((it.client, it.server), (socket.remote, socket.local));
        assert!(it.is_connected);
    });
}

#[test]
fn unix_sockets_are_named_by_their_path() {
    let named = |path: &'static [u8]| Call {
        socket: Some(Socket {
            protocol: "",
            local: None,
            remote: None,
            path,
            is_server: false,
        }),
        descriptor: Some(DescriptorKind::Unix),
        ..call(Kind::Connect)
    };
    for (path, name) in [
        (&b"/run/docker.sock"[..], &b"/run/docker.sock"[..]),
        (b"\0abstract", b"@abstract"),
    ] {
        tell(named(path), &mut |event| {
            let descriptor = event.descriptor.unwrap();
            assert_eq!(
                (descriptor.kind, descriptor.name),
                (DescriptorKind::Unix, name)
            );
            assert!(descriptor.connection.is_none());
        });
    }
}

#[test]
fn datagrams_to_another_end_are_new() {
    let process = Process::default();
    let users = Users::default();
    let frame = Frame {
        number: 1,
        time: 0,
        process: &process,
        users: &users,
        place: None,
    };
    let mut scribe = Scribe::new();
    let mut send = |address: [u8; 4]| {
        let made = Call {
            socket: Some(Socket {
                protocol: "udp",
                local: end([10, 0, 0, 1], 4000),
                remote: end(address, 53),
                path: b"",
                is_server: false,
            }),
            arguments: [5, 0, 0, 0, 1, 16],
            ..call(Kind::Sendto)
        };
        let record = Record {
            task: task(10, 1),
            what: What::Call(made),
        };
        let mut seen = false;
        scribe.call(&frame, &record, &made, &Names::default(), &mut |event| {
            seen = event.descriptor.unwrap().is_renamed;
        });
        seen
    };
    assert!(send([10, 0, 0, 2]));
    assert!(!send([10, 0, 0, 2]));
    assert!(send([10, 0, 0, 3]));
}
