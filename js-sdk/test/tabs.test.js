import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { MimeiError } from "../dist/errors.js";
import { Items } from "../dist/item/items.js";
import { CALLS_MAX, FOLLOWERS_MAX, LEADER_PROBE_EVERY_MS, LEADER_SILENT_PROBES_MAX, TAB_BYTES_MAX } from "../dist/limits.js";
import { status } from "../dist/relay/status.js";
import { readCommon, readStatus, readToFollower, readToLeader, sentStatus, TABS_VERSION } from "../dist/tabs/messages.js";
import { formatRelayAddress } from "../dist/transport/address.js";
import { base32Encode } from "../dist/transport/base32.js";
import { Tab } from "../dist/tabs/tab.js";
import { fakeBrowser, ID, turns, until, WISH } from "./fake-tabs.js";

let browser;
beforeEach(() => (browser = fakeBrowser()));
afterEach(async () => {
  mock.timers.reset();
  await browser.closeAll();
});

const leaders = () => browser.tabs.filter((tab) => tab.leader.value && !tab.owner.isDead);

test("one of several tabs leads, and all are the same person and see one status", async () => {
  const tabs = await browser.openMany(3);
  assert.deepEqual(tabs.map((tab) => tab.leader.value), [true, false, false]);
  assert.equal(browser.engines.length, 1);
  for (const tab of tabs) {
    assert.deepEqual(await tab.opened, browser.store.identity);
    assert.deepEqual([tab.status.value.state, tab.status.value.relay], ["online", "relay-id"]);
    assert.deepEqual(await tab.call("known", {}), [ID]);
    assert.equal(await tab.ping(), 7);
  }
});

for (const how of ["close", "kill"]) {
  test(`a leader goes by ${how}: exactly one of the others leads, and the rest follow it`, async () => {
    const [leader, ...others] = await browser.openMany(4);
    await leader[how]();
    await until(() => leaders().length === 1);
    await until(() => browser.engines.length === 2);
    for (const tab of others) assert.deepEqual(await tab.call("known", {}), [ID]);
    assert.equal(leaders().length, 1);
  });
}

test("what can be repeated goes on at the next leader, and is answered once", async () => {
  const [leader, second, third] = await browser.openMany(3);
  browser.store.hang.add("view");
  const asked = [second, third].map((tab) => tab.call("view", { id: ID }));
  await until(() => browser.begun("view").length === 2);
  browser.store.hang.clear();
  leader.kill();
  for (const each of asked) assert.equal((await each).id, ID);
  assert.equal(browser.begun("view").length, 4);
});

test("a piece that was under way is put again, in a leader too", async () => {
  const [leader, second] = await browser.openMany(2);
  browser.store.hang.add("piece");
  const part = new Blob([new Uint8Array([1, 2, 3])]);
  const asked = [leader, second].map((tab) => tab.call("piece", { id: ID, part }));
  await until(() => browser.begun("piece").length === 2);
  browser.store.hang.clear();
  leader.sleep();
  leader.wake();
  await Promise.all(asked);
  assert.equal(browser.begun("piece").length, 4);
  for (const { args } of browser.begun("piece")) assert.deepEqual(await args.part.arrayBuffer(), await part.arrayBuffer());
});

for (const [method, args, isRepeated] of [
  ["create", { kind: "file" }, false],
  ["create", { kind: "file", name: "a" }, true],
  ["create", { kind: "file", seed: new Uint8Array(32) }, true],
  ["share", { to: "link", can: "read" }, false],
  ["share", { to: "everyone", can: "read" }, true],
  ["merge", {}, false],
  ["save", { edits: [] }, true],
]) {
  test(`${method} of ${JSON.stringify(args)} is ${isRepeated ? "repeated" : "refused"} when the leader goes before it answers`, async () => {
    const [leader, second] = await browser.openMany(2);
    browser.store.hang.add(method);
    const asked = second.call(method, { id: ID, ...args });
    asked.catch(() => {});
    await until(() => browser.begun(method).length === 1);
    browser.store.hang.clear();
    leader.kill();
    if (isRepeated) await asked;
    else await assert.rejects(asked, { name: "MimeiError", code: "tabs.interrupted", retry: "now" });
    assert.equal(browser.begun(method).length, isRepeated ? 2 : 1);
  });
}

