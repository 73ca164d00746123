//! What lies between one creditor and one debtor, and what follows from it.

use alloc::collections::BTreeMap;

use super::error::{CreditError, Stop};
use super::records::{Iou, Line, Mandate, Receipt, What};
use super::{DAY_MS, LANES_MAX, MANDATES_MAX, NEAR_FIFTHS, TAIL_BYTES_MAX, TAIL_PARTS, WINDOW_BYTES_MAX, WINDOW_PARTS};
use crate::cid::UserId;
use crate::sign::{SignKey, Signed};
use crate::time::Millis;

/// What one device of the debtor signed, and what it was served.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lane {
    /// The newest IOU.
    pub iou: Option<Signed<Iou>>,
    /// What the device caused and pays for: the creditor's count, and on the device itself its own.
    pub served: u64,
}

impl Lane {
    /// What was signed in all.
    pub fn total(&self) -> u64 {
        self.iou.as_ref().map_or(0, |iou| iou.body.total)
    }

    /// The part of it that was served under mandates.
    pub fn folded(&self) -> u64 {
        self.iou.as_ref().map_or(0, |iou| iou.body.folded)
    }

    fn due(&self) -> u64 {
        self.served.saturating_add(self.folded())
    }

    /// What was served and not signed for.
    pub fn unsigned(&self) -> u64 {
        self.due().saturating_sub(self.total())
    }

    /// What was signed for and not served yet.
    pub fn ahead(&self) -> u64 {
        self.total().saturating_sub(self.due())
    }
}

/// A mandate and what was served under it and those before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sponsored {
    /// The newest for what it pays.
    pub mandate: Signed<Mandate>,
    /// In all.
    pub used: u64,
    /// The last day on which something was, in days since the Unix epoch by the creditor's clock.
    pub day: u64,
    /// On that day.
    pub today: u64,
}

impl Sponsored {
    fn new(mandate: Signed<Mandate>) -> Self {
        Self { mandate, used: 0, day: 0, today: 0 }
    }

    /// What it served on the day of `now`.
    pub fn used_today(&self, now: Millis) -> u64 {
        if now.0 / DAY_MS == self.day { self.today } else { 0 }
    }

    /// What it may still serve.
    pub fn reserved(&self, now: Millis) -> u64 {
        if self.has_ended(now) { 0 } else { self.mandate.body.total.saturating_sub(self.used) }
    }

    /// Whether its time is over.
    pub fn has_ended(&self, now: Millis) -> bool {
        self.mandate.body.has_ended(now)
    }
}

/// The numbers of an account. Each follows from the records and the counts as `docs/credit.md` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// The largest exposure, 0 without a line.
    pub limit: u64,
    /// Sum of the IOUs.
    pub signed: u64,
    /// What is settled.
    pub settled: u64,
    /// What was served and is in no IOU, without what was sponsored.
    pub unsigned: u64,
    /// What was sponsored and is in no IOU.
    pub owed: u64,
    /// What mandates may still serve.
    pub reserved: u64,
    /// All of it together, less what is settled.
    pub exposure: u64,
}

impl Numbers {
    /// What may be added.
    pub fn available(&self) -> u64 {
        self.limit.saturating_sub(self.exposure)
    }

    /// Whether it is time to say that the limit is near.
    pub fn is_near(&self) -> bool {
        self.limit > 0 && u128::from(self.exposure) * 5 >= u128::from(self.limit) * u128::from(NEAR_FIFTHS)
    }

    fn before_settling(&self) -> u128 {
        [self.signed, self.unsigned, self.owed, self.reserved].map(u128::from).iter().sum()
    }

    /// What may stand beside so much else that is not settled.
    fn room_beside(&self, others: u128) -> u64 {
        let room = (u128::from(self.limit) + u128::from(self.settled)).saturating_sub(others);
        u64::try_from(room).unwrap_or(u64::MAX)
    }
}

/// An account as one side knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    creditor: UserId,
    debtor: UserId,
    line: Option<Signed<Line>>,
    receipt: Option<Signed<Receipt>>,
    lanes: BTreeMap<SignKey, Lane>,
    sponsored: BTreeMap<What, Sponsored>,
    is_debtors: bool,
}

