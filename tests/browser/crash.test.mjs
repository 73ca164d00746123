/** A relay that is killed in the middle of an upload, again and again. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { startRelay } from "./parts/relay.mjs";

const BYTES = 24 << 20;
const PIECES = BYTES / 262_144;
/** Files of pieces that were not answered for yet; a start takes them away. */
const UNANSWERED_MAX = 12;
/** Pieces that the relay has when it is killed. */
const KILLED_AT = [1, PIECES >> 2, PIECES >> 1, PIECES - 2];

const browser = await launch({ after });
const again = (t, relay) => startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}` });

/** Pieces lie in a file each. */
const pieces = async (relay) => (await readdir(join(relay.data, "blocks"), { recursive: true })).length;

async function hasPieces(relay, count) {
  while ((await pieces(relay)) < count) await turn();
}

test("whatever a killed relay had answered for is there, and the upload goes on by itself each time", async (t) => {
  let relay = await startRelay(t);
  const author = await newPage(t, browser);
  // A WebSocket's end is noticed at once; browsers take ten seconds for a data channel.
  await demo.openOnline(author, `${relay.origin}/?way=ws`);
  const content = files.noise(BYTES, 7);
  const url = await files.share(author, [files.file("film.bin", content)]);
  for (const count of KILLED_AT) {
    await hasPieces(relay, count);
    await relay.end("SIGKILL");
    relay = await again(t, relay);
    assert.ok((await pieces(relay)) >= count - UNANSWERED_MAX, "a start throws away what was kept");
    await demo.state(author, "online");
  }
  await files.sent(author);
  await relay.end("SIGKILL");
  relay = await again(t, relay);

  const reader = await newPage(t, browser);
  await files.open(reader, url);
  const saved = await files.save(reader, "film.bin");
  assert.ok(saved.bytes.equals(content), `${saved.bytes.length} bytes`);
  const kept = await pieces(relay);
  assert.ok(kept <= PIECES + 8, `${kept} files for ${PIECES} pieces: something was kept twice`);
});

test("a page that is opened while its relay is away shows what it has, and says how old that is", async (t) => {
  const relay = await startRelay(t);
  const site = await startRelay(t);
  const author = await newPage(t, browser);
  const page = `${site.origin}/?relay=${encodeURIComponent(relay.address)}`;
  await demo.openOnline(author, page);
  const url = await files.share(author, [files.file("note.txt", "written down")]);
  await files.sent(author);
  await relay.end("SIGKILL");
  await files.open(author, page + new URL(url).hash);
  await files.showsText(author, "written down");
  await author.getByTestId("item-seen").filter({ hasText: /offline, version 1, seen .+ ago/ }).waitFor();
});
