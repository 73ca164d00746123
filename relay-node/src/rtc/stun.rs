//! STUN (RFC 8489) as far as the hub needs it: read a Binding request, check its
//! MESSAGE-INTEGRITY, write one of our own.
//!
//! ```text
//!   0       2       4               8                          20
//!   | type  | len   | 2112A442      | transaction id (12)       | attributes, 4-byte aligned
//! ```
//!
//! Attack stopped: packets from scanners and off-path strangers. Without the password a request
//! cannot be signed, and an unsigned request changes nothing here.

use hmac::{Hmac, Mac};
use sha1::Sha1;

pub(super) const BINDING_REQUEST: u16 = 0x0001;
#[cfg(test)]
pub(super) const BINDING_SUCCESS: u16 = 0x0101;
pub(super) const ATTR_USERNAME: u16 = 0x0006;
pub(super) const ATTR_PRIORITY: u16 = 0x0024;
pub(super) const ATTR_USE_CANDIDATE: u16 = 0x0025;
pub(super) const ATTR_ICE_CONTROLLED: u16 = 0x8029;
const ATTR_MESSAGE_INTEGRITY: u16 = 0x0008;
const ATTR_FINGERPRINT: u16 = 0x8028;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const FINGERPRINT_XOR: u32 = 0x5354_554e;
const HEADER_BYTES: usize = 20;
const INTEGRITY_BYTES: usize = 20;

/// Identifies a request and its response.
pub(super) type TransactionId = [u8; 12];

/// What a datagram is, from its first bytes (RFC 7983 for telling STUN from DTLS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Success(TransactionId),
    OtherStun,
    NotStun,
}

pub(super) fn kind(packet: &[u8]) -> Kind {
    let Some(header) = packet.first_chunk::<HEADER_BYTES>() else {
        return Kind::NotStun;
    };
    if header[0] > 3 || header[4..8] != MAGIC_COOKIE {
        return Kind::NotStun;
    }
    match [header[0], header[1]] {
        [0, 1] => Kind::Request,
        [1, 1] => {
            let mut id = [0; 12];
            id.copy_from_slice(&header[8..20]);
            Kind::Success(id)
        }
        _ => Kind::OtherStun,
    }
}

/// A well-formed Binding request whose MESSAGE-INTEGRITY is still unchecked.
#[derive(Debug)]
pub(super) struct Request<'a> {
    packet: &'a [u8],
    integrity_at: usize,
    /// USERNAME up to its colon: the ufrag of the receiver.
    pub(super) local: &'a str,
    /// USERNAME after its colon: the ufrag of the sender.
    pub(super) remote: &'a str,
    pub(super) use_candidate: bool,
}

impl<'a> Request<'a> {
    /// Reads a request; `None` for anything that is not one or carries no integrity.
    pub(super) fn parse(packet: &'a [u8]) -> Option<Self> {
        if kind(packet) != Kind::Request || declared_len(packet)? != packet.len() {
            return None;
        }
        let (mut at, mut username, mut use_candidate) = (HEADER_BYTES, None, false);
        while let Some((attribute, value)) = attribute_at(packet, at) {
            match attribute {
                ATTR_USERNAME => username = Some(std::str::from_utf8(value).ok()?),
                ATTR_USE_CANDIDATE => use_candidate = true,
                ATTR_MESSAGE_INTEGRITY => {
                    if value.len() != INTEGRITY_BYTES {
                        return None;
                    }
                    let (local, remote) = username?.split_once(':')?;
                    let integrity_at = at;
                    return Some(Self { packet, integrity_at, local, remote, use_candidate });
                }
                _ => {}
            }
            at += 4 + value.len().next_multiple_of(4);
        }
        None
    }

    /// Whether the request was signed with `password`. Constant time in the MAC.
    pub(super) fn is_signed_with(&self, password: &[u8]) -> bool {
        let at = self.integrity_at;
        let mac = &self.packet[at + 4..at + 4 + INTEGRITY_BYTES];
        // The signed length counts up to the end of this attribute, whatever follows it.
        let Ok(length) = u16::try_from(at + 4 + INTEGRITY_BYTES - HEADER_BYTES) else {
            return false;
        };
        let mut hmac = hmac_sha1(password);
        hmac.update(&self.packet[..2]);
        hmac.update(&length.to_be_bytes());
        hmac.update(&self.packet[4..at]);
        hmac.verify_slice(mac).is_ok()
    }
}

fn declared_len(packet: &[u8]) -> Option<usize> {
    let length = packet.get(2..4)?;
    Some(HEADER_BYTES + usize::from(u16::from_be_bytes([length[0], length[1]])))
}

fn attribute_at(packet: &[u8], at: usize) -> Option<(u16, &[u8])> {
    let head = packet.get(at..at + 4)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let value = packet.get(at + 4..at + 4 + length)?;
    Some((u16::from_be_bytes([head[0], head[1]]), value))
}

