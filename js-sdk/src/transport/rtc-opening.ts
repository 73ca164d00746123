/** The wait from an answered offer to an open channel, and the ways in which it ends otherwise. */
import { MimeiError } from "../errors.js";
import { HELD_BACK_MS, LOOPBACK_BEGUN_MS_MAX, OPEN_ASKING_MS_MAX, OPEN_MS_MAX } from "../limits.js";
import { unreachable } from "./http.js";
import { localNetworkPermission, permissionError } from "./permission.js";
import { isOfFirefox, namesLoopbackOnly } from "./sdp.js";

export interface DialOptions {
  readonly signal: AbortSignal;
  /** There is no other way: wait as long as the browser may be asking the person. */
  readonly patient: boolean;
  /** The browser holds the connection back and says it is asking. */
  heldBack(error: MimeiError): void;
}

export function rtcOpened(peer: RTCPeerConnection, channel: RTCDataChannel, options: DialOptions): Promise<void> {
  const done = new AbortController();
  return new Promise<void>((resolve, reject) => {
    const fail = (error: unknown): void => reject(error);
    channel.onopen = () => resolve();
    channel.onclose = () => fail(unreachable());
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "failed") fail(unreachable());
    };
    // Without a network Firefox says so before there is an answer.
    if (peer.connectionState === "failed") fail(mayNeverBegin(peer) ? noLoopback() : unreachable());
    options.signal.addEventListener("abort", () => fail(options.signal.reason), { signal: done.signal });
    if (options.signal.aborted) fail(options.signal.reason);
    watch(peer, options, done.signal).catch(fail);
  }).finally(() => {
    done.abort();
    channel.onopen = channel.onclose = peer.onconnectionstatechange = null;
  });
}

/** Throws when the time is over, or when the browser refuses; returns when `done`. */
async function watch(peer: RTCPeerConnection, options: DialOptions, done: AbortSignal): Promise<void> {
  if (mayNeverBegin(peer)) {
    await pause(LOOPBACK_BEGUN_MS_MAX, done);
    if (!done.aborted && peer.iceConnectionState === "new") throw noLoopback();
  }
  let asking: MimeiError | undefined;
  for (let waitedMs = 0; !done.aborted; waitedMs += HELD_BACK_MS) {
    const msMax = asking !== undefined && options.patient ? OPEN_ASKING_MS_MAX : OPEN_MS_MAX;
    if (waitedMs >= msMax) throw asking ?? timeout();
    await pause(Math.min(HELD_BACK_MS, msMax - waitedMs), done);
    if (done.aborted || peer.iceConnectionState !== "new") continue;
    const permission = await localNetworkPermission();
    if (permission === "denied") throw permissionError("denied");
    if (permission !== "prompt" || done.aborted) continue;
    asking ??= permissionError("prompt");
    options.heldBack(asking);
  }
}

/**
 * Firefox gathers no loopback candidate and pairs no other with one, unless `media.peerconnection.ice.loopback` is set.
 * It asks nobody then, though it calls the permission for it unanswered.
 */
function mayNeverBegin({ localDescription, remoteDescription }: RTCPeerConnection): boolean {
  return isOfFirefox(localDescription?.sdp ?? "") && namesLoopbackOnly(remoteDescription?.sdp ?? "");
}

function pause(ms: number, done: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    done.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

function noLoopback(): MimeiError {
  return new MimeiError("network.unreachable", "Firefox makes no data channel to 127.0.0.1, where this relay is.", {
    hint: "Let the relay listen on your network too (`mimei run --listen 0.0.0.0:6464`), or open the page that it serves: that takes the WebSocket.",
    retry: "later",
  });
}

function timeout(): MimeiError {
  return new MimeiError("network.timeout", "The data channel did not open in time.", {
    hint: "The relay may not be running, its address may have changed, or this network may block UDP.",
    retry: "later",
  });
}
