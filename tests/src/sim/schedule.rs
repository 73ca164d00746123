use std::collections::BTreeMap;

use mimei_core::peer::{Job, JobDone, JobId};
use mimei_core::wire::noise::Role;

use super::conversation::{ConversationId, Dial, Parcel};
use super::http::Request;
use super::node::{Life, NodeId};

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Work {
    Connect(ConversationId),
    Arrive { conversation: ConversationId, toward: Role, parcel: Parcel },
    Sent { node: NodeId, life: Life, conversation: ConversationId, bytes: u64 },
    Gone { node: NodeId, life: Life, conversation: ConversationId },
    GiveUp(ConversationId),
    Effect { node: NodeId, life: Life, id: JobId, job: Job },
    Request(Request),
    Answer { node: NodeId, life: Life, id: JobId, done: JobDone },
    Wake { node: NodeId, life: Life, at: u64 },
    Redial(Dial),
}

/// The clock, and what will happen when. Things of one moment happen in the order in which they were planned.
#[derive(Default)]
pub(super) struct Schedule {
    now_us: u64,
    next: u64,
    steps: u64,
    work: BTreeMap<(u64, u64), Work>,
}

impl Schedule {
    pub(super) fn now_us(&self) -> u64 {
        self.now_us
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn after(&mut self, us: u64, work: Work) {
        self.at(self.now_us + us, work);
    }

    pub(super) fn at(&mut self, us: u64, work: Work) {
        self.work.insert((us.max(self.now_us), self.next), work);
        self.next += 1;
    }

    /// The next thing until `end`; the clock moves to it, or to `end` if there is none.
    pub(super) fn next_before(&mut self, end: u64) -> Option<Work> {
        match self.work.first_key_value() {
            Some((&(at, _), _)) if at <= end => {
                self.now_us = at;
                self.steps += 1;
                self.work.pop_first().map(|(_, work)| work)
            }
            _ => {
                self.now_us = end;
                None
            }
        }
    }
}
