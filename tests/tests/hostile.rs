//! Somebody who finishes Noise and then breaks the rules; and floods. `THREATS.md` rows 15 and 17.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use mimei_core::cid::UserId;
use mimei_core::limits::{
    ASKS_IN_WORK_MAX, ASKS_OPEN_MAX, FRAME_BYTES_MAX, HANDSHAKE_BYTES_MAX, HANDSHAKE_MS_MAX, INBOX_PACKETS_MAX,
    LOG_PREV_MAX, PACKET_BODY_BYTES_MAX, UNSENT_BYTES_HIGH,
};
use mimei_core::peer::{Command, CommandError, Expect, Input, JobDone};
use mimei_core::wire::noise::Binding;
use mimei_core::wire::{Answer, Ask, Bye, Frame, LogAnswer, LogAsk, Message, Nothing, RefusalCode, packets_of};
use tests::people::{Person, copy_of};
use tests::random::Random;
use tests::sim::{memory, rtc, websocket};
use tests::solo::Solo;
use tests::stranger::{Line, Stranger};

const MORE: u8 = 1;
const BULK: u8 = 2;
const BLOCK: u8 = 4;

struct Meeting {
    solo: Solo,
    me: Person,
    stranger: Stranger,
}

fn meeting() -> Meeting {
    let mut random = Random::new(1);
    let (me, you) = (Person::new(&mut random), Person::new(&mut random));
    let stranger = Stranger::new(you.device.clone(), &you.log, 9);
    Meeting { solo: Solo::new(me.device.clone(), me.log_copy(), 1), me, stranger }
}

fn ping(number: u64) -> Frame {
    Frame::Message(Message::Ask((number, Ask::Ping(Nothing {}))))
}

fn bindings() -> [Binding; 3] {
    [memory(), websocket(), rtc(1, 2)]
}

fn byes(heard: &[Message]) -> Vec<&str> {
    fn code(message: &Message) -> Option<&str> {
        if let Message::Bye(bye) = message { Some(&bye.code) } else { None }
    }
    heard.iter().filter_map(code).collect()
}

fn assert_gone(solo: &Solo, line: &Line, code: &str) {
    assert_eq!(solo.ending(line.connection), Some(code));
    assert!(solo.has_closed(line.connection), "the transport stays open");
    assert_eq!((solo.peer.connections(), solo.peer.tasks()), (0, 0));
}

#[test]
fn an_honest_stranger_is_let_in_and_answered() {
    for binding in bindings() {
        let Meeting { mut solo, stranger, .. } = meeting();
        let mut line = stranger.enter(&mut solo, &binding);
        assert!(solo.has_opened(line.connection));
        line.say(&mut solo, &ping(8));
        let heard = line.hear(&mut solo);
        assert!(matches!(heard[0], Message::Hello(_)));
        assert_eq!(heard[1..], [Message::Answer((8, Answer::Done(Nothing {})))]);
    }
}

#[test]
fn packets_that_are_not_frames_end_the_session_with_a_code() {
    let wrong: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("unknown flags", vec![8]),
        ("all flags", vec![0xff, 1]),
        ("no message", vec![0]),
        ("not CBOR", vec![0, 0xff, 0xff]),
        ("another message", [&[0, 0xa1, 0x63][..], b"boo", &[0xa0]].concat()),
        ("trailing bytes", [packets_of(&ping(1)).concat(), vec![0]].concat()),
        ("a long integer", b"\0\xa1\x63ask\x82\x18\x01\xa1\x64ping\xa0".to_vec()),
        ("a huge claim", b"\0\xa1\x65hello\xa1\x63log\x9b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("deep", [vec![0], vec![0x81; 60_000]].concat()),
        ("a part without progress", vec![MORE]),
        ("a block without a number", vec![BULK | BLOCK, 1, 2, 3]),
        ("a message on the bulk lane", vec![BULK, 0xff]),
    ];
    for binding in bindings() {
        for (what, packet) in &wrong {
            let Meeting { mut solo, stranger, .. } = meeting();
            let mut line = stranger.enter(&mut solo, &binding);
            line.say_packet(&mut solo, packet.clone());
            assert_eq!(solo.ending(line.connection), Some("wire.malformed"), "{what} over {binding:?}");
            assert_eq!(byes(&line.hear(&mut solo)), ["wire.malformed"], "{what}: the other side is told why");
            assert_gone(&solo, &line, "wire.malformed");
        }
    }
}

