//! The relay's driver: one thread that feeds the state machine and carries out
//! what it asks for.
//!
//! ```text
//! transports ── Connected, Received, Sent, Closed ─▶ ┌────────┐ ── Send, Close ─▶ transports
//! commands   ── Command ───────────────────────────▶ │  Peer  │ ── Outcome ─────▶ commands
//! store      ── Done ──────────────────────────────▶ └────────┘ ── Job ─────────▶ store, keys
//! ```
//!
//! Its twin in the browser is `client-wasm/src/driver.rs`.

mod pump;

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mimei_core::peer::{
    Command, CommandError, CommandId, ConnectionId, CreditPolicy, Event, Expect, FetchError, Input, Job, JobDone,
    JobId, Outcome, Output, Peer, PeerConfig,
};
use mimei_core::secret::DeviceSecrets;
use mimei_core::time::Millis;
use mimei_core::wire::noise::{Binding, Role};
use tokio::sync::{mpsc, oneshot, watch};

use crate::keys::{Keys, fresh_seed};
use crate::rtc::Certificate;
use crate::store::Store;

pub use pump::{Incoming, Outgoing, Pumped};

/// Things that may wait for the driver. Senders wait for room, which holds the network back.
const INBOX_MAX: usize = 1024;
/// How long an orderly end waits for the disk.
const WRITING_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// The time by the system's clock.
pub fn now() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64))
}

/// Numbers that a dashboard shows and a test reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Counts {
    /// Connections that are open or in their handshake.
    pub connections: usize,
    /// Connections whose other side has proven who it is.
    pub sessions: usize,
}

pub(crate) enum ToDriver {
    Connect { transport: Pumped, role: Role, binding: Binding, expect: Expect, opened: Option<Opened> },
    Input(Input),
    Command { command: Command, answer: oneshot::Sender<Result<Outcome, CommandError>> },
    Shutdown(oneshot::Sender<()>),
}

/// Told once whether a connection became a session.
pub type Opened = oneshot::Sender<Result<ConnectionId, String>>;

/// The way to a running driver. The driver ends with the last clone.
#[derive(Clone)]
pub struct Driver {
    inbox: mpsc::Sender<ToDriver>,
    counts: watch::Receiver<Counts>,
    accounts: watch::Receiver<u64>,
}

impl DriverParts {
    /// A peer with these keys and this store that serves on such credit, and the certificate that is left for its
    /// data channels.
    pub fn new(keys: Keys, store: Store, credit: CreditPolicy) -> (Self, Certificate) {
        let Keys { device, log, vault, certificate } = keys;
        let config = PeerConfig { device: device.keys().sign, log, vault, credit };
        (Self { config, device, store }, certificate)
    }
}

/// What a driver's thread is made of.
pub struct DriverParts {
    /// Who the peer is.
    pub config: PeerConfig,
    /// Signs for it.
    pub device: DeviceSecrets,
    /// Keeps for it.
    pub store: Store,
}

impl Driver {
    /// Starts the thread.
    pub fn start(parts: DriverParts) -> std::io::Result<Self> {
        let (inbox, waiting) = mpsc::channel(INBOX_MAX);
        let (counts_out, counts) = watch::channel(Counts::default());
        let (accounts_out, accounts) = watch::channel(0);
        let runtime = tokio::runtime::Handle::current();
        let weak = inbox.downgrade();
        std::thread::Builder::new().name("peer".into()).spawn(move || {
            let machine =
                Machine::new(parts, weak, runtime.clone(), Said { counts: counts_out, accounts: accounts_out });
            runtime.block_on(machine.run(waiting));
        })?;
        Ok(Self { inbox, counts, accounts })
    }

    /// Hands over a transport on which the other side will dial.
    pub async fn listen(&self, transport: Pumped, binding: Binding) {
        self.connect(transport, Role::Listener, binding, Expect::Anyone, None).await;
    }

