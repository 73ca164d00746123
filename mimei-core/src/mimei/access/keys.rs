//! How an access record carries the keys of the data.
//!
//! The current epoch's key is sealed (HPKE, info `mimei/epoch-key/1`, MimeiId,
//! epoch id) to the seal key of the author and of each audience that may read,
//! or stands in clear if everyone may. All earlier keys and the maps' salt are
//! sealed under the current key: 24 bytes of SIV, then the ciphertext.

use alloc::vec::Vec;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::record::{AccessRecord, Who};
use crate::cbor::{Bytes, Cbor};
use crate::cid::MimeiId;
use crate::mimei::limits::{AUDIENCES_MAX, EPOCHS_MAX, SEALED_KEY_BYTES};
use crate::mimei::rights::Right;
use crate::mimei::shape::strictly_rising;
use crate::order;
use crate::record::record;
use crate::seal::{EpochId, EpochKey, MapSalt, Purpose, SIV_BYTES};
use crate::secret::{self, seal_key_of};
use crate::seeded::{Seed, SeededRandom};
use crate::sign::SealKey;

const INFO_EPOCH_KEY: &[u8] = b"mimei/epoch-key/1";
const CONTEXT_SHARES: &str = "mimei/epoch-shares/1";
/// The encoding of as many keys as there may be, with the salt and the SIV.
const HISTORY_BYTES_MAX: usize = EPOCHS_MAX * 34 + 128;

record! {
    /// The current epoch's key, sealed to one audience.
    pub struct SealedKey {
        /// The seal key of a user's generation, or of a link.
        "to" => to: SealKey,
        /// HPKE output: 32 bytes of encapsulated key, then the ciphertext.
        "sealed" => sealed: [u8; SEALED_KEY_BYTES],
    }
}

record! {
    /// The keys of a MiMei's data, each readable for those who may.
    pub struct EpochKeys {
        /// The current key, if everyone may read.
        "clear" => clear: Option<EpochKey>,
        /// The current epoch.
        "epoch" => epoch: EpochId,
        /// The current key for each who may read, in rising order of their seal keys.
        "sealed" => sealed: Vec<SealedKey>,
        /// [`KeyHistory`] sealed under the current key.
        "earlier" => earlier: Bytes,
    }
}

record! {
    /// What a reader needs beside the current key.
    #[derive(Zeroize, ZeroizeOnDrop)]
    pub struct KeyHistory {
        /// The salt of the MiMei's maps.
        "salt" => salt: MapSalt,
        /// The keys of earlier epochs, oldest first.
        "earlier" => earlier: Vec<EpochKey>,
    }
}

/// Why the keys in a record could not be read or made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeysError {
    /// They are sealed to others.
    NotForUs,
    /// They were sealed wrongly or altered.
    Damaged,
    /// There are more earlier keys than a record carries.
    TooMany,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotForUs => "the data is sealed to others; ask for access",
            Self::Damaged => "the keys in the access record are damaged; whoever signed it must sign a new one",
            Self::TooMany => "the MiMei had more epochs than a record can carry; fork it to go on",
        })
    }
}

impl core::error::Error for KeysError {}

/// What a record's keys are made of.
pub struct NewEpoch<'a> {
    /// The current key.
    pub key: &'a EpochKey,
    /// Earlier keys and the salt.
    pub history: &'a KeyHistory,
    /// Seal keys of all who may read, the author's and the signer's among them, in any order.
    pub to: &'a [SealKey],
    /// Whether everyone may read.
    pub in_clear: bool,
}

