//! What is counted: each block for whoever pays for it, or why nobody does.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::creditor::{remote, stopped};
use super::promises::lined;
use super::{Ledger, own_user, rows};
use crate::cbor::Cbor;
use crate::credit::{Pool, Stop, UseOfLink, What};
use crate::peer::Shared;
use crate::peer::connection::Connection;
use crate::peer::items::Item;
use crate::peer::serve::store_refusal;
use crate::store::{Batch, StoreError};
use crate::wire::{Payer, Refusal, RefusalCode};

/// What is counted before it reaches the store, in units of credit: what a crash may cost.
const UNSAVED_MAX: u64 = 1 << 20;

/// What was counted for a block that may yet not be served.
pub(in crate::peer) struct Charge {
    taken: Option<(Rc<Ledger>, Paid, u64)>,
}

enum Paid {
    Lane(crate::sign::SignKey),
    Mandate(What),
}

impl Charge {
    /// The block was not served: it is not counted.
    pub(in crate::peer) fn take_back(self) {
        let Some((ledger, paid, amount)) = self.taken else { return };
        let mut account = ledger.account_mut();
        match paid {
            Paid::Lane(device) => {
                let served = account.lane(&device).served.saturating_sub(amount);
                account.set_served(device, served);
            }
            Paid::Mandate(what) => {
                if let Some(sponsored) = account.sponsored().get(&what) {
                    let (used, day, today) = (sponsored.used, sponsored.day, sponsored.today);
                    account.set_sponsored(&what, used.saturating_sub(amount), day, today.saturating_sub(amount));
                }
            }
        }
    }
}

/// Counts a block for whoever pays for it, or says why nobody does.
pub(in crate::peer) async fn charge(
    shared: &Shared,
    connection: &Connection,
    item: &Item,
    payer: Payer,
    is_read: bool,
    bytes: u64,
) -> Result<Charge, Refusal> {
    let remote = remote(connection)?;
    let amount = shared.policy.traffic.of(bytes);
    let own = own_user(shared);
    if remote.user == own {
        return Ok(Charge { taken: None });
    }
    match payer {
        Payer::Asker => {
            let ledger = lined(shared, remote.user).await?;
            ledger.account().may_serve(&remote.device, amount, shared.effects.now()).map_err(stopped)?;
            ledger.account_mut().serve(remote.device, amount);
            counted(shared, &ledger, amount);
            Ok(Charge { taken: Some((ledger, Paid::Lane(remote.device), amount)) })
        }
        Payer::Sponsor => sponsored(shared, connection, item, is_read, amount).await,
    }
}

async fn sponsored(
    shared: &Shared,
    connection: &Connection,
    item: &Item,
    is_read: bool,
    amount: u64,
) -> Result<Charge, Refusal> {
    let author = item.state().genesis.author;
    if author == own_user(shared) {
        return Ok(Charge { taken: None });
    }
    let ledger = lined(shared, author).await?;
    let now = shared.effects.now();
    let mut why = Stop::NoMandate;
    for what in mandates_for(connection, item) {
        let may = ledger.account().may_sponsor(&what, amount, now);
        match may {
            Ok(()) => {
                ledger.account_mut().sponsor(&what, amount, now);
                counted(shared, &ledger, amount);
                return Ok(Charge { taken: Some((ledger, Paid::Mandate(what), amount)) });
            }
            Err(Stop::NoMandate) => {}
            Err(stop) => why = stop,
        }
    }
    if is_read && drain_pool(shared, amount).await.map_err(store_refusal)? {
        return Ok(Charge { taken: None });
    }
    // It is not the asker who can do something about it.
    Err(Refusal::new(RefusalCode::Unpaid, alloc::format!("{why}")))
}

fn mandates_for(connection: &Connection, item: &Item) -> Vec<What> {
    let entered = connection.entered.borrow();
    let links = entered.iter().filter(|(mimei, _)| *mimei == item.id);
    let links = links.map(|(mimei, link)| What::Link(UseOfLink { link: *link, mimei: *mimei }));
    links.chain([What::Mimei(item.id)]).collect()
}

