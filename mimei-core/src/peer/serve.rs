//! Asks of the other side: each runs as a task of its own and ends in one answer or refusal.

mod credit;
mod mimei;
mod tickets;

use alloc::rc::Rc;
use alloc::vec::Vec;

pub(super) use tickets::{Tickets, by_ticket};

use super::connection::Connection;
use super::task::Slot;
use super::{Shared, logs};
use crate::limits::{ASK_MS_MAX, ASKS_IN_WORK_MAX, PUTS_IN_WORK_MAX};
use crate::store::StoreError;
use crate::wire::{Answer, Ask, LogAnswer, LogAsk, Message, Nothing, Refusal, RefusalCode};

/// What an ask led to.
enum Served {
    Answer(Answer),
    Block(Vec<u8>),
}

pub(super) fn start(shared: &Rc<Shared>, connection: &Rc<Connection>, number: u64, ask: Ask) {
    let in_work = connection.asks_in_work.get();
    let is_put = matches!(ask, Ask::Put(_));
    if in_work >= ASKS_IN_WORK_MAX || (is_put && connection.arrivals.borrow().len() >= PUTS_IN_WORK_MAX) {
        let busy = Refusal::new(RefusalCode::Busy, "too many asks at once; wait for answers");
        connection.send_message(&shared.effects, Message::Refuse((number, busy)));
        return;
    }
    connection.asks_in_work.set(in_work + 1);
    if is_put {
        // Before the block can arrive.
        connection.arrivals.borrow_mut().insert(number, Slot::new());
    }
    let (task_shared, connection) = (shared.clone(), connection.clone());
    shared.effects.schedule.spawn(async move {
        let effects = &task_shared.effects;
        let served = serve(&task_shared, &connection, number, ask).await;
        connection.room(effects).await;
        match served {
            Ok(Served::Answer(answer)) => connection.send_message(effects, Message::Answer((number, answer))),
            Ok(Served::Block(bytes)) => connection.send_block(effects, number, bytes).await,
            Err(refusal) => connection.send_message(effects, Message::Refuse((number, refusal))),
        }
        connection.asks_in_work.set(connection.asks_in_work.get() - 1);
    });
}

async fn serve(shared: &Shared, connection: &Connection, number: u64, ask: Ask) -> Result<Served, Refusal> {
    let answer = match ask {
        Ask::Ping(Nothing {}) => Ok(Answer::Done(Nothing {})),
        Ask::Log(ask) => log(shared, ask).await,
        Ask::Enter(ask) => mimei::enter(shared, connection, ask).await,
        Ask::Look(ask) => mimei::look(shared, connection, ask).await,
        Ask::Publish(ask) => mimei::publish(shared, connection, *ask).await,
        Ask::Progress(ask) => mimei::progress(shared, connection, *ask).await,
        Ask::Have(ask) => mimei::have(shared, connection, ask).await,
        Ask::Put(ask) => {
            let bytes = arrival(shared, connection, number).await?;
            mimei::put(shared, connection, ask, bytes).await
        }
        Ask::Credit(ask) => credit::credit(shared, connection, *ask).await,
        Ask::Pay(ask) => credit::pay(shared, connection, *ask).await,
        Ask::Mandate(ask) => credit::mandate(shared, connection, *ask).await,
        Ask::Accept(ask) => credit::accept(shared, connection, ask).await,
        Ask::Ticket(ask) => tickets::give(shared, connection, ask).await,
        Ask::Get(ask) => return mimei::get(shared, connection, ask).await.map(Served::Block),
    };
    answer.map(Served::Answer)
}

/// The block that the other side announced.
async fn arrival(shared: &Shared, connection: &Connection, number: u64) -> Result<Vec<u8>, Refusal> {
    let slot = connection.arrivals.borrow().get(&number).cloned();
    let deadline = shared.effects.now() + ASK_MS_MAX;
    let bytes = match slot {
        Some(slot) => shared.effects.before(deadline, slot.take(&shared.effects.schedule)).await.flatten(),
        None => None,
    };
    connection.arrivals.borrow_mut().remove(&number);
    bytes.ok_or_else(|| Refusal::new(RefusalCode::Missing, "the block that was announced did not come"))
}

async fn log(shared: &Shared, ask: LogAsk) -> Result<Answer, Refusal> {
    let log = logs::load(shared, &ask.user).await.map_err(store_refusal)?;
    let log = log.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "that identity is not known here"))?;
    Ok(Answer::Log(LogAnswer { entries: log.entries_after(&ask.known) }))
}

pub(super) fn store_refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Conflict => Refusal::new(RefusalCode::Conflict, "something else was written first; look again"),
        StoreError::Full => Refusal::new(
            RefusalCode::Full,
            "the relay's disk is full; what you saved stays on your device and is sent when its owner has made room",
        ),
        // What the store said is for the log of its owner, not for the network.
        StoreError::Failed(_) => Refusal::new(RefusalCode::Store, "the relay's store failed; nothing was stored"),
    }
}
