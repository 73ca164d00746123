//! The accounts of a peer: as the one that is served, and as the one that serves.

mod commands;

pub use commands::{AccountView, Blocked, CreditCommand, CreditOutcome, CreditPolicy, NewInvite, SponsoredView, Terms};

use alloc::rc::Rc;

use super::{Shared, items};

/// Carries out a command.
pub(super) async fn run(_shared: &Rc<Shared>, _command: CreditCommand) -> Result<CreditOutcome, items::Fault> {
    Err(items::Fault::rule("credit.none", "not built yet"))
}
