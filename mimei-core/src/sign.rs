//! Signatures: what is signed, and the one rule by which it is verified.
//!
//! Stops: a signature made for one purpose passing for another (every signature
//! covers a domain string), and two verifiers disagreeing about one signature
//! (Ed25519 has several rules; ours is strict everywhere: canonical encodings,
//! no keys or nonces of small order).

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::cbor::{Cbor, DecodeError, Reader, Writer};

/// What a signature is for. The strings are part of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// An entry of an identity log.
    IdentityEntry,
    /// A new device's consent to be certified.
    DeviceConsent,
    /// The key of one session, signed by a device.
    Session,
    /// The exercise of a link's or grant's key in one session.
    Exercise,
    /// A version of a MiMei.
    Version,
    /// A head of a MiMei.
    Head,
    /// A record of an access chain.
    Access,
    /// A creditor's line.
    Line,
    /// A debtor's IOU.
    Iou,
    /// A creditor's receipt.
    Receipt,
    /// A debtor's mandate.
    Mandate,
    /// A creditor's price list.
    Prices,
    /// The use of an invite's key in one session.
    Invite,
    /// How far an upload has come.
    Progress,
}

impl Domain {
    /// The string that starts the signed bytes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdentityEntry => "mimei/identity-entry/1",
            Self::DeviceConsent => "mimei/device-consent/1",
            Self::Session => "mimei/session/1",
            Self::Exercise => "mimei/exercise/1",
            Self::Version => "mimei/version/1",
            Self::Head => "mimei/head/1",
            Self::Access => "mimei/access/1",
            Self::Line => "mimei/line/1",
            Self::Iou => "mimei/iou/1",
            Self::Receipt => "mimei/receipt/1",
            Self::Mandate => "mimei/mandate/1",
            Self::Prices => "mimei/prices/1",
            Self::Invite => "mimei/invite/1",
            Self::Progress => "mimei/progress/1",
        }
    }

    /// The bytes to be signed: the domain string, a zero byte, the record.
    pub fn message(self, record: &[u8]) -> Vec<u8> {
        let domain = self.as_str().as_bytes();
        let mut message = Vec::with_capacity(domain.len() + 1 + record.len());
        message.extend_from_slice(domain);
        message.push(0);
        message.extend_from_slice(record);
        message
    }
}

macro_rules! key_newtype {
    ($($(#[$doc:meta])* $name:ident, $len:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:02x}{:02x}{:02x}{:02x})", stringify!($name), self.0[0], self.0[1], self.0[2], self.0[3])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl Cbor for $name {
            fn write(&self, w: &mut Writer) {
                w.bytes(&self.0);
            }
            fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Cbor::read(r).map(Self)
            }
        }
    )*};
}

key_newtype! {
    /// An Ed25519 public key.
    SignKey, 32;
    /// An X25519 public key that others seal to.
    SealKey, 32;
    /// An Ed25519 signature.
    Signature, 64;
}

/// A signature that does not stand for the key, domain and bytes it was given with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignatureError;

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not verify")
    }
}

impl core::error::Error for SignatureError {}

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyTextError;

impl fmt::Display for KeyTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is written as 64 hexadecimal digits")
    }
}

impl core::error::Error for KeyTextError {}

impl FromStr for SignKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        if text.len() != 64 {
            return Err(KeyTextError);
        }
        let mut key = [0_u8; 32];
        for (at, digit) in text.chars().enumerate() {
            let value = digit.to_digit(16).filter(|_| !digit.is_ascii_uppercase()).ok_or(KeyTextError)?;
            key[at / 2] = (key[at / 2] << 4) | value as u8;
        }
        Ok(Self(key))
    }
}

impl SignKey {
    /// Verifies `signature` over `record` in `domain`, strictly.
    pub fn verify(&self, domain: Domain, record: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&domain.message(record), &signature).map_err(|_| SignatureError)
    }
}

/// A record with the signature over it. Its encoding is the map `{sig, body}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed<T> {
    /// Signature over the domain string and the encoded body.
    pub sig: Signature,
    /// The record.
    pub body: T,
}

impl<T: Cbor> Signed<T> {
    /// Verifies the signature by `key` in `domain`.
    pub fn verify(&self, domain: Domain, key: &SignKey) -> Result<(), SignatureError> {
        key.verify(domain, &self.body.to_cbor(), &self.sig)
    }
}

impl<T: Cbor> Cbor for Signed<T> {
    fn write(&self, w: &mut Writer) {
        w.map(2);
        w.text("sig");
        self.sig.write(w);
        w.text("body");
        self.body.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.map_of(2)?;
        r.key("sig")?;
        let sig = Cbor::read(r)?;
        r.key("body")?;
        Ok(Self { sig, body: T::read(r)? })
    }
}
