//! The endpoint: binds the hubs, answers offers, welcomes newcomers, hands out open connections.
//!
//! ```text
//!   HTTP offer ------> answer() --\                     /--> accept()
//!   hub newcomer ----> welcome() --> Peer, deadline ---<
//!                                                       \--> closed, slot given back
//! ```
//!
//! Attack stopped: half-open peers held for ever. Each has a slot, and a deadline by which its
//! one channel must be open.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{Instrument, debug, info, info_span};
use webrtc::data_channel::DataChannel;

use super::admission::Admission;
use super::binding::{announced, bind_hubs, check};
use super::certificate::Certificate;
use super::connection::{Facts, Link, RtcConnection, Way, keep};
use super::counters::{RtcCounters, Totals};
use super::dialing::{self, PendingDial};
use super::direct::{DirectTarget, server_password};
use super::errors::{RtcAnswerError, RtcBindError, RtcDialError};
use super::hub::{Arrival, Hub, HubContext};
use super::limits::{ARRIVALS_MAX, CHANNEL_LABEL, RtcOptions, SHUTDOWN_DEADLINE};
use super::peer::{Credentials, Peer, PeerPlan};
use super::routes::{Newcomer, Route};
use super::sdp::{Description, Setup};
use super::sockets::Seat;

/// What the tasks of an endpoint share.
pub(super) struct Shared {
    pub(super) options: RtcOptions,
    pub(super) certificate: Certificate,
    pub(super) admission: Arc<Admission>,
    pub(super) stop: watch::Sender<bool>,
    totals: Arc<Totals>,
    accepted: mpsc::Sender<RtcConnection>,
}

/// See the [module](super). Dropping it closes every connection.
pub struct RtcEndpoint {
    shared: Arc<Shared>,
    hubs: Vec<Arc<Hub>>,
    announced: Vec<SocketAddr>,
    accepted: Mutex<mpsc::Receiver<RtcConnection>>,
    tasks: Vec<JoinHandle<()>>,
}

impl RtcEndpoint {
    /// Opens the sockets and starts to take peers.
    pub async fn bind(options: RtcOptions, certificate: Certificate) -> Result<Self, RtcBindError> {
        check(&options)?;
        let totals = Arc::new(Totals::default());
        let admission = Admission::new(&options.limits, totals.clone());
        let (arrivals, newcomers) = mpsc::channel(ARRIVALS_MAX);
        let context = HubContext {
            admission: admission.clone(),
            totals: totals.clone(),
            server_password: server_password(&certificate.fingerprint()),
            arrivals,
        };
        let hubs = bind_hubs(&options, &context)?;
        let announced = announced(&options, &hubs)?;
        let (accepted, accept) = mpsc::channel(options.limits.accepted_max);
        let stop = watch::Sender::new(false);
        let shared = Arc::new(Shared { options, certificate, admission, stop, totals, accepted });
        let mut tasks: Vec<_> = hubs.iter().map(|hub| tokio::spawn(hub.clone().run())).collect();
        tasks.push(tokio::spawn(welcome(shared.clone(), newcomers)));
        info!(?announced, "WebRTC endpoint is up");
        Ok(Self { shared, hubs, announced, accepted: Mutex::new(accept), tasks })
    }

    /// SHA-256 of the certificate: what an address of this endpoint carries.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.shared.certificate.fingerprint()
    }

    /// The addresses written into answers, most useful first.
    pub fn announced(&self) -> Vec<SocketAddr> {
        self.announced.clone()
    }

    /// Answers an offer that came over HTTP. `from` is the client's address if known: it counts
    /// against the limits for one address.
    pub async fn answer(&self, offer_sdp: &str, from: Option<IpAddr>) -> Result<String, RtcAnswerError> {
        let offer = Description::parse_offer(offer_sdp).map_err(RtcAnswerError::Offer)?;
        if *self.shared.stop.borrow() {
            return Err(RtcAnswerError::Closed);
        }
        let slot = self.shared.admission.admit(from).map_err(|_| RtcAnswerError::Busy)?;
        let credentials = Credentials::random().map_err(internal)?;
        let settled: Arc<AtomicBool> = Arc::default();
        let plan = PeerPlan {
            certificate: &self.shared.certificate,
            options: &self.shared.options,
            seats: self.seats(&credentials, &offer, &settled),
            credentials: credentials.clone(),
            verify_fingerprint: true,
            settled,
            slot,
        };
        let prepare = async {
            let peer = Peer::build(plan).await.map_err(internal)?;
            peer.answer(&offer).await.map_err(internal)?;
            Ok(peer)
        };
        let deadline = self.shared.options.limits.connect_deadline;
        let peer = timeout(deadline, Box::pin(prepare)).await.map_err(internal)??;
        let answer = self.describe(credentials, &offer);
        let serve = serve(self.shared.clone(), peer, offer, Way::Signalled);
        tokio::spawn(serve.instrument(info_span!("rtc_peer", way = "signalled")));
        Ok(answer.to_sdp())
    }

    fn seats(&self, ours: &Credentials, offer: &Description, settled: &Arc<AtomicBool>) -> Vec<Seat> {
        let route = |queue| Route {
            queue,
            local_password: ours.password.clone(),
            remote: (offer.ufrag.clone(), offer.password.clone()),
            settled: settled.clone(),
        };
        let seats = self.hubs.iter().filter_map(|hub| hub.seat(&ours.ufrag, route));
        seats.map(Seat::Hub).collect()
    }

    fn describe(&self, ours: Credentials, offer: &Description) -> Description {
        let Credentials { ufrag, password } = ours;
        Description {
            mid: offer.mid.clone(),
            message_bytes_max: self.shared.options.message_bytes_max,
            candidates: self.announced.clone(),
            ..Description::new(ufrag, password, self.fingerprint(), Setup::Passive)
        }
    }

    /// The next peer whose channel is open; `None` after `shutdown`.
    pub async fn accept(&self) -> Option<RtcConnection> {
        let mut stop = self.shared.stop.subscribe();
        let mut accepted = self.accepted.lock().await;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            connection = accepted.recv() => connection,
        }
    }

    /// Dials another endpoint by its address alone.
    pub async fn dial(&self, target: DirectTarget) -> Result<RtcConnection, RtcDialError> {
        Box::pin(dialing::dial(&self.shared, target)).await
    }

    /// Makes an offer for another endpoint's `answer`.
    pub async fn offer(&self) -> Result<PendingDial, RtcDialError> {
        Box::pin(dialing::offer(&self.shared)).await
    }

    /// What was counted so far.
    pub fn counters(&self) -> RtcCounters {
        let (pending, live) = self.shared.admission.counts();
        self.shared.totals.snapshot(pending, live)
    }

    /// Closes every peer and waits until they are gone, at most 5 s.
    pub async fn shutdown(&self) {
        self.shared.stop.send_replace(true);
        let mut accepted = self.accepted.lock().await;
        accepted.close();
        while accepted.try_recv().is_ok() {}
        if timeout(SHUTDOWN_DEADLINE, self.shared.admission.emptied()).await.is_err() {
            debug!("some peers did not close in time");
        }
    }
}

