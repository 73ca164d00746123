//! From an address to what it names, over the first relay that has it.

use std::slice::from_ref;

use mimei_core::address::RelayAddress;
use mimei_core::cid::VersionId;
use mimei_core::link::Link;
use mimei_core::peer::{ConnectionId, FileEntry, ItemCommand, ItemOutcome, ItemView};

use crate::cli::{Failure, Person, Who, unexpected};
use crate::config::SETTINGS;

/// What an address names.
pub(in crate::cli) struct Opened {
    pub(in crate::cli) view: ItemView,
    /// The version that is meant; none if nothing has been saved.
    pub(in crate::cli) at: Option<VersionId>,
    /// The relay that is connected; none if only what is on this machine can be seen.
    pub(in crate::cli) relay: Option<RelayAddress>,
    /// What the person should know.
    pub(in crate::cli) warning: Option<String>,
}

/// Who works here. A relay holds its store as long as it runs, and is another user.
pub(in crate::cli) fn person(who: &Who) -> Result<Person, Failure> {
    let directory = who.directory()?;
    if directory.join(SETTINGS).exists() {
        let shown = directory.display();
        return Err(format!("{shown} is the directory of a relay; name another for your own data with --data").into());
    }
    Person::open(&directory)
}

/// Asks the relays one after the other; what is on this machine is the last resort.
pub(in crate::cli) async fn open(person: &mut Person, who: &Who, link: &Link) -> Result<Opened, Failure> {
    let (relays, mut failed) = match who.relays(Some(link), person) {
        Ok(relays) => (relays, None),
        Err(nobody) => (Vec::new(), Some(nobody)),
    };
    for relay in relays {
        match person.connect(from_ref(&relay)).await {
            Ok(session) => match look(person, link, Some(session)).await {
                Ok(opened) => return Ok(Opened { relay: Some(relay), ..opened }),
                // What a relay says of it tells more than that another is away.
                Err(refused) => failed = Some(refused),
            },
            Err(away) => failed = failed.or(Some(away)),
        }
    }
    let failed = failed.unwrap_or_else(|| "the address names no relay".into());
    let opened = look(person, link, None).await.map_err(|_| failed.to_string())?;
    let offline = format!("this is what is on this machine, as no relay could tell more: {failed}");
    Ok(Opened { warning: opened.warning.or(Some(offline)), ..opened })
}

async fn look(person: &Person, link: &Link, relay: Option<ConnectionId>) -> Result<Opened, Failure> {
    match person.item(ItemCommand::Open { link: link.clone(), relay }).await? {
        ItemOutcome::Item { view, at, warning } => Ok(Opened { view: *view, at, relay: None, warning }),
        other => Err(unexpected(other)),
    }
}

/// What the version that is meant holds.
pub(in crate::cli) async fn files(person: &Person, opened: &Opened) -> Result<Vec<FileEntry>, Failure> {
    let Some(version) = opened.at else { return Ok(Vec::new()) };
    match person.item(ItemCommand::List { mimei: opened.view.mimei, version }).await? {
        ItemOutcome::Files(files) => Ok(files),
        other => Err(unexpected(other)),
    }
}
