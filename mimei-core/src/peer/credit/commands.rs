//! What a driver may want of the accounts of this peer, and what it gets.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cid::{Cid, MimeiId, UserId};
use crate::credit::{InviteSecret, Lane, Line, Mandate, Numbers, Ratio, Reason, Receipt, Renewal, What};
use crate::limits::AUTHOR_BYTES_MAX;
use crate::peer::ConnectionId;
use crate::record::{record, union};
use crate::seeded::Seed;
use crate::sign::{SignKey, Signed};
use crate::time::Millis;

record! {
    /// What a line promises.
    #[derive(Copy, Default)]
    pub struct Terms {
        /// The largest exposure.
        "limit" => limit: u64,
        /// Bytes of blocks that are kept for MiMeis of the debtor.
        "space" => space: u64,
        /// When it ends for new work.
        "until" => until: Option<Millis>,
        /// What is settled by itself.
        "renews" => renews: Option<Renewal>,
    }
}

/// How a peer serves on credit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreditPolicy {
    /// The line of whoever comes; none if an invite is needed.
    pub welcome: Option<Terms>,
    /// What strangers are served a day, in units of credit.
    pub strangers: u64,
    /// What a byte costs.
    pub traffic: Ratio,
}

impl CreditPolicy {
    /// So much for whoever comes that nobody notices a bound: for a house with its door open, and for tests.
    pub fn open() -> Self {
        let terms = Terms { limit: 1 << 50, space: AUTHOR_BYTES_MAX, until: None, renews: None };
        Self { welcome: Some(terms), strangers: 1 << 50, traffic: Ratio::ONE }
    }
}

impl Default for CreditPolicy {
    /// Nothing for anyone.
    fn default() -> Self {
        Self { welcome: None, strangers: 0, traffic: Ratio::ONE }
    }
}

union! {
    /// What a relay's owner does not want served.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum Blocked {
        /// Nothing of it is served or taken.
        "mimei" => Mimei(MimeiId),
        /// No session with this user; nothing of theirs is served or taken.
        "user" => User(UserId),
        /// This one block.
        "block" => Block(Cid),
    }
}

/// What a driver may want of the accounts of this peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CreditCommand {
    /// The accounts; answered by [`CreditOutcome::Accounts`].
    Accounts,
    /// All signed records of the accounts, for export; answered by [`CreditOutcome::Records`].
    Records,
    /// As the debtor: uses an invite in a session with its relay; answered by [`CreditOutcome::Account`].
    Accept {
        /// The session.
        relay: ConnectionId,
        /// The invite.
        secret: InviteSecret,
    },
    /// As the debtor: signs a mandate in place of the one there is; answered by [`CreditOutcome::Done`].
    Sponsor {
        /// With whom.
        creditor: UserId,
        /// Who is served at this user's expense.
        what: What,
        /// At most so much a day.
        day: u64,
        /// At most so much in all. What was served already counts, and is the least.
        total: u64,
        /// When it ends; a time that has passed ends it now.
        until: Option<Millis>,
    },
    /// As the creditor: makes an invite; answered by [`CreditOutcome::Invited`].
    Invite(NewInvite),
    /// As the creditor: signs a line; answered by [`CreditOutcome::Account`].
    Grant {
        /// For whom.
        debtor: UserId,
        /// Its terms.
        terms: Terms,
    },
    /// As the creditor: signs a receipt; answered by [`CreditOutcome::Account`].
    Settle {
        /// Whose debt.
        debtor: UserId,
        /// How much of it.
        amount: u64,
        /// Why.
        reason: Reason,
    },
    /// Stops or allows again what the owner does not want served; answered by [`CreditOutcome::Done`].
    Block {
        /// What.
        what: Blocked,
        /// Whether it is stopped from now on.
        is_blocked: bool,
    },
    /// What is stopped; answered by [`CreditOutcome::Blocked`].
    Blocks,
    /// As the creditor: counts what somebody without a name is served of a MiMei that is open to everyone; answered
    /// by [`CreditOutcome::Done`], or refused if nobody pays for it.
    Visit {
        /// Of which MiMei.
        mimei: MimeiId,
        /// How many bytes.
        bytes: u64,
    },
}

/// What makes an invite.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewInvite {
    /// The terms of the line that it gives.
    pub terms: Terms,
    /// What the owner calls who is invited; may be empty.
    pub label: String,
    /// How many people may use it.
    pub uses: u64,
    /// When it ends.
    pub until: Option<Millis>,
    /// Fresh randomness.
    pub seed: Seed,
}

/// What a [`CreditCommand`] led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CreditOutcome {
    /// It was done.
    Done,
    /// The accounts, those in which this peer owes first.
    Accounts(Vec<AccountView>),
    /// One account as it is now.
    Account(alloc::boxed::Box<AccountView>),
    /// The secret of a new invite.
    Invited(InviteSecret),
    /// Names of records and their canonical bytes, signatures included.
    Records(Vec<(&'static str, Vec<u8>)>),
    /// What is stopped.
    Blocked(Vec<Blocked>),
}

/// An account as it looks from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountView {
    /// Who serves.
    pub creditor: UserId,
    /// Who is served.
    pub debtor: UserId,
    /// Whether this peer is the one that owes.
    pub owes: bool,
    /// What the owner calls the debtor; empty if nothing, and always on the debtor's side.
    pub label: String,
    /// The newest line.
    pub line: Option<Signed<Line>>,
    /// The newest receipt.
    pub receipt: Option<Signed<Receipt>>,
    /// What follows from records and counts.
    pub numbers: Numbers,
    /// The lanes by device.
    pub lanes: Vec<(SignKey, Lane)>,
    /// The mandates.
    pub sponsored: Vec<SponsoredView>,
    /// Bytes of blocks kept for the debtor, as the creditor last said.
    pub stored: u64,
    /// Why nothing goes on, in a sentence; none if it does.
    pub stop: Option<String>,
}

/// A mandate as it looks from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SponsoredView {
    /// The mandate.
    pub mandate: Signed<Mandate>,
    /// What was served under it.
    pub used: u64,
    /// The part of that on the creditor's present day.
    pub today: u64,
}
