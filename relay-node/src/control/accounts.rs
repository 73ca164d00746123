//! Accounts as their owner reads them: all in a table, one with every number and where it comes from, or as JSON.

use std::fmt::{self, Write as _};

use mimei_core::cid::UserId;
use mimei_core::credit::{Amount, Renewal, What};
use mimei_core::peer::{AccountView, SponsoredView};
use mimei_core::time::Millis;
use serde_json::{Value, json};

use crate::calendar::time;
use crate::driver::now;

/// What the account's newest line says of something; nothing without a line.
fn space(account: &AccountView) -> u64 {
    account.line.as_ref().map_or(0, |line| line.body.space)
}

fn renews(account: &AccountView) -> Option<Renewal> {
    account.line.as_ref().and_then(|line| line.body.renews)
}

fn until(account: &AccountView) -> Option<Millis> {
    account.line.as_ref().and_then(|line| line.body.until)
}

/// How often something is settled by itself, as it follows an amount; nothing if it is not.
pub(crate) fn renewal(renews: Option<Renewal>) -> String {
    renews.map_or_else(String::new, |renews| match renews.days {
        1 => " a day".to_owned(),
        7 => " a week".to_owned(),
        30 => " a month".to_owned(),
        365 => " a year".to_owned(),
        days => format!(" every {days} days"),
    })
}

fn renewed(account: &AccountView) -> String {
    renews(account)
        .map_or_else(|| "no".to_owned(), |renews| format!("{}{}", Amount(renews.amount), renewal(Some(renews))))
}

fn short(user: &UserId) -> String {
    let text = user.to_string();
    // All ids start alike.
    format!("{}…", &text[..20])
}

/// Why nothing goes on, as the one is told who can do something about it.
fn stopped(account: &AccountView, now: Millis) -> Option<String> {
    let said = account.stop.as_ref()?;
    Some(match &account.line {
        None => "they have no line; give them one with --traffic and --space".to_owned(),
        Some(line) if line.body.limit == 0 => "their line is 0; give them more with --traffic".to_owned(),
        Some(line) if line.body.until.is_some_and(|until| until <= now) => {
            let ended = line.body.until.map(time).unwrap_or_default();
            format!("their line ended on {ended}; make it longer with --until")
        }
        Some(_) if account.numbers.available() == 0 => {
            "their line is used up; raise it with --traffic, or settle with --settle".to_owned()
        }
        Some(_) => said.clone(),
    })
}

/// All accounts, a line each.
pub(super) fn table(accounts: &[AccountView]) -> String {
    if accounts.is_empty() {
        return "Nobody has an account here yet. Make one with `mimei invite`.\n".into();
    }
    let mut text = format!(
        "{:<22} {:>10} {:>10} {:>10}  {:<20} {}\n",
        "who", "used", "of", "left", "stored of space", "renewed by itself"
    );
    for account in accounts {
        let numbers = &account.numbers;
        let who = if account.label.is_empty() { short(&account.debtor) } else { account.label.clone() };
        let stored = format!("{} of {}", Amount(account.stored), Amount(space(account)));
        let [used, limit, left] =
            [numbers.exposure, numbers.limit, numbers.available()].map(|amount| Amount(amount).to_string());
        let _ = writeln!(text, "{who:<22} {used:>10} {limit:>10} {left:>10}  {stored:<20} {}", renewed(account));
        if let Some(stop) = stopped(account, now()) {
            let _ = writeln!(text, "  stopped: {stop}");
        }
    }
    text
}