#[test]
fn a_frame_that_never_ends_is_cut_off_at_the_limit() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    let part = [vec![BULK | BLOCK | MORE], vec![0; PACKET_BODY_BYTES_MAX]].concat();
    let most = FRAME_BYTES_MAX / PACKET_BODY_BYTES_MAX;
    for _ in 0..most {
        line.say_packet(&mut solo, part.clone());
        assert_eq!(solo.ending(line.connection), None, "a frame of the largest size is fine");
    }
    line.say_packet(&mut solo, part);
    assert_gone(&solo, &line, "wire.malformed");
}

#[test]
fn garbage_instead_of_a_sealed_packet_ends_the_session() {
    for bytes in [vec![], vec![0; 15], vec![7; 1000], vec![0; 70_000]] {
        let Meeting { mut solo, stranger, .. } = meeting();
        let line = stranger.enter(&mut solo, &websocket());
        solo.receive(line.connection, bytes);
        assert_gone(&solo, &line, "handshake.intercepted");
    }
}

#[test]
fn nothing_is_served_before_hello() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.call(&mut solo, &websocket());
    line.say(&mut solo, &ping(1));
    assert!(!solo.has_opened(line.connection));
    let answers = line.hear(&mut solo).into_iter().filter(|m| matches!(m, Message::Answer(_))).count();
    assert_eq!(answers, 0);
    assert_gone(&solo, &line, "handshake.malformed");
}

#[test]
fn hello_is_said_once() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    line.say(&mut solo, &Frame::Message(stranger.hello()));
    assert_gone(&solo, &line, "wire.malformed");
}

#[test]
fn handshake_messages_that_are_none_are_refused() {
    for first in [vec![], vec![1; 31], vec![1; 33], vec![1; HANDSHAKE_BYTES_MAX + 1], vec![1; 70_000]] {
        let Meeting { mut solo, .. } = meeting();
        let connection = solo.listen(&websocket());
        let length = first.len();
        solo.receive(connection, first);
        let ending = solo.ending(connection).unwrap();
        assert!(ending.starts_with("handshake."), "{length} bytes: {ending}");
        assert!(solo.take_packets(connection).is_empty(), "{length} bytes got an answer");
        assert_eq!((solo.peer.connections(), solo.peer.tasks()), (0, 0));
    }
}

#[test]
fn a_proof_that_cites_too_many_entries_is_refused() {
    let Meeting { mut solo, mut stranger, .. } = meeting();
    stranger.tips = vec![stranger.tips[0]; LOG_PREV_MAX + 1];
    let line = stranger.call(&mut solo, &websocket());
    assert_gone(&solo, &line, "handshake.malformed");
}

#[test]
fn a_log_must_be_that_of_the_prover_whole_and_valid() {
    let other = Person::new(&mut Random::new(5));
    type Lie<'a> = (&'a str, &'a str, Box<dyn Fn(&mut Stranger)>);
    let foreign = other.log.entries();
    let foreign_tips = other.log.tips();
    let foreign_user = other.user();
    let lies: Vec<Lie<'_>> = vec![
        ("no log", "handshake.log", Box::new(|s| s.log.clear())),
        ("somebody else's log", "handshake.log", Box::new(move |s| s.log = foreign.clone())),
        ("a tip that is not in it", "handshake.log", Box::new(move |s| s.tips = foreign_tips.clone())),
        ("somebody else's name", "handshake.log", Box::new(move |s| s.user = foreign_user)),
        ("a bad signature", "handshake.log", Box::new(|s| s.log[0].sig.0[0] ^= 1)),
        ("an entry twice as first", "handshake.log", Box::new(|s| s.log.reverse())),
    ];
    for (what, code, lie) in lies {
        let mut random = Random::new(1);
        let (me, mut you) = (Person::new(&mut random), Person::new(&mut random));
        let device = you.add_device(&mut random);
        let mut solo = Solo::new(me.device.clone(), me.log_copy(), 1);
        let mut stranger = Stranger::new(device, &you.log, 9);
        lie(&mut stranger);
        let line = stranger.enter(&mut solo, &websocket());
        assert_eq!(solo.ending(line.connection), Some(code), "{what}");
        assert!(!solo.has_opened(line.connection), "{what}");
        assert_gone(&solo, &line, code);
    }
}

