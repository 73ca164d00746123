//! What drivers do with secrets: pure functions that carry out the signing and
//! sealing effects. Nothing that [`crate::peer`] holds can reach a secret; a
//! driver keeps these values, wrapped at rest, and wipes them when done.

mod recovery;

use alloc::vec;
use alloc::vec::Vec;

use ed25519_dalek::Signer as _;
use hpke::{Deserializable, Kem as _, OpModeR, OpModeS, Serializable};
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use recovery::{RecoveryError, add_device_from_recovery, read_recovery_file, write_recovery_file};

use crate::cbor::{Bytes, Cbor};
use crate::cid::UserId;
use crate::identity::{Create, DeviceConsent, DeviceKeys, Entry, SealGeneration, SealShare};
use crate::record::record;
use crate::seeded::{Seed, SeededRandom};
use crate::sign::{Domain, SealKey, SignKey, Signature, Signed};
use crate::time::Millis;

type SealKem = hpke::kem::X25519HkdfSha256;
type SealKdf = hpke::kdf::HkdfSha256;
type SealAead = hpke::aead::ChaCha20Poly1305;

/// HPKE `info` of a seal generation's secret that is sealed to a device.
const INFO_SEAL_SHARE: &[u8] = b"mimei/seal-share/1";
const CONTEXT_NAME_TAG: &str = "mimei/name-tag/1";
const CONTEXT_CREATE: &str = "mimei/create-identity/1";
const CONTEXT_DEVICE: &str = "mimei/create-device/1";
const CONTEXT_HPKE: &str = "mimei/hpke/1";

record! {
    /// The secrets of one device. They never leave it.
    #[derive(Zeroize, ZeroizeOnDrop)]
    pub struct DeviceSecrets {
        /// X25519 secret.
        "seal" => seal: [u8; 32],
        /// Ed25519 seed.
        "sign" => sign: [u8; 32],
    }
}

record! {
    /// The secrets of one seal generation.
    #[derive(Zeroize, ZeroizeOnDrop)]
    pub struct SealSecret {
        /// The generation's number.
        "number" => number: u64,
        /// X25519 secret.
        "secret" => secret: [u8; 32],
    }
}

record! {
    /// What the recovery file holds: enough to be this user again, on a new device.
    #[derive(Zeroize, ZeroizeOnDrop)]
    pub struct RootSecrets {
        /// Seed of the root key.
        "root" => root: [u8; 32],
        /// Secrets of the seal key, oldest first.
        "seals" => seals: Vec<SealSecret>,
        /// Seed of the root key after the next rotation.
        "nextRoot" => next_root: [u8; 32],
        /// Makes names unguessable; fixed for life.
        "nameSecret" => name_secret: [u8; 32],
    }
}

record! {
    /// What opens and seals a user's data. A device keeps it; it signs nothing.
    #[derive(Zeroize, ZeroizeOnDrop)]
    pub struct DataSecrets {
        /// Secrets of the seal key, oldest first.
        "seals" => seals: Vec<SealSecret>,
        /// Makes names unguessable; fixed for life.
        "nameSecret" => name_secret: [u8; 32],
    }
}

impl RootSecrets {
    /// What a device keeps of it when the recovery file is saved.
    pub fn data(&self) -> DataSecrets {
        DataSecrets { seals: self.seals.clone(), name_secret: self.name_secret }
    }
}

/// Opening failed: another key was meant, or the bytes were altered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenError;

impl core::fmt::Display for OpenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("sealed to another key, or altered")
    }
}

impl core::error::Error for OpenError {}

impl DeviceSecrets {
    /// The secrets of a new device.
    pub fn generate(seed: &Seed) -> Self {
        let mut random = SeededRandom::new(CONTEXT_DEVICE, seed);
        Self { seal: random.bytes(), sign: random.bytes() }
    }

    /// The public keys.
    pub fn keys(&self) -> DeviceKeys {
        DeviceKeys { seal: seal_key_of(&self.seal), sign: sign_key_of(&self.sign) }
    }

    /// Signs `record` in `domain`.
    pub fn sign(&self, domain: Domain, record: &[u8]) -> Signature {
        sign_with(&self.sign, domain, record)
    }

    /// Consents to be certified by the key `by` as a device of `user`.
    pub fn consent(&self, by: SignKey, user: UserId) -> Signature {
        self.sign(Domain::DeviceConsent, &DeviceConsent { by, user }.to_cbor())
    }

    /// The generation secret in a share that was sealed to this device.
    pub fn open_share(&self, share: &SealShare, number: u64) -> Result<SealSecret, OpenError> {
        let opened = open(&self.seal, INFO_SEAL_SHARE, &share.sealed.0)?;
        Ok(SealSecret { secret: opened.as_slice().try_into().map_err(|_| OpenError)?, number })
    }
}

