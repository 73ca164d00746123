//! Blocks by HTTP for a ticket, as a browser asks for them, beside a real session.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use mimei_core::address::RelayAddress;
use mimei_core::cid::{Cid, MimeiId};
use mimei_core::limits::{FETCH_CIDS_MAX, SCAN_ROWS_MAX};
use mimei_core::link::Link;
use mimei_core::mimei::PIECE_BYTES;
use mimei_core::peer::{CreditPolicy, Terms};
use mimei_core::store::{Scan, Table};
use mimei_core::wire::noise::{Binding, Handshake, Role, Session, Transport};
use mimei_core::wire::{
    Answer, Ask, Frame, Message, Payer, Reassembler, TicketAsk, TicketSecret, packets_of, read_fetched, write_wanted,
};
use relay_node::config::Config;
use relay_node::driver::now;
use relay_node::keys::Keys;
use relay_node::relay::Relay;
use relay_node::rtc::{DirectTarget, RtcEndpoint, RtcOptions, RtcReceiver, RtcSender};
use relay_node::store::Store;
use tempfile::TempDir;
use tests::stranger::Stranger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A relay with a file of somebody, who has a session with it.
struct World {
    relay: Relay,
    mimei: MimeiId,
    blocks: Vec<Cid>,
    session: Dialled,
    _directory: TempDir,
}

/// A session, spoken by hand.
struct Dialled {
    sender: RtcSender,
    receiver: RtcReceiver,
    noise: Session,
    reassembler: Reassembler,
    next: u64,
    _endpoint: RtcEndpoint,
}

struct Answered {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let data = directory.path().join("relay");
        let (rtc, announce, send_buffer_bytes) = (vec![any], Vec::new(), 64 << 10);
        let terms = Terms { limit: 1 << 30, space: 1 << 30, until: None, renews: None };
        let credit = CreditPolicy { welcome: Some(terms), ..CreditPolicy::open() };
        let relay = Relay::start(Config { data, listen: any, rtc, announce, send_buffer_bytes, credit }).await.unwrap();
        let person = directory.path().join("person");
        let film = directory.path().join("film");
        // No piece is like another.
        let text: Vec<u8> = (0..4 * PIECE_BYTES).map(|at| (at >> 8) as u8 ^ at as u8).collect();
        std::fs::write(&film, text).unwrap();
        let mut add = Command::new(env!("CARGO_BIN_EXE_mimei"));
        add.args(["add", "--to", relay.address(), "--data"]).args([&person, &film]);
        let added = tokio::task::spawn_blocking(move || add.output().unwrap()).await.unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let link: Link = String::from_utf8(added.stdout).unwrap().trim().parse().unwrap();
        let store = Store::open(&person).unwrap();
        let prefix = link.mimei.cid().hash().to_vec();
        let rows = store.scan(&Scan { table: Table::Row, prefix, after: None, limit: SCAN_ROWS_MAX }).unwrap();
        let blocks = rows.iter().map(|(key, _)| Cid::from_bytes(&key[32..]).unwrap()).collect();
        let keys = Keys::load_or_create(&person, now()).unwrap();
        let session = Dialled::new(relay.address().parse().unwrap(), keys).await;
        Self { relay, mimei: link.mimei, blocks, session, _directory: directory }
    }

    async fn ticket(&mut self) -> TicketSecret {
        let ask = TicketAsk { bytes: 64 << 20, mimei: self.mimei, payer: Payer::Asker };
        match self.session.ask(Ask::Ticket(ask)).await {
            Answer::Ticket(answer) => answer.secret,
            other => panic!("no ticket: {other:?}"),
        }
    }

    async fn post(&self, ticket: &TicketSecret, body: &[u8]) -> Answered {
        let shown = format!("authorization: {}\r\norigin: https://elsewhere.example\r\n", ticket.to_header());
        request(self.relay.http_at(), "POST", &shown, body).await
    }
}

impl Dialled {
    async fn new(relay: RelayAddress, keys: Keys) -> Self {
        let Keys { device, log, certificate, .. } = keys;
        let options = RtcOptions::new(vec!["127.0.0.1:0".parse().unwrap()]);
        let endpoint = RtcEndpoint::bind(options, certificate).await.unwrap();
        let target = DirectTarget { addrs: relay.addrs, fingerprint: relay.fingerprint };
        let connection = endpoint.dial(target).await.unwrap();
        let fingerprints = [connection.local_fingerprint(), connection.remote_fingerprint()];
        let binding = Binding { transport: Transport::Rtc, fingerprints: Some(fingerprints) };
        let (sender, mut receiver) = connection.split();
        let person = Stranger::new(device, &log, 5);
        let mut noise = Handshake::new(Role::Dialer, &binding, &person.seed).unwrap();
        sender.send(noise.write(None).unwrap().into()).await.unwrap();
        noise.read_proof(&receiver.recv().await.unwrap()).unwrap();
        let proof = person.proof(&noise);
        sender.send(noise.write(Some(&proof)).unwrap().into()).await.unwrap();
        let noise = noise.finish(&binding).unwrap();
        let reassembler = Reassembler::default();
        let mut dialled = Self { sender, receiver, noise, reassembler, next: 0, _endpoint: endpoint };
        dialled.say(person.hello()).await;
        dialled
    }

