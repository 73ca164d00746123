//! What the state machine asks of its driver, and how tasks wait for the answer.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::Future;

use super::task::{Either, Schedule, Signal, Slot, race};
use super::{ConnectionId, Event, Output};
use crate::cid::Cid;
use crate::sign::{Domain, Signature};
use crate::store::{Batch, Row, RowKey, Scan, StoreError};
use crate::time::Millis;
use crate::wire::TicketSecret;

/// Names one job between the machine and its driver.
pub type JobId = u64;

/// Work for the driver. Each is answered by [`super::Input::Done`] with its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Job {
    /// Sign by the device key; answered by [`JobDone::Signed`].
    Sign {
        /// What the signature is for.
        domain: Domain,
        /// The encoded record.
        record: Vec<u8>,
    },
    /// Read a row; answered by [`JobDone::Row`].
    Row(RowKey),
    /// Read rows in order; answered by [`JobDone::Rows`].
    Scan(Scan),
    /// Read a block; answered by [`JobDone::Block`].
    Block(Cid),
    /// Change the store; answered by [`JobDone::Applied`].
    Apply(Batch),
    /// Ask the relay of a connection for blocks by HTTP, as [`crate::wire::write_wanted`] asks; answered by
    /// [`JobDone::Fetched`], in the end.
    Fetch {
        /// Beside which connection.
        connection: ConnectionId,
        /// What to show.
        ticket: TicketSecret,
        /// Which blocks.
        cids: Vec<Cid>,
    },
}

/// What a job brought. Reads of a store that fails bring the error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobDone {
    /// The signature.
    Signed(Signature),
    /// The row's value, if there is one.
    Row(Result<Option<Vec<u8>>, StoreError>),
    /// The rows.
    Rows(Result<Vec<Row>, StoreError>),
    /// The block's bytes, if it is here.
    Block(Result<Option<Vec<u8>>, StoreError>),
    /// Whether the change was made.
    Applied(Result<(), StoreError>),
    /// The body of the answer as far as it came, of at most as many bytes as the blocks may have.
    Fetched(Result<Vec<u8>, FetchError>),
}

/// Why blocks did not come by HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchError {
    /// The relay does not serve it, or not now: a status from 400 to 499.
    Refused,
    /// There is no way: no answer, or none of a relay.
    Failed,
}

/// When, and which of those that wait for the same moment.
type TimerKey = (Millis, u64);

/// The side of a peer that its tasks see.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) schedule: Schedule,
    now: Cell<Millis>,
    outputs: RefCell<VecDeque<Output>>,
    jobs: RefCell<BTreeMap<JobId, Rc<Slot<JobDone>>>>,
    next_job: Cell<JobId>,
    timers: RefCell<BTreeMap<TimerKey, Rc<Slot<()>>>>,
    next_timer: Cell<u64>,
    announced: Cell<Option<Millis>>,
}

impl Effects {
    pub(crate) fn now(&self) -> Millis {
        self.now.get()
    }

    /// Moves the clock and wakes whoever waited for that moment.
    pub(crate) fn set_now(&self, now: Millis) {
        self.now.set(now);
        let later = self.timers.borrow_mut().split_off(&(now + 1, 0));
        for slot in self.timers.replace(later).into_values() {
            slot.fill(&self.schedule, ());
        }
    }

    /// The driver's timer has gone off, early or not: the next one must be said again.
    pub(crate) fn forget_timer(&self) {
        self.announced.set(None);
    }

    pub(crate) fn output(&self, output: Output) {
        self.outputs.borrow_mut().push_back(output);
    }

    pub(crate) fn event(&self, event: impl Into<Event>) {
        self.output(Output::Event(event.into()));
    }

    /// The next output; the timer comes last, and only when it changed.
    pub(crate) fn poll_output(&self) -> Option<Output> {
        if let Some(output) = self.outputs.borrow_mut().pop_front() {
            return Some(output);
        }
        let next = self.timers.borrow().first_key_value().map(|((at, _), _)| *at);
        if next == self.announced.get() {
            return None;
        }
        self.announced.set(next);
        next.map(Output::Timer)
    }

    pub(crate) fn done(&self, id: JobId, done: JobDone) {
        if let Some(slot) = self.jobs.borrow_mut().remove(&id) {
            slot.fill(&self.schedule, done);
        }
    }

    async fn job(&self, job: Job) -> JobDone {
        let id = self.next_job.get();
        self.next_job.set(id + 1);
        let slot = Slot::new();
        self.jobs.borrow_mut().insert(id, slot.clone());
        self.output(Output::Job { id, job });
        slot.take(&self.schedule).await
    }

    pub(crate) async fn sign(&self, domain: Domain, record: Vec<u8>) -> Signature {
        match self.job(Job::Sign { domain, record }).await {
            JobDone::Signed(signature) => signature,
            other => unreachable!("a signature was asked for, not {other:?}"),
        }
    }

    pub(crate) async fn row(&self, key: RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        match self.job(Job::Row(key)).await {
            JobDone::Row(row) => row,
            other => unreachable!("a row was asked for, not {other:?}"),
        }
    }

    pub(crate) async fn scan(&self, scan: Scan) -> Result<Vec<Row>, StoreError> {
        match self.job(Job::Scan(scan)).await {
            JobDone::Rows(rows) => rows,
            other => unreachable!("rows were asked for, not {other:?}"),
        }
    }

    pub(crate) async fn block(&self, cid: Cid) -> Result<Option<Vec<u8>>, StoreError> {
        match self.job(Job::Block(cid)).await {
            JobDone::Block(block) => block,
            other => unreachable!("a block was asked for, not {other:?}"),
        }
    }

    pub(crate) async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        match self.job(Job::Apply(batch)).await {
            JobDone::Applied(result) => result,
            other => unreachable!("a change was asked for, not {other:?}"),
        }
    }

    pub(crate) async fn fetch(
        &self,
        connection: ConnectionId,
        ticket: TicketSecret,
        cids: Vec<Cid>,
    ) -> Result<Vec<u8>, FetchError> {
        match self.job(Job::Fetch { connection, ticket, cids }).await {
            JobDone::Fetched(result) => result,
            other => unreachable!("blocks were asked for, not {other:?}"),
        }
    }

    pub(crate) async fn sleep_until(&self, at: Millis) {
        let slot = Slot::new();
        let key = (at, self.next_timer.get());
        self.next_timer.set(key.1 + 1);
        self.timers.borrow_mut().insert(key, slot.clone());
        let _guard = TimerGuard { effects: self, key };
        slot.take(&self.schedule).await;
    }

    /// What `work` gives, or none if it is not done by then.
    pub(crate) async fn before<T>(&self, at: Millis, work: impl Future<Output = T>) -> Option<T> {
        match race(work, self.sleep_until(at)).await {
            Either::Left(done) => Some(done),
            Either::Right(()) => None,
        }
    }

    pub(crate) async fn wait<T>(&self, signal: &Signal, look: impl FnMut() -> Option<T>) -> T {
        signal.until(&self.schedule, look).await
    }
}

/// Takes the timer back when its sleeper is dropped.
struct TimerGuard<'a> {
    effects: &'a Effects,
    key: TimerKey,
}

impl Drop for TimerGuard<'_> {
    fn drop(&mut self) {
        self.effects.timers.borrow_mut().remove(&self.key);
    }
}
