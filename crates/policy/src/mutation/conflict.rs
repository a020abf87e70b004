//! Mutators that disagree about the shape of an object: one sees a list
//! where another sees an object. Neither of them is applied, as with
//! Gatekeeper, for what came out would depend on their order.

use std::collections::{BTreeMap, BTreeSet};

use super::path::{Path, Step};

/// What is at the end of a mutator's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    Unknown,
    List,
    Object,
    Set,
    Text,
}

/// The shape mutators together give to objects of one kind.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    by: BTreeSet<usize>,
    children: BTreeMap<String, BTreeMap<Shape, Self>>,
    /// Mutators whose path must not go on.
    ends: BTreeSet<usize>,
}

impl Tree {
    /// Adds the path of mutator `id`; the mutators it disagrees with, and
    /// itself then, go into `conflicts`.
    pub(crate) fn add(
        &mut self,
        id: usize,
        path: &Path,
        end: Shape,
        is_end: bool,
        conflicts: &mut BTreeSet<usize>,
    ) {
        self.step(id, &path.steps, end, is_end, conflicts);
    }

    fn step(
        &mut self,
        id: usize,
        steps: &[Step],
        end: Shape,
        is_end: bool,
        conflicts: &mut BTreeSet<usize>,
    ) {
        self.by.insert(id);
        let Some((first, rest)) = steps.split_first() else {
            if is_end {
                self.ends.insert(id);
            }
            return;
        };
        let key = match first {
            Step::Member(name) => name,
            Step::Entry { key, .. } => key,
        };
        let shape = match rest.first() {
            None => end,
            Some(Step::Member(_)) => Shape::Object,
            Some(Step::Entry { .. }) => Shape::List,
        };
        let shapes = self.children.entry(key.clone()).or_default();
        shapes
            .entry(shape)
            .or_default()
            .step(id, rest, end, is_end, conflicts);
        found(shapes, conflicts);
    }
}

fn found(shapes: &BTreeMap<Shape, Tree>, conflicts: &mut BTreeSet<usize>) {
    let known = shapes
        .keys()
        .filter(|shape| **shape != Shape::Unknown)
        .count();
    for (shape, child) in shapes {
        let two_keys = *shape == Shape::List && child.children.len() > 1;
        if *shape != Shape::Unknown && (known > 1 || two_keys) {
            conflicts.extend(&child.by);
        }
    }
    let has_end = shapes.values().any(|child| !child.ends.is_empty());
    let goes_on = shapes.values().any(|child| !child.children.is_empty());
    if has_end && goes_on {
        for child in shapes.values() {
            conflicts.extend(&child.ends);
            for grandchild in child.children.values().flat_map(BTreeMap::values) {
                conflicts.extend(&grandchild.by);
            }
        }
    }
}