impl Drop for RtcEndpoint {
    fn drop(&mut self) {
        self.shared.stop.send_replace(true);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl fmt::Debug for RtcEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcEndpoint").field("announced", &self.announced).finish_non_exhaustive()
    }
}

/// Builds a peer for each newcomer, several at a time.
async fn welcome(shared: Arc<Shared>, mut newcomers: mpsc::Receiver<Arrival>) {
    while let Some(arrival) = newcomers.recv().await {
        let serve = welcome_one(shared.clone(), arrival);
        tokio::spawn(serve.instrument(info_span!("rtc_peer", way = "address")));
    }
}

async fn welcome_one(shared: Arc<Shared>, arrival: Arrival) {
    let Arrival { newcomer, slot, seat, settled } = arrival;
    let Newcomer { server_ufrag, client_ufrag, client_password, first: _ } = newcomer;
    // The client's fingerprint is unknown and not checked in DTLS; the handshake above binds the
    // one really used.
    let offer = Description::new(client_ufrag, client_password, [0; 32], Setup::ActPass);
    let password = server_password(&shared.certificate.fingerprint());
    let plan = PeerPlan {
        certificate: &shared.certificate,
        options: &shared.options,
        credentials: Credentials { ufrag: server_ufrag, password },
        seats: vec![Seat::Hub(seat)],
        verify_fingerprint: false,
        settled,
        slot,
    };
    let prepare = async {
        let peer = Peer::build(plan).await?;
        peer.answer(&offer).await?;
        Ok::<_, webrtc::error::Error>(peer)
    };
    match timeout(shared.options.limits.connect_deadline, Box::pin(prepare)).await {
        Ok(Ok(peer)) => serve(shared, peer, offer, Way::Address).await,
        Ok(Err(error)) => debug!(%error, "peer could not be prepared"),
        Err(_) => debug!("peer was not prepared in time"),
    }
}

/// From a prepared peer to its end.
async fn serve(shared: Arc<Shared>, mut peer: Peer, offer: Description, way: Way) {
    let deadline = shared.options.limits.connect_deadline;
    let mut stop = shared.stop.subscribe();
    let channel = tokio::select! {
        channel = timeout(deadline, first_channel(&mut peer)) => channel.ok().flatten(),
        _ = stop.wait_for(|stop| *stop) => None,
    };
    let (Some(channel), Some(remote_fingerprint)) = (channel, peer.remote_fingerprint().await) else {
        debug!("peer did not open its channel");
        return;
    };
    let facts = Facts {
        local_fingerprint: shared.certificate.fingerprint(),
        remote_fingerprint,
        remote_addr: peer.remote_addr().await,
        way,
    };
    peer.opened();
    let bytes_max = offer.message_bytes_max.min(shared.options.message_bytes_max);
    let link = Link::new(channel, bytes_max, peer.unread());
    if shared.accepted.try_send(RtcConnection::new(facts, link.clone())).is_err() {
        shared.totals.refused_by_queue.add();
    }
    keep(peer, link, stop).await;
}

/// The peer's channel, if it is the one we speak. The stack does not tell whether the other side
/// opened it as partially reliable; who does so loses messages of its own and nothing else.
async fn first_channel(peer: &mut Peer) -> Option<Arc<dyn DataChannel>> {
    let channel = peer.next_channel().await?;
    let fits = channel.label().await.ok()? == CHANNEL_LABEL && channel.ordered().await.ok()?;
    fits.then_some(channel)
}

fn internal(error: impl fmt::Display) -> RtcAnswerError {
    RtcAnswerError::Internal(error.to_string())
}
