//! What a node fetches by HTTP beside a conversation: the relay is asked for one block after the other, and somebody
//! may be in the middle.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use mimei_core::cid::Cid;
use mimei_core::peer::{Command, CommandError, CommandId, FetchError, Input, JobDone, JobId, Outcome};
use mimei_core::wire::{RefusalCode, TicketSecret, length_before};

use super::Sim;
use super::conversation::{Brief, ConversationId};
use super::node::{Life, NodeId};
use super::schedule::Work;

/// What came back for a request.
pub type Fetched = Result<Vec<u8>, FetchError>;
/// Somebody in the middle: says what arrives instead.
pub type HttpTap = Box<dyn FnMut(Fetched) -> Fetched>;

/// The ways by HTTP of a world.
#[derive(Default)]
pub(super) struct Http {
    open: BTreeMap<ConversationId, HttpTap>,
    /// By relay, and by what it is asked for.
    waiting: BTreeMap<(NodeId, CommandId), Request>,
}

/// A request on its way.
pub(super) struct Request {
    node: NodeId,
    life: Life,
    job: JobId,
    beside: ConversationId,
    ticket: TicketSecret,
    wanted: VecDeque<Cid>,
    body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, job, beside, wanted, body, .. } = self;
        write!(f, "{node}: job {job} beside {beside}, wants {wanted:?}, has {}", Brief(body))
    }
}

impl Sim {
    /// From now on the dialer of a conversation fetches blocks by HTTP, through somebody's hands.
    pub fn open_http(&mut self, beside: ConversationId, tap: impl FnMut(Fetched) -> Fetched + 'static) {
        self.http.open.insert(beside, Box::new(tap));
        let node = self.conversations[&beside].dial.from;
        self.tell(node, Input::Fetchable { connection: beside });
    }

    pub(super) fn fetch(
        &mut self,
        (node, life, job): (NodeId, Life, JobId),
        beside: ConversationId,
        ticket: TicketSecret,
        cids: Vec<Cid>,
    ) {
        let delay = self.link.latency_us(&mut self.random);
        let request = Request { node, life, job, beside, ticket, wanted: cids.into(), body: Vec::new() };
        self.schedule.after(delay, Work::Request(request));
    }

    /// Asks the relay for the next block, or answers with those that came.
    pub(super) fn request(&mut self, mut request: Request) {
        let relay = self.conversations.get(&request.beside).map(|conversation| conversation.dial.to);
        let Some(relay) = relay.filter(|relay| self.nodes[*relay].runs() && !self.is_apart(*relay, request.node))
        else {
            return self.respond(request, Err(FetchError::Failed));
        };
        match request.wanted.pop_front() {
            Some(cid) => {
                let id = self.nodes[relay].next_command();
                let ticket = request.ticket.clone();
                self.http.waiting.insert((relay, id), request);
                self.tell(relay, Input::Command { id, command: Command::Block { ticket, cid } });
            }
            None => {
                let body = std::mem::take(&mut request.body);
                self.respond(request, Ok(body));
            }
        }
    }

    /// Takes the outcome of a command if it was for a request.
    pub(super) fn outcome_of_request(
        &mut self,
        relay: NodeId,
        id: CommandId,
        outcome: Result<Outcome, CommandError>,
    ) -> Option<Result<Outcome, CommandError>> {
        let Some(mut request) = self.http.waiting.remove(&(relay, id)) else { return Some(outcome) };
        match outcome {
            Ok(Outcome::Block(block)) => {
                request.body.extend(length_before(&block));
                request.body.extend(block);
                self.schedule.after(0, Work::Request(request));
            }
            Err(CommandError::Refused(refusal)) if request.body.is_empty() => {
                let is_fault = matches!(refusal.code, RefusalCode::Store | RefusalCode::Busy);
                let error = if is_fault { FetchError::Failed } else { FetchError::Refused };
                self.respond(request, Err(error));
            }
            _ => {
                request.wanted.clear();
                self.schedule.after(0, Work::Request(request));
            }
        }
        None
    }

    /// What was asked of a node that crashed is not answered by it.
    pub(super) fn requests_end(&mut self, relay: NodeId) {
        let ended: Vec<_> = self.http.waiting.keys().filter(|(at, _)| *at == relay).copied().collect();
        for key in ended {
            if let Some(request) = self.http.waiting.remove(&key) {
                self.respond(request, Err(FetchError::Failed));
            }
        }
    }

    fn respond(&mut self, request: Request, fetched: Fetched) {
        let Request { node, life, job, beside, .. } = request;
        let fetched = match self.http.open.get_mut(&beside) {
            Some(tap) => tap(fetched),
            None => Err(FetchError::Failed),
        };
        let delay = self.link.latency_us(&mut self.random);
        self.schedule.after(delay, Work::Answer { node, life, id: job, done: JobDone::Fetched(fetched) });
    }
}
