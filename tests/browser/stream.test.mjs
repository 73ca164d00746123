/** Films that play while they load. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { startRelay } from "./parts/relay.mjs";
import { film } from "./parts/video.mjs";

const suite = { after };
const browser = await launch(suite);
const FILM_BYTES = 8_000_000;

test("a film plays before all of it is fetched", async (t) => {
  const relay = await startRelay(t);
  const author = await newPage(t, browser);
  await demo.openOnline(author, relay.origin);
  const { bytes, seconds } = await film(author, { bytes: FILM_BYTES });
  const url = await files.share(author, [files.file("film.webm", bytes)]);
  await files.sent(author);
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  reader.on("response", (r) => console.log(r.status(), r.url(), r.headers()["content-range"], r.request().headers()["range"]));
  const video = reader.locator("video");
  await video.waitFor();
  const seen = await video.evaluate(async (v) => {
    v.muted = true;
    await v.play();
    await new Promise((r) => v.addEventListener("timeupdate", () => v.currentTime > 2 && r()));
    const buffered = v.buffered.end(0);
    v.currentTime = v.duration - 1;
    await new Promise((r) => v.addEventListener("seeked", r));
    const t = v.currentTime;
    await new Promise((r) => v.addEventListener("ended", r));
    return { buffered, duration: v.duration, t, end: v.currentTime, src: v.src };
  });
  console.log(seen, seconds, reader.complaints);
});
