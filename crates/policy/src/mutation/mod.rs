//! Changing an object before it is stored: `Assign`, `AssignMetadata`,
//! `ModifySet`, `AssignImage`.

use serde_json::Value;

use crate::review::Review;
use crate::set::{Document, Problem};
use crate::world::World;

/// Why an object could not be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutateError {
    /// The mutator's kind and name.
    pub mutator: String,
    pub message: String,
}

impl std::fmt::Display for MutateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.mutator, self.message)
    }
}

impl std::error::Error for MutateError {}

/// Every mutator, in the order they apply.
#[derive(Debug, Default)]
pub(crate) struct Mutators;

impl Mutators {
    pub(crate) fn load(_documents: &[Document], _problems: &mut Vec<Problem>) -> Self {
        Self
    }

    /// The object as it should be, where that is not as it is.
    pub(crate) fn apply(
        &self,
        _review: &Review<'_>,
        _world: &World,
    ) -> Result<Option<Value>, MutateError> {
        Ok(None)
    }

    pub(crate) fn wants(&self, _kind: &crate::review::Kind) -> bool {
        false
    }
}