/// Writes a message with MESSAGE-INTEGRITY under `password` and FINGERPRINT.
///
/// Attributes must be short: the callers pass a USERNAME of at most 513 bytes and fixed fields.
pub(super) fn build(message_type: u16, id: &TransactionId, attributes: &[(u16, &[u8])], password: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    out.extend_from_slice(&message_type.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&MAGIC_COOKIE);
    out.extend_from_slice(id);
    for (attribute, value) in attributes {
        push_attribute(&mut out, *attribute, value);
    }
    set_length(&mut out, 4 + INTEGRITY_BYTES);
    let mut hmac = hmac_sha1(password);
    hmac.update(&out);
    let mac = hmac.finalize().into_bytes();
    push_attribute(&mut out, ATTR_MESSAGE_INTEGRITY, &mac);
    set_length(&mut out, 8);
    let fingerprint = crc32(&out) ^ FINGERPRINT_XOR;
    push_attribute(&mut out, ATTR_FINGERPRINT, &fingerprint.to_be_bytes());
    out
}

fn push_attribute(out: &mut Vec<u8>, attribute: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).expect("attributes are bounded by the callers");
    out.extend_from_slice(&attribute.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn set_length(out: &mut [u8], to_come: usize) {
    let length = u16::try_from(out.len() - HEADER_BYTES + to_come).expect("messages are bounded by their attributes");
    out[2..4].copy_from_slice(&length.to_be_bytes());
}

fn hmac_sha1(key: &[u8]) -> Hmac<Sha1> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769, 2.1: a request with a known password.
    const RFC_5769_REQUEST: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\
\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\
\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
\x80\x28\x00\x04\xe5\x7a\x3b\xcf";
    const RFC_5769_PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

    fn sample() -> Vec<u8> {
        build(
            BINDING_REQUEST,
            &[9; 12],
            &[(ATTR_USERNAME, b"local:remote"), (ATTR_USE_CANDIDATE, b""), (ATTR_PRIORITY, &[1; 4])],
            b"password",
        )
    }

    #[test]
    fn the_request_of_rfc_5769_is_read_and_verified() {
        let request = Request::parse(RFC_5769_REQUEST).unwrap();
        assert_eq!((request.local, request.remote), ("evtj", "h6vY"));
        assert!(!request.use_candidate);
        assert!(request.is_signed_with(RFC_5769_PASSWORD));
        assert!(!request.is_signed_with(b"VOkJxbRl1RmTxUk/WvJxBu"));
    }

    #[test]
    fn the_fingerprint_is_that_of_rfc_5769() {
        let end = RFC_5769_REQUEST.len();
        let crc = crc32(&RFC_5769_REQUEST[..end - 8]) ^ FINGERPRINT_XOR;
        assert_eq!(crc.to_be_bytes(), RFC_5769_REQUEST[end - 4..]);
    }

    #[test]
    fn what_is_built_is_read_back() {
        let packet = sample();
        let request = Request::parse(&packet).unwrap();
        assert_eq!((request.local, request.remote), ("local", "remote"));
        assert!(request.use_candidate && request.is_signed_with(b"password"));
    }

    #[test]
    fn any_changed_byte_before_the_integrity_breaks_it() {
        let packet = sample();
        let end = Request::parse(&packet).unwrap().integrity_at + 24;
        for at in 0..end {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            let signed = Request::parse(&changed).is_some_and(|r| r.is_signed_with(b"password"));
            assert!(!signed, "byte {at} is not covered");
        }
    }

    #[test]
    fn responses_and_other_traffic_are_told_apart() {
        let success = build(BINDING_SUCCESS, &[7; 12], &[], b"p");
        assert_eq!(kind(&success), Kind::Success([7; 12]));
        assert_eq!(kind(&build(0x0111, &[7; 12], &[], b"p")), Kind::OtherStun);
        assert_eq!(kind(&[22, 254, 253, 0]), Kind::NotStun);
        assert_eq!(kind(&[20; 64]), Kind::NotStun);
        assert_eq!(kind(&[]), Kind::NotStun);
    }

    #[test]
    fn a_request_without_integrity_or_username_is_refused() {
        let packet = sample();
        let integrity_at = Request::parse(&packet).unwrap().integrity_at;
        let mut cut = packet[..integrity_at].to_vec();
        set_length(&mut cut, 0);
        assert!(Request::parse(&cut).is_none());
        assert!(Request::parse(&build(BINDING_REQUEST, &[0; 12], &[], b"p")).is_none());
    }

    #[test]
    fn hostile_packets_never_panic() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).unwrap()
        };
        for _ in 0..50_000 {
            let mut packet = sample();
            for _ in 0..=next() % 6 {
                let at = next() % packet.len();
                packet[at] = u8::try_from(next() % 256).unwrap();
            }
            packet.truncate(next() % (packet.len() + 1));
            if next() % 2 == 0 && packet.len() >= HEADER_BYTES {
                set_length(&mut packet, 0);
            }
            if let Some(request) = Request::parse(&packet) {
                request.is_signed_with(b"password");
            }
        }
    }
}
