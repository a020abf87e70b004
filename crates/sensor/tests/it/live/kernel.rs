//! Records of what this test does itself, found by words nobody else uses.

use std::{
    net::{TcpListener, TcpStream, UdpSocket},
    process::Command,
};

use rules::syscall::Kind;
use sensor::{
    kernel::State,
    record::{Via, What},
};

use super::{until, watched};

#[test]
fn a_program_is_seen_from_its_start_to_its_end() {
    let Some(mut kernel) = watched() else {
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
fn sensitive_names_are_told_and_others_are_not() {
    let Some(mut kernel) = watched() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = std::fs::canonicalize(folder.path()).unwrap();
    let ssh = folder.join(".ssh");
    std::fs::create_dir(&ssh).unwrap();
    let all = [
        folder.join("boring"),
        folder.join("id_rsa"),
        ssh.join("anything"),
    ];
    for path in &all {
        std::fs::write(path, "x").unwrap();
    }
    for path in &all {
        std::fs::read(path).unwrap();
    }
    let last = folder.join("last");
    std::fs::write(&last, "x").unwrap();
    let mut read = Vec::new();
    assert!(until(&mut kernel, |record| {
        let What::Call(call) = &record.what else {
            return false;
        };
        let is_read = call.arguments[2] % 4 == 0 && call.kind == Kind::Openat;
        if is_read
            && call
                .resolved
                .starts_with(folder.as_os_str().as_encoded_bytes())
        {
            read.push(String::from_utf8_lossy(call.resolved).into_owned());
        }
        call.resolved == last.as_os_str().as_encoded_bytes()
    }));
    let expected: Vec<_> = all[1..]
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(read, expected);
}

#[test]
fn relative_paths_come_with_their_folder() {
    let Some(mut kernel) = watched() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = std::fs::canonicalize(folder.path()).unwrap();
    std::fs::write(folder.join("old"), "x").unwrap();
    let mut child = Command::new("/bin/sh")
        .args(["-c", "mv old new && rm new"])
        .current_dir(&folder)
        .spawn()
        .unwrap();
    child.wait().unwrap();
    let here = folder.as_os_str().as_encoded_bytes();
    let mut renamed = false;
    assert!(until(&mut kernel, |record| {
        let What::Call(call) = &record.what else {
            return false;
        };
        if call.folder == here
            && matches!(call.kind, Kind::Rename | Kind::Renameat | Kind::Renameat2)
        {
            assert_eq!((call.path, call.second), (&b"old"[..], &b"new"[..]));
            assert_eq!(call.second_folder, here);
            assert_eq!(call.result, 0);
            renamed = true;
        }
        call.folder == here
            && matches!(call.kind, Kind::Unlink | Kind::Unlinkat)
            && call.path == b"new"
    }));
    assert!(renamed);
}

#[test]
fn questions_and_answers_of_names_are_seen() {
    let Some(mut kernel) = watched() else {
        return;
    };
    let report = kernel.report().clone();
    if report.state("dns") != Some(State::Active) {
        return testkit::skipped(&format!("no names can be seen here:\n{report}"));
    }
    let Ok(server) = UdpSocket::bind("127.0.53.77:53") else {
        return testkit::skipped("port 53 of 127.0.53.77 is taken");
    };
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect("127.0.53.77:53").unwrap();
    let question = format!("\x12\x34 seawall question of {}", std::process::id());
    client.send(question.as_bytes()).unwrap();
    let mut buffer = [0; 512];
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], question.as_bytes());
    let answer = question.replace("question", "answer");
    server.send_to(answer.as_bytes(), from).unwrap();
    client.recv(&mut buffer).unwrap();
    let mut is_asked = false;
    assert!(until(&mut kernel, |record| {
        let What::Dns(dns) = &record.what else {
            return false;
        };
        if dns.message == question.as_bytes() {
            assert!(!dns.is_answer);
            assert_eq!(dns.server, Some(([127, 0, 53, 77].into(), 53)));
            assert_eq!(record.task.pid, std::process::id());
            is_asked = true;
        }
        if dns.message != answer.as_bytes() {
            return false;
        }
        assert!(dns.is_answer);
        assert_eq!(record.task.pid, std::process::id());
        true
    }));
    assert!(is_asked);
}

#[test]
fn files_opened_by_io_uring_are_seen() {
    let Some(mut kernel) = watched() else {
        return;
    };
    let report = kernel.report().clone();
    let folder = tempfile::tempdir().unwrap();
    let path = std::fs::canonicalize(folder.path())
        .unwrap()
        .join("by-uring");
    std::fs::write(&path, "x").unwrap();
    let path = path.to_str().unwrap();
    if let Err(error) = testkit::uring::open(path) {
        return testkit::skipped(&format!("no io_uring here: {error}"));
    }
    assert!(until(&mut kernel, |record| {
        let What::Call(call) = &record.what else {
            return false;
        };
        if call.by != Via::IoUring {
            return false;
        }
        match report.state("io_uring") {
            Some(State::Active) => call.resolved == path.as_bytes(),
            _ => call.path == path.as_bytes(),
        }
    }));
}

#[test]
fn a_written_file_and_a_connection_are_seen_whole() {
    let Some(mut kernel) = watched() else {
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
            && call.kind == Kind::Connect
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
