//! What channels a peer may open: dialled with the bare WebRTC stack, its own offer text included.

use std::sync::Arc;

use bytes::BytesMut;
use relay_node::rtc::{CHANNEL_LABEL, RtcConnection, RtcEndpoint};
use rtc::ice::mdns::MulticastDnsMode;
use tokio::sync::Notify;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCSessionDescription,
    SettingEngineBuilder,
};

use crate::harness::*;

#[derive(Default)]
struct Gathered(Notify);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Gathered {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.0.notify_one();
        }
    }
}

/// A peer of the bare stack with one channel, signalled to `server`.
async fn bare_peer(
    server: &RtcEndpoint,
    label: &str,
    init: RTCDataChannelInit,
) -> (Box<dyn PeerConnection>, Arc<dyn DataChannel>) {
    let gathered = Arc::new(Gathered::default());
    let settings = SettingEngineBuilder::new()
        .with_include_loopback_candidate(true)
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .build();
    let building = PeerConnectionBuilder::new()
        .with_setting_engine(settings)
        .with_handler(gathered.clone())
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build();
    let peer = Box::new(Box::pin(building).await.unwrap());
    let channel = peer.create_data_channel(label, Some(init)).await.unwrap();
    let offer = peer.create_offer(None).await.unwrap();
    peer.set_local_description(offer).await.unwrap();
    gathered.0.notified().await;
    let offer = peer.local_description().await.unwrap();
    let answer = server.answer(&offer.sdp, None).await.unwrap();
    let answer = RTCSessionDescription::answer(answer).unwrap();
    peer.set_remote_description(answer).await.unwrap();
    (peer, channel)
}

async fn next_is(channel: &dyn DataChannel, fits: impl Fn(&DataChannelEvent) -> bool) {
    let wait = async {
        while let Some(event) = channel.poll().await {
            if fits(&event) {
                return;
            }
        }
        panic!("the channel ended");
    };
    within(wait).await;
}

async fn open(server: &RtcEndpoint) -> (Box<dyn PeerConnection>, Arc<dyn DataChannel>, RtcConnection) {
    let (peer, channel) = bare_peer(server, CHANNEL_LABEL, RTCDataChannelInit::default()).await;
    let accepted = within(server.accept()).await.unwrap();
    next_is(&*channel, |event| matches!(event, DataChannelEvent::OnOpen)).await;
    (peer, channel, accepted)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_ordered_channel_with_our_label_is_taken() {
    let server = endpoint().await;
    let ordinary = RTCDataChannelInit::default;
    let unordered = RTCDataChannelInit { ordered: false, ..ordinary() };
    let wrong = [("other", ordinary()), (CHANNEL_LABEL, unordered)];
    for (failed, (label, init)) in (1..).zip(wrong) {
        let (peer, _channel) = bare_peer(&server, label, init).await;
        until(&server, |counters| counters.peers_failed == failed && no_peers(counters)).await;
        peer.close().await.unwrap();
    }
    assert_eq!(server.counters().peers_opened, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_channel_is_closed_and_the_first_goes_on() {
    let server = endpoint().await;
    let (peer, channel, accepted) = open(&server).await;
    let second = peer.create_data_channel("more", None).await.unwrap();
    next_is(&*second, |event| matches!(event, DataChannelEvent::OnClose)).await;
    let (sender, receiver) = accepted.split();
    tokio::spawn(echo(sender, receiver));
    channel.send(BytesMut::from(&b"still here"[..])).await.unwrap();
    let echoed = |event: &DataChannelEvent| matches!(event, DataChannelEvent::OnMessage(message) if message.data == "still here");
    next_is(&*channel, echoed).await;
    peer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_opens_channels_without_end_is_dropped() {
    let server = endpoint().await;
    let (peer, _channel, accepted) = open(&server).await;
    let (_sender, mut receiver) = accepted.split();
    // One after the other, each refused, so that it is their number that counts.
    let open_more = async {
        for number in 0.. {
            let label = format!("more{number}");
            let Ok(channel) = peer.create_data_channel(&label, None).await else {
                return;
            };
            next_is(&*channel, |event| matches!(event, DataChannelEvent::OnClose)).await;
        }
    };
    tokio::select! {
        end = within(receiver.recv()) => assert_eq!(end, None),
        () = open_more => {}
    }
    until(&server, no_peers).await;
    peer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn text_ends_the_connection() {
    let server = endpoint().await;
    let (peer, channel, accepted) = open(&server).await;
    let (_sender, mut receiver) = accepted.split();
    channel.send_text("hello").await.unwrap();
    assert_eq!(within(receiver.recv()).await, None);
    until(&server, no_peers).await;
    peer.close().await.unwrap();
}
