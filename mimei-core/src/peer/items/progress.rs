//! Uploads of others that are under way: what they told, while it holds.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::announce::Own;
use super::blocks;
use super::commands::UploadView;
use super::fault::Fault;
use super::state::State;
use super::{Item, changed, has_news};
use crate::limits::{UPLOAD_LEASE_MS, UPLOADS_MAX};
use crate::mimei::{Progress, Right, Signer, UploadId, check_progress};
use crate::peer::task::Signal;
use crate::peer::{ConnectionId, Shared, logs};
use crate::sign::{SignKey, Signed};
use crate::time::Millis;

/// Uploads into one MiMei.
#[derive(Default)]
pub(super) struct Uploads {
    /// By the device that told of it.
    told: RefCell<BTreeMap<(SignKey, UploadId), Told>>,
    /// Of this device.
    pub(super) own: RefCell<BTreeMap<UploadId, Own>>,
    /// Counts changes of `own`.
    pub(super) change: Cell<u64>,
    pub(super) changed: Signal,
    /// Whether somebody waits for the first of `told` to run out.
    is_watched: Cell<bool>,
}

struct Told {
    progress: Signed<Progress>,
    heard: Millis,
    /// The relay that tells of it; none if the device itself did.
    from: Option<ConnectionId>,
}

impl Told {
    fn holds(&self, now: Millis) -> bool {
        now < self.heard + UPLOAD_LEASE_MS
    }
}

fn key(progress: &Signed<Progress>) -> (SignKey, UploadId) {
    (progress.body.by.device, progress.body.upload)
}

/// A device tells this relay how far it has come.
pub(in crate::peer) async fn hear(shared: &Shared, item: &Item, progress: Signed<Progress>) -> Result<(), Fault> {
    know_signer(shared, item, &progress.body.by).await?;
    check(shared, item, &progress)?;
    if let Some(root) = &progress.body.root
        && blocks::row(shared, &item.id, root).await?.is_none()
    {
        return Err(Fault::Missing("send the blocks of an upload before telling of it".into()));
    }
    if keep(item, progress, shared.effects.now())? {
        has_news(shared, item);
    }
    Ok(())
}

/// Says whether it was new.
fn keep(item: &Item, progress: Signed<Progress>, now: Millis) -> Result<bool, Fault> {
    let mut told = item.uploads.told.borrow_mut();
    told.retain(|_, told| told.holds(now));
    let key = key(&progress);
    if told.get(&key).is_some_and(|known| known.progress.body.time >= progress.body.time) {
        return Ok(false);
    }
    if told.len() >= UPLOADS_MAX && !told.contains_key(&key) {
        return Err(Fault::rule("storage.full", "as many uploads are under way here as can be shown at a time"));
    }
    // One that is over stays until its lease ends, so that nothing told earlier brings it back.
    told.insert(key, Told { progress, heard: now, from: None });
    Ok(true)
}

/// What somebody may be told who may read.
pub(in crate::peer) fn told(item: &Item, now: Millis) -> Vec<Signed<Progress>> {
    let told = item.uploads.told.borrow();
    let open = told.values().filter(|told| told.holds(now) && told.progress.body.root.is_some());
    open.map(|told| told.progress.clone()).collect()
}

/// Takes what a relay tells of. What does not verify is left out: it is nobody's upload.
pub(super) fn learn(shared: &Shared, item: &Rc<Item>, from: ConnectionId, uploads: Vec<Signed<Progress>>) {
    let now = shared.effects.now();
    let mut is_new = false;
    {
        let mut told = item.uploads.told.borrow_mut();
        let listed: Vec<_> = uploads.iter().map(key).collect();
        told.retain(|key, known| {
            let stays = known.holds(now) && (known.from != Some(from) || listed.contains(key));
            is_new |= !stays;
            stays
        });
        for progress in uploads.into_iter().take(UPLOADS_MAX) {
            let is_known = told.get(&key(&progress)).is_some_and(|known| known.progress == progress);
            let is_own = progress.body.by.device == shared.device;
            if is_known || is_own || progress.body.root.is_none() || check(shared, item, &progress).is_err() {
                continue;
            }
            told.insert(key(&progress), Told { progress, heard: now, from: Some(from) });
            is_new = true;
        }
    }
    if is_new {
        changed(shared, item);
    }
    watch(shared, item);
}

/// The uploads of others that are under way.
pub(super) fn shown(item: &Item, now: Millis) -> Vec<UploadView> {
    let told = item.uploads.told.borrow();
    let open = told.values().filter(|told| told.holds(now));
    open.filter_map(|told| {
        let Progress { by, done, root, total, upload, .. } = &told.progress.body;
        let (by, device) = (by.user, by.device);
        Some(UploadView { upload: *upload, by, device, root: (*root)?, done: *done, total: *total })
    })
    .collect()
}

/// Says when what was told has run out.
fn watch(shared: &Shared, item: &Rc<Item>) {
    if item.uploads.told.borrow().is_empty() || item.uploads.is_watched.replace(true) {
        return;
    }
    let (shared, item) = (shared.to_rc(), item.clone());
    let schedule = shared.clone();
    schedule.effects.schedule.spawn(async move {
        loop {
            let first = item.uploads.told.borrow().values().map(|told| told.heard).min();
            let Some(first) = first else { break };
            shared.effects.sleep_until(first + UPLOAD_LEASE_MS).await;
            let now = shared.effects.now();
            item.uploads.told.borrow_mut().retain(|_, told| told.holds(now));
            changed(&shared, &item);
        }
        item.uploads.is_watched.set(false);
    });
}

/// Form, signature, and that the signer may save.
fn check(shared: &Shared, item: &Item, progress: &Signed<Progress>) -> Result<(), Fault> {
    let (state, now) = (item.state(), shared.effects.now());
    check_progress(progress, &item.id, &state.logs).map_err(Fault::verify)?;
    if may_save(&state, &progress.body.by, now) {
        Ok(())
    } else {
        Err(Fault::denied("you may look at this and not change it"))
    }
}

fn may_save(state: &State, by: &Signer, now: Millis) -> bool {
    let link = by.link().map(|link| state.view.rights_of_link(link, now)).unwrap_or_default();
    let is_device = state.logs.get(&by.user).is_some_and(|log| log.device(&by.device).is_some());
    is_device && state.view.rights_of(&by.user, now).and(link).has(Right::Save)
}

/// Makes sure that the log of whoever tells is at hand, also for those who are told.
async fn know_signer(shared: &Shared, item: &Item, by: &Signer) -> Result<(), Fault> {
    if item.state().logs.contains_key(&by.user) {
        return Ok(());
    }
    if let Some(log) = logs::load(shared, &by.user).await?
        && let Some(state) = item.state.borrow_mut().as_mut()
    {
        state.add_log(log);
    }
    Ok(())
}
