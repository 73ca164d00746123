//! Changes that come while one is being written share the next transaction.
//!
//! Each transaction costs the browser more than what is written in it, and what it holds of them until it collects
//! garbage is most of what a tab takes in a large upload.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::slice;

use futures_channel::oneshot;
use mimei_core::store::{Batch, StoreError};
use wasm_bindgen_futures::spawn_local;

use super::failed;
use super::indexed::IndexedStore;

/// Changes that share one transaction: more than blocks are on their way at once.
const SHARED_MAX: usize = 32;

/// Changes that wait for their turn.
#[derive(Default)]
pub(super) struct Group {
    waiting: RefCell<VecDeque<Waiting>>,
    is_writing: Cell<bool>,
}

type Waiting = (Batch, oneshot::Sender<Result<(), StoreError>>);

impl Group {
    /// Waits until the change is made or refused. It is, also if nobody waits any more.
    pub(super) async fn apply(&self, batch: Batch, store: &Rc<IndexedStore>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.waiting.borrow_mut().push_back((batch, answer));
        if !self.is_writing.replace(true) {
            let store = store.clone();
            spawn_local(async move {
                while let Some(next) = store.group().next() {
                    write(&store, next).await;
                }
            });
        }
        answered.await.unwrap_or_else(|_| Err(failed("a change was left behind")))
    }

    fn next(&self) -> Option<Vec<Waiting>> {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(SHARED_MAX);
        self.is_writing.set(count > 0);
        (count > 0).then(|| waiting.drain(..count).collect())
    }
}

async fn write(store: &IndexedStore, changes: Vec<Waiting>) {
    let (batches, answers): (Vec<Batch>, Vec<_>) = changes.into_iter().unzip();
    let applied = match store.apply_all(&batches).await {
        Ok(held) => held.into_iter().map(answer).collect(),
        Err(error) if batches.len() == 1 => vec![Err(error)],
        // What has no room with all others may have some alone.
        Err(_) => {
            let mut applied = Vec::new();
            for batch in &batches {
                let alone = store.apply_all(slice::from_ref(batch)).await;
                applied.push(alone.and_then(|held| held.into_iter().try_for_each(answer)));
            }
            applied
        }
    };
    for (waiting, applied) in answers.into_iter().zip(applied) {
        // Whoever asked may be gone.
        let _ = waiting.send(applied);
    }
}

fn answer(held: bool) -> Result<(), StoreError> {
    if held { Ok(()) } else { Err(StoreError::Conflict) }
}
