//! The shared vectors of records, sealed blocks and addresses: bytes that must not
//! change, and the verdict on each. Rust, wasm and TypeScript read the same file.
//!
//! `tests/vectors/records.json` is an array of `{name, type, hex, key, cid, valid}`,
//! one to a line. `MIMEI_BLESS=1` writes it anew; do that only when a format is
//! meant to change. `cid` is the address of the bytes, null for links. What the types mean:
//!
//! | type | bytes | valid if |
//! |---|---|---|
//! | `genesis` | a genesis; its address is the MimeiId | it decodes |
//! | `version`, `head`, `access` | a signed record | it decodes and its device signed it in its domain |
//! | `sealed` | a sealed block | it is in form and opens with `key`, the epoch's key in hex |
//! | `public` | a block of a MiMei that was created public | it is in form |
//! | `link` | the UTF-8 text of an address | it is one |

use std::path::PathBuf;

use conformance::vectors::{Beside, read_again};
use mimei_core::address::RelayAddress;
use mimei_core::cbor::Cbor;
use mimei_core::cid::{AccessId, Cid, Codec, HeadId, VersionId};
use mimei_core::link::{At, Link, LinkSecret};
use mimei_core::mimei::{AccessChain, Audience, Everyone, Head, HeadSet, Reserved, Rights, Version, Who};
use mimei_core::seal::{BlockToSeal, Epoch, EpochKey};
use mimei_core::sign::{Domain, Signed};

use crate::world::{EDITOR, NOW, World, version};

#[derive(Clone, PartialEq, Eq, Debug)]
struct Vector {
    name: String,
    kind: String,
    hex: String,
    key: Option<String>,
    cid: Option<String>,
    valid: bool,
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn judge(vector: &Vector) -> bool {
    let bytes = unhex(&vector.hex);
    let cid = vector.cid.as_ref().map(|text| text.parse().unwrap());
    let key = vector.key.as_ref().map(|key| unhex(key).try_into().unwrap());
    let written = read_again(&vector.kind, &bytes, &Beside { cid, key });
    assert!(written.as_ref().is_ok_and(|written| *written == bytes) || written.is_err(), "{}", vector.name);
    written.is_ok()
}

#[derive(Default)]
struct Maker(Vec<Vector>);

impl Maker {
    fn add(&mut self, kind: &str, name: &str, bytes: &[u8], key: Option<&[u8; 32]>, codec: Codec) {
        let cid = (kind != "link").then(|| Cid::of(codec, bytes).to_string());
        let (name, kind, hex, key) = (name.into(), kind.into(), hex(bytes), key.map(|key| hex(key)));
        let mut vector = Vector { name, kind, hex, key, cid, valid: false };
        vector.valid = judge(&vector);
        self.0.push(vector);
    }

    fn record(&mut self, kind: &str, name: &str, bytes: &[u8]) {
        self.add(kind, name, bytes, None, Codec::DagCbor);
    }

