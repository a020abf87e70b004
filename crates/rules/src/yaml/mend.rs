//! What to do about a file that breaks off: whose mistake it is, and where
//! reading goes on.

use super::{Fault, read};

/// Where the next line after `at` begins an item.
pub(super) fn next_item(text: &str, at: usize) -> Option<usize> {
    let mut start = text.floor_char_boundary(at);
    loop {
        start += text.get(start..)?.find('\n')? + 1;
        if text.get(start..)?.starts_with("- ") {
            return Some(start);
        }
    }
}

/// Where the item of the mistake begins, if it can be read by itself: then
/// the mistake is in the one before.
pub(super) fn unclosed_before(text: &str, done: usize, fault: &Fault) -> Option<usize> {
    let line = text.get(..fault.at)?.rfind('\n')? + 1;
    let rest = text.get(line..)?;
    let earlier = text.get(done..line)?;
    let is_inside = earlier.starts_with("- ") || earlier.contains("\n- ");
    if !rest.starts_with("- ") || !is_inside {
        return None;
    }
    let mut nodes = 0;
    match read(rest, line, &mut nodes, &mut Vec::new()) {
        Err(again) if again.at == fault.at => None,
        _ => Some(line),
    }
}

/// The file with what stands at `at` put behind the line before it.
///
/// Rule files write lists in brackets at the indentation of their key,
/// which YAML forbids and its usual reader does not mind; ours does. Every
/// byte keeps its place.
pub(super) fn join_line(text: &str, at: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let mut end = at;
    loop {
        let newline = text.get(..end)?.rfind('\n')?;
        let line_start = text
            .get(..newline)?
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let line = text.get(line_start..newline)?;
        if !text.get(newline..end)?.trim().is_empty() {
            return None;
        }
        let comment = comment_of(line);
        for byte in bytes.get_mut(line_start + comment..=newline)? {
            *byte = b' ';
        }
        end = line_start;
        if !line.get(..comment)?.trim().is_empty() {
            return String::from_utf8(bytes).ok();
        }
        bytes.get_mut(line_start..newline)?.fill(b' ');
        if line_start == 0 {
            return None;
        }
    }
}

/// Where the comment of a line begins, or its end.
fn comment_of(line: &str) -> usize {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') if before.is_whitespace() => return at,
            _ => {}
        }
        before = c;
    }
    line.len()
}

/// Where the item that `at` is in begins, not before `done`.
pub(super) fn this_item(text: &str, done: usize, at: usize) -> usize {
    let done = text.floor_char_boundary(done);
    text.get(done..at)
        .and_then(|part| part.rfind("\n- "))
        .map_or(done, |newline| done + newline + 1)
}
