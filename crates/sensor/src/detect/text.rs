//! Bytes of the kernel as text that is bounded.

use rules::syscall::{Bytes, Process};

use super::secret;

/// Cut between characters, without NUL, which no database keeps.
pub(super) fn clean(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    let text = text.get(..end).unwrap_or_default().trim();
    text.replace('\0', "\u{fffd}")
}

/// The same of bytes.
pub(super) fn bytes(bytes: &[u8], most: usize) -> String {
    // A byte that is no text becomes three; more is not read.
    let bytes = bytes.get(..most).unwrap_or(bytes);
    clean(&String::from_utf8_lossy(bytes), most)
}

/// A command line without the secrets in it.
pub(super) fn command(process: &Process, most: usize) -> String {
    let mut line = Vec::new();
    write_command(process, most, &mut |part| line.extend_from_slice(part));
    secret::hide(&bytes(&line, most)).into_owned()
}

/// The name and the arguments, `most` bytes and a bit.
pub(super) fn write_command(process: &Process, most: usize, write: &mut dyn FnMut(&[u8])) {
    let first: &Bytes = if process.exe.is_empty() {
        &process.name
    } else {
        &process.exe
    };
    write(first);
    let mut length = first.len();
    for argument in &process.arguments {
        if length >= most {
            return;
        }
        write(b" ");
        write(argument);
        length += argument.len() + 1;
    }
}