#[test]
fn a_device_of_nobody_cannot_pass_as_a_users_device() {
    let Meeting { mut solo, stranger, me } = meeting();
    let thief = mimei_core::secret::DeviceSecrets::generate(&[3; 32]);
    let impostor =
        Stranger { device: thief.clone(), log: stranger.log.clone(), tips: stranger.tips.clone(), ..stranger };
    let line = impostor.enter(&mut solo, &websocket());
    assert_gone(&solo, &line, "handshake.device");
    // Nor does it pass as the listener's own user.
    let twin = Stranger::new(thief, &me.log, 10);
    let line = twin.enter(&mut solo, &websocket());
    assert_gone(&solo, &line, "handshake.device");
}

#[test]
fn a_device_that_its_own_log_revokes_is_refused() {
    let mut random = Random::new(1);
    let (me, mut you) = (Person::new(&mut random), Person::new(&mut random));
    let device = you.add_device(&mut random);
    you.revoke(&device.keys().sign, &mut random);
    let mut solo = Solo::new(me.device.clone(), me.log_copy(), 1);
    let line = Stranger::new(device, &you.log, 9).enter(&mut solo, &websocket());
    assert_gone(&solo, &line, "handshake.device");
}

#[test]
fn a_signature_for_another_session_is_no_proof() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let connection = solo.listen(&websocket());
    let noise = |seed| {
        use mimei_core::wire::noise::{Handshake, Role};
        Handshake::new(Role::Dialer, &websocket(), &[seed; 32]).unwrap()
    };
    let (mut now, earlier) = (noise(1), noise(2));
    solo.receive(connection, now.write(None).unwrap());
    now.read_proof(&solo.take_packets(connection).concat()).unwrap();
    let old_proof = stranger.proof(&earlier);
    solo.receive(connection, now.write(Some(&old_proof)).unwrap());
    assert_eq!(solo.ending(connection), Some("handshake.signature"));
}

#[test]
fn asks_beyond_the_limit_are_refused_as_busy_and_the_others_answered() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    line.hear(&mut solo);
    solo.hold_jobs();
    let unknown = UserId::of(b"nobody");
    // A dialer's asks have even numbers.
    let asks = 2 * (ASKS_IN_WORK_MAX as u64 + 3);
    for number in (0..asks).step_by(2) {
        let ask = Ask::Log(LogAsk { user: unknown, known: vec![] });
        line.say(&mut solo, &Frame::Message(Message::Ask((number, ask))));
    }
    let refused = |heard: Vec<Message>, with: RefusalCode| -> Vec<u64> {
        let number = |message| match message {
            Message::Refuse((number, refusal)) if refusal.code == with => Some(number),
            _ => None,
        };
        heard.into_iter().filter_map(number).collect()
    };
    let busy = refused(line.hear(&mut solo), RefusalCode::Busy);
    assert_eq!(busy, (2 * ASKS_IN_WORK_MAX as u64..asks).step_by(2).collect::<Vec<_>>());
    assert_eq!(solo.jobs_held(), ASKS_IN_WORK_MAX);
    solo.release_jobs();
    assert_eq!(refused(line.hear(&mut solo), RefusalCode::NotFound).len(), ASKS_IN_WORK_MAX);
    line.say(&mut solo, &ping(asks));
    assert_eq!(line.hear(&mut solo), [Message::Answer((asks, Answer::Done(Nothing {})))], "there is room again");
    assert_eq!(solo.peer.tasks(), 1);
}

