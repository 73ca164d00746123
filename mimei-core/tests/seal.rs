//! Sealed blocks: what can be read without the key, and what nobody can alter.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use mimei_core::cid::{Cid, Codec, MimeiId};
use mimei_core::limits::BLOCK_BYTES_MAX;
use mimei_core::map::OpenBlock;
use mimei_core::seal::{
    BLOCK_LINKS_MAX, BODY_BYTES_MAX, Block, BlockError, BlockToSeal, Epoch, EpochKey, Keyring, OpenBlockError,
    StoredBlock, blob_salt, first_epoch_key, private_salt, public_salt,
};

fn key(n: u8) -> EpochKey {
    EpochKey::generate(&[n; 32])
}

fn links(count: usize) -> Vec<Cid> {
    (0..count).map(|n| Cid::of(Codec::DagCbor, &n.to_le_bytes())).collect()
}

fn block(body: &[u8], link_count: usize) -> BlockToSeal {
    BlockToSeal { body: body.to_vec(), links: links(link_count) }
}

fn seal(n: u8, body: &[u8], link_count: usize) -> StoredBlock {
    Epoch::Keyed(key(n)).seal(block(body, link_count)).unwrap()
}

fn ring(keys: &[u8]) -> Keyring {
    let mut ring = Keyring::new();
    keys.iter().for_each(|n| assert!(ring.insert(key(*n))));
    ring
}

#[test]
fn what_was_sealed_opens_to_the_same_body_and_links() {
    for (length, count) in [(0, 0), (1, 0), (0, 1), (64, 3), (4096, 40), (256 << 10, 0)] {
        let body: Vec<u8> = (0..length).map(|n: usize| n as u8).collect();
        let sealed = seal(1, &body, count);
        assert_eq!(sealed.cid, Cid::of(Codec::DagCbor, &sealed.bytes));
        let opened = ring(&[2, 1]).open(&sealed.cid, &sealed.bytes);
        assert_eq!(opened, Ok(OpenBlock { body, links: links(count) }));
    }
}

#[test]
fn the_same_block_under_the_same_key_is_the_same_bytes_and_any_difference_shows() {
    let sealed = seal(1, b"body", 2);
    assert_eq!(sealed, seal(1, b"body", 2));
    let others = [seal(2, b"body", 2), seal(1, b"bodx", 2), seal(1, b"body", 1), seal(1, b"body", 3)];
    for other in &others {
        assert_ne!(sealed.cid, other.cid);
        // The whole ciphertext differs, as the nonce does.
        let tail = |stored: &StoredBlock| stored.bytes[stored.bytes.len() - 4..].to_vec();
        assert_ne!(tail(&sealed), tail(other));
    }
    let contains = |part: &[u8]| sealed.bytes.windows(part.len()).any(|window| window == part);
    assert!(!contains(b"body"));
}

#[test]
fn any_flipped_bit_is_refused() {
    let sealed = seal(1, b"a body of some length", 2);
    let ring = ring(&[1]);
    for at in 0..sealed.bytes.len() {
        for bit in 0..8 {
            let mut bytes = sealed.bytes.clone();
            bytes[at] ^= 1 << bit;
            let wrong = Err(OpenBlockError::Block(BlockError::WrongAddress));
            assert_eq!(ring.open(&sealed.cid, &bytes), wrong, "byte {at}");
            // Under an address of its own the seal must hold it.
            let cid = Cid::of(Codec::DagCbor, &bytes);
            assert!(ring.open(&cid, &bytes).is_err(), "byte {at} bit {bit}");
        }
    }
    for length in 0..sealed.bytes.len() {
        let cut = &sealed.bytes[..length];
        assert!(ring.open(&Cid::of(Codec::DagCbor, cut), cut).is_err());
    }
}

