/** Who pays: an invite makes an account, a line ends and is raised, readers are paid for, every number has its records. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import { NO_WELCOME, invite, numbersOf, owner, savedRecords } from "./parts/credit.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { look } from "./parts/look.mjs";
import { startRelay } from "./parts/relay.mjs";

const suite = { after };
const browser = await launch(suite);

const at = (page, name) => page.getByTestId(name);
const house = (t) => startRelay(t, { welcome: NO_WELCOME });

/** Somebody who opened an invite and pressed the one button. */
async function joined(t, link) {
  const page = await newPage(t, browser);
  await page.goto(link);
  await demo.state(page, "online");
  await page.keyboard.press("Enter"); // The button has the focus.
  await at(page, "invite-done").waitFor();
  return page;
}

test("opening an invite makes identity, line and contact in one step", async (t) => {
  const relay = await house(t);
  const link = await invite(relay, { space: "5M", traffic: "50M/month", name: "Ada" });
  const page = await joined(t, link);
  assert.equal(await at(page, "invite-done").innerText(), "You have 50 MB of traffic a month and 5.0 MB of space at this relay.");
  assert.equal(new URL(page.url()).hash, "", "the invite is seen no longer");
  await look(page, "invited");
  await at(page, "invite-close").click();
  assert.equal(await demo.value(page, "credit-limit"), "50000000");
  assert.match(await owner(relay, "credit"), /^Ada +0 bytes +50 MB/m);

  const late = await newPage(t, browser);
  await late.goto(link);
  await demo.state(late, "online");
  await at(late, "invite-join").click();
  assert.equal((await files.problem(late, "invite-error")).code, "invite.used");
  for (const each of [page, late]) assert.deepEqual(each.complaints, []);
});

test("an invite that the relay does not know, or that is cut off, says so", async (t) => {
  const relay = await house(t);
  const link = await invite(relay);
  const secret = link.slice(-52);
  const altered = link.slice(0, -52) + (secret.startsWith("a") ? "b" : "a") + secret.slice(1);
  const page = await newPage(t, browser);
  await page.goto(altered);
  await demo.state(page, "online");
  await at(page, "invite-join").click();
  assert.equal((await files.problem(page, "invite-error")).code, "invite.unknown");
  const other = await newPage(t, browser);
  await other.goto(link.slice(0, -10));
  assert.equal((await files.problem(other, "invite-error")).code, "invite.invalid");
  await at(page, "invite-paste").waitFor();
});

test("an invite of another relay moves the page there, and there is a way back", async (t) => {
  const [relay, site] = [await house(t), await startRelay(t)];
  const link = await invite(relay);
  const page = await newPage(t, browser);
  await demo.openOnline(page, site.origin);
  await at(page, "credit-limit").waitFor();
  assert.equal(await at(page, "invite-paste").isVisible(), false, "who has an account is not asked for an invite");
  await at(page, "link-input").fill(link.slice(link.indexOf("mimei:"))); // As people do.
  await at(page, "link-open").click();
  await at(page, "invite-join").click();
  await at(page, "invite-done").waitFor();
  await demo.shows(page, "relay-id", relay.user);
  assert.equal(await demo.value(page, "credit-limit"), "100000000");
  await page.reload();
  await demo.shows(page, "relay-id", relay.user);
  await at(page, "relay-own").click();
  await demo.shows(page, "relay-id", site.user);
  assert.equal(await at(page, "relay-own").count(), 0);
});

test("a stranger reads by link at the author's expense, and stores nothing", async (t) => {
  const relay = await house(t);
  const author = await joined(t, await invite(relay));
  const url = await files.share(author, [files.file("note.txt", "for all of us")]);
  await files.sent(author);
  const stranger = await newPage(t, browser);
  await files.open(stranger, url);
  await files.showsText(stranger, "for all of us");
  await at(stranger, "credit-none").waitFor();
  await stranger.goto(relay.origin);
  await demo.state(stranger, "online");
  await files.drop(stranger, at(stranger, "share-zone"), [files.file("mine.txt", "not yet")]);
  await at(stranger, "item").waitFor();
  await demo.shows(stranger, "item-sending", "paused");
  assert.match(await at(stranger, "item-sending").innerText(), /^Paused, \d+ pieces? to go: this relay keeps nothing for you; ask its owner for an invite/);
  assert.match(await at(stranger, "credit-none").innerText(), /ask its owner for an invite/);
  // The invite is pasted; what waited is sent.
  await at(stranger, "invite-paste").fill(await invite(relay, { name: "Bob" }));
  await at(stranger, "invite-use").click();
  await at(stranger, "invite-join").click();
  await files.sent(stranger);
  for (const each of [author, stranger]) assert.deepEqual(each.complaints, []);
});

