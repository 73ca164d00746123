//! Which records are taken, and why others are not.

use mimei_core::cbor::Cbor;
use mimei_core::cid::{AccessId, Cid, Codec, MimeiId};
use mimei_core::credit::{
    Account, CreditError, CreditRecord, Iou, LANES_MAX, Line, MANDATES_MAX, Mandate, Prices, Receipt, Renewal, What,
};
use mimei_core::link::LinkSecret;
use mimei_core::mimei::{Proof, Signer, SignerError};
use mimei_core::sign::{Domain, SignKey, Signed};

use crate::world::{CREDITOR, DEBTOR, Device, NOW, OTHER, World, what};

/// What all four records have in common.
trait Taken: CreditRecord + Clone + PartialEq {
    /// One that is in order, with the serial 5.
    fn sample(world: &World) -> Self;
    fn take(account: &mut Account, record: Signed<Self>, world: &World) -> Result<bool, CreditError>;
    fn by_mut(&mut self) -> &mut Signer;
    fn serial_mut(&mut self) -> &mut u64;
    /// Says something else under the same serial.
    fn altered(self) -> Self;
    /// Between other parties, signed by whom it is by.
    fn of_others(world: &World) -> Vec<Self>;
    /// Whose device signs it.
    const SIGNER: usize;
}

macro_rules! taken {
    ($record:ident, $signer:ident, $take:ident, $sample:expr, $alter:expr, $other:ident) => {
        impl Taken for $record {
            const SIGNER: usize = $signer;

            fn sample(world: &World) -> Self {
                $sample(world)
            }

            fn take(account: &mut Account, record: Signed<Self>, world: &World) -> Result<bool, CreditError> {
                account.$take(record, &world.logs)
            }

            fn by_mut(&mut self) -> &mut Signer {
                &mut self.by
            }

            fn serial_mut(&mut self) -> &mut u64 {
                &mut self.serial
            }

            fn altered(mut self) -> Self {
                $alter(&mut self);
                self
            }

            fn of_others(world: &World) -> Vec<Self> {
                let good = Self::sample(world);
                let mut by_other = good.clone();
                by_other.by = world.by((OTHER, 0));
                // The right person in the wrong part.
                let mut by_same = good.clone();
                by_same.by = world.by((if Self::SIGNER == CREDITOR { DEBTOR } else { CREDITOR }, 0));
                let mut to_other = good.clone();
                to_other.$other = world.user(OTHER);
                vec![by_other, by_same, to_other]
            }
        }
    };
}

taken!(Line, CREDITOR, take_line, |world: &World| world.line(1000, 5), |line: &mut Line| line.limit += 1, debtor);
taken!(Receipt, CREDITOR, take_receipt, |w: &World| w.receipt(1000, 10, 5), |r: &mut Receipt| r.total += 1, debtor);
taken!(Iou, DEBTOR, take_iou, |world: &World| world.iou(0, 1000, 10, 5), |iou: &mut Iou| iou.total += 1, creditor);
taken!(Mandate, DEBTOR, take_mandate, |w: &World| w.mandate(what(0), 1000, 5), |m: &mut Mandate| m.day = 7, creditor);

fn assert_refused<T: Taken>(record: Signed<T>, error: CreditError, world: &World) {
    // Into an empty account, and into one that knows a good record.
    let mut known = world.account();
    let mut older = T::sample(world);
    *older.serial_mut() = 4;
    assert_eq!(T::take(&mut known, world.sign(older), world), Ok(true));
    for mut account in [world.account(), known] {
        let before = account.clone();
        assert_eq!(T::take(&mut account, record.clone(), world), Err(error), "{}", T::DOMAIN.as_str());
        assert_eq!(account, before, "nothing is changed");
    }
}

macro_rules! for_each_record {
    ($(#[$meta:meta])* $name:ident, $check:ident) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            let world = World::new();
            $check::<Line>(&world);
            $check::<Receipt>(&world);
            $check::<Iou>(&world);
            $check::<Mandate>(&world);
        }
    };
}

fn good<T: Taken>(world: &World) {
    let (mut account, good) = (world.account(), world.sign(T::sample(world)));
    assert_eq!(T::take(&mut account, good.clone(), world), Ok(true));
    let known = account.clone();
    for _ in 0..2 {
        assert_eq!(T::take(&mut account, good.clone(), world), Ok(false));
        assert_eq!(account, known);
    }
}
for_each_record!(a_record_is_taken_once_and_a_replay_changes_nothing, good);

