use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use super::keys::EpochKeys;
use super::record::{AccessRecord, Who};
use super::view::AccessView;
use crate::cbor::Cbor;
use crate::cid::{AccessId, MimeiId, UserId};
use crate::mimei::genesis::Genesis;
use crate::mimei::limits::{ACCESS_LOSING_MAX, ACCESS_RECORDS_MAX};
use crate::mimei::rights::{Right, Rights};
use crate::mimei::signer::{Logs, Signer, SignerError};
use crate::order;
use crate::sign::{Domain, Signed};

/// Why a record was not taken into an access chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessError {
    /// It belongs to another MiMei.
    OtherMimei,
    /// It breaks a rule of form.
    Form(&'static str),
    /// The record it follows, or one it decides about, is not here; send that first.
    Unknown(AccessId),
    /// Its number is not one more than that of the record it follows.
    BadSeq,
    /// It decides about a record that it follows.
    DecidesOwn,
    /// It is not by whom it says.
    Signer(SignerError),
    /// Its signer has no set-rights under the record it follows.
    NotAllowed,
    /// It takes a right from somebody who got set-rights before its signer.
    AgainstSenior,
    /// Somebody lost the right to read, and the data goes on under a key that they have.
    SameEpoch,
    /// It unseals what was sealed.
    KeysDropped,
    /// The chain is full, or holds too many records that lost.
    TooMany,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherMimei => "the access record belongs to another MiMei",
            Self::Form(why) => return write!(f, "the access record is not in form: {why}"),
            Self::Unknown(_) => "an earlier access record is missing; ask for it",
            Self::BadSeq => "the access record's number does not follow",
            Self::DecidesOwn => "the access record decides about one that it follows",
            Self::Signer(error) => return write!(f, "the access record was refused: {error}"),
            Self::NotAllowed => "its signer may not set rights; ask somebody who may",
            Self::AgainstSenior => "nobody takes rights from somebody who could set rights before them",
            Self::SameEpoch => "who stops reading must not have the new key: start a new epoch",
            Self::KeysDropped => "data that was sealed stays sealed; give everyone the key instead",
            Self::TooMany => "the access chain is full",
        })
    }
}

impl core::error::Error for AccessError {}

pub(super) struct Node {
    pub(super) signed: Signed<AccessRecord>,
    pub(super) children: BTreeSet<AccessId>,
    /// Since which record each user beside the author has had set-rights without a break.
    pub(super) since: BTreeMap<UserId, u64>,
}

/// All access records known of one MiMei, each checked as far as later ones cannot change it.
pub struct AccessChain {
    pub(super) mimei: MimeiId,
    pub(super) author: UserId,
    pub(super) nodes: BTreeMap<AccessId, Node>,
    pub(super) first: BTreeSet<AccessId>,
}

impl AccessChain {
    /// A chain that has the implied record alone.
    pub fn new(genesis: &Genesis) -> Self {
        Self { mimei: genesis.id(), author: genesis.author, nodes: BTreeMap::new(), first: BTreeSet::new() }
    }

    /// Takes a record in; says whether it was new.
    pub fn insert(&mut self, signed: Signed<AccessRecord>, logs: &impl Logs) -> Result<bool, AccessError> {
        let id = AccessId::of(&signed.to_cbor());
        if self.nodes.contains_key(&id) {
            return Ok(false);
        }
        self.check(&signed, logs)?;
        if self.nodes.len() >= ACCESS_RECORDS_MAX {
            return Err(AccessError::TooMany);
        }
        let seq = signed.body.seq;
        let since = signed.body.rulers().map(|user| (user, self.since(signed.body.prev, &user).unwrap_or(seq)));
        let (since, prev) = (since.collect(), signed.body.prev);
        self.nodes.insert(id, Node { signed, children: BTreeSet::new(), since });
        self.children_mut(prev).insert(id);
        if self.is_one_loser_too_many(&id, logs) {
            self.nodes.remove(&id);
            self.children_mut(prev).remove(&id);
            return Err(AccessError::TooMany);
        }
        Ok(true)
    }

    /// The MiMei whose chain it is.
    pub fn mimei(&self) -> &MimeiId {
        &self.mimei
    }

    /// The user who has every right.
    pub fn author(&self) -> &UserId {
        &self.author
    }

    /// A record by its id.
    pub fn get(&self, id: &AccessId) -> Option<&Signed<AccessRecord>> {
        self.nodes.get(id).map(|node| &node.signed)
    }

    /// Whether a record is here; the implied one always is.
    pub fn contains(&self, id: Option<&AccessId>) -> bool {
        id.is_none_or(|id| self.nodes.contains_key(id))
    }

    /// Number of records beside the implied one.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the implied record is alone.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The records that no other follows, in rising order.
    pub fn leaves(&self) -> Vec<AccessId> {
        self.nodes.iter().filter(|(_, node)| node.children.is_empty()).map(|(id, _)| *id).collect()
    }

    /// All records that are neither named in `known` nor followed by one of those; each after
    /// those it follows and decides about.
    pub fn records_after(&self, known: &[AccessId]) -> Vec<&Signed<AccessRecord>> {
        let have: BTreeSet<AccessId> = order::gather(known.iter().flat_map(|id| self.path_to(Some(*id))));
        let mut left: Vec<_> = self.nodes.iter().filter(|(id, _)| !have.contains(*id)).collect();
        order::sort_by_key(&mut left, |(id, node)| (node.signed.body.seq, **id));
        // What a record decides about may have a higher number, so numbers alone are no order.
        let (mut sent, mut out) = (have, Vec::with_capacity(left.len()));
        while !left.is_empty() {
            let before = left.len();
            left.retain(|(id, node)| {
                let body = &node.signed.body;
                let ready = body.prev.iter().chain(&body.decides).all(|id| sent.contains(id));
                if ready {
                    sent.insert(**id);
                    out.push(&node.signed);
                }
                !ready
            });
            if left.len() == before {
                // Only what follows a known record that we lack, which we cannot have.
                break;
            }
        }
        out
    }

