//! Errors, one type for each operation, with what a person can do about them.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::sdp::fingerprint_text;

/// Why an offer or an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SdpError {
    /// It is larger than any real one.
    TooLong {
        /// Its size.
        bytes: usize,
        /// The largest that is read.
        bytes_max: usize,
    },
    /// It has more than the one data channel section.
    SeveralSections,
    /// A line is missing.
    Missing(&'static str),
    /// A line has a value that is not allowed here.
    Invalid(&'static str),
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, bytes_max } => {
                write!(f, "the description has {bytes} bytes, at most {bytes_max} are read")
            }
            Self::SeveralSections => f.write_str("the description has several sections; offer one data channel only"),
            Self::Missing(line) => write!(f, "the description has no {line} line"),
            Self::Invalid(line) => write!(f, "the {line} line of the description is not usable"),
        }
    }
}

impl Error for SdpError {}

/// Why the endpoint could not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum RtcBindError {
    /// No address, or two of one family.
    Addresses,
    /// A limit or size is zero or above what the transport can do; the field is named.
    Option(&'static str),
    /// The address could not be bound.
    Socket {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The network interfaces could not be listed; set `announce` instead.
    Interfaces(io::Error),
    /// The system gave no random bytes.
    Random,
}

impl fmt::Display for RtcBindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses => f.write_str("give one UDP address for each family, IPv4 or IPv6"),
            Self::Option(name) => write!(f, "the option {name} is out of its range"),
            Self::Socket { addr, error } => write!(
                f,
                "UDP {addr} cannot be opened: {error}; is another relay running, is the address of this machine?"
            ),
            Self::Interfaces(error) => {
                write!(f, "network interfaces cannot be listed ({error}); set the addresses to announce")
            }
            Self::Random => f.write_str("the system gives no random bytes"),
        }
    }
}

impl Error for RtcBindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Socket { error, .. } | Self::Interfaces(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an offer got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcAnswerError {
    /// The offer is not one we take.
    Offer(SdpError),
    /// Too many peers, or too many from this address; try again later.
    Busy,
    /// The endpoint is shutting down.
    Closed,
    /// The WebRTC stack failed; for the log.
    Internal(String),
}

impl fmt::Display for RtcAnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer(error) => error.fmt(f),
            Self::Busy => f.write_str("too many connections; try again in a few seconds"),
            Self::Closed => f.write_str("the relay is shutting down"),
            Self::Internal(error) => write!(f, "the connection could not be prepared: {error}"),
        }
    }
}

impl Error for RtcAnswerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Offer(error) => Some(error),
            _ => None,
        }
    }
}

/// Why dialling failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum RtcDialError {
    /// The target names no address, or too many.
    Addresses,
    /// No local socket could be opened.
    Socket(io::Error),
    /// The answer is not usable.
    Answer(SdpError),
    /// Nobody answered in time: wrong address or port, blocked UDP, or another fingerprint (a
    /// relay is silent to who does not know its fingerprint).
    Timeout(Duration),
    /// Somebody answered who has another certificate.
    Fingerprint {
        /// What the address says.
        expected: [u8; 32],
        /// What was presented.
        found: [u8; 32],
    },
    /// The other side closed or refused before the channel was open.
    Refused,
    /// The endpoint is shutting down.
    Closed,
    /// The WebRTC stack failed; for the log.
    Internal(String),
}

impl fmt::Display for RtcDialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses => f.write_str("the relay's address names no usable IP address and port"),
            Self::Socket(error) => write!(f, "no UDP socket for dialling: {error}"),
            Self::Answer(error) => error.fmt(f),
            Self::Timeout(after) => {
                write!(f, "no answer within {} s; check the address, and that UDP is not blocked", after.as_secs_f32())
            }
            Self::Fingerprint { expected, found } => write!(
                f,
                "the relay has certificate {} but its address says {}; get a fresh address from its owner",
                fingerprint_text(found),
                fingerprint_text(expected)
            ),
            Self::Refused => f.write_str("the relay closed the connection; try again later"),
            Self::Closed => f.write_str("this endpoint is shutting down"),
            Self::Internal(error) => write!(f, "the connection could not be prepared: {error}"),
        }
    }
}

impl Error for RtcDialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Socket(error) => Some(error),
            Self::Answer(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcSendError {
    /// The connection is closed.
    Closed,
    /// A message has at least one byte.
    Empty,
    /// The message is larger than the other side takes.
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest the other side takes.
        bytes_max: usize,
    },
}

impl fmt::Display for RtcSendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is closed"),
            Self::Empty => f.write_str("an empty message cannot be sent"),
            Self::TooLarge { bytes, bytes_max } => {
                write!(f, "the message has {bytes} bytes, the other side takes {bytes_max}")
            }
        }
    }
}

impl Error for RtcSendError {}

/// Why a certificate could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text is not a certificate with its private key in PEM.
    Pem,
    /// The key is of a kind that is not supported, or does not decode.
    Key(String),
    /// The crypto provider failed.
    Crypto(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem => f.write_str("the file is not a certificate with its private key in PEM"),
            Self::Key(error) => write!(f, "the private key or certificate cannot be read: {error}"),
            Self::Crypto(error) => write!(f, "no certificate could be made: {error}"),
        }
    }
}

impl Error for CertificateError {}
