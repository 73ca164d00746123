//! The handshake: Noise XX, in which each side proves its device key.
//!
//! ```text
//! dialer                                          listener
//!   -> e                                            (nothing)
//!   <- e, ee, s, es                                 Proof
//!   -> s, se                                        Proof
//! ```
//!
//! A `Proof` says who this is and carries a signature by the device key over
//! the role and the Noise static key, which is fresh for every session.
//!
//! Stops: a man in the middle of the signalling, who swaps certificate
//! fingerprints (each side puts the fingerprints it really sees into the
//! prologue, so the two handshakes differ and the first decryption fails), and
//! one who ends TLS in front of a WebSocket (the packets stay encrypted).
//!
//! The prologue is the CBOR array `["mimei/noise/1", wire version, transport,
//! dialer's fingerprint, listener's fingerprint]`, the transport `"rtc"`, `"ws"`
//! or `"memory"`, fingerprints 32 bytes of SHA-256 or empty. The protocol name
//! is `Noise_XX_25519_ChaChaPoly_SHA256`.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};

use super::WIRE_VERSION;
use crate::cbor::{Cbor, Writer};
use crate::cid::{EntryId, UserId};
use crate::limits::{HANDSHAKE_BYTES_MAX, LOG_PREV_MAX, NOISE_TAG_BYTES};
use crate::record::{record, text_enum};
use crate::seeded::{Seed, SeededRandom};
use crate::sign::{Domain, SignKey, Signature};

const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
const PROLOGUE: &str = "mimei/noise/1";
const CONTEXT_STATIC: &str = "mimei/noise-static/1";
const CONTEXT_EPHEMERAL: &str = "mimei/noise-ephemeral/1";

text_enum! {
    /// Which side of a session somebody is.
    pub enum Role {
        /// Began the connection.
        "dialer" => Dialer,
        /// Was called.
        "listener" => Listener,
    }
}

text_enum! {
    /// What carries the packets.
    pub enum Transport {
        /// A WebRTC data channel.
        "rtc" => Rtc,
        /// A WebSocket.
        "ws" => WebSocket,
        /// Memory, in simulations.
        "memory" => Memory,
    }
}

/// A transport and the certificates that it was really made with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// What carries the packets.
    pub transport: Transport,
    /// SHA-256 of the dialer's and the listener's DTLS certificate, on a data channel.
    pub fingerprints: Option<[[u8; 32]; 2]>,
}

impl Binding {
    /// Whether DTLS is bound into the handshake, so that packets need no second encryption.
    pub fn is_encrypted(&self) -> bool {
        self.transport == Transport::Rtc && self.fingerprints.is_some()
    }

    fn prologue(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(5);
        w.text(PROLOGUE);
        w.uint(WIRE_VERSION);
        self.transport.write(&mut w);
        for side in 0..2 {
            w.bytes(self.fingerprints.as_ref().map_or(&[], |prints| &prints[side]));
        }
        w.into_bytes()
    }
}

record! {
    /// What a device signs for one session.
    pub struct SessionClaim {
        /// The Noise static key of this session.
        "key" => key: [u8; 32],
        /// The side it speaks for.
        "role" => role: Role,
    }
}

record! {
    /// Who one side is. Whether the device belongs to the user is told by the log in the first frame.
    pub struct Proof {
        /// Newest entries of the user's identity log that this side has.
        "log" => log: Vec<EntryId>,
        /// By the device key, over [`SessionClaim`].
        "sig" => sig: Signature,
        /// The user.
        "user" => user: UserId,
        /// The device.
        "device" => device: SignKey,
    }
}

/// Why a handshake failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakeError {
    /// Not a Noise message, or made under another prologue: somebody is in between.
    Noise,
    /// The proof is not readable.
    Proof,
    /// The proof's signature does not cover this session's key and role.
    Signature,
    /// A message longer than any handshake message.
    TooLarge,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Noise => "the two sides do not see the same connection: something in between may be intercepting it",
            Self::Proof => "the other side's proof of identity is not readable",
            Self::Signature => "the other side could not prove its device key",
            Self::TooLarge => "the other side sent an oversized handshake",
        })
    }
}

impl core::error::Error for HandshakeError {}

/// One side of a handshake under way.
pub struct Handshake {
    state: snow::HandshakeState,
    role: Role,
    claim_key: [u8; 32],
}

/// The keys of a finished handshake, and its hash for signatures that are bound to this session.
pub struct Session {
    cipher: Option<snow::TransportState>,
    hash: [u8; 32],
}

struct SeededResolver(Seed);

impl CryptoResolver for SeededResolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(SeededRandom::new(CONTEXT_EPHEMERAL, &self.0)))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

