//! Coroutines: how the state machine waits without anybody blocking.
//!
//! What a peer does in several steps is written as an `async fn`. There is no
//! executor behind it and no waker: [`Schedule`] knows which task is being
//! polled, a [`Signal`] remembers which tasks wait for it, and
//! [`super::Peer::handle`] polls what became ready until nothing is. The order
//! is that of the signals, so a run repeats exactly from the same inputs.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

pub(crate) type TaskId = u64;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Which task runs, and which may go on.
#[derive(Default)]
pub(crate) struct Schedule {
    current: Cell<TaskId>,
    next: Cell<TaskId>,
    ready: RefCell<VecDeque<TaskId>>,
    spawned: RefCell<Vec<(TaskId, Task)>>,
}

impl Schedule {
    /// Adds a task; it runs before `handle` returns.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let id = self.next.get();
        self.next.set(id + 1);
        self.spawned.borrow_mut().push((id, Box::pin(task)));
        self.ready.borrow_mut().push_back(id);
    }
}

/// Lets everyone go first who could go on.
pub(crate) async fn give_way(schedule: &Schedule) {
    let mut gave_way = false;
    poll_fn(|_| {
        if core::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        schedule.ready.borrow_mut().push_back(schedule.current.get());
        Poll::Pending
    })
    .await;
}

/// All tasks of a peer.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: BTreeMap<TaskId, Task>,
}

impl Tasks {
    /// Polls what is ready until nothing is.
    pub(crate) fn run(&mut self, schedule: &Schedule) {
        loop {
            self.tasks.extend(schedule.spawned.borrow_mut().drain(..));
            let Some(id) = schedule.ready.borrow_mut().pop_front() else { return };
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            schedule.current.set(id);
            if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                self.tasks.remove(&id);
            }
        }
    }

    /// How many tasks are alive.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }
}

/// Something that tasks wait for.
#[derive(Default)]
pub(crate) struct Signal {
    waiting: RefCell<Vec<TaskId>>,
}

impl Signal {
    /// Lets every waiting task look again.
    pub(crate) fn notify(&self, schedule: &Schedule) {
        schedule.ready.borrow_mut().extend(self.waiting.borrow_mut().drain(..));
    }

    /// Waits until `look` finds something; it is asked at once and after every [`Self::notify`].
    pub(crate) fn until<T>(&self, schedule: &Schedule, mut look: impl FnMut() -> Option<T>) -> impl Future<Output = T> {
        poll_fn(move |_| match look() {
            Some(found) => Poll::Ready(found),
            None => {
                let mut waiting = self.waiting.borrow_mut();
                if !waiting.contains(&schedule.current.get()) {
                    waiting.push(schedule.current.get());
                }
                Poll::Pending
            }
        })
    }
}

/// Lets one task at a time do something that takes several steps.
#[derive(Default)]
pub(crate) struct Lock {
    held: Cell<bool>,
    freed: Signal,
}

/// The lock is free again when this is dropped.
pub(crate) struct LockGuard<'a> {
    lock: &'a Lock,
    schedule: &'a Schedule,
}

impl Lock {
    /// Waits for its turn.
    pub(crate) async fn hold<'a>(&'a self, schedule: &'a Schedule) -> LockGuard<'a> {
        self.freed.until(schedule, || (!self.held.replace(true)).then_some(())).await;
        LockGuard { lock: self, schedule }
    }
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        self.lock.held.set(false);
        self.lock.freed.notify(self.schedule);
    }
}

/// A value that arrives once.
pub(crate) struct Slot<T> {
    value: RefCell<Option<T>>,
    signal: Signal,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { value: RefCell::new(None), signal: Signal::default() })
    }

    /// Brings the value.
    pub(crate) fn fill(&self, schedule: &Schedule, value: T) {
        *self.value.borrow_mut() = Some(value);
        self.signal.notify(schedule);
    }

    /// Waits for the value.
    pub(crate) async fn take(&self, schedule: &Schedule) -> T {
        self.signal.until(schedule, || self.value.borrow_mut().take()).await
    }
}

/// The first of two futures to finish, and what it gave; the left one is asked first.
pub(crate) enum Either<A, B> {
    Left(A),
    Right(B),
}

/// Runs two futures until one of them is done and drops the other.
pub(crate) async fn race<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> Either<A, B> {
    let mut left = Box::pin(left);
    let mut right = Box::pin(right);
    poll_fn(|cx| {
        if let Poll::Ready(a) = left.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(a));
        }
        right.as_mut().poll(cx).map(Either::Right)
    })
    .await
}
