use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use super::keys::{EpochId, Purpose, Siv};
use super::{BLOCK_LINKS_MAX, BODY_BYTES_MAX, Epoch};
use crate::cbor::{Cbor, DecodeError, Reader, Writer};
use crate::cid::{Cid, Codec};
use crate::limits::BLOCK_BYTES_MAX;
use crate::order;

/// Why bytes are not a block, or cannot become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockError {
    /// It would be, or is, larger than a block may be.
    TooLarge,
    /// It names more blocks than it may.
    TooManyLinks,
    /// It names a block twice.
    LinkTwice,
    /// The address names other bytes.
    WrongAddress,
    /// The bytes are in none of the forms of a block.
    Form(DecodeError),
    /// A public block without links is its body alone.
    NotRaw,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("a block has at most 1 MiB; split the data"),
            Self::TooManyLinks => f.write_str("a block names at most 1,024 others"),
            Self::LinkTwice => f.write_str("a block names each other block once"),
            Self::WrongAddress => f.write_str("the block's bytes are not what its address names"),
            Self::Form(error) => write!(f, "the block is damaged: {error}"),
            Self::NotRaw => f.write_str("a public block without links must be its body alone"),
        }
    }
}

impl core::error::Error for BlockError {}

/// A block before it is sealed.
#[derive(Clone, Debug)]
pub struct BlockToSeal {
    /// The plaintext.
    pub body: Vec<u8>,
    /// The sealed blocks that the plaintext names by index, each once.
    pub links: Vec<Cid>,
}

/// A block as it is stored and sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredBlock {
    /// Its address.
    pub cid: Cid,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Epoch {
    /// Seals a block: the same block in the same epoch is the same bytes.
    pub fn seal(&self, block: BlockToSeal) -> Result<StoredBlock, BlockError> {
        check_links(&block.links)?;
        if block.body.len() > BODY_BYTES_MAX {
            return Err(BlockError::TooLarge);
        }
        let (codec, bytes) = match self {
            Self::Public if block.links.is_empty() => (Codec::Raw, block.body),
            Self::Public => (Codec::DagCbor, public_form(&block.body, &block.links)),
            Self::Keyed(key) => {
                let BlockToSeal { mut body, links } = block;
                let siv = key.seal(Purpose::Block, &links, &mut body);
                let sealed = SealedBlock { siv, epoch: key.id(), links, ciphertext: &body };
                (Codec::DagCbor, sealed.to_bytes())
            }
        };
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge);
        }
        Ok(StoredBlock { cid: Cid::of(codec, &bytes), bytes })
    }
}

fn public_form(body: &[u8], links: &[Cid]) -> Vec<u8> {
    let mut w = Writer::new();
    w.map(2);
    w.text("body");
    w.bytes(body);
    w.text("links");
    w.array(links.len() as u64);
    links.iter().for_each(|link| link.write(&mut w));
    w.into_bytes()
}

/// A stored block as anybody reads it, without a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Block<'a> {
    /// A public block without links.
    Raw(&'a [u8]),
    /// A public block.
    Public {
        /// The plaintext.
        body: &'a [u8],
        /// The blocks that it names.
        links: Vec<Cid>,
    },
    /// A sealed block.
    Sealed(SealedBlock<'a>),
}

/// A sealed block as anybody reads it, without a key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBlock<'a> {
    pub(super) siv: Siv,
    pub(super) epoch: EpochId,
    pub(super) links: Vec<Cid>,
    pub(super) ciphertext: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads a block and checks that the address names it.
    pub fn verify(cid: &Cid, bytes: &'a [u8]) -> Result<Self, BlockError> {
        // The bound first: nothing larger is worth hashing.
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge);
        }
        if cid.verifies(bytes) { Self::parse(cid.codec(), bytes) } else { Err(BlockError::WrongAddress) }
    }

    /// Reads a block whose address was checked before.
    pub fn parse(codec: Codec, bytes: &'a [u8]) -> Result<Self, BlockError> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge);
        }
        if codec == Codec::Raw {
            return if bytes.len() > BODY_BYTES_MAX { Err(BlockError::TooLarge) } else { Ok(Self::Raw(bytes)) };
        }
        let block = Self::read(bytes).map_err(BlockError::Form)?;
        check_links(block.links())?;
        match &block {
            Self::Public { links, .. } if links.is_empty() => Err(BlockError::NotRaw),
            _ if block.body_bytes() > BODY_BYTES_MAX => Err(BlockError::TooLarge),
            _ => Ok(block),
        }
    }

    /// The blocks that it names: what a relay counts.
    pub fn links(&self) -> &[Cid] {
        match self {
            Self::Raw(_) => &[],
            Self::Public { links, .. } => links,
            Self::Sealed(sealed) => &sealed.links,
        }
    }

    /// The bytes as they are stored: those that were read.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Raw(body) => body.to_vec(),
            Self::Public { body, links } => public_form(body, links),
            Self::Sealed(sealed) => sealed.to_bytes(),
        }
    }

    fn body_bytes(&self) -> usize {
        match self {
            Self::Raw(body) | Self::Public { body, .. } => body.len(),
            Self::Sealed(sealed) => sealed.ciphertext.len(),
        }
    }

    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        // The forms differ in their number of keys; another count is refused by the second try.
        let block = if r.clone().map_of(2).is_ok() {
            r.map_of(2)?;
            r.key("body")?;
            let body = r.bytes()?;
            r.key("links")?;
            Self::Public { body, links: Cbor::read(&mut r)? }
        } else {
            Self::Sealed(SealedBlock::read(&mut r)?)
        };
        r.finish()?;
        Ok(block)
    }
}

impl<'a> SealedBlock<'a> {
    /// The epoch whose key opens it.
    pub fn epoch(&self) -> &EpochId {
        &self.epoch
    }

    /// The blocks that it names.
    pub fn links(&self) -> &[Cid] {
        &self.links
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.map(4);
        w.text("siv");
        w.bytes(&self.siv);
        w.text("epoch");
        self.epoch.write(&mut w);
        w.text("links");
        self.links.write(&mut w);
        w.text("ciphertext");
        w.bytes(self.ciphertext);
        w.into_bytes()
    }

    fn read(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        r.map_of(4)?;
        r.key("siv")?;
        let siv = Cbor::read(r)?;
        r.key("epoch")?;
        let epoch = Cbor::read(r)?;
        r.key("links")?;
        let links = Cbor::read(r)?;
        r.key("ciphertext")?;
        Ok(Self { siv, epoch, links, ciphertext: r.bytes()? })
    }
}

impl fmt::Debug for SealedBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBlock({:?}, {} links, {} bytes)", self.epoch, self.links.len(), self.ciphertext.len())
    }
}

fn check_links(links: &[Cid]) -> Result<(), BlockError> {
    if links.len() > BLOCK_LINKS_MAX {
        return Err(BlockError::TooManyLinks);
    }
    let unique: BTreeSet<&Cid> = order::gather(links);
    if unique.len() == links.len() { Ok(()) } else { Err(BlockError::LinkTwice) }
}
