//! A clock that is wrong by a year, ahead or behind, at a person or at the relay: what does not depend on dates
//! works, what does goes by the relay's clock and says so.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::MimeiId;
use mimei_core::credit::{DAY_MS, InviteSecret, Ratio, Renewal};
use mimei_core::link::Link;
use mimei_core::mimei::{Kind, Rights};
use mimei_core::peer::{
    CommandError, CreditCommand, CreditOutcome, CreditPolicy, ItemCommand, ItemOutcome, NewInvite, ShareTo, Terms,
};
use mimei_core::time::Millis;
use tests::desk::{Desk, Seat};
use tests::random::Random;
use tests::sim;

const YEAR_MS: i64 = 365 * DAY_MS as i64;
const WRONG: [i64; 2] = [YEAR_MS, -YEAR_MS];
const MB: u64 = 1_000_000;

fn code(error: &CommandError) -> String {
    match error {
        CommandError::Item { code, .. } => (*code).to_owned(),
        CommandError::Refused(refusal) => format!("{:?}", refusal.code),
        other => panic!("another error: {other:?}"),
    }
}

/// By a clock that is right.
fn in_days(desk: &Desk, days: u64) -> Millis {
    let relay = desk.sim.clock(desk.relay);
    let ahead = desk.sim.node(desk.relay).temper.clock_ahead_ms;
    Millis(relay.0.saturating_add_signed(-ahead) + days * DAY_MS)
}

fn share_until(desk: &mut Desk, author: Seat, mimei: MimeiId, until: Millis) -> Result<Link, CommandError> {
    let (to, rights, seed) = (ShareTo::Link, Rights::READER, [9; 32]);
    match desk.run(author.node, ItemCommand::Share { mimei, to, rights, until: Some(until), seed })? {
        ItemOutcome::Link(link) => Ok(link),
        other => panic!("no link: {other:?}"),
    }
}

