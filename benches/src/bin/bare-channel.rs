//! The peer of B1: a bare data channel of the same stack, without anything of ours above it.
//!
//! ```text
//! stdin   an offer, as a JSON string in one line
//! stdout  the answer, likewise
//! channel the page's first message: 0 "take", or 1 "give", and how many bytes (8, big endian)
//!         take: the page sends them, and gets one byte when all have come
//!         give: they are sent
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use mimei_core::limits::PACKET_BYTES_MAX;
use relay_node::rtc::{Certificate, RtcConnection, RtcEndpoint, RtcOptions};
use tokio::sync::mpsc;

type Failure = Box<dyn std::error::Error>;

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const TAKE: u8 = 0;
const GIVE: u8 = 1;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let certificate = Certificate::from_pem(&Certificate::generate()?)?;
    // As the relay has it.
    let options = RtcOptions { message_bytes_max: PACKET_BYTES_MAX as u32, ..RtcOptions::new(vec![LOOPBACK]) };
    let endpoint = Arc::new(RtcEndpoint::bind(options, certificate).await?);
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(connection) = accepting.accept().await {
            tokio::spawn(serve(connection));
        }
    });
    let (lines, mut offers) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = offers.recv().await {
        let offer: String = serde_json::from_str(&line)?;
        println!("{}", serde_json::to_string(&endpoint.answer(&offer, None).await?)?);
    }
    Ok(())
}

/// Does what the first message asks for, and then what the next one does. Ends with the connection.
async fn serve(connection: RtcConnection) -> Option<()> {
    let (sender, mut receiver) = connection.split();
    let message = Bytes::from(vec![7; PACKET_BYTES_MAX]);
    loop {
        let asked = receiver.recv().await?;
        let (kind, bytes) = asked.split_first()?;
        let mut left = u64::from_be_bytes(bytes.try_into().ok()?) as usize;
        match *kind {
            TAKE => {
                while left > 0 {
                    left = left.saturating_sub(receiver.recv().await?.len());
                }
                sender.send(Bytes::from_static(&[TAKE])).await.ok()?;
            }
            GIVE => {
                while left > 0 {
                    let part = message.slice(..left.min(message.len()));
                    left -= part.len();
                    sender.send(part).await.ok()?;
                }
            }
            _ => return None,
        }
    }
}
