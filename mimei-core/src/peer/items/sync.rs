//! Talking to a relay about one MiMei: take what it has, send what it lacks.
//!
//! ```text
//! enter        if this peer came by a link
//! look         until there is no more; the relay tells of news from then on
//! have, put    every block in the outbox, what others name first
//! publish      records that the relay lacks, on the tips it showed
//! ```

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::commands::ItemOutcome;
use super::fault::Fault;
use super::records::{self, Extra};
use super::{Item, announce, changed, heads, known, progress, read, relays, upload};
use crate::cbor::Cbor;
use crate::cid::{HeadId, MimeiId};
use crate::link::Link;
use crate::mimei::{Coverage, Genesis, Right};
use crate::peer::calls;
use crate::peer::connection::Connection;
use crate::peer::{CommandError, ConnectionId, Shared, credit};
use crate::store::{Batch, StoreError};
use crate::wire::{
    Answer, Ask, EnterAsk, Has, KnownLog, LookAnswer, LookAsk, PublishAsk, Records, Refusal, RefusalCode,
};

/// Milliseconds until what went wrong is tried again, doubled each time.
const RETRY_MS_MIN: u64 = 1_000;
/// Never longer than this: somebody waits.
const RETRY_MS_MAX: u64 = 60_000;

/// Times that a publish is tried again because somebody else was faster.
const PUBLISH_TRIES: usize = 8;

/// A session has opened: with a relay, everything that is known here is brought together.
pub(in crate::peer) fn met(shared: &Rc<Shared>, connection: &Rc<Connection>) {
    if !connection.is_dialled() {
        return;
    }
    let (task_shared, connection) = (shared.clone(), connection.clone());
    shared.effects.schedule.spawn(async move {
        let mut pause_ms = RETRY_MS_MIN;
        while let Err(fault) = sync_known(&task_shared, &connection).await {
            if !is_passing(&fault) || !pause(&task_shared, &connection, &mut pause_ms).await {
                return;
            }
        }
    });
}

/// The other side says that there is news.
pub(in crate::peer) fn told(shared: &Rc<Shared>, connection: &Rc<Connection>, mimei: MimeiId) {
    if !connection.is_dialled() {
        return;
    }
    let (task_shared, connection) = (shared.clone(), connection.clone());
    shared.effects.schedule.spawn(async move {
        let mut pause_ms = RETRY_MS_MIN;
        loop {
            match known(&task_shared, &mimei).await {
                Ok(item) => return nudge(&task_shared, &item, &connection),
                Err(fault) if is_passing(&fault) => {}
                Err(_) => return,
            }
            if !pause(&task_shared, &connection, &mut pause_ms).await {
                return;
            }
        }
    });
}

/// Begins to sync everything that is known here.
async fn sync_known(shared: &Rc<Shared>, connection: &Rc<Connection>) -> Result<(), Fault> {
    let ItemOutcome::Mimeis(mimeis) = read::known(shared).await? else { return Ok(()) };
    for mimei in mimeis {
        nudge(shared, &known(shared, &mimei).await?, connection);
    }
    Ok(())
}

/// Waits before something is tried again, longer each time; says whether the connection is still there.
async fn pause(shared: &Shared, connection: &Connection, pause_ms: &mut u64) -> bool {
    let until = shared.effects.now() + *pause_ms;
    *pause_ms = (2 * *pause_ms).min(RETRY_MS_MAX);
    shared.effects.before(until, connection.until_closed(&shared.effects)).await.is_none()
}

/// Starts to bring a MiMei to the relays that are connected.
pub(super) fn kick(shared: &Rc<Shared>, item: &Rc<Item>) {
    changed(shared, item);
    for connection in relays(shared) {
        nudge(shared, item, &connection);
    }
}

