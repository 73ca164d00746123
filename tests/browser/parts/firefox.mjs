/**
 * Firefox ESR as it is installed, driven by WebDriver BiDi.
 *
 * Playwright follows the newest Firefox and does not look after an ESR: the version in package.json is the last one that
 * sends Firefox 153 no command that it does not know.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, renameSync, rmSync, statSync, watch } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { firefox } from "playwright-core";
import { WAIT_MS_MAX, newPage as newPageOf, watched } from "./browser.mjs";
import { whenDone } from "./cleanup.mjs";
import { teach } from "./older-firefox.mjs";
import { freshData, startRelay } from "./relay.mjs";

const OWN_NETWORK = "10.78.0.1/24";
/** Both ends are here. */
const CABLE = ["mimei-here", "type", "veth", "peer", "name", "mimei-there"];

/** Where the pages of a browser, or of a profile, save what a person saves. */
const FOLDERS = new WeakMap();

async function options(t) {
  const executablePath = process.env.FIREFOX;
  assert.ok(executablePath, "FIREFOX must name the browser; `cargo xtask test` sets it");
  const downloadsPath = await freshData(t);
  const firefoxUserPrefs = teach(executablePath, downloadsPath);
  return { channel: "moz-firefox", executablePath, headless: true, downloadsPath, firefoxUserPrefs };
}

/** A browser for the tests of one file; without `preferences` it has the settings that everybody has. */
export async function launchFirefox(t, preferences = {}) {
  const settings = await options(t);
  const firefoxUserPrefs = { ...settings.firefoxUserPrefs, ...preferences };
  const browser = await firefox.launch({ ...settings, firefoxUserPrefs });
  FOLDERS.set(browser, { downloads: settings.downloadsPath, kept: await freshData(t) });
  whenDone(t, () => browser.close());
  return browser;
}

/** A page of a browser with a profile on disk: `folder`, or a new one. */
export async function launchFirefoxProfile(t, folder) {
  const profile = folder ?? (await freshData(t));
  const settings = await options(t);
  const context = await firefox.launchPersistentContext(profile, settings);
  context.setDefaultTimeout(WAIT_MS_MAX);
  FOLDERS.set(context, { downloads: settings.downloadsPath, kept: await freshData(t) });
  whenDone(t, () => context.close());
  return { profile, page: withDownloads(await watched(await context.newPage()), FOLDERS.get(context)) };
}

/**
 * Why Firefox makes no data channel here, or `false`: it makes none to 127.0.0.1. A machine without a network gets one of
 * its own, for which one must be root on Linux.
 */
export async function noDataChannels(t) {
  const addresses = Object.values(networkInterfaces()).flat();
  if (addresses.some(({ internal }) => !internal)) return false;
  try {
    await ip("link", "add", ...CABLE);
    whenDone(t, () => ip("link", "del", CABLE[0]));
    await ip("address", "add", OWN_NETWORK, "dev", CABLE[0]);
    for (const end of [CABLE[0], CABLE.at(-1)]) await ip("link", "set", end, "up");
    await ip("route", "add", "default", "dev", CABLE[0]); // Firefox uses the address of the default route.
    return false;
  } catch (error) {
    return `Firefox makes data channels over a network only, and this machine has none: ${String(error.stderr ?? error.message).trim()}`;
  }
}

const ip = (...words) => promisify(execFile)("ip", words);

/** A relay that this machine's network reaches too; the page is at localhost, where a browser trusts it. */
export async function startOpenRelay(t, options) {
  const relay = await startRelay(t, { listen: "0.0.0.0:0", ...options });
  return Object.assign(relay, { atNetwork: relay.origin, origin: `http://localhost:${relay.port}` });
}

/** The same data on the same ports. */
export const again = (t, relay) => startOpenRelay(t, { data: relay.data, listen: `0.0.0.0:${relay.port}` });

/** A page of a person who was never here before, in either browser. */
export async function newPage(t, browser) {
  const page = await newPageOf(t, browser);
  const folders = FOLDERS.get(browser);
  if (folders === undefined) return page;
  FOLDERS.set(page.context(), folders);
  return withDownloads(page, folders);
}

/** One more tab beside a page of Firefox. */
export async function tabOf(page) {
  return withDownloads(await watched(await page.context().newPage()), FOLDERS.get(page.context()));
}

/** Firefox 153 gives a download no id, and Playwright then begins none: what lands in the folder is what was saved. */
function withDownloads(page, folders) {
  const waitForEvent = page.waitForEvent.bind(page);
  return Object.assign(page, {
    waitForEvent: (name, ...more) => (name === "download" ? landed(folders) : waitForEvent(name, ...more)),
  });
}

let landings = 0;

/** The next file, once it is whole. It is looked for within each event: Node 20 forgets those that come meanwhile. */
function landed({ downloads, kept }) {
  for (const name of readdirSync(downloads)) rmSync(join(downloads, name), { force: true });
  return new Promise((resolve, reject) => {
    const watcher = watch(downloads, () => {
      const name = wholeIn(downloads);
      if (name === undefined) return;
      end();
      const path = join(kept, `${(landings += 1)}`);
      renameSync(join(downloads, name), path);
      resolve({ suggestedFilename: () => name, path: async () => path });
    });
    const late = setTimeout(() => {
      end();
      reject(new Error(`nothing whole was saved in time; there is ${JSON.stringify(readdirSync(downloads))}`));
    }, WAIT_MS_MAX);
    const end = () => (watcher.close(), clearTimeout(late));
  });
}

/** Until it is whole a file is empty, what there is of it lies beside it in one that ends in “.part”, and Firefox tries out names. */
function wholeIn(folder) {
  const [name, ...more] = readdirSync(folder);
  if (name === undefined || more.length > 0 || name.endsWith(".part")) return undefined;
  const size = statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return size > 0 ? name : undefined;
}
