//! `GET /mm/<id>[@last|@release|@<number>|@<version id>][/<name>]`: MiMeis that everyone may read.
//!
//! ```text
//! request ── may everyone read it? ── which version? ── which file? ── type by our table ── pieces
//! ```
//!
//! Attack stopped: bytes of strangers that act as this origin. Only inert types are shown
//! ([`inert`]), in a sandbox; the rest is to be saved. What not everyone may read is told apart
//! from what is not here by nothing.

mod conditions;
mod headers;
#[cfg(test)]
mod hostile;
mod inert;
mod listings;
mod reading;

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use mimei_core::cid::{MimeiId, VersionId};
use mimei_core::link::{At, Link};
use mimei_core::mimei::{Contents, Kind, Right};
use mimei_core::peer::{Command, CommandError, FileEntry, ItemCommand, ItemOutcome, ItemView, Outcome};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::driver::Driver;
use conditions::Wanted;
pub(super) use conditions::has_it;
use inert::Inert;
use listings::{Listing, Listings};
use reading::Reading;

/// Requests in work at a time: with three pieces each, 100 MiB.
const REQUESTS_MAX: usize = 128;
/// When to come back if there are more.
const RETRY_AFTER_S: &str = "5";
/// Files of a folder that a listing names; how many more there are is said.
const LISTED_MAX: usize = 10_000;
/// A version's id names exact content.
const CACHE_FOR_EVER: &str = "public, max-age=31536000, immutable";
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The routes below `/mm/`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(driver: Driver) -> Router<S> {
    let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
    let gateway = Arc::new(Gateway { driver, requests, listings: Listings::default() });
    let nameless = || -> MethodRouter<Arc<Gateway>> { get(whole).options(headers::preflight) };
    Router::new()
        .route("/mm/{address}", nameless())
        .route("/mm/{address}/", nameless())
        .route("/mm/{address}/{name}", get(named).options(headers::preflight))
        .layer(axum::middleware::map_response(headers::always))
        .with_state(gateway)
}

async fn whole(
    State(gateway): State<Arc<Gateway>>,
    Path(address): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    gateway.answer(&address, None, &method, &headers).await.into_response()
}

async fn named(
    State(gateway): State<Arc<Gateway>>,
    Path((address, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    gateway.answer(&address, Some(&name), &method, &headers).await.into_response()
}

struct Gateway {
    driver: Driver,
    requests: Arc<Semaphore>,
    listings: Listings,
}

/// Why there is nothing to show.
enum Refused {
    /// It is not here, or not for everyone: nobody learns which.
    NothingHere,
    /// There are too many requests.
    Busy,
    /// Nobody pays for it.
    Unpaid(String),
    /// The relay could not read it.
    Failed,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NothingHere => {
                (StatusCode::NOT_FOUND, "there is nothing here that everyone may read").into_response()
            }
            Self::Busy => {
                let retry = [(header::RETRY_AFTER, RETRY_AFTER_S)];
                (StatusCode::SERVICE_UNAVAILABLE, retry, "too many are reading now; try again soon").into_response()
            }
            Self::Unpaid(why) => (StatusCode::PAYMENT_REQUIRED, why).into_response(),
            Self::Failed => {
                (StatusCode::INTERNAL_SERVER_ERROR, "the relay could not read it; its log says why").into_response()
            }
        }
    }
}

impl From<CommandError> for Refused {
    fn from(error: CommandError) -> Self {
        match &error {
            CommandError::Item {
                code: "mimei.notFound" | "mimei.noVersion" | "mimei.empty" | "access.blocked",
                ..
            } => Self::NothingHere,
            CommandError::Item { code: "credit.none" | "credit.paused", message } => Self::Unpaid(message.clone()),
            _ => {
                tracing::warn!(%error, "a public file could not be read");
                Self::Failed
            }
        }
    }
}

