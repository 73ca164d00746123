use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::reach::Descent;
use super::record::Head;
use super::set::HeadSet;
use crate::cbor::Cbor;
use crate::cid::{HeadId, VersionId};
use crate::mimei::access::AccessView;
use crate::mimei::limits::{HEAD_PREV_MAX, TIPS_SHOWN_MAX};
use crate::mimei::rights::{Right, Rights};
use crate::mimei::signer::{Logs, Signer};
use crate::order;
use crate::time::Millis;

/// By what heads are judged.
pub struct Judge<'a, L> {
    /// What follows from the access chain: `chain.view(logs)`.
    pub view: &'a AccessView,
    /// The identity logs of all signers.
    pub logs: &'a L,
    /// The time by which rights end.
    pub now: Millis,
}

/// A valid head from which no other valid one descends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tip {
    /// Its id.
    pub id: HeadId,
    /// Its number.
    pub seq: u64,
    /// The newest version.
    pub last: VersionId,
    /// The version that visitors see, if one was chosen.
    pub release: Option<VersionId>,
}

/// The tips of a MiMei in winner order: the largest number first, then the lowest id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tips(Vec<Tip>);

/// What a new head says.
#[derive(Clone, Debug)]
pub struct NextHead {
    /// Who will sign it.
    pub by: Signer,
    /// The newest version.
    pub last: VersionId,
    /// The version that visitors see, if one was chosen.
    pub release: Option<VersionId>,
    /// When, by the signer's clock.
    pub time: Millis,
}

impl Tips {
    /// What readers are shown.
    pub fn winner(&self) -> Option<&Tip> {
        self.0.first()
    }

    /// All of them in winner order.
    pub fn all(&self) -> &[Tip] {
        &self.0
    }

    /// What a reader is answered: the first in winner order. The total is the length of [`all`](Self::all).
    pub fn shown(&self) -> &[Tip] {
        &self.0[..self.0.len().min(TIPS_SHOWN_MAX)]
    }

    /// One tip for each state that differs in `last` or `release`, in winner order.
    pub fn states(&self) -> Vec<Tip> {
        let mut known = BTreeSet::new();
        self.0.iter().filter(|tip| known.insert((tip.last, tip.release))).copied().collect()
    }

    /// Whether there is more than one state to show.
    pub fn is_unmerged(&self) -> bool {
        self.states().len() > 1
    }

    /// Whether the next head has something to join: more than one tip.
    pub fn is_split(&self) -> bool {
        self.0.len() > 1
    }

    /// The ids in winner order.
    pub fn ids(&self) -> Vec<HeadId> {
        self.0.iter().map(|tip| tip.id).collect()
    }
}

impl HeadSet {
    /// The tips.
    pub fn tips<L: Logs>(&self, judge: &Judge<'_, L>) -> Tips {
        let mut descent = Descent::default();
        for (id, head) in self.leaves().filter_map(|id| Some((id, self.head(id)?))) {
            descent.add(head.seq, *id, false);
        }
        let mut verdicts = Verdicts { set: self, judge, fallen: BTreeSet::new(), named: None };
        let mut tips = Vec::new();
        while let Some((id, covered)) = descent.next() {
            let is_tip = !covered && verdicts.is_valid_by_itself(&id);
            if let Some(head) = self.head(&id).filter(|_| is_tip) {
                tips.push(Tip { id, seq: head.seq, last: head.last, release: head.release });
            }
            self.descend(&mut descent, &id, covered || is_tip);
        }
        order::sort_by_key(&mut tips, |tip| (core::cmp::Reverse(tip.seq), tip.id));
        Tips(tips)
    }

    /// These tips, once a head that is not signed yet stands beside them or follows them. Until then nobody else
    /// knows it by the id that it has here.
    pub fn with_draft(&self, tips: Tips, draft: &Head) -> Tips {
        let id = HeadId::of(&draft.to_cbor());
        let Tips(mut tips) = tips;
        tips.retain(|tip| !self.any_reaches(&draft.prev, &tip.id, tip.seq));
        tips.push(Tip { id, seq: draft.seq, last: draft.last, release: draft.release });
        order::sort_by_key(&mut tips, |tip| (core::cmp::Reverse(tip.seq), tip.id));
        Tips(tips)
    }

