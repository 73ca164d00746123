/**
 * Files of hundreds of megabytes: whole, in little memory, and never from the beginning again.
 * MIMEI_LARGE_MIB says how large, MIMEI_BIN which relay.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { launchProfile, watched } from "./parts/browser.mjs";
import { startCounter } from "./parts/counter.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import * as large from "./parts/large.mjs";
import { MIB } from "./parts/large.mjs";
import * as memory from "./parts/memory.mjs";
import { withoutBlocks } from "./parts/no-blocks.mjs";
import { startRelay } from "./parts/relay.mjs";

const LARGE_MIB = Number(process.env.MIMEI_LARGE_MIB ?? 128);
const WAYS = process.env.MIMEI_LARGE_MIB === undefined ? ["rtc"] : ["rtc", "ws"];
const KEPT_BYTES = 96 * MIB;
/** Slower than 2 MiB a second is stuck. */
const wait = (mib) => ({ timeout: 30_000 + mib * 500 });
const PIECE_BYTES = 262_144;
const TAB_GROWTH_MAX = 64 * MIB;
const RELAY_GROWTH_MAX = 32 * MIB;
/** Pieces on their way when a connection ends, which are sent again. */
const UNDER_WAY_BYTES = 12 * PIECE_BYTES;
/** What frames, records and the page itself add. */
const withOverhead = (bytes) => bytes * 1.03 + 4 * MIB;

/** The page of somebody whose browser keeps things on disk. */
async function person(t, url, prepare = () => {}) {
  const { profile, context } = await launchProfile(t);
  await prepare(context);
  const page = await watched(context.pages()[0] ?? (await context.newPage()));
  await page.goto(url);
  return { profile, page };
}

/** Pieces lie in a file each. */
const received = async (relay) => (await readdir(join(relay.data, "blocks"))).length * PIECE_BYTES;

/**
 * Runs a transfer while the memory of both sides is watched. Says how fast it was, and by how much each grew: the tab,
 * the browser's main process, in which large blobs would be kept for it, and the relay.
 */
async function measured(t, { relay, profile, mib }, bytesMoved, transfer) {
  const [main] = await memory.processesOf(profile);
  const pids = [await memory.rendererOf(profile), main.pid, relay.pid];
  const watches = pids.map((pid) => memory.watchMemory(t, pid, bytesMoved));
  const from = performance.now();
  const result = await transfer();
  const mibPerSecond = mib / ((performance.now() - from) / 1000);
  const [tab, browser, relayed] = await Promise.all(watches.map(async (watch) => memory.growth(await watch.stop())));
  return { result, mibPerSecond, tab, browser, relayed };
}

function say(t, what, { mibPerSecond, tab, browser, relayed }) {
  const grew = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
  const how = `the tab grew by ${grew(tab)}, its browser by ${grew(browser)}, the relay by ${grew(relayed)}`;
  t.diagnostic(`${what}: ${mibPerSecond.toFixed(1)} MiB/s, ${how}`);
}

function isBounded(what, { tab, browser, relayed }) {
  assert.ok(tab < TAB_GROWTH_MAX, `${what}: the tab's memory grew by ${tab} bytes`);
  assert.ok(browser < TAB_GROWTH_MAX, `${what}: the browser's memory grew by ${browser} bytes`);
  assert.ok(relayed < RELAY_GROWTH_MAX, `${what}: the relay's memory grew by ${relayed} bytes`);
}

test("what a page or its relay keeps in memory is seen, and what is only passed on is not", async (t) => {
  const relay = await startRelay(t);
  const { page, profile } = await person(t, relay.origin);
  await demo.state(page, "online");
  const pid = await memory.rendererOf(profile);
  const before = await memory.privateBytes(pid);
  await page.evaluate((bytes) => void (globalThis.kept = new Uint8Array(bytes).fill(1)), KEPT_BYTES);
  const after = await memory.privateBytes(pid);
  assert.ok(after - before > 0.9 * KEPT_BYTES, `${after - before} bytes`);

  const samples = (memoryAt) => Array.from({ length: 20 }, (_, at) => ({ bytes: at * 10 * MIB, memory: memoryAt(at * 10 * MIB) }));
  const waves = samples((bytes) => 100 * MIB + (bytes % (30 * MIB)));
  assert.equal(memory.growth(waves), 0);
  assert.ok(memory.growth(samples((bytes) => bytes)) > TAB_GROWTH_MAX);
});

