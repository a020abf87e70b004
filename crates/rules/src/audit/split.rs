//! Takes what arrives apart into events: a list as the API server posts
//! it, one event, or events one after another, blanks or lines between.
//!
//! Only brackets and quotes are looked at, so that an event nobody can
//! read takes none of its neighbours along.

use super::Error;

/// Each event of a body, as it stands; see [`Events`].
pub fn events(bytes: &[u8]) -> Events<'_> {
    Events {
        bytes,
        at: 0,
        in_list: false,
        unknown_version: None,
    }
}

/// Goes through a body. An error stands for one event, or, where brackets
/// do not match, for the rest of the body.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Between the brackets of `items`, or of a plain list.
    in_list: bool,
    /// That of the list, if nobody knows it.
    unknown_version: Option<String>,
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<&'a [u8], Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.at = blanks(self.bytes, self.at);
            let first = *self.bytes.get(self.at)?;
            if self.in_list {
                match first {
                    b',' => self.at += 1,
                    b']' => {
                        self.in_list = false;
                        self.at = self.after_list();
                    }
                    _ => return Some(self.item()),
                }
                continue;
            }
            match first {
                b'[' => {
                    self.at += 1;
                    self.in_list = true;
                }
                b',' => self.at += 1,
                b'{' => match items(self.bytes, self.at) {
                    Some(list) => {
                        self.at = list.at;
                        self.in_list = true;
                        self.unknown_version = list.unknown_version;
                    }
                    None => return Some(self.item()),
                },
                _ => return Some(self.item()),
            }
        }
    }
}

impl<'a> Events<'a> {
    fn item(&mut self) -> Result<&'a [u8], Error> {
        let start = self.at;
        let end = skip(self.bytes, start);
        // Always further: a stray bracket is an error of its own.
        self.at = end.unwrap_or(self.bytes.len()).max(start + 1);
        let Some(end) = end else {
            return Err(Error::Syntax {
                at: start,
                expected: "an event with all its brackets",
            });
        };
        if let Some(version) = &self.unknown_version {
            return Err(Error::UnknownVersion {
                version: version.clone(),
            });
        }
        match self.bytes.get(start..end) {
            Some(event) if event.first() == Some(&b'{') => Ok(event),
            _ => Err(Error::Syntax {
                at: start,
                expected: "an event",
            }),
        }
    }

    /// Behind the object whose `items` have ended.
    fn after_list(&mut self) -> usize {
        self.unknown_version = None;
        let mut at = self.at + 1;
        loop {
            at = blanks(self.bytes, at);
            let value = match self.bytes.get(at) {
                Some(b',') => {
                    at += 1;
                    continue;
                }
                Some(b'"') => at,
                Some(b':') => blanks(self.bytes, at + 1),
                Some(b'}') => return at + 1,
                // A plain list has nothing of its own behind it.
                _ => return at,
            };
            match skip(self.bytes, value) {
                Some(end) => at = end.max(value + 1),
                None => return self.bytes.len(),
            }
        }
    }
}

struct List {
    at: usize,
    unknown_version: Option<String>,
}

/// Where the events of an event list begin, if it is one.
fn items(bytes: &[u8], object: usize) -> Option<List> {
    let mut unknown_version = None;
    let mut at = object + 1;
    loop {
        at = blanks(bytes, at);
        if bytes.get(at) == Some(&b',') {
            at += 1;
            continue;
        }
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let key_end = skip(bytes, at)?;
        let key = bytes.get(at + 1..key_end - 1)?;
        at = blanks(bytes, key_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = blanks(bytes, at + 1);
        // An event has its id before anything that could mislead.
        if key == b"auditID" {
            return None;
        }
        if key == b"items" && bytes.get(at) == Some(&b'[') {
            return Some(List {
                at: at + 1,
                unknown_version,
            });
        }
        let end = skip(bytes, at)?;
        if key == b"apiVersion" {
            let version = bytes.get(at + 1..end.checked_sub(1)?)?;
            let version = String::from_utf8_lossy(version);
            if !super::is_known_version(&version) {
                unknown_version = Some(version.chars().take(64).collect());
            }
        }
        at = end;
    }
}

fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Behind the value that begins here; `None` where its brackets or quotes
/// do not end.
fn skip(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += 1;
                loop {
                    match bytes.get(at)? {
                        b'"' => break,
                        b'\\' => at += 2,
                        _ => at += 1,
                    }
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                if depth <= 1 {
                    // A bracket nobody opened is left to whoever opened it.
                    return Some(at + depth);
                }
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return Some(at),
            _ => {
                at += 1;
                if depth == 0 && at == bytes.len() {
                    return Some(at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<Result<String, Error>> {
        events(text.as_bytes())
            .map(|event| event.map(|it| String::from_utf8_lossy(it).into_owned()))
            .collect()
    }

    fn good(text: &str) -> Vec<String> {
        split(text).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn a_list_a_line_and_a_single_event_are_taken_apart() {
        let list = r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"a":1},{"b":"]}"}]}"#;
        assert_eq!(good(list), [r#"{"a":1}"#, r#"{"b":"]}"}"#]);
        assert_eq!(
            good("{\"a\":1}\n{\"b\":2}\n\n"),
            [r#"{"a":1}"#, r#"{"b":2}"#]
        );
        assert_eq!(good(r#"[{"a":1}, {"b":2}]"#), [r#"{"a":1}"#, r#"{"b":2}"#]);
        assert_eq!(good(&format!("{list}\n{list}\n{{\"c\":3}}")).len(), 5);
        assert_eq!(
            good(r#"{"items":[],"kind":"EventList"} {"a":1}"#),
            [r#"{"a":1}"#]
        );
        assert!(good("").is_empty());
        assert!(good(" \n").is_empty());
    }

    #[test]
    fn a_bad_event_does_not_lose_the_rest() {
        let events = split(r#"{"items":[{"a":1},{"b" 2},7,{"c":3}]}"#);
        assert_eq!(events.len(), 4);
        assert!(events[2].is_err());
        assert_eq!(events[3].as_deref().unwrap(), r#"{"c":3}"#);
    }

    #[test]
    fn a_list_of_an_unknown_version_is_said_to_be_one() {
        let events = split(r#"{"apiVersion":"audit.k8s.io/v7","items":[{"a":1},{"a":2}]}"#);
        assert_eq!(events.len(), 2);
        assert!(
            matches!(&events[0], Err(Error::UnknownVersion { version }) if version == "audit.k8s.io/v7")
        );
    }

    #[test]
    fn broken_brackets_end_and_are_counted() {
        for text in [
            "{\"a\":",
            "{\"items\":[{\"a\":1},{",
            "}}}}",
            "[[[",
            "\"",
            "{\"items\":[\"\\",
        ] {
            let events = split(text);
            assert!(events.len() <= 6, "{text}: {events:?}");
        }
        assert_eq!(split("{\"items\":[{\"a\":1},{\"b\"").len(), 2);
    }
}
