/** Runs in the page: one worker for each case, so that a panic, which ends the module, ends one case. */

/** Longer than any case takes on a slow machine. */
const CASE_MS_MAX = 60_000;
let started = 0;

globalThis.casesFor = (store) => inWorker({ store });

/** `passed`, or what the case said. Each case has a database of its own. */
globalThis.runCase = async (store, name) => {
  const database = `case-${(started += 1)}`;
  const result = await inWorker({ store, name, database });
  indexedDB.deleteDatabase(database);
  const files = await navigator.storage.getDirectory();
  await files.removeEntry(`${database}.blocks`).catch(() => {}); // Memory has none.
  return result;
};

async function inWorker(task) {
  const worker = new Worker("/suite-worker.mjs", { type: "module" });
  let late;
  const result = await new Promise((resolve) => {
    late = setTimeout(() => resolve("it did not end"), CASE_MS_MAX);
    worker.onerror = (event) => resolve(`the worker failed: ${event.message}`);
    worker.onmessage = async ({ data }) => {
      if (!("limit" in data)) return resolve(data.result);
      // The worker waits until the browser has taken the limit.
      const error = await globalThis.limitStorage(data.limit).then(() => null, String);
      worker.postMessage({ error });
    };
    worker.postMessage(task);
  });
  clearTimeout(late);
  worker.terminate();
  return result;
}
