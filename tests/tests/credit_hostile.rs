//! Debtors who do not want to pay, and creditors who want more than is theirs. `THREATS.md` rows on replay, default,
//! free credit.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, Codec, MimeiId, UserId};
use mimei_core::credit::{
    CreditRecord, InviteSecret, Iou, Line, Mandate, Prices, Ratio, Receipt, TAIL_BYTES_MAX, Unit, UseOfLink, What,
};
use mimei_core::mimei::{App, Ext, Genesis, Kind, Signer};
use mimei_core::peer::{
    AccountView, Command, CreditCommand, CreditOutcome, CreditPolicy, Expect, NewInvite, Outcome, Terms,
};
use mimei_core::sign::{SignKey, Signature, Signed};
use mimei_core::wire::{
    AcceptAsk, Answer, Ask, CreditAsk, Frame, MandateAsk, MandateUse, Message, Nothing, PayAsk, Payer, PublishAsk,
    Records, RefusalCode, Statement,
};
use tests::caller::Caller;
use tests::people::{Person, empty_vault, vault_of};
use tests::random::Random;
use tests::sim::websocket;
use tests::solo::Solo;
use tests::stranger::Stranger;

const PIECE: usize = 100_000;

/// A relay that gave Alice a line, Alice's session with it, and Mallory's.
struct Scene {
    solo: Solo,
    relay: UserId,
    alice: Person,
    alices: Caller,
    mallory: Person,
    mallorys: Caller,
    mimei: MimeiId,
}

fn by(person: &Person) -> Signer {
    let mut log = person.log.newest();
    log.sort_unstable();
    Signer { log, user: person.user(), proof: None, device: person.device.keys().sign }
}

fn sign<T: CreditRecord>(person: &Person, body: T) -> Signed<T> {
    Signed { sig: person.device.sign(T::DOMAIN, &body.to_cbor()), body }
}

fn terms(limit: u64) -> Terms {
    Terms { limit, space: 1 << 30, until: None, renews: None }
}

fn scene(limit: u64) -> Scene {
    let mut random = Random::new(1);
    let [owner, alice, mallory] = [(); 3].map(|()| Person::new(&mut random));
    let policy = CreditPolicy { welcome: None, strangers: 0, traffic: Ratio::ONE };
    let vault = empty_vault(&owner.log);
    let mut solo = Solo::with_policy(owner.device.clone(), owner.log_copy(), vault, policy, 1);
    let relay = owner.user();
    let mut alices = Caller::new(&mut solo, &alice, 8);
    let mallorys = Caller::new(&mut solo, &mallory, 9);
    grant(&mut solo, alice.user(), limit);
    let (app, ext) = (App::new("org.example.tests").unwrap(), Ext::new("").unwrap());
    let genesis = Genesis { app, ext, kind: Kind::File, name: [7; 32], author: alice.user() };
    let mimei = genesis.id();
    let (records, genesis) = (Records::default(), Some(genesis));
    alices.ask(&mut solo, Ask::Publish(Box::new(PublishAsk { seen: None, mimei, genesis, records }))).unwrap();
    Scene { solo, relay, alice, alices, mallory, mallorys, mimei }
}

fn grant(solo: &mut Solo, debtor: UserId, limit: u64) -> AccountView {
    let grant = CreditCommand::Grant { debtor, terms: terms(limit) };
    let id = solo.command(Command::Credit(grant));
    match solo.outcomes.remove(&id) {
        Some(Ok(Outcome::Credit(CreditOutcome::Account(account)))) => *account,
        other => panic!("no line: {other:?}"),
    }
}

fn block(number: u8) -> (Cid, Vec<u8>) {
    let bytes = vec![number; PIECE];
    (Cid::of(Codec::Raw, &bytes), bytes)
}

