//! Gatekeeper's model: templates, constraints, what they match and what
//! they see.

mod constraint;
mod excluded;
mod groups;
pub(crate) mod matching;
mod memo;
mod notes;
pub(crate) mod schema;
pub(crate) mod shape;
mod sync;
mod template;

pub(crate) use constraint::{Constraint, is_constraint};
pub(crate) use excluded::Excluded;
pub(crate) use groups::Groups;
pub(crate) use memo::{Memo, Verdict};
pub use notes::notes;
pub(crate) use sync::synced;
pub(crate) use template::{Template, is_template};
