//! Records of what this test does itself, found by words nobody else uses.

use std::{
    net::{TcpListener, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use sensor::{
    kernel::{Error, Kernel, Settings},
    record::{Record, What},
};

/// Starts, or says why it cannot.
fn start(settings: &Settings) -> Option<Kernel> {
    match Kernel::start(settings) {
        Ok((kernel, report)) => {
            println!("{report}");
            Some(kernel)
        }
        Err(error @ Error::Privilege) => {
            testkit::skipped(&error.to_string());
            None
        }
        Err(error) => panic!("{}", model::error::chain(&error)),
    }
}

/// Polls until `done`, for a few seconds.
fn until(kernel: &mut Kernel, mut done: impl FnMut(&Record<'_>) -> bool) -> bool {
    let begun = Instant::now();
    let mut is_done = false;
    while !is_done && begun.elapsed() < Duration::from_secs(5) {
        kernel
            .poll(Duration::from_millis(50), &mut |record| {
                is_done |= done(record);
            })
            .unwrap();
    }
    is_done
}

#[test]
fn a_program_is_seen_from_its_start_to_its_end() {
    let Some(mut kernel) = start(&Settings::default()) else {
        return;
    };
    let token = format!("seawall-exec-{}", std::process::id());
    let mut child = Command::new("/bin/sh")
        .args(["-c", "exit 3", &token])
        .env_clear()
        .env("SEAWALL_TOKEN", &token)
        .spawn()
        .unwrap();
    child.wait().unwrap();
    let own = std::process::id();
    let (mut forked, mut executed) = (false, false);
    let exited = until(&mut kernel, |record| match &record.what {
        What::Fork(fork) if fork.pid == child.id() => {
            assert_eq!(record.task.pid, own);
            assert!(fork.started > 0);
            forked = true;
            false
        }
        What::Exec(exec) if record.task.pid == child.id() => {
            assert!(forked, "it ran before it was made");
            assert_eq!(exec.path, b"/bin/sh");
            assert!(
                exec.resolved.starts_with(b"/"),
                "{:?}",
                exec.resolved.escape_ascii()
            );
            let expected = format!("/bin/sh\0-c\0exit 3\0{token}\0");
            assert_eq!(exec.arguments, expected.as_bytes());
            assert!(!exec.are_arguments_cut);
            assert_eq!(
                exec.environment,
                format!("SEAWALL_TOKEN={token}\0").as_bytes()
            );
            assert_eq!(record.task.parent, own);
            assert!(record.task.started > 0 && record.task.time >= record.task.started);
            assert!(exec.file.inode > 0 && exec.file.mode & 0o111 != 0);
            assert!(exec.file.modified > 0);
            assert!(record.task.mount_namespace > 0 && record.task.pid_namespace > 0);
            assert_eq!(exec.credentials.uid, record.task.uid);
            executed = true;
            false
        }
        What::Exit { code } if record.task.pid == child.id() => {
            assert_eq!(*code, 3 << 8);
            true
        }
        _ => false,
    });
    assert!(executed && exited);
}

#[test]
fn a_written_file_and_a_connection_are_seen_whole() {
    let Some(mut kernel) = start(&Settings::default()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written");
    std::fs::write(&path, "x").unwrap();
    let path = std::fs::canonicalize(&path).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (local, remote) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    let (mut opened, mut connected) = (false, false);
    let found = until(&mut kernel, |record| {
        if record.task.pid != std::process::id() {
            return false;
        }
        let What::Call(call) = &record.what else {
            return false;
        };
        if call.resolved == path.as_os_str().as_encoded_bytes() {
            assert!(call.result >= 0);
            assert!(call.file.is_some_and(|file| file.inode > 0));
            assert_eq!(call.path, call.resolved);
            opened = true;
        }
        if let Some(socket) = call.socket
            && call.kind == rules::syscall::Kind::Connect
            && socket.remote == Some((remote.ip(), remote.port()))
        {
            assert_eq!(socket.local, Some((local.ip(), local.port())));
            assert_eq!(socket.protocol, "tcp");
            connected = true;
        }
        opened && connected
    });
    assert!(found, "opened: {opened}, connected: {connected}");
    for class in kernel.counters() {
        println!("{class:?}");
        assert!(class.seen >= class.filtered + class.suppressed, "{class:?}");
        assert!(class.sent >= class.delivered, "{class:?}");
    }
    assert_eq!(kernel.unreadable(), 0);
}
