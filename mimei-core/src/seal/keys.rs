use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cbor::{Cbor, DecodeError, Reader, Writer};
use crate::cid::{Cid, MimeiId};
use crate::secret::OpenError;
use crate::seeded::{Seed, SeededRandom};

use chacha20::XChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

const CONTEXT_ID: &str = "mimei/epoch-id/1";
const CONTEXT_SIV: &str = "mimei/seal-siv/1";
const CONTEXT_CIPHER: &str = "mimei/seal-cipher/1";
const CONTEXT_FIRST: &str = "mimei/first-epoch/1";
const CONTEXT_NEW: &str = "mimei/new-epoch/1";
const CONTEXT_SALT: &str = "mimei/map-salt/1";
const CONTEXT_BLOB_SALT: &str = "mimei/blob-salt/1";

/// Length of a synthetic nonce in bytes.
pub(crate) const SIV_BYTES: usize = 24;

/// A synthetic nonce.
pub(crate) type Siv = [u8; SIV_BYTES];

/// What is sealed: keeps one kind of sealed bytes from passing for another.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// A block of a MiMei.
    Block,
    /// The earlier keys in an access record.
    History,
}

impl Purpose {
    fn domain(self) -> &'static [u8] {
        match self {
            Self::Block => b"mimei/seal-block/1",
            Self::History => b"mimei/seal-history/1",
        }
    }
}

/// The name of an epoch, derived from its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochId([u8; 16]);

impl EpochId {
    /// The id in these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochId({:02x}{:02x}{:02x}{:02x})", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

impl Cbor for EpochId {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Cbor::read(r).map(Self)
    }
}

/// The key of an epoch. Whoever has it reads every block of the epoch.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EpochKey([u8; 32]);

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochKey of {:?}", self.id())
    }
}

impl Cbor for EpochKey {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Cbor::read(r).map(Self)
    }
}

/// The salt of a map, which decides its shape. A secret if the MiMei is private.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MapSalt([u8; 32]);

impl MapSalt {
    /// The salt in these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the salt.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<&MapSalt> for crate::map::Salt {
    fn from(salt: &MapSalt) -> Self {
        Self::new(salt.0)
    }
}

impl fmt::Debug for MapSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapSalt(…)")
    }
}

impl Cbor for MapSalt {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Cbor::read(r).map(Self)
    }
}

impl EpochKey {
    /// A new key.
    pub fn generate(seed: &Seed) -> Self {
        Self(SeededRandom::new(CONTEXT_NEW, seed).bytes())
    }

    /// The key in these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The epoch's id.
    pub fn id(&self) -> EpochId {
        let derived = blake3::derive_key(CONTEXT_ID, &self.0);
        let mut id = [0; 16];
        id.copy_from_slice(&derived[..16]);
        EpochId(id)
    }

    /// Encrypts in place and says the nonce.
    pub(crate) fn seal(&self, purpose: Purpose, links: &[Cid], text: &mut [u8]) -> Siv {
        let siv = self.siv(purpose, links, text);
        self.apply(&siv, text);
        siv
    }

    /// Decrypts in place; on failure the text is wiped.
    pub(crate) fn open(&self, purpose: Purpose, siv: &Siv, links: &[Cid], text: &mut [u8]) -> Result<(), OpenError> {
        self.apply(siv, text);
        if same(siv, &self.siv(purpose, links, text)) {
            Ok(())
        } else {
            text.zeroize();
            Err(OpenError)
        }
    }

    fn siv(&self, purpose: Purpose, links: &[Cid], text: &[u8]) -> Siv {
        let mut key = blake3::derive_key(CONTEXT_SIV, &self.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        key.zeroize();
        length_prefixed(&mut hasher, &[purpose.domain(), &self.id().0]);
        hasher.update(&((links.len() * Cid::BYTES) as u64).to_le_bytes());
        links.iter().for_each(|link| _ = hasher.update(&link.to_bytes()));
        length_prefixed(&mut hasher, &[text]);
        let mut siv = [0; SIV_BYTES];
        hasher.finalize_xof().fill(&mut siv);
        siv
    }

    fn apply(&self, siv: &Siv, text: &mut [u8]) {
        let mut key = blake3::derive_key(CONTEXT_CIPHER, &self.0);
        XChaCha20::new(&key.into(), &(*siv).into()).apply_keystream(text);
        key.zeroize();
    }
}

/// Equality in constant time: `blake3::Hash` compares so.
fn same(a: &Siv, b: &Siv) -> bool {
    let hash = |siv: &Siv| {
        let mut wide = [0; 32];
        wide[..SIV_BYTES].copy_from_slice(siv);
        blake3::Hash::from_bytes(wide)
    };
    hash(a) == hash(b)
}

/// The key of the first epoch: the same on all devices of the author, so that two of them that
/// make the same MiMei offline agree. `seal_secret` is that of the author's first seal generation.
pub fn first_epoch_key(seal_secret: &[u8; 32], mimei: &MimeiId) -> EpochKey {
    EpochKey(derive(CONTEXT_FIRST, seal_secret, mimei))
}

/// The salt of a private MiMei's maps.
pub fn private_salt(name_secret: &[u8; 32], mimei: &MimeiId) -> MapSalt {
    MapSalt(derive(CONTEXT_SALT, name_secret, mimei))
}

/// The salt of the maps of a MiMei that was created public.
pub fn public_salt(mimei: &MimeiId) -> MapSalt {
    MapSalt(*blake3::hash(&mimei.cid().to_bytes()).as_bytes())
}

/// The salt of every blob's map, so that the same contents have the same shape everywhere.
pub fn blob_salt() -> MapSalt {
    MapSalt(blake3::derive_key(CONTEXT_BLOB_SALT, &[]))
}

fn derive(context: &str, secret: &[u8; 32], mimei: &MimeiId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(secret).update(&mimei.cid().to_bytes());
    *hasher.finalize().as_bytes()
}

/// Hashes parts so that no two lists of parts are the same bytes: each behind its length
/// (8 bytes, little endian).
pub(crate) fn length_prefixed(hasher: &mut blake3::Hasher, parts: &[&[u8]]) {
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
}
