/** The page's end of a bare data channel; the other is `benches/src/bin/bare-channel.rs`. */

/** Connects, has the other side take or give so many bytes, and disconnects. Setting up takes milliseconds. */
export async function bareTransfer(page, answer, kind, bytes) {
  const offer = await page.evaluate(makeOffer);
  await page.evaluate(transfer, { sdp: await answer(offer), kind, bytes });
}

async function makeOffer() {
  const peer = (globalThis.peer = new RTCPeerConnection());
  const channel = (globalThis.channel = peer.createDataChannel("mimei/1"));
  channel.binaryType = "arraybuffer";
  await peer.setLocalDescription();
  return peer.localDescription.sdp;
}

async function transfer({ sdp, kind, bytes }) {
  const { peer, channel } = globalThis;
  const next = (event) => new Promise((resolve) => channel.addEventListener(event, resolve, { once: true }));
  const opened = next("open");
  await peer.setRemoteDescription({ type: "answer", sdp });
  await opened;
  const ask = new DataView(new ArrayBuffer(9));
  ask.setUint8(0, kind === "take" ? 0 : 1);
  ask.setBigUint64(1, BigInt(bytes));
  let got = 0;
  const all = new Promise((resolve) => {
    channel.onmessage = ({ data }) => (got += data.byteLength) >= (kind === "take" ? 1 : bytes) && resolve();
  });
  channel.send(ask);
  // As large as ours, and as many as a browser takes at once without closing the channel.
  const message = new Uint8Array(65_535);
  const [QUEUE_HIGH, QUEUE_LOW] = [1 << 20, 1 << 18];
  channel.bufferedAmountLowThreshold = QUEUE_LOW;
  for (let left = kind === "take" ? bytes : 0; left > 0; left -= message.length) {
    if (channel.bufferedAmount > QUEUE_HIGH) await next("bufferedamountlow");
    channel.send(message.subarray(0, Math.min(left, message.length)));
  }
  await all;
  peer.close();
}
