//! What goes over a connection, lowest layer first.
//!
//! ```text
//! packet    at most 64 KiB, whole and in order: what a transport carries
//!   Noise   encrypts packets, except on a data channel bound to its DTLS certificates
//! frame     one message, or one block; cut into packets on one of two lanes
//! message   hello, ask, answer, refuse, bye
//! ```
//!
//! Noise XX comes first (see [`noise`]), then each side sends `hello` with its
//! identity log; nothing else is answered until the other's device is found valid.
//! After that either side asks, and the other answers or refuses under the
//! ask's number. Blocks may come by HTTP beside a session, for a ticket of it.

mod frame;
mod message;
pub mod noise;
mod ticket;

pub use frame::{Frame, FrameError, Reassembler, packets_of};
pub use message::{
    AcceptAsk, Answer, Ask, Bye, CreditAsk, EnterAsk, Exercise, GetAsk, Has, HaveAnswer, HaveAsk, Hello, KnownLog,
    LogAnswer, LogAsk, LogPart, LookAnswer, LookAsk, MandateAsk, MandateUse, Message, Nothing, PayAsk, Payer,
    ProgressAsk, PublishAnswer, PublishAsk, PutAsk, Records, Refusal, RefusalCode, Statement, Tell,
};
pub use ticket::{TicketAnswer, TicketAsk, TicketSecret, length_before, read_fetched, read_wanted, write_wanted};

/// Version of the wire protocol, bound into the handshake's prologue.
pub const WIRE_VERSION: u64 = 1;
