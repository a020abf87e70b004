//! Gatekeeper's model: templates, constraints and what they match.

use serde_json::Value;

use crate::review::Action;

/// One constraint, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The whole document: CEL templates see it as `params`.
    pub(crate) object: Value,
    /// `spec.parameters`, with the schema's defaults.
    pub(crate) parameters: Value,
    pub(crate) action: Action,
}