impl Scene {
    fn account(&mut self, debtor: UserId) -> AccountView {
        let id = self.solo.command(Command::Credit(CreditCommand::Accounts));
        match self.solo.outcomes.remove(&id) {
            Some(Ok(Outcome::Credit(CreditOutcome::Accounts(accounts)))) => {
                accounts.into_iter().find(|account| account.debtor == debtor).unwrap()
            }
            other => panic!("no accounts: {other:?}"),
        }
    }

    fn signed(&mut self) -> u64 {
        let alice = self.alice.user();
        self.account(alice).numbers.signed
    }

    fn iou(&self, serial: u64, total: u64) -> Iou {
        Iou { by: by(&self.alice), unit: Unit::Byte, total, folded: 0, serial, creditor: self.relay }
    }

    fn pay(&mut self, iou: Signed<Iou>) -> Result<Answer, RefusalCode> {
        self.alices.ask(&mut self.solo, Ask::Pay(Box::new(PayAsk { iou })))
    }

    fn pays(&mut self, serial: u64, total: u64) -> Result<Answer, RefusalCode> {
        let iou = sign(&self.alice, self.iou(serial, total));
        self.pay(iou)
    }

    fn put(&mut self, number: u8) -> Result<Answer, RefusalCode> {
        let (cid, bytes) = block(number);
        self.alices.put(&mut self.solo, self.mimei, cid, bytes)
    }
}

const DONE: Result<Answer, RefusalCode> = Ok(Answer::Done(Nothing {}));

#[test]
fn nothing_is_served_beyond_the_tail_without_a_signature() {
    let mut scene = scene(100_000_000);
    let taken = (0..9).take_while(|number| scene.put(*number).is_ok()).count() as u64;
    assert_eq!(taken, TAIL_BYTES_MAX / PIECE as u64);
    assert_eq!(scene.put(20), Err(RefusalCode::Paused));
    let (cid, _) = block(0);
    let (mimei, payer) = (scene.mimei, Payer::Asker);
    assert_eq!(scene.alices.get(&mut scene.solo, mimei, cid, payer), Err(RefusalCode::Paused));
    assert_eq!(scene.pays(1, taken * PIECE as u64), DONE);
    assert_eq!(scene.alices.get(&mut scene.solo, mimei, cid, payer), Ok(()));
    assert_eq!(scene.put(20), DONE);
}

#[test]
fn the_tail_of_a_small_line_is_a_tenth_of_it() {
    let mut scene = scene(1_000_000);
    assert_eq!(scene.put(1), DONE);
    assert_eq!(scene.put(2), Err(RefusalCode::Paused));
}

#[test]
fn a_line_too_small_for_one_block_serves_none() {
    let mut scene = scene(PIECE as u64 - 1);
    assert_eq!(scene.pays(1, PIECE as u64), DONE, "a promise costs the relay nothing");
    assert_eq!(scene.put(1), Err(RefusalCode::Paused));
}

#[test]
fn whatever_was_signed_nothing_is_served_beyond_the_limit() {
    let mut scene = scene(350_000);
    scene.pays(1, 1 << 40).unwrap();
    assert_eq!(scene.put(1), Err(RefusalCode::Paused), "the exposure is what was signed");
    let alice = scene.alice.user();
    assert_eq!(scene.account(alice).numbers.exposure, 1 << 40);
}

#[test]
fn a_replayed_or_shrinking_iou_changes_nothing() {
    let mut scene = scene(100_000_000);
    let first = sign(&scene.alice, scene.iou(1, 500_000));
    assert_eq!(scene.pay(first.clone()), DONE);
    assert_eq!(scene.pays(2, 900_000), DONE);
    assert_eq!(scene.pay(first), Err(RefusalCode::Conflict), "replayed");
    assert_eq!(scene.pays(3, 800_000), Err(RefusalCode::Conflict), "shrinking");
    assert_eq!(scene.pays(2, 950_000), Err(RefusalCode::Conflict), "another with the same serial");
    assert_eq!(scene.signed(), 900_000);
    assert_eq!(scene.pays(2, 900_000), DONE, "the same again, as after a lost answer");
}