/// A user that did not exist before.
pub struct NewIdentity {
    /// What the recovery file will hold.
    pub root: RootSecrets,
    /// The first device.
    pub device: DeviceSecrets,
    /// The first entry of the log.
    pub first: Signed<Entry>,
}

/// Makes a user with one device.
pub fn create_identity(seed: &Seed, now: Millis) -> NewIdentity {
    let mut random = SeededRandom::new(CONTEXT_CREATE, seed);
    let device = DeviceSecrets::generate(&random.bytes());
    let root = RootSecrets {
        root: random.bytes(),
        seals: vec![SealSecret { secret: random.bytes(), number: 1 }],
        next_root: random.bytes(),
        name_secret: random.bytes(),
    };
    let share = seal_share(&root.seals[0], &device.keys(), &random.bytes());
    let create = Create {
        root: sign_key_of(&root.root),
        seal: SealGeneration { key: seal_key_of(&root.seals[0].secret), number: 1, shares: vec![share] },
        time: now,
        device: device.keys(),
        name_tag: name_tag(&root.name_secret),
        next_root: *blake3::hash(&sign_key_of(&root.next_root).0).as_bytes(),
    };
    let first = sign_entry(&root.root, Entry::Create(create));
    NewIdentity { root, device, first }
}

/// What the first entry says of the name secret without telling it.
pub fn name_tag(name_secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(CONTEXT_NAME_TAG, name_secret)
}

/// Seals the secret of a seal generation to a device.
pub fn seal_share(secret: &SealSecret, device: &DeviceKeys, seed: &Seed) -> SealShare {
    SealShare { device: device.sign, sealed: Bytes(seal(&device.seal, INFO_SEAL_SHARE, &secret.secret, seed)) }
}

/// Signs an entry of an identity log by a root's or device's seed.
pub fn sign_entry(seed: &[u8; 32], entry: Entry) -> Signed<Entry> {
    let sig = sign_with(seed, Domain::IdentityEntry, &entry.to_cbor());
    Signed { sig, body: entry }
}

/// The Ed25519 public key of a seed.
pub fn sign_key_of(seed: &[u8; 32]) -> SignKey {
    SignKey(ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes())
}

/// The X25519 public key of a secret.
pub fn seal_key_of(secret: &[u8; 32]) -> SealKey {
    let secret = private_key(secret);
    let mut key = [0; 32];
    key.copy_from_slice(&SealKem::sk_to_pk(&secret).to_bytes());
    SealKey(key)
}

/// Signs `record` in `domain` by a seed.
pub fn sign_with(seed: &[u8; 32], domain: Domain, record: &[u8]) -> Signature {
    let key = ed25519_dalek::SigningKey::from_bytes(seed);
    Signature(key.sign(&domain.message(record)).to_bytes())
}

/// Seals `plain` to a key: HPKE base mode (RFC 9180), DHKEM(X25519, HKDF-SHA256),
/// HKDF-SHA256, ChaCha20Poly1305, empty aad. The 32-byte encapsulated key comes first.
pub fn seal(to: &SealKey, info: &[u8], plain: &[u8], seed: &Seed) -> Vec<u8> {
    let Ok(to) = <SealKem as hpke::Kem>::PublicKey::from_bytes(&to.0) else { return Vec::new() };
    let mut random = SeededRandom::new(CONTEXT_HPKE, seed);
    let mode = OpModeS::<SealKem>::Base;
    match hpke::single_shot_seal_with_rng::<SealAead, SealKdf, SealKem>(&mode, &to, info, plain, &[], &mut random) {
        Ok((encapsulated, ciphertext)) => [encapsulated.to_bytes().as_slice(), &ciphertext].concat(),
        // The key is of small order: nobody can have its secret, so nobody gets anything.
        Err(_) => Vec::new(),
    }
}

/// Opens what [`seal`] made.
pub fn open(secret: &[u8; 32], info: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (encapsulated, ciphertext) = sealed.split_at_checked(32).ok_or(OpenError)?;
    let encapsulated = <SealKem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| OpenError)?;
    let mode = OpModeR::<SealKem>::Base;
    let secret = private_key(secret);
    hpke::single_shot_open::<SealAead, SealKdf, SealKem>(&mode, &secret, &encapsulated, info, ciphertext, &[])
        .map_err(|_| OpenError)
}

fn private_key(secret: &[u8; 32]) -> <SealKem as hpke::Kem>::PrivateKey {
    <SealKem as hpke::Kem>::PrivateKey::from_bytes(secret).expect("any 32 bytes are an X25519 secret")
}
