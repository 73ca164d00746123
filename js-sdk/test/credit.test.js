import assert from "node:assert/strict";
import { test } from "node:test";
import { credit } from "../dist/credit.js";
import { MimeiError } from "../dist/errors.js";
import { Items } from "../dist/item/items.js";
import { LOST_RETRY_MS, PIECES_AT_ONCE, RETURN_MS_MAX } from "../dist/limits.js";
import { LiveSource } from "../dist/live.js";
import { status } from "../dist/relay/status.js";
import { Seat } from "../dist/tabs/seat.js";
import { fakeCore, fakeDesk } from "./fake-core.js";

const PIECE = 262_144;
const INVITE = "mimei:invite?r=relay:theirs#secret";
const NUMBERS = ["limit", "signed", "settled", "unsigned", "owed", "reserved", "exposure", "available", "stored"];
const turns = async (count = 10) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** An account as the core tells it. */
const told = (more = {}) => ({
  ...{ creditor: "theirs", debtor: "me", owes: true, line: null, receipt: null, near: false, stop: null, lanes: [], sponsored: [] },
  ...Object.fromEntries(NUMBERS.map((name) => [name, 0])),
  ...more,
});
const LINE = { limit: 500, space: 70, untilMs: null, renewsDays: 30, renewsAmount: 500, serial: 2 };

/** A tab at the relay `ours`, whose core knows one invite of the relay `theirs`. */
function fakeTab({ reachable = ["ours", "theirs"] } = {}) {
  const listeners = new Map();
  const tab = { accounts: [], used: [], calls: [], retried: 0, relays: ["relay:ours"], refuse: {} };
  tab.status = new LiveSource(status("online", { relay: "ours" }));
  tab.on = (name, listener) => (listeners.set(name, listener), () => listeners.delete(name));
  tab.tell = (name) => listeners.get(name)?.();
  tab.retry = () => (tab.retried += 1);
  tab.use = ({ relays }) => {
    tab.relays = relays;
    tab.used.push(relays);
    const relay = relays[0].slice("relay:".length);
    tab.status.set(status("connecting", { relay }));
    const error = new MimeiError("handshake.refused", "not you");
    setImmediate(() => tab.status.set(reachable.includes(relay) ? status("online", { relay }) : status("failed", { relay, error })));
  };
  tab.call = async (method, args) => {
    tab.calls.push({ method, args });
    await new Promise((resolve) => setImmediate(resolve));
    const error = tab.refuse[method];
    if (error) throw error;
    if (method === "accept") tab.accounts = [told({ line: LINE, limit: 500, available: 500 })];
    const answers = { readInvite: { relay: "relay:theirs", user: "theirs" }, accept: tab.accounts[0], accounts: tab.accounts };
    return { ...answers, creditRecords: [{ kind: "line", bytes: new Uint8Array([1]) }] }[method];
  };
  tab.of = (method) => tab.calls.filter((call) => call.method === method).map(({ args }) => args);
  return tab;
}

test("accounts are known soon, and followed", async () => {
  const tab = fakeTab();
  tab.accounts = [told({ creditor: "ours", line: LINE, limit: 500, signed: 12, stop: "it is used up" })];
  const { accounts } = credit(tab);
  assert.deepEqual(accounts.value, []);
  await turns();
  const [{ line, stop, signed, receipt }] = accounts.value;
  const { limit, space, untilMs, renews, serial } = line;
  assert.deepEqual([limit, space, untilMs, renews, serial], [500, 70, undefined, { days: 30, amount: 500 }, 2]);
  assert.deepEqual([stop, signed, receipt], ["it is used up", 12, undefined]);
  for (const [event, signed] of [["credit", 13], ["online", 14], ["resumed", 15]]) {
    tab.accounts = [told({ signed })];
    tab.tell(event);
    await turns();
    assert.equal(accounts.value[0].signed, signed, event);
  }
});

test("an account that is not understood changes nothing", async () => {
  const tab = fakeTab();
  tab.accounts = [told({ signed: 1 })];
  const { accounts } = credit(tab);
  await turns();
  for (const strange of [{ signed: -1 }, { lanes: 7 }, { line: { limit: 1 } }, { receipt: { total: 1, amount: 1, reason: "mood", timeMs: 1 } }]) {
    tab.accounts = [told(strange)];
    tab.tell("credit");
    await turns();
    assert.equal(accounts.value[0].signed, 1, JSON.stringify(strange));
  }
});