/// Two people save one after the other and each sees what the other saved.
fn work(desk: &mut Desk, author: Seat, other: Seat, name: &str) {
    let mimei = desk.create(author.node, Kind::Folder, name, false);
    let (first, _) = desk.save(author.node, mimei, Some("a.txt"), b"first").unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::WRITER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let (_, at, warning) = desk.open(other, &link).unwrap();
    assert_eq!((at, warning), (Some(first), None));
    assert_eq!(desk.read(other.node, mimei, first, Some("a.txt")).unwrap(), b"first");
    let (second, number) = desk.save(other.node, mimei, Some("a.txt"), b"second").unwrap();
    desk.settle(other.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    assert_eq!((number, desk.view(author.node, mimei).tips.len()), (2, 1), "the order is not one of clocks");
    let (third, _) = desk.save(author.node, mimei, Some("a.txt"), b"third").unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    assert_eq!(desk.read(author.node, mimei, second, Some("a.txt")).unwrap(), b"second");
    let (_, at, _) = desk.open(other, &link).unwrap();
    assert_eq!(at, Some(third), "the newest is what followed last, whatever the clocks said");
}

#[test]
fn people_whose_clocks_are_wrong_work_together_as_ever() {
    for ahead in WRONG {
        for wrong_is_author in [true, false] {
            let mut desk = Desk::new(1, sim::Link::good());
            let (wrong, right) = (desk.seat(), desk.seat());
            desk.set_clock(wrong.node, ahead);
            let wrong = desk.back(wrong);
            let (author, other) = if wrong_is_author { (wrong, right) } else { (right, wrong) };
            work(&mut desk, author, other, "notes");
        }
    }
}

#[test]
fn a_relay_whose_clock_is_wrong_serves_what_has_no_date() {
    for ahead in WRONG {
        let mut desk = Desk::new(2, sim::Link::good());
        let relay = desk.relay;
        desk.set_clock(relay, ahead);
        let (author, other) = (desk.seat(), desk.seat());
        work(&mut desk, author, other, "meanwhile");
        // Put right again, it goes on with the same people.
        desk.set_clock(relay, 0);
        let (author, other) = (desk.back(author), desk.back(other));
        work(&mut desk, author, other, "notes");
    }
}

fn dated(seed: u64) -> (Desk, Seat, MimeiId, Link) {
    let mut desk = Desk::new(seed, sim::Link::good());
    let author = desk.seat();
    let mimei = desk.create(author.node, Kind::File, "dated", false);
    desk.save(author.node, mimei, None, b"for a week").unwrap();
    let until = in_days(&desk, 7);
    let link = share_until(&mut desk, author, mimei, until).unwrap();
    desk.settle(author.node, mimei).unwrap();
    (desk, author, mimei, link)
}

#[test]
fn a_share_with_an_end_goes_by_the_relays_clock_and_comes_back_when_that_is_put_right() {
    let (mut desk, _, _, link) = dated(3);
    let relay = desk.relay;
    desk.set_clock(relay, YEAR_MS);
    let early = desk.seat();
    assert_eq!(code(&desk.open(early, &link).unwrap_err()), "NotFound", "it ends too early");
    desk.set_clock(relay, 0);
    let early = desk.back(early);
    desk.open(early, &link).expect("nothing is lost by it");

    desk.set_clock(relay, -YEAR_MS);
    desk.sim.run_for(8 * DAY_MS);
    let late = desk.seat();
    let reads = desk.open(late, &link);
    assert!(reads.is_ok(), "who asks the relay too late by its own clock is let in: {reads:?}");
    desk.set_clock(relay, 0);
    let late = desk.seat();
    assert_eq!(code(&desk.open(late, &link).unwrap_err()), "NotFound", "and is shut out when that is put right");
}

#[test]
fn a_reader_whose_clock_is_wrong_reads_what_the_relay_lets_it_read() {
    for ahead in WRONG {
        let (mut desk, _, mimei, link) = dated(4);
        let reader = desk.seat();
        desk.set_clock(reader.node, ahead);
        let reader = desk.back(reader);
        let (_, version, _) = desk.open(reader, &link).unwrap();
        assert_eq!(desk.read(reader.node, mimei, version.unwrap(), None).unwrap(), b"for a week");
        desk.sim.run_for(8 * DAY_MS);
        let late = desk.seat();
        desk.set_clock(late.node, ahead);
        let late = desk.back(late);
        assert_eq!(code(&desk.open(late, &link).unwrap_err()), "NotFound");
    }
}

#[test]
fn who_shares_with_a_clock_that_is_ahead_is_told_that_the_end_is_over() {
    let (mut desk, author, mimei, _) = dated(5);
    let until = in_days(&desk, 7);
    desk.set_clock(author.node, YEAR_MS);
    let author = desk.back(author);
    let error = share_until(&mut desk, author, mimei, until).unwrap_err();
    assert_eq!(code(&error), "argument.invalid");
    // Behind, it is what was meant: the date is one, whatever the clock shows.
    desk.set_clock(author.node, -YEAR_MS);
    let author = desk.back(author);
    let link = share_until(&mut desk, author, mimei, until).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let reader = desk.seat();
    desk.open(reader, &link).unwrap();
}

fn house(seed: u64) -> Desk {
    let mut desk = Desk::new(seed, sim::Link::good());
    desk.set_policy(CreditPolicy { welcome: None, strangers: 0, traffic: Ratio::ONE });
    desk
}

fn member(desk: &mut Desk, terms: Terms) -> Seat {
    let new = NewInvite { terms, label: "Ada".into(), uses: 1, until: None, seed: [1; 32] };
    let secret: InviteSecret = match desk.credit(desk.relay, CreditCommand::Invite(new)) {
        Ok(CreditOutcome::Invited(secret)) => secret,
        other => panic!("no invite: {other:?}"),
    };
    let seat = desk.seat();
    desk.credit(seat.node, CreditCommand::Accept { relay: seat.session, secret }).unwrap();
    seat
}

/// Bytes that are like no others', so that all of them are sent.
fn save(desk: &mut Desk, seat: Seat, mimei: MimeiId, seed: u64) {
    desk.save(seat.node, mimei, None, &Random::new(seed).bytes(3 * MB as usize)).unwrap();
}

fn saved(desk: &mut Desk, seat: Seat, name: &str) -> MimeiId {
    let mimei = desk.create(seat.node, Kind::File, name, false);
    save(desk, seat, mimei, 1);
    desk.settle(seat.node, mimei).unwrap();
    mimei
}

#[test]
fn a_line_that_ends_by_a_wrong_clock_says_so_and_what_waited_goes_on_when_it_is_put_right() {
    let mut desk = house(6);
    let until = Some(in_days(&desk, 30));
    let author = member(&mut desk, Terms { limit: 50 * MB, space: 50 * MB, until, renews: None });
    let mimei = saved(&mut desk, author, "film");
    let relay = desk.relay;
    desk.set_clock(relay, YEAR_MS);
    let author = desk.back(author);
    save(&mut desk, author, mimei, 2);
    let error = desk.settle(author.node, mimei).unwrap_err();
    assert_eq!(code(&error), "credit.paused", "{error}");
    assert!(error.to_string().contains("by the relay's clock"), "{error}");
    assert!(desk.view(author.node, mimei).is_waiting, "what was saved is kept");
    desk.set_clock(relay, 0);
    let author = desk.back(author);
    desk.settle(author.node, mimei).expect("the line stands, and nobody had to give it again");
}

#[test]
fn a_debtor_whose_clock_is_wrong_is_served_by_the_line_that_stands() {
    for ahead in WRONG {
        let mut desk = house(7);
        let until = Some(in_days(&desk, 30));
        let author = member(&mut desk, Terms { limit: 50 * MB, space: 50 * MB, until, renews: None });
        desk.set_clock(author.node, ahead);
        let author = desk.back(author);
        // Whether the line has ended is for the relay's clock to say.
        let mimei = saved(&mut desk, author, "film");
        desk.sim.run_for(31 * DAY_MS);
        let author = desk.back(author);
        save(&mut desk, author, mimei, 2);
        assert_eq!(
            code(&desk.settle(author.node, mimei).unwrap_err()),
            "credit.paused",
            "it is served no longer either"
        );
    }
}

#[test]
fn a_mandate_with_an_end_goes_by_the_relays_clock() {
    let mut desk = house(8);
    let author = member(&mut desk, Terms { limit: 50 * MB, space: 50 * MB, until: None, renews: None });
    let mimei = saved(&mut desk, author, "film");
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    let account = desk.accounts(author.node).into_iter().find(|account| account.owes).unwrap();
    let (creditor, what) = (account.creditor, account.sponsored[0].mandate.body.what);
    let until = Some(in_days(&desk, 30));
    let sponsor = CreditCommand::Sponsor { creditor, what, day: 10 * MB, total: 10 * MB, until };
    desk.credit(author.node, sponsor).unwrap();
    let relay = desk.relay;
    for (ahead, is_paid) in [(YEAR_MS, false), (0, true), (-YEAR_MS, true)] {
        desk.set_clock(relay, ahead);
        let reader = desk.seat();
        let (_, version, _) = desk.open(reader, &link).unwrap();
        let read = desk.read(reader.node, mimei, version.unwrap(), None);
        assert_eq!(read.as_ref().err().map(code).as_deref(), (!is_paid).then_some("credit.none"), "{ahead}");
        if let Err(error) = read {
            assert!(error.to_string().contains("by the relay's clock"), "{error}");
        }
    }
}

#[test]
fn a_line_that_renewed_by_a_clock_ahead_renews_no_more_until_that_time_has_come() {
    let mut desk = house(9);
    let renews = Some(Renewal { days: 30, amount: 50 * MB });
    let author = member(&mut desk, Terms { limit: 50 * MB, space: 50 * MB, until: None, renews });
    let mimei = saved(&mut desk, author, "film");
    let relay = desk.relay;
    let settled = |desk: &mut Desk, author: Seat, seed| {
        let author = desk.back(author);
        save(desk, author, mimei, seed);
        desk.settle(author.node, mimei).unwrap();
        desk.sim.run_for(5_000);
        desk.accounts(relay)[0].numbers.settled
    };
    desk.set_clock(relay, YEAR_MS);
    let ahead = settled(&mut desk, author, 2);
    assert!(ahead > 0, "it renews once, early, and no more than once");
    desk.set_clock(relay, 0);
    desk.sim.run_for(31 * DAY_MS);
    assert_eq!(settled(&mut desk, author, 3), ahead, "nothing is settled twice");
    desk.sim.run_for(365 * DAY_MS);
    assert!(settled(&mut desk, author, 4) > ahead, "when the clock has come there, it renews as before");
}