impl Account {
    /// An account in which nothing was signed yet, as its creditor keeps it.
    pub fn new(creditor: UserId, debtor: UserId) -> Self {
        let (lanes, sponsored) = (BTreeMap::new(), BTreeMap::new());
        Self { creditor, debtor, line: None, receipt: None, lanes, sponsored, is_debtors: false }
    }

    /// The same as its debtor keeps it. Of two records with one serial, which two devices or copies of one may sign
    /// apart, the creditor's is taken: it is the one that counts.
    pub fn of_debtor(creditor: UserId, debtor: UserId) -> Self {
        Self { is_debtors: true, ..Self::new(creditor, debtor) }
    }

    /// Who serves.
    pub fn creditor(&self) -> UserId {
        self.creditor
    }

    /// Who is served.
    pub fn debtor(&self) -> UserId {
        self.debtor
    }

    /// The newest line.
    pub fn line(&self) -> Option<&Signed<Line>> {
        self.line.as_ref()
    }

    /// The newest receipt.
    pub fn receipt(&self) -> Option<&Signed<Receipt>> {
        self.receipt.as_ref()
    }

    /// The lanes, by device.
    pub fn lanes(&self) -> &BTreeMap<SignKey, Lane> {
        &self.lanes
    }

    /// One lane; empty if there is none.
    pub fn lane(&self, device: &SignKey) -> Lane {
        self.lanes.get(device).cloned().unwrap_or_default()
    }

    /// The mandates, by what they pay for.
    pub fn sponsored(&self) -> &BTreeMap<What, Sponsored> {
        &self.sponsored
    }

