//! One rule of verification: what other verifiers accept loosely is refused here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use mimei_core::secret::{DeviceSecrets, sign_key_of, sign_with};
use mimei_core::sign::{Domain, SignKey, Signature, SignatureError, Signed};

const DOMAINS: [Domain; 6] =
    [Domain::IdentityEntry, Domain::Session, Domain::Exercise, Domain::Version, Domain::Head, Domain::Access];

/// Order of the base point, little endian: 2^252 + 27742317777372353535851937790883648493.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    let byte = |i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// Every encoding of a point of small order, canonical or not.
fn small_order_keys() -> Vec<[u8; 32]> {
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ]
    .map(unhex)
    .to_vec()
}

#[test]
fn keys_are_those_of_rfc_8032() {
    let seed = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(sign_key_of(&seed), SignKey(key));
    let seed = unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(sign_key_of(&seed), SignKey(key));
}

#[test]
fn what_is_signed_is_the_domain_a_zero_and_the_record() {
    assert_eq!(Domain::Head.message(b"abc"), b"mimei/head/1\0abc");
    assert_eq!(Domain::Head.message(b""), b"mimei/head/1\0");
}

#[test]
fn a_signature_stands_for_its_key_domain_and_record_only() {
    let (device, other) = (DeviceSecrets::generate(&[1; 32]), DeviceSecrets::generate(&[2; 32]));
    let key = device.keys().sign;
    for domain in DOMAINS {
        let signature = device.sign(domain, b"record");
        assert_eq!(key.verify(domain, b"record", &signature), Ok(()));
        assert_eq!(key.verify(domain, b"Record", &signature), Err(SignatureError));
        assert_eq!(key.verify(domain, b"record\0", &signature), Err(SignatureError));
        assert_eq!(other.keys().sign.verify(domain, b"record", &signature), Err(SignatureError));
        for wrong in DOMAINS.into_iter().filter(|wrong| *wrong != domain) {
            assert_eq!(key.verify(wrong, b"record", &signature), Err(SignatureError), "{domain:?} as {wrong:?}");
        }
    }
}

#[test]
fn no_domain_is_the_start_of_another() {
    for a in DOMAINS {
        for b in DOMAINS.into_iter().filter(|b| *b != a) {
            assert!(!b.message(b"").starts_with(&a.message(b"")), "{a:?} and {b:?}");
        }
    }
}

#[test]
fn every_changed_bit_of_a_signature_is_noticed() {
    let device = DeviceSecrets::generate(&[3; 32]);
    let signature = device.sign(Domain::Session, b"record");
    for bit in 0..512 {
        let mut changed = signature;
        changed.0[bit / 8] ^= 1 << (bit % 8);
        assert!(device.keys().sign.verify(Domain::Session, b"record", &changed).is_err(), "bit {bit}");
    }
}

#[test]
fn an_s_that_is_not_reduced_is_refused() {
    let seed = [4; 32];
    let mut signature = sign_with(&seed, Domain::Head, b"record");
    let mut carry = 0u16;
    for (byte, add) in signature.0[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    // s + L passes the equation itself; only the range check can refuse it.
    assert_eq!(carry, 0);
    assert_eq!(sign_key_of(&seed).verify(Domain::Head, b"record", &signature), Err(SignatureError));
}

#[test]
fn keys_of_small_order_verify_nothing() {
    // With R of small order and s = 0 a loose verifier accepts for some of all records.
    for key in small_order_keys() {
        for nonce in small_order_keys() {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&nonce);
            for record in 0..16u8 {
                let verdict = SignKey(key).verify(Domain::Head, &[record], &Signature(signature));
                assert_eq!(verdict, Err(SignatureError), "key {key:02x?}");
            }
        }
    }
}

#[test]
fn a_nonce_of_small_order_is_refused_even_under_a_good_key() {
    let key = sign_key_of(&[5; 32]);
    for nonce in small_order_keys() {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&nonce);
        assert_eq!(key.verify(Domain::Head, b"record", &Signature(signature)), Err(SignatureError));
    }
}

#[test]
fn bytes_that_are_no_point_are_no_key() {
    let signature = sign_with(&[6; 32], Domain::Head, b"record");
    for bytes in [[2; 32], [0xff; 32], [0x7e; 32]] {
        assert_eq!(SignKey(bytes).verify(Domain::Head, b"record", &signature), Err(SignatureError));
    }
}

#[test]
fn a_signed_record_is_verified_over_its_encoding() {
    let seed = [7; 32];
    let sig = sign_with(&seed, Domain::Head, &[0x18, 99]);
    let mut signed = Signed { sig, body: 99u64 };
    assert_eq!(signed.verify(Domain::Head, &sign_key_of(&seed)), Ok(()));
    signed.body = 98;
    assert_eq!(signed.verify(Domain::Head, &sign_key_of(&seed)), Err(SignatureError));
}

#[test]
fn a_key_is_read_back_from_its_text_and_from_no_other() {
    let key = SignKey([0xa7; 32]);
    let text = key.to_string();
    assert_eq!(text.parse(), Ok(key));
    for wrong in ["", "a7", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('a', "g")] {
        assert!(wrong.parse::<SignKey>().is_err(), "{wrong}");
    }
}