#[test]
fn a_flip_in_siv_link_or_ciphertext_is_the_seals_to_find() {
    let sealed = seal(1, b"a body of some length", 1);
    let ring = ring(&[1]);
    let bad_seal = |at: usize| {
        let mut bytes = sealed.bytes.clone();
        bytes[at] ^= 1;
        ring.open(&Cid::of(Codec::DagCbor, &bytes), &bytes) == Err(OpenBlockError::BadSeal)
    };
    let at_link = sealed.bytes.windows(36).position(|window| *window == links(1)[0].to_bytes()).unwrap();
    assert!(bad_seal(10), "in the SIV");
    assert!(bad_seal(at_link + 20), "in a link's hash");
    assert!(bad_seal(sealed.bytes.len() - 1), "in the ciphertext");
}

#[test]
fn links_are_bound_in_their_order() {
    let (a, b) = (seal(1, b"body", 2), seal(1, b"body", 1));
    let swapped = Epoch::Keyed(key(1)).seal(BlockToSeal {
        body: b"body".to_vec(),
        links: {
            let mut l = links(2);
            l.reverse();
            l
        },
    });
    assert_ne!(a.cid, swapped.unwrap().cid);
    // Cutting the second link off by hand.
    let Ok(Block::Sealed(sealed)) = Block::verify(&b.cid, &b.bytes) else { panic!() };
    assert_eq!(sealed.links(), links(1));
    let one = links(1)[0].to_bytes();
    let two = links(2)[1].to_bytes();
    let at = a.bytes.windows(36).position(|window| *window == two).unwrap();
    let first = a.bytes.windows(36).position(|window| *window == one).unwrap();
    let mut bytes = a.bytes.clone();
    bytes.drain(at - 5..at + 36);
    bytes[first - 6] = 0x81;
    let cid = Cid::of(Codec::DagCbor, &bytes);
    assert_eq!(Block::verify(&cid, &bytes).unwrap().links(), links(1), "in form");
    assert_eq!(ring(&[1]).open(&cid, &bytes), Err(OpenBlockError::BadSeal));
}

#[test]
fn without_the_key_links_are_read_and_nothing_else() {
    let sealed = seal(1, b"body", 3);
    let read = Block::verify(&sealed.cid, &sealed.bytes).unwrap();
    assert_eq!(read.links(), links(3));
    let Block::Sealed(read) = read else { panic!("it is sealed") };
    assert_eq!(*read.epoch(), key(1).id());
    let error = OpenBlockError::UnknownEpoch(key(1).id());
    assert_eq!(ring(&[2]).open(&sealed.cid, &sealed.bytes), Err(error));
    // A key that claims the same epoch would have to be the same key: the id follows from it.
    let mut bytes = sealed.bytes.clone();
    let at = bytes.windows(16).position(|window| window == key(1).id().as_bytes()).unwrap();
    bytes[at..at + 16].copy_from_slice(key(2).id().as_bytes());
    let cid = Cid::of(Codec::DagCbor, &bytes);
    assert_eq!(ring(&[2]).open(&cid, &bytes), Err(OpenBlockError::BadSeal));
}

#[test]
fn bounds_hold_on_both_sides() {
    let epoch = Epoch::Keyed(key(1));
    let largest = seal(1, &vec![0; BODY_BYTES_MAX], 0);
    assert!(largest.bytes.len() <= BLOCK_BYTES_MAX);
    assert!(ring(&[1]).open(&largest.cid, &largest.bytes).is_ok());
    assert_eq!(epoch.seal(block(&vec![0; BODY_BYTES_MAX + 1], 0)), Err(BlockError::TooLarge));
    assert_eq!(epoch.seal(block(&vec![0; BODY_BYTES_MAX], 9)), Err(BlockError::TooLarge));
    assert!(epoch.seal(block(b"", BLOCK_LINKS_MAX)).is_ok());
    assert_eq!(epoch.seal(block(b"", BLOCK_LINKS_MAX + 1)), Err(BlockError::TooManyLinks));
    let twice = BlockToSeal { body: Vec::new(), links: vec![links(1)[0]; 2] };
    assert_eq!(epoch.seal(twice.clone()), Err(BlockError::LinkTwice));
    assert_eq!(Epoch::Public.seal(twice), Err(BlockError::LinkTwice));
    let huge = vec![0; BLOCK_BYTES_MAX + 1];
    assert_eq!(Block::verify(&Cid::of(Codec::Raw, &huge), &huge), Err(BlockError::TooLarge));
}

