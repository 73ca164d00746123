//! Every bound of the endpoint with its reason, and the options an owner sets.

use std::net::SocketAddr;
use std::time::Duration;

/// Label of the one data channel.
pub const CHANNEL_LABEL: &str = "mimei/1";

/// Largest message either way. It is the hard limit of the SCTP layer and what browsers accept.
/// Prefer frames of 16 to 64 KiB: the burst of one larger message overflows a browser's own UDP
/// buffer now and then, and SCTP waits a second before it repeats the end of a burst.
pub const MESSAGE_BYTES_MAX: u32 = 256 * 1024;

/// Largest offer or answer that is read. Browsers write about 1 KiB for one data channel.
pub const OFFER_BYTES_MAX: usize = 16 * 1024;

/// Most addresses announced, read from an answer or dialled: enough for every interface of a
/// home machine, few enough that a hostile answer cannot make a dialler probe a network.
pub(super) const ADDRS_MAX: usize = 16;

/// Datagrams that wait for one peer connection: about twice the SCTP receive window, 3 MiB.
pub(super) const PEER_QUEUE_DATAGRAMS_MAX: usize = 2048;

/// Source addresses bound to one peer: its interfaces and a change of network or two.
pub(super) const PEER_ADDRS_MAX: usize = 8;

/// Receive buffer asked of the kernel. Bursts that overflow it cost SCTP a second each.
pub(super) const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Datagram buffers of one receive call; each holds one coalesced batch.
pub(super) const RECEIVE_BATCH: usize = 8;

/// Largest UDP payload, and so the largest coalesced batch.
pub(super) const DATAGRAM_BATCH_BYTES_MAX: usize = 65_535;

/// How long one window of the address challenge lasts; an answer is good in two windows, and an
/// address counts as proved for one to two of them.
pub(super) const CHALLENGE_WINDOW: Duration = Duration::from_secs(60);

/// Peers by address that wait to be set up; setting one up takes about a millisecond.
pub(super) const ARRIVALS_MAX: usize = 64;

/// Further data channels a peer may open (each is closed at once) before it is dropped.
pub(super) const EXTRA_CHANNELS_MAX: usize = 4;

/// ICE check interval and count: 200 ms, the default, would be the floor of every connect.
pub(super) const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// See [`ICE_CHECK_INTERVAL`]: one second of checks.
pub(super) const ICE_CHECKS_MAX: u16 = 50;

/// How often a dialler's driver is woken until its channel is open.
pub(super) const NUDGE_INTERVAL: Duration = Duration::from_millis(5);

/// How long a local close waits for what was sent to be acknowledged.
pub(super) const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

/// How long `shutdown` waits for peers to close.
pub(super) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// What keeps strangers from spending the relay's memory and its neighbours' bandwidth.
#[derive(Debug, Clone)]
pub struct RtcLimits {
    /// Most peers at once, half-open ones included. Default 512 (about 0.5 MiB each).
    pub peers_max: usize,
    /// Most half-open peers at once. Default 128.
    pub pending_max: usize,
    /// Most peers from one IPv4 address or IPv6 /64. Default 128 (a school behind one address).
    pub peers_per_address_max: usize,
    /// Most half-open peers from one IPv4 address or IPv6 /64. Default 48.
    pub pending_per_address_max: usize,
    /// From the first proved packet (or the answer) to the open channel. Default 10 s.
    pub connect_deadline: Duration,
    /// A peer that is silent for this long is gone. Default 5 s.
    pub idle_max: Duration,
    /// New peers one address may open in a burst. Default 128.
    pub bucket_burst: u32,
    /// New peers a second one address may open after its burst. Default 16.
    pub bucket_per_second: u32,
    /// First packets kept until their challenge is answered, about 120 bytes each, and proved
    /// addresses remembered. Default 4096.
    pub stash_max: usize,
    /// Bytes one peer may have sent and nobody read. Default 16 MiB; with messages up to 16 KiB
    /// the transport's own window stops a peer before that, without loss.
    pub unread_bytes_max: usize,
    /// Open connections that wait for `accept`; further ones are closed. Default 64.
    pub accepted_max: usize,
}

impl Default for RtcLimits {
    fn default() -> Self {
        Self {
            peers_max: 512,
            pending_max: 128,
            peers_per_address_max: 128,
            pending_per_address_max: 48,
            connect_deadline: Duration::from_secs(10),
            idle_max: Duration::from_secs(5),
            bucket_burst: 128,
            bucket_per_second: 16,
            stash_max: 4096,
            unread_bytes_max: 16 * 1024 * 1024,
            accepted_max: 64,
        }
    }
}

/// What [`RtcEndpoint::bind`](super::RtcEndpoint::bind) is told.
#[derive(Debug, Clone)]
pub struct RtcOptions {
    /// UDP addresses to listen on: at most one for each address family. Port 0 picks one.
    pub bind: Vec<SocketAddr>,
    /// Addresses written into answers. Empty (default): those of `bind`, and for a wildcard those
    /// of all interfaces, loopback included.
    pub announce: Vec<SocketAddr>,
    /// Bytes sent and not yet acknowledged before `send` waits. Default 64 KiB: one more factor
    /// of four makes small messages behind a bulk transfer ten times slower. Raise it for few
    /// peers far away: throughput is this over the round-trip time.
    pub send_buffer_bytes_max: u32,
    /// Largest message peers may send, at most (and by default) [`MESSAGE_BYTES_MAX`].
    pub message_bytes_max: u32,
    /// See [`RtcLimits`].
    pub limits: RtcLimits,
}

impl RtcOptions {
    /// Options that listen on `bind` and leave everything else at its default.
    pub fn new(bind: Vec<SocketAddr>) -> Self {
        Self {
            bind,
            announce: Vec::new(),
            send_buffer_bytes_max: 64 * 1024,
            message_bytes_max: MESSAGE_BYTES_MAX,
            limits: RtcLimits::default(),
        }
    }
}

// A proved address must outlive the challenge that proved it, or a slow client would loop.
const _: () = assert!(CHALLENGE_WINDOW.as_secs() >= 10);
// The largest message must fit the peer's datagram queue several times over.
const _: () = assert!(PEER_QUEUE_DATAGRAMS_MAX * 1000 > 4 * MESSAGE_BYTES_MAX as usize);