test("open items hear of changes in every tab, and look again when another tab leads", async () => {
  const tabs = await browser.openMany(3);
  const folders = await Promise.all(tabs.map((tab) => new Items(tab, "com.example.test").folder("a")));
  browser.store.core.saved([{ name: "a", file: { pieces: [], length: 0, type: "" } }]);
  browser.store.core.emit("item", { id: ID });
  await until(() => folders.every((folder) => folder.versions.length === 1));
  tabs[0].kill();
  browser.store.core.saved([{ name: "b", file: { pieces: [], length: 0, type: "" } }]);
  await until(() => folders.slice(1).every((folder) => folder.versions.length === 2));
});

test("a file that a follower adds while two leaders go arrives whole and once", async () => {
  const [first, second, third] = await browser.openMany(3);
  const folder = await new Items(third, "com.example.test").folder("a");
  const content = Uint8Array.from({ length: 30 * 262_144 + 5 }, (_, at) => (at * 31 + (at >> 18)) & 0xff);
  const said = [];
  const onProgress = (done) => {
    said.push(done);
    if (said.length === 5) first.kill();
    if (said.length === 20) second.kill();
  };
  await folder.put("big", new Blob([content]), { onProgress });
  const [entry] = await folder.list();
  assert.deepEqual(new Uint8Array(await (await folder.blob(entry)).arrayBuffer()), content);
  assert.deepEqual([third.leader.value, folder.versions.length, said.at(-1)], [true, 1, content.length]);
  assert.deepEqual(said, [...said].sort((a, b) => a - b));
});

test("the relays that links led to are reached again by the next leader", async () => {
  const [leader, second] = await browser.openMany(2);
  const user = "b" + base32Encode(Uint8Array.from([0x01, 0x71, 0x1e, 0x20, ...Array(32).fill(1)]));
  const relay = formatRelayAddress({ user, endpoints: [{ ip: "192.0.2.7", port: 4433 }], fingerprint: new Uint8Array(32) });
  browser.store.reached = [];
  const items = new Items(second, "com.example.test");
  await items.open(`mimei:${ID}?r=${encodeURIComponent(relay)}#s`);
  const before = browser.store.reached.flat();
  assert.deepEqual(before.map(formatRelayAddress), [relay]);
  leader.kill();
  await until(() => second.leader.value);
  await turns();
  assert.deepEqual(browser.store.reached.flat(), [...before, ...before]);
});

test("each tab has the relays it wishes for, also at the next leader, and lets go of them", async () => {
  const [leader, second, third] = await browser.openMany(3);
  second.use({ relays: ["https://other.example"] });
  await until(() => browser.store.wishes.length === 4);
  const origins = (from) => browser.store.wishes.slice(from).map(({ targets }) => targets.map(({ origin }) => origin).join());
  assert.deepEqual(origins(0), ["", "", "", "https://other.example"]);
  assert.deepEqual(browser.store.wishes.map(({ released }) => released), [false, true, false, false]);
  second.retry();
  await until(() => browser.store.wishes[3].retries === 1);
  await third.close();
  await until(() => browser.store.wishes[2].released);
  leader.kill();
  await until(() => second.leader.value);
  assert.deepEqual(origins(4), ["https://other.example"]);
});

test("a status with an error is the same in a follower", async () => {
  const [, second] = await browser.openMany(2);
  const error = new MimeiError("network.lost", "gone", { hint: "wait", retry: "now" });
  browser.store.wishes[1].link.status.set(status("offline", { error, attempt: 2, nextTryMs: 99, sinceMs: 5 }));
  await until(() => second.status.value.state === "offline");
  const { error: heard, ...rest } = second.status.value;
  assert.deepEqual([heard.code, heard.hint, heard.retry, rest.nextTryMs, rest.attempt], ["network.lost", "wait", "now", 99, 2]);
  assert.ok(heard instanceof MimeiError);
});

