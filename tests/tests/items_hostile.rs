//! Somebody in a session who breaks the rules about MiMeis. `THREATS.md` rows on forged and stolen data.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, Codec, HeadId, MimeiId, VersionId};
use mimei_core::limits::{CONNECTION_MIMEIS_MAX, HAVE_CIDS_MAX, KNOWN_LOGS_MAX, PUTS_IN_WORK_MAX};
use mimei_core::link::LinkSecret;
use mimei_core::mimei::{
    AccessChain, AccessChange, App, Audience, Ext, Genesis, Head, KeyHistory, Kind, NewEpoch, Reserved, Right, Rights,
    Signer, Version,
};
use mimei_core::seal::{BlockToSeal, Epoch, EpochKey, MapSalt};
use mimei_core::sign::{Domain, Signature, Signed};
use mimei_core::time::Millis;
use mimei_core::wire::{
    Answer, Ask, EnterAsk, Exercise, GetAsk, Has, HaveAnswer, HaveAsk, KnownLog, LookAsk, Message, Nothing, Payer,
    PublishAsk, PutAsk, Records, RefusalCode,
};
use tests::caller::Caller;
use tests::people::Person;
use tests::random::Random;
use tests::solo::Solo;

fn done() -> Result<Answer, RefusalCode> {
    Ok(Answer::Done(Nothing {}))
}

fn genesis_of(person: &Person) -> Genesis {
    let (app, ext) = (App::new("org.example.tests").unwrap(), Ext::new("").unwrap());
    Genesis { app, ext, kind: Kind::File, name: [7; 32], author: person.user() }
}

fn look(mimei: MimeiId) -> Ask {
    let has = Has { heads: vec![], access: vec![] };
    Ask::Look(LookAsk { has, logs: vec![], mimei, watch: false })
}

fn bring(genesis: Genesis) -> Ask {
    let (mimei, records) = (genesis.id(), Records::default());
    Ask::Publish(Box::new(PublishAsk { seen: None, mimei, genesis: Some(genesis), records }))
}

/// A relay, an author with a MiMei there, and somebody else.
struct Scene {
    solo: Solo,
    alice: Person,
    author: Caller,
    mallory: Person,
    other: Caller,
    mimei: MimeiId,
}

fn scene() -> Scene {
    let mut random = Random::new(1);
    let [relay, alice, mallory] = [(); 3].map(|()| Person::new(&mut random));
    let mut solo = Solo::new(relay.device.clone(), relay.log_copy(), 1);
    let mut author = Caller::new(&mut solo, &alice, 8);
    let other = Caller::new(&mut solo, &mallory, 9);
    let genesis = genesis_of(&alice);
    let mimei = genesis.id();
    author.ask(&mut solo, bring(genesis)).unwrap();
    Scene { solo, alice, author, mallory, other, mimei }
}

fn raw(bytes: &[u8]) -> (Cid, Vec<u8>) {
    (Cid::of(Codec::Raw, bytes), bytes.to_vec())
}

fn signer(person: &Person) -> Signer {
    let mut log = person.log.newest();
    log.sort_unstable();
    Signer { log, user: person.user(), proof: None, device: person.device.keys().sign }
}

fn sign<T: Cbor>(person: &Person, domain: Domain, body: T) -> Signed<T> {
    Signed { sig: person.device.sign(domain, &body.to_cbor()), body }
}

fn version(person: &Person, mimei: MimeiId, root: Cid) -> Signed<Version> {
    let (by, time) = (signer(person), Millis(5));
    let body = Version { by, refs: None, root, time, mimei, covers: Reserved, number: 1, parents: vec![] };
    sign(person, Domain::Version, body)
}

fn head(person: &Person, mimei: MimeiId, last: VersionId) -> Signed<Head> {
    let (by, time) = (signer(person), Millis(5));
    sign(person, Domain::Head, Head { by, seq: 1, last, prev: vec![], time, mimei, access: None, release: None })
}

