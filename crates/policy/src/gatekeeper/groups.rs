//! Constraints whose templates are asked together: those about the same
//! kinds of objects, with the same parameters.

use std::collections::BTreeMap;

use super::constraint::Constraint;
use super::template::Template;
use crate::engine::{Ask, Said};
use crate::rego::{Joined, RegoTemplate};

/// Templates in one program: more make it larger than it is worth.
const MOST: usize = 64;

/// The groups of a set, and who is in which.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Vec<Joined>,
    /// By the constraint's number: its group, and its place in it.
    places: Vec<Option<(usize, usize)>>,
}

impl Groups {
    pub(crate) fn of(constraints: &[Constraint], templates: &BTreeMap<String, Template>) -> Self {
        let mut found = Self {
            groups: Vec::new(),
            places: vec![None; constraints.len()],
        };
        let mut alike: Vec<Vec<(usize, &Constraint, &RegoTemplate)>> = Vec::new();
        for (index, constraint) in constraints.iter().enumerate() {
            let template = templates.get(&constraint.kind);
            let Some(rego) = template.and_then(|template| template.engine.rego()) else {
                continue;
            };
            if rego.reads_outside() {
                continue;
            }
            let place = alike.iter_mut().find(|group| {
                group.len() < MOST
                    && group.first().is_some_and(|(_, first, other)| {
                        first.matches.has_kinds_of(&constraint.matches)
                            && first.parameters == constraint.parameters
                            && Joined::suits(rego, other)
                    })
                    && group
                        .iter()
                        .all(|(_, other, _)| other.kind != constraint.kind)
            });
            match place {
                Some(group) => group.push((index, constraint, rego)),
                None => alike.push(vec![(index, constraint, rego)]),
            }
        }
        for group in alike.iter().filter(|group| group.len() > 1) {
            let members: Vec<&RegoTemplate> = group.iter().map(|(_, _, rego)| *rego).collect();
            let Some(joined) = Joined::compile(&members) else {
                continue;
            };
            for (place, (index, ..)) in group.iter().enumerate() {
                if let Some(slot) = found.places.get_mut(*index) {
                    *slot = Some((found.groups.len(), place));
                }
            }
            found.groups.push(joined);
        }
        found
    }

    /// The group of a constraint, and its place in that.
    pub(crate) fn place(&self, constraint: usize) -> Option<(usize, usize)> {
        self.places.get(constraint).copied().flatten()
    }

    /// What each member of a group says; `None`: each has to be asked by
    /// itself.
    pub(crate) fn judge(&self, group: usize, ask: &Ask<'_>) -> Option<Vec<Vec<Said>>> {
        self.groups.get(group)?.judge(ask)
    }
}
