//! Events of the audit log of a Kubernetes API server.
//!
//! [`events`] takes a body apart, [`Event::read`] reads one event without
//! copying it, and its methods say what every alert needs to know. Any
//! field of the vocabulary is asked through [`Facts`](crate::value::Facts).
//! Whatever arrives is hostile: an event that is too large, too deep, not
//! UTF-8, of an unknown version or not an event is an [`Error`], which the
//! caller counts by its [`label`](Error::label).

use std::borrow::Cow;

use jiff::Timestamp;

mod extract;
mod split;
mod tape;

pub(crate) use extract::Extractor;
pub use split::{Events, events};
pub use tape::Tape;
use tape::{Kind, Node, escape, unescape};

/// Larger than any event an API server posts: it cuts bodies at 3 MB.
pub const MAX_BYTES: usize = 10 << 20;

/// Why an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("read an event of {bytes} bytes: at most {limit} are read")]
    TooLarge { bytes: usize, limit: usize },
    #[error("read an event whose byte {at} is not UTF-8")]
    NotUtf8 { at: usize },
    #[error("read an event: its byte {at} is not {expected}")]
    Syntax { at: usize, expected: &'static str },
    #[error("read an event nested deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("read an event of more than {limit} values")]
    TooManyValues { limit: usize },
    #[error("read an event: it is not an object")]
    NotAnObject,
    #[error("read an event of the unknown version {version:?}")]
    UnknownVersion { version: String },
    #[error("read an object of kind {kind:?} as an event")]
    UnknownKind { kind: String },
    #[error("read an event that has no `{field}`")]
    Missing { field: &'static str },
    #[error("read an event whose `{field}` is not {expected}")]
    WrongKind {
        field: &'static str,
        expected: &'static str,
    },
}

impl Error {
    /// One word, for counting.
    pub fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::Syntax { .. } => "syntax",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyValues { .. } => "too_many_values",
            Self::NotAnObject => "not_an_object",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::Missing { .. } => "missing",
            Self::WrongKind { .. } => "wrong_kind",
        }
    }
}

fn is_known_version(version: &str) -> bool {
    matches!(
        version,
        "audit.k8s.io/v1" | "audit.k8s.io/v1beta1" | "audit.k8s.io/v1alpha1"
    )
}

macro_rules! top {
    ($($name:ident => $key:literal, $kind:ident;)+) => {
        /// What an event has at its top.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Top { $($name,)+ }

        impl Top {
            const ALL: &[Self] = &[$(Self::$name,)+];

            fn of(key: &str) -> Option<(Self, &'static str, Kind)> {
                match key { $($key => Some((Self::$name, $key, Kind::$kind)),)+ _ => None }
            }
        }
    };
}

top! {
    ApiVersion => "apiVersion", Text;
    EventKind => "kind", Text;
    Level => "level", Text;
    AuditId => "auditID", Text;
    Stage => "stage", Text;
    RequestUri => "requestURI", Text;
    Verb => "verb", Text;
    User => "user", Object;
    ImpersonatedUser => "impersonatedUser", Object;
    SourceIps => "sourceIPs", List;
    UserAgent => "userAgent", Text;
    ObjectRef => "objectRef", Object;
    ResponseStatus => "responseStatus", Object;
    RequestReceived => "requestReceivedTimestamp", Text;
    StageTime => "stageTimestamp", Text;
    Timestamp => "timestamp", Text;
    Annotations => "annotations", Object;
    RequestObject => "requestObject", Null;
    ResponseObject => "responseObject", Null;
}

const TOPS: usize = Top::ALL.len();

/// One event, as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    text: &'a str,
    nodes: &'a [Node],
    /// Where each of [`Top`] is; 0, the event itself, where it is not.
    tops: [u32; TOPS],
}

