//! The client against a server that misbehaves as told.

#![expect(
    clippy::unwrap_used,
    reason = "what cannot be set up fails its test, also from a shared function"
)]

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixListener,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use fetch::{Client, FetchError, Settings, Url};
use model::Cancel;
use testkit::web::{Reply, Server};

fn client() -> Client {
    let settings = Settings {
        idle_timeout: Duration::from_millis(300),
        longest_wait: Duration::from_millis(1),
        ..Settings::default()
    };
    Client::new(&settings).unwrap()
}

fn url(server: &Server, path: &str) -> Url {
    format!("http://{}{path}", server.host()).parse().unwrap()
}

#[test]
fn passing_trouble_is_tried_again_and_lasting_trouble_is_returned() {
    let count = AtomicU32::new(0);
    let server = Server::start(move |request| {
        let before = count.fetch_add(1, Ordering::Relaxed);
        match (request.target.as_str(), before) {
            ("/passing", 0) => Reply::new(503, ""),
            ("/passing", 1) => Reply::new(429, "").header("retry-after", "0"),
            ("/passing", _) => Reply::new(200, "at last"),
            _ => Reply::new(500, "broken"),
        }
    });
    let response = client().get(&url(&server, "/passing")).send().unwrap();
    assert_eq!(response.text(100).unwrap(), "at last");
    let response = client().get(&url(&server, "/broken")).send().unwrap();
    assert_eq!(response.status, 500);
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_server_that_asks_for_more_patience_than_we_have_is_not_pestered() {
    let server = Server::start(|_| Reply::new(429, "").header("retry-after", "3600"));
    let response = client().get(&url(&server, "/")).send().unwrap();
    assert_eq!(response.status, 429);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn nobody_listening_is_said_with_the_address() {
    let address = Server::start(|_| Reply::new(200, "")).host();
    let url = format!("http://{address}/path?secret=1").parse().unwrap();
    // The server is gone. One last connection woke its listener.
    let error = client().get(&url).retries(1).send().unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn silence_ends_after_the_idle_time() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let error = client().get(&url).retries(0).send().unwrap_err();
    assert!(matches!(error, FetchError::Timeout { .. }), "{error:?}");
}

#[test]
fn a_body_that_is_cut_or_too_large_is_an_error() {
    let server = Server::start(|request| {
        let reply = Reply::new(200, vec![b'x'; 1000]);
        if request.target == "/cut" {
            reply.header("content-length", "1000").cut_after(10)
        } else {
            reply
        }
    });
    let cut = client()
        .get(&url(&server, "/cut"))
        .send()
        .unwrap()
        .bytes(5000);
    assert!(matches!(cut, Err(FetchError::ReadBody { .. })), "{cut:?}");
    let large = client().get(&url(&server, "/")).send().unwrap().bytes(999);
    assert!(matches!(
        large,
        Err(FetchError::TooLarge { limit: 999, .. })
    ));
}

#[test]
fn redirects_are_followed_without_secrets_and_not_for_ever() {
    let other = Server::start(|request| {
        assert_eq!(request.headers.get("authorization"), None);
        assert_eq!(request.headers["x-plain"], "kept");
        Reply::new(200, "elsewhere")
    });
    let target = format!("http://{}/blob", other.host());
    let server = Server::start(move |request| match request.target.as_str() {
        "/away" => {
            assert_eq!(request.headers["authorization"], "Bearer t");
            Reply::new(307, "").header("location", &target)
        }
        "/near" => Reply::new(302, "").header("location", "here"),
        "/here" => Reply::new(200, request.headers["authorization"].clone()),
        "/out" => Reply::new(302, "").header("location", "file:///etc/passwd"),
        _ => Reply::new(302, "").header("location", "/loop"),
    });
    let client = client();
    let get = |path: &str| {
        let request = client.get(&url(&server, path));
        let request = request
            .header("Authorization", "Bearer t")
            .header("X-Plain", "kept");
        request.send().and_then(|response| response.text(100))
    };
    assert_eq!(get("/away").unwrap(), "elsewhere");
    assert_eq!(get("/near").unwrap(), "Bearer t");
    assert!(matches!(get("/out"), Err(FetchError::Redirect { .. })));
    assert!(matches!(get("/loop"), Err(FetchError::Redirect { .. })));
}

#[test]
fn a_cancelled_request_is_not_sent() {
    let server = Server::start(|_| Reply::new(200, ""));
    let cancel = Cancel::default();
    cancel.cancel();
    let result = client().get(&url(&server, "/")).cancel(&cancel).send();
    assert!(matches!(result, Err(FetchError::Cancelled { .. })));
    assert!(server.asked().is_empty());
}

#[test]
fn a_post_carries_its_body() {
    let server = Server::start(|request| Reply::new(200, request.body.clone()));
    let request = client();
    let request = request.post(&url(&server, "/")).body("a=b");
    assert_eq!(request.send().unwrap().text(10).unwrap(), "a=b");
}

#[test]
fn a_unix_socket_is_spoken_to_like_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            .unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let client = Client::unix_socket(&path, &Settings::default());
    let url: Url = "http://engine/images/json".parse().unwrap();
    let response = client.get(&url).send().unwrap();
    assert_eq!(
        response.json::<serde_json::Value>(10).unwrap(),
        serde_json::json!({})
    );
    assert!(
        serving
            .join()
            .unwrap()
            .starts_with("GET /images/json HTTP/1.1")
    );
}

#[test]
fn a_certificate_file_must_hold_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "nothing").unwrap();
    let settings = Settings {
        ca_file: Some(path.clone()),
        ..Settings::default()
    };
    let error = Client::new(&settings).unwrap_err();
    assert!(
        matches!(error, FetchError::ParseCertificates { .. }),
        "{error:?}"
    );
    std::fs::remove_file(&path).unwrap();
    let error = Client::new(&settings).unwrap_err();
    assert!(
        matches!(error, FetchError::ReadCertificates { .. }),
        "{error:?}"
    );
}

#[test]
fn a_guard_holds_for_names_numbers_and_redirects() {
    let server = Server::start(|request| match request.target.as_str() {
        "/inward" => Reply::new(302, "").header("location", "http://169.254.169.254/latest/"),
        _ => Reply::new(200, request.method.clone()),
    });
    let guarded = |allow_loopback| {
        let guard = fetch::Guard {
            allow_private: true,
            allow_loopback,
        };
        let settings = Settings {
            guard: Some(guard),
            proxy_from_environment: false,
            ..Settings::default()
        };
        Client::new(&settings).unwrap()
    };
    let open = guarded(true);
    assert_eq!(open.get(&url(&server, "/")).send().unwrap().status, 200);
    let error = open.get(&url(&server, "/inward")).send().unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }), "{error}");
    // By its number, and by a name that means the same.
    let closed = guarded(false);
    let port = server.host().rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost"] {
        let url: Url = format!("http://{host}:{port}/").parse().unwrap();
        let error = closed.get(&url).send().unwrap_err();
        assert!(
            matches!(error, FetchError::Refused { .. }),
            "{host}: {error}"
        );
        assert!(!error.may_pass());
    }
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_body_can_be_put() {
    let server = Server::start(|request| Reply::new(201, request.body.clone()));
    let response = client()
        .put(&url(&server, "/"))
        .body("all of it")
        .send()
        .unwrap();
    assert_eq!(response.text(100).unwrap(), "all of it");
    assert_eq!(server.take_lines(), ["PUT /"]);
}
