/** The page Table: a minute at which two people share an album, and a relay is killed. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { decode } from "../../js-sdk/test/dag-cbor.js";
import { launch, newPage } from "./parts/browser.mjs";
import { NO_WELCOME, invite } from "./parts/credit.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { startGate } from "./parts/gate.mjs";
import { look } from "./parts/look.mjs";
import { freshData, startRelay } from "./parts/relay.mjs";
import { at, isSeen, photos, picture, scan, showsAll, startDemo, tabTo, waits } from "./parts/table.mjs";
import { film } from "./parts/video.mjs";

const suite = { after };
const browser = await launch(suite);

const FILM_BYTES = 24_000_000;
/** So much of the film leaves the host before the line becomes slow. */
const BEFORE_BYTES = 12_000_000;

/** Browsers themselves write failed requests into the console; whether a file was missing is seen by `noteMissing`. */
const EXPECTED = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket connection|ERR_EMPTY_RESPONSE|status of 404/;
const complaints = (page) => page.complaints.filter((text) => !EXPECTED.test(text));

/** A player may ask once more for a stream that was closed; everything else that is asked for is there. */
function noteMissing(page) {
  page.on("response", (answer) => {
    const { pathname } = new URL(answer.url());
    if (answer.status() === 404 && !pathname.startsWith("/~stream/")) page.complaints.push(`missing: ${pathname}`);
  });
  return page;
}

/** The demo, its host in the first window, and what the host's line to the relay goes through. */
async function laid(t, { beforeBytes } = {}) {
  const run = await startDemo(t);
  const gate = beforeBytes === undefined ? undefined : await startGate(t, run.port, beforeBytes);
  const host = noteMissing(await newPage(t, browser));
  const through = gate === undefined ? "" : `?way=ws&relay=http://localhost:${gate.port}`;
  await host.goto(run.link.replace("#", `${through}#`));
  const url = await at(host, "join-url").inputValue();
  return { run, gate, host, url };
}

/** The second window. */
async function joined(t, run, url) {
  const guest = noteMissing(await newPage(t, browser));
  await guest.goto(`${run.origin}/table/${new URL(url).hash}`);
  await at(guest, "album").waitFor();
  return guest;
}

const playsTo = (video, second) =>
  video.evaluate(async (element, until) => {
    element.muted = true;
    await element.play();
    while (element.currentTime < until) await new Promise((heard) => element.addEventListener("timeupdate", heard, { once: true }));
    element.pause();
  }, second);

test("the minute: an album, a second window, a film that plays while it comes, no relay, all there, who paid", async (t) => {
  const { run, gate, host, url } = await laid(t, { beforeBytes: BEFORE_BYTES });

  // 0 to 10 s: it is open, nobody signed up, and the code is the link.
  assert.equal(await scan(host), url);
  const token = /plug=\d+-([0-9a-f]{32})/.exec(run.link)[1];
  assert.ok(!url.includes(token) && !url.includes("invite"), "the plug and the invite stay with the host");
  assert.equal(new URL(host.url()).hash, "", "nor can they be read over a shoulder");
  await look(host, "table-1-open");

  // 10 to 25 s: a second window joins, and sees a film while it is being uploaded.
  const guest = await joined(t, run, url);
  const [beach, tent, fire, dawn] = await photos(host, ["beach.jpg", "tent.jpg", "fire.jpg", "dawn.jpg"]);
  await files.drop(host, at(host, "album"), [beach]);
  await showsAll(guest, ["beach.jpg"]);
  await at(guest, "album-news").filter({ hasText: "beach.jpg has arrived." }).waitFor({ state: "attached" });
  const { bytes } = await film(host, { bytes: FILM_BYTES, bytesPerSecond: 1_000_000, isEvening: true });
  const path = join(await freshData(t), "sunset.webm");
  await writeFile(path, bytes);
  await at(host, "add").setInputFiles(path);
  await at(guest, "picture-coming").waitFor();
  const video = picture(guest, "sunset.webm").locator("video");
  await playsTo(video, 2);
  assert.ok(Number(await demo.value(guest, "picture-coming")) < 70, "much of it is not there");
  await video.evaluate((element) => void (element.dataset.same = "yes"));
  await look(guest, "table-2-film-while-it-comes");
  gate.open();
  for (const page of [host, guest]) await showsAll(page, ["beach.jpg", "sunset.webm"]);
  await at(guest, "picture-coming").waitFor({ state: "detached" });
  await playsTo(video, 4);
  assert.equal(await video.getAttribute("data-same"), "yes", "it is the same player");

  // 25 to 40 s: the plug is pulled, and both go on.
  await at(host, "plug").click();
  await demo.shows(host, "plug", "out");
  await assert.rejects(fetch(`${run.origin}/health`), "the relay is gone");
  await demo.state(host, "offline", "connecting");
  await at(host, "add").setInputFiles([tent, fire]);
  await showsAll(host, ["beach.jpg", "fire.jpg", "sunset.webm", "tent.jpg"]);
  await waits(host, 2);
  assert.equal(await at(host, "waiting").innerText(), "2 things wait to be sent");
  await demo.state(guest, "offline", "connecting");
  await at(guest, "seen").waitFor();
  await at(guest, "add").setInputFiles(dawn);
  await showsAll(guest, ["beach.jpg", "dawn.jpg", "sunset.webm"]);
  await waits(guest, 1);
  await at(guest, "history-slider").fill("0");
  await showsAll(guest, ["beach.jpg"]);
  assert.ok(await isSeen(guest, "beach.jpg"), "the past is here without a relay");
  await at(guest, "history-now").click();
  await look(host, "table-3-unplugged-host");
  await look(guest, "table-3-unplugged-guest");

  // 40 to 50 s: plugged in, all is there, and back to the first minute.
  await at(host, "plug").click();
  await demo.shows(host, "plug", "in");
  const all = ["beach.jpg", "dawn.jpg", "fire.jpg", "sunset.webm", "tent.jpg"];
  for (const page of [host, guest]) {
    await showsAll(page, all);
    await demo.state(page, "online");
    for (const name of ["waiting", "sending"]) await at(page, name).waitFor({ state: "detached" });
  }
  for (const page of [host, guest]) {
    await at(page, "history-slider").fill("0");
    await showsAll(page, ["beach.jpg"]);
    assert.ok(await isSeen(page, "beach.jpg"));
    assert.equal(await at(page, "add").isDisabled(), true, "the past cannot be changed");
  }
  await look(host, "table-4-history");
  await at(host, "history-now").click();
  await showsAll(host, all);
  await look(host, "table-4-all-there");

  // 50 to 60 s: who paid.
  await at(host, "who-paid").locator("summary").click();
  await showsWhatWasSigned(host);
  assert.match(await at(host, "paid-sentence").innerText(), /^You did: [\d.]+ MB that this browser sent and received/);
  await look(host, "table-5-who-paid");
  await at(guest, "who-paid").locator("summary").click();
  assert.match(await at(guest, "paid-sentence").innerText(), /^You paid nothing/);

  for (const page of [host, guest]) assert.deepEqual(complaints(page), []);
  assert.deepEqual(await run.end(), { code: 0, signal: null });
  await assert.rejects(fetch(`${run.origin}/health`), "the relay ends with the demo");
});

