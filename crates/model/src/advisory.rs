//! What an advisory says of a package, in one word.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The publisher's word on one vulnerability in one package.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AffectedState {
    /// A version with the fix exists.
    Fixed,
    /// Affected, and no fixed version has been published.
    #[default]
    Unfixed,
    /// Affected, and the publisher says it will stay so.
    WillNotFix,
    /// The publisher has not decided yet.
    UnderInvestigation,
    /// The publisher says this package is not affected.
    NotAffected,
}

impl AffectedState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Unfixed => "unfixed",
            Self::WillNotFix => "will_not_fix",
            Self::UnderInvestigation => "under_investigation",
            Self::NotAffected => "not_affected",
        }
    }
}

impl fmt::Display for AffectedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