    /// Hands over a transport that we dialled, and waits until its session is open.
    ///
    /// # Errors
    /// A sentence that says why there is no session.
    pub async fn dialled(&self, transport: Pumped, binding: Binding, expect: Expect) -> Result<ConnectionId, String> {
        let (opened, outcome) = oneshot::channel();
        self.connect(transport, Role::Dialer, binding, expect, Some(opened)).await;
        outcome.await.unwrap_or_else(|_| Err("this peer is shutting down".into()))
    }

    async fn connect(&self, transport: Pumped, role: Role, binding: Binding, expect: Expect, opened: Option<Opened>) {
        let message = ToDriver::Connect { transport, role, binding, expect, opened };
        // A driver that has ended drops the transport, which closes it.
        let _ = self.inbox.send(message).await;
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// What the command failed of.
    pub async fn command(&self, command: Command) -> Result<Outcome, CommandError> {
        let (answer, outcome) = oneshot::channel();
        let _ = self.inbox.send(ToDriver::Command { command, answer }).await;
        outcome.await.unwrap_or(Err(CommandError::NotConnected))
    }

    /// Says goodbye on every session and ends the thread.
    pub async fn shutdown(&self) {
        let (ended, end) = oneshot::channel();
        let _ = self.inbox.send(ToDriver::Shutdown(ended)).await;
        let _ = end.await;
    }

    /// Changes whenever an account does.
    pub fn accounts(&self) -> watch::Receiver<u64> {
        self.accounts.clone()
    }

    /// The newest counts.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Returns when no session is open, or the driver ended.
    pub async fn sessions_ended(&self) {
        let _ = self.counts.clone().wait_for(|counts| counts.sessions == 0).await;
    }
}

struct Line {
    outgoing: Outgoing,
    opened: Option<Opened>,
    is_session: bool,
}

/// What others hear of the machine.
struct Said {
    counts: watch::Sender<Counts>,
    accounts: watch::Sender<u64>,
}

struct Machine {
    peer: Peer,
    device: DeviceSecrets,
    store: Store,
    inbox: mpsc::WeakSender<ToDriver>,
    runtime: tokio::runtime::Handle,
    said: Said,
    lines: HashMap<ConnectionId, Line>,
    answers: HashMap<CommandId, oneshot::Sender<Result<Outcome, CommandError>>>,
    next_id: u64,
    timer: Option<Millis>,
    /// Changes that the store has not answered.
    applying: usize,
}

impl Machine {
    fn new(parts: DriverParts, inbox: mpsc::WeakSender<ToDriver>, runtime: tokio::runtime::Handle, said: Said) -> Self {
        Self {
            peer: Peer::new(parts.config),
            device: parts.device,
            store: parts.store,
            inbox,
            runtime,
            said,
            lines: HashMap::new(),
            answers: HashMap::new(),
            next_id: 1,
            timer: None,
            applying: 0,
        }
    }

    async fn run(mut self, mut waiting: mpsc::Receiver<ToDriver>) {
        loop {
            let until =
                self.timer.map_or(Duration::from_secs(3600), |at| Duration::from_millis(at.0 - now().0.min(at.0)));
            match tokio::time::timeout(until, waiting.recv()).await {
                Ok(Some(ToDriver::Shutdown(ended))) => {
                    self.say_goodbye();
                    self.finish_writing(&mut waiting).await;
                    let _ = ended.send(());
                    return;
                }
                Ok(Some(message)) => self.take(message),
                Ok(None) => return,
                Err(_) => {
                    self.timer = None;
                    self.handle(Input::Tick);
                }
            }
            self.said.counts.send_replace(Counts {
                connections: self.peer.connections(),
                sessions: self.lines.values().filter(|line| line.is_session).count(),
            });
        }
    }

