/** Tabs of one profile: one of them leads, and when it goes another one goes on. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { launch, newPage, watched } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { look } from "./parts/look.mjs";
import { startRelay } from "./parts/relay.mjs";
import { startTcpShaper } from "./parts/shaper.mjs";

const { file } = files;
const suite = { after };
const browser = await launch(suite, { ignoreDefaultArgs: ["--disable-back-forward-cache"] });
const SLOW_BYTES_PER_SECOND = 1_000_000;

const leads = (page) => demo.shows(page, "relay-tab", "this");
const follows = (page) => demo.shows(page, "relay-tab", "other");

/** So many tabs of a new profile, all online; the first leads. */
async function tabs(t, count, url) {
  const first = await newPage(t, browser);
  await demo.openOnline(first, url);
  await leads(first);
  const more = [];
  for (let at = 1; at < count; at++) {
    const page = await watched(await first.context().newPage());
    await demo.openOnline(page, url);
    await follows(page);
    more.push(page);
  }
  return [first, ...more];
}

/** Somebody else opens the link and has exactly this. */
async function arrivesOnce(t, relay, url, name, content, version = "1") {
  const reader = await newPage(t, browser);
  await files.open(reader, url.replace(/^http:\/\/[^/]+\/[^#]*/, `${relay.origin}/`));
  assert.equal(await reader.getByTestId("entry").count(), 1);
  assert.equal(await demo.value(reader, "item-version"), version, "it was saved once");
  assert.ok((await files.save(reader, name)).bytes.equals(content));
}

/** Whichever of them leads now. */
async function leaderOf(pages) {
  return await Promise.any(pages.map(async (page) => (await leads(page), page)));
}

test("three tabs have one session, and each writes and sees what the others write", async (t) => {
  const relay = await startRelay(t);
  const pages = await tabs(t, 3, relay.origin);
  assert.deepEqual(relay.sessions(), { opened: 1, open: 1 });
  const who = await demo.identity(pages[0]);
  for (const page of pages) assert.deepEqual(await demo.identity(page), who);

  const url = await files.share(pages[1], [file("note.txt", "one")], "write");
  for (const page of [pages[0], pages[2]]) await files.open(page, url);
  let number = 1;
  for (const writer of pages) {
    number += 1;
    await files.replace(writer, "note.txt", `words ${number}`);
    for (const page of pages) {
      await files.version(page, number);
      await files.showsText(page, `words ${number}`);
    }
  }
  for (const page of pages) await files.sent(page);
  for (const page of pages) assert.equal(await page.getByTestId("item-unmerged").count(), 0);
  assert.ok((await demo.ping(pages[2])) >= 0);
  // A link in the first tab's URL was opened by loading it anew: another one led meanwhile.
  assert.equal(relay.sessions().open, 1);
  await look(pages[1], "follower");
  for (const page of pages) assert.deepEqual(page.complaints, []);
});

test("a tab that wants another way or relay has it, and leaves the others theirs", async (t) => {
  const [relay, elsewhere] = [await startRelay(t), await startRelay(t)];
  const [first] = await tabs(t, 1, relay.origin);
  const second = await first.context().newPage();
  await demo.openOnline(second, `${relay.origin}/?way=ws`);
  assert.equal(await demo.value(second, "relay-way"), "ws");
  assert.equal(await demo.value(first, "relay-way"), "rtc-direct");
  await demo.connectTo(second, elsewhere.address);
  await second.getByTestId("relay-error").waitFor(); // By address there is no WebSocket.
  assert.equal(await demo.value(first, "relay-state"), "online");

  const third = await first.context().newPage();
  await demo.openOnline(third, relay.origin);
  await demo.connectTo(third, elsewhere.address);
  await demo.shows(third, "relay-id", elsewhere.user);
  await demo.state(third, "online");
  assert.equal(await demo.value(first, "relay-id"), relay.user);
  while (elsewhere.sessions().open === 0) await turn(); // The page knows first.
  assert.equal(elsewhere.sessions().open, 1);
});

for (const [how, end] of [
  ["closed", (page) => page.close()],
  ["killed", (page) => crash(page)],
]) {
  test(`the leader is ${how} while it sends its own file: another tab goes on`, async (t) => {
    const relay = await startRelay(t);
    const slow = await startTcpShaper(t, relay.port, { bytesPerSecond: SLOW_BYTES_PER_SECOND });
    const [leader, second, third] = await tabs(t, 3, `http://localhost:${slow}/?way=ws`);
    const url = await files.share(leader, [file("long.bin", "short")]);
    await files.sent(leader);
    for (const page of [second, third]) await files.open(page, url);
    const content = files.noise(8_000_000);
    await files.replace(leader, "long.bin", content);
    await files.version(second, 2);
    await demo.shows(second, "item-sending", "sending");
    await end(leader);

    const next = await leaderOf([second, third]);
    assert.notEqual(await demo.value(next, "item-sending"), "sent", "it was not done before");
    for (const page of [second, third]) await files.sent(page);
    await demo.state(third, "online");
    await arrivesOnce(t, relay, url, "long.bin", content, "2");
  });

  test(`the leader is ${how} while a follower adds a file: it goes on and arrives once`, async (t) => {
    const relay = await startRelay(t);
    const [leader, writer] = await tabs(t, 2, relay.origin);
    const content = files.noise(40_000_000, 7);
    await writer.getByTestId("share-input").setInputFiles(file("big.bin", content));
    await writer.getByTestId("share-sealing").waitFor();
    await end(leader);
    assert.equal(await writer.getByTestId("share-sealing").count(), 1, "it was not done before");

    await files.version(writer, 1);
    await leads(writer);
    const url = await writer.locator("[data-testid=share-url][data-value=read]").inputValue();
    await files.sent(writer);
    await arrivesOnce(t, relay, url, "big.bin", content);
    await writer.goto(relay.origin);
    await writer.getByTestId("known-item").first().waitFor();
    assert.equal(await writer.getByTestId("known-item").count(), 1);
    assert.deepEqual(writer.complaints, []);
  });
}

test("a follower that is closed or killed takes nothing with it", async (t) => {
  const relay = await startRelay(t);
  const [leader, second, third] = await tabs(t, 3, relay.origin);
  await second.close();
  await crash(third);
  const url = await files.share(leader, [file("note.txt", "still here")]);
  await files.sent(leader);
  assert.deepEqual(relay.sessions(), { opened: 1, open: 1 });
  await arrivesOnce(t, relay, url, "note.txt", Buffer.from("still here"));
});

test("all tabs are closed and one is opened again: it has everything, and leads", async (t) => {
  const relay = await startRelay(t);
  const pages = await tabs(t, 2, relay.origin);
  const url = await files.share(pages[1], [file("note.txt", "kept")]);
  const who = await demo.identity(pages[0]);
  const again = await pages[0].context().newPage();
  for (const page of pages) await page.close();
  await files.open(again, url);
  await leads(again);
  await files.showsText(again, "kept");
  assert.deepEqual(await demo.identity(again), who);
  await files.sent(again);
});

test("a leader that is told that it will be frozen gives way, and follows when it wakes", async (t) => {
  const relay = await startRelay(t);
  const [leader, second] = await tabs(t, 2, relay.origin);
  const url = await files.share(leader, [file("note.txt", "one")], "write");
  await files.open(second, url);
  const tell = (what) => leader.evaluate((name) => void document.dispatchEvent(new Event(name)), what);
  await tell("freeze");
  await leads(second);
  await files.replace(second, "note.txt", "two");
  await files.version(second, 2);
  await files.sent(second);
  assert.equal(await demo.value(leader, "item-version"), "1", "it sleeps");
  await tell("resume");
  await follows(leader);
  await files.version(leader, 2);
  await files.showsText(leader, "two");
});

test("a page that one comes back to works again", async (t) => {
  const relay = await startRelay(t);
  const [page, second] = await tabs(t, 2, relay.origin);
  await page.evaluate(() => (globalThis.wasHere = true));
  await page.goto(`${relay.origin}/health`);
  await leads(second);
  await page.goBack({ waitUntil: "commit" });
  await demo.state(page, "online");
  await follows(page);
  assert.ok(await page.evaluate(() => globalThis.wasHere), "it is the same page, from the back/forward cache");
  const url = await files.share(page, [file("note.txt", "back")]);
  await files.sent(page);
  await arrivesOnce(t, relay, url, "note.txt", Buffer.from("back"));
});

/** Its process dies, as when memory runs out. */
async function crash(page) {
  const crashed = page.waitForEvent("crash");
  const cdp = await page.context().newCDPSession(page);
  cdp.send("Page.crash").catch(() => {});
  await crashed;
}
