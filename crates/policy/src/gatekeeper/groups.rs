//! Constraints whose templates are asked together: those about the same
//! kinds of objects, with the same parameters.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use super::constraint::Constraint;
use super::template::Template;
use crate::engine::{Ask, Said};
use crate::rego::{Joined, RegoTemplate};

/// Templates in one program: more make it larger than it is worth.
const MOST: usize = 64;

/// The groups of a set, and who is in which.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Those with the same templates share their program.
    groups: Vec<Arc<Joined>>,
    /// By the constraint's number: its group, and its place in it.
    places: Vec<Option<(usize, usize)>>,
}

impl Groups {
    pub(crate) fn of(constraints: &[Constraint], templates: &BTreeMap<String, Template>) -> Self {
        let mut found = Self {
            groups: Vec::new(),
            places: vec![None; constraints.len()],
        };
        let mut members: Vec<(usize, &Constraint, &RegoTemplate)> = Vec::new();
        for (index, constraint) in constraints.iter().enumerate() {
            let template = templates.get(&constraint.kind);
            let rego = template.and_then(|template| template.engine.rego());
            if let Some(rego) = rego.filter(|rego| !rego.reads_outside()) {
                members.push((index, constraint, rego));
            }
        }
        let named: Vec<_> = members
            .iter()
            .map(|(_, constraint, _)| {
                let alike = (constraint.matches.kinds(), &constraint.parameters);
                (alike, constraint.kind.as_str())
            })
            .collect();
        let groups = together(&named, |one, other| {
            Joined::suits(members[one].2, members[other].2)
        });
        let mut programs: HashMap<Vec<&str>, Option<Arc<Joined>>> = HashMap::new();
        for group in groups.iter().filter(|group| group.len() > 1) {
            let kinds = group.iter().map(|member| named[*member].1).collect();
            let joined = programs.entry(kinds).or_insert_with(|| {
                let parts: Vec<_> = group.iter().map(|member| members[*member].2).collect();
                Joined::compile(&parts).map(Arc::new)
            });
            let Some(joined) = joined else {
                continue;
            };
            for (place, member) in group.iter().enumerate() {
                found.places[members[*member].0] = Some((found.groups.len(), place));
            }
            found.groups.push(Arc::clone(joined));
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

/// Puts members together, each with the first that will have it: all of a
/// group are alike by their first part, no two are of one kind, which is
/// their second, and there are no more than [`MOST`]. Whether one suits
/// the first of a group goes by their kinds.
///
/// Ten thousand constraints of one template are nothing out of the
/// ordinary: where one of a kind was not taken, no other of it asks.
fn together<A: Eq + Hash, K: Copy + Eq + Hash>(
    members: &[(A, K)],
    mut suits: impl FnMut(usize, usize) -> bool,
) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_likeness: HashMap<&A, Vec<usize>> = HashMap::new();
    let mut asked: HashMap<(&A, K), usize> = HashMap::new();
    for (member, (likeness, kind)) in members.iter().enumerate() {
        let alike = by_likeness.entry(likeness).or_default();
        let next = asked.entry((likeness, *kind)).or_default();
        let has_room = |place: &usize| {
            let group = &groups[alike[*place]];
            group.len() < MOST && suits(group[0], member)
        };
        let place = (*next..alike.len()).find(has_room).unwrap_or(alike.len());
        *next = place + 1;
        if let Some(group) = alike.get(place) {
            groups[*group].push(member);
        } else {
            alike.push(groups.len());
            groups.push(vec![member]);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::suite::RegoEngine;

    /// The same, by looking at every group there is.
    fn slowly(members: &[(u8, u8)], suits: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (member, (likeness, kind)) in members.iter().enumerate() {
            let group = groups.iter_mut().find(|group| {
                group.len() < MOST
                    && members[group[0]].0 == *likeness
                    && suits(group[0], member)
                    && group.iter().all(|other| members[*other].1 != *kind)
            });
            match group {
                Some(group) => group.push(member),
                None => groups.push(vec![member]),
            }
        }
        groups
    }

    proptest! {
        #[test]
        fn members_go_where_the_first_group_takes_them(
            members in prop::collection::vec((0..3_u8, 0..90_u8), 0..600),
        ) {
            let suits = |one: usize, other: usize| members[one].1 % 2 == members[other].1 % 2;
            prop_assert_eq!(together(&members, suits), slowly(&members, suits));
        }
    }

    #[test]
    fn ten_thousand_members_are_not_compared_with_one_another() {
        let asked = |members: Vec<(usize, usize)>| {
            let mut asked = 0;
            let groups = together(&members, |_, _| {
                asked += 1;
                true
            });
            assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 10_000);
            (groups.len(), asked)
        };
        // Of one template; of one template, and all different; of a
        // hundred.
        assert_eq!(asked((0..10_000).map(|_| (0, 0)).collect()), (10_000, 0));
        assert_eq!(
            asked((0..10_000).map(|index| (index, 0)).collect()),
            (10_000, 0)
        );
        let (groups, asked) = asked((0..10_000).map(|index| (0, index / 100)).collect());
        assert_eq!(groups, 200);
        assert!(asked <= 10_000, "{asked}");
    }

    #[test]
    fn groups_of_the_same_templates_share_their_program() {
        let kinds = ["First", "Second"];
        let template = |kind: &str| {
            let name = kind.to_lowercase();
            let rego = format!("package {name}\nviolation[{{\"msg\": \"no\"}}] {{ true }}");
            let value = json!({"apiVersion": "templates.gatekeeper.sh/v1",
                "kind": "ConstraintTemplate", "metadata": {"name": name},
                "spec": {"crd": {"spec": {"names": {"kind": kind}}}, "targets": [
                    {"target": "admission.k8s.gatekeeper.sh", "rego": rego}]}});
            (
                kind.to_owned(),
                Template::read(&value, RegoEngine::Chosen).unwrap(),
            )
        };
        let templates = BTreeMap::from(kinds.map(template));
        let constraint = |kind: &str, index: usize| {
            let value = json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
                "metadata": {"name": format!("c{index}")},
                "spec": {"match": {"namespaces": [format!("n{index}")]}}});
            Constraint::read(&value, "test", &templates[kind]).unwrap()
        };
        let constraints: Vec<Constraint> = kinds
            .iter()
            .flat_map(|kind| (0..500).map(|index| constraint(kind, index)))
            .collect();
        let found = Groups::of(&constraints, &templates);
        assert_eq!(found.groups.len(), 500);
        let first = &found.groups[0];
        assert!(found.groups.iter().all(|group| Arc::ptr_eq(group, first)));
        assert_eq!(found.place(0), Some((0, 0)));
        assert_eq!(found.place(999), Some((499, 1)));
    }
}
