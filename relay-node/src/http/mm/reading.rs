//! Pieces of one file, one after the other, as fast as they are read and no faster.

use std::io;
use std::ops::Range;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream::poll_fn;
use mimei_core::cid::MimeiId;
use mimei_core::mimei::{Contents, PIECE_BYTES};
use mimei_core::peer::{Command, CommandError, CreditCommand, ItemCommand, ItemOutcome, Outcome};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::driver::Driver;

/// Somebody who takes no piece in that time has gone: 4 KiB a second is less than any phone gets.
const PIECE_TAKEN_WITHIN: Duration = Duration::from_secs(60);
/// Pieces that wait for the reader, beside the one being read.
const PIECES_AHEAD: usize = 1;

/// A file that is being read.
pub(super) struct Reading {
    driver: Driver,
    mimei: MimeiId,
    contents: Contents,
    /// The first piece, once it was looked at.
    first: Option<Bytes>,
    /// Bytes that are paid for and not read yet.
    paid: u64,
}

impl Reading {
    pub(super) fn new(driver: Driver, mimei: MimeiId, contents: Contents) -> Self {
        Self { driver, mimei, contents, first: None, paid: 0 }
    }

    /// The first piece.
    pub(super) async fn start(&mut self) -> Result<&[u8], CommandError> {
        if self.first.is_none() {
            self.first = Some(self.piece(0).await?);
        }
        Ok(self.first.as_deref().unwrap_or_default())
    }

    /// Has somebody pay for the first of so many bytes, before anything is answered.
    pub(super) async fn admit(&mut self, bytes: u64) -> Result<(), CommandError> {
        let first = bytes.min(u64::from(PIECE_BYTES));
        self.pay(first).await?;
        self.paid = first;
        Ok(())
    }

    async fn pay(&self, bytes: u64) -> Result<(), CommandError> {
        let visit = CreditCommand::Visit { mimei: self.mimei, bytes };
        self.driver.command(Command::Credit(visit)).await.map(|_| ())
    }

    async fn piece(&self, offset: u64) -> Result<Bytes, CommandError> {
        if let Some(first) = self.first.as_ref().filter(|_| offset == 0) {
            return Ok(first.clone());
        }
        let read = ItemCommand::Read { mimei: self.mimei, contents: self.contents.clone(), offset };
        match self.driver.command(Command::Item(read)).await? {
            Outcome::Item(ItemOutcome::Bytes(bytes)) => Ok(bytes.into()),
            _ => Err(CommandError::WrongAnswer),
        }
    }

    /// These bytes of it. The permit is given back when the last is taken, or nobody takes them.
    pub(super) fn body(mut self, span: Range<u64>, permit: OwnedSemaphorePermit) -> Body {
        let (pieces, mut taken) = mpsc::channel(PIECES_AHEAD);
        tokio::spawn(async move {
            self.send(span, &pieces).await;
            drop(permit);
        });
        Body::from_stream(poll_fn(move |context| taken.poll_recv(context)))
    }

    async fn send(&mut self, span: Range<u64>, pieces: &mpsc::Sender<io::Result<Bytes>>) {
        let mut at = span.start;
        while at < span.end {
            let part = self.piece_from(at, span.end).await;
            let is_last = part.is_err();
            at += part.as_ref().map_or(0, |part| part.len() as u64);
            // A body that ends early closes the connection: nobody takes a part for the whole.
            if pieces.send_timeout(part, PIECE_TAKEN_WITHIN).await.is_err() || is_last {
                return;
            }
        }
    }

    /// What the piece around `at` has from there to `end`; never nothing.
    async fn piece_from(&mut self, at: u64, end: u64) -> io::Result<Bytes> {
        let inside = at % u64::from(PIECE_BYTES);
        let piece = self.piece(at - inside).await.map_err(io::Error::other)?;
        let until = (inside + (end - at)).min(piece.len() as u64);
        if until <= inside {
            return Err(io::Error::other("a piece is shorter than the file says"));
        }
        let bytes = until - inside;
        let unpaid = bytes.saturating_sub(self.paid);
        self.paid -= bytes.min(self.paid);
        if unpaid > 0 {
            self.pay(unpaid).await.map_err(io::Error::other)?;
        }
        Ok(piece.slice(inside as usize..until as usize))
    }
}
