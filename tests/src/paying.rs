//! The story of people with small credit lines who share and read while everything around them breaks.

use mimei_core::cid::{MimeiId, UserId};
use mimei_core::credit::{Ratio, TAIL_BYTES_MAX, WINDOW_BYTES_MAX};
use mimei_core::link::Link as Address;
use mimei_core::mimei::{Kind, PIECE_BYTES, Rights};
use mimei_core::peer::{AccountView, Command, CreditCommand, CreditPolicy, ItemCommand, ShareTo, Terms};

use crate::desk::Desk;
use crate::random::Random;
use crate::sim::{Dial, Link, NodeId, Temper};

/// Long enough for redials, timeouts and all that waits.
const CALM_MS: u64 = 240_000;
const MB: u64 = 1_000_000;
/// More than all of it costs, however often it is sent again.
const PLENTY: u64 = 1 << 40;

struct Member {
    node: NodeId,
    user: UserId,
    mimei: MimeiId,
    link: Address,
    text: Vec<u8>,
}

fn terms(limit: u64) -> Terms {
    Terms { limit, space: 1 << 30, until: None, renews: None }
}

/// Two people with lines that end before their files are sent share these and read each other's, while devices and
/// relay crash, connections tear and stores fail; the owner raises lines now and then. The relay never trusts further
/// than it signed. In the end all is there, both sides have the same signatures, and these cover what was served.
pub fn what_is_served_is_signed_for(seed: u64) -> String {
    let mut random = Random::new(seed ^ 0x7061_7921);
    let mut desk = Desk::new(seed, Link::good());
    let welcome = Some(terms(random.within(600_000..4_000_000)));
    desk.set_policy(CreditPolicy { welcome, strangers: 0, traffic: Ratio::ONE });
    let members: Vec<Member> = (0..2).map(|number| join(&mut desk, &mut random, number)).collect();
    let loss = random.within(0..10_000) as u32;
    desk.sim.set_link(Link { loss, ..Link::bad() });
    let mut limit = 4 * MB;
    for _ in 0..random.within(15..40) {
        let at = random.within(0..2) as usize;
        disturb(&mut desk, &mut random, &members[at], &mut limit);
        read(&mut desk, &members[1 - at], &members[at].link);
        let pause = random.within(0..3_000);
        desk.sim.run_for(pause);
        let relay = desk.relay;
        if desk.sim.node(relay).runs() && desk.sim.node(relay).temper.store_faults == 0 {
            desk.accounts(relay).iter().for_each(within_bounds);
        }
    }
    calm_down(&mut desk, &members);
    for member in &members {
        agree(&mut desk, member);
    }
    desk.sim.trace_hash()
}

fn join(desk: &mut Desk, random: &mut Random, number: u64) -> Member {
    let seat = desk.seat();
    let user = desk.sim.peer(seat.node).user();
    let mimei = desk.create(seat.node, Kind::File, "film", false);
    let pieces = random.within(3..12);
    let text: Vec<u8> = (0..pieces * u64::from(PIECE_BYTES) + number).map(|_| random.within(0..256) as u8).collect();
    desk.save(seat.node, mimei, None, &text).expect("saved on the device");
    let link = desk.share(seat.node, mimei, ShareTo::Link, Rights::READER).expect("a link");
    desk.sim.tear(seat.session);
    let relay = desk.relay;
    desk.sim.dial(Dial::new(seat.node, relay).again_and_again());
    Member { node: seat.node, user, mimei, link, text }
}

fn disturb(desk: &mut Desk, random: &mut Random, member: &Member, limit: &mut u64) {
    let relay = desk.relay;
    let node = *random.pick(&[relay, member.node]);
    match random.within(0..10) {
        0..=2 if !desk.sim.node(node).runs() => desk.sim.restart(node),
        0 => desk.sim.crash(node),
        1 => desk.sim.partition(relay, member.node),
        2 | 3 => desk.sim.heal(relay, member.node),
        4 => {
            let torn = desk.sim.node(node).sessions().first().map(|opened| opened.connection);
            torn.into_iter().for_each(|connection| desk.sim.tear(connection));
        }
        5 => desk.sim.node_mut(node).temper.store_faults = random.within(0..100_000) as u32,
        6 | 7 if desk.sim.node(relay).runs() => {
            *limit += random.within(0..2 * MB);
            let grant = CreditCommand::Grant { debtor: member.user, terms: terms(*limit) };
            desk.sim.command(relay, Command::Credit(grant));
        }
        _ => {}
    }
}

/// Somebody looks at what the other shared; whether it works is not the question.
fn read(desk: &mut Desk, member: &Member, link: &Address) {
    let sessions = desk.sim.node(member.node).sessions();
    let relay = sessions.first().map(|opened| opened.connection).filter(|_| desk.sim.node(member.node).runs());
    if relay.is_some() {
        desk.sim.command(member.node, Command::Item(ItemCommand::Open { link: link.clone(), relay }));
    }
}

fn within_bounds(account: &AccountView) {
    let numbers = &account.numbers;
    let bound = numbers.limit.saturating_add(TAIL_BYTES_MAX);
    assert!(numbers.exposure <= bound, "trusted further than it signed: {numbers:?}");
    assert!(numbers.unsigned <= TAIL_BYTES_MAX, "served further than was signed for: {numbers:?}");
}

fn calm_down(desk: &mut Desk, members: &[Member]) {
    let relay = desk.relay;
    desk.sim.set_link(Link::good());
    for node in members.iter().map(|member| member.node).chain([relay]) {
        desk.sim.heal(relay, node);
        desk.sim.node_mut(node).temper = Temper::calm();
        if !desk.sim.node(node).runs() {
            desk.sim.restart(node);
        }
    }
    for member in members {
        let grant = CreditCommand::Grant { debtor: member.user, terms: terms(PLENTY) };
        desk.credit(relay, grant).expect("the owner raises a line");
    }
    desk.sim.run_for(CALM_MS);
}

fn agree(desk: &mut Desk, member: &Member) {
    desk.settle(member.node, member.mimei).expect("all that waits is sent");
    desk.sim.run_for(CALM_MS);
    let relay = desk.relay;
    let theirs = desk.accounts(relay).into_iter().find(|account| account.debtor == member.user).expect("an account");
    let mine = desk.accounts(member.node).into_iter().find(|account| account.owes).expect("an account");
    within_bounds(&theirs);
    assert_eq!(mine.line, theirs.line);
    assert_eq!(mine.numbers.signed, theirs.numbers.signed, "one of them lacks a signature");
    let sent = member.text.len() as u64;
    let ahead = WINDOW_BYTES_MAX + 16 * u64::from(PIECE_BYTES);
    assert!(theirs.numbers.signed + TAIL_BYTES_MAX >= sent, "less is signed than was sent: {:?}", theirs.numbers);
    let lane = &theirs.lanes[0].1;
    assert!(lane.ahead() <= ahead, "{} were signed ahead", lane.ahead());
}
