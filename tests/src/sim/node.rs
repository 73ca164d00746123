use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use mimei_core::Seed;
use mimei_core::cid::{MimeiId, UserId};
use mimei_core::identity::IdentityLog;
use mimei_core::peer::{
    CommandError, CommandId, ConnectionId, CreditPolicy, Event, JobId, Outcome, Peer, PeerConfig, Trust,
};
use mimei_core::secret::{DeviceSecrets, RootSecrets};
use mimei_core::sign::SignKey;
use mimei_core::store::StoreError;

use super::memory_store::MemoryStore;
use crate::people::{copy_of, empty_vault, vault_of};
use crate::random::Random;

/// Names a node of a world.
pub type NodeId = usize;
/// Counts the starts of a node: what was planned for an earlier life does not happen.
pub(super) type Life = u32;

/// How a node's machine behaves.
#[derive(Clone, Debug)]
pub struct Temper {
    /// How long a job takes until it has its effect, and again until it is answered.
    pub job_ms: Range<u64>,
    /// How many reads and changes in a million fail.
    pub store_faults: u32,
    /// How far the clock is ahead, or behind if negative.
    pub clock_ahead_ms: i64,
}

impl Temper {
    /// Quick, reliable and on time.
    pub fn calm() -> Self {
        Self { job_ms: 0..2, store_faults: 0, clock_ahead_ms: 0 }
    }
}

/// A session as the node saw it begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// On which connection.
    pub connection: ConnectionId,
    /// Who is there.
    pub user: UserId,
    /// By which device.
    pub device: SignKey,
    /// How sure that is.
    pub trust: Trust,
}

/// A connection's end as the node saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// Of which connection.
    pub connection: ConnectionId,
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// A peer with its driver's belongings.
pub struct Node {
    device: DeviceSecrets,
    log: IdentityLog,
    root: Option<RootSecrets>,
    /// How it serves others on credit.
    pub credit: CreditPolicy,
    /// How its machine behaves; may be changed at any time.
    pub temper: Temper,
    /// What it keeps.
    pub store: MemoryStore,
    pub(super) chance: Random,
    peer: Option<Peer>,
    life: Life,
    wake: Option<u64>,
    pub(super) last_apply_us: u64,
    next_command: CommandId,
    closing: BTreeSet<ConnectionId>,
    alive: BTreeSet<ConnectionId>,
    pub(super) jobs: BTreeSet<JobId>,
    pub(super) outcomes: BTreeMap<CommandId, Result<Outcome, CommandError>>,
    opened: Vec<Opened>,
    endings: Vec<Ending>,
    changes: BTreeMap<MimeiId, usize>,
    credit_changes: usize,
}

impl Node {
    pub(super) fn new(device: DeviceSecrets, log: IdentityLog, temper: Temper, chance: Random) -> Self {
        let mut node = Self {
            device,
            log,
            root: None,
            credit: CreditPolicy::open(),
            temper,
            store: MemoryStore::default(),
            chance,
            peer: None,
            life: 0,
            wake: None,
            last_apply_us: 0,
            next_command: 1,
            closing: BTreeSet::new(),
            alive: BTreeSet::new(),
            changes: BTreeMap::new(),
            credit_changes: 0,
            jobs: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            opened: Vec::new(),
            endings: Vec::new(),
        };
        node.start();
        node
    }

    /// Every session that ever opened, in order.
    pub fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// Every connection's end, in order.
    pub fn endings(&self) -> &[Ending] {
        &self.endings
    }

    /// How the connection ended, if it has.
    pub fn ending(&self, connection: ConnectionId) -> Option<&Ending> {
        self.endings.iter().find(|ending| ending.connection == connection)
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> Vec<&Opened> {
        let open = |opened: &&Opened| self.alive.contains(&opened.connection);
        self.opened.iter().filter(open).collect()
    }

    /// The session of one connection, while it is open.
    pub fn session(&self, connection: ConnectionId) -> Option<&Opened> {
        self.sessions().into_iter().find(|opened| opened.connection == connection)
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.peer.is_some()
    }

    /// The identity log it starts with from the next start on.
    pub fn set_log(&mut self, log: IdentityLog) {
        self.log = log;
    }

    pub(super) fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    pub(super) fn peer_mut(&mut self) -> Option<&mut Peer> {
        self.peer.as_mut()
    }

    /// How often it said that an account changed.
    pub fn credit_changes(&self) -> usize {
        self.credit_changes
    }

    /// How often it said that there is news of a MiMei.
    pub fn changes(&self, mimei: &MimeiId) -> usize {
        self.changes.get(mimei).copied().unwrap_or(0)
    }

    /// Gives it the secrets of its user, from its next start on.
    pub fn set_root(&mut self, root: RootSecrets) {
        self.root = Some(root);
    }

    pub(super) fn life(&self) -> Life {
        self.life
    }

    pub(super) fn device(&self) -> &DeviceSecrets {
        &self.device
    }

    pub(super) fn next_command(&mut self) -> CommandId {
        self.next_command += 1;
        self.next_command
    }

    pub(super) fn start(&mut self) {
        assert!(self.peer.is_none(), "a node starts when it is down");
        self.life += 1;
        let vault = match &self.root {
            Some(root) => vault_of(&self.log, root),
            None => empty_vault(&self.log),
        };
        let (device, log, credit) = (self.device.keys().sign, copy_of(&self.log), self.credit.clone());
        let config = PeerConfig { device, log, vault, credit };
        self.peer = Some(Peer::new(config));
    }

    pub(super) fn crash(&mut self) {
        self.peer = None;
        self.life += 1;
        self.wake = None;
        self.closing.clear();
        self.alive.clear();
        self.jobs.clear();
        self.store.crash(&mut self.chance);
    }

    /// A connection begins; fresh randomness for it.
    pub(super) fn connecting(&mut self, connection: ConnectionId) -> Seed {
        self.alive.insert(connection);
        self.chance.bytes32()
    }

    /// The peer wants to send: it must not do so on a connection that is closed or was never there.
    pub(super) fn check_send(&self, connection: ConnectionId) {
        assert!(!self.closing.contains(&connection), "sent on {connection} after closing it");
    }

    pub(super) fn closing(&mut self, connection: ConnectionId) {
        assert!(self.closing.insert(connection), "closed {connection} twice");
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::SessionOpened { connection, user, device, trust } => {
                assert!(self.alive.contains(&connection), "a session opened on {connection}, which has ended");
                self.opened.push(Opened { connection, user, device, trust });
            }
            Event::SessionClosed { connection, code, message } => {
                assert!(self.alive.remove(&connection), "{connection} ended twice");
                self.endings.push(Ending { connection, code, message });
            }
            Event::IdentityChanged => {}
            Event::CreditChanged => self.credit_changes += 1,
            Event::ItemChanged { mimei } => *self.changes.entry(mimei).or_default() += 1,
        }
    }

    pub(super) fn set_wake(&mut self, at: u64) {
        self.wake = Some(at);
    }

    pub(super) fn takes_wake(&mut self, life: Life, at: u64) -> bool {
        let takes = self.life == life && self.wake == Some(at);
        if takes {
            self.wake = None;
        }
        takes
    }

    pub(super) fn store_fault(&mut self) -> Option<StoreError> {
        let faults = self.temper.store_faults;
        let full = self.chance.chance(500_000);
        let error = if full { StoreError::Full } else { StoreError::Failed("the disk is loose".into()) };
        self.chance.chance(faults).then_some(error)
    }
}
