//! Records, messages and packets as bytes, with the verdict on each: what every
//! implementation must agree about. Rust, wasm and TypeScript read the same file.
//!
//! `vectors/identity.json` is an array of `{name, type, hex, cid, valid, error}`.
//! `cid` is the address of the bytes as DAG-CBOR, null for packets, which are not
//! CBOR; `error` is null if `valid`. What the types mean:
//!
//! | type | bytes | valid if |
//! |---|---|---|
//! | `entry` | a signed entry of an identity log | its signature is by the key that it names |
//! | `log` | an array of signed entries, each after those it follows | the log takes them all |
//! | `sessionClaim`, `proof` | what is signed for a session, what proves it | they decode |
//! | `message` | a message | it decodes |
//! | `packet` | a packet before Noise | it starts or completes a frame |

use conformance::vectors::{Beside, read_again};
use mimei_core::address::RelayAddress;
use mimei_core::cbor::{Bytes, Cbor, Writer};
use mimei_core::cid::{AccessId, Cid, Codec, EntryId, HeadId, MimeiId};
use mimei_core::identity::{AddDevice, Entry, IdentityLog, RevokeDevice, SealGeneration};
use mimei_core::mimei::{App, Ext, Genesis, Kind, Progress, Signer, UploadId};
use mimei_core::secret::{self, DeviceSecrets, NewIdentity, SealSecret};
use mimei_core::sign::{Domain, Signed};
use mimei_core::time::Millis;
use mimei_core::wire::noise::{Proof, Role, SessionClaim};
use mimei_core::wire::{
    Answer, Ask, Bye, EnterAsk, Exercise, Frame, GetAsk, Has, HaveAnswer, HaveAsk, Hello, KnownLog, LogAnswer, LogAsk,
    LogPart, LookAnswer, LookAsk, Message, Nothing, Payer, ProgressAsk, PublishAnswer, PublishAsk, PutAsk, Records,
    Refusal, RefusalCode, Tell, TicketAnswer, TicketAsk, TicketSecret, packets_of,
};
use serde::{Deserialize, Serialize};

mod credit;

pub use credit::credit;

/// One line of the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vector {
    /// What it shows.
    pub name: String,
    /// What the bytes are meant to be.
    #[serde(rename = "type")]
    pub kind: String,
    /// The bytes.
    pub hex: String,
    /// Their address as a block.
    pub cid: Option<String>,
    /// Whether they are what they are meant to be.
    pub valid: bool,
    /// Why not.
    pub error: Option<String>,
}

impl Vector {
    /// The bytes.
    ///
    /// # Panics
    /// If the hex is not hex.
    pub fn bytes(&self) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(self.hex.as_bytes()).expect("lower-case hex")
    }
}

/// Judges bytes by what they are meant to be.
///
/// # Errors
/// The reason for refusing them, as the file names it.
///
/// # Panics
/// If there is no such type, or if what was read is not written as it was.
pub fn judge(kind: &str, bytes: &[u8]) -> Result<(), String> {
    let written = read_again(kind, bytes, &Beside::default())?;
    assert_eq!(written, bytes, "what was read is written again");
    Ok(())
}

