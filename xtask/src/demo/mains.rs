//! The relay as a process: it is put in, pulled without a warning, and put in again with what it had.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, OrFail};

/// A relay says where it is within this time, or has not started.
const START_MAX: Duration = Duration::from_secs(20);
/// The last thing it says at a start is an invite, or nothing: so long after its address it is nothing.
const INVITE_MAX: Duration = Duration::from_millis(500);
/// An orderly end says goodbye to everybody; what takes longer is killed.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How often it is looked at whether it has ended.
const STOP_POLL: Duration = Duration::from_millis(20);

/// What a relay said when it started.
pub(crate) struct Said {
    /// Where it serves the site.
    pub(crate) port: u16,
    /// `mimei:invite?…`, while nobody has an account there.
    pub(crate) invite: Option<String>,
    /// All of it, line by line.
    pub(crate) lines: String,
}

/// The socket in the wall, and the relay in it.
pub(crate) struct Mains {
    program: Vec<OsString>,
    data: PathBuf,
    on_gone: Arc<dyn Fn() + Send + Sync>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// 0 until the relay chose one; the same from then on.
    port: u16,
    relay: Option<Child>,
    /// Of the relay that is in or was last: one that was pulled is not missed.
    turn: u64,
}

impl Mains {
    /// Nothing is in yet. `program` is the relay's, with what stands in front of it if something runs it. `on_gone` is
    /// called when a relay ends that nobody pulled.
    pub(crate) fn new(
        program: Vec<OsString>,
        data: PathBuf,
        port: u16,
        on_gone: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let state = State { port, relay: None, turn: 0 };
        Self { program, data, on_gone: Arc::new(on_gone), state: Arc::new(Mutex::new(state)) }
    }

    /// Whether the relay is in.
    pub(crate) fn is_in(&self) -> bool {
        self.state().relay.is_some()
    }

    /// Puts the relay in, unless it is, and waits until it says where it is.
    pub(crate) fn put_in(&self) -> Result<Said, Failure> {
        let mut state = self.state();
        if state.relay.is_some() {
            return Ok(Said { port: state.port, invite: None, lines: String::new() });
        }
        let mut relay = self.command(state.port).spawn().or_fail(|| format!("start {}", self.shown()))?;
        state.turn += 1;
        let lines = relay.stdout.take().map(|stdout| self.read(stdout, state.turn));
        let said = lines.and_then(|lines| first_words(&lines));
        let Some(said) = said else {
            state.turn += 1; // Whoever asked for it is told.
            end(&mut relay);
            return Err(Failure::new("The relay did not start. If the port is taken, choose another with --port."));
        };
        state.port = said.port;
        state.relay = Some(relay);
        Ok(said)
    }

    /// Takes the power away: the relay has no time for anything.
    pub(crate) fn pull(&self) -> Result<(), Failure> {
        let mut state = self.state();
        state.turn += 1;
        let Some(mut relay) = state.relay.take() else { return Ok(()) };
        relay.kill().and_then(|()| relay.wait()).or_fail(|| "kill the relay".to_owned())?;
        Ok(())
    }

    /// Has it end in order, if it is in.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.turn += 1;
        if let Some(mut relay) = state.relay.take() {
            ask_to_end(&relay);
            let by = Instant::now() + STOP_MAX;
            while matches!(relay.try_wait(), Ok(None)) && Instant::now() < by {
                thread::sleep(STOP_POLL);
            }
            end(&mut relay);
        }
    }

    fn command(&self, port: u16) -> Command {
        let (first, more) = self.program.split_first().expect("a program has a name");
        let mut command = Command::new(first);
        let words: [OsString; 5] = [
            "run".into(),
            "--data".into(),
            self.data.clone().into(),
            "--listen".into(),
            format!("127.0.0.1:{port}").into(),
        ];
        command.args(more).args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        // Ctrl-C is for us: we end the relay in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    fn shown(&self) -> String {
        self.program.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }

    /// Passes on what it says, to the end, so that it never waits for us.
    fn read(&self, stdout: ChildStdout, turn: u64) -> Receiver<String> {
        let (say, said) = mpsc::channel();
        let (state, on_gone) = (Arc::clone(&self.state), Arc::clone(&self.on_gone));
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // After the first words nobody listens.
                if let Err(mpsc::SendError(line)) = say.send(line) {
                    println!("{line}");
                }
            }
            drop(say);
            let is_missed = lock(&state).turn == turn;
            if is_missed {
                on_gone();
            }
        });
        said
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// What is kept there is whole between two statements, whoever panicked.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What it says until it is there; none if it ends or says too little.
fn first_words(lines: &Receiver<String>) -> Option<Said> {
    let by = Instant::now() + START_MAX;
    let (mut port, mut invite, mut all) = (None, None, String::new());
    let mut wait = START_MAX;
    loop {
        let line = match lines.recv_timeout(wait.min(by.saturating_duration_since(Instant::now()))) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) if all.contains("\naddress ") => break,
            Err(_) => return None,
        };
        let (name, value) = line.split_once(' ').unwrap_or((&line, ""));
        match name {
            "open" => port = value.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok()),
            "address" => wait = INVITE_MAX,
            "yours" => invite = value.split_once('#').map(|(_, invite)| invite.to_owned()),
            _ => {}
        }
        all.push_str(&line);
        all.push('\n');
    }
    Some(Said { port: port?, invite, lines: all })
}

/// It is gone after this, in whatever state it was.
fn end(relay: &mut Child) {
    // One that has ended already needs no end.
    let _ = relay.kill();
    let _ = relay.wait();
}

#[cfg(unix)]
fn ask_to_end(relay: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    // It is our child and was not waited for, so the number is still its own.
    let _ = kill_process(Pid::from_child(relay), Signal::TERM);
}

#[cfg(not(unix))]
fn ask_to_end(_relay: &Child) {}
