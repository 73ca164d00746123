//! `mimei unshare`: a link, or everyone, is shut out again.

use clap::Args;
use mimei_core::cid::MimeiId;
use mimei_core::link::Link;
use mimei_core::peer::{ItemCommand, SharedWith};

use super::get::opening;
use super::{Failure, Person, Who, find_link};
use crate::keys::fresh_seed;

/// What `mimei unshare` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct Unshare {
    /// The link that is to open nothing any more; with --everyone, the id or any address
    pub link: String,
    /// Shut out everyone who came without a link
    #[arg(long)]
    pub everyone: bool,
    /// Who asks whom.
    #[command(flatten)]
    pub who: Who,
}

/// Takes back what a link or everyone may do, and waits until the relay knows.
///
/// # Errors
/// A sentence that says why it goes on.
pub async fn unshare(unshare: &Unshare) -> Result<String, Failure> {
    let mut person = opening::person(&unshare.who)?;
    let done = take_back(&mut person, unshare).await;
    person.leave().await;
    done
}

async fn take_back(person: &mut Person, unshare: &Unshare) -> Result<String, Failure> {
    let text = unshare.link.trim();
    let link = text.parse::<MimeiId>().map(Link::new).or_else(|_| find_link(text))?;
    let with = match &link.secret {
        _ if unshare.everyone => SharedWith::Everyone,
        Some(secret) => SharedWith::Link(secret.keys().sign),
        None => return Err("that address has no key of its own; add --everyone to shut out whoever comes".into()),
    };
    opening::open(person, &unshare.who, &link).await?;
    let mimei = link.mimei;
    person.item(ItemCommand::Unshare { mimei, with, seed: fresh_seed() }).await?;
    let settled = person.item(ItemCommand::Settle { mimei }).await;
    settled.map_err(|error| {
        format!("it is taken back here and not yet at the relay, which lets them in until then: {error}")
    })?;
    Ok("Taken back. They keep what they have read; what you save from now on is under a new key.".into())
}
