//! The driver loop of every node: one input, then all outputs.

use mimei_core::limits::PACKET_BYTES_MAX;
use mimei_core::peer::{Input, Job, JobDone, JobId, Output};
use mimei_core::time::Millis;

use super::Sim;
use super::conversation::Brief;
use super::node::{Life, NodeId};
use super::schedule::Work;

/// The moment at which worlds begin, in Unix milliseconds.
const BEGIN_MS: u64 = 1_700_000_000_000;

impl Sim {
    /// Hands an input to a node if it still lives the life for which it was meant.
    pub(super) fn tell_life(&mut self, node: NodeId, life: Life, input: Input) {
        if self.nodes[node].life() == life && self.nodes[node].runs() {
            self.tell(node, input);
        }
    }

    /// Hands an input to a node and carries out what comes back.
    pub(super) fn tell(&mut self, node: NodeId, input: Input) {
        if let Input::Done { job, .. } = &input {
            assert!(self.nodes[node].jobs.remove(job), "job {job} was answered twice");
        }
        let now = self.node_now(node);
        let Some(peer) = self.nodes[node].peer_mut() else { return };
        peer.handle(now, input);
        while let Some(output) = self.nodes[node].peer_mut().and_then(|peer| peer.poll_output()) {
            self.carry_out(node, output);
        }
    }

    pub(super) fn node_now(&self, node: NodeId) -> Millis {
        Millis(self.begin_of(node) + self.schedule.now_us() / 1000)
    }

    /// What the clock of a node showed when the world began.
    fn begin_of(&self, node: NodeId) -> u64 {
        BEGIN_MS.saturating_add_signed(self.nodes[node].temper.clock_ahead_ms)
    }

    fn carry_out(&mut self, node: NodeId, output: Output) {
        let now = self.schedule.now_us();
        match &output {
            Output::Send { connection, bytes } => {
                self.trace.note(now, format_args!("{node}: send on {connection} {}", Brief(bytes)));
            }
            output => self.trace.note(now, format_args!("{node}: {output:?}")),
        }
        match output {
            Output::Send { connection, bytes } => {
                assert!(bytes.len() <= PACKET_BYTES_MAX, "a packet of {} bytes", bytes.len());
                self.nodes[node].check_send(connection);
                self.send(node, connection, bytes);
            }
            Output::Close { connection } => {
                self.nodes[node].closing(connection);
                self.close(node, connection);
            }
            Output::Job { id, job } => self.start_job(node, id, job),
            Output::Timer(at) => self.set_timer(node, at),
            Output::Outcome { id, outcome } => {
                let Some(outcome) = self.outcome_of_request(node, id, outcome) else { return };
                let earlier = self.nodes[node].outcomes.insert(id, outcome);
                assert_eq!(earlier, None, "command {id} ended twice");
            }
            Output::Event(event) => self.nodes[node].event(event),
        }
    }

    fn set_timer(&mut self, node: NodeId, at: Millis) {
        let life = self.nodes[node].life();
        let us = at.0.saturating_sub(self.begin_of(node)) * 1000;
        self.nodes[node].set_wake(us);
        self.schedule.at(us, Work::Wake { node, life, at: us });
    }

    /// Changes take effect in the order in which they were asked for; everything else as it comes.
    fn start_job(&mut self, node: NodeId, id: JobId, job: Job) {
        let belongings = &mut self.nodes[node];
        assert!(belongings.jobs.insert(id), "job {id} was asked for twice");
        let range = belongings.temper.job_ms.start * 1000..belongings.temper.job_ms.end * 1000;
        let mut at = self.schedule.now_us() + belongings.chance.within(range);
        if matches!(job, Job::Apply(_)) {
            at = at.max(belongings.last_apply_us);
            belongings.last_apply_us = at;
        }
        let life = belongings.life();
        self.schedule.at(at, Work::Effect { node, life, id, job });
    }

    pub(super) fn effect(&mut self, node: NodeId, life: Life, id: JobId, job: Job) {
        let belongings = &mut self.nodes[node];
        if belongings.life() != life || !belongings.runs() {
            return;
        }
        let job = match job {
            Job::Fetch { connection, ticket, cids } => return self.fetch((node, life, id), connection, ticket, cids),
            job => job,
        };
        let fault = belongings.store_fault();
        let done = match (job, fault) {
            (Job::Fetch { .. }, _) => unreachable!("it was taken above"),
            (Job::Sign { domain, record }, _) => JobDone::Signed(belongings.device().sign(domain, &record)),
            (Job::Row(_), Some(error)) => JobDone::Row(Err(error)),
            (Job::Row(key), None) => JobDone::Row(Ok(belongings.store.row(&key))),
            (Job::Scan(_), Some(error)) => JobDone::Rows(Err(error)),
            (Job::Scan(scan), None) => JobDone::Rows(Ok(belongings.store.scan(&scan))),
            (Job::Block(_), Some(error)) => JobDone::Block(Err(error)),
            (Job::Block(cid), None) => JobDone::Block(Ok(belongings.store.block(&cid))),
            (Job::Apply(_), Some(error)) => JobDone::Applied(Err(error)),
            (Job::Apply(batch), None) => JobDone::Applied(belongings.store.apply(&batch)),
        };
        let range = belongings.temper.job_ms.start * 1000..belongings.temper.job_ms.end * 1000;
        let delay = belongings.chance.within(range);
        self.schedule.after(delay, Work::Answer { node, life, id, done });
    }
}
