//! One value, one encoding: what is written comes back, and nothing else is read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use mimei_core::cbor::{Bytes, Cbor, DecodeError, DecodeErrorKind, Reader, Writer};
use mimei_core::cid::{Cid, Codec, EntryId, UserId};
use mimei_core::identity::{AddDevice, Entry, IdentityLog, RevokeDevice, SealGeneration, SealShare};
use mimei_core::secret::{self, DeviceSecrets, RootSecrets, SealSecret};
use mimei_core::sign::{SealKey, SignKey, Signature, Signed};
use mimei_core::time::Millis;
use mimei_core::wire::noise::{Proof, Role, SessionClaim, Transport};
use mimei_core::wire::{
    Answer, Ask, Bye, Frame, Hello, LogAnswer, LogAsk, Message, Nothing, Reassembler, Refusal, RefusalCode, packets_of,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x6d69_6d65_6931),
        ..Default::default()
    }
}

fn kind<T: Cbor + std::fmt::Debug>(bytes: &[u8]) -> DecodeErrorKind {
    T::from_cbor(bytes).expect_err("these bytes are not canonical").kind
}

fn signed_entry() -> Signed<Entry> {
    secret::create_identity(&[1; 32], Millis(5)).first
}

fn share() -> SealShare {
    SealShare { device: SignKey([7; 32]), sealed: Bytes(vec![9; 80]) }
}

fn add() -> AddDevice {
    AddDevice {
        by: SignKey([1; 32]),
        prev: vec![EntryId::of(b"a"), EntryId::of(b"b")],
        time: Millis(1 << 40),
        user: UserId::of(b"u"),
        proof: Signature([4; 64]),
        share: share(),
        device: DeviceSecrets::generate(&[2; 32]).keys(),
    }
}

fn revoke() -> RevokeDevice {
    let accepted = vec![Cid::of(Codec::DagCbor, b"x"), Cid::of(Codec::Raw, b"y")];
    let seal = SealGeneration { key: SealKey([3; 32]), number: 2, shares: vec![share()] };
    let (by, device) = (SignKey([1; 32]), SignKey([2; 32]));
    RevokeDevice { by, prev: vec![EntryId::of(b"a")], seal, time: Millis(0), user: UserId::of(b"u"), device, accepted }
}

fn messages() -> Vec<Message> {
    let user = UserId::of(b"u");
    let known = vec![EntryId::of(b"t")];
    vec![
        Message::Hello(Hello { log: vec![signed_entry()] }),
        Message::Ask((1, Ask::Ping(Nothing {}))),
        Message::Ask((u64::MAX, Ask::Log(LogAsk { user, known }))),
        Message::Answer((2, Answer::Done(Nothing {}))),
        Message::Answer((3, Answer::Log(LogAnswer { entries: vec![signed_entry()] }))),
        Message::Refuse((4, Refusal::new(RefusalCode::Busy, "later"))),
        Message::Bye(Bye { code: "c".into(), message: "grüße".into() }),
    ]
}

/// Re-encodes what decodes, for one type.
type Check = fn(&[u8]) -> Option<Vec<u8>>;

fn again<T: Cbor>(bytes: &[u8]) -> Option<Vec<u8>> {
    T::from_cbor(bytes).ok().map(|value| value.to_cbor())
}

/// An encoding and a decoder of every record and message.
fn samples() -> Vec<(&'static str, Vec<u8>, Check)> {
    let new = secret::create_identity(&[4; 32], Millis(5));
    let proof = Proof {
        log: vec![EntryId::of(b"t")],
        sig: Signature([5; 64]),
        user: UserId::of(b"u"),
        device: SignKey([6; 32]),
    };
    let claim = SessionClaim { key: [8; 32], role: Role::Listener };
    let mut all: Vec<(&'static str, Vec<u8>, Check)> = vec![
        ("signed entry", signed_entry().to_cbor(), again::<Signed<Entry>>),
        ("create", signed_entry().body.to_cbor(), again::<Entry>),
        ("add", Entry::AddDevice(add()).to_cbor(), again::<Entry>),
        ("revoke", Entry::RevokeDevice(revoke()).to_cbor(), again::<Entry>),
        ("log", vec![signed_entry(), signed_entry()].to_cbor(), again::<Vec<Signed<Entry>>>),
        ("claim", claim.to_cbor(), again::<SessionClaim>),
        ("proof", proof.to_cbor(), again::<Proof>),
        ("device secrets", new.device.to_cbor(), again::<DeviceSecrets>),
        ("root secrets", new.root.to_cbor(), again::<RootSecrets>),
        ("seal secret", new.root.seals[0].to_cbor(), again::<SealSecret>),
        ("transport", Transport::WebSocket.to_cbor(), again::<Transport>),
        ("option", Some(7u64).to_cbor(), again::<Option<u64>>),
        ("cid", Cid::of(Codec::Raw, b"x").to_cbor(), again::<Cid>),
    ];
    all.extend(messages().iter().map(|message| (message.name(), message.to_cbor(), again::<Message> as Check)));
    all
}

