//! Blocks on their way to a relay.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::fault::Fault;
use super::{Item, announce, blocks, changed, records, relays, sync};
use crate::cbor::Cbor;
use crate::cid::Cid;
use crate::limits::{BLOCKS_IN_FLIGHT_MAX, HAVE_CIDS_MAX, SCAN_ROWS_MAX};
use crate::mimei::Right;
use crate::order;
use crate::peer::calls::{self, Call};
use crate::peer::connection::{Connection, Reply};
use crate::peer::credit::{self, Spend};
use crate::peer::task::give_way;
use crate::peer::{CommandError, Event, Shared};
use crate::seal::Block;
use crate::store::{Batch, RowKey, Scan, Table};
use crate::wire::{Answer, Ask, Has, HaveAsk, Payer, PutAsk, RefusalCode};

/// Blocks that a relay may lack and be brought again: of 64 GiB, and a list of 20 MiB.
const REFILL_CIDS_MAX: usize = 1 << 18;

/// Rows that are sent in one turn: 32 MiB.
const PAGE_ROWS: usize = 128;
/// Rows that are taken out of the outbox in one change of the store.
const FORGOTTEN_AT_ONCE: usize = 8;

const _: () = assert!(PAGE_ROWS <= HAVE_CIDS_MAX && PAGE_ROWS < SCAN_ROWS_MAX);

/// A row of the outbox.
struct Waiting {
    number: u64,
    row: Vec<u8>,
    cid: Cid,
}

/// A block on its way.
struct Underway {
    /// Its row in the outbox, if it has one.
    row: Option<Vec<u8>>,
    cid: Cid,
    call: Call,
    payer: Payer,
    spend: Spend,
    length: u64,
}

/// Sends what is in the outbox before that number. Turns are short, so that what is small does not wait for all of
/// what is large.
pub(super) async fn send_blocks(shared: &Shared, item: &Item, connection: &Connection, end: u64) -> Result<(), Fault> {
    loop {
        give_way(&shared.effects.schedule).await;
        let _turn = item.sending.hold(&shared.effects.schedule).await;
        let (next, complete) = (item.outbox.borrow().next, item.outbox.borrow().complete());
        let prefix = item.id.cid().hash().to_vec();
        // Always from the first: another tab counts for itself, and may have put its rows before the last ones.
        let scan = Scan { table: Table::Outbox, prefix, after: None, limit: PAGE_ROWS };
        let rows = shared.effects.scan(scan).await?;
        let mut page: Vec<Waiting> =
            rows.into_iter().filter(|(_, cid)| !cid.is_empty()).map(waiting).collect::<Result<_, _>>()?;
        if page.is_empty() && complete == next && item.outbox.borrow().next == next {
            // Nothing came in since we looked: what was counted beside this was sent by another tab.
            item.outbox.borrow_mut().blocks = 0;
        }
        // Behind a block that is still being kept others may be there already; it is not passed by.
        page.retain(|waiting| waiting.number < end.min(complete));
        let Some(last) = page.last().map(|last| last.number) else { return Ok(()) };
        let sent = send_page(shared, item, connection, page).await;
        item.is_stalled.set(sent.is_err());
        sent?;
        announce::sent(shared, item, last + 1);
    }
}

/// Sends the outbox beside everything else, for as long as something comes in: an upload that is under way does not
/// wait for its end.
pub(super) fn flow(shared: &Rc<Shared>, item: &Rc<Item>) {
    // Such as for want of credit: not each piece that is sealed tries anew.
    let relays = if item.is_stalled.get() { Vec::new() } else { relays(shared) };
    for connection in relays {
        if !item.sources.borrow().contains(&connection.id()) {
            // It has yet to hear of the MiMei.
            sync::nudge(shared, item, &connection);
        } else if item.flowing.borrow_mut().insert(connection.id()) {
            announce::start(shared, item, &connection);
            let (shared, item) = (shared.clone(), item.clone());
            let schedule = shared.clone();
            schedule.effects.schedule.spawn(async move {
                let is_sent = loop {
                    let end = item.outbox.borrow().next;
                    if send_blocks(&shared, &item, &connection, end).await.is_err() {
                        break false;
                    }
                    if item.outbox.borrow().next == end {
                        break true;
                    }
                };
                item.flowing.borrow_mut().remove(&connection.id());
                if !is_sent {
                    // Knows what can be tried again, and when.
                    sync::nudge(&shared, &item, &connection);
                }
            });
        }
    }
}

fn waiting((row, cid): (Vec<u8>, Vec<u8>)) -> Result<Waiting, Fault> {
    let damaged = || Fault::verify("the outbox of this device is damaged");
    let cid = Cid::from_cbor(&cid).map_err(|_| damaged())?;
    Ok(Waiting { number: records::outbox_number(&row).ok_or_else(damaged)?, row, cid })
}

