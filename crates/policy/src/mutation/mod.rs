//! Changing an object before it is stored: `Assign`, `AssignMetadata`,
//! `ModifySet`, `AssignImage`.
//!
//! Mutators are applied in the order of their kinds and names, again and
//! again until nothing changes any more, so that what comes out does not
//! depend on which of them ran first. Those that disagree about the shape
//! of an object are not applied at all.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::gatekeeper::matching::metadata;
use crate::gatekeeper::shape;
use crate::review::{Kind, Operation, Origin, Review};
use crate::set::{Document, Problem};
use crate::world::World;

mod change;
mod conflict;
mod difference;
mod external;
mod image;
mod mutator;
mod path;

#[cfg(test)]
mod tests;

pub use difference::difference;
pub(crate) use mutator::ApplyTo;

use change::{Setter, change};
use conflict::Tree;

use mutator::{Assigned, Mutator, is_mutator};

/// Why an object could not be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutateError {
    /// The mutator's kind and name; empty where it is all of them.
    pub mutator: String,
    pub message: String,
}

impl std::fmt::Display for MutateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.mutator.as_str() {
            "" => f.write_str(&self.message),
            mutator => write!(f, "{mutator}: {}", self.message),
        }
    }
}

impl std::error::Error for MutateError {}

/// Every mutator, in the order they apply.
#[derive(Debug, Default)]
pub(crate) struct Mutators {
    mutators: Vec<Mutator>,
}

impl Mutators {
    pub(crate) fn load(documents: &[Document], problems: &mut Vec<Problem>) -> Self {
        let mut read = BTreeMap::new();
        for document in documents.iter().filter(|each| is_mutator(&each.value)) {
            match Mutator::read(&document.value, &document.source) {
                Ok(mutator) => {
                    read.insert((mutator.kind.clone(), mutator.name.clone()), mutator);
                }
                Err(message) => problems.push(document.problem(message)),
            }
        }
        let mutators: Vec<Mutator> = read.into_values().collect();
        let conflicts = conflicts(&mutators);
        let names: Vec<String> = conflicts
            .iter()
            .filter_map(|index| mutators.get(*index))
            .map(Mutator::id)
            .collect();
        let mut kept = Vec::new();
        for (index, mutator) in mutators.into_iter().enumerate() {
            if conflicts.contains(&index) {
                let others = names
                    .iter()
                    .filter(|name| **name != mutator.id())
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ");
                problems.push(Problem {
                    source: mutator.source,
                    kind: mutator.kind,
                    name: mutator.name,
                    message: format!(
                        "mutators disagree about the shape of an object, and none of them is \
                         applied: the others are {others}"
                    ),
                });
            } else {
                kept.push(mutator);
            }
        }
        Self { mutators: kept }
    }

    /// The object as it should be, where that is not as it is.
    pub(crate) fn apply(
        &self,
        review: &Review<'_>,
        world: &World,
    ) -> Result<Option<Value>, MutateError> {
        let Some(original) = review.object else {
            return Ok(None);
        };
        if self.mutators.is_empty()
            || !matches!(review.operation, Operation::Create | Operation::Update)
            || !self.wants(&review.kind)
        {
            return Ok(None);
        }
        let mut object = original.clone();
        // The request knows the namespace where the object does not say.
        let own_namespace = metadata(original, "namespace").to_owned();
        let is_namespace = review.kind.kind == "Namespace" && review.kind.group.is_empty();
        let lent = own_namespace.is_empty() && !review.namespace.is_empty() && !is_namespace;
        if lent {
            set_namespace(&mut object, Some(review.namespace));
        }
        self.converge(&mut object, review, world)?;
        if lent {
            set_namespace(&mut object, None);
        }
        Ok((object != *original).then_some(object))
    }

    fn converge(
        &self,
        object: &mut Value,
        review: &Review<'_>,
        world: &World,
    ) -> Result<(), MutateError> {
        let failed = |message: String| MutateError {
            mutator: String::new(),
            message,
        };
        for _ in 0..=self.mutators.len() {
            let before = object.clone();
            let changed = self.round(object, review, world)?;
            if !changed || *object == before {
                let external = |index: usize| match &self.mutators.get(index)?.value {
                    Assigned::External(external) => Some(external),
                    _ => None,
                };
                return external::resolve(object, external, world).map_err(|message| {
                    failed(format!(
                        "failed to resolve external data placeholders: {message}"
                    ))
                });
            }
        }
        let kind = Kind::of(object).unwrap_or_default();
        Err(failed(format!(
            "mutation not converging for {} {} {} {}",
            kind.group,
            kind.kind,
            metadata(object, "namespace"),
            metadata(object, "name"),
        )))
    }

    /// Applies every mutator once.
    fn round(
        &self,
        object: &mut Value,
        review: &Review<'_>,
        world: &World,
    ) -> Result<bool, MutateError> {
        let namespace = shape::namespace(review, world);
        let operation = match review.origin {
            Origin::Original => shape::operation(review),
            Origin::Generated => "",
        };
        let user = review
            .request
            .and_then(|request| request.get("userInfo")?.get("username")?.as_str())
            .unwrap_or_default();
        let mut changed = false;
        for (index, mutator) in self.mutators.iter().enumerate() {
            let failed = |message: String| MutateError {
                mutator: mutator.id(),
                message,
            };
            let kind = Kind::of(object).unwrap_or_default();
            if !mutator.applies_to(&kind, operation)
                || !mutator
                    .matches
                    .matches_object(object, review.origin, namespace)
                    .map_err(failed)?
            {
                continue;
            }
            let setter = match &mutator.value {
                Assigned::Fixed(setter) => setter.clone(),
                Assigned::Metadata(field) => {
                    Setter::Value(Value::String(metadata(object, field).to_owned()))
                }
                Assigned::External(external) => Setter::External {
                    external: external.clone(),
                    index,
                    user: user.to_owned(),
                },
            };
            changed |= change(object, &mutator.path, &mutator.tests, &setter).map_err(failed)?;
        }
        Ok(changed)
    }

    /// A cheap look: whether any may apply to this kind.
    pub(crate) fn wants(&self, kind: &Kind) -> bool {
        self.mutators.iter().any(|mutator| mutator.wants(kind))
    }

    /// Whether one that fills in what a provider says may apply to it.
    pub(crate) fn asks_providers(&self, kind: &Kind) -> bool {
        self.mutators
            .iter()
            .any(|mutator| matches!(mutator.value, Assigned::External(_)) && mutator.wants(kind))
    }
}

/// The numbers of those that disagree with another.
fn conflicts(mutators: &[Mutator]) -> BTreeSet<usize> {
    let mut trees: BTreeMap<(Kind, &'static str), Tree> = BTreeMap::new();
    let mut conflicts = BTreeSet::new();
    for (index, mutator) in mutators.iter().enumerate() {
        let entries = mutator.apply_to.iter().flatten();
        for binding in entries.flat_map(ApplyTo::bindings) {
            trees.entry(binding).or_default().add(
                index,
                &mutator.path,
                mutator.shape(),
                mutator.is_end(),
                &mut conflicts,
            );
        }
    }
    conflicts
}

fn set_namespace(object: &mut Value, namespace: Option<&str>) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    let metadata = fields
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        match namespace {
            Some(name) => {
                metadata.insert("namespace".to_owned(), Value::from(name));
            }
            None => {
                metadata.remove("namespace");
            }
        }
    }
}
