/** What the leader runs: the worker with the core, and the links to relays. */
import type { Core } from "../core.js";
import { MimeiError } from "../errors.js";
import { readIdentity } from "../identity.js";
import type { Identity } from "../identity.js";
import { planner } from "../relay/plan.js";
import { Relays } from "../relay/reach.js";
import { startCore } from "../start-core.js";

export interface Engine {
  readonly core: Pick<Core, "call" | "on">;
  readonly relays: Pick<Relays, "take" | "reach">;
  readonly identity: Identity;
  /** Why it is gone, once it is. */
  readonly failed: Promise<MimeiError>;
  /** Takes leave of the relays and ends. */
  close(): Promise<void>;
  /** Ends at once. */
  terminate(): void;
}

export interface EngineOptions {
  /** Empty for one in memory. */
  readonly database: string;
  readonly app: string;
  readonly cacheBytes: number;
}

export async function startEngine({ database, app, cacheBytes }: EngineOptions, late: AbortSignal): Promise<Engine> {
  const { core, terminate } = startCore();
  const fail = (): void => core.fail(late.reason as MimeiError);
  late.addEventListener("abort", fail);
  try {
    late.throwIfAborted();
    await core.open(database, app, cacheBytes);
    const identity = readIdentity(await core.call("me"));
    const relays = new Relays((way) => ({
      plan: planner(location.origin, way),
      attach: (...args) => core.attach(...args),
      random: Math.random,
    }));
    const close = async (): Promise<void> => {
      relays.close();
      await core.close().finally(terminate);
    };
    const end = (): void => {
      relays.close();
      core.fail(new MimeiError("context.closed", "Another tab does the work now.", { retry: "now" }));
      terminate();
    };
    return { core, relays, identity, failed: core.failed, close, terminate: end };
  } catch (thrown) {
    terminate();
    throw thrown;
  } finally {
    late.removeEventListener("abort", fail);
  }
}
