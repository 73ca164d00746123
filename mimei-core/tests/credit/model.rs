//! The rules of `docs/credit.md`, each asked anew of the list of all that ever happened.

use mimei_core::credit::{Account, CreditError, DAY_MS, Iou, Line, Mandate, Numbers, Receipt, What};
use mimei_core::sign::{SignKey, Signed};
use mimei_core::time::Millis;

use crate::world::World;

/// Something that happened to an account.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Line(Line),
    Receipt(Receipt),
    Iou(Iou),
    Mandate(Mandate),
    /// A device was served so much.
    Serve(SignKey, u64),
    /// Others were served so much under a mandate.
    Sponsor(What, u64, Millis),
}

/// All that happened, oldest first: records that were taken, and work that was done.
#[derive(Clone, Default)]
pub(crate) struct Model(Vec<Event>);

/// Of records, the one with the largest serial.
fn newest<T>(records: impl Iterator<Item = T>, serial: impl Fn(&T) -> u64) -> Option<T> {
    records.max_by_key(serial)
}

fn or_zero(number: i128) -> i128 {
    number.max(0)
}

impl Model {
    pub(crate) fn line(&self) -> Option<&Line> {
        newest(self.0.iter().filter_map(|e| if let Event::Line(line) = e { Some(line) } else { None }), |l| l.serial)
    }

    fn receipt(&self) -> Option<&Receipt> {
        let receipts = self.0.iter().filter_map(|e| if let Event::Receipt(receipt) = e { Some(receipt) } else { None });
        newest(receipts, |receipt| receipt.serial)
    }

    fn ious(&self) -> impl Iterator<Item = &Iou> {
        self.0.iter().filter_map(|e| if let Event::Iou(iou) = e { Some(iou) } else { None })
    }

    fn iou(&self, device: &SignKey) -> Option<&Iou> {
        newest(self.ious().filter(|iou| iou.by.device == *device), |iou| iou.serial)
    }

    fn mandates(&self) -> impl Iterator<Item = &Mandate> {
        self.0.iter().filter_map(|e| if let Event::Mandate(mandate) = e { Some(mandate) } else { None })
    }

    fn mandate(&self, what: &What) -> Option<&Mandate> {
        newest(self.mandates().filter(|mandate| mandate.what == *what), |mandate| mandate.serial)
    }

    fn devices(&self) -> Vec<SignKey> {
        let mut devices: Vec<_> = self.ious().map(|iou| iou.by.device).collect();
        devices
            .extend(self.0.iter().filter_map(|e| if let Event::Serve(device, _) = e { Some(*device) } else { None }));
        devices.sort();
        devices.dedup();
        devices
    }

    fn whats(&self) -> Vec<What> {
        let mut whats: Vec<_> = self.mandates().map(|mandate| mandate.what).collect();
        whats.sort();
        whats.dedup();
        whats
    }

    pub(crate) fn served(&self, of: &SignKey) -> i128 {
        let of_event = |e: &Event| if let Event::Serve(device, n) = e { (device == of).then_some(*n) } else { None };
        self.0.iter().filter_map(of_event).map(i128::from).sum()
    }

    fn sponsored_when(&self, of: &What, counts: impl Fn(Millis) -> bool) -> i128 {
        let of_event = |e: &Event| match e {
            Event::Sponsor(what, n, at) if what == of && counts(*at) => Some(i128::from(*n)),
            _ => None,
        };
        self.0.iter().filter_map(of_event).sum()
    }

    fn sponsored(&self, of: &What) -> i128 {
        self.sponsored_when(of, |_| true)
    }

    fn today(&self, of: &What, now: Millis) -> i128 {
        self.sponsored_when(of, |at| at.0 / DAY_MS == now.0 / DAY_MS)
    }

    fn total(&self, device: &SignKey) -> i128 {
        self.iou(device).map_or(0, |iou| iou.total.into())
    }

    fn folded(&self, device: &SignKey) -> i128 {
        self.iou(device).map_or(0, |iou| iou.folded.into())
    }

    pub(crate) fn limit(&self) -> i128 {
        self.line().map_or(0, |line| line.limit.into())
    }

