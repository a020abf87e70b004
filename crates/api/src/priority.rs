//! How pressing a finding is, and every part of that.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A vulnerability's priority: what it is made of, as a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Priority {
    /// 0 to 1000; the highest is to be mended first.
    pub score: u16,
    pub factors: Vec<PriorityFactor>,
}

/// One part of a priority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PriorityFactor {
    /// `severity`, `likelihood`, `in_use`, `exposure`, `fix`.
    pub name: String,
    /// What it is here, for people.
    pub value: String,
    /// More than 0, at most 1: the score is 1000 times the product.
    pub weight: f64,
    /// Why that weighs so, for people.
    pub why: String,
}

impl From<model::priority::Factor> for PriorityFactor {
    fn from(factor: model::priority::Factor) -> Self {
        Self {
            name: factor.name.to_owned(),
            value: factor.value,
            weight: factor.weight,
            why: factor.why.to_owned(),
        }
    }
}

impl From<&model::priority::Facts> for Priority {
    fn from(facts: &model::priority::Facts) -> Self {
        Self {
            score: facts.priority(),
            factors: facts.factors().into_iter().map(Into::into).collect(),
        }
    }
}

/// Whether a package's files were executed or loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InUseState {
    Seen,
    /// Every container of the image was watched for `days`, and no file
    /// of it was executed or loaded.
    NotSeen,
    NotKnown,
}

/// Whether a package is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InUse {
    pub state: InUseState,
    /// When it was last seen, to the day or better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// The file that was seen, from the container's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whole days of watching in which it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Why it is not known, for people; empty where it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl InUse {
    /// As it is told at `now`.
    pub fn at(known: model::InUse, now: Timestamp) -> Self {
        let mut told = Self {
            state: InUseState::NotKnown,
            last_seen: None,
            path: None,
            days: None,
            why: String::new(),
        };
        match known {
            model::InUse::Seen { at, path } => {
                told.state = InUseState::Seen;
                told.last_seen = Some(at);
                told.path = Some(path);
            }
            model::InUse::NotSeen { since } => {
                told.state = InUseState::NotSeen;
                told.days = Some(model::InUse::days(since, now));
            }
            model::InUse::NotKnown(why) => why.why().clone_into(&mut told.why),
        }
        told
    }
}
