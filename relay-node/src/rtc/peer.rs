//! One peer connection of the WebRTC stack, with the settings that were measured to matter, and
//! the facts taken from it.
//!
//! ```text
//!   answering: remote offer -> answer -> gathered -> gate open -> ICE, DTLS, SCTP -> channel
//!   dialling:  channel, offer -> gathered -> gate open -> remote answer -> ICE, ... -> channel open
//! ```
//!
//! The stack's callbacks run on its driver: they only note and return. Attack stopped: leaks. A
//! stack connection that is dropped without `close` lives on, so dropping a [`Peer`] closes it in
//! a task of its own and only then gives its slot back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::rtc::ice::mdns::MulticastDnsMode;
use ::rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use ::rtc::peer_connection::transport::RTCDtlsRole;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, mpsc, watch};
use tracing::debug;
use webrtc::data_channel::DataChannel;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, SettingEngine, SettingEngineBuilder,
};

use super::admission::PeerSlot;
use super::certificate::Certificate;
use super::limits::{CHANNEL_LABEL, EXTRA_CHANNELS_MAX, ICE_CHECK_INTERVAL, ICE_CHECKS_MAX, RtcOptions};
use super::sdp::Description;
use super::sockets::{Gate, PeerRuntime, Seat};
use super::unread::Unread;

/// Keepalives are at most this far apart, and three fit into the idle limit.
const KEEPALIVE_INTERVAL_MAX: Duration = Duration::from_secs(2);

/// What a peer connection is built from.
pub(super) struct PeerPlan<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) options: &'a RtcOptions,
    pub(super) credentials: Credentials,
    pub(super) seats: Vec<Seat>,
    /// `false` when the fingerprint is unknown until DTLS is up, or is compared by the caller.
    pub(super) verify_fingerprint: bool,
    pub(super) settled: Arc<AtomicBool>,
    pub(super) slot: PeerSlot,
}

/// Our ice-ufrag and ice-pwd.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) password: String,
}

impl Credentials {
    /// Fresh ones; hexadecimal, so never mistaken for those of a dial by address.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (ufrag, password) = text.split_at(16);
        Ok(Self { ufrag: ufrag.to_owned(), password: password.to_owned() })
    }
}

/// Notes what the driver reports.
struct Notes {
    gathered: Arc<Notify>,
    lost: watch::Sender<bool>,
    channels: mpsc::Sender<Arc<dyn DataChannel>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Notes {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        use RTCPeerConnectionState::{Closed, Disconnected, Failed};
        if matches!(state, Failed | Disconnected | Closed) {
            self.lost.send_replace(true);
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        // More channels at once than anybody needs: a hostile peer.
        if self.channels.try_send(channel).is_err() {
            self.lost.send_replace(true);
        }
    }
}

/// A peer connection that closes itself when dropped.
pub(super) struct Peer {
    connection: Option<Arc<dyn PeerConnection>>,
    gate: Arc<Gate>,
    unread: Arc<Unread>,
    gathered: Arc<Notify>,
    lost: watch::Receiver<bool>,
    channels: mpsc::Receiver<Arc<dyn DataChannel>>,
    settled: Arc<AtomicBool>,
    slot: Option<PeerSlot>,
}

type StackResult<T> = Result<T, webrtc::error::Error>;

impl Peer {
    pub(super) async fn build(plan: PeerPlan<'_>) -> StackResult<Self> {
        let gate = Arc::new(Gate::default());
        let unread = Arc::new(Unread::new(plan.options.limits.unread_bytes_max));
        let settings = settings(&plan);
        let (runtime, labels) = PeerRuntime::new(plan.seats, gate.clone(), unread.clone(), plan.settled.clone())?;
        let gathered = Arc::new(Notify::new());
        let (lost_sender, lost) = watch::channel(false);
        let (channel_sender, channels) = mpsc::channel(EXTRA_CHANNELS_MAX);
        let notes = Notes { gathered: gathered.clone(), lost: lost_sender, channels: channel_sender };
        let certificates = vec![plan.certificate.for_connection()];
        let configuration = RTCConfigurationBuilder::new().with_certificates(certificates).build();
        let send_buffer_bytes_max = plan.options.send_buffer_bytes_max as usize;
        let building = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_setting_engine(settings)
            .with_handler(Arc::new(notes))
            .with_runtime(Arc::new(runtime))
            .with_udp_addrs(labels)
            .with_data_channel_send_buffer_limit(send_buffer_bytes_max)
            .build();
        // The stack's futures are large: on the heap they do not add up on a thread's stack.
        let connection = Box::pin(building).await?;
        let connection: Option<Arc<dyn PeerConnection>> = Some(Arc::new(connection));
        let (settled, slot) = (plan.settled, Some(plan.slot));
        Ok(Self { connection, gate, unread, gathered, lost, channels, settled, slot })
    }