    pub(crate) fn settled(&self) -> i128 {
        self.receipt().map_or(0, |receipt| receipt.total.into())
    }

    pub(crate) fn signed(&self) -> i128 {
        self.devices().iter().map(|device| self.total(device)).sum()
    }

    fn all_folded(&self) -> i128 {
        self.devices().iter().map(|device| self.folded(device)).sum()
    }

    pub(crate) fn tail_of(&self, device: &SignKey) -> i128 {
        or_zero(self.served(device) + self.folded(device) - self.total(device))
    }

    fn unsigned(&self) -> i128 {
        self.devices().iter().map(|device| self.tail_of(device)).sum()
    }

    fn owed(&self) -> i128 {
        or_zero(self.whats().iter().map(|what| self.sponsored(what)).sum::<i128>() - self.all_folded())
    }

    fn reserved(&self, now: Millis) -> i128 {
        let left = |what: &What| {
            let mandate = self.mandate(what).unwrap();
            let has_ended = mandate.until.is_some_and(|until| until <= now);
            if has_ended { 0 } else { or_zero(i128::from(mandate.total) - self.sponsored(what)) }
        };
        self.whats().iter().map(left).sum()
    }

    pub(crate) fn exposure(&self, now: Millis) -> i128 {
        or_zero(self.signed() + self.unsigned() + self.owed() + self.reserved(now) - self.settled())
    }

    pub(crate) fn numbers(&self, now: Millis) -> Numbers {
        let number = |number: i128| u64::try_from(number).unwrap();
        Numbers {
            limit: number(self.limit()),
            signed: number(self.signed()),
            settled: number(self.settled()),
            unsigned: number(self.unsigned()),
            owed: number(self.owed()),
            reserved: number(self.reserved(now)),
            exposure: number(self.exposure(now)),
        }
    }

    /// All that the creditor did for the debtor: what both sides would agree on if they saw everything.
    pub(crate) fn debt(&self) -> i128 {
        let served: i128 = self.devices().iter().map(|device| self.served(device)).sum();
        served + self.whats().iter().map(|what| self.sponsored(what)).sum::<i128>()
    }

    pub(crate) fn with(&self, event: Event) -> Self {
        let mut after = self.clone();
        after.push(event);
        after
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.0.push(event);
    }

    fn line_stands(&self, now: Millis) -> bool {
        self.line().is_some_and(|line| line.limit > 0 && line.until.is_none_or(|until| until > now))
    }

    pub(crate) fn tail_max(&self) -> i128 {
        (self.limit() / 10).min(262_144)
    }

    /// The three rules of work for a device.
    pub(crate) fn may_serve(&self, device: &SignKey, n: u64, now: Millis) -> bool {
        let after = self.with(Event::Serve(*device, n));
        self.line_stands(now) && after.tail_of(device) <= self.tail_max() && after.exposure(now) <= self.limit()
    }

    pub(crate) fn may_sponsor(&self, what: &What, n: u64, now: Millis) -> bool {
        let Some(mandate) = self.mandate(what) else { return false };
        self.line_stands(now)
            && mandate.until.is_none_or(|until| until > now)
            && self.sponsored(what) + i128::from(n) <= i128::from(mandate.total)
            && self.today(what, now) + i128::from(n) <= i128::from(mandate.day)
            && self.exposure(now) <= self.limit()
    }

    /// What mandates allow to be folded, less what is.
    fn to_fold(&self) -> i128 {
        let allowed = |what: &What| self.sponsored(what).min(self.mandate(what).unwrap().total.into());
        or_zero(self.whats().iter().map(allowed).sum::<i128>() - self.all_folded())
    }

