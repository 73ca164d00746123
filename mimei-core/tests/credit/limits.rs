//! Both sides keep the rules: neither loses more than it agreed to, and nothing stops before the limit.

use mimei_core::credit::{Account, DAY_MS, Stop};
use mimei_core::time::Millis;
use proptest::prelude::*;

use crate::fixed;
use crate::model::{Event, Model, take};
use crate::world::{DEBTOR, DEVICES, NOW, World, what};

const MIB: u64 = 1 << 20;

#[derive(Clone, Debug)]
enum Step {
    /// The creditor raises the line.
    Raise(u64),
    /// The creditor settles a part of what is signed.
    Settle(u8),
    /// A device signs what it should, so much ahead at most.
    Sign(usize, u64),
    /// The debtor pays for others.
    Promise(usize, u64),
    /// A device is served, if it may.
    Serve(usize, u64),
    /// Others are, if they may.
    Sponsor(usize, u64),
    /// Days pass.
    Wait(u64),
    /// A record comes once more.
    Replay(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = || prop_oneof![1..100_u64, 1..20_000_u64, 1..2 * MIB];
    let step = prop_oneof![
        1 => amount().prop_map(Step::Raise),
        1 => any::<u8>().prop_map(Step::Settle),
        5 => (0..DEVICES, amount()).prop_map(|(device, ahead)| Step::Sign(device, ahead)),
        1 => (0..DEVICES, amount()).prop_map(|(what, total)| Step::Promise(what, total)),
        6 => (0..DEVICES, amount()).prop_map(|(device, n)| Step::Serve(device, n)),
        3 => (0..DEVICES, amount()).prop_map(|(what, n)| Step::Sponsor(what, n)),
        1 => (0..3 * DAY_MS).prop_map(Step::Wait),
        2 => any::<prop::sample::Index>().prop_map(Step::Replay),
    ];
    prop::collection::vec(step, 1..80)
}

/// One account that both sides see, and the model beside it.
struct Play {
    world: World,
    account: Account,
    model: Model,
    records: Vec<Event>,
    now: Millis,
}

impl Play {
    fn new(limit: u64) -> Self {
        let world = World::new();
        let mut play = Self { account: world.account(), world, model: Model::default(), records: Vec::new(), now: NOW };
        let line = play.world.line(limit, 1);
        play.happen(Event::Line(line));
        play
    }

    fn happen(&mut self, event: Event) {
        assert_eq!(take(&mut self.account, &event, &self.world), Ok(true), "{event:?}");
        assert_eq!(self.model.take(event.clone()), Ok(true));
        if !matches!(event, Event::Serve(..) | Event::Sponsor(..)) {
            self.records.push(event);
        }
    }

    fn sign(&mut self, device: usize, ahead: u64) {
        let key = self.world.key((DEBTOR, device));
        let Some((total, folded)) = self.account.to_sign(&key, ahead, self.now) else { return };
        let serial = self.account.lane(&key).iou.map_or(1, |iou| iou.body.serial + 1);
        self.happen(Event::Iou(self.world.iou(device, total, folded, serial)));
        let again = self.account.to_sign(&key, ahead, self.now);
        assert_eq!(again, None, "who has signed has nothing to sign");
    }

