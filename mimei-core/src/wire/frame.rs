//! Frames and how they are cut into packets.
//!
//! A packet is one byte of flags and a part of a frame's body:
//!
//! ```text
//! bit 0  MORE   the frame goes on in the next packet of the same lane
//! bit 1  BULK   lane: 0 control, 1 bulk; parts of one lane never mix
//! bit 2  BLOCK  the body is an ask's number (8 bytes, big endian) and a block
//! ```
//!
//! All other bits are zero. Control frames overtake bulk frames between packets.

use alloc::vec::Vec;
use core::fmt;

use super::message::Message;
use crate::cbor::{Cbor, DecodeError};
use crate::limits::{FRAME_BYTES_MAX, PACKET_BODY_BYTES_MAX};

const MORE: u8 = 1;
const BULK: u8 = 2;
const BLOCK: u8 = 4;
const NUMBER_BYTES: usize = 8;

/// One unit of conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// A message in CBOR.
    Message(Message),
    /// A block that belongs to the ask with this number: its answer, or what it brings.
    Block {
        /// The ask's number.
        number: u64,
        /// The block as it is stored.
        bytes: Vec<u8>,
    },
}

/// Why a packet ended the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// An empty packet, or flags that this version does not know.
    BadFlags,
    /// A frame longer than any frame may be.
    TooLarge,
    /// Packets of one lane do not agree about what they are parts of.
    Mixed,
    /// A block frame shorter than its number.
    Short,
    /// A message that is not canonical CBOR, or of a kind this version does not know.
    Message(DecodeError),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadFlags => f.write_str("a packet with unknown flags"),
            Self::TooLarge => write!(f, "a frame of more than {FRAME_BYTES_MAX} bytes"),
            Self::Mixed => f.write_str("parts of different frames in one lane"),
            Self::Short => f.write_str("a block frame without a number"),
            Self::Message(error) => write!(f, "an unreadable message: {error}"),
        }
    }
}

impl core::error::Error for FrameError {}

/// The packets of a frame, in order.
pub fn packets_of(frame: &Frame) -> Vec<Vec<u8>> {
    match frame {
        Frame::Message(message) => cut(0, &[&message.to_cbor()]),
        Frame::Block { number, bytes } => cut(BULK | BLOCK, &[&number.to_be_bytes(), bytes]),
    }
}

fn cut(flags: u8, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut left: usize = parts.iter().map(|part| part.len()).sum();
    let mut packet = Vec::with_capacity(1 + left.min(PACKET_BODY_BYTES_MAX));
    packet.push(flags);
    for mut part in parts.iter().copied() {
        while !part.is_empty() {
            if packet.len() > PACKET_BODY_BYTES_MAX {
                packet[0] |= MORE;
                let mut next = Vec::with_capacity(1 + left.min(PACKET_BODY_BYTES_MAX));
                next.push(flags);
                packets.push(core::mem::replace(&mut packet, next));
            }
            let (now, later) = part.split_at(part.len().min(PACKET_BODY_BYTES_MAX + 1 - packet.len()));
            packet.extend_from_slice(now);
            left -= now.len();
            part = later;
        }
    }
    packets.push(packet);
    packets
}

/// Puts packets together again. Holds at most one unfinished frame for each lane.
#[derive(Default)]
pub struct Reassembler {
    lanes: [Option<(u8, Vec<u8>)>; 2],
}

impl Reassembler {
    /// Takes one packet; returns the frame that it completes.
    pub fn push(&mut self, packet: &[u8]) -> Result<Option<Frame>, FrameError> {
        let (&flags, body) = packet.split_first().ok_or(FrameError::BadFlags)?;
        if flags & !(MORE | BULK | BLOCK) != 0 {
            return Err(FrameError::BadFlags);
        }
        let kind = flags & !MORE;
        let lane = &mut self.lanes[usize::from(flags & BULK != 0)];
        let (started_as, buffer) = lane.get_or_insert_with(|| (kind, Vec::new()));
        if *started_as != kind {
            return Err(FrameError::Mixed);
        }
        if buffer.len() + body.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge);
        }
        buffer.extend_from_slice(body);
        if flags & MORE != 0 {
            // An empty part that promises more would make no progress.
            return if body.is_empty() { Err(FrameError::BadFlags) } else { Ok(None) };
        }
        let body = core::mem::take(buffer);
        *lane = None;
        decode(kind, body).map(Some)
    }
}

fn decode(kind: u8, mut body: Vec<u8>) -> Result<Frame, FrameError> {
    if kind & BLOCK == 0 {
        return Message::from_cbor(&body).map(Frame::Message).map_err(FrameError::Message);
    }
    let number = body.first_chunk::<NUMBER_BYTES>().map(|n| u64::from_be_bytes(*n)).ok_or(FrameError::Short)?;
    body.drain(..NUMBER_BYTES);
    Ok(Frame::Block { number, bytes: body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Ask, Nothing};
    use alloc::vec;

    fn block(bytes: usize) -> Frame {
        Frame::Block { number: 7, bytes: (0..bytes).map(|i| i as u8).collect() }
    }

    fn put_together(packets: &[Vec<u8>]) -> Result<Option<Frame>, FrameError> {
        let mut reassembler = Reassembler::default();
        let mut last = Ok(None);
        for packet in packets {
            last = reassembler.push(packet);
        }
        last
    }

    #[test]
    fn a_frame_of_any_size_survives_being_cut() {
        for bytes in [0, 1, PACKET_BODY_BYTES_MAX - 8, PACKET_BODY_BYTES_MAX - 7, 262_144, FRAME_BYTES_MAX - 8] {
            let packets = packets_of(&block(bytes));
            assert!(packets.iter().all(|packet| packet.len() <= 1 + PACKET_BODY_BYTES_MAX));
            assert_eq!(put_together(&packets), Ok(Some(block(bytes))), "{bytes}");
        }
    }

    #[test]
    fn a_message_overtakes_a_block_between_its_packets() {
        let ask = Frame::Message(Message::Ask((1, Ask::Ping(Nothing {}))));
        let big = packets_of(&block(200_000));
        let mut reassembler = Reassembler::default();
        assert_eq!(reassembler.push(&big[0]), Ok(None));
        assert_eq!(reassembler.push(&packets_of(&ask)[0]), Ok(Some(ask)));
        assert_eq!(reassembler.push(&big[1]), Ok(None));
    }

    #[test]
    fn packets_that_break_the_rules_are_refused() {
        assert_eq!(put_together(&[vec![]]), Err(FrameError::BadFlags));
        assert_eq!(put_together(&[vec![8, 1]]), Err(FrameError::BadFlags));
        assert_eq!(put_together(&[vec![MORE]]), Err(FrameError::BadFlags));
        assert_eq!(put_together(&[vec![BULK | BLOCK, 1, 2]]), Err(FrameError::Short));
        assert_eq!(put_together(&[vec![BULK | BLOCK | MORE, 1], vec![BULK, 1]]), Err(FrameError::Mixed));
        let endless = vec![vec![[&[MORE][..], &[0; PACKET_BODY_BYTES_MAX]].concat(); 1]; 40].concat();
        let mut reassembler = Reassembler::default();
        let refused = endless.iter().find_map(|packet| reassembler.push(packet).err());
        assert_eq!(refused, Some(FrameError::TooLarge));
    }
}
