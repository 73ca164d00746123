//! Addresses: what is written reads back, and nothing else is read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use mimei_core::address::{AddressError, RelayAddress};
use mimei_core::cid::{HeadId, MimeiId, UserId, VersionId};
use mimei_core::link::{At, LINK_RELAYS_MAX, Link, LinkError, LinkSecret};
use mimei_core::sign::Domain;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn relay(n: u8, places: &[&str]) -> RelayAddress {
    let addrs = places.iter().map(|place| place.parse().unwrap()).collect();
    RelayAddress { user: UserId::of(&[n]), addrs, fingerprint: [n; 32] }
}

fn full() -> Link {
    Link {
        mimei: MimeiId::of(b"mimei"),
        at: At::Number(5),
        head: Some(HeadId::of(b"head")),
        relays: vec![relay(1, &["192.0.2.7:6464", "[2001:db8::7]:6464"]), relay(2, &["127.0.0.1:1"])],
        secret: Some(LinkSecret::from_bytes([7; 32])),
    }
}

fn any_link() -> impl Strategy<Value = Link> {
    let at = prop_oneof![
        Just(At::Current),
        Just(At::Last),
        Just(At::Release),
        (1..u64::MAX).prop_map(At::Number),
        any::<[u8; 4]>().prop_map(|bytes| At::Version(VersionId::of(&bytes))),
    ];
    let place = any::<std::net::SocketAddr>().prop_map(|mut addr| {
        if let std::net::SocketAddr::V6(v6) = &mut addr {
            v6.set_flowinfo(0);
            v6.set_scope_id(0);
        }
        addr.set_port(addr.port().max(1));
        addr
    });
    let relay = (any::<[u8; 4]>(), prop::collection::vec(place, 1..4), any::<[u8; 32]>())
        .prop_map(|(user, addrs, fingerprint)| RelayAddress { user: UserId::of(&user), addrs, fingerprint });
    let head = prop::option::of(any::<[u8; 4]>().prop_map(|bytes| HeadId::of(&bytes)));
    let secret = prop::option::of(any::<[u8; 32]>().prop_map(LinkSecret::from_bytes));
    (any::<[u8; 4]>(), at, head, prop::collection::vec(relay, 0..=LINK_RELAYS_MAX), secret)
        .prop_map(|(id, at, head, relays, secret)| Link { mimei: MimeiId::of(&id), at, head, relays, secret })
}

#[test]
fn every_address_reads_back_alone_and_in_a_web_page() {
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 256, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&any_link(), |link| {
            let text = link.to_string();
            prop_assert_eq!(text.parse::<Link>(), Ok(link.clone()));
            let may_stand_in_a_fragment = |c: char| c.is_ascii_graphic() && !"<>\"[]{}|\\^`".contains(c);
            prop_assert!(text.chars().all(may_stand_in_a_fragment), "{}", text);
            for page in [format!("https://host.example/#{text}"), format!("  http://localhost:8080/a?b=c#{text}\n")] {
                prop_assert_eq!(Link::find(&page), Ok(link.clone()));
            }
            prop_assert_eq!(Link::find(&text), Ok(link));
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_changed_character_is_refused_or_is_another_address() {
    let text = full().to_string();
    for at in 0..text.len() {
        for c in ["a", "2", "?", "#", "&", "%", "=", "é", " "] {
            if text[at..=at] == *c {
                continue;
            }
            let changed = format!("{}{c}{}", &text[..at], &text[at + 1..]);
            match changed.parse::<Link>() {
                Ok(link) => assert_ne!(link, full(), "{changed}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn each_part_is_refused_by_what_is_wrong_with_it() {
    let id = MimeiId::of(b"mimei");
    let check = |rest: &str| format!("mimei:{id}{rest}").parse::<Link>().map(|link| link.at);
    assert_eq!(check(""), Ok(At::Current));
    for bad in ["@", "@0", "@05", "@5x", "@-1", "@latest", "@18446744073709551616", "@5@6"] {
        assert_eq!(check(bad), Err(LinkError::At), "{bad}");
    }
    let head = HeadId::of(b"head");
    assert_eq!(check("?h=bafy"), Err(LinkError::Head));
    assert_eq!(check("?r=relay:x"), Err(LinkError::Relay(AddressError::Shape)));
    for bad in ["?", "?x=1", "?h", "?r=%zz", "?r=%4"] {
        assert_eq!(check(bad), Err(LinkError::Query), "{bad}");
    }
    assert_eq!(check(&format!("?h={head}&h={head}")), Err(LinkError::Query));
    assert_eq!(check(&format!("?h={head}&")), Err(LinkError::Query));
    let relay = relay(1, &["127.0.0.1:1"]).to_string();
    assert_eq!(check(&format!("?r={relay}&h={head}")), Err(LinkError::Query), "one order");
    assert_eq!(check(&format!("?r={relay}{}", format!("&r={relay}").repeat(8))), Err(LinkError::TooManyRelays));
    let secret = "a".repeat(52);
    assert_eq!(check(&format!("#{secret}")), Ok(At::Current));
    for bad in
        [String::from("#"), format!("#{}", &secret[1..]), format!("#{secret}a"), format!("#{}", secret.to_uppercase())]
    {
        assert_eq!(check(&bad), Err(LinkError::Secret), "{bad}");
    }
    assert_eq!(format!("mimei:{}", &id.to_string()[1..]).parse::<Link>(), Err(LinkError::Mimei));
    assert_eq!(format!("mimei:{id}{}", "x".repeat(9000)).parse::<Link>(), Err(LinkError::TooLong));
    for bad in ["", "hello", "https://host/", "https://host/?x=mimei:", "ftp://host/#mimei:x", "host/#mimei:x"] {
        assert_eq!(Link::find(bad), Err(LinkError::NoLink), "{bad}");
    }
    assert_eq!(Link::find("https://host/#other"), Err(LinkError::NoLink));
}

#[test]
fn escapes_that_programs_add_are_understood() {
    let text = full().to_string();
    assert!(text.contains("%5B2001:db8::7%5D:6464"), "{text}");
    let more = text.replace("relay:", "relay%3A").replace("%5B", "%5b");
    assert_eq!(more.parse(), Ok(full()));
    let page = format!("https://host/#{}", text.replace('#', "%23"));
    assert_eq!(Link::find(&page), Ok(full()));
}

#[test]
fn keys_of_a_link_follow_from_its_secret_and_sign_and_open_as_the_link() {
    let (a, b) = (LinkSecret::generate(&[1; 32]), LinkSecret::generate(&[2; 32]));
    assert_ne!(a.keys(), b.keys());
    let sig = a.sign(Domain::Exercise, b"record");
    assert!(a.keys().sign.verify(Domain::Exercise, b"record", &sig).is_ok());
    assert!(b.keys().sign.verify(Domain::Exercise, b"record", &sig).is_err());
    let sealed = mimei_core::secret::seal(&a.keys().seal, b"info", b"key", &[3; 32]);
    assert_eq!(mimei_core::secret::open(&a.seal_secret(), b"info", &sealed), Ok(b"key".to_vec()));
    assert!(mimei_core::secret::open(&b.seal_secret(), b"info", &sealed).is_err());
    assert!(!format!("{:?}", full()).contains("[7, 7"));
}
