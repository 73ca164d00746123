/** A tab keeps no more of others' files than it may, and everything that no relay has. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { kept } from "./parts/kept.mjs";
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

/** Calls `change` with the file that has large blocks, on a page of the same origin that does not use it. */
async function changeFile(page, change) {
  await page.goto(new URL("/.well-known/mimei", page.url()).href);
  await page.evaluate(`(${change})(navigator.storage.getDirectory().then((root) => root.getFileHandle("mimei.blocks")))`);
}

const DAMAGES = {
  "is gone": async (file) => (await file).remove(),
  "was cut off": async (file) => {
    const writable = await (await file).createWritable({ keepExistingData: true });
    await writable.truncate(300_000);
    await writable.close();
  },
  "has other bytes": async (file) => {
    const bytes = (await (await file).getFile()).size;
    const writable = await (await file).createWritable();
    await writable.write(new Uint8Array(bytes).fill(7));
    await writable.close();
  },
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`when the file with large blocks ${what}, they come again from the relay`, async (t) => {
    const relay = await startRelay(t);
    const author = await newPage(t, browser);
    await demo.openOnline(author, relay.origin);
    const url = await files.share(author, [files.file("a.bin", content("a.bin"))]);
    await files.sent(author);
    await changeFile(author, damage);
    await files.open(author, url);
    assert.ok(await isWhole(author, "a.bin"));
  });
}
