//! Endpoints on loopback and a hand-made STUN client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use relay_node::rtc::{
    Certificate, DirectTarget, RtcConnection, RtcCounters, RtcEndpoint, RtcOptions, RtcReceiver, RtcSender,
};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

/// Far above what anything here takes, so that a hang fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn certificate() -> Certificate {
    Certificate::from_pem(&Certificate::generate().unwrap()).unwrap()
}

pub(crate) fn options() -> RtcOptions {
    RtcOptions::new(vec!["127.0.0.1:0".parse().unwrap()])
}

pub(crate) async fn endpoint_with(change: impl FnOnce(&mut RtcOptions)) -> Arc<RtcEndpoint> {
    let mut options = options();
    change(&mut options);
    Arc::new(RtcEndpoint::bind(options, certificate()).await.unwrap())
}

pub(crate) async fn endpoint() -> Arc<RtcEndpoint> {
    endpoint_with(|_| {}).await
}

pub(crate) fn target(server: &RtcEndpoint) -> DirectTarget {
    DirectTarget { addrs: server.announced(), fingerprint: server.fingerprint() }
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("took too long")
}

/// Dials by address and takes both ends.
pub(crate) async fn pair(client: &RtcEndpoint, server: &RtcEndpoint) -> (RtcConnection, RtcConnection) {
    let (dialled, accepted) = within(async { tokio::join!(client.dial(target(server)), server.accept()) }).await;
    (dialled.unwrap(), accepted.unwrap())
}

/// Connects by offer and answer and takes both ends.
pub(crate) async fn signalled(client: &RtcEndpoint, server: &RtcEndpoint) -> (RtcConnection, RtcConnection) {
    within(async {
        let pending = client.offer().await.unwrap();
        let answer = server.answer(pending.sdp(), None).await.unwrap();
        let (dialled, accepted) = tokio::join!(pending.finish(&answer), server.accept());
        (dialled.unwrap(), accepted.unwrap())
    })
    .await
}

/// Waits until the counters fit.
pub(crate) async fn until(endpoint: &RtcEndpoint, fits: impl Fn(&RtcCounters) -> bool) {
    let waited = timeout(PATIENCE, async {
        while !fits(&endpoint.counters()) {
            sleep(Duration::from_millis(2)).await;
        }
    });
    if waited.await.is_err() {
        panic!("the counters stay at {:?}", endpoint.counters());
    }
}

pub(crate) fn no_peers(counters: &RtcCounters) -> bool {
    counters.peers_live == 0 && counters.peers_pending == 0
}

/// Sends back what comes until the other side closes.
pub(crate) async fn echo(sender: RtcSender, mut receiver: RtcReceiver) {
    while let Some(message) = receiver.recv().await {
        if sender.send(message).await.is_err() {
            return;
        }
    }
}

/// Accepts and echoes for ever.
pub(crate) fn spawn_echo(server: Arc<RtcEndpoint>) {
    tokio::spawn(async move {
        while let Some(connection) = server.accept().await {
            let (sender, receiver) = connection.split();
            tokio::spawn(echo(sender, receiver));
        }
    });
}

/// A socket that speaks just enough STUN to dial by address.
pub(crate) struct StunClient {
    pub(crate) socket: UdpSocket,
    server: SocketAddr,
    password: String,
}

pub(crate) const CLIENT_PASSWORD: &str = "abcdefghijklmnopqrstuvwx";

impl StunClient {
    pub(crate) async fn new(server: &RtcEndpoint) -> Self {
        Self {
            socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            server: server.announced()[0],
            password: server_password(&server.fingerprint()),
        }
    }

    /// Sends a first packet, signed with `password` or with the right one.
    pub(crate) async fn ask(&self, client_password: &str, password: Option<&str>) {
        let username = format!("mm1+{client_password}:abcd");
        let password = password.unwrap_or(&self.password);
        let request = stun(0x0001, &[5; 12], &[(6, username.as_bytes()), (0x25, b"")], password.as_bytes());
        self.socket.send_to(&request, self.server).await.unwrap();
    }

    pub(crate) async fn send(&self, packet: &[u8]) {
        self.socket.send_to(packet, self.server).await.unwrap();
    }

    pub(crate) async fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let (len, _) = within(self.socket.recv_from(&mut buffer)).await.unwrap();
        buffer[..len].to_vec()
    }

    /// Proves the address: answers the challenge that comes.
    pub(crate) async fn prove(&self) {
        let challenge = self.receive().await;
        assert_eq!(challenge[..2], [0, 1], "a challenge is a Binding request");
        let id: [u8; 12] = challenge[8..20].try_into().unwrap();
        self.send(&stun(0x0101, &id, &[], CLIENT_PASSWORD.as_bytes())).await;
    }
}

pub(crate) fn server_password(fingerprint: &[u8; 32]) -> String {
    let hex: Vec<_> = fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    let hash = Sha256::digest(format!("mimei-direct-1 {}", hex.join(":")));
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stun(kind: u16, id: &[u8; 12], attributes: &[(u16, &[u8])], password: &[u8]) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    out.extend([0, 0, 0x21, 0x12, 0xA4, 0x42]);
    out.extend(id);
    for (attribute, value) in attributes {
        out.extend(attribute.to_be_bytes());
        out.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        out.extend(*value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    let length = u16::try_from(out.len() - 20 + 24).unwrap();
    out[2..4].copy_from_slice(&length.to_be_bytes());
    let mut mac = Hmac::<Sha1>::new_from_slice(password).unwrap();
    mac.update(&out);
    out.extend([0, 8, 0, 20]);
    out.extend(mac.finalize().into_bytes());
    out
}
