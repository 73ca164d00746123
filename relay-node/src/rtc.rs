//! The relay's WebRTC endpoint: one ordered, reliable data channel to each peer, all peers behind
//! one UDP port of each address family.
//!
//! ```text
//!   peer                               hub (one UDP socket)                  peer connection
//!    | -- STUN request, MESSAGE-INTEGRITY -> |                                    |
//!    | <- STUN request (challenge) --------- |  no state but a bounded stash      |
//!    | -- STUN success (echoes the MAC) ---> |  the source address is real        |
//!    |                                       |  token bucket, caps: a slot        |
//!    |                                       | -- the stashed request ----------> |  ICE
//!    | <============ DTLS, SCTP, channel "mimei/1" ============================> |
//! ```
//!
//! A peer comes one of two ways. *Signalled*: its offer arrives by HTTP ([`RtcEndpoint::answer`]).
//! *By address*: it knows addresses and the certificate fingerprint, and its first packet is the
//! STUN request above. Either way nothing is sent to an address that has not proved that it wants
//! it: a packet with a forged source costs the victim one packet of the same size, never the fifty
//! that a peer connection would send.
//!
//! Modules: `stun`, `challenge`, `generations`, `bucket`, `sdp`, `direct`, `unread` and `routes`
//! are pure; `admission` counts; `hub`, `sockets`, `peer`, `connection`, `dialing`, `binding` and
//! `endpoint` drive.

mod admission;
mod binding;
mod bucket;
mod certificate;
mod challenge;
mod connection;
mod counters;
mod dialing;
mod direct;
mod endpoint;
mod errors;
mod generations;
#[cfg(test)]
mod hostile;
mod hub;
mod limits;
mod peer;
mod routes;
mod sdp;
mod sockets;
mod stun;
mod unread;

pub use certificate::Certificate;
pub use connection::{RtcConnection, RtcReceiver, RtcSender, Way};
pub use counters::RtcCounters;
pub use dialing::PendingDial;
pub use direct::DirectTarget;
pub use endpoint::RtcEndpoint;
pub use errors::{CertificateError, RtcAnswerError, RtcBindError, RtcDialError, RtcSendError, SdpError};
pub use limits::{CHANNEL_LABEL, MESSAGE_BYTES_MAX, OFFER_BYTES_MAX, RtcLimits, RtcOptions};
