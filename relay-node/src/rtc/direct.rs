//! The rule by which a peer that knows only addresses and a certificate fingerprint dials.
//!
//! ```text
//!   server ufrag = "mm1+" + the client's ice-pwd     (the server so learns how to sign to it)
//!   server pwd   = first 32 of lower-case hex sha256("mimei-direct-1 " + "AA:BB:..")
//! ```
//!
//! Attack stopped: strangers who scan ports. Only who holds the address can sign a first packet;
//! that is no secret from people who were given the address, so the challenge, the buckets and
//! the handshake above still follow.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use super::sdp::fingerprint_text;

const PREFIX: &str = "mm1+";
const PASSWORD_DOMAIN: &str = "mimei-direct-1 ";

/// Longest ICE ufrag or password taken from a peer. RFC 8839 allows 256; browsers use 4 and 24.
const CREDENTIAL_CHARS_MAX: usize = 128;
const UFRAG_CHARS_MIN: usize = 4;
const PASSWORD_CHARS_MIN: usize = 22;

/// A relay as its pasteable address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectTarget {
    /// Where it listens; all are tried at once, at most 16.
    pub addrs: Vec<SocketAddr>,
    /// SHA-256 of its DTLS certificate.
    pub fingerprint: [u8; 32],
}

/// ice-pwd of the server with this certificate fingerprint.
pub(super) fn server_password(fingerprint: &[u8; 32]) -> String {
    let mut hash = Sha256::new();
    hash.update(PASSWORD_DOMAIN);
    hash.update(fingerprint_text(fingerprint));
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// ice-ufrag of the server for the client with this ice-pwd.
pub(super) fn server_ufrag(client_password: &str) -> String {
    format!("{PREFIX}{client_password}")
}

/// The client's ice-pwd inside a server ufrag; `None` if it is not one.
pub(super) fn client_password(server_ufrag: &str) -> Option<&str> {
    server_ufrag.strip_prefix(PREFIX).filter(|password| is_password(password))
}

/// Whether `text` may be an ice-ufrag. It goes into descriptions, so the alphabet matters.
pub(super) fn is_ufrag(text: &str) -> bool {
    is_credential(text, UFRAG_CHARS_MIN)
}

/// Whether `text` may be an ice-pwd.
pub(super) fn is_password(text: &str) -> bool {
    is_credential(text, PASSWORD_CHARS_MIN)
}

fn is_credential(text: &str, chars_min: usize) -> bool {
    (chars_min..=CREDENTIAL_CHARS_MAX + PREFIX.len()).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_one_of_the_page() {
        // sha256("mimei-direct-1 00:00:..:00"), as WebCrypto computes it from the same text.
        let text = format!("mimei-direct-1 {}", vec!["00"; 32].join(":"));
        let expected: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(server_password(&[0; 32]), expected[..32]);
        assert_ne!(server_password(&[0; 32]), server_password(&[1; 32]));
    }

    #[test]
    fn a_server_ufrag_gives_back_the_client_password() {
        let password = "abcdefghijklmnopqrstuv+/";
        assert_eq!(client_password(&server_ufrag(password)), Some(password));
        assert!(is_ufrag(&server_ufrag(password)));
    }

    #[test]
    fn anything_else_is_no_server_ufrag() {
        for ufrag in ["", "mm1+", "mm1+short", "mm2+abcdefghijklmnopqrstuv"] {
            assert_eq!(client_password(ufrag), None, "{ufrag}");
        }
        let (long, hostile) = ("a".repeat(200), "mm1+abcdefghijklmnopqrstuv\r\na=x");
        assert_eq!(client_password(&server_ufrag(&long)), None);
        assert_eq!(client_password(hostile), None);
    }
}
