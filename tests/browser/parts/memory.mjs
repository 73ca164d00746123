/** How much memory a transfer takes: private bytes of a process against bytes moved, once a second. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { whenDone } from "./cleanup.mjs";
import { MIB } from "./large.mjs";

const SAMPLE_EVERY_MS = 1_000;
/** Growth counts from here: until then caches, pools and compiled code fill up. */
const SETTLED_BYTES = 64 * MIB;
/** The collector lets tens of megabytes gather and frees them at once: what memory was is the top of such a wave. */
const WAVE_BYTES = 32 * MIB;
/** Linux cuts names of threads to 15 letters. */
const WORKER_THREAD = "DedicatedWorker";

/** Memory of a process that is its own, in bytes. */
export async function privateBytes(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)].map(([, number]) => Number(number));
  return kib.reduce((sum, number) => sum + number, 0) * 1024;
}

/** The process in which the pages of a browser with this profile have their workers: let there be one page. */
export async function rendererOf(profile) {
  const found = [];
  for (const { pid, command } of await processesOf(profile)) {
    if (command.includes("--type=renderer") && (await threadsOf(pid)).includes(WORKER_THREAD)) found.push(pid);
  }
  assert.equal(found.length, 1, "one page of this browser has a worker");
  return found[0];
}

/** All processes of the browser with this profile. */
export async function processesOf(profile) {
  const processes = await allProcesses();
  const browser = processes.find(({ command }) => command.includes(`--user-data-dir=${profile}`) && !command.includes("--type="));
  assert.ok(browser, "the browser of that profile runs");
  return [browser, ...below(processes, browser.pid)];
}

/** Samples until `stop` is called, which returns them. `bytesMoved` says how far the transfer is. */
export function watchMemory(t, pid, bytesMoved) {
  const samples = [];
  const sample = async () => {
    const [bytes, memory] = await Promise.all([bytesMoved(), privateBytes(pid)]);
    samples.push({ ms: performance.now(), bytes, memory });
  };
  let taking = sample();
  const timer = setInterval(() => (taking = taking.then(sample)), SAMPLE_EVERY_MS);
  taking.catch(() => {});
  const stop = async () => {
    clearInterval(timer);
    await taking;
    await sample();
    return samples;
  };
  whenDone(t, () => clearInterval(timer));
  return { samples, stop };
}

/** By how many bytes memory grew at most over what it was when the first 64 MiB were moved. */
export function growth(samples) {
  const most = (from, to) => {
    const found = samples.filter(({ bytes }) => bytes >= from && bytes < to).map(({ memory }) => memory);
    assert.ok(found.length > 0, `there are samples between ${from} and ${to} bytes`);
    return Math.max(...found);
  };
  return most(SETTLED_BYTES, Infinity) - most(SETTLED_BYTES - WAVE_BYTES, SETTLED_BYTES);
}

async function allProcesses() {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(processOf));
  return found.filter((process) => process !== undefined);
}

/** None if it has ended meanwhile. */
async function processOf(name) {
  try {
    const [stat, command] = await Promise.all(["stat", "cmdline"].map((file) => readFile(`/proc/${name}/${file}`, "utf8")));
    // The second field is a name in brackets, in which anything may be.
    const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid: Number(name), parent: Number(parent), command };
  } catch {
    return undefined;
  }
}

function below(processes, root) {
  const children = processes.filter(({ parent }) => parent === root);
  return children.flatMap((child) => [child, ...below(processes, child.pid)]);
}

async function threadsOf(pid) {
  const threads = await readdir(`/proc/${pid}/task`);
  const names = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/comm`, "utf8").catch(() => "")));
  return names.map((name) => name.trim());
}
