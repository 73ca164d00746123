use std::ops::Range;

use crate::random::Random;

/// What lies between two nodes.
#[derive(Clone, Debug)]
pub struct Link {
    /// How long a packet is on its way, drawn for each.
    pub latency_ms: Range<u64>,
    /// How many bytes go out in a second, for each side of a conversation.
    pub bytes_per_second: u64,
    /// How many packets in a million are lost; transports are reliable, so the conversation is torn.
    pub loss: u32,
    /// How many packets in a million are held up by [`Self::delay_ms`]; what follows them waits.
    pub delay: u32,
    /// How long such a packet is held up.
    pub delay_ms: Range<u64>,
    /// How long a stalled transport waits before it gives up.
    pub give_up_ms: u64,
}

impl Link {
    /// Two machines in one room.
    pub fn good() -> Self {
        Self { latency_ms: 1..3, bytes_per_second: 100 << 20, loss: 0, delay: 0, delay_ms: 0..0, give_up_ms: 15_000 }
    }

    /// A phone on a train.
    pub fn bad() -> Self {
        Self {
            latency_ms: 20..180,
            bytes_per_second: 64 << 10,
            loss: 10_000,
            delay: 50_000,
            delay_ms: 200..1500,
            give_up_ms: 6_000,
        }
    }

    pub(super) fn latency_us(&self, random: &mut Random) -> u64 {
        let held_up = if random.chance(self.delay) { random.within(us(&self.delay_ms)) } else { 0 };
        random.within(us(&self.latency_ms)) + held_up
    }

    pub(super) fn send_us(&self, bytes: usize) -> u64 {
        (bytes as u64 * 1_000_000).div_ceil(self.bytes_per_second.max(1))
    }
}

fn us(ms: &Range<u64>) -> Range<u64> {
    ms.start * 1000..ms.end * 1000
}