#[test]
fn an_iou_counts_for_its_signer_and_its_creditor_only() {
    let mut scene = scene(100_000_000);
    let mut forged = sign(&scene.alice, scene.iou(1, 500_000));
    forged.sig = Signature([7; 64]);
    assert_eq!(scene.pay(forged), Err(RefusalCode::Invalid));
    let elsewhere = Iou { creditor: scene.mallory.user(), ..scene.iou(1, 500_000) };
    let elsewhere = sign(&scene.alice, elsewhere);
    assert_eq!(scene.pay(elsewhere), Err(RefusalCode::Denied));
    // Mallory, in Alice's name and in his own.
    let iou = sign(&scene.mallory, scene.iou(1, 500_000));
    let ask = |iou| Ask::Pay(Box::new(PayAsk { iou }));
    assert_eq!(scene.mallorys.ask(&mut scene.solo, ask(iou)), Err(RefusalCode::Denied));
    let alices = Iou { by: Signer { user: scene.alice.user(), ..by(&scene.mallory) }, ..scene.iou(1, 500_000) };
    let alices = sign(&scene.mallory, alices);
    assert!(scene.mallorys.ask(&mut scene.solo, ask(alices)).is_err());
    let own = sign(&scene.mallory, Iou { by: by(&scene.mallory), ..scene.iou(1, 500_000) });
    assert_eq!(scene.mallorys.ask(&mut scene.solo, ask(own)), Err(RefusalCode::Unpaid), "he has no line");
    let folded = sign(&scene.alice, Iou { folded: 9, total: 8, ..scene.iou(1, 0) });
    assert_eq!(scene.pay(folded), Err(RefusalCode::Invalid));
    assert_eq!(scene.signed(), 0);
}

#[test]
fn a_signature_made_for_one_record_is_none_for_another() {
    let mut scene = scene(100_000_000);
    let body = scene.iou(1, 500_000);
    let sig = scene.alice.device.sign(Receipt::DOMAIN, &body.to_cbor());
    assert_eq!(scene.pay(Signed { sig, body }), Err(RefusalCode::Invalid));
}

#[test]
fn nobody_signs_a_line_for_himself() {
    let mut scene = scene(1_000);
    let alice = scene.alice.user();
    let line = Line {
        by: by(&scene.alice),
        unit: Unit::Byte,
        limit: u64::MAX,
        space: u64::MAX,
        until: None,
        debtor: alice,
        prices: 1,
        renews: None,
        serial: 99,
    };
    let as_relay = Line { by: Signer { user: scene.relay, ..by(&scene.alice) }, ..line.clone() };
    for line in [line, as_relay] {
        let ask = CreditAsk { iou: None, line: Some(sign(&scene.alice, line)), receipt: None };
        // Refused or passed over, but not believed.
        let _ = scene.alices.ask(&mut scene.solo, Ask::Credit(Box::new(ask)));
    }
    assert_eq!(scene.account(alice).numbers.limit, 1_000);
}

#[test]
fn an_invite_is_shown_by_its_secret_in_this_session() {
    let mut scene = scene(1_000);
    let new = NewInvite { terms: terms(9_999), label: String::new(), uses: 1, until: None, seed: [3; 32] };
    let id = scene.solo.command(Command::Credit(CreditCommand::Invite(new)));
    let Some(Ok(Outcome::Credit(CreditOutcome::Invited(secret)))) = scene.solo.outcomes.remove(&id) else {
        panic!("no invite")
    };
    let ask = |sig, invite| Ask::Accept(AcceptAsk { sig, invite });
    let alices_session = scene.alices.line.session_hash();
    let overheard = secret.accept(alices_session);
    let guess = InviteSecret::from_bytes([1; 32]);
    let mallorys_session = scene.mallorys.line.session_hash();
    for (sig, invite) in [
        (overheard, secret.key()),
        (guess.accept(mallorys_session), secret.key()),
        (guess.accept(mallorys_session), guess.key()),
    ] {
        let answer = scene.mallorys.ask(&mut scene.solo, ask(sig, invite));
        assert_eq!(answer, Err(RefusalCode::NotFound));
    }
    assert!(scene.alices.ask(&mut scene.solo, ask(overheard, secret.key())).is_ok());
    let alice = scene.alice.user();
    assert_eq!(scene.account(alice).numbers.limit, 9_999);
}

