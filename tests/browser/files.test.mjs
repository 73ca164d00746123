/** A file goes from tab to relay to tab. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { look } from "./parts/look.mjs";
import { freshData, startRelay } from "./parts/relay.mjs";

const { file } = files;
const suite = { after };
const browser = await launch(suite);
const relay = await startRelay(suite);
const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

/** Somebody who is online at that relay. */
async function person(t, at = relay) {
  const page = await newPage(t, browser);
  await demo.openOnline(page, at.origin);
  return page;
}

/** Somebody who was sent a link. */
async function reader(t, url) {
  const page = await newPage(t, browser);
  await files.open(page, url);
  return page;
}

/** A text that was shared and is at the relay. */
async function shared(t, text, can) {
  const author = await person(t);
  const url = await files.share(author, [file("note.txt", text)], can);
  await files.sent(author);
  return { author, url };
}

test("a file dropped in one browser is opened by its link in another, byte for byte", async (t) => {
  const author = await person(t);
  const content = files.noise(700_001);
  const url = await files.share(author, [file("holiday plan.bin", content)]);
  assert.match(url, /^http:\/\/[^#]+#mimei:b[a-z2-7]+\?[A-Za-z0-9\-._~:@,/?&=%]+%23[a-z2-7]{52}$/, "it has only what URLs may have");
  await files.sent(author);

  const other = await reader(t, url);
  assert.equal(await demo.value(other, "entry"), "holiday plan.bin");
  assert.equal(await demo.value(other, "entry-size"), "700001");
  assert.equal(await demo.value(other, "item-author"), (await demo.identity(author)).id);
  assert.equal(await demo.value(other, "item-version"), "1");
  assert.equal(await demo.value(other, "item-rights"), "read");
  const saved = await files.save(other, "holiday plan.bin");
  assert.equal(saved.name, "holiday plan.bin");
  assert.ok(saved.bytes.equals(content), `${saved.bytes.length} bytes`);
  for (const page of [author, other]) assert.deepEqual(page.complaints, []);
});

test("several files share one link; images and text are shown, what could run is only saved", async (t) => {
  const html = "<script>globalThis.ran = true</script>";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="globalThis.ran = true"/>`;
  const author = await person(t);
  const dropped = [file("a.png", PNG, "image/png"), file("b.txt", "plain words"), file("c.html", html, "text/html"), file("d.svg", svg, "image/png"), file("e.txt", "")];
  const url = await files.share(author, dropped);
  await files.sent(author);

  const page = await reader(t, url);
  assert.equal(await page.getByTestId("entry").count(), dropped.length);
  for (const [name, as] of [["a.png", "image"], ["b.txt", "text"]]) {
    await files.entry(page, name).getByTestId("entry-show").click();
    await files.entry(page, name).locator(`[data-testid=entry-shown][data-value=${as}]`).waitFor();
  }
  assert.equal(await files.entry(page, "a.png").locator("img").evaluate((image) => image.decode().then(() => image.naturalWidth)), 1);
  await files.showsText(page, "plain words");
  for (const [name, content] of [["c.html", html], ["d.svg", svg], ["e.txt", ""]]) {
    if (name !== "e.txt") assert.equal(await files.entry(page, name).getByTestId("entry-show").count(), 0, name);
    assert.equal((await files.save(page, name)).bytes.toString(), content);
  }
  for (const name of ["c.html", "d.svg"]) {
    assert.equal(await files.entry(page, name).locator("img,iframe,object,embed").count(), 0, name);
  }
  assert.equal(await page.evaluate(() => globalThis.ran), undefined);
});

test("a file that is replaced arrives as version 2 while one looks, and version 1 stays what it was", async (t) => {
  const { author, url } = await shared(t, "the first words");
  const other = await reader(t, url);
  await files.showsText(other, "the first words");
  await files.replace(author, "note.txt", "the second words");

  await files.version(other, 2);
  await files.showsText(other, "the second words");
  assert.match(await other.getByTestId("item-news").innerText(), /Version 2 has arrived/);
  await files.version(author, 2);

  const old = await reader(t, files.atVersion(url, 1));
  await files.showsText(old, "the first words");
  await files.version(old, 1);
  await old.getByTestId("item-follow").click();
  await files.showsText(old, "the second words");
  const listed = await files.listedVersion(old, 1);
  await listed.getByTestId("version-look").click();
  await files.showsText(old, "the first words");
  for (const page of [author, other, old]) assert.deepEqual(page.complaints, []);
});

test("a link that was taken back opens nothing for newcomers, and nothing new for those who were there", async (t) => {
  const { author, url } = await shared(t, "while we were friends");
  const friend = await reader(t, url);
  await files.showsText(friend, "while we were friends");
  await demo.shows(author, "shares-entry", "link");
  await author.getByTestId("shares-remove").click();
  await author.getByTestId("shares-confirm").click();
  await author.getByTestId("shares").waitFor({ state: "detached" });
  assert.equal(await author.getByTestId("share-url").count(), 0, "a link that opens nothing is offered");
  await files.replace(author, "note.txt", "for me alone");
  await files.version(author, 2);
  await files.sent(author);

  const stranger = await newPage(t, browser);
  await stranger.goto(url);
  assert.equal((await files.problem(stranger, "open-error")).code, "mimei.notFound");
  await friend.reload();
  await files.showsText(friend, "while we were friends");
  assert.match(await friend.getByTestId("item-warning").innerText(), /you may not see it/);
  await files.version(friend, 1);
});

test("visitors see the version that the author chose, and the author the newest", async (t) => {
  const { author, url } = await shared(t, "as published");
  const visitor = await reader(t, url);
  await (await files.listedVersion(author, 1)).getByTestId("version-release").click();
  await (await files.listedVersion(author, 1)).getByTestId("version-visible").waitFor();
  await files.replace(author, "note.txt", "a draft");
  await files.version(author, 2);
  await files.sent(author);

  await demo.shows(visitor, "versions", "2");
  await files.version(visitor, 1);
  await files.showsText(visitor, "as published");
  const late = await reader(t, url);
  await files.showsText(late, "as published");
  assert.equal(await late.getByTestId("version-release").count(), 0, "visitors choose nothing");

  await (await files.listedVersion(author, 2)).getByTestId("version-release").click();
  for (const page of [visitor, late]) {
    await files.version(page, 2);
    await files.showsText(page, "a draft");
  }
});

test("the relay keeps the file and cannot read it", async (t) => {
  const own = await startRelay(t, { data: await freshData(t) });
  const author = await person(t, own);
  const [words, name] = ["a sentence that nobody else may read", "a-name-that-tells-much.txt"];
  await files.share(author, [file(name, `${words}\n`.repeat(20_000))]);
  await files.sent(author);
  const id = await demo.value(author, "item");
  await own.end("SIGTERM");

  const entries = await readdir(own.data, { recursive: true, withFileTypes: true });
  const paths = entries.filter((each) => each.isFile()).map((each) => join(each.parentPath ?? each.path, each.name));
  const stored = await Promise.all(paths.map((path) => readFile(path)));
  const has = (bytes) => stored.some((content) => content.includes(bytes));
  assert.ok(has(digestOf(id)), "the MiMei's id is found, so the search sees what is there");
  assert.ok(stored.reduce((sum, { length }) => sum + length, 0) > words.length * 20_000, "and all pieces are there");
  for (const secret of [words, name, name.slice(0, -4)]) {
    assert.ok(!has(Buffer.from(secret)), `“${secret}” lies at the relay in clear`);
    assert.ok(!has(Buffer.from(secret, "utf16le")), `“${secret}” lies at the relay in clear`);
  }
});

test("who has a link to read cannot replace the file, and is told why", async (t) => {
  const { author, url } = await shared(t, "mine");
  const visitor = await reader(t, url);
  assert.equal(await visitor.getByTestId("entry-replace").count(), 0);
  await files.drop(visitor, files.entry(visitor, "note.txt"), [file("note.txt", "yours")]);
  const { code, text } = await files.problem(visitor, "entry-error");
  assert.equal(code, "access.denied");
  assert.notEqual(text, "");

  // The author's next version comes after whatever the visitor could have sent.
  await files.replace(author, "note.txt", "still mine");
  await files.version(visitor, 2);
  await files.showsText(visitor, "still mine");
  assert.equal(await demo.value(author, "versions"), "2");
});

test("who has a link to change it makes the next version", async (t) => {
  const { author, url } = await shared(t, "from the author", "write");
  const friend = await reader(t, url);
  assert.equal(await demo.value(friend, "item-rights"), "change");
  await files.replace(friend, "note.txt", "from a friend");
  await files.version(author, 2);
  await files.showsText(author, "from a friend");
  assert.equal(await friend.getByTestId("version-release").count(), 0, "what visitors see is the author's to choose");
});

test("a link whose secret was altered or cut off opens nothing and says so", async (t) => {
  const { url } = await shared(t, "secret words");
  const secret = url.slice(-52);
  const altered = url.slice(0, -52) + (secret.startsWith("a") ? "b" : "a") + secret.slice(1);
  const cases = [[altered, ["mimei.notFound"]], [url.slice(0, -20), ["link.invalid"]]];
  for (const [damaged, codes] of cases) {
    const page = await newPage(t, browser);
    await page.goto(damaged);
    const { code, text } = await files.problem(page, "open-error");
    assert.ok(codes.includes(code), code);
    assert.notEqual(text, "");
    assert.equal(await page.getByTestId("entry").count(), 0);
    assert.equal(await page.getByText("secret words").count(), 0);
  }
});

test("a link is opened by pasting it, and what is no link is refused where it was pasted", async (t) => {
  const { url } = await shared(t, "pasted");
  const page = await person(t);
  await page.getByTestId("link-input").fill("no link at all");
  await page.getByTestId("link-open").click();
  assert.match(await page.getByTestId("link-error").innerText(), /mimei:/);
  await page.getByTestId("link-input").fill(url.slice(url.indexOf("mimei:")).replace("%23", "#"));
  await page.getByTestId("link-open").click();
  await files.showsText(page, "pasted");
});

test("a page of another relay opens a link at the relay that the link names", async (t) => {
  const { author, url } = await shared(t, "over there");
  const elsewhere = await startRelay(t);
  const page = await reader(t, url.replace(relay.origin, elsewhere.origin));
  await files.showsText(page, "over there");
  assert.equal(await demo.value(page, "relay-id"), elsewhere.user, "its own relay stays the page's");
  await files.replace(author, "note.txt", "and live");
  await files.showsText(page, "and live");
});

test("what was shared and opened is found again after a reload", async (t) => {
  const { author, url } = await shared(t, "to be kept");
  const id = await demo.value(author, "item");
  const visitor = await reader(t, url);
  for (const page of [author, visitor]) {
    await page.goto(relay.origin);
    const known = page.locator(`[data-testid=known-item][data-value=${id}]`).filter({ hasText: "note.txt" });
    await known.click();
    await files.showsText(page, "to be kept");
    await page.reload();
    await files.showsText(page, "to be kept");
  }
  assert.equal(await demo.value(author, "item-rights"), "change");
  assert.equal(await demo.value(visitor, "item-rights"), "read", "the right that came with the link stays");
});

test("what is shared while the relay is away waits, and goes out when it is back", async (t) => {
  const leaving = await startRelay(t, { data: await freshData(t) });
  const author = await person(t, leaving);
  await leaving.end("SIGTERM");
  await demo.state(author, "offline");
  const url = await files.share(author, [file("note.txt", "patience")]);
  await demo.shows(author, "item-sending", "waiting");
  assert.match(await author.getByTestId("item-sending").innerText(), /^Waiting for a relay: \d+ pieces?$/);

  await startRelay(t, { data: leaving.data, listen: `127.0.0.1:${leaving.port}` });
  await demo.state(author, "online");
  await files.sent(author);
  await files.showsText(await reader(t, url), "patience");
});

test("two who changed it apart see that it is unmerged, and choosing one settles it for both", async (t) => {
  const leaving = await startRelay(t, { data: await freshData(t) });
  const author = await person(t, leaving);
  const url = await files.share(author, [file("note.txt", "common ground")], "write");
  await files.sent(author);
  const friend = await reader(t, url);
  await files.showsText(friend, "common ground");

  await leaving.end("SIGTERM");
  for (const [page, text] of [[author, "what the author says"], [friend, "what the friend says"]]) {
    await demo.state(page, "offline");
    await files.replace(page, "note.txt", text);
    await files.version(page, 2);
    await files.showsText(page, text);
    await demo.shows(page, "item-sending", "waiting");
  }
  await startRelay(t, { data: leaving.data, listen: `127.0.0.1:${leaving.port}` });
  for (const page of [author, friend]) {
    await demo.state(page, "online");
    await demo.shows(page, "item-unmerged", "2");
  }
  await look(author, "unmerged");
  const tip = (isMine) => author.locator(`[data-testid=tip][data-mine=${isMine}]`);
  for (const [isMine, text] of [[true, "what the author says"], [false, "what the friend says"]]) {
    await tip(isMine).getByTestId("tip-look").click();
    await files.showsText(author, text);
  }
  await tip(true).getByTestId("tip-keep").click();
  for (const page of [author, friend]) {
    await page.getByTestId("item-unmerged").waitFor({ state: "detached" });
    await files.showsText(page, "what the author says");
  }
});

/** The hash in an id: CIDv1 in base32, of which the last 32 bytes are the hash. */
function digestOf(id) {
  const bits = [...id.slice(1)].map((letter) => "abcdefghijklmnopqrstuvwxyz234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2));
  return Buffer.from(bytes.slice(-32));
}

test("two tabs of one profile write one history", async (t) => {
  const { author, url } = await shared(t, "one", "write");
  const second = await author.context().newPage();
  await files.open(second, url);
  for (const [writer, other, text, number] of [[second, author, "two", 2], [author, second, "three", 3], [second, author, "four", 4]]) {
    await files.replace(writer, "note.txt", text);
    for (const page of [writer, other]) {
      await files.version(page, number);
      await files.showsText(page, text);
      assert.equal(await page.getByTestId("item-unmerged").count(), 0);
    }
  }
});
