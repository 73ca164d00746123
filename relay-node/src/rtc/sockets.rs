//! The sockets that a peer connection gets to see. It believes that it binds loopback sockets of
//! its own; it is handed a seat on a hub, or (dialling) one wildcard socket of each family.
//!
//! ```text
//!   peer connection -- "bind 127.0.0.1:0" --> PeerRuntime: closes it, keeps the port as a label
//!   peer connection <-- virtual socket with that label -- hub seat | own wildcard socket
//! ```
//!
//! The label is never written into a description. A gate holds back what arrives before the ICE
//! agent is ready, which would drop it.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime,
    Transmit,
};

use super::hub::{HubSeat, Registration};
use super::limits::NUDGE_INTERVAL;
use super::routes::Datagram;
use super::unread::Unread;

/// Holds incoming datagrams back until the agent can take them.
#[derive(Default)]
pub(super) struct Gate(Mutex<GateState>);

#[derive(Default)]
struct GateState {
    open: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    pub(super) fn open(&self) {
        let waiting = {
            let mut state = lock(&self.0);
            state.open = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ready when open. A peer has at most two sockets, so at most two distinct waiters.
    fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0);
        if state.open {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What stands behind one label.
pub(super) enum Seat {
    Hub(HubSeat),
    Own(std::net::UdpSocket),
}

impl Seat {
    fn is_ipv4(&self) -> io::Result<bool> {
        match self {
            Self::Hub(seat) => Ok(seat.registration.is_ipv4()),
            Self::Own(socket) => Ok(socket.local_addr()?.is_ipv4()),
        }
    }
}

/// The runtime of one peer connection: Tokio, but for its sockets.
pub(super) struct PeerRuntime {
    seats: Mutex<Vec<Seat>>,
    gate: Arc<Gate>,
    unread: Arc<Unread>,
    settled: Arc<AtomicBool>,
}

impl PeerRuntime {
    /// A runtime with these seats, and the addresses the peer connection shall "bind".
    pub(super) fn new(
        seats: Vec<Seat>,
        gate: Arc<Gate>,
        unread: Arc<Unread>,
        settled: Arc<AtomicBool>,
    ) -> io::Result<(Self, Vec<SocketAddr>)> {
        let labels = seats.iter().map(|seat| Ok(label_addr(seat.is_ipv4()?)));
        let labels = labels.collect::<io::Result<_>>()?;
        Ok((Self { seats: Mutex::new(seats), gate, unread, settled }, labels))
    }

    fn take_seat(&self, is_ipv4: bool) -> io::Result<Seat> {
        let mut seats = lock(&self.seats);
        let at = seats.iter().position(|seat| seat.is_ipv4().is_ok_and(|v4| v4 == is_ipv4));
        at.map(|at| seats.swap_remove(at)).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}

fn label_addr(is_ipv4: bool) -> SocketAddr {
    if is_ipv4 { (Ipv4Addr::LOCALHOST, 0).into() } else { (Ipv6Addr::LOCALHOST, 0).into() }
}

impl fmt::Debug for PeerRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerRuntime")
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for PeerRuntime {
    fn wrap_udp_socket(&self, bound: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let label = bound.local_addr()?;
        drop(bound);
        Ok(match self.take_seat(label.is_ipv4())? {
            Seat::Hub(HubSeat { inbox, registration }) => {
                let (inbox, gate) = (Mutex::new(inbox), self.gate.clone());
                let unread = self.unread.clone();
                Arc::new(HubSocket { label, inbox, gate, unread, registration })
            }
            Seat::Own(socket) => {
                let inner = TokioRuntime.wrap_udp_socket(socket)?;
                let unread = self.unread.clone();
                let nudges = Nudges::new(self.settled.clone());
                Arc::new(OwnSocket { label, inner, unread, nudges })
            }
        })
    }

    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    /// TCP candidates are not used; both calls below are never made.
    fn wrap_tcp_listener(&self, _: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connect_tcp<'a>(&'a self, _: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    /// No host name ever reaches a peer connection.
    fn resolve_host<'a>(&'a self, _: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        TokioRuntime.yield_now()
    }
}

/// A peer's virtual socket on a hub.
struct HubSocket {
    label: SocketAddr,
    inbox: Mutex<mpsc::Receiver<Datagram>>,
    gate: Arc<Gate>,
    unread: Arc<Unread>,
    registration: Registration,
}

impl fmt::Debug for HubSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HubSocket({})", self.label)
    }
}

impl AsyncUdpSocket for HubSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.label)
    }

    fn max_gso_segments(&self) -> usize {
        self.registration.max_gso_segments()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.registration.poll_send(cx, transmit).map(Ok)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        ready!(self.gate.poll_open(cx));
        let (Some(buf), Some(meta)) = (bufs.first_mut(), metas.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        let datagram = loop {
            let Some(datagram) = ready!(lock(&self.inbox).poll_recv(cx)) else {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            };
            if self.unread.admit(datagram.data.len()) {
                break datagram;
            }
        };
        let len = datagram.data.len().min(buf.len());
        buf[..len].copy_from_slice(&datagram.data[..len]);
        *meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (datagram.from, len, len.max(1));
        Poll::Ready(Ok(1))
    }
}

/// Empty datagrams for a dialler's driver until its channel is open. The stack does not wake its
/// driver for what a finished handshake lets it send, and so twice waits out a 200 ms timer; any
/// receive wakes it, and one of no bytes does nothing else.
struct Nudges {
    settled: Arc<AtomicBool>,
    interval: Mutex<Interval>,
}

impl Nudges {
    fn new(settled: Arc<AtomicBool>) -> Self {
        let mut interval = tokio::time::interval(NUDGE_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { settled, interval: Mutex::new(interval) }
    }

    fn poll_empty_datagram(&self, cx: &mut Context<'_>, metas: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let Some(meta) = metas.first_mut() else {
            return Poll::Ready(Ok(0));
        };
        if self.settled.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        ready!(lock(&self.interval).poll_tick(cx));
        *meta = RecvMeta::default();
        meta.stride = 1;
        Poll::Ready(Ok(1))
    }
}

/// A dialler's wildcard socket, so that the system picks the interface for each destination.
struct OwnSocket {
    label: SocketAddr,
    inner: Arc<dyn AsyncUdpSocket>,
    unread: Arc<Unread>,
    nudges: Nudges,
}

impl fmt::Debug for OwnSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnSocket({})", self.label)
    }
}

impl AsyncUdpSocket for OwnSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.label)
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }

    /// An address that cannot be reached is loss: other addresses may work.
    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let sent = ready!(self.inner.poll_send(cx, transmit));
        Poll::Ready(Ok(sent.unwrap_or(transmit.contents.len())))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // The driver gives one buffer; a coalesced batch is taken or dropped whole.
        loop {
            let Poll::Ready(received) = self.inner.poll_recv(cx, bufs, metas) else {
                return self.nudges.poll_empty_datagram(cx, metas);
            };
            let count = received?;
            let bytes = metas[..count].iter().map(|meta| meta.len).sum();
            if self.unread.admit(bytes) {
                return Poll::Ready(Ok(count));
            }
        }
    }
}
