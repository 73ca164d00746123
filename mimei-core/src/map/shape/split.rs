//! How a heavy group is split (the rule is in the text of [`crate::map`]).
//!
//! An edit must not read a whole group that someone made huge, so the rule can be
//! run on a window of it. Every piece then says what it may depend on: the edges
//! of the window, and the items that were changed. A piece that depends on no
//! edge is what the whole group would give; one that depends on no change either
//! is a node that is there already.

use alloc::vec::Vec;

use super::Label;
use crate::map::limits::LIGHT_WEIGHT;

/// The piece depends on an item that was put, changed or lies beside a deleted one.
pub(in crate::map) const CHANGED: u8 = 1;
/// The piece depends on what lies before the window.
pub(in crate::map) const OPEN_LEFT: u8 = 2;
/// The piece depends on what lies behind the window.
pub(in crate::map) const OPEN_RIGHT: u8 = 4;

/// Pieces before and behind a place that decide in a round whether a piece starts there:
/// five for the colours and one for the neighbour's, and the neighbour behind.
const BEFORE: usize = 6;
const BEHIND: usize = 1;
/// Times that colours are reduced: 2^256, 512, 18, 10, 8, 6.
const REDUCTIONS: usize = 5;

/// What splitting needs to know of an item.
pub(in crate::map) struct Atom {
    pub(in crate::map) weight: u32,
    pub(in crate::map) label: Label,
    pub(in crate::map) flags: u8,
}

/// A run of items that makes a node, and what that depends on.
#[derive(Clone, Copy)]
pub(in crate::map) struct Piece {
    pub(in crate::map) start: usize,
    pub(in crate::map) end: usize,
    pub(in crate::map) flags: u8,
    weight: u32,
    label: Label,
}

impl Piece {
    fn is_light(&self) -> bool {
        self.weight < LIGHT_WEIGHT
    }

    fn edge(at: usize, flags: u8) -> Self {
        Self { start: at, end: at, flags, weight: LIGHT_WEIGHT, label: [0; 4] }
    }
}

/// Splits a group, or a window of one that is open at one side or both (`open`
/// is any of [`OPEN_LEFT`] and [`OPEN_RIGHT`]). The group must be known to be heavy.
pub(in crate::map) fn split(atoms: &[Atom], open: u8) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(atoms.len() + 2);
    if open & OPEN_LEFT != 0 {
        pieces.push(Piece::edge(0, OPEN_LEFT));
    }
    pieces.extend(atoms.iter().enumerate().map(|(at, atom)| Piece {
        start: at,
        end: at + 1,
        flags: atom.flags,
        weight: atom.weight,
        label: atom.label,
    }));
    if open & OPEN_RIGHT != 0 {
        pieces.push(Piece::edge(atoms.len(), OPEN_RIGHT));
    }
    while let Some(merged) = round(&pieces) {
        pieces = merged;
    }
    join(&pieces)
}

/// One round over all runs of light pieces, or `None` if there is none.
fn round(pieces: &[Piece]) -> Option<Vec<Piece>> {
    let mut out = Vec::with_capacity(pieces.len());
    let mut merged = false;
    let mut at = 0;
    while at < pieces.len() {
        let light = pieces[at..].iter().take_while(|piece| piece.is_light()).count();
        match light {
            0 => out.push(pieces[at]),
            // That it stays alone depends on its neighbours being heavy.
            1 => out.push(Piece { flags: flags_around(pieces, at, 1, 1), ..pieces[at] }),
            _ => {
                merge_run(pieces, at, at + light, &mut out);
                merged = true;
            }
        }
        at += light.max(1);
    }
    merged.then_some(out)
}

fn merge_run(pieces: &[Piece], start: usize, end: usize, out: &mut Vec<Piece>) {
    let colours = colours(&pieces[start..end]);
    let mut block = pieces[start];
    block.flags |= flags_around(pieces, start, 1, BEHIND);
    for at in start + 1..end {
        // Whether there is a cut here matters to the pieces on both sides of it.
        let first_seen = (at - start + 1).min(BEFORE);
        let flags = flags_around(pieces, at, first_seen, BEHIND);
        block.flags |= flags;
        if is_cut(&colours, at - start) {
            out.push(block);
            block = Piece { flags, ..pieces[at] };
        } else {
            block.end = pieces[at].end;
            block.weight += pieces[at].weight;
        }
    }
    block.flags |= flags_around(pieces, end - 1, 0, 1);
    out.push(block);
}

/// All flags from `before` pieces before `at` to `behind` pieces behind it.
fn flags_around(pieces: &[Piece], at: usize, before: usize, behind: usize) -> u8 {
    let last = (at + behind).min(pieces.len() - 1);
    pieces[at.saturating_sub(before)..=last].iter().fold(0, |flags, piece| flags | piece.flags)
}

fn is_cut(colours: &[u16], at: usize) -> bool {
    at >= 2 && at + 1 < colours.len() && colours[at - 1] > colours[at] && colours[at] < colours[at + 1]
}

fn colours(run: &[Piece]) -> Vec<u16> {
    let mut colours = Vec::with_capacity(run.len());
    colours.push((run[0].label[0] & 1) as u16);
    colours.extend(run.windows(2).map(|pair| first_colour(&pair[0].label, &pair[1].label)));
    for _ in 1..REDUCTIONS {
        // From the end, so that the colour before is still the old one.
        for at in (1..colours.len()).rev() {
            let bit = lowest(u64::from(colours[at] ^ colours[at - 1])).unwrap_or(0);
            colours[at] = 2 * bit + (colours[at] >> bit & 1);
        }
        colours[0] &= 1;
    }
    colours
}

fn first_colour(before: &Label, own: &Label) -> u16 {
    // Labels of different keys are equal only if BLAKE3 collides.
    let differing = (0..own.len()).find_map(|word| Some((word, lowest(own[word] ^ before[word])?)));
    let (word, bit) = differing.unwrap_or((0, 0));
    2 * (64 * word as u16 + bit) + (own[word] >> bit & 1) as u16
}

fn lowest(bits: u64) -> Option<u16> {
    (bits != 0).then(|| bits.trailing_zeros() as u16)
}

/// Joins the light pieces that are left, and drops the edges.
fn join(pieces: &[Piece]) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut before_it: Option<Piece> = None;
    for (at, piece) in pieces.iter().enumerate() {
        let mut piece = Piece { flags: flags_around(pieces, at, 1, 1), ..*piece };
        if let Some(first) = before_it.take() {
            piece = Piece { start: first.start, flags: first.flags | piece.flags, ..piece };
        }
        match out.last_mut() {
            Some(last) if piece.is_light() => {
                last.end = piece.end;
                last.flags |= piece.flags;
            }
            None if piece.is_light() => before_it = Some(piece),
            _ => out.push(piece),
        }
    }
    out.extend(before_it);
    out.retain(|piece| piece.end > piece.start);
    out
}
