//! Two sides that tell each other what they have, late, twice and in any order.

use mimei_core::credit::{Account, Stop};
use mimei_core::sign::SignKey;
use proptest::prelude::*;

use crate::fixed;
use crate::model::{Event, records_of, take};
use crate::world::{DEBTOR, DEVICES, NOW, World, what};

const LIMIT: u64 = 1_000_000;
const PROMISED: u64 = 100_000;

/// What a relay and the devices of a user know, each for itself.
struct Net {
    world: World,
    creditor: Account,
    devices: Vec<Account>,
    /// Every record that was ever sent.
    sent: Vec<Event>,
}

impl Net {
    fn new() -> Self {
        let world = World::new();
        let devices = (0..DEVICES).map(|_| world.account()).collect();
        let mut net = Self { creditor: world.account_of(LIMIT), world, devices, sent: Vec::new() };
        net.promise(0, PROMISED);
        net.statement(0);
        net
    }

    fn key(&self, device: usize) -> SignKey {
        self.world.key((DEBTOR, device))
    }

    /// The creditor's statement to a device: its records, and what it counted for this device and under mandates.
    fn statement(&mut self, device: usize) {
        for record in records_of(&self.creditor) {
            let _ = take(&mut self.devices[device], &record, &self.world);
            self.sent.push(record);
        }
        let key = self.key(device);
        self.devices[device].set_served(key, self.creditor.lane(&key).served);
        for (what, sponsored) in self.creditor.sponsored() {
            self.devices[device].set_sponsored(what, sponsored.used, sponsored.day, sponsored.today);
        }
    }

    /// A device signs by what it knows. The IOU may be lost on its way.
    fn sign(&mut self, device: usize, ahead: u64, is_lost: bool) {
        let key = self.key(device);
        let Some((total, folded)) = self.devices[device].to_sign(&key, ahead, NOW) else { return };
        let serial = self.devices[device].lane(&key).iou.map_or(1, |iou| iou.body.serial + 1);
        let iou = Event::Iou(self.world.iou(device, total, folded, serial));
        assert_eq!(take(&mut self.devices[device], &iou, &self.world), Ok(true));
        if !is_lost {
            assert_eq!(take(&mut self.creditor, &iou, &self.world), Ok(true), "what a device signs is taken");
        }
        self.sent.push(iou);
    }

    /// What the device knows is shown to the creditor, as in the ask `credit`.
    fn show(&mut self, device: usize) {
        for record in records_of(&self.devices[device]) {
            take(&mut self.creditor, &record, &self.world).unwrap();
        }
    }

    fn serve(&mut self, device: usize, n: u64) -> Result<(), Stop> {
        let key = self.key(device);
        self.creditor.may_serve(&key, n, NOW)?;
        self.creditor.serve(key, n);
        self.devices[device].serve(key, n);
        Ok(())
    }

    fn promise(&mut self, n: usize, total: u64) {
        let known = self.creditor.sponsored().get(&what(n)).map_or(0, |known| known.mandate.body.serial);
        let mandate = self.world.mandate(what(n), total, known + 1);
        assert_eq!(take(&mut self.creditor, &Event::Mandate(mandate), &self.world), Ok(true));
    }

    fn settle(&mut self, amount: u64) {
        let known = self.creditor.receipt().map_or((0, 0), |known| (known.body.serial, known.body.total));
        let receipt = self.world.receipt(known.1 + amount, amount, known.0 + 1);
        assert_eq!(take(&mut self.creditor, &Event::Receipt(receipt), &self.world), Ok(true));
    }
}

#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    device: usize,
    amount: u64,
    pick: prop::sample::Index,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..12_u8, 0..DEVICES, 1..60_000_u64, any::<prop::sample::Index>());
    let step = step.prop_map(|(kind, device, amount, pick)| Step { kind, device, amount, pick });
    prop::collection::vec(step, 1..60)
}

fn play(steps: &[Step]) -> Net {
    let mut net = Net::new();
    for Step { kind, device, amount, pick } in steps.iter().cloned() {
        match kind {
            0..=1 => net.statement(device),
            2..=3 => net.sign(device, amount.min(net.devices[device].window()), false),
            4 => net.sign(device, amount.min(net.devices[device].window()), true),
            5 => net.show(device),
            6 => {
                let old = pick.get(&net.sent.clone()[..]).clone();
                let _ = take(&mut net.creditor, &old, &net.world);
            }
            7 if net.creditor.may_sponsor(&what(0), amount / 10, NOW).is_ok() => {
                net.creditor.sponsor(&what(0), amount / 10, NOW);
            }
            8 => net.settle(amount / 20),
            _ => {
                let _ = net.serve(device, amount);
            }
        }
    }
    net
}

