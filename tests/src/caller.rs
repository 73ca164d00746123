//! Somebody's session with a relay, who asks whatever a test wants.

use mimei_core::cid::{Cid, MimeiId};
use mimei_core::limits::UNSENT_BYTES_HIGH;
use mimei_core::peer::Input;
use mimei_core::wire::{Answer, Ask, Frame, GetAsk, Message, Payer, PublishAsk, PutAsk, Records, RefusalCode};

use crate::people::Person;
use crate::sim::websocket;
use crate::solo::Solo;
use crate::stranger::{Line, Stranger};

/// Somebody's session with a relay.
pub struct Caller {
    /// The connection.
    pub line: Line,
    next: u64,
}

impl Caller {
    /// A session of somebody's device.
    pub fn new(solo: &mut Solo, person: &Person, seed: u8) -> Self {
        let stranger = Stranger::new(person.device.clone(), &person.log, seed);
        let mut line = stranger.enter(solo, &websocket());
        line.hear(solo);
        Self { line, next: 0 }
    }

    /// Asks without looking for what comes back.
    pub fn say(&mut self, solo: &mut Solo, ask: Ask) -> u64 {
        let number = self.next;
        self.next += 2;
        self.line.say(solo, &Frame::Message(Message::Ask((number, ask))));
        number
    }

    /// Asks; what came back.
    pub fn ask(&mut self, solo: &mut Solo, ask: Ask) -> Result<Answer, RefusalCode> {
        let number = self.say(solo, ask);
        self.reply(solo, number)
    }

    /// What came back for an ask.
    pub fn reply(&mut self, solo: &mut Solo, number: u64) -> Result<Answer, RefusalCode> {
        self.heard(solo, number).expect("an answer or a refusal")
    }

    fn heard(&mut self, solo: &mut Solo, number: u64) -> Option<Result<Answer, RefusalCode>> {
        // The transport has sent everything.
        solo.tell(Input::Sent { connection: self.line.connection, bytes: UNSENT_BYTES_HIGH });
        let mut replies = self.line.hear(solo).into_iter().filter_map(|message| match message {
            Message::Answer((n, answer)) if n == number => Some(Ok(answer)),
            Message::Refuse((n, refusal)) if n == number => Some(Err(refusal.code)),
            _ => None,
        });
        replies.next_back()
    }

    /// Brings a block at one's own expense.
    pub fn put(&mut self, solo: &mut Solo, mimei: MimeiId, cid: Cid, bytes: Vec<u8>) -> Result<Answer, RefusalCode> {
        let number = self.say(solo, Ask::Put(PutAsk { cid, mimei, payer: Payer::Asker }));
        self.line.say(solo, &Frame::Block { number, bytes });
        self.reply(solo, number)
    }

    /// Wants a block, whose bytes are not looked at.
    pub fn get(&mut self, solo: &mut Solo, mimei: MimeiId, cid: Cid, payer: Payer) -> Result<(), RefusalCode> {
        let number = self.say(solo, Ask::Get(GetAsk { cid, mimei, payer }));
        match self.heard(solo, number) {
            Some(Err(code)) => Err(code),
            Some(Ok(answer)) => panic!("a block was asked for, not {answer:?}"),
            None => Ok(()),
        }
    }

    /// Brings records.
    pub fn publish(&mut self, solo: &mut Solo, mimei: MimeiId, records: Records) -> Result<Answer, RefusalCode> {
        self.ask(solo, Ask::Publish(Box::new(PublishAsk { seen: None, mimei, genesis: None, records })))
    }
}
