/** The contract of a store (tests/conformance), in Firefox ESR. */
import { after } from "node:test";
import { launchFirefox, newPage } from "./parts/firefox.mjs";
import { serveSuite } from "./parts/suite-site.mjs";
import { testStores } from "./parts/suite.mjs";

/** What all sites may store together, in KiB. One may have a fifth of it. */
const ROOM = { "dom.quotaManager.temporaryStorage.fixedLimit": 200 * 1024 };

const suite = { after };
const origin = await serveSuite(suite);
const browser = await launchFirefox(suite, ROOM);
const page = await newPage(suite, browser);
await page.goto(origin);

/** Runs in the page. Firefox takes its limit when it starts, so a file takes up the room that is too much. */
function limiter() {
  globalThis.limitStorage = async (bytes) => {
    const root = await navigator.storage.getDirectory();
    if (bytes === null) return await root.removeEntry("ballast");
    const { quota, usage } = await navigator.storage.estimate();
    const ballast = await (await root.getFileHandle("ballast", { create: true })).createWritable();
    await ballast.write(new Uint8Array(quota - usage - bytes));
    await ballast.close();
  };
}

await testStores("Firefox", page, async (t) => {
  const page = await newPage(t, browser);
  await page.addInitScript(limiter);
  await page.goto(origin);
  return page;
});
