//! Who may open a peer: a token from the source's bucket, then a slot under the caps.
//!
//! Attack stopped: half-open peers. One costs milliseconds and about 0.4 MiB, so their number is
//! capped, over all and for each source, and each has a deadline. A slot gives itself back when
//! dropped, so a peer that ends in any way is no longer counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::bucket::{Buckets, source_group};
use super::counters::Totals;
use super::limits::RtcLimits;

/// Why a peer got no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Bucket,
    Cap,
}

#[derive(Default, Clone, Copy)]
struct Count {
    pending: usize,
    live: usize,
}

impl Count {
    fn total(self) -> usize {
        self.pending + self.live
    }
}

struct State {
    buckets: Buckets,
    all: Count,
    sources: HashMap<IpAddr, Count>,
}

pub(super) struct Admission {
    limits: RtcLimits,
    state: Mutex<State>,
    totals: Arc<Totals>,
    freed: Notify,
}

impl Admission {
    pub(super) fn new(limits: &RtcLimits, totals: Arc<Totals>) -> Arc<Self> {
        let buckets = Buckets::new(Instant::now(), limits.bucket_burst, limits.bucket_per_second);
        let state = State { buckets, all: Count::default(), sources: HashMap::new() };
        let (limits, state) = (limits.clone(), Mutex::new(state));
        Arc::new(Self { limits, state, totals, freed: Notify::new() })
    }

    /// A slot for a half-open peer; `None` as source counts towards the overall caps only.
    pub(super) fn admit(self: &Arc<Self>, source: Option<IpAddr>) -> Result<PeerSlot, Refusal> {
        let admitted = self.try_admit(Instant::now(), source);
        match admitted {
            Err(Refusal::Bucket) => self.totals.refused_by_bucket.add(),
            Err(Refusal::Cap) => self.totals.refused_by_cap.add(),
            Ok(_) => {}
        }
        admitted
    }

    /// A slot for a peer we dial ourselves: counted, never refused.
    pub(super) fn admit_dialled(self: &Arc<Self>) -> PeerSlot {
        self.lock().all.pending += 1;
        PeerSlot { admission: self.clone(), source: None, open: false }
    }

    /// Caps first: what a full relay refuses must not cost the source its tokens as well.
    fn try_admit(self: &Arc<Self>, now: Instant, source: Option<IpAddr>) -> Result<PeerSlot, Refusal> {
        let limits = &self.limits;
        let mut state = self.lock();
        if state.all.pending >= limits.pending_max || state.all.total() >= limits.peers_max {
            return Err(Refusal::Cap);
        }
        let source = source.map(source_group);
        if let Some(group) = source {
            let count = state.sources.get(&group).copied().unwrap_or_default();
            if count.pending >= limits.pending_per_address_max || count.total() >= limits.peers_per_address_max {
                return Err(Refusal::Cap);
            }
            if !state.buckets.take(now, group) {
                return Err(Refusal::Bucket);
            }
            state.sources.entry(group).or_default().pending += 1;
        }
        state.all.pending += 1;
        Ok(PeerSlot { admission: self.clone(), source, open: false })
    }

    /// Half-open and open peers now.
    pub(super) fn counts(&self) -> (usize, usize) {
        let all = self.lock().all;
        (all.pending, all.live)
    }

    /// Waits until no peer is left.
    pub(super) async fn emptied(&self) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.lock().all.total() == 0 {
                return;
            }
            freed.await;
        }
    }

    /// A panic elsewhere cannot leave counts half changed, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One peer, as the caps count it.
pub(super) struct PeerSlot {
    admission: Arc<Admission>,
    source: Option<IpAddr>,
    open: bool,
}

impl PeerSlot {
    /// The channel is open: no longer half-open.
    pub(super) fn opened(&mut self) {
        if !std::mem::replace(&mut self.open, true) {
            self.change(|count| {
                count.pending -= 1;
                count.live += 1;
            });
            self.admission.totals.peers_opened.add();
        }
    }

    fn change(&self, change: impl Fn(&mut Count)) {
        let mut state = self.admission.lock();
        change(&mut state.all);
        let Some(source) = self.source else { return };
        if let Some(count) = state.sources.get_mut(&source) {
            change(count);
            if count.total() == 0 {
                state.sources.remove(&source);
            }
        }
    }
}

impl Drop for PeerSlot {
    fn drop(&mut self) {
        if self.open {
            self.change(|count| count.live -= 1);
        } else {
            self.change(|count| count.pending -= 1);
            self.admission.totals.peers_failed.add();
        }
        self.admission.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(limits: RtcLimits) -> Arc<Admission> {
        Admission::new(&limits, Arc::default())
    }

    fn ip(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn half_open_peers_are_capped_for_each_source_and_over_all() {
        let limits = RtcLimits { pending_max: 3, pending_per_address_max: 2, ..Default::default() };
        let admission = admission(limits);
        let slots = [admission.admit(ip(1)), admission.admit(ip(1))];
        assert_eq!(admission.admit(ip(1)).err(), Some(Refusal::Cap));
        let third = admission.admit(ip(2));
        assert!(third.is_ok());
        assert_eq!(admission.admit(ip(3)).err(), Some(Refusal::Cap));
        drop((slots, third));
        assert_eq!(admission.counts(), (0, 0));
        assert!(admission.admit(ip(1)).is_ok());
        assert_eq!(admission.lock().sources.len(), 0);
    }

    #[test]
    fn an_open_peer_frees_its_half_open_slot_but_counts_as_a_peer() {
        let limits = RtcLimits { pending_max: 1, peers_max: 2, ..Default::default() };
        let admission = admission(limits);
        let mut first = admission.admit(ip(1)).ok().unwrap();
        assert!(admission.admit(ip(2)).is_err());
        first.opened();
        first.opened();
        let second = admission.admit(ip(2));
        assert_eq!(admission.counts(), (1, 1));
        assert_eq!(admission.admit(ip(3)).err(), Some(Refusal::Cap));
        drop((first, second));
        assert_eq!(admission.counts(), (0, 0));
    }

    #[test]
    fn a_source_without_tokens_is_refused_even_when_there_is_room() {
        let limits = RtcLimits { bucket_burst: 1, bucket_per_second: 1, ..Default::default() };
        let admission = admission(limits);
        assert!(admission.admit(ip(1)).is_ok());
        assert_eq!(admission.admit(ip(1)).err(), Some(Refusal::Bucket));
        assert!(admission.admit(ip(2)).is_ok());
    }
}
