//! How often one source may open a peer: a token bucket for each IPv4 address or IPv6 /64.
//!
//! Attack stopped: one host that proves its address and then opens peers without end, each worth
//! milliseconds of CPU. A /64 counts as one source, as any home has a whole one.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::generations::Generations;

/// Sources remembered; one that is pushed out has a full bucket again.
const SOURCES_MAX: usize = 8192;

/// The unit that limits count: an IPv4 address, or the /64 of an IPv6 one.
pub(super) fn source_group(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

pub(super) struct Buckets {
    burst: f64,
    per_second: f64,
    sources: Generations<IpAddr, Bucket>,
}

impl Buckets {
    pub(super) fn new(now: Instant, burst: u32, per_second: u32) -> Self {
        let (burst, per_second) = (burst.max(1), per_second.max(1));
        // After this long a bucket is full again, so forgetting it changes nothing.
        let full_after = Duration::from_secs(u64::from(burst.div_ceil(per_second)) + 1);
        Self {
            burst: f64::from(burst),
            per_second: f64::from(per_second),
            sources: Generations::new(now, SOURCES_MAX, full_after),
        }
    }

    /// Takes one token of the source of `ip`; `false` when it has none left.
    pub(super) fn take(&mut self, now: Instant, ip: IpAddr) -> bool {
        let group = source_group(ip);
        let known = self.sources.get(now, &group).copied();
        let bucket = known.unwrap_or(Bucket { tokens: self.burst, at: now });
        let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
        let tokens = (bucket.tokens + elapsed * self.per_second).min(self.burst);
        let has = tokens >= 1.0;
        let tokens = if has { tokens - 1.0 } else { tokens };
        self.sources.insert(now, group, Bucket { tokens, at: now });
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let start = Instant::now();
        let mut buckets = Buckets::new(start, 3, 2);
        let source = ip("192.0.2.1");
        assert_eq!([(); 4].map(|()| buckets.take(start, source)), [true, true, true, false]);
        let later = start + Duration::from_millis(1000);
        assert_eq!([(); 3].map(|()| buckets.take(later, source)), [true, true, false]);
    }

    #[test]
    fn one_source_does_not_spend_the_tokens_of_another() {
        let start = Instant::now();
        let mut buckets = Buckets::new(start, 1, 1);
        assert!(buckets.take(start, ip("192.0.2.1")));
        assert!(!buckets.take(start, ip("192.0.2.1")));
        assert!(buckets.take(start, ip("192.0.2.2")));
    }

    #[test]
    fn a_64_counts_as_one_source_and_a_mapped_address_as_ipv4() {
        assert_eq!(source_group(ip("2001:db8::1")), source_group(ip("2001:db8::ffff:1")));
        assert_ne!(source_group(ip("2001:db8::1")), source_group(ip("2001:db8:0:1::1")));
        assert_eq!(source_group(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }
}
