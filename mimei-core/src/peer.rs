//! The state machine that every driver runs: a tab, a relay, the command line.
//!
//! A driver calls [`Peer::handle`] with one input at a time and then drains
//! [`Peer::poll_output`]. Nothing else changes a peer, and a peer changes
//! nothing else: it has no socket, no clock, no randomness and no signing key.
//! Signing and storing are [`Job`]s that the driver carries out; a
//! [`Vault`](crate::vault::Vault) seals and opens data for it.

mod calls;
mod connection;
mod credit;
mod effects;
mod handshake;
mod items;
mod logs;
mod serve;
mod session;
mod task;

use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

pub use credit::{AccountView, Blocked, CreditCommand, CreditOutcome, CreditPolicy, NewInvite, SponsoredView, Terms};
pub use effects::{FetchError, Job, JobDone, JobId};
pub use items::{
    Edit, FileEntry, ForkView, ItemCommand, ItemName, ItemOutcome, ItemView, NewFile, NewItem, ShareTo, ShareView,
    SharedWith, TipView, UploadPart, UploadView, VersionView,
};

use crate::cid::{Cid, MimeiId, UserId};
use crate::identity::IdentityLog;
use crate::seeded::Seed;
use crate::sign::SignKey;
use crate::time::Millis;
use crate::vault::Vault;
use crate::wire::noise::{Binding, Role};
use crate::wire::{Refusal, TicketSecret};
use connection::Connection;
use effects::Effects;
use items::Items;
use task::Tasks;

/// Names one connection between the machine and its driver. Never used twice.
pub type ConnectionId = u64;
/// Names one command between the machine and its driver.
pub type CommandId = u64;

/// Whom a dialer expects to meet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// This user: from an address, an invite, or the page's own origin.
    User(UserId),
    /// Whoever is there the first time, and the same ever after. The text names the place.
    FirstUse(String),
    /// Anyone: a listener is called by whoever knows it.
    Anyone,
}

/// How sure a session is about who the other side is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// It is who the address named.
    Expected,
    /// It is who was met at this place before.
    Pinned,
    /// It was met at this place for the first time.
    FirstUse,
    /// It called us.
    Caller,
}

/// What happened to the machine.
#[derive(Debug)]
pub enum Input {
    /// A transport is ready; the handshake may begin.
    Connected {
        /// Chosen by the driver, never used before.
        connection: ConnectionId,
        /// Our side of it.
        role: Role,
        /// What carries the packets.
        binding: Binding,
        /// Whom we expect.
        expect: Expect,
        /// Fresh randomness for this session's keys.
        seed: Seed,
    },
    /// A packet arrived.
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// As the transport carried it.
        bytes: Vec<u8>,
    },
    /// So many bytes more of what we output were really sent.
    Sent {
        /// On which connection.
        connection: ConnectionId,
        /// How many bytes since the last time.
        bytes: u64,
    },
    /// Blocks may be asked for by [`Job::Fetch`] beside a connection, from now on.
    Fetchable {
        /// Which connection.
        connection: ConnectionId,
    },
    /// A transport ended.
    Closed {
        /// Which connection.
        connection: ConnectionId,
    },
    /// A job is done.
    Done {
        /// Which job.
        job: JobId,
        /// What it brought.
        done: JobDone,
    },
    /// Somebody wants something of this peer.
    Command {
        /// Chosen by the driver.
        id: CommandId,
        /// What.
        command: Command,
    },
    /// Time passed, nothing else.
    Tick,
}

/// What a driver may want of its peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Measure a round trip; answered by [`Outcome::RoundTrip`].
    Ping(ConnectionId),
    /// Close a connection, saying so; answered by [`Outcome::Done`].
    Disconnect(ConnectionId),
    /// The devices of this user, as far as they are known here; answered by [`Outcome::Devices`].
    Devices,
    /// A block for whoever shows a ticket of a session; answered by [`Outcome::Block`].
    Block {
        /// What was shown.
        ticket: TicketSecret,
        /// Which block.
        cid: Cid,
    },
    /// Something with a MiMei; answered by [`Outcome::Item`].
    Item(ItemCommand),
    /// Something with an account; answered by [`Outcome::Credit`].
    Credit(CreditCommand),
}

/// What a command led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was done.
    Done,
    /// A round trip in milliseconds.
    RoundTrip {
        /// By the driver's clock.
        ms: u64,
    },
    /// The devices, the first one first.
    Devices(Vec<DeviceView>),
    /// The block, which is counted as served.
    Block(Vec<u8>),
    /// What a command about a MiMei led to.
    Item(ItemOutcome),
    /// What a command about an account led to.
    Credit(CreditOutcome),
}

/// A device of this user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceView {
    /// What it signs with.
    pub device: SignKey,
    /// When it was certified, by the clock of who did that.
    pub added: Millis,
    /// Whether it was revoked since.
    pub is_revoked: bool,
}

/// What the machine wants of its driver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send a packet.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// As the transport is to carry it.
        bytes: Vec<u8>,
    },
    /// Close a transport when what was output before has been sent.
    Close {
        /// Which connection.
        connection: ConnectionId,
    },
    /// Do a job and answer with [`Input::Done`].
    Job {
        /// Its name in the answer.
        id: JobId,
        /// What to do.
        job: Job,
    },
    /// Call [`Peer::handle`] at this moment at the latest. A new one replaces the last.
    Timer(Millis),
    /// A command is over.
    Outcome {
        /// Which command.
        id: CommandId,
        /// What it led to.
        outcome: Result<Outcome, CommandError>,
    },
    /// Something that a person or program may want to know.
    Event(Event),
}

