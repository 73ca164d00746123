//! Content addresses: CIDv1 with BLAKE3-256.
//!
//! Binary form, 36 bytes: version `01`, codec (`71` DAG-CBOR or `55` raw),
//! multihash `1e 20` and the hash. Text form: `b` and lower-case unpadded
//! base32 of the binary form, 59 characters. In CBOR: tag 42 over a byte string
//! of a zero byte and the binary form. So any IPLD tool reads what we write.

use core::fmt;
use core::str::FromStr;

use alloc::string::String;
use data_encoding::{BASE32_NOPAD, Specification};

use crate::cbor::{Cbor, DecodeError, DecodeErrorKind, Reader, Writer};

const TAG_LINK: u64 = 42;
const VERSION: u8 = 0x01;
const HASH_BLAKE3: u8 = 0x1e;
const HASH_BYTES: usize = 32;

/// What the addressed bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Codec {
    /// Bytes without structure.
    Raw = 0x55,
    /// Canonical CBOR as in [`crate::cbor`].
    DagCbor = 0x71,
}

/// The address of a block: what it is and its BLAKE3-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid {
    codec: Codec,
    hash: [u8; HASH_BYTES],
}

/// Text or bytes that are not one of our content addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CidError;

impl fmt::Display for CidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a CIDv1 with BLAKE3-256 in lower-case base32")
    }
}

impl core::error::Error for CidError {}

impl Cid {
    /// Length of the binary form in bytes.
    pub const BYTES: usize = 4 + HASH_BYTES;

    /// The address of `bytes`.
    pub fn of(codec: Codec, bytes: &[u8]) -> Self {
        Self { codec, hash: *blake3::hash(bytes).as_bytes() }
    }

    /// Whether `bytes` are what this address names.
    pub fn verifies(&self, bytes: &[u8]) -> bool {
        *self == Self::of(self.codec, bytes)
    }

    /// What the addressed bytes are.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The BLAKE3-256 hash.
    pub fn hash(&self) -> &[u8; HASH_BYTES] {
        &self.hash
    }

    /// The binary form.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..4].copy_from_slice(&[VERSION, self.codec as u8, HASH_BLAKE3, HASH_BYTES as u8]);
        out[4..].copy_from_slice(&self.hash);
        out
    }

    /// Reads the binary form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        let (head, hash) = bytes.split_at_checked(4).ok_or(CidError)?;
        let codec = match head {
            [VERSION, 0x55, HASH_BLAKE3, 0x20] => Codec::Raw,
            [VERSION, 0x71, HASH_BLAKE3, 0x20] => Codec::DagCbor,
            _ => return Err(CidError),
        };
        Ok(Self { codec, hash: hash.try_into().map_err(|_| CidError)? })
    }
}

/// Lower-case base32 without padding: how all our ids and keys are written.
pub(crate) fn base32() -> data_encoding::Encoding {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    // The alphabet above is valid, so the fallback is never taken.
    spec.encoding().unwrap_or(BASE32_NOPAD)
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::from("b");
        base32().encode_append(&self.to_bytes(), &mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}{:02x}", self.hash[0], self.hash[1], self.hash[2], self.hash[3])
    }
}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        let body = text.strip_prefix('b').ok_or(CidError)?;
        let bytes = base32().decode(body.as_bytes()).map_err(|_| CidError)?;
        Self::from_bytes(&bytes)
    }
}

impl Cbor for Cid {
    fn write(&self, w: &mut Writer) {
        let mut bytes = [0; 1 + Self::BYTES];
        bytes[1..].copy_from_slice(&self.to_bytes());
        w.tag(TAG_LINK);
        w.bytes(&bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tag(TAG_LINK)?;
        let at = r.position();
        let bytes = r.bytes()?;
        bytes
            .split_first()
            .filter(|(zero, _)| **zero == 0)
            .and_then(|(_, cid)| Self::from_bytes(cid).ok())
            .ok_or(DecodeError::new(at, DecodeErrorKind::Expected("a CIDv1 with BLAKE3-256")))
    }
}

/// Makes a newtype over [`Cid`] for one kind of record, so that ids of different
/// kinds cannot be mixed up.
macro_rules! cid_newtype {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($crate::cid::Cid);

        impl $name {
            /// The id whose content address is `cid`.
            pub fn from_cid(cid: $crate::cid::Cid) -> Self {
                Self(cid)
            }

            /// The id of the record encoded in `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                Self($crate::cid::Cid::of($crate::cid::Codec::DagCbor, bytes))
            }

            /// The content address of the record.
            pub fn cid(&self) -> &$crate::cid::Cid {
                &self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::cid::CidError;

            fn from_str(text: &str) -> Result<Self, $crate::cid::CidError> {
                let cid: $crate::cid::Cid = text.parse()?;
                if cid.codec() == $crate::cid::Codec::DagCbor { Ok(Self(cid)) } else { Err($crate::cid::CidError) }
            }
        }

        impl $crate::cbor::Cbor for $name {
            fn write(&self, w: &mut $crate::cbor::Writer) {
                self.0.write(w);
            }

            fn read(r: &mut $crate::cbor::Reader<'_>) -> Result<Self, $crate::cbor::DecodeError> {
                let at = r.position();
                let cid = $crate::cid::Cid::read(r)?;
                if cid.codec() == $crate::cid::Codec::DagCbor {
                    Ok(Self(cid))
                } else {
                    Err($crate::cbor::DecodeError::new(
                        at,
                        $crate::cbor::DecodeErrorKind::Expected("the address of a CBOR record"),
                    ))
                }
            }
        }
    )*};
}

cid_newtype! {
    /// A user for life: the address of the first entry of the identity log.
    UserId;
    /// One entry of an identity log.
    EntryId;
    /// A MiMei for life: the address of its genesis.
    MimeiId;
    /// One version of a MiMei.
    VersionId;
    /// One head of a MiMei.
    HeadId;
    /// One record of a MiMei's access chain.
    AccessId;
}
