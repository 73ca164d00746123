//! The decoders.

use conformance::vectors::{Beside, read_again};
use mimei_core::address::RelayAddress;
use mimei_core::cbor::{Bytes, Cbor, Reader, Writer};
use mimei_core::cid::{Cid, Codec};
use mimei_core::credit::{Invite, Iou, Line, Mandate, Prices, Receipt};
use mimei_core::identity::{Entry, IdentityLog};
use mimei_core::limits::FETCH_CIDS_MAX;
use mimei_core::link::Link;
use mimei_core::mimei::{
    AccessRecord, Contents, Genesis, Head, MediaType, PIECE_BYTES, Piece, Progress, StateKey, Version,
};
use mimei_core::seal::{Block, BlockToSeal, Epoch, Keyring};
use mimei_core::secret::{read_recovery_file, sign_entry, sign_key_of, write_recovery_file};
use mimei_core::sign::{Domain, Signed};
use mimei_core::wire::noise::{Proof, SessionClaim};
use mimei_core::wire::{Message, TicketSecret, length_before, read_fetched, read_wanted, write_wanted};

use super::{Form, Read, Target, corpus, nodes, sessions};

macro_rules! targets {
    ($($name:literal: $corpus:expr, $read:expr, $form:ident;)*) => {
        /// Every decoder of the core.
        pub static TARGETS: &[Target] =
            &[$(Target { name: $name, corpus: $corpus, read: $read, form: Form::$form },)*];
    };
}

targets! {
    "cbor": corpus::values, values, One;
    "typed cbor": corpus::values, typed, One;
    "message": || corpus::vectors("message"), record::<Message>, One;
    "ticket": tickets, ticket, One;
    "wanted blocks": wanted_blocks, wanted, One;
    "fetched blocks": fetched_blocks, fetched, Settles;
    "frames": sessions::packets, sessions::frames, Settles;
    "handshake": sessions::handshakes, sessions::handshake, One;
    "proof": || [corpus::vectors("proof"), corpus::vectors("sessionClaim")].concat(), proof, One;
    "map node": nodes::corpus, nodes::read, One;
    "map value": map_values, map_value, One;
    "block": corpus::blocks, block, One;
    "identity entry": || corpus::vectors("entry"), entry, One;
    "identity log": corpus::logs, log, Settles;
    "mimei records": || ["genesis", "version", "head", "access"].map(corpus::vectors).concat(), mimei, One;
    "credit records": || ["line", "iou", "receipt", "mandate", "prices"].map(corpus::vectors).concat(), credit, One;
    "link": links, link, Settles;
    "relay address": addresses, text::<RelayAddress>, Settles;
    "invite": || corpus::vectors("invite"), invite, Settles;
    "recovery file": corpus::recovery_files, recovery_file, Settles;
    "recovery contents": recovery_contents, recovery_content, Settles;
}

fn record<T: Cbor>(input: &[u8]) -> Result<Vec<u8>, String> {
    T::from_cbor(input).map(|value| value.to_cbor()).map_err(|error| format!("{error:?}"))
}

/// Headers that show a ticket.
fn tickets() -> Vec<Vec<u8>> {
    [[0; 32], [0x5e; 32]].map(|secret| TicketSecret::from_bytes(secret).to_header().into_bytes()).to_vec()
}

fn ticket(input: &[u8]) -> Result<Vec<u8>, String> {
    let text = core::str::from_utf8(input).map_err(|error| error.to_string())?;
    let ticket = TicketSecret::from_header(text).ok_or("not a ticket")?;
    Ok(ticket.to_header().into_bytes())
}

fn wanted_blocks() -> Vec<Vec<u8>> {
    let cids = [Cid::of(Codec::Raw, b"one"), Cid::of(Codec::DagCbor, b"another")];
    vec![write_wanted(&cids), write_wanted(&cids[..1])]
}

fn wanted(input: &[u8]) -> Result<Vec<u8>, String> {
    read_wanted(input).map(|cids| write_wanted(&cids)).ok_or_else(|| "not addresses".into())
}

fn fetched_blocks() -> Vec<Vec<u8>> {
    let long = [7; 100];
    let whole = [&length_before(b"one")[..], b"one", &length_before(&long), &long, &length_before(b"")].concat();
    vec![whole[..50].to_vec(), whole, vec![0, 0x10, 0, 1]]
}

/// As far as it goes.
fn fetched(input: &[u8]) -> Result<Vec<u8>, String> {
    let blocks = read_fetched(FETCH_CIDS_MAX, input);
    Ok(blocks.iter().flat_map(|block| [&length_before(block)[..], block].concat()).collect())
}

