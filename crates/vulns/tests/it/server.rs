//! A mirror in miniature: files over HTTP with tags and ranges, which
//! can be told to hang up half-way.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use fetch::Url;

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// Requests as `path status`, ranges included.
    log: Vec<String>,
    /// Bytes of a body after which to hang up, once.
    hang_up: Option<usize>,
}

/// Serves until the process ends.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    state: Arc<Mutex<State>>,
    address: String,
}

impl Mirror {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mirror = Self {
            state: Arc::default(),
            address: format!("http://{}/osv", listener.local_addr().unwrap()),
        };
        let served = mirror.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up is its own affair.
                drop(served.answer(stream.unwrap()));
            }
        });
        mirror
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&self.address).unwrap()
    }

    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state.lock().unwrap();
        state.files.insert(format!("/osv/{path}"), bytes.into());
    }

    pub(crate) fn hang_up_after(&self, bytes: usize) {
        self.state.lock().unwrap().hang_up = Some(bytes);
    }

    /// The requests since last asked.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().ok_or(std::io::ErrorKind::UnexpectedEof)??;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ") {
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
        }
        let mut state = self.state.lock().unwrap();
        let Some(body) = state.files.get(&path).cloned() else {
            state.log.push(format!("{path} 404"));
            return write!(
                stream,
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        };
        let tag = format!("\"{}\"", model::Digest::of(&body).short());
        if headers.get("if-none-match") == Some(&tag) {
            state.log.push(format!("{path} 304"));
            return write!(
                stream,
                "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n"
            );
        }
        let range = headers.get("range").and_then(|range| {
            let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
            (headers.get("if-range") == Some(&tag)).then(|| from.parse::<usize>().ok())?
        });
        let start = range.unwrap_or(0);
        let status = if range.is_some() {
            "206 Partial Content"
        } else {
            "200 OK"
        };
        state.log.push(format!(
            "{path} {} {start}",
            &status.get(..3).unwrap_or_default()
        ));
        let body = &body[start..];
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: {tag}\r\nconnection: close\r\n\r\n",
            body.len()
        )?;
        let is_large = path.contains("all.zip");
        let sent = match state.hang_up.filter(|_| is_large) {
            Some(bytes) => {
                state.hang_up = None;
                bytes.min(body.len())
            }
            None => body.len(),
        };
        stream.write_all(&body[..sent])
    }
}
