//! Any history, by the rules or not: the account says what the model says.

use mimei_core::credit::{Account, DAY_MS, Lane, Line, Mandate, Numbers, TAIL_BYTES_MAX, WINDOW_BYTES_MAX};
use mimei_core::time::Millis;
use proptest::prelude::*;

use crate::fixed;
use crate::model::{Event, Model, take};
use crate::world::{DEBTOR, DEVICES, NOW, World, what};

/// One step, in numbers that the state turns into something that can happen.
#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    who: usize,
    amount: u64,
    small: u64,
    is_honest: bool,
}

fn amounts() -> impl Strategy<Value = u64> {
    prop_oneof![0..100_u64, 0..400_000_u64, 0..(1_u64 << 40)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..16_u8, 0..DEVICES, amounts(), 0..50_u64, prop::bool::weighted(0.8));
    let step = step.prop_map(|(kind, who, amount, small, is_honest)| Step { kind, who, amount, small, is_honest });
    prop::collection::vec(step, 1..60)
}

/// What a step means now. Those that are not honest contradict what is known, more often than not.
fn event_of(step: &Step, account: &Account, past: &[Event], now: Millis, world: &World) -> Event {
    let Step { kind, who, amount, small, is_honest } = step.clone();
    let until = (small < 10).then(|| now + small * DAY_MS / 4);
    let serial_after =
        |known: Option<u64>| known.map_or(1, |known| if is_honest { known + 1 + small % 2 } else { known });
    match kind {
        0..=1 => {
            let serial = serial_after(account.line().map(|line| line.body.serial));
            Event::Line(Line { until, ..world.line(amount, serial) })
        }
        2..=3 => {
            let known = account.receipt().map(|receipt| (receipt.body.serial, receipt.body.total));
            let total = if is_honest { known.map_or(0, |known| known.1) + amount } else { amount };
            let added = if is_honest { amount } else { small };
            Event::Receipt(world.receipt(total, added, serial_after(known.map(|known| known.0))))
        }
        4..=7 => {
            let lane = account.lane(&world.key((DEBTOR, who)));
            let serial = serial_after(lane.iou.as_ref().map(|iou| iou.body.serial));
            let signed = account.to_sign(&world.key((DEBTOR, who)), amount, now);
            let honest = signed.unwrap_or((lane.total(), lane.folded()));
            let (total, folded) = if is_honest { honest } else { (amount, small) };
            Event::Iou(world.iou(who, total, folded, serial))
        }
        8..=9 => {
            let known = account.sponsored().get(&what(who));
            let serial = serial_after(known.map(|known| known.mandate.body.serial));
            let total = if is_honest { known.map_or(0, |known| known.used) + amount } else { amount };
            Event::Mandate(Mandate { day: amount / 2 + small, until, ..world.mandate(what(who), total, serial) })
        }
        10..=11 if !past.is_empty() => past[amount as usize % past.len()].clone(),
        12..=13 if account.sponsored().contains_key(&what(who)) => Event::Sponsor(what(who), amount, now),
        _ => Event::Serve(world.key((DEBTOR, who)), amount),
    }
}

fn is_record(event: &Event) -> bool {
    !matches!(event, Event::Serve(..) | Event::Sponsor(..))
}