    /// Serves if it may; says whether.
    fn serve(&mut self, device: usize, n: u64) -> Result<(), Stop> {
        let key = self.world.key((DEBTOR, device));
        self.account.may_serve(&key, n, self.now)?;
        self.happen(Event::Serve(key, n));
        assert!(self.model.tail_of(&key) <= self.model.tail_max(), "a device that vanishes now costs a tail at most");
        Ok(())
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Raise(by) => {
                let line = self.account.line().unwrap().body.clone();
                self.happen(Event::Line(self.world.line(line.limit + by, line.serial + 1)));
            }
            Step::Settle(part) => {
                let known = self.account.receipt().map_or((0, 0), |known| (known.body.serial, known.body.total));
                let open = self.account.numbers(self.now).signed.saturating_sub(known.1);
                let amount = open / 255 * u64::from(part);
                self.happen(Event::Receipt(self.world.receipt(known.1 + amount, amount, known.0 + 1)));
            }
            Step::Sign(device, ahead) => self.sign(device, ahead),
            Step::Promise(n, total) => {
                let known = self.account.sponsored().get(&what(n));
                let (serial, used) = known.map_or((0, 0), |known| (known.mandate.body.serial, known.used));
                let mandate = self.world.mandate(what(n), used + total, serial + 1);
                if self.account.may_mandate(&mandate, self.now).is_ok() {
                    self.happen(Event::Mandate(mandate));
                }
            }
            Step::Serve(device, n) => {
                let _ = self.serve(device, n);
            }
            Step::Sponsor(n, amount) => {
                if self.account.may_sponsor(&what(n), amount, self.now).is_ok() {
                    self.happen(Event::Sponsor(what(n), amount, self.now));
                }
            }
            Step::Wait(ms) => self.now = self.now + ms,
            Step::Replay(index) => {
                let record = index.get(&self.records).clone();
                assert_eq!(take(&mut self.account, &record, &self.world), Ok(false));
            }
        }
    }

    fn check(&self) {
        let model = &self.model;
        assert_eq!(self.account.numbers(self.now), model.numbers(self.now));
        assert!(model.exposure(self.now) <= model.limit(), "the creditor trusts no further");
        assert!(model.signed() <= model.limit() + model.settled(), "the debtor signs no more than it may owe");
        // What was done is signed for by IOUs and mandates, but for the tails.
        assert!(model.debt() <= model.limit() + model.settled());
        let (folded, sponsored) = self.account.sponsored().values().fold((0, 0), |sum, sponsored| {
            assert!(sponsored.used <= sponsored.mandate.body.total);
            (sum.0 + sponsored.mandate.body.total, sum.1 + sponsored.used)
        });
        let signed: u64 = self.account.lanes().values().map(|lane| lane.folded()).sum();
        assert!(signed <= sponsored && sponsored <= folded, "nothing is folded that no mandate allows");
    }
}

proptest! {
    #![proptest_config(fixed(150))]

    #[test]
    fn who_keeps_the_rules_stays_within_the_limit(limit in prop_oneof![1..200_u64, 1..64 * MIB], steps in steps()) {
        let mut play = Play::new(limit);
        for step in steps {
            play.step(step);
            play.check();
        }
    }

    #[test]
    fn a_debtor_who_signs_is_served_until_the_limit_is_reached(
        limit in prop_oneof![1..2_000_u64, 1..64 * MIB],
        parts in 1..40_u64,
        devices in 1..=DEVICES,
        sponsored in 0..3_u64,
    ) {
        let mut play = Play::new(limit);
        play.step(Step::Promise(0, limit / 4 * sponsored));
        // A unit of work is a block: no matter how it compares to the window and the tail.
        let unit = (limit / parts).max(1);
        let mut done = 0;
        for turn in 0.. {
            let device = turn % devices;
            play.step(Step::Sponsor(0, unit));
            let ahead = play.account.window().max(unit);
            play.sign(device, ahead);
            if let Err(stop) = play.serve(device, unit) {
                prop_assert_eq!(stop, Stop::Limit(limit));
                break;
            }
            done += 1;
            prop_assert!(done <= limit / unit);
        }
        play.check();
        // Other devices may hold what they signed ahead; one alone reaches the last unit.
        let numbers = play.account.numbers(play.now);
        let ahead: u64 = play.account.lanes().values().map(|lane| lane.ahead()).sum();
        prop_assert!(numbers.exposure - ahead + unit + (devices as u64 - 1) * play.account.window().max(unit) > limit);
        if devices == 1 {
            let served = done * unit + numbers.owed + numbers.reserved + play.account.lane(&play.world.key((DEBTOR, 0))).folded();
            prop_assert!(served + unit > limit, "{} of {}", served, limit);
        }
    }

    #[test]
    fn a_debtor_who_signs_nothing_is_served_a_tail(limit in 1..64 * MIB, unit in 1..10_000_u64) {
        let mut play = Play::new(limit);
        let unit = unit.min(limit);
        let mut served = 0;
        while play.serve(0, unit).is_ok() {
            served += unit;
        }
        prop_assert!(served <= play.account.tail_max() && served + unit > play.account.tail_max());
    }
}