    /// The keys in all records, those of losing branches too, as some data may be sealed with them.
    pub fn all_keys(&self) -> impl Iterator<Item = &EpochKeys> {
        self.nodes.values().filter_map(|node| node.signed.body.keys.as_ref())
    }

    /// What a signer may do under a record, whenever that ends and whatever other records say;
    /// `None` if the record is not here.
    pub fn rights_under(&self, id: Option<&AccessId>, by: &Signer) -> Option<Rights> {
        if by.user == self.author {
            return self.contains(id).then_some(Rights::ALL);
        }
        let Some(id) = id else { return Some(Rights::NONE) };
        let record = &self.nodes.get(id)?.signed.body;
        let user = record.audience(&Who::User(by.user)).map(|audience| audience.rights);
        let link = by.link().and_then(|key| record.link(key)).map(|audience| audience.rights);
        Some(record.everyone().and(user.unwrap_or_default()).and(link.unwrap_or_default()))
    }

    /// Who may do what now, by all records and logs at hand.
    pub fn view(&self, logs: &impl Logs) -> AccessView {
        super::walk::Walk::new(self, logs).run()
    }

    /// From the first record to this one.
    pub(super) fn path_to(&self, id: Option<AccessId>) -> Vec<AccessId> {
        let mut path = Vec::new();
        let mut next = id;
        while let Some((id, node)) = next.and_then(|id| self.nodes.get_key_value(&id)) {
            path.push(*id);
            next = node.signed.body.prev;
        }
        path.reverse();
        path
    }

    pub(super) fn children(&self, id: Option<AccessId>) -> &BTreeSet<AccessId> {
        id.and_then(|id| self.nodes.get(&id)).map_or(&self.first, |node| &node.children)
    }

    /// Since when a user has had set-rights under a record; the author always has had.
    pub(super) fn since(&self, id: Option<AccessId>, user: &UserId) -> Option<u64> {
        if *user == self.author {
            return Some(0);
        }
        self.nodes.get(&id?)?.since.get(user).copied()
    }

    fn children_mut(&mut self, id: Option<AccessId>) -> &mut BTreeSet<AccessId> {
        id.and_then(|id| self.nodes.get_mut(&id)).map_or(&mut self.first, |node| &mut node.children)
    }

    fn check(&self, signed: &Signed<AccessRecord>, logs: &impl Logs) -> Result<(), AccessError> {
        let record = &signed.body;
        if record.mimei != self.mimei {
            return Err(AccessError::OtherMimei);
        }
        if let Some(why) = record.fault(&self.author) {
            return Err(AccessError::Form(why));
        }
        if let Some(missing) = record.prev.iter().chain(&record.decides).find(|id| !self.nodes.contains_key(id)) {
            return Err(AccessError::Unknown(*missing));
        }
        let prev = record.prev.map(|id| &self.nodes[&id].signed.body);
        if record.seq != 1 + prev.map_or(0, |prev| prev.seq) {
            return Err(AccessError::BadSeq);
        }
        if !record.decides.is_empty() {
            let own: BTreeSet<_> = order::gather(self.path_to(record.prev));
            if record.decides.iter().any(|id| own.contains(id)) {
                return Err(AccessError::DecidesOwn);
            }
        }
        record.by.check(signed, Domain::Access, &self.mimei, logs).map_err(AccessError::Signer)?;
        self.check_seniors(record)?;
        prev.map_or(Ok(()), |prev| check_keys(prev, record))
    }

    fn check_seniors(&self, record: &AccessRecord) -> Result<(), AccessError> {
        let own = self.since(record.prev, &record.by.user).ok_or(AccessError::NotAllowed)?;
        let Some(prev) = record.prev.filter(|_| record.by.user != self.author) else { return Ok(()) };
        let node = &self.nodes[&prev];
        for (user, since) in &node.since {
            if (*since, user) < (own, &record.by.user) && takes_from(&node.signed.body, record, &Who::User(*user)) {
                return Err(AccessError::AgainstSenior);
            }
        }
        Ok(())
    }

    fn is_one_loser_too_many(&self, id: &AccessId, logs: &impl Logs) -> bool {
        if self.nodes.len() <= ACCESS_LOSING_MAX || self.leaves().len() < 2 {
            return false;
        }
        let view = self.view(logs);
        self.nodes.len() - view.path().len() > ACCESS_LOSING_MAX && !view.is_on_path(Some(id))
    }
}

fn takes_from(prev: &AccessRecord, next: &AccessRecord, who: &Who) -> bool {
    let rights = |record: &AccessRecord| record.audience(who).map(|audience| audience.rights).unwrap_or_default();
    !rights(next).has_all(rights(prev))
}

fn check_keys(prev: &AccessRecord, next: &AccessRecord) -> Result<(), AccessError> {
    let (Some(before), after) = (&prev.keys, &next.keys) else { return Ok(()) };
    let Some(after) = after else { return Err(AccessError::KeysDropped) };
    let lost_read = |who: &Who| next.audience(who).is_none_or(|audience| !audience.rights.has(Right::Read));
    let mut readers = prev.audiences.iter().filter(|audience| audience.rights.has(Right::Read));
    if before.epoch == after.epoch && readers.any(|audience| lost_read(&audience.who)) {
        return Err(AccessError::SameEpoch);
    }
    Ok(())
}
