/** Each case of the contract of a store as a test, each in a worker of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";

/** On the tab's memory, on IndexedDB with large blocks in a file, and on IndexedDB alone. */
const STORES = ["memory", "indexed", "rows"];

/**
 * `page` is any page of the suite, `freshPage(t)` one of an origin that nothing was stored in and whose room
 * `limitStorage` limits: a browser goes on for a while with the room that it found first.
 */
export async function testStores(browserName, page, freshPage) {
  for (const store of STORES) {
    for (const name of await page.evaluate((store) => globalThis.casesFor(store), store)) {
      test(`${browserName}: ${store}: ${name}`, async (t) => {
        const place = name.includes("full_store") ? await freshPage(t) : page;
        assert.equal(await place.evaluate(([store, name]) => globalThis.runCase(store, name), [store, name]), "passed");
      });
    }
  }
}
