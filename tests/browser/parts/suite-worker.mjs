/** Runs in a worker: one case of the suite, or the list of all. */
import init, { runStoreCase, storeCases } from "/in_browser.js";

/** What the module says when it panics. */
globalThis.reportPanic = (text) => postMessage({ result: text });

let limited;

/** Resolves once the origin may store so many bytes. */
function limit(bytes) {
  postMessage({ limit: bytes ?? null });
  return new Promise((resolve, reject) => {
    limited = (error) => (error === null ? resolve() : reject(new Error(error)));
  });
}

onmessage = async ({ data }) => {
  if ("error" in data) return limited(data.error);
  await init();
  if (data.name === undefined) return postMessage({ result: storeCases(data.store) });
  // As in a browser, or a private window, without files that can be written in place.
  if (data.store === "rows") delete FileSystemFileHandle.prototype.createSyncAccessHandle;
  await runStoreCase(data.store, data.name, data.database, limit);
  postMessage({ result: "passed" });
};
