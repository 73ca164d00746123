//! The tab's driver: feeds the state machine and carries out what it asks for.
//!
//! ```text
//! page's transports ── Connected, Received, Sent, Closed ─▶ ┌────────┐ ── Send, Close ─▶ page
//! calls             ── Command ───────────────────────────▶ │  Peer  │ ── Outcome ─────▶ calls
//! store             ── Done ──────────────────────────────▶ └────────┘ ── Job ─────────▶ store, keys
//! ```
//!
//! Its twin on the relay is `relay-node/src/driver.rs`.

mod timer;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::Date;
use mimei_core::cid::{Cid, UserId};
use mimei_core::peer::{
    Command, CommandError, CommandId, ConnectionId, CreditPolicy, Event, Expect, FetchError, Input, Job, JobDone,
    JobId, Outcome, Output, Peer, PeerConfig,
};
use mimei_core::secret::DeviceSecrets;
use mimei_core::sign::SignKey;
use mimei_core::time::Millis;
use mimei_core::wire::TicketSecret;
use mimei_core::wire::noise::{Binding, Role};
use wasm_bindgen_futures::spawn_local;

use crate::keys::{Keys, fresh_seed};
use crate::store::Store;
use timer::Timer;

/// What goes to the page.
pub(crate) enum ToHost {
    Send { connection: ConnectionId, bytes: Vec<u8> },
    Close { connection: ConnectionId },
    Fetch { job: JobId, connection: ConnectionId, ticket: TicketSecret, cids: Vec<Cid> },
    Event(Event),
}

/// Who this tab is.
#[derive(Clone)]
pub(crate) struct Me {
    pub(crate) user: UserId,
    pub(crate) device: SignKey,
    pub(crate) backed_up: bool,
    pub(crate) created: Millis,
}

type Answer = oneshot::Sender<Result<Outcome, CommandError>>;

struct Machine {
    peer: RefCell<Peer>,
    device: DeviceSecrets,
    me: RefCell<Me>,
    store: Store,
    emit: Box<dyn Fn(ToHost)>,
    inputs: RefCell<VecDeque<Input>>,
    running: Cell<bool>,
    answers: RefCell<HashMap<CommandId, Answer>>,
    next_command: Cell<CommandId>,
    connections: RefCell<HashMap<ConnectionId, HandedOver>>,
    timer: RefCell<Option<Timer>>,
    is_closed: Cell<bool>,
}

/// Bytes that were given to the page for one connection, and of those the ones that the machine knows to be sent.
#[derive(Default)]
struct HandedOver {
    given: u64,
    sent: u64,
}

impl HandedOver {
    fn newly_sent(&mut self, queued: u64) -> u64 {
        let sent = self.given.saturating_sub(queued).max(self.sent);
        sent - std::mem::replace(&mut self.sent, sent)
    }
}

/// A running peer. Clones share it.
#[derive(Clone)]
pub(crate) struct Driver(Rc<Machine>);

fn now() -> Millis {
    Millis(Date::now() as u64)
}

impl Driver {
    pub(crate) fn start(store: Store, keys: Keys, emit: impl Fn(ToHost) + 'static) -> Self {
        let device = keys.device.keys().sign;
        let me = Me { user: keys.log.user(), device, backed_up: keys.backed_up, created: keys.created };
        Self(Rc::new(Machine {
            peer: RefCell::new(Peer::new(PeerConfig {
                device,
                log: keys.log,
                vault: keys.vault,
                credit: CreditPolicy::default(),
            })),
            device: keys.device,
            me: RefCell::new(me),
            store,
            emit: Box::new(emit),
            inputs: RefCell::default(),
            running: Cell::new(false),
            answers: RefCell::default(),
            next_command: Cell::new(0),
            connections: RefCell::default(),
            timer: RefCell::default(),
            is_closed: Cell::new(false),
        }))
    }

    pub(crate) fn me(&self) -> Me {
        self.0.me.borrow().clone()
    }

    /// The recovery file is in somebody's hands.
    pub(crate) fn backed_up(&self) {
        self.0.me.borrow_mut().backed_up = true;
        (self.0.emit)(ToHost::Event(Event::IdentityChanged));
    }

