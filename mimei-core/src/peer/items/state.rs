//! The records of one MiMei and what follows from them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::fault::Fault;
use crate::cbor::Cbor;
use crate::cid::{AccessId, Cid, HeadId, UserId, VersionId};
use crate::identity::IdentityLog;
use crate::limits::{RECORDS_BYTES_MAX, VERSIONS_MAX};
use crate::mimei::{
    AccessChain, AccessRecord, AccessView, Genesis, Head, HeadSet, Judge, Tips, Version, check_version,
};
use crate::order;
use crate::sign::Signed;
use crate::time::Millis;
use crate::wire::{Has, KnownLog, LogPart, Records};

/// Entries of a log that go together, so that a long log is not one record.
const LOG_PART_ENTRIES: usize = 16;

/// The records of one MiMei and what follows from them.
pub(crate) struct State {
    pub(crate) genesis: Genesis,
    pub(crate) access: AccessChain,
    /// What follows from access chain and logs.
    pub(crate) view: AccessView,
    pub(crate) heads: HeadSet,
    pub(crate) versions: BTreeMap<VersionId, Signed<Version>>,
    pub(crate) logs: BTreeMap<UserId, IdentityLog>,
    /// The head that this device will sign when a relay has told it what it signed before.
    pub(super) draft: Option<Head>,
}

impl State {
    pub(super) fn new(genesis: Genesis, logs: BTreeMap<UserId, IdentityLog>) -> Self {
        let access = AccessChain::new(&genesis);
        let view = access.view(&logs);
        let heads = HeadSet::new(genesis.id());
        Self { genesis, access, view, heads, versions: BTreeMap::new(), logs, draft: None }
    }

    /// Whether a head or access record is here.
    pub(super) fn has_record(&self, id: &Cid) -> bool {
        self.heads.get(&HeadId::from_cid(*id)).is_some() || self.access.get(&AccessId::from_cid(*id)).is_some()
    }

    pub(super) fn learn_log(&mut self, log: &IdentityLog) {
        if let Some(known) = self.logs.get_mut(&log.user()) {
            *known = log.clone();
            self.view = self.access.view(&self.logs);
        }
    }

    pub(super) fn add_log(&mut self, log: IdentityLog) {
        self.logs.insert(log.user(), log);
        self.view = self.access.view(&self.logs);
    }

    pub(super) fn insert_access(&mut self, signed: Signed<AccessRecord>) -> Result<bool, Fault> {
        let is_new = self.access.insert(signed, &self.logs)?;
        if is_new {
            self.view = self.access.view(&self.logs);
        }
        Ok(is_new)
    }

    pub(super) fn insert_version(&mut self, signed: Signed<Version>) -> Result<bool, Fault> {
        let id = check_version(&signed, self.access.mimei(), &self.logs)?;
        if self.versions.contains_key(&id) {
            return Ok(false);
        }
        let parents: Option<Vec<u64>> =
            signed.body.parents.iter().map(|id| self.versions.get(id).map(|parent| parent.body.number)).collect();
        let parents = parents.ok_or_else(|| Fault::Missing("a version that this one follows is missing".into()))?;
        signed.body.check_number(parents)?;
        if self.versions.len() >= VERSIONS_MAX {
            return Err(Fault::rule("storage.full", "this MiMei has as many versions as can be kept"));
        }
        self.versions.insert(id, signed);
        Ok(true)
    }

    pub(super) fn insert_head(&mut self, signed: Signed<Head>) -> Result<bool, Fault> {
        let head = &signed.body;
        if [Some(head.last), head.release].into_iter().flatten().any(|version| !self.versions.contains_key(&version)) {
            return Err(Fault::Missing("a version that the head names is missing".into()));
        }
        Ok(self.heads.insert(signed, &self.access, &self.logs)?)
    }

    /// The tips as all can see them.
    pub(crate) fn tips(&self, now: Millis) -> Tips {
        self.heads.tips(&Judge { view: &self.view, logs: &self.logs, now })
    }

    /// The tips as this device sees them: with the head that it has yet to sign.
    pub(super) fn tips_here(&self, now: Millis) -> Tips {
        let tips = self.tips(now);
        match &self.draft {
            Some(draft) => self.heads.with_draft(tips, draft),
            None => tips,
        }
    }

    /// What this side has, as it tells the other.
    pub(crate) fn has(&self) -> Has {
        Has { heads: self.heads.leaves().copied().collect(), access: self.access.leaves() }
    }

    pub(crate) fn known_logs(&self) -> Vec<KnownLog> {
        self.logs.values().map(|log| KnownLog { user: log.user(), known: log.newest() }).collect()
    }

    /// What somebody lacks who has this, as far as one message carries it, and whether there is more.
    pub(crate) fn records_after(&self, has: &Has, logs: &[KnownLog]) -> (Records, bool) {
        let mut parcel = Parcel::default();
        let known = |user: &UserId| logs.iter().find(|log| log.user == *user).map_or(&[][..], |log| &log.known);
        for (user, log) in &self.logs {
            let entries = log.entries_after(known(user));
            for entries in entries.chunks(LOG_PART_ENTRIES) {
                parcel.add(|records| &mut records.logs, LogPart { user: *user, entries: entries.to_vec() });
            }
        }
        for record in self.access.records_after(&has.access) {
            parcel.add(|records| &mut records.access, record.clone());
        }
        let there = self.versions_under(has.heads.iter());
        let mut sent = BTreeSet::new();
        for head in self.heads.all_after(&has.heads) {
            for version in self.lineage([Some(head.body.last), head.body.release], &there, &mut sent) {
                parcel.add(|records| &mut records.versions, version.clone());
            }
            parcel.add(|records| &mut records.heads, head.clone());
        }
        (parcel.records, parcel.is_full)
    }

    /// Every version that these heads, or heads before them, stand on.
    fn versions_under<'a>(&self, heads: impl Iterator<Item = &'a HeadId>) -> BTreeSet<VersionId> {
        let of: Vec<_> = heads.copied().collect();
        let mut found = BTreeSet::new();
        for head in self.heads.chain(&of, &[]) {
            self.lineage([Some(head.body.last), head.body.release], &BTreeSet::new(), &mut found);
        }
        found
    }

    /// Versions with those they follow, each after those, without what is `there` or `sent`.
    fn lineage(
        &self,
        of: [Option<VersionId>; 2],
        there: &BTreeSet<VersionId>,
        sent: &mut BTreeSet<VersionId>,
    ) -> Vec<&Signed<Version>> {
        let mut open: Vec<VersionId> = of.into_iter().flatten().collect();
        let mut found = Vec::new();
        while let Some(id) = open.pop() {
            let Some(version) = self.versions.get(&id).filter(|_| !there.contains(&id) && sent.insert(id)) else {
                continue;
            };
            open.extend(&version.body.parents);
            found.push(version);
        }
        // Numbers rise from parent to child.
        order::sort_by_key(&mut found, |version| version.body.number);
        found
    }
}

/// Records for one message.
#[derive(Default)]
struct Parcel {
    records: Records,
    bytes: usize,
    is_full: bool,
}

impl Parcel {
    /// What does not fit any more waits for the next message, and so does all that follows it.
    fn add<T: Cbor>(&mut self, list: impl FnOnce(&mut Records) -> &mut Vec<T>, record: T) {
        let bytes = record.to_cbor().len();
        self.is_full |= self.bytes > 0 && self.bytes + bytes > RECORDS_BYTES_MAX;
        if !self.is_full {
            self.bytes += bytes;
            list(&mut self.records).push(record);
        }
    }
}
