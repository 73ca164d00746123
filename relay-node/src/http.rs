//! The relay over HTTP: signalling, WebSocket, who it is, blocks by ticket, what everyone may read, and the
//! demo site.

mod blocks;
mod encoding;
mod mm;
mod security;
mod site;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use mimei_core::limits::PACKET_BYTES_MAX;
use mimei_core::wire::WIRE_VERSION;
use mimei_core::wire::noise::{Binding, Transport};
use serde_json::json;

use crate::driver::Driver;
use crate::rtc::{RtcAnswerError, RtcEndpoint};

/// An offer is a few KiB of text; the endpoint has the exact bound.
const OFFER_BYTES_MAX: usize = 64 << 10;
/// The WebSocket subprotocol: the name of the wire version.
const SUBPROTOCOL: &str = "mimei.v1";

/// What the routes need.
pub struct Doors {
    /// The peer behind them.
    pub driver: Driver,
    /// Data channels.
    pub rtc: RtcEndpoint,
    /// The relay's user id, as text.
    pub user: String,
    /// The pasteable address.
    pub address: String,
}

type Shared = State<Arc<Doors>>;

/// All routes.
pub fn router(doors: Arc<Doors>) -> Router {
    Router::new()
        .route("/rtc", post(offer).options(security::preflight))
        .route("/ws", get(websocket))
        .route("/.well-known/mimei", get(well_known))
        .route("/health", get(health))
        .route("/~stream/{*rest}", get(site::no_stream))
        .merge(blocks::routes(doors.driver.clone()))
        .merge(mm::routes(doors.driver.clone()))
        .fallback(get(site::serve))
        .layer(DefaultBodyLimit::max(OFFER_BYTES_MAX))
        .layer(axum::middleware::from_fn(security::one_service_worker))
        .layer(axum::middleware::map_response(security::headers))
        .with_state(doors)
}

async fn offer(
    State(doors): Shared,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Pages of other origins may read refusals too.
    let cross_origin = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/sdp") {
        let message = "send an offer as application/sdp";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, cross_origin, message).into_response();
    }
    let Ok(offer) = std::str::from_utf8(&body) else {
        return (StatusCode::BAD_REQUEST, cross_origin, "the offer is not UTF-8").into_response();
    };
    match doors.rtc.answer(offer, Some(from.ip())).await {
        Ok(answer) => (cross_origin, [(header::CONTENT_TYPE, "application/sdp")], answer).into_response(),
        Err(error) => (status_of(&error), cross_origin, error.to_string()).into_response(),
    }
}

fn status_of(error: &RtcAnswerError) -> StatusCode {
    match error {
        RtcAnswerError::Busy | RtcAnswerError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        RtcAnswerError::Offer(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn websocket(State(doors): Shared, upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols([SUBPROTOCOL]).max_message_size(PACKET_BYTES_MAX).max_frame_size(PACKET_BYTES_MAX).on_upgrade(
        move |socket: WebSocket| async move {
            // Another subprotocol is another wire version, which we do not speak.
            if socket.protocol().is_some_and(|protocol| protocol == SUBPROTOCOL) {
                let binding = Binding { transport: Transport::WebSocket, fingerprints: None };
                doors.driver.listen(socket.into(), binding).await;
            }
        },
    )
}

async fn well_known(State(doors): Shared) -> Response {
    let body = json!({
        "user": doors.user,
        "address": doors.address,
        "wire": [WIRE_VERSION],
        "version": env!("CARGO_PKG_VERSION"),
        "blocks": blocks::PATH,
    });
    ([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CACHE_CONTROL, "no-store")], axum::Json(body))
        .into_response()
}

async fn health(State(doors): Shared) -> Response {
    axum::Json(json!({ "status": "ok", "counts": doors.driver.counts() })).into_response()
}