    /// What is being written reaches the disk: counts are written when a session ends.
    async fn finish_writing(&mut self, waiting: &mut mpsc::Receiver<ToDriver>) {
        while self.applying > 0 {
            match tokio::time::timeout(WRITING_ENDS_WITHIN, waiting.recv()).await {
                Ok(Some(ToDriver::Input(input))) => self.handle(input),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn say_goodbye(&mut self) {
        let connections: Vec<_> = self.lines.keys().copied().collect();
        for connection in connections {
            let id = self.fresh_id();
            self.handle(Input::Command { id, command: Command::Disconnect(connection) });
        }
    }

    fn take(&mut self, message: ToDriver) {
        let input = match message {
            ToDriver::Shutdown(_) => return,
            ToDriver::Input(input) => input,
            ToDriver::Command { command, answer } => {
                let id = self.fresh_id();
                self.answers.insert(id, answer);
                Input::Command { id, command }
            }
            ToDriver::Connect { transport, role, binding, expect, opened } => {
                let connection = self.fresh_id();
                let outgoing = match self.inbox.upgrade() {
                    Some(inbox) => pump::start(&self.runtime, transport, connection, inbox),
                    None => Outgoing::closed(),
                };
                self.lines.insert(connection, Line { outgoing, opened, is_session: false });
                Input::Connected { connection, role, binding, expect, seed: fresh_seed() }
            }
        };
        self.handle(input);
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// One input and everything that follows from it at once.
    fn handle(&mut self, input: Input) {
        tracing::trace!(?input, "input");
        if matches!(input, Input::Done { done: JobDone::Applied(_), .. }) {
            self.applying -= 1;
        }
        self.peer.handle(now(), input);
        while let Some(output) = self.peer.poll_output() {
            tracing::trace!(?output, "output");
            match output {
                Output::Send { connection, bytes } => self.send(connection, bytes),
                Output::Close { connection } => self.close(connection),
                Output::Job { id, job } => self.job(id, job),
                Output::Timer(at) => self.timer = Some(at),
                Output::Outcome { id, outcome } => self.answer(id, outcome),
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn send(&mut self, connection: ConnectionId, bytes: Vec<u8>) {
        if let Some(line) = self.lines.get(&connection) {
            line.outgoing.send(Bytes::from(bytes));
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        if let Some(line) = self.lines.get(&connection) {
            line.outgoing.close();
        }
    }

    fn job(&mut self, id: JobId, job: Job) {
        let done = match job {
            Job::Sign { domain, record } => JobDone::Signed(self.device.sign(domain, &record)),
            Job::Row(key) => JobDone::Row(self.store.row(&key)),
            Job::Scan(scan) => JobDone::Rows(self.store.scan(&scan)),
            Job::Block(cid) => JobDone::Block(self.store.block(&cid)),
            Job::Apply(batch) => return self.apply(id, batch),
            // No connection here was said to have a way by HTTP.
            Job::Fetch { .. } => JobDone::Fetched(Err(FetchError::Failed)),
        };
        self.peer.handle(now(), Input::Done { job: id, done });
    }

    fn apply(&mut self, id: JobId, batch: mimei_core::store::Batch) {
        self.applying += 1;
        let (store, inbox) = (self.store.clone(), self.inbox.clone());
        self.runtime.spawn(async move {
            let done = JobDone::Applied(store.apply(batch).await);
            if let Some(inbox) = inbox.upgrade() {
                let _ = inbox.send(ToDriver::Input(Input::Done { job: id, done })).await;
            }
        });
    }

    fn answer(&mut self, id: CommandId, outcome: Result<Outcome, CommandError>) {
        if let Some(answer) = self.answers.remove(&id) {
            let _ = answer.send(outcome);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::SessionOpened { connection, user, .. } => {
                tracing::debug!(connection, %user, "session opened");
                if let Some(line) = self.lines.get_mut(&connection) {
                    line.is_session = true;
                    line.opened.take().map(|opened| opened.send(Ok(connection)));
                }
            }
            Event::SessionClosed { connection, code, message } => {
                tracing::debug!(connection, code, message, "session closed");
                if let Some(opened) = self.lines.remove(&connection).and_then(|line| line.opened) {
                    let _ = opened.send(Err(message));
                }
            }
            // Nobody watches the screen of a relay.
            Event::IdentityChanged => tracing::debug!("a device of this user was added or removed"),
            Event::ItemChanged { mimei } => tracing::debug!(%mimei, "changed"),
            Event::CreditChanged => self.said.accounts.send_modify(|changes| *changes += 1),
        }
    }
}
