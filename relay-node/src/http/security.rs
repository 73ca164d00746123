//! Headers that every answer carries, and what none is given for.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::site;

/// Own scripts, styles and WebAssembly only; connections to any relay, since that is what a peer makes.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; \
     connect-src 'self' ws: wss: https: http://localhost:* http://127.0.0.1:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds the headers that are not set already.
pub(super) async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let defaults = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Refuses every service worker but ours, since one answers for all pages of this origin.
pub(super) async fn one_service_worker(request: Request, next: Next) -> Response {
    if is_service_worker(request.headers()) && request.uri().path() != site::SERVICE_WORKER {
        return (StatusCode::FORBIDDEN, "nothing here but the SDK's own script can become a service worker")
            .into_response();
    }
    next.run(request).await
}

/// Whether the answer would become a service worker.
fn is_service_worker(headers: &HeaderMap) -> bool {
    let says = |name, value: &str| headers.get(name).is_some_and(|said: &HeaderValue| said == value);
    says("service-worker", "script") || says("sec-fetch-dest", "serviceworker")
}

/// Lets pages of other origins post an offer: it carries nothing of theirs, and we keep no cookies.
pub(super) async fn preflight() -> Response {
    let allow = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allow).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    #[test]
    fn service_workers_are_recognised() {
        let of = |name: &'static str, value: &'static str| {
            is_service_worker(&HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]))
        };
        assert!(of("service-worker", "script") && of("sec-fetch-dest", "serviceworker"));
        assert!(!of("sec-fetch-dest", "image") && !is_service_worker(&HeaderMap::new()));
    }
}
