//! A connection's life: handshake, then frames until it ends.

use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::connection::{Connection, Reply};
use super::handshake::{Ending, handshake};
use super::{ConnectionId, Event, Expect, Output, Shared, credit, items, serve};
use crate::limits::HANDSHAKE_MS_MAX;
use crate::seeded::Seed;
use crate::wire::noise::{Binding, HandshakeError, Role};
use crate::wire::{Bye, Frame, Message, Reassembler};

pub(super) fn start(shared: &Rc<Shared>, id: ConnectionId, role: Role, binding: Binding, expect: Expect, seed: Seed) {
    let connection = Connection::new(id, role, &seed);
    shared.connections.borrow_mut().insert(id, connection.clone());
    let task_shared = shared.clone();
    shared.effects.schedule.spawn(async move {
        let shared = task_shared;
        let ending = live(&shared, &connection, role, &binding, &expect, &seed).await;
        finish(&shared, &connection, ending);
    });
}

async fn live(
    shared: &Rc<Shared>,
    connection: &Rc<Connection>,
    role: Role,
    binding: &Binding,
    expect: &Expect,
    seed: &Seed,
) -> Ending {
    let deadline = shared.effects.now() + HANDSHAKE_MS_MAX;
    let met = handshake(shared, connection, role, binding, expect, seed);
    let (reassembler, trust) = match shared.effects.before(deadline, met).await {
        Some(Ok(met)) => met,
        Some(Err(ending)) => return ending,
        None => return Ending::new("handshake.timeout", "the other side did not finish the handshake in time"),
    };
    if let Some(remote) = connection.remote() {
        let (user, device) = (remote.user, remote.device);
        shared.effects.event(Event::SessionOpened { connection: connection.id, user, device, trust });
        meet(shared, connection);
    }
    converse(shared, connection, reassembler).await
}

/// With a relay: the account first, then everything that is known here.
fn meet(shared: &Rc<Shared>, connection: &Rc<Connection>) {
    if !connection.is_dialled() {
        return;
    }
    let (task_shared, connection) = (shared.clone(), connection.clone());
    shared.effects.schedule.spawn(async move {
        let is_known = credit::met(&task_shared, &connection).await;
        items::met(&task_shared, &connection);
        if !is_known {
            credit::keep_asking(&task_shared, &connection).await;
        }
    });
}

async fn converse(shared: &Rc<Shared>, connection: &Rc<Connection>, mut reassembler: Reassembler) -> Ending {
    loop {
        let Some(packet) = connection.packet(&shared.effects).await else { return connection.ended() };
        let Some(packet) = connection.decrypt(packet) else { return HandshakeError::Noise.into() };
        match reassembler.push(&packet) {
            Ok(None) => {}
            Ok(Some(frame)) => {
                if let Some(ending) = route(shared, connection, frame) {
                    return ending;
                }
            }
            Err(error) => return Ending::new("wire.malformed", error),
        }
    }
}

/// Hands a frame to whoever it is for; an ending if the connection must not go on.
fn route(shared: &Rc<Shared>, connection: &Rc<Connection>, frame: Frame) -> Option<Ending> {
    let (number, reply) = match frame {
        Frame::Message(Message::Ask((number, _))) if !connection.may_ask(number) => {
            return Some(Ending::new("wire.malformed", "the other side numbered an ask as ours are"));
        }
        Frame::Message(Message::Ask((number, ask))) => {
            serve::start(shared, connection, number, ask);
            return None;
        }
        Frame::Message(Message::Hello(_)) => {
            return Some(Ending::new("wire.malformed", "the other side said hello twice"));
        }
        Frame::Message(Message::Bye(bye)) => return Some(Ending::new("connection.closed", bye.message)),
        Frame::Message(Message::Answer((number, answer))) => (number, Reply::Answer(answer)),
        Frame::Message(Message::Refuse((number, refusal))) => (number, Reply::Refused(refusal)),
        Frame::Message(Message::Tell(tell)) => {
            items::told(shared, connection, tell.mimei);
            return None;
        }
        Frame::Message(Message::Account(_)) => {
            credit::told(shared, connection);
            return None;
        }
        Frame::Block { number, bytes } if connection.may_ask(number) => {
            // A block whose ask was refused was already on its way.
            if let Some(slot) = connection.arrivals.borrow_mut().remove(&number) {
                slot.fill(&shared.effects.schedule, Some(bytes));
            }
            return None;
        }
        Frame::Block { number, bytes } => (number, Reply::Block(bytes)),
    };
    // An answer that nobody waits for any more is no fault: its ask may have timed out.
    if let Some(slot) = connection.calls.borrow_mut().remove(&number) {
        slot.fill(&shared.effects.schedule, reply);
    }
    None
}

fn finish(shared: &Shared, connection: &Connection, ending: Ending) {
    let open = !connection.closed.get();
    if open {
        let bye = Bye { code: ending.code.to_string(), message: ending.message.clone() };
        connection.send_message(&shared.effects, Message::Bye(bye));
    }
    let Ending { code, message } = ending;
    // Before the close: a driver forgets a connection when it closes it, and the reason with it.
    shared.effects.event(Event::SessionClosed { connection: connection.id, code, message });
    if open {
        shared.effects.output(Output::Close { connection: connection.id });
    }
    connection.end(&shared.effects);
    shared.connections.borrow_mut().remove(&connection.id);
    shared.tickets.end(connection.id);
    credit::flush(shared);
}

pub(super) fn received(shared: &Rc<Shared>, id: ConnectionId, bytes: Vec<u8>) {
    if let Some(connection) = shared.connection(id) {
        connection.arrive(&shared.effects, bytes);
    }
}

pub(super) fn sent(shared: &Shared, id: ConnectionId, bytes: u64) {
    if let Some(connection) = shared.connection(id) {
        connection.sent(&shared.effects, bytes);
    }
}

pub(super) fn fetchable(shared: &Shared, id: ConnectionId) {
    if let Some(connection) = shared.connection(id) {
        connection.fetching.allow();
    }
}

pub(super) fn closed(shared: &Shared, id: ConnectionId) {
    if let Some(connection) = shared.connection(id) {
        connection.end(&shared.effects);
    }
}
