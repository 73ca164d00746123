//! `mimei add`: files to a relay, and one address that opens them.
//!
//! ```text
//! files ── pieces ── save ── share ── settle: a relay has everything ── the address
//! ```

mod sources;
mod telling;

use std::path::PathBuf;
use std::slice::from_ref;

use clap::Args;
use mimei_core::address::RelayAddress;
use mimei_core::cid::{HeadId, MimeiId};
use mimei_core::link::{At, LINK_RELAYS_MAX, Link};
use mimei_core::mimei::{App, Ext, Kind, Right, Rights};
use mimei_core::peer::{Edit, ItemCommand, ItemName, ItemOutcome, ItemView, NewItem, ShareTo};

use super::get::names::printable;
use super::get::opening;
use super::progress::Progress;
use super::{Failure, Person, Who, find_link, unexpected};
use crate::keys::fresh_seed;
use sources::Source;

/// The app of what the command line makes.
const APP: &str = "org.mimei.command-line";

/// What `mimei add` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct Add {
    /// Files to add
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What to call it: the same name later adds to the same MiMei
    #[arg(long)]
    pub name: Option<String>,
    /// Let everyone read it, with or without the address
    #[arg(long, conflicts_with = "write")]
    pub public: bool,
    /// Let whoever has the address change it
    #[arg(long)]
    pub write: bool,
    /// Add to what this address names instead, or replace files of the same name
    #[arg(long, value_name = "LINK", conflicts_with = "name")]
    pub mimei: Option<String>,
    /// Who asks whom.
    #[command(flatten)]
    pub who: Who,
}

/// Adds files and gives the address that opens them, when a relay has everything.
///
/// # Errors
/// A sentence that says why not, and what was kept nevertheless.
pub async fn add(add: &Add) -> Result<Link, Failure> {
    let given = add.mimei.as_deref().map(find_link).transpose()?;
    let sources = Source::open_all(&add.files)?;
    let mut person = opening::person(&add.who)?;
    let done = bring(&mut person, add, given, sources).await;
    person.leave().await;
    done
}

/// Where the files go.
struct Target {
    view: ItemView,
    relay: RelayAddress,
    given: Option<Link>,
}

async fn bring(person: &mut Person, add: &Add, given: Option<Link>, sources: Vec<Source>) -> Result<Link, Failure> {
    let target = match given {
        Some(link) => existing(person, add, link).await?,
        None => new_folder(person, add).await?,
    };
    let mimei = target.view.mimei;
    let (mut edits, mut tellings) = (Vec::new(), Vec::new());
    for source in sources {
        let name = (target.view.kind == Kind::Folder).then(|| source.name.clone());
        let (file, telling) = source.upload(person, mimei, name.clone()).await?;
        edits.push(Edit { name, file: Some(file) });
        tellings.extend(telling);
    }
    match person.item(ItemCommand::Save { mimei, edits, memo: String::new() }).await? {
        ItemOutcome::Saved { number, kept_twice, .. } => {
            eprintln!("saved version {number}");
            for name in kept_twice {
                eprintln!("changed on both sides, so kept a second time: {}", printable(name.as_str()));
            }
        }
        other => return Err(unexpected(other)),
    }
    for telling in tellings {
        telling.saved(person).await;
    }
    let link = link(person, add, &target).await?;
    match settle(person, mimei).await {
        Ok(()) => Ok(link),
        Err(why) => Err(format!(
            "saved on this machine, but the relay does not have all of it: {why}\n\
             The next mimei command with this relay sends the rest; then this address opens it:\n{link}"
        )
        .into()),
    }
}

async fn new_folder(person: &mut Person, add: &Add) -> Result<Target, Failure> {
    let relay = connect(person, add.who.relays(None, person)?).await?;
    let name = add.name.clone().map_or_else(|| ItemName::Auto(fresh_seed()), ItemName::Given);
    let new = NewItem { app: App::new(APP)?, kind: Kind::Folder, ext: Ext::default(), name, is_public: add.public };
    let view = view(person, ItemCommand::Create(new)).await?;
    Ok(Target { view, relay, given: None })
}

/// The first relay that answers.
async fn connect(person: &mut Person, relays: Vec<RelayAddress>) -> Result<RelayAddress, Failure> {
    let mut failed: Failure = "no relay is named".into();
    for relay in relays {
        match person.connect(from_ref(&relay)).await {
            Ok(_) => return Ok(relay),
            Err(away) => failed = away,
        }
    }
    Err(failed)
}

async fn existing(person: &mut Person, add: &Add, link: Link) -> Result<Target, Failure> {
    let opened = opening::open(person, &add.who, &link).await?;
    let offline = || format!("nothing was added. {}", opened.warning.clone().unwrap_or_default());
    let relay = opened.relay.clone().ok_or_else(offline)?;
    match opened.view.kind {
        Kind::Database => Err("this address names a database, which holds no files".into()),
        Kind::File if add.files.len() != 1 => Err("this address names one file; give one file to replace it".into()),
        _ if !opened.view.rights.has(Right::Save) => {
            Err("this address only reads; ask its author for one that may write".into())
        }
        _ => Ok(Target { view: opened.view, relay, given: Some(link) }),
    }
}

/// The address that opens what was added. What is open already is not opened once more.
async fn link(person: &Person, add: &Add, target: &Target) -> Result<Link, Failure> {
    let mimei = target.view.mimei;
    let wants_more = add.public || add.write;
    let is_open = |given: &&Link| given.secret.is_some() || target.view.everyone.has(Right::Read);
    let mut link = match target.given.as_ref().filter(is_open).filter(|_| !wants_more) {
        Some(given) => Link { at: At::Current, head: head(person, mimei).await?, ..given.clone() },
        None => share(person, add, mimei).await?,
    };
    let others = target.given.iter().flat_map(|given| &given.relays).filter(|relay| **relay != target.relay);
    link.relays = [&target.relay].into_iter().chain(others).take(LINK_RELAYS_MAX).cloned().collect();
    Ok(link)
}

async fn view(person: &Person, command: ItemCommand) -> Result<ItemView, Failure> {
    match person.item(command).await? {
        ItemOutcome::Item { view, .. } => Ok(*view),
        other => Err(unexpected(other)),
    }
}

async fn head(person: &Person, mimei: MimeiId) -> Result<Option<HeadId>, Failure> {
    let view = view(person, ItemCommand::View(mimei)).await?;
    Ok(view.tips.first().map(|tip| tip.head))
}

async fn share(person: &Person, add: &Add, mimei: MimeiId) -> Result<Link, Failure> {
    let to = if add.public { ShareTo::Everyone } else { ShareTo::Link };
    let rights = if add.write { Rights::WRITER } else { Rights::READER };
    match person.item(ItemCommand::Share { mimei, to, rights, until: None, seed: fresh_seed() }).await? {
        ItemOutcome::Link(link) => Ok(link),
        other => Err(unexpected(other)),
    }
}

/// Waits until the relay has everything, and says how much it lacks.
async fn settle(person: &Person, mimei: MimeiId) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let mut settled = std::pin::pin!(person.item(ItemCommand::Settle { mimei }));
    let mut look = tokio::time::interval(Progress::REDRAW_AFTER);
    loop {
        tokio::select! {
            done = &mut settled => return done.map(drop),
            _ = look.tick(), if progress.is_shown() => {
                let unsent = view(person, ItemCommand::View(mimei)).await?.unsent_blocks;
                progress.note(&format!("sending, {unsent} blocks left"));
            }
        }
    }
}
