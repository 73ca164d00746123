//! The shared vectors (docs/format.md, Test vectors): read, judged and written again.

use std::collections::HashMap;
use std::sync::Arc;

use mimei_core::cbor::{Cbor, DecodeError};
use mimei_core::cid::{Cid, Codec};
use mimei_core::credit::{CreditRecord, Invite, Iou, Line, Mandate, Prices, Receipt};
use mimei_core::identity::{Entry, IdentityLog};
use mimei_core::link::Link;
use mimei_core::map::{Builder, Map, Node, NodeSink, NodeSource, Range, Salt, Value};
use mimei_core::mimei::{AccessRecord, Genesis, Head, Signer, Version};
use mimei_core::seal::{Block, BlockToSeal, Epoch, EpochKey, Keyring};
use mimei_core::sign::{Domain, Signed};
use mimei_core::wire::noise::{Proof, SessionClaim};
use mimei_core::wire::{FrameError, Message, Reassembler, packets_of};

/// What belongs to a vector beside its bytes.
#[derive(Clone, Default, Debug)]
pub struct Beside {
    /// The address of the bytes as a block.
    pub cid: Option<Cid>,
    /// The key of the epoch that opens them.
    pub key: Option<[u8; 32]>,
}

/// Reads bytes as what they are meant to be, checks them, and writes them again.
///
/// Packets and logs can be valid without a value that is written again: a packet that only begins a
/// frame, and a log in which an entry stands twice. Those are written as they were read.
///
/// # Errors
/// The reason for refusing them, as the files name it.
///
/// # Panics
/// If there is no such type.
pub fn read_again(kind: &str, bytes: &[u8], beside: &Beside) -> Result<Vec<u8>, String> {
    match kind {
        "entry" => {
            let entry = decode::<Signed<Entry>>(bytes)?;
            verified(entry.verify(Domain::IdentityEntry, entry.body.signer()).is_ok(), &entry)
        }
        "log" => {
            let entries = decode::<Vec<Signed<Entry>>>(bytes)?;
            let written = entries.to_cbor();
            IdentityLog::from_entries(entries).map(|_| written).map_err(|error| format!("{error:?}"))
        }
        "sessionClaim" => decode::<SessionClaim>(bytes).map(|claim| claim.to_cbor()),
        "proof" => decode::<Proof>(bytes).map(|proof| proof.to_cbor()),
        "message" => decode::<Message>(bytes).map(|message| message.to_cbor()),
        "packet" => packet(bytes),
        "genesis" => decode::<Genesis>(bytes).map(|genesis| genesis.to_cbor()),
        "version" => signed::<Version>(bytes, Domain::Version, |version| &version.by),
        "head" => signed::<Head>(bytes, Domain::Head, |head| &head.by),
        "access" => signed::<AccessRecord>(bytes, Domain::Access, |record| &record.by),
        "line" => credit::<Line>(bytes),
        "iou" => credit::<Iou>(bytes),
        "receipt" => credit::<Receipt>(bytes),
        "mandate" => credit::<Mandate>(bytes),
        "prices" => credit::<Prices>(bytes),
        "invite" => invite(bytes),
        "sealed" => sealed(bytes, beside),
        "public" => public(bytes, beside),
        "link" => link(bytes),
        other => panic!("there is no vector type {other}"),
    }
}

fn decode<T: Cbor>(bytes: &[u8]) -> Result<T, String> {
    T::from_cbor(bytes).map_err(decode_error)
}

fn decode_error(error: DecodeError) -> String {
    format!("{:?}", error.kind)
}

fn verified<T: Cbor>(is_signed: bool, record: &Signed<T>) -> Result<Vec<u8>, String> {
    if is_signed { Ok(record.to_cbor()) } else { Err("BadSignature".to_owned()) }
}

fn signed<T: Cbor>(bytes: &[u8], domain: Domain, by: impl Fn(&T) -> &Signer) -> Result<Vec<u8>, String> {
    let record = decode::<Signed<T>>(bytes)?;
    verified(record.verify(domain, &by(&record.body).device).is_ok(), &record)
}

