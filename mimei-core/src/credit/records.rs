//! What the two sides of an account sign.

use core::num::NonZeroU64;

use crate::cbor::{Cbor, DecodeError, DecodeErrorKind, Reader, Writer};
use crate::cid::{MimeiId, UserId};
use crate::mimei::Signer;
use crate::record::{record, text_enum, union};
use crate::sign::{Domain, SignKey};
use crate::time::Millis;

text_enum! {
    /// What amounts are counted in.
    pub enum Unit {
        /// Bytes of credit.
        "byte" => Byte,
    }
}

record! {
    /// A debt that is settled by itself every so many days.
    #[derive(Copy)]
    pub struct Renewal {
        /// After how many days, each time; at least one.
        "days" => days: u64,
        /// How much at most.
        "amount" => amount: u64,
    }
}

record! {
    /// A creditor's promise to serve on trust.
    pub struct Line {
        /// The creditor.
        "by" => by: Signer,
        /// What the amounts are counted in.
        "unit" => unit: Unit,
        /// The largest exposure.
        "limit" => limit: u64,
        /// Bytes of blocks that are kept for MiMeis of the debtor.
        "space" => space: u64,
        /// When it ends for new work, by the creditor's clock.
        "until" => until: Option<Millis>,
        /// The debtor.
        "debtor" => debtor: UserId,
        /// Version of the price list.
        "prices" => prices: u64,
        /// What is settled by itself.
        "renews" => renews: Option<Renewal>,
        /// Rises with each line for this debtor.
        "serial" => serial: u64,
    }
}

record! {
    /// A device's signature for what its user was served.
    pub struct Iou {
        /// The debtor, by one device: the lane.
        "by" => by: Signer,
        /// What the amounts are counted in.
        "unit" => unit: Unit,
        /// In all, until now.
        "total" => total: u64,
        /// The part of it that was served under mandates.
        "folded" => folded: u64,
        /// Rises with each IOU of the lane.
        "serial" => serial: u64,
        /// To whom.
        "creditor" => creditor: UserId,
    }
}

text_enum! {
    /// Why something was settled.
    pub enum Reason {
        /// The line renews.
        "allowance" => Allowance,
        /// The debtor did something for the creditor.
        "service" => Service,
        /// The debtor gave a voucher.
        "voucher" => Voucher,
        /// Debts were exchanged.
        "exchange" => Exchange,
        /// The creditor did not do what it counted.
        "refund" => Refund,
        /// The creditor gives it.
        "gift" => Gift,
    }
}

record! {
    /// A creditor's signature for what is settled.
    pub struct Receipt {
        /// The creditor.
        "by" => by: Signer,
        /// When, by the creditor's clock.
        "time" => time: Millis,
        /// What the amounts are counted in.
        "unit" => unit: Unit,
        /// In all, until now.
        "total" => total: u64,
        /// What this receipt added.
        "amount" => amount: u64,
        /// Whose debt.
        "debtor" => debtor: UserId,
        /// Why.
        "reason" => reason: Reason,
        /// Rises with each receipt for this debtor.
        "serial" => serial: u64,
    }
}

record! {
    /// Readers and writers who came by a link.
    #[derive(Copy, PartialOrd, Ord)]
    pub struct UseOfLink {
        /// The link's signing key.
        "link" => link: SignKey,
        /// Into which MiMei.
        "mimei" => mimei: MimeiId,
    }
}

union! {
    /// What is paid for by a mandate.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum What {
        /// What those do who came by a link.
        "link" => Link(UseOfLink),
        /// What those read who may because everyone may.
        "mimei" => Mimei(MimeiId),
    }
}

record! {
    /// A device's signature in advance, for what others will be served.
    pub struct Mandate {
        /// The debtor.
        "by" => by: Signer,
        /// At most so much a day.
        "day" => day: u64,
        /// What the amounts are counted in.
        "unit" => unit: Unit,
        /// Who is served at the debtor's expense.
        "what" => what: What,
        /// At most so much in all, with what was served under earlier mandates for the same.
        "total" => total: u64,
        /// When it ends for new work, by the creditor's clock.
        "until" => until: Option<Millis>,
        /// Rises with each mandate for the same.
        "serial" => serial: u64,
        /// By whom they are served.
        "creditor" => creditor: UserId,
    }
}

impl Mandate {
    /// Whether its time is over.
    pub fn has_ended(&self, now: Millis) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Units of credit for an amount of work. Rounded up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio {
    /// For so much work.
    pub per: NonZeroU64,
    /// So many units.
    pub units: u64,
}

impl Ratio {
    /// One unit for each byte.
    pub const ONE: Self = Self { per: NonZeroU64::MIN, units: 1 };

    /// What so much work costs.
    pub fn of(self, work: u64) -> u64 {
        let exact = u128::from(work) * u128::from(self.units);
        u64::try_from(exact.div_ceil(u128::from(self.per.get()))).unwrap_or(u64::MAX)
    }
}

impl Cbor for Ratio {
    fn write(&self, w: &mut Writer) {
        w.map(2);
        w.text("per");
        w.uint(self.per.get());
        w.text("units");
        w.uint(self.units);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.map_of(2)?;
        r.key("per")?;
        let at = r.position();
        let per = NonZeroU64::new(r.uint()?).ok_or(DecodeError::new(at, DecodeErrorKind::OutOfRange))?;
        r.key("units")?;
        Ok(Self { per, units: r.uint()? })
    }
}

record! {
    /// What a creditor asks for its work.
    pub struct Prices {
        /// The creditor.
        "by" => by: Signer,
        /// For bytes of blocks, in either direction.
        "traffic" => traffic: Ratio,
        /// Rises with each price list.
        "version" => version: u64,
    }
}

/// A record of an account: who signs it, and in which domain.
pub trait CreditRecord: Cbor {
    /// The domain of its signature.
    const DOMAIN: Domain;

    /// Whose device signs it.
    fn by(&self) -> &Signer;
}

macro_rules! credit_records {
    ($($name:ident),*) => {$(
        impl CreditRecord for $name {
            const DOMAIN: Domain = Domain::$name;

            fn by(&self) -> &Signer {
                &self.by
            }
        }
    )*};
}

credit_records!(Line, Iou, Receipt, Mandate, Prices);
