//! Which parts of a file are taken. Pure.
//!
//! Nothing of this is kept: what no block names is free, so a write that was cut off leaves nothing behind.

use std::collections::BTreeMap;

/// Parts begin and end at multiples of this, so that gaps fit again.
const GRAIN: u64 = 4 << 10;

/// Where bytes lie in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Extent {
    /// The first byte behind the bytes.
    pub(crate) fn end(self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }

    fn taken(self) -> u64 {
        self.bytes.next_multiple_of(GRAIN)
    }
}

/// Which parts of one file are taken.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    /// Bytes of each gap, by where it begins. No two touch, and none ends where the file does.
    gaps: BTreeMap<u64, u64>,
    end: u64,
}

impl Extents {
    /// With these parts taken, in any order; they do not overlap.
    pub(crate) fn of(taken: impl IntoIterator<Item = Extent>) -> Self {
        let mut taken: Vec<_> = taken.into_iter().collect();
        taken.sort_unstable_by_key(|extent| extent.offset);
        let mut extents = Self::default();
        for extent in taken {
            if extent.offset > extents.end {
                extents.gaps.insert(extents.end, extent.offset - extents.end);
            }
            extents.end = extents.end.max(extent.offset + extent.taken());
        }
        extents
    }

    /// The first byte behind everything that is taken.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Takes the first gap that is large enough, or the end.
    pub(crate) fn take(&mut self, bytes: u64) -> Extent {
        let wanted = Extent { offset: 0, bytes }.taken();
        let gap = self.gaps.iter().find(|(_, gap)| **gap >= wanted).map(|(at, gap)| (*at, *gap));
        let Some((offset, gap)) = gap else {
            let offset = self.end;
            self.end += wanted;
            return Extent { offset, bytes };
        };
        self.gaps.remove(&offset);
        if gap > wanted {
            self.gaps.insert(offset + wanted, gap - wanted);
        }
        Extent { offset, bytes }
    }

    /// What was taken is free again.
    pub(crate) fn free(&mut self, extent: Extent) {
        let (mut from, mut to) = (extent.offset, extent.offset + extent.taken());
        if let Some((&before, &bytes)) = self.gaps.range(..from).next_back()
            && before + bytes == from
        {
            self.gaps.remove(&before);
            from = before;
        }
        if let Some(bytes) = self.gaps.remove(&to) {
            to += bytes;
        }
        if to == self.end {
            self.end = from;
        } else if from < to {
            self.gaps.insert(from, to - from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::random;

    /// Each grain of the file: taken or not.
    #[derive(Default)]
    struct Model(Vec<bool>);

    impl Model {
        fn grains(extent: Extent) -> std::ops::Range<usize> {
            (extent.offset / GRAIN) as usize..((extent.offset + extent.taken()) / GRAIN) as usize
        }

        fn set(&mut self, extent: Extent, taken: bool) {
            for at in Self::grains(extent) {
                if at >= self.0.len() {
                    self.0.resize(at + 1, false);
                }
                assert_ne!(self.0[at], taken, "grain {at} of {extent:?}");
                self.0[at] = taken;
            }
            while self.0.last() == Some(&false) {
                self.0.pop();
            }
        }

        /// The first run of free grains that is long enough.
        fn place(&self, bytes: u64) -> u64 {
            let wanted = Extent { offset: 0, bytes }.taken() / GRAIN;
            let fits = |from: usize| (from..from + wanted as usize).all(|at| !self.0.get(at).copied().unwrap_or(false));
            (0..).find(|from| fits(*from)).unwrap_or_default() as u64 * GRAIN
        }
    }

    #[test]
    fn it_is_what_a_list_of_grains_says_whatever_happens() {
        let mut random = random(11);
        let (mut extents, mut model, mut taken) = (Extents::default(), Model::default(), Vec::<Extent>::new());
        for _ in 0..20_000 {
            match random(5) {
                0..=1 if taken.len() < 60 => {
                    let bytes = 1 + random(9 * GRAIN);
                    let extent = extents.take(bytes);
                    assert_eq!(extent, Extent { offset: model.place(bytes), bytes });
                    model.set(extent, true);
                    taken.push(extent);
                }
                4 if random(20) == 0 => extents = Extents::of(taken.iter().rev().copied()),
                _ if !taken.is_empty() => {
                    let extent = taken.swap_remove(random(taken.len() as u64) as usize);
                    extents.free(extent);
                    model.set(extent, false);
                }
                _ => {}
            }
            assert_eq!(extents.end(), model.0.len() as u64 * GRAIN);
        }
    }

    #[test]
    fn nothing_is_left_when_all_is_free() {
        let mut extents = Extents::default();
        let taken: Vec<_> = [1, GRAIN, GRAIN + 1, 300_000].map(|bytes| extents.take(bytes)).into();
        taken.into_iter().for_each(|extent| extents.free(extent));
        assert_eq!((extents.end(), extents.gaps.len()), (0, 0));
    }
}
