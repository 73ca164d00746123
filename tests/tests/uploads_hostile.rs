//! Somebody who tells of uploads that are none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, Codec, MimeiId};
use mimei_core::limits::{UPLOAD_LEASE_MS, UPLOADS_MAX};
use mimei_core::mimei::{App, Ext, Genesis, Kind, PIECE_BYTES, Progress, Signer, UploadId, auto_name};
use mimei_core::peer::{Command, CreditPolicy, Expect, ItemCommand, ItemName, ItemOutcome, NewItem, Outcome};
use mimei_core::secret::DeviceSecrets;
use mimei_core::sign::{Domain, Signed};
use mimei_core::time::Millis;
use mimei_core::wire::{
    Answer, Ask, Frame, Has, LookAnswer, LookAsk, Message, Nothing, ProgressAsk, PublishAsk, Records, RefusalCode,
};
use tests::caller::Caller;
use tests::people::{Person, vault_of};
use tests::random::Random;
use tests::sim::websocket;
use tests::solo::Solo;
use tests::stranger::{Line, Stranger};

const DONE: Result<Answer, RefusalCode> = Ok(Answer::Done(Nothing {}));
const TOTAL: u64 = 10 * PIECE_BYTES as u64 + 5;

fn genesis_of(person: &Person) -> Genesis {
    let (app, ext) = (App::new("org.example.tests").unwrap(), Ext::new("").unwrap());
    Genesis { app, ext, kind: Kind::File, name: [7; 32], author: person.user() }
}

fn progress(person: &Person, device: &DeviceSecrets, mimei: MimeiId, root: Cid) -> Progress {
    let mut log = person.log.newest();
    log.sort_unstable();
    let by = Signer { log, user: person.user(), proof: None, device: device.keys().sign };
    let (done, upload) = (u64::from(PIECE_BYTES), UploadId([1; 16]));
    Progress { by, done, root: Some(root), time: Millis(5), mimei, total: TOTAL, upload }
}

fn sign(device: &DeviceSecrets, body: Progress) -> Signed<Progress> {
    Signed { sig: device.sign(Domain::Progress, &body.to_cbor()), body }
}

fn look(mimei: MimeiId) -> Ask {
    let has = Has { heads: vec![], access: vec![] };
    Ask::Look(LookAsk { has, logs: vec![], mimei, watch: false })
}

/// A relay with a MiMei of Alice's, a block of it, and Mallory, who has no right there.
struct Scene {
    solo: Solo,
    alice: Person,
    author: Caller,
    mallory: Person,
    other: Caller,
    mimei: MimeiId,
    root: Cid,
}

fn scene() -> Scene {
    let mut random = Random::new(1);
    let [relay, alice, mallory] = [(); 3].map(|()| Person::new(&mut random));
    let mut solo = Solo::new(relay.device.clone(), relay.log_copy(), 1);
    let mut author = Caller::new(&mut solo, &alice, 8);
    let other = Caller::new(&mut solo, &mallory, 9);
    let genesis = genesis_of(&alice);
    let mimei = genesis.id();
    let bring = PublishAsk { seen: None, mimei, genesis: Some(genesis), records: Records::default() };
    author.ask(&mut solo, Ask::Publish(Box::new(bring))).unwrap();
    let root = Cid::of(Codec::Raw, b"a state");
    author.put(&mut solo, mimei, root, b"a state".to_vec()).unwrap();
    Scene { solo, alice, author, mallory, other, mimei, root }
}

impl Scene {
    fn progress(&self) -> Progress {
        progress(&self.alice, &self.alice.device, self.mimei, self.root)
    }

    /// What Alice signs, brought by her device.
    fn tell(&mut self, body: Progress) -> Result<Answer, RefusalCode> {
        let progress = sign(&self.alice.device, body);
        self.author.ask(&mut self.solo, Ask::Progress(Box::new(ProgressAsk { progress })))
    }

