//! How much a peer has sent that nobody read yet, so that it can be held back in bytes.
//!
//! The stack bounds what it holds by hundreds of *messages*; of the largest ones that is more
//! than 100 MiB. So data datagrams are counted in, messages out, and above the limit data
//! datagrams are dropped before the stack sees them: to the peer's SCTP that is congestion, and
//! it sends again later. Small datagrams pass, as they carry acknowledgements and keepalives.
//!
//! Attack stopped: a peer that asks much, reads nothing of the answers, and so makes the relay
//! stop reading and hold all that still comes.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Datagrams up to this size are never counted nor dropped. Full data packets have about 1200.
const CONTROL_BYTES_MAX: usize = 500;

/// Bytes of headers for each message, and the share of its size that headers of its packets
/// take: rounded up, so a busy reader is never taken for a slow one.
const MESSAGE_HEADER_BYTES: usize = 64;
const PACKET_HEADER_SHARE: usize = 14;

/// Counts one connection's unread bytes.
pub(super) struct Unread {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Unread {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), bytes_max }
    }

    /// Counts a datagram in; `false` when it must be dropped.
    pub(super) fn admit(&self, datagram_bytes: usize) -> bool {
        if datagram_bytes <= CONTROL_BYTES_MAX {
            return true;
        }
        if self.bytes.load(Ordering::Relaxed) >= self.bytes_max {
            return false;
        }
        self.bytes.fetch_add(datagram_bytes, Ordering::Relaxed);
        true
    }

    /// A message was read.
    pub(super) fn read(&self, message_bytes: usize) {
        let read = message_bytes + message_bytes / PACKET_HEADER_SHARE + MESSAGE_HEADER_BYTES;
        let subtract = |bytes: usize| Some(bytes.saturating_sub(read));
        // Cannot fail: the closure always gives a value.
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
    }

    /// The reader waits: nothing is unread, whatever repeated packets made the count.
    pub(super) fn all_read(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_dropped_above_the_limit_and_taken_again_after_reading() {
        let unread = Unread::new(10_000);
        let taken = (0..100).filter(|_| unread.admit(1200)).count();
        assert_eq!(taken, 9);
        unread.read(2000);
        assert!(unread.admit(1200));
        unread.all_read();
        assert_eq!((0..100).filter(|_| unread.admit(1200)).count(), 9);
    }

    #[test]
    fn acknowledgements_and_keepalives_always_pass() {
        let unread = Unread::new(1000);
        assert!(unread.admit(1200) && !unread.admit(1200));
        assert!(unread.admit(100) && unread.admit(CONTROL_BYTES_MAX));
    }

    #[test]
    fn a_busy_reader_that_keeps_up_is_never_held_back() {
        // 64 KiB messages in packets of 1200 bytes with 1100 bytes of the message in each.
        let unread = Unread::new(200_000);
        for _ in 0..10_000 {
            for _ in 0..60 {
                assert!(unread.admit(1170));
            }
            unread.read(65_536);
        }
    }
}
