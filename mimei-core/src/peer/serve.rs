//! Asks of the other side: each runs as a task of its own and ends in one answer or refusal.

use alloc::rc::Rc;

use super::connection::Connection;
use super::{Shared, logs};
use crate::limits::ASKS_IN_WORK_MAX;
use crate::store::StoreError;
use crate::wire::{Answer, Ask, LogAnswer, LogAsk, Message, Nothing, Refusal, RefusalCode};

pub(super) fn start(shared: &Rc<Shared>, connection: &Rc<Connection>, number: u64, ask: Ask) {
    let in_work = connection.asks_in_work.get();
    if in_work >= ASKS_IN_WORK_MAX {
        let busy = Refusal::new(RefusalCode::Busy, "too many asks at once; wait for answers");
        connection.send_message(&shared.effects, Message::Refuse((number, busy)));
        return;
    }
    connection.asks_in_work.set(in_work + 1);
    let (task_shared, connection) = (shared.clone(), connection.clone());
    shared.effects.schedule.spawn(async move {
        let message = match serve(&task_shared, ask).await {
            Ok(answer) => Message::Answer((number, answer)),
            Err(refusal) => Message::Refuse((number, refusal)),
        };
        connection.room(&task_shared.effects).await;
        connection.send_message(&task_shared.effects, message);
        connection.asks_in_work.set(connection.asks_in_work.get() - 1);
    });
}

async fn serve(shared: &Shared, ask: Ask) -> Result<Answer, Refusal> {
    match ask {
        Ask::Ping(Nothing {}) => Ok(Answer::Done(Nothing {})),
        Ask::Log(ask) => log(shared, ask).await,
    }
}

async fn log(shared: &Shared, ask: LogAsk) -> Result<Answer, Refusal> {
    let log = logs::load(shared, &ask.user).await.map_err(store_refusal)?;
    let log = log.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "that identity is not known here"))?;
    Ok(Answer::Log(LogAnswer { entries: log.entries_after(&ask.known) }))
}

pub(super) fn store_refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Conflict => Refusal::new(RefusalCode::Conflict, "something else was written first; look again"),
        StoreError::Full => Refusal::new(RefusalCode::Full, "the relay's disk is full; nothing was stored"),
        // What the store said is for the log of its owner, not for the network.
        StoreError::Failed(_) => Refusal::new(RefusalCode::Store, "the relay's store failed; nothing was stored"),
    }
}
