//! The accounts of a peer: as the one that is served ([`debtor`]), and as the one that serves ([`creditor`]).
//!
//! A [`Ledger`] is one account in memory. Whoever changes its records holds its lock; counts change at once and
//! reach the store with the next record, or after so many bytes, so that a crash costs whoever counts little.

mod charge;
mod commands;
mod creditor;
mod debtor;
mod news;
mod owner;
mod pay;
mod promises;
mod rows;
mod view;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use core::cell::{Cell, Ref, RefCell, RefMut};

use charge::charge_visitor;
pub(super) use charge::{charge, flush};
pub use commands::{AccountView, Blocked, CreditCommand, CreditOutcome, CreditPolicy, NewInvite, SponsoredView, Terms};
pub(super) use creditor::{accept, credit, mandate, pay};
pub(super) use debtor::{keep_asking, met, sponsor_shares, told};
pub(super) use owner::{blocked_user, is_blocked, load_blocked};
pub(super) use pay::{Spend, cover, payer, refused};
pub(super) use promises::{has_room_for, space_of};

use super::items::{self, Fault};
use super::task::{Lock, LockGuard};
use super::{CommandError, Event, Shared};
use crate::cbor::Cbor;
use crate::cid::{MimeiId, UserId};
use crate::credit::{Account, CreditRecord, Pool, Prices};
use crate::mimei::Signer;
use crate::order;
use crate::sign::Signed;
use crate::store::{Batch, StoreError};
use rows::{AccountRow, Sides};

/// Accounts in memory. One that nothing is done with is forgotten for another.
const LEDGERS_MAX: usize = 1024;

/// All accounts in memory, and what belongs to none.
#[derive(Default)]
pub(crate) struct Accounts {
    open: RefCell<BTreeMap<Sides, Rc<Ledger>>>,
    prices: RefCell<Option<Signed<Prices>>>,
    pool: Cell<Option<Pool>>,
    /// What was drained from the pool and is not in the store.
    pool_unsaved: Cell<u64>,
    blocked: RefCell<Option<BTreeSet<Blocked>>>,
    /// Held while price list, pool or invites are read and changed.
    lock: Lock,
}

/// One account in memory.
pub(in crate::peer) struct Ledger {
    sides: Sides,
    account: RefCell<Option<Account>>,
    row: RefCell<Option<AccountRow>>,
    /// Whether a change was refused by the store, so that memory is ahead of it.
    is_stale: Cell<bool>,
    /// Held while its records change.
    lock: Lock,
    /// What was counted and is not in the store.
    unsaved: Cell<u64>,
    /// As the debtor: what is being done with the creditor.
    talk: pay::Talk,
}

impl Accounts {
    /// Forgets the counts that are not in the store, and all else that is.
    fn ledger(&self, sides: Sides) -> Rc<Ledger> {
        let mut open = self.open.borrow_mut();
        if open.len() >= LEDGERS_MAX && !open.contains_key(&sides) {
            let idle = open.iter().find(|(_, ledger)| Rc::strong_count(ledger) == 1 && ledger.unsaved.get() == 0);
            let idle = idle.map(|(sides, _)| *sides);
            idle.map(|idle| open.remove(&idle));
        }
        open.entry(sides).or_insert_with(|| Ledger::new(sides)).clone()
    }
}

impl Ledger {
    fn new(sides: Sides) -> Rc<Self> {
        Rc::new(Self {
            sides,
            account: RefCell::default(),
            row: RefCell::default(),
            is_stale: Cell::new(false),
            lock: Lock::default(),
            unsaved: Cell::new(0),
            talk: pay::Talk::default(),
        })
    }

