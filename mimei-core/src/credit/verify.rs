//! Records of others enter an account here, verified.

use super::account::Account;
use super::error::CreditError;
use super::records::{CreditRecord, Iou, Line, Mandate, Prices, Receipt};
use crate::cbor::Cbor;
use crate::cid::{Cid, Codec, UserId};
use crate::mimei::Logs;
use crate::sign::Signed;

fn check<T: CreditRecord>(signed: &Signed<T>, logs: &impl Logs) -> Result<(), CreditError> {
    let by = signed.body.by();
    if by.proof.is_some() {
        return Err(CreditError::OtherParties);
    }
    by.check_device(signed, T::DOMAIN, logs).map_err(CreditError::Signer)
}

macro_rules! take {
    ($($(#[$doc:meta])* $name:ident, $put:ident, $record:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// Why it is refused. Then nothing is changed.
        pub fn $name(&mut self, record: Signed<$record>, logs: &impl Logs) -> Result<bool, CreditError> {
            check(&record, logs)?;
            self.$put(record)
        }
    )*};
}

impl Account {
    take! {
        /// Takes a line of the creditor; says whether it is newer than what is known.
        take_line, put_line, Line;
        /// Takes a receipt of the creditor; says whether it is newer than what is known.
        take_receipt, put_receipt, Receipt;
        /// Takes an IOU of a device of the debtor; says whether it is newer than what is known.
        take_iou, put_iou, Iou;
        /// Takes a mandate of the debtor; says whether it is newer than what is known.
        take_mandate, put_mandate, Mandate;
    }
}

impl<T: CreditRecord> Signed<T> {
    /// Whether its device is valid now, or the device's revocation names this record as standing.
    ///
    /// A creditor that is shown a line or a receipt of its own takes it only then: otherwise whoever has a device that
    /// was stolen and revoked writes one for itself.
    pub fn device_stands(&self, logs: &impl Logs) -> bool {
        self.body.by().device_stands(&Cid::of(Codec::DagCbor, &self.to_cbor()), logs)
    }
}

impl Prices {
    /// Checks that a price list is by `creditor`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(prices: &Signed<Self>, creditor: &UserId, logs: &impl Logs) -> Result<(), CreditError> {
        if prices.body.by.user != *creditor {
            return Err(CreditError::OtherParties);
        }
        check(prices, logs)
    }
}
