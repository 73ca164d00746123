/** Firefox ESR: files between Firefox and Firefox, and between Firefox and Chromium; films; who pays. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { launch } from "./parts/browser.mjs";
import { NO_WELCOME, invite, numbersOf, owner, savedRecords } from "./parts/credit.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { launchFirefox, newPage, startOpenRelay } from "./parts/firefox.mjs";
import { freshData } from "./parts/relay.mjs";
import { film } from "./parts/video.mjs";

const { file } = files;
const suite = { after };
const firefox = await launchFirefox(suite);
const chromium = await launch(suite);
const relay = await startOpenRelay(suite);
/** More than a browser keeps as one `Blob`: it goes over a file on disk. */
const LARGE_BYTES = 68_000_000;
const FILM_BYTES = 12_000_000;
/** What Firefox writes to the console when a player stops reading what a service worker answers. */
const STOPPED = "A ServiceWorker intercepted the request and encountered an unexpected error.";

async function person(t, browser = firefox, at = relay) {
  const page = await newPage(t, browser);
  await demo.openOnline(page, at.origin);
  return page;
}

async function reader(t, url, browser = firefox) {
  const page = await newPage(t, browser);
  await files.open(page, url);
  return page;
}

async function isSaved(page, name, content) {
  const saved = await files.save(page, name);
  assert.equal(saved.name, name);
  assert.ok(saved.bytes.equals(content), `${saved.bytes.length} bytes`);
}

const at = (page, name) => page.getByTestId(name);

for (const [from, to, browsers] of [
  ["Firefox", "Firefox", [firefox, firefox]],
  ["Chromium", "Firefox", [chromium, firefox]],
  ["Firefox", "Chromium", [firefox, chromium]],
]) {
  test(`from ${from} to ${to}: a file arrives byte for byte, its replacement while one looks, and version 1 stays what it was`, async (t) => {
    const author = await person(t, browsers[0]);
    const [first, second] = [files.noise(700_001), files.noise(900_001, 2)];
    const url = await files.share(author, [file("holiday plan.bin", first)]);
    await files.sent(author);
    const page = await reader(t, url, browsers[1]);
    assert.equal(await demo.value(page, "item-author"), (await demo.identity(author)).id);
    await isSaved(page, "holiday plan.bin", first);
    await files.replace(author, "holiday plan.bin", second);
    await files.version(page, 2);
    await isSaved(page, "holiday plan.bin", second);

    const old = await reader(t, files.atVersion(url, 1), browsers[1]);
    await files.version(old, 1);
    await isSaved(old, "holiday plan.bin", first);
    for (const each of [author, page, old]) assert.deepEqual(each.complaints, []);
  });
}

test("Firefox: a file of 68 MB goes up, comes down, and is saved from disk, byte for byte", async (t) => {
  const author = await person(t);
  const content = files.noise(LARGE_BYTES, 9);
  const path = join(await freshData(t), "large.bin");
  await writeFile(path, content);
  await at(author, "share-input").setInputFiles(path);
  const url = await author.locator("[data-testid=share-url][data-value=read]").inputValue();
  await files.sent(author);
  const page = await reader(t, url);
  await isSaved(page, "large.bin", content);
  const onDisk = await page.evaluate(async () => {
    const names = [];
    for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
    return names;
  });
  assert.ok(onDisk.includes("mimei-downloads"), "it was given from disk");
  for (const each of [author, page]) assert.deepEqual(each.complaints, []);
});

