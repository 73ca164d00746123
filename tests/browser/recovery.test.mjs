/** One recovery file, two browsers: two devices of one person. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { startRelay } from "./parts/relay.mjs";

const suite = { after };
const browser = await launch(suite);
const relay = await startRelay(suite);

async function person(t, at = relay) {
  const page = await newPage(t, browser);
  await demo.openOnline(page, at.origin);
  return page;
}

/** Presses the button and returns the text of the file that is saved. */
async function saved(page) {
  const saving = page.waitForEvent("download");
  await page.getByTestId("backup-save").click();
  return await readFile(await (await saving).path(), "utf8");
}

const file = (text) => ({ name: "recovery.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
const give = (page, input, text) => page.getByTestId(input).setInputFiles(file(text));

async function restore(page, text) {
  await page.locator("summary", { hasText: "recovery file" }).click();
  await give(page, "restore-file", text);
}

async function refusal(page) {
  await page.getByTestId("backup-error").waitFor();
  return (await files.problem(page, "backup-error")).code;
}

test("a saved file is checked, its secrets go, and the identity goes on after a reload", async (t) => {
  const page = await person(t);
  const url = await files.share(page, [files.file("note.txt", "before the backup")]);
  await files.sent(page);
  const before = await demo.identity(page);
  const text = await saved(page);
  assert.match(text, /Whoever has it is you/);
  for (const wrong of [text.slice(0, -40), "something else", await saved(await person(t))]) {
    await give(page, "backup-confirm", wrong);
    assert.equal(await refusal(page), "recovery.invalid");
  }
  const beside = await page.context().newPage();
  await demo.openOnline(beside, relay.origin);
  await beside.getByTestId("backup-save").waitFor();
  await give(page, "backup-confirm", text);
  await page.getByTestId("backup-done").waitFor();
  await beside.getByTestId("backup-save").waitFor({ state: "detached" });
  await beside.close();
  await page.goto(relay.origin);
  await demo.state(page, "online");
  assert.deepEqual(await demo.identity(page), before);
  assert.equal(await page.getByTestId("backup-save").count(), 0, "the root's secrets are here still");
  await files.open(page, url);
  await files.showsText(page, "before the backup");
  await files.replace(page, "note.txt", "after the backup");
  await files.version(page, 2);
  await files.sent(page);
});

test("a second browser with the file is a second device, and what both write apart is brought together", async (t) => {
  const own = await startRelay(t);
  const first = await person(t, own);
  const url = await files.share(first, [files.file("note.txt", "the first words")]);
  await files.sent(first);
  const text = await saved(first);
  const second = await person(t, own);
  const stranger = await demo.identity(second);
  await restore(second, text);
  await second.waitForFunction((id) => document.querySelector("[data-testid=me-id]")?.getAttribute("data-value") !== id, stranger.id);
  await demo.state(second, "online");
  const [one, two] = [await demo.identity(first), await demo.identity(second)];
  assert.equal(two.id, one.id);
  assert.notEqual(two.device, one.device, "a device's key is made where it is used");
  assert.notEqual(two.device, stranger.device);
  await demo.shows(second, "me-devices", "2");

  // The link's key is not needed: it is the person's own.
  await files.open(second, url.replace(/%23[a-z2-7]{52}$/, ""));
  await files.showsText(second, "the first words");
  assert.equal(await demo.value(second, "item-rights"), "change");
  await own.end("SIGKILL");
  for (const page of [first, second]) await demo.state(page, "offline");
  await files.replace(first, "note.txt", "written by the first");
  await files.replace(second, "note.txt", "written by the second");
  for (const page of [first, second]) await files.version(page, 2);
  await startRelay(t, { data: own.data, listen: `127.0.0.1:${own.port}` });
  for (const page of [first, second]) {
    await files.sent(page);
    await page.getByTestId("item-unmerged").waitFor();
  }
  await second.locator("[data-testid=tip] [data-testid=tip-keep]").first().click();
  for (const page of [first, second]) {
    await page.getByTestId("item-unmerged").waitFor({ state: "detached" });
    await files.sent(page);
  }
  const shown = await Promise.all([first, second].map((page) => page.getByTestId("entry-shown").innerText()));
  assert.match(shown[0], /written by the (first|second)/);
  assert.equal(shown[1], shown[0]);
  await demo.shows(first, "me-devices", "2");
});

test("a restore deletes nothing of another identity without being told to", async (t) => {
  const text = await saved(await person(t));
  const page = await person(t);
  const before = await demo.identity(page);
  await files.share(page, [files.file("mine.txt", "mine")]);
  await files.sent(page);
  await page.goto(relay.origin);
  await demo.state(page, "online");
  await restore(page, text);
  assert.equal(await refusal(page), "identity.inUse");
  await page.reload();
  await demo.state(page, "online");
  assert.deepEqual(await demo.identity(page), before);
  await restore(page, "mimei-recovery-1:nonsense");
  assert.equal(await refusal(page), "recovery.invalid");
  await give(page, "restore-file", text);
  assert.equal(await refusal(page), "identity.inUse");
  const beside = await page.context().newPage();
  await demo.openOnline(beside, relay.origin);
  await page.getByTestId("restore-replace").click();
  await page.waitForFunction((id) => document.querySelector("[data-testid=me-id]")?.getAttribute("data-value") !== id, before.id);
  assert.equal(await page.getByTestId("known-item").count(), 0, "what the other identity had is gone");
  await demo.shows(beside, "me-id", await demo.value(page, "me-id"));
});
