/** Keys at rest: a copy of the browser's database tells nobody the device's secrets. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { launch, launchProfile, newPage, watched } from "./parts/browser.mjs";
import * as demo from "./parts/demo.mjs";
import { startRelay } from "./parts/relay.mjs";

const file = { after };
const relay = await startRelay(file);

test("the device's secrets are stored encrypted, by a key that no script can read", async (t) => {
  const page = await newPage(t, await launch(t));
  await demo.openOnline(page, relay.origin);
  const found = await page.evaluate(openVault);

  assert.equal(found.rows, 1, "one row of driver/1");
  assert.equal(found.keys, 1, "one wrapping key");
  assert.deepEqual(found.key, { extractable: false, algorithm: "AES-GCM", export: "InvalidAccessError" });
  const { device } = await demo.identity(page);
  const plain = Buffer.from(found.plain);
  assert.ok(plain.includes(Buffer.from(device, "hex")), "what the key opens is this device's");
});

test("no file of the profile has the device's secrets in clear, and they open again in the next browser", async (t) => {
  const first = await launchProfile(t);
  const page = await watched(await first.context.newPage());
  await demo.openOnline(page, relay.origin);
  const who = await demo.identity(page);
  const { plain, cipher } = await page.evaluate(openVault);
  await first.context.close();

  const stored = await contents(join(first.profile, "Default", "IndexedDB"));
  assert.ok(has(stored, Buffer.from(cipher)), "the encrypted row is found, so the search sees what is there");
  for (const name of ["seal", "sign"]) {
    assert.ok(!has(stored, bytesNamed(Buffer.from(plain), name)), `the device's ${name} secret lies in a file`);
  }

  const { context } = await launchProfile(t, first.profile);
  const again = await watched(await context.newPage());
  await demo.openOnline(again, relay.origin);
  assert.deepEqual(await demo.identity(again), who);
});

/** Runs in the page: what a script of the same origin finds. It may use the key, since it is the same origin. */
async function openVault() {
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const database = await done(indexedDB.open("mimei"));
  const all = (name) => done(database.transaction(name).objectStore(name).getAll());
  const [rows, keys] = [await all("driver/1"), await all("crypto/1")];
  database.close();
  const [key] = keys;
  // CBOR `[name of the key: 16 bytes, nonce: 12 bytes, ciphertext]`.
  const row = new Uint8Array(rows[0]);
  const nonceAt = 1 + 1 + 16 + 1;
  const cipherAt = nonceAt + 12 + { 0x58: 2, 0x59: 3 }[row[nonceAt + 12]];
  const cipher = row.slice(cipherAt);
  const algorithm = { name: "AES-GCM", iv: row.slice(nonceAt, nonceAt + 12) };
  const plain = new Uint8Array(await crypto.subtle.decrypt(algorithm, key, cipher));
  const exported = await crypto.subtle.exportKey("raw", key).catch(({ name }) => name);
  return {
    rows: rows.length,
    keys: keys.length,
    key: { extractable: key.extractable, algorithm: key.algorithm.name, export: exported },
    cipher: [...cipher],
    plain: [...plain],
  };
}

/** The first 32 bytes of that name in CBOR: the device's secrets come before everything else. */
function bytesNamed(cbor, name) {
  const head = Buffer.from([0x60 + name.length, ...Buffer.from(name), 0x58, 32]);
  const at = cbor.indexOf(head);
  assert.ok(at >= 0, `${name} is there`);
  return cbor.subarray(at + head.length, at + head.length + 32);
}

async function contents(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return await Promise.all(files.map((path) => readFile(path)));
}

const has = (files, bytes) => files.some((content) => content.includes(bytes));
