use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use super::entry::{AddDevice, Create, DeviceConsent, DeviceKeys, Entry, SealGeneration};
use crate::cbor::Cbor;
use crate::cid::{EntryId, UserId};
use crate::limits::{LOG_BYTES_MAX, LOG_ENTRIES_MAX, LOG_PREV_MAX, LOG_ROOT_BYTES, LOG_ROOT_ENTRIES};
use crate::order;
use crate::sign::{Domain, SealKey, SignKey, Signed};

/// Why an entry was not taken into a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogError {
    /// The first entry is not a `create`, or its address is not the user id.
    NotThisUser,
    /// The signature does not verify by the key the entry names.
    BadSignature,
    /// The new device did not consent to be certified by that key for that user.
    NoConsent,
    /// An entry it follows is not there; send that one first.
    UnknownPrev,
    /// The signer is neither the root nor a device certified before this entry.
    UnknownSigner,
    /// The entry follows one that certified the same device.
    DeviceTwice,
    /// The entry revokes a device that was not certified before it.
    UnknownDevice,
    /// The new seal generation does not follow the newest that the entry knew.
    BadSealNumber,
    /// The log has as many entries or bytes as a log may have, or the entry follows too many others.
    TooLong,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotThisUser => "the entry belongs to another user's log",
            Self::BadSignature => "the entry's signature does not verify",
            Self::NoConsent => "the new device did not consent to be a device of this identity",
            Self::UnknownPrev => "an earlier entry is missing",
            Self::UnknownSigner => "the entry is signed by neither the root nor a device certified before it",
            Self::DeviceTwice => "the device key was certified before",
            Self::UnknownDevice => "the entry revokes a device that was not certified before it",
            Self::BadSealNumber => "the new seal key does not follow the newest one",
            Self::TooLong => "the identity log is too long",
        })
    }
}

impl core::error::Error for LogError {}

/// A device as the log sees it now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its keys.
    pub keys: DeviceKeys,
    /// The entry that certified it.
    pub entry: EntryId,
    /// Depth of that entry; the first device has 0.
    pub depth: u64,
    /// The revocation that ended it, or that ended the device it was added by.
    pub revoked: Option<EntryId>,
}

#[derive(Clone)]
struct Node {
    signed: Signed<Entry>,
    depth: u64,
    ancestors: BTreeSet<EntryId>,
}

/// All entries known of one user, each verified, and what follows from them.
#[derive(Clone)]
pub struct IdentityLog {
    user: UserId,
    root: SignKey,
    nodes: BTreeMap<EntryId, Node>,
    bytes: usize,
    devices: BTreeMap<SignKey, Device>,
    seal: SealGeneration,
}

impl IdentityLog {
    /// A log that has its first entry alone.
    pub fn new(first: Signed<Entry>) -> Result<Self, LogError> {
        let Entry::Create(create) = &first.body else { return Err(LogError::NotThisUser) };
        first.verify(Domain::IdentityEntry, &create.root).map_err(|_| LogError::BadSignature)?;
        if create.seal.number != 1 {
            return Err(LogError::BadSealNumber);
        }
        let encoded = first.to_cbor();
        if encoded.len() > LOG_BYTES_MAX {
            return Err(LogError::TooLong);
        }
        let id = EntryId::of(&encoded);
        let (root, seal) = (create.root, create.seal.clone());
        let node = Node { signed: first, depth: 0, ancestors: BTreeSet::new() };
        let mut log = Self {
            user: UserId::from_cid(*id.cid()),
            root,
            nodes: BTreeMap::from([(id, node)]),
            bytes: encoded.len(),
            devices: BTreeMap::new(),
            seal,
        };
        log.evaluate();
        Ok(log)
    }

    /// A log from its entries, each after those it follows.
    pub fn from_entries(entries: impl IntoIterator<Item = Signed<Entry>>) -> Result<Self, LogError> {
        let mut entries = entries.into_iter();
        let mut log = Self::new(entries.next().ok_or(LogError::NotThisUser)?)?;
        log.extend(entries)?;
        Ok(log)
    }