/// One account: each number and where it comes from.
pub(super) fn explained(account: &AccountView) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn fmt::Display, why: &str| {
        let _ = writeln!(text, "{}", format!("{name:<10} {:>10}  {why}", value.to_string()).trim_end());
    };
    line("user", &account.debtor, "");
    if !account.label.is_empty() {
        line("name", &account.label, "");
    }
    let numbers = &account.numbers;
    line("limit", &Amount(numbers.limit), "what you let them owe at most");
    line("used", &Amount(numbers.exposure), "of that: signed + unsigned + sponsored + reserved - settled");
    line("left", &Amount(numbers.available()), "of that");
    line("signed", &Amount(numbers.signed), "their devices' IOUs");
    line("unsigned", &Amount(numbers.unsigned), "served and not signed for yet");
    line("sponsored", &Amount(numbers.owed), "served to their readers, in no IOU yet");
    line("reserved", &Amount(numbers.reserved), "what their readers may still be served");
    line("settled", &Amount(numbers.settled), "your receipts");
    line("stored", &Amount(account.stored), "kept for them");
    line("space", &Amount(space(account)), "what you keep for them at most");
    line("renewed", &renewed(account), "settled by itself");
    line("ends", &until(account).map_or_else(|| "never".to_owned(), time), "");
    for (device, lane) in &account.lanes {
        let state = match (lane.unsigned(), lane.ahead()) {
            (0, 0) => "all of it served".to_owned(),
            (0, ahead) => format!("{} of it not served yet", Amount(ahead)),
            (unsigned, _) => format!("{} served beyond it", Amount(unsigned)),
        };
        let device = device.to_string();
        line("device", &Amount(lane.total()), &format!("signed by {}…, {state}", &device[..12]));
    }
    for sponsored in &account.sponsored {
        line("readers", &Amount(sponsored.used), &readers(sponsored));
    }
    if let Some(receipt) = account.receipt.as_ref().map(|receipt| &receipt.body) {
        let when = format!("{}, your newest receipt, of {}", receipt.reason.as_str(), time(receipt.time));
        line("receipt", &Amount(receipt.amount), &when);
    }
    if let Some(stop) = stopped(account, now()) {
        let _ = writeln!(text, "stopped: {stop}");
    }
    text
}

fn readers(sponsored: &SponsoredView) -> String {
    let mandate = &sponsored.mandate.body;
    let of = match &mandate.what {
        What::Link(link) => format!("by a link to {}", link.mimei),
        What::Mimei(mimei) => format!("of {mimei}, open to everyone"),
    };
    let [all, today, day] = [mandate.total, sponsored.today, mandate.day].map(Amount);
    format!("of {all}, today {today} of {day}: readers {of}")
}

/// Accounts for programs.
pub(super) fn json(accounts: &[AccountView]) -> String {
    format!("{:#}\n", Value::Array(accounts.iter().map(one).collect()))
}

fn one(account: &AccountView) -> Value {
    let numbers = &account.numbers;
    let lanes = account.lanes.iter().map(|(device, lane)| {
        json!({
            "device": device.to_string(),
            "signed": lane.total(),
            "folded": lane.folded(),
            "served": lane.served,
        })
    });
    let receipt = account.receipt.as_ref().map(|receipt| &receipt.body).map(|receipt| {
        json!({
            "amount": receipt.amount,
            "total": receipt.total,
            "reason": receipt.reason.as_str(),
            "time": receipt.time.0,
        })
    });
    json!({
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
        "space": space(account),
        "renews": renews(account).map(|renews| json!({ "days": renews.days, "amount": renews.amount })),
        "until": until(account).map(|until| until.0),
        "lanes": lanes.collect::<Value>(),
        "mandates": account.sponsored.iter().map(mandate).collect::<Value>(),
        "receipt": receipt,
        "stopped": stopped(account, now()),
    })
}

fn mandate(sponsored: &SponsoredView) -> Value {
    let mandate = &sponsored.mandate.body;
    let (mimei, link) = match &mandate.what {
        What::Link(link) => (link.mimei, Some(link.link.to_string())),
        What::Mimei(mimei) => (*mimei, None),
    };
    json!({
        "mimei": mimei.to_string(),
        "link": link,
        "used": sponsored.used,
        "total": mandate.total,
        "today": sponsored.today,
        "day": mandate.day,
        "until": mandate.until.map(|until| until.0),
    })
}
