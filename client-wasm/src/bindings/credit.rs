//! Methods about accounts: who owes whom, and the records that show it.

use js_sys::Uint8Array;
use mimei_core::cid::MimeiId;
use mimei_core::credit::{Invite, Lane, Line, Receipt, UseOfLink, What};
use mimei_core::peer::{AccountView, Command, CreditCommand, CreditOutcome, Outcome, SponsoredView};
use mimei_core::sign::SignKey;
use mimei_core::time::Millis;
use wasm_bindgen::JsValue;

use super::args::{Args, amount, argument, list};
use super::{invalid, object};
use crate::driver::Driver;
use crate::failure::{Failure, Retry};

/// Which methods are answered here.
pub(super) fn has(method: &str) -> bool {
    matches!(method, "accounts" | "readInvite" | "accept" | "sponsor" | "creditRecords")
}

pub(super) async fn call(driver: &Driver, method: &str, args: &JsValue) -> Result<JsValue, Failure> {
    let args = Args(args);
    if method == "readInvite" {
        return read_invite(&args);
    }
    match driver.command(Command::Credit(command(method, &args)?)).await? {
        Outcome::Credit(outcome) => Ok(to_js(outcome, driver.me().device)),
        _ => Ok(JsValue::UNDEFINED),
    }
}

fn command(method: &str, args: &Args<'_>) -> Result<CreditCommand, Failure> {
    match method {
        "accounts" => Ok(CreditCommand::Accounts),
        "creditRecords" => Ok(CreditCommand::Records),
        "accept" => {
            let relay = args.number("conn").ok_or_else(|| invalid("accept needs the number of a connection"))?;
            Ok(CreditCommand::Accept { relay: relay as u64, secret: invite(args)?.secret })
        }
        "sponsor" => Ok(CreditCommand::Sponsor {
            creditor: args.parsed("creditor")?,
            what: what(args)?,
            day: args.size("day")?,
            total: args.size("total")?,
            until: args.moment("untilMs")?,
        }),
        _ => Err(invalid(&format!("there is no method {method}"))),
    }
}

fn invite(args: &Args<'_>) -> Result<Invite, Failure> {
    let hint = "Ask for the invite again and paste all of it.";
    Invite::find(&args.text("invite")?).map_err(|error| Failure::new("invite.invalid", error, hint, Retry::Never))
}

/// Whose invite it is; nothing of it is used.
fn read_invite(args: &Args<'_>) -> Result<JsValue, Failure> {
    let Invite { relay, .. } = invite(args)?;
    Ok(object(&[("relay", relay.to_string().into()), ("user", relay.user.to_string().into())]))
}

fn what(args: &Args<'_>) -> Result<What, Failure> {
    let mimei = args.parsed::<MimeiId>("id")?;
    let Some(link) = args.optional_text("link") else { return Ok(What::Mimei(mimei)) };
    let link = link.parse::<SignKey>().map_err(argument)?;
    Ok(What::Link(UseOfLink { link, mimei }))
}

fn to_js(outcome: CreditOutcome, this: SignKey) -> JsValue {
    match outcome {
        CreditOutcome::Accounts(accounts) => list(&accounts, |view| account(view, this)),
        CreditOutcome::Account(view) => account(&view, this),
        CreditOutcome::Records(records) => list(records, |(kind, bytes)| {
            object(&[("kind", kind.into()), ("bytes", Uint8Array::from(bytes.as_slice()).into())])
        }),
        // A tab gives credit to nobody, so it has no use for the others.
        CreditOutcome::Done | CreditOutcome::Invited(_) | CreditOutcome::Blocked(_) => JsValue::UNDEFINED,
    }
}

fn account(view: &AccountView, this: SignKey) -> JsValue {
    let numbers = &view.numbers;
    object(&[
        ("creditor", view.creditor.to_string().into()),
        ("debtor", view.debtor.to_string().into()),
        ("owes", view.owes.into()),
        ("line", view.line.as_ref().map_or(JsValue::NULL, |line| line_to_js(&line.body))),
        ("receipt", view.receipt.as_ref().map_or(JsValue::NULL, |receipt| receipt_to_js(&receipt.body))),
        ("limit", amount(numbers.limit)),
        ("signed", amount(numbers.signed)),
        ("settled", amount(numbers.settled)),
        ("unsigned", amount(numbers.unsigned)),
        ("owed", amount(numbers.owed)),
        ("reserved", amount(numbers.reserved)),
        ("exposure", amount(numbers.exposure)),
        ("available", amount(numbers.available())),
        ("near", numbers.is_near().into()),
        ("stored", amount(view.stored)),
        ("stop", view.stop.as_deref().map_or(JsValue::NULL, JsValue::from_str)),
        ("lanes", list(&view.lanes, |(device, lane)| lane_to_js(device, lane, this))),
        ("sponsored", list(&view.sponsored, sponsored)),
    ])
}

fn line_to_js(line: &Line) -> JsValue {
    object(&[
        ("limit", amount(line.limit)),
        ("space", amount(line.space)),
        ("untilMs", moment(line.until)),
        ("renewsDays", line.renews.map_or(JsValue::NULL, |renews| amount(renews.days))),
        ("renewsAmount", line.renews.map_or(JsValue::NULL, |renews| amount(renews.amount))),
        ("serial", amount(line.serial)),
    ])
}

fn receipt_to_js(receipt: &Receipt) -> JsValue {
    object(&[
        ("total", amount(receipt.total)),
        ("amount", amount(receipt.amount)),
        ("reason", receipt.reason.as_str().into()),
        ("timeMs", amount(receipt.time.0)),
    ])
}

fn lane_to_js(device: &SignKey, lane: &Lane, this: SignKey) -> JsValue {
    object(&[
        ("device", device.to_string().into()),
        ("total", amount(lane.total())),
        ("folded", amount(lane.folded())),
        ("served", amount(lane.served)),
        ("isThis", (*device == this).into()),
    ])
}

fn sponsored(view: &SponsoredView) -> JsValue {
    let mandate = &view.mandate.body;
    let (mimei, link) = match mandate.what {
        What::Link(UseOfLink { link, mimei }) => (mimei, link.to_string().into()),
        What::Mimei(mimei) => (mimei, JsValue::NULL),
    };
    object(&[
        ("id", mimei.to_string().into()),
        ("link", link),
        ("day", amount(mandate.day)),
        ("total", amount(mandate.total)),
        ("used", amount(view.used)),
        ("today", amount(view.today)),
        ("untilMs", moment(mandate.until)),
    ])
}

fn moment(at: Option<Millis>) -> JsValue {
    at.map_or(JsValue::NULL, |at| amount(at.0))
}