proptest! {
    #![proptest_config(fixed(120))]

    #[test]
    fn any_history_has_the_numbers_and_verdicts_of_the_model(
        steps in steps(),
        asks in prop::collection::vec((0..DEVICES, amounts()), 60),
    ) {
        let world = World::new();
        let (mut account, mut model, mut past, mut now) = (world.account(), Model::default(), Vec::new(), NOW);
        for (step, (who, amount)) in steps.iter().zip(asks) {
            now = now + step.small % 7 * DAY_MS / 5;
            let event = event_of(step, &account, &past, now, &world);
            prop_assert_eq!(take(&mut account, &event, &world), model.take(event.clone()), "{:?}", event);
            prop_assert_eq!(account.numbers(now), model.numbers(now), "after {:?}", event);
            prop_assert_eq!(i128::from(account.tail_max()), model.tail_max());
            let device = world.key((DEBTOR, who));
            let lane = account.lane(&device);
            prop_assert_eq!(i128::from(lane.served), model.served(&device));
            for n in [0, 1, amount, account.tail_max(), lane.ahead().saturating_add(account.tail_max())] {
                let may = account.may_serve(&device, n, now);
                prop_assert_eq!(may.is_ok(), model.may_serve(&device, n, now), "{:?} to serve {}", may, n);
                let may = account.may_sponsor(&what(who), n, now);
                prop_assert_eq!(may.is_ok(), model.may_sponsor(&what(who), n, now), "{:?} to sponsor {}", may, n);
                let (found, next) = (account.to_sign(&device, n, now), world.iou(who, 0, 0, u64::MAX));
                prop_assert_eq!(found, model.to_sign(&next, n, now), "ahead by {}", n);
            }
            if is_record(&event) {
                past.push(event);
            }
        }
    }

    #[test]
    fn replayed_records_in_any_order_change_nothing(
        steps in steps(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let world = World::new();
        let (mut account, mut taken) = (world.account(), Vec::new());
        for step in &steps {
            let event = event_of(step, &account, &taken, NOW, &world);
            if take(&mut account, &event, &world) == Ok(true) && is_record(&event) {
                taken.push(event);
            }
        }
        let before = account.clone();
        for index in order.iter().filter(|_| !taken.is_empty()) {
            prop_assert_eq!(take(&mut account, index.get(&taken), &world), Ok(false));
            prop_assert_eq!(&account, &before);
        }
    }

    #[test]
    fn a_mandate_that_fits_leaves_the_exposure_within_the_limit(steps in steps(), amount in amounts(), who in 0..DEVICES) {
        let world = World::new();
        let mut account = world.account();
        for step in &steps {
            let event = event_of(step, &account, &[], NOW, &world);
            let _ = take(&mut account, &event, &world);
        }
        let known = account.sponsored().get(&what(who)).map_or((0, 0), |known| (known.mandate.body.serial, known.used));
        let mandate = world.mandate(what(who), known.1 + amount, known.0 + 1);
        let may = account.may_mandate(&mandate, NOW);
        let before = account.numbers(NOW);
        prop_assert_eq!(take(&mut account, &Event::Mandate(mandate), &world), Ok(true));
        let after = account.numbers(NOW);
        let fits = after.exposure <= after.limit || after.reserved <= before.reserved;
        prop_assert_eq!(may.is_ok(), fits && account.stands(NOW).is_ok(), "{:?}, {:?}", may, after);
    }
}

#[test]
fn numbers_of_hostile_size_stop_work_and_do_not_wrap() {
    let world = World::new();
    let mut account = world.account_of(1 << 40);
    for device in 0..2 {
        assert_eq!(account.take_iou(world.sign(world.iou(device, u64::MAX, 0, 1)), &world.logs), Ok(true));
        account.serve(world.key((DEBTOR, device)), u64::MAX);
        account.serve(world.key((DEBTOR, device)), u64::MAX);
    }
    let huge = world.mandate(what(0), u64::MAX, 1);
    assert!(account.may_mandate(&huge, NOW).is_err());
    assert_eq!(account.take_mandate(world.sign(huge), &world.logs), Ok(true));
    assert_eq!(account.numbers(NOW).exposure, u64::MAX);
    assert_eq!(account.numbers(NOW).available(), 0);
    for device in 0..3 {
        assert!(account.may_serve(&world.key((DEBTOR, device)), 1, NOW).is_err());
        account.to_sign(&world.key((DEBTOR, device)), u64::MAX, NOW);
    }
    assert!(account.may_sponsor(&what(0), 1, NOW).is_err());
}

#[test]
fn without_a_line_nothing_is_served_and_nothing_signed_ahead() {
    let world = World::new();
    let (mut account, device) = (world.account(), world.key((DEBTOR, 0)));
    assert_eq!(account.numbers(NOW), Numbers::default());
    assert_eq!(account.lane(&device), Lane::default());
    assert!(account.may_serve(&device, 0, NOW).is_err() && account.may_sponsor(&what(0), 0, NOW).is_err());
    assert_eq!(account.to_sign(&device, 1000, NOW), None);
    assert_eq!((account.space(), account.tail_max(), account.window()), (0, 0, 0));
    // What was served in spite of that is owed.
    account.serve(device, 7);
    assert_eq!(account.to_sign(&device, 1000, NOW), Some((7, 0)));
}

#[test]
fn a_line_that_has_ended_serves_nothing_and_is_not_signed_ahead_for() {
    let world = World::new();
    let (mut account, device) = (world.account(), world.key((DEBTOR, 0)));
    let line = Line { until: Some(NOW + 10), ..world.line(1000, 1) };
    assert_eq!(account.take_line(world.sign(line), &world.logs), Ok(true));
    account.serve(device, 50);
    assert!(account.may_serve(&device, 50, NOW + 9).is_ok());
    assert_eq!(account.to_sign(&device, 100, NOW + 9), Some((150, 0)));
    assert!(account.may_serve(&device, 0, NOW + 10).is_err());
    assert_eq!(account.to_sign(&device, 100, NOW + 10), Some((50, 0)), "what was served is owed all the same");
}

#[test]
fn a_mandate_is_used_up_for_a_day_and_then_for_good() {
    let world = World::new();
    let mut account = world.account_of(10_000);
    let mandate = Mandate { day: 100, until: Some(NOW + 5 * DAY_MS), ..world.mandate(what(0), 150, 1) };
    assert_eq!(account.take_mandate(world.sign(mandate), &world.logs), Ok(true));
    assert!(account.may_sponsor(&what(0), 101, NOW).is_err() && account.may_sponsor(&what(1), 1, NOW).is_err());
    account.sponsor(&what(0), 100, NOW);
    assert!(account.may_sponsor(&what(0), 1, NOW).is_err());
    let tomorrow = NOW + DAY_MS;
    assert!(account.may_sponsor(&what(0), 51, tomorrow).is_err());
    assert!(account.may_sponsor(&what(0), 50, tomorrow).is_ok());
    let after = NOW + 5 * DAY_MS;
    assert!(account.may_sponsor(&what(0), 1, after).is_err());
    let numbers = account.numbers(tomorrow);
    assert_eq!((numbers.owed, numbers.reserved, numbers.exposure), (100, 50, 150));
    let numbers = account.numbers(after);
    assert_eq!((numbers.owed, numbers.reserved, numbers.exposure), (100, 0, 100), "nothing is reserved any more");
}

#[test]
fn what_is_folded_is_only_what_mandates_allow() {
    let world = World::new();
    let (mut account, device) = (world.account_of(10_000), world.key((DEBTOR, 0)));
    assert_eq!(account.take_mandate(world.sign(world.mandate(what(0), 100, 1)), &world.logs), Ok(true));
    // A creditor that claims more than it was allowed to serve.
    account.set_sponsored(&what(0), 5_000, 0, 0);
    assert_eq!(account.to_sign(&device, 0, NOW), Some((100, 100)));
    // What another device folded is not folded twice.
    assert_eq!(account.take_iou(world.sign(world.iou(1, 60, 60, 1)), &world.logs), Ok(true));
    assert_eq!(account.to_sign(&device, 0, NOW), Some((40, 40)));
}

#[test]
fn tail_and_window_are_parts_of_the_limit_up_to_a_bound() {
    let world = World::new();
    for (limit, tail, window) in [
        (0, 0, 0),
        (9, 0, 0),
        (160, 16, 10),
        (10 * TAIL_BYTES_MAX, TAIL_BYTES_MAX, 163_840),
        (u64::MAX, TAIL_BYTES_MAX, WINDOW_BYTES_MAX),
    ] {
        let account = world.account_of(limit);
        assert_eq!((account.tail_max(), account.window()), (tail, window), "{limit}");
    }
}

#[test]
fn a_person_is_warned_from_four_fifths_of_the_limit() {
    let numbers = |limit, exposure| Numbers { limit, exposure, ..Numbers::default() };
    assert!(!numbers(100, 79).is_near() && numbers(100, 80).is_near() && numbers(100, 101).is_near());
    assert!(!numbers(0, 5).is_near(), "without a line there is no limit to be near");
    assert!(!numbers(u64::MAX, u64::MAX / 2).is_near() && numbers(u64::MAX, u64::MAX).is_near());
    assert_eq!((numbers(100, 30).available(), numbers(100, 130).available()), (70, 0));
}
