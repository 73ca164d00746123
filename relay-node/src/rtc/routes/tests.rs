//! The machine on its own: no socket, no clock.

use super::*;
use std::time::Duration;

const CLIENT_PASSWORD: &str = "clientpasswordclientpw";
const SERVER_PASSWORD: &str = "serverpassword";

fn addr(port: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1].into(), port)
}

struct World {
    now: Instant,
    routes: Routes,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let challenge = Challenge::new(&[3; 32]);
        Self { now, routes: Routes::new(now, SERVER_PASSWORD.to_owned(), challenge, 64) }
    }

    fn handle(&mut self, data: &[u8], from: SocketAddr) -> Verdict {
        self.routes.handle(self.now, data, from, None).verdict
    }

    fn enter(&mut self, ufrag: &str) -> (PeerId, mpsc::Receiver<Datagram>) {
        let (queue, inbox) = mpsc::channel(8);
        let route = Route {
            queue,
            local_password: "local".to_owned(),
            remote: ("abcd".to_owned(), CLIENT_PASSWORD.to_owned()),
            settled: Arc::default(),
        };
        (self.routes.enter(ufrag, route).unwrap(), inbox)
    }

    /// What a source that really is at `from` does with a challenge.
    fn answer(&mut self, challenge: &[u8], from: SocketAddr) -> Verdict {
        let asked = Request::parse(challenge).unwrap();
        assert!(asked.is_signed_with(CLIENT_PASSWORD.as_bytes()));
        let mut id = [0; 12];
        id.copy_from_slice(&challenge[8..20]);
        self.handle(&stun::build(stun::BINDING_SUCCESS, &id, &[], b""), from)
    }

    fn proved(&mut self, request: &[u8], from: SocketAddr) -> Verdict {
        let Verdict::Challenge(challenge) = self.handle(request, from) else {
            panic!("no challenge");
        };
        self.answer(&challenge, from)
    }
}

fn request_as(username: &str, password: &str) -> Vec<u8> {
    let attributes: &[(u16, &[u8])] = &[(stun::ATTR_USERNAME, username.as_bytes()), (stun::ATTR_USE_CANDIDATE, b"")];
    stun::build(stun::BINDING_REQUEST, &[5; 12], attributes, password.as_bytes())
}

fn direct_request() -> Vec<u8> {
    request_as(&format!("mm1+{CLIENT_PASSWORD}:abcd"), SERVER_PASSWORD)
}

fn is_unexpected(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Drop(Unwanted::Unexpected))
}

fn is_bad(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Drop(Unwanted::BadIntegrity))
}

#[test]
fn a_wrong_password_leaves_no_state_and_gets_no_answer() {
    let mut world = World::new();
    let username = format!("mm1+{CLIENT_PASSWORD}:abcd");
    assert!(is_bad(&world.handle(&request_as(&username, "wrong"), addr(1))));
    assert!(is_bad(&world.handle(&request_as("mm1+x:abcd", SERVER_PASSWORD), addr(1))));
    assert!(is_bad(&world.handle(&request_as(&format!("{username}\r\n"), SERVER_PASSWORD), addr(1))));
    assert_eq!((world.routes.state_size(), world.routes.stash.len()), (0, 0));
}

#[test]
fn a_newcomer_must_answer_the_challenge_from_its_own_address() {
    let mut world = World::new();
    let Verdict::Challenge(challenge) = world.handle(&direct_request(), addr(1)) else {
        panic!("no challenge");
    };
    assert!(is_unexpected(&world.answer(&challenge, addr(2))));
    assert_eq!(world.routes.state_size(), 0);
    let Verdict::Newcomer(newcomer) = world.answer(&challenge, addr(1)) else {
        panic!("not taken");
    };
    assert_eq!(newcomer.client_password, CLIENT_PASSWORD);
    assert_eq!(newcomer.client_ufrag, "abcd");
    assert_eq!(newcomer.first, direct_request());
}

#[test]
fn an_answer_older_than_two_windows_proves_nothing() {
    let mut world = World::new();
    let Verdict::Challenge(challenge) = world.handle(&direct_request(), addr(1)) else {
        panic!("no challenge");
    };
    world.now += CHALLENGE_WINDOW * 2;
    assert!(is_unexpected(&world.answer(&challenge, addr(1))));
}

#[test]
fn a_proof_expires() {
    let mut world = World::new();
    assert!(matches!(world.proved(&direct_request(), addr(1)), Verdict::Newcomer(_)));
    assert!(matches!(world.handle(&direct_request(), addr(1)), Verdict::Newcomer(_)));
    world.now += CHALLENGE_WINDOW * 2;
    assert!(matches!(world.handle(&direct_request(), addr(1)), Verdict::Challenge(_)));
}

#[test]
fn a_flood_of_unproved_sources_stays_within_the_stash() {
    let mut world = World::new();
    for port in 1..5000 {
        assert!(matches!(world.handle(&direct_request(), addr(port)), Verdict::Challenge(_)));
    }
    assert_eq!(world.routes.state_size(), 0);
    assert!(world.routes.stash.len() <= 64);
}

