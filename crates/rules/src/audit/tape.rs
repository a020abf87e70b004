//! JSON as a flat list of its values: read once, nothing copied, bounded.
//!
//! Reading only notes where each value begins and ends and where the one
//! after it is. Asking for a key walks over its neighbours; a body nobody
//! asks about costs no more than having been read.

use super::Error;

/// Deeper than any object an API server accepts needs to be.
const MAX_DEPTH: usize = 64;
/// 16 MB of notes.
const MAX_VALUES: usize = 1 << 20;
/// What is kept between events; one huge event does not hold memory.
const KEPT_VALUES: usize = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    List,
    Object,
}

/// A value, or a key of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Text with backslashes in it; a list or an object with blanks between
    /// its values or with escapes that need not be.
    pub(super) is_escaped: bool,
    /// Text without its quotes; anything else as it stands.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The value after this one and all it holds.
    pub(super) next: u32,
}

/// Reusable memory for reading events.
#[derive(Debug, Default)]
pub struct Tape {
    pub(super) nodes: Vec<Node>,
}

impl Tape {
    /// Reads one JSON value and nothing after it.
    pub(super) fn read(&mut self, text: &str) -> Result<(), Error> {
        self.nodes.clear();
        self.nodes.shrink_to(KEPT_VALUES);
        let mut reader = Reader {
            bytes: text.as_bytes(),
            at: 0,
            disguises: 0,
            nodes: &mut self.nodes,
        };
        reader.value(0)?;
        reader.blanks();
        if reader.at == reader.bytes.len() {
            Ok(())
        } else {
            Err(reader.wrong("the end"))
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Blanks, and escapes of what can stand for itself, so far.
    disguises: usize,
    nodes: &'a mut Vec<Node>,
}

impl Reader<'_> {
    fn wrong(&self, expected: &'static str) -> Error {
        Error::Syntax {
            at: self.at,
            expected,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
            self.disguises += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize) -> Result<usize, Error> {
        if self.nodes.len() >= MAX_VALUES {
            return Err(Error::TooManyValues { limit: MAX_VALUES });
        }
        let index = self.nodes.len();
        self.nodes.push(Node {
            kind,
            is_escaped: false,
            start: offset(start),
            end: offset(self.at),
            next: offset(index + 1),
        });
        Ok(index)
    }

    fn value(&mut self, depth: usize) -> Result<(), Error> {
        self.blanks();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.text(),
            Some(b't') => self.word("true", Kind::Boolean),
            Some(b'f') => self.word("false", Kind::Boolean),
            Some(b'n') => self.word("null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.push(Kind::Number, start)?;
                Ok(())
            }
            _ => Err(self.wrong("a value")),
        }
    }

    fn word(&mut self, word: &'static str, kind: Kind) -> Result<(), Error> {
        let start = self.at;
        let end = start + word.len();
        if self.bytes.get(start..end) != Some(word.as_bytes()) {
            return Err(self.wrong(word));
        }
        self.at = end;
        self.push(kind, start)?;
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.wrong("a digit"));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), Error> {
        self.at += 1;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'/') => {
                            self.disguises += 1;
                            self.at += 1;
                        }
                        Some(b'u') => {
                            let digits = self.bytes.get(self.at + 1..self.at + 5);
                            if !digits.is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit)) {
                                return Err(self.wrong("four hexadecimal digits"));
                            }
                            self.disguises += 1;
                            self.at += 5;
                        }
                        _ => return Err(self.wrong("an escape")),
                    }
                }
                Some(0..0x20) | None => return Err(self.wrong("the end of a text")),
                Some(_) => self.at += 1,
            }
        }
        let index = self.push(Kind::Text, start)?;
        if let Some(node) = self.nodes.get_mut(index) {
            node.is_escaped = is_escaped;
        }
        self.at += 1;
        Ok(())
    }

    /// `before`: the disguises before what is closed.
    fn close(&mut self, index: usize, before: usize) {
        let is_escaped = self.disguises != before;
        let (end, next) = (offset(self.at), offset(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
            node.next = next;
            node.is_escaped = is_escaped;
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), Error> {
        if depth >= MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        let (index, before) = (self.push(Kind::List, self.at)?, self.disguises);
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                self.value(depth + 1)?;
                self.blanks();
                self.at += 1;
                match self.bytes.get(self.at - 1) {
                    Some(b',') => {}
                    Some(b']') => break,
                    _ => {
                        self.at -= 1;
                        return Err(self.wrong("`,` or `]`"));
                    }
                }
            }
        }
        self.close(index, before);
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Error> {
        if depth >= MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        let (index, before) = (self.push(Kind::Object, self.at)?, self.disguises);
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.blanks();
                if self.peek() != Some(b'"') {
                    return Err(self.wrong("a key"));
                }
                self.text()?;
                self.blanks();
                if self.peek() != Some(b':') {
                    return Err(self.wrong("`:`"));
                }
                self.at += 1;
                self.value(depth + 1)?;
                self.blanks();
                self.at += 1;
                match self.bytes.get(self.at - 1) {
                    Some(b',') => {}
                    Some(b'}') => break,
                    _ => {
                        self.at -= 1;
                        return Err(self.wrong("`,` or `}`"));
                    }
                }
            }
        }
        self.close(index, before);
        Ok(())
    }
}