test("a tab whose relays are too many for all is told, and can work without", async () => {
  await browser.openMany(1);
  browser.store.noRelays = true;
  const second = browser.open();
  await second.opened;
  await until(() => second.status.value.state === "failed");
  assert.equal(second.status.value.error.code, "tabs.many");
  assert.deepEqual(await second.call("known", {}), [ID]);
  await assert.rejects(second.ping(), { code: "tabs.many" });
  browser.store.noRelays = false;
  second.retry();
  await until(() => second.status.value.state === "online");
});

test("a follower that is gone is noticed: what it watched and wished ends", async () => {
  const [, second] = await browser.openMany(2);
  const listening = browser.store.core.listening();
  second.kill();
  await until(() => browser.store.core.listening() < listening);
  assert.equal(browser.store.wishes[1].released, true);
});

test("more tabs than a leader serves are told so, and serve themselves when it goes", { timeout: 20_000 }, async () => {
  const tabs = await browser.openMany(FOLLOWERS_MAX + 1);
  const late = browser.open();
  await assert.rejects(late.opened, { code: "tabs.many", retry: "later" });
  await assert.rejects(late.call("known", {}), { code: "tabs.many" });
  tabs.forEach((tab) => tab.kill());
  await until(() => late.leader.value);
  assert.deepEqual(await late.call("known", {}), [ID]);
});

test("calls that wait are few, in a follower as in a leader", async () => {
  for (const tab of await browser.openMany(2)) {
    browser.store.hang.add("settle");
    const many = Array.from({ length: CALLS_MAX }, () => tab.call("settle", { id: ID }));
    many.forEach((each) => each.catch(() => {}));
    await assert.rejects(tab.call("known", {}), { code: "argument.invalid", retry: "later" });
  }
});

test("a follower has few bytes under way, however many pieces it puts", async () => {
  const [, second] = await browser.openMany(2);
  browser.store.hang.add("piece");
  const part = new Blob([new Uint8Array(1024 * 1024)]);
  const puts = Array.from({ length: 20 }, () => second.call("piece", { id: ID, part }));
  puts.forEach((each) => each.catch(() => {}));
  await turns(60);
  assert.equal(browser.begun("piece").length, TAB_BYTES_MAX / part.size);
  assert.deepEqual(await second.call("known", {}), [ID], "what has no bytes does not wait for them");
});

test("what is not for others to do, a tab does itself: it leads first, and nothing of it goes over a channel", async () => {
  const [leader, second] = await browser.openMany(2);
  const secret = second.call("recoveryFile", { password: "hunter2" }).catch((error) => error);
  await secret;
  await until(() => second.leader.value);
  assert.equal(browser.begun("recoveryFile").length, 1);
  assert.ok(!JSON.stringify(browser.posted).includes("hunter2"));
  await until(() => !leader.leader.value);
  assert.deepEqual(await leader.call("known", {}), [ID]);
  assert.equal(leaders().length, 1);
});

test("tabs that each do such a thing at the same time wait for each other", async () => {
  const tabs = await browser.openMany(3);
  browser.store.core.call = async (method) => (await turns(5), method);
  const done = await Promise.all(tabs.map((tab) => tab.call("recoveryFile", {})));
  assert.deepEqual(done, Array(3).fill("recoveryFile"));
  assert.equal(browser.begun("recoveryFile").length, 3);
  await until(() => leaders().length === 1);
});

