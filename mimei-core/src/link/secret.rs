//! What a link's fragment holds and what follows from it.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cbor::Cbor;
use crate::cid::{AccessId, MimeiId, UserId};
use crate::mimei::{LinkKeys, LinkProof, LinkUse};
use crate::secret::{seal_key_of, sign_key_of, sign_with};
use crate::seeded::{Seed, SeededRandom};
use crate::sign::{Domain, SignKey, Signature};

const CONTEXT_NEW: &str = "mimei/link-new/1";
const CONTEXT_SIGN: &str = "mimei/link-sign/1";
const CONTEXT_SEAL: &str = "mimei/link-seal/1";

/// The secret of a link: 32 random bytes, from which its keys are derived.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct LinkSecret([u8; 32]);

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(…)")
    }
}

impl LinkSecret {
    /// A new secret.
    pub fn generate(seed: &Seed) -> Self {
        Self(SeededRandom::new(CONTEXT_NEW, seed).bytes())
    }

    /// The secret in these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the secret.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public keys: the link as an audience.
    pub fn keys(&self) -> LinkKeys {
        LinkKeys { seal: seal_key_of(&self.seal_secret()), sign: sign_key_of(&self.sign_seed()) }
    }

    /// The X25519 secret to which the epoch's key is sealed.
    pub fn seal_secret(&self) -> [u8; 32] {
        blake3::derive_key(CONTEXT_SEAL, &self.0)
    }

    /// Signs `record` in `domain` as the link.
    pub fn sign(&self, domain: Domain, record: &[u8]) -> Signature {
        sign_with(&self.sign_seed(), domain, record)
    }

    /// Shows that a device has the link. `access` is a record that names the link.
    pub fn prove(&self, user: UserId, device: SignKey, mimei: MimeiId, access: AccessId) -> LinkProof {
        let body = LinkUse { user, mimei, access, device };
        LinkProof { sig: self.sign(Domain::Exercise, &body.to_cbor()), link: sign_key_of(&self.sign_seed()), access }
    }

    fn sign_seed(&self) -> [u8; 32] {
        blake3::derive_key(CONTEXT_SIGN, &self.0)
    }
}