#[test]
fn asks_of_a_connection_that_ended_leave_no_task() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    solo.hold_jobs();
    for number in (0..20).step_by(2) {
        let ask = Ask::Log(LogAsk { user: UserId::of(b"nobody"), known: vec![] });
        line.say(&mut solo, &Frame::Message(Message::Ask((number, ask))));
    }
    line.say(&mut solo, &Frame::Message(Message::Bye(Bye { code: "connection.closed".into(), message: "bye".into() })));
    line.hear(&mut solo);
    solo.release_jobs();
    assert_eq!(solo.take_packets(line.connection), Vec::<Vec<u8>>::new(), "said after the end");
    assert_gone(&solo, &line, "connection.closed");
}

#[test]
fn own_asks_beyond_the_limit_are_refused_and_end_with_the_connection() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    let pings: Vec<_> = (0..ASKS_OPEN_MAX + 2).map(|_| solo.command(Command::Ping(line.connection))).collect();
    let busy = |solo: &Solo| {
        let is_busy = |id: &&u64| matches!(solo.outcomes.get(*id), Some(Err(CommandError::Refused(r))) if r.code == RefusalCode::Busy);
        pings.iter().filter(is_busy).count()
    };
    assert_eq!(busy(&solo), 2);
    // Answers to asks that were never made, or are over, change nothing.
    line.say(&mut solo, &Frame::Message(Message::Answer((1 << 40, Answer::Done(Nothing {})))));
    assert_eq!(solo.outcomes.len(), 2);
    line.say(&mut solo, &Frame::Message(Message::Bye(Bye { code: "x".into(), message: "y".into() })));
    assert_eq!(solo.outcomes.len(), pings.len(), "every command is over");
    assert_eq!(solo.outcomes.values().filter(|o| **o == Err(CommandError::NotConnected)).count(), ASKS_OPEN_MAX);
    assert_gone(&solo, &line, "connection.closed");
}

#[test]
fn a_block_that_was_not_announced_or_asked_for_is_dropped() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    line.hear(&mut solo);
    for number in [0, 1, 7, 8] {
        line.say(&mut solo, &Frame::Block { number, bytes: vec![1, 2, 3] });
    }
    line.say(&mut solo, &ping(10));
    assert_eq!(line.hear(&mut solo), [Message::Answer((10, Answer::Done(Nothing {})))]);
    assert_eq!(solo.peer.tasks(), 1);
}

#[test]
fn an_ask_numbered_like_ours_ends_the_session() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    line.say(&mut solo, &ping(1));
    assert_gone(&solo, &line, "wire.malformed");
}

#[test]
fn an_answer_of_another_kind_fails_the_ask_only() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.enter(&mut solo, &websocket());
    let ping = solo.command(Command::Ping(line.connection));
    let number = line.hear(&mut solo).into_iter().find_map(|message| match message {
        Message::Ask((number, Ask::Ping(_))) => Some(number),
        _ => None,
    });
    let answer = Answer::Log(LogAnswer { entries: vec![] });
    line.say(&mut solo, &Frame::Message(Message::Answer((number.unwrap(), answer))));
    assert_eq!(solo.outcomes[&ping], Err(CommandError::WrongAnswer));
    assert_eq!(solo.ending(line.connection), None);
}

#[test]
fn a_reader_who_does_not_read_holds_back_its_own_answers_only() {
    let mut random = Random::new(1);
    let (mut me, you) = (Person::new(&mut random), Person::new(&mut random));
    for _ in 0..60 {
        me.add_device(&mut random);
    }
    let mut solo = Solo::new(me.device.clone(), me.log_copy(), 1);
    let stranger = Stranger::new(you.device.clone(), &you.log, 9);
    let (slow, mut quick) = (stranger.enter(&mut solo, &rtc(1, 2)), stranger.enter(&mut solo, &rtc(1, 2)));
    let ask = |number| Frame::Message(Message::Ask((number, Ask::Log(LogAsk { user: me.user(), known: vec![] }))));
    let mut line = slow;
    let mut waiting = Vec::new();
    for number in (0..1000).step_by(2) {
        line.say(&mut solo, &ask(number));
        waiting.extend(solo.take_packets(line.connection));
    }
    let bytes = |packets: &[Vec<u8>]| packets.iter().map(|packet| packet.len() as u64).sum::<u64>();
    let answer = bytes(&waiting[..2]);
    assert!(bytes(&waiting) > UNSENT_BYTES_HIGH, "asks were answered while there was room");
    // Refusals are small and go out at once; besides them at most one answer exceeds the mark.
    assert!(bytes(&waiting) < UNSENT_BYTES_HIGH + answer + 500 * 100, "{} bytes wait", bytes(&waiting));
    quick.say(&mut solo, &ping(2));
    assert!(quick.hear(&mut solo).contains(&Message::Answer((2, Answer::Done(Nothing {})))));
    assert_eq!(solo.peer.tasks(), 2 + ASKS_IN_WORK_MAX);
    for _ in 0..2 * ASKS_IN_WORK_MAX {
        solo.tell(Input::Sent { connection: line.connection, bytes: bytes(&waiting) });
        waiting = solo.take_packets(line.connection);
    }
    assert_eq!(solo.peer.tasks(), 2, "the rest followed as there was room");
}

