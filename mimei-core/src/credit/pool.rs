//! What strangers are served at the creditor's own expense.

use super::DAY_MS;
use crate::record::record;
use crate::time::Millis;

record! {
    /// A pool that strangers drain and time fills.
    #[derive(Copy, Default)]
    pub struct Pool {
        /// When it was looked at last, by the creditor's clock.
        "at" => at: Millis,
        /// What was filled beyond whole bytes, in parts of a byte of which a day has as many as milliseconds.
        "rest" => rest: u64,
        /// What was drained and not filled again since.
        "used" => used: u64,
    }
}

impl Pool {
    /// Drains so much at `now` from a pool that holds `size` and fills by `size` a day; says whether it had so much.
    /// A clock that goes back fills nothing. If it goes back by more than a day, it was wrong before, and the pool
    /// fills from the time that it shows now.
    pub fn drain(&mut self, amount: u64, size: u64, now: Millis) -> bool {
        self.fill(size, now);
        let used = self.used.checked_add(amount).filter(|used| *used <= size);
        self.used = used.unwrap_or(self.used);
        used.is_some()
    }

    fn fill(&mut self, size: u64, now: Millis) {
        let passed = now.0.saturating_sub(self.at.0);
        let parts = u128::from(passed) * u128::from(size) + u128::from(self.rest);
        let filled = u64::try_from(parts / u128::from(DAY_MS)).unwrap_or(u64::MAX);
        let is_full = filled >= self.used;
        // A full pool holds no more, not even a part of a byte.
        self.rest = if is_full { 0 } else { (parts % u128::from(DAY_MS)) as u64 };
        self.used = self.used.saturating_sub(filled);
        self.at = if self.at > now + DAY_MS { now } else { self.at.max(now) };
    }
}
