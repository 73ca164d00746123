//! Who pays: lines, IOUs, mandates, the strangers' pool, and what happens where they end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::{MimeiId, UserId, VersionId};
use mimei_core::credit::{DAY_MS, InviteSecret, Ratio, Renewal, TAIL_BYTES_MAX, WINDOW_BYTES_MAX};
use mimei_core::link::Link;
use mimei_core::mimei::{Kind, PIECE_BYTES, Rights};
use mimei_core::peer::{
    AccountView, Blocked, CommandError, CreditCommand, CreditOutcome, CreditPolicy, ItemCommand, NewInvite, ShareTo,
    SharedWith, Terms,
};
use tests::desk::{Desk, Seat};
use tests::random::Random;
use tests::sim;

const MB: u64 = 1_000_000;

fn bytes(seed: u64, length: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.within(0..256) as u8).collect()
}

fn terms(limit: u64, space: u64) -> Terms {
    Terms { limit, space, until: None, renews: None }
}

fn code(error: &CommandError) -> &str {
    match error {
        CommandError::Item { code, .. } => code,
        CommandError::Refused(refusal) => panic!("a refusal reached a person: {refusal}"),
        other => panic!("another error: {other:?}"),
    }
}

/// A relay that lets nobody store without an invite.
fn house(seed: u64, strangers: u64) -> Desk {
    let mut desk = Desk::new(seed, sim::Link::good());
    desk.set_policy(CreditPolicy { welcome: None, strangers, traffic: Ratio::ONE });
    desk
}

fn invite(desk: &mut Desk, seed: u8, terms: Terms) -> InviteSecret {
    let new = NewInvite { terms, label: "Ada".into(), uses: 1, until: None, seed: [seed; 32] };
    match desk.credit(desk.relay, CreditCommand::Invite(new)) {
        Ok(CreditOutcome::Invited(secret)) => secret,
        other => panic!("no invite: {other:?}"),
    }
}

fn accept(desk: &mut Desk, seat: Seat, secret: &InviteSecret) -> Result<AccountView, CommandError> {
    let command = CreditCommand::Accept { relay: seat.session, secret: secret.clone() };
    match desk.credit(seat.node, command)? {
        CreditOutcome::Account(account) => Ok(*account),
        other => panic!("no account: {other:?}"),
    }
}

/// Somebody with a line.
fn member(desk: &mut Desk, seed: u8, terms: Terms) -> Seat {
    let secret = invite(desk, seed, terms);
    let seat = desk.seat();
    accept(desk, seat, &secret).unwrap();
    seat
}

fn own(desk: &mut Desk, node: usize) -> AccountView {
    desk.accounts(node).into_iter().find(|account| account.owes).unwrap()
}

/// The account of somebody as the relay has it.
fn at_relay(desk: &mut Desk, debtor: UserId) -> AccountView {
    let relay = desk.relay;
    desk.accounts(relay).into_iter().find(|account| account.debtor == debtor).unwrap()
}

fn user(desk: &Desk, seat: Seat) -> UserId {
    desk.sim.peer(seat.node).user()
}

fn grant(desk: &mut Desk, debtor: UserId, terms: Terms) {
    let relay = desk.relay;
    desk.credit(relay, CreditCommand::Grant { debtor, terms }).unwrap();
}

/// A file of somebody, with a link to it.
fn shared_file(desk: &mut Desk, author: Seat, name: &str, text: &[u8]) -> (MimeiId, VersionId, Link) {
    let mimei = desk.create(author.node, Kind::File, name, false);
    let (version, _) = desk.save(author.node, mimei, None, text).unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    (mimei, version, link)
}

