//! Which blocks are in the cache, by when they were used. Pure.

use std::collections::{BTreeMap, BTreeSet};

use mimei_core::cid::Cid;

/// What is kept of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Use {
    pub(crate) bytes: u64,
    /// Rises with each use of any block.
    pub(crate) at: u64,
}

/// Smaller blocks go only when no larger ones are left: they are the lists of folders and of pieces, without which
/// nothing can be shown, and take little.
pub(crate) const LARGE_BYTES_MIN: u64 = 32 << 10;

/// Where a block stands in the order in which they go.
type Turn = (bool, u64, Cid);

fn turn(cid: &Cid, used: Use) -> Turn {
    (used.bytes < LARGE_BYTES_MIN, used.at, *cid)
}

/// Blocks in the order of their last use.
#[derive(Debug, Default)]
pub(crate) struct Lru {
    blocks: BTreeMap<Cid, Use>,
    order: BTreeSet<Turn>,
    bytes: u64,
    now: u64,
}

impl Lru {
    /// As it was kept, in any order.
    pub(crate) fn of(kept: impl IntoIterator<Item = (Cid, Use)>) -> Self {
        let mut lru = Self::default();
        for (cid, kept) in kept {
            lru.put(cid, kept);
        }
        lru
    }

    /// Bytes of all blocks.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A block came, or came again.
    pub(crate) fn insert(&mut self, cid: Cid, bytes: u64) -> Use {
        let used = Use { bytes, at: self.now + 1 };
        self.put(cid, used);
        used
    }

    /// A block was read. None if it is not known.
    pub(crate) fn touch(&mut self, cid: &Cid) -> Option<Use> {
        let bytes = self.blocks.get(cid)?.bytes;
        Some(self.insert(*cid, bytes))
    }

    /// A block is gone.
    pub(crate) fn remove(&mut self, cid: &Cid) {
        if let Some(old) = self.blocks.remove(cid) {
            self.order.remove(&turn(cid, old));
            self.bytes -= old.bytes;
        }
    }

    pub(crate) fn get(&self, cid: &Cid) -> Option<Use> {
        self.blocks.get(cid).copied()
    }

    /// What has to go for no more than `bytes` to stay: large blocks, then small ones, the least recently used
    /// first; not what is `pinned`, even if that alone is more.
    pub(crate) fn beyond(&self, bytes: u64, pinned: &BTreeSet<Cid>) -> Vec<Cid> {
        let mut excess = self.bytes.saturating_sub(bytes);
        let mut victims = Vec::new();
        for (.., cid) in self.order.iter().filter(|(.., cid)| !pinned.contains(cid)) {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(self.blocks[cid].bytes);
            victims.push(*cid);
        }
        victims
    }

    fn put(&mut self, cid: Cid, used: Use) {
        self.remove(&cid);
        self.now = self.now.max(used.at);
        self.bytes += used.bytes;
        self.blocks.insert(cid, used);
        self.order.insert(turn(&cid, used));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::random;
    use mimei_core::cid::Codec;

    fn cid(number: u8) -> Cid {
        Cid::of(Codec::Raw, &[number])
    }

    /// A list in the order of use, gone through from the front each time.
    #[derive(Default)]
    struct Model(Vec<(Cid, u64)>);

    impl Model {
        fn insert(&mut self, cid: Cid, bytes: u64) {
            self.0.retain(|(other, _)| *other != cid);
            self.0.push((cid, bytes));
        }

        fn beyond(&self, max: u64, pinned: &BTreeSet<Cid>) -> Vec<Cid> {
            let mut left = self.0.clone();
            let mut gone = Vec::new();
            while left.iter().map(|(_, bytes)| bytes).sum::<u64>() > max {
                let goes = |small: bool| {
                    left.iter().position(|(cid, bytes)| !pinned.contains(cid) && (*bytes < LARGE_BYTES_MIN) == small)
                };
                let Some(at) = goes(false).or_else(|| goes(true)) else { break };
                gone.push(left.remove(at).0);
            }
            gone
        }
    }

    #[test]
    fn it_is_what_a_plain_list_says_whatever_happens() {
        let mut random = random(7);
        let (mut lru, mut model) = (Lru::default(), Model::default());
        for _ in 0..20_000 {
            let one = cid(random(40) as u8);
            match random(4) {
                0 => {
                    let bytes = random(2 * LARGE_BYTES_MIN);
                    lru.insert(one, bytes);
                    model.insert(one, bytes);
                }
                1 => {
                    let known = model.0.iter().find(|(other, _)| *other == one).copied();
                    assert_eq!(lru.touch(&one).map(|used| used.bytes), known.map(|(_, bytes)| bytes));
                    known.into_iter().for_each(|(cid, bytes)| model.insert(cid, bytes));
                }
                2 => {
                    lru.remove(&one);
                    model.0.retain(|(other, _)| *other != one);
                }
                _ => {
                    let pinned: BTreeSet<Cid> = (0..random(20)).map(|_| cid(random(40) as u8)).collect();
                    let max = random(40 * LARGE_BYTES_MIN);
                    assert_eq!(lru.beyond(max, &pinned), model.beyond(max, &pinned));
                }
            }
            assert_eq!(lru.bytes(), model.0.iter().map(|(_, bytes)| bytes).sum::<u64>());
        }
    }

    #[test]
    fn the_order_outlives_being_kept() {
        let mut lru = Lru::default();
        for number in 0..5 {
            lru.insert(cid(number), 10);
        }
        lru.touch(&cid(0));
        let mut kept: Vec<_> =
            (0..5).map(|number| (cid(number), lru.get(&cid(number)).expect("it is there"))).collect();
        kept.reverse();
        let mut again = Lru::of(kept);
        assert_eq!(again.beyond(10, &BTreeSet::new()), [1, 2, 3, 4].map(cid));
        again.insert(cid(9), 10);
        assert_eq!(again.beyond(10, &BTreeSet::new()), [1, 2, 3, 4, 0].map(cid), "what comes next is the newest");
    }

    #[test]
    fn what_is_pinned_stays_even_if_it_is_too_much() {
        let mut lru = Lru::default();
        lru.insert(cid(1), 100);
        assert_eq!(lru.beyond(10, &BTreeSet::from([cid(1)])), []);
    }
}
