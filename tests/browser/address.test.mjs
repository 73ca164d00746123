/** A relay dialled by the address that a person pastes. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { startRelay } from "./parts/relay.mjs";

const file = { after };
const browser = await launch(file);
/** Serves the page. */
const home = await startRelay(file);
/** Is dialled from it. */
const other = await startRelay(file);

async function atHome(t) {
  const page = await newPage(t, browser);
  await demo.openOnline(page, home.origin);
  return page;
}

/** Another character there, so that it is another value of the same shape. */
function mistyped(text, at) {
  return text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);
}

test("another relay is reached by its address alone, stays chosen, and can be left", async (t) => {
  const page = await atHome(t);
  await demo.connectTo(page, `  ${other.address}\n`);
  await demo.shows(page, "relay-id", other.user);
  await demo.state(page, "online");
  assert.equal(await demo.value(page, "relay-way"), "rtc-direct");
  assert.equal(await demo.value(page, "relay-trust"), "expected");

  await page.reload();
  await demo.state(page, "online");
  assert.equal(await demo.value(page, "relay-id"), other.user, "after a reload too");

  await page.getByTestId("relay-own").click();
  await demo.shows(page, "relay-id", home.user);
  await demo.state(page, "online");
  assert.deepEqual(page.complaints, []);
});

describe("an address that is wrong", { concurrency: true }, () => {
  test("a wrong fingerprint makes no connection and a clear error", async (t) => {
    const page = await atHome(t);
    await demo.connectTo(page, mistyped(other.address, other.address.lastIndexOf("/") + 10));
    const { text } = await demo.error(page);
    assert.match(text, /did not open in time|cannot be reached/);
    assert.match(text, /address/, "it says what to look at");
    assert.equal(await demo.value(page, "relay-id"), other.user);
    assert.notEqual(await demo.value(page, "relay-state"), "online");
  });

  test("a wrong user id is somebody else, who is refused", async (t) => {
    const page = await atHome(t);
    await demo.connectTo(page, other.address.replace(other.user, home.user));
    const { text } = await demo.error(page, "handshake.unexpected-peer");
    assert.ok(text.includes(other.user), text);
    assert.match(text, /Check the relay's address/);
    assert.equal(await demo.state(page, "failed"), "failed");
  });

  test("what is no address is told at the input, and the session goes on", async (t) => {
    const page = await atHome(t);
    const wrong = [
      ["", /begins with “relay:”/],
      ["relay.example", /begins with “relay:”/],
      [other.address.split("/")[0], /part of this relay address is missing/],
      [other.address.slice(0, -1), /fingerprint, is cut off/],
      [other.address.replace("bafyr", "bafyx"), /id in this relay address is cut off/],
      [other.address.replace("127.0.0.1", "localhost"), /not an IP address and port/],
      [other.address.replace(/:\d+\//, ":22/"), /do not open data channels to port 22/],
      ["http://192.0.2.7:6464", /over https, not http/],
    ];
    for (const [text, message] of wrong) {
      await demo.connectTo(page, text);
      assert.match(await page.getByTestId("relay-address-error").innerText(), message);
      await page.getByTestId("relay-address").fill("r");
      await page.getByTestId("relay-address-error").waitFor({ state: "detached" });
    }
    assert.equal(await demo.value(page, "relay-state"), "online");
    assert.equal(await demo.value(page, "relay-id"), home.user);
    assert.deepEqual(await page.evaluate(() => globalThis.statesSeen), ["connecting", "online"]);
  });

  test("a link with such an address opens the page with its own relay", async (t) => {
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${home.origin}/?relay=nonsense`);
    assert.equal(await demo.value(page, "relay-id"), home.user);
  });
});