/// The text of a file: one vector to a line, so that a change shows as one line.
///
/// # Panics
/// If a vector cannot be written as JSON.
pub fn to_json(vectors: &[Vector]) -> String {
    let lines: Vec<_> = vectors.iter().map(|vector| serde_json::to_string(vector).expect("strings are JSON")).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// Everything that the file holds.
pub fn identity() -> Vec<Vector> {
    let people = People::new();
    let mut maker = Maker::default();
    entries(&mut maker, &people);
    logs(&mut maker, &people);
    sessions(&mut maker, &people);
    messages(&mut maker, &people);
    packets(&mut maker);
    maker.0
}

/// Whether bytes of that type are a block with an address.
pub fn has_address(kind: &str) -> bool {
    !["packet", "invite"].contains(&kind)
}

/// A relay's address as it stands in an invite.
fn relay_address() -> String {
    let user = mimei_core::cid::UserId::of(b"a relay");
    let address = RelayAddress { user, addrs: vec![([192, 0, 2, 1], 6464).into()], fingerprint: [6; 32] };
    // Nothing of it needs to be escaped.
    address.to_string()
}

#[derive(Default)]
struct Maker(Vec<Vector>);

impl Maker {
    fn add(&mut self, kind: &str, name: &str, bytes: &[u8]) {
        let verdict = judge(kind, bytes);
        let cid = has_address(kind).then(|| Cid::of(Codec::DagCbor, bytes).to_string());
        let hex = data_encoding::HEXLOWER.encode(bytes);
        let (valid, error) = (verdict.is_ok(), verdict.err());
        self.0.push(Vector { name: name.into(), kind: kind.into(), hex, cid, valid, error });
    }
}

/// A user, a second device, and the entries about it.
struct People {
    new: NewIdentity,
    phone: DeviceSecrets,
    log: IdentityLog,
    add: Signed<Entry>,
    revoke: Signed<Entry>,
}

impl People {
    fn new() -> Self {
        let new = secret::create_identity(&[1; 32], Millis(1_700_000_000_000));
        let phone = DeviceSecrets::generate(&[2; 32]);
        let mut log = IdentityLog::new(new.first.clone()).expect("a first entry just signed");
        let add = add(&new, &log, &phone, new.root.root);
        log.insert(add.clone()).expect("an addition by the root");
        let accepted = vec![*EntryId::of(&add.to_cbor()).cid()];
        let revoke = revoke(&new, &log, &phone, 2, accepted);
        log.insert(revoke.clone()).expect("a revocation by the root");
        Self { new, phone, log, add, revoke }
    }
}

fn add(new: &NewIdentity, log: &IdentityLog, device: &DeviceSecrets, by: [u8; 32]) -> Signed<Entry> {
    let share = secret::seal_share(&new.root.seals[0], &device.keys(), &[3; 32]);
    let (by_key, prev, user) = (secret::sign_key_of(&by), log.tips(), log.user());
    let (proof, device) = (device.consent(by_key, user), device.keys());
    let entry = AddDevice { by: by_key, prev, time: Millis(1_700_000_060_000), user, proof, share, device };
    secret::sign_entry(&by, entry.into())
}

fn revoke(
    new: &NewIdentity,
    log: &IdentityLog,
    device: &DeviceSecrets,
    number: u64,
    accepted: Vec<Cid>,
) -> Signed<Entry> {
    let secret = SealSecret { secret: [4; 32], number };
    let shares = vec![secret::seal_share(&secret, &new.device.keys(), &[5; 32])];
    let entry = RevokeDevice {
        by: secret::sign_key_of(&new.root.root),
        prev: log.tips(),
        seal: SealGeneration { key: secret::seal_key_of(&secret.secret), number, shares },
        time: Millis(1_700_000_120_000),
        user: log.user(),
        device: device.keys().sign,
        accepted,
    };
    secret::sign_entry(&new.root.root, entry.into())
}

fn entries(maker: &mut Maker, people: &People) {
    let first = people.new.first.to_cbor();
    maker.add("entry", "a first entry; its address is the user id", &first);
    maker.add("entry", "a device added by the root", &people.add.to_cbor());
    maker.add("entry", "a device revoked, with one entry named as standing", &people.revoke.to_cbor());
    let mut wrong = people.add.clone();
    wrong.sig.0[5] ^= 1;
    maker.add("entry", "a changed signature", &wrong.to_cbor());
    let mut wrong = people.add.clone();
    if let Entry::AddDevice(e) = &mut wrong.body {
        e.time = Millis(0);
    }
    maker.add("entry", "a changed time", &wrong.to_cbor());
    let sig = secret::sign_with(&people.new.root.root, Domain::Session, &people.add.body.to_cbor());
    maker.add("entry", "signed for another purpose", &Signed { sig, body: people.add.body.clone() }.to_cbor());
    maker.add("entry", "cut off", &first[..first.len() - 1]);
    maker.add("entry", "a byte too many", &[&first[..], &[0]].concat());
    maker.add("entry", "a map of an indefinite length", &[&[0xbf], &first[1..], &[0xff]].concat());
    let long = [&[0xb8, 2], &first[1..]].concat();
    maker.add("entry", "a count in a longer form than needed", &long);
    maker.add("entry", "body before signature", &swapped(&people.new.first));
    let unknown = replace(&first, b"\x66create", b"\x66creato");
    maker.add("entry", "a kind of entry that this version does not know", &unknown);
    maker.add("entry", "a field under another name", &replace(&first, b"\x67nameTag", b"\x67nameTab"));
}

fn swapped(signed: &Signed<Entry>) -> Vec<u8> {
    let mut w = Writer::new();
    w.map(2);
    w.text("body");
    signed.body.write(&mut w);
    w.text("sig");
    signed.sig.write(&mut w);
    w.into_bytes()
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the bytes are there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn logs(maker: &mut Maker, people: &People) {
    let People { new, phone, log, add: added, revoke: revoked } = people;
    let mut log_of = |name: &str, entries: &[&Signed<Entry>]| {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).clone()).collect();
        maker.add("log", name, &entries.to_cbor());
    };
    let first = &new.first;
    let only_first = IdentityLog::new(first.clone()).expect("a first entry");
    log_of("a new user", &[first]);
    log_of("a device added", &[first, added]);
    log_of("a device added and revoked", &[first, added, revoked]);
    log_of("an entry twice changes nothing", &[first, added, added]);
    let laptop = DeviceSecrets::generate(&[6; 32]);
    let apart = add(new, &only_first, &laptop, new.device.sign);
    log_of("devices added apart from each other are no fork", &[first, added, &apart]);
    log_of("nothing", &[]);
    log_of("no first entry", &[added]);
    log_of("an entry before the one it follows", &[first, revoked]);
    log_of("a signer who was not certified before", &[first, &add(new, &only_first, &laptop, phone.sign)]);
    log_of("a device twice", &[first, added, revoked, &add(new, log, phone, new.root.root)]);
    log_of(
        "a revocation of a device that was not certified before",
        &[first, &revoke(new, &only_first, &laptop, 2, vec![])],
    );
    let with_phone = IdentityLog::from_entries([first.clone(), added.clone()]).expect("a log");
    log_of("a seal generation left out", &[first, added, &revoke(new, &with_phone, phone, 3, vec![])]);
    let other = secret::create_identity(&[9; 32], Millis(0));
    let other_log = IdentityLog::new(other.first.clone()).expect("a first entry");
    log_of("an entry of another user", &[first, &add(&other, &other_log, &laptop, other.root.root)]);
    let mut forged = first.clone();
    forged.sig.0[0] ^= 1;
    log_of("a forged first entry", &[&forged]);
    maker.add("log", "more entries claimed than there are bytes", &[0x9b, 0, 0, 0, 1, 0, 0, 0, 0]);
}

