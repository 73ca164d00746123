//! The demo site, embedded in the binary.

use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../demo-site/dist/"]
#[allow_missing = true]
struct Site;

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

pub(super) async fn serve(uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(file) = Site::get(path) else { return missing(path) };
    let cache = if path.starts_with("assets/") { CACHE_FOR_EVER } else { "no-cache" };
    let kind = file.metadata.mimetype().to_owned();
    let about = [(header::CONTENT_TYPE, kind.as_str()), (header::CACHE_CONTROL, cache)];
    let scope = (uri.path() == SERVICE_WORKER).then_some([SCOPE]);
    (about, scope, file.data.into_owned()).into_response()
}

fn missing(path: &str) -> Response {
    if path == "index.html" {
        let page =
            "<!doctype html><title>MiMei relay</title><p>This relay runs; its binary was built without the demo site.";
        return Html(page).into_response();
    }
    (StatusCode::NOT_FOUND, "there is nothing here").into_response()
}