    /// Takes an entry in; says whether it was new.
    pub fn insert(&mut self, signed: Signed<Entry>) -> Result<bool, LogError> {
        self.extend([signed])
    }

    /// Takes entries in, each after those it follows; says whether any was new.
    ///
    /// Stops at the first that is refused; those before it stay. What follows
    /// from the entries is worked out once, so that a long log made to be slow
    /// costs little more than its signatures.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = Signed<Entry>>) -> Result<bool, LogError> {
        let before = self.nodes.len();
        let taken = entries.into_iter().try_for_each(|entry| self.take(entry));
        let changed = self.nodes.len() != before;
        if changed {
            self.evaluate();
        }
        taken.map(|()| changed)
    }

    fn take(&mut self, signed: Signed<Entry>) -> Result<(), LogError> {
        let encoded = signed.to_cbor();
        let id = EntryId::of(&encoded);
        if self.nodes.contains_key(&id) {
            return Ok(());
        }
        if signed.body.user() != Some(&self.user) {
            return Err(LogError::NotThisUser);
        }
        if signed.body.prev().len() > LOG_PREV_MAX || !self.has_room(&signed.body, encoded.len()) {
            return Err(LogError::TooLong);
        }
        let (depth, ancestors) = self.place(signed.body.prev())?;
        self.check_devices(&signed.body, &ancestors)?;
        signed.verify(Domain::IdentityEntry, signed.body.signer()).map_err(|_| LogError::BadSignature)?;
        if let Entry::AddDevice(e) = &signed.body {
            consented(e)?;
        }
        self.bytes += encoded.len();
        self.nodes.insert(id, Node { signed, depth, ancestors });
        Ok(())
    }

    /// Room is kept for the root: a stolen device that fills the log can still be revoked.
    fn has_room(&self, entry: &Entry, bytes: usize) -> bool {
        let by_root = *entry.signer() == self.root;
        let kept = |reserve| if by_root { 0 } else { reserve };
        self.nodes.len() + kept(LOG_ROOT_ENTRIES) < LOG_ENTRIES_MAX
            && self.bytes + bytes + kept(LOG_ROOT_BYTES) <= LOG_BYTES_MAX
    }

    /// The user id.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The root key.
    pub fn root(&self) -> &SignKey {
        &self.root
    }

    /// The first entry, with what it commits to.
    pub fn create(&self) -> &Create {
        let first = self.nodes.get(&EntryId::from_cid(*self.user.cid()));
        match first.map(|node| &node.signed.body) {
            Some(Entry::Create(create)) => create,
            _ => unreachable!("a log begins with the entry that is its user"),
        }
    }

    /// Whether a seal generation of that number and key is in the log.
    pub fn has_seal(&self, number: u64, key: &SealKey) -> bool {
        let same = |seal: &SealGeneration| seal.number == number && seal.key == *key;
        self.nodes.values().any(|node| match &node.signed.body {
            Entry::Create(e) => same(&e.seal),
            Entry::RevokeDevice(e) => same(&e.seal),
            Entry::AddDevice(_) => false,
        })
    }

    /// The newest generation of the seal key.
    pub fn seal(&self) -> &SealGeneration {
        &self.seal
    }

    /// A device that is valid now.
    pub fn device(&self, key: &SignKey) -> Option<&Device> {
        self.devices.get(key).filter(|device| device.revoked.is_none())
    }

    /// Every device that was ever certified, the revoked ones too.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// What the revocation of a device names as standing.
    pub fn accepted_of(&self, key: &SignKey) -> Option<&[crate::cid::Cid]> {
        let revoked = self.devices.get(key)?.revoked?;
        match &self.nodes.get(&revoked)?.signed.body {
            Entry::RevokeDevice(e) if e.device == *key => Some(&e.accepted),
            _ => Some(&[]),
        }
    }

    /// The newest entries, as many as an entry or proof may name.
    pub fn newest(&self) -> Vec<EntryId> {
        let mut tips = self.tips();
        tips.truncate(LOG_PREV_MAX);
        tips
    }

    /// All newest entries: those that no other follows.
    pub fn tips(&self) -> Vec<EntryId> {
        let followed: BTreeSet<&EntryId> = order::gather(self.nodes.values().flat_map(|node| node.signed.body.prev()));
        self.nodes.keys().filter(|id| !followed.contains(id)).copied().collect()
    }

    /// An entry, if it is in the log.
    pub fn entry(&self, id: &EntryId) -> Option<&Signed<Entry>> {
        self.nodes.get(id).map(|node| &node.signed)
    }

    /// Whether an entry is in the log.
    pub fn contains(&self, id: &EntryId) -> bool {
        self.nodes.contains_key(id)
    }

    /// All entries, each after those it follows.
    pub fn entries(&self) -> Vec<Signed<Entry>> {
        self.entries_after(&[])
    }

    /// All entries with their ids and depths.
    pub fn entries_with_depth(&self) -> impl Iterator<Item = (&EntryId, u64, &Signed<Entry>)> {
        self.nodes.iter().map(|(id, node)| (id, node.depth, &node.signed))
    }

    /// Entries that are neither named in `known` nor followed by one of those; each after those it follows.
    pub fn entries_after(&self, known: &[EntryId]) -> Vec<Signed<Entry>> {
        let mut have: BTreeSet<&EntryId> = BTreeSet::new();
        for (id, node) in known.iter().filter_map(|id| self.nodes.get_key_value(id)) {
            have.insert(id);
            have.extend(&node.ancestors);
        }
        let mut by_depth: Vec<_> = self.nodes.iter().filter(|(id, _)| !have.contains(id)).collect();
        order::sort_by_key(&mut by_depth, |(id, node)| (node.depth, **id));
        by_depth.into_iter().map(|(_, node)| node.signed.clone()).collect()
    }

    fn place(&self, prev: &[EntryId]) -> Result<(u64, BTreeSet<EntryId>), LogError> {
        if prev.is_empty() {
            return Err(LogError::UnknownPrev);
        }
        let mut depth = 0;
        let mut ancestors = BTreeSet::new();
        for id in prev {
            let node = self.nodes.get(id).ok_or(LogError::UnknownPrev)?;
            depth = depth.max(node.depth + 1);
            ancestors.extend(node.ancestors.iter().copied());
            ancestors.insert(*id);
        }
        Ok((depth, ancestors))
    }

    fn check_devices(&self, entry: &Entry, ancestors: &BTreeSet<EntryId>) -> Result<(), LogError> {
        let certifies = |id, key: &SignKey| {
            self.nodes.get(id).and_then(|node| node.signed.body.certifies()).is_some_and(|device| device.sign == *key)
        };
        let certified_before = |key: &SignKey| ancestors.iter().any(|id| certifies(id, key));
        let by = entry.signer();
        if *by != self.root && !certified_before(by) {
            return Err(LogError::UnknownSigner);
        }
        match entry {
            Entry::Create(_) => Err(LogError::NotThisUser),
            Entry::AddDevice(e) if certified_before(&e.device.sign) => Err(LogError::DeviceTwice),
            Entry::AddDevice(e) if e.device.sign == self.root => Err(LogError::DeviceTwice),
            Entry::RevokeDevice(e) if !certified_before(&e.device) => Err(LogError::UnknownDevice),
            Entry::RevokeDevice(e) if Some(e.seal.number) != self.newest_seal_number(ancestors).checked_add(1) => {
                Err(LogError::BadSealNumber)
            }
            Entry::AddDevice(_) | Entry::RevokeDevice(_) => Ok(()),
        }
    }

    fn newest_seal_number(&self, among: &BTreeSet<EntryId>) -> u64 {
        let number = |id| match &self.nodes.get(id).map(|node| &node.signed.body) {
            Some(Entry::Create(e)) => e.seal.number,
            Some(Entry::RevokeDevice(e)) => e.seal.number,
            _ => 0,
        };
        among.iter().map(number).max().unwrap_or(0)
    }

    /// Derives devices and seal key from the entries.
    ///
    /// Revocations come from the root, a senior or the device itself, so going
    /// from senior to junior every verdict that a device depends on is known.
    fn evaluate(&mut self) {
        self.devices = self.certified();
        let mut by_rank: Vec<(u64, EntryId, SignKey)> =
            self.devices.values().map(|d| (d.depth, d.entry, d.keys.sign)).collect();
        order::sort(&mut by_rank);
        for (_, _, key) in &by_rank {
            let verdict = self.revocation_of(key).or_else(|| self.inherited_revocation(key));
            if let Some(device) = self.devices.get_mut(key) {
                device.revoked = verdict;
            }
        }
        self.seal = self.newest_seal();
    }

    /// Every device by the entry that certified it; of two that did so apart, by the less deep, then the lower.
    fn certified(&self) -> BTreeMap<SignKey, Device> {
        let mut devices: BTreeMap<SignKey, Device> = BTreeMap::new();
        for (id, node) in &self.nodes {
            let Some(keys) = node.signed.body.certifies() else { continue };
            let device = Device { keys: keys.clone(), entry: *id, depth: node.depth, revoked: None };
            let first = devices.entry(keys.sign).or_insert_with(|| device.clone());
            if (device.depth, device.entry) < (first.depth, first.entry) {
                *first = device;
            }
        }
        devices
    }

    /// The first standing revocation that names this device.
    fn revocation_of(&self, key: &SignKey) -> Option<EntryId> {
        let target = &self.devices[key];
        let mut found: Vec<(u64, EntryId)> = Vec::new();
        for (id, node) in &self.nodes {
            let Entry::RevokeDevice(e) = &node.signed.body else { continue };
            if e.device == *key && self.may_revoke(&e.by, target) && self.stands(id, &e.by) {
                found.push((node.depth, *id));
            }
        }
        found.into_iter().min().map(|(_, id)| id)
    }

    fn may_revoke(&self, by: &SignKey, target: &Device) -> bool {
        *by == self.root
            || *by == target.keys.sign
            || self.devices.get(by).is_some_and(|d| (d.depth, d.entry) < (target.depth, target.entry))
    }

    /// Whether an entry stands although its signer may have been revoked since:
    /// the revocation names it, or followed it and it is itself a revocation.
    fn stands(&self, id: &EntryId, by: &SignKey) -> bool {
        let Some(revoked) = self.devices.get(by).and_then(|device| device.revoked) else { return true };
        if revoked == *id {
            return true;
        }
        let node = &self.nodes[&revoked];
        let named = matches!(&node.signed.body, Entry::RevokeDevice(e) if e.accepted.contains(id.cid()));
        let is_revocation = matches!(self.nodes[id].signed.body, Entry::RevokeDevice(_));
        named || (is_revocation && node.ancestors.contains(id))
    }

    /// A device falls with the one that added it, unless its entry is named.
    fn inherited_revocation(&self, key: &SignKey) -> Option<EntryId> {
        let entry = self.devices[key].entry;
        let by = self.nodes[&entry].signed.body.signer();
        if self.stands(&entry, by) { None } else { self.devices.get(by)?.revoked }
    }

    /// The seal generation with the highest number among standing entries, then the lowest entry id.
    fn newest_seal(&self) -> SealGeneration {
        let mut best: Option<&SealGeneration> = None;
        for (id, node) in &self.nodes {
            let seal = match &node.signed.body {
                Entry::Create(e) => &e.seal,
                Entry::RevokeDevice(e) if self.revocation_counts(id, e) => &e.seal,
                _ => continue,
            };
            if best.is_none_or(|best| seal.number > best.number) {
                best = Some(seal);
            }
        }
        best.unwrap_or(&self.seal).clone()
    }

    fn revocation_counts(&self, id: &EntryId, e: &super::entry::RevokeDevice) -> bool {
        self.devices.get(&e.device).is_some_and(|target| self.may_revoke(&e.by, target)) && self.stands(id, &e.by)
    }
}

fn consented(e: &AddDevice) -> Result<(), LogError> {
    let consent = DeviceConsent { by: e.by, user: e.user };
    let verdict = e.device.sign.verify(Domain::DeviceConsent, &consent.to_cbor(), &e.proof);
    verdict.map_err(|_| LogError::NoConsent)
}