for (const way of WAYS) {
  test(`by ${way} ${LARGE_MIB} MiB go up and down whole, and neither tab, browser nor relay keeps them in memory`, async (t) => {
    const file = { name: "film.bin", mib: LARGE_MIB, seed: 7 };
    const relay = await startRelay(t);
    const author = await person(t, `${relay.origin}/?way=${way}`);
    await demo.state(author.page, "online");
    const drop = await large.make(author.page, file);
    let url;
    const up = await measured(t, { relay, ...author, ...file }, () => received(relay), async () => {
      url = new URL(await large.share(author.page, drop));
      await large.sent(author.page, file, wait(LARGE_MIB));
    });
    say(t, "up", up);
    await author.page.context().close();

    url.searchParams.set("way", way);
    // Of what comes by HTTP DevTools, by which the page is driven, keep up to 200 MB in the tab for themselves.
    const reader = await person(t, url.href, withoutBlocks);
    await files.entry(reader.page, file.name).waitFor();
    const down = await measured(t, { relay, ...reader, ...file }, large.fetched(reader.page, file), () => large.save(reader.page, file, wait(LARGE_MIB)));
    say(t, "down", down);
    assert.equal(await large.hashOnDisk(down.result), large.hashMade(file));
    isBounded("up", up);
    isBounded("down", down);

    assert.equal(await large.pagesWithDownloads(reader.page), 1);
    await reader.page.reload();
    while ((await large.pagesWithDownloads(reader.page)) > 0) await turn();
    // Until then it asks about its relay, and a browser that is closed meanwhile fails whoever answers.
    await demo.state(reader.page, "online");
  });
}

test("an upload that a killed relay cut off goes on by itself, and sends only what is missing", async (t) => {
  const file = { name: "film.bin", mib: 48, seed: 11 };
  const bytes = file.mib * MIB;
  let relay = await startRelay(t);
  const line = await startCounter(t, relay.port);
  // A WebSocket's end is noticed at once; browsers take ten seconds for a data channel.
  const { page } = await person(t, `${line.origin}/?way=ws`);
  await demo.state(page, "online");
  const url = await large.share(page, await large.make(page, file));
  while ((await received(relay)) < bytes / 3) await turn();
  await relay.end("SIGKILL");
  const kept = await received(relay);
  const before = line.toRelay;
  assert.ok(kept < bytes / 2, "it was in the middle");

  relay = await startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}` });
  await large.sent(page, file, wait(file.mib));
  const again = line.toRelay - before;
  assert.ok(again >= bytes - kept, "what was missing came this way");
  assert.ok(again <= withOverhead(bytes - kept + UNDER_WAY_BYTES), `${again} bytes for ${bytes - kept} that were missing`);

  const reader = await person(t, url);
  await files.entry(reader.page, file.name).waitFor();
  assert.equal(await large.hashOnDisk(await large.save(reader.page, file, wait(file.mib))), large.hashMade(file));
});

test("a page that is loaded anew in the middle of a download fetches only the rest", async (t) => {
  const file = { name: "film.bin", mib: 48, seed: 13 };
  const bytes = file.mib * MIB;
  const relay = await startRelay(t);
  const author = await person(t, `${relay.origin}/?way=ws`);
  await demo.state(author.page, "online");
  const shared = new URL(await large.share(author.page, await large.make(author.page, file)));
  await large.sent(author.page, file, wait(file.mib));

  const line = await startCounter(t, relay.port);
  const { page } = await person(t, `${line.origin}/?way=ws${shared.hash}`);
  await files.entry(page, file.name).waitFor();
  const fetched = large.fetched(page, file);
  await large.startSaving(page, file);
  while ((await fetched()) < bytes / 2) await turn();
  await page.reload();
  await files.entry(page, file.name).waitFor();
  await demo.state(page, "online");
  const before = line.toPage;
  assert.ok(before >= bytes / 2, "half of it came this way");
  const path = await large.save(page, file, wait(file.mib));
  const again = line.toPage - before;
  assert.ok(again <= withOverhead(bytes / 2), `${again} bytes for a half`);
  assert.equal(await large.hashOnDisk(path), large.hashMade(file));
});

