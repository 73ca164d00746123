use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::chain::AccessChain;
use super::keys::EpochKeys;
use super::record::{AccessRecord, Audience, Everyone, Who};
use super::walk::Removed;
use crate::cid::{AccessId, HeadId, MimeiId, UserId};
use crate::mimei::rights::{Right, Rights};
use crate::mimei::shape::Reserved;
use crate::mimei::signer::Signer;
use crate::order;
use crate::sign::SignKey;
use crate::time::Millis;

/// Who may do what now: what follows from an access chain and the identity logs.
#[derive(Clone, Debug)]
pub struct AccessView {
    mimei: MimeiId,
    author: UserId,
    path: Vec<AccessId>,
    on_path: BTreeSet<AccessId>,
    newest: Option<AccessRecord>,
    /// The newest record's audiences without what losing branches remove.
    audiences: Vec<Audience>,
    removed: Removed,
    accepted: BTreeSet<HeadId>,
    losing: Vec<AccessId>,
    /// Users with set-rights by the newest record, the most senior first.
    rulers: Vec<UserId>,
}

/// What a new record says.
#[derive(Clone, Debug)]
pub struct AccessChange {
    /// Who has which rights beside the author, in any order.
    pub audiences: Vec<Audience>,
    /// The keys of the data.
    pub keys: Option<EpochKeys>,
    /// Heads that stand although their signer loses its right: the tips that the signer accepts.
    pub accepted: Vec<HeadId>,
    /// Relays whose word counts on when they saw a head.
    pub relays: Vec<UserId>,
    /// Relays that keep a copy.
    pub mirrors: Vec<UserId>,
}

impl AccessView {
    pub(super) fn new(chain: &AccessChain, path: Vec<AccessId>, removed: Removed, losing: Vec<AccessId>) -> Self {
        let records = path.iter().map(|id| &chain.nodes[id].signed.body);
        let accepted = order::gather(records.flat_map(|record| record.accepted.iter().copied()));
        let newest = path.last().map(|id| &chain.nodes[id]);
        let mut rulers: Vec<(u64, UserId)> =
            newest.iter().flat_map(|node| node.since.iter().map(|(user, since)| (*since, *user))).collect();
        order::sort(&mut rulers);
        let newest = newest.map(|node| node.signed.body.clone());
        let mut audiences = newest.as_ref().map(|record| record.audiences.clone()).unwrap_or_default();
        for audience in &mut audiences {
            audience.rights = audience.rights.without(removed.get(&audience.who).copied().unwrap_or_default());
        }
        audiences.retain(|audience| !audience.rights.is_empty());
        Self {
            mimei: chain.mimei,
            author: chain.author,
            on_path: order::gather(path.iter().copied()),
            path,
            newest,
            audiences,
            removed,
            accepted,
            losing,
            rulers: rulers.into_iter().map(|(_, user)| user).collect(),
        }
    }

    /// The newest record that counts; `None` is the implied one.
    pub fn newest(&self) -> Option<&AccessRecord> {
        self.newest.as_ref()
    }

    /// The id of the newest record that counts: what a head cites.
    pub fn newest_id(&self) -> Option<AccessId> {
        self.path.last().copied()
    }

    /// The records that count, oldest first.
    pub fn path(&self) -> &[AccessId] {
        &self.path
    }

    /// Whether a record counts; the implied one always does.
    pub fn is_on_path(&self, id: Option<&AccessId>) -> bool {
        id.is_none_or(|id| self.on_path.contains(id))
    }

    /// The newest records of branches that lost and that no record has decided about.
    pub fn losing(&self) -> &[AccessId] {
        &self.losing
    }

    /// Who has which rights beside the author, whenever they end.
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// What a user may do: what is given to it and to everyone.
    pub fn rights_of(&self, user: &UserId, now: Millis) -> Rights {
        if *user == self.author {
            return Rights::ALL;
        }
        self.rights_of_who(&Who::User(*user), now).and(self.everyone(now))
    }

