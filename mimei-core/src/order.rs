//! Ordering with little code.
//!
//! The standard library's `sort` and an ordered collection's `collect` bring some 10 KB of code for each type, a
//! quarter of the client when it was measured. Lists here are short, so a heap and one insertion after another do.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

/// Collects into an ordered collection, one after the other.
pub(crate) fn gather<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut gathered = C::default();
    gathered.extend(items);
    gathered
}

/// Puts a list in rising order. What is equal must be alike: it may change places.
pub(crate) fn sort<T: Ord>(items: &mut Vec<T>) {
    *items = BinaryHeap::from(core::mem::take(items)).into_sorted_vec();
}

/// Puts a list in rising order of a key. What is equal by it keeps its place.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    let keys: BinaryHeap<(K, usize)> = items.iter().enumerate().map(|(at, item)| (key(item), at)).collect();
    let mut left: Vec<Option<T>> = core::mem::take(items).into_iter().map(Some).collect();
    items.extend(keys.into_sorted_vec().into_iter().filter_map(|(_, at)| left[at].take()));
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn lists_are_in_order_and_equals_keep_theirs() {
        let mut numbers: Vec<u32> = (0..500).map(|n: u32| n.wrapping_mul(2_654_435_761) >> 20).collect();
        let mut pairs: Vec<(u32, usize)> = numbers.iter().map(|n| n % 7).zip(0..).collect();
        let (mut expected, mut stable) = (numbers.clone(), pairs.clone());
        expected.sort_unstable();
        stable.sort_by_key(|(n, _)| *n);
        sort(&mut numbers);
        sort_by_key(&mut pairs, |(n, _)| *n);
        assert_eq!((numbers, pairs), (expected, stable));
    }

    #[test]
    fn the_last_of_equal_items_is_gathered() {
        let gathered: BTreeSet<u8> = gather([3, 1, 3]);
        assert_eq!(gathered.into_iter().collect::<Vec<_>>(), [1, 3]);
    }
}
