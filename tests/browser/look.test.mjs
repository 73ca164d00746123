/** What a person sees: nothing sticks out, nothing is blocked, nothing is complained of. Pictures go to `shots/`. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { accessible } from "./parts/axe.mjs";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { look } from "./parts/look.mjs";
import { startRelay } from "./parts/relay.mjs";

const file = { after };
const browser = await launch(file);
const relay = await startRelay(file);
const stranger = await startRelay(file);

test("online, with all that can be unfolded", async (t) => {
  const page = await newPage(t, browser);
  await demo.openOnline(page, relay.origin);
  await look(page, "online");
  await demo.ping(page);
  const folded = page.getByRole("button", { name: "Show full id" });
  for (let left = await folded.count(); left > 0; left--) await folded.first().click();
  await page.getByTestId("relay-address").fill("relay:nobody");
  await page.getByTestId("relay-connect").click();
  await page.getByTestId("relay-address-error").waitFor();
  await look(page, "unfolded");
  assert.deepEqual(page.complaints, []);
});

test("not connected, with an error that has long ids", async (t) => {
  const page = await newPage(t, browser);
  await demo.openOnline(page, relay.origin);
  await demo.connectTo(page, stranger.address.replace(stranger.user, relay.user));
  await demo.error(page, "handshake.unexpected-peer");
  await look(page, "failed");
  assert.deepEqual(page.complaints, []);
});

test("offline, while the relay is away", async (t) => {
  const leaving = await startRelay(t);
  const page = await newPage(t, browser);
  await demo.openOnline(page, leaving.origin);
  await leaving.end("SIGTERM");
  await page.getByTestId("relay-next").filter({ hasText: /in ([2-9]|\d\d) s/ }).waitFor();
  await look(page, "offline");
  // Browsers themselves write failed requests into the console.
  assert.deepEqual(page.complaints.filter((text) => !/ERR_CONNECTION_REFUSED/.test(text)), []);
});

test("files that were shared, and the same as a visitor opens them", async (t) => {
  const { file } = files;
  const author = await newPage(t, browser);
  await demo.openOnline(author, relay.origin);
  const long = `${"a-very-long-name-without-any-blank-".repeat(6)}.txt`;
  const url = await files.share(author, [file("note.txt", "Words that go on. ".repeat(60)), file(long, "short")]);
  await files.sent(author);
  await files.replace(author, "note.txt", "Other words.");
  await files.version(author, 2);
  await files.versions(author);
  await look(author, "shared");

  const visitor = await newPage(t, browser);
  await files.open(visitor, files.atVersion(url, 1));
  await files.entry(visitor, "note.txt").getByTestId("entry-show").click();
  await visitor.getByTestId("entry-shown").waitFor();
  await files.versions(visitor);
  await look(visitor, "opened");
  for (const page of [author, visitor]) assert.deepEqual(page.complaints, []);
});

test("a link that cannot be opened, and text that is no link", async (t) => {
  const page = await newPage(t, browser);
  await demo.openOnline(page, `${relay.origin}/#mimei:nothing`);
  await page.getByTestId("open-error").waitFor();
  await page.getByTestId("link-input").fill("nothing");
  await page.getByTestId("link-open").click();
  await page.getByTestId("link-error").waitFor();
  await look(page, "not-opened");
  assert.deepEqual(page.complaints, []);
});

test("what somebody who does not see it cannot use is noticed", async (t) => {
  const page = await newPage(t, browser);
  await demo.openOnline(page, relay.origin);
  await accessible(page, "as it is");
  await page.evaluate(() => document.querySelector("main").append(document.createElement("button")));
  await assert.rejects(accessible(page, "with a button without a name"), /button-name/);
});

test("a script that is not the site's own is blocked, and that is noticed", async (t) => {
  const page = await newPage(t, browser);
  await demo.openOnline(page, relay.origin);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.injected = true";
    document.body.append(script);
  });
  while (!page.complaints.some((text) => text.startsWith("CSP: script-src"))) await page.evaluate(() => 0);
  assert.equal(await page.evaluate(() => globalThis.injected), undefined);
});
