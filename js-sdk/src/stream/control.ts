/**
 * Gets this page a service worker that answers for streams.
 *
 * What a page loads is asked of the worker that controls the page, whatever the
 * URL. So the worker's scope is the site, and it leaves alone all but `/~stream/`.
 */
import { MimeiError } from "../errors.js";
import { STREAM_CONTROL_MS_MAX } from "../limits.js";
import type { Claim } from "./messages.js";

/** Of the script that whoever hosts the site puts there; relays have it. */
export const WORKER_SCRIPT = "/sdk/mimei-sw.js";

/** Resolves when the worker controls this page, at once if it does. Rejects with `stream.unsupported`. */
export async function controlled(script: string): Promise<void> {
  const container = containerHere();
  if (container === undefined) throw unsupported("This page can have no service worker.");
  const url = new URL(script, location.href).href;
  if (container.controller?.scriptURL === url) return;
  await inTime(control(container, url));
}

async function control(container: ServiceWorkerContainer, url: string): Promise<void> {
  const present = (await container.getRegistration())?.active?.scriptURL;
  // Only one worker has a scope, and it is not ours to replace another.
  if (present !== undefined && fileOf(present) !== fileOf(url)) throw unsupported("This site has another service worker.");
  await register(container, url);
  const { active } = await container.ready;
  const claim: Claim = { type: "mimei-claim" };
  const comes = new Promise<void>((resolve) => {
    const look = (): void => {
      if (container.controller?.scriptURL !== url) return;
      container.removeEventListener("controllerchange", look);
      resolve();
    };
    container.addEventListener("controllerchange", look);
    look();
  });
  active?.postMessage(claim);
  await comes;
}

async function register(container: ServiceWorkerContainer, url: string): Promise<void> {
  try {
    await container.register(url, { scope: "/", updateViaCache: "none" });
  } catch (thrown) {
    if (!(thrown instanceof DOMException && thrown.name === "SecurityError")) throw thrown;
    // A host that cannot send `Service-Worker-Allowed`: pages beside the script and below are in its scope.
    await container.register(url, { updateViaCache: "none" });
  }
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unsupported("The service worker did not take control of this page in time.")), STREAM_CONTROL_MS_MAX);
  });
  try {
    await Promise.race([work, late]);
  } catch (thrown) {
    throw thrown instanceof MimeiError ? thrown : unsupported("The service worker could not be registered.", thrown);
  } finally {
    clearTimeout(timer);
  }
}

/** Missing over plain http and in some private windows; asking for it throws in a sandbox. */
export function containerHere(): ServiceWorkerContainer | undefined {
  try {
    return (navigator as Partial<Navigator>).serviceWorker;
  } catch {
    return undefined;
  }
}

function fileOf(url: string): string | undefined {
  return new URL(url).pathname.split("/").at(-1);
}

function unsupported(message: string, cause?: unknown): MimeiError {
  return new MimeiError("stream.unsupported", message, { hint: "Load the whole file first.", cause });
}
