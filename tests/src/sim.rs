//! Many peers in one simulated world that repeats from one seed.
//!
//! ```text
//! node: Peer + store + device key  ── outputs ──>  driver  ── packets ──>  conversation  ──>  other node
//!                                  <─ inputs ───  (jobs take time,        (latency, bandwidth, loss,
//!                                                  crash, restart)         partition, a tap in between)
//! ```
//!
//! Everything that happens is one entry of a schedule; the order of the schedule
//! and every choice come from the seed. Transports are as ours are: whole packets,
//! in order, or the connection is gone. What goes wrong is therefore a torn
//! connection, a late packet, a partition, a crash, a store that fails or
//! forgets, and somebody in the middle.

mod conversation;
mod driver;
mod http;
mod link;
mod memory_store;
mod node;
mod schedule;
mod trace;

pub use conversation::{ConversationId, Dial, Tap, memory, rtc, websocket};
pub use http::{Fetched, HttpTap};
pub use link::Link;
pub use memory_store::MemoryStore;
pub use node::{Ending, NodeId, Opened, Temper};

use std::collections::{BTreeMap, BTreeSet};

use mimei_core::identity::IdentityLog;
use mimei_core::peer::{Command, CommandError, CommandId, Input, Outcome, Peer};
use mimei_core::secret::DeviceSecrets;
use mimei_core::time::Millis;
use mimei_core::wire::noise::Role;

use crate::people::Person;
use crate::random::Random;
use conversation::{Conversation, Parcel};
use node::Node;
use schedule::{Schedule, Work};
use trace::Trace;

/// Milliseconds between attempts of a node that stays connected.
const REDIAL_MS: u64 = 700;
/// Steps after which a run has gone astray: the largest story takes a tenth of that.
const STEPS_MAX: u64 = 5_000_000;

/// The world.
pub struct Sim {
    seed: u64,
    random: Random,
    schedule: Schedule,
    nodes: Vec<Node>,
    conversations: BTreeMap<ConversationId, Conversation>,
    next_conversation: ConversationId,
    link: Link,
    partitions: BTreeSet<(NodeId, NodeId)>,
    redialing: bool,
    http: http::Http,
    trace: Trace,
    packets: u64,
}

