import assert from "node:assert/strict";
import { test } from "node:test";
import { Core } from "../dist/core.js";
import { MimeiError } from "../dist/errors.js";
import { UNTAKEN_BYTES_MAX } from "../dist/limits.js";
import { post, readToCore, readToPage } from "../dist/protocol.js";

/** A line whose other end is the test. */
function line() {
  const posted = [];
  return { posted, onmessage: null, postMessage: (message, transfer) => posted.push({ message, transfer }) };
}

function connection() {
  const sent = [];
  let events;
  let closed = false;
  return {
    sent,
    way: "ws",
    localFingerprint: new Uint8Array(0),
    remoteFingerprint: new Uint8Array(0),
    queuedBytes: 0,
    listen: (given) => (events = given),
    send: (bytes) => sent.push(bytes),
    close() {
      if (!closed) events.closed(undefined);
      closed = true;
    },
    get events() {
      return events;
    },
  };
}

function attached() {
  const end = line();
  const core = new Core(end);
  const transport = connection();
  const told = [];
  const session = core.attach(transport, { expect: "" }, {
    opened: (relay, trust, sinceMs) => told.push(["opened", relay, trust, sinceMs]),
    ended: (error) => told.push(["ended", error?.code]),
  });
  return { end, core, transport, told, session, say: (data) => end.onmessage({ data }) };
}

const error = { code: "verify.failed", message: "not the relay expected", hint: "", retry: "never" };

test("messages with a missing, foreign or wrongly typed field are not read", () => {
  assert.ok(readToPage({ type: "send", conn: 1, frames: [new Uint8Array(1)] }));
  for (const data of [null, "send", {}, { type: "send", conn: 1 }, { type: "send", conn: -1, frames: [new Uint8Array(1)] }, { type: "send", conn: 1, frames: [[1]] }, { type: "toString" }, { type: "session-open", conn: 1, relay: "b", trust: "sure", sinceMs: 1 }, { type: "session-open", conn: 1, relay: "b", trust: "pinned", sinceMs: 1n }]) {
    assert.equal(readToPage(data), undefined);
  }
  assert.equal(readToCore({ type: "connected", conn: 1, way: "tcp", expect: "", localFingerprint: new Uint8Array(0), remoteFingerprint: new Uint8Array(0) }), undefined);
});

test("a frame is moved when it owns its buffer and copied when it is a part of one", () => {
  const end = line();
  const whole = new Uint8Array([1, 2, 3]);
  post(end, { type: "received", conn: 1, bytes: whole });
  post(end, { type: "received", conn: 1, bytes: whole.subarray(1) });
  assert.equal(end.posted[0].transfer[0], whole.buffer);
  assert.notEqual(end.posted[1].transfer[0], whole.buffer);
  assert.deepEqual(end.posted[1].message.bytes, new Uint8Array([2, 3]));
});

test("each call gets its own answer", async () => {
  const { core, say } = attached();
  const [first, second] = [core.call("a"), core.call("b")];
  say({ type: "refused", id: 2, error });
  say({ type: "reply", id: 1, value: 7 });
  assert.equal(await first, 7);
  await assert.rejects(second, { name: "MimeiError", code: "verify.failed" });
});

test("a code of a newer core is kept, not guessed", () => {
  const unknown = MimeiError.from({ ...error, code: "tea.cold" });
  assert.equal(unknown.code, "core.failed");
  assert.equal(unknown.message, error.message);
  assert.equal(unknown.cause.code, "tea.cold");
});

test("frames go both ways, and the core hears of queue and end", () => {
  const { end, transport, say } = attached();
  say({ type: "send", conn: 1, frames: [new Uint8Array([9])] });
  assert.deepEqual(transport.sent, [new Uint8Array([9])]);
  transport.events.message(new Uint8Array([8]));
  transport.events.writable(0);
  transport.events.closed(undefined);
  assert.deepEqual(end.posted.map(({ message }) => message.type), ["connected", "received", "writable", "closed"]);
});

test("a session that fails is closed and says why, once", () => {
  const { told, say } = attached();
  say({ type: "session-failed", conn: 1, error });
  say({ type: "close", conn: 1, error });
  assert.deepEqual(told, [["ended", "verify.failed"]]);
});

test("what is said of a closed connection does not reach it", () => {
  const { told, transport, session, say } = attached();
  session.close();
  say({ type: "session-open", conn: 1, relay: "b", trust: "pinned", sinceMs: 1 });
  say({ type: "send", conn: 1, frames: [new Uint8Array(1)] });
  assert.deepEqual(told, [["ended", undefined]]);
  assert.deepEqual(transport.sent, []);
});

test("a core that does not keep up ends the connection instead of filling memory", () => {
  const { told, transport, say } = attached();
  const step = UNTAKEN_BYTES_MAX / 2;
  transport.events.message(new Uint8Array(step));
  transport.events.message(new Uint8Array(step));
  say({ type: "taken", conn: 1, bytes: step });
  transport.events.message(new Uint8Array(step));
  assert.deepEqual(told, []);
  transport.events.message(new Uint8Array(1));
  assert.deepEqual(told, [["ended", "network.overflow"]]);
});

test("when the core is gone, calls fail and sessions end", async () => {
  const { core, told } = attached();
  const waiting = core.call("me");
  core.fail(new MimeiError("core.failed", "stopped"));
  await assert.rejects(waiting, { code: "core.failed" });
  await assert.rejects(core.call("me"), { code: "core.failed" });
  assert.deepEqual(told, [["ended", "core.failed"]]);
});

test("an unknown message from the core is a failure, not silence", async () => {
  const { core, say } = attached();
  say({ type: "surprise" });
  await assert.rejects(core.call("me"), { code: "core.failed" });
});

test("what the core reports by itself is heard by name, until one stops listening", () => {
  const { core, say } = attached();
  const heard = [];
  const stop = core.on("item", (data) => heard.push(data.id));
  say({ type: "event", name: "item", data: { id: "a" } });
  say({ type: "event", name: "weather", data: { id: "b" } });
  stop();
  say({ type: "event", name: "item", data: { id: "c" } });
  assert.deepEqual(heard, ["a"]);
});

test("a piece is moved back from the core, and one that is a part of something else is copied", () => {
  const end = line();
  const [piece, part] = [new Uint8Array([1, 2, 3]), new Uint8Array([1, 2, 3]).subarray(1)];
  post(end, { type: "reply", id: 1, value: piece });
  post(end, { type: "reply", id: 2, value: part });
  post(end, { type: "reply", id: 3, value: { rttMs: 1 } });
  assert.deepEqual(end.posted.map(({ transfer }) => transfer.length), [1, 1, 0]);
  assert.equal(end.posted[0].transfer[0], piece.buffer);
  assert.deepEqual(end.posted[1].message.value, new Uint8Array([2, 3]));
  assert.equal(part.byteLength, 2);
});
