//! Return routability: before anything is spent on a source address, it must echo what only a
//! host that receives its traffic can know.
//!
//! ```text
//!   source -- signed request ------------------------------> hub
//!   source <- Binding request, id = MAC(secret, source, t) -- hub   (same size, no state)
//!   source -- Binding success, id ---------------------------> hub   (the address is proved)
//! ```
//!
//! Attack stopped: a request with a forged source that would make the relay send its fifty ICE
//! checks to a victim. The challenge is signed with the client's own password, so a browser
//! answers it like any ICE check. The window `t` makes recorded answers worthless after minutes.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::stun::{self, TransactionId};

/// Domain separation of the transaction id.
const DOMAIN: &[u8] = b"mimei-rtc-challenge-1";

/// Priority of a peer-reflexive candidate (RFC 8445, 5.1.2), as a check must carry one.
const PRIORITY: [u8; 4] = [0x6e, 0, 0, 0xff];

/// Makes and recognises challenges; stateless but for its secret.
#[derive(Clone)]
pub(super) struct Challenge {
    keyed: Hmac<Sha256>,
}

impl Challenge {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self { keyed: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length") }
    }

    /// The packet that asks `from` to prove itself. `receiver` and `sender` are the ufrags of the
    /// client and of the relay, `password` is the client's.
    pub(super) fn packet(
        &self,
        from: SocketAddr,
        window: u64,
        (receiver, sender): (&str, &str),
        password: &str,
    ) -> Vec<u8> {
        let username = format!("{receiver}:{sender}");
        stun::build(
            stun::BINDING_REQUEST,
            &self.id(from, window),
            &[
                (stun::ATTR_USERNAME, username.as_bytes()),
                (stun::ATTR_PRIORITY, &PRIORITY),
                (stun::ATTR_ICE_CONTROLLED, &[7; 8]),
            ],
            password.as_bytes(),
        )
    }

    /// Whether `id` answers a challenge sent to `from` in this window or the one before.
    pub(super) fn is_answer(&self, from: SocketAddr, window: u64, id: &TransactionId) -> bool {
        [Some(window), window.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|window| self.mac(from, window).verify_truncated_left(id).is_ok())
    }

    fn id(&self, from: SocketAddr, window: u64) -> TransactionId {
        let mac = self.mac(from, window).finalize().into_bytes();
        let mut id = [0; 12];
        id.copy_from_slice(&mac[..12]);
        id
    }

    fn mac(&self, from: SocketAddr, window: u64) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(DOMAIN);
        mac.update(&window.to_be_bytes());
        mac.update(&match from.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        });
        mac.update(&from.port().to_be_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> SocketAddr {
        "192.0.2.1:5000".parse().unwrap()
    }

    #[test]
    fn an_answer_counts_in_its_window_and_the_next() {
        let challenge = Challenge::new(&[1; 32]);
        let id = challenge.id(source(), 7);
        assert!(challenge.is_answer(source(), 7, &id));
        assert!(challenge.is_answer(source(), 8, &id));
        assert!(!challenge.is_answer(source(), 9, &id));
        assert!(!challenge.is_answer(source(), 6, &id));
    }

    #[test]
    fn an_answer_counts_for_its_address_port_and_secret_only() {
        let challenge = Challenge::new(&[1; 32]);
        let id = challenge.id(source(), 0);
        assert!(challenge.is_answer(source(), 0, &id));
        assert!(!challenge.is_answer("192.0.2.2:5000".parse().unwrap(), 0, &id));
        assert!(!challenge.is_answer("192.0.2.1:5001".parse().unwrap(), 0, &id));
        assert!(!Challenge::new(&[2; 32]).is_answer(source(), 0, &id));
    }

    #[test]
    fn the_packet_is_a_signed_request_no_larger_than_what_it_answers() {
        let (server, client) = ("mm1+0123456789abcdefghijkl", "abcd");
        let password = "0123456789abcdefghijkl";
        let username = format!("{server}:{client}");
        // What a browser sends first also has a priority, a role, USE-CANDIDATE and two of its own.
        let asked = stun::build(
            stun::BINDING_REQUEST,
            &[0; 12],
            &[
                (stun::ATTR_USERNAME, username.as_bytes()),
                (stun::ATTR_PRIORITY, &[0; 4]),
                (0x802a, &[0; 8]),
                (stun::ATTR_USE_CANDIDATE, b""),
            ],
            b"server",
        );
        let packet = Challenge::new(&[1; 32]).packet(source(), 0, (client, server), password);
        let request = stun::Request::parse(&packet).unwrap();
        assert_eq!((request.local, request.remote), (client, server));
        assert!(request.is_signed_with(password.as_bytes()));
        assert!(packet.len() <= asked.len());
    }
}
