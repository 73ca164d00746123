//! Who may do what: a chain of records of its own, which heads cite and never set.
//!
//! Record 0 is implied by the genesis: the author has every right, for ever, and
//! nobody else has any. Each later record says all of it anew and follows one
//! other. What a record needs in order to be in the chain at all depends on the
//! records before it alone: form, signature, its signer's set-rights under the
//! record it follows. Which branch of a fork wins, and so who may do what now,
//! depends on the whole set and on the identity logs, never on the order of
//! arrival; [`view`](AccessChain::view) says the rules.
//!
//! Stops: a writer undoing a revocation (heads cannot set access), a junior
//! throwing out a senior, a removed member's backdated records winning over the
//! record that removed it, and a stolen device's records counting after its
//! revocation.

mod chain;
mod keys;
mod record;
mod view;
mod walk;

pub use chain::{AccessChain, AccessError};
pub use keys::{EpochKeys, KeyHistory, KeysError, NewEpoch, SealedKey, open_epoch, open_history};
pub use record::{AccessRecord, Audience, Everyone, LinkKeys, Who};
pub use view::{AccessChange, AccessView};
