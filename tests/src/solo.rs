//! One peer on a bench: what it is told and what it says pass through the
//! test's hands, and its jobs are carried out at once or held back.

use std::collections::{BTreeMap, BTreeSet};

use mimei_core::identity::IdentityLog;
use mimei_core::peer::{
    Command, CommandError, CommandId, ConnectionId, CreditPolicy, Event, Expect, FetchError, Input, Job, JobDone,
    JobId, Outcome, Output, Peer, PeerConfig,
};
use mimei_core::secret::{DeviceSecrets, RootSecrets};
use mimei_core::time::Millis;
use mimei_core::vault::Vault;
use mimei_core::wire::noise::{Binding, Role};

use crate::people::{empty_vault, vault_of};
use crate::random::Random;
use crate::sim::MemoryStore;

/// A peer and everything it said.
pub struct Solo {
    /// The peer.
    pub peer: Peer,
    /// What it keeps.
    pub store: MemoryStore,
    /// What it reported, in order.
    pub events: Vec<Event>,
    /// What commands led to.
    pub outcomes: BTreeMap<CommandId, Result<Outcome, CommandError>>,
    device: DeviceSecrets,
    /// Its clock.
    pub now: Millis,
    random: Random,
    next: u64,
    hold: bool,
    held: Vec<(JobId, Job)>,
    sent: BTreeMap<ConnectionId, Vec<Vec<u8>>>,
    closed: BTreeSet<ConnectionId>,
    timer: Option<Millis>,
}

impl Solo {
    /// A peer that acts by `device` for the log's user.
    pub fn new(device: DeviceSecrets, log: IdentityLog, seed: u64) -> Self {
        let vault = empty_vault(&log);
        Self::with_vault(device, log, vault, seed)
    }

    /// A peer that has the secrets of its user too.
    pub fn with_root(device: DeviceSecrets, log: IdentityLog, root: &RootSecrets, seed: u64) -> Self {
        let vault = vault_of(&log, root);
        Self::with_vault(device, log, vault, seed)
    }

    fn with_vault(device: DeviceSecrets, log: IdentityLog, vault: Vault, seed: u64) -> Self {
        Self::with_policy(device, log, vault, CreditPolicy::open(), seed)
    }

    /// A peer that serves others on such credit.
    pub fn with_policy(device: DeviceSecrets, log: IdentityLog, vault: Vault, credit: CreditPolicy, seed: u64) -> Self {
        let config = PeerConfig { device: device.keys().sign, log, vault, credit };
        let peer = Peer::new(config);
        Self {
            peer,
            store: MemoryStore::default(),
            events: Vec::new(),
            outcomes: BTreeMap::new(),
            device,
            now: Millis(1_700_000_000_000),
            random: Random::new(seed),
            next: 1,
            hold: false,
            held: Vec::new(),
            sent: BTreeMap::new(),
            closed: BTreeSet::new(),
            timer: None,
        }
    }

    /// Somebody calls.
    pub fn listen(&mut self, binding: &Binding) -> ConnectionId {
        self.connect(Role::Listener, binding, Expect::Anyone)
    }

    /// Calls somebody.
    pub fn dial(&mut self, binding: &Binding, expect: Expect) -> ConnectionId {
        self.connect(Role::Dialer, binding, expect)
    }

    fn connect(&mut self, role: Role, binding: &Binding, expect: Expect) -> ConnectionId {
        let connection = self.next;
        self.next += 1;
        let seed = self.random.bytes32();
        self.tell(Input::Connected { connection, role, binding: binding.clone(), expect, seed });
        connection
    }

    /// A packet arrives.
    pub fn receive(&mut self, connection: ConnectionId, bytes: Vec<u8>) {
        self.tell(Input::Received { connection, bytes });
    }

    /// What it sent on a connection since the last time.
    pub fn take_packets(&mut self, connection: ConnectionId) -> Vec<Vec<u8>> {
        self.sent.remove(&connection).unwrap_or_default()
    }

    /// Has it carry out a command.
    pub fn command(&mut self, command: Command) -> CommandId {
        let id = self.next;
        self.next += 1;
        self.tell(Input::Command { id, command });
        id
    }

    /// Lets time pass, waking it when it asked for that.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.timer.filter(|at| *at <= end) {
            self.timer = None;
            self.now = self.now.max(at);
            self.tell(Input::Tick);
        }
        self.now = end;
    }

    /// From now on jobs wait.
    pub fn hold_jobs(&mut self) {
        self.hold = true;
    }

    /// Carries out the jobs that wait, and all that follow.
    pub fn release_jobs(&mut self) {
        self.hold = false;
        for (id, job) in std::mem::take(&mut self.held) {
            let done = self.carry_out(job);
            self.tell(Input::Done { job: id, done });
        }
    }

    /// Carries out the jobs that wait, and those that follow, one by one until the next one `is_last`.
    pub fn release_jobs_until(&mut self, is_last: impl Fn(&Job) -> bool) {
        while let Some(at) = self.held.first().filter(|(_, job)| !is_last(job)).map(|_| 0) {
            let (id, job) = self.held.remove(at);
            let done = self.carry_out(job);
            self.tell(Input::Done { job: id, done });
        }
    }

    /// How many jobs wait.
    pub fn jobs_held(&self) -> usize {
        self.held.len()
    }

    /// Whether it closed a connection.
    pub fn has_closed(&self, connection: ConnectionId) -> bool {
        self.closed.contains(&connection)
    }

    /// The code with which a connection ended, if it has.
    pub fn ending(&self, of: ConnectionId) -> Option<&'static str> {
        self.events.iter().find_map(|event| match event {
            Event::SessionClosed { connection, code, .. } if *connection == of => Some(*code),
            _ => None,
        })
    }

    /// Whether a session opened on a connection.
    pub fn has_opened(&self, on: ConnectionId) -> bool {
        let opened = |event: &Event| matches!(event, Event::SessionOpened { connection, .. } if *connection == on);
        self.events.iter().any(opened)
    }

    /// Hands it an input and takes what comes back.
    pub fn tell(&mut self, input: Input) {
        self.peer.handle(self.now, input);
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Send { connection, bytes } => self.sent.entry(connection).or_default().push(bytes),
                Output::Close { connection } => assert!(self.closed.insert(connection), "closed {connection} twice"),
                Output::Job { id, job } if self.hold => self.held.push((id, job)),
                Output::Job { id, job } => {
                    let done = self.carry_out(job);
                    self.peer.handle(self.now, Input::Done { job: id, done });
                }
                Output::Timer(at) => self.timer = Some(at),
                Output::Outcome { id, outcome } => drop(self.outcomes.insert(id, outcome)),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn carry_out(&mut self, job: Job) -> JobDone {
        match job {
            Job::Sign { domain, record } => JobDone::Signed(self.device.sign(domain, &record)),
            Job::Row(key) => JobDone::Row(Ok(self.store.row(&key))),
            Job::Scan(scan) => JobDone::Rows(Ok(self.store.scan(&scan))),
            Job::Block(cid) => JobDone::Block(Ok(self.store.block(&cid))),
            Job::Apply(batch) => JobDone::Applied(self.store.apply(&batch)),
            Job::Fetch { .. } => JobDone::Fetched(Err(FetchError::Failed)),
        }
    }
}
