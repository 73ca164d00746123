// The shared vectors, read and written by the core as wasm, where a length has 32 bits: tests/in-browser.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { before, test } from "node:test";
import { bytesOf, vectorsOf } from "./independent/vectors.js";

const PKG = new URL("../../tests/in-browser/pkg/", import.meta.url);
const all = [...vectorsOf("identity"), ...vectorsOf("records"), ...vectorsOf("credit")];
/** Types whose vectors have an address, which a changed byte cannot keep. */
const ADDRESSED = ["entry", "log", "sessionClaim", "proof", "message", "genesis", "version", "head", "access", "sealed", "public", "line", "iou", "receipt", "mandate", "prices"];
/** Between the bytes that are changed in turn: all of them would take a minute. */
const STRIDE = 7;

let wasm;

before(async () => {
  const module = new URL("in_browser_bg.wasm", PKG);
  if (!existsSync(module)) throw new Error("tests/in-browser/pkg is missing: run `cargo xtask wasm --tests` first.");
  wasm = await import(new URL("in_browser.js", PKG));
  await wasm.default({ module_or_path: readFileSync(module) });
});

/** The bytes as they are written again, or why they are refused. */
function readAgain(vector, bytes) {
  const key = vector.key ? Buffer.from(vector.key, "hex") : undefined;
  try {
    return { bytes: wasm.readAgain(vector.type, bytes, vector.cid ?? undefined, key) };
  } catch (error) {
    assert.equal(typeof error, "string", `${vector.type}: ${vector.name} is refused in words, and did not panic: ${error}`);
    return { error };
  }
}

/** What is wrong with a vector, or null. */
function fault(vector, bytes = bytesOf(vector)) {
  const again = readAgain(vector, bytes);
  if ((again.error === undefined) !== vector.valid) return `the verdict: ${again.error}`;
  if (vector.error && again.error !== vector.error) return `the reason: ${again.error}`;
  if (vector.valid && !Buffer.from(again.bytes).equals(Buffer.from(bytes))) return "it is written in another way";
  if (vector.cid && wasm.addressOf(bytes, vector.cid.startsWith("bafk")) !== vector.cid) return "the address";
  return null;
}

const nameOf = (vector) => `${vector.type}: ${vector.name}`;

test("every vector has its verdict, its reason, its address, and is written again as it was", () => {
  for (const vector of all) assert.equal(fault(vector), null, nameOf(vector));
  for (const type of [...ADDRESSED, "packet", "link"]) {
    assert.ok(all.some((vector) => vector.type === type && vector.valid), type);
  }
});

test("a vector with a changed byte is at fault, whichever byte it is", () => {
  let changed = 0;
  for (const vector of all.filter(({ cid, valid }) => valid && cid !== null)) {
    const bytes = bytesOf(vector);
    for (let at = 0; at < bytes.length; at += STRIDE) {
      const other = bytes.slice();
      other[at] ^= 1 << (at % 8);
      assert.notEqual(fault(vector, other), null, `${nameOf(vector)}, byte ${at}`);
      changed += 1;
    }
  }
  assert.ok(changed > 1_000, String(changed));
});

test("a signed record, a log and a sealed block are refused if a byte of theirs is another", () => {
  const guarded = ["entry", "log", "version", "head", "access", "sealed"];
  for (const vector of all.filter(({ type, valid }) => valid && guarded.includes(type))) {
    const bytes = bytesOf(vector);
    for (let at = 0; at < bytes.length; at += STRIDE) {
      const other = bytes.slice();
      other[at] ^= 0x10;
      assert.ok(readAgain(vector, other).error, `${nameOf(vector)}, byte ${at}`);
    }
  }
});

test("maps have the roots and nodes that the vectors hold", () => {
  for (const { salt, entries, heavy, nodes, root } of vectorsOf("maps")) {
    const byte = Number.parseInt(salt.slice(0, 2), 16);
    assert.equal(salt, salt.slice(0, 2).repeat(32));
    assert.equal(wasm.rootOfMap(byte, entries, heavy), `${root} ${nodes}`, `${entries} entries`);
  }
});
