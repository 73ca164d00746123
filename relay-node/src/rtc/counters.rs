//! What the endpoint counted, for the owner's dashboard and for tests.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot. Totals count from the start of the endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RtcCounters {
    /// STUN requests whose MESSAGE-INTEGRITY or user name was wrong.
    pub stun_bad_integrity: u64,
    /// Datagrams that nothing here understands or expects.
    pub datagrams_unexpected: u64,
    /// Datagrams dropped because a peer's queue was full.
    pub datagrams_overflowed: u64,
    /// Address challenges sent.
    pub challenges_sent: u64,
    /// Addresses that proved themselves.
    pub challenges_answered: u64,
    /// Peers refused because their source had no token left.
    pub refused_by_bucket: u64,
    /// Peers refused because a cap on peers or half-open peers was reached.
    pub refused_by_cap: u64,
    /// Open connections closed because nobody accepted them.
    pub refused_by_queue: u64,
    /// Half-open peers that failed or missed their deadline.
    pub peers_failed: u64,
    /// Peers whose channel opened, dialled ones included.
    pub peers_opened: u64,
    /// Half-open peers now.
    pub peers_pending: usize,
    /// Open peers now, dialled ones included.
    pub peers_live: usize,
}

/// The running totals.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) stun_bad_integrity: Total,
    pub(super) datagrams_unexpected: Total,
    pub(super) datagrams_overflowed: Total,
    pub(super) challenges_sent: Total,
    pub(super) challenges_answered: Total,
    pub(super) refused_by_bucket: Total,
    pub(super) refused_by_cap: Total,
    pub(super) refused_by_queue: Total,
    pub(super) peers_failed: Total,
    pub(super) peers_opened: Total,
}

/// One counter.
#[derive(Debug, Default)]
pub(super) struct Total(AtomicU64);

impl Total {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Totals {
    pub(super) fn snapshot(&self, peers_pending: usize, peers_live: usize) -> RtcCounters {
        RtcCounters {
            stun_bad_integrity: self.stun_bad_integrity.get(),
            datagrams_unexpected: self.datagrams_unexpected.get(),
            datagrams_overflowed: self.datagrams_overflowed.get(),
            challenges_sent: self.challenges_sent.get(),
            challenges_answered: self.challenges_answered.get(),
            refused_by_bucket: self.refused_by_bucket.get(),
            refused_by_cap: self.refused_by_cap.get(),
            refused_by_queue: self.refused_by_queue.get(),
            peers_failed: self.peers_failed.get(),
            peers_opened: self.peers_opened.get(),
            peers_pending,
            peers_live,
        }
    }
}
