//! A table of a fixed size: when it is full, what was put in first goes.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    most: usize,
    known: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            known: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.known.get_mut(key)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.known.contains_key(key)
    }

    /// Puts it in, or in the place of what was there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.known.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// What is there, made first where nothing is.
    pub(super) fn entry(&mut self, key: &K, make: impl FnOnce() -> V) -> Option<&mut V> {
        if !self.known.contains_key(key) {
            self.insert(key.clone(), make());
        }
        self.known.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &K) {
        if self.known.remove(key).is_some() {
            self.order.retain(|each| each != key);
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.known.iter_mut()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_when_it_is_full() {
        let mut table = Bounded::new(2);
        table.insert(1, 'a');
        table.insert(2, 'b');
        table.insert(1, 'c');
        assert_eq!(table.get(&1), Some(&'c'));
        *table.entry(&3, || 'd').unwrap() = 'e';
        assert_eq!(
            (table.get(&1), table.get(&2), table.get(&3)),
            (None, Some(&'b'), Some(&'e'))
        );
        table.remove(&2);
        table.insert(4, 'f');
        assert_eq!(table.len(), 2);
        assert!(table.contains(&3));
    }
}