test("an upload pauses where the line ends, says so, and goes on when the owner raises it", async (t) => {
  const relay = await house(t);
  const author = await joined(t, await invite(relay, { traffic: "1M" }));
  const content = files.noise(3_000_001);
  const url = await files.share(author, [files.file("film.bin", content)]);
  await demo.shows(author, "item-sending", "paused");
  assert.match(await at(author, "item-sending").innerText(), /^Paused, \d+ pieces? to go: your credit line of 1 MB is used up; ask/);
  assert.match(await at(author, "credit-stop").innerText(), /used up; ask the relay's owner to raise it/);
  await look(author, "paused");
  await owner(relay, "credit", "Ada", "--traffic", "100M");
  await files.sent(author);
  await at(author, "credit-stop").waitFor({ state: "detached" });
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  assert.ok((await files.save(reader, "film.bin")).bytes.equals(content));
  for (const each of [author, reader]) assert.deepEqual(each.complaints, []);
});

test("a download pauses where the line ends, and goes on without a reload", async (t) => {
  const relay = await house(t);
  const author = await joined(t, await invite(relay));
  const content = files.noise(3_000_001);
  const url = await files.share(author, [files.file("film.bin", content)]);
  await files.sent(author);
  await at(author, "share-pay-stop").click();
  await demo.shows(author, "share-promise", "stopped");
  // Strangers get nothing here either: whoever reads pays.
  const strict = await relay.end("SIGTERM").then(() => startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}`, welcome: { MIMEI_STRANGERS: "0" } }));
  const reader = await joined(t, await invite(strict, { traffic: "1M", name: "Bob" }));
  await files.open(reader, url);
  const saving = files.save(reader, "film.bin");
  await at(reader, "entry-paused").waitFor();
  assert.match(await at(reader, "entry-paused").innerText(), /^Paused: your credit line of 1 MB is used up/);
  await owner(strict, "credit", "Bob", "--traffic", "100M");
  assert.ok((await saving).bytes.equals(content));
});

test("each displayed number equals what its signed records lead to", async (t) => {
  const relay = await house(t);
  const author = await joined(t, await invite(relay));
  const url = await files.share(author, [files.file("note.txt", "x".repeat(400_000))]);
  await files.sent(author);
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  await files.save(reader, "note.txt");
  await owner(relay, "credit", "Ada", "--settle", "123456", "--reason", "service");
  const unfold = () => at(author, "credit-why").locator("summary").click();
  await unfold();
  await demo.shows(author, "why-settled", "123456");
  // What readers had is told with the next account, and signed for.
  await author.reload();
  await demo.state(author, "online");
  await unfold();
  await demo.shows(author, "why-owed", "0");
  await look(author, "why");

  const { records, counts } = await savedRecords(author);
  assert.deepEqual(records.map(({ kind }) => kind).sort(), ["iou", "line", "mandate", "receipt"]);
  const expected = numbersOf(records, counts, Date.now());
  assert.ok(expected.signed > 800_000n, `both the author and the reader had it: ${expected.signed}`);
  for (const [name, number] of Object.entries(expected)) {
    assert.equal(await demo.value(author, `why-${name}`), String(number), name);
  }
  // The relay's owner reads the same.
  const [theirs] = JSON.parse(await owner(relay, "credit", "Ada", "--json"));
  for (const [name, number] of Object.entries(expected)) assert.equal(String(theirs[name]), String(number), `${name} at the relay`);
});

test("what the owner blocked is not served", async (t) => {
  const relay = await house(t);
  const author = await joined(t, await invite(relay));
  const url = await files.share(author, [files.file("note.txt", "not for long")]);
  await files.sent(author);
  await owner(relay, "block", url);
  const reader = await newPage(t, browser);
  await reader.goto(url);
  assert.match((await files.problem(reader, "open-error")).text, /does not serve this/);
  await owner(relay, "block", "--undo", url);
  await reader.reload();
  await files.showsText(reader, "not for long");
});
