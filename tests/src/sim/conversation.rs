use std::collections::VecDeque;
use std::fmt;

use mimei_core::peer::{ConnectionId, Expect, Input};
use mimei_core::wire::noise::{Binding, Role, Transport};

use super::node::{Life, NodeId};
use super::schedule::Work;
use super::{Sim, redial_us};

/// Names a conversation; both ends use it as their [`ConnectionId`].
pub type ConversationId = ConnectionId;

/// Somebody in the middle: gets each packet with its sender, says what arrives where instead.
pub type Tap = Box<dyn FnMut(Role, Vec<u8>) -> Vec<(Role, Vec<u8>)>>;

/// A binding of the in-memory transport.
pub fn memory() -> Binding {
    Binding { transport: Transport::Memory, fingerprints: None }
}

/// A binding of a WebSocket.
pub fn websocket() -> Binding {
    Binding { transport: Transport::WebSocket, fingerprints: None }
}

/// A binding of a data channel made with these certificates, the dialer's first.
pub fn rtc(dialer: u8, listener: u8) -> Binding {
    Binding { transport: Transport::Rtc, fingerprints: Some([[dialer; 32], [listener; 32]]) }
}

/// How one node connects to another.
pub struct Dial {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    bindings: [Binding; 2],
    expect: Expect,
    again: bool,
    tap: Option<Tap>,
}

impl Dial {
    /// Over memory, whoever is there.
    pub fn new(from: NodeId, to: NodeId) -> Self {
        Self { from, to, bindings: [memory(), memory()], expect: Expect::Anyone, again: false, tap: None }
    }

    /// Over another transport.
    pub fn over(self, binding: Binding) -> Self {
        Self { bindings: [binding.clone(), binding], ..self }
    }

    /// With a transport that the listener sees differently: somebody swapped what was signalled.
    pub fn listener_sees(mut self, binding: Binding) -> Self {
        self.bindings[1] = binding;
        self
    }

    /// With an expectation.
    pub fn expecting(self, expect: Expect) -> Self {
        Self { expect, ..self }
    }

    /// Again and again, whenever the conversation ends.
    pub fn again_and_again(self) -> Self {
        Self { again: true, ..self }
    }

    /// Through somebody's hands.
    pub fn through(self, tap: impl FnMut(Role, Vec<u8>) -> Vec<(Role, Vec<u8>)> + 'static) -> Self {
        Self { tap: Some(Box::new(tap)), ..self }
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} over {:?} expecting {:?}", self.from, self.to, self.bindings, self.expect)
    }
}

/// What a conversation carries.
pub(super) enum Parcel {
    Packet(Vec<u8>),
    End,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(bytes) => write!(f, "{}", Brief(bytes)),
            Self::End => f.write_str("end"),
        }
    }
}

/// Bytes as a trace shows them.
pub(super) struct Brief<'a>(pub(super) &'a [u8]);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes {}", self.0.len(), &blake3::hash(self.0).to_hex()[..8])
    }
}

/// One direction of a conversation.
#[derive(Default)]
struct Pipe {
    busy_until_us: u64,
    last_arrival_us: u64,
    ended: bool,
}

/// A transport between two nodes.
pub(super) struct Conversation {
    pub(super) dial: Dial,
    lives: [Life; 2],
    connected: bool,
    /// By sender.
    pipes: [Pipe; 2],
    /// What arrived during a partition.
    pub(super) held: VecDeque<(Role, Parcel)>,
}

pub(super) fn index(role: Role) -> usize {
    match role {
        Role::Dialer => 0,
        Role::Listener => 1,
    }
}

pub(super) fn other(role: Role) -> Role {
    match role {
        Role::Dialer => Role::Listener,
        Role::Listener => Role::Dialer,
    }
}

impl Conversation {
    pub(super) fn new(dial: Dial, lives: [Life; 2]) -> Self {
        Self { dial, lives, connected: false, pipes: Default::default(), held: VecDeque::new() }
    }

    pub(super) fn end(&self, side: Role) -> (NodeId, Life) {
        ([self.dial.from, self.dial.to][index(side)], self.lives[index(side)])
    }

    pub(super) fn has(&self, node: NodeId) -> bool {
        self.dial.from == node || self.dial.to == node
    }

    pub(super) fn joins(&self, a: NodeId, b: NodeId) -> bool {
        self.has(a) && self.has(b)
    }

    fn side_of(&self, node: NodeId) -> Role {
        if self.dial.from == node { Role::Dialer } else { Role::Listener }
    }
}

