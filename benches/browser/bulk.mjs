/**
 * B1: a file from Chromium to a relay and back, through everything: sealed, stored, verified, metered, kept by the
 * tab. Peer: a bare data channel of the same stack, over which as many bytes go to and from nowhere. Beside it the
 * same by WebSocket, by ticket over HTTP, and plain HTTP from the same relay.
 *
 * `cargo xtask bench bulk` runs it. MIMEI_BIN, MIMEI_BARE_CHANNEL and CHROMIUM name the programs.
 */
import { execFile, spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs, promisify } from "node:util";
import { launchProfile, watched } from "../../tests/browser/parts/browser.mjs";
import * as demo from "../../tests/browser/parts/demo.mjs";
import * as files from "../../tests/browser/parts/files.mjs";
import * as large from "../../tests/browser/parts/large.mjs";
import { withoutBlocks } from "../../tests/browser/parts/no-blocks.mjs";
import { freshData, program, startRelay } from "../../tests/browser/parts/relay.mjs";
import { bareTransfer } from "./bare.mjs";

const { values } = parseArgs({ options: { mib: { type: "string", default: "64" }, pairs: { type: "string", default: "3" } } });
const MIB = Number(values.mib);
const PAIRS = Number(values.pairs);
const WAIT = { timeout: 600_000 };
const FILE = { name: "bulk.bin", mib: MIB, seed: 5 };

/** Runs with an `after` like a test's, and ends what was started. */
async function scoped(work) {
  const ends = [];
  try {
    return await work({ after: (end) => ends.push(end) });
  } finally {
    for (const end of ends) await end();
  }
}

/** `http: false`: the relay seems to give no blocks by HTTP. */
async function person(t, url, { http = true } = {}) {
  const { context } = await launchProfile(t);
  if (!http) await withoutBlocks(context);
  const page = await watched(context.pages()[0] ?? (await context.newPage()));
  await page.goto(url);
  return page;
}

async function timed(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** From the drop until the page says that the relay has everything; and its link. */
const up = (relay, way) =>
  scoped(async (t) => {
    const page = await person(t, `${relay.origin}/?way=${way}`);
    await demo.state(page, "online");
    const drop = await large.make(page, FILE);
    let url;
    const ms = await timed(async () => {
      url = await large.share(page, drop);
      await large.sent(page, FILE, WAIT);
    });
    return { ms, url };
  });

/** From the click in a browser that was never here until the file is on disk. */
const down = (url, way, how = { http: false }) =>
  scoped(async (t) => {
    const there = new URL(url);
    there.searchParams.set("way", way);
    const page = await person(t, there.href, how);
    await files.entry(page, FILE.name).waitFor();
    await demo.state(page, "online");
    return await timed(() => large.save(page, FILE, WAIT));
  });

/** The same bytes in the open, read in a page and thrown away. */
const overHttp = (url) =>
  scoped(async (t) => {
    const page = await person(t, new URL("/health", url).href);
    return await timed(() => page.evaluate(readAll, url));
  });

async function readAll(url) {
  const reader = (await fetch(url)).body.getReader();
  while (!(await reader.read()).done);
}

const bare = (origin, peer, kind) =>
  scoped(async (t) => {
    const page = await person(t, `${origin}/health`);
    return await timed(async () => await bareTransfer(page, peer, kind, MIB << 20));
  });

/** Answers offers. */
function startBareChannel(t) {
  const child = spawn(process.env.MIMEI_BARE_CHANNEL, [], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => void child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (offer) => {
    child.stdin.write(`${JSON.stringify(offer)}\n`);
    return JSON.parse((await lines.next()).value);
  };
}

/** Puts a file at the relay that everyone may read. Returns where it is. */
async function published(t, relay) {
  const path = join(await freshData(t), FILE.name);
  const handle = await open(path, "w");
  for (const bytes of large.made(FILE)) await handle.write(bytes);
  await handle.close();
  const data = await freshData(t);
  const { stdout } = await promisify(execFile)(program(), ["add", path, "--public", "--to", relay.address, "--data", data]);
  const [id] = /mimei:b[a-z2-7]+/.exec(stdout);
  return `${relay.origin}/mm/${id.slice("mimei:".length)}/${FILE.name}`;
}

/** Pairs in the order ABBA; prints the median of the ratios of speeds, and every sample. */
async function figure(name, ours, peer) {
  const pairs = [];
  for (let at = 0; at < PAIRS; at++) {
    const first = at % 2 === 0 ? await ours() : await peer();
    const second = at % 2 === 0 ? await peer() : await ours();
    pairs.push(at % 2 === 0 ? [first, second] : [second, first]);
  }
  const ratios = pairs.map(([a, b]) => b / a).sort((a, b) => a - b);
  const shown = [ratios[ratios.length >> 1], ratios[0], ratios.at(-1)].map((ratio) => ratio.toFixed(2));
  console.log(`${name.padEnd(58)} ${shown[0].padStart(6)}x  (${shown[1]} to ${shown[2]})`);
  const speed = (ms) => (MIB / (ms / 1000)).toFixed(1);
  console.log(`    ours/peer in MiB/s: ${pairs.map(([a, b]) => `${speed(a)}/${speed(b)}`).join(" ")}`);
}

await scoped(async (t) => {
  console.log(`bulk, Chromium, loopback: ${MIB} MiB through everything, against a bare channel of the same stack`);
  const relay = await startRelay(t);
  const peer = startBareChannel(t);
  const { url } = await up(relay, "rtc");
  const open = await published(t, relay);
  const upBy = async (way) => (await up(relay, way)).ms;
  await figure("B1 up by data channel, against a bare channel", () => upBy("rtc"), () => bare(relay.origin, peer, "take"));
  await figure("B1 down by data channel, against a bare channel", () => down(url, "rtc"), () => bare(relay.origin, peer, "give"));
  await figure("up by WebSocket, against a bare channel", () => upBy("ws"), () => bare(relay.origin, peer, "take"));
  await figure("down by WebSocket, against a bare channel", () => down(url, "ws"), () => bare(relay.origin, peer, "give"));
  const byTicket = () => down(url, "rtc", { http: true });
  await figure("down by ticket, against plain HTTP", byTicket, () => overHttp(open));
  await figure("down by ticket, against a bare channel", byTicket, () => bare(relay.origin, peer, "give"));
  await figure("down by ticket, against the data channel", byTicket, () => down(url, "rtc"));
  await figure("down by data channel, against plain HTTP", () => down(url, "rtc"), () => overHttp(open));
});
