//! Blocks by HTTP: a ticket is worth what its session may do, for a while; and a way that lies or breaks costs nobody
//! anything but time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::rc::Rc;

use mimei_core::cid::{MimeiId, UserId, VersionId};
use mimei_core::credit::{Ratio, TAIL_BYTES_MAX};
use mimei_core::mimei::{Kind, PIECE_BYTES, Rights, pieces};
use mimei_core::peer::{
    Command, CommandError, CreditCommand, CreditPolicy, FetchError, ItemCommand, ItemOutcome, Outcome, ShareTo, Terms,
};
use tests::desk::{Desk, Seat};
use tests::random::Random;
use tests::sim::{self, Fetched, Sim};

const MB: u64 = 1_000_000;
/// A short film.
const SHORT: u64 = 14;
/// More than is kept in memory beside the store.
const LONG: u64 = 34;
/// As many as a page reads of one file.
const AT_ONCE: usize = 8;

fn bytes(seed: u64, length: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.within(0..256) as u8).collect()
}

fn terms(limit: u64) -> Terms {
    Terms { limit, space: 1 << 30, until: None, renews: None }
}

/// What went by HTTP.
#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    asked: u64,
    came: u64,
    refused: u64,
}

/// A film, and somebody who reads it at their own expense.
struct Film {
    desk: Desk,
    author: Seat,
    reader: Seat,
    mimei: MimeiId,
    version: VersionId,
    text: Vec<u8>,
    user: UserId,
    seen: Rc<RefCell<Seen>>,
}

fn film(seed: u64, pieces: u64, limit: u64) -> Film {
    let mut desk = Desk::new(seed, sim::Link::good());
    desk.set_policy(CreditPolicy { welcome: Some(terms(100 * MB)), strangers: 0, traffic: Ratio::ONE });
    let author = desk.seat();
    let mimei = desk.create(author.node, Kind::File, "film", false);
    let text = bytes(seed, pieces * u64::from(PIECE_BYTES) + 7);
    let (version, _) = desk.save(author.node, mimei, None, &text).unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    // Readers pay for themselves.
    let creditor = desk.sim.peer(desk.relay).user();
    let what = desk.accounts(author.node)[0].sponsored[0].mandate.body.what;
    desk.credit(author.node, CreditCommand::Sponsor { creditor, what, day: 0, total: 0, until: None }).unwrap();
    let reader = desk.seat();
    let user = desk.sim.peer(reader.node).user();
    let mut film = Film { desk, author, reader, mimei, version, text, user, seen: Rc::default() };
    film.grant(limit);
    film.desk.open(reader, &link).unwrap();
    film
}

impl Film {
    fn grant(&mut self, limit: u64) {
        let (relay, debtor) = (self.desk.relay, self.user);
        self.desk.credit(relay, CreditCommand::Grant { debtor, terms: terms(limit) }).unwrap();
        self.desk.sim.run_for(1_000);
    }

    /// The reader has a way by HTTP, through somebody's hands.
    fn open_http(&mut self, mut tap: impl FnMut(u64, Fetched) -> Fetched + 'static) {
        let seen = self.seen.clone();
        let mut at = 0;
        self.desk.sim.open_http(self.reader.session, move |fetched| {
            let mut seen = seen.borrow_mut();
            seen.asked += 1;
            match &fetched {
                Ok(body) => seen.came += body.len() as u64 - 4,
                Err(FetchError::Refused) => seen.refused += 1,
                Err(FetchError::Failed) => {}
            }
            at += 1;
            tap(at, fetched)
        });
    }

    /// Reads it all, as much at once as a page does.
    fn read(&mut self) -> Result<Vec<u8>, CommandError> {
        let (node, mimei) = (self.reader.node, self.mimei);
        let contents = self.desk.list(node, mimei, self.version)?[0].contents.clone();
        let offsets: Vec<u64> = pieces(contents.length).map(|(offset, _)| offset).collect();
        let mut text = Vec::new();
        for offsets in offsets.chunks(AT_ONCE) {
            let read = |offset| Command::Item(ItemCommand::Read { mimei, contents: contents.clone(), offset });
            let ids: Vec<_> = offsets.iter().map(|offset| self.desk.sim.command(node, read(*offset))).collect();
            let is_done = |sim: &Sim| ids.iter().all(|id| sim.outcome(node, *id).is_some());
            assert!(self.desk.sim.run_until(120_000, is_done), "reading never ended");
            for id in ids {
                match self.desk.sim.outcome(node, id).cloned() {
                    Some(Ok(Outcome::Item(ItemOutcome::Bytes(piece)))) => text.extend(piece),
                    Some(Err(error)) => return Err(error),
                    other => panic!("not a piece: {other:?}"),
                }
            }
        }
        Ok(text)
    }

