/** Firefox ESR: sessions by each way, as a person has it who installed it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { again, launchFirefox, noDataChannels, startOpenRelay } from "./parts/firefox.mjs";
import { startRelay } from "./parts/relay.mjs";

const suite = { after };
const skip = await noDataChannels(suite);
const browser = await launchFirefox(suite);
const relay = await startOpenRelay(suite);
/** As short as Firefox takes to say that it reaches nothing: 5,000 ms. */
const AT_ONCE_MS_MAX = 4_000;

for (const way of ["rtc", "rtc-direct", "ws"]) {
  test(`Firefox: by ${way} the page shows whom it is with, and a reload keeps user and device`, { skip: way === "ws" ? false : skip }, async (t) => {
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${relay.origin}/?way=${way}`);
    assert.equal(await demo.value(page, "relay-way"), way);
    assert.equal(await demo.value(page, "relay-id"), relay.user);
    assert.equal(await demo.value(page, "relay-trust"), "expected");
    assert.ok((await demo.ping(page)) < 5_000);
    const who = await demo.identity(page);
    await page.reload();
    await demo.state(page, "online");
    assert.deepEqual(await demo.identity(page), who);
    assert.equal(await demo.value(page, "relay-way"), way);
    assert.deepEqual(page.complaints, []);
  });
}

test("Firefox: another relay is reached by its address alone", { skip }, async (t) => {
  const other = await startOpenRelay(t);
  const page = await newPage(t, browser);
  await demo.openOnline(page, relay.origin);
  await demo.connectTo(page, other.address);
  await demo.shows(page, "relay-id", other.user);
  await demo.state(page, "online");
  assert.equal(await demo.value(page, "relay-way"), "rtc-direct");
  assert.deepEqual(page.complaints, []);
});

test("Firefox: a page over plain http explains itself and makes no identity", { skip }, async (t) => {
  const page = await newPage(t, browser);
  await page.goto(relay.atNetwork);
  const explained = page.getByTestId("insecure");
  assert.match(await explained.getByRole("heading", { level: 1 }).innerText(), /plain http/);
  assert.equal(await page.evaluate(() => isSecureContext), false);
  assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
  assert.equal(await page.getByTestId("me-id").count(), 0);
  assert.deepEqual(page.complaints, []);
});

for (const [way, signal] of [
  ["rtc-direct", "SIGTERM"],
  ["ws", "SIGKILL"],
]) {
  test(`Firefox: by ${way} the page hears of a relay that ends by ${signal}, and is back when it is`, { skip: way === "ws" ? false : skip }, async (t) => {
    const own = await startOpenRelay(t);
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${own.origin}/?way=${way}`);
    await own.end(signal);
    await demo.state(page, "offline", "connecting");
    await again(t, own);
    await demo.state(page, "online");
    assert.equal(await demo.value(page, "relay-id"), own.user);
    assert.equal(await demo.value(page, "relay-way"), way);
  });
}

/** How long the page took from its first try to being online, in ms, by its own clock. */
const triedMs = (page) => page.evaluate(() => performance.now() - globalThis.triedAt);

test("Firefox: with a relay at 127.0.0.1 alone the page takes the WebSocket, and does not wait for what Firefox never does", async (t) => {
  const near = await startRelay(t);
  const page = await newPage(t, browser);
  await page.addInitScript(() => {
    const connect = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = function (description) {
      globalThis.triedAt ??= performance.now();
      return connect.call(this, description);
    };
  });
  await demo.openOnline(page, near.origin);
  const tookMs = await triedMs(page);
  assert.equal(await demo.value(page, "relay-way"), "ws");
  assert.ok(tookMs < AT_ONCE_MS_MAX, `${tookMs} ms`);
  assert.deepEqual(page.complaints, []);
});

test("Firefox: a relay that can only be reached at 127.0.0.1 by data channel is refused with what to do", async (t) => {
  const near = await startRelay(t);
  const page = await newPage(t, browser);
  await page.goto(`${relay.origin}/?relay=${encodeURIComponent(near.address)}`);
  const { text } = await demo.error(page, "network.unreachable");
  assert.match(text, /Firefox makes no data channel to 127\.0\.0\.1/);
  assert.match(text, /--listen 0\.0\.0\.0/);
});