fn any_device<T: Taken>(world: &World) {
    let mut record = T::sample(world);
    *record.by_mut() = world.by((T::SIGNER, 1));
    assert_eq!(T::take(&mut world.account(), world.sign(record), world), Ok(true));
}
for_each_record!(any_device_of_the_right_user_signs, any_device);

fn first_serial<T: Taken>(world: &World) {
    let mut record = T::sample(world);
    *record.serial_mut() = 0;
    assert_eq!(T::take(&mut world.account(), world.sign(record), world), Ok(true));
}
for_each_record!(a_first_record_may_have_the_serial_zero, first_serial);

fn older<T: Taken>(world: &World) {
    let mut account = world.account();
    assert_eq!(T::take(&mut account, world.sign(T::sample(world)), world), Ok(true));
    let before = account.clone();
    let mut older = T::sample(world).altered();
    *older.serial_mut() = 4;
    assert_eq!(T::take(&mut account, world.sign(older), world), Ok(false));
    assert_eq!(account, before);
}
for_each_record!(an_older_serial_changes_nothing, older);

fn newer<T: Taken>(world: &World) {
    let mut account = world.account();
    assert_eq!(T::take(&mut account, world.sign(T::sample(world)), world), Ok(true));
    let before = account.clone();
    let mut newer = T::sample(world).altered();
    *newer.serial_mut() = 9;
    assert_eq!(T::take(&mut account, world.sign(newer), world), Ok(true));
    assert_ne!(account, before);
}
for_each_record!(a_larger_serial_replaces_also_with_a_gap, newer);

fn same_serial<T: Taken>(world: &World) {
    let mut account = world.account();
    assert_eq!(T::take(&mut account, world.sign(T::sample(world)), world), Ok(true));
    let before = account.clone();
    let other = world.sign(T::sample(world).altered());
    assert_eq!(T::take(&mut account, other, world), Err(CreditError::SameSerial));
    assert_eq!(account, before);
}
for_each_record!(other_contents_under_the_same_serial_are_refused, same_serial);

fn wrong_signer<T: Taken>(world: &World) {
    let bad = CreditError::Signer(SignerError::BadSignature);
    let signed_by = |device: Device| world.sign_as(device, T::DOMAIN, T::sample(world));
    assert_refused(signed_by((OTHER, 0)), bad, world);
    assert_refused(signed_by((T::SIGNER, 1)), bad, world);
    let signed = world.sign(T::sample(world));
    assert_refused(Signed { sig: signed.sig, body: T::sample(world).altered() }, bad, world);
}
for_each_record!(a_signature_by_another_device_or_over_another_record_is_refused, wrong_signer);

fn wrong_domain<T: Taken>(world: &World) {
    let domains = [Domain::Line, Domain::Iou, Domain::Receipt, Domain::Mandate, Domain::Prices, Domain::Head];
    for domain in domains.into_iter().filter(|domain| *domain != T::DOMAIN) {
        let record = world.sign_as((T::SIGNER, 0), domain, T::sample(world));
        assert_refused(record, CreditError::Signer(SignerError::BadSignature), world);
    }
}
for_each_record!(a_signature_in_another_domain_is_refused, wrong_domain);

fn strange_device<T: Taken>(world: &World) {
    let mut record = T::sample(world);
    record.by_mut().device = world.key((OTHER, 0));
    assert_refused(world.sign(record), CreditError::Signer(SignerError::UnknownDevice), world);
}
for_each_record!(a_device_of_somebody_else_is_refused, strange_device);

fn bad_log<T: Taken>(world: &World) {
    let mut record = T::sample(world);
    record.by_mut().log = Vec::new();
    assert_refused(world.sign(record), CreditError::Signer(SignerError::BadLogList), world);
    let mut record = T::sample(world);
    record.by_mut().log = world.by((OTHER, 0)).log;
    let user = world.user(T::SIGNER);
    assert_refused(world.sign(record), CreditError::Signer(SignerError::LogTooOld(user)), world);
    let mut without = World::new();
    without.logs.remove(&user);
    let taken = T::take(&mut world.account(), world.sign(T::sample(world)), &without);
    assert_eq!(taken, Err(CreditError::Signer(SignerError::UnknownUser(user))));
}
for_each_record!(a_record_waits_for_the_identity_that_it_cites, bad_log);

