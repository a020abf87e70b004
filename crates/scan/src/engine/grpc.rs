//! As much of gRPC and Protocol Buffers as containerd needs: strings and
//! bytes out, messages in, over HTTP/2 on a Unix socket
//! (gRPC over HTTP/2; Protocol Buffers encoding).

use std::{future::poll_fn, path::Path, time::Duration};

use h2::{RecvStream, client};
use http::{HeaderMap, Request};
use tokio::{
    net::UnixStream,
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::timeout,
};

/// The longest silence, while connecting and between frames.
const PATIENCE: Duration = Duration::from_mins(1);
const WINDOW: u32 = 4 << 20;
/// containerd sends content in pieces of a mebibyte.
const LARGEST_MESSAGE: usize = 64 << 20;
/// Compression flag and length before each message.
const PREFIX: usize = 5;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum GrpcError {
    #[error("connect")]
    Connect(#[source] std::io::Error),
    #[error("talk HTTP/2")]
    Http(#[from] h2::Error),
    #[error("get an answer within {} s", PATIENCE.as_secs())]
    Timeout,
    #[error("get an answer: {message} (code {code})")]
    Status { code: u32, message: String },
    #[error("understand the answer")]
    Malformed,
}

const NOT_FOUND: u32 = 5;

impl GrpcError {
    pub(super) fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Status {
                code: NOT_FOUND,
                ..
            }
        )
    }
}

/// The messages answering one call, one after the other. Has a
/// connection of its own, driven whenever a message is waited for.
pub(super) struct Call {
    runtime: Runtime,
    _connection: JoinSet<()>,
    stream: RecvStream,
    buffer: Vec<u8>,
}

impl Call {
    /// Calls `method` (`package.Service/Method`) in a namespace.
    pub(super) fn start(
        socket: &Path,
        namespace: &str,
        method: &str,
        message: &[u8],
    ) -> Result<Self, GrpcError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(GrpcError::Connect)?;
        let mut connection = JoinSet::new();
        let request = Request::post(format!("http://localhost/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("containerd-namespace", namespace)
            .body(())
            .map_err(|_invalid| GrpcError::Malformed)?;
        let mut frame = vec![0];
        let length = u32::try_from(message.len()).map_err(|_huge| GrpcError::Malformed)?;
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(message);

        let answer = async {
            let socket = UnixStream::connect(socket)
                .await
                .map_err(GrpcError::Connect)?;
            let (mut client, driver) = client::Builder::new()
                .initial_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .handshake::<_, bytes::Bytes>(socket)
                .await?;
            connection.spawn(async move {
                if let Err(error) = driver.await {
                    tracing::debug!(error = %error, "containerd closed the connection");
                }
            });
            poll_fn(|context| client.poll_ready(context)).await?;
            let (response, mut body) = client.send_request(request, false)?;
            body.send_data(frame.into(), true)?;
            Ok::<_, GrpcError>(response.await?)
        };
        let response = runtime.block_on(async {
            timeout(PATIENCE, answer)
                .await
                .map_err(|_elapsed| GrpcError::Timeout)?
        })?;
        check(response.headers())?;
        Ok(Self {
            runtime,
            _connection: connection,
            stream: response.into_body(),
            buffer: Vec::new(),
        })
    }

    /// The next message; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, GrpcError> {
        loop {
            if let Some(message) = self.whole_message()? {
                return Ok(Some(message));
            }
            let stream = &mut self.stream;
            let data = self.runtime.block_on(async {
                timeout(PATIENCE, stream.data())
                    .await
                    .map_err(|_elapsed| GrpcError::Timeout)
            })?;
            if let Some(data) = data {
                let data = data?;
                self.stream.flow_control().release_capacity(data.len())?;
                self.buffer.extend_from_slice(&data);
            } else {
                return self.end().map(|()| None);
            }
        }
    }

    /// Whether all ended well, once no more data comes.
    fn end(&mut self) -> Result<(), GrpcError> {
        let stream = &mut self.stream;
        let trailers = self.runtime.block_on(async {
            timeout(PATIENCE, stream.trailers())
                .await
                .map_err(|_elapsed| GrpcError::Timeout)
        })??;
        check(&trailers.unwrap_or_default())?;
        if self.buffer.is_empty() {
            Ok(())
        } else {
            Err(GrpcError::Malformed)
        }
    }

