/**
 * The contract of a store (tests/conformance), on the tab's memory, on IndexedDB with large blocks in a file, and on
 * IndexedDB alone, each case in a worker of its own.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import { serveSuite } from "./parts/suite-site.mjs";

const suite = { after };
const origin = await serveSuite(suite);
const browser = await launch(suite);
const page = await newPage(suite, browser);
await page.goto(origin);

/** Limits what the page's origin may store; `null` lifts the limit. It holds while the session is open. */
async function limiter(page) {
  const session = await page.context().newCDPSession(page);
  await page.exposeFunction("limitStorage", (bytes) => {
    return session.send("Storage.overrideQuotaForOrigin", bytes === null ? { origin } : { origin, quotaSize: bytes });
  });
}

/** A page of an origin that nothing was stored in: a browser goes on for a while with the room that it found first. */
async function freshPage(t) {
  const page = await newPage(t, browser);
  await limiter(page);
  await page.goto(origin);
  return page;
}

for (const store of ["memory", "indexed", "rows"]) {
  for (const name of await page.evaluate((store) => globalThis.casesFor(store), store)) {
    test(`${store}: ${name}`, async (t) => {
      const place = name.includes("full_store") ? await freshPage(t) : page;
      assert.equal(await place.evaluate(([store, name]) => globalThis.runCase(store, name), [store, name]), "passed");
    });
  }
}

test("a case that fails is reported with what it says", async () => {
  const said = await page.evaluate(() => globalThis.runCase("indexed", "no_such_case"));
  assert.match(said, /there is no case no_such_case for a store indexed/);
});
