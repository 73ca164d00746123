//! Invites: what is written reads back, and what is damaged is told.

use mimei_core::address::{AddressError, RelayAddress};
use mimei_core::cbor::Cbor;
use mimei_core::cid::UserId;
use mimei_core::credit::{Invite, InviteError, InviteKeyUse, InviteSecret};
use mimei_core::link::{LINK_BYTES_MAX, Link};
use mimei_core::sign::Domain;

fn invite() -> Invite {
    let addrs = vec!["192.0.2.7:6464".parse().unwrap(), "[2001:db8::7]:6464".parse().unwrap()];
    let relay = RelayAddress { user: UserId::of(b"relay"), addrs, fingerprint: [7; 32] };
    Invite { relay, secret: InviteSecret::from_bytes([9; 32]) }
}

#[test]
fn an_invite_reads_back_alone_and_in_a_web_page() {
    let text = invite().to_string();
    assert!(text.starts_with("mimei:invite?r=relay:"), "{text}");
    assert_eq!(text.parse(), Ok(invite()));
    assert_eq!(Invite::find(&format!("  {text}\n")), Ok(invite()));
    for page in ["https://host.example/", "http://localhost:8080/a?b=c"] {
        assert_eq!(Invite::find(&format!("{page}#{text}")), Ok(invite()));
        assert_eq!(Invite::find(&format!("{page}#{}", text.replace('#', "%23"))), Ok(invite()));
    }
    assert_eq!(Invite::find(&text.replace('#', "%23")), Ok(invite()));
    let may_stand_in_a_fragment = |c: char| c.is_ascii_graphic() && !"<>\"[]{}|\\^`".contains(c);
    assert!(text.chars().all(may_stand_in_a_fragment), "{text}");
}

#[test]
fn any_changed_character_is_refused_or_is_another_invite() {
    let text = invite().to_string();
    for at in 0..text.len() {
        for c in ["a", "2", "?", "#", "&", "%", "=", "é", " "] {
            if text[at..=at] == *c {
                continue;
            }
            let changed = format!("{}{c}{}", &text[..at], &text[at + 1..]);
            match changed.parse::<Invite>() {
                Ok(other) => assert_ne!(other, invite(), "{changed}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn each_damaged_part_is_named() {
    let text = invite().to_string();
    let (before, secret) = text.split_once('#').unwrap();
    let cut = |by: usize| format!("{before}#{}", &secret[..secret.len() - by]);
    let cases = [
        (String::new(), InviteError::NoInvite),
        ("mimei:invite".into(), InviteError::NoInvite),
        (text.replace("mimei:", "mimej:"), InviteError::NoInvite),
        (text.replace("?r=", "?s="), InviteError::NoInvite),
        (format!("come here: {text}"), InviteError::NoInvite),
        (format!("https://host.example/?{}", text.replace('#', "")), InviteError::NoInvite),
        ("mimei:invite?r=".to_owned() + &"a".repeat(LINK_BYTES_MAX) + "#b", InviteError::NoInvite),
        (text.replace("r=relay:", "r=rely:"), InviteError::Relay(AddressError::Shape)),
        (text.replace("r=relay:", "r=%zzrelay:"), InviteError::Relay(AddressError::Shape)),
        (text.replacen(":6464", ":0", 1), InviteError::Relay(AddressError::Place)),
        (text.replacen("bafyr", "bafyx", 1), InviteError::Relay(AddressError::User)),
        (format!("{}#{secret}", &before[..before.len() - 1]), InviteError::Relay(AddressError::Fingerprint)),
        (format!("{before}&r=relay:x#{secret}"), InviteError::Relay(AddressError::Fingerprint)),
        (before.into(), InviteError::Secret),
        (cut(1), InviteError::Secret),
        (cut(secret.len()), InviteError::Secret),
        (format!("{text}a"), InviteError::Secret),
        (format!("{before}#{}", secret.to_uppercase()), InviteError::Secret),
    ];
    for (text, error) in cases {
        assert_eq!(Invite::find(&text), Err(error), "{text}");
    }
}

#[test]
fn an_invite_is_no_address_of_a_mimei_and_the_other_way_round() {
    assert!(Link::find(&invite().to_string()).is_err());
    let link = Link::new(mimei_core::cid::MimeiId::of(b"mimei")).to_string();
    assert_eq!(Invite::find(&link), Err(InviteError::NoInvite));
}

#[test]
fn an_invite_is_used_in_one_session_by_its_key() {
    let secret = InviteSecret::from_bytes([9; 32]);
    let sig = secret.accept([1; 32]);
    let signs = |key: &InviteSecret, session, domain| {
        let body = InviteKeyUse { invite: secret.key(), session };
        key.key().verify(domain, &body.to_cbor(), &sig).is_ok()
    };
    assert!(signs(&secret, [1; 32], Domain::Invite));
    assert!(!signs(&secret, [2; 32], Domain::Invite), "in another session");
    assert!(!signs(&secret, [1; 32], Domain::Exercise), "for another purpose");
    assert!(!signs(&InviteSecret::from_bytes([8; 32]), [1; 32], Domain::Invite));
}

#[test]
fn seeds_make_secrets_of_their_own_and_nothing_prints_them() {
    let [one, other] = [1, 2].map(|seed| InviteSecret::generate(&[seed; 32]));
    assert_ne!(one.key(), other.key());
    assert_eq!(one, InviteSecret::generate(&[1; 32]));
    assert_eq!(format!("{one:?}"), "InviteSecret(…)");
    let invite = Invite { secret: one, ..invite() };
    let text = invite.to_string();
    let shown = format!("{invite:?}");
    assert!(!shown.contains(text.split_once('#').unwrap().1), "{shown}");
}
