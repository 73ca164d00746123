//! Roots that every implementation must find for the same entries: `tests/vectors/maps.json`.
//!
//! An entry's key is `key-` and its number in six digits, its value that number as text and some
//! padding; every seventh links to the raw block of its value, every eleventh else is that block.
//! Nodes are public blocks. `MIMEI_BLESS=1` writes the
//! file anew; do that only when the format is meant to change.

use std::path::PathBuf;

use conformance::vectors::{MapShape, map_of};

/// Salts, numbers of entries, and how heavy those are: none, one leaf, three levels; heavy ones for the
/// many groups that must be split, and split again.
const MAPS: &[(u8, usize, usize)] = &[
    (0, 0, 0),
    (1, 1, 0),
    (1, 2, 0),
    (2, 100, 0),
    (3, 1_000, 0),
    (4, 1_000, 0),
    (5, 20_000, 0),
    (6, 6_000, 400),
    (7, 6_000, 500),
    (8, 6_000, 101),
];

fn today() -> String {
    let line = |(salt, count, heavy): &(u8, usize, usize)| {
        let MapShape { root, nodes } = map_of([*salt; 32], *count, *heavy);
        let salt = data_encoding::HEXLOWER.encode(&[*salt; 32]);
        format!(r#"{{"salt":"{salt}","entries":{count},"heavy":{heavy},"nodes":{nodes},"root":"{root}"}}"#)
    };
    format!("[\n{}\n]\n", MAPS.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn the_same_entries_have_the_roots_that_the_file_holds() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "tests", "vectors", "maps.json"].iter().collect();
    if std::env::var_os("MIMEI_BLESS").is_some() {
        std::fs::write(&path, today()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), today());
}
