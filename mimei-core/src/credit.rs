//! Credit: who pays for what a relay does, and how both sides can show it.
//!
//! Stops: an IOU that is replayed or shrinks, a promise used twice, debt that grows past what was
//! trusted, and work that nobody pays for. Formats and rules: `docs/credit.md`.
//!
//! An [`Account`] is what lies between one creditor and one debtor. Both sides
//! keep one and judge by the same code.

mod account;
mod amount;
mod error;
mod invite;
mod pool;
mod records;
mod verify;

pub use account::{Account, Lane, Numbers, Sponsored};
pub use amount::Amount;
pub use error::{CreditError, Stop};
pub use invite::{Invite, InviteError, InviteKeyUse, InviteSecret};
pub use pool::Pool;
pub use records::{CreditRecord, Iou, Line, Mandate, Prices, Ratio, Reason, Receipt, Renewal, Unit, UseOfLink, What};

use crate::limits::LOG_ENTRIES_MAX;

/// What a creditor serves beyond what was signed, in bytes, at most.
pub const TAIL_BYTES_MAX: u64 = 256 << 10;
/// The tail is at most this part of the limit: a tenth.
pub const TAIL_PARTS: u64 = 10;
/// What a device signs beyond what it was served, in bytes, at most.
pub const WINDOW_BYTES_MAX: u64 = 4 << 20;
/// The window is at most this part of the limit: a sixteenth.
pub const WINDOW_PARTS: u64 = 16;
/// Of a limit, the part from which a person is warned: 4 fifths.
pub const NEAR_FIFTHS: u64 = 4;
/// Devices of one debtor that owe: as many as its identity log has entries, so that no device is one too many.
pub const LANES_MAX: usize = LOG_ENTRIES_MAX;
/// Mandates of one debtor with one creditor.
pub const MANDATES_MAX: usize = 1024;
/// Milliseconds of a day.
pub const DAY_MS: u64 = 86_400_000;