test("changes during a look are seen by one more look, however many they are", async () => {
  const tab = fakeTab();
  const { accounts } = credit(tab);
  for (let change = 0; change < 50; change++) tab.tell("credit");
  tab.accounts = [told({ signed: 9 })];
  await turns();
  assert.equal(tab.of("accounts").length, 2);
  assert.equal(accounts.value[0].signed, 9);
});

test("accepting connects to the invite's relay, and stays there", async () => {
  const tab = fakeTab();
  const { accept, accounts } = credit(tab);
  const account = await accept(INVITE);
  assert.equal(account.line.limit, 500);
  assert.deepEqual(tab.used, [["relay:theirs"]]);
  assert.deepEqual(tab.of("accept"), [{ invite: INVITE, user: "theirs" }]);
  assert.deepEqual(accounts.value, [account], "it is seen at once");
});

test("accepting at the relay that the tab uses changes no relay", async () => {
  const tab = fakeTab();
  tab.status.set(status("online", { relay: "theirs" }));
  await credit(tab).accept(INVITE);
  assert.deepEqual(tab.used, []);
});

test("an invite is found in a page's URL, also where its second # is escaped", async () => {
  const tab = fakeTab();
  const { readInvite } = credit(tab);
  const texts = [` ${INVITE}\n`, `https://a.example/?x=1#${INVITE}`, `https://a.example/#${INVITE.replace("#", "%23")}`];
  for (const text of texts) assert.deepEqual(await readInvite(text), { relay: "relay:theirs", user: "theirs" });
  const asked = tab.of("readInvite").map(({ invite }) => invite);
  assert.deepEqual(asked, [INVITE, `https://a.example/?x=1#${INVITE}`, `https://a.example/#${INVITE}`]);
  await assert.rejects(readInvite("m".repeat(9_000)), { code: "invite.invalid" });
});

test("what is no invite moves the tab nowhere", async () => {
  const tab = fakeTab();
  tab.refuse.readInvite = new MimeiError("invite.invalid", "the end is missing");
  await assert.rejects(credit(tab).accept("mimei:invite?r=x#"), { code: "invite.invalid" });
  assert.deepEqual([tab.used, tab.of("accept")], [[], []]);
});

test("a tab whose invite was refused goes back to its relays", async () => {
  const tab = fakeTab();
  tab.refuse.accept = new MimeiError("invite.used", "it was used");
  await assert.rejects(credit(tab).accept(INVITE), { code: "invite.used" });
  assert.deepEqual(tab.used, [["relay:theirs"], ["relay:ours"]]);
});

test("a relay that does not want us is said, and the tab goes back", async () => {
  const tab = fakeTab({ reachable: ["ours"] });
  await assert.rejects(credit(tab).accept(INVITE), { code: "handshake.refused" });
  assert.deepEqual(tab.of("accept"), []);
  assert.deepEqual(tab.used.at(-1), ["relay:ours"]);
});

test("accepting that is given up while the relay is looked for goes back, too", async () => {
  const tab = fakeTab();
  const abort = new AbortController();
  const accepting = credit(tab).accept(INVITE, { signal: abort.signal });
  abort.abort(new Error("never mind"));
  await assert.rejects(accepting, /never mind/);
  assert.deepEqual(tab.of("accept"), []);
  assert.deepEqual(tab.used.at(-1), ["relay:ours"]);
});

test("a promise to pay names the relay of the tab, the link and when it ends", async () => {
  const tab = fakeTab();
  const { sponsor } = credit(tab);
  await sponsor({ item: "b1", link: "k1" }, { day: 10, total: 100 });
  await sponsor({ item: "b1", relay: "other" }, { day: 0, total: 0, until: new Date(-5) });
  assert.deepEqual(tab.of("sponsor"), [
    { creditor: "ours", id: "b1", link: "k1", day: 10, total: 100 },
    { creditor: "other", id: "b1", day: 0, total: 0, untilMs: 0 },
  ]);
  tab.status.set(status("connecting", {}));
  await assert.rejects(sponsor({ item: "b1" }, { day: 1, total: 1 }), { code: "relay.none" });
});

