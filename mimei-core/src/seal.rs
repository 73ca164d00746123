//! One layer through which every block passes: `seal(epoch, block)`.
//!
//! Stops: a store or relay reading what it keeps, altering it, passing one block
//! for another, or cutting links off. A block is named by the hash of its sealed
//! bytes; the synthetic nonce (SIV) covers its epoch, its links and its
//! plaintext, so the same block sealed twice is the same bytes.
//!
//! # Forms
//! - *Sealed*: CBOR `{siv, epoch, links, ciphertext}`; the address has the
//!   DAG-CBOR codec. `links` are the blocks it names, each once; the plaintext
//!   names them by index. A relay reads them without the key.
//! - *Public*, for MiMeis created public: CBOR `{body, links}` with at least one
//!   link; without links the body alone, and the address has the raw codec.
//!
//! # Keys
//! An epoch has one key of 32 bytes, `k`. With BLAKE3 in the modes of its paper:
//!
//! | what | how |
//! |---|---|
//! | epoch id | first 16 bytes of `derive_key("mimei/epoch-id/1", k)` |
//! | SIV key | `derive_key("mimei/seal-siv/1", k)` |
//! | cipher key | `derive_key("mimei/seal-cipher/1", k)` |
//! | SIV | 24 bytes of `keyed_hash(SIV key, parts)` |
//! | ciphertext | XChaCha20 with the cipher key and the SIV as nonce |
//! | first epoch | `derive_key("mimei/first-epoch/1", seal secret, MimeiId)` |
//! | salt of a map | `derive_key("mimei/map-salt/1", name secret, MimeiId)`; if public `BLAKE3(MimeiId)` |
//! | salt of blobs | `derive_key("mimei/blob-salt/1", "")` |
//!
//! The parts are the domain (`mimei/seal-block/1` for blocks,
//! `mimei/seal-history/1` for an access record's earlier keys), the epoch id, the
//! links' binary forms one behind the other, and the plaintext; each part stands
//! behind its length in 8 bytes, little endian. A MimeiId is its binary form.

mod block;
mod keyring;
mod keys;

pub use block::{Block, BlockError, BlockToSeal, SealedBlock, StoredBlock};
pub use keyring::{Keyring, OpenBlockError};
pub use keys::{EpochId, EpochKey, MapSalt, blob_salt, first_epoch_key, private_salt, public_salt};
pub(crate) use keys::{Purpose, SIV_BYTES, length_prefixed};

/// How the blocks of a MiMei are sealed.
#[derive(Clone, Debug)]
pub enum Epoch {
    /// Not at all: everyone may read it from the start.
    Public,
    /// With a key.
    Keyed(EpochKey),
}

/// Links of one block: what a relay checks one by one before it takes it.
pub const BLOCK_LINKS_MAX: usize = 1024;
/// The plaintext of one block in bytes: what is left of a block beside the largest envelope
/// without links.
pub const BODY_BYTES_MAX: usize = crate::limits::BLOCK_BYTES_MAX - 128;