fn sessions(maker: &mut Maker, people: &People) {
    for (name, role) in [("a dialer's claim", Role::Dialer), ("a listener's claim", Role::Listener)] {
        maker.add("sessionClaim", name, &SessionClaim { key: [7; 32], role }.to_cbor());
    }
    let claim = SessionClaim { key: [7; 32], role: Role::Dialer }.to_cbor();
    maker.add("sessionClaim", "a role that does not exist", &replace(&claim, b"\x66dialer", b"\x66dialed"));
    maker.add("sessionClaim", "a key too short", &replace(&claim, &[0x58, 32, 7], &[0x58, 31]));
    let sig = people.new.device.sign(Domain::Session, &claim);
    let device = people.new.device.keys().sign;
    let proof = Proof { log: people.log.tips(), sig, user: people.log.user(), device };
    maker.add("proof", "the dialer's proof for that claim", &proof.to_cbor());
    maker.add("proof", "a proof that cites nothing", &Proof { log: vec![], ..proof.clone() }.to_cbor());
    maker.add("proof", "a tag that is no link", &replace(&proof.to_cbor(), &[0xd8, 42], &[0xd8, 43]));
}

fn messages(maker: &mut Maker, people: &People) {
    let user = people.log.user();
    let all: [(&str, Message); 9] = [
        ("hello with a log", Message::Hello(Hello { log: people.log.entries() })),
        ("a ping", Message::Ask((1, Ask::Ping(Nothing {})))),
        ("asking for what is new in a log", Message::Ask((24, Ask::Log(LogAsk { user, known: people.log.tips() })))),
        ("asking for a whole log", Message::Ask((256, Ask::Log(LogAsk { user, known: vec![] })))),
        ("it was done", Message::Answer((1, Answer::Done(Nothing {})))),
        ("an entry", Message::Answer((u64::MAX, Answer::Log(LogAnswer { entries: vec![people.add.clone()] })))),
        ("nothing is new", Message::Answer((65_536, Answer::Log(LogAnswer { entries: vec![] })))),
        ("busy", Message::Refuse((3, Refusal::new(RefusalCode::Busy, "too many asks at once")))),
        (
            "closing, in more than ASCII",
            Message::Bye(Bye { code: "connection.closed".into(), message: "bis später — 再见".into() }),
        ),
    ];
    for (name, message) in &all {
        maker.add("message", name, &message.to_cbor());
    }
    let ping = all[1].1.to_cbor();
    maker.add("message", "a message that this version does not know", &replace(&ping, b"\x63ask", b"\x63asq"));
    maker.add("message", "an ask that this version does not know", &replace(&ping, b"\x64ping", b"\x64pong"));
    maker.add("message", "a number in a longer form than needed", &replace(&ping, &[0x82, 1], &[0x82, 0x18, 1]));
    maker.add("message", "a negative number", &replace(&ping, &[0x82, 1], &[0x82, 0x20]));
    maker.add("message", "an ask without a number", &replace(&ping, &[0x82, 1], &[0x81]));
    maker.add("message", "two messages in one map", &[&[0xa2], &ping[1..], &ping[1..]].concat());
    let bye = all[8].1.to_cbor();
    maker.add("message", "text that is not UTF-8", &replace(&bye, "ä".as_bytes(), &[0xc3, 0x28]));
    maker.add("message", "text longer than the message", &replace(&bye, &[0x71], &[0x78, 0xff]));
    maker.add("message", "nothing", &[]);
    for (name, message) in about_mimeis(people) {
        maker.add("message", name, &message.to_cbor());
    }
    for code in ["busy", "notFound", "denied", "invalid", "conflict", "full", "missing", "store", "unpaid", "paused"] {
        let code = RefusalCode::from_name(code).expect("a code of ours");
        let refusal = Message::Refuse((0, Refusal::new(code, "")));
        maker.add("message", &format!("refused: {}", code.as_str()), &refusal.to_cbor());
    }
    maker.add("message", "bytes where text belongs", &replace(&bye, b"\x64code", &Bytes(b"code".to_vec()).to_cbor()));
}

