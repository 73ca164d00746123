import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { HELD_BACK_MS, LOOPBACK_BEGUN_MS_MAX, OPEN_ASKING_MS_MAX, OPEN_MS_MAX } from "../dist/limits.js";
import { rtcOpened } from "../dist/transport/rtc-opening.js";

/** What the browser says of every local-network permission. */
let permission = "granted";

beforeEach(() => {
  permission = "granted";
  const navigator = { onLine: true, permissions: { query: async () => ({ state: permission }) } };
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

async function pass(ms) {
  for (let left = ms; left > 0; left -= 500) {
    mock.timers.tick(Math.min(500, left));
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

const FIREFOX = "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 1 0 IN IP4 0.0.0.0\r\n";
const CHROMIUM = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n";
const at = (...addresses) => addresses.map((address) => `a=candidate:1 1 udp 1 ${address} 6464 typ host\r\n`).join("");

function opening({ patient = false, ice = "checking", state = "connecting", local = CHROMIUM, remote = at("127.0.0.1") } = {}) {
  const descriptions = { localDescription: { sdp: local }, remoteDescription: { sdp: remote } };
  const peer = { iceConnectionState: ice, connectionState: state, ...descriptions };
  const channel = {};
  const abort = new AbortController();
  const heldBack = [];
  const options = { signal: abort.signal, patient, heldBack: (error) => heldBack.push(error.code) };
  const outcome = { value: "pending" };
  rtcOpened(peer, channel, options).then(
    () => (outcome.value = "open"),
    (error) => (outcome.value = error.code ?? error.message),
  );
  return { peer, channel, abort, heldBack, outcome };
}

test("an open channel ends the wait", async () => {
  const { channel, outcome } = opening();
  channel.onopen();
  await pass(1);
  assert.equal(outcome.value, "open");
});

test("a channel that does not open in time is given up", async () => {
  const { outcome } = opening();
  await pass(OPEN_MS_MAX - 1);
  assert.equal(outcome.value, "pending");
  await pass(1);
  assert.equal(outcome.value, "network.timeout");
});

test("a failed peer connection does not wait for the deadline", async () => {
  const { peer, outcome } = opening();
  peer.connectionState = "failed";
  peer.onconnectionstatechange();
  await pass(1);
  assert.equal(outcome.value, "network.unreachable");
});

test("a peer connection that had failed before is not waited for", async () => {
  const { outcome } = opening({ ice: "failed", state: "failed", local: FIREFOX });
  await pass(1);
  assert.equal(outcome.value, "network.unreachable");
});

test("checks that do not begin and a refused permission are told at once", async () => {
  permission = "denied";
  const { outcome } = opening({ ice: "new" });
  await pass(HELD_BACK_MS);
  assert.equal(outcome.value, "network.permission");
});

test("a refused permission is no reason when checks have begun", async () => {
  permission = "denied";
  const { outcome } = opening({ ice: "checking" });
  await pass(OPEN_MS_MAX);
  assert.equal(outcome.value, "network.timeout");
});

test("while the browser asks, the page says so and goes on to the next way", async () => {
  permission = "prompt";
  const { heldBack, outcome } = opening({ ice: "new" });
  await pass(HELD_BACK_MS);
  assert.deepEqual([heldBack, outcome.value], [["network.permission"], "pending"]);
  await pass(OPEN_MS_MAX - HELD_BACK_MS);
  assert.equal(outcome.value, "network.permission");
});

test("with no other way it waits for the person, and opens when they allow it", async () => {
  permission = "prompt";
  const { channel, outcome } = opening({ ice: "new", patient: true });
  await pass(OPEN_ASKING_MS_MAX - 1);
  assert.equal(outcome.value, "pending");
  channel.onopen();
  await pass(1);
  assert.equal(outcome.value, "open");
});

test("a person who never answers is not waited for without end", async () => {
  permission = "prompt";
  const { outcome } = opening({ ice: "new", patient: true });
  await pass(OPEN_ASKING_MS_MAX);
  assert.equal(outcome.value, "network.permission");
});

test("Firefox is not waited for where it makes no data channel, and nobody is told that it asks", async () => {
  permission = "prompt";
  for (const remote of [at("127.0.0.1"), at("127.0.0.1", "::1")]) {
    const { heldBack, outcome } = opening({ ice: "new", local: FIREFOX, remote, patient: true });
    await pass(LOOPBACK_BEGUN_MS_MAX);
    assert.deepEqual([heldBack, outcome.value], [[], "network.unreachable"]);
  }
});

test("Firefox is waited for where it may make one", async () => {
  for (const more of [{ remote: at("192.0.2.7", "127.0.0.1"), ice: "new" }, { remote: "", ice: "new" }, { ice: "checking" }]) {
    const { channel, outcome } = opening({ local: FIREFOX, ...more });
    await pass(OPEN_MS_MAX - 1);
    assert.equal(outcome.value, "pending");
    channel.onopen();
    await pass(1);
    assert.equal(outcome.value, "open");
  }
});

test("another browser is waited for on its own machine", async () => {
  const { outcome } = opening({ ice: "new" });
  await pass(OPEN_MS_MAX - 1);
  assert.equal(outcome.value, "pending");
});

test("giving up from outside ends the wait with its reason", async () => {
  const { abort, outcome } = opening();
  abort.abort(new Error("another relay was chosen"));
  await pass(1);
  assert.equal(outcome.value, "another relay was chosen");
});
