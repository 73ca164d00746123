//! The demo site and the SDK for pages without a build step, embedded in the binary.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::encoding::Encoding;
use super::mm::has_it;

#[derive(RustEmbed)]
#[folder = "../demo-site/dist/"]
#[allow_missing = true]
struct Site;

/// What a folder shows.
const PAGE: &str = "index.html";

/// Files below `assets/` have their hash in their name and never change.
const CACHE_FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The SDK's service worker, without which a page shows no file while it loads.
pub(super) const SERVICE_WORKER: &str = "/sdk/mimei-sw.js";

/// What a page loads is asked of the worker whose scope has the page, so that must be the whole site.
const SCOPE: (HeaderName, &str) = (HeaderName::from_static("service-worker-allowed"), "/");

/// Pages of any origin may import the SDK: it is code of ours, public and the same for everybody. What it loads, its
/// worker and the WebAssembly, lies among the hashed files.
const FOR_ALL_ORIGINS: (HeaderName, &str) = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");

/// What is below `/~stream/` is answered in the browser.
pub(super) async fn no_stream() -> Response {
    let why = "a stream is answered by the service worker of the page that opened it; there is none in the way of this request";
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], why).into_response()
}

pub(super) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = page_of(uri.path());
    let Some(plain) = Site::get(&path) else { return missing(&path) };
    let kind = [(header::CONTENT_TYPE, plain.metadata.mimetype().to_owned())];
    let (encoding, file) = match compressed(&path, &headers) {
        Some((encoding, file)) => (Some([(header::CONTENT_ENCODING, encoding.name())]), file),
        None => (None, plain),
    };
    let is_hashed = path.starts_with("assets/");
    let etag = etag(&file);
    let about = [
        (header::CACHE_CONTROL, if is_hashed { CACHE_FOR_EVER } else { "no-cache" }),
        (header::ETAG, etag.as_str()),
        (header::VARY, header::ACCEPT_ENCODING.as_str()),
    ];
    let shared = (is_hashed || path.starts_with("sdk/")).then_some([FOR_ALL_ORIGINS]);
    if has_it(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, about, shared, ()).into_response();
    }
    let scope = (uri.path() == SERVICE_WORKER).then_some([SCOPE]);
    (about, shared, kind, encoding, scope, file.data.into_owned()).into_response()
}

/// The file's smallest form that whoever asks can read, if there is one beside it.
fn compressed(path: &str, headers: &HeaderMap) -> Option<(Encoding, EmbeddedFile)> {
    Encoding::accepted(headers)
        .find_map(|encoding| Some((encoding, Site::get(&format!("{path}{}", encoding.suffix()))?)))
}

/// Half of the hash of its bytes.
fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex = hash.iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("\"{hex}\"")
}

/// The file of the site that a path names; a folder is the page in it.
fn page_of(path: &str) -> Cow<'_, str> {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') { format!("{path}{PAGE}").into() } else { path.into() }
}

fn missing(path: &str) -> Response {
    // A page loads what stands beside it, and so needs the slash.
    if Site::get(&format!("{path}/{PAGE}")).is_some() {
        return ([(header::CACHE_CONTROL, "no-cache")], Redirect::permanent(&format!("/{path}/"))).into_response();
    }
    if path == PAGE {
        let page =
            "<!doctype html><title>MiMei relay</title><p>This relay runs; its binary was built without the demo site.";
        return Html(page).into_response();
    }
    (StatusCode::NOT_FOUND, "there is nothing here").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_ends_in_a_slash_names_the_page_in_that_folder() {
        for (path, file) in [
            ("/", "index.html"),
            ("/table/", "table/index.html"),
            ("/table", "table"),
            ("/sdk/mimei-sw.js", "sdk/mimei-sw.js"),
        ] {
            assert_eq!(page_of(path), file);
        }
    }
}
