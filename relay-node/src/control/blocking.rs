//! What the owner of a relay does not want served.

use std::fmt::Write as _;

use clap::Args;
use mimei_core::cid::{Cid, MimeiId, UserId};
use mimei_core::link::Link;
use mimei_core::peer::{AccountView, Blocked, CreditCommand, CreditOutcome};
use serde::{Deserialize, Serialize};

use super::owner::{accounts, ask, find};
use crate::driver::Driver;

/// What `mimei block` is told.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Block {
    /// A MiMei's id or link, a user's id or name, or a block's address
    #[arg(required_unless_present = "list")]
    pub what: Option<String>,
    /// It is a MiMei. An id alone may be one or a user, and both are blocked
    #[arg(long, conflicts_with_all = ["user", "block"])]
    pub mimei: bool,
    /// It is a user
    #[arg(long, conflicts_with = "block")]
    pub user: bool,
    /// It is a single block
    #[arg(long)]
    pub block: bool,
    /// Serve it again
    #[arg(long)]
    pub undo: bool,
    /// List what is not served
    #[arg(long, conflicts_with_all = ["what", "undo"])]
    pub list: bool,
}

pub(super) async fn block(driver: &Driver, args: &Block) -> Result<String, String> {
    if args.list {
        let all = blocks(driver).await?;
        return Ok(if all.is_empty() { "Everything is served.\n".into() } else { listed(&all) });
    }
    let text = args.what.as_deref().unwrap_or_default().trim();
    let meant = meant(text, args, &accounts(driver).await?)?;
    let before = blocks(driver).await?;
    let changed: Vec<_> = meant.iter().filter(|what| before.contains(what) == args.undo).copied().collect();
    for what in &changed {
        ask(driver, CreditCommand::Block { what: *what, is_blocked: !args.undo }).await?;
    }
    let said = match (changed.is_empty(), args.undo) {
        (false, false) => "Not served or taken any more:",
        (false, true) => "Served again:",
        (true, false) => "It was blocked already:",
        (true, true) => "It was not blocked:",
    };
    Ok(format!("{said}\n{}", listed(if changed.is_empty() { &meant } else { &changed })))
}

/// What a text names. MiMeis and users have ids of the same form.
fn meant(text: &str, args: &Block, accounts: &[AccountView]) -> Result<Vec<Blocked>, String> {
    let user = || text.parse().or_else(|_| find(accounts, text)).map(Blocked::User);
    let link = Link::find(text).map(|link| link.mimei);
    if args.user {
        return user().map(|user| vec![user]);
    }
    if args.block {
        let block = text.parse().map_err(|_| "that is no block's address")?;
        return Ok(vec![Blocked::Block(block)]);
    }
    if args.mimei {
        let mimei = link.or_else(|_| text.parse()).map_err(|_| "that is no MiMei's id or link")?;
        return Ok(vec![Blocked::Mimei(mimei)]);
    }
    if let Ok(mimei) = link {
        return Ok(vec![Blocked::Mimei(mimei)]);
    }
    if let (Ok(mimei), Ok(user)) = (text.parse::<MimeiId>(), text.parse::<UserId>()) {
        return Ok(vec![Blocked::Mimei(mimei), Blocked::User(user)]);
    }
    if let Ok(block) = text.parse::<Cid>() {
        return Ok(vec![Blocked::Block(block)]);
    }
    let wrong = "name a MiMei by its id or link, a user by the id or name, or a block by its address";
    user().map(|user| vec![user]).map_err(|nobody| format!("{wrong}; {nobody}"))
}

async fn blocks(driver: &Driver) -> Result<Vec<Blocked>, String> {
    match ask(driver, CreditCommand::Blocks).await? {
        CreditOutcome::Blocked(all) => Ok(all),
        other => Err(format!("the relay answered itself something else: {other:?}")),
    }
}

fn listed(all: &[Blocked]) -> String {
    let mut text = String::new();
    for what in all {
        let _ = match what {
            Blocked::Mimei(mimei) => writeln!(text, "mimei  {mimei}"),
            Blocked::User(user) => writeln!(text, "user   {user}"),
            Blocked::Block(cid) => writeln!(text, "block  {cid}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use mimei_core::cid::Codec;

    use super::*;

    #[test]
    fn an_id_that_may_be_a_user_or_a_mimei_blocks_both_unless_said() {
        let (mimei, piece) = (MimeiId::of(b"a"), Cid::of(Codec::Raw, b"c"));
        let user = UserId::of(b"a");
        let plain = Block::default();
        let as_mimei = Block { mimei: true, ..plain.clone() };
        let (as_user, as_block) = (Block { user: true, ..plain.clone() }, Block { block: true, ..plain.clone() });
        let of = |text: &str, args: &Block| meant(text, args, &[]);
        assert_eq!(of(&mimei.to_string(), &plain), Ok(vec![Blocked::Mimei(mimei), Blocked::User(user)]));
        assert_eq!(of(&mimei.to_string(), &as_mimei), Ok(vec![Blocked::Mimei(mimei)]));
        assert_eq!(of(&format!("mimei:{mimei}"), &plain), Ok(vec![Blocked::Mimei(mimei)]));
        assert_eq!(of(&user.to_string(), &as_user), Ok(vec![Blocked::User(user)]));
        assert_eq!(of(&piece.to_string(), &plain), Ok(vec![Blocked::Block(piece)]));
        assert_eq!(of(&mimei.to_string(), &as_block), Ok(vec![Blocked::Block(*mimei.cid())]));
        let link = format!("mimei:{mimei}");
        assert!(of("nonsense", &plain).is_err() && of(&piece.to_string(), &as_user).is_err());
        assert!(of(&link, &as_user).is_err() && of(&piece.to_string(), &as_mimei).is_err());
    }
}