    /// Whether it ended, so that nothing more is to be done in its name.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed.get()
    }

    pub(crate) fn connected(&self, connection: ConnectionId, binding: Binding, expect: Expect) {
        self.0.connections.borrow_mut().insert(connection, HandedOver::default());
        let seed = fresh_seed();
        self.feed(Input::Connected { connection, role: Role::Dialer, binding, expect, seed });
    }

    pub(crate) fn fetchable(&self, connection: ConnectionId) {
        self.feed(Input::Fetchable { connection });
    }

    pub(crate) fn fetched(&self, job: JobId, body: Result<Vec<u8>, FetchError>) {
        self.feed(Input::Done { job, done: JobDone::Fetched(body) });
    }

    pub(crate) fn received(&self, connection: ConnectionId, bytes: Vec<u8>) {
        self.feed(Input::Received { connection, bytes });
    }

    /// The page says how much still waits; the machine wants to know how much more is gone.
    pub(crate) fn writable(&self, connection: ConnectionId, queued: u64) {
        let Some(bytes) = self.0.connections.borrow_mut().get_mut(&connection).map(|over| over.newly_sent(queued))
        else {
            return;
        };
        self.feed(Input::Sent { connection, bytes });
    }

    pub(crate) fn closed(&self, connection: ConnectionId) {
        self.0.connections.borrow_mut().remove(&connection);
        self.feed(Input::Closed { connection });
    }

    pub(crate) fn close(&self) {
        let connections: Vec<_> = self.0.connections.borrow().keys().copied().collect();
        for connection in connections {
            let id = self.fresh_command();
            self.feed(Input::Command { id, command: Command::Disconnect(connection) });
        }
        // A timer and the driver hold each other.
        self.0.is_closed.set(true);
        self.0.timer.take();
    }

    pub(crate) async fn command(&self, command: Command) -> Result<Outcome, CommandError> {
        let id = self.fresh_command();
        let (answer, outcome) = oneshot::channel();
        self.0.answers.borrow_mut().insert(id, answer);
        self.feed(Input::Command { id, command });
        outcome.await.unwrap_or(Err(CommandError::NotConnected))
    }

    fn fresh_command(&self) -> CommandId {
        self.0.next_command.set(self.0.next_command.get() + 1);
        self.0.next_command.get()
    }

    /// Handles an input and what follows; an input that comes meanwhile waits its turn.
    fn feed(&self, input: Input) {
        self.0.inputs.borrow_mut().push_back(input);
        if self.0.running.replace(true) {
            return;
        }
        while let Some(input) = self.next_input() {
            self.0.peer.borrow_mut().handle(now(), input);
            while let Some(output) = self.next_output() {
                self.carry_out(output);
            }
        }
        self.0.running.set(false);
    }

    fn next_input(&self) -> Option<Input> {
        self.0.inputs.borrow_mut().pop_front()
    }

    fn next_output(&self) -> Option<Output> {
        self.0.peer.borrow_mut().poll_output()
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::Send { connection, bytes } => self.send(connection, bytes),
            Output::Close { connection } => (self.0.emit)(ToHost::Close { connection }),
            Output::Job { id, job } => self.job(id, job),
            Output::Timer(at) => self.set_timer(at),
            Output::Outcome { id, outcome } => self.answer(id, outcome),
            Output::Event(event) => (self.0.emit)(ToHost::Event(event)),
        }
    }

    fn send(&self, connection: ConnectionId, bytes: Vec<u8>) {
        if let Some(over) = self.0.connections.borrow_mut().get_mut(&connection) {
            over.given += bytes.len() as u64;
        }
        (self.0.emit)(ToHost::Send { connection, bytes });
    }

    fn job(&self, id: JobId, job: Job) {
        if let Job::Sign { domain, record } = &job {
            let done = JobDone::Signed(self.0.device.sign(*domain, record));
            return self.feed(Input::Done { job: id, done });
        }
        if let Job::Fetch { connection, ticket, cids } = job {
            return (self.0.emit)(ToHost::Fetch { job: id, connection, ticket, cids });
        }
        let driver = self.clone();
        spawn_local(async move {
            let store = &driver.0.store;
            let done = match job {
                Job::Sign { domain, record } => JobDone::Signed(driver.0.device.sign(domain, &record)),
                Job::Row(key) => JobDone::Row(store.row(&key).await),
                Job::Scan(scan) => JobDone::Rows(store.scan(&scan).await),
                Job::Block(cid) => JobDone::Block(store.block(&cid).await),
                Job::Apply(batch) => JobDone::Applied(store.apply(batch).await),
                Job::Fetch { .. } => JobDone::Fetched(Err(FetchError::Failed)),
            };
            driver.feed(Input::Done { job: id, done });
        });
    }

    fn set_timer(&self, at: Millis) {
        if self.0.is_closed.get() {
            return;
        }
        let driver = self.clone();
        let wait_ms = at.0.saturating_sub(now().0);
        // The old timer is cancelled when it is dropped here.
        *self.0.timer.borrow_mut() = Some(Timer::start(wait_ms, move || driver.feed(Input::Tick)));
    }

    fn answer(&self, id: CommandId, outcome: Result<Outcome, CommandError>) {
        let answer = self.0.answers.borrow_mut().remove(&id);
        if let Some(answer) = answer {
            // Whoever asked may be gone.
            let _ = answer.send(outcome);
        }
    }
}