/// Syncs in the background, unless that is about to begin anyway.
pub(super) fn nudge(shared: &Rc<Shared>, item: &Rc<Item>, connection: &Rc<Connection>) {
    if !item.sync_waits.borrow_mut().insert(connection.id) {
        return;
    }
    let (task_shared, item, connection) = (shared.clone(), item.clone(), connection.clone());
    shared.effects.schedule.spawn(async move {
        let mut pause_ms = RETRY_MS_MIN;
        while let Err(fault) = attempt(&task_shared, &item, &connection).await {
            // One that tries again is enough. What cannot get better is not tried again.
            if !is_passing(&fault) || !item.retrying.borrow_mut().insert(connection.id) {
                return;
            }
            let goes_on = pause(&task_shared, &connection, &mut pause_ms).await;
            item.retrying.borrow_mut().remove(&connection.id);
            if !goes_on {
                return;
            }
        }
    });
}

async fn attempt(shared: &Shared, item: &Rc<Item>, connection: &Connection) -> Result<(), Fault> {
    let _turn = item.syncing.hold(&shared.effects.schedule).await;
    item.sync_waits.borrow_mut().remove(&connection.id);
    in_turn(shared, item, connection).await
}

/// Whether the same may succeed later.
fn is_passing(fault: &Fault) -> bool {
    match fault {
        Fault::Store(_) | Fault::Missing(_) | Fault::Remote(CommandError::TimedOut) => true,
        Fault::Remote(CommandError::Refused(refusal)) => {
            use RefusalCode::{Denied, Invalid, NotFound, Paused, Unpaid};
            // What nobody pays for goes on when the account changes.
            !matches!(refusal.code, NotFound | Denied | Invalid | Paused | Unpaid)
        }
        Fault::Rule(code, _) => *code == "mimei.busy",
        Fault::Remote(_) => false,
    }
}

pub(super) async fn open_link(
    shared: &Rc<Shared>,
    link: Link,
    relay: Option<ConnectionId>,
) -> Result<ItemOutcome, Fault> {
    let here = super::open(shared, &link.mimei).await?;
    let is_mine = here.as_ref().is_some_and(|item| item.state().genesis.author == shared.log.borrow().user());
    if let Some(secret) = link.secret.clone().filter(|_| !is_mine) {
        shared.vault.borrow_mut().keep_link(link.mimei, secret);
    }
    let connection = relay.map(|relay| calls::connected(shared, relay)).transpose()?;
    let item = match (here, &connection) {
        (Some(item), _) => item,
        (None, None) => return Err(Fault::unknown()),
        (None, Some(connection)) => first_look(shared, &link.mimei, connection).await?,
    };
    keep_link(shared, &item, link.secret.is_some() && !is_mine).await?;
    let mut warning = None;
    if let Some(connection) = &connection
        && let Err(fault) = sync(shared, &item, connection).await
    {
        // Without a head there is nothing to show that anybody answers for.
        if item.state().heads.is_empty() {
            return Err(fault);
        }
        warning = Some(fault.to_string());
    }
    if let Some(head) = &link.head {
        warning = warning.or_else(|| rollback(shared, &item, head));
    }
    let at = match read::find(shared, &item, link.at) {
        Ok(at) => Some(at),
        Err(_) if item.state().heads.is_empty() => None,
        Err(fault) => return Err(fault),
    };
    Ok(ItemOutcome::Item { view: Box::new(read::view(shared, &item)), at, warning })
}

/// What a reader must know if the relay shows less than the link's maker saw.
fn rollback(shared: &Shared, item: &Item, head: &HeadId) -> Option<alloc::string::String> {
    let state = item.state();
    let tips = state.tips(shared.effects.now()).ids();
    match state.heads.coverage(&tips, head) {
        Coverage::Covered => None,
        Coverage::NotCovered | Coverage::Unknown => {
            Some("the relay shows an older state than the link was made for; it may lack the newest changes".into())
        }
    }
}

