//! How accounts lie in the store.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::Cbor;
use crate::cid::{Cid, Codec, UserId};
use crate::credit::{Account, LANES_MAX, MANDATES_MAX, Prices, What};
use crate::limits::SCAN_ROWS_MAX;
use crate::peer::Shared;
use crate::record::record;
use crate::sign::{SignKey, Signed};
use crate::store::{Batch, RowKey, Scan, StoreError, Table};
use crate::time::Millis;

use super::Terms;

const _: () = assert!(LANES_MAX <= SCAN_ROWS_MAX && MANDATES_MAX <= SCAN_ROWS_MAX);

record! {
    /// What is kept of an account beside its records.
    pub struct AccountRow {
        /// What the owner calls the debtor.
        "label" => label: String,
        /// When it was opened.
        "since" => since: Millis,
        /// Who is served.
        "debtor" => debtor: UserId,
        /// Bytes of blocks kept for the debtor, as the creditor last said.
        "stored" => stored: u64,
        /// Until when the debt was settled by itself.
        "renewed" => renewed: Millis,
        /// Who serves.
        "creditor" => creditor: UserId,
    }
}

record! {
    /// What was served under a mandate.
    pub struct SponsoredRow {
        /// The last day on which something was.
        "day" => day: u64,
        /// In all.
        "used" => used: u64,
        /// On that day.
        "today" => today: u64,
    }
}

record! {
    /// An invite as its maker keeps it.
    pub struct InviteRow {
        /// How many people may use it.
        "uses" => uses: u64,
        /// What the owner calls who is invited.
        "label" => label: String,
        /// Who used it.
        "taken" => taken: Vec<UserId>,
        /// What it gives.
        "terms" => terms: Terms,
        /// When it ends.
        "until" => until: Option<Millis>,
    }
}

/// The two sides of an account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::peer) struct Sides {
    pub(in crate::peer) creditor: UserId,
    pub(in crate::peer) debtor: UserId,
}

impl Sides {
    fn prefix(&self) -> Vec<u8> {
        [&self.creditor.cid().hash()[..], self.debtor.cid().hash()].concat()
    }

    fn key(&self, table: Table) -> RowKey {
        RowKey::new(table, self.prefix())
    }

    fn key_of(&self, table: Table, part: &[u8; 32]) -> RowKey {
        RowKey::new(table, [&self.prefix()[..], part].concat())
    }

    pub(super) fn account(&self) -> RowKey {
        self.key(Table::Account)
    }

    pub(super) fn line(&self) -> RowKey {
        self.key(Table::Line)
    }

    pub(super) fn receipt(&self) -> RowKey {
        self.key(Table::Receipt)
    }

    pub(super) fn iou(&self, device: &SignKey) -> RowKey {
        self.key_of(Table::Iou, &device.0)
    }

    pub(super) fn served(&self, device: &SignKey) -> RowKey {
        self.key_of(Table::Served, &device.0)
    }

    pub(super) fn mandate(&self, what: &What) -> RowKey {
        self.key_of(Table::Mandate, &hash_of(what))
    }

    pub(super) fn sponsored(&self, what: &What) -> RowKey {
        self.key_of(Table::Sponsored, &hash_of(what))
    }
}

fn hash_of(what: &What) -> [u8; 32] {
    *Cid::of(Codec::DagCbor, &what.to_cbor()).hash()
}

pub(super) fn prices_key(creditor: &UserId) -> RowKey {
    RowKey::new(Table::Prices, creditor.cid().hash())
}

pub(super) fn pool_key() -> RowKey {
    RowKey::new(Table::Pool, Vec::new())
}

pub(super) fn invite_key(invite: &SignKey) -> RowKey {
    RowKey::new(Table::Invite, invite.0)
}

fn damaged<E>(_: E) -> StoreError {
    StoreError::Failed("a stored row of an account is damaged".into())
}

/// A row, read.
pub(super) async fn read<T: Cbor>(shared: &Shared, key: RowKey) -> Result<Option<T>, StoreError> {
    let row = shared.effects.row(key).await?;
    row.map(|row| T::from_cbor(&row).map_err(damaged)).transpose()
}

async fn scan<T: Cbor>(shared: &Shared, table: Table, sides: &Sides) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
    let prefix = sides.prefix();
    let rows = shared.effects.scan(Scan { table, prefix, after: None, limit: SCAN_ROWS_MAX }).await?;
    rows.into_iter().map(|(key, row)| Ok((key[64..].to_vec(), T::from_cbor(&row).map_err(damaged)?))).collect()
}

/// All that the store has of an account. Its records were verified before they were kept.
pub(super) async fn load(shared: &Shared, sides: &Sides) -> Result<(Account, Option<AccountRow>), StoreError> {
    let row: Option<AccountRow> = read(shared, sides.account()).await?;
    let is_debtor = sides.debtor == super::own_user(shared);
    let new = if is_debtor { Account::of_debtor } else { Account::new };
    let mut account = new(sides.creditor, sides.debtor);
    if row.is_none() {
        return Ok((account, row));
    }
    if let Some(line) = read(shared, sides.line()).await? {
        account.put_line(line).map_err(damaged)?;
    }
    if let Some(receipt) = read(shared, sides.receipt()).await? {
        account.put_receipt(receipt).map_err(damaged)?;
    }
    for (_, iou) in scan(shared, Table::Iou, sides).await? {
        account.put_iou(iou).map_err(damaged)?;
    }
    for (device, served) in scan::<u64>(shared, Table::Served, sides).await? {
        account.set_served(SignKey(device.try_into().map_err(damaged)?), served);
    }
    for (_, mandate) in scan(shared, Table::Mandate, sides).await? {
        account.put_mandate(mandate).map_err(damaged)?;
    }
    let sponsored: Vec<(Vec<u8>, SponsoredRow)> = scan(shared, Table::Sponsored, sides).await?;
    let whats: Vec<What> = account.sponsored().keys().copied().collect();
    for what in whats {
        let hash = hash_of(&what);
        if let Some((_, row)) = sponsored.iter().find(|(part, _)| part[..] == hash) {
            account.set_sponsored(&what, row.used, row.day, row.today);
        }
    }
    Ok((account, row))
}

/// Both sides of every account that is kept here.
pub(super) async fn all(shared: &Shared) -> Result<Vec<Sides>, StoreError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { table: Table::Account, prefix: Vec::new(), after: after.take(), limit: SCAN_ROWS_MAX };
        let page = shared.effects.scan(scan).await?;
        for (_, row) in &page {
            let AccountRow { creditor, debtor, .. } = AccountRow::from_cbor(row).map_err(damaged)?;
            found.push(Sides { creditor, debtor });
        }
        match page.last() {
            Some((key, _)) if page.len() == SCAN_ROWS_MAX => after = Some(key.clone()),
            _ => return Ok(found),
        }
    }
}

/// The counts of an account, as rows.
pub(super) fn put_counts(account: &Account, sides: &Sides, batch: &mut Batch) {
    for (device, lane) in account.lanes() {
        batch.put.push((sides.served(device), lane.served.to_cbor()));
    }
    for (what, sponsored) in account.sponsored() {
        let (day, used, today) = (sponsored.day, sponsored.used, sponsored.today);
        batch.put.push((sides.sponsored(what), SponsoredRow { day, used, today }.to_cbor()));
    }
}

pub(super) async fn prices(shared: &Shared, creditor: &UserId) -> Result<Option<Signed<Prices>>, StoreError> {
    read(shared, prices_key(creditor)).await
}