#[test]
fn every_record_and_message_comes_back_as_it_was() {
    for message in messages() {
        assert_eq!(Message::from_cbor(&message.to_cbor()), Ok(message));
    }
    assert_eq!(Entry::from_cbor(&Entry::AddDevice(add()).to_cbor()), Ok(Entry::AddDevice(add())));
    assert_eq!(Entry::from_cbor(&Entry::RevokeDevice(revoke()).to_cbor()), Ok(Entry::RevokeDevice(revoke())));
    for (name, bytes, again) in samples() {
        assert_eq!(again(&bytes), Some(bytes.clone()), "{name}");
    }
}

#[test]
fn integers_are_read_in_their_shortest_form_only() {
    for (value, bytes) in [
        (0u64, &[0x00][..]),
        (23, &[0x17]),
        (24, &[0x18, 24]),
        (255, &[0x18, 255]),
        (256, &[0x19, 1, 0]),
        (65_535, &[0x19, 255, 255]),
        (65_536, &[0x1a, 0, 1, 0, 0]),
        (u64::from(u32::MAX), &[0x1a, 255, 255, 255, 255]),
        (1 << 32, &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]),
        (u64::MAX, &[0x1b, 255, 255, 255, 255, 255, 255, 255, 255]),
    ] {
        assert_eq!(value.to_cbor(), bytes);
        assert_eq!(u64::from_cbor(bytes), Ok(value));
    }
    for long in [
        &[0x18, 23][..],
        &[0x19, 0, 255],
        &[0x1a, 0, 0, 255, 255],
        &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
        &[0x1c],
        &[0x1d],
        &[0x1e],
        &[0x1f],
    ] {
        assert_eq!(kind::<u64>(long), DecodeErrorKind::NotCanonical, "{long:02x?}");
    }
    assert_eq!(kind::<u32>(&[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]), DecodeErrorKind::OutOfRange);
}

#[test]
fn lengths_are_definite_and_in_their_shortest_form() {
    for bad in [&[0x58, 3, 1, 2, 3][..], &[0x59, 0, 3, 1, 2, 3], &[0x5f, 0x43, 1, 2, 3, 0xff]] {
        assert_eq!(kind::<Bytes>(bad), DecodeErrorKind::NotCanonical, "{bad:02x?}");
    }
    for bad in [&[0x78, 1, b'a'][..], &[0x7f, 0x61, b'a', 0xff]] {
        assert_eq!(kind::<String>(bad), DecodeErrorKind::NotCanonical, "{bad:02x?}");
    }
    for bad in [&[0x98, 1, 0][..], &[0x9f, 0, 0xff]] {
        assert_eq!(kind::<Vec<u64>>(bad), DecodeErrorKind::NotCanonical, "{bad:02x?}");
    }
    for bad in [&[0xb8, 0][..], &[0xbf, 0xff]] {
        assert_eq!(kind::<Nothing>(bad), DecodeErrorKind::NotCanonical, "{bad:02x?}");
    }
}

#[test]
fn map_keys_stand_once_in_order_and_all_of_them() {
    let pair = |key: &str| [&[0x60 | key.len() as u8], key.as_bytes(), &[0x61, b'x']].concat();
    let map = |keys: &[&str]| {
        let mut bytes = vec![0xa0 | keys.len() as u8];
        keys.iter().for_each(|key| bytes.extend(pair(key)));
        bytes
    };
    assert!(Bye::from_cbor(&map(&["code", "message"])).is_ok());
    assert_eq!(kind::<Bye>(&map(&["message", "code"])), DecodeErrorKind::ExpectedKey("code"));
    assert_eq!(kind::<Bye>(&map(&["code", "code"])), DecodeErrorKind::ExpectedKey("message"));
    assert_eq!(kind::<Bye>(&map(&["code", "unknown"])), DecodeErrorKind::ExpectedKey("message"));
    assert_eq!(kind::<Bye>(&map(&["code"])), DecodeErrorKind::OutOfRange);
    assert_eq!(kind::<Bye>(&map(&["code", "message", "more"])), DecodeErrorKind::OutOfRange);
    assert_eq!(kind::<Ask>(&[0xa1, 0x64, b'p', b'o', b'n', b'g', 0xa0]), DecodeErrorKind::UnknownVariant);
    assert_eq!(kind::<Role>(b"\x65other"), DecodeErrorKind::UnknownVariant);
}

