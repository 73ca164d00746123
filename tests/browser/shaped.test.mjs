/** Over a line of 50 ms round trip and 1 % loss. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { startRelay } from "./parts/relay.mjs";
import { ONE_WAY_MS, startTcpShaper, startUdpShaper } from "./parts/shaper.mjs";

const file = { after };
const PINGS = 30;

const udp = await startUdpShaper(file);
const relay = await startRelay(file, { more: ["--announce", `127.0.0.1:${udp.port}`] });
udp.to = relay.port;
const origin = `http://localhost:${await startTcpShaper(file, relay.port)}`;
const browser = await launch(file);

describe("over a long line with losses", { concurrency: true }, () => {
  for (const way of ["rtc-direct", "ws"]) {
    test(`by ${way} a session opens and lives, at the line's own speed`, async (t) => {
      t.diagnostic(`SHAPER_SEED=${udp.seed}`);
      const page = await newPage(t, browser);
      await demo.openOnline(page, `${origin}/?way=${way}`);
      assert.equal(await demo.value(page, "relay-way"), way);
      const rtts = [];
      for (let at = 0; at < PINGS; at++) rtts.push(await demo.ping(page));

      assert.ok(Math.min(...rtts) >= 2 * ONE_WAY_MS - 1, `the line was in between: ${rtts}`);
      const median = rtts.sort((a, b) => a - b)[PINGS >> 1];
      assert.ok(median < 4 * 2 * ONE_WAY_MS, `most go through at once: ${rtts}`);
      assert.deepEqual(await page.evaluate(() => globalThis.statesSeen), ["connecting", "online"]);
    });
  }

  for (const way of ["rtc-direct", "ws"]) {
    test(`by ${way} a file goes from page to page, byte for byte`, async (t) => {
      const bytes = files.noise(700_000);
      const author = await newPage(t, browser);
      await demo.openOnline(author, `${origin}/?way=${way}`);
      const url = new URL(await files.share(author, [files.file("noise.bin", bytes)]));
      await files.sent(author);
      url.searchParams.set("way", way);
      const reader = await newPage(t, browser);
      await files.open(reader, url.href);
      assert.equal(await demo.value(reader, "relay-way"), way);
      assert.deepEqual((await files.save(reader, "noise.bin")).bytes, bytes);
    });
  }

  test("losses do happen", async (t) => {
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${origin}/?way=rtc-direct`);
    while (udp.counts.lost === 0) await demo.ping(page);
    t.diagnostic(`${udp.counts.lost} of ${udp.counts.lost + udp.counts.passed} datagrams`);
  });
});
