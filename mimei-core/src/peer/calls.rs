//! Asks of ours, and the commands that lead to them.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::connection::{Connection, Reply};
use super::task::Slot;
use super::{
    Command, CommandError, CommandId, ConnectionId, DeviceView, Outcome, Output, Shared, credit, items, logs, serve,
};
use crate::identity::Device;
use crate::limits::{ASK_MS_MAX, ASKS_OPEN_MAX};
use crate::order;
use crate::time::Millis;
use crate::wire::{Answer, Ask, Bye, Message, Nothing, Refusal, RefusalCode};

pub(super) fn start(shared: &Rc<Shared>, id: CommandId, command: Command) {
    let task_shared = shared.clone();
    shared.effects.schedule.spawn(async move {
        let outcome = run(&task_shared, command).await;
        task_shared.effects.output(Output::Outcome { id, outcome });
    });
}

async fn run(shared: &Rc<Shared>, command: Command) -> Result<Outcome, CommandError> {
    match command {
        Command::Ping(connection) => ping(shared, connection).await,
        Command::Disconnect(connection) => disconnect(shared, connection),
        Command::Devices => devices(shared).await,
        Command::Block { ticket, cid } => {
            serve::by_ticket(shared, ticket, cid).await.map(Outcome::Block).map_err(CommandError::Refused)
        }
        Command::Credit(command) => credit::run(shared, command).await.map(Outcome::Credit).map_err(CommandError::from),
        Command::Item(command) => items::run(shared, command).await.map(Outcome::Item).map_err(CommandError::from),
    }
}

async fn ping(shared: &Shared, id: ConnectionId) -> Result<Outcome, CommandError> {
    let connection = connected(shared, id)?;
    let start = shared.effects.now();
    let Answer::Done(Nothing {}) = ask(shared, &connection, Ask::Ping(Nothing {})).await? else {
        return Err(CommandError::WrongAnswer);
    };
    Ok(Outcome::RoundTrip { ms: shared.effects.now().0 - start.0 })
}

async fn devices(shared: &Shared) -> Result<Outcome, CommandError> {
    logs::load_own(shared).await.map_err(items::Fault::from)?;
    let log = shared.log.borrow();
    let mut devices: Vec<_> = log.devices().collect();
    order::sort_by_key(&mut devices, |device| (device.depth, device.entry));
    let added = |device: &Device| log.entry(&device.entry).map(|entry| entry.body.time());
    let view = |device: &Device| DeviceView {
        device: device.keys.sign,
        added: added(device).unwrap_or_default(),
        is_revoked: device.revoked.is_some(),
    };
    Ok(Outcome::Devices(devices.into_iter().map(view).collect()))
}

fn disconnect(shared: &Shared, id: ConnectionId) -> Result<Outcome, CommandError> {
    let connection = connected(shared, id)?;
    let bye = Bye { code: "connection.closed".into(), message: "the other side closed the connection".into() };
    connection.send_message(&shared.effects, Message::Bye(bye));
    shared.effects.output(Output::Close { connection: id });
    connection.end(&shared.effects);
    Ok(Outcome::Done)
}

/// A connection whose other side has proven who it is.
pub(super) fn connected(shared: &Shared, id: ConnectionId) -> Result<Rc<Connection>, CommandError> {
    shared.connection(id).filter(|connection| connection.remote().is_some()).ok_or(CommandError::NotConnected)
}

/// Asks, and waits for what comes back.
pub(super) async fn ask(shared: &Shared, connection: &Connection, ask: Ask) -> Result<Answer, CommandError> {
    match begin(shared, connection, ask)?.reply(shared, connection).await? {
        Reply::Answer(answer) => Ok(answer),
        _ => Err(CommandError::WrongAnswer),
    }
}

/// An ask that was sent.
pub(super) struct Call {
    pub(super) number: u64,
    slot: Rc<Slot<Reply>>,
    deadline: Millis,
}

/// Asks without waiting.
pub(super) fn begin(shared: &Shared, connection: &Connection, ask: Ask) -> Result<Call, CommandError> {
    let (number, slot) = open_call(connection)?;
    connection.send_message(&shared.effects, Message::Ask((number, ask)));
    Ok(Call { number, slot, deadline: shared.effects.now() + ASK_MS_MAX })
}

impl Call {
    /// What came back: an answer or a block.
    pub(super) async fn reply(self, shared: &Shared, connection: &Connection) -> Result<Reply, CommandError> {
        let reply = shared.effects.before(self.deadline, self.slot.take(&shared.effects.schedule)).await;
        connection.calls.borrow_mut().remove(&self.number);
        match reply {
            Some(Reply::Refused(refusal)) => Err(CommandError::Refused(refusal)),
            Some(Reply::Closed) => Err(CommandError::NotConnected),
            Some(reply) => Ok(reply),
            None => Err(CommandError::TimedOut),
        }
    }
}

fn open_call(connection: &Connection) -> Result<(u64, Rc<Slot<Reply>>), CommandError> {
    if connection.remote().is_none() {
        return Err(CommandError::NotConnected);
    }
    let mut calls = connection.calls.borrow_mut();
    if calls.len() >= ASKS_OPEN_MAX {
        let busy = Refusal::new(RefusalCode::Busy, "too many asks wait for answers on this connection");
        return Err(CommandError::Refused(busy));
    }
    let number = connection.next_call.get();
    connection.next_call.set(number + 2);
    let slot = Slot::new();
    calls.insert(number, slot.clone());
    Ok((number, slot))
}
