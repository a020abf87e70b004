//! Policies in CEL: templates of the engine `K8sNativeValidation`, and
//! Kubernetes' own `ValidatingAdmissionPolicy`.

use serde_json::Value;

use crate::engine::TemplateEngine;
use crate::review::{Review, Violation};
use crate::set::{Document, Problem};
use crate::world::World;

/// Compiles the `source` of a template's `K8sNativeValidation` code.
pub(crate) fn template(_source: &Value) -> Result<Box<dyn TemplateEngine>, String> {
    Err("the engine K8sNativeValidation is not supported yet".to_owned())
}

/// `ValidatingAdmissionPolicy` objects and their bindings.
#[derive(Debug, Default)]
pub(crate) struct Native;

impl Native {
    /// Compiles what `documents` holds of these; the rest may be what a
    /// binding takes parameters from.
    pub(crate) fn load(_documents: &[Document], _problems: &mut Vec<Problem>) -> Self {
        Self
    }

    pub(crate) fn review(&self, _review: &Review<'_>, _world: &World) -> Vec<Violation> {
        Vec::new()
    }

    /// A cheap first look: whether any of them may match this kind.
    pub(crate) fn wants(&self, _kind: &crate::review::Kind) -> bool {
        false
    }

    /// One line for each binding.
    pub(crate) fn constraints(&self) -> Vec<crate::set::ConstraintInfo> {
        Vec::new()
    }
}
