//! Nodes in memory, with counters and holes.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mimei_core::cbor::{Bytes, Cbor};
use mimei_core::cid::{Cid, Codec};
use mimei_core::map::{BlockOpener, MapError, Node, NodeSink, NodeSource, OpenBlock};

use crate::world::SALT;

/// Keeps everything; `hidden` nodes are there but not at hand.
pub(crate) struct Store {
    pub(crate) nodes: HashMap<Cid, Arc<Node>>,
    pub(crate) blocks: HashMap<Cid, Vec<u8>>,
    pub(crate) hidden: RefCell<HashSet<Cid>>,
    pub(crate) read: RefCell<HashSet<Cid>>,
    pub(crate) put: Vec<Cid>,
    pub(crate) rounds: Cell<usize>,
    /// Whether all nodes put must obey the salt.
    pub(crate) obedient: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            nodes: HashMap::new(),
            blocks: HashMap::new(),
            hidden: RefCell::default(),
            read: RefCell::default(),
            put: Vec::new(),
            rounds: Cell::new(0),
            obedient: true,
        }
    }
}

/// What a stored block looks like without a seal.
pub(crate) fn stored(body: &[u8], links: &[Cid]) -> Vec<u8> {
    (links.to_vec(), Bytes(body.to_vec())).to_cbor()
}

impl NodeSource for Store {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        if self.hidden.borrow().contains(cid) {
            return None;
        }
        self.read.borrow_mut().insert(*cid);
        self.nodes.get(cid).cloned()
    }
}

impl NodeSink for Store {
    fn put(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid {
        let block = stored(&body, &links);
        let cid = Cid::of(Codec::DagCbor, &block);
        let node = Node::decode(body, links).expect("what is written can be read");
        assert!(!self.obedient || node.obeys(&SALT), "what is written obeys the salt");
        self.nodes.insert(cid, Arc::new(node));
        self.blocks.insert(cid, block);
        self.hidden.borrow_mut().remove(&cid);
        self.put.push(cid);
        cid
    }
}

impl BlockOpener for Store {
    fn open(&self, cid: &Cid, stored: &[u8]) -> Option<OpenBlock> {
        let (links, body) = <(Vec<Cid>, Bytes)>::from_cbor(stored).ok().filter(|_| cid.verifies(stored))?;
        Some(OpenBlock { body: body.0, links })
    }
}

impl Store {
    pub(crate) fn hide_all(&self) {
        self.hidden.borrow_mut().extend(self.nodes.keys());
        self.rounds.set(0);
    }

    /// Brings what an operation says is missing. It must be missing, and each only once.
    pub(crate) fn bring(&self, error: MapError) {
        let MapError::Missing(holes) = error else { panic!("{error}") };
        assert!(!holes.is_empty());
        for cid in holes {
            assert!(self.nodes.contains_key(&cid), "a hole that never was there");
            assert!(self.hidden.borrow_mut().remove(&cid), "a hole named twice or not missing");
        }
        self.rounds.set(self.rounds.get() + 1);
    }

    /// Runs an operation until nothing is missing.
    pub(crate) fn until_there<T>(&self, mut operation: impl FnMut() -> Result<T, MapError>) -> T {
        loop {
            match operation() {
                Ok(value) => return value,
                Err(error) => self.bring(error),
            }
        }
    }

    pub(crate) fn forget_counts(&mut self) {
        self.read.borrow_mut().clear();
        self.put.clear();
    }

    pub(crate) fn reads(&self) -> usize {
        self.read.borrow().len()
    }

    /// All nodes under a root with their levels.
    pub(crate) fn walk(&self, root: Cid) -> Vec<(Cid, Arc<Node>)> {
        let mut found = vec![(root, self.nodes[&root].clone())];
        let mut at = 0;
        while at < found.len() {
            let node = found[at].1.clone();
            found.extend(node.children().map(|(_, cid, _)| (*cid, self.nodes[cid].clone())));
            at += 1;
        }
        found
    }
}