impl<'a> Event<'a> {
    /// Reads one event; the tape is memory to reuse.
    pub fn read(bytes: &'a [u8], tape: &'a mut Tape) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLarge {
                bytes: bytes.len(),
                limit: MAX_BYTES,
            });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| Error::NotUtf8 {
            at: error.valid_up_to(),
        })?;
        tape.read(text)?;
        let mut event = Self {
            text,
            nodes: &tape.nodes,
            tops: [0; TOPS],
        };
        if event.node(0).map(|root| root.kind) != Some(Kind::Object) {
            return Err(Error::NotAnObject);
        }
        for (key, value) in event.members(0) {
            let Some((top, name, kind)) = Top::of(&event.slice(key)) else {
                continue;
            };
            let found = event.node(value).map_or(Kind::Null, |node| node.kind);
            if found == Kind::Null {
                continue;
            }
            if kind != Kind::Null && found != kind {
                return Err(Error::WrongKind {
                    field: name,
                    expected: match kind {
                        Kind::Object => "an object",
                        Kind::List => "a list",
                        _ => "text",
                    },
                });
            }
            if let Some(slot) = event.tops.get_mut(top as usize)
                && *slot == 0
            {
                *slot = value;
            }
        }
        if let Some(version) = event.top_text(Top::ApiVersion)
            && !is_known_version(&version)
        {
            return Err(Error::UnknownVersion {
                version: version.chars().take(64).collect(),
            });
        }
        if let Some(kind) = event.top_text(Top::EventKind)
            && kind != "Event"
        {
            return Err(Error::UnknownKind {
                kind: kind.chars().take(64).collect(),
            });
        }
        if event.top(Top::AuditId).is_none() {
            return Err(Error::Missing { field: "auditID" });
        }
        Ok(event)
    }

    /// The event as it was read.
    pub fn json(&self) -> &'a str {
        self.text
    }

    /// Of the request; each of its stages carries the same.
    pub fn audit_id(&self) -> Cow<'a, str> {
        self.top_text(Top::AuditId).unwrap_or_default()
    }

    /// What tells this request from any other, whatever its stage. The
    /// audit id alone does not: clients may choose it.
    pub fn request_key(&self) -> String {
        [
            Top::AuditId,
            Top::RequestReceived,
            Top::Verb,
            Top::RequestUri,
        ]
        .map(|top| self.top_text(top).unwrap_or_default())
        .join("\u{1f}")
    }

    pub fn stage(&self) -> Option<Cow<'a, str>> {
        self.top_text(Top::Stage)
    }

    /// How much was recorded.
    pub fn level(&self) -> Option<Cow<'a, str>> {
        self.top_text(Top::Level)
    }

    pub fn verb(&self) -> Option<Cow<'a, str>> {
        self.top_text(Top::Verb)
    }

    /// The name of who asks.
    pub fn user(&self) -> Option<Cow<'a, str>> {
        self.text_at(self.top(Top::User)?, &["username"])
    }

    pub fn groups(&self) -> Vec<Cow<'a, str>> {
        self.texts_at(self.top(Top::User), "groups")
    }

    /// A fact about who asks: `authentication.kubernetes.io/pod-name`.
    pub fn extra(&self, key: &str) -> Vec<Cow<'a, str>> {
        let extra = self.top(Top::User).and_then(|user| self.get(user, "extra"));
        self.texts_at(extra, key)
    }

    pub fn impersonated_user(&self) -> Option<Cow<'a, str>> {
        self.text_at(self.top(Top::ImpersonatedUser)?, &["username"])
    }

    pub fn impersonated_groups(&self) -> Vec<Cow<'a, str>> {
        self.texts_at(self.top(Top::ImpersonatedUser), "groups")
    }

    /// The client's first, then those of proxies.
    pub fn source_ips(&self) -> Vec<Cow<'a, str>> {
        self.top(Top::SourceIps)
            .map(|list| {
                self.elements(list)
                    .filter_map(|each| self.text(each))
                    .collect()
            })
            .unwrap_or_default()
    }

    pub fn user_agent(&self) -> Option<Cow<'a, str>> {
        self.top_text(Top::UserAgent)
    }

    pub fn request_uri(&self) -> Option<Cow<'a, str>> {
        self.top_text(Top::RequestUri)
    }

    pub fn resource(&self) -> Option<Cow<'a, str>> {
        self.object("resource")
    }

    pub fn subresource(&self) -> Option<Cow<'a, str>> {
        self.object("subresource")
    }

    pub fn namespace(&self) -> Option<Cow<'a, str>> {
        self.object("namespace")
    }

    /// Of the object; one made with a made-up name has it in the answer,
    /// where that was recorded.
    pub fn name(&self) -> Option<Cow<'a, str>> {
        self.object("name")
            .or_else(|| self.text_at(self.top(Top::ResponseObject)?, &["metadata", "name"]))
    }

    pub fn api_group(&self) -> Option<Cow<'a, str>> {
        self.object("apiGroup")
    }

    pub fn api_version(&self) -> Option<Cow<'a, str>> {
        self.object("apiVersion")
    }

    /// HTTP status of the answer.
    pub fn response_code(&self) -> Option<u16> {
        self.text_at(self.top(Top::ResponseStatus)?, &["code"])?
            .parse()
            .ok()
    }

    /// `allow` or `forbid`.
    pub fn decision(&self) -> Option<Cow<'a, str>> {
        self.annotation("authorization.k8s.io/decision")
    }

    pub fn annotation(&self, key: &str) -> Option<Cow<'a, str>> {
        self.text_at(self.top(Top::Annotations)?, &[key])
    }

    /// The body of the request as JSON, where it was recorded.
    pub fn request_object(&self) -> Option<&'a str> {
        Some(self.raw(self.top(Top::RequestObject)?))
    }

    /// The body of the answer as JSON, where it was recorded.
    pub fn response_object(&self) -> Option<&'a str> {
        Some(self.raw(self.top(Top::ResponseObject)?))
    }

    /// When the request arrived at the API server.
    pub fn received(&self) -> Option<Timestamp> {
        self.top_text(Top::RequestReceived)?.parse().ok()
    }

    /// When this stage of it was reached.
    pub fn stage_time(&self) -> Option<Timestamp> {
        self.top_text(Top::StageTime)?.parse().ok()
    }

    /// The best there is of when it happened: the request's arrival, else
    /// its stage, else what the first version of events knew.
    pub fn time(&self) -> Option<Timestamp> {
        self.received()
            .or_else(|| self.stage_time())
            .or_else(|| self.top_text(Top::Timestamp)?.parse().ok())
    }

    fn object(&self, key: &str) -> Option<Cow<'a, str>> {
        self.text_at(self.top(Top::ObjectRef)?, &[key])
            .filter(|value| !value.is_empty())
    }
}

