//! Syslog messages (RFC 5424) and their framing (RFC 6587, octet
//! counting): the one framing in which a message may hold line ends.

use std::fmt::Write as _;

use model::{Notice, Severity};

use super::LineFormat;
use crate::answer::shorten;

/// The facility names of RFC 5424, table 1, that a program may use.
pub const FACILITIES: &[&str] = &[
    "user", "daemon", "auth", "authpriv", "audit", "local0", "local1", "local2", "local3",
    "local4", "local5", "local6", "local7",
];

/// A facility's number.
pub fn facility(name: &str) -> Option<u8> {
    Some(match name {
        "user" => 1,
        "daemon" => 3,
        "auth" => 4,
        "authpriv" => 10,
        "audit" => 13,
        _ => {
            let digit: u8 = name.strip_prefix("local")?.parse().ok()?;
            if digit > 7 {
                return None;
            }
            16 + digit
        }
    })
}

/// One message with its frame.
pub fn write(notice: &Notice, facility: u8, host: &str, format: LineFormat) -> String {
    let priority = u16::from(facility) * 8 + u16::from(severity(notice));
    let time = notice.time;
    let mut message = format!(
        "<{priority}>1 {time:.6} {} seawall - {} ",
        name(host, 255),
        name(notice.event.as_str(), 32)
    );
    message.push_str("[seawall@32473");
    let mut put = |key: &str, value: &str| {
        if !value.is_empty() {
            write!(message, " {key}=\"{}\"", parameter(&shorten(value, 512)))
                .expect("invariant: writing to a string cannot fail");
        }
    };
    put("id", &notice.id);
    put("subject", notice.subject());
    put("severity", notice.severity().as_str());
    put("environment", &notice.environment);
    if let Some(finding) = &notice.finding {
        put("kind", finding.kind.as_str());
        put("rule", &finding.rule);
        put("image", finding.image.as_deref().unwrap_or_default());
    }
    message.push_str("] ");
    message.push_str(&format.write(notice));
    format!("{} {message}", message.len())
}

/// Syslog counts from 0 (emergency, not ours to declare) to 7.
fn severity(notice: &Notice) -> u8 {
    if notice.event.closes() {
        return 6;
    }
    match notice.severity() {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Info | Severity::Unknown => 6,
    }
}

/// A header field: printable US-ASCII without space.
fn name(text: &str, longest: usize) -> String {
    let name: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(longest)
        .collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

/// A parameter's value (section 6.3.3).
fn parameter(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for c in super::line(text).chars() {
        if matches!(c, '"' | '\\' | ']') {
            value.push('\\');
        }
        value.push(c);
    }
    value
}
