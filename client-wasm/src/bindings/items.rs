//! Methods about MiMeis: arguments from JavaScript, outcomes to it. Ids are text on that side.

use std::str::FromStr;

use js_sys::{Array, Uint8Array};
use mimei_core::cid::{Cid, MimeiId, VersionId};
use mimei_core::link::{At, Link};
use mimei_core::mimei::{App, Contents, Ext, FileName, Kind, MediaType, Rights};
use mimei_core::peer::{
    Command, Edit, FileEntry, ForkView, ItemCommand, ItemName, ItemOutcome, ItemView, NewFile, NewItem, Outcome,
    ShareTo, ShareView, SharedWith, TipView, UploadPart, UploadView, VersionView,
};
use wasm_bindgen::{JsCast, JsValue};

use super::args::{Args, argument, list, optional};
use super::{field, invalid, object};
use crate::driver::Driver;
use crate::failure::{Failure, Retry};
use crate::keys::fresh_seed;

pub(super) async fn call(driver: &Driver, method: &str, args: &JsValue) -> Result<JsValue, Failure> {
    let command = command(method, &Args(args))?;
    match driver.command(Command::Item(command)).await? {
        Outcome::Item(ItemOutcome::Bytes(bytes)) => Ok(written(&bytes, field(args, "into"))),
        Outcome::Item(outcome) => Ok(to_js(outcome)),
        _ => Ok(JsValue::UNDEFINED),
    }
}

fn command(method: &str, args: &Args<'_>) -> Result<ItemCommand, Failure> {
    let mimei = || args.parsed::<MimeiId>("id");
    Ok(match method {
        "create" => ItemCommand::Create(new_item(args)?),
        "open" => ItemCommand::Open { link: link(&args.text("link")?)?, relay: args.number("conn").map(|n| n as u64) },
        "view" => ItemCommand::View(mimei()?),
        "known" => ItemCommand::Known,
        "piece" => ItemCommand::PutPiece { mimei: mimei()?, bytes: args.bytes("bytes")? },
        "tellUpload" => ItemCommand::TellUpload { mimei: mimei()?, part: upload_part(args)? },
        "endUpload" => {
            let is_saved = field(args.0, "saved").is_some_and(|value| value.is_truthy());
            ItemCommand::EndUpload { mimei: mimei()?, upload: args.parsed("upload")?, is_saved }
        }
        "listUpload" => ItemCommand::ListUpload { mimei: mimei()?, upload: args.parsed("upload")? },
        "save" => ItemCommand::Save { mimei: mimei()?, edits: args.each("edits", edit)?, memo: args.text("memo")? },
        "list" => ItemCommand::List { mimei: mimei()?, version: args.parsed("version")? },
        "read" => {
            let contents = Contents { blob: args.parsed("blob")?, length: args.size("length")?, media: media(args)? };
            ItemCommand::Read { mimei: mimei()?, contents, offset: args.size("offset")? }
        }
        "share" => {
            let to = if args.text("to")? == "everyone" { ShareTo::Everyone } else { ShareTo::Link };
            let rights = if args.text("can")? == "write" { Rights::WRITER } else { Rights::READER };
            ItemCommand::Share { mimei: mimei()?, to, rights, until: args.moment("untilMs")?, seed: fresh_seed() }
        }
        "unshare" => ItemCommand::Unshare { mimei: mimei()?, with: shared_with(args)?, seed: fresh_seed() },
        "release" => ItemCommand::Release { mimei: mimei()?, version: args.parsed("version")? },
        "choose" => ItemCommand::Choose { mimei: mimei()?, version: args.parsed("version")? },
        "merge" => ItemCommand::Merge { mimei: mimei()? },
        "settle" => ItemCommand::Settle { mimei: mimei()? },
        "resolve" => ItemCommand::Resolve { mimei: mimei()?, at: at(&args.text("at")?)? },
        _ => return Err(invalid(&format!("there is no method {method}"))),
    })
}

fn link(text: &str) -> Result<Link, Failure> {
    let hint = "Ask for the link again and paste all of it.";
    Link::find(text).map_err(|error| Failure::new("link.invalid", error, hint, Retry::Never))
}