    fn shown(&mut self) -> Vec<Progress> {
        match self.author.ask(&mut self.solo, look(self.mimei)) {
            Ok(Answer::Look(answer)) => answer.uploads.into_iter().map(|signed| signed.body).collect(),
            other => panic!("not shown: {other:?}"),
        }
    }
}

#[test]
fn only_the_device_that_uploads_tells_of_it() {
    let mut scene = scene();
    let (body, mimei, root) = (scene.progress(), scene.mimei, scene.root);
    let mallorys = sign(&scene.mallory.device, progress(&scene.mallory, &scene.mallory.device, mimei, root));
    let alices = sign(&scene.alice.device, body.clone());
    let ask = |progress: &Signed<Progress>| Ask::Progress(Box::new(ProgressAsk { progress: progress.clone() }));
    assert_eq!(scene.other.ask(&mut scene.solo, ask(&mallorys)), Err(RefusalCode::NotFound), "without a right");
    assert_eq!(scene.other.ask(&mut scene.solo, ask(&alices)), Err(RefusalCode::NotFound), "somebody else's");
    assert_eq!(scene.author.ask(&mut scene.solo, ask(&mallorys)), Err(RefusalCode::Denied));
    let forged = sign(&scene.mallory.device, body.clone());
    assert_eq!(scene.author.ask(&mut scene.solo, ask(&forged)), Err(RefusalCode::Invalid), "another's signature");
    assert_eq!(scene.shown(), []);
    assert_eq!(scene.tell(body.clone()), DONE);
    assert_eq!(scene.shown(), [body]);
}

#[test]
fn what_is_told_must_be_there_and_have_a_length_of_whole_pieces() {
    let mut scene = scene();
    let body = scene.progress();
    let elsewhere = Cid::of(Codec::Raw, b"never brought");
    assert_eq!(scene.tell(Progress { root: Some(elsewhere), ..body.clone() }), Err(RefusalCode::Missing));
    for done in [0, 5, u64::from(PIECE_BYTES) + 1, TOTAL + 1, u64::MAX] {
        assert_eq!(scene.tell(Progress { done, ..body.clone() }), Err(RefusalCode::Invalid), "{done} bytes");
    }
    let other = MimeiId::of(b"another address");
    assert_eq!(scene.tell(Progress { mimei: other, ..body.clone() }), Err(RefusalCode::NotFound));
    assert_eq!(scene.shown(), []);
    assert_eq!(scene.tell(Progress { done: TOTAL, ..body }), DONE);
}

#[test]
fn what_was_told_before_brings_nothing_back() {
    let mut scene = scene();
    let first = scene.progress();
    let second = Progress { done: 2 * u64::from(PIECE_BYTES), time: Millis(6), ..first.clone() };
    assert_eq!(scene.tell(second.clone()), DONE);
    assert_eq!(scene.tell(first.clone()), DONE);
    assert_eq!(scene.shown(), std::slice::from_ref(&second));
    assert_eq!(scene.tell(Progress { root: None, done: 0, time: Millis(7), ..first.clone() }), DONE);
    assert_eq!(scene.tell(second), DONE);
    assert_eq!(scene.shown(), [], "it is over");
}

#[test]
fn there_are_so_many_uploads_at_a_time_and_each_ends_with_its_lease() {
    let mut scene = scene();
    let body = scene.progress();
    let numbered = |n: usize| Progress { upload: UploadId((n as u128).to_be_bytes()), ..body.clone() };
    for n in 0..UPLOADS_MAX {
        assert_eq!(scene.tell(numbered(n)), DONE);
    }
    assert_eq!(scene.tell(numbered(UPLOADS_MAX)), Err(RefusalCode::Full));
    assert_eq!(scene.tell(Progress { time: Millis(6), ..numbered(3) }), DONE, "one that is known goes on");
    assert_eq!(scene.shown().len(), UPLOADS_MAX);
    scene.solo.advance(UPLOAD_LEASE_MS);
    assert_eq!(scene.shown(), []);
    assert_eq!(scene.tell(numbered(UPLOADS_MAX)), DONE);
}

