//! One UDP socket for all peers: receive, ask `routes`, deliver or challenge.
//!
//! ```text
//!   kernel --batches--> hub --datagrams, bounded queue--> virtual socket of a peer
//!                        |--newcomers, bounded queue----> endpoint (builds the peer)
//! ```
//!
//! Attack stopped: exhausting the receiver. A full queue drops (SCTP sends again), nothing waits
//! for a peer, and what a stranger can make the hub do costs microseconds.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tracing::{debug, trace, warn};
use webrtc::runtime::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use super::admission::{Admission, PeerSlot};
use super::counters::Totals;
use super::limits::{DATAGRAM_BATCH_BYTES_MAX, PEER_QUEUE_DATAGRAMS_MAX, RECEIVE_BATCH, SOCKET_BUFFER_BYTES};
use super::routes::{Datagram, Newcomer, PeerId, Queue, Route, Routes, Unwanted, Verdict};

/// After an unexpected receive error, so that a broken socket does not spin.
const RECEIVE_RETRY_AFTER: Duration = Duration::from_millis(20);

/// A newcomer with everything reserved for it.
pub(super) struct Arrival {
    pub(super) newcomer: Newcomer,
    pub(super) slot: PeerSlot,
    pub(super) seat: HubSeat,
    pub(super) settled: Arc<AtomicBool>,
}

pub(super) struct Hub {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    routes: Mutex<Routes>,
    admission: Arc<Admission>,
    totals: Arc<Totals>,
    server_password: String,
    arrivals: mpsc::Sender<Arrival>,
}

/// What all hubs of an endpoint share.
#[derive(Clone)]
pub(super) struct HubContext {
    pub(super) admission: Arc<Admission>,
    pub(super) totals: Arc<Totals>,
    pub(super) server_password: String,
    pub(super) arrivals: mpsc::Sender<Arrival>,
}