#[test]
fn only_its_author_brings_a_mimei() {
    let Scene { mut solo, alice, mut other, mallory, .. } = scene();
    let forged = Genesis { name: [8; 32], ..genesis_of(&alice) };
    assert_eq!(other.ask(&mut solo, bring(forged)), Err(RefusalCode::Denied));
    let own = genesis_of(&mallory);
    let elsewhere = PublishAsk {
        seen: None,
        mimei: MimeiId::of(b"another address"),
        genesis: Some(own),
        records: Records::default(),
    };
    assert_eq!(other.ask(&mut solo, Ask::Publish(Box::new(elsewhere))), Err(RefusalCode::Denied));
}

#[test]
fn whoever_has_no_right_is_told_the_same_as_about_nothing() {
    let Scene { mut solo, mut other, mut author, mimei, .. } = scene();
    let (cid, bytes) = raw(b"a block");
    assert_eq!(author.put(&mut solo, mimei, cid, bytes.clone()), done());
    for at in [mimei, MimeiId::of(b"nothing")] {
        assert_eq!(other.ask(&mut solo, look(at)), Err(RefusalCode::NotFound));
        assert_eq!(
            other.ask(&mut solo, Ask::Get(GetAsk { cid, mimei: at, payer: Payer::Asker })),
            Err(RefusalCode::NotFound)
        );
        assert_eq!(other.put(&mut solo, at, cid, bytes.clone()), Err(RefusalCode::NotFound));
        assert_eq!(other.publish(&mut solo, at, Records::default()), Err(RefusalCode::NotFound));
    }
}

#[test]
fn a_block_belongs_to_the_mimei_it_was_put_into_and_to_no_other() {
    let Scene { mut solo, mut author, mut other, mallory, mimei, .. } = scene();
    let (cid, bytes) = raw(b"a secret of the author");
    assert_eq!(author.put(&mut solo, mimei, cid, bytes), done());
    let own = genesis_of(&mallory);
    let own_id = own.id();
    other.ask(&mut solo, bring(own)).unwrap();
    assert_eq!(
        other.ask(&mut solo, Ask::Get(GetAsk { cid, mimei: own_id, payer: Payer::Asker })),
        Err(RefusalCode::NotFound)
    );
}

#[test]
fn blocks_that_are_not_what_they_say_are_refused_and_the_session_goes_on() {
    let Scene { mut solo, mut author, mimei, .. } = scene();
    let (cid, mut bytes) = raw(b"a block");
    bytes[0] ^= 1;
    assert_eq!(author.put(&mut solo, mimei, cid, bytes), Err(RefusalCode::Invalid));
    let broken = b"not CBOR".to_vec();
    let named = Cid::of(Codec::DagCbor, &broken);
    assert_eq!(author.put(&mut solo, mimei, named, broken), Err(RefusalCode::Invalid));
    let parent = Epoch::Public.seal(BlockToSeal { body: vec![1], links: vec![cid] }).unwrap();
    let refused = author.put(&mut solo, mimei, parent.cid, parent.bytes.clone());
    assert_eq!(refused, Err(RefusalCode::Missing), "what it names is not there");
    let (cid, bytes) = raw(b"a block");
    assert_eq!(author.put(&mut solo, mimei, cid, bytes), done());
    assert_eq!(author.put(&mut solo, mimei, parent.cid, parent.bytes.clone()), done());
    assert_eq!(author.put(&mut solo, mimei, parent.cid, parent.bytes), done(), "twice is once");
}

#[test]
fn a_block_that_was_announced_and_does_not_come_is_given_up() {
    let Scene { mut solo, mut author, mimei, .. } = scene();
    let (cid, _) = raw(b"a block");
    let before = solo.peer.tasks();
    let numbers: Vec<u64> = (0..PUTS_IN_WORK_MAX + 1)
        .map(|_| author.say(&mut solo, Ask::Put(PutAsk { cid, mimei, payer: Payer::Asker })))
        .collect();
    let last = numbers[PUTS_IN_WORK_MAX];
    assert_eq!(author.reply(&mut solo, last), Err(RefusalCode::Busy));
    solo.advance(60_000);
    assert_eq!(author.reply(&mut solo, numbers[0]), Err(RefusalCode::Missing));
    assert_eq!(solo.peer.tasks(), before);
}

