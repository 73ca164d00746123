import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { MimeiError } from "../dist/errors.js";
import { LED_TO_MAX, REACH_MS_MAX } from "../dist/limits.js";
import { Relays } from "../dist/relay/reach.js";
import { formatRelayAddress } from "../dist/transport/address.js";

const OWN = { kind: "origin", origin: "https://own.example" };
const named = (user) => ({ user, endpoints: [{ ip: "192.0.2.7", port: 1 }], fingerprint: new Uint8Array(32) });
const away = () => new MimeiError("network.unreachable", "not there", { retry: "later" });

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});

/** Relays that answer as `answers` says of each user: online, away, or (unless it is named there) neither. */
function relays(answers) {
  const dialled = [];
  const closed = [];
  const doors = {
    plan: async (target) => {
      const relay = target.kind === "origin" ? "own" : target.address.user;
      const dial = async () => {
        dialled.push(relay);
        if (answers[relay] === "away") throw away();
        return { way: "ws", relay };
      };
      const address = relay === "own" ? "relay:own" : formatRelayAddress(target.address);
      return { expect: relay, relay, address, steps: [{ way: "ws", dial }] };
    },
    attach: ({ relay }, _expect, events) => {
      if (answers[relay] === "online") queueMicrotask(() => events.opened(relay, "expected", 0));
      return { conn: relay, ping: async () => 1, close: (error) => (closed.push(relay), events.ended(error)) };
    },
    random: () => 1,
  };
  const all = new Relays(() => doors);
  const own = all.take([OWN]);
  return { all, own, reach: (named, signal) => all.reach(own, named, signal), dialled, closed };
}

test("what names no relay, or the page's own, goes through the page's own", async () => {
  const { reach, dialled } = relays({ own: "online" });
  for (const list of [[], [named("own")], [named("other"), named("own")]]) {
    const { session, address } = await reach(list);
    assert.deepEqual([session.conn, address], ["own", "relay:own"]);
  }
  assert.deepEqual(dialled, ["own"]);
});

test("what names another relay goes through that one, which is dialled once", async () => {
  const { reach, dialled } = relays({ own: "online", other: "online" });
  const other = [named("other")];
  assert.equal((await reach(other)).session.conn, "other");
  const again = await reach(other);
  assert.deepEqual([again.session.conn, again.address], ["other", formatRelayAddress(other[0])]);
  assert.deepEqual(dialled, ["own", "other"]);
});

test("when no relay that is named answers, the page's own is asked", async () => {
  const { reach } = relays({ own: "online", other: "away" });
  assert.equal((await reach([named("other")])).session.conn, "own");
});

test("a relay that was away is tried again when a link leads there again", async () => {
  const answers = { own: "online", other: "away" };
  const { reach } = relays(answers);
  await reach([named("other")]);
  answers.other = "online";
  assert.equal((await reach([named("other")])).session.conn, "other");
});

test("when nobody answers there is no session, and that is known at once", async () => {
  const { reach } = relays({ own: "away", other: "away" });
  assert.equal((await reach([])).session, undefined);
  assert.equal((await reach([named("other")])).session, undefined);
});

test("a relay that says nothing is not waited for without end, and waiting can be given up", async () => {
  const { reach } = relays({});
  const reaching = reach([]);
  const abort = new AbortController();
  const givenUp = reach([], abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(givenUp, /enough/);
  mock.timers.tick(REACH_MS_MAX);
  assert.equal((await reaching).session, undefined);
});

test("links lead to a few relays at once, the oldest makes room; closing closes all", async () => {
  const users = Array.from({ length: LED_TO_MAX + 1 }, (_, at) => `r${at}`);
  const { all, reach, closed } = relays({ own: "online", ...Object.fromEntries(users.map((user) => [user, "online"])) });
  for (const user of users) await reach([named(user)]);
  assert.deepEqual(closed, ["r0"]);
  all.close();
  assert.deepEqual(closed.sort(), ["own", ...users].sort());
});