async fn keep_link(shared: &Shared, item: &Item, is_given: bool) -> Result<(), Fault> {
    if !is_given {
        return Ok(());
    }
    let wrapped = shared.vault.borrow().wrap_link(&item.id);
    if let Some(wrapped) = wrapped {
        let put = [(records::link_key(&item.id), wrapped)].into();
        shared.effects.apply(Batch { put, strict: true, ..Batch::default() }).await?;
    }
    let state = item.state();
    shared.vault.borrow_mut().learn(&state.genesis, &state.access, &state.view);
    Ok(())
}

/// Learns a MiMei that was not known here.
async fn first_look(shared: &Shared, mimei: &MimeiId, connection: &Connection) -> Result<Rc<Item>, Fault> {
    enter(shared, mimei, connection).await?;
    let has = Has { heads: Vec::new(), access: Vec::new() };
    let answer = look(shared, connection, LookAsk { has, logs: Vec::new(), mimei: *mimei, watch: false }).await?;
    let item = shared.items.get_or_add(mimei);
    let _lock = item.lock.hold(&shared.effects.schedule).await;
    found(shared, &item, answer.genesis, &answer.records).await?;
    Ok(item.clone())
}

/// The author's log first: who made a MiMei is judged by it.
async fn found(shared: &Shared, item: &Item, genesis: Genesis, records: &Records) -> Result<(), Fault> {
    for part in records.logs.iter().filter(|part| part.user == genesis.author) {
        let joined = crate::peer::logs::join(shared, &part.user, part.entries.clone()).await;
        joined.map_err(|ending| Fault::verify(ending.message))?;
    }
    records::found(shared, item, genesis).await
}

