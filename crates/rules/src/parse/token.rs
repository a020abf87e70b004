//! Words: bare, quoted, numbers.

use super::{Parser, SyntaxError, is_bare_char};
use crate::ast::Value;

impl Parser<'_> {
    pub(super) fn value(&mut self) -> Result<Option<Value>, SyntaxError> {
        if let Some(value) = self.quoted()? {
            return Ok(Some(value));
        }
        let start = self.at;
        let text = self.take(is_bare_char);
        Ok((!text.is_empty()).then(|| Value {
            text: text.to_owned(),
            is_quoted: false,
            span: self.span_from(start),
        }))
    }

    /// A number with or without sign, fraction and exponent, or `0x…`.
    pub(super) fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let length = number_length(self.rest());
        self.at += length;
        (length > 0).then(|| Value {
            text: self.text.get(start..self.at).unwrap_or("").to_owned(),
            is_quoted: false,
            span: self.span_from(start),
        })
    }

    pub(super) fn quoted(&mut self) -> Result<Option<Value>, SyntaxError> {
        let start = self.at;
        let Some(quote) = self
            .rest()
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
        else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, c)) = chars.next() {
            let here = start + offset;
            if c == quote {
                self.at = here + 1;
                let Ok(text) = String::from_utf8(bytes) else {
                    return Err(self.error_at(
                        "the escapes of this text do not make UTF-8",
                        "`\\x` writes bytes",
                        start,
                        self.at,
                    ));
                };
                return Ok(Some(Value {
                    text,
                    is_quoted: true,
                    span: self.span_from(start),
                }));
            }
            if c != '\\' {
                bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                continue;
            }
            let Some((_, escaped)) = chars.next() else {
                break;
            };
            match escaped {
                'b' => bytes.push(0x08),
                'f' => bytes.push(0x0c),
                'n' => bytes.push(b'\n'),
                'r' => bytes.push(b'\r'),
                't' => bytes.push(b'\t'),
                // A space behind a backslash is a backslash: files with
                // this slip are in use.
                '\\' | ' ' => bytes.push(b'\\'),
                '/' => bytes.push(b'/'),
                c if c == quote => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
                'x' => {
                    let digits: String = [chars.next(), chars.next()]
                        .into_iter()
                        .flatten()
                        .map(|(_, digit)| digit)
                        .filter(char::is_ascii_hexdigit)
                        .collect();
                    match u8::from_str_radix(&digits, 16) {
                        Ok(byte) if digits.len() == 2 => bytes.push(byte),
                        _ => {
                            return Err(self.error_at(
                                "`\\x` takes two hexadecimal digits",
                                "not two digits",
                                here,
                                here + 4,
                            ));
                        }
                    }
                }
                other => {
                    let mut error = self.error_at(
                        &format!("unknown escape `\\{}`", other.escape_default()),
                        "not an escape",
                        here,
                        here + 1 + other.len_utf8(),
                    );
                    error.help = Some("a backslash itself is written `\\\\`".to_owned());
                    return Err(error);
                }
            }
        }
        Err(self.error_at("a quote is never closed", "opened here", start, start + 1))
    }
}

/// How much of `text` is a number.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits_from = |from: usize, is_digit: fn(&u8) -> bool| {
        bytes
            .iter()
            .skip(from)
            .take_while(|byte| is_digit(byte))
            .count()
    };
    if matches!(bytes, [b'0', b'x' | b'X', ..]) {
        let digits = digits_from(2, u8::is_ascii_hexdigit);
        if digits > 0 {
            return 2 + digits;
        }
    }
    let mut length = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = digits_from(length, u8::is_ascii_digit);
    if digits == 0 {
        return 0;
    }
    length += digits;
    if bytes.get(length) == Some(&b'.') {
        length += 1 + digits_from(length + 1, u8::is_ascii_digit);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E'))
        && matches!(bytes.get(length + 1), Some(b'+' | b'-'))
    {
        let digits = digits_from(length + 2, u8::is_ascii_digit);
        if digits > 0 {
            length += 2 + digits;
        }
    }
    length
}