impl Handshake {
    /// Starts one side. The seed must be fresh: it makes this session's keys.
    pub fn new(role: Role, binding: &Binding, seed: &Seed) -> Result<Self, HandshakeError> {
        let secret: [u8; 32] = SeededRandom::new(CONTEXT_STATIC, seed).bytes();
        let claim_key = crate::secret::seal_key_of(&secret).0;
        let params: NoiseParams = PATTERN.parse().map_err(|_| HandshakeError::Noise)?;
        let prologue = binding.prologue();
        let builder = snow::Builder::with_resolver(params, Box::new(SeededResolver(*seed)))
            .local_private_key(&secret)
            .and_then(|builder| builder.prologue(&prologue))
            .map_err(|_| HandshakeError::Noise)?;
        let state = match role {
            Role::Dialer => builder.build_initiator(),
            Role::Listener => builder.build_responder(),
        };
        Ok(Self { state: state.map_err(|_| HandshakeError::Noise)?, role, claim_key })
    }

    /// What the device is to sign for this session.
    pub fn claim(&self) -> SessionClaim {
        SessionClaim { key: self.claim_key, role: self.role }
    }

    /// The next message, with a proof or without.
    pub fn write(&mut self, proof: Option<&Proof>) -> Result<Vec<u8>, HandshakeError> {
        let payload = proof.map(Cbor::to_cbor).unwrap_or_default();
        let mut message = vec![0; payload.len() + HANDSHAKE_OVERHEAD_BYTES];
        let length = self.state.write_message(&payload, &mut message).map_err(|_| HandshakeError::Noise)?;
        message.truncate(length);
        Ok(message)
    }

    /// Reads the first message, which has no proof.
    pub fn read_first(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let payload = self.read_payload(message)?;
        if payload.is_empty() { Ok(()) } else { Err(HandshakeError::Proof) }
    }

    /// Reads the message with the other side's proof, and checks its signature.
    pub fn read_proof(&mut self, message: &[u8]) -> Result<Proof, HandshakeError> {
        let payload = self.read_payload(message)?;
        let proof = Proof::from_cbor(&payload).map_err(|_| HandshakeError::Proof)?;
        if proof.log.len() > LOG_PREV_MAX {
            return Err(HandshakeError::TooLarge);
        }
        let key = self.state.get_remote_static().and_then(|key| key.try_into().ok());
        let role = match self.role {
            Role::Dialer => Role::Listener,
            Role::Listener => Role::Dialer,
        };
        let claim = SessionClaim { key: key.ok_or(HandshakeError::Noise)?, role };
        proof.device.verify(Domain::Session, &claim.to_cbor(), &proof.sig).map_err(|_| HandshakeError::Signature)?;
        Ok(proof)
    }

    fn read_payload(&mut self, message: &[u8]) -> Result<Vec<u8>, HandshakeError> {
        if message.len() > HANDSHAKE_BYTES_MAX {
            return Err(HandshakeError::TooLarge);
        }
        let mut payload = vec![0; message.len()];
        let length = self.state.read_message(message, &mut payload).map_err(|_| HandshakeError::Noise)?;
        payload.truncate(length);
        Ok(payload)
    }

    /// The session's keys, after the third message.
    pub fn finish(self, binding: &Binding) -> Result<Session, HandshakeError> {
        let hash = self.state.get_handshake_hash().try_into().map_err(|_| HandshakeError::Noise)?;
        let cipher = self.state.into_transport_mode().map_err(|_| HandshakeError::Noise)?;
        Ok(Session { cipher: (!binding.is_encrypted()).then_some(cipher), hash })
    }
}

/// Noise XX adds at most two public keys and two tags to a payload.
const HANDSHAKE_OVERHEAD_BYTES: usize = 2 * 32 + 2 * NOISE_TAG_BYTES;

impl Session {
    /// Hash of the handshake: the same on both sides, never the same twice.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// A packet as the transport is to carry it.
    pub fn seal(&mut self, packet: Vec<u8>) -> Result<Vec<u8>, HandshakeError> {
        let Some(cipher) = &mut self.cipher else { return Ok(packet) };
        let mut out = vec![0; packet.len() + NOISE_TAG_BYTES];
        let length = cipher.write_message(&packet, &mut out).map_err(|_| HandshakeError::Noise)?;
        out.truncate(length);
        Ok(out)
    }

    /// A packet as the transport carried it, opened.
    pub fn open(&mut self, message: Vec<u8>) -> Result<Vec<u8>, HandshakeError> {
        let Some(cipher) = &mut self.cipher else { return Ok(message) };
        let mut out = vec![0; message.len()];
        let length = cipher.read_message(&message, &mut out).map_err(|_| HandshakeError::Noise)?;
        out.truncate(length);
        Ok(out)
    }
}
