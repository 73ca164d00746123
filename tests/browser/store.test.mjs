/** The contract of a store (tests/conformance), in Chromium. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import { serveSuite } from "./parts/suite-site.mjs";
import { testStores } from "./parts/suite.mjs";

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

await testStores("Chromium", page, async (t) => {
  const page = await newPage(t, browser);
  await limiter(page);
  await page.goto(origin);
  return page;
});

test("a case that fails is reported with what it says", async () => {
  const said = await page.evaluate(() => globalThis.runCase("indexed", "no_such_case"));
  assert.match(said, /there is no case no_such_case for a store indexed/);
});