/// The first of several readings that succeeds.
fn any(input: &[u8], readings: &[Read]) -> Result<Vec<u8>, String> {
    let mut why = String::new();
    for read in readings {
        match read(input) {
            Ok(written) => return Ok(written),
            Err(error) => why.push_str(&error),
        }
    }
    Err(why)
}

/// Values in a row, whatever they are: every method of the reader against its twin of the writer.
fn values(input: &[u8]) -> Result<Vec<u8>, String> {
    let (mut r, mut w) = (Reader::new(input), Writer::new());
    while r.finish().is_err() {
        value(input, &mut r, &mut w).map_err(|error| format!("{error:?}"))?;
    }
    Ok(w.into_bytes())
}

fn value(input: &[u8], r: &mut Reader<'_>, w: &mut Writer) -> Result<(), mimei_core::cbor::DecodeError> {
    let head = input[r.position()];
    match head >> 5 {
        2 => w.bytes(r.bytes()?),
        3 => w.text(r.text()?),
        4 => w.array(r.array()?),
        5 => {
            let count = u64::from(head & 0x1f);
            r.map_of(count)?;
            w.map(count);
        }
        6 => {
            r.tag(42)?;
            w.tag(42);
        }
        7 if r.null_if_next() => w.null(),
        7 => w.bool(r.bool()?),
        _ => w.uint(r.uint()?),
    }
    Ok(())
}

/// The general types, in shapes in which small input could ask for much.
fn typed(input: &[u8]) -> Result<Vec<u8>, String> {
    any(
        input,
        &[
            record::<Vec<u64>>,
            record::<Vec<String>>,
            record::<Vec<Vec<Vec<Bytes>>>>,
            record::<Vec<Option<(u32, bool)>>>,
            record::<Vec<Cid>>,
            record::<MediaType>,
            record::<Progress>,
            record::<Option<Box<[u8; 32]>>>,
        ],
    )
}

fn proof(input: &[u8]) -> Result<Vec<u8>, String> {
    any(input, &[record::<Proof>, record::<SessionClaim>])
}

fn mimei(input: &[u8]) -> Result<Vec<u8>, String> {
    let beside = Beside::default();
    for kind in ["genesis", "version", "head", "access"] {
        let _ = read_again(kind, input, &beside);
    }
    any(input, &[record::<Genesis>, record::<Signed<Version>>, record::<Signed<Head>>, record::<Signed<AccessRecord>>])
}

fn credit(input: &[u8]) -> Result<Vec<u8>, String> {
    let beside = Beside::default();
    for kind in ["line", "iou", "receipt", "mandate", "prices"] {
        let _ = read_again(kind, input, &beside);
    }
    any(
        input,
        &[
            record::<Signed<Line>>,
            record::<Signed<Iou>>,
            record::<Signed<Receipt>>,
            record::<Signed<Mandate>>,
            record::<Signed<Prices>>,
        ],
    )
}

/// What files and states say in the values and keys of their maps, in the form of a public block.
fn map_values() -> Vec<Vec<u8>> {
    let link = Cid::of(Codec::Raw, b"a piece");
    let media = MediaType::new("text/plain").expect("a media type");
    let mut values = Vec::new();
    for length in [0, 1, PIECE_BYTES, 3 * PIECE_BYTES + 1] {
        let contents = Contents { blob: link, length: length.into(), media: media.clone() };
        let piece = Piece { offset: 0, length: 7, cid: link };
        values.extend([contents.to_value(), piece.to_value()]);
    }
    values.push((b"\x62ab".to_vec(), vec![link]));
    let block = |(body, links)| Epoch::Public.seal(BlockToSeal { body, links }).expect("a small block").bytes;
    values.into_iter().map(block).collect()
}

fn map_value(input: &[u8]) -> Result<Vec<u8>, String> {
    let block = Block::parse(Codec::DagCbor, input).map_err(|error| format!("{error:?}"))?;
    let Block::Public { body, links } = block else { return Err("not public".to_owned()) };
    if let Some(key) = StateKey::from_bytes(body) {
        assert_eq!(key.to_bytes(), body, "a key has one encoding");
    }
    let contents = Contents::from_value(body, &links).map(|contents| contents.to_value());
    let piece = Piece::from_entry(&Piece::key(0), body, &links).map(|piece| piece.to_value());
    for (again, named) in contents.iter().chain(&piece) {
        assert_eq!((again.as_slice(), named.as_slice()), (body, links.as_slice()), "a value has one encoding");
    }
    match (contents, piece) {
        (Err(one), Err(other)) => Err(format!("{one:?} {other:?}")),
        _ => Ok(input.to_vec()),
    }
}

