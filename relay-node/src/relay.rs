//! A running relay: everything put together, and taken apart in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mimei_core::address::RelayAddress;
use mimei_core::limits::{PACKET_BYTES_MAX, RELAY_ADDRS_MAX};
use mimei_core::store::StoreError;
use mimei_core::wire::noise::{Binding, Transport};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::control::{self, Control, Reach};
use crate::driver::{Driver, DriverParts, now};
use crate::http::{self, Doors};
use crate::keys::{Keys, KeysError, create_private};
use crate::rtc::{RtcBindError, RtcConnection, RtcEndpoint, RtcOptions};
use crate::store::Store;

/// Why a relay did not start.
#[derive(Debug)]
pub enum StartError {
    /// The data directory cannot be made.
    Directory(io::Error),
    /// Its keys.
    Keys(KeysError),
    /// Its store.
    Store(StoreError),
    /// The web server's port.
    Listen(SocketAddr, io::Error),
    /// The data channels' port.
    Rtc(RtcBindError),
    /// A thread could not be started.
    Thread(io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(error) => write!(f, "cannot use the data directory: {error}"),
            Self::Keys(error) => write!(f, "cannot use the relay's keys: {error}"),
            Self::Store(error) => write!(f, "cannot open the relay's data: {error}"),
            Self::Listen(at, error) => write!(f, "cannot listen on {at}: {error}; choose another with --listen"),
            Self::Rtc(error) => write!(f, "cannot receive data channels: {error}; choose other ports with --rtc"),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A relay that runs until [`Relay::shutdown`].
pub struct Relay {
    doors: Arc<Doors>,
    http_at: SocketAddr,
    server: JoinHandle<io::Result<()>>,
    stop: tokio::sync::oneshot::Sender<()>,
    control: Option<Control>,
    is_welcoming: bool,
}

impl Relay {
    /// Reads or makes keys, opens the store, binds the ports, serves.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        create_private(&config.data).map_err(StartError::Directory)?;
        // The store first: its lock keeps a second relay from making keys beside ours.
        let store = Store::open(&config.data).map_err(StartError::Store)?;
        let keys = Keys::load_or_create(&config.data, now()).map_err(StartError::Keys)?;
        let listener =
            TcpListener::bind(config.listen).await.map_err(|error| StartError::Listen(config.listen, error))?;
        let http_at = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
        let user = keys.log.user();
        let (parts, certificate) = DriverParts::new(keys, store, config.credit.clone());
        let options = RtcOptions {
            announce: config.announce.clone(),
            send_buffer_bytes_max: config.send_buffer_bytes,
            message_bytes_max: PACKET_BYTES_MAX as u32,
            ..RtcOptions::new(rtc_ports(&config, http_at))
        };
        let rtc = RtcEndpoint::bind(options, certificate).await.map_err(StartError::Rtc)?;
        let driver = Driver::start(parts).map_err(StartError::Thread)?;
        let addrs = rtc.announced().into_iter().take(RELAY_ADDRS_MAX).collect();
        let address = RelayAddress { user, addrs, fingerprint: rtc.fingerprint() }.to_string();
        let doors = Arc::new(Doors { driver, rtc, user: user.to_string(), address });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let server = tokio::spawn(serve(listener, doors.clone(), stopped));
        tokio::spawn(accept(doors.clone()));
        let is_welcoming = config.credit.welcome.is_some();
        let mut relay = Self { doors, http_at, server, stop, control: None, is_welcoming };
        let control = Control::start(&config.data, relay.driver().clone(), relay.reach());
        relay.control = control
            .inspect_err(|error| {
                tracing::warn!(%error, "`mimei credit` and the like work only while this relay does not run");
            })
            .ok();
        Ok(relay)
    }

    fn reach(&self) -> Reach {
        Reach { address: self.address().to_owned(), web: format!("http://{}", self.web_address()) }
    }

    /// Host and port for a browser: it trusts `localhost`, not every spelling of the loopback address. A relay that
    /// listens everywhere is where its data channels are announced.
    pub fn web_address(&self) -> String {
        let at = self.http_at;
        let announced = || self.doors.rtc.announced().into_iter().map(|at| at.ip()).find(|ip| !ip.is_loopback());
        let ip = if at.ip().is_unspecified() { announced().unwrap_or(at.ip()) } else { at.ip() };
        if ip.is_loopback() { format!("localhost:{}", at.port()) } else { SocketAddr::new(ip, at.port()).to_string() }
    }

    /// An invite for the owner of a relay at which nobody has an account.
    pub async fn first_invite(&self) -> Option<String> {
        if self.is_welcoming { None } else { control::first_invite(self.driver(), &self.reach()).await }
    }

    /// Where the web server listens.
    pub fn http_at(&self) -> SocketAddr {
        self.http_at
    }

    /// The pasteable address: enough to dial this relay without HTTP.
    pub fn address(&self) -> &str {
        &self.doors.address
    }

    /// The relay's user id.
    pub fn user(&self) -> &str {
        &self.doors.user
    }

    /// The driver, for commands of this process.
    pub fn driver(&self) -> &Driver {
        &self.doors.driver
    }

    /// Takes no more, says goodbye to every peer, and ends.
    pub async fn shutdown(self) {
        if let Some(control) = self.control {
            control.stop();
        }
        let _ = self.stop.send(());
        self.doors.driver.shutdown().await;
        self.doors.rtc.shutdown().await;
        let _ = self.server.await;
    }
}

/// A port of 0 means the web server's, so that one number opens both in a firewall.
fn rtc_ports(config: &Config, http_at: SocketAddr) -> Vec<SocketAddr> {
    let same_port = |at: &SocketAddr| if at.port() == 0 { SocketAddr::new(at.ip(), http_at.port()) } else { *at };
    config.rtc.iter().map(same_port).collect()
}

async fn serve(
    listener: TcpListener,
    doors: Arc<Doors>,
    stopped: tokio::sync::oneshot::Receiver<()>,
) -> io::Result<()> {
    let router = http::router(doors).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async {
        let _ = stopped.await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

async fn accept(doors: Arc<Doors>) {
    while let Some(connection) = doors.rtc.accept().await {
        let binding = binding_of(&connection);
        doors.driver.listen(connection.into(), binding).await;
    }
}

fn binding_of(connection: &RtcConnection) -> Binding {
    // The other side dialled, so its certificate comes first.
    let fingerprints = [connection.remote_fingerprint(), connection.local_fingerprint()];
    Binding { transport: Transport::Rtc, fingerprints: Some(fingerprints) }
}