/// Events are far smaller than 4 GB: the door sees to it.
fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Writes a text as JSON, with no escape that need not be.
pub(super) fn escape(plain: &str, into: &mut String) {
    into.push('"');
    for character in plain.chars() {
        match character {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '\u{8}' => into.push_str("\\b"),
            '\u{c}' => into.push_str("\\f"),
            '\0'..'\u{20}' => {
                into.push_str("\\u00");
                for digit in [u32::from(character) >> 4, u32::from(character) & 15] {
                    into.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
            other => into.push(other),
        }
    }
    into.push('"');
}

/// Turns escapes into what they stand for; halves of pairs become U+FFFD.
pub(super) fn unescape(raw: &str, into: &mut String) {
    into.clear();
    let mut rest = raw;
    while let Some((plain, after)) = rest.split_once('\\') {
        into.push_str(plain);
        let mut characters = after.chars();
        let escape = characters.next().unwrap_or('\\');
        rest = characters.as_str();
        match escape {
            'b' => into.push('\u{8}'),
            'f' => into.push('\u{c}'),
            'n' => into.push('\n'),
            'r' => into.push('\r'),
            't' => into.push('\t'),
            'u' => {
                let high = hex4(rest);
                rest = rest.get(4..).unwrap_or_default();
                let low = rest.strip_prefix("\\u").map(hex4);
                match (high, low) {
                    (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
                        rest = rest.get(6..).unwrap_or_default();
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        into.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                    _ => into.push(char::from_u32(high).unwrap_or('\u{fffd}')),
                }
            }
            other => into.push(other),
        }
    }
    into.push_str(rest);
}

fn hex4(text: &str) -> u32 {
    text.get(..4)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or(0xfffd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<usize, Error> {
        let mut tape = Tape::default();
        tape.read(text)?;
        Ok(tape.nodes.len())
    }

    #[test]
    fn reads_what_json_is_and_nothing_else() {
        for (text, values) in [
            ("1", 1),
            (" [ ] ", 1),
            (r#"{"a":[1,-2.5e3,true,null,"x"],"b":{}}"#, 10),
        ] {
            assert_eq!(read(text).unwrap(), values, "{text}");
        }
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "01",
            "1.",
            "nul",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "[1] 2",
            "\"\u{1}\"",
            "+1",
            "{\"a\":1,}",
        ] {
            assert!(matches!(read(text), Err(Error::Syntax { .. })), "{text}");
        }
    }

    #[test]
    fn agrees_with_a_known_reader() {
        for text in [
            r#"{"k":"\u00e9\ud83d\ude00\n\"","l":[[],{}]}"#,
            "[1e5, -0, 0.10, \"\"]",
            "{\"a\" : { \"b\" : [ true , false ] } }",
        ] {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let deep = "[".repeat(200);
        assert!(matches!(read(&deep), Err(Error::TooDeep { limit: 64 })));
        let wide = format!("[{}1]", "1,".repeat(MAX_VALUES));
        assert!(matches!(read(&wide), Err(Error::TooManyValues { .. })));
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        let mut text = String::new();
        unescape(r#"a\n\u00e9\ud83d\ude00\ud800x\/\"\\"#, &mut text);
        assert_eq!(text, "a\né😀\u{fffd}x/\"\\");
    }
}