/// A block in either form, and what its key makes of it.
fn block(input: &[u8]) -> Result<Vec<u8>, String> {
    let raw = Cid::of(Codec::Raw, input);
    assert!(Block::verify(&raw, input).is_ok(), "any bytes are a raw block");
    let cid = Cid::of(Codec::DagCbor, input);
    let block = Block::verify(&cid, input).map_err(|error| format!("{error:?}"))?;
    let mut ring = Keyring::new();
    if let Epoch::Keyed(key) = corpus::epoch() {
        ring.insert(key);
    }
    if let Ok(open) = ring.open(&cid, input) {
        assert_eq!(open.links, block.links());
    }
    Ok(block.to_bytes())
}

fn entry(input: &[u8]) -> Result<Vec<u8>, String> {
    let _ = read_again("entry", input, &Beside::default());
    record::<Signed<Entry>>(input)
}

/// A log as it comes, or else with the entries of our person signed anew: whoever signs may sign anything.
fn log(input: &[u8]) -> Result<Vec<u8>, String> {
    let entries = Vec::<Signed<Entry>>::from_cbor(input).map_err(|error| format!("{error:?}"))?;
    let person = corpus::person();
    let (root, device) = (sign_key_of(&person.root.root), person.device.keys().sign);
    let signed = entries.into_iter().map(|entry| match *entry.body.signer() {
        by if by == root => sign_entry(&person.root.root, entry.body),
        by if by == device => {
            let sig = person.device.sign(Domain::IdentityEntry, &entry.body.to_cbor());
            Signed { sig, body: entry.body }
        }
        _ => entry,
    });
    let log = IdentityLog::from_entries(signed).map_err(|error| format!("{error:?}"))?;
    let _ = (log.newest(), log.tips(), log.seal().number, log.has_seal(u64::MAX, &log.seal().key));
    Ok(log.entries().to_cbor())
}

fn utf8(input: &[u8]) -> Result<&str, String> {
    str::from_utf8(input).map_err(|_| "not UTF-8".to_owned())
}

fn text<T: std::str::FromStr<Err: std::fmt::Debug> + ToString>(input: &[u8]) -> Result<Vec<u8>, String> {
    let value: T = utf8(input)?.parse().map_err(|error| format!("{error:?}"))?;
    Ok(value.to_string().into_bytes())
}

fn links() -> Vec<Vec<u8>> {
    let mut links = corpus::vectors("link");
    let pages: Vec<_> = links.iter().map(|link| [b"https://host.example/page#", &link[..]].concat()).collect();
    links.extend(pages);
    links
}

fn link(input: &[u8]) -> Result<Vec<u8>, String> {
    let link = Link::find(utf8(input)?).map_err(|error| format!("{error:?}"))?;
    Ok(link.to_string().into_bytes())
}

fn invite(input: &[u8]) -> Result<Vec<u8>, String> {
    let invite = Invite::find(utf8(input)?).map_err(|error| format!("{error:?}"))?;
    Ok(invite.to_string().into_bytes())
}

fn addresses() -> Vec<Vec<u8>> {
    let user = mimei_core::cid::UserId::of(b"a relay");
    let places = ["192.0.2.1:6464", "[2001:db8::7]:1", "[fe80::1%3]:9", "[::ffff:1.2.3.4]:65535"];
    let addrs: Vec<_> = places.iter().map(|place| place.parse().expect("a place")).collect();
    let address = |count| RelayAddress { user, addrs: addrs[..count].to_vec(), fingerprint: [6; 32] };
    (1..=places.len()).map(|count| address(count).to_string().into_bytes()).collect()
}

fn recovery_file(input: &[u8]) -> Result<Vec<u8>, String> {
    let (root, log) = read_recovery_file(utf8(input)?).map_err(|error| format!("{error:?}"))?;
    Ok(write_recovery_file(&root, &log).into_bytes())
}

const RECOVERY: &str = "mimei-recovery-1:";

/// What the text of a recovery file encodes.
fn contents_of(file: &[u8]) -> Vec<u8> {
    let line = utf8(file).ok().and_then(|text| text.lines().find_map(|line| line.strip_prefix(RECOVERY)));
    data_encoding::BASE32_NOPAD.decode(line.expect("a line with the secret").as_bytes()).expect("base32")
}

fn recovery_contents() -> Vec<Vec<u8>> {
    corpus::recovery_files().iter().map(|file| contents_of(file)).collect()
}

/// The same without the text around it, in which a change of one byte changes little.
fn recovery_content(input: &[u8]) -> Result<Vec<u8>, String> {
    let text = format!("{RECOVERY}{}", data_encoding::BASE32_NOPAD.encode(input));
    recovery_file(text.as_bytes()).map(|file| contents_of(&file))
}
