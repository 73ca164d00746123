//! What the rest of the relay gets: an open connection, split into a sender and a receiver.
//!
//! ```text
//!   RtcSender --awaits room--> channel          channel --in order, whole--> RtcReceiver
//!   close(): what was sent is flushed           remote close, loss: recv() ends
//! ```
//!
//! Attack stopped: a peer that sends faster than it is read. Nothing is buffered here; what is
//! not read stays in the stack (some hundred messages, at most `limits.unread_bytes_max`), then in
//! SCTP's window, then with the peer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Mutex, watch};
use tracing::debug;
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use super::errors::RtcSendError;
use super::limits::{EXTRA_CHANNELS_MAX, FLUSH_DEADLINE, MESSAGE_BYTES_MAX};
use super::peer::Peer;
use super::unread::Unread;

/// How often a closing connection looks whether all it sent has arrived.
const FLUSH_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How the peers found each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Offer and answer went over HTTP.
    Signalled,
    /// By address and certificate fingerprint alone.
    Address,
}

/// Facts about a connection that do not change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) local_fingerprint: [u8; 32],
    pub(super) remote_fingerprint: [u8; 32],
    pub(super) remote_addr: Option<SocketAddr>,
    pub(super) way: Way,
}

/// The channel and who wants it closed.
pub(super) struct Link {
    channel: Arc<dyn DataChannel>,
    message_bytes_max: usize,
    closing: watch::Sender<bool>,
    remote_closed: AtomicBool,
    unread: Arc<Unread>,
    /// One sender at a time, so the send buffer's limit holds for all clones together.
    turn: Mutex<()>,
}

impl Link {
    pub(super) fn new(channel: Arc<dyn DataChannel>, message_bytes_max: u32, unread: Arc<Unread>) -> Arc<Self> {
        Arc::new(Self {
            channel,
            message_bytes_max: message_bytes_max as usize,
            closing: watch::Sender::new(false),
            remote_closed: AtomicBool::new(false),
            unread,
            turn: Mutex::new(()),
        })
    }

    fn close(&self) {
        self.closing.send_replace(true);
    }

    async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // Cannot fail: `self` holds the sender.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// An open connection: DTLS is up and the channel can be used. Dropping it closes it.
pub struct RtcConnection {
    facts: Facts,
    sender: RtcSender,
    receiver: RtcReceiver,
}

impl RtcConnection {
    pub(super) fn new(facts: Facts, link: Arc<Link>) -> Self {
        let sender = RtcSender { link: link.clone() };
        Self { facts, sender, receiver: RtcReceiver { link } }
    }

    /// SHA-256 of our certificate.
    pub fn local_fingerprint(&self) -> [u8; 32] {
        self.facts.local_fingerprint
    }

    /// SHA-256 of the certificate the peer used in DTLS.
    pub fn remote_fingerprint(&self) -> [u8; 32] {
        self.facts.remote_fingerprint
    }

    /// Where the peer's packets came from when the channel opened.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.facts.remote_addr
    }

    /// How the peers found each other.
    pub fn way(&self) -> Way {
        self.facts.way
    }

    /// The two directions. Dropping the receiver closes the connection.
    pub fn split(self) -> (RtcSender, RtcReceiver) {
        (self.sender, self.receiver)
    }
}

impl fmt::Debug for RtcConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcConnection")
            .field("way", &self.facts.way)
            .field("remote_addr", &self.facts.remote_addr)
            .finish_non_exhaustive()
    }
}

/// Sends messages; clones share the connection and its send buffer.
#[derive(Clone)]
pub struct RtcSender {
    link: Arc<Link>,
}

impl RtcSender {
    /// Sends one message, waiting for room in the send buffer. Cancel safe: a message whose
    /// `send` was dropped was sent whole or not at all.
    pub async fn send(&self, message: Bytes) -> Result<(), RtcSendError> {
        let (bytes, bytes_max) = (message.len(), self.link.message_bytes_max);
        if bytes == 0 {
            return Err(RtcSendError::Empty);
        }
        if bytes > bytes_max {
            return Err(RtcSendError::TooLarge { bytes, bytes_max });
        }
        tokio::select! {
            biased;
            () = self.link.closed() => Err(RtcSendError::Closed),
            sent = self.send_in_turn(message) => sent,
        }
    }

    async fn send_in_turn(&self, message: Bytes) -> Result<(), RtcSendError> {
        let _turn = self.link.turn.lock().await;
        let sent = self.link.channel.send(BytesMut::from(message)).await;
        sent.map_err(|error| {
            debug!(%error, "message not sent");
            RtcSendError::Closed
        })
    }

    /// The largest message the other side takes.
    pub fn message_bytes_max(&self) -> usize {
        self.link.message_bytes_max
    }

    /// Closes the connection once what was sent has arrived, or after a second.
    pub fn close(&self) {
        self.link.close();
    }
}

impl fmt::Debug for RtcSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RtcSender")
    }
}

/// Receives messages. Dropping it closes the connection.
pub struct RtcReceiver {
    link: Arc<Link>,
}

impl RtcReceiver {
    /// The next message, in the order of sending; `None` when the connection is closed or lost.
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<Bytes> {
        while let Some(event) = self.next_event().await {
            match event {
                DataChannelEvent::OnMessage(message)
                    if !message.is_string && message.data.len() <= MESSAGE_BYTES_MAX as usize =>
                {
                    self.link.unread.read(message.data.len());
                    return Some(message.data.freeze());
                }
                // Text is not spoken here: whoever sends it is not a peer of ours.
                DataChannelEvent::OnMessage(_) => break,
                DataChannelEvent::OnClose => {
                    self.link.remote_closed.store(true, Ordering::Relaxed);
                    break;
                }
                _ => {}
            }
        }
        self.link.close();
        None
    }

    async fn next_event(&self) -> Option<DataChannelEvent> {
        let channel = &self.link.channel;
        tokio::select! {
            biased;
            event = channel.poll() => event,
            () = std::future::ready(()) => {
                self.link.unread.all_read();
                channel.poll().await
            }
        }
    }
}

impl Drop for RtcReceiver {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl fmt::Debug for RtcReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RtcReceiver")
    }
}

/// Keeps an open peer until either side closes it, it is lost, or the endpoint stops.
pub(super) async fn keep(mut peer: Peer, link: Arc<Link>, mut stop: watch::Receiver<bool>) {
    let closed_here = tokio::select! {
        () = link.closed() => true,
        () = refuse_channels(&mut peer) => false,
        _ = stop.wait_for(|stop| *stop) => true,
    };
    link.close();
    if closed_here && !link.remote_closed.load(Ordering::Relaxed) {
        flush(&link, &mut peer).await;
    }
    let _ = link.channel.close().await;
    drop(peer);
}

/// Closes every further channel the peer opens; returns when it opens too many or is lost.
async fn refuse_channels(peer: &mut Peer) {
    for _ in 0..=EXTRA_CHANNELS_MAX {
        let Some(channel) = peer.next_channel().await else {
            return;
        };
        debug!("peer opened a second channel");
        let _ = channel.close().await;
    }
}

/// Waits until what was sent is acknowledged, but not for ever nor for a lost peer.
async fn flush(link: &Link, peer: &mut Peer) {
    let acknowledged = async {
        while link.channel.outstanding_bytes().await.is_ok_and(|bytes| bytes > 0) {
            tokio::time::sleep(FLUSH_POLL_INTERVAL).await;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(FLUSH_DEADLINE, acknowledged) => {}
        () = peer.lost() => {}
    }
}