    /// The account. A ledger is handed out only when it was read.
    fn account(&self) -> Ref<'_, Account> {
        Ref::map(self.account.borrow(), |account| account.as_ref().expect("only ledgers that were read are handed out"))
    }

    fn account_mut(&self) -> RefMut<'_, Account> {
        RefMut::map(self.account.borrow_mut(), |account| {
            account.as_mut().expect("only ledgers that were read are handed out")
        })
    }

    /// Waits until nobody else changes it, and makes sure that memory is what the store has.
    async fn for_change<'a>(&'a self, shared: &'a Shared) -> Result<LockGuard<'a>, StoreError> {
        let guard = self.lock.hold(&shared.effects.schedule).await;
        if self.account.borrow().is_none() || self.is_stale.get() {
            let (account, row) = rows::load(shared, &self.sides).await?;
            *self.account.borrow_mut() = Some(account);
            *self.row.borrow_mut() = row;
            self.is_stale.set(false);
        }
        Ok(guard)
    }

    /// The row that is kept beside the records; a new one for an account that is opened now.
    fn row_or_new(&self, shared: &Shared) -> AccountRow {
        let now = shared.effects.now();
        self.row.borrow().clone().unwrap_or_else(|| AccountRow {
            label: alloc::string::String::new(),
            since: now,
            debtor: self.sides.debtor,
            stored: 0,
            renewed: now,
            creditor: self.sides.creditor,
        })
    }

    /// Makes a change of records durable, with the counts. What the caller changed in memory before is read again
    /// if that fails. The caller holds the lock.
    async fn keep(&self, shared: &Shared, row: AccountRow, mut batch: Batch) -> Result<(), StoreError> {
        rows::put_counts(&self.account(), &self.sides, &mut batch);
        batch.put.push((self.sides.account(), row.to_cbor()));
        batch.strict = true;
        let unsaved = self.unsaved.get();
        let kept = shared.effects.apply(batch).await;
        match &kept {
            Ok(()) => {
                *self.row.borrow_mut() = Some(row);
                self.unsaved.set(self.unsaved.get().saturating_sub(unsaved));
                shared.effects.event(Event::CreditChanged);
            }
            Err(_) => self.is_stale.set(true),
        }
        kept
    }
}

/// The account between two, as this peer has it.
async fn ledger(shared: &Shared, creditor: UserId, debtor: UserId) -> Result<Rc<Ledger>, StoreError> {
    let ledger = shared.accounts.ledger(Sides { creditor, debtor });
    if ledger.account.borrow().is_none() || ledger.is_stale.get() {
        drop(ledger.for_change(shared).await?);
    }
    Ok(ledger)
}

fn own_user(shared: &Shared) -> UserId {
    shared.log.borrow().user()
}

/// By whom a record of this device is.
fn signer(shared: &Shared) -> Signer {
    let mut log = shared.log.borrow().newest();
    order::sort(&mut log);
    Signer { log, user: own_user(shared), proof: None, device: shared.device }
}

async fn sign<T: CreditRecord>(shared: &Shared, body: T) -> Signed<T> {
    Signed { sig: shared.effects.sign(T::DOMAIN, body.to_cbor()).await, body }
}

async fn visit(shared: &Shared, mimei: &MimeiId, bytes: u64) -> Result<CreditOutcome, Fault> {
    let item = items::open(shared, mimei).await?.ok_or_else(Fault::unknown)?;
    let charged = charge_visitor(shared, &item, bytes).await;
    charged.map_err(CommandError::Refused)?;
    Ok(CreditOutcome::Done)
}

/// Carries out a command.
pub(super) async fn run(shared: &Shared, command: CreditCommand) -> Result<CreditOutcome, Fault> {
    match command {
        CreditCommand::Accounts => view::accounts(shared).await,
        CreditCommand::Records => view::records(shared).await,
        CreditCommand::Accept { relay, secret } => debtor::accept(shared, relay, &secret).await,
        CreditCommand::Sponsor { creditor, what, day, total, until } => {
            debtor::sponsor(shared, creditor, what, debtor::Caps { day, total, until }).await
        }
        CreditCommand::Invite(new) => owner::invite(shared, new).await,
        CreditCommand::Grant { debtor, terms } => owner::grant(shared, debtor, terms).await,
        CreditCommand::Settle { debtor, amount, reason } => owner::settle(shared, debtor, amount, reason).await,
        CreditCommand::Block { what, is_blocked } => owner::block(shared, what, is_blocked).await,
        CreditCommand::Blocks => owner::blocks(shared).await,
        CreditCommand::Visit { mimei, bytes } => visit(shared, &mimei, bytes).await,
    }
}
