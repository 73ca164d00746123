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
        /// What was drained and not filled again since.
        "used" => used: u64,
    }
}

impl Pool {
    /// Drains so much at `now` from a pool that holds `size` and fills by `size` a day; says whether it had so much.
    /// A clock that goes back fills nothing.
    pub fn drain(&mut self, amount: u64, size: u64, now: Millis) -> bool {
        let passed = u128::from(now.0.saturating_sub(self.at.0));
        let filled = passed * u128::from(size) / u128::from(DAY_MS);
        if filled > 0 || self.used == 0 {
            // What is less than a byte is not lost: the time for it goes on counting.
            self.used = self.used.saturating_sub(u64::try_from(filled).unwrap_or(u64::MAX));
            self.at = self.at.max(now);
        }
        let has_room = self.used.saturating_add(amount) <= size;
        if has_room {
            self.used += amount;
        }
        has_room
    }
}