    fn whole_message(&mut self) -> Result<Option<Vec<u8>>, GrpcError> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let [flag, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        // We offered no compression.
        if flag != 0 || length > LARGEST_MESSAGE {
            return Err(GrpcError::Malformed);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let rest = self.buffer.split_off(PREFIX + length);
        let mut message = std::mem::replace(&mut self.buffer, rest);
        message.drain(..PREFIX);
        Ok(Some(message))
    }
}

/// One message for one message.
pub(super) fn unary(
    socket: &Path,
    namespace: &str,
    method: &str,
    message: &[u8],
) -> Result<Vec<u8>, GrpcError> {
    let mut call = Call::start(socket, namespace, method, message)?;
    let answer = call.next()?.unwrap_or_default();
    // The status comes after the message.
    match call.next()? {
        None => Ok(answer),
        Some(_) => Err(GrpcError::Malformed),
    }
}

/// The status is in the trailers, or, without any message, the headers.
fn check(headers: &HeaderMap) -> Result<(), GrpcError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = text("grpc-status").and_then(|text| text.parse().ok());
    match code {
        None | Some(0) => Ok(()),
        Some(code) => {
            let message = text("grpc-message").unwrap_or("no reason given");
            Err(GrpcError::Status {
                code,
                message: message.chars().take(300).collect(),
            })
        }
    }
}

/// A string or bytes field; absent when empty, as proto3 has it.
pub(super) fn put_bytes(message: &mut Vec<u8>, field: u32, content: &[u8]) {
    if content.is_empty() {
        return;
    }
    put_varint(message, u64::from(field << 3 | 2));
    put_varint(message, content.len() as u64);
    message.extend_from_slice(content);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return message.push(low);
        }
        message.push(low | 0x80);
    }
}

/// The length-delimited fields of a message, others passed over. Ends at
/// the first thing that makes no sense.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    values(message).filter_map(|(field, value)| match value {
        Value::Bytes(content) => Some((field, content)),
        Value::Number(_) => None,
    })
}

enum Value<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// All fields of a message but those of fixed width.
fn values(message: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    let mut rest = message;
    std::iter::from_fn(move || {
        loop {
            let key = take_varint(&mut rest)?;
            let length = match key & 7 {
                0 => return Some((key >> 3, Value::Number(take_varint(&mut rest)?))),
                1 => 8,
                2 => usize::try_from(take_varint(&mut rest)?).ok()?,
                5 => 4,
                _ => return None,
            };
            let (content, after) = rest.split_at_checked(length)?;
            rest = after;
            if key & 7 == 2 {
                return Some((key >> 3, Value::Bytes(content)));
            }
        }
    })
}

/// The first varint field of that number; absent, it is zero.
pub(super) fn number(message: &[u8], field: u64) -> u64 {
    let mut found = values(message).filter_map(|(number, value)| match value {
        Value::Number(value) if number == field => Some(value),
        _ => None,
    });
    found.next().unwrap_or_default()
}

/// The first field of that number, as text.
pub(super) fn text(message: &[u8], field: u64) -> String {
    let content = bytes(message, field).unwrap_or_default();
    String::from_utf8_lossy(content).into_owned()
}

pub(super) fn bytes(message: &[u8], field: u64) -> Option<&[u8]> {
    let mut found = fields(message).filter(|(number, _)| *number == field);
    found.next().map(|(_, content)| content)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_put_is_found() {
        let mut message = Vec::new();
        put_bytes(&mut message, 1, b"name");
        put_bytes(&mut message, 2, b"");
        // A varint and both fixed widths lie between.
        message.extend_from_slice(&[3 << 3, 0x96, 0x01]);
        message.extend_from_slice(&[4 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(&[5 << 3 | 5, 0, 0, 0, 0]);
        put_bytes(&mut message, 20, &[7; 300]);
        assert_eq!(text(&message, 1), "name");
        assert_eq!(bytes(&message, 2), None);
        assert_eq!(bytes(&message, 20), Some(&[7; 300][..]));
        assert_eq!(fields(&message).count(), 2);
        assert_eq!((number(&message, 3), number(&message, 1)), (150, 0));
    }

    proptest! {
        #[test]
        fn any_message_ends(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(fields(&message).count() <= message.len());
        }
    }
}
