//! Blocks by HTTP: a ticket from a session, and what is asked and answered with it.
//!
//! ```text
//! session   ask ticket {bytes, mimei, payer}     ->
//!                                                <-   answer ticket {ms, secret}
//! HTTP      POST, authorization: MiMei <secret>  ->
//!           body: addresses, 36 bytes each
//!                                                <-   body: each block behind its length, 4 bytes, big endian;
//!                                                     it ends at the first one that is not served
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cbor::{Cbor, DecodeError, Reader, Writer};
use crate::cid::{Cid, MimeiId, base32};
use crate::limits::{BLOCK_BYTES_MAX, FETCH_CIDS_MAX};
use crate::record::record;
use crate::wire::Payer;

const SCHEME: &str = "MiMei ";
const LENGTH_BYTES: usize = 4;

record! {
    /// Wants to read blocks of a MiMei by HTTP for a while.
    pub struct TicketAsk {
        /// How many bytes in all.
        "bytes" => bytes: u64,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// Who pays, as in [`crate::wire::GetAsk`].
        "payer" => payer: Payer,
    }
}

record! {
    /// What to show.
    pub struct TicketAnswer {
        /// For so many milliseconds, or until the session ends.
        "ms" => ms: u64,
        /// Whoever has it may do what the session may.
        "secret" => secret: TicketSecret,
    }
}

/// What is shown to be served: 32 bytes that nobody guesses. It is never logged.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct TicketSecret([u8; 32]);

impl fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketSecret(…)")
    }
}

impl Cbor for TicketSecret {
    fn write(&self, w: &mut Writer) {
        self.0.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Cbor::read(r).map(Self)
    }
}

impl TicketSecret {
    /// The secret in these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What a table of tickets is searched by, so that no comparison tells anything of a secret.
    pub(crate) fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.0).as_bytes()
    }

    /// The value of the `authorization` header.
    pub fn to_header(&self) -> String {
        let mut text = String::from(SCHEME);
        base32().encode_append(&self.0, &mut text);
        text
    }

    /// The secret in the value of an `authorization` header.
    pub fn from_header(text: &str) -> Option<Self> {
        let bytes = base32().decode(text.strip_prefix(SCHEME)?.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// The body of a request for blocks.
pub fn write_wanted(cids: &[Cid]) -> Vec<u8> {
    cids.iter().flat_map(Cid::to_bytes).collect()
}

/// The blocks that a request is for: at least one, at most [`FETCH_CIDS_MAX`].
pub fn read_wanted(body: &[u8]) -> Option<Vec<Cid>> {
    let (cids, rest) = body.as_chunks::<{ Cid::BYTES }>();
    if cids.is_empty() || cids.len() > FETCH_CIDS_MAX || !rest.is_empty() {
        return None;
    }
    cids.iter().map(|cid| Cid::from_bytes(cid).ok()).collect()
}

/// What stands before a block in the answer.
pub fn length_before(block: &[u8]) -> [u8; LENGTH_BYTES] {
    // A block has at most 1 MiB.
    (block.len() as u32).to_be_bytes()
}

/// The blocks of an answer to a request for so many, as far as it goes. What they are is still to be verified.
pub fn read_fetched(wanted: usize, mut body: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while blocks.len() < wanted {
        let Some((length, rest)) = body.split_first_chunk::<LENGTH_BYTES>() else { break };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((block, rest)) = rest.split_at_checked(length).filter(|_| length <= BLOCK_BYTES_MAX) else { break };
        blocks.push(block);
        body = rest;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid::Codec;
    use alloc::format;
    use alloc::vec;

    fn answer(blocks: &[&[u8]]) -> Vec<u8> {
        blocks.iter().flat_map(|block| [&length_before(block)[..], block].concat()).collect()
    }

    #[test]
    fn a_header_holds_the_secret_and_a_log_does_not() {
        let secret = TicketSecret::from_bytes([7; 32]);
        let header = secret.to_header();
        assert_eq!(TicketSecret::from_header(&header), Some(secret.clone()));
        assert_eq!(format!("{secret:?}"), "TicketSecret(…)");
        for bad in ["", "MiMei ", "Bearer a", &header[1..], &header[..header.len() - 1], &format!("{header}a")] {
            assert_eq!(TicketSecret::from_header(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_request_names_whole_addresses_and_not_too_many() {
        let cids = vec![Cid::of(Codec::Raw, b"a"); FETCH_CIDS_MAX];
        let body = write_wanted(&cids);
        assert_eq!(read_wanted(&body), Some(cids));
        assert_eq!(read_wanted(&[]), None);
        assert_eq!(read_wanted(&body[1..]), None);
        assert_eq!(read_wanted(&body[..Cid::BYTES - 1]), None);
        assert_eq!(read_wanted(&[&body[..], &body[..Cid::BYTES]].concat()), None);
    }

    #[test]
    fn an_answer_is_read_as_far_as_it_goes() {
        let (a, b) = (&b"one"[..], &b"another"[..]);
        let whole = answer(&[a, b]);
        assert_eq!(read_fetched(2, &whole), [a, b]);
        assert_eq!(read_fetched(3, &whole), [a, b]);
        assert_eq!(read_fetched(1, &whole), [a]);
        assert_eq!(read_fetched(2, &whole[..whole.len() - 1]), [a]);
        assert_eq!(read_fetched(2, &whole[..2]).len(), 0);
        assert_eq!(read_fetched(2, &[0xff; 9]).len(), 0);
    }

    #[test]
    fn a_block_that_says_it_is_larger_than_blocks_are_is_none() {
        let large = vec![0; BLOCK_BYTES_MAX + 1];
        assert_eq!(read_fetched(1, &answer(&[&large])).len(), 0);
        assert_eq!(read_fetched(1, &answer(&[&large[1..]])).len(), 1);
    }
}