    /// What a device signs next: total and folded.
    pub(crate) fn to_sign(&self, next: &Iou, ahead: u64, now: Millis) -> Option<(u64, u64)> {
        let device = &next.by.device;
        let folded = self.folded(device) + self.to_fold();
        let least = (self.served(device) + folded).max(self.total(device));
        let most = self.served(device) + folded + if self.line_stands(now) { i128::from(ahead) } else { 0 };
        let fits = |total: i128| {
            let (total, folded) = (u64::try_from(total).unwrap(), u64::try_from(folded).unwrap());
            self.with(Event::Iou(Iou { total, folded, ..next.clone() })).exposure(now) <= self.limit()
        };
        // The largest that fits, by halving: what was served and signed is owed in any case.
        let (mut low, mut high) = (least, most.max(least));
        while low < high {
            let middle = low + (high - low + 1) / 2;
            (low, high) = if fits(middle) { (middle, high) } else { (low, middle - 1) };
        }
        let signed = (low, folded);
        (signed != (self.total(device), self.folded(device)))
            .then(|| (u64::try_from(signed.0).unwrap(), u64::try_from(signed.1).unwrap()))
    }

    /// Takes a record in, or says why not.
    pub(crate) fn take(&mut self, event: Event) -> Result<bool, CreditError> {
        let (is_newer, is_same) = match &event {
            Event::Line(new) => order(new, self.line(), |line| line.serial),
            Event::Receipt(new) => order(new, self.receipt(), |receipt| receipt.serial),
            Event::Iou(new) => order(new, self.iou(&new.by.device), |iou| iou.serial),
            Event::Mandate(new) => order(new, self.mandate(&new.what), |mandate| mandate.serial),
            Event::Serve(..) | Event::Sponsor(..) => (true, false),
        };
        let (contradicts, shrinks) = match &event {
            Event::Receipt(new) => (new.amount > new.total, i128::from(new.total) < self.settled()),
            Event::Iou(new) => {
                let device = &new.by.device;
                let shrinks =
                    i128::from(new.total) < self.total(device) || i128::from(new.folded) < self.folded(device);
                (new.folded > new.total, shrinks)
            }
            Event::Mandate(new) => (false, i128::from(new.total) < self.sponsored(&new.what)),
            _ => (false, false),
        };
        match (contradicts, is_newer, is_same) {
            (true, _, _) => Err(CreditError::BadNumbers),
            (false, false, true) => Err(CreditError::SameSerial),
            (false, false, false) => Ok(false),
            (false, true, _) if shrinks => Err(CreditError::Shrinks),
            (false, true, _) => {
                self.push(event);
                Ok(true)
            }
        }
    }
}

/// Whether a record is newer than the newest, and whether it is another with the same serial.
fn order<T: PartialEq>(new: &T, known: Option<&T>, serial: impl Fn(&T) -> u64) -> (bool, bool) {
    let Some(known) = known else { return (true, false) };
    (serial(new) > serial(known), serial(new) == serial(known) && new != known)
}

/// Lets the same happen to an account.
pub(crate) fn take(account: &mut Account, event: &Event, world: &World) -> Result<bool, CreditError> {
    match event.clone() {
        Event::Line(line) => account.take_line(world.sign(line), &world.logs),
        Event::Receipt(receipt) => account.take_receipt(world.sign(receipt), &world.logs),
        Event::Iou(iou) => account.take_iou(world.sign(iou), &world.logs),
        Event::Mandate(mandate) => account.take_mandate(world.sign(mandate), &world.logs),
        Event::Serve(device, n) => {
            account.serve(device, n);
            Ok(true)
        }
        Event::Sponsor(what, n, now) => {
            account.sponsor(&what, n, now);
            Ok(true)
        }
    }
}

/// The newest records of an account, as one side shows them to the other.
pub(crate) fn records_of(account: &Account) -> Vec<Event> {
    fn body<T: Clone>(signed: &Signed<T>) -> T {
        signed.body.clone()
    }
    let ious = account.lanes().values().filter_map(|lane| lane.iou.as_ref()).map(|iou| Event::Iou(body(iou)));
    let mandates = account.sponsored().values().map(|sponsored| Event::Mandate(body(&sponsored.mandate)));
    let line = account.line().map(|line| Event::Line(body(line)));
    let receipt = account.receipt().map(|receipt| Event::Receipt(body(receipt)));
    line.into_iter().chain(receipt).chain(ious).chain(mandates).collect()
}
