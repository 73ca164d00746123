//! Tickets in wrong hands, too late, for too much: nothing is served for them that their session would not get.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, Codec, MimeiId, UserId};
use mimei_core::credit::{CreditRecord, Iou, Ratio, TAIL_BYTES_MAX, Unit};
use mimei_core::limits::{TICKET_BYTES_MAX, TICKET_MS, TICKETS_MAX};
use mimei_core::mimei::{App, Ext, Genesis, Kind, Signer};
use mimei_core::peer::{Blocked, Command, CommandError, CreditCommand, CreditOutcome, CreditPolicy, Outcome, Terms};
use mimei_core::sign::Signed;
use mimei_core::wire::{
    Answer, Ask, PayAsk, Payer, PublishAsk, Records, RefusalCode, TicketAnswer, TicketAsk, TicketSecret,
};
use tests::caller::Caller;
use tests::people::{Person, empty_vault};
use tests::random::Random;
use tests::solo::Solo;

const PIECE: usize = 100_000;

/// A relay, Alice's session with it, blocks of hers in two MiMeis, and the session of Mallory, who may read nothing.
struct Scene {
    solo: Solo,
    relay: UserId,
    alice: Person,
    alices: Caller,
    mallorys: Caller,
    mimei: MimeiId,
    cid: Cid,
    other: (MimeiId, Cid),
}

fn scene() -> Scene {
    let mut random = Random::new(1);
    let [owner, alice, mallory] = [(); 3].map(|()| Person::new(&mut random));
    let terms = Terms { limit: 1 << 30, space: 1 << 30, until: None, renews: None };
    let policy = CreditPolicy { welcome: Some(terms), strangers: 0, traffic: Ratio::ONE };
    let mut solo = Solo::with_policy(owner.device.clone(), owner.log_copy(), empty_vault(&owner.log), policy, 1);
    let relay = owner.user();
    let mut alices = Caller::new(&mut solo, &alice, 8);
    let mallorys = Caller::new(&mut solo, &mallory, 9);
    let [(mimei, cid), other] = [1, 2].map(|number| {
        let (app, ext) = (App::new("org.example.tests").unwrap(), Ext::new("").unwrap());
        let genesis = Genesis { app, ext, kind: Kind::File, name: [number; 32], author: alice.user() };
        let mimei = genesis.id();
        let publish = PublishAsk { seen: None, mimei, genesis: Some(genesis), records: Records::default() };
        alices.ask(&mut solo, Ask::Publish(Box::new(publish))).unwrap();
        let bytes = vec![number; PIECE];
        let cid = Cid::of(Codec::Raw, &bytes);
        alices.put(&mut solo, mimei, cid, bytes).unwrap();
        (mimei, cid)
    });
    let mut scene = Scene { solo, relay, alice, alices, mallorys, mimei, cid, other };
    scene.pays(1, 2 * PIECE as u64).unwrap();
    scene
}

impl Scene {
    fn pays(&mut self, serial: u64, total: u64) -> Result<Answer, RefusalCode> {
        let mut log = self.alice.log.newest();
        log.sort_unstable();
        let by = Signer { log, user: self.alice.user(), proof: None, device: self.alice.device.keys().sign };
        let iou = Iou { by, unit: Unit::Byte, total, folded: 0, serial, creditor: self.relay };
        let iou = Signed { sig: self.alice.device.sign(Iou::DOMAIN, &iou.to_cbor()), body: iou };
        self.alices.ask(&mut self.solo, Ask::Pay(Box::new(PayAsk { iou })))
    }

    fn ticket_for(&mut self, bytes: u64) -> TicketSecret {
        let ask = TicketAsk { bytes, mimei: self.mimei, payer: Payer::Asker };
        match self.alices.ask(&mut self.solo, Ask::Ticket(ask)) {
            Ok(Answer::Ticket(TicketAnswer { ms: TICKET_MS, secret })) => secret,
            other => panic!("no ticket: {other:?}"),
        }
    }

    fn ticket(&mut self) -> TicketSecret {
        self.ticket_for(TICKET_BYTES_MAX)
    }

    fn show(&mut self, ticket: &TicketSecret, cid: Cid) -> Result<usize, RefusalCode> {
        let id = self.solo.command(Command::Block { ticket: ticket.clone(), cid });
        match self.solo.outcomes.remove(&id) {
            Some(Ok(Outcome::Block(block))) => Ok(block.len()),
            Some(Err(CommandError::Refused(refusal))) => Err(refusal.code),
            other => panic!("neither a block nor a refusal: {other:?}"),
        }
    }

    fn shows(&mut self, ticket: &TicketSecret) -> Result<usize, RefusalCode> {
        let cid = self.cid;
        self.show(ticket, cid)
    }

    fn served(&mut self) -> u64 {
        let id = self.solo.command(Command::Credit(CreditCommand::Accounts));
        match self.solo.outcomes.remove(&id) {
            Some(Ok(Outcome::Credit(CreditOutcome::Accounts(accounts)))) => {
                let alice = self.alice.user();
                let account = accounts.into_iter().find(|account| account.debtor == alice).unwrap();
                account.lanes.iter().map(|(_, lane)| lane.served).sum()
            }
            other => panic!("no accounts: {other:?}"),
        }
    }

    fn stop(&mut self, what: Blocked) {
        let id = self.solo.command(Command::Credit(CreditCommand::Block { what, is_blocked: true }));
        self.solo.outcomes.remove(&id).unwrap().unwrap();
    }
}