test("Firefox: a film plays through the service worker, and from a place that one goes to", async (t) => {
  const author = await person(t);
  const { bytes, seconds } = await film(author, { bytes: FILM_BYTES, bytesPerSecond: 400_000 });
  const url = await files.share(author, [file("film.webm", bytes)]);
  await files.sent(author);
  const page = await reader(t, url);
  const video = page.locator("video");
  await video.waitFor();
  const playsTo = (second) =>
    video.evaluate(async (element, until) => {
      element.muted = true;
      await element.play();
      while (element.currentTime < until) await new Promise((heard) => element.addEventListener("timeupdate", heard, { once: true }));
    }, second);
  await playsTo(1);
  assert.ok(Math.abs((await video.evaluate(({ duration }) => duration)) - seconds) < 0.05, "it is known how long it is");
  assert.match(await video.evaluate(({ currentSrc }) => currentSrc), /\/~stream\//);
  await video.evaluate((element, to) => void (element.currentTime = to), seconds - 2);
  await playsTo(seconds - 1);
  assert.deepEqual(page.complaints.filter((text) => !text.includes(STOPPED)), []);
});

/** Somebody who opened an invite to that relay and pressed the one button. */
async function joined(t, house, terms) {
  const link = await invite(house, terms);
  const page = await newPage(t, firefox);
  await page.goto(link.replace(house.atNetwork, house.origin));
  await demo.state(page, "online");
  await page.keyboard.press("Enter"); // The button has the focus.
  await at(page, "invite-done").waitFor();
  return page;
}

test("Firefox: an invite makes an account in one step; an upload pauses where the line ends and goes on when it is raised", async (t) => {
  const house = await startOpenRelay(t, { welcome: NO_WELCOME });
  const author = await joined(t, house, { traffic: "1M" });
  assert.match(await at(author, "invite-done").innerText(), /^You have 1.0 MB of traffic and 50 MB of space/);
  const content = files.noise(3_000_001);
  const url = await files.share(author, [file("plan.bin", content)]);
  await demo.shows(author, "item-sending", "paused");
  assert.match(await at(author, "credit-stop").innerText(), /used up; ask the relay's owner to raise it/);
  await owner(house, "credit", "Ada", "--traffic", "100M");
  await files.sent(author);
  const page = await reader(t, url);
  await isSaved(page, "plan.bin", content);
  for (const each of [author, page]) assert.deepEqual(each.complaints, []);
});

test("Firefox: a download pauses where the line ends, and goes on without a reload", async (t) => {
  const house = await startOpenRelay(t, { welcome: { ...NO_WELCOME, MIMEI_STRANGERS: "0" } });
  const author = await joined(t, house);
  const content = files.noise(3_000_001);
  const url = await files.share(author, [file("plan.bin", content)]);
  await files.sent(author);
  await at(author, "share-pay-stop").click();
  await demo.shows(author, "share-promise", "stopped");
  const page = await joined(t, house, { traffic: "1M", name: "Bob" });
  await files.open(page, url);
  const saving = files.save(page, "plan.bin");
  await at(page, "entry-paused").waitFor();
  await owner(house, "credit", "Bob", "--traffic", "100M");
  assert.ok((await saving).bytes.equals(content));
});

test("Firefox: each number of an account equals what its signed records lead to", async (t) => {
  const house = await startOpenRelay(t, { welcome: NO_WELCOME });
  const author = await joined(t, house);
  const url = await files.share(author, [file("note.txt", "x".repeat(400_000))]);
  await files.sent(author);
  const page = await reader(t, url);
  await files.save(page, "note.txt");
  await owner(house, "credit", "Ada", "--settle", "123456", "--reason", "service");
  await at(author, "credit-why").locator("summary").click();
  await demo.shows(author, "why-settled", "123456");
  // What readers had is told with the next account, and signed for.
  await author.reload();
  await demo.state(author, "online");
  await at(author, "credit-why").locator("summary").click();
  await demo.shows(author, "why-owed", "0");
  const { records, counts } = await savedRecords(author);
  const expected = numbersOf(records, counts, Date.now());
  assert.ok(expected.signed > 800_000n, `both the author and the reader had it: ${expected.signed}`);
  for (const [name, number] of Object.entries(expected)) assert.equal(await demo.value(author, `why-${name}`), String(number), name);
});
