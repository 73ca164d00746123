use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::effects::Effects;
use super::handshake::Ending;
use super::items::Fetching;
use super::task::{Lock, Signal, Slot};
use super::{ConnectionId, Output};
use crate::cid::{MimeiId, UserId};
use crate::limits::{CONNECTION_MIMEIS_MAX, INBOX_PACKETS_MAX, UNSENT_BYTES_HIGH};
use crate::seeded::{Seed, SeededRandom};
use crate::sign::SignKey;
use crate::wire::noise::{Role, Session};
use crate::wire::{Answer, Frame, Message, Refusal, packets_of};

const TICKETS_CONTEXT: &str = "mimei/session-tickets/1";

/// Who the other side has proven to be.
#[derive(Clone, Copy)]
pub(super) struct Remote {
    pub(super) user: UserId,
    pub(super) device: SignKey,
}

/// What came back for an ask of ours.
pub(super) enum Reply {
    Answer(Answer),
    Block(Vec<u8>),
    Refused(Refusal),
    Closed,
}

/// A block that was announced; none if the connection ends first.
pub(super) type Arrival = Slot<Option<Vec<u8>>>;

/// One connection, from the moment that its transport is ready.
#[derive(Default)]
pub(crate) struct Connection {
    pub(super) id: ConnectionId,
    inbox: RefCell<VecDeque<Vec<u8>>>,
    pub(super) changed: Signal,
    pub(super) closed: Cell<bool>,
    session: RefCell<Option<Session>>,
    claimed: Cell<Option<Remote>>,
    is_open: Cell<bool>,
    condemned: RefCell<Option<Ending>>,
    unsent_bytes: Cell<u64>,
    room: Signal,
    pub(super) calls: RefCell<BTreeMap<u64, Rc<Slot<Reply>>>>,
    pub(super) next_call: Cell<u64>,
    pub(super) asks_in_work: Cell<usize>,
    /// Blocks that the other side has announced, by its ask's number.
    pub(super) arrivals: RefCell<BTreeMap<u64, Rc<Arrival>>>,
    /// Links by which the other side may do things, each with its MiMei.
    pub(super) entered: RefCell<BTreeSet<(MimeiId, SignKey)>>,
    /// What the other side watches, and whether it was told that there is news.
    watches: RefCell<BTreeMap<MimeiId, bool>>,
    /// MiMeis for which this side pays although it came by a link, because nobody else does.
    pub(super) pays_for: RefCell<BTreeSet<MimeiId>>,
    /// What the secrets of tickets for the other side are made from.
    pub(super) ticket_key: [u8; 32],
    /// Blocks by HTTP beside this connection, if this side called.
    pub(super) fetching: Fetching,
    is_dialled: Cell<bool>,
    bulk: Lock,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, role: Role, seed: &Seed) -> Rc<Self> {
        let is_dialled = role == Role::Dialer;
        // The dialer's asks have even numbers, so that a block's number says whose ask it belongs to.
        let first = u64::from(!is_dialled);
        let (next_call, is_dialled) = (Cell::new(first), Cell::new(is_dialled));
        let ticket_key = SeededRandom::new(TICKETS_CONTEXT, seed).bytes();
        Rc::new(Self { id, next_call, is_dialled, ticket_key, ..Self::default() })
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether this side called the other: those are its relays.
    pub(super) fn is_dialled(&self) -> bool {
        self.is_dialled.get()
    }

    /// Whether an ask of the other side may have that number.
    pub(super) fn may_ask(&self, number: u64) -> bool {
        (number % 2 == 1) == self.is_dialled.get()
    }

    /// Notes that the other side wants to hear of a MiMei and has seen what there is; says whether there was room.
    pub(super) fn watch(&self, mimei: MimeiId) -> bool {
        let mut watches = self.watches.borrow_mut();
        let room = watches.len() < CONNECTION_MIMEIS_MAX || watches.contains_key(&mimei);
        if room {
            watches.insert(mimei, false);
        }
        room
    }

    /// Whether the other side is to be told of news of a MiMei: once, until it looks again.
    pub(super) fn take_watch(&self, mimei: &MimeiId) -> bool {
        self.watches.borrow_mut().get_mut(mimei).is_some_and(|told| !core::mem::replace(told, true))
    }

    /// What a signature must cover to be bound to this session.
    pub(super) fn session_hash(&self) -> Option<[u8; 32]> {
        self.session.borrow().as_ref().map(|session| *session.hash())
    }

    /// Keeps a packet for the session, which ends if it floods.
    pub(super) fn arrive(&self, effects: &Effects, packet: Vec<u8>) {
        if self.closed.get() || self.is_condemned() {
            return;
        }
        if self.inbox.borrow().len() >= INBOX_PACKETS_MAX {
            return self.condemn(effects, Ending::new("connection.flood", "the other side sends faster than is taken"));
        }
        self.inbox.borrow_mut().push_back(packet);
        self.changed.notify(&effects.schedule);
    }

    /// The next packet as it came, or none when the connection is to end.
    pub(super) async fn packet(&self, effects: &Effects) -> Option<Vec<u8>> {
        let look = || match self.inbox.borrow_mut().pop_front() {
            Some(packet) if !self.is_condemned() => Some(Some(packet)),
            _ => (self.closed.get() || self.is_condemned()).then_some(None),
        };
        effects.wait(&self.changed, look).await
    }

    pub(super) fn establish(&self, session: Session) {
        *self.session.borrow_mut() = Some(session);
    }

    /// Notes who the other side says it is, so that news about that device reach a handshake under way.
    pub(super) fn claim(&self, remote: Remote) {
        self.claimed.set(Some(remote));
    }

    /// Who the other side says it is, proven or not.
    pub(super) fn claimed(&self) -> Option<Remote> {
        self.claimed.get()
    }

    /// What was claimed is proven.
    pub(super) fn open(&self) {
        self.is_open.set(true);
    }

    /// Who is there, once that is proven and while it holds.
    pub(super) fn remote(&self) -> Option<Remote> {
        let holds = self.is_open.get() && !self.closed.get() && !self.is_condemned();
        self.claimed.get().filter(|_| holds)
    }

    /// Ends the connection as soon as its session looks again; the first reason counts.
    pub(super) fn condemn(&self, effects: &Effects, ending: Ending) {
        self.condemned.borrow_mut().get_or_insert(ending);
        self.inbox.borrow_mut().clear();
        self.changed.notify(&effects.schedule);
    }

    /// Why the connection was condemned, if it was.
    pub(super) fn verdict(&self) -> Option<Ending> {
        self.condemned.borrow().clone()
    }

    /// Why there are no more packets.
    pub(super) fn ended(&self) -> Ending {
        self.verdict().unwrap_or_else(Ending::closed)
    }

    fn is_condemned(&self) -> bool {
        self.condemned.borrow().is_some()
    }

    pub(super) fn decrypt(&self, packet: Vec<u8>) -> Option<Vec<u8>> {
        self.session.borrow_mut().as_mut()?.open(packet).ok()
    }

    /// Sends without waiting: messages are small and few.
    pub(super) fn send_message(&self, effects: &Effects, message: Message) {
        for packet in packets_of(&Frame::Message(message)) {
            self.send_packet(effects, packet);
        }
    }

    /// Sends a block as the transport takes it: a slow reader holds back its own blocks.
    pub(super) async fn send_block(&self, effects: &Effects, number: u64, bytes: Vec<u8>) {
        // Parts of two blocks must not mix.
        let _bulk = self.bulk.hold(&effects.schedule).await;
        for packet in packets_of(&Frame::Block { number, bytes }) {
            self.room(effects).await;
            self.send_packet(effects, packet);
        }
    }

    fn send_packet(&self, effects: &Effects, packet: Vec<u8>) {
        let mut session = self.session.borrow_mut();
        let sealed = session.as_mut().and_then(|session| session.seal(packet).ok());
        if let Some(bytes) = sealed {
            self.send_bytes(effects, bytes);
        }
    }

    pub(super) fn send_bytes(&self, effects: &Effects, bytes: Vec<u8>) {
        if self.closed.get() {
            return;
        }
        self.unsent_bytes.set(self.unsent_bytes.get() + bytes.len() as u64);
        effects.output(Output::Send { connection: self.id, bytes });
    }

    /// The transport has really sent so many bytes more.
    pub(super) fn sent(&self, effects: &Effects, bytes: u64) {
        self.unsent_bytes.set(self.unsent_bytes.get().saturating_sub(bytes));
        self.room.notify(&effects.schedule);
    }

    /// Waits until the transport has room, or has closed: a slow reader holds back its own answers.
    pub(super) async fn room(&self, effects: &Effects) {
        let look = || (self.closed.get() || self.unsent_bytes.get() < UNSENT_BYTES_HIGH).then_some(());
        effects.wait(&self.room, look).await;
    }

    /// Waits until the connection is over.
    pub(super) async fn until_closed(&self, effects: &Effects) {
        effects.wait(&self.changed, || self.closed.get().then_some(())).await;
    }

    /// Ends everything that waits on this connection.
    pub(super) fn end(&self, effects: &Effects) {
        self.closed.set(true);
        self.inbox.borrow_mut().clear();
        self.changed.notify(&effects.schedule);
        self.room.notify(&effects.schedule);
        for slot in self.calls.take().into_values() {
            slot.fill(&effects.schedule, Reply::Closed);
        }
        for slot in self.arrivals.take().into_values() {
            slot.fill(&effects.schedule, None);
        }
    }
}
