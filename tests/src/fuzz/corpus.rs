//! What to start from: the vectors, and what the code writes.

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, Codec};
use mimei_core::seal::{BlockToSeal, Epoch, EpochKey};
use mimei_core::secret::write_recovery_file;
use serde_json::Value;

use crate::people::Person;
use crate::random::Random;

const FILES: [&str; 3] = [
    include_str!("../../vectors/identity.json"),
    include_str!("../../vectors/credit.json"),
    include_str!("../../vectors/records.json"),
];

/// The bytes of all vectors of a type, valid or not.
pub(super) fn vectors(kind: &str) -> Vec<Vec<u8>> {
    let hex_of = |vector: &Value| {
        let is_kind = vector["type"] == *kind;
        vector["hex"].as_str().filter(|_| is_kind).and_then(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).ok())
    };
    let files = FILES.iter().map(|file| serde_json::from_str::<Vec<Value>>(file).expect("a file of vectors"));
    let found: Vec<_> = files.flat_map(|file| file.iter().filter_map(hex_of).collect::<Vec<_>>()).collect();
    assert!(!found.is_empty(), "there are vectors of {kind}");
    found
}

/// Somebody with two devices, of which one was revoked.
pub(super) fn person() -> Person {
    let mut random = Random::new(1);
    let mut person = Person::new(&mut random);
    let phone = person.add_device(&mut random);
    person.add_device(&mut random);
    person.revoke(&phone.keys().sign, &mut random);
    person
}

/// Logs: of the vectors, and one whose entries can be signed anew.
pub(super) fn logs() -> Vec<Vec<u8>> {
    let mut logs = vectors("log");
    let entries = person().log.entries();
    logs.extend((1..=entries.len()).map(|count| entries[..count].to_vec().to_cbor()));
    logs
}

pub(super) fn recovery_files() -> Vec<Vec<u8>> {
    let (person, mut random) = (person(), Random::new(3));
    // A log without revocations, to which these secrets belong; and one with, to which they do not.
    let fresh = Person::new(&mut random);
    vec![
        write_recovery_file(&fresh.root, &fresh.log).into_bytes(),
        write_recovery_file(&person.root, &person.log).into_bytes(),
    ]
}

/// The key of the sealed blocks.
pub(super) fn epoch() -> Epoch {
    Epoch::Keyed(EpochKey::from_bytes([7; 32]))
}

/// Blocks of every form, small and with many links.
pub(super) fn blocks() -> Vec<Vec<u8>> {
    let link = |number: usize| Cid::of(Codec::Raw, &number.to_be_bytes());
    let mut blocks = [vectors("sealed"), vectors("public")].concat();
    for links in [0, 1, 3, 200, 1024] {
        for epoch in [epoch(), Epoch::Public] {
            let block = BlockToSeal { body: vec![links as u8; 100], links: (0..links).map(link).collect() };
            blocks.push(epoch.seal(block).expect("a small block").bytes);
        }
    }
    blocks
}

/// Values of CBOR in a row.
pub(super) fn values() -> Vec<Vec<u8>> {
    let mut values = ["message", "log", "genesis", "head", "prices"].map(vectors).concat();
    values.push(b"\x82\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x83\xf4\xf5\xf6\xd8\x2a\x41\x00\x60\x40\x18\x18".to_vec());
    values
}
