//! Whether there is room on the disk: asked before something is written, so that the disk is not full in
//! the middle of it.
//!
//! What is refused leaves a reserve, in steps: blocks are refused first, which are most of the bytes; then
//! rows, without which not even reads are counted; what only deletes goes on longest, since it makes room.

use std::path::PathBuf;

use mimei_core::store::Batch;

use super::blocks::BlockFiles;

/// What is left of the disk when blocks are refused: room for rows for a long time.
const RESERVE_FOR_ROWS: u64 = 16 << 20;
/// What is left when rows are refused: room for the pages that a commit copies, and for other programs.
const RESERVE_FOR_DELETING: u64 = 8 << 20;
/// What is left when nothing is written any more.
const RESERVE: u64 = 4 << 20;
/// So much more than blocks need must be free until the owner is told that it is over: who stands at the
/// border crosses it with each small block.
const FREE_AGAIN: u64 = RESERVE_FOR_ROWS + (8 << 20);
/// Pages of redb that one row changes at most, and keeps twice until the commit is over: those of two trees.
const ROW_BYTES: u64 = 16 << 10;
/// What a file takes beside its bytes: the rest of its last page, and its name.
const FILE_BYTES: u64 = 8 << 10;

/// The room under the store.
pub(super) struct Room {
    directory: PathBuf,
    /// What the owner was told.
    is_full: bool,
}

/// The room for one commit.
pub(super) struct Allowance {
    free: u64,
    used: u64,
}

impl Room {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, is_full: false }
    }

    /// The room that there is now. A file system that does not tell says so itself when it is full.
    pub(super) fn look(&self) -> Allowance {
        let free = rustix::fs::statvfs(&self.directory).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        Allowance { free: free.unwrap_or(u64::MAX), used: 0 }
    }

    /// Tells the owner once when it begins and once when it is over.
    pub(super) fn tell(&mut self, was_refused: bool, room: &Allowance) {
        if was_refused && !self.is_full {
            self.is_full = true;
            tracing::error!(
                "the disk under {} is full: new data is refused, what is stored is served; \
                 free space there, or move the data directory to a larger disk",
                self.directory.display()
            );
        } else if self.is_full && !was_refused && room.free >= FREE_AGAIN {
            self.is_full = false;
            tracing::warn!("there is room under {} again: new data is taken", self.directory.display());
        }
    }
}

impl Allowance {
    /// Whether a batch fits beside those that were let through before it.
    pub(super) fn admits(&mut self, batch: &Batch) -> bool {
        let needed = bytes_of(batch);
        let admits = self.free.saturating_sub(self.used) >= needed.saturating_add(reserve_for(batch));
        if admits {
            self.used += needed;
        }
        admits
    }
}

fn reserve_for(batch: &Batch) -> u64 {
    match batch {
        _ if !batch.put_blocks.is_empty() => RESERVE_FOR_ROWS,
        _ if !batch.put.is_empty() => RESERVE_FOR_DELETING,
        _ => RESERVE,
    }
}

/// What a batch takes of the disk at most.
fn bytes_of(batch: &Batch) -> u64 {
    let rows = batch.put.iter().map(|(key, value)| ROW_BYTES + (key.key.len() + value.len()) as u64);
    let blocks = batch.put_blocks.iter().map(|(_, bytes)| {
        let file = if BlockFiles::wants(bytes) { FILE_BYTES } else { 0 };
        ROW_BYTES + file + bytes.len() as u64
    });
    let deleted = (batch.delete.len() + batch.delete_blocks.len()) as u64 * ROW_BYTES;
    rows.chain(blocks).sum::<u64>() + deleted
}

#[cfg(test)]
mod tests {
    use mimei_core::cid::{Cid, Codec};
    use mimei_core::store::{RowKey, Table};

    use super::*;

    fn block(bytes: usize) -> Batch {
        Batch { put_blocks: vec![(Cid::of(Codec::Raw, b"any"), vec![0; bytes])], ..Batch::default() }
    }

    fn admits(free: u64, batch: &Batch) -> bool {
        Allowance { free, used: 0 }.admits(batch)
    }

    #[test]
    fn blocks_are_refused_before_rows_and_rows_before_deleting() {
        let key = RowKey::new(Table::Log, b"key");
        let row = Batch { put: vec![(key.clone(), vec![1])], ..Batch::default() };
        let delete = Batch { delete: vec![key], ..Batch::default() };
        let steps = [(RESERVE_FOR_ROWS, [false, true, true]), (RESERVE_FOR_DELETING, [false, false, true])];
        for (free, expected) in steps {
            assert_eq!([&block(1), &row, &delete].map(|batch| admits(free, batch)), expected, "{free}");
        }
        assert_eq!([&block(1), &row, &delete].map(|batch| admits(0, batch)), [false; 3]);
        assert_eq!([&block(1), &row, &delete].map(|batch| admits(1 << 30, batch)), [true; 3]);
    }

    #[test]
    fn what_waits_for_the_same_commit_is_counted_together() {
        let mut room = Allowance { free: RESERVE_FOR_ROWS + (5 << 20), used: 0 };
        let taken = (0..10).filter(|_| room.admits(&block(1 << 20))).count();
        assert_eq!(taken, 4, "the fifth would reach into the reserve with what it takes beside its bytes");
    }
}
