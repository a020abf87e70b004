//! What can be wrong with an audit event.

use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident => $word:literal,)+) => {
        /// What was wrong with an event, or with what should have been one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[$doc])* $variant,)+ }

        impl Fault {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As the wire and the record write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.as_str() == word)
            }
        }
    };
}

faults! {
    /// Half of something, or nothing that could be one. Left out.
    NotJson => "not_json",
    /// JSON, but no audit event. Left out.
    WrongKind => "wrong_kind",
    /// A field is not of its type. Left out.
    WrongShape => "wrong_shape",
    /// Without an id, or without what was asked for: left out. Without a
    /// time: judged as of now.
    MissingField => "missing_field",
    /// Longer than is judged. Left out.
    TooLarge => "too_large",
    /// The same stage of the same request came before. Left out.
    Duplicate => "duplicate",
    /// Of a version that is not known. Left out.
    UnknownVersion => "unknown_version",
    /// Held bytes that are no text; they were replaced. Judged.
    NotUtf8 => "not_utf8",
    /// Its clock and ours are more than five minutes apart. Judged.
    ClockSkew => "clock_skew",
    /// Came more than a minute after something newer. Judged.
    OutOfOrder => "out_of_order",
}

impl Fault {
    /// Whether an event with it is not judged. One without a time is.
    pub fn is_left_out(self) -> bool {
        match self {
            Self::NotJson
            | Self::WrongKind
            | Self::WrongShape
            | Self::MissingField
            | Self::TooLarge
            | Self::UnknownVersion
            | Self::Duplicate => true,
            Self::NotUtf8 | Self::ClockSkew | Self::OutOfOrder => false,
        }
    }
}

/// How often each fault was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<Fault, u64>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.add_many(fault, 1);
    }

    pub fn add_many(&mut self, fault: Fault, count: u64) {
        if count > 0 {
            *self.0.entry(fault).or_default() += count;
        }
    }

    pub fn add_all(&mut self, others: &Self) {
        for (fault, count) in others.iter() {
            self.add_many(fault, count);
        }
    }

    pub fn get(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> {
        self.0.iter().map(|(fault, count)| (*fault, *count))
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}
