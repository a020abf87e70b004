//! How much of the cluster has been seen: whoever judges by a part of it
//! takes what is not there yet for missing.

use std::collections::{BTreeMap, BTreeSet};

use policy::{Policies, review::Kind};

/// What was seen whole, at least once.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) namespaces: bool,
    /// Kinds that policies look up, and whether of their objects only the
    /// names are known.
    kinds: BTreeMap<Kind, bool>,
}

impl Sight {
    /// All objects of a kind are known.
    pub(super) fn saw(&mut self, kind: &Kind, by_name: bool) {
        let known = self.kinds.entry(kind.clone()).or_insert(by_name);
        *known &= by_name;
    }

    /// A kind the cluster did not have is there.
    pub(super) fn forget(&mut self, kind: &Kind) {
        self.kinds.remove(kind);
    }

    fn knows(&self, asked: &Kind, names_do: bool) -> bool {
        self.kinds.iter().any(|(kind, by_name)| {
            kind.group == asked.group
                && kind.kind == asked.kind
                && (asked.version.is_empty() || kind.version == asked.version)
                && (names_do || !by_name)
        })
    }

    /// What policies look up, and cannot be sure of.
    pub(super) fn unseen(&self, policies: &Policies) -> BTreeSet<Kind> {
        let kinds = policies.inventory_kinds().into_iter();
        kinds
            .filter(|kind| !self.knows(kind, policies.looks_up_names_only(kind)))
            .collect()
    }
}
