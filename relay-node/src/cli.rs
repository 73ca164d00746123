//! `mimei add`, `get`, `show`, `unshare`, `join` and `wallet`: a person at a terminal, a peer like any other.
//!
//! A person has a data directory of their own, never a relay's: their identity,
//! what they made, and what they read. The relay is dialled by address.

mod add;
mod get;
mod join;
mod person;
mod progress;
mod qr;
mod show;
mod unshare;
mod waiting;

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use mimei_core::address::RelayAddress;
use mimei_core::link::Link;
use mimei_core::peer::{CommandError, ItemOutcome};

pub use add::{Add, add};
pub use get::{Get, get};
pub use join::{Join, Wallet, join, wallet};
pub use person::Person;
pub use qr::qr_code;
pub use show::{Show, show};
pub use unshare::{Unshare, unshare};

/// Why a command did not do what it was asked for, in a sentence.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Pieces on their way between disk and store or relay.
const PIECES_IN_FLIGHT_MAX: usize = 8;

/// Who asks, and which relay is asked.
#[derive(Args, Clone, Debug, Default)]
pub struct Who {
    /// Directory of this person's keys and data [default: ~/.local/share/mimei]
    #[arg(long, env = "MIMEI_HOME")]
    pub data: Option<PathBuf>,
    /// Address of the relay, as `mimei run` prints it [default: the one in the link, else MIMEI_RELAY, else
    /// the one last named here]
    #[arg(long)]
    pub to: Option<String>,
}

impl Who {
    fn directory(&self) -> Result<PathBuf, Failure> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        let shared = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let shared = shared.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
        Ok(shared.ok_or("there is no home directory; say where to keep data with --data <directory>")?.join("mimei"))
    }

    /// The relays to try, the likeliest first.
    fn relays(&self, link: Option<&Link>, person: &Person) -> Result<Vec<RelayAddress>, Failure> {
        if let Some(to) = &self.to {
            let relay = to.trim().parse()?;
            // Named by the person; one that a link brings is not made the default.
            person.remember(&relay);
            return Ok(vec![relay]);
        }
        let in_link = link.map(|link| link.relays.clone()).unwrap_or_default();
        if !in_link.is_empty() {
            return Ok(in_link);
        }
        if let Ok(to) = std::env::var("MIMEI_RELAY") {
            return Ok(vec![to.trim().parse()?]);
        }
        let last = person.last_relay().ok_or("no relay is known; name one with --to <address>")?;
        Ok(vec![last])
    }
}

fn find_link(text: &str) -> Result<Link, Failure> {
    Link::find(text).map_err(|error| format!("that is not a link to a MiMei: {error}").into())
}

fn unexpected(outcome: ItemOutcome) -> Failure {
    format!("this program answered itself something else than was asked: {outcome:?}").into()
}

/// A command's error as a person should read it.
fn explained(error: CommandError) -> Failure {
    use mimei_core::wire::RefusalCode;
    match &error {
        CommandError::Refused(refusal) if refusal.code == RefusalCode::NotFound => {
            "the relay has no such MiMei, or the link does not open it; check that all of the link was pasted".into()
        }
        _ => error.to_string().into(),
    }
}
