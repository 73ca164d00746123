//! Content addresses as any IPLD tool reads them, and nothing that only looks like one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use mimei_core::cid::{Cid, CidError, Codec, EntryId, UserId};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// BLAKE3 of no bytes, from the official test vectors of BLAKE3.
const EMPTY_HASH: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

fn fixed() -> ProptestConfig {
    ProptestConfig { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(0x636964), ..Default::default() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_binary_form_is_version_codec_and_multihash() {
    assert_eq!(hex(&Cid::of(Codec::Raw, b"").to_bytes()), format!("01551e20{EMPTY_HASH}"));
    assert_eq!(hex(&Cid::of(Codec::DagCbor, b"").to_bytes()), format!("01711e20{EMPTY_HASH}"));
}

#[test]
fn the_text_form_is_base32_of_the_binary_form() {
    let text = Cid::of(Codec::Raw, b"").to_string();
    assert_eq!(text, "bafkr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmi");
    assert_eq!(text.len(), 59);
    assert_eq!(text.parse(), Ok(Cid::of(Codec::Raw, b"")));
}

#[test]
fn other_spellings_of_an_address_are_refused() {
    let text = Cid::of(Codec::Raw, b"").to_string();
    let upper = text.to_uppercase();
    let base36 = text.replacen('b', "k", 1);
    let padded = format!("{text}=====");
    // The last character carries bits that must be zero: its neighbour decodes to the same bytes.
    let loose = format!("{}j", text.strip_suffix('i').unwrap());
    for bad in [&upper, &base36, &padded, &loose, &text[1..], &text[..58], " ", "b", "", &format!(" {text}")] {
        assert_eq!(bad.parse::<Cid>(), Err(CidError), "{bad}");
    }
}

#[test]
fn other_versions_codecs_hashes_and_lengths_are_refused() {
    let good = Cid::of(Codec::Raw, b"").to_bytes();
    assert!(Cid::from_bytes(&good).is_ok());
    for (at, byte) in [(0, 0), (0, 2), (1, 0x70), (1, 0xd5), (2, 0x12), (3, 0x1f), (3, 0x40)] {
        let mut bad = good;
        bad[at] = byte;
        assert_eq!(Cid::from_bytes(&bad), Err(CidError), "byte {at} is {byte:02x}");
    }
    assert_eq!(Cid::from_bytes(&good[..35]), Err(CidError));
    assert_eq!(Cid::from_bytes(&[&good[..], &[0]].concat()), Err(CidError));
    assert_eq!(Cid::from_bytes(&[]), Err(CidError));
}

#[test]
fn an_id_of_a_record_does_not_name_raw_bytes() {
    let raw = Cid::of(Codec::Raw, b"x").to_string();
    assert_eq!(raw.parse::<UserId>(), Err(CidError));
    let record = EntryId::of(b"x");
    assert_eq!(record.to_string().parse(), Ok(record));
}

#[test]
fn an_address_verifies_its_bytes_only() {
    let cid = Cid::of(Codec::Raw, b"one");
    assert!(cid.verifies(b"one"));
    assert!(!cid.verifies(b"two"));
    assert!(!cid.verifies(b""));
    assert_ne!(cid, Cid::of(Codec::DagCbor, b"one"), "the codec is part of the address");
}

proptest! {
    #![proptest_config(fixed())]

    #[test]
    fn addresses_come_back_from_text_and_bytes(bytes: Vec<u8>, raw: bool) {
        let cid = Cid::of(if raw { Codec::Raw } else { Codec::DagCbor }, &bytes);
        prop_assert_eq!(cid.to_string().parse(), Ok(cid));
        prop_assert_eq!(Cid::from_bytes(&cid.to_bytes()), Ok(cid));
        prop_assert!(cid.verifies(&bytes));
    }

    #[test]
    fn text_that_parses_is_the_text_of_the_address(text in "[a-z2-7]{59}", rest in "[a-z2-7]{51}") {
        for text in [text, format!("bafyr4i{rest}a"), format!("bafkr4i{rest}q")] {
            if let Ok(cid) = text.parse::<Cid>() {
                prop_assert_eq!(cid.to_string(), text);
            }
        }
    }
}