impl Gateway {
    async fn answer(
        &self,
        address: &str,
        name: Option<&str>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Refused> {
        let permit = self.requests.clone().try_acquire_owned().map_err(|_| Refused::Busy)?;
        let (mimei, at) = parse(address).ok_or(Refused::NothingHere)?;
        let view = self.public_view(mimei).await?;
        let version = self.version(&view, at).await?;
        let files = self.files(mimei, version).await?;
        let cache = if matches!(at, At::Version(_)) { CACHE_FOR_EVER } else { "no-cache" };
        let asked = Asked { mimei, is_head: *method == Method::HEAD, headers, cache };
        if let (Kind::Folder, None) = (view.kind, name) {
            return Ok(asked.listing(&version, &files));
        }
        let file = files.iter().find(|file| file.name.as_ref().map(|name| name.as_str()) == name);
        let file = file.filter(|_| view.kind != Kind::Database).ok_or(Refused::NothingHere)?;
        let saved_as = name.map_or_else(|| file_name(&view), str::to_owned);
        asked.file(self.driver.clone(), file.contents.clone(), &saved_as, permit).await
    }

    async fn item(&self, command: ItemCommand) -> Result<ItemOutcome, Refused> {
        match self.driver.command(Command::Item(command)).await? {
            Outcome::Item(outcome) => Ok(outcome),
            _ => Err(Refused::Failed),
        }
    }

    async fn public_view(&self, mimei: MimeiId) -> Result<ItemView, Refused> {
        match self.item(ItemCommand::View(mimei)).await? {
            ItemOutcome::Item { view, .. } if view.everyone.has(Right::Read) => Ok(*view),
            _ => Err(Refused::NothingHere),
        }
    }

    /// Without a name it is what visitors see, whoever this relay belongs to.
    async fn version(&self, view: &ItemView, at: At) -> Result<VersionId, Refused> {
        if at == At::Current {
            let tip = view.tips.first().ok_or(Refused::NothingHere)?;
            return Ok(tip.release.unwrap_or(tip.last));
        }
        match self.item(ItemCommand::Resolve { mimei: view.mimei, at }).await? {
            ItemOutcome::Version { version, .. } => Ok(version),
            _ => Err(Refused::Failed),
        }
    }

    async fn files(&self, mimei: MimeiId, version: VersionId) -> Result<Listing, Refused> {
        if let Some(files) = self.listings.get(&version) {
            return Ok(files);
        }
        match self.item(ItemCommand::List { mimei, version }).await? {
            ItemOutcome::Files(files) => Ok(self.listings.keep(version, files)),
            _ => Err(Refused::Failed),
        }
    }
}

/// What stands between `/mm/` and the next slash.
fn parse(address: &str) -> Option<(MimeiId, At)> {
    let link: Link = format!("mimei:{address}").parse().ok()?;
    let is_bare = link.head.is_none() && link.relays.is_empty() && link.secret.is_none();
    is_bare.then_some((link.mimei, link.at))
}

/// What a file without a folder is called: the end of its id, which differs from others', and its type.
fn file_name(view: &ItemView) -> String {
    let id = view.mimei.to_string();
    let (id, ext) = (&id[id.len().saturating_sub(12)..], view.ext.as_str());
    if ext.is_empty() { id.to_owned() } else { format!("{id}.{ext}") }
}

/// One request for something that is there.
struct Asked<'a> {
    mimei: MimeiId,
    is_head: bool,
    headers: &'a HeaderMap,
    cache: &'static str,
}

