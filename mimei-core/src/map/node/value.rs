use core::fmt;

use alloc::vec::Vec;

use super::{EntrySlot, Node};
use crate::cid::Cid;
use crate::map::limits::{VALUE_BYTES_MAX, VALUE_LINKS_MAX};
use crate::map::source::InputError;

/// What a key stands for.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Up to 512 bytes.
    Bytes(Vec<u8>),
    /// Up to 512 bytes that name 1 to 8 blocks by their position in `links`, say a file with its blob root.
    Linked {
        /// The bytes themselves.
        bytes: Vec<u8>,
        /// The blocks that they name.
        links: Vec<Cid>,
    },
    /// A value that is a block of its own.
    Block(Cid),
}

impl Value {
    /// Its bytes; none if it is a block of its own.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) | Self::Linked { bytes, .. } => bytes,
            Self::Block(_) => &[],
        }
    }

    /// The blocks that it names.
    pub fn links(&self) -> &[Cid] {
        match self {
            Self::Bytes(_) => &[],
            Self::Linked { links, .. } => links,
            Self::Block(cid) => core::slice::from_ref(cid),
        }
    }

    pub(in crate::map) fn check(&self) -> Result<(), InputError> {
        if self.bytes().len() > VALUE_BYTES_MAX {
            return Err(InputError::ValueLength);
        }
        match self {
            Self::Linked { links, .. } if !(1..=VALUE_LINKS_MAX).contains(&links.len()) => Err(InputError::ValueLinks),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(cid) => write!(f, "Block({cid:?})"),
            _ => write!(f, "Value({} bytes, {} links)", self.bytes().len(), self.links().len()),
        }
    }
}

/// A value where it lies in its leaf.
#[derive(Clone, Copy)]
pub struct ValueRef<'a> {
    pub(super) node: &'a Node,
    pub(super) slot: &'a EntrySlot,
}

impl<'a> ValueRef<'a> {
    /// Its bytes; none if it is a block of its own.
    pub fn bytes(&self) -> &'a [u8] {
        self.node.bytes(self.slot.value)
    }

    /// The blocks that it names.
    pub fn links(&self) -> impl ExactSizeIterator<Item = &'a Cid> + use<'a> {
        let node = self.node;
        let count = usize::from(self.slot.links) + usize::from(self.slot.is_block);
        node.value_links[usize::from(self.slot.links_at)..][..count].iter().map(|link| &node.links[usize::from(*link)])
    }

    /// The block that is the value, if it is one of its own.
    pub fn block(&self) -> Option<&'a Cid> {
        if self.slot.is_block { self.links().next() } else { None }
    }

    /// The value on its own.
    pub fn to_value(&self) -> Value {
        match self.block() {
            Some(cid) => Value::Block(*cid),
            None if self.slot.links == 0 => Value::Bytes(self.bytes().to_vec()),
            None => Value::Linked { bytes: self.bytes().to_vec(), links: self.links().copied().collect() },
        }
    }
}

impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.slot.is_block == other.slot.is_block && self.bytes() == other.bytes() && self.links().eq(other.links())
    }
}

impl PartialEq<Value> for ValueRef<'_> {
    fn eq(&self, other: &Value) -> bool {
        self.slot.is_block == matches!(other, Value::Block(_))
            && self.bytes() == other.bytes()
            && self.links().eq(other.links())
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}
