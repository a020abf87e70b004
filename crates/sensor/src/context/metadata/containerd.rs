//! What only containerd's database knows: the image of a container that is
//! not a pod's, and the labels of pods.
//!
//! containerd speaks gRPC. One call that is answered at once needs little
//! of HTTP/2: a request's frames are written, and of what comes back only
//! data is looked at. The answer is bounded in size and time.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use rules::syscall::Container;

use super::{
    image,
    kubernetes::{self, Notes},
};

const PATIENCE: Duration = Duration::from_secs(1);
/// A container's entry holds its whole configuration.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
const MAX_FRAMES: usize = 4096;
const WINDOW: u32 = 4 * 1024 * 1024;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATH: &str = "/containerd.services.containers.v1.Containers/Get";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACKNOWLEDGED: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// An entry of the database.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    image: String,
    labels: Notes,
}

/// Asks for a container of a namespace; nothing where it is not known, or
/// nobody answers.
pub(super) fn get(socket: &Path, namespace: &str, id: &str) -> Option<Entry> {
    let stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    (&stream).write_all(&request(namespace, id)).ok()?;
    let answer = answer(&mut &stream, &mut &stream, Instant::now() + PATIENCE)?;
    entry(&answer)
}

impl Entry {
    /// Puts into a container what its files did not say.
    pub(super) fn put(&self, container: &mut Container) {
        if container.image.is_empty() && !self.image.is_empty() && !image::is_id(&self.image) {
            image::put(&self.image, container);
        }
        if container.labels.is_empty() {
            container.labels = kubernetes::labels_of(&self.labels);
        }
    }

    /// The same for its pod, of whose sandbox this is the entry.
    pub(super) fn put_pod(&self, container: &mut Container) {
        if let Some(pod) = &mut container.pod
            && pod.labels.is_empty()
        {
            pod.labels = kubernetes::labels_of(&self.labels);
            pod.labels
                .retain(|(key, _)| !key.starts_with(b"io.cri-containerd."));
        }
    }
}

fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or_default();
    to.extend_from_slice(length.to_be_bytes().get(1..).unwrap_or_default());
    to.extend_from_slice(&[kind, flags]);
    to.extend_from_slice(&stream.to_be_bytes());
    to.extend_from_slice(payload);
}

fn request(namespace: &str, id: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("containerd-namespace", namespace),
    ] {
        // A literal that is not to be remembered, name and all.
        headers.push(0);
        for text in [name, value] {
            headers.push(u8::try_from(text.len()).unwrap_or_default() & 0x7f);
            headers.extend_from_slice(text.as_bytes());
        }
    }
    let mut message = vec![0x0a, u8::try_from(id.len()).unwrap_or_default() & 0x7f];
    message.extend_from_slice(id.as_bytes());
    let mut data = vec![0];
    data.extend_from_slice(
        &u32::try_from(message.len())
            .unwrap_or_default()
            .to_be_bytes(),
    );
    data.extend_from_slice(&message);

    let mut to = PREFACE.to_vec();
    let mut settings = vec![0, 4];
    settings.extend_from_slice(&WINDOW.to_be_bytes());
    frame(&mut to, SETTINGS, 0, 0, &settings);
    frame(&mut to, WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
    frame(&mut to, HEADERS, END_HEADERS, 1, &headers);
    frame(&mut to, DATA, END_STREAM, 1, &data);
    to
}

/// The message of the answer.
fn answer(from: &mut impl Read, to: &mut impl Write, deadline: Instant) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    for _ in 0..MAX_FRAMES {
        if Instant::now() > deadline {
            return None;
        }
        let mut head = [0; 9];
        from.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        // No server sends larger frames than it was allowed.
        if length > 16_384 {
            return None;
        }
        let mut payload = vec![0; length];
        from.read_exact(&mut payload).ok()?;
        match kind {
            SETTINGS if flags & ACKNOWLEDGED == 0 => {
                let mut back = Vec::new();
                frame(&mut back, SETTINGS, ACKNOWLEDGED, 0, b"");
                to.write_all(&back).ok()?;
            }
            PING if flags & ACKNOWLEDGED == 0 => {
                let mut back = Vec::new();
                frame(&mut back, PING, ACKNOWLEDGED, 0, &payload);
                to.write_all(&back).ok()?;
            }
            RESET | GO_AWAY => return None,
            DATA if stream == 1 => {
                let mut data = payload.as_slice();
                if flags & PADDED != 0 {
                    let (padding, rest) = data.split_first()?;
                    data = rest.get(..rest.len().checked_sub(usize::from(*padding))?)?;
                }
                answer.extend_from_slice(data);
                if answer.len() > MAX_ANSWER {
                    return None;
                }
            }
            _ => {}
        }
        let is_last = stream == 1 && matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
        if is_last {
            break;
        }
    }
    // One message, not compressed.
    let (head, message) = answer.split_at_checked(5)?;
    let [0, length @ ..] = head else { return None };
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    message.get(..length).map(<[u8]>::to_vec)
}

