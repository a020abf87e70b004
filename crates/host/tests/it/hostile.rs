//! Hosts that are something else, or mean ill: bounded in size and time.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixListener,
    thread,
    time::{Duration, Instant},
};

use host::{Access, Look, look};
use jiff::Timestamp;

/// Answers each connection by `speak`, until the test ends.
fn server(speak: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { break };
            speak(stream);
        }
    });
    port
}

fn look_at(port: u16, patience: Duration) -> Look {
    let mut access = Access::new(format!("tcp://127.0.0.1:{port}").parse().unwrap(), None);
    access.patience = patience;
    look("somebody", &access, None, Timestamp::UNIX_EPOCH)
}

fn code(look: &Look) -> &'static str {
    look.error.as_ref().expect("it is reached").code()
}

fn heard(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 2048];
    let read = stream.read(&mut bytes).unwrap_or(0);
    String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned()
}

fn answer(stream: &mut TcpStream, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok();
    stream.write_all(body).ok();
}

#[test]
fn another_program_is_told_from_docker() {
    let port = server(|mut stream| {
        heard(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 2\r\n\r\nhi")
            .ok();
    });
    let seen = look_at(port, Duration::from_secs(5));
    assert_eq!(code(&seen), "not_docker");
    assert_eq!(seen.facts.plain, None, "no engine answers there");
    let nobody = testkit::service::spare_port();
    assert_eq!(
        code(&look_at(nobody, Duration::from_secs(5))),
        "unreachable"
    );
}

#[test]
fn one_that_says_nothing_is_not_waited_for() {
    let port = server(|stream| {
        // Kept open, never answered.
        std::mem::forget(stream);
    });
    let begun = Instant::now();
    let seen = look_at(port, Duration::from_millis(300));
    assert_eq!(code(&seen), "timeout");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_answer_without_end_or_bottom_is_refused() {
    // A ping is answered as Docker does; then one megabyte after another.
    let port = server(|mut stream| {
        if heard(&mut stream).contains("/_ping") {
            return answer(&mut stream, b"OK");
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\"")
            .ok();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            if stream.write_all(&chunk).is_err() {
                break;
            }
        }
    });
    let seen = look_at(port, Duration::from_secs(10));
    assert_eq!(code(&seen), "refused");
    assert!(seen.error.unwrap().explain().contains("larger than"));

    let port = server(|mut stream| {
        if heard(&mut stream).contains("/_ping") {
            return answer(&mut stream, b"OK");
        }
        answer(&mut stream, "[".repeat(100_000).as_bytes());
    });
    assert_eq!(code(&look_at(port, Duration::from_secs(10))), "refused");
}

#[test]
fn a_socket_that_is_not_there_and_one_that_is_not_docker_s_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let access = Access::new(format!("unix://{}", path.display()).parse().unwrap(), None);
    let seen = look("here", &access, None, Timestamp::UNIX_EPOCH);
    assert_eq!(code(&seen), "socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        if let Ok((mut stream, _)) = listener.accept() {
            let _asked = stream.read(&mut [0; 2048]);
            stream.write_all(b"SSH-2.0-x\r\n").ok();
        }
    });
    let seen = look("here", &access, None, Timestamp::UNIX_EPOCH);
    assert_eq!(code(&seen), "not_docker");
}
