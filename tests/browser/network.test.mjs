/** From another machine: what localhost hides, secure contexts and real addresses. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch, newPage } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import * as files from "./parts/files.mjs";
import { look } from "./parts/look.mjs";
import { noNamespaces, twoMachines, wrapped } from "./parts/network.mjs";
import { startRelay } from "./parts/relay.mjs";
import { startStaticSite } from "./parts/static-site.mjs";

const skip = noNamespaces();
const file = { after };
let relay, browser, far;
if (!skip) {
  const machines = await twoMachines(file);
  far = machines.far;
  relay = await startRelay(file, { listen: `${machines.near.ip}:0`, inside: machines.near.inside });
  browser = await launch(file, { executable: await wrapped(file, far, process.env.CHROMIUM) });
}

test("from another machine a page over plain http explains itself in one sentence and makes no identity", { skip }, async (t) => {
  const page = await newPage(t, browser);
  await page.goto(relay.origin);
  const explained = page.getByTestId("insecure");
  const sentence = await explained.getByRole("heading", { level: 1 }).innerText();
  assert.match(sentence, /^[A-Z][^.!?]*plain http[^.!?]*\.$/, "one sentence");
  await explained.getByText(relay.address).waitFor();
  assert.ok((await explained.innerText()).includes(`http://localhost:${relay.port}/`));

  assert.equal(await page.evaluate(() => isSecureContext), false);
  assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.equal(page.workers().length, 0);
  assert.equal(await page.getByTestId("me-id").count(), 0);
  await look(page, "insecure");
  assert.deepEqual(page.complaints, []);
});

test("from another machine a secure page without a relay of its own reaches one by address alone", { skip }, async (t) => {
  const page = await newPage(t, browser);
  await page.goto(await startStaticSite(t, far));
  await demo.error(page, "relay.none");
  await demo.connectTo(page, relay.address);
  await demo.state(page, "online");
  assert.equal(await demo.value(page, "relay-way"), "rtc-direct");
  assert.equal(await demo.value(page, "relay-trust"), "expected");
  assert.equal(await demo.value(page, "relay-id"), relay.user);
  assert.ok((await demo.ping(page)) >= 0);
});

test("from another machine a file goes through the relay to a second page", { skip }, async (t) => {
  const site = await startStaticSite(t, far);
  const bytes = files.noise(600_000);
  const author = await newPage(t, browser);
  await author.goto(site);
  await demo.connectTo(author, relay.address);
  await demo.state(author, "online");
  const url = await files.share(author, [files.file("noise.bin", bytes)]);
  await files.sent(author);
  const reader = await newPage(t, browser);
  await files.open(reader, url);
  assert.deepEqual((await files.save(reader, "noise.bin")).bytes, bytes);
});