async fn send_page(shared: &Shared, item: &Item, connection: &Connection, page: Vec<Waiting>) -> Result<(), Fault> {
    let page = unless_there(shared, item, connection, page).await?;
    let mut sending = Sending::new(shared, item, connection);
    let sent = sending.send_all(page).await;
    // What the relay has answered for is not sent again, whatever happened to the rest.
    sending.forget().await?;
    sent
}

/// An upload that was cut off, or what another device sent too, is not sent again. It takes a round trip, so few
/// blocks are just sent.
async fn unless_there(
    shared: &Shared,
    item: &Item,
    connection: &Connection,
    mut page: Vec<Waiting>,
) -> Result<Vec<Waiting>, Fault> {
    if page.len() <= BLOCKS_IN_FLIGHT_MAX {
        return Ok(page);
    }
    let cids: Vec<Cid> = page.iter().map(|waiting| waiting.cid).collect();
    let lacking = lacking(shared, item, connection, &cids).await?;
    let mut there: Vec<Vec<u8>> = Vec::new();
    page.retain(|waiting| {
        let is_lacking = lacking.contains(&waiting.cid);
        if !is_lacking {
            there.push(waiting.row.clone());
        }
        is_lacking
    });
    gone(shared, item, there).await?;
    Ok(page)
}

/// Those of these blocks that the relay lacks.
async fn lacking(shared: &Shared, item: &Item, connection: &Connection, cids: &[Cid]) -> Result<BTreeSet<Cid>, Fault> {
    let mut lacking = BTreeSet::new();
    for cids in cids.chunks(HAVE_CIDS_MAX) {
        let ask = Ask::Have(HaveAsk { cids: cids.to_vec(), mimei: item.id });
        let here = match calls::ask(shared, connection, ask).await? {
            Answer::Have(answer) if answer.here.len() == cids.len() => answer.here,
            _ => return Err(CommandError::WrongAnswer.into()),
        };
        lacking.extend(cids.iter().zip(here).filter(|(_, here)| !here).map(|(cid, _)| *cid));
    }
    Ok(lacking)
}

/// The relay has the blocks of these rows of the outbox.
async fn gone(shared: &Shared, item: &Item, rows: Vec<Vec<u8>>) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let count = rows.len();
    let delete = rows.into_iter().map(|row| RowKey::new(Table::Outbox, row)).collect();
    shared.effects.apply(Batch { delete, ..Batch::default() }).await?;
    item.outbox.borrow_mut().gone(count);
    changed(shared, item);
    Ok(())
}

/// Brings a relay the blocks of versions that it lacks, as far as they are on this device: it was restored from
/// an older copy, or lost its disk. Says whether it brought any.
///
/// A relay that has a block has all that it names, so only what it lacks is looked into.
pub(super) async fn refill(shared: &Shared, item: &Item, connection: &Connection, has: &Has) -> Result<bool, Fault> {
    let roots = {
        let state = item.state();
        let (records, _) = state.records_after(has, &state.known_logs());
        records.versions.iter().flat_map(|version| [Some(version.body.root), version.body.refs]).flatten().collect()
    };
    let _turn = item.sending.hold(&shared.effects.schedule).await;
    let Some(missing) = missing_below(shared, item, connection, roots).await? else { return Ok(false) };
    let is_any = !missing.is_empty();
    let mut sending = Sending::new(shared, item, connection);
    for cid in missing {
        let Some(bytes) = shared.effects.block(cid).await? else { return Ok(false) };
        sending.send(None, cid, bytes).await?;
    }
    sending.finish().await?;
    Ok(is_any)
}

/// What the relay lacks of these blocks and all below them, what others name first; none if some of it is not on
/// this device: a part would take room at the relay and help nobody.
async fn missing_below(
    shared: &Shared,
    item: &Item,
    connection: &Connection,
    mut level: Vec<Cid>,
) -> Result<Option<Vec<Cid>>, Fault> {
    // One that is named from several levels has to be sent before the lowest of them.
    let mut depths: BTreeMap<Cid, usize> = BTreeMap::new();
    for depth in 0.. {
        if level.is_empty() {
            break;
        }
        order::sort(&mut level);
        level.dedup();
        let lacking = lacking(shared, item, connection, &level).await?;
        if depths.len() + lacking.len() > REFILL_CIDS_MAX {
            return Err(Fault::rule(
                "mimei.tooMuchLost",
                "the relay lost more of this than can be brought back at once",
            ));
        }
        level.clear();
        for cid in lacking {
            depths.insert(cid, depth);
            let Some(bytes) = shared.effects.block(cid).await? else { return Ok(None) };
            level.extend_from_slice(Block::parse(cid.codec(), &bytes).map_err(Fault::verify)?.links());
        }
    }
    let mut found: Vec<(Cid, usize)> = depths.into_iter().collect();
    order::sort_by_key(&mut found, |(_, depth)| Reverse(*depth));
    Ok(Some(found.into_iter().map(|(cid, _)| cid).collect()))
}

