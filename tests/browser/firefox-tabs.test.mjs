/** Firefox ESR: without a relay, and with several tabs. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { again, launchFirefox, launchFirefoxProfile, newPage, noDataChannels, startOpenRelay, tabOf } from "./parts/firefox.mjs";
import { startTcpShaper } from "./parts/shaper.mjs";

const { file } = files;
const suite = { after };
const skip = await noDataChannels(suite);
const browser = await launchFirefox(suite);
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
    const page = await tabOf(first);
    await demo.openOnline(page, url);
    await follows(page);
    more.push(page);
  }
  return [first, ...more];
}

async function arrives(t, url, name, content, version) {
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  assert.equal(await demo.value(reader, "item-version"), version);
  assert.ok((await files.save(reader, name)).bytes.equals(content));
}

test("Firefox: what is saved while the relay is away waits, is there after a reload, and goes out when it is back", { skip }, async (t) => {
  const relay = await startOpenRelay(t);
  // The page is another relay's, so that it can be loaded while this one is away.
  const site = await startOpenRelay(t);
  const page = await newPage(t, browser);
  await demo.openOnline(page, `${site.origin}/?relay=${encodeURIComponent(relay.address)}`);
  const who = await demo.identity(page);
  await relay.end("SIGTERM");
  await demo.state(page, "offline", "connecting");
  const content = files.noise(2_000_001);
  const url = await files.share(page, [file("late.bin", content)]);
  await files.open(page, url);
  await page.reload();
  await page.getByTestId("entry").first().waitFor();
  assert.deepEqual(await demo.identity(page), who);
  assert.ok((await files.save(page, "late.bin")).bytes.equals(content), "from this device alone");
  await again(t, relay);
  await files.sent(page);
  await arrives(t, url, "late.bin", content, "1");
});

test("Firefox: a browser that is closed and started again has everything", async (t) => {
  const relay = await startOpenRelay(t);
  const { profile, page } = await launchFirefoxProfile(t);
  await demo.openOnline(page, relay.origin);
  const who = await demo.identity(page);
  const content = files.noise(1_000_001);
  const url = await files.share(page, [file("kept.bin", content)]);
  await files.sent(page);
  await page.context().close();
  await relay.end("SIGTERM");
  const site = await startOpenRelay(t, { listen: `0.0.0.0:${relay.port}` });
  const second = await launchFirefoxProfile(t, profile);
  await files.open(second.page, url.replace(relay.origin, site.origin));
  assert.deepEqual(await demo.identity(second.page), who);
  assert.ok((await files.save(second.page, "kept.bin")).bytes.equals(content));
});

test("Firefox: the leader is closed while it sends its own file: another tab goes on", async (t) => {
  const relay = await startOpenRelay(t);
  const slow = await startTcpShaper(t, relay.port, { bytesPerSecond: SLOW_BYTES_PER_SECOND });
  const [leader, second, third] = await tabs(t, 3, `http://localhost:${slow}/?way=ws`);
  const who = await demo.identity(leader);
  for (const page of [second, third]) assert.deepEqual(await demo.identity(page), who);
  const url = await files.share(leader, [file("long.bin", "short")]);
  await files.sent(leader);
  for (const page of [second, third]) await files.open(page, url);
  const content = files.noise(3_000_000);
  await files.replace(leader, "long.bin", content);
  await files.version(second, 2);
  await demo.shows(second, "item-sending", "sending");
  await leader.close();
  const next = await Promise.any([second, third].map(async (page) => (await leads(page), page)));
  assert.notEqual(await demo.value(next, "item-sending"), "sent", "it was not done before");
  for (const page of [second, third]) await files.sent(page);
  await arrives(t, url.replace(/^http:\/\/[^/]+\/[^#]*/, `${relay.origin}/`), "long.bin", content, "2");
  for (const page of [second, third]) assert.deepEqual(page.complaints, []);
});

test("Firefox: the leader is closed while another tab adds a file: it goes on and arrives once", async (t) => {
  const relay = await startOpenRelay(t);
  const [leader, writer] = await tabs(t, 2, relay.origin);
  assert.deepEqual(relay.sessions(), { opened: 1, open: 1 });
  const content = files.noise(16_000_000, 7);
  await writer.getByTestId("share-input").setInputFiles(file("big.bin", content));
  await writer.getByTestId("share-sealing").waitFor();
  await leader.close();
  assert.equal(await writer.getByTestId("share-sealing").count(), 1, "it was not done before");
  await files.version(writer, 1);
  await leads(writer);
  const url = await writer.locator("[data-testid=share-url][data-value=read]").inputValue();
  await files.sent(writer);
  await arrives(t, url, "big.bin", content, "1");
  assert.deepEqual(writer.complaints, []);
});
