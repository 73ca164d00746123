//! `mimei show`: what an address names, in words.

use std::fmt::{self, Write};

use clap::Args;
use mimei_core::cid::MimeiId;
use mimei_core::link::Link;
use mimei_core::mimei::Rights;
use mimei_core::peer::{FileEntry, ItemView, ShareView, SharedWith, VersionView};

use super::get::names::printable;
use super::get::opening::{self, Opened};
use super::progress::size;
use super::{Failure, Person, Who, find_link};
use crate::calendar::time;

/// Versions that are shown, newest first: what fits on a screen.
const VERSIONS_SHOWN: usize = 20;

/// What `mimei show` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct Show {
    /// The address, or an id alone
    pub link: String,
    /// Who asks whom.
    #[command(flatten)]
    pub who: Who,
}

/// Says what an address names.
///
/// # Errors
/// A sentence that says why nothing is known of it.
pub async fn show(show: &Show) -> Result<String, Failure> {
    let mut person = opening::person(&show.who)?;
    let done = describe(&mut person, show).await;
    person.leave().await;
    done
}

/// An address, or the id of something alone.
fn parse(what: &str) -> Result<Link, Failure> {
    what.trim().parse::<MimeiId>().map(Link::new).or_else(|_| find_link(what))
}

async fn describe(person: &mut Person, show: &Show) -> Result<String, Failure> {
    let link = parse(&show.link)?;
    let opened = opening::open(person, &show.who, &link).await?;
    if let Some(warning) = &opened.warning {
        eprintln!("mimei: {warning}");
    }
    let files = opening::files(person, &opened).await?;
    Ok(text(&opened, &files))
}

fn text(opened: &Opened, files: &[FileEntry]) -> String {
    let view = &opened.view;
    let mut text = String::new();
    let mut line = |label: &str, value: &dyn fmt::Display| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{label:<10} {value}");
    };
    line("id", &view.mimei);
    line("kind", &view.kind.as_str());
    line("app", &view.app);
    if !view.ext.as_str().is_empty() {
        line("extension", &view.ext);
    }
    line("author", &view.author);
    line("you may", &rights(view.rights));
    line("everyone", &rights(view.everyone));
    view.shares
        .iter()
        .filter(|share| share.with != SharedWith::Everyone)
        .for_each(|share| line("shared", &share_text(share)));
    line("tips", &tips(view));
    if view.is_waiting {
        line("unsent", &format!("{} blocks wait for a relay", view.unsent_blocks));
    }
    let shown = view.versions.iter().rev().take(VERSIONS_SHOWN);
    shown.for_each(|version| line("version", &version_text(opened, version)));
    if let Some(earlier) = view.versions.len().checked_sub(VERSIONS_SHOWN).filter(|earlier| *earlier > 0) {
        line("", &format!("and {earlier} before"));
    }
    for FileEntry { name, contents } in files {
        let name = name.as_ref().map_or("(contents)".into(), |name| printable(name.as_str()));
        line("file", &format!("{:>10}  {name}", size(contents.length)));
    }
    text
}

fn rights(rights: Rights) -> String {
    let names: Vec<_> = rights.iter().map(|right| right.as_str()).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

fn share_text(share: &ShareView) -> String {
    let with = match share.with {
        SharedWith::Everyone => "everyone".into(),
        SharedWith::Link(key) => format!("link {key}"),
        SharedWith::User(user) => format!("user {user}"),
    };
    let until = share.until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
    format!("{}{until}, with {with}", rights(share.rights))
}

fn tips(view: &ItemView) -> String {
    match (view.tips.len(), view.tips_total) {
        (0, _) => "none, as nothing has been saved".into(),
        (1, total) => format!("{total}"),
        (states, total) => format!("{total} with {states} states that differ: unmerged"),
    }
}

fn version_text(opened: &Opened, version: &VersionView) -> String {
    let is_released = opened.view.tips.iter().any(|tip| tip.release == Some(version.version));
    let released = if is_released { "  for visitors" } else { "" };
    let meant = if opened.at == Some(version.version) { "  shown here" } else { "" };
    format!("{:>5}  {}  {}{released}{meant}", version.number, time(version.time), version.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_alone_is_enough() {
        let id = MimeiId::of(b"somewhere");
        assert_eq!(parse(&format!(" {id}\n")).unwrap(), Link::new(id));
        assert_eq!(parse(&format!("mimei:{id}")).unwrap(), Link::new(id));
        assert!(parse("somewhere").is_err());
    }
}
