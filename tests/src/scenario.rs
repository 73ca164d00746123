//! Stories that hold for every seed.

use mimei_core::peer::{Command, Expect, Outcome};
use mimei_core::secret::DeviceSecrets;

use crate::people::{Person, copy_of};
use crate::random::Random;
use crate::sim::{Dial, Link, NodeId, Sim, Temper, memory, rtc, websocket};

/// A story: it panics if what it tells does not hold.
pub type Story = fn(u64) -> String;

/// All stories with their names. Each returns the hash of its trace.
pub const STORIES: &[(&str, Story)] = &[
    ("unrest ends in a full net", unrest_ends_in_a_full_net),
    ("a revoked device stays out", a_revoked_device_stays_out),
    ("failing stores heal", failing_stores_heal),
    ("what was pinned stays pinned", what_was_pinned_stays_pinned),
    ("what was saved arrives", crate::sharing::what_was_saved_arrives),
    ("what is served is signed for", crate::paying::what_is_served_is_signed_for),
];

/// Long enough for a redial, a handshake and a give-up of any link.
const CALM_MS: u64 = 90_000;

/// A few tabs and relays, each tab connected to each relay again and again.
struct Town {
    sim: Sim,
    relays: Vec<NodeId>,
    tabs: Vec<NodeId>,
}

impl Town {
    fn new(seed: u64, relays: u64, tabs: u64, link: Link, temper: &Temper) -> Self {
        let mut random = Random::new(seed ^ 0x746f_776e);
        let mut sim = Sim::new(seed, link);
        let mut users = Vec::new();
        let mut node = |sim: &mut Sim, random: &mut Random| {
            let person = Person::new(random);
            users.push(person.user());
            let temper = Temper { clock_ahead_ms: random.within(0..86_400_000) as i64, ..temper.clone() };
            let log = person.log_copy();
            sim.add_node(person.device, log, temper)
        };
        let relays: Vec<_> = (0..relays).map(|_| node(&mut sim, &mut random)).collect();
        let tabs: Vec<_> = (0..tabs).map(|_| node(&mut sim, &mut random)).collect();
        for &tab in &tabs {
            for &relay in &relays {
                let binding = random.pick(&[memory(), websocket(), rtc(1, 2)]).clone();
                let expect = match random.within(0..2) {
                    0 => Expect::User(users[relay]),
                    _ => Expect::FirstUse(format!("relay {relay}")),
                };
                sim.dial(Dial::new(tab, relay).over(binding).expecting(expect).again_and_again());
            }
        }
        Self { sim, relays, tabs }
    }

    fn nodes(&self) -> std::ops::Range<NodeId> {
        0..self.relays.len() + self.tabs.len()
    }

    fn is_full(&self) -> bool {
        let connected = |node, others| self.sim.node(node).sessions().len() == others;
        self.relays.iter().all(|&relay| connected(relay, self.tabs.len()))
            && self.tabs.iter().all(|&tab| connected(tab, self.relays.len()))
    }

    /// Everything that goes wrong goes right again, and all find each other.
    fn calm_down(&mut self) {
        for (relay, tab) in pairs(&self.relays, &self.tabs) {
            self.sim.heal(relay, tab);
        }
        self.sim.set_link(Link::good());
        for node in self.nodes() {
            self.sim.node_mut(node).temper.store_faults = 0;
            if !self.sim.node(node).runs() {
                self.sim.restart(node);
            }
        }
        // What the unrest had sent may still be under way.
        self.sim.run_for(CALM_MS);
        assert!(self.is_full(), "the net is not whole after the unrest");
    }

    /// Every session carries a ping, then ends and leaves nothing behind.
    fn part_in_peace(&mut self) {
        for node in self.nodes() {
            for connection in connections_of(&self.sim, node) {
                let ping = self.sim.command(node, Command::Ping(connection));
                self.sim.run_until(CALM_MS, |sim| sim.outcome(node, ping).is_some());
                let outcome = self.sim.outcome(node, ping);
                assert!(matches!(outcome, Some(Ok(Outcome::RoundTrip { .. }))), "ping: {outcome:?}");
            }
            assert_eq!(self.sim.peer(node).tasks(), self.sim.peer(node).connections(), "one task for each connection");
        }
        self.sim.stop_redialing();
        for tab in self.tabs.clone() {
            for connection in connections_of(&self.sim, tab) {
                self.sim.command(tab, Command::Disconnect(connection));
            }
        }
        self.sim.run_for(CALM_MS);
        for node in self.nodes() {
            assert_nothing_left(&self.sim, node);
        }
    }
}

/// A running node has no connection and is in the middle of nothing.
///
/// # Panics
/// If something is left.
pub fn assert_nothing_left(sim: &Sim, node: NodeId) {
    let peer = sim.peer(node);
    assert_eq!((peer.connections(), peer.tasks()), (0, 0), "connections and tasks left on node {node}");
    assert_eq!(sim.node(node).sessions(), Vec::<&crate::sim::Opened>::new());
}

fn connections_of(sim: &Sim, node: NodeId) -> Vec<u64> {
    sim.node(node).sessions().iter().map(|opened| opened.connection).collect()
}

fn pairs(a: &[NodeId], b: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    a.iter().flat_map(|&a| b.iter().map(move |&b| (a, b))).collect()
}