#[test]
fn a_stranger_stores_nothing_and_reads_by_link() {
    let mut desk = house(1, 10 * MB);
    let author = member(&mut desk, 1, terms(100 * MB, 10 * MB));
    let text = bytes(1, MB);
    let (mimei, version, link) = shared_file(&mut desk, author, "song", &text);
    let stranger = desk.seat();
    desk.open(stranger, &link).unwrap();
    assert_eq!(desk.read(stranger.node, mimei, version, None).unwrap(), text);
    let own_file = desk.create(stranger.node, Kind::File, "mine", false);
    desk.save(stranger.node, own_file, None, b"not yet").unwrap();
    let error = desk.settle(stranger.node, own_file).unwrap_err();
    assert_eq!(code(&error), "credit.none");
    assert!(error.to_string().contains("ask its owner for an invite"), "{error}");
    assert!(desk.view(stranger.node, own_file).is_waiting, "what was saved is kept");
    assert_eq!(desk.accounts(stranger.node), []);
}

#[test]
fn an_invite_makes_line_and_contact_once_and_what_waited_is_sent() {
    let mut desk = house(2, 0);
    let secret = invite(&mut desk, 7, terms(50 * MB, 5 * MB));
    let guest = desk.seat();
    let mimei = desk.create(guest.node, Kind::File, "first", false);
    desk.save(guest.node, mimei, None, b"waits for a line").unwrap();
    assert_eq!(code(&desk.settle(guest.node, mimei).unwrap_err()), "credit.none");
    let account = accept(&mut desk, guest, &secret).unwrap();
    assert_eq!((account.numbers.limit, account.line.unwrap().body.space), (50 * MB, 5 * MB));
    desk.sim.run_for(5_000);
    assert!(!desk.view(guest.node, mimei).is_waiting, "nobody had to do anything more");
    let debtor = user(&desk, guest);
    assert_eq!(at_relay(&mut desk, debtor).label, "Ada");
    // Again by the same person: the same line.
    assert_eq!(accept(&mut desk, guest, &secret).unwrap().line.unwrap().body.serial, 1);
    let other = desk.seat();
    assert_eq!(code(&accept(&mut desk, other, &secret).unwrap_err()), "invite.used");
    let unknown = InviteSecret::from_bytes([9; 32]);
    assert_eq!(code(&accept(&mut desk, other, &unknown).unwrap_err()), "invite.unknown");
}

#[test]
fn an_upload_pauses_at_the_limit_and_goes_on_by_itself_when_the_line_is_raised() {
    let mut desk = house(3, 0);
    let author = member(&mut desk, 1, terms(2 * MB, 50 * MB));
    let debtor = user(&desk, author);
    let text = bytes(3, 20 * u64::from(PIECE_BYTES));
    let mimei = desk.create(author.node, Kind::File, "film", false);
    desk.save(author.node, mimei, None, &text).unwrap();
    let error = desk.settle(author.node, mimei).unwrap_err();
    assert_eq!(code(&error), "credit.paused");
    assert!(error.to_string().contains("2 MB is used up; ask the relay's owner to raise it"), "{error}");
    let account = own(&mut desk, author.node);
    assert!(account.stop.unwrap().contains("used up"));
    assert!(account.numbers.exposure <= 2 * MB);
    assert!(at_relay(&mut desk, debtor).numbers.exposure <= 2 * MB, "the relay trusted further than its line");
    grant(&mut desk, debtor, terms(50 * MB, 50 * MB));
    desk.sim.run_for(20_000);
    assert!(!desk.view(author.node, mimei).is_waiting, "it did not go on");
    let account = own(&mut desk, author.node);
    assert_eq!(account.stop, None);
    assert!(at_relay(&mut desk, debtor).lanes[0].1.served > text.len() as u64);
}

