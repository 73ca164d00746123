//! A hand that shakes by itself and then may say anything, right or wrong.
//!
//! It uses the library's own Noise and frames, so what it gets wrong is exactly
//! what a test makes it get wrong.

use mimei_core::Seed;
use mimei_core::cbor::Cbor;
use mimei_core::cid::{EntryId, UserId};
use mimei_core::identity::{Entry, IdentityLog};
use mimei_core::peer::ConnectionId;
use mimei_core::secret::DeviceSecrets;
use mimei_core::sign::{Domain, Signed};
use mimei_core::wire::noise::{Binding, Handshake, Proof, Role, Session};
use mimei_core::wire::{Frame, Hello, Message, Reassembler, packets_of};

use crate::solo::Solo;

/// Somebody with a device, who claims to be a user.
pub struct Stranger {
    /// Whom it claims to be.
    pub user: UserId,
    /// The tips that its proof cites.
    pub tips: Vec<EntryId>,
    /// The log that it says hello with.
    pub log: Vec<Signed<Entry>>,
    /// What it signs with.
    pub device: DeviceSecrets,
    /// Whom it says it is on the line: its own role unless a test lies.
    pub seed: Seed,
}

impl Stranger {
    /// Somebody honest.
    pub fn new(device: DeviceSecrets, log: &IdentityLog, seed: u8) -> Self {
        Self { user: log.user(), tips: log.tips(), log: log.entries(), device, seed: [seed; 32] }
    }

    /// The proof for a handshake.
    pub fn proof(&self, handshake: &Handshake) -> Proof {
        let sig = self.device.sign(Domain::Session, &handshake.claim().to_cbor());
        Proof { log: self.tips.clone(), sig, user: self.user, device: self.device.keys().sign }
    }

    /// Calls a listening peer and finishes Noise; the hello is not said yet.
    pub fn call(&self, solo: &mut Solo, binding: &Binding) -> Line {
        let connection = solo.listen(binding);
        let mut noise = Handshake::new(Role::Dialer, binding, &self.seed).expect("a handshake");
        solo.receive(connection, noise.write(None).expect("the first message"));
        let second = one(solo.take_packets(connection));
        noise.read_proof(&second).expect("the listener's proof");
        let proof = self.proof(&noise);
        solo.receive(connection, noise.write(Some(&proof)).expect("the third message"));
        Line::new(connection, noise, binding)
    }

    /// Calls a listening peer and says hello.
    pub fn enter(&self, solo: &mut Solo, binding: &Binding) -> Line {
        let mut line = self.call(solo, binding);
        line.say(solo, &Frame::Message(self.hello()));
        line
    }

    /// Answers a peer that dials.
    pub fn answer(&self, solo: &mut Solo, connection: ConnectionId, binding: &Binding) -> Line {
        let mut noise = Handshake::new(Role::Listener, binding, &self.seed).expect("a handshake");
        noise.read_first(&one(solo.take_packets(connection))).expect("the first message");
        let proof = self.proof(&noise);
        solo.receive(connection, noise.write(Some(&proof)).expect("the second message"));
        let mut packets = solo.take_packets(connection).into_iter();
        noise.read_proof(&packets.next().expect("the dialer's proof")).expect("a good proof");
        let mut line = Line::new(connection, noise, binding);
        line.waiting.extend(packets);
        line.say(solo, &Frame::Message(self.hello()));
        line
    }

    /// The first frame.
    pub fn hello(&self) -> Message {
        Message::Hello(Hello { log: self.log.clone() })
    }
}

/// A connection of a stranger's, behind Noise.
pub struct Line {
    /// The peer's name for it.
    pub connection: ConnectionId,
    session: Session,
    reassembler: Reassembler,
    waiting: Vec<Vec<u8>>,
}

impl Line {
    fn new(connection: ConnectionId, noise: Handshake, binding: &Binding) -> Self {
        let session = noise.finish(binding).expect("a finished handshake");
        Self { connection, session, reassembler: Reassembler::default(), waiting: Vec::new() }
    }

    /// What a signature must cover to be bound to this session.
    pub fn session_hash(&self) -> [u8; 32] {
        *self.session.hash()
    }

    /// Says a frame.
    pub fn say(&mut self, solo: &mut Solo, frame: &Frame) {
        for packet in packets_of(frame) {
            self.say_packet(solo, packet);
        }
    }

    /// Says something that need not be a packet.
    pub fn say_packet(&mut self, solo: &mut Solo, packet: Vec<u8>) {
        let sealed = self.seal(packet);
        solo.receive(self.connection, sealed);
    }

    /// A packet as it would go out next.
    pub fn seal(&mut self, packet: Vec<u8>) -> Vec<u8> {
        self.session.seal(packet).expect("a packet that Noise takes")
    }

    /// What the peer said since the last time.
    pub fn hear(&mut self, solo: &mut Solo) -> Vec<Message> {
        let mut heard = Vec::new();
        self.waiting.extend(solo.take_packets(self.connection));
        for packet in std::mem::take(&mut self.waiting) {
            let packet = self.session.open(packet).expect("a packet of this session");
            match self.reassembler.push(&packet).expect("a packet of a frame") {
                Some(Frame::Message(message)) => heard.push(message),
                Some(Frame::Block { .. }) | None => {}
            }
        }
        heard
    }
}

fn one(packets: Vec<Vec<u8>>) -> Vec<u8> {
    let [packet] = <[_; 1]>::try_from(packets).expect("one packet");
    packet
}