test("records come as they were signed", async () => {
  assert.deepEqual(await credit(fakeTab()).records(), [{ kind: "line", bytes: new Uint8Array([1]) }]);
});

/** A seat whose own relay is `user`, with a session or none. */
function seatAt(user, session) {
  const calls = [];
  const link = { status: new LiveSource(status("online", { relay: user })), reached: async () => session };
  const core = { call: async (method, args) => void calls.push({ method, args }), on: () => () => {} };
  const relays = { take: () => ({ link, way: undefined, release() {} }), reach: async () => ({}) };
  const seat = new Seat({ core, relays, identity: {} }, { status() {}, event() {} });
  seat.use({ relays: [], way: undefined });
  return { calls, accept: () => seat.call("accept", { invite: INVITE, user: "theirs" }) };
}

test("an invite is used in a session with its own relay only", async () => {
  const { calls, accept } = seatAt("theirs", { conn: 4 });
  await accept();
  assert.deepEqual(calls, [{ method: "accept", args: { invite: INVITE, conn: 4 } }]);
  for (const other of [seatAt("ours", { conn: 4 }), seatAt("theirs", undefined)]) {
    await assert.rejects(other.accept(), { code: "network.unreachable" });
    assert.deepEqual(other.calls, []);
  }
});

const paused = () => new MimeiError("credit.paused", "your line is used up", { retry: "later" });

/** A file of so many pieces, of which the first `free` can be read. */
async function pausing(pieces, free) {
  const core = fakeCore({ kind: "file" });
  const desk = fakeDesk(core);
  const file = await new Items(desk, "com.example.test").file();
  const content = Uint8Array.from({ length: pieces * PIECE }, (_, at) => (at >> 18) + 1);
  await file.put(new Blob([content]));
  const state = { free };
  core.refuse.read = ({ offset }) => (offset / PIECE >= state.free ? paused() : undefined);
  const [entry] = await file.list();
  return { core, file, entry, content, state };
}

test("reading waits while credit is used up, says so, and goes on when it is raised", async () => {
  const { core, file, entry, content, state } = await pausing(12, 3);
  const said = [];
  const [reading, done] = [[], []];
  const blob = file.blob(entry, { onPause: (why) => said.push(why?.message), onProgress: (bytes) => done.push(bytes) });
  blob.then(() => reading.push("all"));
  await turns(40);
  assert.deepEqual([said, done.at(-1), reading], [["your line is used up"], 3 * PIECE, []]);
  const asked = core.of("read").length;
  await turns(40);
  assert.equal(core.of("read").length, asked, "nothing is asked for meanwhile");
  assert.ok(asked <= 3 + PIECES_AT_ONCE, `${asked} were asked for`);

  state.free = 5;
  core.emit("credit", {});
  await turns(40);
  assert.equal(done.at(-1), 5 * PIECE);
  state.free = 12;
  core.emit("credit", {});
  assert.deepEqual(new Uint8Array(await (await blob).arrayBuffer()), content);
  assert.equal(said.at(-1), undefined);
  for (const [at, why] of said.entries()) assert.equal(why === undefined, at % 2 === 1, "a pause ends before the next begins");
});

for (const event of ["online", "resumed"]) {
  test(`reading goes on after “${event}”, too`, async () => {
    const { core, file, entry, content, state } = await pausing(2, 1);
    const blob = file.blob(entry);
    await turns();
    state.free = 2;
    core.emit(event);
    assert.equal((await blob).size, content.length);
  });
}

test("a change that comes while a piece is being refused is not missed", async () => {
  const { core, file, entry, content, state } = await pausing(1, 0);
  const answer = core.call;
  core.call = async (method, args) => {
    if (method !== "read" || state.free > 0) return await answer(method, args);
    state.free = 1;
    core.emit("credit", {}); // Before the refusal is heard.
    throw paused();
  };
  assert.equal((await file.blob(entry)).size, content.length);
});

test("reading that is cancelled while it waits ends, and listens no more", async () => {
  const { core, file, entry } = await pausing(4, 1);
  const listening = core.listening();
  const abort = new AbortController();
  const blob = file.blob(entry, { signal: abort.signal });
  await turns();
  assert.ok(core.listening() > listening);
  abort.abort(new Error("enough"));
  await assert.rejects(blob, /enough/);
  await turns();
  const asked = core.of("read").length;
  core.emit("credit", {});
  await turns();
  assert.deepEqual([core.listening(), core.of("read").length], [listening, asked]);
});