    /// What the secret of the link with that signing key gives: what is given to it and to everyone.
    pub fn rights_of_link(&self, key: &SignKey, now: Millis) -> Rights {
        let link = self.audiences.iter().find(|audience| matches!(&audience.who, Who::Link(link) if link.sign == *key));
        link.map(|audience| audience.rights_at(now)).unwrap_or_default().and(self.everyone(now))
    }

    /// What whoever comes may do.
    pub fn everyone(&self, now: Millis) -> Rights {
        self.rights_of_who(&Who::Everyone(Everyone {}), now)
    }

    /// What a signer may do by itself, by its link, and as everyone. Its proof was checked when
    /// its record was taken in.
    pub fn rights_of_signer(&self, by: &Signer, now: Millis) -> Rights {
        let link = by.link().map(|key| self.rights_of_link(key, now)).unwrap_or_default();
        self.rights_of(&by.user, now).and(link)
    }

    /// Whether a record that counts names a head as standing.
    pub fn accepts(&self, head: &HeadId) -> bool {
        self.accepted.contains(head)
    }

    /// All heads that records that count name as standing.
    pub fn accepted(&self) -> impl Iterator<Item = &HeadId> {
        self.accepted.iter()
    }

    /// Whether a relay's word counts on when it saw a head.
    pub fn trusts_relay(&self, relay: &UserId) -> bool {
        self.newest.as_ref().is_some_and(|record| record.relays.binary_search(relay).is_ok())
    }

    /// The record that `by` would sign next: after the newest, deciding about all that lost.
    ///
    /// Start from [`audiences`](Self::audiences), which lacks what losing branches removed, so
    /// that deciding does not undo a removal by accident. What they removed from a senior of the
    /// signer stays as it is and undecided: that is not the signer's to take.
    pub fn next_record(&self, by: Signer, change: AccessChange) -> AccessRecord {
        let AccessChange { mut audiences, keys, mut accepted, mut relays, mut mirrors } = change;
        let kept = self.removed_seniors(&by.user);
        let mut decides = if kept.is_empty() { self.losing.clone() } else { Vec::new() };
        decides.truncate(crate::mimei::limits::DECIDES_MAX);
        audiences.retain(|audience| kept.iter().all(|kept| kept.who != audience.who));
        audiences.extend(kept);
        order::sort_by_key(&mut audiences, |audience| audience.who);
        order::sort(&mut accepted);
        accepted.dedup();
        order::sort(&mut relays);
        relays.dedup();
        order::sort(&mut mirrors);
        mirrors.dedup();
        AccessRecord {
            by,
            seq: 1 + self.newest.as_ref().map_or(0, |record| record.seq),
            host: Reserved,
            keys,
            prev: self.newest_id(),
            mimei: self.mimei,
            relays,
            decides,
            mirrors,
            accepted,
            audiences,
        }
    }

    /// Whether a user may sign the next record.
    pub fn may_set_rights(&self, user: &UserId) -> bool {
        // Set-rights have no end, so any time will do.
        self.rights_of(user, Millis(0)).has(Right::SetRights)
    }

    fn rights_of_who(&self, who: &Who, now: Millis) -> Rights {
        let found = self.audiences.binary_search_by(|audience| audience.who.cmp(who));
        found.map(|at| self.audiences[at].rights_at(now)).unwrap_or_default()
    }

    fn removed_seniors(&self, user: &UserId) -> Vec<Audience> {
        let Some(newest) = self.newest.as_ref().filter(|_| *user != self.author) else { return Vec::new() };
        let seniors = self.rulers.iter().take_while(|ruler| *ruler != user);
        let removed = seniors.map(|senior| Who::User(*senior)).filter(|who| self.removed.contains_key(who));
        removed.filter_map(|who| newest.audience(&who).cloned()).collect()
    }
}
