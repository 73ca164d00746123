/** A film is seen by others while it is still being uploaded. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { startGate } from "./parts/gate.mjs";
import { freshData, startRelay } from "./parts/relay.mjs";
import { film } from "./parts/video.mjs";

const suite = { after };
const browser = await launch(suite);
const FILM_BYTES = 24_000_000;
/** So much of the film leaves the author before the line becomes slow. */
const BEFORE_BYTES = 12_000_000;

/** Somebody whose film is on its way over a line that becomes slow, and its link. */
async function uploading(t) {
  const relay = await startRelay(t);
  const gate = await startGate(t, relay.port, BEFORE_BYTES);
  const author = await newPage(t, browser);
  await demo.openOnline(author, `http://localhost:${gate.port}/?way=ws`);
  const { bytes, seconds } = await film(author, { bytes: FILM_BYTES, bytesPerSecond: 1_000_000 });
  const path = join(await freshData(t), "film.webm");
  await writeFile(path, bytes);
  await author.getByTestId("share-input").setInputFiles(path);
  const link = new URL(await author.locator("[data-testid=share-url][data-value=read]").inputValue());
  return { relay, gate, author, bytes, seconds, url: `${relay.origin}/${link.hash}` };
}

const playsTo = (video, second) =>
  video.evaluate(async (element, until) => {
    element.muted = true;
    await element.play();
    while (element.currentTime < until) await new Promise((heard) => element.addEventListener("timeupdate", heard, { once: true }));
    return element.duration;
  }, second);

test("a film plays in the second window while it is still being uploaded, and goes on when it is saved", async (t) => {
  const { gate, author, seconds, url } = await uploading(t);
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  await reader.getByTestId("entry-coming").waitFor();
  const video = reader.locator("video");
  await video.waitFor();
  assert.ok(Math.abs((await playsTo(video, 3)) - seconds) < 0.01, "it is known how long it is");
  assert.equal(await reader.getByTestId("item-version").count(), 0, "nothing is saved yet");
  assert.equal(await demo.value(author, "item-sending"), "sending");
  assert.ok(Number(await demo.value(reader, "entry-coming")) < 60, "much of it is not there");
  await video.evaluate((element) => void (element.dataset.same = "yes"));

  gate.open();
  await files.version(reader, 1);
  await reader.getByTestId("entry-coming").waitFor({ state: "detached" });
  await video.evaluate((element) => void (element.currentTime = element.duration - 1.5));
  await playsTo(video, seconds - 0.5);
  assert.equal(await video.getAttribute("data-same"), "yes", "it is the same player");
  assert.equal(await reader.locator("[data-testid=entry]").count(), 1);
  await files.sent(author);
  for (const page of [author, reader]) assert.deepEqual(page.complaints, []);
});

test("what is saved while it comes is the whole file, byte for byte", async (t) => {
  const { gate, bytes, url } = await uploading(t);
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  const saving = files.save(reader, "film.webm");
  await reader.getByTestId("entry-fetching").waitFor();
  gate.open();
  assert.ok((await saving).bytes.equals(bytes));
});
