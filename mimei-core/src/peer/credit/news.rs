//! Records of an account on their way in: verified, kept, believed, in this order.

use alloc::vec::Vec;

use super::Ledger;
use super::rows::AccountRow;
use crate::cbor::Cbor;
use crate::credit::{Account, CreditError, Iou, Line, Mandate, Receipt};
use crate::mimei::Logs;
use crate::peer::Shared;
use crate::sign::Signed;
use crate::store::{Batch, StoreError};

/// Records that may be newer than those of an account.
#[derive(Default)]
pub(super) struct News {
    pub(super) line: Option<Signed<Line>>,
    pub(super) receipt: Option<Signed<Receipt>>,
    pub(super) ious: Vec<Signed<Iou>>,
    pub(super) mandates: Vec<Signed<Mandate>>,
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_none() && self.receipt.is_none() && self.ious.is_empty() && self.mandates.is_empty()
    }

    /// Those that verify and are newer. One that does not verify fails all.
    pub(super) fn newer(mut self, account: &Account, logs: &impl Logs) -> Result<Self, CreditError> {
        let mut trial = account.clone();
        if let Some(line) = &self.line
            && !trial.take_line(line.clone(), logs)?
        {
            self.line = None;
        }
        if let Some(receipt) = &self.receipt
            && !trial.take_receipt(receipt.clone(), logs)?
        {
            self.receipt = None;
        }
        let mut fault = None;
        self.ious.retain(|iou| newer_or(&mut fault, trial.take_iou(iou.clone(), logs)));
        self.mandates.retain(|mandate| newer_or(&mut fault, trial.take_mandate(mandate.clone(), logs)));
        fault.map_or(Ok(self), Err)
    }

    /// Makes them durable and then believes them. The caller holds the ledger's lock and has them verified.
    pub(super) async fn keep(
        self,
        shared: &Shared,
        ledger: &Ledger,
        row: AccountRow,
        mut batch: Batch,
    ) -> Result<(), StoreError> {
        let sides = &ledger.sides;
        batch.put.extend(self.line.iter().map(|line| (sides.line(), line.to_cbor())));
        batch.put.extend(self.receipt.iter().map(|receipt| (sides.receipt(), receipt.to_cbor())));
        batch.put.extend(self.ious.iter().map(|iou| (sides.iou(&iou.body.by.device), iou.to_cbor())));
        batch.put.extend(self.mandates.iter().map(|mandate| (sides.mandate(&mandate.body.what), mandate.to_cbor())));
        ledger.keep(shared, row, batch).await?;
        let mut account = ledger.account_mut();
        // They were judged against this account, which only the holder of the lock changes.
        let _ = self.line.map(|line| account.put_line(line));
        let _ = self.receipt.map(|receipt| account.put_receipt(receipt));
        for iou in self.ious {
            let _ = account.put_iou(iou);
        }
        for mandate in self.mandates {
            let _ = account.put_mandate(mandate);
        }
        Ok(())
    }
}

fn newer_or(fault: &mut Option<CreditError>, taken: Result<bool, CreditError>) -> bool {
    taken.unwrap_or_else(|error| {
        fault.get_or_insert(error);
        false
    })
}
