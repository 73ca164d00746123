/** Starts the worker. This module lies beside `worker.ts`, so that its URL holds for what is bundled into one file, too. */
import { Core } from "./core.js";
import { MimeiError } from "./errors.js";
import { foreignHome } from "./home.js";

export function startCore(): { core: Core; terminate: () => void } {
  const home = foreignHome(import.meta.url, location.origin);
  const { worker, release } = home === undefined ? ownWorker() : foreignWorker(home);
  const core = new Core(worker);
  worker.onerror = (event) => {
    const why = event.message || "its script could not be loaded";
    core.fail(new MimeiError("core.failed", `MiMei's worker stopped: ${why}.`, { hint: hintFor(home), retry: "now" }));
  };
  const terminate = (): void => {
    worker.terminate();
    release();
  };
  return { core, terminate };
}

interface Started {
  readonly worker: Worker;
  release(): void;
}

function ownWorker(): Started {
  // Bundlers find the worker by exactly this expression.
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "mimei" });
  return { worker, release: () => {} };
}

/**
 * Browsers start no worker from a script of another origin, but a worker of this page may import one. It has this
 * page's origin, and so its database.
 */
function foreignWorker(home: URL): Started {
  const script = `import ${JSON.stringify(new URL("worker.js", home).href)};`;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  // Browsers differ in when they have read it, so it is there as long as the worker.
  return { worker: new Worker(url, { type: "module", name: "mimei" }), release: () => URL.revokeObjectURL(url) };
}

function hintFor(home: URL | undefined): string {
  const wasm = "script-src 'wasm-unsafe-eval'";
  if (home === undefined) return `Reload the page. A content security policy must allow worker-src 'self' and ${wasm}.`;
  const { origin } = home;
  return `Reload the page. A content security policy must allow worker-src blob: ${origin}, ${wasm} ${origin}, and connect-src ${origin}.`;
}