    /// Takes a remote offer and gets ready for the peer's packets.
    pub(super) async fn answer(&self, offer: &Description) -> StackResult<()> {
        let connection = self.connection();
        let offer = RTCSessionDescription::offer(offer.to_sdp())?;
        connection.set_remote_description(offer).await?;
        let answer = connection.create_answer(None).await?;
        self.set_local(answer).await
    }

    /// Makes the one channel and gets ready to be given an answer.
    pub(super) async fn offer(&self) -> StackResult<Arc<dyn DataChannel>> {
        let connection = self.connection();
        let channel = connection.create_data_channel(CHANNEL_LABEL, None).await?;
        let offer = connection.create_offer(None).await?;
        self.set_local(offer).await?;
        Ok(channel)
    }

    /// Starts ICE towards the addresses of an answer.
    pub(super) async fn take_answer(&self, answer: &Description) -> StackResult<()> {
        let answer = RTCSessionDescription::answer(answer.to_sdp())?;
        self.connection().set_remote_description(answer).await
    }

    async fn set_local(&self, description: RTCSessionDescription) -> StackResult<()> {
        self.connection().set_local_description(description).await?;
        // About a millisecond, as no server is asked; the driver's end is noticed by the caller's
        // deadline.
        self.gathered.notified().await;
        self.gate.open();
        Ok(())
    }

    /// The next channel the peer opens; `None` when the peer is lost.
    pub(super) async fn next_channel(&mut self) -> Option<Arc<dyn DataChannel>> {
        tokio::select! {
            channel = self.channels.recv() => channel,
            _ = self.lost.wait_for(|lost| *lost) => None,
        }
    }

    /// Returns when the connection has failed, is silent for too long or was closed.
    pub(super) async fn lost(&mut self) {
        let _ = self.lost.wait_for(|lost| *lost).await;
    }

    /// The channel is open: count it, and stop replaying.
    pub(super) fn opened(&mut self) {
        self.settled.store(true, Ordering::Relaxed);
        if let Some(slot) = &mut self.slot {
            slot.opened();
        }
    }

    /// What counts this peer's unread bytes.
    pub(super) fn unread(&self) -> Arc<Unread> {
        self.unread.clone()
    }

    /// SHA-256 of the certificate the peer really used; `None` before DTLS is up.
    pub(super) async fn remote_fingerprint(&self) -> Option<[u8; 32]> {
        let sctp = self.connection().sctp().await?;
        let chain = sctp.transport().get_remote_certificates().await.ok()?;
        chain.first().map(|der| Sha256::digest(der).into())
    }

    /// The peer's side of the selected candidate pair.
    pub(super) async fn remote_addr(&self) -> Option<SocketAddr> {
        let ice = self.connection().sctp().await?.transport().ice_transport();
        let pair = ice.get_selected_candidate_pair().await.ok()??;
        Some(SocketAddr::new(pair.remote().address.parse().ok()?, pair.remote().port))
    }

    fn connection(&self) -> &Arc<dyn PeerConnection> {
        self.connection.as_ref().expect("taken by drop only")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let (Some(connection), slot) = (self.connection.take(), self.slot.take()) else {
            return;
        };
        // Without a runtime the driver is gone as well.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if let Err(error) = connection.close().await {
                debug!(%error, "peer connection did not close cleanly");
            }
            drop(slot);
        });
    }
}

fn settings(plan: &PeerPlan<'_>) -> SettingEngine {
    let options = plan.options;
    let idle = options.limits.idle_max;
    let keepalive = (idle / 3).min(KEEPALIVE_INTERVAL_MAX);
    let Credentials { ufrag, password } = plan.credentials.clone();
    SettingEngineBuilder::new()
        // The labels of `sockets` are loopback addresses.
        .with_include_loopback_candidate(true)
        // Otherwise each peer opens a multicast socket and connects 200 ms later.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_credentials(ufrag, password)
        .with_ice_connection_attempts(Some(ICE_CHECK_INTERVAL), Some(ICE_CHECKS_MAX))
        .with_ice_timeouts(Some(idle), Some(idle), Some(keepalive))
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(options.message_bytes_max))
        .with_disable_certificate_fingerprint_verification(!plan.verify_fingerprint)
        .build()
}