#[test]
fn where_space_ends_it_is_said_and_what_is_kept_is_counted_at_once() {
    let mut desk = house(14, 0);
    let author = member(&mut desk, 1, terms(100 * MB, MB));
    let debtor = user(&desk, author);
    let small = desk.create(author.node, Kind::File, "small", false);
    desk.save(author.node, small, None, &bytes(14, 400_000)).unwrap();
    desk.settle(author.node, small).unwrap();
    let stored = own(&mut desk, author.node).stored;
    assert_eq!(stored, at_relay(&mut desk, debtor).stored, "no statement came since");
    assert!(stored > 400_000);
    let large = desk.create(author.node, Kind::File, "large", false);
    desk.save(author.node, large, None, &bytes(15, 2 * MB)).unwrap();
    desk.settle(author.node, large).unwrap_err();
    let stop = own(&mut desk, author.node).stop.unwrap();
    assert!(stop.contains("ask its owner for more room"), "{stop}");
    grant(&mut desk, debtor, terms(100 * MB, 10 * MB));
    desk.sim.run_for(20_000);
    assert!(!desk.view(author.node, large).is_waiting, "it did not go on");
    assert_eq!(own(&mut desk, author.node).stop, None);
}

#[test]
fn both_sides_count_the_same_and_signatures_cover_it() {
    let mut desk = house(4, 0);
    let author = member(&mut desk, 1, terms(400 * MB, 50 * MB));
    let debtor = user(&desk, author);
    let text = bytes(4, 12 * u64::from(PIECE_BYTES) + 77);
    shared_file(&mut desk, author, "film", &text);
    let (mine, theirs) = (own(&mut desk, author.node), at_relay(&mut desk, debtor));
    assert_eq!(mine.lanes, theirs.lanes);
    assert_eq!(mine.numbers, theirs.numbers);
    let lane = &mine.lanes[0].1;
    assert!(lane.served > text.len() as u64, "blocks weigh more than the file");
    assert!(lane.served < text.len() as u64 + 20_000, "{} for {}", lane.served, text.len());
    assert_eq!(lane.unsigned(), 0);
    assert!(lane.ahead() <= WINDOW_BYTES_MAX + 13 * u64::from(PIECE_BYTES), "{} ahead", lane.ahead());
}

#[test]
fn who_shared_a_link_pays_for_its_readers_while_away_and_signs_for_it_when_back() {
    let mut desk = house(5, 0);
    let author = member(&mut desk, 1, terms(160 * MB, 50 * MB));
    let debtor = user(&desk, author);
    let text = bytes(5, 3 * MB);
    let (mimei, version, link) = shared_file(&mut desk, author, "film", &text);
    let before = own(&mut desk, author.node);
    assert_eq!(before.sponsored.len(), 1, "a link is sponsored by default");
    let cap = before.sponsored[0].mandate.body.total;
    assert!((9 * MB..=10 * MB).contains(&cap), "a sixteenth of what was available: {cap}");
    assert_eq!(before.numbers.reserved, cap);
    desk.sim.tear(author.session);
    desk.sim.run_for(1_000);
    // By the day, half of the mandate: one reader of 3 MB, and the second one not to the end.
    let [first, second] = [(); 2].map(|()| desk.seat());
    desk.open(first, &link).unwrap();
    assert_eq!(desk.read(first.node, mimei, version, None).unwrap(), text);
    desk.open(second, &link).unwrap();
    let error = desk.read(second.node, mimei, version, None).unwrap_err();
    assert_eq!(code(&error), "credit.none");
    assert!(error.to_string().contains("no more readers today"), "{error}");
    let away = at_relay(&mut desk, debtor);
    assert!(away.numbers.owed > 3 * MB && away.numbers.unsigned == 0, "{:?}", away.numbers);
    assert!(away.numbers.exposure <= before.numbers.exposure, "it was reserved already");
    desk.sim.run_for(DAY_MS);
    let session = desk.dial(second.node);
    desk.open(Seat { session, ..second }, &link).unwrap();
    assert_eq!(desk.read(second.node, mimei, version, None).unwrap(), text, "the next day it goes on");
    desk.dial(author.node);
    desk.sim.run_for(5_000);
    let (mine, theirs) = (own(&mut desk, author.node), at_relay(&mut desk, debtor));
    assert_eq!(mine.numbers, theirs.numbers);
    assert_eq!(theirs.numbers.owed, 0, "what was sponsored is in an IOU now");
    assert!(theirs.lanes[0].1.folded() > 6 * MB);
}

