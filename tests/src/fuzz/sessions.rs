//! What arrives before and beside messages: handshakes, and frames cut into packets.

use mimei_core::cbor::Cbor;
use mimei_core::seal::{BlockToSeal, Epoch};
use mimei_core::sign::Domain;
use mimei_core::wire::noise::{Handshake, Proof, Role};
use mimei_core::wire::{Frame, Message, Reassembler, packets_of};

use super::corpus;
use crate::people::Person;
use crate::sim::websocket;

const DIALER: [u8; 32] = [1; 32];
const LISTENER: [u8; 32] = [2; 32];

/// A handshake under way: both sides, and the three messages of a good one.
struct Meeting {
    dialer: Handshake,
    listener: Handshake,
}

impl Meeting {
    fn new() -> Self {
        let start = |role, seed| Handshake::new(role, &websocket(), seed).expect("a handshake can start");
        Self { dialer: start(Role::Dialer, &DIALER), listener: start(Role::Listener, &LISTENER) }
    }

    fn first(&mut self) -> Vec<u8> {
        self.dialer.write(None).expect("the first message")
    }

    fn second(&mut self, proof: &Proof) -> Vec<u8> {
        self.listener.write(Some(proof)).expect("the second message")
    }
}

fn proof(person: &Person, handshake: &Handshake) -> Proof {
    let sig = person.device.sign(Domain::Session, &handshake.claim().to_cbor());
    Proof { log: person.log.newest(), sig, user: person.user(), device: person.device.keys().sign }
}

/// Each message with its number before it.
pub(super) fn handshakes() -> Vec<Vec<u8>> {
    let (person, mut meeting) = (corpus::person(), Meeting::new());
    let first = meeting.first();
    meeting.listener.read_first(&first).expect("a good first message");
    let second = meeting.second(&proof(&person, &meeting.listener));
    meeting.dialer.read_proof(&second).expect("a good second message");
    let third = meeting.dialer.write(Some(&proof(&person, &meeting.dialer))).expect("the third message");
    [first, second, third].into_iter().zip(1..).map(|(message, number)| [&[number], &message[..]].concat()).collect()
}

/// Reads a message where the handshake expects it. Only the first can be anything else than what was
/// sent: its reader knows nothing yet.
pub(super) fn handshake(input: &[u8]) -> Result<Vec<u8>, String> {
    let (number, message) = input.split_first().ok_or("nothing")?;
    let mut meeting = Meeting::new();
    let said = |error| format!("{number} {error:?}");
    if number % 3 == 1 {
        return meeting.listener.read_first(message).map(|()| input.to_vec()).map_err(said);
    }
    let first = meeting.first();
    meeting.listener.read_first(&first).map_err(said)?;
    if number % 3 == 2 {
        // The dialer does not know what the listener will say.
        meeting.dialer.read_proof(message).map_err(said)?;
    } else {
        let person = corpus::person();
        let second = meeting.second(&proof(&person, &meeting.listener));
        meeting.dialer.read_proof(&second).map_err(said)?;
        meeting.listener.read_proof(message).map_err(said)?;
    }
    assert!(handshakes().iter().any(|good| good[1..] == *message), "a message that nobody signed");
    Ok(input.to_vec())
}

/// Packets behind each other, each after its length (2 bytes, big endian).
fn joined(packets: &[Vec<u8>]) -> Vec<u8> {
    let with_length = |packet: &Vec<u8>| [&(packet.len() as u16).to_be_bytes()[..], packet].concat();
    packets.iter().flat_map(with_length).collect()
}

pub(super) fn packets() -> Vec<Vec<u8>> {
    let block = Epoch::Public.seal(BlockToSeal { body: vec![5; 70_000], links: vec![] }).expect("a small block");
    let mut all: Vec<_> = corpus::vectors("packet").iter().map(|packet| joined(std::slice::from_ref(packet))).collect();
    let messages = corpus::vectors("message");
    let messages = messages.iter().filter_map(|bytes| Message::from_cbor(bytes).ok()).map(Frame::Message);
    let messages: Vec<_> = messages.flat_map(|frame| packets_of(&frame)).collect();
    let blocks = packets_of(&Frame::Block { number: 7, bytes: block.bytes });
    // A block with a message between its packets.
    all.push(joined(&[&blocks[..1], &messages[..1], &blocks[1..]].concat()));
    all.push(joined(&messages));
    all
}

/// Takes packets as a connection does, and cuts the frames into packets again.
pub(super) fn frames(input: &[u8]) -> Result<Vec<u8>, String> {
    let (mut rest, mut reassembler, mut written) = (input, Reassembler::default(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (packet, after) = after.split_at(length);
        rest = after;
        if let Some(frame) = reassembler.push(packet).map_err(|error| format!("{error:?}"))? {
            written.extend(packets_of(&frame));
        }
    }
    Ok(joined(&written))
}
