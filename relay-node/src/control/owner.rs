//! Invites, accounts and what is stopped: what the owner's commands do.

use std::fmt::Write as _;

use clap::Args;
use mimei_core::cid::{Cid, MimeiId, UserId};
use mimei_core::credit::{Amount, DAY_MS, Invite as InviteLink, Reason};
use mimei_core::link::Link;
use mimei_core::peer::{AccountView, Blocked, Command, CreditCommand, CreditOutcome, NewInvite, Outcome, Terms};
use serde::{Deserialize, Serialize};

use super::{Reach, Reply, Request};
use crate::amounts;
use crate::driver::{Driver, now};
use crate::keys::fresh_seed;

/// What a name on the command line may be short for.
const PREFIX_MIN: usize = 8;

/// What `mimei invite` is told.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Invite {
    /// Room for what they keep here
    #[arg(long, default_value = "5G")]
    pub space: String,
    /// What they may move: 50G/month is settled by itself every month, 50G is not
    #[arg(long, default_value = "50G/month")]
    pub traffic: String,
    /// Who it is for, as you will see them in `mimei credit`
    #[arg(long = "for", default_value = "", value_name = "NAME")]
    pub label: String,
    /// How many people may use it
    #[arg(long, default_value_t = 1)]
    pub uses: u64,
    /// Until when it can be used
    #[arg(long, default_value = "30d")]
    pub expires: String,
}

/// What `mimei credit` is told.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Credit {
    /// Whose account: a user id, the start of one, or the name in their invite [default: all]
    pub who: Option<String>,
    /// Let them move so much: 100G, or 100G/month
    #[arg(long, requires = "who")]
    pub traffic: Option<String>,
    /// Keep so much for them
    #[arg(long, requires = "who")]
    pub space: Option<String>,
    /// End their line after that time: 90d, 12w, never
    #[arg(long, requires = "who")]
    pub until: Option<String>,
    /// Settle so much of what they owe
    #[arg(long, requires = "who")]
    pub settle: Option<String>,
    /// Why: gift, service, voucher, exchange or refund
    #[arg(long, requires = "settle", default_value = "gift")]
    pub reason: String,
    /// Print for programs
    #[arg(long)]
    pub json: bool,
    /// Print all signed records, for whoever wants to count again
    #[arg(long, conflicts_with_all = ["who", "json"])]
    pub export: bool,
}

/// What `mimei block` is told.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Block {
    /// A MiMei's id or link, a user id, or a block's address
    #[arg(required_unless_present = "list")]
    pub what: Option<String>,
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
    #[arg(long)]
    pub list: bool,
}

pub(super) async fn run(driver: &Driver, reach: Option<&Reach>, request: Request) -> Result<Reply, String> {
    match request {
        Request::Invite(args) => invite(driver, reach, &args).await,
        Request::Credit(args) => credit(driver, &args).await.map(|text| Reply { text, link: None }),
        Request::Block(args) => block(driver, &args).await.map(|text| Reply { text, link: None }),
    }
}

