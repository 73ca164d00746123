//! Messages over an open connection.

use std::time::Duration;

use bytes::Bytes;
use relay_node::rtc::{MESSAGE_BYTES_MAX, RtcConnection, RtcSendError, Way};
use tokio::time::timeout;

use crate::harness::*;

const SIZES: [usize; 10] = [1, 2, 1199, 1200, 1201, 16 * 1024, 65_535, 65_536, 65_537, MESSAGE_BYTES_MAX as usize];

fn message(number: usize, size: usize) -> Bytes {
    let mut bytes = vec![u8::try_from(number % 251).unwrap(); size];
    for (at, byte) in bytes.iter_mut().enumerate().skip(1).step_by(97) {
        *byte = u8::try_from((at + number) % 256).unwrap();
    }
    bytes.into()
}

/// Every size twice one way, echoed back, in order.
async fn exchange(client: RtcConnection, server: RtcConnection) {
    let (sender, receiver) = server.split();
    tokio::spawn(echo(sender, receiver));
    let (sender, mut receiver) = client.split();
    let sizes = || SIZES.iter().chain(SIZES.iter().rev()).copied().enumerate();
    let send = async {
        for (number, size) in sizes() {
            sender.send(message(number, size)).await.unwrap();
        }
    };
    let receive = async {
        for (number, size) in sizes() {
            assert!(receiver.recv().await.unwrap() == message(number, size), "message {number}");
        }
    };
    within(async { tokio::join!(send, receive) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_all_sizes_arrive_whole_and_in_order_by_address() {
    let (server, client) = (endpoint().await, endpoint().await);
    let (dialled, accepted) = pair(&client, &server).await;
    assert_eq!((dialled.way(), accepted.way()), (Way::Address, Way::Address));
    assert_eq!(dialled.remote_fingerprint(), server.fingerprint());
    assert_eq!(accepted.remote_fingerprint(), client.fingerprint());
    assert_eq!(accepted.local_fingerprint(), server.fingerprint());
    assert_eq!(dialled.remote_addr(), Some(server.announced()[0]));
    assert!(accepted.remote_addr().unwrap().ip().is_loopback());
    exchange(dialled, accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_all_sizes_arrive_whole_and_in_order_signalled() {
    let (server, client) = (endpoint().await, endpoint().await);
    let (dialled, accepted) = signalled(&client, &server).await;
    assert_eq!((dialled.way(), accepted.way()), (Way::Signalled, Way::Signalled));
    assert_eq!(dialled.remote_fingerprint(), server.fingerprint());
    assert_eq!(accepted.remote_fingerprint(), client.fingerprint());
    exchange(dialled, accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_has_its_own_socket_and_works_both_ways() {
    let bind = vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
    let (server, client) = (endpoint_with(|options| options.bind = bind).await, endpoint().await);
    let mut by_address = target(&server);
    by_address.addrs.retain(|addr| addr.is_ipv6());
    let (dialled, accepted) = within(async { tokio::join!(client.dial(by_address), server.accept()) }).await;
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
    assert!(accepted.remote_addr().unwrap().is_ipv6());
    exchange(dialled, accepted).await;
    let (dialled, accepted) = signalled(&client, &server).await;
    exchange(dialled, accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_socket_is_reached_over_every_address_it_announces() {
    let bind = vec!["0.0.0.0:0".parse().unwrap()];
    let (server, client) = (endpoint_with(|options| options.bind = bind).await, endpoint().await);
    assert!(server.announced().last().unwrap().ip().is_loopback());
    for addr in server.announced() {
        let one = relay_node::rtc::DirectTarget { addrs: vec![addr], ..target(&server) };
        let (dialled, accepted) = within(async { tokio::join!(client.dial(one), server.accept()) }).await;
        assert_eq!(dialled.unwrap().remote_addr(), Some(addr));
        drop(accepted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_cannot_be_sent_are_typed_errors_and_the_channel_survives() {
    let (server, client) = (endpoint().await, endpoint().await);
    let (dialled, accepted) = pair(&client, &server).await;
    let (sender, _receiver) = dialled.split();
    let (_sender, mut receiver) = accepted.split();
    let bytes_max = MESSAGE_BYTES_MAX as usize;
    let too_large = sender.send(vec![0; bytes_max + 1].into()).await;
    assert_eq!(too_large, Err(RtcSendError::TooLarge { bytes: bytes_max + 1, bytes_max }));
    assert_eq!(sender.send(Bytes::new()).await, Err(RtcSendError::Empty));
    sender.send(Bytes::from_static(b"still here")).await.unwrap();
    assert_eq!(within(receiver.recv()).await.unwrap(), "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_limit_of_the_other_side_is_kept() {
    let server = endpoint_with(|options| options.message_bytes_max = 1000).await;
    let client = endpoint().await;
    let (dialled, _accepted) = signalled(&client, &server).await;
    let (sender, _receiver) = dialled.split();
    assert_eq!(sender.message_bytes_max(), 1000);
    let error = RtcSendError::TooLarge { bytes: 1001, bytes_max: 1000 };
    assert_eq!(sender.send(vec![0; 1001].into()).await, Err(error));
}

/// Sends until nothing more is taken for a second, with nobody reading; then reads all of it, in
/// order, and one more. Returns how many bytes were taken.
async fn stall_and_resume(from: RtcConnection, to: RtcConnection, size: usize) -> usize {
    let (sender, _receiver) = from.split();
    let (_sender, mut receiver) = to.split();
    let mut sent = 0;
    let stalled = Duration::from_secs(2);
    while let Ok(result) = timeout(stalled, sender.send(message(sent, size))).await {
        result.unwrap();
        sent += 1;
        assert!(sent * size < 64 << 20, "the sender is never held back");
    }
    for number in 0..sent {
        assert!(within(receiver.recv()).await.unwrap() == message(number, size), "message {number}");
    }
    within(sender.send(message(sent, size))).await.unwrap();
    assert!(within(receiver.recv()).await.unwrap() == message(sent, size));
    sent * size
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_stops_the_sender_and_loses_nothing() {
    let (server, client) = (endpoint().await, endpoint().await);
    let (dialled, accepted) = pair(&client, &server).await;
    let held = stall_and_resume(dialled, accepted, 16 * 1024).await;
    assert!(held < 17 << 20, "{held} bytes were taken with nobody reading");
}

/// The stack alone would hold hundreds of the largest messages.
#[tokio::test(flavor = "multi_thread")]
async fn large_messages_are_held_back_in_bytes_both_ways() {
    let limited = || endpoint_with(|options| options.limits.unread_bytes_max = 2 << 20);
    let (server, client) = (limited().await, limited().await);
    for dialler_sends in [true, false] {
        let (dialled, accepted) = pair(&client, &server).await;
        let (from, to) = if dialler_sends { (dialled, accepted) } else { (accepted, dialled) };
        let held = stall_and_resume(from, to, MESSAGE_BYTES_MAX as usize).await;
        // The limit, one coalesced batch, the send buffer and one message above each.
        assert!(held < 4 << 20, "{held} bytes were taken with nobody reading");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_was_sent_before_close_arrives_and_then_the_end() {
    let (server, client) = (endpoint().await, endpoint().await);
    let (dialled, accepted) = pair(&client, &server).await;
    let (sender, _receiver) = dialled.split();
    let (answers, mut receiver) = accepted.split();
    for number in 0..50 {
        sender.send(message(number, 10_000)).await.unwrap();
    }
    sender.close();
    assert_eq!(sender.send(message(0, 1)).await, Err(RtcSendError::Closed));
    for number in 0..50 {
        assert!(within(receiver.recv()).await.unwrap() == message(number, 10_000));
    }
    assert_eq!(timeout(Duration::from_secs(3), receiver.recv()).await, Ok(None));
    assert_eq!(answers.send(message(0, 1)).await, Err(RtcSendError::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_send_ends_when_the_connection_closes() {
    let (server, client) = (endpoint().await, endpoint().await);
    let (dialled, accepted) = pair(&client, &server).await;
    let (sender, receiver) = dialled.split();
    let blocked = tokio::spawn(async move {
        loop {
            if let Err(error) = sender.send(message(0, 65_536)).await {
                return error;
            }
        }
    });
    drop(receiver);
    assert_eq!(within(blocked).await.unwrap(), RtcSendError::Closed);
    drop(accepted);
    until(&client, no_peers).await;
    until(&server, no_peers).await;
}
