/** Files come by HTTP where that is possible, and by the connection where it is not or breaks off. */
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { launchProfile, watched } from "./parts/browser.mjs";
import { whenDone } from "./parts/cleanup.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import * as large from "./parts/large.mjs";
import { MIB } from "./parts/large.mjs";
import { startRelay } from "./parts/relay.mjs";

const WAIT = { timeout: 120_000 };
const FILE = { name: "film.bin", mib: 64, seed: 11 };

async function person(t, url) {
  const { context } = await launchProfile(t);
  const page = await watched(context.pages()[0] ?? (await context.newPage()));
  await page.goto(url);
  return page;
}

/** Passes HTTP on to the relay and counts what comes of `/blocks`. `door.cut` answers the next ones as it likes. */
async function startDoor(t, relay) {
  const door = { requests: 0, bytes: 0, urls: new Set(), cut: undefined };
  const server = http.createServer((request, response) => {
    const isBlocks = request.method === "POST" && request.url.startsWith("/blocks");
    if (isBlocks) door.requests += 1;
    door.urls.add(request.url);
    if (isBlocks && door.cut !== undefined) return door.cut(request, response);
    const { url, method, headers } = request;
    const passed = http.request({ host: "127.0.0.1", port: relay.port, path: url, method, headers }, (answer) => {
      if (isBlocks) answer.on("data", (bytes) => (door.bytes += bytes.length));
      answer.pipe(response.writeHead(answer.statusCode, answer.headers));
    });
    passed.on("error", () => response.destroy());
    request.pipe(passed);
  });
  server.on("upgrade", (_request, socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  whenDone(t, () => (server.closeAllConnections(), server.close()));
  return Object.assign(door, { origin: `http://localhost:${server.address().port}` });
}

/** A file at the relay, and its link through the door. */
async function shared(t, relay, door) {
  const page = await person(t, relay.origin);
  await demo.state(page, "online");
  const link = await large.share(page, await large.make(page, FILE));
  await large.sent(page, FILE, WAIT);
  return door.origin + link.slice(new URL(link).origin.length);
}

/** Opens the link in a browser that was never here and saves the file. */
async function saved(t, link, underWay = () => {}) {
  const page = await person(t, link);
  await files.entry(page, FILE.name).waitFor();
  await demo.state(page, "online");
  const saving = large.save(page, FILE, WAIT);
  await underWay(page);
  assert.equal(await large.hashOnDisk(await saving), large.hashMade(FILE));
  return page;
}

test("a large file comes by HTTP, and no URL says a word of it", async (t) => {
  const relay = await startRelay(t);
  const door = await startDoor(t, relay);
  const link = await shared(t, relay, door);
  await saved(t, link);
  assert.ok(door.bytes > 0.9 * FILE.mib * MIB, `${door.bytes} bytes came by HTTP`);
  const asked = [...door.urls].filter((url) => url.startsWith("/blocks"));
  assert.deepEqual(asked, ["/blocks"]);
  t.diagnostic(`${door.requests} requests, ${(door.bytes / MIB).toFixed(1)} MiB`);
});

const CUTS = {
  "is refused": (_request, response) => response.writeHead(403).end("no"),
  "breaks off": (request) => request.socket.destroy(),
  "answers something else": (_request, response) => response.writeHead(200).end("a page for people who log in"),
};

for (const [what, cut] of Object.entries(CUTS)) {
  test(`a file arrives by the connection when HTTP ${what} in the middle`, async (t) => {
    const relay = await startRelay(t);
    const door = await startDoor(t, relay);
    const link = await shared(t, relay, door);
    await saved(t, link, async () => {
      while (door.bytes < 8 * MIB) await new Promise((resolve) => setTimeout(resolve, 5));
      door.cut = cut;
    });
    assert.ok(door.bytes < 0.9 * FILE.mib * MIB, "all of it had come before");
  });
}