#[test]
fn an_invite_ends_when_its_time_is_over() {
    let mut scene = scene(1_000);
    let until = Some(scene.solo.now + 1_000);
    let new = NewInvite { terms: terms(9_999), label: String::new(), uses: 1, until, seed: [3; 32] };
    let id = scene.solo.command(Command::Credit(CreditCommand::Invite(new)));
    let Some(Ok(Outcome::Credit(CreditOutcome::Invited(secret)))) = scene.solo.outcomes.remove(&id) else {
        panic!("no invite")
    };
    scene.solo.advance(1_000);
    let sig = secret.accept(scene.mallorys.line.session_hash());
    let ask = Ask::Accept(AcceptAsk { sig, invite: secret.key() });
    assert_eq!(scene.mallorys.ask(&mut scene.solo, ask), Err(RefusalCode::NotFound));
}

#[test]
fn nobody_pays_by_the_mandate_of_somebody_else() {
    let mut scene = scene(100_000_000);
    let link = SignKey([5; 32]);
    let what = What::Link(UseOfLink { link, mimei: scene.mimei });
    let mandate = Mandate {
        by: by(&scene.mallory),
        day: 1_000_000,
        unit: Unit::Byte,
        what,
        total: 1_000_000,
        until: None,
        serial: 1,
        creditor: scene.relay,
    };
    let ask = |mandate| Ask::Mandate(Box::new(MandateAsk { mandate }));
    let own = sign(&scene.mallory, mandate.clone());
    assert_eq!(scene.mallorys.ask(&mut scene.solo, ask(own)), Err(RefusalCode::Unpaid));
    let alices = Mandate { by: by(&scene.alice), ..mandate };
    let forged = sign(&scene.mallory, alices.clone());
    assert!(scene.mallorys.ask(&mut scene.solo, ask(forged)).is_err());
    // Even one that Alice did sign is Alice's to bring.
    let stolen = sign(&scene.alice, alices);
    assert!(scene.mallorys.ask(&mut scene.solo, ask(stolen.clone())).is_err());
    let alice = scene.alice.user();
    assert!(scene.account(alice).sponsored.is_empty());
    assert_eq!(scene.alices.ask(&mut scene.solo, ask(stolen)), DONE);
    assert_eq!(scene.account(alice).numbers.reserved, 1_000_000);
}

/// A device of Alice's that calls a relay which a test plays.
struct Called {
    solo: Solo,
    alice: Person,
    relay: Person,
    line: tests::stranger::Line,
    connection: u64,
}

fn called() -> Called {
    let mut random = Random::new(2);
    let [alice, relay] = [(); 2].map(|()| Person::new(&mut random));
    let vault = vault_of(&alice.log, &alice.root);
    let policy = CreditPolicy::default();
    let mut solo = Solo::with_policy(alice.device.clone(), alice.log_copy(), vault, policy, 2);
    let connection = solo.dial(&websocket(), Expect::User(relay.user()));
    let stranger = Stranger::new(relay.device.clone(), &relay.log, 5);
    let line = stranger.answer(&mut solo, connection, &websocket());
    Called { solo, alice, relay, line, connection }
}

impl Called {
    fn statement(&self, limit: u64, served: u64) -> Statement {
        let line = Line {
            by: by(&self.relay),
            unit: Unit::Byte,
            limit,
            space: 1 << 30,
            until: None,
            debtor: self.alice.user(),
            prices: 1,
            renews: None,
            serial: 1,
        };
        let prices = sign(&self.relay, Prices { by: by(&self.relay), traffic: Ratio::ONE, version: 1 });
        let line = Some(sign(&self.relay, line));
        Statement { ious: vec![], line, prices, served, stored: 0, receipt: None, mandates: vec![] }
    }

