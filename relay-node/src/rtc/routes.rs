//! Which peer a datagram belongs to, as a pure machine: datagram in, verdict out.
//!
//! ```text
//!   request, ufrag of a peer     from its own address  -> that peer
//!                                from a new address    -> integrity, challenge, then that peer
//!   request, unknown ufrag       never by its address (a closed page's port is reused):
//!                                integrity, challenge, then a new peer by address
//!   success                      answers a challenge   -> the address is proved, take the stash
//!                                otherwise             -> by address, then the stash once more
//!   anything else                -> by address
//! ```
//!
//! "The stash once more": the ICE agent does not answer a request with USE-CANDIDATE until its
//! own check has succeeded, and browsers repeat it only 50 ms later. So the last such request is
//! kept and handed over again right after the success that makes the agent answer it.
//!
//! Attack stopped: state or traffic caused by forged sources. Before an address is proved, all it
//! leaves behind is one packet in a bounded, forgetful stash.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::challenge::Challenge;
use super::direct;
use super::generations::Generations;
use super::limits::{CHALLENGE_WINDOW, PEER_ADDRS_MAX};
use super::stun::{self, Kind, Request};

/// One datagram for a peer.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) data: Bytes,
    pub(super) from: SocketAddr,
}

pub(super) type Queue = mpsc::Sender<Datagram>;

/// Number of a peer on its hub; never used twice.
pub(super) type PeerId = u64;

/// A peer as the hub sees it.
pub(super) struct Route {
    pub(super) queue: Queue,
    /// Our ice-pwd towards this peer.
    pub(super) local_password: String,
    /// The peer's ice-ufrag and ice-pwd.
    pub(super) remote: (String, String),
    /// Set when the channel is open: nothing more to replay.
    pub(super) settled: Arc<AtomicBool>,
}

struct Peer {
    id: PeerId,
    route: Route,
    addrs: usize,
}

struct Bound {
    id: PeerId,
    queue: Queue,
    settled: Arc<AtomicBool>,
    local_ip: Option<IpAddr>,
}

struct Stashed {
    data: Bytes,
    /// The peer it was delivered to; `None` while its source is unproved.
    delivered_to: Option<PeerId>,
}

/// A peer that dials by address and has proved its source address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Newcomer {
    pub(super) server_ufrag: String,
    pub(super) client_ufrag: String,
    pub(super) client_password: String,
    pub(super) first: Bytes,
}

/// Why a datagram goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwanted {
    BadIntegrity,
    Unexpected,
}

/// What to do with a datagram.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Hand it to a peer, followed by `again`.
    Deliver {
        queue: Queue,
        data: Bytes,
        again: Option<Bytes>,
    },
    /// Ask the source to prove itself with this packet.
    Challenge(Vec<u8>),
    /// Consider a new peer.
    Newcomer(Newcomer),
    /// The source proved itself and nothing waits: it will repeat its request.
    Proved,
    Drop(Unwanted),
}

/// A verdict, and whether the datagram proved its source address.
pub(super) struct Handled {
    pub(super) verdict: Verdict,
    pub(super) proved: bool,
}

pub(super) struct Routes {
    started: Instant,
    server_password: String,
    challenge: Challenge,
    peers: HashMap<String, Peer>,
    by_addr: HashMap<SocketAddr, Bound>,
    stash: Generations<SocketAddr, Stashed>,
    proved: Generations<SocketAddr, ()>,
    next_id: PeerId,
}

impl Routes {
    pub(super) fn new(now: Instant, server_password: String, challenge: Challenge, stash_max: usize) -> Self {
        Self {
            started: now,
            server_password,
            challenge,
            peers: HashMap::new(),
            by_addr: HashMap::new(),
            stash: Generations::new(now, stash_max, CHALLENGE_WINDOW),
            proved: Generations::new(now, stash_max, CHALLENGE_WINDOW),
            next_id: 0,
        }
    }

