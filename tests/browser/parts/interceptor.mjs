/**
 * A man in the middle of the signalling: another browser page that answers the
 * victim's offer with a certificate of its own, dials the real relay with
 * another, and passes every message on unchanged.
 */
import { launch } from "./browser.mjs";

/** `passed` counts messages; `answer(offer, askRelay)` is the session description for the victim. */
export async function startInterceptor(t) {
  // Real addresses in its candidates: the victim would have to resolve mDNS names otherwise.
  const args = ["--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection"];
  const browser = await launch(t, { args });
  const page = await browser.newPage();
  await page.evaluate(prepare);
  return {
    async answer(offer, askRelay) {
      const dialled = await page.evaluate(() => globalThis.dialRelay());
      await page.evaluate((sdp) => globalThis.relayAnswered(sdp), await askRelay(dialled));
      return await page.evaluate((sdp) => globalThis.answerVictim(sdp), offer);
    },
    passed: () => page.evaluate(() => globalThis.passed),
  };
}

/** Runs in the interceptor's page. */
function prepare() {
  globalThis.passed = { toRelay: 0, toVictim: 0 };
  let relay, toRelay;

  globalThis.dialRelay = async () => {
    relay = new RTCPeerConnection();
    toRelay = relay.createDataChannel("mimei/1");
    await relay.setLocalDescription();
    return relay.localDescription.sdp;
  };
  globalThis.relayAnswered = (sdp) => relay.setRemoteDescription({ type: "answer", sdp });
  globalThis.answerVictim = async (sdp) => {
    const victim = new RTCPeerConnection();
    const outward = toRelay;
    victim.ondatachannel = ({ channel }) => {
      pass(channel, outward, "toRelay");
      pass(outward, channel, "toVictim");
    };
    await victim.setRemoteDescription({ type: "offer", sdp });
    await victim.setLocalDescription();
    while (victim.iceGatheringState !== "complete") {
      await new Promise((resolve) => victim.addEventListener("icegatheringstatechange", resolve, { once: true }));
    }
    return victim.localDescription.sdp;
  };

  function pass(from, to, direction) {
    const waiting = [];
    const flush = () => {
      while (waiting.length > 0 && to.readyState === "open") {
        to.send(waiting.shift());
        globalThis.passed[direction] += 1;
      }
    };
    from.binaryType = "arraybuffer";
    from.onmessage = ({ data }) => (waiting.push(data), flush());
    to.addEventListener("open", flush);
  }
}
