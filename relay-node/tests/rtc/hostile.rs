//! What strangers send. Each test fails when its defence is switched off.

use std::net::IpAddr;
use std::time::Duration;

use relay_node::rtc::{OFFER_BYTES_MAX, RtcAnswerError, SdpError};
use tokio::time::timeout;

use crate::harness::*;

/// Another password for each client, or they would be one peer.
fn client_password(number: usize) -> String {
    format!("{CLIENT_PASSWORD}{number}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_ice_password_gets_no_answer_and_leaves_no_state() {
    let server = endpoint().await;
    let client = StunClient::new(&server).await;
    for _ in 0..20 {
        client.ask(CLIENT_PASSWORD, Some("wrong")).await;
    }
    until(&server, |counters| counters.stun_bad_integrity == 20).await;
    assert_eq!(server.counters().challenges_sent, 0);
    assert!(no_peers(&server.counters()));
    let mut buffer = [0; 64];
    assert!(client.socket.try_recv(&mut buffer).is_err(), "the server is silent");
}

/// Sources that sign rightly but never answer, as forged ones cannot.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sources_that_never_answer_creates_no_peer_and_honest_dials_go_on() {
    const SOURCES: usize = 300;
    let server = endpoint_with(|options| options.limits.stash_max = 64).await;
    let honest = endpoint().await;
    let mut sources = Vec::new();
    for _ in 0..SOURCES {
        sources.push(StunClient::new(&server).await);
    }
    let flood = async {
        for round in 0..20 {
            for source in &sources {
                source.ask(CLIENT_PASSWORD, None).await;
            }
            if round % 4 == 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    let dial = async {
        for _ in 0..5 {
            drop(pair(&honest, &server).await);
        }
    };
    within(async { tokio::join!(flood, dial) }).await;
    let counters = server.counters();
    assert!(counters.challenges_sent > 1000, "{counters:?}");
    assert_eq!((counters.peers_opened, counters.refused_by_cap), (5, 0), "{counters:?}");
    until(&server, no_peers).await;
    assert_eq!(server.counters().peers_failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unproved_source_gets_one_packet_no_larger_than_its_own() {
    let server = endpoint().await;
    let client = StunClient::new(&server).await;
    client.ask(CLIENT_PASSWORD, None).await;
    let challenge = client.receive().await;
    // A browser's first packet has 116 bytes; ours here has fewer attributes.
    assert!(challenge.len() <= 120, "{}", challenge.len());
    let mut buffer = [0; 2048];
    let more = timeout(Duration::from_millis(300), client.socket.recv_from(&mut buffer)).await;
    assert!(more.is_err(), "nothing is repeated to a source that did not answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_peers_are_capped_and_end_at_their_deadline() {
    let server = endpoint_with(|options| {
        options.limits.pending_per_address_max = 3;
        options.limits.connect_deadline = Duration::from_secs(1);
        // So that it is the deadline that ends them.
        options.limits.idle_max = PATIENCE * 10;
    })
    .await;
    let mut clients = Vec::new();
    for number in 0..6 {
        let client = StunClient::new(&server).await;
        client.ask(&client_password(number), None).await;
        client.prove().await;
        clients.push(client);
    }
    until(&server, |counters| counters.refused_by_cap == 3).await;
    assert_eq!(server.counters().peers_pending, 3);
    until(&server, |counters| counters.peers_pending == 0).await;
    assert_eq!(server.counters().peers_failed, 3);
    // There is room again.
    drop(pair(&*endpoint().await, &server).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_opens_peers_too_often_runs_out_of_tokens() {
    let server = endpoint_with(|options| {
        options.limits.bucket_burst = 2;
        options.limits.bucket_per_second = 1;
    })
    .await;
    for number in 0..3 {
        let client = StunClient::new(&server).await;
        client.ask(&client_password(number), None).await;
        client.prove().await;
    }
    until(&server, |counters| counters.refused_by_bucket == 1).await;
    assert_eq!(server.counters().peers_pending, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_count_against_the_limits_of_their_address() {
    let server = endpoint_with(|options| options.limits.pending_per_address_max = 1).await;
    let client = endpoint().await;
    let offer = client.offer().await.unwrap();
    let [one, other]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
    assert!(server.answer(offer.sdp(), Some(one)).await.is_ok());
    assert_eq!(server.answer(offer.sdp(), Some(one)).await, Err(RtcAnswerError::Busy));
    assert!(server.answer(offer.sdp(), Some(other)).await.is_ok());
}

/// The signalled way is no way around the challenge: whoever got an answer could otherwise name a
/// victim as its source.
#[tokio::test(flavor = "multi_thread")]
async fn a_signalled_peer_sends_nothing_before_its_source_is_proved() {
    let server = endpoint().await;
    let victim = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client = endpoint().await;
    let offer = client.offer().await.unwrap();
    let candidate =
        format!("a=candidate:1 1 udp 2113937151 127.0.0.1 {} typ host\r\n", victim.local_addr().unwrap().port());
    let offered = format!("{}{candidate}", offer.sdp());
    server.answer(&offered, None).await.unwrap();
    let mut buffer = [0; 64];
    let sent = timeout(Duration::from_millis(500), victim.recv_from(&mut buffer)).await;
    assert!(sent.is_err(), "offered candidates are never contacted");
    assert_eq!(server.counters().peers_pending, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_are_none_get_typed_errors_and_no_peer() {
    let (server, client) = (endpoint().await, endpoint().await);
    let offer = client.offer().await.unwrap();
    let too_long = offer.sdp().to_owned() + &"a=x\r\n".repeat(OFFER_BYTES_MAX);
    let refused = server.answer(&too_long, None).await;
    assert!(matches!(refused, Err(RtcAnswerError::Offer(SdpError::TooLong { .. }))));
    for garbage in ["", "v=0", "\0\u{fffd}", "{\"type\":\"offer\"}", "m=audio 9 RTP/AVP 0"] {
        let refused = server.answer(garbage, None).await;
        assert!(matches!(refused, Err(RtcAnswerError::Offer(_))), "{garbage:?}: {refused:?}");
    }
    assert!(no_peers(&server.counters()));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_port_is_counted_and_ignored() {
    let server = endpoint().await;
    let client = StunClient::new(&server).await;
    let mut seed = 42_u32;
    let mut packets = 0;
    for len in [0, 1, 19, 20, 21, 100, 1200, 9000] {
        for first in [0, 1, 2, 20, 63, 64, 128, 255] {
            let packet: Vec<u8> = (0..len)
                .map(|at| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if at == 0 { first } else { seed.to_be_bytes()[0] }
                })
                .collect();
            client.send(&packet).await;
            packets += u64::from(len > 0);
        }
    }
    until(&server, |counters| counters.datagrams_unexpected >= packets).await;
    drop(pair(&*endpoint().await, &server).await);
}