impl Sim {
    /// A world without nodes, with links as `link` says.
    pub fn new(seed: u64, link: Link) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            schedule: Schedule::default(),
            nodes: Vec::new(),
            conversations: BTreeMap::new(),
            next_conversation: 1,
            link,
            partitions: BTreeSet::new(),
            redialing: true,
            http: http::Http::default(),
            trace: Trace::default(),
            packets: 0,
        }
    }

    /// Chance of this world, for a story that needs some.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Milliseconds since the world began.
    pub fn now_ms(&self) -> u64 {
        self.schedule.now_us() / 1000
    }

    /// What the clock of a node shows.
    pub fn clock(&self, node: NodeId) -> Millis {
        self.node_now(node)
    }

    /// Packets that were given to the wire so far, both ways.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// What links are like from now on.
    pub fn set_link(&mut self, link: Link) {
        self.link = link;
    }

    /// A hash over everything that happened so far, in order.
    pub fn trace_hash(&self) -> String {
        self.trace.hash()
    }

    /// Adds a running node that acts for the log's user by `device`.
    pub fn add_node(&mut self, device: DeviceSecrets, log: IdentityLog, temper: Temper) -> NodeId {
        let id = self.nodes.len();
        let chance = Random::new(self.random.word());
        self.nodes.push(Node::new(device, log, temper, chance));
        id
    }

    /// Adds a running node of somebody who has all secrets of their identity.
    pub fn add_person(&mut self, person: &Person, temper: Temper) -> NodeId {
        let id = self.add_node(person.device.clone(), person.log_copy(), temper);
        self.nodes[id].set_root(person.root.clone());
        self.crash(id);
        self.restart(id);
        id
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// A node, to set faults or look into its store.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id]
    }

    /// The peer of a running node.
    ///
    /// # Panics
    /// If the node is down.
    pub fn peer(&self, id: NodeId) -> &Peer {
        self.nodes[id].peer().expect("the node runs")
    }

    /// Begins to connect one node to another.
    pub fn dial(&mut self, dial: Dial) -> ConversationId {
        assert_ne!(dial.from, dial.to, "a node does not dial itself");
        let id = self.next_conversation;
        self.next_conversation += 1;
        let lives = [self.nodes[dial.from].life(), self.nodes[dial.to].life()];
        self.conversations.insert(id, Conversation::new(dial, lives));
        let delay = self.link.latency_us(&mut self.random);
        self.schedule.after(delay, Work::Connect(id));
        id
    }

    /// From now on nobody dials again.
    pub fn stop_redialing(&mut self) {
        self.redialing = false;
    }

    /// Has a node call a command; the answer comes to [`Self::outcome`].
    pub fn command(&mut self, node: NodeId, command: Command) -> CommandId {
        let id = self.nodes[node].next_command();
        self.tell(node, Input::Command { id, command });
        id
    }

    /// What a command led to, when it has.
    pub fn outcome(&self, node: NodeId, id: CommandId) -> Option<&Result<Outcome, CommandError>> {
        self.nodes[node].outcomes.get(&id)
    }

    /// Puts a packet on the wire that nobody sent.
    pub fn inject(&mut self, conversation: ConversationId, toward: Role, bytes: Vec<u8>) {
        self.arrive(conversation, toward, Parcel::Packet(bytes));
    }

    /// Tears a conversation; its ends learn of it one after the other.
    pub fn tear(&mut self, id: ConversationId) {
        let Some(conversation) = self.conversations.remove(&id) else { return };
        self.trace.note(self.schedule.now_us(), format_args!("tear {id}"));
        for side in [Role::Dialer, Role::Listener] {
            let (node, life) = conversation.end(side);
            let delay = self.link.latency_us(&mut self.random);
            self.schedule.after(delay, Work::Gone { node, life, conversation: id });
        }
        self.redial_if_wanted(conversation.dial);
    }

    /// Cuts two nodes off from each other. Conversations stall; they are torn if it lasts.
    pub fn partition(&mut self, a: NodeId, b: NodeId) {
        self.trace.note(self.schedule.now_us(), format_args!("partition {a} {b}"));
        self.partitions.insert((a.min(b), a.max(b)));
        let give_up = self.link.give_up_ms * 1000;
        for (id, conversation) in &self.conversations {
            if conversation.joins(a, b) {
                self.schedule.after(give_up, Work::GiveUp(*id));
            }
        }
    }

    fn is_apart(&self, a: NodeId, b: NodeId) -> bool {
        self.partitions.contains(&(a.min(b), a.max(b)))
    }

    /// Ends a partition; what stalled goes on in its order.
    pub fn heal(&mut self, a: NodeId, b: NodeId) {
        self.trace.note(self.schedule.now_us(), format_args!("heal {a} {b}"));
        self.partitions.remove(&(a.min(b), a.max(b)));
        let ids: Vec<_> = self.conversations.iter().filter(|(_, c)| c.joins(a, b)).map(|(id, _)| *id).collect();
        for id in ids {
            let held = self.conversations.get_mut(&id).map(|c| std::mem::take(&mut c.held)).unwrap_or_default();
            for (toward, parcel) in held {
                self.arrive(id, toward, parcel);
            }
        }
    }

    /// Stops a node at once: its memory and what its store had not made durable are lost.
    pub fn crash(&mut self, node: NodeId) {
        self.trace.note(self.schedule.now_us(), format_args!("crash {node}"));
        self.nodes[node].crash();
        self.requests_end(node);
        let ids: Vec<_> = self.conversations.iter().filter(|(_, c)| c.has(node)).map(|(id, _)| *id).collect();
        for id in ids {
            self.tear(id);
        }
    }

    /// Starts a crashed node again, with its identity and its durable rows.
    pub fn restart(&mut self, node: NodeId) {
        self.trace.note(self.schedule.now_us(), format_args!("restart {node}"));
        self.nodes[node].start();
    }

    /// Lets the world run for so many milliseconds.
    pub fn run_for(&mut self, ms: u64) {
        self.run_until(ms, |_| false);
    }

    /// Lets the world run until `done`, or for so many milliseconds; says whether it was done.
    pub fn run_until(&mut self, ms: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.schedule.now_us() + ms * 1000;
        loop {
            if done(self) {
                return true;
            }
            let Some(work) = self.schedule.next_before(end) else { return false };
            assert!(self.schedule.steps() < STEPS_MAX, "the world does not come to rest");
            self.step(work);
        }
    }

    fn step(&mut self, work: Work) {
        self.trace.note(self.schedule.now_us(), format_args!("{work:?}"));
        match work {
            Work::Connect(id) => self.connect(id),
            Work::Arrive { conversation, toward, parcel } => self.arrive(conversation, toward, parcel),
            Work::Sent { node, life, conversation, bytes } => {
                self.tell_life(node, life, Input::Sent { connection: conversation, bytes });
            }
            Work::Gone { node, life, conversation } => {
                self.tell_life(node, life, Input::Closed { connection: conversation });
            }
            Work::GiveUp(id) => self.give_up(id),
            Work::Effect { node, life, id, job } => self.effect(node, life, id, job),
            Work::Request(request) => self.request(request),
            Work::Answer { node, life, id, done } => self.tell_life(node, life, Input::Done { job: id, done }),
            Work::Wake { node, life, at } => {
                if self.nodes[node].takes_wake(life, at) {
                    self.tell(node, Input::Tick);
                }
            }
            Work::Redial(dial) => {
                self.dial(dial);
            }
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("simulator seed {}; the last steps were:\n{}", self.seed, self.trace.last());
        }
    }
}

fn redial_us(random: &mut Random) -> u64 {
    random.within(REDIAL_MS * 500..REDIAL_MS * 1500)
}