fn others<T: Taken>(world: &World) {
    for record in T::of_others(world) {
        assert_refused(world.sign(record), CreditError::OtherParties, world);
    }
}
for_each_record!(a_record_between_other_parties_is_refused, others);

fn link_proof<T: Taken>(world: &World) {
    let mut record = T::sample(world);
    let (link, by) = (LinkSecret::from_bytes([5; 32]), world.by((T::SIGNER, 0)));
    let proof = link.prove(by.user, by.device, MimeiId::of(b"mimei"), AccessId::of(b"access"));
    record.by_mut().proof = Some(Proof::Link(proof));
    assert_refused(world.sign(record), CreditError::OtherParties, world);
}
for_each_record!(a_link_pays_and_promises_nothing, link_proof);

fn revoked<T: Taken>(_: &World) {
    let mut world = World::new();
    let mut stands = T::sample(&world);
    *stands.by_mut() = world.by((T::SIGNER, 1));
    let stands = world.sign(stands);
    let mut falls = stands.body.clone().altered();
    *falls.serial_mut() = 6;
    let falls = world.sign(falls);
    assert!(stands.device_stands(&world.logs) && falls.device_stands(&world.logs));
    world.revoke((T::SIGNER, 1), vec![Cid::of(Codec::DagCbor, &stands.to_cbor())]);
    assert!(stands.device_stands(&world.logs));
    assert!(!falls.device_stands(&world.logs), "what a stolen device signs later can be told");
    // What both sides had signed stays signed.
    assert_eq!(T::take(&mut world.account(), falls, &world), Ok(true));
}
for_each_record!(records_of_a_revoked_device_are_told_apart_and_count, revoked);

#[test]
fn an_iou_does_not_shrink_in_either_number() {
    let world = World::new();
    let mut account = world.account();
    assert_eq!(account.take_iou(world.sign(world.iou(0, 1000, 100, 5)), &world.logs), Ok(true));
    let before = account.clone();
    for (total, folded) in [(999, 100), (1000, 99), (0, 0), (2000, 99), (999, 200)] {
        let taken = account.take_iou(world.sign(world.iou(0, total, folded, 6)), &world.logs);
        assert_eq!(taken, Err(CreditError::Shrinks), "{total} {folded}");
        assert_eq!(account, before);
    }
    assert_eq!(account.take_iou(world.sign(world.iou(0, 1000, 100, 6)), &world.logs), Ok(true));
    assert_eq!(account.take_iou(world.sign(world.iou(1, 1, 0, 1)), &world.logs), Ok(true), "each lane for itself");
    assert_eq!(account.numbers(NOW).signed, 1001);
}

#[test]
fn an_iou_folds_no_more_than_its_total() {
    let world = World::new();
    assert_refused(world.sign(world.iou(0, 99, 100, 5)), CreditError::BadNumbers, &world);
    assert_eq!(world.account().take_iou(world.sign(world.iou(0, 100, 100, 5)), &world.logs), Ok(true));
}

#[test]
fn what_is_settled_does_not_shrink_and_is_no_less_than_what_was_added() {
    let world = World::new();
    let mut account = world.account();
    assert_eq!(account.take_receipt(world.sign(world.receipt(1000, 1000, 5)), &world.logs), Ok(true));
    let before = account.clone();
    let shrunk = account.take_receipt(world.sign(world.receipt(999, 1, 6)), &world.logs);
    assert_eq!(shrunk, Err(CreditError::Shrinks));
    assert_eq!(account, before);
    assert_refused(world.sign(world.receipt(1000, 1001, 5)), CreditError::BadNumbers, &world);
}

#[test]
fn a_line_that_renews_every_no_days_is_refused() {
    let world = World::new();
    let line = |days| Line { renews: Some(Renewal { days, amount: 1 }), ..world.line(1, 5) };
    assert_refused(world.sign(line(0)), CreditError::BadNumbers, &world);
    assert_eq!(world.account().take_line(world.sign(line(1)), &world.logs), Ok(true));
}