fn at(text: &str) -> Result<At, Failure> {
    match text {
        "last" => Ok(At::Last),
        "release" => Ok(At::Release),
        _ => match (text.parse(), VersionId::from_str(text)) {
            (Ok(number), _) => Ok(At::Number(number)),
            (_, Ok(version)) => Ok(At::Version(version)),
            _ => Err(argument("a version is named by its number, its id, last or release")),
        },
    }
}

fn new_item(args: &Args<'_>) -> Result<NewItem, Failure> {
    let kind = match args.text("kind")?.as_str() {
        "file" => Kind::File,
        "folder" => Kind::Folder,
        _ => return Err(argument("kind must be file or folder")),
    };
    let name = match args.optional_text("name") {
        Some(name) => ItemName::Given(name),
        None => ItemName::Auto(args.seed("seed")?.unwrap_or_else(fresh_seed)),
    };
    Ok(NewItem {
        app: App::new(&args.text("app")?).map_err(argument)?,
        kind,
        ext: Ext::new(&args.optional_text("ext").unwrap_or_default()).map_err(argument)?,
        name,
        is_public: field(args.0, "public").is_some_and(|value| value.is_truthy()),
    })
}

fn file_name(args: &Args<'_>) -> Result<Option<FileName>, Failure> {
    args.optional_text("name").map(|name| FileName::new(&name)).transpose().map_err(argument)
}

fn upload_part(args: &Args<'_>) -> Result<UploadPart, Failure> {
    Ok(UploadPart {
        upload: args.parsed("upload")?,
        name: file_name(args)?,
        media: media(args)?,
        total: args.size("total")?,
        at: args.size("at")? as usize,
        pieces: pieces(args)?,
    })
}

fn edit(args: &Args<'_>) -> Result<Edit, Failure> {
    let name = file_name(args)?;
    let file = field(args.0, "file").map(|file| new_file(&Args(&file))).transpose()?;
    Ok(Edit { name, file })
}

fn pieces(args: &Args<'_>) -> Result<Vec<Cid>, Failure> {
    let pieces = field(args.0, "pieces").and_then(|value| value.dyn_into::<Array>().ok());
    let pieces = pieces.ok_or_else(|| invalid("pieces must be a list"))?;
    let cid = |value: JsValue| value.as_string().and_then(|text| Cid::from_str(&text).ok());
    let pieces: Option<Vec<Cid>> = pieces.iter().map(cid).collect();
    pieces.ok_or_else(|| argument("a piece is named by the id that storing it gave"))
}

fn new_file(args: &Args<'_>) -> Result<NewFile, Failure> {
    Ok(NewFile { pieces: pieces(args)?, length: args.size("length")?, media: media(args)? })
}

fn media(args: &Args<'_>) -> Result<MediaType, Failure> {
    MediaType::new(&args.text("type")?).ok_or_else(|| argument("type is not a media type"))
}

fn to_js(outcome: ItemOutcome) -> JsValue {
    match outcome {
        ItemOutcome::Done => JsValue::UNDEFINED,
        ItemOutcome::Item { view, at, warning } => opened(&view, at, warning),
        ItemOutcome::Mimeis(ids) => list(ids, |id| id.to_string().into()),
        ItemOutcome::Piece(cid) => cid.to_string().into(),
        ItemOutcome::Saved { version, number, kept_twice } => object(&[
            ("version", version.to_string().into()),
            ("number", (number as f64).into()),
            ("keptTwice", list(kept_twice, |name| name.as_str().into())),
        ]),
        ItemOutcome::Files(files) => list(files, file),
        ItemOutcome::Bytes(bytes) => written(&bytes, None),
        ItemOutcome::Link(link) => object(&[
            ("link", link.to_string().into()),
            ("id", optional(link.secret.as_ref().map(|secret| secret.keys().sign))),
        ]),
        ItemOutcome::Version { version, number } => {
            object(&[("version", version.to_string().into()), ("number", (number as f64).into())])
        }
    }
}

