//! One node: decoded once, checked completely, read in place.

mod encode;
mod value;

use core::fmt;

use alloc::vec::Vec;

use super::limits::{
    CHILD_WEIGHT, ENTRIES_MAX, ENTRY_WEIGHT, KEY_BYTES_MAX, LEVEL_MAX, LINK_WEIGHT, NODE_BODY_BYTES_MAX,
    NODE_LINKS_MAX, NODE_WEIGHT_MAX, VALUE_BYTES_MAX, VALUE_LINKS_MAX,
};
use super::shape::Salt;
use crate::cbor::{DecodeError, DecodeErrorKind, Reader};
use crate::cid::Cid;
use crate::order;

pub(super) use encode::{Item, Payload, encode};
pub use value::{Value, ValueRef};

/// A node of a map as its plaintext and links say.
pub struct Node {
    level: u8,
    weight: u32,
    count: u64,
    body: Vec<u8>,
    links: Vec<Cid>,
    slots: Slots,
    /// Indices of the links inside of values.
    value_links: Vec<u16>,
}

/// A node named by another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Child {
    pub(super) cid: Cid,
    pub(super) count: u64,
}

enum Slots {
    Leaf(Vec<EntrySlot>),
    Inner(Vec<ChildSlot>),
}

/// Bytes of the body.
#[derive(Clone, Copy)]
struct Span {
    at: u16,
    length: u16,
}

struct EntrySlot {
    key: Span,
    value: Span,
    /// Where its links begin in `value_links`.
    links_at: u16,
    links: u8,
    is_block: bool,
}

struct ChildSlot {
    key: Span,
    link: u16,
    count: u64,
}

impl Node {
    /// Decodes a node and checks all that can be checked without the salt and its neighbours.
    pub fn decode(body: Vec<u8>, links: Vec<Cid>) -> Result<Self, DecodeError> {
        if body.len() > NODE_BODY_BYTES_MAX || links.len() > NODE_LINKS_MAX {
            return Err(invalid(0, "a node larger than any may be"));
        }
        let mut decoder =
            Decoder { r: Reader::new(&body), link_count: links.len(), links_seen: 0, value_links: Vec::new() };
        let (level, slots) = decoder.node()?;
        let value_links = core::mem::take(&mut decoder.value_links);
        if decoder.links_seen != links.len() {
            return Err(invalid(0, "a link that is not used"));
        }
        if has_twice(&links) {
            return Err(invalid(0, "a link that is listed twice"));
        }
        let mut node = Self { level, weight: 0, count: 0, body, links, slots, value_links };
        node.check_items()?;
        Ok(node)
    }

    /// Whether the keys may share this node under `salt`: only the first may have a level above the
    /// node's. A reader with the salt refuses a node that does not obey. Whether a group was split by the
    /// rule shows only in the whole of it; a wrong split costs its maker's readers time, never truth.
    pub fn obeys(&self, salt: &Salt) -> bool {
        (1..self.len()).all(|at| salt.level(self.key(at)) <= self.level)
    }

    /// 0 for a leaf, one more than its children's for an inner node.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Number of entries in a leaf, or of children.
    #[allow(clippy::len_without_is_empty)] // Only the root of the empty map is empty.
    pub fn len(&self) -> usize {
        match &self.slots {
            Slots::Leaf(slots) => slots.len(),
            Slots::Inner(slots) => slots.len(),
        }
    }

    /// Number of entries in it and under it, as it says.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What it weighs by the rule of the format.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// All blocks that it names: children, value blocks, links inside of values.
    pub fn links(&self) -> &[Cid] {
        &self.links
    }

    /// The key of an item: of an entry, or the first one of a child.
    pub fn key(&self, at: usize) -> &[u8] {
        self.bytes(match &self.slots {
            Slots::Leaf(slots) => slots[at].key,
            Slots::Inner(slots) => slots[at].key,
        })
    }

