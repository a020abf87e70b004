//! The objects a workload will make, judged when the workload is:
//! `ExpansionTemplate`.

use serde_json::Value;

use crate::mutation::Mutators;
use crate::review::{Kind, Review};
use crate::set::{Document, Problem};
use crate::world::World;

/// Every expansion.
#[derive(Debug, Default)]
pub(crate) struct Expansions;

/// An object that another will make.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub(crate) object: Value,
    /// The expansion's name: Gatekeeper puts `[Implied by NAME]` before
    /// what is said of the object.
    pub(crate) implied_by: String,
    /// Replaces a constraint's own action.
    pub(crate) action: Option<crate::review::Action>,
}

impl Expansions {
    pub(crate) fn load(_documents: &[Document], _problems: &mut Vec<Problem>) -> Self {
        Self
    }

    /// What the object of `review` makes, and what that makes, mutated as
    /// it would be.
    pub(crate) fn expand(
        &self,
        _review: &Review<'_>,
        _world: &World,
        _mutators: &Mutators,
    ) -> Result<Vec<Generated>, String> {
        Ok(Vec::new())
    }

    pub(crate) fn wants(&self, _kind: &Kind) -> bool {
        false
    }
}