/// Serves somebody unnamed from the strangers' pool, or under the author's mandate for everyone.
pub(in crate::peer) async fn charge_visitor(shared: &Shared, item: &Item, bytes: u64) -> Result<(), Refusal> {
    let author = item.state().genesis.author;
    if author == own_user(shared) {
        return Ok(());
    }
    let amount = shared.policy.traffic.of(bytes);
    let ledger = lined(shared, author).await?;
    let (what, now) = (What::Mimei(item.id), shared.effects.now());
    let may = ledger.account().may_sponsor(&what, amount, now);
    match may {
        Ok(()) => {
            ledger.account_mut().sponsor(&what, amount, now);
            counted(shared, &ledger, amount);
            Ok(())
        }
        Err(_) if drain_pool(shared, amount).await.map_err(store_refusal)? => Ok(()),
        Err(stop) => Err(Refusal::new(RefusalCode::Unpaid, alloc::format!("{stop}"))),
    }
}

/// Brings counts to the store when enough have come together.
fn counted(shared: &Shared, ledger: &Rc<Ledger>, amount: u64) {
    let before = ledger.unsaved.get();
    ledger.unsaved.set(before.saturating_add(amount));
    if before < UNSAVED_MAX && ledger.unsaved.get() >= UNSAVED_MAX {
        save_soon(shared, ledger);
    }
}

fn save_soon(shared: &Shared, ledger: &Rc<Ledger>) {
    let (task_shared, ledger) = (shared.to_rc(), ledger.clone());
    shared.effects.schedule.spawn(async move {
        let Ok(_lock) = ledger.for_change(&task_shared).await else { return };
        let row = ledger.row_or_new(&task_shared);
        // What is not saved is counted again from the store: the loss is this side's own.
        let _ = ledger.keep(&task_shared, row, Batch::default()).await;
    });
}

/// Brings the counts of a session that ended to the store.
pub(in crate::peer) fn flush(shared: &Shared) {
    let open: Vec<_> = shared.accounts.open.borrow().values().filter(|l| l.unsaved.get() > 0).cloned().collect();
    for ledger in open {
        save_soon(shared, &ledger);
    }
    if shared.accounts.pool_unsaved.get() > 0 {
        let task_shared = shared.to_rc();
        shared.effects.schedule.spawn(async move {
            let _lock = task_shared.accounts.lock.hold(&task_shared.effects.schedule).await;
            // What is not saved is lost to this side only.
            let _ = save_pool(&task_shared).await;
        });
    }
}

/// Brings the level of the pool to the store. The caller holds the lock.
async fn save_pool(shared: &Shared) -> Result<(), StoreError> {
    let Some(pool) = shared.accounts.pool.get() else { return Ok(()) };
    let put = [(rows::pool_key(), pool.to_cbor())].into();
    shared.effects.apply(Batch { put, ..Batch::default() }).await?;
    shared.accounts.pool_unsaved.set(0);
    Ok(())
}

async fn drain_pool(shared: &Shared, amount: u64) -> Result<bool, StoreError> {
    let _lock = shared.accounts.lock.hold(&shared.effects.schedule).await;
    let mut pool = match shared.accounts.pool.get() {
        Some(pool) => pool,
        None => rows::read(shared, rows::pool_key()).await?.unwrap_or_default(),
    };
    let now = shared.effects.now();
    let is_served = Pool::drain(&mut pool, amount, shared.policy.strangers, now);
    shared.accounts.pool.set(Some(pool));
    let unsaved = shared.accounts.pool_unsaved.get().saturating_add(if is_served { amount } else { 0 });
    shared.accounts.pool_unsaved.set(unsaved);
    if unsaved >= UNSAVED_MAX {
        save_pool(shared).await?;
    }
    Ok(is_served)
}