/// Why a command failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// There is no session on that connection, or it ended meanwhile.
    NotConnected,
    /// No answer came in time.
    TimedOut,
    /// The other side refused.
    Refused(Refusal),
    /// The other side answered something else than was asked.
    WrongAnswer,
    /// A MiMei could not be read or changed.
    Item {
        /// For programs: stable.
        code: &'static str,
        /// For people.
        message: String,
    },
}

impl core::fmt::Display for CommandError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotConnected => f.write_str("not connected"),
            Self::TimedOut => f.write_str("no answer came in time"),
            Self::Refused(refusal) => f.write_str(&refusal.message),
            Self::WrongAnswer => f.write_str("the other side answered something else than was asked"),
            Self::Item { message, .. } => f.write_str(message),
        }
    }
}

impl core::error::Error for CommandError {}

/// What a peer reports of its own accord.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The other side of a connection has proven who it is.
    SessionOpened {
        /// Which connection.
        connection: ConnectionId,
        /// Who.
        user: UserId,
        /// By which device.
        device: SignKey,
        /// How sure that is.
        trust: Trust,
    },
    /// A connection ended, before or after its session opened.
    SessionClosed {
        /// Which connection.
        connection: ConnectionId,
        /// For programs: stable.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// The identity log of this user has grown: a device was added or removed.
    IdentityChanged,
    /// There is something new about a MiMei that is open here.
    ItemChanged {
        /// Which.
        mimei: MimeiId,
    },
    /// An account of this peer has changed: a line, what was signed, what was served.
    CreditChanged,
}

/// Who a peer is.
pub struct PeerConfig {
    /// The device that signs for it.
    pub device: SignKey,
    /// The identity log of its user, in which that device is valid.
    pub log: IdentityLog,
    /// What opens and seals the data.
    pub vault: Vault,
    /// How it serves others on credit.
    pub credit: CreditPolicy,
}

/// What tasks of one peer share.
pub(crate) struct Shared {
    me: Weak<Shared>,
    pub(crate) effects: Effects,
    pub(crate) device: SignKey,
    pub(crate) log: RefCell<IdentityLog>,
    /// Whether what the store has of that log was taken up.
    pub(crate) own_log_is_whole: Cell<bool>,
    pub(crate) connections: RefCell<BTreeMap<ConnectionId, Rc<Connection>>>,
    pub(crate) vault: RefCell<Vault>,
    pub(crate) items: Items,
    pub(crate) recent: items::Recent,
    pub(crate) policy: CreditPolicy,
    pub(crate) accounts: credit::Accounts,
    pub(crate) tickets: serve::Tickets,
}

impl Shared {
    /// For a task, which outlives the borrow.
    pub(crate) fn to_rc(&self) -> Rc<Self> {
        self.me.upgrade().expect("what is borrowed is alive")
    }

    /// The same, with a connection that is still there.
    pub(crate) fn for_task(&self, connection: &Connection) -> Option<(Rc<Self>, Rc<Connection>)> {
        Some((self.to_rc(), self.connection(connection.id())?))
    }

    pub(crate) fn connection(&self, id: ConnectionId) -> Option<Rc<Connection>> {
        self.connections.borrow().get(&id).cloned()
    }
}

/// The state machine.
pub struct Peer {
    shared: Rc<Shared>,
    tasks: Tasks,
}

impl Peer {
    /// A peer without connections.
    pub fn new(config: PeerConfig) -> Self {
        let shared = Rc::new_cyclic(|me| Shared {
            me: me.clone(),
            effects: Effects::default(),
            device: config.device,
            log: RefCell::new(config.log),
            own_log_is_whole: Cell::new(false),
            connections: RefCell::default(),
            vault: RefCell::new(config.vault),
            items: Items::default(),
            recent: items::Recent::default(),
            policy: config.credit,
            accounts: credit::Accounts::default(),
            tickets: serve::Tickets::default(),
        });
        Self { shared, tasks: Tasks::default() }
    }

    /// The one way to change a peer. Time never goes back for it.
    pub fn handle(&mut self, now: Millis, input: Input) {
        let shared = &self.shared;
        shared.effects.set_now(now.max(shared.effects.now()));
        match input {
            Input::Connected { connection, role, binding, expect, seed } => {
                session::start(shared, connection, role, binding, expect, seed);
            }
            Input::Received { connection, bytes } => session::received(shared, connection, bytes),
            Input::Sent { connection, bytes } => session::sent(shared, connection, bytes),
            Input::Fetchable { connection } => session::fetchable(shared, connection),
            Input::Closed { connection } => session::closed(shared, connection),
            Input::Done { job, done } => shared.effects.done(job, done),
            Input::Command { id, command } => calls::start(shared, id, command),
            Input::Tick => shared.effects.forget_timer(),
        }
        self.tasks.run(&shared.effects.schedule);
    }

    /// The next thing to do for the driver.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.shared.effects.poll_output()
    }

    /// The user this peer speaks for.
    pub fn user(&self) -> UserId {
        self.shared.log.borrow().user()
    }

    /// How many connections it has, open or in their handshake.
    pub fn connections(&self) -> usize {
        self.shared.connections.borrow().len()
    }

    /// How many things it is in the middle of, for tests and metrics.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }
}
