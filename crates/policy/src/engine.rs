//! What a language a template may be written in must be able to do.
//!
//! A template is compiled once, when policies are loaded, and then shared
//! by every thread that judges.

use std::fmt::Debug;

use serde_json::Value;

use crate::gatekeeper::Constraint;
use crate::review::Review;
use crate::world::World;

/// A compiled template.
pub(crate) trait TemplateEngine: Debug + Send + Sync {
    /// What the template has to say of `ask`, or why it cannot be said.
    fn judge(&self, ask: &Ask<'_>) -> Result<Vec<Said>, String>;

    /// Whether the verdict follows from the object, the parameters and the
    /// object's namespace alone, so that it may be remembered.
    fn is_pure(&self) -> bool;
}

/// One constraint, asked about one object it matches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) review: &'a Review<'a>,
    pub(crate) constraint: &'a Constraint,
    pub(crate) world: &'a World,
}

/// One violation, in the policy's own words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) message: String,
    pub(crate) details: Value,
}