#[test]
fn forged_records_are_refused_and_good_ones_before_them_kept() {
    let Scene { mut solo, alice, mut author, mallory, mimei, .. } = scene();
    let (root, bytes) = raw(b"");
    let good = version(&alice, mimei, root);
    let records = |versions: Vec<_>| Records { versions, ..Records::default() };
    let refused = author.publish(&mut solo, mimei, records(vec![good.clone()]));
    assert_eq!(refused, Err(RefusalCode::Missing), "a version without its blocks");
    assert_eq!(author.put(&mut solo, mimei, root, bytes), done());
    let mut altered = good.clone();
    altered.body.time = Millis(6);
    assert_eq!(author.publish(&mut solo, mimei, records(vec![altered])), Err(RefusalCode::Invalid));
    let elsewhere = version(&alice, MimeiId::of(b"another"), root);
    assert_eq!(author.publish(&mut solo, mimei, records(vec![elsewhere])), Err(RefusalCode::Invalid));
    let id = VersionId::of(&good.to_cbor());
    let stranger = head(&mallory, mimei, id);
    let both = Records { versions: vec![good], heads: vec![head(&alice, mimei, id), stranger], ..Records::default() };
    assert!(author.publish(&mut solo, mimei, both).is_err(), "a head of somebody without a right");
    let Ok(Answer::Look(answer)) = author.ask(&mut solo, look(mimei)) else { panic!("no look") };
    assert_eq!((answer.records.versions.len(), answer.records.heads.len(), answer.total), (1, 1, 1));
}

#[test]
fn a_publish_on_tips_that_are_not_the_tips_any_more_is_a_conflict() {
    let Scene { mut solo, alice, mut author, mimei, .. } = scene();
    let (root, bytes) = raw(b"");
    author.put(&mut solo, mimei, root, bytes).unwrap();
    let version = version(&alice, mimei, root);
    let head = head(&alice, mimei, VersionId::of(&version.to_cbor()));
    let id = HeadId::of(&head.to_cbor());
    let publish = |seen| {
        let records = Records { versions: vec![version.clone()], heads: vec![head.clone()], ..Records::default() };
        Ask::Publish(Box::new(PublishAsk { seen: Some(seen), mimei, genesis: None, records }))
    };
    let wrong = HeadId::of(b"another head");
    assert_eq!(author.ask(&mut solo, publish(vec![wrong])), Err(RefusalCode::Conflict));
    let Ok(Answer::Publish(answer)) = author.ask(&mut solo, publish(vec![])) else { panic!("not published") };
    assert_eq!(answer.tips, [id]);
    assert_eq!(author.ask(&mut solo, publish(vec![])), Err(RefusalCode::Conflict));
}

#[test]
fn a_links_signature_serves_in_its_own_session_only() {
    let Scene { mut solo, mut other, mimei, .. } = scene();
    let link = LinkSecret::from_bytes([5; 32]);
    let sig = link.sign(Domain::Exercise, &Exercise { mimei, session: [0; 32] }.to_cbor());
    let wrong = [
        EnterAsk { sig, link: link.keys().sign, mimei },
        EnterAsk { sig: Signature([0; 64]), link: link.keys().sign, mimei },
    ];
    for ask in wrong {
        assert_eq!(other.ask(&mut solo, Ask::Enter(ask)), Err(RefusalCode::NotFound));
    }
}