impl Asked<'_> {
    async fn file(
        &self,
        driver: Driver,
        contents: Contents,
        name: &str,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response, Refused> {
        let (length, etag) = (contents.length, format!("\"{}\"", contents.blob));
        if conditions::has_it(self.headers, &etag) {
            return Ok(self.answer(StatusCode::NOT_MODIFIED, &etag, Body::empty()));
        }
        let mut reading = Reading::new(driver, self.mimei, contents);
        let media = shown_as(&mut reading, name).await?;
        let wanted = if self.is_head { Wanted::Whole } else { conditions::wanted(self.headers, &etag, length) };
        let (status, span, range) = match wanted {
            Wanted::Whole => (StatusCode::OK, 0..length, None),
            Wanted::Part(part) => {
                let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
                (StatusCode::PARTIAL_CONTENT, part, Some(range))
            }
            Wanted::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0, Some(format!("bytes */{length}"))),
        };
        let bytes = span.end - span.start;
        if !self.is_head && bytes > 0 {
            reading.admit(bytes).await?;
        }
        let body = if self.is_head || bytes == 0 { Body::empty() } else { reading.body(span, permit) };
        let about = [
            (header::CONTENT_TYPE, media.unwrap_or(UNKNOWN_TYPE).to_owned()),
            (header::CONTENT_DISPOSITION, headers::disposition(media.is_some(), name)),
            (header::CONTENT_LENGTH, bytes.to_string()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
        ];
        let range = range.map(|range| [(header::CONTENT_RANGE, range)]);
        Ok((about, range, self.answer(status, &etag, body)).into_response())
    }

    fn listing(&self, version: &VersionId, files: &[FileEntry]) -> Response {
        let etag = format!("\"{version}\"");
        if conditions::has_it(self.headers, &etag) {
            return self.answer(StatusCode::NOT_MODIFIED, &etag, Body::empty());
        }
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (plain, self.answer(StatusCode::OK, &etag, Body::from(lines(files)))).into_response()
    }

    fn answer(&self, status: StatusCode, etag: &str, body: Body) -> Response {
        let cached = [(header::ETAG, etag), (header::CACHE_CONTROL, self.cache)];
        (status, cached, body).into_response()
    }
}

/// The type under which a browser may show the file; none if it is to be saved.
async fn shown_as(reading: &mut Reading, name: &str) -> Result<Option<&'static str>, Refused> {
    let Some(inert) = Inert::of_name(name) else { return Ok(None) };
    let start = if inert.needs_start() { reading.start().await? } else { &[] };
    Ok(inert.confirmed_by(start))
}

/// A folder as text: length, tab, name, with what would break the line escaped.
fn lines(files: &[FileEntry]) -> String {
    let mut text = String::new();
    for FileEntry { name, contents } in files.iter().take(LISTED_MAX) {
        let name = name.as_ref().map_or("", |name| name.as_str());
        let name: String =
            name.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect();
        let _ = writeln!(text, "{}\t{name}", contents.length);
    }
    if files.len() > LISTED_MAX {
        let _ = writeln!(text, "and {} more", files.len() - LISTED_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimei_core::cid::{Cid, Codec};
    use mimei_core::mimei::{FileName, MediaType};

    fn entry(name: &str) -> FileEntry {
        let contents = Contents { blob: Cid::of(Codec::Raw, b"x"), length: 7, media: MediaType::default() };
        FileEntry { name: FileName::new(name).ok(), contents }
    }

    #[test]
    fn only_an_id_and_a_version_are_an_address() {
        let id = MimeiId::of(b"somewhere");
        assert_eq!(parse(&id.to_string()), Some((id, At::Current)));
        assert_eq!(parse(&format!("{id}@release")), Some((id, At::Release)));
        assert_eq!(parse(&format!("{id}@3")), Some((id, At::Number(3))));
        for bad in ["", "x", "..", &format!("{id}@0"), &format!("{id}?h={id}"), &format!("{id}#aaaa")] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_cannot_break_the_line_of_a_listing() {
        assert_eq!(lines(&[entry("a\n9\tb"), entry("ä b")]), "7\ta\\n9\\tb\n7\tä b\n");
    }

    #[test]
    fn a_long_listing_says_how_much_it_leaves_out() {
        let text = lines(&vec![entry("a"); LISTED_MAX + 3]);
        assert_eq!(text.lines().count(), LISTED_MAX + 1);
        assert!(text.ends_with("and 3 more\n"));
    }
}
