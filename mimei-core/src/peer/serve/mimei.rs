//! Asks about MiMeis. Somebody without a right is told the same as about a MiMei that is not here.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::cbor::Cbor;
use crate::cid::MimeiId;
use crate::limits::{CONNECTION_MIMEIS_MAX, HAVE_CIDS_MAX, KNOWN_LOGS_MAX};
use crate::mimei::{Right, Rights, TIPS_SHOWN_MAX};
use crate::peer::connection::Connection;
use crate::peer::items::{self, Item};
use crate::peer::{Blocked, Shared, credit, serve::store_refusal};
use crate::sign::Domain;
use crate::wire::{
    Answer, EnterAsk, Exercise, GetAsk, HaveAnswer, HaveAsk, LookAnswer, LookAsk, Nothing, ProgressAsk, PublishAnswer,
    PublishAsk, PutAsk, Refusal, RefusalCode,
};

const WRITERS: Rights = Rights::of(&[Right::Write, Right::Save]);
const PUBLISHERS: Rights = Rights::of(&[Right::Save, Right::Release, Right::SetRights]);

fn not_found() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such MiMei here, or you may not see it")
}

fn has_any(rights: Rights, of: Rights) -> bool {
    of.iter().any(|right| rights.has(right))
}

async fn find(shared: &Shared, mimei: &MimeiId) -> Result<Rc<Item>, Refusal> {
    let item = items::open(shared, mimei).await.map_err(store_refusal)?.ok_or_else(not_found)?;
    let author = item.state().genesis.author;
    if credit::is_blocked(shared, Blocked::Mimei(*mimei)) || credit::is_blocked(shared, Blocked::User(author)) {
        return Err(blocked());
    }
    Ok(item)
}

fn blocked() -> Refusal {
    Refusal::new(RefusalCode::Denied, "the owner of this relay does not serve this")
}

/// The MiMei, if the other side has any right in it.
async fn visible(shared: &Shared, connection: &Connection, mimei: &MimeiId) -> Result<(Rc<Item>, Rights), Refusal> {
    let item = find(shared, mimei).await?;
    let rights = items::rights_of(shared, connection, &item);
    if rights.is_empty() { Err(not_found()) } else { Ok((item, rights)) }
}

pub(super) async fn enter(shared: &Shared, connection: &Connection, ask: EnterAsk) -> Result<Answer, Refusal> {
    let item = find(shared, &ask.mimei).await?;
    let session = connection.session_hash().ok_or_else(not_found)?;
    let record = Exercise { mimei: ask.mimei, session };
    let is_proven = ask.link.verify(Domain::Exercise, &record.to_cbor(), &ask.sig).is_ok();
    if !is_proven || item.state().view.rights_of_link(&ask.link, shared.effects.now()).is_empty() {
        return Err(not_found());
    }
    let mut entered = connection.entered.borrow_mut();
    if entered.len() >= CONNECTION_MIMEIS_MAX {
        return Err(Refusal::new(RefusalCode::Busy, "too many links are used in this session; open another"));
    }
    entered.insert((ask.mimei, ask.link));
    Ok(Answer::Done(Nothing {}))
}

pub(super) async fn look(shared: &Shared, connection: &Connection, ask: LookAsk) -> Result<Answer, Refusal> {
    let (item, rights) = visible(shared, connection, &ask.mimei).await?;
    if ask.logs.len() > KNOWN_LOGS_MAX {
        return Err(Refusal::new(RefusalCode::Invalid, "more identity logs are listed than a MiMei has signers"));
    }
    if ask.watch && !connection.watch(ask.mimei) {
        return Err(Refusal::new(RefusalCode::Busy, "too many MiMeis are watched in this session; open another"));
    }
    let state = item.state();
    let tips = state.tips(shared.effects.now());
    let (records, more) = state.records_after(&ask.has, &ask.logs);
    Ok(Answer::Look(Box::new(LookAnswer {
        has: state.has(),
        more,
        tips: tips.shown().iter().map(|tip| tip.id).collect(),
        total: tips.all().len() as u64,
        genesis: state.genesis.clone(),
        records,
        uploads: if rights.has(Right::Read) { items::uploads_told(&item, shared.effects.now()) } else { Vec::new() },
    })))
}

/// An upload is told of by the device that uploads, and by nobody for it.
pub(super) async fn progress(shared: &Shared, connection: &Connection, ask: ProgressAsk) -> Result<Answer, Refusal> {
    let progress = ask.progress;
    let (item, rights) = visible(shared, connection, &progress.body.mimei).await?;
    let by = &progress.body.by;
    let is_own = connection.remote().is_some_and(|remote| remote.user == by.user && remote.device == by.device);
    if !is_own || !rights.has(Right::Save) {
        return Err(Refusal::new(RefusalCode::Denied, "only a device that may save here tells of its own uploads"));
    }
    items::hear(shared, &item, progress).await.map_err(items::Fault::refusal)?;
    Ok(Answer::Done(Nothing {}))
}

