//! One connection to an HTTP server on loopback, kept between requests:
//! for tests that ask more often than programs can be started.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, bail};

/// How long an answer may take, as an API server waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, and the connection to it while there is one.
#[derive(Debug)]
pub struct Line {
    address: String,
    stream: Option<TcpStream>,
}

impl Line {
    /// `127.0.0.1:8470`; connects with the first request.
    pub fn to(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            stream: None,
        }
    }

    /// One request; status and body. After an error the next one
    /// connects anew.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<(u16, String)> {
        let mut reader = self.begin(method, path, headers, body)?;
        let head = Head::read(&mut reader)?;
        let mut text = Vec::new();
        if head.is_chunked {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size)?;
                let size = usize::from_str_radix(size.trim(), 16)?;
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk)?;
                if size == 0 {
                    break;
                }
                text.extend_from_slice(chunk.get(..size).unwrap_or_default());
            }
        } else {
            text.resize(head.length, 0);
            reader.read_exact(&mut text)?;
        }
        self.stream = Some(reader.into_inner());
        Ok((head.status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Asks for what does not end; its lines, between them those that
    /// say how long the next piece is.
    pub fn follow(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<impl Iterator<Item = String> + Send + use<>> {
        let mut reader = self.begin("GET", path, headers, "")?;
        let head = Head::read(&mut reader)?;
        if head.status != 200 {
            bail!("{path}: answered {}", head.status);
        }
        reader.get_ref().set_read_timeout(None)?;
        Ok(reader.lines().map_while(Result::ok))
    }

    fn begin(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<BufReader<TcpStream>> {
        let address = &self.address;
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(address).context("failed to connect")?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream
        };
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            head.push_str("content-type: application/json\r\n");
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").ok();
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        Ok(BufReader::new(stream))
    }
}

/// What stands before a body.
#[derive(Debug, Default)]
struct Head {
    status: u16,
    length: usize,
    is_chunked: bool,
}

impl Head {
    fn read(reader: &mut BufReader<TcpStream>) -> anyhow::Result<Self> {
        let mut head = Self::default();
        loop {
            let mut text = String::new();
            if reader.read_line(&mut text)? == 0 {
                bail!("the connection ended");
            }
            let text = text.trim_end();
            if text.is_empty() {
                return Ok(head);
            }
            if head.status == 0 {
                let word = text.split(' ').nth(1).context("an answer has a status")?;
                head.status = word.parse()?;
            } else if let Some((name, value)) = text.split_once(':') {
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => head.length = value.trim().parse()?,
                    "transfer-encoding" => head.is_chunked = true,
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{Reply, Server};

    #[test]
    fn a_connection_is_asked_twice() {
        let server = Server::start(|request| Reply::new(200, request.target.clone()));
        let mut line = Line::to(server.host());
        for path in ["/one", "/two"] {
            let (status, body) = line.ask("GET", path, &[], "").unwrap();
            assert_eq!((status, body.as_str()), (200, path));
        }
        assert_eq!(server.take_lines(), ["GET /one", "GET /two"]);
    }
}
