use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use super::record::Head;
use crate::cbor::Cbor;
use crate::cid::{AccessId, HeadId, MimeiId, UserId};
use crate::mimei::access::AccessChain;
use crate::mimei::limits::{HEAD_PREV_MAX, HEADS_MAX, SEEN_RELAYS_MAX};
use crate::mimei::rights::Right;
use crate::mimei::shape::strictly_rising;
use crate::mimei::signer::{Logs, Proof, SignerError};
use crate::order;
use crate::sign::{Domain, SignKey, Signed};
use crate::time::Millis;

/// Why a head was not taken into a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeadError {
    /// It belongs to another MiMei.
    OtherMimei,
    /// The heads that it follows are too many or not in rising order.
    BadPrev,
    /// A head that it follows is not here; send the chain down to what is known first.
    UnknownPrev(HeadId),
    /// Its number is not one more than the largest before it.
    BadSeq,
    /// The access chain here is older than the head; ask for what is newer.
    UnknownAccess(AccessId),
    /// It is not by whom it says.
    Signer(SignerError),
    /// Its signer did not have the right under the access record that it cites.
    NotAllowed(Right),
    /// There are as many heads as can be kept.
    TooMany,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherMimei => "the head belongs to another MiMei",
            Self::BadPrev => "the head's list of heads before it is not in form",
            Self::UnknownPrev(_) => "an earlier head is missing; ask for the chain",
            Self::BadSeq => "the head's number does not follow",
            Self::UnknownAccess(_) => "a newer access record is needed to judge the head; ask for it",
            Self::Signer(error) => return write!(f, "the head was refused: {error}"),
            Self::NotAllowed(Right::Release) => "its signer may not release versions here",
            Self::NotAllowed(_) => "its signer may not save here",
            Self::TooMany => "the MiMei has as many heads as can be kept; fork it to go on",
        })
    }
}

impl core::error::Error for HeadError {}

/// How tips relate to a head seen before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coverage {
    /// One of them is it or descends from it.
    Covered,
    /// None does: whoever gave them hides it, or it is not valid any more.
    NotCovered,
    /// The head or a tip is not in the set; ask for it.
    Unknown,
}

/// The heads of one device.
#[derive(Default)]
struct OfDevice {
    /// Each descends from the one before it, and every other head of the device from all.
    clean: Vec<HeadId>,
    /// All others: the device equivocated.
    unclean: Vec<HeadId>,
}

/// All heads known of one MiMei, each checked as far as later records cannot change it.
pub struct HeadSet {
    mimei: MimeiId,
    heads: BTreeMap<HeadId, Signed<Head>>,
    leaves: BTreeSet<HeadId>,
    devices: BTreeMap<SignKey, OfDevice>,
    unclean: BTreeSet<HeadId>,
    seen: BTreeMap<HeadId, BTreeMap<UserId, Millis>>,
}

impl HeadSet {
    /// An empty set.
    pub fn new(mimei: MimeiId) -> Self {
        let (heads, leaves, devices, unclean, seen) = Default::default();
        Self { mimei, heads, leaves, devices, unclean, seen }
    }

    /// Takes a head in; says whether it was new.
    pub fn insert(&mut self, signed: Signed<Head>, access: &AccessChain, logs: &impl Logs) -> Result<bool, HeadError> {
        let id = HeadId::of(&signed.to_cbor());
        if self.heads.contains_key(&id) {
            return Ok(false);
        }
        self.check(&signed, access, logs)?;
        for prev in &signed.body.prev {
            self.leaves.remove(prev);
        }
        self.leaves.insert(id);
        self.place(id, &signed.body);
        self.heads.insert(id, signed);
        Ok(true)
    }

    /// Notes that a relay saw a head at a time. The caller has verified the relay's signature.
    pub fn note_seen(&mut self, head: HeadId, relay: UserId, at: Millis) {
        if !self.heads.contains_key(&head) {
            return;
        }
        let relays = self.seen.entry(head).or_default();
        if let Some(first) = relays.get_mut(&relay) {
            *first = at.min(*first);
        } else if relays.len() < SEEN_RELAYS_MAX {
            relays.insert(relay, at);
        }
    }

    /// The MiMei whose heads they are.
    pub fn mimei(&self) -> &MimeiId {
        &self.mimei
    }

    /// A head by its id.
    pub fn get(&self, id: &HeadId) -> Option<&Signed<Head>> {
        self.heads.get(id)
    }

    /// Number of heads.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The heads that no other follows, valid or not, in rising order: with them the other side
    /// of an exchange knows what is here.
    pub fn leaves(&self) -> impl Iterator<Item = &HeadId> {
        self.leaves.iter()
    }

    /// The heads among `of` and before them that are neither among `known` nor before those; each
    /// after those it follows. What to send to somebody who knows `known`, so that it can take `of`.
    pub fn chain(&self, of: &[HeadId], known: &[HeadId]) -> Vec<&Signed<Head>> {
        self.between(of, known).iter().filter_map(|id| self.heads.get(id)).collect()
    }