#[test]
fn other_types_than_the_one_named_are_refused() {
    // A negative integer, floats, undefined, simple values, other tags, and each type in another's place.
    for bad in [&[0x20][..], &[0xf9, 0, 0], &[0xfa, 0, 0, 0, 0], &[0xf7], &[0xf0], &[0xc1, 0], &[0x40], &[0xf6]] {
        assert_eq!(kind::<u64>(bad), DecodeErrorKind::Expected("an unsigned integer"), "{bad:02x?}");
    }
    assert!(matches!(kind::<bool>(&[0xf6]), DecodeErrorKind::Expected(_)));
    assert!(matches!(kind::<bool>(&[0x01]), DecodeErrorKind::Expected(_)));
    assert!(matches!(kind::<Bytes>(b"\x61a"), DecodeErrorKind::Expected(_)));
    assert!(matches!(kind::<String>(b"\x41a"), DecodeErrorKind::Expected(_)));
    assert!(matches!(kind::<Nothing>(&[0x80]), DecodeErrorKind::Expected(_)));
    assert!(matches!(kind::<Vec<u64>>(&[0xa0]), DecodeErrorKind::Expected(_)));
    assert_eq!(kind::<String>(&[0x62, 0xc3, 0x28]), DecodeErrorKind::NotUtf8);
    assert_eq!(kind::<String>(&[0x63, 0xed, 0xa0, 0x80]), DecodeErrorKind::NotUtf8, "a surrogate");
}

#[test]
fn links_are_tag_42_over_a_zero_and_a_cid() {
    let cid = Cid::of(Codec::DagCbor, b"x");
    let good = cid.to_cbor();
    assert_eq!(good[..6], [0xd8, 42, 0x58, 37, 0, 1]);
    let mut wrong_tag = good.clone();
    wrong_tag[1] = 43;
    assert!(Cid::from_cbor(&wrong_tag).is_err());
    let mut no_zero = good.clone();
    no_zero[4] = 1;
    assert!(Cid::from_cbor(&no_zero).is_err());
    assert!(Cid::from_cbor(&good[2..]).is_err(), "bytes without a tag");
    // A tag of one byte in a longer form.
    assert!(Cid::from_cbor(&[&[0xd9, 0, 42], &good[2..]].concat()).is_err());
    let raw = Cid::of(Codec::Raw, b"x").to_cbor();
    assert!(matches!(kind::<UserId>(&raw), DecodeErrorKind::Expected(_)), "ids name CBOR records");
}

#[test]
fn bytes_that_end_early_or_go_on_are_refused_for_every_type() {
    for (name, bytes, again) in samples() {
        for end in 0..bytes.len() {
            assert_eq!(again(&bytes[..end]), None, "{name} cut at {end}");
        }
        for more in [0x00, 0xf6, 0xff] {
            assert_eq!(again(&[&bytes[..], &[more]].concat()), None, "{name} with {more:02x} behind it");
        }
    }
    assert_eq!(kind::<u64>(&[0, 0]), DecodeErrorKind::Trailing);
    assert_eq!(kind::<u64>(&[]), DecodeErrorKind::Truncated);
}

#[test]
fn a_claimed_length_is_checked_against_the_bytes_before_anything_is_allocated() {
    // If any of these allocated what it claims, the test would abort for want of memory.
    for head in [0x5b, 0x7b, 0x9b, 0xbb] {
        for claim in [u64::MAX, 1 << 62, 1 << 40] {
            let bytes = [&[head][..], &claim.to_be_bytes(), &[0; 20]].concat();
            assert!(Bytes::from_cbor(&bytes).is_err());
            assert!(String::from_cbor(&bytes).is_err());
            assert!(Vec::<u64>::from_cbor(&bytes).is_err());
            assert!(Vec::<Signed<Entry>>::from_cbor(&bytes).is_err());
            assert!(Message::from_cbor(&bytes).is_err());
        }
    }
    let mut reader = Reader::new(&[0x89, 0, 0, 0]);
    assert_eq!(reader.array(), Err(DecodeError::new(0, DecodeErrorKind::Truncated)));
}

#[test]
fn nesting_that_input_deepens_is_refused_without_recursion() {
    for byte in [0x81, 0xa1, 0xd8, 0x82] {
        let deep = vec![byte; 1 << 20];
        for (name, _, again) in samples() {
            assert_eq!(again(&deep), None, "{name}");
        }
    }
}

#[test]
fn errors_say_where_they_are() {
    let bytes = [b"\xa2\x64code\x61x\x67messagf".as_slice(), b"\x61y"].concat();
    assert_eq!(Bye::from_cbor(&bytes), Err(DecodeError::new(8, DecodeErrorKind::ExpectedKey("message"))));
}