impl NewEpoch<'_> {
    /// The keys as a record carries them.
    pub fn seal(&self, mimei: &MimeiId, seed: &Seed) -> Result<EpochKeys, KeysError> {
        if self.history.earlier.len() >= EPOCHS_MAX {
            return Err(KeysError::TooMany);
        }
        let epoch = self.key.id();
        let mut random = SeededRandom::new(CONTEXT_SHARES, seed);
        let mut to = self.to.to_vec();
        order::sort(&mut to);
        to.dedup();
        let info = info(mimei, &epoch);
        // A key of small order gets nothing: nobody can have its secret.
        let sealed = to.into_iter().filter_map(|to| {
            let sealed = secret::seal(&to, &info, self.key.as_bytes(), &random.bytes());
            Some(SealedKey { to, sealed: sealed.try_into().ok()? })
        });
        Ok(EpochKeys {
            sealed: sealed.collect(),
            clear: self.in_clear.then(|| self.key.clone()),
            epoch,
            earlier: Bytes(self.seal_history()),
        })
    }

    fn seal_history(&self) -> Vec<u8> {
        let mut text = self.history.to_cbor();
        let siv = self.key.seal(Purpose::History, &[], &mut text);
        [siv.as_slice(), &text].concat()
    }
}

/// Opens the current key with a seal secret: of a link, or of any generation of a user.
pub fn open_epoch(mimei: &MimeiId, keys: &EpochKeys, seal_secret: &[u8; 32]) -> Result<EpochKey, KeysError> {
    if let Some(key) = &keys.clear {
        return if key.id() == keys.epoch { Ok(key.clone()) } else { Err(KeysError::Damaged) };
    }
    let to = seal_key_of(seal_secret);
    let at = keys.sealed.binary_search_by(|share| share.to.cmp(&to)).map_err(|_| KeysError::NotForUs)?;
    let opened = secret::open(seal_secret, &info(mimei, &keys.epoch), &keys.sealed[at].sealed);
    let opened = Zeroizing::new(opened.map_err(|_| KeysError::Damaged)?);
    let key = EpochKey::from_bytes(opened.as_slice().try_into().map_err(|_| KeysError::Damaged)?);
    if key.id() == keys.epoch { Ok(key) } else { Err(KeysError::Damaged) }
}

/// Opens the earlier keys and the salt with the current key.
pub fn open_history(keys: &EpochKeys, current: &EpochKey) -> Result<KeyHistory, KeysError> {
    let (siv, text) = keys.earlier.0.split_first_chunk::<SIV_BYTES>().ok_or(KeysError::Damaged)?;
    let mut text = Zeroizing::new(text.to_vec());
    current.open(Purpose::History, siv, &[], &mut text).map_err(|_| KeysError::Damaged)?;
    KeyHistory::from_cbor(&text).map_err(|_| KeysError::Damaged)
}

fn info(mimei: &MimeiId, epoch: &EpochId) -> Vec<u8> {
    [INFO_EPOCH_KEY, &mimei.cid().to_bytes(), epoch.as_bytes()].concat()
}

impl EpochKeys {
    /// Whether the current key is sealed to that seal key, or in clear.
    pub fn is_for(&self, to: &SealKey) -> bool {
        self.clear.is_some() || self.sealed.binary_search_by(|share| share.to.cmp(to)).is_ok()
    }

    /// The rule of form that they break in `record`, if they break one.
    pub(super) fn fault(&self, record: &AccessRecord) -> Option<&'static str> {
        let to: Vec<_> = self.sealed.iter().map(|share| share.to).collect();
        if to.len() > AUDIENCES_MAX + 1 || !strictly_rising(&to) {
            Some("its sealed keys are too many or not in rising order")
        } else if self.earlier.0.len() > HISTORY_BYTES_MAX {
            Some("it carries more earlier keys than it may")
        } else if self.clear.as_ref().is_some_and(|key| key.id() != self.epoch) {
            Some("the key in clear is not that of the epoch it names")
        } else if self.clear.is_some() != record.everyone().has(Right::Read) {
            Some("the key stands in clear exactly if everyone may read")
        } else if record.audiences.iter().any(|audience| match &audience.who {
            Who::Link(link) => audience.rights.has(Right::Read) && !self.is_for(&link.seal),
            _ => false,
        }) {
            Some("a link that may read has no key")
        } else {
            None
        }
    }
}
