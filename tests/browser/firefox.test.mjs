/** Firefox ESR: sessions by each way, as a person has it who installed it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { launchFirefox, noDataChannels } from "./parts/firefox.mjs";
import { startRelay } from "./parts/relay.mjs";

const suite = { after };
const skip = noDataChannels();
const browser = await launchFirefox(suite);
/** Reached over the network, as well as from this machine. */
const relay = await startRelay(suite, { listen: "0.0.0.0:0" });
const site = `http://localhost:${relay.port}`;

for (const way of ["rtc", "rtc-direct", "ws"]) {
  test(`Firefox: by ${way} the page shows whom it is with, and a reload keeps user and device`, { skip: way === "ws" ? false : skip }, async (t) => {
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${site}/?way=${way}`);
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
  const other = await startRelay(t, { listen: "0.0.0.0:0" });
  const page = await newPage(t, browser);
  await demo.openOnline(page, site);
  await demo.connectTo(page, other.address);
  await demo.shows(page, "relay-id", other.user);
  await demo.state(page, "online");
  assert.equal(await demo.value(page, "relay-way"), "rtc-direct");
  assert.deepEqual(page.complaints, []);
});

test("Firefox: a page over plain http explains itself and makes no identity", { skip }, async (t) => {
  const page = await newPage(t, browser);
  await page.goto(relay.origin);
  const explained = page.getByTestId("insecure");
  assert.match(await explained.getByRole("heading", { level: 1 }).innerText(), /plain http/);
  assert.equal(await page.evaluate(() => isSecureContext), false);
  assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
  assert.equal(await page.getByTestId("me-id").count(), 0);
  assert.deepEqual(page.complaints, []);
});
