//! The shared vectors: bytes that must not change, and the verdict on each.
//!
//! `MIMEI_BLESS=1` writes the file anew; do that only when a format is meant to change.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use mimei_core::cid::{Cid, Codec};
use tests::vectors::{Vector, identity, judge, to_json};

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "vectors", "identity.json"].iter().collect()
}

fn stored() -> Vec<Vector> {
    if std::env::var_os("MIMEI_BLESS").is_some() {
        std::fs::write(path(), to_json(&identity())).unwrap();
    }
    serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap()
}

#[test]
fn what_is_written_today_is_what_the_file_holds() {
    let (stored, today) = (stored(), identity());
    for (stored, today) in stored.iter().zip(&today) {
        assert_eq!(stored, today, "the format changed; if that is meant, run this test with MIMEI_BLESS=1");
    }
    assert_eq!(stored.len(), today.len());
}

#[test]
fn every_stored_vector_gets_its_stored_verdict_and_address() {
    for vector in stored() {
        let bytes = vector.bytes();
        let verdict = judge(&vector.kind, &bytes);
        assert_eq!((verdict.is_ok(), verdict.err()), (vector.valid, vector.error.clone()), "{}", vector.name);
        let cid = (vector.kind != "packet").then(|| Cid::of(Codec::DagCbor, &bytes).to_string());
        assert_eq!(vector.cid, cid, "{}", vector.name);
    }
}

#[test]
fn every_type_has_valid_and_invalid_vectors_and_no_name_twice() {
    let vectors = stored();
    for kind in ["entry", "log", "sessionClaim", "proof", "message", "packet"] {
        for valid in [true, false] {
            assert!(vectors.iter().any(|v| v.kind == kind && v.valid == valid), "{kind} that is valid: {valid}");
        }
    }
    let names: BTreeSet<_> = vectors.iter().map(|v| (&v.kind, &v.name)).collect();
    assert_eq!(names.len(), vectors.len());
}
