//! The one thread that writes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mimei_core::store::{Batch, StoreError};
use redb::{Database, Durability, ReadableTable, WriteTransaction};
use tokio::sync::oneshot;

use super::blocks::{BLOCKS, BlockFiles, Place};
use super::database::Rows;
use super::room::Room;
use super::{definition, failed, of_io};

/// Batches that may wait; more would only lengthen the wait.
const WAITING_BATCHES_MAX: usize = 1024;
/// Batches of one commit: bounds what a crash can undo of work not yet answered.
const COMMIT_BATCHES_MAX: usize = 256;

struct Work {
    batch: Batch,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

/// The way to the writing thread. The last clone to go waits for it, so that the
/// database is closed when the store is.
#[derive(Clone)]
pub(super) struct Writer(Arc<Running>);

struct Running {
    work: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Writer {
    pub(super) fn start(rows: Arc<Rows>, files: Arc<BlockFiles>, room: Option<Room>) -> std::io::Result<Self> {
        let (work, waiting) = sync_channel(WAITING_BATCHES_MAX);
        let thread = std::thread::Builder::new().name("store-writer".into());
        let thread = thread.spawn(move || write(&rows, &files, room, &waiting))?;
        Ok(Self(Arc::new(Running { work: Some(work), thread: Some(thread) })))
    }

    pub(super) async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.submit(batch)?.await.map_err(|_| failed("the writer stopped"))?
    }

    pub(super) fn apply_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        self.submit(batch)?.blocking_recv().map_err(|_| failed("the writer stopped"))?
    }

    fn submit(&self, batch: Batch) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let work = Work { batch, answer };
        // Full means that the disk is far behind: refusing is better than growing.
        let sender = self.0.work.as_ref().ok_or_else(|| failed("the writer stopped"))?;
        sender.try_send(work).map_err(|_| failed("too many writes wait for the disk"))?;
        Ok(answered)
    }
}

fn write(rows: &Rows, files: &BlockFiles, mut room: Option<Room>, waiting: &Receiver<Work>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        while group.len() < COMMIT_BATCHES_MAX
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        if let Some(room) = &mut room {
            group = with_room(room, group);
        }
        if group.is_empty() {
            continue;
        }
        let (batches, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|work| (work.batch, work.answer)).unzip();
        let results = commit(rows, files, &batches);
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
    }
}

/// What there is room for; the rest is refused.
fn with_room(room: &mut Room, group: Vec<Work>) -> Vec<Work> {
    let mut allowance = room.look();
    let (taken, refused): (Vec<_>, Vec<_>) = group.into_iter().partition(|work| allowance.admits(&work.batch));
    room.tell(!refused.is_empty(), &allowance);
    for work in refused {
        let _ = work.answer.send(Err(StoreError::Full));
    }
    taken
}

fn commit(rows: &Rows, files: &BlockFiles, batches: &[Batch]) -> Vec<Result<(), StoreError>> {
    let mut stage = Stage { rows, files, written: Vec::new(), removed: Vec::new() };
    match rows.with(|database| stage.commit(database, batches)) {
        Ok(results) => {
            stage.removed.iter().for_each(|name| files.remove(*name));
            results
        }
        Err(error) => {
            stage.written.iter().for_each(|name| files.remove(*name));
            vec![Err(error); batches.len()]
        }
    }
}

struct Stage<'a> {
    rows: &'a Rows,
    files: &'a BlockFiles,
    written: Vec<u64>,
    removed: Vec<u64>,
}

impl Stage<'_> {
    fn commit(&mut self, database: &Database, batches: &[Batch]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let mut write = database.begin_write().map_err(|error| self.rows.judge(error))?;
        write.set_durability(Durability::Immediate).map_err(failed)?;
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            // Expectations first: a batch that is refused has then changed nothing.
            let result = if expectations_hold(self.rows, &write, batch)? { Ok(()) } else { Err(StoreError::Conflict) };
            if result.is_ok() {
                self.rows(&write, batch)?;
                self.blocks(&write, batch)?;
            }
            results.push(result);
        }
        if !self.written.is_empty() {
            self.files.sync().map_err(of_io)?;
        }
        write.commit().map_err(|error| {
            // Whether it happened shows when the database is opened again: its rows may name these files.
            // If they do not, the next start removes them.
            self.written.clear();
            self.rows.judge(error)
        })?;
        Ok(results)
    }

    fn rows(&self, write: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
        for (key, value) in &batch.put {
            let mut table = write.open_table(definition(key.table)).map_err(|error| self.rows.judge(error))?;
            table.insert(key.key.as_slice(), value.as_slice()).map_err(|error| self.rows.judge(error))?;
        }
        for key in &batch.delete {
            let mut table = write.open_table(definition(key.table)).map_err(|error| self.rows.judge(error))?;
            table.remove(key.key.as_slice()).map_err(|error| self.rows.judge(error))?;
        }
        Ok(())
    }

    fn blocks(&mut self, write: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
        let mut table = write.open_table(BLOCKS).map_err(|error| self.rows.judge(error))?;
        for (cid, bytes) in &batch.put_blocks {
            let key = cid.to_bytes();
            if table.get(key.as_slice()).map_err(|error| self.rows.judge(error))?.is_some() {
                continue;
            }
            let place = if BlockFiles::wants(bytes) {
                let name = self.files.write(bytes).map_err(of_io)?;
                self.written.push(name);
                Place::File { name, bytes: bytes.len() as u64 }.encode()
            } else {
                Place::Inline(bytes).encode()
            };
            table.insert(key.as_slice(), place.as_slice()).map_err(|error| self.rows.judge(error))?;
        }
        for cid in &batch.delete_blocks {
            let removed = table.remove(cid.to_bytes().as_slice()).map_err(|error| self.rows.judge(error))?;
            if let Some(Place::File { name, .. }) = removed.as_ref().and_then(|value| Place::decode(value.value())) {
                self.removed.push(name);
            }
        }
        Ok(())
    }
}

fn expectations_hold(rows: &Rows, write: &WriteTransaction, batch: &Batch) -> Result<bool, StoreError> {
    for (key, expected) in &batch.expect {
        let table = write.open_table(definition(key.table)).map_err(|error| rows.judge(error))?;
        let found = table.get(key.key.as_slice()).map_err(|error| rows.judge(error))?;
        if found.as_ref().map(|value| value.value()) != expected.as_deref() {
            return Ok(false);
        }
    }
    Ok(true)
}
