//! Where the sequence of items is cut: the hashes of a key and the splitting of heavy groups.

mod split;

use core::fmt;

use super::limits::LEVEL_BITS;

pub(super) use split::{Atom, CHANGED, OPEN_LEFT, OPEN_RIGHT, Piece, split};

/// The secret or public number that fixes where a map is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

/// The second hash of a key.
pub(super) type Label = [u64; 4];

impl Salt {
    /// A salt of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The level of a key: 0 for 63 of 64 keys, and so on.
    pub fn level(&self, key: &[u8]) -> u8 {
        let [a, b, c, d, e, f, g, h, ..] = *blake3::keyed_hash(&self.0, key).as_bytes();
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]).leading_zeros() / LEVEL_BITS) as u8
    }

    pub(super) fn label(&self, key: &[u8]) -> Label {
        let mut output = [0; 64];
        blake3::Hasher::new_keyed(&self.0).update(key).finalize_xof().fill(&mut output);
        let (words, _) = output[32..].as_chunks::<8>();
        core::array::from_fn(|i| u64::from_le_bytes(words[i]))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}
