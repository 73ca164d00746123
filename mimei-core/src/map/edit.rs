//! Editing: a sorted batch of puts and deletes in one pass over each level.
//!
//! The edits of a level change some of its nodes; the changed nodes are the edits
//! of the level above. So the cost follows the number of edits and the height,
//! never the size of the map.

mod cursor;
mod cut;
mod window;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use self::cursor::Cursor;
use self::window::{ItemEdit, Window, Written, name_around};
use super::build::{Tower, check_key, put_empty};
use super::limits::{ENTRIES_MAX, STEP_EDITS_MAX};
use super::node::{Item, Node, Payload, Value};
use super::shape::Salt;
use super::source::{Holes, InputError, MapError, NodeSink, NodeSource, open_root};
use crate::cid::Cid;

/// A batch of edits under way. It takes no step twice, so after a hole it goes on where it was.
pub struct BatchEdit {
    salt: Salt,
    root: Cid,
    /// Kept, so that no step can fail between a level and the next.
    root_node: Option<Arc<Node>>,
    state: State,
}

/// How far a batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EditStep {
    /// There is more to do.
    More,
    /// The root of the edited map.
    Done(Cid),
}

enum State {
    Start(VecDeque<ItemEdit>),
    Level(Box<Pass>),
    /// The root is this node, or below it if it has a single child.
    Descend(Cid),
    Done(Cid),
}

/// The edits of one level under way.
struct Pass {
    level: u8,
    is_top: bool,
    cursor: Cursor,
    edits: VecDeque<ItemEdit>,
    above: VecDeque<ItemEdit>,
    /// Settled, but the next may still reach it.
    before: Option<Window>,
    current: Option<Window>,
}

impl BatchEdit {
    /// A batch on the map under `root`: values to put, `None` to delete, keys rising.
    pub fn new(root: Cid, salt: Salt, edits: Vec<(Vec<u8>, Option<Value>)>) -> Result<Self, InputError> {
        if !edits.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(InputError::Order);
        }
        for (key, value) in &edits {
            check_key(key)?;
            value.as_ref().map_or(Ok(()), Value::check)?;
        }
        let edits = edits.into_iter().map(|(key, value)| ItemEdit { key, payload: value.map(Payload::Value) });
        Ok(Self { salt, root, root_node: None, state: State::Start(edits.collect()) })
    }

    /// Goes on for at most some thousand edits.
    pub fn step<S: NodeSource + NodeSink>(&mut self, store: &mut S) -> Result<EditStep, MapError> {
        loop {
            let next = match &mut self.state {
                State::Start(edits) => {
                    let root = open_root(store, &self.root)?;
                    if root.count().saturating_add(edits.len() as u64) > ENTRIES_MAX {
                        return Err(MapError::TooMany);
                    }
                    let pass = Pass::new(self.root, root.clone(), 0, core::mem::take(edits));
                    self.root_node = Some(root);
                    State::Level(Box::new(pass))
                }
                State::Level(pass) => {
                    let Some(written) = pass.run(store, &self.salt)? else { return Ok(EditStep::More) };
                    self.state_after(written, store)
                }
                State::Descend(cid) => {
                    let node = store.node(cid).ok_or_else(|| MapError::Missing(alloc::vec![*cid]))?;
                    match node.child(0).filter(|_| node.len() == 1) {
                        Some(child) => State::Descend(child.cid),
                        None => State::Done(*cid),
                    }
                }
                State::Done(root) => return Ok(EditStep::Done(*root)),
            };
            self.state = next;
        }
    }

    fn state_after<K: NodeSink>(&mut self, written: Written, store: &mut K) -> State {
        let (State::Level(pass), Some(root)) = (&mut self.state, &self.root_node) else {
            unreachable!("a level was just written")
        };
        match written {
            Written::Nothing => State::Done(put_empty(store)),
            Written::Root(cid) => State::Done(cid),
            Written::OnlyChild(cid) => State::Descend(cid),
            Written::Part if pass.above.is_empty() => State::Done(self.root),
            Written::Part if pass.is_top => State::Done(build_above(self.salt, pass, store)),
            Written::Part => {
                let above = core::mem::take(&mut pass.above);
                State::Level(Box::new(Pass::new(self.root, root.clone(), pass.level + 1, above)))
            }
        }
    }
}

/// The root over all nodes of a level that was the top one and has become several.
fn build_above<K: NodeSink>(salt: Salt, pass: &mut Pass, sink: &mut K) -> Cid {
    let mut tower = Tower::new(salt, pass.level + 1);
    for edit in pass.above.drain(..) {
        if let Some(payload) = edit.payload {
            tower.push(0, Item::Fresh(edit.key, payload), sink);
        }
    }
    tower.finish(sink)
}

impl Pass {
    fn new(cid: Cid, root: Arc<Node>, level: u8, edits: VecDeque<ItemEdit>) -> Self {
        let is_top = root.level() == level;
        let cursor = Cursor::new(cid, root, level);
        Self { level, is_top, cursor, edits, above: VecDeque::new(), before: None, current: None }
    }

    /// Goes on, and says what the level became when it is through.
    fn run<S: NodeSource + NodeSink>(&mut self, store: &mut S, salt: &Salt) -> Result<Option<Written>, MapError> {
        let rest = self.edits.len().saturating_sub(STEP_EDITS_MAX);
        while self.current.is_some() || !self.edits.is_empty() {
            if self.current.is_none() && self.edits.len() <= rest && rest > 0 {
                return Ok(None);
            }
            if let Err(error) = self.settle_next(store, salt) {
                return Err(self.name_more(store, salt, error));
            }
            if let Some(settled) = core::mem::replace(&mut self.before, self.current.take()) {
                settled.write(store, self.is_top, &mut self.above);
            }
        }
        let last = self.before.take();
        Ok(Some(last.map_or(Written::Part, |window| window.write(store, self.is_top, &mut self.above))))
    }

    fn settle_next<S: NodeSource>(&mut self, source: &S, salt: &Salt) -> Result<(), MapError> {
        let window = match (&mut self.current, self.edits.front()) {
            (Some(window), _) => window,
            (None, None) => return Ok(()),
            (current, Some(edit)) => {
                self.cursor.seek(source, &edit.key)?;
                current.insert(Window::new(source, &self.cursor, *salt, &mut self.edits)?)
            }
        };
        window.settle(source, &mut self.edits, &mut self.before)
    }

    /// What else is missing for the edits that this step would come to.
    fn name_more<S: NodeSource>(&self, source: &S, salt: &Salt, error: MapError) -> MapError {
        let mut holes = Holes::default();
        let mut named = holes.add_from(error);
        let mut cursor = self.cursor.clone();
        for edit in self.edits.iter().take(STEP_EDITS_MAX) {
            if holes.is_full() || named.is_err() {
                break;
            }
            named = match cursor.seek(source, &edit.key) {
                Ok(()) => name_around(source, &cursor, salt, edit, &mut holes),
                Err(error) => holes.add_from(error),
            };
        }
        match named.and_then(|()| holes.none_or_missing()) {
            Err(error) => error,
            Ok(()) => unreachable!("it was given a hole"),
        }
    }
}
