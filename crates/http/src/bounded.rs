//! A map that forgets: bounded memory for whatever outsiders choose the keys of.

use std::{collections::HashMap, hash::Hash, mem};

/// Keeps between `capacity` and twice as many of the entries that were used last. When the young generation is full it becomes
/// the old one, and the old one goes; an old entry that is used is young again. Every operation is constant time.
#[derive(Debug)]
pub struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// For so many entries, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), capacity: capacity.max(1) }
    }

    /// The entry, which counts as used.
    pub fn get(&mut self, key: &K) -> Option<&mut V>
    where
        K: Clone,
    {
        if !self.young.contains_key(key)
            && let Some(value) = self.old.remove(key)
        {
            self.insert(key.clone(), value);
        }
        self.young.get_mut(key)
    }

    /// Adds or replaces an entry.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut map = Bounded::new(4);
        map.insert(0, "kept");
        for n in 1..1000 {
            map.insert(n, "passing");
            assert_eq!(map.get(&0), Some(&mut "kept"), "after {n}");
            assert!(map.young.len() + map.old.len() <= 8);
        }
        assert_eq!(map.get(&1), None);
        assert_eq!(map.get(&999), Some(&mut "passing"));
    }
}
