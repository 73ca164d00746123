//! What was made or read a moment ago and is needed again soon.
//!
//! Stores are slow where it matters most: in a tab a look into the database takes milliseconds, and waits for
//! changes that were begun before. A piece that was just sealed is sent next; the last nodes of a blob are needed
//! for each of its pieces. What is here is in the store as well, or was verified like what is.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::blocks::BlockRow;
use crate::cid::{Cid, MimeiId};
use crate::map::{Node, Salt};

/// Bytes of blocks: as many as are on their way, and a few that wait.
const BLOCK_BYTES: usize = 6 << 20;
/// Nodes: the way from root to leaf in the maps that are in use.
const NODES: usize = 32;
/// Rows: all that a few nodes name.
const ROWS: usize = 512;
/// Changes of the store for whose end nobody waits.
const UNAWAITED_MAX: usize = 8;

/// For all MiMeis of a peer.
#[derive(Default)]
pub(crate) struct Recent {
    blocks: RefCell<VecDeque<(Cid, Vec<u8>)>>,
    block_bytes: Cell<usize>,
    nodes: RefCell<VecDeque<(Cid, Salt, Arc<Node>)>>,
    /// In rising order.
    rows: RefCell<Vec<((MimeiId, Cid), BlockRow)>>,
    unawaited: Cell<usize>,
}

impl Recent {
    pub(super) fn block(&self, cid: &Cid) -> Option<Vec<u8>> {
        self.blocks.borrow().iter().rev().find(|(known, _)| known == cid).map(|(_, bytes)| bytes.clone())
    }

    pub(super) fn keep_block(&self, cid: Cid, bytes: Vec<u8>) {
        let mut blocks = self.blocks.borrow_mut();
        let mut total = self.block_bytes.get() + bytes.len();
        blocks.push_back((cid, bytes));
        while total > BLOCK_BYTES
            && let Some((_, oldest)) = blocks.pop_front()
        {
            total -= oldest.len();
        }
        self.block_bytes.set(total);
    }

    /// A node of a map with that salt.
    pub(super) fn node(&self, cid: &Cid, salt: &Salt) -> Option<Arc<Node>> {
        let nodes = self.nodes.borrow();
        nodes.iter().rev().find(|(known, of, _)| known == cid && of == salt).map(|(_, _, node)| node.clone())
    }

    pub(super) fn keep_node(&self, cid: Cid, salt: Salt, node: Arc<Node>) {
        let mut nodes = self.nodes.borrow_mut();
        if nodes.len() >= NODES {
            nodes.pop_front();
        }
        nodes.push_back((cid, salt, node));
    }

    pub(super) fn row(&self, mimei: &MimeiId, cid: &Cid) -> Option<BlockRow> {
        let rows = self.rows.borrow();
        rows.binary_search_by(|(key, _)| key.cmp(&(*mimei, *cid))).ok().map(|at| rows[at].1.clone())
    }

    pub(super) fn keep_row(&self, mimei: &MimeiId, cid: &Cid, row: BlockRow) {
        let key = (*mimei, *cid);
        let mut rows = self.rows.borrow_mut();
        match rows.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => rows[at].1 = row,
            Err(_) if rows.len() >= ROWS => *rows = alloc::vec![(key, row)],
            Err(at) => rows.insert(at, (key, row)),
        }
    }

    /// A row changes in a way that is not seen here.
    pub(super) fn forget_row(&self, mimei: &MimeiId, cid: &Cid) {
        self.rows.borrow_mut().retain(|((of, known), _)| known != cid || of != mimei);
    }

    /// Whether one more change of the store may go on by itself.
    pub(super) fn begin_unawaited(&self) -> bool {
        let may = self.unawaited.get() < UNAWAITED_MAX;
        self.unawaited.set(self.unawaited.get() + usize::from(may));
        may
    }

    pub(super) fn end_unawaited(&self) {
        self.unawaited.set(self.unawaited.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid::Codec;

    fn cid(n: usize) -> Cid {
        Cid::of(Codec::Raw, &n.to_be_bytes())
    }

    #[test]
    fn blocks_stay_within_their_bytes_and_the_newest_stay_longest() {
        let recent = Recent::default();
        for n in 0..100 {
            recent.keep_block(cid(n), alloc::vec![n as u8; 256 << 10]);
        }
        let kept: Vec<usize> = (0..100).filter(|n| recent.block(&cid(*n)).is_some()).collect();
        assert_eq!(kept, (100 - (BLOCK_BYTES >> 18)..100).collect::<Vec<_>>());
        assert_eq!(recent.block(&cid(99)), Some(alloc::vec![99; 256 << 10]));
        assert_eq!(recent.block_bytes.get(), BLOCK_BYTES);
    }

    #[test]
    fn rows_are_those_kept_last_of_their_mimei_and_bounded() {
        let recent = Recent::default();
        let [one, other] = [b"one", b"two"].map(|id| MimeiId::of(id));
        let row = |parents| BlockRow { bytes: 1, parents };
        recent.keep_row(&one, &cid(1), row(1));
        recent.keep_row(&one, &cid(1), row(2));
        assert_eq!(recent.row(&one, &cid(1)), Some(row(2)));
        assert_eq!(recent.row(&other, &cid(1)), None);
        recent.forget_row(&one, &cid(1));
        assert_eq!(recent.row(&one, &cid(1)), None);
        for n in 0..10 * ROWS {
            recent.keep_row(&one, &cid(n), row(n as u64));
            assert_eq!(recent.row(&one, &cid(n)), Some(row(n as u64)));
        }
        assert!(recent.rows.borrow().len() <= ROWS);
    }
}