const ENDED: Result<usize, RefusalCode> = Err(RefusalCode::Invalid);

#[test]
fn what_is_served_for_a_ticket_is_counted_and_what_is_refused_is_not() {
    let mut scene = scene();
    let before = scene.served();
    let ticket = scene.ticket();
    assert_eq!(scene.shows(&ticket), Ok(PIECE));
    assert_eq!(scene.shows(&ticket), Ok(PIECE));
    assert_eq!(scene.served() - before, 2 * PIECE as u64);
    let unknown = Cid::of(Codec::Raw, b"not here");
    assert_eq!(scene.show(&ticket, unknown), Err(RefusalCode::NotFound));
    assert_eq!(scene.served() - before, 2 * PIECE as u64);
}

#[test]
fn a_ticket_that_was_never_given_is_none() {
    let mut scene = scene();
    let before = scene.served();
    scene.ticket();
    for forged in [[0; 32], [0xff; 32]] {
        assert_eq!(scene.shows(&TicketSecret::from_bytes(forged)), ENDED);
    }
    assert_eq!(scene.served(), before);
}

#[test]
fn no_two_tickets_are_alike() {
    let mut scene = scene();
    let [one, two] = [scene.ticket(), scene.ticket()];
    assert_ne!(one, two);
}

#[test]
fn a_ticket_ends_after_a_minute() {
    let mut scene = scene();
    let ticket = scene.ticket();
    scene.solo.advance(TICKET_MS - 1);
    assert_eq!(scene.shows(&ticket), Ok(PIECE));
    scene.solo.advance(1);
    assert_eq!(scene.shows(&ticket), ENDED);
}

#[test]
fn a_ticket_is_good_for_its_bytes_and_not_for_one_more() {
    let mut scene = scene();
    let before = scene.served();
    let ticket = scene.ticket_for(2 * PIECE as u64 - 1);
    assert_eq!(scene.shows(&ticket), Ok(PIECE));
    assert_eq!(scene.shows(&ticket), Err(RefusalCode::Full));
    assert_eq!(scene.served() - before, PIECE as u64);
}

#[test]
fn nobody_gets_a_ticket_for_more_than_tickets_are_for() {
    let mut scene = scene();
    let ticket = scene.ticket_for(u64::MAX);
    let times = TICKET_BYTES_MAX / PIECE as u64;
    scene.pays(2, 10 * TICKET_BYTES_MAX).unwrap();
    for _ in 0..times {
        assert_eq!(scene.shows(&ticket), Ok(PIECE));
    }
    assert_eq!(scene.shows(&ticket), Err(RefusalCode::Full));
}

#[test]
fn a_ticket_is_for_one_mimei() {
    let mut scene = scene();
    let ticket = scene.ticket();
    let (_, elsewhere) = scene.other;
    assert_eq!(scene.show(&ticket, elsewhere), Err(RefusalCode::NotFound));
}

#[test]
fn who_may_not_read_gets_no_ticket_and_does_not_learn_what_is_here() {
    let mut scene = scene();
    for mimei in [scene.mimei, MimeiId::of(b"nowhere")] {
        let ask = TicketAsk { bytes: 1 << 20, mimei, payer: Payer::Asker };
        let refused = scene.mallorys.ask(&mut scene.solo, Ask::Ticket(ask));
        assert_eq!(refused, Err(RefusalCode::NotFound));
    }
}

#[test]
fn a_ticket_ends_with_its_session() {
    let mut scene = scene();
    let ticket = scene.ticket();
    let session = scene.alices.line.connection;
    scene.solo.command(Command::Disconnect(session));
    assert_eq!(scene.shows(&ticket), ENDED);
}

#[test]
fn what_the_owner_stops_is_not_served_for_a_ticket_either() {
    for stopped in [|scene: &Scene| Blocked::Mimei(scene.mimei), |scene: &Scene| Blocked::Block(scene.cid)] {
        let mut scene = scene();
        let ticket = scene.ticket();
        let what = stopped(&scene);
        scene.stop(what);
        assert_eq!(scene.shows(&ticket), Err(RefusalCode::Denied), "{what:?}");
    }
    let mut scene = scene();
    let ticket = scene.ticket();
    let user = scene.alice.user();
    scene.stop(Blocked::User(user));
    assert_eq!(scene.shows(&ticket), ENDED);
}

#[test]
fn nothing_is_served_beyond_what_was_signed_and_the_same_ticket_goes_on_after_a_signature() {
    let mut scene = scene();
    let ticket = scene.ticket();
    let before = scene.served();
    let mut blocks = 0;
    while scene.shows(&ticket) == Ok(PIECE) {
        blocks += 1;
    }
    assert_eq!(scene.shows(&ticket), Err(RefusalCode::Paused));
    assert_eq!(blocks, TAIL_BYTES_MAX / PIECE as u64, "the tail is as long as for blocks on the connection");
    assert_eq!(scene.served() - before, blocks * PIECE as u64);
    scene.pays(2, 100 * PIECE as u64).unwrap();
    assert_eq!(scene.shows(&ticket), Ok(PIECE));
}

#[test]
fn of_many_tickets_the_oldest_makes_room() {
    let mut scene = scene();
    let tickets: Vec<_> = (0..=TICKETS_MAX).map(|_| scene.ticket()).collect();
    assert_eq!(scene.shows(&tickets[0]), ENDED);
    assert_eq!(scene.shows(&tickets[1]), Ok(PIECE));
    assert_eq!(scene.shows(&tickets[TICKETS_MAX]), Ok(PIECE));
}
