use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use mimei_core::address::RelayAddress;
use mimei_core::peer::{
    Command, CommandError, ConnectionId, CreditCommand, CreditOutcome, CreditPolicy, Expect, ItemCommand, ItemOutcome,
    Outcome,
};
use mimei_core::wire::noise::{Binding, Transport};

use super::waiting::{Turn, Waiting};
use super::{Failure, explained};
use crate::driver::{Driver, DriverParts, now};
use crate::keys::{Keys, create_private};
use crate::rtc::{Certificate, DirectTarget, RtcEndpoint, RtcOptions};
use crate::store::Store;

/// Remembers the relay that was used last.
const RELAY_FILE: &str = "relay";

/// Why nobody waits any longer for more credit.
const ALONE: &str = "the relay went away while this waited for more credit; what was done is kept, so give the same \
                     command again";

/// Somebody with an identity, a store and, once connected, a relay.
pub struct Person {
    directory: PathBuf,
    driver: Driver,
    certificate: Option<Certificate>,
    rtc: Option<RtcEndpoint>,
    waiting: Waiting,
}

impl Person {
    /// Opens the data directory, or makes an identity in it.
    ///
    /// # Errors
    /// If another program works with it or it cannot be used.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        create_private(directory).map_err(|error| format!("cannot use {}: {error}", directory.display()))?;
        let store = Store::open(directory)?;
        let keys = Keys::load_or_create(directory, now())?;
        let (parts, certificate) = DriverParts::new(keys, store, CreditPolicy::default());
        let driver = Driver::start(parts)?;
        Ok(Self {
            directory: directory.to_owned(),
            driver,
            certificate: Some(certificate),
            rtc: None,
            waiting: Waiting::default(),
        })
    }

    /// The relay that was used last.
    pub fn last_relay(&self) -> Option<RelayAddress> {
        std::fs::read_to_string(self.directory.join(RELAY_FILE)).ok()?.trim().parse().ok()
    }

    /// Makes a relay the default of the next calls.
    pub fn remember(&self, relay: &RelayAddress) {
        // Only a convenience: without it the next call needs --to.
        let _ = std::fs::write(self.directory.join(RELAY_FILE), relay.to_string());
    }

    /// Opens a session with the first relay that answers.
    ///
    /// # Errors
    /// What the last one failed of.
    pub async fn connect(&mut self, relays: &[RelayAddress]) -> Result<ConnectionId, Failure> {
        let mut failed: Failure = "no relay is named".into();
        for relay in relays {
            match self.dial(relay).await {
                Ok(session) => return Ok(session),
                Err(error) => failed = format!("cannot reach relay {}: {error}", relay.user).into(),
            }
        }
        Err(failed)
    }

    async fn dial(&mut self, relay: &RelayAddress) -> Result<ConnectionId, Failure> {
        if self.rtc.is_none() {
            let certificate = self.certificate.take().ok_or("the certificate is in use")?;
            self.rtc = Some(RtcEndpoint::bind(RtcOptions::new(sockets_for(relay)), certificate).await?);
        }
        let rtc = self.rtc.as_ref().ok_or("there is no socket")?;
        let target = DirectTarget { addrs: relay.addrs.clone(), fingerprint: relay.fingerprint };
        let connection = rtc.dial(target).await?;
        let fingerprints = [connection.local_fingerprint(), connection.remote_fingerprint()];
        let binding = Binding { transport: Transport::Rtc, fingerprints: Some(fingerprints) };
        Ok(self.driver.dialled(connection.into(), binding, Expect::User(relay.user)).await?)
    }

    /// Carries out a command about a MiMei. Where the credit line ends it says so and waits until there is more.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub async fn item(&self, command: ItemCommand) -> Result<ItemOutcome, Failure> {
        let mut accounts = self.driver.accounts();
        let mut turn: Option<Turn<'_>> = None;
        loop {
            // What changes from here on is not missed.
            accounts.mark_unchanged();
            match self.driver.command(Command::Item(command.clone())).await {
                Ok(Outcome::Item(outcome)) => return Ok(outcome),
                Ok(other) => return Err(format!("an outcome of another kind: {other:?}").into()),
                Err(CommandError::Item { code: "credit.paused", message }) => {
                    turn.get_or_insert_with(|| self.waiting.begin()).say(&message);
                    tokio::select! {
                        changed = accounts.changed() => changed.map_err(|_| "this program is ending")?,
                        () = self.driver.sessions_ended() => return Err(ALONE.into()),
                    }
                }
                Err(error) => return Err(explained(error)),
            }
        }
    }

    /// What an earlier command could not send is sent by this one, as it was promised then. What fails again waits on.
    async fn send_rest(&self) {
        let carried_out = async |command| match self.driver.command(Command::Item(command)).await {
            Ok(Outcome::Item(outcome)) => Some(outcome),
            _ => None,
        };
        let Some(ItemOutcome::Mimeis(known)) = carried_out(ItemCommand::Known).await else { return };
        for mimei in known {
            let Some(ItemOutcome::Item { view, .. }) = carried_out(ItemCommand::View(mimei)).await else { continue };
            if view.is_waiting {
                carried_out(ItemCommand::Settle { mimei }).await;
            }
        }
    }

    /// Carries out a command about an account.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub async fn credit(&self, command: CreditCommand) -> Result<CreditOutcome, Failure> {
        match self.driver.command(Command::Credit(command)).await {
            Ok(Outcome::Credit(outcome)) => Ok(outcome),
            Ok(other) => Err(format!("an outcome of another kind: {other:?}").into()),
            // A refusal here is about an invite or an account, never about a MiMei.
            Err(CommandError::Refused(refusal)) => Err(refusal.message.into()),
            Err(error) => Err(explained(error)),
        }
    }

    /// Says goodbye to the relay.
    pub async fn leave(self) {
        if self.rtc.is_some() {
            self.send_rest().await;
        }
        self.driver.shutdown().await;
        if let Some(rtc) = self.rtc {
            rtc.shutdown().await;
        }
    }
}

/// One socket for each address family of the relay; a relay on this machine is called from this machine.
fn sockets_for(relay: &RelayAddress) -> Vec<SocketAddr> {
    let any_port = |is_v4: bool, is_loopback: bool| -> SocketAddr {
        match (is_v4, is_loopback) {
            (true, true) => (Ipv4Addr::LOCALHOST, 0).into(),
            (true, false) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            (false, true) => (Ipv6Addr::LOCALHOST, 0).into(),
            (false, false) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }
    };
    let of = |is_v4: bool| relay.addrs.iter().filter(move |at| at.is_ipv4() == is_v4);
    let families = [true, false].into_iter().filter(|is_v4| of(*is_v4).next().is_some());
    families.map(|is_v4| any_port(is_v4, of(is_v4).all(|at| at.ip().is_loopback()))).collect()
}
