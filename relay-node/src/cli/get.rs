//! `mimei get`: what an address names, to files of this machine.

pub(super) mod names;
pub(super) mod opening;
mod target;

use std::path::PathBuf;

use clap::Args;
use futures_util::{StreamExt, stream};
use mimei_core::cid::MimeiId;
use mimei_core::mimei::{Contents, Kind, pieces};
use mimei_core::peer::{FileEntry, ItemCommand, ItemOutcome};

use super::progress::Progress;
use super::{Failure, PIECES_IN_FLIGHT_MAX, Person, Who, find_link, unexpected};
use opening::Opened;
use target::{Output, Target, TargetError};

/// What `mimei get` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct Get {
    /// The address
    pub link: String,
    /// File to write, or directory if there are several [default: as it is called]
    #[arg(short, long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
    /// Who asks whom.
    #[command(flatten)]
    pub who: Who,
}

/// Fetches what an address names, and says which files were written.
///
/// # Errors
/// A sentence that says why not. A file is written whole or not at all.
pub async fn get(get: &Get) -> Result<Vec<PathBuf>, Failure> {
    let mut person = opening::person(&get.who)?;
    let done = fetch(&mut person, get).await;
    person.leave().await;
    done
}

async fn fetch(person: &mut Person, get: &Get) -> Result<Vec<PathBuf>, Failure> {
    let link = find_link(&get.link)?;
    let opened = opening::open(person, &get.who, &link).await?;
    if let Some(warning) = &opened.warning {
        eprintln!("mimei: {warning}");
    }
    if opened.view.kind == Kind::Database {
        return Err("this address names a database, which holds no files".into());
    }
    let files = opening::files(person, &opened).await?;
    if files.is_empty() {
        return Err("there are no files at this address yet".into());
    }
    let targets = plan(get, &opened, &files)?;
    for (entry, target) in files.iter().zip(&targets) {
        file(person, opened.view.mimei, &entry.contents, target.create(get.force)?).await?;
    }
    Ok(targets.into_iter().map(Target::into_path).collect())
}

/// Where each file goes. Nothing is fetched unless all may be written.
fn plan(get: &Get, opened: &Opened, files: &[FileEntry]) -> Result<Vec<Target>, TargetError> {
    let own = names::of_id(&opened.view.mimei, opened.view.ext.as_str());
    let listed: Vec<&str> = files.iter().map(|file| file.name.as_ref().map_or(&*own, |name| name.as_str())).collect();
    Target::plan(get.out.as_deref(), &own, &listed, get.force)
}

async fn file(person: &Person, mimei: MimeiId, contents: &Contents, mut output: Output) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let what = output.name();
    let read = |(offset, _)| person.item(ItemCommand::Read { mimei, contents: contents.clone(), offset });
    let mut fetched = stream::iter(pieces(contents.length)).map(read).buffered(PIECES_IN_FLIGHT_MAX);
    let mut done = 0;
    while let Some(piece) = fetched.next().await {
        let bytes = match piece? {
            ItemOutcome::Bytes(bytes) => bytes,
            other => return Err(unexpected(other)),
        };
        output.write(&bytes)?;
        done += bytes.len() as u64;
        progress.bytes(&what, done, contents.length);
    }
    Ok(output.finish()?)
}
