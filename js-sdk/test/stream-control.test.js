/** How a page gets the service worker that answers its streams. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { STREAM_CONTROL_MS_MAX } from "../dist/limits.js";
import { controlled } from "../dist/stream/control.js";

const SCRIPT = "https://site.example/sdk/mimei-sw.js";
const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A browser's container: a worker that is registered controls the page when it is told to claim it. */
class Container extends EventTarget {
  controller = null;
  registered = [];
  claims = 0;
  present;
  refuse = () => undefined;
  isDeaf = false;

  async getRegistration() {
    return this.present && { active: { scriptURL: this.present } };
  }

  async register(scriptURL, options) {
    const error = this.refuse(options);
    if (error) throw error;
    this.registered.push({ scriptURL, ...options });
    this.present = scriptURL;
  }

  get ready() {
    const postMessage = () => {
      this.claims += 1;
      if (!this.isDeaf) this.control(this.present);
    };
    return Promise.resolve({ active: { postMessage } });
  }

  control(scriptURL) {
    this.controller = { scriptURL };
    this.dispatchEvent(new Event("controllerchange"));
  }
}

function pageWith(t, serviceWorker) {
  const before = ["navigator", "location"].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  t.after(() => before.forEach(([name, was]) => (was ? Object.defineProperty(globalThis, name, was) : delete globalThis[name])));
  const put = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true });
  put("location", { href: "https://site.example/page" });
  put("navigator", { serviceWorker });
  return serviceWorker;
}

test("the worker is registered for the site, and controls the page that was loaded before it", async (t) => {
  const container = pageWith(t, new Container());
  await controlled("/sdk/mimei-sw.js");
  assert.deepEqual(container.registered, [{ scriptURL: SCRIPT, scope: "/", updateViaCache: "none" }]);
  assert.equal(container.claims, 1);
});

test("a page that the worker controls already asks for nothing", async (t) => {
  const container = pageWith(t, new Container());
  container.control(SCRIPT);
  await controlled("/sdk/mimei-sw.js");
  assert.deepEqual([container.registered, container.claims], [[], 0]);
});

test("where the host does not allow the whole site, the pages below the script are served", async (t) => {
  const container = pageWith(t, new Container());
  container.refuse = ({ scope }) => scope && new DOMException("no such header", "SecurityError");
  await controlled("mimei-sw.js");
  assert.deepEqual(container.registered, [{ scriptURL: "https://site.example/mimei-sw.js", updateViaCache: "none" }]);
});

test("another service worker of the site is left alone", async (t) => {
  const container = pageWith(t, new Container());
  container.present = "https://site.example/own-sw.js";
  await assert.rejects(controlled("/sdk/mimei-sw.js"), { code: "stream.unsupported" });
  assert.deepEqual(container.registered, []);
});

test("a page that can have no service worker, or gets none, is told so with a way out", async (t) => {
  pageWith(t, undefined);
  await assert.rejects(controlled("/sdk/mimei-sw.js"), { code: "stream.unsupported", hint: "Load the whole file first." });
  const container = pageWith(t, new Container());
  container.refuse = () => new TypeError("404");
  await assert.rejects(controlled("/sdk/mimei-sw.js"), { code: "stream.unsupported" });
});

test("a worker that does not take control is not waited for for ever", async (t) => {
  const container = pageWith(t, new Container());
  container.isDeaf = true;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const waiting = controlled("/sdk/mimei-sw.js");
  waiting.catch(() => {});
  await turns();
  t.mock.timers.tick(STREAM_CONTROL_MS_MAX);
  await assert.rejects(waiting, { code: "stream.unsupported" });
});