fn rough(random: &mut Random) -> (Link, Temper) {
    let link = Link { loss: random.within(0..30_000) as u32, delay: random.within(0..100_000) as u32, ..Link::bad() };
    let job_ms = 0..random.within(1..60);
    (link, Temper { job_ms, ..Temper::calm() })
}

/// Loss, delay, partitions, crashes, pings; in the end everybody has a session with everybody.
pub fn unrest_ends_in_a_full_net(seed: u64) -> String {
    let mut random = Random::new(seed);
    let (link, temper) = rough(&mut random);
    let (relays, tabs) = (random.within(1..3), random.within(1..4));
    let mut town = Town::new(seed, relays, tabs, link, &temper);
    for _ in 0..random.within(20..60) {
        disturb(&mut town, &mut random);
        let pause = random.within(0..3_000);
        town.sim.run_for(pause);
    }
    town.calm_down();
    town.part_in_peace();
    town.sim.trace_hash()
}

fn disturb(town: &mut Town, random: &mut Random) {
    let (relay, tab) = *random.pick(&pairs(&town.relays, &town.tabs));
    let node = *random.pick(&[relay, tab]);
    match random.within(0..10) {
        0..=2 if !town.sim.node(node).runs() => town.sim.restart(node),
        0 => town.sim.crash(node),
        1 => town.sim.partition(relay, tab),
        2 | 3 => town.sim.heal(relay, tab),
        4 => {
            let torn = connections_of(&town.sim, node).into_iter().next();
            torn.into_iter().for_each(|connection| town.sim.tear(connection));
        }
        5..=8 if town.sim.node(node).runs() => {
            for connection in connections_of(&town.sim, node) {
                town.sim.command(node, Command::Ping(connection));
            }
        }
        _ => {}
    }
}

/// Stores refuse one job in five for a while; later everything works again.
pub fn failing_stores_heal(seed: u64) -> String {
    let mut random = Random::new(seed);
    let (link, temper) = rough(&mut random);
    let temper = Temper { store_faults: 200_000, ..temper };
    let mut town = Town::new(seed, 1, 3, link, &temper);
    town.sim.run_for(30_000);
    town.calm_down();
    town.part_in_peace();
    town.sim.trace_hash()
}

/// A relay that has seen a revocation refuses the device for ever, whatever crashes.
pub fn a_revoked_device_stays_out(seed: u64) -> String {
    let mut random = Random::new(seed);
    let (link, temper) = rough(&mut random);
    let mut sim = Sim::new(seed, link);
    let keeper = Person::new(&mut random);
    let keeper_log = keeper.log_copy();
    let relay = sim.add_node(keeper.device, keeper_log, temper.clone());
    let mut person = Person::new(&mut random);
    let stolen = person.add_device(&mut random);
    let stolen_key = stolen.keys().sign;
    let old_log = person.log_copy();
    person.revoke(&stolen_key, &mut random);
    let thief = sim.add_node(stolen, old_log, temper.clone());
    let owner = sim.add_node(DeviceSecrets { ..person.device.clone() }, copy_of(&person.log), temper);
    sim.dial(Dial::new(thief, relay).over(websocket()).again_and_again());
    let early = random.within(0..20_000);
    sim.run_for(early);
    sim.dial(Dial::new(owner, relay).over(websocket()).again_and_again());
    let met = |sim: &Sim| sim.node(relay).opened().iter().any(|opened| opened.device != stolen_key);
    assert!(sim.run_until(600_000, met), "the owner never met the relay");
    let thief_sessions = |sim: &Sim| sim.node(relay).opened().iter().filter(|o| o.device == stolen_key).count();
    // A session that the thief had before is not this story's matter; it ends with the crash.
    sim.crash(relay);
    let before = thief_sessions(&sim);
    for _ in 0..3 {
        let down = random.within(0..2_000);
        sim.run_for(down);
        sim.restart(relay);
        let up = random.within(10_000..30_000);
        sim.run_for(up);
        sim.crash(relay);
    }
    assert_eq!(thief_sessions(&sim), before, "the revoked device was let in");
    sim.trace_hash()
}

/// Whom a dialer met first it meets ever after, whatever crashes; an impostor never gets a session.
pub fn what_was_pinned_stays_pinned(seed: u64) -> String {
    let mut random = Random::new(seed);
    let (link, temper) = rough(&mut random);
    let mut sim = Sim::new(seed, link);
    let mut node = |sim: &mut Sim| {
        let person = Person::new(&mut random);
        let (user, log) = (person.user(), person.log_copy());
        (user, sim.add_node(person.device, log, temper.clone()))
    };
    let ((_, dialer), (real, first), (_, impostor)) = (node(&mut sim), node(&mut sim), node(&mut sim));
    let place = || Expect::FirstUse("the same place".into());
    sim.dial(Dial::new(dialer, first).over(websocket()).expecting(place()).again_and_again());
    assert!(sim.run_until(600_000, |sim| !sim.node(dialer).opened().is_empty()), "they never met");
    for _ in 0..6 {
        sim.dial(Dial::new(dialer, impostor).over(websocket()).expecting(place()));
        let pause = random.within(0..15_000);
        sim.run_for(pause);
        sim.crash(dialer);
        sim.restart(dialer);
    }
    assert!(
        sim.node(dialer).opened().iter().all(|opened| opened.user == real),
        "the impostor was taken for the pinned"
    );
    sim.trace_hash()
}