    /// Enters a peer under its ufrag; `None` if that is taken.
    pub(super) fn enter(&mut self, ufrag: &str, route: Route) -> Option<PeerId> {
        if self.peers.contains_key(ufrag) {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.peers.insert(ufrag.to_owned(), Peer { id, route, addrs: 0 });
        Some(id)
    }

    /// Forgets a peer and the addresses bound to it.
    pub(super) fn leave(&mut self, ufrag: &str, id: PeerId) {
        if self.peers.get(ufrag).is_some_and(|peer| peer.id == id) {
            self.peers.remove(ufrag);
            self.by_addr.retain(|_, bound| bound.id != id);
        }
    }

    /// Binds the proved source of a newcomer to the peer made for it, and keeps its first packet
    /// for the replay.
    pub(super) fn bind_newcomer(&mut self, now: Instant, newcomer: &Newcomer, from: SocketAddr, to: Option<IpAddr>) {
        if self.bind(&newcomer.server_ufrag, from, to) {
            let delivered_to = self.peers.get(&newcomer.server_ufrag).map(|peer| peer.id);
            let data = newcomer.first.clone();
            self.stash.insert(now, from, Stashed { data, delivered_to });
        }
    }

    /// Our address that `remote` last wrote to; answers must come from it.
    pub(super) fn local_ip(&self, remote: SocketAddr) -> Option<IpAddr> {
        self.by_addr.get(&remote)?.local_ip
    }

    /// Decides about the datagram `data` that came `from` a source `to` one of our addresses.
    pub(super) fn handle(&mut self, now: Instant, data: &[u8], from: SocketAddr, to: Option<IpAddr>) -> Handled {
        let mut proved = false;
        let verdict = match stun::kind(data) {
            Kind::Request => self.request(now, Bytes::copy_from_slice(data), from, to),
            Kind::Success(id) if self.challenge.is_answer(from, self.window(now), &id) => {
                proved = true;
                self.prove(now, from, to)
            }
            Kind::Success(_) => self.success(now, data, from),
            Kind::OtherStun | Kind::NotStun => self.by_address(data, from, None),
        };
        Handled { verdict, proved }
    }

    fn window(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs() / CHALLENGE_WINDOW.as_secs()
    }

    fn request(&mut self, now: Instant, data: Bytes, from: SocketAddr, to: Option<IpAddr>) -> Verdict {
        let Some(request) = Request::parse(&data) else {
            return Verdict::Drop(Unwanted::Unexpected);
        };
        match self.peers.get(request.local) {
            Some(peer) => {
                let bound = self.by_addr.get(&from).is_some_and(|bound| bound.id == peer.id);
                if bound || is_from(peer, &request) {
                    self.request_of_peer(now, &request, &data, (from, to), bound)
                } else {
                    Verdict::Drop(Unwanted::BadIntegrity)
                }
            }
            None => self.request_of_stranger(now, &request, &data, from),
        }
    }

    /// The peer's agent checks the integrity of what comes from an address bound to it.
    fn request_of_peer(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        data: &Bytes,
        (from, to): (SocketAddr, Option<IpAddr>),
        bound: bool,
    ) -> Verdict {
        if !bound && !self.is_proved(now, from) {
            let Some(peer) = self.peers.get(request.local) else {
                return Verdict::Drop(Unwanted::Unexpected);
            };
            let password = peer.route.remote.1.clone();
            return self.ask(now, request, data, from, &password);
        }
        if !bound && !self.bind(request.local, from, to) {
            return Verdict::Drop(Unwanted::Unexpected);
        }
        let Some(bound) = self.by_addr.get(&from) else {
            return Verdict::Drop(Unwanted::Unexpected);
        };
        if request.use_candidate && !bound.settled.load(Ordering::Relaxed) {
            let stashed = Stashed { data: data.clone(), delivered_to: Some(bound.id) };
            self.stash.insert(now, from, stashed);
        }
        Verdict::Deliver { queue: bound.queue.clone(), data: data.clone(), again: None }
    }

    fn request_of_stranger(&mut self, now: Instant, request: &Request<'_>, data: &Bytes, from: SocketAddr) -> Verdict {
        if !request.is_signed_with(self.server_password.as_bytes()) {
            return Verdict::Drop(Unwanted::BadIntegrity);
        }
        let Some(password) = direct::client_password(request.local) else {
            return Verdict::Drop(Unwanted::BadIntegrity);
        };
        if !direct::is_ufrag(request.remote) {
            return Verdict::Drop(Unwanted::BadIntegrity);
        }
        if !self.is_proved(now, from) {
            return self.ask(now, request, data, from, password);
        }
        Verdict::Newcomer(Newcomer {
            server_ufrag: request.local.to_owned(),
            client_ufrag: request.remote.to_owned(),
            client_password: password.to_owned(),
            first: data.clone(),
        })
    }

    fn ask(&mut self, now: Instant, request: &Request<'_>, data: &Bytes, from: SocketAddr, password: &str) -> Verdict {
        self.stash.insert(now, from, Stashed { data: data.clone(), delivered_to: None });
        let names = (request.remote, request.local);
        Verdict::Challenge(self.challenge.packet(from, self.window(now), names, password))
    }

    fn is_proved(&mut self, now: Instant, from: SocketAddr) -> bool {
        self.proved.get(now, &from).is_some()
    }

    fn prove(&mut self, now: Instant, from: SocketAddr, to: Option<IpAddr>) -> Verdict {
        self.proved.insert(now, from, ());
        match self.stash.remove(now, &from) {
            Some(stashed) if stashed.delivered_to.is_none() => self.request(now, stashed.data, from, to),
            _ => Verdict::Proved,
        }
    }

    fn success(&mut self, now: Instant, data: &[u8], from: SocketAddr) -> Verdict {
        let again = match (self.by_addr.get(&from), self.stash.get(now, &from)) {
            (Some(bound), Some(stashed)) if stashed.delivered_to == Some(bound.id) => {
                self.stash.remove(now, &from).map(|stashed| stashed.data)
            }
            _ => None,
        };
        self.by_address(data, from, again)
    }

    fn by_address(&self, data: &[u8], from: SocketAddr, again: Option<Bytes>) -> Verdict {
        let Some(bound) = self.by_addr.get(&from) else {
            return Verdict::Drop(Unwanted::Unexpected);
        };
        let data = Bytes::copy_from_slice(data);
        Verdict::Deliver { queue: bound.queue.clone(), data, again }
    }

    /// Binds a proved address to a peer; `false` when the peer has too many. An address that
    /// belonged to another peer moves: its port was reused.
    fn bind(&mut self, ufrag: &str, from: SocketAddr, to: Option<IpAddr>) -> bool {
        let Some(peer) = self.peers.get_mut(ufrag) else {
            return false;
        };
        if peer.addrs >= PEER_ADDRS_MAX {
            return false;
        }
        peer.addrs += 1;
        let bound =
            Bound { id: peer.id, queue: peer.route.queue.clone(), settled: peer.route.settled.clone(), local_ip: to };
        self.by_addr.insert(from, bound);
        true
    }

    #[cfg(test)]
    fn state_size(&self) -> usize {
        self.peers.len() + self.by_addr.len() + self.proved.len()
    }
}

fn is_from(peer: &Peer, request: &Request<'_>) -> bool {
    request.remote == peer.route.remote.0 && request.is_signed_with(peer.route.local_password.as_bytes())
}

#[cfg(test)]
#[path = "routes/tests.rs"]
mod tests;
