/** A tab keeps no more of others' files than it may, and everything that no relay has. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { startRelay } from "./parts/relay.mjs";

const BUDGET = 3_000_000;
const FILE_BYTES = 1_000_000;
const NAMES = ["a.bin", "b.bin", "c.bin", "d.bin", "e.bin"];

const browser = await launch({ after });
const content = (name) => files.noise(FILE_BYTES, name.charCodeAt(0));
const again = (t, relay) => startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}` });

/** The page comes from another relay than the files, so that it can be loaded while that one is away. */
const site = await startRelay({ after });
const small = (relay, url) => `${site.origin}/?cache=${BUDGET}&relay=${encodeURIComponent(relay.address)}${new URL(url).hash}`;

/** Bytes of blocks in the page's database. */
const kept = (page) =>
  page.evaluate(async () => {
    const done = (request) => new Promise((resolve, reject) => ((request.onsuccess = () => resolve(request.result)), (request.onerror = reject)));
    const database = await done(indexedDB.open("mimei"));
    const blocks = await done(database.transaction("block/1").objectStore("block/1").getAll());
    database.close();
    return blocks.reduce((sum, block) => sum + block.length, 0);
  });

async function isWhole(page, name) {
  const saved = await files.save(page, name);
  return saved.bytes.equals(content(name));
}

test("what was used last stays, the rest goes and comes again from the relay", async (t) => {
  const relay = await startRelay(t);
  const author = await newPage(t, browser);
  await demo.openOnline(author, relay.origin);
  const url = await files.share(author, NAMES.map((name) => files.file(name, content(name))));
  await files.sent(author);

  const reader = await newPage(t, browser);
  await files.open(reader, small(relay, url));
  for (const name of NAMES) {
    assert.ok(await isWhole(reader, name), name);
    assert.ok((await kept(reader)) <= BUDGET, `${await kept(reader)} bytes are kept`);
  }
  assert.ok((await kept(reader)) >= FILE_BYTES, "nothing is kept");
  await relay.end("SIGKILL");
  await reader.reload();
  await reader.getByTestId("entry").first().waitFor();
  assert.ok(await isWhole(reader, "e.bin"), "what was read last");
  await files.entry(reader, "a.bin").locator("[data-testid=entry-save],[data-testid=entry-fetch]").click();
  await reader.getByText(/not on this device/).first().waitFor();
  await again(t, relay);
  await demo.state(reader, "online");
  assert.ok(await isWhole(reader, "a.bin"), "what had gone");
  assert.ok((await kept(reader)) <= BUDGET, `${await kept(reader)} bytes are kept`);
});

test("what no relay has yet is kept, however much it is", async (t) => {
  const relay = await startRelay(t);
  const author = await newPage(t, browser);
  await demo.openOnline(author, small(relay, relay.origin));
  await relay.end("SIGKILL");
  await demo.state(author, "offline");
  const url = await files.share(author, NAMES.map((name) => files.file(name, content(name))));
  assert.ok((await kept(author)) >= NAMES.length * FILE_BYTES);
  await author.reload();
  await again(t, relay);
  await files.sent(author);
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  for (const name of NAMES) assert.ok(await isWhole(reader, name), name);
});
