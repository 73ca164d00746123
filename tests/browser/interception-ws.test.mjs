/** Somebody who ends TLS in front of the WebSocket, as reverse proxies do. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { startProxy } from "./parts/proxy.mjs";
import { startRelay } from "./parts/relay.mjs";

const file = { after };
const browser = await launch(file);
const relay = await startRelay(file);

async function victim(t) {
  return { proxy: await startProxy(t, relay.origin), page: await newPage(t, browser) };
}

const url = (proxy) => `${proxy.origin}/?way=ws`;

test("one who passes everything on learns nothing of what is said, nor who says it", async (t) => {
  const { proxy, page } = await victim(t);
  const seen = { toRelay: [], toPage: [] };
  proxy.message = (direction, _at, bytes) => (seen[direction].push(bytes), bytes);
  await demo.openOnline(page, url(proxy));
  const before = seen.toRelay.length;
  await demo.ping(page);
  const { id, device } = await demo.identity(page);

  assert.equal(await demo.value(page, "relay-trust"), "expected");
  assert.ok(before >= 3 && seen.toPage.length >= 2, "the handshake went through it");
  assert.ok(seen.toRelay.length > before, "so did the ping");
  const all = Buffer.concat([...seen.toRelay, ...seen.toPage]);
  assert.ok(all.length > 500, `${all.length} bytes`);
  const secrets = {
    "the relay's id": idBytes(relay.user),
    "the user's id": idBytes(id),
    "the device's key": Buffer.from(device, "hex"),
    "the name of a message": Buffer.from("hello"),
    "the name of another": Buffer.from("ping"),
  };
  for (const [what, bytes] of Object.entries(secrets)) assert.ok(!all.includes(bytes), `${what} was to be seen`);
});

describe("one changed bit", { concurrency: true }, () => {
  const messages = [["toRelay", 0], ["toPage", 0], ["toRelay", 1], ["toPage", 1], ["toRelay", 2]];
  for (const [direction, at] of messages) {
    test(`in message ${at} ${direction} ends the session with an error`, async (t) => {
      const { proxy, page } = await victim(t);
      let changed = 0;
      proxy.message = (way, index, bytes) => (way === direction && index === at ? (changed++, turned(bytes)) : bytes);
      await page.goto(url(proxy));

      const { code } = await demo.error(page);
      assert.match(code, /^(handshake|connection|network)\./);
      assert.ok(changed > 0);
      // The page's own last message: the relay has already said that it is the right one.
      if (at < 2) assert.equal(await demo.wasOnline(page), false);
    });
  }

  test("in an answer ends a session that was open", async (t) => {
    const { proxy, page } = await victim(t);
    await demo.openOnline(page, url(proxy));
    proxy.message = (way, _at, bytes) => (way === "toPage" ? turned(bytes) : bytes);
    // An answer that comes by itself may be the one that ends it, and the button is gone.
    const clicked = page.getByRole("button", { name: "Measure" }).click().catch(() => {});
    await demo.error(page, "handshake.intercepted");
    await page.close();
    await clicked;
  });
});

test("a relay that is another one than this origin names is refused", async (t) => {
  const { proxy, page } = await victim(t);
  const stranger = await startRelay(t);
  proxy.sockets = stranger.origin;
  await page.goto(url(proxy));

  const { text } = await demo.error(page, "handshake.unexpected-peer");
  assert.ok(text.includes(relay.user) && text.includes(stranger.user), text);
  assert.equal(await demo.state(page, "failed"), "failed", "trying again by itself would not help");
  assert.equal(await demo.wasOnline(page), false);
});

test("where UDP is blocked the page goes by WebSocket, without being told", async (t) => {
  const { proxy, page } = await victim(t);
  // The address that the relay gives of itself leads nowhere, as behind a firewall.
  proxy.answer = async (path, _body, passOn) => {
    const said = await passOn();
    return path === "/.well-known/mimei" ? String(said).replace(/@127\.0\.0\.1:\d+/, "@127.0.0.1:65535") : said;
  };
  await demo.openOnline(page, proxy.origin);
  assert.equal(await demo.value(page, "relay-way"), "ws");
});

/** With one bit in its middle turned around. */
function turned(bytes) {
  const changed = Buffer.from(bytes);
  changed[changed.length >> 1] ^= 1;
  return changed;
}

/** The 36 bytes that an id has on the wire. */
function idBytes(id) {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const bits = [...id.slice(1)].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  assert.equal(bytes.length, 36);
  return bytes;
}