#[test]
fn a_public_block_is_its_body_or_a_body_with_links() {
    let raw = Epoch::Public.seal(block(b"piece", 0)).unwrap();
    assert_eq!(raw, StoredBlock { cid: Cid::of(Codec::Raw, b"piece"), bytes: b"piece".to_vec() });
    let node = Epoch::Public.seal(block(b"node", 2)).unwrap();
    assert_eq!(node.cid.codec(), Codec::DagCbor);
    let mut ring = Keyring::new();
    for stored in [&raw, &node] {
        assert_eq!(ring.open(&stored.cid, &stored.bytes), Err(OpenBlockError::NotSealed));
    }
    ring.allow_public();
    assert_eq!(ring.open(&raw.cid, &raw.bytes), Ok(OpenBlock { body: b"piece".to_vec(), links: Vec::new() }));
    assert_eq!(ring.open(&node.cid, &node.bytes), Ok(OpenBlock { body: b"node".to_vec(), links: links(2) }));
    // One form only: without links there is no envelope.
    let empty = [&[0xa2, 0x64][..], b"body", &[0x41, 0x00, 0x65], b"links", &[0x80]].concat();
    assert_eq!(Block::verify(&Cid::of(Codec::DagCbor, &empty), &empty), Err(BlockError::NotRaw));
    assert!(matches!(Block::verify(&Cid::of(Codec::DagCbor, b"piece"), b"piece"), Err(BlockError::Form(_))));
}

#[test]
fn derived_secrets_depend_on_what_they_are_for() {
    let (a, b) = (MimeiId::of(b"a"), MimeiId::of(b"b"));
    assert_eq!(first_epoch_key(&[1; 32], &a), first_epoch_key(&[1; 32], &a));
    assert_ne!(first_epoch_key(&[1; 32], &a), first_epoch_key(&[1; 32], &b));
    assert_ne!(first_epoch_key(&[1; 32], &a), first_epoch_key(&[2; 32], &a));
    assert_ne!(private_salt(&[1; 32], &a), private_salt(&[1; 32], &b));
    assert_ne!(private_salt(&[1; 32], &a), private_salt(&[2; 32], &a));
    assert_ne!(private_salt(&[1; 32], &a).as_bytes(), first_epoch_key(&[1; 32], &a).as_bytes());
    assert_eq!(*public_salt(&a).as_bytes(), *blake3::hash(&a.cid().to_bytes()).as_bytes());
    assert_ne!(public_salt(&a), blob_salt());
    assert_ne!(key(1).id(), key(2).id());
}

#[test]
fn a_sealed_block_is_made_as_the_format_says() {
    use chacha20::cipher::{KeyIvInit, StreamCipher};
    let (k, body, links) = ([9; 32], b"body", links(2));
    let id = &blake3::derive_key("mimei/epoch-id/1", &k)[..16];
    let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key("mimei/seal-siv/1", &k));
    let names: Vec<u8> = links.iter().flat_map(Cid::to_bytes).collect();
    for part in [&b"mimei/seal-block/1"[..], id, &names, body] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut siv = [0; 24];
    hasher.finalize_xof().fill(&mut siv);
    let cipher_key = blake3::derive_key("mimei/seal-cipher/1", &k);
    let mut text = *body;
    chacha20::XChaCha20::new(&cipher_key.into(), &siv.into()).apply_keystream(&mut text);
    let mut expected = [&[0xa4, 0x63][..], b"siv", &[0x58, 24], &siv, &[0x65], b"epoch", &[0x50], id].concat();
    expected.extend([&[0x65][..], b"links", &[0x82]].concat());
    for link in &links {
        expected.extend([&[0xd8, 42, 0x58, 37, 0][..], &link.to_bytes()].concat());
    }
    expected.extend([&[0x6a][..], b"ciphertext", &[0x44], &text].concat());
    let sealed = Epoch::Keyed(EpochKey::from_bytes(k)).seal(BlockToSeal { body: body.to_vec(), links }).unwrap();
    assert_eq!(sealed.bytes, expected);
}
