//! A worker that fell to its input. The layer says what it tries.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    hint::black_box,
    io::{self, Read, Write as _},
    net::TcpListener,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Command, ExitCode},
    sync::{Condvar, Mutex},
};

use rustix::{
    net::{AddressFamily, SocketType},
    process::{Pid, Signal},
};

/// What an attacker would love to find open: kept from before the
/// worker was shut in.
struct LeftOpen {
    file: File,
    listener: TcpListener,
    socket: OwnedFd,
    parent: Pid,
}

pub(crate) fn serve(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let left_open = LeftOpen {
        file: File::open("/etc/passwd").unwrap(),
        listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        socket: rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap(),
        parent: rustix::process::getppid().unwrap(),
    };
    scan::serve_with(arguments, &|blob| {
        let mut bytes = Vec::new();
        blob.read_to_end(&mut bytes).unwrap();
        let bytes = plain(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let attack = text.split("ATTACK ").nth(1).unwrap().lines().next();
        try_it(attack.unwrap(), &left_open)
    })
}

/// What a blob unpacks to.
pub(crate) fn plain(blob: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if blob.starts_with(&[0x1f, 0x8b]) {
        let mut packed = flate2::read::GzDecoder::new(blob);
        packed.read_to_end(&mut plain).unwrap();
    } else {
        plain.extend_from_slice(blob);
    }
    plain
}

fn line<T>(what: &str, result: io::Result<T>) -> String {
    match result {
        Ok(_) => format!("{what}: DONE"),
        Err(error) => format!("{what}: {:?}", error.kind()),
    }
}

fn try_it(attack: &str, left_open: &LeftOpen) -> Vec<String> {
    if let Some(family) = attack.strip_prefix("socket ") {
        let family = AddressFamily::from_raw(family.parse().unwrap());
        let results = [SocketType::STREAM, SocketType::DGRAM, SocketType::RAW].map(|kind| {
            let socket = rustix::net::socket(family, kind, None);
            line(attack, socket.map_err(Into::into))
        });
        return results.into();
    }
    if attack.starts_with("claim ") {
        return vec![attack.to_owned()];
    }
    match attack {
        "files" => return files(left_open.parent),
        "left open" => {
            let mut buffer = [0; 16];
            return vec![
                line("read", (&left_open.file).read(&mut buffer)),
                line("write", (&left_open.file).write(b"x")),
                line("length", left_open.file.metadata()),
                line("copy", left_open.file.try_clone()),
                line(
                    "at",
                    std::os::unix::fs::FileExt::read_at(&left_open.file, &mut buffer, 0),
                ),
            ];
        }
        "accept" => drop(left_open.listener.accept()),
        "connect" => {
            let address = left_open.listener.local_addr();
            let address = address.unwrap_or_else(|_| "127.0.0.1:80".parse().unwrap());
            _ = rustix::net::connect(&left_open.socket, &address);
        }
        "bind" => {
            let address: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
            _ = rustix::net::bind(&left_open.socket, &address);
        }
        "pair" => drop(std::os::unix::net::UnixStream::pair()),
        "spawn" => drop(Command::new("/bin/true").spawn()),
        "exec" => drop(Command::new("/bin/true").exec()),
        "thread" => drop(std::thread::Builder::new().spawn(|| ())),
        "ptrace" => {
            let parent = nix::unistd::Pid::from_raw(left_open.parent.as_raw_pid());
            _ = nix::sys::ptrace::attach(parent);
        }
        "traceme" => _ = nix::sys::ptrace::traceme(),
        "parent memory" => {
            let mut buffer = [0; 16];
            let mut local = [io::IoSliceMut::new(&mut buffer)];
            let remote = [nix::sys::uio::RemoteIoVec {
                base: 0x1000,
                len: 16,
            }];
            _ = nix::sys::uio::process_vm_readv(
                nix::unistd::Pid::from_raw(left_open.parent.as_raw_pid()),
                &mut local,
                &remote,
            );
        }
        "signal" => {
            _ = rustix::process::kill_process(left_open.parent, Signal::KILL);
        }
        "signal itself" => {
            _ = rustix::process::kill_current_process_group(Signal::KILL);
        }
        "pidfd" => {
            drop(rustix::process::pidfd_open(
                left_open.parent,
                rustix::process::PidfdFlags::empty(),
            ));
        }
        "shared memory" => drop(rustix::fs::memfd_create(
            "loot",
            rustix::fs::MemfdFlags::empty(),
        )),
        "unshare" => _ = rustix::thread::set_thread_groups(&[]),
        "root" => _ = rustix::thread::set_thread_uid(rustix::process::Uid::ROOT),
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "spin" => loop {
            black_box(attack);
        },
        "wait" => {
            let (lock, bell) = (Mutex::new(()), Condvar::new());
            let mut guard = lock.lock().unwrap();
            loop {
                guard = bell.wait(guard).unwrap();
            }
        }
        "stack" => {
            black_box(deep(0));
        }
        "panic" => panic!("\u{1b}[2J gone"),
        "abort" => std::process::abort(),
        "leave" => return Vec::new(),
        "noise" => loop {
            io::stdout().write_all(&[0xff; 4096]).unwrap();
        },
        "errors" => loop {
            if io::stderr().write_all(&[b'x'; 4096]).is_err() {
                return vec!["errors: DENIED".to_owned()];
            }
        },
        other => panic!("nobody knows how to {other}"),
    }
    vec![format!("{attack}: DONE")]
}

#[expect(unconditional_recursion, reason = "it is to run out of stack")]
fn deep(level: u64) -> u64 {
    let room = black_box([level; 64]);
    deep(level + 1) + room[7]
}

fn files(parent: Pid) -> Vec<String> {
    let parent = parent.as_raw_pid();
    let mut results = Vec::new();
    for path in [
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/maps",
        "/proc/self/environ",
        "/proc/1/environ",
        "/proc/self/fd/2",
        "/proc/self/exe",
        "/dev/null",
        "/dev/shm",
        ".",
        &format!("/proc/{parent}/mem"),
        &format!("/proc/{parent}/environ"),
    ] {
        results.push(line(path, File::open(path)));
    }
    let mut write = OpenOptions::new();
    write.write(true).create(true);
    results.extend([
        line("create", write.open("/tmp/seawall-loot")),
        line("create here", write.open("seawall-loot")),
        line("create a nameless one", tempfile::tempfile()),
        line("list", fs::read_dir("/")),
        line("look at", fs::metadata("/etc/passwd")),
        line("make a folder", fs::create_dir("/tmp/seawall-loot")),
        line("remove", fs::remove_file("/tmp/seawall-none")),
        line(
            "rename",
            fs::rename("/tmp/seawall-none", "/tmp/seawall-loot"),
        ),
        line(
            "link",
            std::os::unix::fs::symlink("/etc", "/tmp/seawall-loot"),
        ),
        line(
            "hard link",
            fs::hard_link("/etc/passwd", "/tmp/seawall-loot"),
        ),
        line("follow", fs::read_link("/proc/self/exe")),
        line("move to", std::env::set_current_dir("/etc")),
        line(
            "open mode",
            rustix::fs::chmod("/tmp", rustix::fs::Mode::RWXU).map_err(Into::into),
        ),
    ]);
    results
}
