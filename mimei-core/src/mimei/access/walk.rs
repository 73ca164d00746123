//! From the first record to the newest that counts.
//!
//! A record *counts for itself* if its signer's device is valid, or the revocation
//! of the device names the record. At each record the walk goes on to one of those
//! that follow it:
//!
//! 1. A branch *stands* if a record in it counts for itself whose signer had
//!    set-rights where the branches part and is not being removed (4). So a
//!    stolen device's records stand if somebody who could set rights before them
//!    went on from there, and not otherwise.
//! 2. Of the branches that stand, the one with the most senior such signer wins:
//!    the author; else the user who got set-rights earliest before the branches
//!    part; of two who got them in one record, the lower user id; if that is one
//!    user, the branch with the device certified earlier; then the lower id of
//!    the first record. All records of a branch are looked at, not the first alone,
//!    or a removed senior could sign a new first record for ever.
//! 3. The branches that lose have no say but for what they remove, and their keys.
//! 4. What a losing branch removes is removed until a record of the winning path
//!    names that branch in `decides`: as long as its signer has set-rights on the
//!    winning path, so that a removed member removes nobody.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::chain::AccessChain;
use super::record::{AccessRecord, Who};
use super::view::AccessView;
use crate::cid::{AccessId, EntryId, UserId};
use crate::mimei::rights::{Right, Rights};
use crate::mimei::signer::Logs;
use crate::order;

/// A device's place in its user's log: the lower, the more senior.
type Place = (u64, EntryId);
/// The larger, the less senior.
type Rank = (u64, UserId, Place, AccessId);
/// Rights that losing branches take away.
pub(super) type Removed = BTreeMap<Who, Rights>;

pub(super) struct Walk<'a> {
    chain: &'a AccessChain,
    /// The most senior device of each user that signed a record in the branch that counts for itself.
    signers: BTreeMap<AccessId, BTreeMap<UserId, Place>>,
    counts: BTreeSet<AccessId>,
    at: Option<AccessId>,
    path: Vec<AccessId>,
    losing: Vec<AccessId>,
    decided: BTreeSet<AccessId>,
    removed: Removed,
}

impl<'a> Walk<'a> {
    pub(super) fn new(chain: &'a AccessChain, logs: &impl Logs) -> Self {
        let (signers, counts) = signers(chain, logs);
        let (path, losing, decided, removed) = Default::default();
        Self { chain, signers, counts, at: None, path, losing, decided, removed }
    }

    pub(super) fn run(mut self) -> AccessView {
        while let Some(next) = self.winner() {
            self.step(next);
        }
        let undecided = self.losing_leaves();
        AccessView::new(self.chain, self.path, self.removed, undecided)
    }

    fn winner(&self) -> Option<AccessId> {
        let ranks = self.chain.children(self.at).iter().filter_map(|child| self.rank(child));
        ranks.min().map(|(.., child)| child)
    }

    fn rank(&self, child: &AccessId) -> Option<Rank> {
        let ranks = self.signers[child].iter().filter_map(|(user, place)| {
            let is_removed = self.removed.get(&Who::User(*user)).is_some_and(|rights| rights.has(Right::SetRights));
            let since = self.chain.since(self.at, user).filter(|_| !is_removed)?;
            // The author comes before whoever got set-rights in the first record: 0 before 1.
            Some((since, *user, *place, *child))
        });
        ranks.min()
    }

    fn step(&mut self, next: AccessId) {
        let losers = self.chain.children(self.at).iter().filter(|child| **child != next);
        self.losing.extend(losers);
        let decides = &self.chain.nodes[&next].signed.body.decides;
        self.decided.extend(decides.iter().flat_map(|id| self.chain.path_to(Some(*id))));
        self.at = Some(next);
        self.path.push(next);
        if !self.losing.is_empty() {
            self.removed = self.removed_by_losers();
        }
    }

    fn removed_by_losers(&self) -> Removed {
        let mut all = Removed::new();
        for branch in &self.losing {
            let mut open = alloc::vec![(*branch, Removed::new())];
            while let Some((id, mut removed)) = open.pop() {
                self.follow(&id, &mut removed);
                let children = self.chain.children(Some(id));
                if children.is_empty() {
                    for (who, rights) in removed {
                        let sum = all.entry(who).or_default();
                        *sum = sum.and(rights);
                    }
                } else {
                    open.extend(children.iter().map(|child| (*child, removed.clone())));
                }
            }
        }
        all
    }

    /// What is removed after one more record of a losing branch.
    fn follow(&self, id: &AccessId, removed: &mut Removed) {
        let next = &self.chain.nodes[id].signed.body;
        let has_say = self.counts.contains(id)
            && !self.decided.contains(id)
            && self.chain.since(self.at, &next.by.user).is_some();
        if !has_say {
            return;
        }
        for audience in &next.audiences {
            if let Some(rights) = removed.get_mut(&audience.who) {
                *rights = rights.without(audience.rights);
            }
        }
        let Some(prev) = next.prev.map(|prev| &self.chain.nodes[&prev].signed.body) else { return };
        for audience in &prev.audiences {
            let lost = taken(prev, next, &audience.who);
            if !lost.is_empty() {
                let sum = removed.entry(audience.who).or_default();
                *sum = sum.and(lost);
            }
        }
    }

    fn losing_leaves(&self) -> Vec<AccessId> {
        let mut leaves = Vec::new();
        let mut open = self.losing.clone();
        while let Some(id) = open.pop() {
            let children = self.chain.children(Some(id));
            if children.is_empty() && !self.decided.contains(&id) {
                leaves.push(id);
            }
            open.extend(children);
        }
        order::sort(&mut leaves);
        leaves
    }
}

/// The rights that a record takes from somebody; all of them if it lets them end earlier.
fn taken(prev: &AccessRecord, next: &AccessRecord, who: &Who) -> Rights {
    let Some(before) = prev.audience(who) else { return Rights::NONE };
    let Some(after) = next.audience(who) else { return before.rights };
    let ends_earlier = match (before.until, after.until) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => after < before,
    };
    if ends_earlier { before.rights } else { before.rights.without(after.rights) }
}

type Signers = BTreeMap<AccessId, BTreeMap<UserId, Place>>;

fn signers(chain: &AccessChain, logs: &impl Logs) -> (Signers, BTreeSet<AccessId>) {
    let mut newest_first: Vec<_> = chain.nodes.iter().collect();
    order::sort_by_key(&mut newest_first, |(id, node)| core::cmp::Reverse((node.signed.body.seq, **id)));
    let (mut signers, mut counts) = (Signers::new(), BTreeSet::new());
    for (id, node) in newest_first {
        let by = &node.signed.body.by;
        let mut here: BTreeMap<UserId, Place> = BTreeMap::new();
        for (user, place) in node.children.iter().flat_map(|child| &signers[child]) {
            let best = here.entry(*user).or_insert(*place);
            *best = (*best).min(*place);
        }
        if by.device_stands(id.cid(), logs) {
            counts.insert(*id);
            if let Some(place) = place_of(by, logs) {
                let best = here.entry(by.user).or_insert(place);
                *best = (*best).min(place);
            }
        }
        signers.insert(*id, here);
    }
    (signers, counts)
}

fn place_of(by: &crate::mimei::signer::Signer, logs: &impl Logs) -> Option<Place> {
    let device = logs.log(&by.user)?.devices().find(|device| device.keys.sign == by.device)?;
    Some((device.depth, device.entry))
}
