//! The shared vectors: bytes that must not change, and the verdict on each.
//!
//! `MIMEI_BLESS=1` writes the files anew; do that only when a format is meant to change.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use mimei_core::cid::{Cid, Codec};
use tests::vectors::{Vector, credit, has_address, identity, judge, to_json};

/// A file, what it must hold, and the types in it.
struct File {
    name: &'static str,
    today: Vec<Vector>,
    kinds: &'static [&'static str],
}

fn files() -> [File; 2] {
    let identity = File {
        name: "identity.json",
        today: identity(),
        kinds: &["entry", "log", "sessionClaim", "proof", "message", "packet"],
    };
    let credit = File {
        name: "credit.json",
        today: credit(),
        kinds: &["line", "iou", "receipt", "mandate", "prices", "invite", "message"],
    };
    [identity, credit]
}

impl File {
    fn stored(&self) -> Vec<Vector> {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "vectors", self.name].iter().collect();
        if std::env::var_os("MIMEI_BLESS").is_some() {
            std::fs::write(&path, to_json(&self.today)).unwrap();
        }
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }
}

#[test]
fn what_is_written_today_is_what_the_files_hold() {
    for file in files() {
        let stored = file.stored();
        for (stored, today) in stored.iter().zip(&file.today) {
            assert_eq!(stored, today, "the format changed; if that is meant, run this test with MIMEI_BLESS=1");
        }
        assert_eq!(stored.len(), file.today.len());
    }
}

#[test]
fn every_stored_vector_gets_its_stored_verdict_and_address() {
    for vector in files().iter().flat_map(File::stored) {
        let bytes = vector.bytes();
        let verdict = judge(&vector.kind, &bytes);
        assert_eq!((verdict.is_ok(), verdict.err()), (vector.valid, vector.error.clone()), "{}", vector.name);
        let cid = has_address(&vector.kind).then(|| Cid::of(Codec::DagCbor, &bytes).to_string());
        assert_eq!(vector.cid, cid, "{}", vector.name);
    }
}

#[test]
fn every_type_has_valid_and_invalid_vectors_and_no_name_twice() {
    for file in files() {
        let vectors = file.stored();
        for kind in file.kinds {
            for valid in [true, false] {
                assert!(vectors.iter().any(|v| v.kind == *kind && v.valid == valid), "{kind} that is valid: {valid}");
            }
        }
        let names: BTreeSet<_> = vectors.iter().map(|v| (&v.kind, &v.name)).collect();
        assert_eq!(names.len(), vectors.len());
    }
}
