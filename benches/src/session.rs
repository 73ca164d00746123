//! B2, native: from nothing to a session in which both sides have proven who
//! they are, and echoes over it. Peer: a bare data channel of the same stack,
//! dialled by address alone, with one message there and back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mimei_core::address::RelayAddress;
use mimei_core::peer::{Command, CreditPolicy, Expect};
use mimei_core::wire::noise::{Binding, Transport};
use relay_node::config::Config;
use relay_node::driver::{Driver, DriverParts, now};
use relay_node::keys::Keys;
use relay_node::relay::Relay;
use relay_node::rtc::{Certificate, DirectTarget, RtcEndpoint, RtcOptions};
use relay_node::store::Store;

use crate::Failure;
use crate::measure::Figure;

const ECHOES: usize = 200;
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(crate) async fn run(pairs: usize) -> Result<(), Failure> {
    println!("sessions over data channels, native, loopback: ours against a bare channel of the same stack");
    let directory = tempfile::tempdir()?;
    let relay = Relay::start(config(directory.path().join("relay"))).await?;
    let address: RelayAddress = relay.address().parse()?;
    let dialer = Dialer::new(&directory.path().join("dialer")).await?;
    let (raw, raw_target) = raw_echo().await?;
    let mut set_up = Figure::new("B2 set-up, proven on both sides, against a bare channel");
    let mut echo = Figure::new(format!("B2 {ECHOES} round trips, against a bare channel"));
    for _ in 0..pairs {
        let (ours, peer) = if set_up.ours_first() {
            let ours = dialer.session(&address).await?;
            (ours, raw_session(&dialer.rtc, &raw_target).await?)
        } else {
            let peer = raw_session(&dialer.rtc, &raw_target).await?;
            (dialer.session(&address).await?, peer)
        };
        set_up.push(ours.set_up, peer.set_up);
        echo.push(ours.echoes, peer.echoes);
    }
    set_up.print();
    echo.print();
    raw.shutdown().await;
    relay.shutdown().await;
    Ok(())
}

struct Times {
    set_up: Duration,
    echoes: Duration,
}

struct Dialer {
    rtc: RtcEndpoint,
    driver: Driver,
}

fn config(data: std::path::PathBuf) -> Config {
    Config {
        data,
        listen: LOOPBACK,
        rtc: vec![LOOPBACK],
        announce: vec![],
        send_buffer_bytes: 64 << 10,
        credit: CreditPolicy::open(),
    }
}

impl Dialer {
    async fn new(directory: &std::path::Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(directory)?;
        let keys = Keys::load_or_create(directory, now())?;
        let store = Store::open(directory)?;
        let (parts, certificate) = DriverParts::new(keys, store, CreditPolicy::open());
        let rtc = RtcEndpoint::bind(RtcOptions::new(vec![LOOPBACK]), certificate).await?;
        let driver = Driver::start(parts)?;
        Ok(Self { rtc, driver })
    }

    async fn session(&self, address: &RelayAddress) -> Result<Times, Failure> {
        let start = Instant::now();
        let target = DirectTarget { addrs: address.addrs.clone(), fingerprint: address.fingerprint };
        let connection = self.rtc.dial(target).await?;
        let fingerprints = [connection.local_fingerprint(), connection.remote_fingerprint()];
        let binding = Binding { transport: Transport::Rtc, fingerprints: Some(fingerprints) };
        let id = self.driver.dialled(connection.into(), binding, Expect::User(address.user)).await?;
        let set_up = start.elapsed();
        let start = Instant::now();
        for _ in 0..ECHOES {
            self.driver.command(Command::Ping(id)).await?;
        }
        let echoes = start.elapsed();
        self.driver.command(Command::Disconnect(id)).await?;
        Ok(Times { set_up, echoes })
    }
}

/// An endpoint that sends back whatever arrives.
async fn raw_echo() -> Result<(Arc<RtcEndpoint>, DirectTarget), Failure> {
    let certificate = Certificate::from_pem(&Certificate::generate()?)?;
    let fingerprint = certificate.fingerprint();
    let endpoint = Arc::new(RtcEndpoint::bind(RtcOptions::new(vec![LOOPBACK]), certificate).await?);
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(connection) = accepting.accept().await {
            tokio::spawn(async move {
                let (sender, mut receiver) = connection.split();
                while let Some(message) = receiver.recv().await {
                    if sender.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let target = DirectTarget { addrs: endpoint.announced(), fingerprint };
    Ok((endpoint, target))
}

async fn raw_session(rtc: &RtcEndpoint, target: &DirectTarget) -> Result<Times, Failure> {
    let start = Instant::now();
    let connection = rtc.dial(target.clone()).await?;
    let (sender, mut receiver) = connection.split();
    sender.send(Bytes::from_static(b"first")).await?;
    receiver.recv().await.ok_or("the bare channel closed")?;
    let set_up = start.elapsed();
    let start = Instant::now();
    for _ in 0..ECHOES {
        // As long as a ping of ours.
        sender.send(Bytes::from_static(&[1; 24])).await?;
        receiver.recv().await.ok_or("the bare channel closed")?;
    }
    let echoes = start.elapsed();
    sender.close();
    Ok(Times { set_up, echoes })
}