/// Fields of a message that have a length: their number and bytes. Others
/// are stepped over.
fn fields(mut from: &[u8], each: &mut dyn FnMut(u64, &[u8])) -> Option<()> {
    while !from.is_empty() {
        let key = number(&mut from)?;
        match key & 7 {
            0 => {
                number(&mut from)?;
            }
            1 => from = from.get(8..)?,
            2 => {
                let length = usize::try_from(number(&mut from)?).ok()?;
                let (bytes, rest) = from.split_at_checked(length)?;
                each(key >> 3, bytes);
                from = rest;
            }
            5 => from = from.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

fn number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn entry(answer: &[u8]) -> Option<Entry> {
    let mut entry = Entry::default();
    let mut is_whole = true;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields(answer, &mut |field, container| {
        if field != 1 {
            return;
        }
        let read = fields(container, &mut |field, bytes| match field {
            2 if entry.labels.len() < kubernetes::MAX_LABELS => {
                let (mut key, mut value) = (String::new(), String::new());
                let pair = fields(bytes, &mut |field, bytes| match field {
                    1 => key = text(bytes),
                    2 => value = text(bytes),
                    _ => {}
                });
                if pair.is_some() {
                    entry.labels.insert(key, value);
                }
            }
            3 => entry.image = text(bytes),
            _ => {}
        });
        is_whole = read.is_some();
    })?;
    is_whole.then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1: {1: "abc", 2: {1: "app", 2: "web"}, 3: "nginx:1"}`.
    const MESSAGE: &[u8] =
        b"\x0a\x1c\x0a\x03abc\x12\x0a\x0a\x03app\x12\x03web\x1a\x07nginx:1\x40\x01";

    fn played(frames: &[(u8, u8, u32, &[u8])]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for (kind, flags, stream, payload) in frames {
            frame(&mut bytes, *kind, *flags, *stream, payload);
        }
        let mut back = Vec::new();
        let deadline = Instant::now() + Duration::from_mins(1);
        answer(&mut bytes.as_slice(), &mut back, deadline)
    }

    #[test]
    fn an_answer_is_put_together_and_read() {
        let mut data = vec![0, 0, 0, 0, u8::try_from(MESSAGE.len()).unwrap()];
        data.extend_from_slice(MESSAGE);
        let (first, second) = data.split_at(7);
        let padded = [&[2], second, b"\0\0"].concat();
        let message = played(&[
            (SETTINGS, 0, 0, b""),
            (PING, 0, 0, b"12345678"),
            (HEADERS, END_HEADERS, 1, b"\x88"),
            (DATA, 0, 1, first),
            (DATA, PADDED, 1, &padded),
            (HEADERS, END_HEADERS | END_STREAM, 1, b"\x88"),
        ]);
        assert_eq!(message.as_deref(), Some(MESSAGE));
        let entry = entry(MESSAGE).unwrap();
        assert_eq!(entry.image, "nginx:1");
        assert_eq!(entry.labels.get("app").map(String::as_str), Some("web"));
        let mut container = Container::default();
        entry.put(&mut container);
        assert_eq!(&*container.tag, b"1");
    }

    #[test]
    fn refusals_and_lies_are_no_answer() {
        let error = (HEADERS, END_HEADERS | END_STREAM, 1, b"\x88".as_slice());
        assert_eq!(played(&[error]), None);
        assert_eq!(played(&[(RESET, 0, 1, b"0000")]), None);
        assert_eq!(played(&[(DATA, END_STREAM | PADDED, 1, b"\xff")]), None);
        assert_eq!(
            played(&[(DATA, END_STREAM, 1, b"\0\xff\xff\xff\xff")]),
            None
        );
        assert_eq!(played(&[]), None);
        assert_eq!(get(Path::new("/nowhere"), "default", "abc"), None);
    }

    proptest::proptest! {
        #[test]
        fn hostile_answers_do_no_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            _ = entry(&bytes);
            let deadline = Instant::now() + Duration::from_mins(1);
            _ = answer(&mut bytes.as_slice(), &mut Vec::new(), deadline);
        }
    }
}
