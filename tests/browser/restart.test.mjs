/** A relay that goes away, by accident or in order, and comes back. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { freshData, startRelay } from "./parts/relay.mjs";

/** An orderly end says goodbye and waits for nobody for long. */
const SHUTDOWN_MS_MAX = 5_000;
const WAYS = ["rtc", "rtc-direct", "ws"];

const browser = await launch({ after });

/** The same data on the same ports. */
const again = (t, relay) => startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}` });

// Browsers take ten seconds to believe that a data channel is dead, so the ways wait together.
describe("a relay that is killed", { concurrency: true }, () => {
  for (const way of WAYS) {
    test(`by ${way} a page notices a killed relay, counts down, and is back when the relay is`, async (t) => {
      const relay = await startRelay(t, { data: await freshData(t) });
      const page = await newPage(t, browser);
      await demo.openOnline(page, `${relay.origin}/?way=${way}`);
      const who = await demo.identity(page);

      assert.deepEqual(await relay.end("SIGKILL"), { code: null, signal: "SIGKILL" });
      await demo.state(page, "offline");
      const countdown = page.getByTestId("relay-next").filter({ hasText: /^Next try in \d+ (s|min)/ });
      assert.match(await countdown.innerText(), /Next try in/);
      assert.notEqual((await demo.error(page)).text, "");
      assert.equal(await demo.value(page, "relay-id"), relay.user, "it is known who is away");

      const back = await again(t, relay);
      assert.equal(back.user, relay.user);
      assert.equal(back.address, relay.address, "the certificate too is the same");
      await demo.state(page, "online");
      assert.equal(await demo.value(page, "relay-id"), relay.user);
      assert.equal(await demo.value(page, "relay-way"), way);
      assert.deepEqual(await demo.identity(page), who);
      assert.ok((await demo.ping(page)) >= 0);
    });
  }
});

for (const way of WAYS) {
  test(`by ${way} a relay that is stopped says goodbye, and ends with success`, async (t) => {
    const relay = await startRelay(t, { data: await freshData(t) });
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${relay.origin}/?way=${way}`);

    const before = Date.now();
    assert.deepEqual(await relay.end("SIGTERM"), { code: 0, signal: null });
    assert.ok(Date.now() - before < SHUTDOWN_MS_MAX, `it took ${Date.now() - before} ms`);
    await demo.state(page, "offline", "connecting");
    assert.ok(Date.now() - before < SHUTDOWN_MS_MAX, "the page was told, and did not have to find out");

    await again(t, relay);
    await demo.state(page, "online");
  });
}

test("“Try now” does not wait for the countdown", async (t) => {
  const relay = await startRelay(t, { data: await freshData(t) });
  const page = await newPage(t, browser);
  await demo.openOnline(page, relay.origin);
  await relay.end("SIGTERM");
  // Far enough into the growing pauses that the button is what ends one.
  await page.getByTestId("relay-next").filter({ hasText: /in ([4-9]|\d\d) s/ }).waitFor();
  await again(t, relay);
  const before = Date.now();
  await demo.tryNow(page);
  await demo.state(page, "online");
  assert.ok(Date.now() - before < 3_000, `${Date.now() - before} ms`);
});
