//! A set of policies, compiled: what is loaded together and judged by.
//!
//! Policies are immutable once loaded, and shared by threads behind an
//! `Arc`. What cannot be read or compiled becomes a [`Problem`], and the
//! rest still loads.

use serde_json::Value;

use crate::cel::Native;
use crate::expansion::Expansions;
use crate::mutation::{MutateError, Mutators};
use crate::review::{Action, Kind, Review, Violation};
use crate::world::World;

/// One document of policies, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// A file, or whatever else the reader would look it up by.
    pub source: String,
    pub value: Value,
}

/// What is wrong with one document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// As the document says.
    pub source: String,
    /// Of the document, empty where it has none.
    pub kind: String,
    pub name: String,
    pub message: String,
}

/// What a list of policies shows of a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintInfo {
    /// `K8sBlockNodePort`; `ValidatingAdmissionPolicy` for Kubernetes' own.
    pub kind: String,
    /// The constraint's name; the binding's for Kubernetes' own.
    pub name: String,
    /// The strongest it has at any moment.
    pub action: Action,
    /// The template's name; the policy's for Kubernetes' own.
    pub template: String,
    /// What it is asked about, in a few words.
    pub matches: String,
    /// Where the constraint was read from.
    pub source: String,
}

/// A compiled set of policies.
#[derive(Debug, Default)]
pub struct Policies {
    native: Native,
    mutators: Mutators,
    expansions: Expansions,
}

impl Policies {
    /// Compiles `documents`: templates, constraints, mutators, expansions,
    /// `Config` and `SyncSet`, Kubernetes' own policies and bindings, in
    /// any order. What is not understood is a problem beside the rest.
    pub fn load(documents: &[Document]) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let policies = Self {
            native: Native::load(documents, &mut problems),
            mutators: Mutators::load(documents, &mut problems),
            expansions: Expansions::load(documents, &mut problems),
        };
        (policies, problems)
    }

    /// What the policies have to say against the object of `review`, and
    /// against the pods it will make.
    pub fn review(&self, review: &Review<'_>, world: &World) -> Vec<Violation> {
        self.native.review(review, world)
    }

    /// The object as mutators want it, where that is not as it is.
    pub fn mutate(&self, review: &Review<'_>, world: &World) -> Result<Option<Value>, MutateError> {
        self.mutators.apply(review, world)
    }

    /// Whether any policy may have something to say of objects of `kind`:
    /// a cheap look before an object is read at all.
    pub fn wants(&self, kind: &Kind) -> bool {
        self.native.wants(kind) || self.mutators.wants(kind) || self.expansions.wants(kind)
    }

    /// Kinds that policies look up in [`World::inventory`]. An empty
    /// version stands for any.
    pub fn inventory_kinds(&self) -> Vec<Kind> {
        Vec::new()
    }

    /// Every constraint and binding.
    pub fn constraints(&self) -> impl Iterator<Item = ConstraintInfo> {
        self.native.constraints().into_iter()
    }
}

/// The default bundle: every policy of `content/policies`, each in audit.
pub fn bundle() -> Vec<Document> {
    Vec::new()
}
