/** Films play while they load: only what the player asks for is fetched, verified, and shown to nobody else. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import { NO_WELCOME, invite, owner } from "./parts/credit.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { look } from "./parts/look.mjs";
import { kept } from "./parts/kept.mjs";
import { startRelay } from "./parts/relay.mjs";
import { startTcpShaper, startUdpShaper } from "./parts/shaper.mjs";
import { film } from "./parts/video.mjs";

const suite = { after };
const browser = await launch(suite);
const FILM_BYTES = 12_000_000;
/** So few that players, which want some seconds ahead, are far from having all. */
const BYTES_PER_SECOND = 130_000;
/** Losses make a data channel slow. */
const LOSSY_MS_MAX = 90_000;

/** What a player of a reader asked for, from `from` to before `to`, by the answers that it got. */
function answers(page) {
  const got = [];
  page.on("response", (response) => {
    const [, from, to] = /^bytes (\d+)-(\d+)\//.exec(response.headers()["content-range"]) ?? [];
    if (from !== undefined) got.push({ from: Number(from), to: Number(to) + 1 });
  });
  return got;
}

const video = (page) => page.locator("video");
const play = (page) =>
  video(page).evaluate(async (element) => {
    element.muted = true;
    await element.play();
  });

/** Waits until that many seconds have been played. */
const played = (page, seconds) => page.waitForFunction((to) => document.querySelector("video")?.currentTime >= to, seconds);

const seek = (page, seconds) =>
  video(page).evaluate((element, to) => {
    const seeked = new Promise((resolve) => element.addEventListener("seeked", resolve, { once: true }));
    element.currentTime = to;
    return seeked;
  }, seconds);

/** Uses an invite. */
async function join(page, link) {
  await demo.openOnline(page, link);
  await page.getByTestId("invite-join").click();
  await page.getByTestId("invite-done").waitFor();
  await page.getByTestId("invite-close").click();
}

/** A film at a relay, or at the relay of an invite: `{url, bytes, seconds, author}`. */
async function shared(t, at, { isInvited = false, bytesPerSecond = BYTES_PER_SECOND } = {}) {
  const author = await newPage(t, browser);
  await (isInvited ? join : demo.openOnline)(author, at);
  const made = await film(author, { bytes: FILM_BYTES, bytesPerSecond });
  const url = await files.share(author, [files.file("film.webm", made.bytes)]);
  await files.sent(author);
  return { ...made, url, author };
}

async function reads(t, url) {
  const page = await newPage(t, browser);
  const got = answers(page);
  await files.open(page, url);
  await video(page).waitFor();
  await page.waitForFunction(() => document.querySelector("video").readyState > 0);
  return Object.assign(page, { got });
}

