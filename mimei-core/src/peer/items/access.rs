//! Whom this device lets in, and whom it shuts out again.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::commands::{ItemOutcome, ShareTo, SharedWith};
use super::fault::Fault;
use super::write::{again_on_conflict, own, sign, signer};
use super::{Item, records, sync};
use crate::cid::HeadId;
use crate::link::{Link, LinkSecret};
use crate::mimei::{ACCEPTED_MAX, AccessChange, Audience, EpochKeys, Everyone, Right, Rights, Who};
use crate::peer::Shared;
use crate::seeded::Seed;
use crate::sign::Domain;
use crate::store::Batch;
use crate::time::Millis;
use crate::wire::Records;

const RULER: Rights = Rights::of(&[Right::SetRights]);

/// What a share gives.
#[derive(Clone, Copy)]
pub(super) struct Grant {
    pub(super) rights: Rights,
    pub(super) until: Option<Millis>,
}

/// What is to become of those who may do something.
struct Change {
    audiences: Vec<Audience>,
    keys: Option<EpochKeys>,
    accepted: Vec<HeadId>,
}

/// The first access record of a MiMei that is created public.
pub(super) async fn open_to_everyone(shared: &Shared, item: &Item) -> Result<(), Fault> {
    let audiences = [Audience::new(Everyone {}, Rights::READER)].into();
    let last = shared.effects.row(records::own_key(&item.id)).await?;
    record(shared, item, Change { audiences, keys: None, accepted: Vec::new() }, last).await
}

pub(super) async fn share(
    shared: &Rc<Shared>,
    item: &Rc<Item>,
    to: ShareTo,
    grant: Grant,
    seed: Seed,
) -> Result<ItemOutcome, Fault> {
    if grant.until.is_some_and(|until| until <= shared.effects.now()) {
        return Err(Fault::argument(
            "by the clock of this device the share would end before it begins; choose a later time",
        ));
    }
    let secret = LinkSecret::generate(&seed);
    let who: Who = match to {
        ShareTo::Link => secret.keys().into(),
        ShareTo::Everyone => Everyone {}.into(),
    };
    again_on_conflict(|| let_in(shared, item, who, grant, &seed)).await?;
    sync::kick(shared, item);
    let mut link = Link::new(item.id);
    link.head = item.state().tips(shared.effects.now()).winner().map(|tip| tip.id);
    link.secret = (to == ShareTo::Link).then_some(secret);
    Ok(ItemOutcome::Link(link))
}

/// Signs the access record that gives somebody rights beside those there are.
async fn let_in(shared: &Shared, item: &Item, who: Who, grant: Grant, seed: &Seed) -> Result<(), Fault> {
    let (_lock, last) = item.to_sign(shared).await?;
    let mut audiences = item.state().view.audiences().to_vec();
    match audiences.iter_mut().find(|audience| audience.who == who) {
        Some(audience) => {
            audience.rights = audience.rights.and(grant.rights);
            audience.until = grant.until;
        }
        None => audiences.push(Audience { until: grant.until, ..Audience::new(who, grant.rights) }),
    }
    let keys = shared.vault.borrow().next_keys(&item.id, &audiences, false, seed)?;
    record(shared, item, Change { audiences, keys, accepted: Vec::new() }, last).await
}

pub(super) async fn unshare(
    shared: &Rc<Shared>,
    item: &Rc<Item>,
    with: SharedWith,
    seed: Seed,
) -> Result<ItemOutcome, Fault> {
    again_on_conflict(|| shut_out(shared, item, with, &seed)).await?;
    sync::kick(shared, item);
    Ok(ItemOutcome::Done)
}

/// Signs the access record that takes everything back from somebody. What stood until now goes on standing, and
/// what is saved from now on is sealed under a key that they do not get.
async fn shut_out(shared: &Shared, item: &Item, with: SharedWith, seed: &Seed) -> Result<(), Fault> {
    let (_lock, last) = item.to_sign(shared).await?;
    let (audiences, gone): (Vec<_>, Vec<_>) =
        item.state().view.audiences().iter().cloned().partition(|audience| SharedWith::from(&audience.who) != with);
    let Some(gone) = gone.first() else {
        return Err(Fault::argument("it is not shared with them, or not any more"));
    };
    let shuts_out = gone.rights.has(Right::Read);
    let keys = shared.vault.borrow().next_keys(&item.id, &audiences, shuts_out, seed)?;
    let tips = item.state().tips(shared.effects.now()).ids();
    let accepted = tips.into_iter().take(ACCEPTED_MAX).collect();
    record(shared, item, Change { audiences, keys, accepted }, last).await
}

/// Signs and keeps the next access record. The caller holds the item's lock.
async fn record(shared: &Shared, item: &Item, change: Change, last: Option<Vec<u8>>) -> Result<(), Fault> {
    let Change { audiences, keys, accepted } = change;
    let by = signer(shared, item, RULER).map_err(|_| Fault::denied("only its author decides who may see this"))?;
    let record = {
        let state = item.state();
        let newest = state.view.newest();
        let relays = newest.map(|record| record.relays.clone()).unwrap_or_default();
        let mirrors = newest.map(|record| record.mirrors.clone()).unwrap_or_default();
        state.view.next_record(by, AccessChange { audiences, keys, accepted, relays, mirrors })
    };
    let access = [sign(shared, Domain::Access, record).await].into();
    own(shared, item, Records { access, ..Records::default() }, Batch::default(), last).await
}