    /// The value of an entry; `None` in an inner node.
    pub fn value(&self, at: usize) -> Option<ValueRef<'_>> {
        match &self.slots {
            Slots::Leaf(slots) => slots.get(at).map(|slot| ValueRef { node: self, slot }),
            Slots::Inner(_) => None,
        }
    }

    /// The nodes below it as (first key, address, entries under it); none for a leaf.
    pub fn children(&self) -> impl Iterator<Item = (&[u8], &Cid, u64)> {
        let slots: &[ChildSlot] = match &self.slots {
            Slots::Leaf(_) => &[],
            Slots::Inner(slots) => slots,
        };
        slots.iter().map(|slot| (self.bytes(slot.key), &self.links[usize::from(slot.link)], slot.count))
    }

    pub(super) fn child(&self, at: usize) -> Option<Child> {
        match &self.slots {
            Slots::Leaf(_) => None,
            Slots::Inner(slots) => {
                slots.get(at).map(|slot| Child { cid: self.links[usize::from(slot.link)], count: slot.count })
            }
        }
    }

    /// The position of a key, or where it would be.
    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        match &self.slots {
            Slots::Leaf(slots) => slots.binary_search_by(|slot| self.bytes(slot.key).cmp(key)),
            Slots::Inner(slots) => slots.binary_search_by(|slot| self.bytes(slot.key).cmp(key)),
        }
    }

    /// The child under which a key would be, if it is not before all of them.
    pub(super) fn child_for(&self, key: &[u8]) -> Option<usize> {
        match self.find(key) {
            Ok(at) => Some(at),
            Err(at) => at.checked_sub(1),
        }
    }

    pub(super) fn item_weight(&self, at: usize) -> u32 {
        match &self.slots {
            Slots::Leaf(slots) => {
                let slot = &slots[at];
                let bytes = u32::from(slot.key.length) + u32::from(slot.value.length);
                ENTRY_WEIGHT + bytes + LINK_WEIGHT * (u32::from(slot.links) + u32::from(slot.is_block))
            }
            Slots::Inner(slots) => CHILD_WEIGHT + u32::from(slots[at].key.length),
        }
    }

    fn item_count(&self, at: usize) -> u64 {
        match &self.slots {
            Slots::Leaf(_) => 1,
            Slots::Inner(slots) => slots[at].count,
        }
    }

    fn bytes(&self, span: Span) -> &[u8] {
        &self.body[usize::from(span.at)..][..usize::from(span.length)]
    }

    fn check_items(&mut self) -> Result<(), DecodeError> {
        for at in 0..self.len() {
            if !(1..=KEY_BYTES_MAX).contains(&self.key(at).len()) {
                return Err(invalid(0, "a key must be 1 to 1,024 bytes"));
            }
            if at > 0 && self.key(at - 1) >= self.key(at) {
                return Err(invalid(0, "keys must rise"));
            }
            self.weight += self.item_weight(at);
            self.count = self.count.saturating_add(self.item_count(at));
        }
        if self.weight > NODE_WEIGHT_MAX {
            return Err(invalid(0, "a node heavier than any may be"));
        }
        if self.count > ENTRIES_MAX {
            return Err(invalid(0, "more entries than a map may have"));
        }
        Ok(())
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node(level {}, {} items, {} entries)", self.level, self.len(), self.count)
    }
}

fn invalid(at: usize, rule: &'static str) -> DecodeError {
    DecodeError::new(at, DecodeErrorKind::Invalid(rule))
}

fn has_twice(links: &[Cid]) -> bool {
    let mut sorted: Vec<&Cid> = links.iter().collect();
    order::sort(&mut sorted);
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

struct Decoder<'a> {
    r: Reader<'a>,
    link_count: usize,
    links_seen: usize,
    value_links: Vec<u16>,
}

impl Decoder<'_> {
    fn node(&mut self) -> Result<(u8, Slots), DecodeError> {
        self.r.array_of(2)?;
        let at = self.r.position();
        let level = self.r.uint()?;
        if level > u64::from(LEVEL_MAX) {
            return Err(invalid(at, "a level above any that a map can have"));
        }
        let at = self.r.position();
        let parts = self.r.array()?;
        let width = if level == 0 { 2 } else { 3 };
        if !parts.is_multiple_of(width) || (level > 0 && parts == 0) {
            return Err(invalid(at, "an item is not complete"));
        }
        let slots = if level == 0 {
            Slots::Leaf((0..parts / width).map(|_| self.entry()).collect::<Result<_, _>>()?)
        } else {
            Slots::Inner((0..parts / width).map(|_| self.child()).collect::<Result<_, _>>()?)
        };
        self.r.finish()?;
        Ok((level as u8, slots))
    }

    fn entry(&mut self) -> Result<EntrySlot, DecodeError> {
        let key = self.span()?;
        let links_at = self.value_links.len() as u16;
        let at = self.r.position();
        let mut slot = EntrySlot { key, value: Span { at: 0, length: 0 }, links_at, links: 0, is_block: false };
        let mut list = self.r.clone();
        if let Ok(parts) = list.array() {
            self.r = list;
            slot.value = self.span()?;
            if !(2..=1 + VALUE_LINKS_MAX as u64).contains(&parts) {
                return Err(invalid(at, "a value with links has 1 to 8 of them"));
            }
            slot.links = (parts - 1) as u8;
            for _ in 1..parts {
                let link = self.link()?;
                self.value_links.push(link);
            }
        } else if self.r.clone().uint().is_ok() {
            let link = self.link()?;
            self.value_links.push(link);
            slot.is_block = true;
        } else {
            slot.value = self.span()?;
        }
        if usize::from(slot.value.length) > VALUE_BYTES_MAX {
            return Err(invalid(at, "a value over 512 bytes must be a block of its own"));
        }
        Ok(slot)
    }

    fn child(&mut self) -> Result<ChildSlot, DecodeError> {
        let key = self.span()?;
        let link = self.link()?;
        let at = self.r.position();
        let count = self.r.uint()?;
        if count == 0 {
            return Err(invalid(at, "a child without entries"));
        }
        Ok(ChildSlot { key, link, count })
    }

    fn span(&mut self) -> Result<Span, DecodeError> {
        let length = self.r.bytes()?.len();
        // Bodies are shorter than 64 KiB.
        Ok(Span { at: (self.r.position() - length) as u16, length: length as u16 })
    }

    fn link(&mut self) -> Result<u16, DecodeError> {
        let at = self.r.position();
        let index = self.r.uint()?;
        if index >= self.link_count as u64 || index > self.links_seen as u64 {
            return Err(invalid(at, "a link that is missing or out of order of first use"));
        }
        self.links_seen += usize::from(index == self.links_seen as u64);
        Ok(index as u16)
    }
}
