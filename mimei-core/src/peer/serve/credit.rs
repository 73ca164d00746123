//! Asks about accounts, and who pays for a block.

use alloc::boxed::Box;

use crate::peer::Shared;
use crate::peer::connection::Connection;
use crate::peer::credit;
use crate::wire::{AcceptAsk, Answer, CreditAsk, MandateAsk, Nothing, PayAsk, Refusal};

pub(super) async fn credit(shared: &Shared, connection: &Connection, ask: CreditAsk) -> Result<Answer, Refusal> {
    Ok(Answer::Credit(Box::new(credit::credit(shared, connection, ask).await?)))
}

pub(super) async fn pay(shared: &Shared, connection: &Connection, ask: PayAsk) -> Result<Answer, Refusal> {
    credit::pay(shared, connection, ask).await?;
    Ok(Answer::Done(Nothing {}))
}

pub(super) async fn mandate(shared: &Shared, connection: &Connection, ask: MandateAsk) -> Result<Answer, Refusal> {
    credit::mandate(shared, connection, ask).await?;
    Ok(Answer::Done(Nothing {}))
}

pub(super) async fn accept(shared: &Shared, connection: &Connection, ask: AcceptAsk) -> Result<Answer, Refusal> {
    Ok(Answer::Credit(Box::new(credit::accept(shared, connection, ask).await?)))
}
