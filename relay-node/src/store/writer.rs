//! The one thread that writes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mimei_core::store::{Batch, StoreError};
use redb::{Database, Durability, ReadableTable, WriteTransaction};
use tokio::sync::oneshot;

use super::blocks::{BLOCKS, BlockFiles, Place};
use super::{definition, failed};

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
    pub(super) fn start(database: Arc<Database>, files: Arc<BlockFiles>) -> std::io::Result<Self> {
        let (work, waiting) = sync_channel(WAITING_BATCHES_MAX);
        let thread = std::thread::Builder::new().name("store-writer".into());
        let thread = thread.spawn(move || write(&database, &files, &waiting))?;
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

fn write(database: &Database, files: &BlockFiles, waiting: &Receiver<Work>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        while group.len() < COMMIT_BATCHES_MAX
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        let (batches, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|work| (work.batch, work.answer)).unzip();
        let results = commit(database, files, &batches);
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
    }
}

fn commit(database: &Database, files: &BlockFiles, batches: &[Batch]) -> Vec<Result<(), StoreError>> {
    let mut stage = Stage { files, written: Vec::new(), removed: Vec::new() };
    match stage.commit(database, batches) {
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
    files: &'a BlockFiles,
    written: Vec<u64>,
    removed: Vec<u64>,
}

impl Stage<'_> {
    fn commit(&mut self, database: &Database, batches: &[Batch]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let mut write = database.begin_write().map_err(of_redb)?;
        write.set_durability(Durability::Immediate).map_err(failed)?;
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            // Expectations first: a batch that is refused has then changed nothing.
            let result = if expectations_hold(&write, batch)? { Ok(()) } else { Err(StoreError::Conflict) };
            if result.is_ok() {
                self.rows(&write, batch)?;
                self.blocks(&write, batch)?;
            }
            results.push(result);
        }
        if !self.written.is_empty() {
            self.files.sync().map_err(of_io)?;
        }
        write.commit().map_err(of_redb)?;
        Ok(results)
    }

    fn rows(&self, write: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
        for (key, value) in &batch.put {
            let mut table = write.open_table(definition(key.table)).map_err(failed)?;
            table.insert(key.key.as_slice(), value.as_slice()).map_err(of_redb)?;
        }
        for key in &batch.delete {
            let mut table = write.open_table(definition(key.table)).map_err(failed)?;
            table.remove(key.key.as_slice()).map_err(of_redb)?;
        }
        Ok(())
    }

    fn blocks(&mut self, write: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
        let mut table = write.open_table(BLOCKS).map_err(failed)?;
        for (cid, bytes) in &batch.put_blocks {
            let key = cid.to_bytes();
            if table.get(key.as_slice()).map_err(of_redb)?.is_some() {
                continue;
            }
            let place = if BlockFiles::wants(bytes) {
                let name = self.files.write(bytes).map_err(of_io)?;
                self.written.push(name);
                Place::File { name, bytes: bytes.len() as u64 }.encode()
            } else {
                Place::Inline(bytes).encode()
            };
            table.insert(key.as_slice(), place.as_slice()).map_err(of_redb)?;
        }
        for cid in &batch.delete_blocks {
            let removed = table.remove(cid.to_bytes().as_slice()).map_err(of_redb)?;
            if let Some(Place::File { name, .. }) = removed.as_ref().and_then(|value| Place::decode(value.value())) {
                self.removed.push(name);
            }
        }
        Ok(())
    }
}

fn expectations_hold(write: &WriteTransaction, batch: &Batch) -> Result<bool, StoreError> {
    for (key, expected) in &batch.expect {
        let table = write.open_table(definition(key.table)).map_err(failed)?;
        let found = table.get(key.key.as_slice()).map_err(of_redb)?;
        if found.as_ref().map(|value| value.value()) != expected.as_deref() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn of_io(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => failed(error),
    }
}

fn of_redb(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(error) => of_io(error),
        other => failed(other),
    }
}