/// A scene in which the other has come in by a link with these rights.
fn let_in(rights: Rights, until: Option<Millis>) -> (Scene, LinkSecret) {
    let mut scene = scene();
    let secret = LinkSecret::from_bytes([5; 32]);
    let record = access_record(&scene.alice, &secret, rights, until);
    let records = Records { access: vec![record], ..Records::default() };
    scene.author.publish(&mut scene.solo, scene.mimei, records).unwrap();
    let session = scene.other.line.session_hash();
    let sig = secret.sign(Domain::Exercise, &Exercise { mimei: scene.mimei, session }.to_cbor());
    let enter = EnterAsk { sig, link: secret.keys().sign, mimei: scene.mimei };
    assert_eq!(scene.other.ask(&mut scene.solo, Ask::Enter(enter)), done());
    (scene, secret)
}

fn access_record(
    alice: &Person,
    secret: &LinkSecret,
    rights: Rights,
    until: Option<Millis>,
) -> Signed<mimei_core::mimei::AccessRecord> {
    let genesis = genesis_of(alice);
    let key = EpochKey::from_bytes([6; 32]);
    let history = KeyHistory { salt: MapSalt::from_bytes([7; 32]), earlier: vec![] };
    let to = [secret.keys().seal];
    let epoch = NewEpoch { key: &key, history: &history, to: &to, in_clear: false };
    let keys = Some(epoch.seal(&genesis.id(), &[8; 32]).unwrap());
    let audiences = vec![Audience { until, ..Audience::new(secret.keys(), rights) }];
    let change = AccessChange { audiences, keys, accepted: vec![], relays: vec![], mirrors: vec![] };
    let logs = std::collections::BTreeMap::from([(alice.user(), alice.log_copy())]);
    sign(alice, Domain::Access, AccessChain::new(&genesis).view(&logs).next_record(signer(alice), change))
}

#[test]
fn who_may_read_brings_nothing() {
    let (Scene { mut solo, alice, mut author, mut other, mimei, .. }, _) = let_in(Rights::READER, None);
    let (cid, bytes) = raw(b"a block of the reader's");
    assert_eq!(other.put(&mut solo, mimei, cid, bytes), Err(RefusalCode::Denied));
    let have = Ask::Have(HaveAsk { cids: vec![cid], mimei });
    assert_eq!(other.ask(&mut solo, have), Err(RefusalCode::Denied));
    let (root, bytes) = raw(b"");
    author.put(&mut solo, mimei, root, bytes).unwrap();
    // Even what the author itself has signed.
    let versions = vec![version(&alice, mimei, root)];
    let refused = other.publish(&mut solo, mimei, Records { versions, ..Records::default() });
    assert_eq!(refused, Err(RefusalCode::Denied));
    assert_eq!(other.ask(&mut solo, Ask::Get(GetAsk { cid, mimei, payer: Payer::Asker })), Err(RefusalCode::NotFound));
}

#[test]
fn who_may_not_read_gets_no_block() {
    let rights = Rights::of(&[Right::Write, Right::Save]);
    let (Scene { mut solo, mut author, mut other, mimei, .. }, _) = let_in(rights, None);
    let (cid, bytes) = raw(b"a block");
    author.put(&mut solo, mimei, cid, bytes).unwrap();
    assert_eq!(other.ask(&mut solo, Ask::Get(GetAsk { cid, mimei, payer: Payer::Asker })), Err(RefusalCode::Denied));
}

#[test]
fn who_knows_a_links_public_key_alone_does_not_come_in() {
    let (Scene { mut solo, mimei, .. }, secret) = let_in(Rights::READER, None);
    let thief = Person::new(&mut Random::new(77));
    let mut thief = Caller::new(&mut solo, &thief, 10);
    let (session, link) = (thief.line.session_hash(), secret.keys().sign);
    let wrong = [
        LinkSecret::from_bytes([1; 32]).sign(Domain::Exercise, &Exercise { mimei, session }.to_cbor()),
        secret.sign(Domain::Exercise, &Exercise { mimei, session: [0; 32] }.to_cbor()),
        secret.sign(Domain::Exercise, &Exercise { mimei: MimeiId::of(b"another"), session }.to_cbor()),
        secret.sign(Domain::Head, &Exercise { mimei, session }.to_cbor()),
    ];
    for sig in wrong {
        assert_eq!(thief.ask(&mut solo, Ask::Enter(EnterAsk { sig, link, mimei })), Err(RefusalCode::NotFound));
    }
    assert_eq!(thief.ask(&mut solo, look(mimei)), Err(RefusalCode::NotFound));
}

