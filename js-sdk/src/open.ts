import { requireContext } from "./context.js";
import { Core } from "./core.js";
import { MimeiError } from "./errors.js";
import { Items } from "./item/items.js";
import { START_MS_MAX } from "./limits.js";
import { me, parseRelays, readIdentity } from "./me.js";
import type { Me } from "./me.js";
import { planner } from "./relay/plan.js";
import { Relays } from "./relay/reach.js";
import { onWakeup } from "./relay/wakeups.js";
import type { Way } from "./transport/connection.js";

export interface OpenOptions {
  /** The app's name, a reverse domain such as `com.example.notes`. It is part of every id, so it never changes. */
  readonly app: string;
  /** `relay:` addresses or origins, the first that answers is used. Default: the relay that serves this page. */
  readonly relays?: readonly string[];
  /** Use only this way to the relay. Default: a data channel, else a WebSocket. */
  readonly way?: Way;
  /** Default `browser`: kept in IndexedDB. `memory`: a new identity each time, gone with the page. */
  readonly store?: "browser" | "memory";
}

const DATABASE = "mimei";

/**
 * Opens the identity of this origin, making it the first time, and keeps a
 * connection to a relay. Resolves when the identity is there, which needs no
 * network. Rejects with `context.insecure`, `context.unsupported`,
 * `address.invalid`, `argument.invalid` or `core.failed`.
 */
export async function open(options: OpenOptions): Promise<Me> {
  const store = options.store ?? "browser";
  requireContext(store === "browser");
  const targets = parseRelays(options.relays ?? ownRelay());
  const { core, terminate } = startCore();
  const lateError = new MimeiError("core.failed", "MiMei did not start in time.", { hint: "Reload the page.", retry: "now" });
  const late = setTimeout(() => core.fail(lateError), START_MS_MAX);
  try {
    await core.open(store === "browser" ? DATABASE : "", options.app);
    const identity = readIdentity(await core.call("me"));
    const plan = planner(location.origin, options.way);
    const relays = new Relays({ plan, attach: (...args) => core.attach(...args), random: Math.random }, targets);
    const unhook = onWakeup(() => relays.check());
    return me(identity, relays, new Items(core, relays, options.app), core, () => {
      unhook();
      terminate();
    });
  } catch (thrown) {
    terminate();
    throw thrown;
  } finally {
    clearTimeout(late);
  }
}

/** A page from a file or an extension has no relay of its own. */
function ownRelay(): string[] {
  return /^https?:/.test(location.origin) ? [location.origin] : [];
}

function startCore(): { core: Core; terminate: () => void } {
  // Bundlers find the worker by exactly this expression.
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "mimei" });
  const core = new Core(worker);
  worker.onerror = (event) => {
    const why = event.message || "its script could not be loaded";
    const hint = "Reload the page. A content security policy must allow worker-src 'self' and script-src 'wasm-unsafe-eval'.";
    core.fail(new MimeiError("core.failed", `MiMei's worker stopped: ${why}.`, { hint, retry: "now" }));
  };
  return { core, terminate: () => worker.terminate() };
}
