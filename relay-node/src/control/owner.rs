//! Invites and accounts: what the owner's commands do.

use std::path::PathBuf;

use clap::Args;
use mimei_core::cid::UserId;
use mimei_core::credit::{Amount, Invite as InviteLink, Reason};
use mimei_core::peer::{AccountView, Command, CreditCommand, CreditOutcome, NewInvite, Outcome, Terms};
use serde::{Deserialize, Serialize};

use super::accounts::{explained, json, renewal, table};
use super::{Reach, Reply, Request, blocking};
use crate::amounts;
use crate::calendar;
use crate::driver::{Driver, now};
use crate::keys::fresh_seed;

/// What a name on the command line may be short for.
const PREFIX_MIN: usize = 8;
/// What stands for the terminal in place of a file.
pub const STDOUT: &str = "-";

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
    /// Until when it can be used: 30d, 12w, 2027-01-31, never
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
    /// When their line ends: 90d, 12w, 2027-01-31, never
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
    /// Write all signed records to a new file, or print them, for whoever wants to count again
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STDOUT,
        conflicts_with_all = ["who", "json"])]
    pub export: Option<PathBuf>,
}

pub(super) async fn run(driver: &Driver, reach: Option<&Reach>, request: Request) -> Result<Reply, String> {
    match request {
        Request::Invite(args) => invite(driver, reach, &args).await,
        Request::Credit(args) => credit(driver, &args).await.map(|text| Reply { text, link: None }),
        Request::Block(args) => blocking::block(driver, &args).await.map(|text| Reply { text, link: None }),
    }
}

pub(super) async fn ask(driver: &Driver, command: CreditCommand) -> Result<CreditOutcome, String> {
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
    let until = calendar::until(&args.expires, now()).map_err(|error| error.to_string())?;
    if until.is_some_and(|until| until <= now()) {
        return Err(format!("an invite that ended on {} opens nothing; give it a later --expires", args.expires));
    }
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
        renewal(terms.renews),
    );
    Ok(Reply { text, link: Some(link) })
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

pub(super) async fn accounts(driver: &Driver) -> Result<Vec<AccountView>, String> {
    match ask(driver, CreditCommand::Accounts).await? {
        CreditOutcome::Accounts(accounts) => Ok(accounts.into_iter().filter(|account| !account.owes).collect()),
        other => Err(format!("the relay answered itself something else: {other:?}")),
    }
}

async fn credit(driver: &Driver, args: &Credit) -> Result<String, String> {
    if args.export.is_some() {
        return export(driver).await;
    }
    let accounts = accounts(driver).await?;
    let Some(who) = &args.who else {
        return Ok(if args.json { json(&accounts) } else { table(&accounts) });
    };
    let debtor = find(&accounts, who)?;
    let known = accounts.iter().find(|account| account.debtor == debtor);
    // All is understood before anything is signed.
    let (terms, settled) = (changed(args, known)?, settled(args)?);
    if let Some(terms) = terms {
        ask(driver, CreditCommand::Grant { debtor, terms }).await?;
    }
    if let Some((amount, reason)) = settled {
        ask(driver, CreditCommand::Settle { debtor, amount, reason }).await?;
    }
    let accounts = self::accounts(driver).await?;
    let account = accounts.iter().find(|account| account.debtor == debtor);
    let account = account.ok_or("they have no account; give them one with --traffic and --space")?;
    Ok(if args.json { json(std::slice::from_ref(account)) } else { explained(account) })
}

fn settled(args: &Credit) -> Result<Option<(u64, Reason)>, String> {
    let Some(amount) = &args.settle else { return Ok(None) };
    let amount = amounts::bytes(amount).map_err(|error| error.to_string())?;
    let reason = Reason::from_name(&args.reason).filter(|reason| *reason != Reason::Allowance);
    Ok(Some((amount, reason.ok_or("a reason is gift, service, voucher, exchange or refund")?)))
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
        terms.until = calendar::until(until, now()).map_err(|error| error.to_string())?;
    }
    Ok(Some(terms))
}

pub(super) fn find(accounts: &[AccountView], who: &str) -> Result<UserId, String> {
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

async fn export(driver: &Driver) -> Result<String, String> {
    let records = match ask(driver, CreditCommand::Records).await? {
        CreditOutcome::Records(records) => records,
        other => return Err(format!("the relay answered itself something else: {other:?}")),
    };
    let hex = data_encoding::HEXLOWER;
    let each = records.iter().map(|(kind, bytes)| serde_json::json!({ "kind": kind, "cbor": hex.encode(bytes) }));
    Ok(format!("{:#}\n", serde_json::Value::Array(each.collect())))
}