    /// What was read is forgotten.
    fn forget(&mut self) {
        self.desk.sim.node_mut(self.reader.node).store.forget_blocks();
    }

    fn reads_it_all(&mut self) {
        assert!(self.read().unwrap() == self.text, "the file is not what was saved");
    }

    fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// What the reader's devices were served, as the reader has it and as the relay has it.
    fn served(&mut self) -> [u64; 2] {
        let (node, relay, user) = (self.reader.node, self.desk.relay, self.user);
        let own = self.desk.accounts(node).into_iter().find(|account| account.owes).unwrap();
        let theirs = self.desk.accounts(relay).into_iter().find(|account| account.debtor == user).unwrap();
        assert!(theirs.numbers.unsigned <= TAIL_BYTES_MAX, "{:?}", theirs.numbers);
        [own, theirs].map(|account| account.lanes.iter().map(|(_, lane)| lane.served).sum())
    }

    /// The same after both sides said what they have.
    fn served_as_told(&mut self) -> [u64; 2] {
        self.reader = self.desk.back(self.reader);
        self.desk.sim.run_for(5_000);
        self.served()
    }
}

#[test]
fn a_large_file_comes_by_http_and_is_counted_on_both_sides_as_if_it_came_over_the_connection() {
    let mut by_http = film(1, SHORT, 100 * MB);
    by_http.open_http(|_, fetched| fetched);
    by_http.reads_it_all();
    let mut by_connection = film(1, SHORT, 100 * MB);
    by_connection.reads_it_all();
    assert!(by_http.seen().came >= by_http.text.len() as u64, "{:?}", by_http.seen());
    assert_eq!(by_connection.seen().asked, 0);
    let served = by_http.served();
    assert_eq!(served[0], served[1]);
    assert_eq!(served, by_connection.served());
}

#[test]
fn a_small_file_needs_no_ticket() {
    let mut film = film(2, SHORT, 100 * MB);
    film.open_http(|_, fetched| fetched);
    let node = film.author.node;
    let (version, _) = film.desk.save(node, film.mimei, None, b"in one piece").unwrap();
    film.desk.settle(node, film.mimei).unwrap();
    film.desk.sim.run_for(5_000);
    let text = film.desk.read(film.reader.node, film.mimei, version, None).unwrap();
    assert_eq!((text.as_slice(), film.seen().asked), (&b"in one piece"[..], 0));
}

#[test]
fn wrong_bytes_are_not_taken_and_the_right_ones_come_over_the_connection() {
    let mut film = film(3, SHORT, 100 * MB);
    film.open_http(|at, fetched| {
        fetched.map(|mut body| {
            if at >= 5 {
                body[1_000] ^= 1;
            }
            body
        })
    });
    film.reads_it_all();
    let asked = film.seen().asked;
    assert!((5..5 + AT_ONCE as u64).contains(&asked), "{asked} requests to somebody who lies");
    let [own, theirs] = film.served_as_told();
    assert_eq!(own, theirs);
}

#[test]
fn answers_that_are_short_long_or_of_another_block_are_not_taken() {
    let answers: [fn(Vec<u8>) -> Vec<u8>; 5] = [
        |_| Vec::new(),
        |body| body[..body.len() - 1].to_vec(),
        |body| body[4..].to_vec(),
        |body| [&[0xff; 4], &body[4..]].concat(),
        |_| [&[0, 0, 0, 3][..], b"hey"].concat(),
    ];
    for (seed, answer) in (10..).zip(answers) {
        let mut film = film(seed, SHORT, 100 * MB);
        film.open_http(move |_, fetched| fetched.map(answer));
        film.reads_it_all();
        assert!(film.seen().asked <= AT_ONCE as u64, "asked again and again");
    }
}