    /// A signed record, and what must not pass for it.
    fn signed<T: Cbor>(&mut self, kind: &str, name: &str, bytes: &[u8], other: &Signed<T>) {
        self.record(kind, name, bytes);
        let mut altered = bytes.to_vec();
        *altered.last_mut().unwrap() ^= 1;
        self.record(kind, &format!("{name}, last bit flipped"), &altered);
        self.record(kind, &format!("{name}, signed in another domain"), &other.to_cbor());
        self.record(kind, &format!("{name}, cut short"), &bytes[..bytes.len() - 1]);
        self.record(kind, &format!("{name}, with a byte behind"), &[bytes, &[0]].concat());
    }
}

fn today() -> Vec<Vector> {
    let mut world = World::new(2);
    let mut maker = Maker::default();
    genesis(&mut maker, &world);
    versions(&mut maker, &world);
    let (mut chain, mut heads) = (AccessChain::new(&world.genesis), HeadSet::new(world.mimei));
    let access = access_records(&mut maker, &mut world, &mut chain);
    head_records(&mut maker, &world, &chain, &mut heads, access);
    blocks(&mut maker);
    links(&mut maker, &world);
    maker.0
}

fn genesis(maker: &mut Maker, world: &World) {
    let bytes = world.genesis.to_cbor();
    maker.record("genesis", "a folder", &bytes);
    let at = bytes.windows(3).position(|window| window == b"org").unwrap();
    let mut upper = bytes.clone();
    upper[at] = b'O';
    maker.record("genesis", "an app with an upper-case letter", &upper);
    maker.record("genesis", "cut short", &bytes[..bytes.len() - 1]);
}

fn versions(maker: &mut Maker, world: &World) {
    let mut parents = vec![version("a"), version("b")];
    parents.sort();
    let first = Version {
        by: world.by((0, 0)),
        refs: None,
        root: Cid::of(Codec::DagCbor, b"root"),
        time: NOW,
        mimei: world.mimei,
        covers: Reserved,
        number: 1,
        parents: Vec::new(),
    };
    let merge = Version { number: 3, parents, refs: Some(Cid::of(Codec::DagCbor, b"refs")), ..first.clone() };
    for (name, version) in [("a first version", first), ("a merge with references", merge)] {
        let sign = |domain| world.secrets((0, 0)).sign(domain, &version.to_cbor());
        let good = Signed { sig: sign(Domain::Version), body: version.clone() };
        let other = Signed { sig: sign(Domain::Head), body: version.clone() };
        maker.signed("version", name, &good.to_cbor(), &other);
    }
}

fn access_records(maker: &mut Maker, world: &mut World, chain: &mut AccessChain) -> AccessId {
    let link = LinkSecret::from_bytes([5; 32]);
    let mut audiences = vec![world.user_audience(1, EDITOR), Audience::new(Who::Link(link.keys()), EDITOR)];
    audiences[0].until = Some(NOW);
    let mut change = world.change(audiences);
    change.keys = Some(world.fresh_keys(false, std::slice::from_ref(&link)));
    change.accepted = vec![HeadId::of(b"accepted")];
    let first = world.set_all(chain, (0, 0), change);
    let everyone = Audience::new(Who::Everyone(Everyone {}), Rights::READER);
    let second = world.set(chain, (0, 1), vec![everyone]);
    for (name, id) in [("a user until a date, and a link", first), ("everyone may read", second)] {
        let good = chain.get(&id).unwrap();
        let device = if id == first { (0, 0) } else { (0, 1) };
        let sig = world.secrets(device).sign(Domain::Version, &good.body.to_cbor());
        maker.signed("access", name, &good.to_cbor(), &Signed { sig, body: good.body.clone() });
    }
    first
}

fn head_records(maker: &mut Maker, world: &World, chain: &AccessChain, heads: &mut HeadSet, access: AccessId) {
    let first = world.save(heads, chain, (0, 0), "1");
    let second = world.release(heads, chain, (0, 1), "1");
    let link = LinkSecret::from_bytes([5; 32]);
    let by_link = Head {
        by: world.by_link((1, 0), &link, access),
        access: Some(access),
        ..world.next_head(heads, chain, world.by((1, 0)), version("2"), Some(version("1")))
    };
    let by_link = world.take(heads, chain, world.sign_head((1, 0), by_link));
    let all = [("a first head", first, (0, 0)), ("a release", second, (0, 1)), ("by a link", by_link, (1, 0))];
    for (name, id, device) in all {
        let good = heads.get(&id).unwrap();
        let sig = world.secrets(device).sign(Domain::Version, &good.body.to_cbor());
        maker.signed("head", name, &good.to_cbor(), &Signed { sig, body: good.body.clone() });
    }
}

fn blocks(maker: &mut Maker) {
    let key = [9; 32];
    let epoch = Epoch::Keyed(EpochKey::from_bytes(key));
    let links: Vec<Cid> = [&b"a"[..], b"b"].map(|text| Cid::of(Codec::DagCbor, text)).to_vec();
    let block = |links: &[Cid]| BlockToSeal { body: b"plaintext".to_vec(), links: links.to_vec() };
    for (name, links) in [("without links", &links[..0]), ("with two links", &links)] {
        let sealed = epoch.seal(block(links)).unwrap();
        maker.add("sealed", name, &sealed.bytes, Some(&key), Codec::DagCbor);
        maker.add("sealed", &format!("{name}, another key"), &sealed.bytes, Some(&[8; 32]), Codec::DagCbor);
        let mut altered = sealed.bytes.clone();
        *altered.last_mut().unwrap() ^= 1;
        maker.add("sealed", &format!("{name}, last bit flipped"), &altered, Some(&key), Codec::DagCbor);
        let public = Epoch::Public.seal(block(links)).unwrap();
        maker.add("public", name, &public.bytes, None, public.cid.codec());
    }
    let empty = [&[0xa2, 0x64][..], b"body", &[0x41, 0x00, 0x65], b"links", &[0x80]].concat();
    maker.add("public", "an envelope without links", &empty, None, Codec::DagCbor);
}

fn links(maker: &mut Maker, world: &World) {
    let relay = |n: u8, place: &str| RelayAddress {
        user: world.user(n.into()),
        addrs: vec![place.parse().unwrap()],
        fingerprint: [n; 32],
    };
    let alone = Link::new(world.mimei);
    let full = Link {
        at: At::Version(VersionId::of(b"version")),
        head: Some(HeadId::of(b"head")),
        relays: vec![relay(0, "192.0.2.7:6464"), relay(1, "[2001:db8::7]:6464")],
        secret: Some(LinkSecret::from_bytes([7; 32])),
        ..alone.clone()
    };
    let id = world.mimei;
    for (name, text) in [
        ("an id alone", alone.to_string()),
        ("a version by its number", format!("mimei:{id}@5")),
        ("the newest version", format!("mimei:{id}@last")),
        ("the chosen version", format!("mimei:{id}@release")),
        ("every part", full.to_string()),
        ("a secret cut short", full.to_string()[..full.to_string().len() - 1].into()),
        ("a version with a leading zero", format!("mimei:{id}@05")),
        ("a part that nobody knows", format!("mimei:{id}?x=1")),
        ("an id cut short", format!("mimei:{}", &id.to_string()[..50])),
        ("another scheme", format!("mimej:{id}")),
    ] {
        maker.add("link", name, text.as_bytes(), None, Codec::Raw);
    }
}

fn to_json(vectors: &[Vector]) -> String {
    let text = |value: &Option<String>| value.as_ref().map_or("null".into(), |value| format!("\"{value}\""));
    let line = |v: &Vector| {
        format!(
            r#"{{"name":"{}","type":"{}","hex":"{}","key":{},"cid":{},"valid":{}}}"#,
            v.name,
            v.kind,
            v.hex,
            text(&v.key),
            text(&v.cid),
            v.valid
        )
    };
    format!("[\n{}\n]\n", vectors.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

/// Reads what [`to_json`] writes: one vector to a line, no escapes.
fn from_json(text: &str) -> Vec<Vector> {
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
        let text = rest.strip_prefix('"').map(|rest| rest.split_once('"').unwrap().0.to_owned());
        (text, rest.starts_with("true"))
    };
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let vector = |line: &str| Vector {
        name: field(line, "name").0.unwrap(),
        kind: field(line, "type").0.unwrap(),
        hex: field(line, "hex").0.unwrap(),
        key: field(line, "key").0,
        cid: field(line, "cid").0,
        valid: field(line, "valid").1,
    };
    lines.map(vector).collect()
}

fn stored() -> Vec<Vector> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "tests", "vectors", "records.json"].iter().collect();
    if std::env::var_os("MIMEI_BLESS").is_some() {
        std::fs::write(&path, to_json(&today())).unwrap();
    }
    from_json(&std::fs::read_to_string(path).unwrap())
}

#[test]
fn what_is_written_today_is_what_the_file_holds() {
    let (stored, today) = (stored(), today());
    for (stored, today) in stored.iter().zip(&today) {
        assert_eq!(stored, today, "the format changed; if that is meant, run this test with MIMEI_BLESS=1");
    }
    assert_eq!(stored.len(), today.len());
}

#[test]
fn every_stored_vector_gets_its_stored_verdict_and_address() {
    let vectors = stored();
    for vector in &vectors {
        assert_eq!(judge(vector), vector.valid, "{}: {}", vector.kind, vector.name);
        let Some(cid) = &vector.cid else { continue };
        let cid: Cid = cid.parse().unwrap();
        assert!(cid.verifies(&unhex(&vector.hex)), "{}: {}", vector.kind, vector.name);
    }
    for kind in ["genesis", "version", "head", "access", "sealed", "public", "link"] {
        for valid in [true, false] {
            let has = vectors.iter().any(|vector| vector.kind == kind && vector.valid == valid);
            assert!(has, "{kind} that is valid: {valid}");
        }
    }
}