    /// A head that was not signed when it was made, as its device signs it now: it follows the device's newest
    /// head too, which another copy of the device's data may not have known.
    pub fn signable(&self, draft: Head, by: Signer, view: &AccessView) -> Head {
        let follows: Vec<HeadId> = draft.prev.iter().copied().chain(self.newest_of(&by.device)).collect();
        let mut prev = self.maximal(&follows);
        prev.truncate(HEAD_PREV_MAX);
        Head { by, seq: self.seq_after(&prev), prev, access: view.newest_id(), ..draft }
    }

    /// The rights that it takes to sign a head.
    pub fn needs(&self, head: &Head) -> Rights {
        head.changes(self.prev_of(head)).needs()
    }

    fn seq_after(&self, prev: &[HeadId]) -> u64 {
        1 + prev.iter().filter_map(|id| self.head(id)).map(|head| head.seq).max().unwrap_or(0)
    }

    /// The next head of a device: it follows all valid tips and the device's own newest head.
    ///
    /// Of more tips than a head may follow the first in winner order are taken.
    pub fn next_head(&self, tips: &Tips, view: &AccessView, next: NextHead) -> Head {
        let own = self.newest_of(&next.by.device);
        let room = HEAD_PREV_MAX.saturating_sub(own.len());
        let follows: Vec<HeadId> = tips.0.iter().map(|tip| tip.id).take(room).chain(own).collect();
        let mut prev = self.maximal(&follows);
        prev.truncate(HEAD_PREV_MAX);
        let NextHead { by, last, release, time } = next;
        let seq = self.seq_after(&prev);
        Head { by, seq, last, prev, time, mimei: *self.mimei(), access: view.newest_id(), release }
    }
}

/// What was found out about heads in one go over them.
struct Verdicts<'a, L> {
    set: &'a HeadSet,
    judge: &'a Judge<'a, L>,
    /// Heads whose release does not stand, so that no part of a chain is walked twice.
    fallen: BTreeSet<HeadId>,
    /// Heads that an access record names, and those before them; made when first needed.
    named: Option<BTreeSet<HeadId>>,
}

impl<L: Logs> Verdicts<'_, L> {
    fn is_valid_by_itself(&mut self, id: &HeadId) -> bool {
        let set = self.set;
        let Some(head) = set.head(id).filter(|_| set.is_clean(id)) else { return false };
        if self.judge.view.accepts(id) {
            return true;
        }
        let base = head.changes(set.prev_of(head)).base();
        self.has_right(id, head, base) && head.by.device_stands(id.cid(), self.judge.logs) && self.release_stands(id)
    }

    fn has_right(&self, id: &HeadId, head: &Head, right: Rights) -> bool {
        let view = self.judge.view;
        let had_at = |at| view.rights_of_signer(&head.by, at).has_all(right);
        had_at(self.judge.now) || self.set.seen_by(id).any(|(relay, at)| view.trusts_relay(relay) && had_at(*at))
    }

    /// Whether the release of a head is there by right.
    fn release_stands(&mut self, id: &HeadId) -> bool {
        let set = self.set;
        let mut open = alloc::vec![*id];
        let mut walked = BTreeSet::from([*id]);
        while let Some((id, head)) = open.pop().and_then(|id| Some((id, set.head(&id)?))) {
            let is_start = head.prev.is_empty() && head.release.is_none();
            if is_start || self.may_release(&id, head) {
                return true;
            }
            let same = head.prev.iter().filter(|prev| set.head(prev).is_some_and(|p| p.release == head.release));
            open.extend(same.filter(|prev| !self.fallen.contains(*prev) && walked.insert(**prev)));
        }
        self.fallen.append(&mut walked);
        false
    }

    /// Whether a head can be where a release began. A right that ended by date is judged by the
    /// time that the head claims: a valid head has it or descends from it, so somebody who may
    /// save answers for that.
    fn may_release(&mut self, id: &HeadId, head: &Head) -> bool {
        let may_at = |at| self.judge.view.rights_of_signer(&head.by, at).has(Right::Release);
        may_at(self.judge.now) || may_at(head.time) || self.is_named_or_before(id)
    }

    fn is_named_or_before(&mut self, id: &HeadId) -> bool {
        let (set, view) = (self.set, self.judge.view);
        let named = self.named.get_or_insert_with(|| {
            let clean: Vec<HeadId> = view.accepted().filter(|named| set.is_clean(named)).copied().collect();
            set.between(&clean, &[]).into_iter().collect()
        });
        named.contains(id)
    }
}