test("a stream that is cancelled while it waits ends, and listens no more", async () => {
  const { core, file, entry } = await pausing(4, 1);
  const listening = core.listening();
  const reader = file.stream(entry).getReader();
  assert.equal((await reader.read()).value.byteLength, PIECE);
  const next = reader.read();
  await turns();
  await reader.cancel();
  assert.equal((await next).done, true);
  await turns();
  assert.equal(core.listening(), listening);
});

for (const code of ["network.offline", "network.lost", "network.timeout", "network.unreachable", "connection.closed", "offline.missing"]) {
  test(`reading that was begun waits after “${code}”, says so, and goes on with the relay`, async () => {
    const { core, file, entry, content } = await pausing(12, 12);
    let isAway = false;
    core.refuse.read = ({ offset }) => isAway && offset >= 3 * PIECE && new MimeiError(code, "the relay is away", { retry: "later" });
    const said = [];
    const onProgress = (done) => done === PIECE && (isAway = true);
    const blob = file.blob(entry, { onProgress, onPause: (why) => said.push(why?.code) });
    await turns(40);
    assert.deepEqual(said, [code]);
    isAway = false;
    core.emit("online");
    const bytes = new Uint8Array(await (await blob).arrayBuffer());
    assert.deepEqual(bytes, content);
    assert.deepEqual([said[0], said.at(-1)], [code, undefined]);
  });

  test(`reading that was not begun fails with “${code}”`, async () => {
    const { core, file, entry } = await pausing(4, 4);
    const listening = core.listening();
    core.refuse.read = () => new MimeiError(code, "the relay is away", { retry: "later" });
    const said = [];
    await assert.rejects(file.blob(entry, { onPause: (why) => said.push(why) }), { code });
    await turns();
    assert.deepEqual([said, core.listening()], [[], listening]);
  });
}

test("a relay that is back may not know yet that we may read; one that never does is believed", async (t) => {
  for (const isBelieved of [false, true]) {
    const { core, file, entry } = await pausing(12, 12);
    let isUnknown = false;
    core.refuse.read = ({ offset }) => isUnknown && offset >= 9 * PIECE && new MimeiError("mimei.notFound", "there is no such MiMei");
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let now = 0;
    t.mock.method(performance, "now", () => now);
    const blob = file.blob(entry, { onProgress: (done) => done === PIECE && (isUnknown = true) });
    blob.catch(() => {});
    await turns(40);
    isUnknown = isBelieved;
    now += isBelieved ? RETURN_MS_MAX : LOST_RETRY_MS;
    t.mock.timers.tick(LOST_RETRY_MS);
    if (isBelieved) await assert.rejects(blob, { code: "mimei.notFound" });
    else assert.equal((await blob).size, entry.length);
    t.mock.timers.reset();
    t.mock.reset();
  }
});

test("reading whose relay came back without a word is tried again soon", async (t) => {
  const { core, file, entry, content } = await pausing(12, 12);
  let isAway = false;
  core.refuse.read = () => isAway && new MimeiError("offline.missing", "the relay is away", { retry: "later" });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const blob = file.blob(entry, { onProgress: (done) => done === PIECE && (isAway = true) });
  await turns(40);
  isAway = false;
  t.mock.timers.tick(LOST_RETRY_MS);
  assert.equal((await blob).size, content.length);
});

test("another failure ends the pieces that wait", async () => {
  const { core, file, entry } = await pausing(4, 0);
  const listening = core.listening();
  core.refuse.read = ({ offset }) => (offset === 0 ? new MimeiError("verify.failed", "altered") : paused());
  await assert.rejects(file.blob(entry), { code: "verify.failed" });
  await turns();
  assert.equal(core.listening(), listening);
});

test("nobody pays is no pause: reading fails with its sentence", async () => {
  const { core, file, entry } = await pausing(2, 0);
  core.refuse.read = () => new MimeiError("credit.none", "nobody pays for visitors here");
  await assert.rejects(file.blob(entry), { code: "credit.none" });
});