#[test]
fn a_link_that_is_taken_back_is_paid_for_no_longer() {
    let mut desk = house(6, 0);
    let author = member(&mut desk, 1, terms(160 * MB, 50 * MB));
    let (mimei, _, link) = shared_file(&mut desk, author, "film", &bytes(6, MB));
    let with = SharedWith::Link(link.secret.as_ref().unwrap().keys().sign);
    desk.run(author.node, ItemCommand::Unshare { mimei, with, seed: [6; 32] }).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    let debtor = user(&desk, author);
    assert_eq!(own(&mut desk, author.node).numbers.reserved, 0);
    assert_eq!(at_relay(&mut desk, debtor).numbers.reserved, 0);
}

#[test]
fn nobody_promises_more_for_others_than_the_line_has_room_for() {
    let mut desk = house(17, 0);
    let author = member(&mut desk, 1, terms(16 * MB, 50 * MB));
    shared_file(&mut desk, author, "film", &bytes(17, MB));
    let before = own(&mut desk, author.node);
    let (creditor, what) = (before.creditor, before.sponsored[0].mandate.body.what);
    let sponsor = |total| CreditCommand::Sponsor { creditor, what, day: total, total, until: None };
    let error = desk.credit(author.node, sponsor(100 * MB)).unwrap_err();
    assert_eq!(code(&error), "credit.paused");
    assert_eq!(own(&mut desk, author.node).numbers, before.numbers, "nothing was signed");
    desk.credit(author.node, sponsor(2 * MB)).unwrap();
    let debtor = user(&desk, author);
    assert_eq!(at_relay(&mut desk, debtor).numbers.reserved, 2 * MB);
}

#[test]
fn the_strangers_pool_empties_and_fills_again_within_a_day() {
    let mut desk = house(7, 2 * MB);
    let author = member(&mut desk, 1, terms(160 * MB, 50 * MB));
    let (mimei, version, link) = shared_file(&mut desk, author, "film", &bytes(7, MB + MB / 2));
    let creditor = desk.sim.peer(desk.relay).user();
    let what = own(&mut desk, author.node).sponsored[0].mandate.body.what;
    let stop = CreditCommand::Sponsor { creditor, what, day: 0, total: 0, until: None };
    desk.credit(author.node, stop).unwrap();
    let [first, second] = [(); 2].map(|()| desk.seat());
    desk.open(first, &link).unwrap();
    desk.read(first.node, mimei, version, None).unwrap();
    desk.open(second, &link).unwrap();
    assert_eq!(code(&desk.read(second.node, mimei, version, None).unwrap_err()), "credit.none");
    desk.sim.run_for(DAY_MS);
    let session = desk.dial(second.node);
    desk.open(Seat { session, ..second }, &link).unwrap();
    desk.read(second.node, mimei, version, None).unwrap();
}

#[test]
fn a_reader_with_a_line_pays_where_nobody_else_does() {
    let mut desk = house(8, 0);
    let author = member(&mut desk, 1, terms(16 * MB, 50 * MB));
    let reader = member(&mut desk, 2, terms(100 * MB, MB));
    let text = bytes(8, 3 * MB);
    let (mimei, version, link) = shared_file(&mut desk, author, "film", &text);
    desk.open(reader, &link).unwrap();
    assert_eq!(desk.read(reader.node, mimei, version, None).unwrap(), text);
    let theirs = own(&mut desk, reader.node);
    assert!(theirs.lanes[0].1.served > 2 * MB, "{:?}", theirs.lanes);
}

