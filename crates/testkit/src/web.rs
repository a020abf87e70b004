//! An HTTP server that answers exactly as a test says, faults included.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// What a client asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What it gets.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    pub cut_after: Option<usize>,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }
}

type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// Listens on loopback until dropped; keeps what was asked.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let answer: Arc<Answer> = Arc::new(answer);
        let (log, over) = (Arc::clone(&asked), Arc::clone(&is_over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || converse(&stream, &log, answer.as_ref()));
            }
        });
        Self {
            address,
            asked,
            is_over,
        }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// `METHOD target` of everything asked since the last call.
    pub fn take_lines(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let line = |request: Request| format!("{} {}", request.method, request.target);
        asked.into_iter().map(line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees it is over.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(stream: &TcpStream, log: &Mutex<Vec<Request>>, answer: &Answer) {
    // Else a body waits until its head was acknowledged: 40 ms each.
    stream.set_nodelay(true).ok();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        log.lock().unwrap().push(request.clone());
        let reply = answer(&request);
        let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
        let has_length = reply
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if !has_length {
            write!(head, "content-length: {}\r\n", reply.body.len()).unwrap();
        }
        for (name, value) in &reply.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.push_str("\r\n");
        let mut stream = stream;
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        if request.method == "HEAD" {
            continue;
        }
        let length = reply.cut_after.unwrap_or(reply.body.len());
        let part = &reply.body[..length.min(reply.body.len())];
        if stream.write_all(part).is_err() || reply.cut_after.is_some() {
            return;
        }
    }
}

/// Sends one request to `host` and returns status and headers.
pub fn send(
    method: &str,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, BTreeMap<String, String>) {
    let mut stream = TcpStream::connect(host).unwrap();
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut reader = BufReader::new(&stream);
    let answer = read_request(&mut reader).unwrap();
    // A status line is "HTTP/1.1 201 Created": the same three words.
    (answer.target.parse().unwrap(), answer.headers)
}

/// Pushes an image to a registry that asks nobody's name.
pub fn push(image: &crate::Image, host: &str, repository: &str, tag: &str) {
    let blobs = image.blobs();
    for blob in blobs.layers.iter().chain([&blobs.config]) {
        push_blob(host, repository, blob);
    }
    let target = format!("/v2/{repository}/manifests/{tag}");
    let kind = [("content-type", crate::image::OCI_MANIFEST)];
    let (status, _) = send("PUT", host, &target, &kind, &blobs.manifest);
    assert_eq!(status, 201);
}

/// Pushes one blob.
pub fn push_blob(host: &str, repository: &str, blob: &[u8]) {
    let digest = model::Digest::of(blob);
    let uploads = format!("/v2/{repository}/blobs/uploads/");
    let (status, headers) = send("POST", host, &uploads, &[], &[]);
    assert_eq!(status, 202);
    let place = headers["location"]
        .trim_start_matches(&format!("http://{host}"))
        .to_owned();
    let target = format!(
        "{place}{}digest={digest}",
        if place.contains('?') { '&' } else { '?' }
    );
    let (status, _) = send("PUT", host, &target, &[], blob);
    assert_eq!(status, 201);
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if let Some(length) = request.headers.get("content-length") {
        request.body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut request.body).ok()?;
    }
    Some(request)
}