test("a leader refuses what tabs do not ask each other for, and leaves aside what it does not know", async () => {
  const [, second] = await browser.openMany(2);
  const { name } = browser.posted.find(({ data }) => data.type === "welcome");
  const { term } = browser.posted.find(({ data }) => data.type === "leader").data;
  const stranger = browser.channel(name);
  const heard = [];
  stranger.onmessage = ({ data }) => heard.push(data);
  const before = browser.store.ran.length;
  for (const data of [null, 1, { type: "call" }, { type: "call", term: "older", id: 1, method: "known", args: {} }, { type: "wish", term, relays: [1] }, { type: "wish", term, relays: ["ftp://x"] }, { type: "toString", term }, { type: "call", term, id: 1.5, method: "known", args: {} }]) stranger.postMessage(data);
  stranger.postMessage({ type: "call", term, id: 1, method: "recoveryFile", args: {} });
  await until(() => heard.some(({ type, id }) => type === "refused" && id === 1));
  assert.equal(heard.find(({ type }) => type === "refused").error.code, "core.invalid");
  assert.equal(browser.store.ran.length, before);
  for (const data of [{ type: "welcome", term: "x", identity: { id: 1 } }, { type: "status", term, status: { state: "sure" } }, { type: "reply", term: "x", id: 1, value: 1 }, "away"]) stranger.postMessage(data);
  await turns();
  assert.deepEqual(await second.call("known", {}), [ID]);
  assert.equal(second.status.value.state, "online");
  stranger.close();
});

test("a tab beside one of another version says so, and works when that one is gone", async () => {
  const common = browser.channel("mimei mimei tabs");
  common.onmessage = ({ data }) => data.type === "hello" && common.postMessage({ type: "leader", v: TABS_VERSION + 1, term: "t" });
  const release = await occupy();
  const tab = browser.open();
  await assert.rejects(tab.opened, { code: "tabs.version", retry: "now" });
  assert.equal(tab.status.value.state, "failed");
  await assert.rejects(tab.call("known", {}), { code: "tabs.version" });
  common.close();
  release();
  await until(() => tab.leader.value);
  assert.deepEqual(await tab.call("known", {}), [ID]);
});

/** Somebody else holds the leader's lock. */
async function occupy() {
  const tab = browser.open();
  await tab.opened;
  tab.owner.isFrozen = true; // It says nothing.
  browser.tabs.splice(browser.tabs.indexOf(tab), 1);
  return () => (tab.kill(), void tab.close());
}

test("a leader that is told to sleep gives way, and follows when it wakes", async () => {
  const [leader, second] = await browser.openMany(2);
  leader.sleep();
  await until(() => second.leader.value);
  const asked = leader.call("known", {});
  await turns();
  leader.wake();
  assert.deepEqual(await asked, [ID]);
  assert.equal(leader.leader.value, false);
});

test("a leader that sleeps without a word loses its place to a tab that waits", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  const [leader, second] = await browser.openMany(2);
  leader.owner.isFrozen = true;
  const asked = second.call("known", {});
  for (let probe = 0; probe <= LEADER_SILENT_PROBES_MAX; probe++) {
    assert.equal(second.leader.value, false);
    mock.timers.tick(LEADER_PROBE_EVERY_MS);
    await turns(3);
  }
  assert.deepEqual(await asked, [ID]);
  assert.equal(second.leader.value, true);
  leader.owner.isFrozen = false;
  assert.deepEqual(await leader.call("known", {}), [ID], "it wakes as a follower");
  assert.equal(leader.leader.value, false);
});

test("a leader that answers keeps its place, however long a call waits", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  const [leader, second] = await browser.openMany(2);
  browser.store.hang.add("settle");
  second.call("settle", { id: ID }).catch(() => {});
  for (let probe = 0; probe < 4 * LEADER_SILENT_PROBES_MAX; probe++) {
    mock.timers.tick(LEADER_PROBE_EVERY_MS);
    await turns(3);
  }
  assert.equal(leader.leader.value, true);
});

test("when the core of the leader fails, its tab says so and another one leads", async () => {
  const [leader, second] = await browser.openMany(2);
  browser.engines[0].fail(new MimeiError("core.failed", "the worker stopped"));
  await until(() => second.leader.value);
  await assert.rejects(leader.call("known", {}), { code: "core.failed" });
  assert.equal(leader.status.value.state, "failed");
  assert.deepEqual(await second.call("known", {}), [ID]);
});