describe("a film", () => {
  let relay;
  let made;
  before(async () => {
    relay = await startRelay(suite);
    made = await shared(suite, relay.origin);
  });

  test("plays before all of it is fetched, to the end, and a place is reached without what lies before", async (t) => {
    const page = await reads(t, made.url);
    assert.equal(await video(page).evaluate(({ duration }) => duration), made.seconds);
    await play(page);
    await played(page, 1);
    const atOnce = await kept(page);
    t.diagnostic(`${atOnce} of ${FILM_BYTES} bytes for the first second`);
    assert.ok(atOnce > 100_000 && atOnce < FILM_BYTES * 0.75, `${atOnce} bytes were fetched for the beginning`);

    await seek(page, made.seconds - 1.5);
    await page.waitForFunction(() => document.querySelector("video").ended);
    const inAll = await kept(page);
    assert.ok(inAll < FILM_BYTES * 0.9, `${inAll} bytes were fetched for both ends`);
    assert.ok(page.got.some(({ from }) => from > FILM_BYTES * 0.8), JSON.stringify(page.got));
    assert.ok(page.got.every(({ from, to }) => to - from <= 4 * 1024 * 1024), "no answer lives long");
    assert.deepEqual(page.complaints, []);
  });

  test("is there byte for byte, in any part", async (t) => {
    const page = await reads(t, made.url);
    const href = await video(page).getAttribute("src");
    for (const [from, to] of [[0, 10], [262_140, 262_150], [5_000_000, 5_600_001], [FILM_BYTES - 5, FILM_BYTES]]) {
      const part = await page.evaluate(async ([url, range]) => {
        const response = await fetch(url, { headers: { range } });
        const bytes = new Uint8Array(await response.arrayBuffer());
        const type = response.headers.get("content-type");
        return { status: response.status, type, text: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
      }, [href, `bytes=${from}-${to - 1}`]);
      assert.deepEqual([part.status, part.type], [206, "video/webm"]);
      assert.ok(Buffer.from(part.text, "base64").equals(made.bytes.subarray(from, to)), `${from} to ${to}`);
    }
    assert.equal((await files.save(page, "film.webm")).bytes.equals(made.bytes), true);
    assert.equal(await video(page).getAttribute("src"), href, "what plays goes on");
  });

  test("goes on after the browser ended the service worker", async (t) => {
    const page = await reads(t, made.url);
    await play(page);
    await played(page, 0.5);
    const tools = await page.context().newCDPSession(page);
    await tools.send("ServiceWorker.enable");
    await tools.send("ServiceWorker.stopAllWorkers");
    await seek(page, made.seconds / 2);
    await played(page, made.seconds / 2 + 0.5);
    assert.deepEqual(page.complaints, []);
  });

  test("is shown to no other tab, to nobody who navigates there, and no longer when the page shows something else", async (t) => {
    const page = await reads(t, made.url);
    const href = await video(page).getAttribute("src");
    const status = (from) => from.evaluate(async (url) => (await fetch(url)).status, href);
    assert.equal(await status(page), 200);
    const other = await page.context().newPage();
    await other.goto(relay.origin);
    await other.waitForFunction(() => navigator.serviceWorker.controller !== null);
    assert.equal(await status(other), 404);
    assert.equal((await other.goto(href)).status(), 403);
    await page.evaluate(() => (location.hash = ""));
    await video(page).waitFor({ state: "detached" });
    assert.equal(await status(page), 404);
  });

  test("in a page without service workers comes as a whole", async (t) => {
    const page = await newPage(t, browser);
    await page.addInitScript(() => delete Navigator.prototype.serviceWorker);
    await files.open(page, made.url);
    await page.waitForFunction(() => document.querySelector("video")?.src.startsWith("blob:"));
    assert.equal(await page.getByTestId("entry-failed").count(), 0);
  });

  test("fits the window, and is played and saved by keys alone", async (t) => {
    const page = await reads(t, made.url);
    await look(page, "film");
    await video(page).focus();
    await page.keyboard.press("Space");
    await played(page, 0.2);
    await page.getByTestId("entry-fetch").focus();
    const saving = page.waitForEvent("download");
    await page.keyboard.press("Enter");
    await saving;
    assert.deepEqual(page.complaints, []);
  });
});

test("sound and large pictures are shown while they load, small pictures as a whole", async (t) => {
  const relay = await startRelay(t);
  const author = await newPage(t, browser);
  await demo.openOnline(author, relay.origin);
  const shown = [["large.bmp", bitmap(700, 700)], ["small.bmp", bitmap(2, 2)], ["tone.wav", wave(2_000_000)]];
  const url = await files.share(author, shown.map(([name, bytes]) => files.file(name, bytes)));
  await files.sent(author);
  const page = await newPage(t, browser);
  await files.open(page, url);
  for (const [name] of shown) await files.entry(page, name).getByTestId("entry-show").click();
  const picture = (name) => files.entry(page, name).locator("img").evaluate((image) => image.decode().then(() => [image.naturalWidth, new URL(image.src).protocol]));
  assert.deepEqual(await picture("large.bmp"), [700, "http:"]);
  assert.deepEqual(await picture("small.bmp"), [2, "blob:"]);
  const sound = files.entry(page, "tone.wav").locator("audio");
  const heard = await sound.evaluate(async (element) => {
    if (element.readyState === 0) await new Promise((resolve) => element.addEventListener("loadedmetadata", resolve));
    return [Math.round(element.duration), element.src.includes("/~stream/")];
  });
  assert.deepEqual(heard, [250, true]);
  assert.deepEqual(page.complaints, []);
});

/** A picture of 24-bit noise. */
function bitmap(width, height) {
  const row = Math.ceil((3 * width) / 4) * 4;
  const head = Buffer.alloc(54);
  head.write("BM");
  for (const [at, value] of [[2, 54 + row * height], [10, 54], [14, 40], [18, width], [22, height]]) head.writeUInt32LE(value, at);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  return Buffer.concat([head, files.noise(row * height)]);
}

/** Noise at 8,000 bytes a second. */
function wave(bytes) {
  const head = Buffer.from("RIFF____WAVEfmt ____________________data____");
  for (const [at, value] of [[4, 36 + bytes], [16, 16], [24, 8000], [28, 8000], [40, bytes]]) head.writeUInt32LE(value, at);
  for (const [at, value] of [[20, 1], [22, 1], [32, 1], [34, 8]]) head.writeUInt16LE(value, at);
  return Buffer.concat([head, files.noise(bytes)]);
}

describe("over a long line with losses", { concurrency: true }, () => {
  for (const way of ["rtc-direct", "ws"]) {
    test(`by ${way} a film plays before all of it is fetched`, async (t) => {
      const udp = await startUdpShaper(t);
      const relay = await startRelay(t, { more: ["--announce", `127.0.0.1:${udp.port}`] });
      udp.to = relay.port;
      // What is uploaded goes around the long line.
      const made = await shared(t, `${relay.origin}/?way=ws`);
      const url = new URL(made.url);
      url.port = String(await startTcpShaper(t, relay.port));
      url.searchParams.set("way", way);
      const page = await reads(t, url.href);
      page.setDefaultTimeout(LOSSY_MS_MAX);
      assert.equal(await demo.value(page, "relay-way"), way);
      await play(page);
      await played(page, 2);
      const atOnce = await kept(page);
    t.diagnostic(`${atOnce} of ${FILM_BYTES} bytes for two seconds`);
    assert.ok(atOnce > 100_000 && atOnce < FILM_BYTES * 0.75, `${atOnce} bytes were fetched for the beginning`);
      await seek(page, made.seconds - 2);
      await played(page, made.seconds - 1.5);
      assert.deepEqual(page.complaints, []);
    });
  }
});

test("a film waits for a relay that was killed, says so, and goes on when it is back", async (t) => {
  const relay = await startRelay(t);
  const made = await shared(t, relay.origin);
  const page = await reads(t, made.url);
  await play(page);
  await played(page, 0.5);
  await relay.end("SIGKILL");
  const seeked = seek(page, made.seconds / 2);
  await page.getByTestId("entry-paused").waitFor();
  assert.match(await page.getByTestId("entry-paused").innerText(), /^Paused: .+It goes on by itself\.$/s);
  await startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}` });
  await seeked;
  await played(page, made.seconds / 2 + 0.5);
  await page.getByTestId("entry-paused").waitFor({ state: "detached" });
  assert.deepEqual(await page.getByTestId("entry-failed").allInnerTexts(), []);
});

test("a film waits where the line ends, says so, and goes on when the owner raises it", async (t) => {
  const relay = await startRelay(t, { welcome: NO_WELCOME });
  const made = await shared(t, await invite(relay), { isInvited: true, bytesPerSecond: 400_000 });
  await made.author.getByTestId("share-pay-stop").click();
  await demo.shows(made.author, "share-promise", "stopped");
  await relay.end("SIGTERM");
  // Strangers get nothing here either: whoever reads pays.
  const strict = await startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}`, welcome: { MIMEI_STRANGERS: "0" } });
  const reader = await newPage(t, browser);
  await join(reader, await invite(strict, { traffic: "4M", name: "Bob" }));
  await files.open(reader, made.url);
  await reader.waitForFunction(() => document.querySelector("video")?.readyState > 0);
  await play(reader);
  await reader.getByTestId("entry-paused").waitFor();
  assert.match(await reader.getByTestId("entry-paused").innerText(), /^Paused: your credit line of 4 MB is used up/);
  await owner(strict, "credit", "Bob", "--traffic", "100M");
  await seek(reader, made.seconds - 1.5);
  await played(reader, made.seconds - 1);
  await reader.getByTestId("entry-paused").waitFor({ state: "detached" });
});
