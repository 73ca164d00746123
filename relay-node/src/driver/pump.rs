//! Between a transport and the driver: one task for each direction.

use axum::extract::ws::{Message as WsMessage, WebSocket};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mimei_core::limits::PACKET_BYTES_MAX;
use mimei_core::peer::{ConnectionId, Input};
use tokio::sync::mpsc;

use super::ToDriver;
use crate::rtc::{RtcConnection, RtcReceiver, RtcSender};

/// Bytes that may wait for one transport. The machine stops bulk long before; what
/// comes beyond is answers to somebody who does not read them.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// A transport with its two directions apart.
pub struct Pumped {
    sending: Sending,
    receiving: Incoming,
}

/// What arrives on a transport.
pub enum Incoming {
    /// A data channel.
    Rtc(RtcReceiver),
    /// A WebSocket.
    WebSocket(SplitStream<WebSocket>),
}

enum Sending {
    Rtc(RtcSender),
    WebSocket(SplitSink<WebSocket, WsMessage>),
}

impl From<RtcConnection> for Pumped {
    fn from(connection: RtcConnection) -> Self {
        let (sender, receiver) = connection.split();
        Self { sending: Sending::Rtc(sender), receiving: Incoming::Rtc(receiver) }
    }
}

impl From<WebSocket> for Pumped {
    fn from(socket: WebSocket) -> Self {
        let (sender, receiver) = socket.split();
        Self { sending: Sending::WebSocket(sender), receiving: Incoming::WebSocket(receiver) }
    }
}

/// The driver's end of a transport's sending side.
pub struct Outgoing {
    queue: mpsc::UnboundedSender<Bytes>,
    waiting_bytes: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    closed: std::sync::Arc<tokio::sync::Notify>,
}

impl Outgoing {
    /// One that leads nowhere.
    pub(super) fn closed() -> Self {
        Self { queue: mpsc::unbounded_channel().0, waiting_bytes: Default::default(), closed: Default::default() }
    }

    /// Queues a packet; a queue that is too long ends the transport.
    pub(super) fn send(&self, packet: Bytes) {
        use std::sync::atomic::Ordering::Relaxed;
        let before = self.waiting_bytes.fetch_add(packet.len(), Relaxed);
        if before > WAITING_BYTES_MAX || self.queue.send(packet).is_err() {
            self.close_now();
        }
    }

    /// Ends the transport after what is queued has been sent.
    pub(super) fn close(&self) {
        // An empty packet is never sent by the machine; it marks the end.
        let _ = self.queue.send(Bytes::new());
    }

    fn close_now(&self) {
        self.closed.notify_one();
    }
}

/// Starts both directions; they end together.
pub(super) fn start(
    runtime: &tokio::runtime::Handle,
    transport: Pumped,
    connection: ConnectionId,
    inbox: mpsc::Sender<ToDriver>,
) -> Outgoing {
    let (queue, queued) = mpsc::unbounded_channel();
    let outgoing = Outgoing { queue, waiting_bytes: Default::default(), closed: Default::default() };
    let (waiting_bytes, closed) = (outgoing.waiting_bytes.clone(), outgoing.closed.clone());
    let Pumped { mut sending, mut receiving } = transport;
    runtime.spawn(async move {
        tokio::select! {
            () = send_all(&mut sending, queued, connection, &inbox, &waiting_bytes) => {}
            () = receive_all(&mut receiving, connection, &inbox) => {}
            () = closed.notified() => {}
        }
        sending.close().await;
        let _ = inbox.send(ToDriver::Input(Input::Closed { connection })).await;
    });
    outgoing
}

async fn send_all(
    sending: &mut Sending,
    mut queued: mpsc::UnboundedReceiver<Bytes>,
    connection: ConnectionId,
    inbox: &mpsc::Sender<ToDriver>,
    waiting_bytes: &std::sync::atomic::AtomicUsize,
) {
    while let Some(packet) = queued.recv().await {
        let length = packet.len();
        if length == 0 || !sending.send(packet).await {
            return;
        }
        waiting_bytes.fetch_sub(length, std::sync::atomic::Ordering::Relaxed);
        let sent = Input::Sent { connection, bytes: length as u64 };
        if inbox.send(ToDriver::Input(sent)).await.is_err() {
            return;
        }
    }
}

async fn receive_all(receiving: &mut Incoming, connection: ConnectionId, inbox: &mpsc::Sender<ToDriver>) {
    while let Some(bytes) = receiving.next().await {
        let received = Input::Received { connection, bytes };
        if inbox.send(ToDriver::Input(received)).await.is_err() {
            return;
        }
    }
}

impl Incoming {
    /// The next packet; none at the end, or after one that is too large.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Rtc(receiver) => receiver.recv().await?,
            Self::WebSocket(stream) => loop {
                match stream.next().await?.ok()? {
                    WsMessage::Binary(bytes) => break bytes,
                    WsMessage::Ping(_) | WsMessage::Pong(_) => {}
                    WsMessage::Text(_) | WsMessage::Close(_) => return None,
                }
            },
        };
        (bytes.len() <= PACKET_BYTES_MAX).then(|| bytes.into())
    }
}

impl Sending {
    async fn send(&mut self, packet: Bytes) -> bool {
        match self {
            Self::Rtc(sender) => sender.send(packet).await.is_ok(),
            Self::WebSocket(sink) => sink.send(WsMessage::Binary(packet)).await.is_ok(),
        }
    }

    async fn close(&mut self) {
        match self {
            Self::Rtc(sender) => sender.close(),
            Self::WebSocket(sink) => {
                let _ = sink.close().await;
            }
        }
    }
}
