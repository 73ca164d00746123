//! `POST /blocks`: blocks for whoever shows a ticket of a session.
//!
//! Each block is judged and counted by the peer when it is the next to be sent, so what a slow reader has not taken
//! is neither read nor charged. The ticket stands in a header: URLs end up in logs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream::poll_fn;
use mimei_core::cid::Cid;
use mimei_core::peer::{Command, CommandError, Outcome};
use mimei_core::wire::{Refusal, RefusalCode, TicketSecret, length_before, read_wanted};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::driver::Driver;

/// Where it is, as `/.well-known/mimei` says.
pub(super) const PATH: &str = "/blocks";
/// Requests in work at a time: with two blocks each, 256 MiB at the very most, 64 MiB of pieces.
const REQUESTS_MAX: usize = 128;
/// Somebody who takes no block in that time has gone.
const BLOCK_TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// The route.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(driver: Driver) -> Router<S> {
    let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
    Router::new()
        .route(PATH, post(blocks).options(preflight))
        .layer(axum::middleware::map_response(headers))
        .with_state(Arc::new(Counter { driver, requests }))
}

struct Counter {
    driver: Driver,
    requests: Arc<Semaphore>,
}

/// Any origin: whoever has a ticket may use it, and no browser adds one by itself.
async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn preflight() -> Response {
    let allow = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allow).into_response()
}

async fn blocks(State(counter): State<Arc<Counter>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(permit) = counter.requests.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many are reading now; ask in the session").into_response();
    };
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(ticket) = shown.and_then(TicketSecret::from_header) else {
        return (StatusCode::UNAUTHORIZED, "show a ticket of a session").into_response();
    };
    let Some(cids) = read_wanted(&body) else {
        return (StatusCode::BAD_REQUEST, "ask for one to eight blocks, by addresses of 36 bytes").into_response();
    };
    let mut serving = Serving { driver: counter.driver.clone(), ticket, cids: cids.into_iter() };
    match serving.next().await {
        Some(Ok(first)) => serving.body(first, permit).into_response(),
        Some(Err(refusal)) => (status_of(&refusal), refusal.message).into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal.code {
        RefusalCode::Invalid | RefusalCode::Full => StatusCode::UNAUTHORIZED,
        RefusalCode::Unpaid | RefusalCode::Paused => StatusCode::PAYMENT_REQUIRED,
        RefusalCode::Denied => StatusCode::FORBIDDEN,
        RefusalCode::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Blocks that are being served, one after the other.
struct Serving {
    driver: Driver,
    ticket: TicketSecret,
    cids: std::vec::IntoIter<Cid>,
}

impl Serving {
    /// The next block behind its length.
    async fn next(&mut self) -> Option<Result<[Bytes; 2], Refusal>> {
        let cid = self.cids.next()?;
        let command = Command::Block { ticket: self.ticket.clone(), cid };
        Some(match self.driver.command(command).await {
            Ok(Outcome::Block(block)) => Ok([Bytes::copy_from_slice(&length_before(&block)), block.into()]),
            Err(CommandError::Refused(refusal)) => Err(refusal),
            _ => Err(Refusal::new(RefusalCode::Store, "the relay is stopping")),
        })
    }

    /// The first block and those behind it, until one is refused. The permit is given back when the last is taken.
    fn body(mut self, first: [Bytes; 2], permit: OwnedSemaphorePermit) -> Body {
        let (parts, mut taken) = mpsc::channel::<io::Result<Bytes>>(1);
        tokio::spawn(async move {
            let mut next = Some(Ok(first));
            while let Some(Ok(block)) = next {
                for part in block {
                    if parts.send_timeout(Ok(part), BLOCK_TAKEN_WITHIN).await.is_err() {
                        return;
                    }
                }
                next = self.next().await;
            }
            drop(permit);
        });
        Body::from_stream(poll_fn(move |context| taken.poll_recv(context)))
    }
}