/// How far an upload is, or that it is over.
fn progress_of(people: &People, mimei: MimeiId, root: Option<Cid>) -> Signed<Progress> {
    let by =
        Signer { log: people.log.tips(), user: people.log.user(), proof: None, device: people.new.device.keys().sign };
    let (done, upload) = (if root.is_some() { 1 << 20 } else { 0 }, UploadId([9; 16]));
    let body = Progress { by, done, root, time: Millis(1_000), mimei, total: 5_000_000, upload };
    Signed { sig: people.new.device.sign(Domain::Progress, &body.to_cbor()), body }
}

fn about_mimeis(people: &People) -> [(&'static str, Message); 15] {
    let (mimei, user) = (MimeiId::of(b"a MiMei"), people.log.user());
    let cid = Cid::of(Codec::Raw, b"a block");
    let link = people.new.device.keys().sign;
    let sig = people.new.device.sign(Domain::Exercise, &Exercise { mimei, session: [5; 32] }.to_cbor());
    let has = Has { heads: vec![HeadId::of(b"a head")], access: vec![AccessId::of(b"an access record")] };
    let (app, ext) = (App::new("org.example.notes").expect("in form"), Ext::new("txt").expect("in form"));
    let genesis = Genesis { app, ext, kind: Kind::File, name: [3; 32], author: user };
    let logs = vec![KnownLog { user, known: people.log.tips() }];
    let entries = people.log.entries();
    let records = Records { logs: vec![LogPart { user, entries }], ..Records::default() };
    let look = LookAsk { has: has.clone(), logs, mimei, watch: true };
    let publish = PublishAsk {
        seen: Some(has.heads.clone()),
        mimei,
        genesis: Some(genesis.clone()),
        records: Records::default(),
    };
    let tips = has.heads.clone();
    let progress = progress_of(people, mimei, Some(cid));
    let over = progress_of(people, mimei, None);
    let uploads = vec![progress.clone()];
    let answer = LookAnswer { has, more: false, tips: tips.clone(), total: 1, genesis, records, uploads };
    [
        ("using a link", Message::Ask((0, Ask::Enter(EnterAsk { sig, link, mimei })))),
        ("looking and watching", Message::Ask((2, Ask::Look(look)))),
        ("what is new", Message::Answer((2, Answer::Look(Box::new(answer))))),
        ("publishing a first record", Message::Ask((4, Ask::Publish(Box::new(publish))))),
        ("published", Message::Answer((4, Answer::Publish(PublishAnswer { tips })))),
        ("how far an upload is", Message::Ask((5, Ask::Progress(Box::new(ProgressAsk { progress }))))),
        ("an upload is over", Message::Ask((5, Ask::Progress(Box::new(ProgressAsk { progress: over }))))),
        ("which blocks are there", Message::Ask((6, Ask::Have(HaveAsk { cids: vec![cid, *mimei.cid()], mimei })))),
        ("one of two is there", Message::Answer((6, Answer::Have(HaveAnswer { here: vec![true, false] })))),
        ("announcing a block", Message::Ask((6, Ask::Put(PutAsk { cid, mimei, payer: Payer::Asker })))),
        ("wanting a block", Message::Ask((8, Ask::Get(GetAsk { cid, mimei, payer: Payer::Sponsor })))),
        (
            "wanting blocks by HTTP",
            Message::Ask((8, Ask::Ticket(TicketAsk { bytes: 64 << 20, mimei, payer: Payer::Asker }))),
        ),
        (
            "a ticket for a minute",
            Message::Answer((
                8,
                Answer::Ticket(TicketAnswer { ms: 60_000, secret: TicketSecret::from_bytes([0x5e; 32]) }),
            )),
        ),
        ("there is news", Message::Tell(Tell { mimei })),
        (
            "nothing is seen",
            Message::Ask((
                10,
                Ask::Publish(Box::new(PublishAsk { seen: None, mimei, genesis: None, records: Records::default() })),
            )),
        ),
    ]
}

fn packets(maker: &mut Maker) {
    let ping = Frame::Message(Message::Ask((1, Ask::Ping(Nothing {}))));
    maker.add("packet", "a ping in one packet", &packets_of(&ping).concat());
    let block = Frame::Block { number: 0x0102_0304_0506_0708, bytes: b"block".to_vec() };
    let block = packets_of(&block).concat();
    maker.add("packet", "a block for the ask 0x0102030405060708", &block);
    let empty = packets_of(&Frame::Block { number: 1, bytes: vec![] }).concat();
    maker.add("packet", "an empty block", &empty);
    maker.add("packet", "a block that goes on", &[&[block[0] | 1], &block[1..]].concat());
    maker.add("packet", "nothing", &[]);
    maker.add("packet", "flags that this version does not know", &[8, 0xa0]);
    maker.add("packet", "a part without progress", &[1]);
    maker.add("packet", "a block without a number", &[6, 1, 2, 3]);
    maker.add("packet", "a message that is none", &[0, 0xff]);
}
