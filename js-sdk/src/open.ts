import { requireContext } from "./context.js";
import { MimeiError } from "./errors.js";
import { foreignHome } from "./home.js";
import { removeLeftovers } from "./item/disk.js";
import { Items } from "./item/items.js";
import { CACHE_BYTES, START_MS_MAX } from "./limits.js";
import { me } from "./me.js";
import type { Me } from "./me.js";
import { onWakeup } from "./relay/wakeups.js";
import { parseRelays } from "./relay/wish.js";
import { WORKER_SCRIPT } from "./stream/control.js";
import { streamDoor } from "./stream/door.js";
import { profileOf } from "./tabs/channels.js";
import { startEngine } from "./tabs/engine.js";
import type { EngineOptions } from "./tabs/engine.js";
import { onSleep } from "./tabs/sleep.js";
import { Tab } from "./tabs/tab.js";
import type { Way } from "./transport/connection.js";

export interface OpenOptions {
  /** The app's name, a reverse domain such as `com.example.notes`. It is part of every id, so it never changes. */
  readonly app: string;
  /**
   * `relay:` addresses or origins, the first that answers is used. Default: the relay that serves this module, if a
   * page imports it from another origin; else the one that serves the page.
   */
  readonly relays?: readonly string[];
  /** Use only this way to the relay. Default: a data channel, else a WebSocket. */
  readonly way?: Way;
  /**
   * Default `browser`: kept in IndexedDB, and shared by the tabs of this origin, of which one does the work.
   * `memory`: a new identity each time, of this tab alone and gone with the page.
   */
  readonly store?: "browser" | "memory";
  /**
   * Bytes that pieces of files may take in the browser; what was not used for the longest time goes first, and is
   * fetched again when it is wanted. What no relay has yet stays in any case. Of several tabs the one that leads
   * decides. Default: 512 MiB.
   */
  readonly cacheBytes?: number;
  /**
   * Where the site has the file `mimei-sw.js` of this package, which `url` of files needs; it is registered at the
   * first `url`. Default: `/sdk/mimei-sw.js`, where a relay has it.
   */
  readonly serviceWorker?: string;
}

const DATABASE = "mimei";

/**
 * Opens the identity of this origin, making it the first time, and keeps a
 * connection to a relay. Resolves when the identity is there, which needs no
 * network. Rejects with `context.insecure`, `context.unsupported`,
 * `address.invalid`, `argument.invalid`, `tabs.version`, `tabs.many` or `core.failed`.
 */
export async function open(options: OpenOptions): Promise<Me> {
  const cacheBytes = options.cacheBytes ?? CACHE_BYTES;
  if (!Number.isSafeInteger(cacheBytes) || cacheBytes < 0) {
    throw new MimeiError("argument.invalid", "cacheBytes must be a whole number from 0 on.");
  }
  const isShared = options.store !== "memory";
  requireContext(isShared);
  const wish = { relays: options.relays ?? ownRelay(), way: options.way };
  parseRelays(wish.relays);
  const doors = {
    startEngine: () => startInTime({ database: isShared ? DATABASE : "", app: options.app, cacheBytes }),
    profile: isShared ? profileOf(DATABASE) : undefined,
    freshId: () => crypto.randomUUID(),
    isVisible: () => document.visibilityState === "visible",
  };
  const tab = new Tab(doors, wish);
  try {
    const identity = await inTime(tab.opened);
    removeLeftovers().catch(() => {}); // If there are any, the next page tries again.
    const ends = new AbortController();
    const unhook = [onWakeup(() => tab.check()), onSleep(tab), () => ends.abort()];
    const streams = streamDoor(options.serviceWorker ?? WORKER_SCRIPT, ends.signal);
    return me(identity, tab, new Items(tab, options.app, streams), () => unhook.forEach((each) => each()));
  } catch (thrown) {
    await tab.close().catch(() => {}); // Why it does not open is what counts.
    throw thrown;
  }
}

async function startInTime(options: EngineOptions): ReturnType<typeof startEngine> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(tooLate()), START_MS_MAX);
  try {
    return await startEngine(options, late.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** The leader may be a tab that is just starting: it has the same time. */
function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate()), 2 * START_MS_MAX);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function tooLate(): MimeiError {
  return new MimeiError("core.failed", "MiMei did not start in time.", { hint: "Reload the page.", retry: "now" });
}

/** A page from a file or an extension has no relay of its own. */
function ownRelay(): string[] {
  const home = foreignHome(import.meta.url, location.origin);
  if (home !== undefined) return [home.origin];
  return /^https?:/.test(location.origin) ? [location.origin] : [];
}
