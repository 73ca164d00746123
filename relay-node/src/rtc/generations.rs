//! A bounded map that forgets: two generations, the older one dropped whole.
//!
//! An entry lives for one to two spans, or until as many newer ones arrive as the map may hold.
//! Attack stopped: a table that strangers fill. Every operation is O(1) on average and the size
//! never passes the bound.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

pub(super) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation_max: usize,
    span: Duration,
    turned: Instant,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    pub(super) fn new(now: Instant, entries_max: usize, span: Duration) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation_max: (entries_max / 2).max(1), span, turned: now }
    }

    pub(super) fn insert(&mut self, now: Instant, key: K, value: V) {
        self.expire(now);
        self.old.remove(&key);
        if self.young.len() >= self.generation_max && !self.young.contains_key(&key) {
            self.turn(now);
        }
        self.young.insert(key, value);
    }

    pub(super) fn get(&mut self, now: Instant, key: &K) -> Option<&V> {
        self.expire(now);
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn remove(&mut self, now: Instant, key: &K) -> Option<V> {
        self.expire(now);
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn expire(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.turned);
        if age >= self.span * 2 {
            self.young.clear();
        }
        if age >= self.span {
            self.turn(now);
        }
    }

    fn turn(&mut self, now: Instant) {
        self.old = std::mem::take(&mut self.young);
        self.turned = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_lives_one_to_two_spans() {
        let start = Instant::now();
        let mut map = Generations::new(start, 100, SPAN);
        map.insert(start, 1, 'a');
        assert_eq!(map.get(start + SPAN, &1), Some(&'a'));
        assert_eq!(map.get(start + SPAN * 2, &1), None);
    }

    #[test]
    fn a_long_pause_forgets_everything() {
        let start = Instant::now();
        let mut map = Generations::new(start, 100, SPAN);
        map.insert(start, 1, 'a');
        assert_eq!(map.get(start + SPAN * 5, &1), None);
    }

    #[test]
    fn a_flood_never_passes_the_bound_and_drops_the_oldest() {
        let start = Instant::now();
        let mut map = Generations::new(start, 10, SPAN);
        for key in 0..1000 {
            map.insert(start, key, ());
            assert!(map.len() <= 10);
            assert!(map.get(start, &key).is_some());
        }
        assert!(map.get(start, &0).is_none());
    }

    #[test]
    fn a_removed_or_replaced_entry_is_not_seen_again() {
        let start = Instant::now();
        let mut map = Generations::new(start, 4, SPAN);
        map.insert(start, 1, 'a');
        map.insert(start + SPAN, 1, 'b');
        assert_eq!(map.remove(start + SPAN, &1), Some('b'));
        assert_eq!(map.get(start + SPAN, &1), None);
    }
}