#[test]
fn who_waits_for_credit_is_not_woken_before_there_is_news() {
    let mut desk = house(13, 0);
    let author = member(&mut desk, 1, terms(100 * MB, 50 * MB));
    let (mimei, version, link) = shared_file(&mut desk, author, "film", &bytes(13, 3 * MB));
    let creditor = desk.sim.peer(desk.relay).user();
    let what = own(&mut desk, author.node).sponsored[0].mandate.body.what;
    let stop = CreditCommand::Sponsor { creditor, what, day: 0, total: 0, until: None };
    desk.credit(author.node, stop).unwrap();
    let reader = member(&mut desk, 2, terms(MB, MB));
    desk.open(reader, &link).unwrap();
    assert_eq!(code(&desk.read(reader.node, mimei, version, None).unwrap_err()), "credit.paused");
    let before = desk.sim.node(reader.node).credit_changes();
    for _ in 0..3 {
        assert_eq!(code(&desk.read(reader.node, mimei, version, None).unwrap_err()), "credit.paused");
    }
    assert_eq!(desk.sim.node(reader.node).credit_changes(), before, "it would try again for ever");
    let debtor = user(&desk, reader);
    grant(&mut desk, debtor, terms(50 * MB, MB));
    desk.sim.run_for(1_000);
    assert!(desk.sim.node(reader.node).credit_changes() > before);
    desk.read(reader.node, mimei, version, None).unwrap();
}

#[test]
fn a_relay_restored_from_an_older_copy_gets_its_own_signatures_back() {
    let mut desk = house(9, 0);
    let author = member(&mut desk, 1, terms(20 * MB, 50 * MB));
    let debtor = user(&desk, author);
    let backup = desk.sim.node(desk.relay).store.backup();
    grant(&mut desk, debtor, terms(90 * MB, 60 * MB));
    desk.sim.run_for(1_000);
    shared_file(&mut desk, author, "film", &bytes(9, 4 * MB));
    let before = own(&mut desk, author.node);
    let relay = desk.relay;
    desk.sim.crash(relay);
    desk.sim.node_mut(relay).store = backup;
    desk.sim.restart(relay);
    desk.dial(author.node);
    desk.sim.run_for(20_000);
    let (mine, theirs) = (own(&mut desk, author.node), at_relay(&mut desk, debtor));
    assert_eq!(theirs.numbers.limit, 90 * MB, "its newer line was given back to it");
    assert!(theirs.numbers.signed >= before.numbers.signed, "so was the IOU");
    assert_eq!(theirs.sponsored.len(), 1, "and the mandate, or its readers would be nobody's");
    assert_eq!(mine.numbers.signed, theirs.numbers.signed);
}

#[test]
fn a_relay_that_lost_a_line_and_gave_another_under_its_number_is_followed() {
    let mut desk = house(16, 0);
    let author = member(&mut desk, 1, terms(20 * MB, 50 * MB));
    let debtor = user(&desk, author);
    let backup = desk.sim.node(desk.relay).store.backup();
    grant(&mut desk, debtor, terms(90 * MB, 60 * MB));
    desk.sim.run_for(1_000);
    let relay = desk.relay;
    desk.sim.crash(relay);
    desk.sim.node_mut(relay).store = backup;
    desk.sim.restart(relay);
    // The same serial as the one that it lost.
    grant(&mut desk, debtor, terms(30 * MB, 50 * MB));
    desk.dial(author.node);
    desk.sim.run_for(20_000);
    assert_eq!(own(&mut desk, author.node).numbers.limit, 30 * MB, "what a line is worth is for its creditor to say");
    let mimei = desk.create(author.node, Kind::File, "film", false);
    desk.save(author.node, mimei, None, &bytes(16, MB)).unwrap();
    desk.settle(author.node, mimei).unwrap();
}

