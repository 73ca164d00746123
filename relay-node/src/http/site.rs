//! The demo site, embedded in the binary.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use rust_embed::RustEmbed;

use super::encoding::Encoding;

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

/// What is below `/~stream/` is answered in the browser.
pub(super) async fn no_stream() -> Response {
    let why = "a stream is answered by the service worker of the page that opened it; there is none in the way of this request";
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], why).into_response()
}

pub(super) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = page_of(uri.path());
    let Some(file) = Site::get(&path) else { return missing(&path) };
    let cache = if path.starts_with("assets/") { CACHE_FOR_EVER } else { "no-cache" };
    let kind = file.metadata.mimetype().to_owned();
    let about = [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::CACHE_CONTROL, cache),
        (header::VARY, header::ACCEPT_ENCODING.as_str()),
    ];
    let scope = (uri.path() == SERVICE_WORKER).then_some([SCOPE]);
    let (encoding, data) = match compressed(&path, &headers) {
        Some((encoding, data)) => (Some([(header::CONTENT_ENCODING, encoding.name())]), data),
        None => (None, file.data),
    };
    (about, scope, encoding, data.into_owned()).into_response()
}

/// The file's smallest form that whoever asks can read, if there is one beside it.
fn compressed(path: &str, headers: &HeaderMap) -> Option<(Encoding, Cow<'static, [u8]>)> {
    Encoding::accepted(headers)
        .find_map(|encoding| Some((encoding, Site::get(&format!("{path}{}", encoding.suffix()))?.data)))
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