/** Every number of the panel is in the records that it saves. */
async function showsWhatWasSigned(page) {
  const shown = async () => ({
    iou: Number(await demo.value(page, "paid-iou")),
    serial: Number(await demo.value(page, "paid-serial")),
    signature: await demo.value(page, "paid-signature"),
    served: Number(await demo.value(page, "paid-served")),
  });
  await at(page, "paid-iou").waitFor();
  const saving = page.waitForEvent("download");
  await at(page, "paid-save").click();
  const saved = JSON.parse(await readFile(await (await saving).path(), "utf8"));
  const record = decode(Buffer.from(saved.records.find(({ kind }) => kind === "iou").cbor, "hex"));
  const body = record.get("body");
  assert.deepEqual(await shown(), {
    iou: Number(body.get("total")),
    serial: Number(body.get("serial")),
    signature: Buffer.from(record.get("sig")).toString("hex"),
    served: saved.served[0].served,
  });
}

test("the same by keyboard alone", async (t) => {
  const { run, host, url } = await laid(t);
  const { keyboard } = host;
  const guest = await joined(t, run, url);
  // While somebody listens, no chooser of the system is opened instead.
  for (const page of [host, guest]) page.on("filechooser", () => {});
  await demo.state(host, "online");

  const choose = async (page, chosen) => {
    await tabTo(page, at(page, "add"));
    const asked = page.waitForEvent("filechooser");
    await page.keyboard.press("Enter");
    await (await asked).setFiles(chosen);
  };
  const [beach, tent, fire] = await photos(host, ["beach.jpg", "tent.jpg", "fire.jpg"]);
  await tabTo(host, at(host, "join-copy"));
  await keyboard.press("Enter");
  await at(host, "join-copy").filter({ hasText: /Copied|Selected/ }).waitFor();
  await choose(host, [beach]);
  await showsAll(guest, ["beach.jpg"]);
  await choose(guest, [tent]);
  await showsAll(host, ["beach.jpg", "tent.jpg"]);

  await tabTo(host, at(host, "plug"));
  await keyboard.press("Space");
  await demo.shows(host, "plug", "out");
  await demo.state(host, "offline", "connecting");
  await choose(host, [fire]);
  await waits(host, 1);
  await tabTo(host, at(host, "plug"));
  await keyboard.press("Enter");
  await demo.shows(host, "plug", "in");
  for (const page of [host, guest]) await showsAll(page, ["beach.jpg", "fire.jpg", "tent.jpg"]);

  await tabTo(host, at(host, "history-slider"));
  await keyboard.press("Home");
  await showsAll(host, ["beach.jpg"]);
  await keyboard.press("ArrowRight");
  await showsAll(host, ["beach.jpg", "tent.jpg"]);
  await tabTo(host, at(host, "history-now"));
  await keyboard.press("Enter");
  await showsAll(host, ["beach.jpg", "fire.jpg", "tent.jpg"]);

  await tabTo(host, picture(host, "beach.jpg").getByRole("button"));
  await keyboard.press("Enter");
  await demo.shows(host, "close-up", "beach.jpg");
  await keyboard.press("ArrowRight");
  await demo.shows(host, "close-up", "fire.jpg");
  await at(host, "close-up").locator("img").waitFor();
  await look(host, "table-close-up");
  await keyboard.press("Escape");
  await at(host, "close-up").waitFor({ state: "detached" });
  assert.ok(await picture(host, "beach.jpg").getByRole("button").evaluate((button) => button === document.activeElement), "the focus is where it was");

  await tabTo(host, at(host, "who-paid").locator("summary"));
  await keyboard.press("Enter");
  await at(host, "paid-sentence").waitFor();
  for (const page of [host, guest]) assert.deepEqual(complaints(page), []);
});

