/** A browser without pages: locks, channels, and tabs of one profile that can be closed, killed and frozen. */
import { LiveSource } from "../dist/live.js";
import { status } from "../dist/relay/status.js";
import { Tab } from "../dist/tabs/tab.js";
import { fakeCore, ID } from "./fake-core.js";

export const WISH = { relays: [], way: undefined };
export { ID };

export async function turns(count = 20) {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something that needs no time, only turns. */
export async function until(isSo, what = String(isSo)) {
  for (let turn = 0; turn < 500; turn++) {
    if (isSo()) return;
    await turns(1);
  }
  throw new Error(`it never came: ${what}`);
}

/** Web Locks of one origin. */
class Locks {
  #queues = new Map();

  request(owner, name, { signal, steal }, granted) {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const wait = { owner, granted, resolve, reject, isHeld: false };
      signal?.addEventListener("abort", () => {
        if (wait.isHeld) return; // The specification: a signal ends only what still waits.
        this.#drop(name, wait);
        reject(signal.reason);
      });
      if (signal?.aborted) return reject(signal.reason);
      if (steal) {
        const [held] = queue;
        if (held?.isHeld) {
          queue.shift();
          held.reject(new DOMException("stolen", "AbortError"));
        }
        queue.unshift(wait);
      } else queue.push(wait);
      this.#next(name);
    });
  }

  /** A tab is gone, and all that it had. */
  forget(owner) {
    for (const [name, queue] of this.#queues) {
      for (const wait of queue.filter((each) => each.owner === owner)) this.#drop(name, wait);
    }
  }

  #drop(name, wait) {
    const queue = this.#queues.get(name);
    const at = queue.indexOf(wait);
    if (at >= 0) queue.splice(at, 1);
    this.#next(name);
  }

  #next(name) {
    const [first] = this.#queues.get(name);
    if (first === undefined || first.isHeld) return;
    first.isHeld = true;
    setImmediate(async () => {
      try {
        first.resolve(await first.granted());
      } catch (thrown) {
        first.reject(thrown);
      }
      this.#drop(name, first);
    });
  }
}

export function fakeBrowser() {
  const locks = new Locks();
  const channels = new Set();
  const tabs = [];
  let lastId = 0;
  /** What all engines work on. `hang`: methods that are begun and not answered. `ran`: all that was begun. */
  const store = { core: fakeCore(), hang: new Set(), ran: [], wishes: [], identity: { id: "user", device: "device", backedUp: false, createdMs: 1 } };
  const browser = { store, tabs, engines: [], posted: [] };

  browser.channel = (name, owner = {}) => {
    const channel = {
      name,
      owner,
      onmessage: null,
      postMessage(message) {
        const data = structuredClone(message);
        browser.posted.push({ name, data });
        const others = [...channels].filter((other) => other.name === name && other !== channel);
        setImmediate(() => {
          if (owner.isDead) return;
          for (const other of others) if (channels.has(other) && !other.owner.isDead && !other.owner.isFrozen) other.onmessage?.({ data });
        });
      },
      close: () => void channels.delete(channel),
    };
    channels.add(channel);
    return channel;
  };

  const startEngine = async () => {
    if (store.startFails) throw store.startFails;
    const hooks = [];
    let isGone = false;
    let fail;
    const failed = new Promise((resolve) => (fail = resolve));
    const engine = {
      identity: { ...store.identity },
      failed,
      fail,
      core: {
        call: (method, args) => {
          store.ran.push({ method, args, engine });
          const answer = store.core.call(method, args);
          return new Promise((resolve, reject) => {
            const held = store.hang.has(method);
            answer.then((value) => isGone || held || resolve(value), reject);
          });
        },
        on: (name, heard) => {
          const unhook = store.core.on(name, heard);
          hooks.push(unhook);
          return unhook;
        },
      },
      relays: fakeRelays(store),
      close: async () => engine.terminate(),
      terminate: () => {
        isGone = true;
        engine.isGone = true;
        for (const unhook of hooks) unhook();
      },
    };
    browser.engines.push(engine);
    return engine;
  };

  /** Opens a tab. */
  browser.open = (wish = WISH) => {
    const owner = {};
    const profile = {
      database: "mimei",
      locks: { request: (name, options, granted) => locks.request(owner, name, options, async () => (owner.isDead ? undefined : granted())) },
      channel: (name) => browser.channel(name, owner),
    };
    const doors = { startEngine, profile, freshId: () => `id-${++lastId}`, isVisible: () => true };
    const tab = Object.assign(new Tab(doors, wish), {
      owner,
      /** Its process is gone: nothing of it runs, and the browser gives its locks away. */
      kill() {
        owner.isDead = true;
        browser.engines.filter((engine) => engine.owner === owner).forEach((engine) => engine.terminate());
        locks.forget(owner);
      },
    });
    tabs.push(tab);
    return tab;
  };
  browser.alone = () => {
    const tab = new Tab({ startEngine, profile: undefined, freshId: () => "alone", isVisible: () => true }, WISH);
    tabs.push(tab);
    return tab;
  };
  /** So many tabs; the first leads. */
  browser.openMany = async (count) => {
    const many = [];
    for (let at = 0; at < count; at++) {
      many.push(browser.open());
      await many.at(-1).opened;
      await turns(2);
    }
    return many;
  };
  browser.closeAll = async () => {
    for (const tab of tabs) {
      const closing = tab.close();
      if (!tab.owner?.isDead) await closing;
    }
  };
  browser.begun = (method) => store.ran.filter((each) => each.method === method);
  return browser;
}

/** Links that are online at once and note what was wished. */
function fakeRelays(store) {
  return {
    take: (targets, way) => {
      if (store.noRelays) return undefined;
      const wish = { targets, way, released: false, retries: 0 };
      store.wishes.push(wish);
      const link = {
        status: new LiveSource(status("online", { relay: "relay-id", way: way ?? "rtc", sinceMs: 5, trust: "expected" })),
        retry: () => (wish.retries += 1),
        check: () => {},
        ping: async () => 7,
      };
      wish.link = link;
      return { link, way, release: () => (wish.released = true) };
    },
    reach: async (_shared, named) => (store.reached?.push(named), { session: { conn: 7 }, address: "relay:x" }),
  };
}
