/** Each way to the relay, and who one is there. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { idOf, startRelay } from "./parts/relay.mjs";

const file = { after };
const browser = await launch(file);
const relay = await startRelay(file);

for (const way of ["rtc", "rtc-direct", "ws"]) {
  test(`by ${way} the page shows whom it is with, since when, and how far away`, async (t) => {
    const before = Date.now();
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${relay.origin}/?way=${way}`);

    assert.equal(await demo.value(page, "relay-way"), way);
    assert.equal(await demo.value(page, "relay-id"), relay.user);
    assert.equal(await demo.value(page, "relay-trust"), "expected");
    const since = Date.parse(await page.getByTestId("relay-since").getAttribute("datetime"));
    assert.ok(since >= before && since <= Date.now(), `online since ${new Date(since).toISOString()}`);
    const rttMs = await demo.ping(page);
    assert.ok(rttMs >= 0 && rttMs < 5_000, `${rttMs} ms`);
    assert.deepEqual(page.complaints, []);
  });

  test(`by ${way} a reload keeps user and device`, async (t) => {
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${relay.origin}/?way=${way}`);
    const first = await demo.identity(page);
    await page.reload();
    await demo.state(page, "online");

    assert.match(first.id, /^bafyr4i[a-z2-7]{52}$/);
    assert.match(first.device, /^[0-9a-f]{64}$/);
    assert.deepEqual(await demo.identity(page), first);
    assert.equal(await demo.value(page, "relay-way"), way);
  });
}

test("the relay on the page is the one that `mimei id` names", async (t) => {
  const page = await newPage(t, browser);
  await demo.openOnline(page, relay.origin);
  assert.equal(await demo.value(page, "relay-id"), await idOf(relay.data));
});

test("two people are two users", async (t) => {
  const pages = [await newPage(t, browser), await newPage(t, browser)];
  await Promise.all(pages.map((page) => demo.openOnline(page, relay.origin)));
  const [one, other] = await Promise.all(pages.map(demo.identity));
  assert.notEqual(one.id, other.id);
  assert.notEqual(one.device, other.device);
});

test("two tabs of one person are the same user on the same device", async (t) => {
  const page = await newPage(t, browser);
  const other = await page.context().newPage();
  // At the same time: only one of them may make the identity.
  await Promise.all([page, other].map((tab) => demo.openOnline(tab, relay.origin)));
  assert.deepEqual(await demo.identity(other), await demo.identity(page));
});