/// A device of Alice's with a MiMei, at a relay that a test plays, and another device of hers.
struct Told {
    solo: Solo,
    alice: Person,
    tablet: DeviceSecrets,
    line: Line,
    genesis: Genesis,
}

fn told() -> Told {
    let mut random = Random::new(2);
    let [mut alice, relay] = [(); 2].map(|()| Person::new(&mut random));
    let tablet = alice.add_device(&mut random);
    let vault = vault_of(&alice.log, &alice.root);
    let mut solo = Solo::with_policy(alice.device.clone(), alice.log_copy(), vault, CreditPolicy::default(), 2);
    let connection = solo.dial(&websocket(), Expect::User(relay.user()));
    let line = Stranger::new(relay.device.clone(), &relay.log, 5).answer(&mut solo, connection, &websocket());
    let genesis = Genesis { name: auto_name(&[3; 32]), ..genesis_of(&alice) };
    let Genesis { app, ext, kind, .. } = genesis.clone();
    solo.command(Command::Item(ItemCommand::Create(NewItem {
        app,
        kind,
        ext,
        name: ItemName::Auto([3; 32]),
        is_public: false,
    })));
    Told { solo, alice, tablet, line, genesis }
}

impl Told {
    /// Answers the look of Alice's device with that upload; how many she is shown.
    fn shown(mut self, upload: &Signed<Progress>) -> usize {
        let asked = self.line.hear(&mut self.solo).into_iter().find_map(|message| match message {
            Message::Ask((number, Ask::Look(_))) => Some(number),
            _ => None,
        });
        let answer = LookAnswer {
            has: Has { heads: vec![], access: vec![] },
            more: false,
            tips: vec![],
            total: 0,
            genesis: self.genesis.clone(),
            records: Records::default(),
            uploads: vec![upload.clone(); 2 * UPLOADS_MAX],
        };
        let answer = Message::Answer((asked.expect("it looks"), Answer::Look(Box::new(answer))));
        self.line.say(&mut self.solo, &Frame::Message(answer));
        let id = self.solo.command(Command::Item(ItemCommand::View(self.genesis.id())));
        match self.solo.outcomes.remove(&id) {
            Some(Ok(Outcome::Item(ItemOutcome::Item { view, .. }))) => view.uploads.len(),
            other => panic!("not shown: {other:?}"),
        }
    }
}

#[test]
fn a_relay_shows_no_upload_that_nobody_with_a_right_has_signed() {
    let root = Cid::of(Codec::Raw, b"a state");
    let body = |told: &Told| progress(&told.alice, &told.tablet, told.genesis.id(), root);
    let honest = told();
    let progress_of_tablet = sign(&honest.tablet, body(&honest));
    assert_eq!(honest.shown(&progress_of_tablet), 1);

    let stranger = Person::new(&mut Random::new(3));
    let scene = told();
    let by_stranger = sign(&stranger.device, progress(&stranger, &stranger.device, scene.genesis.id(), root));
    assert_eq!(scene.shown(&by_stranger), 0, "somebody without a right");
    let scene = told();
    let forged = sign(&stranger.device, body(&scene));
    assert_eq!(scene.shown(&forged), 0, "another's signature");
    let scene = told();
    let longer = Signed { body: Progress { done: TOTAL, ..progress_of_tablet.body.clone() }, ..progress_of_tablet };
    assert_eq!(scene.shown(&longer), 0, "a length that was not signed");
    let scene = told();
    let elsewhere = sign(&scene.tablet, Progress { mimei: MimeiId::of(b"another"), ..body(&scene) });
    assert_eq!(scene.shown(&elsewhere), 0, "of another MiMei");
    let scene = told();
    let over = sign(&scene.tablet, Progress { root: None, done: 0, ..body(&scene) });
    assert_eq!(scene.shown(&over), 0, "one that is over");
}