proptest! {
    #![proptest_config(fixed(50))]

    #[test]
    fn sides_that_tell_each_other_late_and_twice_end_with_the_same(steps in steps()) {
        let mut net = play(&steps);
        (0..DEVICES).for_each(|device| net.show(device));
        (0..DEVICES).for_each(|device| net.statement(device));
        let signed = net.creditor.numbers(NOW);
        for device in &net.devices {
            let numbers = device.numbers(NOW);
            prop_assert_eq!((numbers.limit, numbers.signed, numbers.settled), (signed.limit, signed.signed, signed.settled));
            prop_assert_eq!((numbers.owed, numbers.reserved), (signed.owed, signed.reserved));
            prop_assert_eq!(device.receipt(), net.creditor.receipt());
            prop_assert_eq!(device.line(), net.creditor.line());
        }
        // Whatever was lost on its way, nobody is stuck: a device pays what it was served, and the tails are gone.
        for device in 0..DEVICES {
            net.statement(device);
            net.sign(device, 0, false);
        }
        prop_assert_eq!(net.creditor.numbers(NOW).unsigned, 0);
        prop_assert_eq!(net.creditor.numbers(NOW).owed, 0);
    }

    #[test]
    fn devices_that_do_not_know_of_each_other_overrun_the_limit_by_what_they_sign_ahead_at_most(steps in steps()) {
        let net = play(&steps);
        let numbers = net.creditor.numbers(NOW);
        // Each may sign its window, and what was sponsored once more.
        let others = DEVICES as u64 * (net.creditor.window() + PROMISED);
        prop_assert!(numbers.exposure <= LIMIT + others);
        for (key, lane) in net.creditor.lanes() {
            prop_assert!(lane.unsigned() <= net.creditor.tail_max(), "{:?}", key);
        }
    }

    #[test]
    fn the_same_records_in_any_order_and_number_leave_the_same(
        steps in steps(),
        orders in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 100), 2),
    ) {
        let net = play(&steps);
        let all = net.sent.clone();
        let read = |order: &[prop::sample::Index]| {
            let mut account = net.world.account();
            for event in order.iter().map(|index| index.get(&all)).chain(&all) {
                assert!(take(&mut account, event, &net.world).is_ok(), "{event:?}");
            }
            account
        };
        let [one, other] = [read(&orders[0]), read(&orders[1])];
        prop_assert_eq!(&one, &other);
        let newest: u64 = (0..DEVICES).map(|device| net.devices[device].lane(&net.key(device)).total()).sum();
        prop_assert_eq!(one.numbers(NOW).signed, newest);
    }
}

#[test]
fn a_device_that_lost_its_data_goes_on_from_its_last_iou() {
    let mut net = Net::new();
    net.statement(0);
    net.sign(0, 50_000, false);
    assert_eq!(net.serve(0, 40_000), Ok(()));
    net.devices[0] = net.world.account();
    net.statement(0);
    let key = net.key(0);
    assert_eq!(net.devices[0].lane(&key), net.creditor.lane(&key));
    net.sign(0, 50_000, false);
    let iou = net.creditor.lane(&key).iou.unwrap().body;
    assert_eq!((iou.total, iou.serial), (90_000, 2));
}

#[test]
fn a_relay_restored_from_an_older_copy_gets_back_what_both_signed() {
    let mut net = Net::new();
    let older = net.creditor.clone();
    net.settle(500);
    net.statement(0);
    net.sign(0, 50_000, false);
    assert_eq!(net.serve(0, 40_000), Ok(()));
    let before = net.creditor.clone();
    net.creditor = older;
    net.show(0);
    let numbers = |account: &Account| (account.numbers(NOW).signed, account.numbers(NOW).settled);
    assert_eq!(numbers(&net.creditor), numbers(&before));
    // What it counted is gone: the device has that signed ahead.
    assert_eq!(net.creditor.lane(&net.key(0)).ahead(), 50_000);
}