#[test]
fn a_flood_before_the_handshake_is_bounded() {
    let Meeting { mut solo, .. } = meeting();
    // The listener waits for its own signature, so nothing is taken from its inbox.
    solo.hold_jobs();
    let connection = solo.listen(&websocket());
    for _ in 0..INBOX_PACKETS_MAX {
        solo.receive(connection, vec![0; 100]);
        assert!(!solo.has_closed(connection));
    }
    for _ in 0..INBOX_PACKETS_MAX * 2 {
        solo.receive(connection, vec![0; 100]);
    }
    solo.release_jobs();
    assert_eq!(solo.ending(connection), Some("connection.flood"));
    assert!(solo.has_closed(connection));
    assert_eq!((solo.peer.connections(), solo.peer.tasks()), (0, 0));
}

#[test]
fn a_flood_of_connections_that_say_nothing_ends_at_the_deadline() {
    let Meeting { mut solo, .. } = meeting();
    let all: Vec<_> = (0..500).map(|_| solo.listen(&websocket())).collect();
    solo.advance(HANDSHAKE_MS_MAX - 1);
    assert_eq!(solo.peer.connections(), 500);
    solo.advance(1);
    assert!(all.iter().all(|connection| solo.ending(*connection) == Some("handshake.timeout")));
    assert_eq!((solo.peer.connections(), solo.peer.tasks()), (0, 0));
}

#[test]
fn who_trickles_its_hello_is_let_go_at_the_deadline() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let mut line = stranger.call(&mut solo, &websocket());
    for _ in 0..20 {
        line.say_packet(&mut solo, vec![MORE, 0xa1]);
        solo.advance(HANDSHAKE_MS_MAX / 20);
    }
    assert_gone(&solo, &line, "handshake.timeout");
}

#[test]
fn a_clock_that_jumps_back_does_not_move_deadlines() {
    use mimei_core::time::Millis;
    let Meeting { mut solo, .. } = meeting();
    let connection = solo.listen(&websocket());
    solo.peer.handle(Millis(5), Input::Tick);
    solo.advance(HANDSHAKE_MS_MAX);
    assert_eq!(solo.ending(connection), Some("handshake.timeout"));
}

#[test]
fn messages_on_connections_that_do_not_exist_are_ignored() {
    let Meeting { mut solo, stranger, .. } = meeting();
    let line = stranger.enter(&mut solo, &websocket());
    let events = solo.events.len();
    solo.receive(99, vec![1]);
    solo.tell(Input::Sent { connection: 99, bytes: 5 });
    solo.tell(Input::Closed { connection: 99 });
    solo.tell(Input::Done { job: 99, done: JobDone::Row(Ok(None)) });
    assert_eq!(solo.events.len(), events);
    assert!(solo.ending(line.connection).is_none());
}

#[test]
fn a_dialer_refuses_a_listener_whose_device_is_not_in_its_log() {
    let mut random = Random::new(8);
    let (me, mut you) = (Person::new(&mut random), Person::new(&mut random));
    let old = copy_of(&you.log);
    let phone = you.add_device(&mut random);
    let mut solo = Solo::new(me.device.clone(), me.log_copy(), 1);
    let connection = solo.dial(&websocket(), Expect::User(you.user()));
    let line = Stranger::new(phone, &old, 4).answer(&mut solo, connection, &websocket());
    assert_gone(&solo, &line, "handshake.device");
}