#[test]
fn a_client_whose_stash_was_flushed_is_taken_at_its_next_request() {
    let mut world = World::new();
    let Verdict::Challenge(challenge) = world.handle(&direct_request(), addr(1)) else {
        panic!("no challenge");
    };
    for port in 2..500 {
        world.handle(&direct_request(), addr(port));
    }
    assert!(matches!(world.answer(&challenge, addr(1)), Verdict::Proved));
    assert!(matches!(world.handle(&direct_request(), addr(1)), Verdict::Newcomer(_)));
}

#[test]
fn a_signalled_peer_is_reached_only_after_the_challenge() {
    let mut world = World::new();
    let (_, _inbox) = world.enter("ours");
    let request = request_as("ours:abcd", "local");
    assert!(is_bad(&world.handle(&request_as("ours:abcd", "wrong"), addr(1))));
    assert!(is_bad(&world.handle(&request_as("ours:efgh", "local"), addr(1))));
    assert!(is_unexpected(&world.handle(&[22; 40], addr(1))));
    assert!(matches!(world.proved(&request, addr(1)), Verdict::Deliver { again: None, .. }));
    assert!(matches!(world.handle(&[22; 40], addr(1)), Verdict::Deliver { .. }));
}

#[test]
fn a_request_is_replayed_once_after_the_next_success() {
    let mut world = World::new();
    let (_, _inbox) = world.enter("ours");
    let request = request_as("ours:abcd", "local");
    world.proved(&request, addr(1));
    let success = stun::build(stun::BINDING_SUCCESS, &[8; 12], &[], b"");
    let Verdict::Deliver { data, again, .. } = world.handle(&success, addr(1)) else {
        panic!("not delivered");
    };
    assert_eq!((data, again), (success.clone().into(), Some(request.into())));
    assert!(matches!(world.handle(&success, addr(1)), Verdict::Deliver { again: None, .. }));
}

#[test]
fn a_settled_peer_has_nothing_replayed() {
    let mut world = World::new();
    let (_, _inbox) = world.enter("ours");
    let request = request_as("ours:abcd", "local");
    let success = stun::build(stun::BINDING_SUCCESS, &[8; 12], &[], b"");
    world.proved(&request, addr(1));
    world.handle(&success, addr(1));
    world.routes.by_addr[&addr(1)].settled.store(true, Ordering::Relaxed);
    assert!(matches!(world.handle(&request, addr(1)), Verdict::Deliver { .. }));
    assert!(matches!(world.handle(&success, addr(1)), Verdict::Deliver { again: None, .. }));
}

#[test]
fn a_reused_port_goes_to_the_new_peer_and_survives_the_end_of_the_old_one() {
    let mut world = World::new();
    let (old, _old_inbox) = world.enter("old0");
    let (_, _new_inbox) = world.enter("new0");
    world.proved(&request_as("old0:abcd", "local"), addr(1));
    // The address is proved already, so no second challenge.
    let request = request_as("new0:abcd", "local");
    assert!(matches!(world.handle(&request, addr(1)), Verdict::Deliver { .. }));
    world.routes.leave("old0", old);
    assert!(matches!(world.handle(&[22; 40], addr(1)), Verdict::Deliver { .. }));
}

#[test]
fn a_request_with_an_unknown_ufrag_never_goes_to_the_peer_of_its_address() {
    let mut world = World::new();
    let (_, _inbox) = world.enter("ours");
    world.proved(&request_as("ours:abcd", "local"), addr(1));
    assert!(matches!(world.handle(&direct_request(), addr(1)), Verdict::Newcomer(_)));
    assert!(is_bad(&world.handle(&request_as("gone:abcd", "local"), addr(1))));
}

#[test]
fn a_peer_binds_a_bounded_number_of_addresses() {
    let mut world = World::new();
    let (id, _inbox) = world.enter("ours");
    let request = request_as("ours:abcd", "local");
    for port in 1..20 {
        world.proved(&request, addr(port));
    }
    assert_eq!(world.routes.by_addr.len(), PEER_ADDRS_MAX);
    world.routes.leave("ours", id);
    assert_eq!(world.routes.by_addr.len(), 0);
}

#[test]
fn a_ufrag_is_given_once() {
    let mut world = World::new();
    let (id, _inbox) = world.enter("ours");
    let (queue, _inbox) = mpsc::channel(1);
    let remote = (String::new(), String::new());
    let again = Route { queue, local_password: String::new(), remote, settled: Arc::default() };
    assert_eq!(world.routes.enter("ours", again), None);
    world.routes.leave("ours", id + 1);
    assert_eq!(world.routes.peers.len(), 1);
}

#[test]
fn hostile_datagrams_never_panic_nor_create_peers() {
    let mut world = World::new();
    let (_, _inbox) = world.enter("ours");
    let mut seed = 1_234_567_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    for _ in 0..20_000 {
        let mut data = if next() % 2 == 0 { direct_request() } else { request_as("ours:abcd", "local") };
        for _ in 0..=next() % 4 {
            let at = next() % data.len();
            data[at] = u8::try_from(next() % 256).unwrap();
        }
        data.truncate(next() % (data.len() + 1));
        let from = addr(u16::try_from(next() % 50).unwrap());
        let verdict = world.handle(&data, from);
        assert!(!matches!(verdict, Verdict::Newcomer(_) | Verdict::Deliver { .. }));
        world.now += Duration::from_millis(1);
    }
    assert_eq!(world.routes.state_size(), 1);
}