#[test]
fn a_way_that_breaks_is_left_for_a_minute_and_then_tried_again() {
    let mut film = film(4, LONG, 100 * MB);
    film.open_http(|at, fetched| if (5..100).contains(&at) { Err(FetchError::Failed) } else { fetched });
    film.reads_it_all();
    let asked = film.seen().asked;
    assert!((5..5 + AT_ONCE as u64).contains(&asked), "{asked} requests to nobody");
    film.forget();
    film.reads_it_all();
    assert_eq!(film.seen().asked, asked, "tried again at once");
    film.forget();
    film.desk.sim.run_for(60_000);
    film.reads_it_all();
    assert!(film.seen().asked > asked, "never tried again");
}

#[test]
fn a_ticket_that_has_ended_is_followed_by_another() {
    let mut film = film(5, LONG, 100 * MB);
    film.open_http(|_, fetched| fetched);
    film.reads_it_all();
    let first = film.seen();
    film.forget();
    film.desk.sim.run_for(61_000);
    film.reads_it_all();
    let both = film.seen();
    assert_eq!(both.refused, 0);
    // The last pieces are still in memory.
    assert!(both.came >= 2 * first.came - 2 * u64::from(PIECE_BYTES), "{first:?} {both:?}");
}

#[test]
fn at_the_end_of_the_line_reading_stops_and_goes_on_when_it_is_raised() {
    let mut film = film(6, LONG, 5 * MB);
    film.open_http(|_, fetched| fetched);
    let error = film.read().unwrap_err();
    assert!(matches!(&error, CommandError::Item { code: "credit.paused", .. }), "{error:?}");
    assert!(film.seen().came > 3 * MB, "{:?}", film.seen());
    film.grant(100 * MB);
    film.reads_it_all();
    assert!(film.seen().came >= film.text.len() as u64, "{:?}", film.seen());
    let [own, theirs] = film.served();
    assert_eq!(own, theirs);
}

#[test]
fn a_right_that_is_taken_back_ends_a_ticket_in_the_middle() {
    let mut film = film(7, LONG, 100 * MB);
    film.open_http(|_, fetched| fetched);
    film.reads_it_all();
    film.forget();
    let before = film.seen();
    let shares = film.desk.view(film.author.node, film.mimei).shares;
    let unshare = ItemCommand::Unshare { mimei: film.mimei, with: shares[0].with, seed: [3; 32] };
    film.desk.run(film.author.node, unshare).unwrap();
    film.desk.settle(film.author.node, film.mimei).unwrap();
    film.desk.sim.run_for(2_000);
    film.read().unwrap_err();
    assert_eq!(film.seen().came, before.came, "a block was served without a right");
}

#[test]
fn a_crash_of_the_relay_in_the_middle_costs_time_alone() {
    let mut film = film(8, SHORT, 100 * MB);
    film.open_http(|_, fetched| fetched);
    let (node, mimei, relay) = (film.reader.node, film.mimei, film.desk.relay);
    let contents = film.desk.list(node, mimei, film.version).unwrap()[0].contents.clone();
    let read = |offset| Command::Item(ItemCommand::Read { mimei, contents: contents.clone(), offset });
    let ids: Vec<_> = pieces(contents.length).map(|(offset, _)| film.desk.sim.command(node, read(offset))).collect();
    let is_done = |sim: &Sim, id: &_| sim.outcome(node, *id).is_some();
    assert!(film.desk.sim.run_until(60_000, |sim| ids.iter().filter(|id| is_done(sim, id)).count() >= 8));
    film.desk.sim.crash(relay);
    assert!(film.desk.sim.run_until(120_000, |sim| ids.iter().all(|id| is_done(sim, id))), "somebody waits for ever");
    film.desk.sim.restart(relay);
    film.reader = film.desk.back(film.reader);
    film.open_http(|_, fetched| fetched);
    film.desk.sim.run_for(2_000);
    film.reads_it_all();
}

#[test]
fn whatever_happens_on_the_way_the_file_arrives_and_both_sides_agree() {
    for seed in 100..106 {
        let mut film = film(seed, SHORT, 100 * MB);
        let mut random = Random::new(seed);
        film.desk.sim.node_mut(film.reader.node).temper.job_ms = 0..20;
        film.open_http(move |_, fetched| match random.within(0..12) {
            0 => Err(FetchError::Refused),
            1 => fetched.map(|body| body[..body.len() / 2].to_vec()),
            2 if random.chance(200_000) => Err(FetchError::Failed),
            _ => fetched,
        });
        film.reads_it_all();
        assert!(film.seen().asked > 0);
        let [own, theirs] = film.served_as_told();
        assert_eq!(own, theirs, "seed {seed}");
    }
}