pub(super) async fn publish(shared: &Shared, connection: &Connection, ask: PublishAsk) -> Result<Answer, Refusal> {
    let PublishAsk { seen, genesis, mimei, records } = ask;
    if let Some(genesis) = genesis {
        let author = connection.remote().is_some_and(|remote| remote.user == genesis.author);
        if !author || genesis.id() != mimei {
            return Err(Refusal::new(RefusalCode::Denied, "only the author of a MiMei brings it to a relay"));
        }
        credit::has_room_for(shared, genesis.author).await?;
        items::found(shared, &mimei, genesis).await.map_err(items::Fault::refusal)?;
    }
    let (item, rights) = visible(shared, connection, &mimei).await?;
    if !has_any(rights, PUBLISHERS) {
        return Err(Refusal::new(RefusalCode::Denied, "you may look at this and not change it"));
    }
    let tips_now = || -> Vec<_> {
        let tips = item.state().tips(shared.effects.now());
        tips.all().iter().take(TIPS_SHOWN_MAX).map(|tip| tip.id).collect()
    };
    let _lock = item.for_change(shared).await.map_err(items::Fault::refusal)?;
    let is_stale = seen.is_some_and(|seen| seen != tips_now());
    if !records.heads.is_empty() && is_stale {
        return Err(Refusal::new(RefusalCode::Conflict, "somebody else saved meanwhile; look again"));
    }
    items::take_in(shared, &item, records).await.map_err(items::Fault::refusal)?;
    Ok(Answer::Publish(PublishAnswer { tips: tips_now() }))
}

pub(super) async fn have(shared: &Shared, connection: &Connection, ask: HaveAsk) -> Result<Answer, Refusal> {
    let (item, rights) = visible(shared, connection, &ask.mimei).await?;
    if !has_any(rights, WRITERS) {
        return Err(Refusal::new(RefusalCode::Denied, "you may look at this and not change it"));
    }
    if ask.cids.len() > HAVE_CIDS_MAX {
        return Err(Refusal::new(RefusalCode::Invalid, "more blocks are named than one ask may name"));
    }
    let mut here = Vec::with_capacity(ask.cids.len());
    for cid in &ask.cids {
        here.push(items::has_block(shared, &item, cid).await.map_err(store_refusal)?);
    }
    Ok(Answer::Have(HaveAnswer { here }))
}

pub(super) async fn put(
    shared: &Shared,
    connection: &Connection,
    ask: PutAsk,
    bytes: Vec<u8>,
) -> Result<Answer, Refusal> {
    let (item, rights) = visible(shared, connection, &ask.mimei).await?;
    if !has_any(rights, WRITERS) {
        return Err(Refusal::new(RefusalCode::Denied, "you may look at this and not change it"));
    }
    if credit::is_blocked(shared, Blocked::Block(ask.cid)) {
        return Err(blocked());
    }
    let author = item.state().genesis.author;
    let space = credit::space_of(shared, author).await?;
    let charge = credit::charge(shared, connection, &item, ask.payer, false, bytes.len() as u64).await?;
    if let Err(fault) = items::receive(shared, &item, ask.cid, bytes, space).await {
        charge.take_back();
        return Err(fault.refusal());
    }
    Ok(Answer::Done(Nothing {}))
}

pub(super) async fn get(shared: &Shared, connection: &Connection, ask: GetAsk) -> Result<Vec<u8>, Refusal> {
    let (item, block) = block(shared, connection, &ask).await?;
    credit::charge(shared, connection, &item, ask.payer, true, block.len() as u64).await?;
    Ok(block)
}

/// The MiMei, if the other side may read it.
pub(super) async fn readable(shared: &Shared, connection: &Connection, mimei: &MimeiId) -> Result<Rc<Item>, Refusal> {
    let (item, rights) = visible(shared, connection, mimei).await?;
    if rights.has(Right::Read) { Ok(item) } else { Err(Refusal::new(RefusalCode::Denied, "you may not read this")) }
}

/// A block that the other side may read, before anybody pays for it.
pub(super) async fn block(
    shared: &Shared,
    connection: &Connection,
    ask: &GetAsk,
) -> Result<(Rc<Item>, Vec<u8>), Refusal> {
    let item = readable(shared, connection, &ask.mimei).await?;
    let block = items::serve(shared, &item, &ask.cid).await.map_err(store_refusal)?;
    let block =
        block.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "that block is not a part of this MiMei here"))?;
    if credit::is_blocked(shared, Blocked::Block(ask.cid)) {
        return Err(blocked());
    }
    Ok((item, block))
}
