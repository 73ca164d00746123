//! Peers come, many at once, and go.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use relay_node::rtc::{DirectTarget, RtcAnswerError, RtcDialError, RtcEndpoint};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_peers_at_once_share_one_port_and_are_all_freed() {
    let (server, client) = (endpoint().await, endpoint().await);
    spawn_echo(server.clone());
    let mut dials = JoinSet::new();
    for number in 0..20_u8 {
        let (client, target) = (client.clone(), target(&server));
        dials.spawn(async move {
            let connection = client.dial(target).await.unwrap();
            let addr = connection.remote_addr();
            let (sender, mut receiver) = connection.split();
            sender.send(Bytes::from(vec![number; 50_000])).await.unwrap();
            assert!(receiver.recv().await.unwrap().iter().all(|byte| *byte == number));
            (addr, sender, receiver)
        });
    }
    let open = within(dials.join_all()).await;
    assert_eq!(server.counters().peers_live, 20);
    assert_eq!(open.iter().map(|(addr, ..)| *addr).collect::<HashSet<_>>().len(), 1);
    drop(open);
    until(&server, no_peers).await;
    until(&client, no_peers).await;
    assert_eq!((server.counters().peers_opened, server.counters().peers_failed), (20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_ends_the_other_side_soon_on_both_sides() {
    let (server, client) = (endpoint().await, endpoint().await);
    for dialler_drops in [true, false] {
        let (dialled, accepted) = pair(&client, &server).await;
        let (dropped, kept) = if dialler_drops { (dialled, accepted) } else { (accepted, dialled) };
        let (_sender, mut receiver) = kept.split();
        drop(dropped);
        // Well below the idle limit: the closing was told, not timed out.
        assert_eq!(timeout(Duration::from_secs(3), receiver.recv()).await, Ok(None));
        until(&server, no_peers).await;
        until(&client, no_peers).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_falls_silent_is_gone_after_the_idle_limit() {
    let server = endpoint_with(|options| options.limits.idle_max = Duration::from_millis(600)).await;
    let vanishing = tokio::runtime::Runtime::new().unwrap();
    let target = target(&server);
    let (dialled, accepted) = tokio::join!(
        vanishing.spawn(async move {
            let client = endpoint().await;
            (client.dial(target).await.unwrap(), client)
        }),
        server.accept(),
    );
    let dialled = dialled.unwrap();
    let (_sender, mut receiver) = accepted.unwrap().split();
    // The whole client stops at once, like a machine that lost its power.
    vanishing.shutdown_background();
    assert_eq!(within(receiver.recv()).await, None);
    until(&server, no_peers).await;
    std::mem::forget(dialled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_fingerprint_is_refused_by_silence() {
    let server = endpoint().await;
    let client = endpoint_with(|options| options.limits.connect_deadline = Duration::from_secs(1)).await;
    let mistaken = DirectTarget { fingerprint: [7; 32], ..target(&server) };
    let refused = within(client.dial(mistaken)).await;
    assert!(matches!(refused, Err(RtcDialError::Timeout(_))), "{refused:?}");
    until(&client, no_peers).await;
    // Not even a challenge: the password is derived from the fingerprint.
    assert_eq!(server.counters().challenges_sent, 0);
    assert!(server.counters().stun_bad_integrity > 0);
}

/// Somebody in the middle who knows the address can answer STUN, but has another certificate.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_another_fingerprint_than_dtls_shows_is_refused() {
    let (server, client) = (endpoint().await, endpoint().await);
    let pending = client.offer().await.unwrap();
    let answer = server.answer(pending.sdp(), None).await.unwrap();
    let at = answer.find("sha-256 ").unwrap() + 8;
    let mut forged = answer.clone();
    forged.replace_range(at..at + 2, if &answer[at..at + 2] == "00" { "01" } else { "00" });
    let refused = within(pending.finish(&forged)).await;
    let Err(RtcDialError::Fingerprint { expected, found }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(found, server.fingerprint());
    assert_eq!(expected[1..], found[1..]);
    until(&client, no_peers).await;
}

/// The offer's fingerprint is that of somebody else: the relay must not take the peer.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_with_another_fingerprint_than_dtls_shows_is_refused() {
    let server = endpoint_with(|options| options.limits.connect_deadline = Duration::from_secs(2)).await;
    let client = endpoint_with(|options| options.limits.connect_deadline = Duration::from_secs(2)).await;
    let pending = client.offer().await.unwrap();
    let at = pending.sdp().find("sha-256 ").unwrap() + 8;
    let mut forged = pending.sdp().to_owned();
    forged.replace_range(at..at + 2, if &forged[at..at + 2] == "00" { "01" } else { "00" });
    let answer = server.answer(&forged, None).await.unwrap();
    assert!(within(pending.finish(&answer)).await.is_err());
    until(&server, no_peers).await;
    assert_eq!((server.counters().peers_opened, server.counters().peers_failed), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_dial_or_offer_frees_everything() {
    let (server, client) = (endpoint().await, endpoint().await);
    drop(client.offer().await.unwrap());
    let nobody = DirectTarget { addrs: vec!["127.0.0.1:9".parse().unwrap()], ..target(&server) };
    assert!(timeout(Duration::from_millis(200), client.dial(nobody)).await.is_err());
    until(&client, no_peers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_a_usable_address_is_a_typed_error() {
    let client = endpoint().await;
    for addrs in [vec![], vec!["127.0.0.1:0".parse().unwrap()], vec!["0.0.0.0:1".parse().unwrap()]] {
        let refused = client.dial(DirectTarget { addrs, fingerprint: [0; 32] }).await;
        assert!(matches!(refused, Err(RtcDialError::Addresses)), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_nobody_accepts_are_closed() {
    let server = endpoint_with(|options| options.limits.accepted_max = 1).await;
    let client = endpoint().await;
    let first = client.dial(target(&server)).await.unwrap();
    until(&server, |counters| counters.peers_live == 1).await;
    let (_sender, mut receiver) = client.dial(target(&server)).await.unwrap().split();
    assert_eq!(within(receiver.recv()).await, None);
    until(&server, |counters| counters.refused_by_queue == 1 && counters.peers_live == 1).await;
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_every_peer_and_accept_and_refuses_more() {
    let (server, client) = (endpoint().await, endpoint().await);
    let (dialled, accepted) = pair(&client, &server).await;
    let (_sender, mut receiver) = dialled.split();
    within(server.shutdown()).await;
    assert!(no_peers(&server.counters()));
    assert!(within(server.accept()).await.is_none());
    assert_eq!(within(receiver.recv()).await, None);
    let offer = client.offer().await.unwrap();
    assert_eq!(server.answer(offer.sdp(), None).await, Err(RtcAnswerError::Closed));
    drop(accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_addresses_of_one_family_are_refused() {
    let mut options = options();
    options.bind.push("127.0.0.1:0".parse().unwrap());
    let refused = RtcEndpoint::bind(options, certificate()).await;
    assert!(refused.unwrap_err().to_string().contains("one UDP address for each family"));
}
