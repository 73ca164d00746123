//! `mimei join` and `mimei wallet`: a person's own account with a relay.

use std::fmt::Write as _;

use clap::Args;
use mimei_core::credit::{Amount, Invite};
use mimei_core::peer::{AccountView, CreditCommand, CreditOutcome};

use super::get::opening;
use super::{Failure, Who};
use crate::calendar::time;
use crate::control::renewal;

/// What `mimei join` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct Join {
    /// The invite: a link, or what begins with mimei:invite
    pub invite: String,
    /// Who asks.
    #[command(flatten)]
    pub who: Who,
}

/// What `mimei wallet` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct Wallet {
    /// Who asks.
    #[command(flatten)]
    pub who: Who,
}

/// Uses an invite, and makes its relay the default.
///
/// # Errors
/// A sentence that says why it could not be used.
pub async fn join(join: &Join) -> Result<String, Failure> {
    let invite = Invite::find(&join.invite)?;
    let mut person = opening::person(&join.who)?;
    let done = async {
        let relay = person.connect(std::slice::from_ref(&invite.relay)).await?;
        let outcome = person.credit(CreditCommand::Accept { relay, secret: invite.secret.clone() }).await?;
        person.remember(&invite.relay);
        match outcome {
            CreditOutcome::Account(account) => Ok(format!("Welcome.\n{}", shown(&account))),
            other => Err(format!("an outcome of another kind: {other:?}").into()),
        }
    };
    let done: Result<String, Failure> = done.await;
    person.leave().await;
    done
}

/// The person's accounts, as they are known here.
///
/// # Errors
/// If the data cannot be read.
pub async fn wallet(wallet: &Wallet) -> Result<String, Failure> {
    let person = opening::person(&wallet.who)?;
    let outcome = person.credit(CreditCommand::Accounts).await;
    person.leave().await;
    let CreditOutcome::Accounts(accounts) = outcome? else { return Err("the accounts could not be read".into()) };
    let mut text: String = accounts.iter().filter(|account| account.owes).map(shown).collect();
    if text.is_empty() {
        text.push_str(
            "You have no account with a relay. Ask the owner of one for an invite, and use it with `mimei join`.\n",
        );
    }
    Ok(text)
}

fn shown(account: &AccountView) -> String {
    let numbers = &account.numbers;
    let space = account.line.as_ref().map_or(0, |line| line.body.space);
    let mut text = format!("relay   {}\n", account.creditor);
    let [used, limit, left] = [numbers.exposure, numbers.limit, numbers.available()].map(Amount);
    let line = account.line.as_ref().map(|line| &line.body);
    let renews = line.and_then(|line| line.renews);
    let renews =
        renews.map(|renews| format!("; {}{} is settled by itself", Amount(renews.amount), renewal(Some(renews))));
    let _ = writeln!(text, "traffic {used} of {limit} used, {left} left{}", renews.unwrap_or_default());
    let _ = writeln!(text, "space   {} of {} used", Amount(account.stored), Amount(space));
    if let Some(until) = line.and_then(|line| line.until) {
        let _ = writeln!(text, "        until {}", time(until));
    }
    if numbers.reserved > 0 {
        let _ = writeln!(text, "        {} of the traffic is reserved for your readers", Amount(numbers.reserved));
    }
    if let Some(stop) = &account.stop {
        let _ = writeln!(text, "paused: {stop}");
    }
    text
}
