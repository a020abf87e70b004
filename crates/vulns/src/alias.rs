//! Which names mean the same vulnerability.
//!
//! Advisories call one weakness by many names. The names are joined as
//! a disjoint-set forest, with one law: two CVE ids never meet, because
//! a CVE id *is* an identity, and an advisory that lists two of them
//! covers two weaknesses. The outcome depends on the order of the joins
//! only where feeds contradict each other; callers join in sorted order.

use std::collections::HashMap;

/// A name, as the caller numbers them.
pub(crate) type Name = u32;

/// Names and how they are joined.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    nodes: HashMap<Name, u32>,
    parents: Vec<u32>,
    names: Vec<Name>,
    /// Of a root: the CVE id its set holds.
    cves: Vec<Option<Name>>,
}

impl Aliases {
    /// Makes a name known.
    pub(crate) fn add(&mut self, name: Name, is_cve: bool) -> u32 {
        if let Some(&node) = self.nodes.get(&name) {
            return node;
        }
        let node = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
        self.nodes.insert(name, node);
        self.parents.push(node);
        self.names.push(name);
        self.cves.push(is_cve.then_some(name));
        node
    }

    fn root(&mut self, mut node: u32) -> u32 {
        while self.parents[node as usize] != node {
            let parent = self.parents[node as usize];
            self.parents[node as usize] = self.parents[parent as usize];
            node = parent;
        }
        node
    }

    /// Says that two names mean the same; `false` where that would make
    /// two CVE ids one.
    pub(crate) fn join(&mut self, a: (Name, bool), b: (Name, bool)) -> bool {
        let (a, b) = (self.add(a.0, a.1), self.add(b.0, b.1));
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return true;
        }
        match (self.cves[a as usize], self.cves[b as usize]) {
            (Some(_), Some(_)) => return false,
            (one, other) => self.cves[a as usize] = one.or(other),
        }
        self.parents[b as usize] = a;
        true
    }

    /// The set a name is in; equal for names that mean the same.
    pub(crate) fn set_of(&mut self, name: Name) -> Option<u32> {
        let node = *self.nodes.get(&name)?;
        Some(self.root(node))
    }

    /// Every known name with the set it is in.
    pub(crate) fn members(&mut self) -> Vec<(u32, Name)> {
        let count = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        (0..count)
            .map(|node| (self.root(node), self.names[node as usize]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cves_never_become_one() {
        let mut aliases = Aliases::default();
        assert!(aliases.join((1, true), (10, false)));
        assert!(aliases.join((10, false), (11, false)));
        assert!(!aliases.join((11, false), (2, true)));
        assert_eq!(aliases.set_of(1), aliases.set_of(11));
        assert_ne!(aliases.set_of(1), aliases.set_of(2));
    }
}
