//! Which versions a MiMei shows: heads, and the tips among them.
//!
//! What a head needs in order to be in the set at all depends on what it names
//! alone: its form, its signature, the heads before it, and that its signer had
//! the right under the access record it cites. Whether it is *valid* depends on
//! the whole set, the access chain and the identity logs as they are now, never
//! on when it arrived:
//!
//! - It is valid by itself if its device did not equivocate (below), its release
//!   stands (below), and either its signer has the right now and a valid device
//!   (or its device's revocation names it), or an access record that counts names it.
//! - It is valid if a valid head descends from it.
//!
//! The *tips* are the valid heads from which no other valid one descends.
//!
//! The *right* is `save`. A head whose `release` is in none of the heads before it
//! needs `release`; if it changes nothing else, it needs `release` only. A release
//! *stands* if the signer of the head that has it may release by the newest access
//! record (by date: now, or when the head claims to be signed); or if a head that
//! a record names is that head or descends from it; or if it is that of a head
//! before it whose release stands. So nobody releases by signing a head without
//! the right and a second one on top, and who lost the right to release but may
//! save does not release under an older record.
//!
//! *Equivocation*: two heads of one device of which neither descends from the
//! other. Both stay in the set as proof, and neither they nor what the device
//! signed after them is valid by itself; the last head that all others of the
//! device descend from stands. An honest device names its newest head in its next
//! and so never looks like this.
//!
//! For a right that ended by date, a relay named in the newest access record that
//! saw the head before counts as naming it.

mod reach;
mod record;
mod set;
mod tips;

pub use record::Head;
pub use set::{Coverage, HeadError, HeadSet};
pub use tips::{Judge, NextHead, Tip, Tips};