async fn ask(driver: &Driver, command: CreditCommand) -> Result<CreditOutcome, String> {
    match driver.command(Command::Credit(command)).await {
        Ok(Outcome::Credit(outcome)) => Ok(outcome),
        Ok(other) => Err(format!("the relay answered itself something else: {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

async fn invite(driver: &Driver, reach: Option<&Reach>, args: &Invite) -> Result<Reply, String> {
    let reach = reach.ok_or("an invite leads to a relay that runs; start it with `mimei run` and ask again")?;
    let space = amounts::bytes(&args.space).map_err(|error| error.to_string())?;
    let (limit, renews) = amounts::traffic(&args.traffic).map_err(|error| error.to_string())?;
    let until = amounts::days(&args.expires).map_err(|error| error.to_string())?;
    let until = until.map(|days| now() + days * DAY_MS);
    let terms = Terms { limit, space, until: None, renews };
    let (label, uses, seed) = (args.label.clone(), args.uses, fresh_seed());
    let secret = match ask(driver, CreditCommand::Invite(NewInvite { terms, label, uses, until, seed })).await? {
        CreditOutcome::Invited(secret) => secret,
        other => return Err(format!("the relay answered itself something else: {other:?}")),
    };
    let relay = reach.address.parse().map_err(|error| format!("the relay's own address is damaged: {error}"))?;
    let invite = InviteLink { relay, secret };
    let link = format!("{}/#{invite}", reach.web);
    let people = if uses == 1 { "one person".to_owned() } else { format!("{uses} people") };
    let text = format!(
        "{link}\n\nFor {people}: {} of space and {} of traffic{}. Whoever has the link can use it.\n\
         From elsewhere, in any page that runs MiMei:\n{invite}\n",
        Amount(space),
        Amount(limit),
        renewal(&terms),
    );
    Ok(Reply { text, link: Some(link) })
}

fn renewal(terms: &Terms) -> String {
    terms.renews.map_or_else(String::new, |renews| match renews.days {
        1 => " a day".to_owned(),
        7 => " a week".to_owned(),
        30 => " a month".to_owned(),
        365 => " a year".to_owned(),
        days => format!(" every {days} days"),
    })
}

/// What the owner of a new relay is given for their own browser.
pub(super) async fn first_invite(driver: &Driver, reach: &Reach) -> Option<String> {
    match ask(driver, CreditCommand::Accounts).await {
        Ok(CreditOutcome::Accounts(accounts)) if accounts.is_empty() => {}
        _ => return None,
    }
    let args = Invite {
        space: "100G".into(),
        traffic: "1T/month".into(),
        label: "owner".into(),
        uses: 1,
        expires: "1d".into(),
    };
    invite(driver, Some(reach), &args).await.ok()?.link
}

async fn accounts(driver: &Driver) -> Result<Vec<AccountView>, String> {
    match ask(driver, CreditCommand::Accounts).await? {
        CreditOutcome::Accounts(accounts) => Ok(accounts),
        other => Err(format!("the relay answered itself something else: {other:?}")),
    }
}

async fn credit(driver: &Driver, args: &Credit) -> Result<String, String> {
    if args.export {
        return export(driver).await;
    }
    let accounts = accounts(driver).await?;
    let Some(who) = &args.who else {
        return Ok(if args.json { json(&accounts) } else { table(&accounts) });
    };
    let debtor = find(&accounts, who)?;
    let known = accounts.iter().find(|account| account.debtor == debtor);
    if let Some(terms) = changed(args, known)? {
        ask(driver, CreditCommand::Grant { debtor, terms }).await?;
    }
    if let Some(amount) = &args.settle {
        let amount = amounts::bytes(amount).map_err(|error| error.to_string())?;
        let reason = Reason::from_name(&args.reason).filter(|reason| *reason != Reason::Allowance);
        let reason = reason.ok_or("a reason is gift, service, voucher, exchange or refund")?;
        ask(driver, CreditCommand::Settle { debtor, amount, reason }).await?;
    }
    let accounts = self::accounts(driver).await?;
    let account = accounts.iter().find(|account| account.debtor == debtor);
    let account = account.ok_or("they have no account; give them one with --traffic and --space")?;
    Ok(if args.json { json(std::slice::from_ref(account)) } else { explained(account) })
}

/// The new terms, if any are named; what is not named stays.
fn changed(args: &Credit, known: Option<&AccountView>) -> Result<Option<Terms>, String> {
    if args.traffic.is_none() && args.space.is_none() && args.until.is_none() {
        return Ok(None);
    }
    let line = known.and_then(|account| account.line.as_ref()).map(|line| &line.body);
    let mut terms = line.map_or_else(Terms::default, |line| Terms {
        limit: line.limit,
        space: line.space,
        until: line.until,
        renews: line.renews,
    });
    if let Some(traffic) = &args.traffic {
        (terms.limit, terms.renews) = amounts::traffic(traffic).map_err(|error| error.to_string())?;
    }
    if let Some(space) = &args.space {
        terms.space = amounts::bytes(space).map_err(|error| error.to_string())?;
    }
    if let Some(until) = &args.until {
        let days = amounts::days(until).map_err(|error| error.to_string())?;
        terms.until = days.map(|days| now() + days * DAY_MS);
    }
    Ok(Some(terms))
}

fn find(accounts: &[AccountView], who: &str) -> Result<UserId, String> {
    if let Ok(user) = who.parse() {
        return Ok(user);
    }
    let is_meant = |account: &&AccountView| {
        account.label == who || (who.len() >= PREFIX_MIN && account.debtor.to_string().starts_with(who))
    };
    let mut found = accounts.iter().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(account), None) => Ok(account.debtor),
        (Some(_), Some(_)) => Err(format!("several accounts are called {who}; name one by its user id")),
        (None, _) => Err(format!(
            "nobody here is called {who}; see `mimei credit`, and name a user by the id or its first {PREFIX_MIN} letters"
        )),
    }
}

fn short(user: &UserId) -> String {
    let text = user.to_string();
    // All ids start alike.
    format!("{}…", &text[..20])
}

fn table(accounts: &[AccountView]) -> String {
    if accounts.is_empty() {
        return "Nobody has an account here yet. Make one with `mimei invite`.\n".into();
    }
    let mut text = format!("{:<22} {:>10} {:>10} {:>10} {:>21}\n", "who", "used", "of", "left", "stored of space");
    for account in accounts {
        let numbers = &account.numbers;
        let who = if account.label.is_empty() { short(&account.debtor) } else { account.label.clone() };
        let space = account.line.as_ref().map_or(0, |line| line.body.space);
        let stored = format!("{} of {}", Amount(account.stored), Amount(space));
        let [used, limit, left] =
            [numbers.exposure, numbers.limit, numbers.available()].map(|amount| Amount(amount).to_string());
        let _ = writeln!(text, "{who:<22} {used:>10} {limit:>10} {left:>10} {stored:>21}");
        if let Some(stop) = &account.stop {
            let _ = writeln!(text, "  stopped: {stop}");
        }
    }
    text
}

fn explained(account: &AccountView) -> String {
    let numbers = &account.numbers;
    let mut text = format!("user       {}\n", account.debtor);
    if !account.label.is_empty() {
        let _ = writeln!(text, "name       {}", account.label);
    }
    let mut line = |name: &str, amount: u64, why: &str| {
        let _ = writeln!(text, "{name:<10} {:>10}  {why}", Amount(amount).to_string());
    };
    line("limit", numbers.limit, "what you let them owe at most");
    line("used", numbers.exposure, "of that: signed + unsigned + sponsored + reserved - settled");
    line("signed", numbers.signed, "their devices' IOUs");
    line("unsigned", numbers.unsigned, "served and not signed for yet");
    line("sponsored", numbers.owed, "served to their readers, in no IOU yet");
    line("reserved", numbers.reserved, "what their readers may still be served");
    line("settled", numbers.settled, "your receipts");
    line("stored", account.stored, "kept for them");
    let space = account.line.as_ref().map_or(0, |line| line.body.space);
    line("space", space, "what you keep for them at most");
    for (device, lane) in &account.lanes {
        let device = device.to_string();
        let _ = writeln!(text, "device     {:>10}  signed by {}…", Amount(lane.total()).to_string(), &device[..12]);
    }
    for sponsored in &account.sponsored {
        let [used, total] = [sponsored.used, sponsored.mandate.body.total].map(|n| Amount(n).to_string());
        let _ = writeln!(text, "readers    {used:>10}  of {total} that a share of theirs may cost");
    }
    if let Some(receipt) = &account.receipt {
        let (amount, reason) = (Amount(receipt.body.amount), receipt.body.reason.as_str());
        let _ = writeln!(text, "newest receipt: {amount}, {reason}");
    }
    if let Some(stop) = &account.stop {
        let _ = writeln!(text, "stopped: {stop}");
    }
    text
}

fn json(accounts: &[AccountView]) -> String {
    let each = accounts.iter().map(|account| {
        let numbers = &account.numbers;
        serde_json::json!({
            "user": account.debtor.to_string(),
            "name": account.label,
            "limit": numbers.limit,
            "exposure": numbers.exposure,
            "available": numbers.available(),
            "signed": numbers.signed,
            "unsigned": numbers.unsigned,
            "owed": numbers.owed,
            "reserved": numbers.reserved,
            "settled": numbers.settled,
            "stored": account.stored,
            "space": account.line.as_ref().map_or(0, |line| line.body.space),
            "stopped": account.stop,
        })
    });
    format!("{:#}\n", serde_json::Value::Array(each.collect()))
}

async fn export(driver: &Driver) -> Result<String, String> {
    let records = match ask(driver, CreditCommand::Records).await? {
        CreditOutcome::Records(records) => records,
        other => return Err(format!("the relay answered itself something else: {other:?}")),
    };
    let hex = data_encoding::HEXLOWER;
    let each = records.iter().map(|(kind, bytes)| serde_json::json!({ "kind": kind, "cbor": hex.encode(bytes) }));
    Ok(format!("{:#}\n", serde_json::Value::Array(each.collect())))
}

async fn block(driver: &Driver, args: &Block) -> Result<String, String> {
    if args.list {
        return list_blocked(driver).await;
    }
    let text = args.what.as_deref().unwrap_or_default().trim();
    let what = blocked(text, args)?;
    ask(driver, CreditCommand::Block { what, is_blocked: !args.undo }).await?;
    Ok(if args.undo { "It is served again.\n" } else { "It is not served or taken any more.\n" }.into())
}

fn blocked(text: &str, args: &Block) -> Result<Blocked, String> {
    if let Ok(link) = Link::find(text) {
        return Ok(Blocked::Mimei(link.mimei));
    }
    if args.user {
        return text.parse().map(Blocked::User).map_err(|_| "that is no user id".to_owned());
    }
    if args.block {
        return text.parse().map(Blocked::Block).map_err(|_| "that is no block's address".to_owned());
    }
    if let Ok(mimei) = text.parse::<MimeiId>() {
        return Ok(Blocked::Mimei(mimei));
    }
    let wrong = || "name a MiMei by its id or link, a user by --user and the id, or a block by its address".to_owned();
    text.parse::<Cid>().map(Blocked::Block).map_err(|_| wrong())
}

async fn list_blocked(driver: &Driver) -> Result<String, String> {
    let CreditOutcome::Blocked(all) = ask(driver, CreditCommand::Blocks).await? else { return Ok(String::new()) };
    let mut text = String::new();
    for what in &all {
        let _ = match what {
            Blocked::Mimei(mimei) => writeln!(text, "mimei  {mimei}"),
            Blocked::User(user) => writeln!(text, "user   {user}"),
            Blocked::Block(cid) => writeln!(text, "block  {cid}"),
        };
    }
    Ok(if all.is_empty() { "Everything is served.\n".into() } else { text })
}

#[cfg(test)]
mod tests {
    use mimei_core::cid::Codec;

    use super::*;

    #[test]
    fn what_is_blocked_is_told_apart_by_its_address() {
        let (mimei, user) = (MimeiId::of(b"a"), UserId::of(b"b"));
        let piece = Cid::of(Codec::Raw, b"c");
        let plain = Block::default();
        let (as_user, as_block) = (Block { user: true, ..plain.clone() }, Block { block: true, ..plain.clone() });
        assert_eq!(blocked(&mimei.to_string(), &plain), Ok(Blocked::Mimei(mimei)));
        assert_eq!(blocked(&format!("mimei:{mimei}"), &plain), Ok(Blocked::Mimei(mimei)));
        assert_eq!(blocked(&user.to_string(), &as_user), Ok(Blocked::User(user)));
        assert_eq!(blocked(&piece.to_string(), &plain), Ok(Blocked::Block(piece)));
        assert_eq!(blocked(&mimei.to_string(), &as_block), Ok(Blocked::Block(*mimei.cid())));
        assert!(blocked("nonsense", &plain).is_err() && blocked(&piece.to_string(), &as_user).is_err());
    }
}
