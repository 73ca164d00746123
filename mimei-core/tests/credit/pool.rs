//! The strangers' pool against a model that knows every drop.

use mimei_core::credit::{DAY_MS, Pool};
use mimei_core::time::Millis;
use proptest::prelude::*;

use crate::fixed;

/// The exact level, counted in parts of a byte of which a day has as many as milliseconds.
struct Model {
    level: i128,
    at: u64,
}

impl Model {
    fn drain(&mut self, amount: u64, size: u64, now: u64) -> bool {
        let (day, size) = (i128::from(DAY_MS), i128::from(size));
        let passed = i128::from(now.saturating_sub(self.at));
        self.level = (self.level + passed * size).min(size * day);
        self.at = self.at.max(now);
        let has_room = self.level >= i128::from(amount) * day;
        if has_room {
            self.level -= i128::from(amount) * day;
        }
        has_room
    }
}

proptest! {
    #![proptest_config(fixed(300))]

    #[test]
    fn a_pool_is_filled_by_time_to_the_last_part_of_a_byte(
        size in prop_oneof![0..5_u64, 1..5_000_u64, 1..u64::from(u32::MAX), Just(u64::MAX)],
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, 0..2 * DAY_MS), 1..120),
    ) {
        let (mut pool, mut model) = (Pool::default(), Model { level: i128::from(size) * i128::from(DAY_MS), at: 0 });
        let mut now = 1_700_000_000_000_u64;
        // The first look finds it full.
        for (share, kind, ms) in steps {
            now = match kind {
                0 => now + ms,
                1 => now + ms % 5_000,
                // Not by more than a day, which is a case of its own.
                _ => now - ms % 1_000,
            };
            let amount = (size / 3).saturating_add(2).min(share.index(usize::MAX) as u64);
            let found = pool.drain(amount, size, Millis(now));
            prop_assert_eq!(found, model.drain(amount, size, now), "{} of {} at {}", amount, size, now);
        }
    }
}

#[test]
fn a_pool_is_full_at_first_and_serves_its_size() {
    let mut pool = Pool::default();
    assert!(!pool.drain(101, 100, Millis(5)));
    assert!(pool.drain(60, 100, Millis(5)));
    assert!(!pool.drain(41, 100, Millis(5)), "nothing of it is served");
    assert!(pool.drain(40, 100, Millis(5)));
    assert!(!pool.drain(1, 100, Millis(5)));
    assert!(pool.drain(0, 100, Millis(5)));
}

#[test]
fn a_pool_of_nothing_serves_nothing() {
    let mut pool = Pool::default();
    assert!(!pool.drain(1, 0, Millis(0)));
    assert!(!pool.drain(1, 0, Millis(100 * DAY_MS)));
}

#[test]
fn a_day_fills_a_tiny_pool_however_often_somebody_looks() {
    for every in [1_000, 50_000, 86_399, 90_001, 129_600] {
        let (mut pool, mut served, mut now) = (Pool::default(), 0_u64, 0);
        assert!(pool.drain(1000, 1000, Millis(now)));
        while now < 10 * DAY_MS {
            now += every;
            served += u64::from(pool.drain(1, 1000, Millis(now)));
        }
        let filled = now * 1000 / DAY_MS;
        let looks = now / every;
        assert_eq!(served, filled.min(looks), "a look every {every} ms");
    }
}

#[test]
fn a_clock_that_goes_back_fills_nothing() {
    let (size, start) = (1000, 10 * DAY_MS);
    let mut pool = Pool::default();
    assert!(pool.drain(size, size, Millis(start)));
    for _ in 0..100 {
        assert!(!pool.drain(1, size, Millis(start - DAY_MS / 2)));
        assert!(!pool.drain(1, size, Millis(start)));
    }
    assert!(pool.drain(500, size, Millis(start + DAY_MS / 2)));
    assert!(!pool.drain(1, size, Millis(start + DAY_MS / 2)));
}

#[test]
fn a_clock_that_was_years_ahead_does_not_keep_the_pool_empty_for_years() {
    let (size, years) = (1000, 4000 * DAY_MS);
    let mut pool = Pool::default();
    assert!(pool.drain(size, size, Millis(years)));
    assert!(!pool.drain(1, size, Millis(DAY_MS)), "going back fills nothing");
    assert!(pool.drain(size, size, Millis(2 * DAY_MS)));
    assert!(!pool.drain(1, size, Millis(2 * DAY_MS)));
}

#[test]
fn a_pool_that_becomes_smaller_serves_when_it_has_filled_so_far() {
    let mut pool = Pool::default();
    assert!(pool.drain(900, 1000, Millis(0)));
    assert!(!pool.drain(1, 100, Millis(0)));
    assert!(!pool.drain(1, 100, Millis(8 * DAY_MS)));
    assert!(pool.drain(100, 100, Millis(9 * DAY_MS)));
    assert!(pool.drain(900, 1000, Millis(9 * DAY_MS)), "a larger one has room at once");
}