    /// All heads that are neither among `known` nor before those; each after those it follows.
    pub fn all_after(&self, known: &[HeadId]) -> Vec<&Signed<Head>> {
        let leaves: Vec<HeadId> = self.leaves.iter().copied().collect();
        self.chain(&leaves, known)
    }

    /// How tips, ours or somebody's, relate to a head seen before: a rollback shows as not covered.
    pub fn coverage(&self, tips: &[HeadId], seen: &HeadId) -> Coverage {
        let Some(head) = self.heads.get(seen) else { return Coverage::Unknown };
        if self.any_reaches(tips, seen, head.body.seq) {
            Coverage::Covered
        } else if tips.iter().all(|tip| self.heads.contains_key(tip)) {
            Coverage::NotCovered
        } else {
            Coverage::Unknown
        }
    }

    /// Devices that signed two heads of which neither descends from the other, each with all
    /// heads that prove it, in rising order.
    pub fn equivocations(&self) -> impl Iterator<Item = (&SignKey, Vec<HeadId>)> {
        self.devices.iter().filter(|(_, of)| !of.unclean.is_empty()).map(|(device, of)| {
            let mut heads = of.unclean.clone();
            order::sort(&mut heads);
            (device, heads)
        })
    }

    /// The newest heads of a device: one, or more if it equivocated, or none.
    pub fn newest_of(&self, device: &SignKey) -> Vec<HeadId> {
        let Some(of) = self.devices.get(device) else { return Vec::new() };
        if of.unclean.is_empty() {
            return of.clean.last().copied().into_iter().collect();
        }
        self.maximal(&of.unclean)
    }

    pub(super) fn is_clean(&self, id: &HeadId) -> bool {
        !self.unclean.contains(id)
    }

    pub(super) fn seen_by(&self, id: &HeadId) -> impl Iterator<Item = (&UserId, &Millis)> {
        self.seen.get(id).into_iter().flatten()
    }

    pub(super) fn prev_of<'a>(&'a self, head: &'a Head) -> impl Iterator<Item = &'a Head> + Clone {
        head.prev.iter().filter_map(|prev| self.head(prev))
    }

    fn check(&self, signed: &Signed<Head>, access: &AccessChain, logs: &impl Logs) -> Result<(), HeadError> {
        let head = &signed.body;
        if head.mimei != self.mimei || *access.mimei() != self.mimei {
            return Err(HeadError::OtherMimei);
        }
        if head.prev.len() > HEAD_PREV_MAX || !strictly_rising(&head.prev) {
            return Err(HeadError::BadPrev);
        }
        if let Some(missing) = head.prev.iter().find(|prev| !self.heads.contains_key(prev)) {
            return Err(HeadError::UnknownPrev(*missing));
        }
        if head.seq != 1 + self.prev_of(head).map(|prev| prev.seq).max().unwrap_or(0) {
            return Err(HeadError::BadSeq);
        }
        head.by.check(signed, Domain::Head, &self.mimei, logs).map_err(HeadError::Signer)?;
        self.check_right(head, access)?;
        if self.heads.len() >= HEADS_MAX { Err(HeadError::TooMany) } else { Ok(()) }
    }

    fn check_right(&self, head: &Head, access: &AccessChain) -> Result<(), HeadError> {
        if let Some(Proof::Link(proof)) = &head.by.proof {
            let record = access.get(&proof.access).ok_or(HeadError::UnknownAccess(proof.access))?;
            if record.body.link(&proof.link).is_none() {
                return Err(HeadError::Signer(SignerError::BadProof));
            }
        }
        let had = access.rights_under(head.access.as_ref(), &head.by);
        let had = match (had, head.access) {
            (Some(had), _) => had,
            (None, Some(id)) => return Err(HeadError::UnknownAccess(id)),
            (None, None) => return Err(HeadError::NotAllowed(Right::Save)),
        };
        match head.changes(self.prev_of(head)).needs().without(had).iter().next() {
            Some(lacking) => Err(HeadError::NotAllowed(lacking)),
            None => Ok(()),
        }
    }

    /// Files a new head under its device. It is an ancestor of no other, as those would have been
    /// refused for want of it.
    fn place(&mut self, id: HeadId, head: &Head) {
        let of = self.devices.get(&head.by.device);
        let below = of.map_or(0, |of| self.count_below(&of.clean, head));
        let of = self.devices.entry(head.by.device).or_default();
        if below == of.clean.len() && of.unclean.is_empty() {
            of.clean.push(id);
            return;
        }
        let apart = of.clean.split_off(below);
        self.unclean.extend(apart.iter().copied().chain([id]));
        of.unclean.extend(apart);
        of.unclean.push(id);
    }

    /// How many of a device's clean heads, of which each descends from the one before, are below a new head.
    fn count_below(&self, clean: &[HeadId], head: &Head) -> usize {
        clean.partition_point(|id| self.any_reaches(&head.prev, id, self.head(id).map_or(0, |clean| clean.seq)))
    }
}