test("without an account the page says what an invite is, and an album still opens by its link", async (t) => {
  const relay = await startRelay(t, { welcome: NO_WELCOME });
  const stranger = await newPage(t, browser);
  await stranger.goto(`${relay.origin}/table`);
  assert.equal(new URL(stranger.url()).pathname, "/table/");
  await at(stranger, "no-account").waitFor();
  await look(stranger, "table-no-account");

  const host = await newPage(t, browser);
  await host.goto((await invite(relay)).replace("/#", "/table/#"));
  await at(host, "add").setInputFiles(await photos(host, ["beach.jpg"]));
  await showsAll(host, ["beach.jpg"]);
  await at(stranger, "link-input").fill(await at(host, "join-url").inputValue());
  await at(stranger, "link-open").click();
  await showsAll(stranger, ["beach.jpg"]);
  assert.equal(await at(stranger, "plug").count(), 0, "who has no plug sees none");
  for (const page of [stranger, host]) assert.deepEqual(page.complaints, []);
});

test("a guest for whom nobody pays any more is told so, and it goes on when the host pays", async (t) => {
  const relay = await startRelay(t, { welcome: NO_WELCOME });
  const host = await newPage(t, browser);
  await host.goto((await invite(relay, { traffic: "16M/month" })).replace("/#", "/table/#"));
  const guest = await joined(t, relay, await at(host, "join-url").inputValue());
  const large = { name: "large.png", mimeType: "image/png", buffer: files.noise(700_000) };
  await at(guest, "add").setInputFiles(large);
  const why = at(guest, "stopped-why");
  assert.match(await why.innerText(), /^It is kept on this device: the album's owner pays for no more here: ask them to pay for more/);
  await look(guest, "table-guest-stopped");
  await at(host, "who-paid").locator("summary").click();
  await at(host, "share-pay-more").click();
  await at(host, "share-pay-more").and(host.locator(":enabled")).waitFor();
  await at(guest, "stopped-again").click();
  await picture(host, "large.png").waitFor();
  await why.waitFor({ state: "detached" });
  for (const page of [guest, host]) assert.deepEqual(page.complaints, []);
});

test("the album of this browser is there again, with the link that it had", async (t) => {
  const { host, url } = await laid(t);
  await at(host, "add").setInputFiles(await photos(host, ["beach.jpg"]));
  await showsAll(host, ["beach.jpg"]);
  await host.reload();
  await showsAll(host, ["beach.jpg"]);
  assert.equal(await at(host, "join-url").inputValue(), url);
  await demo.shows(host, "plug", "in");
  await at(host, "album-new").click();
  await at(host, "album-empty").waitFor();
  assert.notEqual(await at(host, "join-url").inputValue(), url);
});

test("two pictures of one name both stay, and one that is taken out is still in the history", async (t) => {
  const { run, host, url } = await laid(t);
  const guest = await joined(t, run, url);
  const [one, other] = await photos(host, ["IMG_1.jpg", "IMG_1.jpg"]);
  await at(host, "add").setInputFiles(one);
  await showsAll(guest, ["IMG_1.jpg"]);
  await at(guest, "add").setInputFiles(other);
  await showsAll(host, ["IMG_1 (2).jpg", "IMG_1.jpg"]);
  await picture(host, "IMG_1.jpg").getByRole("button").click();
  await at(host, "close-up-remove").click();
  await demo.shows(host, "close-up", "IMG_1 (2).jpg");
  await host.keyboard.press("Escape");
  await showsAll(guest, ["IMG_1 (2).jpg"]);
  await at(guest, "history-slider").fill("0");
  await showsAll(guest, ["IMG_1.jpg"]);
});