#[test]
fn whose_right_has_ended_is_told_nothing_more() {
    for has_ended in [false, true] {
        let until = Millis(1_700_000_000_000 + 60_000);
        let (Scene { mut solo, alice, mut author, mut other, mimei, .. }, _) = let_in(Rights::READER, Some(until));
        let has = Has { heads: vec![], access: vec![] };
        other.ask(&mut solo, Ask::Look(LookAsk { has, logs: vec![], mimei, watch: true })).unwrap();
        if has_ended {
            solo.advance(60_001);
        }
        let (root, bytes) = raw(b"");
        author.put(&mut solo, mimei, root, bytes).unwrap();
        let versions = vec![version(&alice, mimei, root)];
        author.publish(&mut solo, mimei, Records { versions, ..Records::default() }).unwrap();
        let told = other.line.hear(&mut solo).iter().any(|message| matches!(message, Message::Tell(_)));
        assert_eq!(told, !has_ended);
        let expected = if has_ended { Some(RefusalCode::NotFound) } else { None };
        assert_eq!(other.ask(&mut solo, look(mimei)).err(), expected);
    }
}

#[test]
fn lists_beyond_their_limits_are_refused() {
    let Scene { mut solo, alice, mut author, mimei, .. } = scene();
    let log = KnownLog { user: alice.user(), known: vec![] };
    let has = Has { heads: vec![], access: vec![] };
    let ask = LookAsk { has, logs: vec![log; KNOWN_LOGS_MAX + 1], mimei, watch: false };
    assert_eq!(author.ask(&mut solo, Ask::Look(ask)), Err(RefusalCode::Invalid));
    for n in 0..=CONNECTION_MIMEIS_MAX {
        let genesis = Genesis { name: *blake3_of(n).hash(), ..genesis_of(&alice) };
        let mimei = genesis.id();
        author.ask(&mut solo, bring(genesis)).unwrap();
        let has = Has { heads: vec![], access: vec![] };
        let watched = author.ask(&mut solo, Ask::Look(LookAsk { has, logs: vec![], mimei, watch: true }));
        let expected = (n >= CONNECTION_MIMEIS_MAX).then_some(RefusalCode::Busy);
        assert_eq!(watched.err(), expected, "watch {n}");
    }
}

fn blake3_of(n: usize) -> Cid {
    Cid::of(Codec::Raw, &n.to_be_bytes())
}

#[test]
fn which_blocks_are_there_is_told_to_writers_of_that_mimei_and_of_so_many_at_once() {
    let Scene { mut solo, alice, mut author, mut other, mimei, .. } = scene();
    let (there, bytes) = raw(b"there");
    let (missing, _) = raw(b"not there");
    author.put(&mut solo, mimei, there, bytes).unwrap();
    let have = |cids: Vec<Cid>| Ask::Have(HaveAsk { cids, mimei });
    let answer = author.ask(&mut solo, have(vec![missing, there, missing])).unwrap();
    assert_eq!(answer, Answer::Have(HaveAnswer { here: vec![false, true, false] }));
    assert_eq!(other.ask(&mut solo, have(vec![there])), Err(RefusalCode::NotFound));
    assert!(author.ask(&mut solo, have(vec![missing; HAVE_CIDS_MAX])).is_ok());
    assert_eq!(author.ask(&mut solo, have(vec![missing; HAVE_CIDS_MAX + 1])), Err(RefusalCode::Invalid));
    let second = Genesis { name: [8; 32], ..genesis_of(&alice) };
    let elsewhere = HaveAsk { cids: vec![there], mimei: second.id() };
    author.ask(&mut solo, bring(second)).unwrap();
    assert_eq!(author.ask(&mut solo, Ask::Have(elsewhere)), Ok(Answer::Have(HaveAnswer { here: vec![false] })));
}
