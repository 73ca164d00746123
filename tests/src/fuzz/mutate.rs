//! How inputs are changed.

#![allow(clippy::ptr_arg, reason = "all changes have one type")]

use crate::random::Random;

/// Inputs in bytes: above every limit of counts, below what makes a run slow.
const INPUT_BYTES_MAX: usize = 96 << 10;
/// Changes to one input at most.
const CHANGES_MAX: u64 = 6;
/// Values stacked into each other by one change.
const NESTING_MAX: u64 = 4096;

/// Bytes that mean something: heads of CBOR in their longest and shortest forms, flags, marks in texts.
const TELLING: &[u8] =
    b"\x00\x01\x02\x03\x04\x05\x07\x17\x18\x1b\x1f\x3b\x40\x58\x5b\x5f\x60\x78\x7b\x7f\x80\x81\x9b\x9f\xa0\xa1\xbb\
      \xbf\xd8\xdb\xf4\xf5\xf6\xf7\xf9\xfb\xff#%&,-./:=?@[]azAZ09\r\n ";

/// Numbers at the borders of what fits and of what is allowed.
const BORDERS: &[u64] = &[0, 1, 23, 24, 255, 256, 1023, 1024, 1025, 65_535, 65_536, 1 << 20, 1 << 32, 1 << 53, 1 << 63];

type Change = fn(&mut Vec<u8>, &[u8], &mut Random);

const CHANGES: &[Change] = &[flip, tell, cut, remove, double, insert, splice, borrow, length, count, nest, nudge];

/// An input made from another, with parts of a third.
pub(super) fn mutated(mut input: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    for _ in 0..=random.within(0..CHANGES_MAX) {
        random.pick(CHANGES)(&mut input, other, random);
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}

fn place(input: &[u8], random: &mut Random) -> usize {
    random.within(0..input.len() as u64 + 1) as usize
}

/// A part that is mostly short.
fn part(input: &[u8], random: &mut Random) -> std::ops::Range<usize> {
    let start = place(input, random);
    let most = if random.chance(800_000) { 16 } else { 4096 };
    let length = random.within(0..most + 1) as usize;
    start..(start + length).min(input.len())
}

fn flip(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = place(input, random);
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.within(0..8);
    }
}

fn tell(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = place(input, random);
    if let Some(byte) = input.get_mut(at) {
        *byte = *random.pick(TELLING);
    }
}

fn nudge(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = place(input, random);
    if let Some(byte) = input.get_mut(at) {
        *byte = if random.chance(500_000) { byte.wrapping_add(1) } else { byte.wrapping_sub(1) };
    }
}

fn cut(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    input.truncate(place(input, random));
}

fn remove(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    input.drain(part(input, random));
}

fn double(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let part = part(input, random);
    let copy = input[part.clone()].to_vec();
    for _ in 0..=random.within(0..8) {
        input.splice(part.end..part.end, copy.iter().copied());
    }
}

fn insert(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = place(input, random);
    let length = random.within(1..9) as usize;
    let new = if random.chance(500_000) { vec![*random.pick(TELLING); length] } else { random.bytes(length) };
    input.splice(at..at, new);
}

/// The beginning of one and the end of another.
fn splice(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    input.truncate(place(input, random));
    input.extend_from_slice(&other[place(other, random)..]);
}

/// A part of another in the place of one of this.
fn borrow(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let part_here = part(input, random);
    input.splice(part_here, other[part(other, random)].iter().copied());
}

/// Another number in a place that could be a length of two or four bytes, in either order.
fn length(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = place(input, random);
    let number = *random.pick(BORDERS);
    let bytes = match random.within(0..4) {
        0 => (number as u16).to_be_bytes().to_vec(),
        1 => (number as u32).to_be_bytes().to_vec(),
        2 => ((input.len() - at) as u16).to_be_bytes().to_vec(),
        _ => (number as u16).to_le_bytes().to_vec(),
    };
    for (to, from) in input.iter_mut().skip(at).zip(bytes) {
        *to = from;
    }
}

/// Another number in the head of a value of CBOR, in the shortest form or the longest.
fn count(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = place(input, random);
    let Some(&head) = input.get(at) else { return };
    let number = match random.within(0..3) {
        0 => u64::MAX - random.within(0..2),
        _ => *random.pick(BORDERS),
    };
    let width = match head & 0x1f {
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => 0,
    };
    let end = (at + 1 + width).min(input.len());
    input.splice(at..end, head_of(head & 0xe0, number, random.chance(100_000)));
}

fn head_of(major: u8, number: u64, is_long: bool) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let (short, width) = match number {
        _ if is_long => (27, 8),
        0..24 => return vec![major | number as u8],
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    [&[major | short], &bytes[8 - width..]].concat()
}

/// Arrays, maps or tags of one value inside of each other.
fn nest(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = place(input, random);
    let depth = random.within(1..NESTING_MAX) as usize;
    let head = *random.pick(&[0x81, 0xa1, 0xc1, 0x9f, b'%', b'[']);
    input.splice(at..at, vec![head; depth]);
}