#[test]
fn a_mandate_does_not_take_back_what_was_served_under_it() {
    let world = World::new();
    let mut account = world.account_of(10_000);
    let take = |account: &mut Account, total, serial| {
        account.take_mandate(world.sign(world.mandate(what(1), total, serial)), &world.logs)
    };
    assert_eq!(take(&mut account, 1000, 1), Ok(true));
    account.sponsor(&what(1), 600, NOW);
    let before = account.clone();
    assert_eq!(take(&mut account, 599, 2), Err(CreditError::Shrinks));
    assert_eq!(account, before);
    assert_eq!(take(&mut account, 600, 2), Ok(true));
    assert_eq!(account.numbers(NOW).reserved, 0);
    // A newer one goes on from there.
    assert_eq!(take(&mut account, 700, 3), Ok(true));
    assert_eq!((account.numbers(NOW).reserved, account.numbers(NOW).owed), (100, 600));
}

#[test]
fn there_are_no_more_lanes_than_devices_may_be() {
    let world = World::new();
    let mut account = world.account_of(1 << 40);
    (0..LANES_MAX).for_each(|n| account.serve(SignKey([n as u8, (n >> 8) as u8].repeat(16).try_into().unwrap()), 1));
    let taken = account.take_iou(world.sign(world.iou(0, 1, 0, 1)), &world.logs);
    assert_eq!(taken, Err(CreditError::TooMany));
    assert_eq!(account.lanes().len(), LANES_MAX);
}

#[test]
fn one_mandate_too_many_is_refused_and_a_newer_one_for_the_same_is_not() {
    let world = World::new();
    let mut account = world.account();
    let of =
        |n: usize, serial| world.sign(world.mandate(What::Mimei(MimeiId::of(&(n as u64).to_be_bytes())), 1, serial));
    for n in 0..MANDATES_MAX {
        assert_eq!(account.take_mandate(of(n, 1), &world.logs), Ok(true));
    }
    assert_eq!(account.take_mandate(of(MANDATES_MAX, 1), &world.logs), Err(CreditError::TooMany));
    assert_eq!(account.take_mandate(of(0, 2), &world.logs), Ok(true));
    assert_eq!(account.sponsored().len(), MANDATES_MAX);
}

#[test]
fn mandates_for_a_link_and_for_all_readers_are_two() {
    let world = World::new();
    let mut account = world.account_of(10_000);
    let What::Link(link) = what(1) else { unreachable!("odd ones are links") };
    for what in [what(1), What::Mimei(link.mimei)] {
        assert_eq!(account.take_mandate(world.sign(world.mandate(what, 100, 1)), &world.logs), Ok(true));
    }
    account.sponsor(&what(1), 30, NOW);
    let used: Vec<_> = account.sponsored().iter().map(|(what, sponsored)| (*what, sponsored.used)).collect();
    assert_eq!(used, [(what(1), 30), (What::Mimei(link.mimei), 0)]);
}

#[test]
fn a_price_list_is_by_its_creditor() {
    let world = World::new();
    let (creditor, prices) = (world.user(CREDITOR), world.prices());
    assert_eq!(Prices::check(&world.sign(prices.clone()), &creditor, &world.logs), Ok(()));
    let other = Prices::check(&world.sign(prices.clone()), &world.user(OTHER), &world.logs);
    assert_eq!(other, Err(CreditError::OtherParties));
    let bad = Err(CreditError::Signer(SignerError::BadSignature));
    let line = world.sign_as((CREDITOR, 0), Domain::Line, prices.clone());
    assert_eq!(Prices::check(&line, &creditor, &world.logs), bad);
    let mut cheaper = world.sign(prices);
    cheaper.body.traffic.units = 0;
    assert_eq!(Prices::check(&cheaper, &creditor, &world.logs), bad);
}

#[test]
fn each_reason_is_said_in_a_sentence_of_its_own() {
    let world = World::new();
    let errors = [
        CreditError::OtherParties,
        CreditError::Signer(SignerError::UnknownUser(world.user(OTHER))),
        CreditError::Shrinks,
        CreditError::SameSerial,
        CreditError::BadNumbers,
        CreditError::TooMany,
    ];
    let said: std::collections::BTreeSet<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), errors.len());
}
