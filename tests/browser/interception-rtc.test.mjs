/** Somebody who controls the HTTP signalling between the page and its relay. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { startInterceptor } from "./parts/interceptor.mjs";
import { startProxy } from "./parts/proxy.mjs";
import { startRelay } from "./parts/relay.mjs";

const file = { after };
const browser = await launch(file);
const relay = await startRelay(file);

/** The proxy's `answer`: signalling is changed, everything else passed on. */
const signalling = (change) => (path, body, passOn) => (path === "/rtc" ? change(body, passOn) : passOn());

test("signalling that is only passed on makes a session", async (t) => {
  const proxy = await startProxy(t, relay.origin);
  const page = await newPage(t, browser);
  await demo.openOnline(page, `${proxy.origin}/?way=rtc`);
  assert.equal(await demo.value(page, "relay-id"), relay.user);
});

test("a changed fingerprint in the relay's answer makes no connection", async (t) => {
  const proxy = await startProxy(t, relay.origin);
  let changed = 0;
  proxy.answer = signalling(async (_offer, passOn) => {
    const answer = String(await passOn());
    changed += 1;
    return answer.replace(/^(a=fingerprint:sha-256 )(..)/m, (_all, name, first) => name + (first === "00" ? "01" : "00"));
  });
  const page = await newPage(t, browser);
  await page.goto(`${proxy.origin}/?way=rtc`);

  const { text } = await demo.error(page);
  assert.match(text, /cannot be reached|did not open/);
  assert.ok(changed > 0);
  assert.equal(await demo.wasOnline(page), false);
});

test("one who ends both data channels and passes every message on is found out", async (t) => {
  const proxy = await startProxy(t, relay.origin);
  const interceptor = await startInterceptor(t);
  proxy.answer = signalling(async (offer) => {
    const askRelay = async (sdp) => {
      const headers = { "content-type": "application/sdp" };
      return await (await fetch(`${relay.origin}/rtc`, { method: "POST", headers, body: sdp })).text();
    };
    return await interceptor.answer(String(offer), askRelay);
  });
  const page = await newPage(t, browser);
  await page.goto(`${proxy.origin}/?way=rtc`);

  const { text } = await demo.error(page, "handshake.intercepted");
  assert.match(text, /intercept/);
  assert.match(text, /Try another network/);
  const { toRelay, toVictim } = await interceptor.passed();
  assert.ok(toRelay >= 1 && toVictim >= 1, `the two did talk through it: ${toRelay} and ${toVictim} messages`);
  assert.equal(await demo.wasOnline(page), false);
});

test("a relay that is another one than this origin names is refused", async (t) => {
  const [proxy, stranger] = [await startProxy(t, relay.origin), await startRelay(t)];
  proxy.answer = signalling((_offer, passOn) => passOn(stranger.origin));
  const page = await newPage(t, browser);
  await page.goto(`${proxy.origin}/?way=rtc`);

  const { text } = await demo.error(page, "handshake.unexpected-peer");
  assert.ok(text.includes(stranger.user), text);
  assert.equal(await demo.state(page, "failed"), "failed", "trying again by itself would not help");
  assert.equal(await demo.wasOnline(page), false);
});
