//! The native client: dials a relay by address, or by an offer that somebody carries over HTTP.
//!
//! ```text
//!   by address: our offer (kept) + an answer made up from the address  -> ICE, DTLS, channel
//!   signalled:  our offer -> HTTP -> relay;  its answer -> HTTP -> us   -> ICE, DTLS, channel
//! ```
//!
//! Each dial has sockets of its own: on the shared port two relays that dial each other would be
//! one pair of addresses with two DTLS sessions. Attack stopped: a false relay. The certificate
//! of DTLS is compared with the fingerprint of the address or the answer before anybody gets the
//! connection.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::time::timeout;
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use super::connection::{Facts, Link, RtcConnection, Way, keep};
use super::direct::{DirectTarget, server_password, server_ufrag};
use super::endpoint::Shared;
use super::errors::RtcDialError;
use super::hub::bind_udp;
use super::limits::ADDRS_MAX;
use super::peer::{Credentials, Peer, PeerPlan};
use super::sdp::{Description, Setup};
use super::sockets::Seat;

/// An offer that waits for its answer. Dropping it gives up.
pub struct PendingDial {
    started: Started,
    shared: Arc<Shared>,
    sdp: String,
}

impl PendingDial {
    /// The offer, to be posted to the relay.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// Connects to the relay that gave `answer_sdp`.
    pub async fn finish(self, answer_sdp: &str) -> Result<RtcConnection, RtcDialError> {
        let answer = Description::parse_answer(answer_sdp).map_err(RtcDialError::Answer)?;
        self.started.finish(&self.shared, answer, Way::Signalled).await
    }
}

impl fmt::Debug for PendingDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingDial")
    }
}

/// Dials `target` by address alone.
pub(super) async fn dial(shared: &Arc<Shared>, target: DirectTarget) -> Result<RtcConnection, RtcDialError> {
    let usable = |addr: &SocketAddr| addr.port() != 0 && !addr.ip().is_unspecified();
    if target.addrs.is_empty() || target.addrs.len() > ADDRS_MAX || !target.addrs.iter().all(usable) {
        return Err(RtcDialError::Addresses);
    }
    let has = |is_ipv4: bool| target.addrs.iter().any(|addr| addr.is_ipv4() == is_ipv4);
    let started = Started::new(shared, has(true), has(false)).await?;
    let ufrag = server_ufrag(&started.credentials.password);
    let password = server_password(&target.fingerprint);
    let answer = Description {
        candidates: target.addrs,
        ..Description::new(ufrag, password, target.fingerprint, Setup::Passive)
    };
    started.finish(shared, answer, Way::Address).await
}

/// Makes an offer that says nothing but who we are: no candidates, as the relay wants none.
pub(super) async fn offer(shared: &Arc<Shared>) -> Result<PendingDial, RtcDialError> {
    let started = Started::new(shared, true, true).await?;
    let Credentials { ufrag, password } = started.credentials.clone();
    let fingerprint = shared.certificate.fingerprint();
    let mut offer = Description::new(ufrag, password, fingerprint, Setup::ActPass);
    offer.message_bytes_max = shared.options.message_bytes_max;
    Ok(PendingDial { started, shared: shared.clone(), sdp: offer.to_sdp() })
}

/// A peer connection with its channel and offer, before it knows whom it talks to.
struct Started {
    peer: Peer,
    channel: Arc<dyn DataChannel>,
    credentials: Credentials,
}

impl Started {
    async fn new(shared: &Arc<Shared>, ipv4: bool, ipv6: bool) -> Result<Self, RtcDialError> {
        let credentials = Credentials::random().map_err(internal)?;
        let plan = PeerPlan {
            certificate: &shared.certificate,
            options: &shared.options,
            credentials: credentials.clone(),
            seats: own_seats(ipv4, ipv6).map_err(RtcDialError::Socket)?,
            // `finish` compares it, as the stack would only fall silent.
            verify_fingerprint: false,
            settled: Arc::default(),
            slot: shared.admission.admit_dialled(),
        };
        let prepare = async {
            let peer = Peer::build(plan).await.map_err(internal)?;
            let channel = peer.offer().await.map_err(internal)?;
            Ok(Self { peer, channel, credentials })
        };
        shared.within_deadline(Box::pin(prepare)).await?
    }

    async fn finish(
        mut self,
        shared: &Arc<Shared>,
        answer: Description,
        way: Way,
    ) -> Result<RtcConnection, RtcDialError> {
        let expected = answer.fingerprint;
        self.peer.take_answer(&answer).await.map_err(internal)?;
        let opened = shared.within_deadline(opened(&self.channel, &mut self.peer)).await;
        let found = self.peer.remote_fingerprint().await;
        if let Some(found) = found
            && found != expected
        {
            return Err(RtcDialError::Fingerprint { expected, found });
        }
        let (true, Some(remote_fingerprint)) = (opened?, found) else {
            return Err(RtcDialError::Refused);
        };
        self.peer.opened();
        let facts = Facts {
            local_fingerprint: shared.certificate.fingerprint(),
            remote_fingerprint,
            remote_addr: self.peer.remote_addr().await,
            way,
        };
        let bytes_max = answer.message_bytes_max.min(shared.options.message_bytes_max);
        let link = Link::new(self.channel, bytes_max, self.peer.unread());
        tokio::spawn(keep(self.peer, link.clone(), shared.stop.subscribe()));
        Ok(RtcConnection::new(facts, link))
    }
}

/// Whether the channel opened; `false` when the other side closed it or was lost.
async fn opened(channel: &Arc<dyn DataChannel>, peer: &mut Peer) -> bool {
    let open = async {
        while let Some(event) = channel.poll().await {
            match event {
                DataChannelEvent::OnOpen => return true,
                DataChannelEvent::OnClose => return false,
                _ => {}
            }
        }
        false
    };
    tokio::select! {
        open = open => open,
        () = peer.lost() => false,
    }
}

impl Shared {
    async fn within_deadline<T>(&self, work: impl Future<Output = T>) -> Result<T, RtcDialError> {
        let deadline = self.options.limits.connect_deadline;
        let mut stop = self.stop.subscribe();
        tokio::select! {
            done = timeout(deadline, work) => done.map_err(|_| RtcDialError::Timeout(deadline)),
            _ = stop.wait_for(|stop| *stop) => Err(RtcDialError::Closed),
        }
    }
}

/// One wildcard socket of each family asked for that this machine has.
fn own_seats(ipv4: bool, ipv6: bool) -> io::Result<Vec<Seat>> {
    let wildcards: [(bool, SocketAddr); 2] =
        [(ipv4, (Ipv4Addr::UNSPECIFIED, 0).into()), (ipv6, (Ipv6Addr::UNSPECIFIED, 0).into())];
    let wanted = wildcards.into_iter().filter(|(wanted, _)| *wanted);
    let (bound, failed): (Vec<_>, Vec<_>) = wanted.map(|(_, addr)| bind_udp(addr)).partition(Result::is_ok);
    let seats: Vec<_> = bound.into_iter().flatten().map(Seat::Own).collect();
    match failed.into_iter().find_map(Result::err) {
        Some(error) if seats.is_empty() => Err(error),
        _ => Ok(seats),
    }
}

fn internal(error: impl fmt::Display) -> RtcDialError {
    RtcDialError::Internal(error.to_string())
}
