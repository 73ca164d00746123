//! Invites: a relay, and a secret that its owner gives to one person.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::address::{AddressError, RelayAddress};
use crate::cbor::Cbor;
use crate::cid::base32;
use crate::link::{LINK_BYTES_MAX, unescape, write_escaped};
use crate::record::record;
use crate::secret::{sign_key_of, sign_with};
use crate::seeded::{Seed, SeededRandom};
use crate::sign::{Domain, SignKey, Signature};

const CONTEXT_NEW: &str = "mimei/invite-new/1";
const CONTEXT_SIGN: &str = "mimei/invite-sign/1";
const START: &str = "mimei:invite?r=";

record! {
    /// What an invite's key signs to be used in one session.
    pub struct InviteKeyUse {
        /// The invite's public key.
        "invite" => invite: SignKey,
        /// The hash of the session's handshake.
        "session" => session: [u8; 32],
    }
}

/// The secret of an invite: 32 random bytes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct InviteSecret([u8; 32]);

impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret(…)")
    }
}

impl InviteSecret {
    /// A new secret.
    pub fn generate(seed: &Seed) -> Self {
        Self(SeededRandom::new(CONTEXT_NEW, seed).bytes())
    }

    /// The secret in these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public key by which the relay knows the invite.
    pub fn key(&self) -> SignKey {
        sign_key_of(&self.sign_seed())
    }

    /// Uses the invite in the session with that handshake hash.
    pub fn accept(&self, session: [u8; 32]) -> Signature {
        let record = InviteKeyUse { invite: self.key(), session };
        sign_with(&self.sign_seed(), Domain::Invite, &record.to_cbor())
    }

    fn sign_seed(&self) -> [u8; 32] {
        blake3::derive_key(CONTEXT_SIGN, &self.0)
    }
}

/// An invite as it is sent: `mimei:invite?r=<relay>#<secret>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invite {
    /// Whose invite it is.
    pub relay: RelayAddress,
    /// What is shown to it.
    pub secret: InviteSecret,
}

/// Why a text is not an invite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InviteError {
    /// It does not begin as an invite does.
    NoInvite,
    /// The relay's address is damaged.
    Relay(AddressError),
    /// The end is missing or altered.
    Secret,
}

impl fmt::Display for InviteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInvite => f.write_str("this is not an invite; it begins with mimei:invite or holds #mimei:invite"),
            Self::Relay(error) => error.fmt(f),
            Self::Secret => f.write_str("the end of the invite is missing or altered; copy all of it again"),
        }
    }
}

impl core::error::Error for InviteError {}

impl Invite {
    /// Finds the invite in what somebody pasted: an invite, or a web page's address with it as the fragment.
    ///
    /// # Errors
    /// Which part of it is damaged.
    pub fn find(text: &str) -> Result<Self, InviteError> {
        let text = text.trim();
        let is_page = text.starts_with("https://") || text.starts_with("http://");
        let text = if is_page { text.split_once('#').map_or("", |(_, fragment)| fragment) } else { text };
        // Some programs escape a # inside of a fragment.
        if text.contains('#') { text.parse() } else { text.replacen("%23", "#", 1).parse() }
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(START)?;
        write_escaped(f, &alloc::format!("{}", self.relay))?;
        let mut secret = String::new();
        base32().encode_append(&self.secret.0, &mut secret);
        write!(f, "#{secret}")
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let text = text.strip_prefix(START).filter(|_| text.len() <= LINK_BYTES_MAX).ok_or(InviteError::NoInvite)?;
        let (relay, secret) = text.split_once('#').ok_or(InviteError::Secret)?;
        let relay = unescape(relay).ok_or(AddressError::Shape).and_then(|relay| relay.parse());
        let relay = relay.map_err(InviteError::Relay)?;
        let bytes = base32().decode(secret.as_bytes()).map_err(|_| InviteError::Secret)?;
        let secret = bytes.try_into().map(InviteSecret).map_err(|_| InviteError::Secret)?;
        Ok(Self { relay, secret })
    }
}
