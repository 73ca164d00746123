//! When this device signs a head, and what stands in its place until then.
//!
//! A device has one history: each head that it signs follows the one before. Its data may be an older copy, such as
//! a browser profile that was restored; then it does not know what it signed last, and its next head would part
//! from it. So as soon as a relay has had a head of it, it signs versions only until a relay has told it what there
//! is, in each run anew. Until then the head lies unsigned beside them.

use alloc::string::String;
use alloc::vec::Vec;

use super::Item;
use super::fault::Fault;
use super::records;
use super::write::{self, again_on_conflict, own, sign, signer};
use crate::cbor::Cbor;
use crate::cid::VersionId;
use crate::mimei::{Coverage, Head, Kind, NextHead, Signer, Version};
use crate::peer::Shared;
use crate::sign::{Domain, Signed};
use crate::store::Batch;
use crate::wire::Records;

/// What is to be the newest state.
pub(super) struct Change {
    pub(super) by: Signer,
    pub(super) last: VersionId,
    pub(super) release: Option<VersionId>,
    /// If it is new.
    pub(super) version: Option<Signed<Version>>,
}

/// Keeps a head over all tips, signed if that may be. The caller holds the item's lock.
pub(super) async fn keep(
    shared: &Shared,
    item: &Item,
    change: Change,
    mut batch: Batch,
    signed_last: Option<Vec<u8>>,
) -> Result<(), Fault> {
    let Change { by, last, release, version } = change;
    let head = {
        let (state, time) = (item.state(), shared.effects.now());
        state.heads.next_head(&state.tips(time), &state.view, NextHead { by, last, release, time })
    };
    let draft = item.state().draft.as_ref().map(Cbor::to_cbor);
    batch.expect.push((records::draft_key(&item.id), draft.clone()));
    let mut records = Records { versions: version.into_iter().collect(), ..Records::default() };
    let next = if item.may_sign_heads() {
        if draft.is_some() {
            batch.delete.push(records::draft_key(&item.id));
        }
        records.heads.push(sign(shared, Domain::Head, head).await);
        None
    } else {
        batch.put.push((records::draft_key(&item.id), head.to_cbor()));
        Some(head)
    };
    own(shared, item, records, batch, signed_last).await?;
    if let Some(state) = item.state.borrow_mut().as_mut() {
        state.draft = next;
    }
    Ok(())
}

/// A relay has told what there is: signs the head that waits for that.
pub(super) async fn sign_draft(shared: &Shared, item: &Item) -> Result<(), Fault> {
    again_on_conflict(|| sign_once(shared, item)).await
}

async fn sign_once(shared: &Shared, item: &Item) -> Result<(), Fault> {
    if item.state().draft.is_none() {
        return Ok(());
    }
    if item.state().genesis.kind == Kind::Folder && is_parted(shared, item) {
        // The head has to follow both, so it must not hide what only one of them has.
        return write::save_once(shared, item, Vec::new(), String::new()).await.map(drop);
    }
    let (_lock, last) = item.to_sign(shared).await?;
    let Some(draft) = item.state().draft.clone() else { return Ok(()) };
    let row = draft.to_cbor();
    let right = item.state().heads.needs(&draft);
    let by = signer(shared, item, right)?;
    let head = {
        let state = item.state();
        state.heads.signable(draft, by, &state.view)
    };
    let mut batch = Batch::default();
    batch.expect.push((records::draft_key(&item.id), Some(row)));
    batch.delete.push(records::draft_key(&item.id));
    let heads = [sign(shared, Domain::Head, head).await].into();
    own(shared, item, Records { heads, ..Records::default() }, batch, last).await?;
    if let Some(state) = item.state.borrow_mut().as_mut() {
        state.draft = None;
    }
    Ok(())
}

/// Whether this device signed something that the waiting head does not know: its data was an older copy. Of a
/// file the newer save is shown then, and the other version stays in the history.
fn is_parted(shared: &Shared, item: &Item) -> bool {
    let state = item.state();
    let own = state.heads.newest_of(&shared.device);
    let knows = |draft: &Head, id| state.heads.coverage(&draft.prev, id) == Coverage::Covered;
    state.draft.as_ref().is_some_and(|draft| !own.iter().all(|id| knows(draft, id)))
}