    async fn say(&mut self, message: Message) {
        for packet in packets_of(&Frame::Message(message)) {
            let sealed = self.noise.seal(packet).unwrap();
            self.sender.send(sealed.into()).await.unwrap();
        }
    }

    async fn ask(&mut self, ask: Ask) -> Answer {
        let number = self.next;
        self.next += 2;
        self.say(Message::Ask((number, ask))).await;
        loop {
            let packet = self.noise.open(self.receiver.recv().await.unwrap().into()).unwrap();
            match self.reassembler.push(&packet).unwrap() {
                Some(Frame::Message(Message::Answer((of, answer)))) if of == number => return answer,
                Some(Frame::Message(Message::Refuse((of, refusal)))) if of == number => panic!("{refusal:?}"),
                _ => {}
            }
        }
    }
}

async fn request(at: SocketAddr, method: &str, headers: &str, body: &[u8]) -> Answered {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let length = body.len();
    // An answer to HTTP/1.0 is not in chunks.
    let head = format!("{method} /blocks HTTP/1.0\r\nhost: relay\r\n{headers}content-length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answered { status, head, body: answer[end + 4..].to_vec() }
}

/// All that is logged, by a test that runs alone in its process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_come_for_a_ticket_in_the_order_in_which_they_were_asked_for() {
    let mut world = World::new().await;
    let ticket = world.ticket().await;
    let wanted: Vec<Cid> = world.blocks.iter().take(FETCH_CIDS_MAX).copied().collect();
    assert!(wanted.len() > 2, "{} blocks", wanted.len());
    let answer = world.post(&ticket, &write_wanted(&wanted)).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    let blocks = read_fetched(wanted.len(), &answer.body);
    assert_eq!(blocks.len(), wanted.len());
    assert!(wanted.iter().zip(blocks).all(|(cid, block)| cid.verifies(block)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_before_the_first_block_that_is_not_served() {
    let mut world = World::new().await;
    let ticket = world.ticket().await;
    let unknown = Cid::of(mimei_core::cid::Codec::Raw, b"not here");
    let wanted = [world.blocks[0], unknown, world.blocks[1]];
    let answer = world.post(&ticket, &write_wanted(&wanted)).await;
    assert_eq!((answer.status, read_fetched(3, &answer.body).len()), (200, 1));
    let answer = world.post(&ticket, &write_wanted(&wanted[1..])).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_ticket_gets_nothing_and_any_origin_may_ask() {
    let mut world = World::new().await;
    let ticket = world.ticket().await;
    let wanted = write_wanted(&world.blocks[..1]);
    let at = world.relay.http_at();
    assert_eq!(world.post(&TicketSecret::from_bytes([1; 32]), &wanted).await.status, 401);
    for shown in ["", "authorization: Bearer x\r\n", "authorization: MiMei \r\n"] {
        let answer = request(at, "POST", shown, &wanted).await;
        assert_eq!((answer.status, read_fetched(1, &answer.body).len()), (401, 0));
    }
    for body in [&[][..], &wanted[1..], &wanted.repeat(FETCH_CIDS_MAX + 1)] {
        assert_eq!(world.post(&ticket, body).await.status, 400);
    }
    assert_eq!(request(at, "GET", "", &[]).await.status, 405);
    let preflight = request(at, "OPTIONS", "origin: https://elsewhere.example\r\n", &[]).await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.head.contains("access-control-allow-headers: authorization"), "{}", preflight.head);
    let answer = world.post(&ticket, &wanted).await;
    for header in ["access-control-allow-origin: *", "cache-control: no-store"] {
        assert!(answer.head.contains(header) && preflight.head.contains(header), "{}", answer.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_ends_with_the_connection_of_its_session() {
    let mut world = World::new().await;
    let ticket = world.ticket().await;
    let wanted = write_wanted(&world.blocks[..1]);
    assert_eq!(world.post(&ticket, &wanted).await.status, 200);
    world.session.sender.close();
    world.relay.driver().sessions_ended().await;
    assert_eq!(world.post(&ticket, &wanted).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ticket_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_env_filter("debug").with_writer(move || writer.clone()).init();
    let mut world = World::new().await;
    let ticket = world.ticket().await;
    let answer = world.post(&ticket, &write_wanted(&world.blocks[..3])).await;
    assert_eq!(answer.status, 200);
    world.relay.shutdown().await;
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("session opened"), "nothing was logged at all");
    let header = ticket.to_header();
    let secret = header.strip_prefix("MiMei ").unwrap();
    assert!(!logged.contains(secret), "the ticket is in the log");
}