    /// Bytes of blocks that the creditor keeps for the debtor.
    pub fn space(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| line.body.space)
    }

    /// The numbers as of `now`, which only decides which mandates have ended.
    pub fn numbers(&self, now: Millis) -> Numbers {
        let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.fold(0_u64, u64::saturating_add);
        let signed = sum(&mut self.lanes.values().map(Lane::total));
        let unsigned = sum(&mut self.lanes.values().map(Lane::unsigned));
        let used = sum(&mut self.sponsored.values().map(|sponsored| sponsored.used));
        let owed = used.saturating_sub(self.folded());
        let reserved = sum(&mut self.sponsored.values().map(|sponsored| sponsored.reserved(now)));
        let settled = self.receipt.as_ref().map_or(0, |receipt| receipt.body.total);
        let limit = self.line.as_ref().map_or(0, |line| line.body.limit);
        let numbers = Numbers { limit, signed, settled, unsigned, owed, reserved, exposure: 0 };
        let exposure = numbers.before_settling().saturating_sub(u128::from(settled));
        Numbers { exposure: u64::try_from(exposure).unwrap_or(u64::MAX), ..numbers }
    }

    fn folded(&self) -> u64 {
        self.lanes.values().map(Lane::folded).fold(0, u64::saturating_add)
    }

    fn part(&self, of: u64, max: u64) -> u64 {
        self.line.as_ref().map_or(0, |line| (line.body.limit / of).min(max))
    }

    /// What may be served beyond what was signed.
    pub fn tail_max(&self) -> u64 {
        self.part(TAIL_PARTS, TAIL_BYTES_MAX)
    }

    /// What a device signs ahead.
    pub fn window(&self) -> u64 {
        self.part(WINDOW_PARTS, WINDOW_BYTES_MAX)
    }

    /// Whether the line stands at `now`.
    pub fn stands(&self, now: Millis) -> Result<&Line, Stop> {
        let line = &self.line.as_ref().ok_or(Stop::NoLine)?.body;
        if line.limit == 0 {
            return Err(Stop::NoLine);
        }
        if line.until.is_some_and(|until| until <= now) { Err(Stop::Ended) } else { Ok(line) }
    }

    /// Whether the line stands as far as this side can say: that it has ended is for the creditor's clock alone. A
    /// debtor whose clock is ahead would sign nothing more, and be refused for that.
    fn is_given(&self, now: Millis) -> Result<&Line, Stop> {
        self.stands(if self.is_debtors { Millis(0) } else { now })
    }

    /// Whether `device` may be served so much more at its user's expense.
    pub fn may_serve(&self, device: &SignKey, amount: u64, now: Millis) -> Result<(), Stop> {
        let limit = self.stands(now)?.limit;
        let lane = self.lane(device);
        // What was signed ahead is in the exposure already.
        let added = amount.saturating_sub(lane.ahead());
        if self.numbers(now).exposure.saturating_add(added) > limit {
            return Err(Stop::Limit(limit));
        }
        if lane.due().saturating_add(amount).saturating_sub(lane.total()) > self.tail_max() {
            return Err(Stop::Unsigned);
        }
        Ok(())
    }

    /// Counts what a device was served.
    pub fn serve(&mut self, device: SignKey, amount: u64) {
        let lane = self.lanes.entry(device).or_default();
        lane.served = lane.served.saturating_add(amount);
    }

    /// Takes over a count of what a device was served.
    pub fn set_served(&mut self, device: SignKey, served: u64) {
        self.lanes.entry(device).or_default().served = served;
    }

    /// Whether somebody may be served so much under the mandate for `what`.
    pub fn may_sponsor(&self, what: &What, amount: u64, now: Millis) -> Result<(), Stop> {
        self.stands(now)?;
        let sponsored = self.sponsored.get(what).ok_or(Stop::NoMandate)?;
        let mandate = &sponsored.mandate.body;
        if sponsored.has_ended(now) || sponsored.used.saturating_add(amount) > mandate.total {
            return Err(Stop::MandateUsedUp);
        }
        if sponsored.used_today(now).saturating_add(amount) > mandate.day {
            return Err(Stop::MandateToday);
        }
        let numbers = self.numbers(now);
        // It is reserved; only a line that was lowered since leaves no room for it.
        if numbers.exposure > numbers.limit { Err(Stop::Limit(numbers.limit)) } else { Ok(()) }
    }

    /// Counts what was served under the mandate for `what`.
    pub fn sponsor(&mut self, what: &What, amount: u64, now: Millis) {
        if let Some(sponsored) = self.sponsored.get_mut(what) {
            let today = sponsored.used_today(now);
            sponsored.day = now.0 / DAY_MS;
            sponsored.today = today.saturating_add(amount);
            sponsored.used = sponsored.used.saturating_add(amount);
        }
    }

    /// Takes over counts of what was served under the mandate for `what`.
    pub fn set_sponsored(&mut self, what: &What, used: u64, day: u64, today: u64) {
        if let Some(sponsored) = self.sponsored.get_mut(what) {
            (sponsored.used, sponsored.day, sponsored.today) = (used, day, today);
        }
    }

    /// Whether the line has room for what a mandate would reserve beyond the one that it follows. One that is taken
    /// without room stops everything until it has ended or is lowered.
    pub fn may_mandate(&self, mandate: &Mandate, now: Millis) -> Result<(), Stop> {
        let limit = self.is_given(now)?.limit;
        let known = self.sponsored.get(&mandate.what);
        let (used, reserved) = known.map_or((0, 0), |known| (known.used, known.reserved(now)));
        let numbers = self.numbers(now);
        let others = numbers.before_settling() - u128::from(reserved.min(numbers.reserved));
        let wanted = if mandate.has_ended(now) { 0 } else { mandate.total.saturating_sub(used) };
        if wanted > reserved && wanted > numbers.room_beside(others) { Err(Stop::Limit(limit)) } else { Ok(()) }
    }

    /// What `device` signs next, as total and the folded part of it: what it was served, what was sponsored as far
    /// as the mandates allow, and `ahead` beyond that as far as the limit allows, nothing without a line that stands.
    /// None if that is nothing new.
    pub fn to_sign(&self, device: &SignKey, ahead: u64, now: Millis) -> Option<(u64, u64)> {
        let lane = self.lane(device);
        let numbers = self.numbers(now);
        let allowed = self.sponsored.values().map(|sponsored| sponsored.mandate.body.total.min(sponsored.used));
        let unfolded = allowed.fold(0, u64::saturating_add).saturating_sub(self.folded());
        let folded = lane.folded().saturating_add(unfolded);
        let due = lane.served.saturating_add(folded);
        let ahead = if self.is_given(now).is_ok() { ahead } else { 0 };
        // Of the exposure, the lane and what is folded now become the new total; the rest stays as it is.
        let replaced = [lane.total(), lane.unsigned(), unfolded.min(numbers.owed)].map(u128::from).iter().sum();
        let room = numbers.room_beside(numbers.before_settling().saturating_sub(replaced));
        let total = due.saturating_add(ahead).min(room).max(due).max(lane.total());
        ((total, folded) != (lane.total(), lane.folded())).then_some((total, folded))
    }

    /// Takes a line that was verified; says whether it is newer.
    pub(crate) fn put_line(&mut self, line: Signed<Line>) -> Result<bool, CreditError> {
        if line.body.by.user != self.creditor || line.body.debtor != self.debtor {
            return Err(CreditError::OtherParties);
        }
        if line.body.renews.is_some_and(|renewal| renewal.days == 0) {
            return Err(CreditError::BadNumbers);
        }
        let is_newer = match &self.line {
            Some(known) => is_newer(&line.body, &known.body, |line| line.serial, self.is_debtors)?,
            None => true,
        };
        if is_newer {
            self.line = Some(line);
        }
        Ok(is_newer)
    }

    /// Takes a receipt that was verified; says whether it is newer.
    pub(crate) fn put_receipt(&mut self, receipt: Signed<Receipt>) -> Result<bool, CreditError> {
        if receipt.body.by.user != self.creditor || receipt.body.debtor != self.debtor {
            return Err(CreditError::OtherParties);
        }
        if receipt.body.amount > receipt.body.total {
            return Err(CreditError::BadNumbers);
        }
        if let Some(known) = &self.receipt {
            let is_same = receipt.body.serial == known.body.serial;
            let is_more = receipt.body.total > known.body.total;
            if !is_newer(&receipt.body, &known.body, |receipt| receipt.serial, self.is_debtors)?
                || (is_same && !is_more)
            {
                return Ok(false);
            }
            if receipt.body.total < known.body.total {
                return Err(CreditError::Shrinks);
            }
        }
        self.receipt = Some(receipt);
        Ok(true)
    }

    /// Takes an IOU that was verified; says whether it is newer.
    pub(crate) fn put_iou(&mut self, iou: Signed<Iou>) -> Result<bool, CreditError> {
        if iou.body.by.user != self.debtor || iou.body.creditor != self.creditor {
            return Err(CreditError::OtherParties);
        }
        if iou.body.folded > iou.body.total {
            return Err(CreditError::BadNumbers);
        }
        if self.lanes.len() >= LANES_MAX && !self.lanes.contains_key(&iou.body.by.device) {
            return Err(CreditError::TooMany);
        }
        let lane = self.lanes.entry(iou.body.by.device).or_default();
        let Some(known) = &lane.iou else {
            lane.iou = Some(iou);
            return Ok(true);
        };
        if !is_newer(&iou.body, &known.body, |iou| iou.serial, self.is_debtors)? {
            return Ok(false);
        }
        // Only the creditor's copy comes with a serial that is known already.
        let is_same = iou.body.serial == known.body.serial;
        if is_same {
            lane.iou = Some(iou);
            return Ok(true);
        }
        if iou.body.total < known.body.total || iou.body.folded < known.body.folded {
            return Err(CreditError::Shrinks);
        }
        lane.iou = Some(iou);
        Ok(true)
    }

    /// Takes a mandate that was verified; says whether it is newer.
    pub(crate) fn put_mandate(&mut self, mandate: Signed<Mandate>) -> Result<bool, CreditError> {
        if mandate.body.by.user != self.debtor || mandate.body.creditor != self.creditor {
            return Err(CreditError::OtherParties);
        }
        let what = mandate.body.what;
        let Some(known) = self.sponsored.get_mut(&what) else {
            if self.sponsored.len() >= MANDATES_MAX {
                return Err(CreditError::TooMany);
            }
            self.sponsored.insert(what, Sponsored::new(mandate));
            return Ok(true);
        };
        if !is_newer(&mandate.body, &known.mandate.body, |mandate| mandate.serial, self.is_debtors)? {
            return Ok(false);
        }
        let is_same = mandate.body.serial == known.mandate.body.serial;
        if !is_same && mandate.body.total < known.used {
            return Err(CreditError::Shrinks);
        }
        known.mandate = mandate;
        Ok(true)
    }
}

/// By the serial. One serial cannot stand on two records, but where the other side's word counts.
fn is_newer<T: PartialEq>(new: &T, known: &T, serial: impl Fn(&T) -> u64, yields: bool) -> Result<bool, CreditError> {
    if serial(new) == serial(known) && new != known {
        return if yields { Ok(true) } else { Err(CreditError::SameSerial) };
    }
    Ok(serial(new) > serial(known))
}
