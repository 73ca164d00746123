//! What an owner asks of a relay on the same machine, while it runs or not.
//!
//! ```text
//! mimei credit … ── control.sock ──▶ the running relay ── text ──▶ terminal
//!             └── nobody there: opens the data itself, and does the same
//! ```
//!
//! Whoever can open the socket is the owner: it lies in a directory that only its
//! user enters (0700), and has mode 0600. One line of JSON asks, one answers.

mod accounts;
mod blocking;
mod owner;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::driver::{Driver, DriverParts, now};
use crate::keys::Keys;
use crate::store::Store;

pub(crate) use accounts::renewal;
pub use blocking::Block;
pub use owner::{Credit, Invite, STDOUT};

/// The socket's name in the data directory.
const SOCKET: &str = "control.sock";
/// The socket while it is being made.
const SOCKET_NEW: &str = "control.new";
/// A request in bytes: what a person typed.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// An answer in bytes; an export of records is the largest.
const REPLY_BYTES_MAX: usize = 64 << 20;
/// A request that does not come in that time is not waited for.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// Requests at a time: one person types them.
const REQUESTS_MAX: usize = 8;
/// How long nobody is accepted when the system has no room for one more: it would refuse again at once.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What an owner asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// An invite.
    Invite(Invite),
    /// To see or change accounts.
    Credit(Credit),
    /// To stop or allow something.
    Block(Block),
}

/// What is printed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    /// For the terminal.
    pub text: String,
    /// A link to be shown as a QR code, too.
    pub link: Option<String>,
}

/// Where a relay is reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Its pasteable address.
    pub address: String,
    /// Its web address.
    pub web: String,
}

/// A relay that listens for its owner.
pub struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Control {
    /// Listens in a data directory.
    ///
    /// # Errors
    /// If the socket cannot be made, such as in a directory with a very long path.
    pub fn start(data: &Path, driver: Driver, reach: Reach) -> io::Result<Self> {
        let (path, new) = (data.join(SOCKET), data.join(SOCKET_NEW));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&new)?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
        // Under its name it is private from the first moment. The store's lock is ours, so whoever left another
        // there is gone.
        std::fs::rename(&new, &path)?;
        Ok(Self { path, task: tokio::spawn(serve(listener, driver, reach)) })
    }

    /// Listens no more.
    pub fn stop(self) {
        self.task.abort();
        // A stale socket is replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, driver: Driver, reach: Reach) {
    let turns = Arc::new(tokio::sync::Semaphore::new(REQUESTS_MAX));
    loop {
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the owner's command cannot be taken now");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            }
        };
        let (driver, reach) = (driver.clone(), reach.clone());
        tokio::spawn(async move {
            let _turn = turn;
            // Whoever asked is gone or will say that no answer came.
            let _ = answer(stream, &driver, &reach).await;
        });
    }
}

async fn answer(mut stream: UnixStream, driver: &Driver, reach: &Reach) -> io::Result<()> {
    let reading = read_line(&mut stream, REQUEST_BYTES_MAX);
    let reply = match tokio::time::timeout(REQUEST_WITHIN, reading).await.map_err(io::Error::other)?? {
        None => Err(format!("a request has at most {REQUEST_BYTES_MAX} bytes")),
        Some(line) => match serde_json::from_slice(&line) {
            Ok(request) => owner::run(driver, Some(reach), request).await,
            Err(error) => Err(format!("the request is not understood: {error}")),
        },
    };
    write_line(&mut stream, &reply).await
}

/// A line without its end; none if it is longer.
async fn read_line(stream: &mut UnixStream, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(bytes_max as u64 + 1)).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(Some(line)),
        _ if line.len() >= bytes_max => Ok(None),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

async fn write_line(stream: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

/// Asks the relay of a data directory, or does it there if none runs.
///
/// # Errors
/// A sentence that says why not.
pub async fn ask(config: &Config, request: Request) -> Result<Reply, String> {
    match UnixStream::connect(config.data.join(SOCKET)).await {
        Ok(stream) => ask_running(stream, &request).await,
        Err(_) => ask_here(config, request).await,
    }
}

async fn ask_running(mut stream: UnixStream, request: &Request) -> Result<Reply, String> {
    let lost = |error: io::Error| format!("the relay did not answer: {error}");
    write_line(&mut stream, request).await.map_err(lost)?;
    let line = read_line(&mut stream, REPLY_BYTES_MAX).await.map_err(lost)?;
    let line = line.ok_or("the answer is too large; stop the relay and ask again")?;
    serde_json::from_slice(&line).map_err(|error| format!("the relay answered in another way: {error}"))?
}

async fn ask_here(config: &Config, request: Request) -> Result<Reply, String> {
    let data = &config.data;
    if !data.join("device.key").exists() {
        return Err(format!("there is no relay in {}; start one with `mimei run`, or name its --data", data.display()));
    }
    let store = Store::open(data).map_err(|error| {
        format!("no relay answers at {}, and its data cannot be opened: {error}", data.join(SOCKET).display())
    })?;
    let keys = Keys::load_or_create(data, now()).map_err(|error| error.to_string())?;
    let (parts, _) = DriverParts::new(keys, store, config.credit.clone());
    let driver = Driver::start(parts).map_err(|error| error.to_string())?;
    let reply = owner::run(&driver, None, request).await;
    driver.shutdown().await;
    reply
}

/// Makes the invite by which the owner of a new relay gets an account; none if there are accounts already, or
/// whoever comes gets one.
pub async fn first_invite(driver: &Driver, reach: &Reach) -> Option<String> {
    owner::first_invite(driver, reach).await
}