/// Blocks that are being sent, a few at once.
struct Sending<'a> {
    shared: &'a Shared,
    item: &'a Item,
    connection: &'a Connection,
    underway: VecDeque<Underway>,
    /// Blocks for which another is to pay.
    again: Vec<(Option<Vec<u8>>, Cid)>,
    /// Rows of the outbox whose blocks the relay has.
    there: Vec<Vec<u8>>,
}

impl<'a> Sending<'a> {
    fn new(shared: &'a Shared, item: &'a Item, connection: &'a Connection) -> Self {
        let (underway, again, there) = Default::default();
        Self { shared, item, connection, underway, again, there }
    }

    async fn send_all(&mut self, page: Vec<Waiting>) -> Result<(), Fault> {
        for Waiting { row, cid, .. } in page {
            let missing = || Fault::verify("a block that waits to be sent is gone from this device");
            let bytes = blocks::block(self.shared, &cid).await?.ok_or_else(missing)?;
            self.send(Some(row), cid, bytes).await?;
        }
        self.finish().await
    }

    async fn send(&mut self, row: Option<Vec<u8>>, cid: Cid, bytes: Vec<u8>) -> Result<(), Fault> {
        let links = Block::parse(cid.codec(), &bytes).map_err(Fault::verify)?.links().to_vec();
        // The relay takes a block only when it has all that it names.
        while self.underway.len() >= BLOCKS_IN_FLIGHT_MAX
            || self.underway.iter().any(|block| links.contains(&block.cid))
        {
            let Some(first) = self.underway.pop_front() else { break };
            self.acknowledged(first).await?;
        }
        let payer = credit::payer(self.shared, self.connection, self.item, Right::Save);
        let spend = credit::cover(self.shared, self.connection, payer).await?;
        let ask = Ask::Put(PutAsk { cid, mimei: self.item.id, payer });
        let call = calls::begin(self.shared, self.connection, ask)?;
        let length = bytes.len() as u64;
        self.connection.send_block(&self.shared.effects, call.number, bytes).await;
        self.underway.push_back(Underway { row, cid, call, payer, spend, length });
        Ok(())
    }

    /// Whether what is sent takes room of this user.
    fn is_own(&self) -> bool {
        self.item.state().genesis.author == self.shared.log.borrow().user()
    }

    async fn finish(&mut self) -> Result<(), Fault> {
        loop {
            while let Some(block) = self.underway.pop_front() {
                self.acknowledged(block).await?;
            }
            let again = core::mem::take(&mut self.again);
            if again.is_empty() {
                // What is kept for this user has grown.
                self.shared.effects.event(Event::CreditChanged);
                return Ok(());
            }
            for (row, cid) in again {
                let gone = || Fault::verify("a block that waits to be sent is gone from this device");
                let bytes = self.shared.effects.block(cid).await?.ok_or_else(gone)?;
                self.send(row, cid, bytes).await?;
            }
        }
    }

    async fn acknowledged(&mut self, block: Underway) -> Result<(), Fault> {
        let Underway { row, cid, call, payer, spend, length } = block;
        match call.reply(self.shared, self.connection).await {
            Ok(Reply::Answer(Answer::Done(_))) if self.is_own() => spend.stored(self.shared, length),
            Ok(Reply::Answer(Answer::Done(_))) => spend.done(self.shared, length),
            Ok(_) => return Err(CommandError::WrongAnswer.into()),
            // Those that name it are refused, too, and all come again in the same order.
            Err(CommandError::Refused(refusal)) if refusal.code == RefusalCode::Missing && !self.again.is_empty() => {
                self.again.push((row, cid));
                return Ok(());
            }
            Err(CommandError::Refused(refusal)) => {
                drop(spend);
                credit::refused(self.shared, self.connection, self.item, payer, refusal).await?;
                self.again.push((row, cid));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let Some(row) = row else { return Ok(()) };
        let number = records::outbox_number(&row);
        self.there.push(row);
        if self.there.len() >= FORGOTTEN_AT_ONCE {
            self.forget().await?;
        }
        // Answers come in order, except for those that were refused before.
        if let Some(number) = number.filter(|_| self.again.is_empty()) {
            announce::sent(self.shared, self.item, number + 1);
        }
        Ok(())
    }

    /// Takes what the relay has out of the outbox.
    async fn forget(&mut self) -> Result<(), Fault> {
        let there = core::mem::take(&mut self.there);
        gone(self.shared, self.item, there).await
    }
}