#[test]
fn a_crash_on_either_side_costs_no_more_than_a_tail_and_a_window() {
    for seed in 0..4 {
        let mut desk = house(100 + seed, 0);
        let author = member(&mut desk, 1, terms(100 * MB, 50 * MB));
        let debtor = user(&desk, author);
        let mimei = desk.create(author.node, Kind::File, "film", false);
        let text = bytes(seed, 24 * u64::from(PIECE_BYTES));
        desk.save(author.node, mimei, None, &text).unwrap();
        for crash in 0..4 {
            desk.sim.run_for(20 + 37 * seed + 61 * crash);
            let node = if crash % 2 == 0 { desk.relay } else { author.node };
            desk.sim.crash(node);
            desk.sim.restart(node);
            desk.dial(author.node);
        }
        desk.settle(author.node, mimei).unwrap();
        let (mine, theirs) = (own(&mut desk, author.node), at_relay(&mut desk, debtor));
        assert_eq!(mine.numbers.signed, theirs.numbers.signed, "seed {seed}");
        assert!(theirs.numbers.unsigned <= TAIL_BYTES_MAX, "seed {seed}: {:?}", theirs.numbers);
        let sent = text.len() as u64;
        let most = sent + 4 * (WINDOW_BYTES_MAX + 13 * u64::from(PIECE_BYTES));
        assert!((sent - 2 * MB..most).contains(&theirs.numbers.signed), "seed {seed}: {:?}", theirs.numbers);
    }
}

#[test]
fn a_line_that_renews_settles_what_was_signed_once_a_period() {
    let mut desk = house(11, 0);
    let renews = Some(Renewal { days: 30, amount: 3 * MB });
    let author = member(&mut desk, 1, Terms { renews, ..terms(6 * MB, 50 * MB) });
    shared_file(&mut desk, author, "film", &bytes(11, 4 * MB));
    let before = own(&mut desk, author.node);
    assert_eq!(before.numbers.settled, 0);
    desk.sim.run_for(29 * DAY_MS);
    desk.dial(author.node);
    desk.sim.run_for(1_000);
    assert_eq!(own(&mut desk, author.node).numbers.settled, 0, "a day too early");
    desk.sim.run_for(DAY_MS);
    desk.dial(author.node);
    desk.sim.run_for(1_000);
    let after = own(&mut desk, author.node);
    assert_eq!(after.numbers.settled, 3 * MB, "{after:?}");
    assert_eq!(after.receipt.unwrap().body.reason.as_str(), "allowance");
    desk.dial(author.node);
    desk.sim.run_for(1_000);
    assert_eq!(own(&mut desk, author.node).numbers.settled, 3 * MB, "once");
}

#[test]
fn what_the_owner_blocked_is_neither_served_nor_taken() {
    let mut desk = house(12, 100 * MB);
    let author = member(&mut desk, 1, terms(100 * MB, 50 * MB));
    let (mimei, version, link) = shared_file(&mut desk, author, "film", &bytes(12, MB));
    let relay = desk.relay;
    desk.credit(relay, CreditCommand::Block { what: Blocked::Mimei(mimei), is_blocked: true }).unwrap();
    let reader = desk.seat();
    let error = desk.open(reader, &link).unwrap_err();
    assert!(error.to_string().contains("does not serve this"), "{error}");
    desk.save(author.node, mimei, None, b"a new version").unwrap();
    assert!(desk.settle(author.node, mimei).is_err());
    // It lasts.
    desk.sim.crash(relay);
    desk.sim.restart(relay);
    let session = desk.dial(reader.node);
    let reader = Seat { session, ..reader };
    assert!(desk.open(reader, &link).is_err(), "it did not last");
    desk.credit(relay, CreditCommand::Block { what: Blocked::Mimei(mimei), is_blocked: false }).unwrap();
    desk.open(reader, &link).unwrap();
    desk.read(reader.node, mimei, version, None).unwrap();
    let debtor = user(&desk, author);
    desk.credit(relay, CreditCommand::Block { what: Blocked::User(debtor), is_blocked: true }).unwrap();
    let late = desk.seat();
    assert!(desk.open(late, &link).is_err(), "what somebody blocked made is not served");
    let again = desk.sim.dial(sim::Dial::new(author.node, relay));
    desk.sim.run_for(15_000);
    assert!(desk.sim.node(author.node).session(again).is_none(), "somebody blocked got a session");
}