impl Sim {
    pub(super) fn connect(&mut self, id: ConversationId) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let (from, to) = (conversation.dial.from, conversation.dial.to);
        if self.partitions.contains(&(from.min(to), from.max(to))) || !self.nodes[from].runs() || !self.nodes[to].runs()
        {
            let Some(conversation) = self.conversations.remove(&id) else { return };
            self.redial_if_wanted(conversation.dial);
            return;
        }
        conversation.connected = true;
        conversation.lives = [self.nodes[from].life(), self.nodes[to].life()];
        let bindings = conversation.dial.bindings.clone();
        let expects = [conversation.dial.expect.clone(), Expect::Anyone];
        // The listener first: it must be there when the first packet arrives.
        for side in [Role::Listener, Role::Dialer] {
            let node = [from, to][index(side)];
            let (binding, expect) = (bindings[index(side)].clone(), expects[index(side)].clone());
            let seed = self.nodes[node].connecting(id);
            self.tell(node, Input::Connected { connection: id, role: side, binding, expect, seed });
        }
    }

    /// Puts a packet of a node on its way.
    pub(super) fn send(&mut self, node: NodeId, id: ConversationId, bytes: Vec<u8>) {
        self.packets += 1;
        let now = self.schedule.now_us();
        let lost = self.random.chance(self.link.loss);
        let latency = self.link.latency_us(&mut self.random);
        let send = self.link.send_us(bytes.len());
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let side = conversation.side_of(node);
        let (_, life) = conversation.end(side);
        let pipe = &mut conversation.pipes[index(side)];
        pipe.busy_until_us = pipe.busy_until_us.max(now) + send;
        pipe.last_arrival_us = pipe.last_arrival_us.max(pipe.busy_until_us + latency);
        let (sent, arrival) = (pipe.busy_until_us, pipe.last_arrival_us);
        self.schedule.at(sent, Work::Sent { node, life, conversation: id, bytes: bytes.len() as u64 });
        if lost {
            self.tear(id);
        } else {
            let parcel = Parcel::Packet(bytes);
            self.schedule.at(arrival, Work::Arrive { conversation: id, toward: other(side), parcel });
        }
    }

    /// Ends a node's side behind what it sent.
    pub(super) fn close(&mut self, node: NodeId, id: ConversationId) {
        let latency = self.link.latency_us(&mut self.random);
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let side = conversation.side_of(node);
        let pipe = &mut conversation.pipes[index(side)];
        pipe.ended = true;
        let arrival = pipe.last_arrival_us.max(self.schedule.now_us().max(pipe.busy_until_us) + latency);
        pipe.last_arrival_us = arrival;
        self.schedule.at(arrival, Work::Arrive { conversation: id, toward: other(side), parcel: Parcel::End });
    }

    pub(super) fn arrive(&mut self, id: ConversationId, toward: Role, parcel: Parcel) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let (from, to) = (conversation.dial.from, conversation.dial.to);
        if self.partitions.contains(&(from.min(to), from.max(to))) {
            conversation.held.push_back((toward, parcel));
            return;
        }
        match parcel {
            Parcel::End => self.ended(id, toward),
            Parcel::Packet(bytes) => {
                let delivered = match &mut conversation.dial.tap {
                    Some(tap) => tap(other(toward), bytes),
                    None => vec![(toward, bytes)],
                };
                for (toward, bytes) in delivered {
                    self.deliver(id, toward, bytes);
                }
            }
        }
    }

    fn deliver(&mut self, id: ConversationId, toward: Role, bytes: Vec<u8>) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        // Who has closed its side does not listen any more.
        if conversation.connected && !conversation.pipes[index(toward)].ended {
            let (node, life) = conversation.end(toward);
            self.tell_life(node, life, Input::Received { connection: id, bytes });
        }
    }

    fn ended(&mut self, id: ConversationId, toward: Role) {
        let Some(conversation) = self.conversations.remove(&id) else { return };
        let (node, life) = conversation.end(toward);
        self.tell_life(node, life, Input::Closed { connection: id });
        let (node, life) = conversation.end(other(toward));
        self.schedule.after(0, Work::Gone { node, life, conversation: id });
        self.redial_if_wanted(conversation.dial);
    }

    pub(super) fn give_up(&mut self, id: ConversationId) {
        let stalled = self.conversations.get(&id).is_some_and(|conversation| {
            let (a, b) = (conversation.dial.from, conversation.dial.to);
            self.partitions.contains(&(a.min(b), a.max(b)))
        });
        if stalled {
            self.tear(id);
        }
    }

    pub(super) fn redial_if_wanted(&mut self, dial: Dial) {
        if dial.again && self.redialing {
            let delay = redial_us(&mut self.random);
            self.schedule.after(delay, Work::Redial(dial));
        }
    }
}
