//! The demo site, embedded in the binary.

use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../demo-site/dist/"]
#[allow_missing = true]
struct Site;

/// Files below `assets/` have their hash in their name and never change.
const CACHE_FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(super) async fn serve(uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(file) = Site::get(path) else { return missing(path) };
    let cache = if path.starts_with("assets/") { CACHE_FOR_EVER } else { "no-cache" };
    let kind = file.metadata.mimetype().to_owned();
    ([(header::CONTENT_TYPE, kind.as_str()), (header::CACHE_CONTROL, cache)], file.data.into_owned()).into_response()
}

fn missing(path: &str) -> Response {
    if path == "index.html" {
        let page =
            "<!doctype html><title>MiMei relay</title><p>This relay runs; its binary was built without the demo site.";
        return Html(page).into_response();
    }
    (StatusCode::NOT_FOUND, "there is nothing here").into_response()
}