    /// Answers what Alice's device asks of its account; what it then says.
    fn answers(&mut self, statement: Statement) -> Vec<Message> {
        let asked = self.line.hear(&mut self.solo).into_iter().find_map(|message| match message {
            Message::Ask((number, Ask::Credit(_))) => Some(number),
            _ => None,
        });
        let answer = Answer::Credit(Box::new(statement));
        let number = asked.expect("it asks for its account");
        self.line.say(&mut self.solo, &Frame::Message(Message::Answer((number, answer))));
        self.line.hear(&mut self.solo)
    }

    fn accounts(&mut self) -> Vec<AccountView> {
        let id = self.solo.command(Command::Credit(CreditCommand::Accounts));
        match self.solo.outcomes.remove(&id) {
            Some(Ok(Outcome::Credit(CreditOutcome::Accounts(accounts)))) => accounts,
            other => panic!("no accounts: {other:?}"),
        }
    }
}

fn pays(messages: &[Message]) -> Option<&Iou> {
    messages.iter().find_map(|message| match message {
        Message::Ask((_, Ask::Pay(pay))) => Some(&pay.iou.body),
        _ => None,
    })
}

#[test]
fn a_relay_that_counts_more_than_was_signed_for_gets_no_signature() {
    let mut called = called();
    let statement = called.statement(1 << 40, TAIL_BYTES_MAX + 1);
    let said = called.answers(statement);
    assert_eq!(pays(&said), None);
    let account = called.accounts().remove(0);
    assert!(account.stop.unwrap().contains("counts more than this device had"));
    assert_eq!(account.numbers.signed, 0);
}

#[test]
fn what_a_tail_covers_is_believed() {
    let mut called = called();
    let statement = called.statement(1 << 40, TAIL_BYTES_MAX);
    called.answers(statement);
    assert_eq!(called.accounts().remove(0).numbers.unsigned, TAIL_BYTES_MAX);
}

#[test]
fn no_more_is_folded_than_the_mandates_allow() {
    let mut called = called();
    let mimei = MimeiId::of(b"some MiMei");
    let mandate = Mandate {
        by: by(&called.alice),
        day: 500,
        unit: Unit::Byte,
        what: What::Mimei(mimei),
        total: 1_000,
        until: None,
        serial: 1,
        creditor: called.relay.user(),
    };
    let mandate = sign(&called.alice, mandate);
    let mut statement = called.statement(1 << 40, 0);
    statement.mandates = vec![MandateUse { used: 1 << 30, today: 0, mandate }];
    let said = called.answers(statement);
    let iou = pays(&said).expect("what was sponsored is signed for");
    assert_eq!(iou.folded, 1_000, "as far as the mandate goes");
}

#[test]
fn records_that_the_relay_did_not_sign_are_refused_whole() {
    for forge in [
        |called: &Called, statement: &mut Statement| {
            let line = statement.line.take().unwrap().body;
            statement.line = Some(sign(&called.alice, line));
        },
        |called: &Called, statement: &mut Statement| {
            let iou = Iou {
                by: by(&called.alice),
                unit: Unit::Byte,
                total: 1 << 30,
                folded: 0,
                serial: 1,
                creditor: called.relay.user(),
            };
            statement.ious = vec![sign(&called.relay, iou)];
        },
        |called: &Called, statement: &mut Statement| {
            let prices = statement.prices.body.clone();
            statement.prices = sign(&called.alice, prices);
        },
    ] {
        let mut called = called();
        let mut statement = called.statement(1 << 40, 0);
        forge(&called, &mut statement);
        called.answers(statement);
        assert_eq!(called.accounts(), [], "something of it was believed");
        assert!(!called.solo.has_closed(called.connection));
    }
}
