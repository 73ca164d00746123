/**
 * The data channel. The page makes an offer and sets it unchanged; the answer
 * comes from the relay by one HTTP POST, or is written here from the relay's
 * address, and then nothing but UDP is needed.
 */
import { MimeiError } from "../errors.js";
import { DISCONNECTED_MS_MAX, QUEUE_LOW_BYTES } from "../limits.js";
import type { RelayAddress } from "./address.js";
import { lost, PipeConnection } from "./connection.js";
import type { Connection, Way } from "./connection.js";
import { request } from "./http.js";
import { rtcOpened } from "./rtc-opening.js";
import type { DialOptions } from "./rtc-opening.js";
import { directAnswer, readFingerprint, readLocalDescription } from "./sdp.js";

const CHANNEL_LABEL = "mimei/1";

/** Signalled over HTTP: `origin` is the relay's, such as `https://relay.example`. */
export function dialRtc(origin: string, options: DialOptions): Promise<Connection> {
  return dial("rtc", (offer) => signal(origin, offer, options.signal), options);
}

/** By address alone. */
export function dialRtcDirect(address: RelayAddress, options: DialOptions): Promise<Connection> {
  return dial("rtc-direct", (offer) => directAnswer(readLocalDescription(offer), address), options);
}

type RtcWay = Exclude<Way, "ws">;

async function dial(way: RtcWay, answerTo: (offer: string) => Promise<string>, options: DialOptions): Promise<Connection> {
  const peer = new RTCPeerConnection({ iceServers: [] });
  try {
    const channel = peer.createDataChannel(CHANNEL_LABEL);
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = QUEUE_LOW_BYTES;
    await peer.setLocalDescription();
    const offer = peer.localDescription?.sdp ?? "";
    const sdp = await answerTo(offer);
    options.signal.throwIfAborted();
    await setAnswer(peer, sdp);
    await rtcOpened(peer, channel, options);
    return new RtcConnection(way, peer, channel);
  } catch (thrown) {
    peer.close();
    throw thrown;
  }
}

async function signal(origin: string, offer: string, abort: AbortSignal): Promise<string> {
  const init = { method: "POST", headers: { "content-type": "application/sdp" }, body: offer };
  const answer = await request(`${origin}/rtc`, init, abort);
  if (answer.status === 429 || answer.status === 503) {
    throw new MimeiError("network.unreachable", "The relay is busy and takes no further connection.", { retry: "later" });
  }
  if (answer.status !== 200 || answer.contentType !== "application/sdp") {
    throw new MimeiError("relay.incompatible", `What answers at ${origin} is not a relay.`, { retry: "later" });
  }
  return answer.text;
}

async function setAnswer(peer: RTCPeerConnection, sdp: string): Promise<void> {
  try {
    await peer.setRemoteDescription({ type: "answer", sdp });
  } catch (cause) {
    throw new MimeiError("relay.incompatible", "The browser does not take the relay's session description.", {
      retry: "later",
      cause,
    });
  }
}

class RtcConnection extends PipeConnection {
  readonly way: RtcWay;
  readonly localFingerprint: Uint8Array;
  readonly remoteFingerprint: Uint8Array;
  readonly #peer: RTCPeerConnection;
  readonly #channel: RTCDataChannel;
  #disconnected: ReturnType<typeof setTimeout> | undefined;

  constructor(way: RtcWay, peer: RTCPeerConnection, channel: RTCDataChannel) {
    super(channel);
    this.way = way;
    this.#peer = peer;
    this.#channel = channel;
    this.localFingerprint = readFingerprint(peer.localDescription?.sdp ?? "");
    this.remoteFingerprint = readFingerprint(peer.remoteDescription?.sdp ?? "");
    channel.onmessage = (event) => this.deliver(event.data);
    channel.onbufferedamountlow = () => this.reportWritable();
    channel.onclose = () => this.finish(lost());
    channel.onerror = (event) => this.finish(lost(event.error));
    peer.onconnectionstatechange = () => this.#stateChanged();
  }

  #stateChanged(): void {
    clearTimeout(this.#disconnected);
    const state = this.#peer.connectionState;
    if (state === "failed" || state === "closed") this.finish(lost());
    if (state === "disconnected") this.#disconnected = setTimeout(() => this.finish(lost()), DISCONNECTED_MS_MAX);
  }

  /** Nothing to do: the channel has an event for it. */
  protected awaitDrain(): void {}

  protected end(): void {
    clearTimeout(this.#disconnected);
    this.#channel.onmessage = this.#channel.onclose = this.#channel.onerror = this.#channel.onbufferedamountlow = null;
    this.#peer.onconnectionstatechange = null;
    this.#channel.close();
    this.#peer.close();
  }
}