impl Hub {
    /// Binds the socket. IPv6 sockets take IPv6 only, so both families can share a port.
    pub(super) fn bind(addr: SocketAddr, routes: Routes, context: HubContext) -> io::Result<Arc<Self>> {
        let io = UdpSocket::from_std(bind_udp(addr)?)?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        let local = io.local_addr()?;
        let HubContext { admission, totals, server_password, arrivals } = context;
        let routes = Mutex::new(routes);
        Ok(Arc::new(Self { io, state, local, routes, admission, totals, server_password, arrivals }))
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Enters a peer under `ufrag` and gives it its seat; `None` if the ufrag is taken.
    pub(super) fn seat(self: &Arc<Self>, ufrag: &str, route: impl FnOnce(Queue) -> Route) -> Option<HubSeat> {
        let (queue, inbox) = mpsc::channel(PEER_QUEUE_DATAGRAMS_MAX);
        let id = self.lock().enter(ufrag, route(queue.clone()))?;
        let registration = Registration { hub: self.clone(), ufrag: ufrag.to_owned(), id };
        Some(HubSeat { inbox, registration })
    }

    /// Receives for ever.
    pub(super) async fn run(self: Arc<Self>) {
        let mut buffers = vec![vec![0; DATAGRAM_BATCH_BYTES_MAX]; RECEIVE_BATCH];
        let mut metas = vec![RecvMeta::default(); RECEIVE_BATCH];
        loop {
            match self.receive(&mut buffers, &mut metas).await {
                Ok(count) => self.take_batch(&buffers, &metas[..count]),
                Err(error) => {
                    debug!(%error, local = %self.local, "UDP receive failed");
                    tokio::time::sleep(RECEIVE_RETRY_AFTER).await;
                }
            }
        }
    }

    async fn receive(&self, buffers: &mut [Vec<u8>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        loop {
            self.io.readable().await?;
            let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            let received =
                self.io.try_io(Interest::READABLE, || self.state.recv(UdpSockRef::from(&self.io), &mut slices, metas));
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return received,
            }
        }
    }

    fn take_batch(self: &Arc<Self>, buffers: &[Vec<u8>], metas: &[RecvMeta]) {
        for (buffer, meta) in buffers.iter().zip(metas) {
            let filled = &buffer[..meta.len.min(buffer.len())];
            for datagram in filled.chunks(meta.stride.max(1)) {
                self.take(datagram, meta.addr, meta.dst_ip);
            }
        }
    }

    fn take(self: &Arc<Self>, data: &[u8], from: SocketAddr, to: Option<IpAddr>) {
        let to = to.filter(|_| self.local.ip().is_unspecified());
        let handled = self.lock().handle(Instant::now(), data, from, to);
        if handled.proved {
            self.totals.challenges_answered.add();
        }
        match handled.verdict {
            Verdict::Deliver { queue, data, again } => {
                self.deliver(&queue, data, from);
                if let Some(again) = again {
                    self.deliver(&queue, again, from);
                }
            }
            Verdict::Challenge(packet) => self.challenge(&packet, from, to),
            Verdict::Newcomer(newcomer) => self.welcome(newcomer, from, to),
            Verdict::Proved => {}
            Verdict::Drop(Unwanted::BadIntegrity) => self.totals.stun_bad_integrity.add(),
            Verdict::Drop(Unwanted::Unexpected) => self.totals.datagrams_unexpected.add(),
        }
    }

    fn deliver(&self, queue: &Queue, data: Bytes, from: SocketAddr) {
        if queue.try_send(Datagram { data, from }).is_err() {
            self.totals.datagrams_overflowed.add();
        }
    }

    /// Best effort: a challenge that does not leave is repeated with the client's next request.
    fn challenge(&self, packet: &[u8], from: SocketAddr, to: Option<IpAddr>) {
        let transmit = transmit_to(from, packet, to);
        let sent = self.io.try_io(Interest::WRITABLE, || self.state.try_send(UdpSockRef::from(&self.io), &transmit));
        match sent {
            Ok(()) => self.totals.challenges_sent.add(),
            Err(error) => trace!(%error, %from, "challenge not sent"),
        }
    }

    fn welcome(self: &Arc<Self>, newcomer: Newcomer, from: SocketAddr, to: Option<IpAddr>) {
        let Ok(permit) = self.arrivals.try_reserve() else {
            self.totals.refused_by_cap.add();
            return;
        };
        let Ok(slot) = self.admission.admit(Some(from.ip())) else {
            return;
        };
        let first = newcomer.first.clone();
        let (mut queue_to_peer, settled) = (None, Arc::<AtomicBool>::default());
        let seat = self.seat(&newcomer.server_ufrag, |queue| {
            queue_to_peer = Some(queue.clone());
            Route {
                queue,
                local_password: self.server_password.clone(),
                remote: (newcomer.client_ufrag.clone(), newcomer.client_password.clone()),
                settled: settled.clone(),
            }
        });
        let (Some(seat), Some(queue)) = (seat, queue_to_peer) else {
            return;
        };
        self.lock().bind_newcomer(Instant::now(), &newcomer, from, to);
        self.deliver(&queue, first, from);
        permit.send(Arrival { newcomer, slot, seat, settled });
    }

    /// Sends for a peer. Errors other than "later" are packet loss: the transport above recovers
    /// or times out, and one unreachable address must not end a peer.
    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<usize> {
        let src_ip = if self.local.ip().is_unspecified() { self.lock().local_ip(transmit.destination) } else { None };
        let transmit = Transmit { src_ip, ..*transmit };
        loop {
            if ready!(self.io.poll_send_ready(cx)).is_err() {
                return Poll::Ready(transmit.contents.len());
            }
            let sent =
                self.io.try_io(Interest::WRITABLE, || self.state.try_send(UdpSockRef::from(&self.io), &transmit));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    trace!(%error, to = %transmit.destination, "datagram not sent");
                    return Poll::Ready(transmit.contents.len());
                }
                Ok(()) => return Poll::Ready(transmit.contents.len()),
            }
        }
    }

    /// A panic while routing leaves at worst a stale entry, which expires or leaves with its peer.
    fn lock(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn transmit_to<'a>(destination: SocketAddr, contents: &'a [u8], src_ip: Option<IpAddr>) -> Transmit<'a> {
    Transmit { destination, ecn: None, contents, segment_size: None, src_ip }
}

/// A peer's place on a hub: its datagrams in, its datagrams out. Leaves the hub when dropped.
pub(super) struct HubSeat {
    pub(super) inbox: mpsc::Receiver<Datagram>,
    pub(super) registration: Registration,
}

pub(super) struct Registration {
    hub: Arc<Hub>,
    ufrag: String,
    id: PeerId,
}

impl Registration {
    pub(super) fn is_ipv4(&self) -> bool {
        self.hub.local.is_ipv4()
    }

    pub(super) fn max_gso_segments(&self) -> usize {
        self.hub.state.max_gso_segments()
    }

    pub(super) fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<usize> {
        self.hub.poll_send(cx, transmit)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.hub.lock().leave(&self.ufrag, self.id);
    }
}

/// A non-blocking UDP socket with a large receive buffer.
pub(super) fn bind_udp(addr: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    enlarge_buffer(&SockRef::from(&socket), addr);
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// The kernel may give less than asked; that costs throughput, not correctness.
fn enlarge_buffer(socket: &SockRef<'_>, addr: SocketAddr) {
    if let Err(error) = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES) {
        debug!(%error, %addr, "receive buffer not enlarged");
    }
    let bytes = socket.recv_buffer_size().unwrap_or(0);
    if bytes < SOCKET_BUFFER_BYTES / 4 && addr.port() != 0 {
        warn!(%addr, bytes, "small UDP receive buffer: raise net.core.rmem_max to 4194304 for speed");
    }
}