fn credit<T: CreditRecord>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    signed::<T>(bytes, T::DOMAIN, CreditRecord::by)
}

fn invite(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let invite: Invite = text.parse().map_err(|error| format!("{error:?}"))?;
    Ok(invite.to_string().into_bytes())
}

fn packet(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let frame = Reassembler::default().push(bytes).map_err(|error| match error {
        FrameError::Message(error) => decode_error(error),
        other => format!("{other:?}"),
    })?;
    Ok(frame.map_or_else(|| bytes.to_vec(), |frame| packets_of(&frame).concat()))
}

fn sealed(bytes: &[u8], beside: &Beside) -> Result<Vec<u8>, String> {
    let (cid, key) = (address(beside)?, beside.key.ok_or("it needs a key")?);
    let mut ring = Keyring::new();
    ring.insert(EpochKey::from_bytes(key));
    let open = ring.open(&cid, bytes).map_err(|error| format!("{error:?}"))?;
    sealed_again(&Epoch::Keyed(EpochKey::from_bytes(key)), BlockToSeal { body: open.body, links: open.links })
}

fn public(bytes: &[u8], beside: &Beside) -> Result<Vec<u8>, String> {
    let (body, links) = match Block::verify(&address(beside)?, bytes).map_err(|error| format!("{error:?}"))? {
        Block::Raw(body) => (body, Vec::new()),
        Block::Public { body, links } => (body, links),
        Block::Sealed(_) => return Err("it is sealed".to_owned()),
    };
    sealed_again(&Epoch::Public, BlockToSeal { body: body.to_vec(), links })
}

fn sealed_again(epoch: &Epoch, block: BlockToSeal) -> Result<Vec<u8>, String> {
    epoch.seal(block).map(|stored| stored.bytes).map_err(|error| format!("{error:?}"))
}

fn address(beside: &Beside) -> Result<Cid, String> {
    beside.cid.ok_or_else(|| "it needs an address".to_owned())
}

fn link(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let link: Link = text.parse().map_err(|error| format!("{error:?}"))?;
    Ok(link.to_string().into_bytes())
}

/// What `maps.json` says of a map.
pub struct MapShape {
    /// Its root.
    pub root: Cid,
    /// How many nodes it has.
    pub nodes: usize,
}

#[derive(Default)]
struct PublicBlocks(HashMap<Cid, Arc<Node>>);

impl NodeSource for PublicBlocks {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.0.get(cid).cloned()
    }
}

impl NodeSink for PublicBlocks {
    fn put(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid {
        let stored = Epoch::Public.seal(BlockToSeal { body: body.clone(), links: links.clone() }).unwrap();
        self.0.insert(stored.cid, Arc::new(Node::decode(body, links).unwrap()));
        stored.cid
    }
}

fn entry(number: usize, heavy: usize) -> (Vec<u8>, Value) {
    let padding = (37 * number).checked_rem(heavy).unwrap_or(0);
    let bytes = format!("{number}{}", "x".repeat(padding)).into_bytes();
    let block = Cid::of(Codec::Raw, &bytes);
    let value = match number {
        _ if number.is_multiple_of(7) => Value::Linked { bytes, links: vec![block] },
        _ if number.is_multiple_of(11) => Value::Block(block),
        _ => Value::Bytes(bytes),
    };
    (format!("key-{number:06}").into_bytes(), value)
}

/// Builds a map of `maps.json`, as docs/format.md describes its entries, and reads all of it.
///
/// # Panics
/// If a map cannot be built, or does not have the entries that went in.
pub fn map_of(salt: [u8; 32], entries: usize, heavy: usize) -> MapShape {
    let (mut blocks, mut builder) = (PublicBlocks::default(), Builder::new(Salt::new(salt)));
    for (key, value) in (0..entries).map(|number| entry(number, heavy)) {
        builder.push(key, value, &mut blocks).unwrap();
    }
    let root = builder.finish(&mut blocks);
    let listed = Map::at(&blocks, root).range(Range::ALL, entries + 1).unwrap();
    assert_eq!(listed.items.len(), entries);
    MapShape { root, nodes: blocks.0.len() }
}