/// The bytes, in the array that whoever asked has given if they fit.
fn written(bytes: &[u8], into: Option<JsValue>) -> JsValue {
    let into = into.and_then(|into| into.dyn_into::<Uint8Array>().ok());
    match into.filter(|into| into.length() as usize >= bytes.len()) {
        Some(into) => {
            let part = into.subarray(0, bytes.len() as u32);
            part.copy_from(bytes);
            part.into()
        }
        None => Uint8Array::from(bytes).into(),
    }
}

fn opened(view: &ItemView, at: Option<VersionId>, warning: Option<String>) -> JsValue {
    let rights = |rights: Rights| list(rights.iter(), |right| right.as_str().into());
    object(&[
        ("id", view.mimei.to_string().into()),
        ("kind", view.kind.as_str().into()),
        ("ext", view.ext.as_str().into()),
        ("app", view.app.as_str().into()),
        ("author", view.author.to_string().into()),
        ("rights", rights(view.rights)),
        ("everyone", rights(view.everyone)),
        ("shares", list(&view.shares, share)),
        ("forks", list(&view.forks, fork)),
        ("tips", list(&view.tips, tip)),
        ("tipsTotal", (view.tips_total as f64).into()),
        ("versions", list(&view.versions, version)),
        ("uploads", list(&view.uploads, upload)),
        ("unsentBlocks", (view.unsent_blocks as f64).into()),
        ("waiting", view.is_waiting.into()),
        ("seenMs", view.seen.map_or(JsValue::UNDEFINED, |at| (at.0 as f64).into())),
        ("at", optional(at)),
        ("warning", optional(warning)),
    ])
}

fn upload(upload: &UploadView) -> JsValue {
    object(&[
        ("id", upload.upload.to_string().into()),
        ("by", upload.by.to_string().into()),
        ("device", upload.device.to_string().into()),
        ("done", (upload.done as f64).into()),
        ("total", (upload.total as f64).into()),
    ])
}

fn share(share: &ShareView) -> JsValue {
    let (kind, id) = match share.with {
        SharedWith::Everyone => ("everyone", None),
        SharedWith::Link(key) => ("link", Some(key.to_string())),
        SharedWith::User(user) => ("user", Some(user.to_string())),
    };
    object(&[
        ("with", kind.into()),
        ("id", optional(id)),
        ("rights", list(share.rights.iter(), |right| right.as_str().into())),
        ("untilMs", share.until.map_or(JsValue::UNDEFINED, |until| (until.0 as f64).into())),
    ])
}

/// Whom an entry of `shares` names.
fn shared_with(args: &Args<'_>) -> Result<SharedWith, Failure> {
    match args.text("with")?.as_str() {
        "everyone" => Ok(SharedWith::Everyone),
        "link" => Ok(SharedWith::Link(args.parsed("withId")?)),
        "user" => Ok(SharedWith::User(args.parsed("withId")?)),
        _ => Err(argument("it is shared with everyone, with a link or with a user")),
    }
}

fn fork(fork: &ForkView) -> JsValue {
    object(&[("device", fork.device.to_string().into()), ("heads", list(&fork.heads, |head| head.to_string().into()))])
}

fn tip(tip: &TipView) -> JsValue {
    object(&[
        ("head", tip.head.to_string().into()),
        ("last", tip.last.to_string().into()),
        ("release", optional(tip.release)),
    ])
}

fn version(version: &VersionView) -> JsValue {
    object(&[
        ("version", version.version.to_string().into()),
        ("number", (version.number as f64).into()),
        ("timeMs", (version.time.0 as f64).into()),
        ("by", version.by.to_string().into()),
        ("parents", list(&version.parents, |parent| parent.to_string().into())),
    ])
}

fn file(entry: FileEntry) -> JsValue {
    object(&[
        ("name", entry.name.map_or(JsValue::UNDEFINED, |name| name.as_str().into())),
        ("blob", entry.contents.blob.to_string().into()),
        ("length", (entry.contents.length as f64).into()),
        ("type", entry.contents.media.as_str().into()),
    ])
}
