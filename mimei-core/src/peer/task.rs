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

/// Lets one task at a time do something that takes several steps, or several that do not get in each other's way.
#[derive(Default)]
pub(crate) struct Lock {
    held: Cell<Held>,
    /// Tasks that want it for themselves. Who would share it waits for them, or they would never have a turn.
    wanted: Cell<usize>,
    freed: Signal,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Held {
    #[default]
    Free,
    Alone,
    /// By so many.
    Shared(usize),
}

/// The lock is free again when this, and whatever shares it, is dropped.
pub(crate) struct LockGuard<'a> {
    lock: &'a Lock,
    schedule: &'a Schedule,
}

/// Counts a task that waits. If it gives up, those who waited for it look again.
struct Wanted<'a> {
    lock: &'a Lock,
    schedule: &'a Schedule,
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.lock.wanted.set(self.lock.wanted.get() - 1);
        self.lock.freed.notify(self.schedule);
    }
}

impl Lock {
    /// Waits for its turn.
    pub(crate) async fn hold<'a>(&'a self, schedule: &'a Schedule) -> LockGuard<'a> {
        self.wanted.set(self.wanted.get() + 1);
        let _wanted = Wanted { lock: self, schedule };
        let free = || (self.held.get() == Held::Free).then(|| self.held.set(Held::Alone));
        self.freed.until(schedule, free).await;
        LockGuard { lock: self, schedule }
    }

    /// Waits until nobody has it alone, or wants to.
    pub(crate) async fn share<'a>(&'a self, schedule: &'a Schedule) -> LockGuard<'a> {
        let join = || {
            let others = match self.held.get() {
                _ if self.wanted.get() > 0 => return None,
                Held::Alone => return None,
                Held::Free => 0,
                Held::Shared(others) => others,
            };
            self.held.set(Held::Shared(others + 1));
            Some(())
        };
        self.freed.until(schedule, join).await;
        LockGuard { lock: self, schedule }
    }
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        self.lock.held.set(match self.lock.held.get() {
            Held::Shared(holders) if holders > 1 => Held::Shared(holders - 1),
            _ => Held::Free,
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    /// Tasks that take a lock, say so, and let go when all others wait.
    #[derive(Default)]
    struct Users {
        schedule: Schedule,
        lock: Lock,
        said: RefCell<String>,
    }

    impl Users {
        fn start(self: &Rc<Self>, name: char, is_shared: bool) {
            let users = self.clone();
            self.schedule.spawn(async move {
                let schedule = &users.schedule;
                let _held = match is_shared {
                    true => users.lock.share(schedule).await,
                    false => users.lock.hold(schedule).await,
                };
                users.said.borrow_mut().push(name);
                give_way(schedule).await;
                users.said.borrow_mut().push(name);
            });
        }
    }

    #[test]
    fn those_who_share_a_lock_hold_it_together_and_nobody_else_does() {
        let users: Rc<Users> = Rc::default();
        for (name, is_shared) in [('a', true), ('b', true), ('C', false), ('D', false), ('e', true), ('f', true)] {
            users.start(name, is_shared);
        }
        Tasks::default().run(&users.schedule);
        assert_eq!(*users.said.borrow(), "ababCCDDefef");
    }

    #[test]
    fn who_no_longer_waits_for_a_lock_keeps_nobody_from_it() {
        let users: Rc<Users> = Rc::default();
        users.start('A', false);
        users.start('b', true);
        let given_up = users.clone();
        users.schedule.spawn(async move {
            // When the lock is free, `b` looks first, and this gives up without another look.
            let until_free = poll_fn(|_| match given_up.said.borrow().as_str() {
                "AA" => Poll::Ready(()),
                _ => Poll::Pending,
            });
            race(until_free, given_up.lock.hold(&given_up.schedule)).await;
        });
        Tasks::default().run(&users.schedule);
        assert_eq!(*users.said.borrow(), "AAbb");
    }
}
