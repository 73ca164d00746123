//! Who is there: Noise first, then the identity log, then the verdict.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};

use super::connection::{Connection, Remote};
use super::{Blocked, Expect, Shared, Trust, credit, logs};
use crate::cbor::Cbor;
use crate::cid::UserId;
use crate::seeded::Seed;
use crate::sign::Domain;
use crate::store::{Batch, RowKey, StoreError, Table};
use crate::wire::noise::{Binding, Handshake, HandshakeError, Proof, Role};
use crate::wire::{Frame, Hello, Message, Reassembler};

/// Why a connection ends: a stable code and a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ending {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Ending {
    pub(super) fn new(code: &'static str, message: impl ToString) -> Self {
        Self { code, message: message.to_string() }
    }

    /// What the store said is for its owner, not for the other side.
    pub(super) fn of_store(error: StoreError) -> Self {
        let message = match error {
            StoreError::Full => "there is no room to note who the other side is",
            StoreError::Conflict | StoreError::Failed(_) => "the store failed",
        };
        Self::new("storage.failed", message)
    }

    pub(super) fn closed() -> Self {
        Self::new("connection.closed", "the connection closed")
    }
}

impl From<HandshakeError> for Ending {
    fn from(error: HandshakeError) -> Self {
        let code = match error {
            HandshakeError::Noise => "handshake.intercepted",
            HandshakeError::Proof | HandshakeError::TooLarge => "handshake.malformed",
            HandshakeError::Signature => "handshake.signature",
        };
        Self::new(code, error)
    }
}

/// Runs the whole handshake on a fresh transport.
pub(super) async fn handshake(
    shared: &Shared,
    connection: &Rc<Connection>,
    role: Role,
    binding: &Binding,
    expect: &Expect,
    seed: &Seed,
) -> Result<(Reassembler, Trust), Ending> {
    let mut noise = Handshake::new(role, binding, seed)?;
    logs::load_own(shared).await.map_err(Ending::of_store)?;
    let proof = own_proof(shared, &noise).await;
    let theirs = match role {
        Role::Dialer => dial(shared, connection, &mut noise, proof, expect).await?,
        Role::Listener => listen(shared, connection, &mut noise, proof).await?,
    };
    connection.establish(noise.finish(binding)?);
    let hello = Hello { log: shared.log.borrow().entries() };
    connection.send_message(&shared.effects, Message::Hello(hello));
    let mut reassembler = Reassembler::default();
    let hello = read_hello(shared, connection, &mut reassembler).await?;
    connection.claim(Remote { user: theirs.user, device: theirs.device });
    logs::check_device(shared, &theirs, hello.log).await?;
    let trust = check_expected(shared, expect, theirs.user).await?;
    if role == Role::Listener {
        credit::load_blocked(shared).await.map_err(Ending::of_store)?;
        if credit::is_blocked(shared, Blocked::User(theirs.user)) {
            return Err(credit::blocked_user());
        }
    }
    // A revocation may have arrived by another connection meanwhile.
    if let Some(ending) = connection.verdict() {
        return Err(ending);
    }
    connection.open();
    Ok((reassembler, trust))
}

async fn own_proof(shared: &Shared, noise: &Handshake) -> Proof {
    let sig = shared.effects.sign(Domain::Session, noise.claim().to_cbor()).await;
    let log = shared.log.borrow();
    Proof { log: log.newest(), sig, user: log.user(), device: shared.device }
}

async fn dial(
    shared: &Shared,
    connection: &Connection,
    noise: &mut Handshake,
    proof: Proof,
    expect: &Expect,
) -> Result<Proof, Ending> {
    connection.send_bytes(&shared.effects, noise.write(None)?);
    let second = connection.packet(&shared.effects).await.ok_or_else(|| connection.ended())?;
    let theirs = noise.read_proof(&second)?;
    // Before we say who we are: an unexpected listener learns nothing.
    if let Expect::User(user) = expect
        && *user != theirs.user
    {
        return Err(unexpected(user, theirs.user));
    }
    connection.send_bytes(&shared.effects, noise.write(Some(&proof))?);
    Ok(theirs)
}

async fn listen(
    shared: &Shared,
    connection: &Connection,
    noise: &mut Handshake,
    proof: Proof,
) -> Result<Proof, Ending> {
    let first = connection.packet(&shared.effects).await.ok_or_else(|| connection.ended())?;
    noise.read_first(&first)?;
    connection.send_bytes(&shared.effects, noise.write(Some(&proof))?);
    let third = connection.packet(&shared.effects).await.ok_or_else(|| connection.ended())?;
    Ok(noise.read_proof(&third)?)
}

async fn read_hello(shared: &Shared, connection: &Connection, reassembler: &mut Reassembler) -> Result<Hello, Ending> {
    loop {
        let packet = connection.packet(&shared.effects).await.ok_or_else(|| connection.ended())?;
        let packet = connection.decrypt(packet).ok_or(HandshakeError::Noise)?;
        match reassembler.push(&packet).map_err(|error| Ending::new("wire.malformed", error))? {
            None => {}
            Some(Frame::Message(Message::Hello(hello))) => return Ok(hello),
            Some(Frame::Message(Message::Bye(bye))) => {
                return Err(Ending::new("handshake.refused", format!("the other side refused: {}", bye.message)));
            }
            Some(_) => return Err(Ending::new("handshake.malformed", "the other side spoke before it said who it is")),
        }
    }
}

fn unexpected(expected: &UserId, found: UserId) -> Ending {
    let message = format!("expected to meet {expected}, but {found} answered: the address leads to somebody else");
    Ending::new("handshake.unexpected-peer", message)
}

async fn check_expected(shared: &Shared, expect: &Expect, user: UserId) -> Result<Trust, Ending> {
    let place = match expect {
        Expect::User(expected) if *expected == user => return Ok(Trust::Expected),
        Expect::User(expected) => return Err(unexpected(expected, user)),
        Expect::Anyone => return Ok(Trust::Caller),
        Expect::FirstUse(place) => RowKey::new(Table::Pin, place.as_bytes()),
    };
    let pinned = shared.effects.row(place.clone()).await.map_err(Ending::of_store)?;
    match pinned {
        Some(pin) if pin == user.to_cbor() => Ok(Trust::Pinned),
        Some(pin) => Err(match UserId::from_cbor(&pin) {
            Ok(expected) => unexpected(&expected, user),
            Err(_) => Ending::new("storage.failed", "the pinned identity is unreadable"),
        }),
        None => {
            let batch = Batch {
                expect: [(place.clone(), None)].into(),
                put: [(place, user.to_cbor())].into(),
                strict: true,
                ..Batch::default()
            };
            shared.effects.apply(batch).await.map_err(Ending::of_store)?;
            Ok(Trust::FirstUse)
        }
    }
}
