import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { MimeiError } from "../dist/errors.js";
import { PROBE_EVERY_MS, PROBE_MS_MAX, RETRY_MS_MIN, SESSION_MS_MAX, STABLE_MS } from "../dist/limits.js";
import { RelayLink } from "../dist/relay/link.js";

const unreachable = () => new MimeiError("network.unreachable", "not there", { retry: "later" });
const A = { kind: "origin", origin: "https://a.example" };
const B = { kind: "origin", origin: "https://b.example" };

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});

/** Everything that needs no time has happened. */
async function settle() {
  for (let turn = 0; turn < 40; turn++) await Promise.resolve();
}

async function pass(ms) {
  mock.timers.tick(ms);
  await settle();
}

/** A link whose ways succeed or fail as `ways` says; `sessions` are those attached, newest last. */
function linked(ways, targets = [A]) {
  const dialled = [];
  const sessions = [];
  const step = (way, origin) => ({
    way,
    dial: async () => {
      dialled.push(`${way} ${origin}`);
      if (ways[way] instanceof MimeiError) throw ways[way];
      return { way };
    },
  });
  const link = new RelayLink(
    {
      plan: async ({ origin }) => ({ expect: "relay-id", steps: [step("rtc", origin), step("ws", origin)] }),
      attach: (connection, { expect }, events) => {
        const session = { events, expect, ping: async () => 5, close: (error) => events.ended(error) };
        sessions.push(session);
        return session;
      },
      random: () => 1,
    },
    targets,
  );
  return { link, dialled, sessions, status: () => link.status.value };
}

test("a session that opens is shown with relay, way and trust", async () => {
  const { sessions, status } = linked({});
  await settle();
  assert.equal(status().state, "connecting");
  assert.equal(sessions[0].expect, "relay-id");
  sessions[0].events.opened("relay-id", "expected", 1234);
  const { state, way, relay, trust, sinceMs, attempt } = status();
  assert.deepEqual({ state, way, relay, trust, sinceMs, attempt }, { state: "online", way: "rtc", relay: "relay-id", trust: "expected", sinceMs: 1234, attempt: 0 });
});

test("a data channel that does not open gives way to the WebSocket", async () => {
  const { dialled, sessions, status } = linked({ rtc: unreachable() });
  await settle();
  sessions[0].events.opened("relay-id", "pinned", 0);
  assert.deepEqual(dialled, ["rtc https://a.example", "ws https://a.example"]);
  assert.equal(status().way, "ws");
});

test("when no way works it waits, says until when, and waits longer each time", async () => {
  const { dialled, status } = linked({ rtc: unreachable(), ws: unreachable() });
  await settle();
  assert.equal(status().state, "offline");
  assert.equal(status().error.code, "network.unreachable");
  assert.equal(status().nextTryMs, Date.now() + RETRY_MS_MIN);
  await pass(RETRY_MS_MIN - 1);
  assert.equal(dialled.length, 2);
  await pass(1);
  assert.equal(dialled.length, 4);
  assert.equal(status().attempt, 2);
  assert.equal(status().nextTryMs, Date.now() + 2 * RETRY_MS_MIN);
});

test("the reason of the last failure is seen during the next try, and gone when it succeeds", async () => {
  const ways = { rtc: unreachable(), ws: unreachable() };
  const { sessions, status } = linked(ways);
  await settle();
  ways.rtc = undefined;
  await pass(RETRY_MS_MIN);
  assert.equal(status().state, "connecting");
  assert.equal(status().error.code, "network.unreachable");
  sessions[0].events.opened("relay-id", "expected", 0);
  assert.equal(status().error, undefined);
});

test("retry does not wait", async () => {
  const { link, dialled } = linked({ rtc: unreachable(), ws: unreachable() });
  await settle();
  link.retry();
  await settle();
  assert.equal(dialled.length, 4);
});

test("a relay that is not who was expected is not tried again by itself", async () => {
  const { link, sessions, dialled, status } = linked({});
  await settle();
  sessions[0].events.ended(new MimeiError("verify.failed", "another relay", { retry: "never" }));
  await settle();
  assert.equal(status().state, "failed");
  assert.equal(status().error.code, "verify.failed");
  await pass(600_000);
  assert.equal(dialled.length, 1);
  link.retry();
  await settle();
  assert.equal(dialled.length, 2);
});

test("the next relay is tried when the first fails", async () => {
  const { dialled } = linked({ rtc: unreachable(), ws: unreachable() }, [A, B]);
  await settle();
  await pass(RETRY_MS_MIN);
  assert.deepEqual(dialled.slice(2), ["rtc https://b.example", "ws https://b.example"]);
});

test("without any relay it fails and says so", async () => {
  const { status } = linked({}, []);
  await settle();
  assert.equal(status().state, "failed");
  assert.equal(status().error.code, "relay.none");
});

test("a handshake that never ends is given up", async () => {
  const { status } = linked({});
  await settle();
  await pass(SESSION_MS_MAX);
  assert.equal(status().state, "offline");
  assert.equal(status().error.code, "network.timeout");
});

test("a relay that opens and drops sessions at once is not hammered", async () => {
  const { sessions, status } = linked({});
  for (const pauseMs of [RETRY_MS_MIN, 2 * RETRY_MS_MIN, 4 * RETRY_MS_MIN]) {
    await settle();
    sessions.at(-1).events.opened("relay-id", "expected", 0);
    sessions.at(-1).events.ended(undefined);
    await settle();
    assert.equal(status().nextTryMs, Date.now() + pauseMs);
    await pass(pauseMs);
  }
});

test("after a good session pauses start small again", async () => {
  const { sessions, status } = linked({ rtc: unreachable() });
  await settle();
  sessions[0].events.ended(unreachable());
  await settle();
  await pass(RETRY_MS_MIN);
  sessions[1].events.opened("relay-id", "expected", 0);
  await pass(STABLE_MS);
  sessions[1].events.ended(undefined);
  await settle();
  assert.equal(status().nextTryMs, Date.now() + RETRY_MS_MIN);
});

test("a session that no longer answers is found and given up", async () => {
  const { sessions, status } = linked({});
  await settle();
  sessions[0].ping = () => new Promise(() => {});
  sessions[0].events.opened("relay-id", "expected", 0);
  await pass(PROBE_EVERY_MS);
  assert.equal(status().state, "online");
  await pass(PROBE_MS_MAX);
  assert.equal(status().state, "offline");
  assert.equal(status().error.code, "network.lost");
});

test("a closed link says and does nothing more", async () => {
  const { link, dialled, sessions, status } = linked({});
  await settle();
  sessions[0].events.opened("relay-id", "expected", 0);
  link.close();
  await pass(600_000);
  assert.equal(status().state, "online", "its last value stays");
  assert.equal(dialled.length, 1);
});