/// Walking about.
impl<'a> Event<'a> {
    fn node(&self, index: u32) -> Option<&'a Node> {
        self.nodes.get(index as usize)
    }

    fn top(&self, top: Top) -> Option<u32> {
        self.tops
            .get(top as usize)
            .copied()
            .filter(|index| *index != 0)
    }

    fn top_text(&self, top: Top) -> Option<Cow<'a, str>> {
        self.text(self.top(top)?)
    }

    /// The value's own bytes: text without quotes, anything else as JSON.
    fn raw(&self, index: u32) -> &'a str {
        self.node(index)
            .and_then(|node| self.text.get(node.start as usize..node.end as usize))
            .unwrap_or_default()
    }

    fn slice(&self, index: u32) -> Cow<'a, str> {
        let raw = self.raw(index);
        match self.node(index) {
            Some(node) if node.is_escaped => {
                let mut plain = String::new();
                match node.kind {
                    Kind::List | Kind::Object => self.plain_json(index, &mut plain),
                    _ => unescape(raw, &mut plain),
                }
                Cow::Owned(plain)
            }
            _ => Cow::Borrowed(raw),
        }
    }

    /// JSON without blanks and needless escapes: a rule that searches it finds
    /// what is there however its sender wrote it.
    fn plain_json(&self, index: u32, into: &mut String) {
        match self.node(index) {
            Some(Node {
                kind: Kind::Text, ..
            }) => escape(&self.slice(index), into),
            Some(node) if node.is_escaped && node.kind == Kind::List => {
                into.push('[');
                for (place, element) in self.elements(index).enumerate() {
                    if place > 0 {
                        into.push(',');
                    }
                    self.plain_json(element, into);
                }
                into.push(']');
            }
            Some(node) if node.is_escaped && node.kind == Kind::Object => {
                into.push('{');
                for (place, (key, value)) in self.members(index).enumerate() {
                    if place > 0 {
                        into.push(',');
                    }
                    self.plain_json(key, into);
                    into.push(':');
                    self.plain_json(value, into);
                }
                into.push('}');
            }
            _ => into.push_str(self.raw(index)),
        }
    }

    /// As text: JSON where it is none; nothing where it is `null`.
    fn text(&self, index: u32) -> Option<Cow<'a, str>> {
        match self.node(index)?.kind {
            Kind::Null => None,
            _ => Some(self.slice(index)),
        }
    }

    fn members(&self, object: u32) -> Members<'a> {
        let (at, end) = self.inside(object, Kind::Object);
        Members {
            nodes: self.nodes,
            at,
            end,
        }
    }

    fn elements(&self, list: u32) -> Elements<'a> {
        let (at, end) = self.inside(list, Kind::List);
        Elements {
            nodes: self.nodes,
            at,
            end,
        }
    }

    fn inside(&self, index: u32, kind: Kind) -> (u32, u32) {
        match self.node(index) {
            Some(node) if node.kind == kind => (index + 1, node.next),
            _ => (0, 0),
        }
    }

    fn get(&self, object: u32, key: &str) -> Option<u32> {
        self.members(object)
            .find(|(name, _)| match self.node(*name) {
                Some(node) if node.is_escaped => self.slice(*name) == key,
                _ => self.raw(*name) == key,
            })
            .map(|(_, value)| value)
    }

    fn text_at(&self, from: u32, keys: &[&str]) -> Option<Cow<'a, str>> {
        let mut at = from;
        for key in keys {
            at = self.get(at, key)?;
        }
        self.text(at)
    }

    fn texts_at(&self, from: Option<u32>, key: &str) -> Vec<Cow<'a, str>> {
        from.and_then(|object| self.get(object, key))
            .map(|list| {
                self.elements(list)
                    .filter_map(|each| self.text(each))
                    .collect()
            })
            .unwrap_or_default()
    }
}

/// Keys and values of an object.
struct Members<'a> {
    nodes: &'a [Node],
    at: u32,
    end: u32,
}

impl Iterator for Members<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let key = self.at;
        let value = key + 1;
        self.at = self.nodes.get(value as usize)?.next;
        Some((key, value))
    }
}

/// Values of a list.
struct Elements<'a> {
    nodes: &'a [Node],
    at: u32,
    end: u32,
}

impl Iterator for Elements<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let value = self.at;
        self.at = self.nodes.get(value as usize)?.next;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