test("a tab whose core does not start does not open, and keeps nobody else from it", async () => {
  browser.store.startFails = new MimeiError("storage.failed", "no store");
  const first = browser.open();
  await assert.rejects(first.opened, { code: "storage.failed" });
  browser.store.startFails = undefined;
  const second = browser.open();
  await second.opened;
  assert.equal(second.leader.value, true);
});

test("a browser that gives no locks lets no tab open, and is not asked again and again", async () => {
  let asked = 0;
  const locks = { request: async () => (asked++, Promise.reject(new DOMException("not here", "SecurityError"))) };
  const doors = { startEngine: () => assert.fail(), profile: { database: "mimei", locks, channel: browser.channel }, freshId: () => "id", isVisible: () => true };
  const tab = new Tab(doors, WISH);
  await assert.rejects(tab.opened, /not here/);
  await turns();
  assert.equal(asked, 1);
});

test("after another identity was opened every tab says so and does nothing in its name", async () => {
  const tabs = await browser.openMany(3);
  browser.store.identity = { ...browser.store.identity, id: "somebody else" };
  await tabs[1].reopen();
  for (const tab of tabs) await until(() => tab.status.value.state === "failed");
  for (const tab of tabs) {
    assert.equal(tab.status.value.error.code, "identity.changed");
    await assert.rejects(tab.call("save", { id: ID }), { code: "identity.changed", retry: "now" });
  }
  const fresh = browser.open();
  assert.equal((await fresh.opened).id, "somebody else");
});

test("a tab in memory is alone: it takes no lock and says nothing to others", async () => {
  const [one, two] = [browser.alone(), browser.alone()];
  await Promise.all([one.opened, two.opened]);
  assert.deepEqual([one.leader.value, two.leader.value, browser.engines.length, browser.posted.length], [true, true, 2, 0]);
  one.sleep();
  assert.deepEqual(await one.call("known", {}), [ID]);
});

test("a closed tab refuses calls and ends its engine", async () => {
  const [only] = await browser.openMany(1);
  browser.store.hang.add("settle");
  const waiting = only.call("settle", { id: ID });
  waiting.catch(() => {});
  await turns(2);
  await only.close();
  await assert.rejects(waiting, { code: "context.closed" });
  await assert.rejects(only.call("known", {}), { code: "context.closed" });
  assert.equal(browser.engines[0].isGone, true);
});

test("messages with a missing, foreign or wrongly typed field are not read", () => {
  assert.ok(readCommon({ type: "hello", v: 9, tab: "t" }), "of every version");
  for (const data of [null, { type: "hello", v: 1 }, { type: "hello", v: 1, tab: "" }, { type: "leader", v: 1, term: "x".repeat(65) }, { type: "call", v: 1 }]) assert.equal(readCommon(data), undefined);
  assert.ok(readToLeader({ type: "retry", term: "t" }, "t"));
  assert.equal(readToLeader({ type: "retry", term: "t" }, "u"), undefined);
  assert.equal(readToLeader({ type: "reply", term: "t", id: 1, value: 1 }, "t"), undefined, "directions are not mixed");
  assert.equal(readToFollower({ type: "call", term: "t", id: 1, method: "known", args: {} }), undefined);
  assert.equal(readToLeader({ type: "wish", term: "t", relays: [], way: "tcp" }, "t"), undefined);
  const online = status("online", { way: "ws", relay: "r", trust: "pinned" });
  assert.deepEqual(readStatus(structuredClone(sentStatus(online))), online);
  for (const more of [{ state: "sure" }, { way: "tcp" }, { trust: "sure" }, { sinceMs: -1 }, { error: { code: 1 } }]) assert.equal(readStatus({ ...sentStatus(online), ...more }), undefined);
});