#[test]
fn nothing_that_decodes_differs_from_what_it_encodes_to_after_any_single_change() {
    for (name, bytes, again) in samples() {
        for at in 0..bytes.len() {
            for change in [1, 0x20, 0x40, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                if let Some(encoded) = again(&changed) {
                    assert_eq!(encoded, changed, "{name} with byte {at} changed");
                }
            }
        }
    }
}

fn arbitrary_message() -> impl Strategy<Value = Message> {
    let id = any::<u64>().prop_map(|n| EntryId::of(&n.to_be_bytes()));
    let user = any::<u64>().prop_map(|n| UserId::of(&n.to_be_bytes()));
    prop_oneof![
        any::<u64>().prop_map(|n| Message::Ask((n, Ask::Ping(Nothing {})))),
        (any::<u64>(), user, prop::collection::vec(id, 0..5))
            .prop_map(|(n, user, known)| Message::Ask((n, Ask::Log(LogAsk { user, known })))),
        any::<u64>().prop_map(|n| Message::Answer((n, Answer::Done(Nothing {})))),
        (any::<u64>(), ".{0,300}")
            .prop_map(|(n, text)| Message::Refuse((n, Refusal::new(RefusalCode::Conflict, text)))),
        (".{0,40}", ".{0,300}").prop_map(|(code, message)| Message::Bye(Bye { code, message })),
    ]
}

proptest! {
    #![proptest_config(fixed(256))]

    #[test]
    fn numbers_texts_and_bytes_come_back(n: u64, text in ".{0,400}", bytes: Vec<u8>, list: Vec<u64>, flag: bool) {
        prop_assert_eq!(u64::from_cbor(&n.to_cbor()), Ok(n));
        prop_assert_eq!(String::from_cbor(&text.to_cbor()), Ok(text));
        prop_assert_eq!(Vec::<u64>::from_cbor(&list.to_cbor()), Ok(list));
        prop_assert_eq!(Bytes::from_cbor(&Bytes(bytes.clone()).to_cbor()), Ok(Bytes(bytes)));
        prop_assert_eq!(Option::<bool>::from_cbor(&Some(flag).to_cbor()), Ok(Some(flag)));
        prop_assert_eq!(<(u64, Option<bool>)>::from_cbor(&(n, None::<bool>).to_cbor()), Ok((n, None)));
    }

    #[test]
    fn messages_come_back_through_packets(message in arbitrary_message()) {
        let frame = Frame::Message(message);
        let mut reassembler = Reassembler::default();
        let mut last = Ok(None);
        for packet in packets_of(&frame) {
            last = reassembler.push(&packet);
        }
        prop_assert_eq!(last, Ok(Some(frame)));
    }

    #[test]
    fn any_bytes_are_read_canonically_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (name, _, again) in samples() {
            if let Some(encoded) = again(&bytes) {
                prop_assert_eq!(&encoded, &bytes, "{}", name);
            }
        }
    }

    #[test]
    fn samples_with_bytes_changed_cut_doubled_or_moved_never_panic(
        which: prop::sample::Index,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
    ) {
        let all = samples();
        let (name, sample, again) = &all[which.index(all.len())];
        let mut bytes = sample.clone();
        for (at, byte, edit) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {
                    let tail = bytes[at..].to_vec();
                    bytes.extend_from_slice(&tail[..tail.len().min(usize::from(byte))]);
                }
            }
        }
        if let Some(encoded) = again(&bytes) {
            prop_assert_eq!(&encoded, &bytes, "{}", name);
        }
        // Logs are the one thing that is computed with before anybody is known.
        if let Ok(entries) = Vec::<Signed<Entry>>::from_cbor(&bytes) {
            drop(IdentityLog::from_entries(entries));
        }
        drop(Reassembler::default().push(&bytes));
    }

    #[test]
    fn packets_in_any_order_and_form_never_panic(
        packets in prop::collection::vec((0u8..10, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
    ) {
        let mut reassembler = Reassembler::default();
        for (flags, body) in packets {
            drop(reassembler.push(&[&[flags][..], &body].concat()));
        }
    }
}

#[test]
fn the_writer_and_the_reader_speak_of_the_same_types() {
    let mut w = Writer::new();
    w.array(4);
    w.uint(1);
    w.bool(true);
    w.null();
    w.text("é");
    let bytes = w.into_bytes();
    assert_eq!(bytes, [0x84, 1, 0xf5, 0xf6, 0x62, 0xc3, 0xa9]);
    let mut r = Reader::new(&bytes);
    r.array_of(4).unwrap();
    assert_eq!((r.uint(), r.bool(), r.null_if_next(), r.text()), (Ok(1), Ok(true), true, Ok("é")));
    r.finish().unwrap();
}
