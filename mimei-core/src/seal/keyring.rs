use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::block::{Block, BlockError};
use super::keys::{EpochId, EpochKey, Purpose};
use crate::cid::Cid;
use crate::map::{BlockOpener, OpenBlock};

/// Why a block could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenBlockError {
    /// It is no block, or not the one that its address names.
    Block(BlockError),
    /// The key of its epoch is not here.
    UnknownEpoch(EpochId),
    /// It was not sealed by somebody with the epoch's key, or was altered since.
    BadSeal,
    /// It is not sealed, and this MiMei was never public.
    NotSealed,
}

impl fmt::Display for OpenBlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(error) => error.fmt(f),
            Self::UnknownEpoch(_) => f.write_str("the key for this part of the data is missing; ask for access"),
            Self::BadSeal => f.write_str("the block was altered or sealed with another key"),
            Self::NotSealed => f.write_str("an unsealed block stands where only sealed ones may"),
        }
    }
}

impl core::error::Error for OpenBlockError {}

/// The keys of a MiMei's epochs. It holds secrets: a driver keeps it.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: BTreeMap<EpochId, EpochKey>,
    public: bool,
}

impl Keyring {
    /// A keyring without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the MiMei was created public, so unsealed blocks are taken.
    pub fn allow_public(&mut self) {
        self.public = true;
    }

    /// Adds the key of an epoch; says whether it was new.
    pub fn insert(&mut self, key: EpochKey) -> bool {
        self.keys.insert(key.id(), key).is_none()
    }

    /// The key of an epoch.
    pub fn key(&self, epoch: &EpochId) -> Option<&EpochKey> {
        self.keys.get(epoch)
    }

    /// All keys, in the order of their ids.
    pub fn keys(&self) -> impl Iterator<Item = &EpochKey> {
        self.keys.values()
    }

    /// Opens a stored block: its address, its form and its seal are checked.
    pub fn open(&self, cid: &Cid, bytes: &[u8]) -> Result<OpenBlock, OpenBlockError> {
        self.open_parsed(Block::verify(cid, bytes).map_err(OpenBlockError::Block)?)
    }

    /// Opens a block whose address was checked before.
    pub fn open_parsed(&self, block: Block<'_>) -> Result<OpenBlock, OpenBlockError> {
        match block {
            Block::Sealed(sealed) => {
                let key = self.keys.get(&sealed.epoch).ok_or(OpenBlockError::UnknownEpoch(sealed.epoch))?;
                let mut body = sealed.ciphertext.to_vec();
                key.open(Purpose::Block, &sealed.siv, &sealed.links, &mut body).map_err(|_| OpenBlockError::BadSeal)?;
                Ok(OpenBlock { body, links: sealed.links })
            }
            _ if !self.public => Err(OpenBlockError::NotSealed),
            Block::Public { body, links } => Ok(OpenBlock { body: body.to_vec(), links }),
            Block::Raw(body) => Ok(OpenBlock { body: body.to_vec(), links: Vec::new() }),
        }
    }
}

impl BlockOpener for Keyring {
    fn open(&self, cid: &Cid, stored: &[u8]) -> Option<OpenBlock> {
        self.open(cid, stored).ok()
    }
}