/// Uses this peer's link in this session.
pub(super) async fn enter(shared: &Shared, mimei: &MimeiId, connection: &Connection) -> Result<(), Fault> {
    let Some(session) = connection.session_hash() else { return Err(CommandError::NotConnected.into()) };
    let proof = shared.vault.borrow().exercise(mimei, session);
    let Some((link, sig)) = proof else { return Ok(()) };
    match calls::ask(shared, connection, Ask::Enter(EnterAsk { sig, link, mimei: *mimei })).await {
        Ok(_) => Ok(()),
        // A relay that has never heard of the MiMei cannot know the link.
        Err(CommandError::Refused(Refusal { code: RefusalCode::NotFound, .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn look(shared: &Shared, connection: &Connection, ask: LookAsk) -> Result<LookAnswer, CommandError> {
    match calls::ask(shared, connection, Ask::Look(ask)).await? {
        Answer::Look(answer) => Ok(*answer),
        _ => Err(CommandError::WrongAnswer),
    }
}

/// Brings a MiMei and a relay to the same state, one relay at a time.
async fn sync(shared: &Shared, item: &Rc<Item>, connection: &Connection) -> Result<(), Fault> {
    let _turn = item.syncing.hold(&shared.effects.schedule).await;
    in_turn(shared, item, connection).await
}

async fn in_turn(shared: &Shared, item: &Rc<Item>, connection: &Connection) -> Result<(), Fault> {
    bring_together(shared, item, connection).await?;
    // What is refused here keeps nobody from reading, and is tried again with the next change.
    let _ = credit::sponsor_shares(shared, connection, item).await;
    Ok(())
}

async fn bring_together(shared: &Shared, item: &Rc<Item>, connection: &Connection) -> Result<(), Fault> {
    enter(shared, &item.id, connection).await?;
    let mut answer = match look_all(shared, item, connection).await {
        Err(Fault::Remote(CommandError::Refused(refusal))) if refusal.code == RefusalCode::NotFound => {
            bring(shared, item, connection, refusal).await?;
            look_all(shared, item, connection).await?
        }
        other => other?,
    };
    item.has_source(connection.id);
    announce::start(shared, item, connection);
    heads::sign_draft(shared, item).await?;
    for _ in 0..PUBLISH_TRIES {
        let change = item.outbox.borrow().records;
        if !item.is_waiting() {
            offer(shared, item, connection, &mut answer).await;
            return Ok(());
        }
        match send(shared, item, connection, &mut answer).await {
            Ok(()) => return sent(shared, item, change).await,
            Err(fault) if is_refused(&fault, RefusalCode::Conflict) => {
                answer = look_all(shared, item, connection).await?;
            }
            // What this stands on was there once: the relay lost it.
            Err(fault) if is_refused(&fault, RefusalCode::Missing) => {
                if !upload::refill(shared, item, connection, &answer.has).await? {
                    return Err(fault);
                }
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::rule("mimei.busy", "others change this faster than it can be sent; it is kept and will be tried again"))
}

fn is_refused(fault: &Fault, with: RefusalCode) -> bool {
    matches!(fault, Fault::Remote(CommandError::Refused(refusal)) if refusal.code == with)
}

/// Access first: it says who may bring the rest. Blocks before the records that name them.
async fn send(shared: &Shared, item: &Item, connection: &Connection, answer: &mut LookAnswer) -> Result<(), Fault> {
    publish_access(shared, item, connection, answer).await?;
    loop {
        let end = item.outbox.borrow().next;
        upload::send_blocks(shared, item, connection, end).await?;
        match publish(shared, item, connection, answer).await {
            // Something was saved meanwhile, and its blocks are not there yet.
            Err(fault) if is_refused(&fault, RefusalCode::Missing) && item.outbox.borrow().next > end => {}
            published => return published,
        }
    }
}

/// Brings a relay what it lacks although nothing is noted as waiting: another tab may have cleared the note,
/// or the relay may have lost it. What does not work is no fault of anything that this device does now.
async fn offer(shared: &Shared, item: &Item, connection: &Connection, answer: &mut LookAnswer) {
    if !read::rights(shared, item).has(Right::Save) || publish_access(shared, item, connection, answer).await.is_err() {
        return;
    }
    if let Err(fault) = publish(shared, item, connection, answer).await
        && is_refused(&fault, RefusalCode::Missing)
        && upload::refill(shared, item, connection, &answer.has).await == Ok(true)
    {
        let _ = publish(shared, item, connection, answer).await;
    }
}

/// Takes in all that a relay has.
async fn look_all(shared: &Shared, item: &Rc<Item>, connection: &Connection) -> Result<LookAnswer, Fault> {
    loop {
        let ask = {
            let state = item.state();
            LookAsk { has: state.has(), logs: state.known_logs(), mimei: item.id, watch: true }
        };
        let answer = look(shared, connection, ask).await?;
        if answer.genesis != item.state().genesis {
            return Err(Fault::verify("the relay shows another first record for this address"));
        }
        item.seen.set(Some(shared.effects.now()));
        let before = item.state().has();
        {
            let _lock = item.for_change(shared).await?;
            records::take_in(shared, item, answer.records.clone(), Extra::default()).await?;
        }
        progress::learn(shared, item, connection.id(), answer.uploads.clone());
        let is_stuck = item.state().has() == before && answer.records.logs.is_empty();
        if !answer.more || is_stuck {
            keep_seen(shared, item).await;
            return Ok(answer);
        }
    }
}

/// How old what is shown offline can be said to be, after the next start too.
const SEEN_KEPT_EVERY_MS: u64 = 10_000;

/// Keeps when a relay was looked at, but not at each look: it is said in minutes.
async fn keep_seen(shared: &Shared, item: &Item) {
    let Some(seen) = item.seen.get() else { return };
    if item.seen_before.get().is_some_and(|before| seen.0 < before.0 + SEEN_KEPT_EVERY_MS) {
        return;
    }
    let put = [(records::seen_key(&item.id), seen.to_cbor())].into();
    // Without it less is said, and nothing is lost.
    if shared.effects.apply(Batch { put, ..Batch::default() }).await.is_ok() {
        item.seen_before.set(Some(seen));
    }
}

/// Tells a relay of a MiMei that it does not know; only its author may.
async fn bring(shared: &Shared, item: &Item, connection: &Connection, refusal: Refusal) -> Result<(), Fault> {
    let genesis = item.state().genesis.clone();
    if genesis.author != shared.log.borrow().user() {
        return Err(CommandError::Refused(refusal).into());
    }
    let ask = PublishAsk { seen: None, genesis: Some(genesis), mimei: item.id, records: Records::default() };
    calls::ask(shared, connection, Ask::Publish(Box::new(ask))).await?;
    Ok(())
}

/// What is sent was kept here before.
fn check_kept(item: &Item) -> Result<(), Fault> {
    let refused = || StoreError::Failed("a change was not kept; it is read again".to_string());
    if item.is_stale.get() { Err(refused().into()) } else { Ok(()) }
}

async fn publish_access(
    shared: &Shared,
    item: &Item,
    connection: &Connection,
    answer: &mut LookAnswer,
) -> Result<(), Fault> {
    check_kept(item)?;
    let access: Vec<_> = item.state().access.records_after(&answer.has.access).into_iter().cloned().collect();
    for record in access {
        let records = Records { access: [record].into(), ..Records::default() };
        let ask = PublishAsk { seen: None, genesis: None, mimei: item.id, records };
        calls::ask(shared, connection, Ask::Publish(Box::new(ask))).await?;
    }
    answer.has.access = item.state().access.leaves();
    Ok(())
}

async fn publish(shared: &Shared, item: &Item, connection: &Connection, answer: &LookAnswer) -> Result<(), Fault> {
    let (mut has, mut tips) = (answer.has.clone(), answer.tips.clone());
    let all_logs = item.state().known_logs();
    if item.state().records_after(&has, &all_logs).0 == Records::default() {
        return Ok(());
    }
    // Our own log it has since the handshake; those of others who signed it may never have met.
    let own = shared.log.borrow().user();
    let mut logs: Vec<KnownLog> = all_logs.iter().filter(|log| log.user == own).cloned().collect();
    loop {
        check_kept(item)?;
        let (records, more) = item.state().records_after(&has, &logs);
        let newest: Vec<HeadId> = records.heads.iter().map(|head| HeadId::of(&head.to_cbor())).collect();
        let ask = PublishAsk { seen: Some(tips), genesis: None, mimei: item.id, records };
        let Answer::Publish(answer) = calls::ask(shared, connection, Ask::Publish(Box::new(ask))).await? else {
            return Err(CommandError::WrongAnswer.into());
        };
        tips = answer.tips;
        has.heads.extend(newest);
        if !more {
            return Ok(());
        }
        logs.clone_from(&all_logs);
    }
}

/// The relay has all records as of this change.
async fn sent(shared: &Shared, item: &Item, change: Option<u64>) -> Result<(), Fault> {
    let _lock = item.lock.hold(&shared.effects.schedule).await;
    if item.outbox.borrow().records != change {
        return Ok(());
    }
    let delete = [records::records_wait_key(&item.id)].into();
    let put = [(records::sent_key(&item.id), Vec::new())].into();
    // The first time it has to last: from then on there is something that an older copy does not know.
    let strict = !item.was_sent.get();
    shared.effects.apply(Batch { delete, put, strict, ..Batch::default() }).await?;
    item.was_sent.set(true);
    item.outbox.borrow_mut().records = None;
    announce::published(shared, item);
    changed(shared, item);
    Ok(())
}

/// Waits until a relay has everything.
pub(super) async fn settle(shared: &Rc<Shared>, item: &Rc<Item>) -> Result<ItemOutcome, Fault> {
    if !item.is_waiting() {
        return Ok(ItemOutcome::Done);
    }
    // What is under way already is waited for; what failed is tried again, and its reason told.
    let mut failed = Fault::rule("offline.waiting", "no relay is connected; what waits is kept and sent later");
    for connection in relays(shared) {
        match sync(shared, item, &connection).await {
            Ok(()) if !item.is_waiting() => return Ok(ItemOutcome::Done),
            Ok(()) => {}
            Err(fault) => failed = fault,
        }
    }
    Err(failed)
}
