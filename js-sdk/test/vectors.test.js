// The shared vectors, read by what docs/format.md and docs/protocol.md say and by nothing of ours: another
// implementation must reach the same bytes, addresses, signatures and verdicts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, mapOf } from "./dag-cbor.js";
import { DAG_CBOR, RAW, cidOf, hexOf, isInvite, isLink, textOf } from "./independent/address.js";
import { derive } from "./independent/blake3.js";
import { hpkeOpened, isSignedBy, keysOfLink, publicBytes } from "./independent/keys.js";
import { mapFrom } from "./independent/map.js";
import { entries, message, proof, sessionClaim } from "./independent/messages.js";
import { genesis, isSignedRecord, isSignedType, publicBlock, sealedBlock } from "./independent/records.js";
import { epochId, opened, publicStored } from "./independent/seal.js";
import { bytesOf, vectorsOf } from "./independent/vectors.js";

const [identity, records] = [[...vectorsOf("identity"), ...vectorsOf("credit")], vectorsOf("records")];
const BLOCKS = { sealed: sealedBlock, public: publicBlock };
const SHAPES = { genesis, sessionClaim, proof, message, log: entries, ...BLOCKS };
/** Types whose bytes are not one CBOR value. */
const NOT_CBOR = new Set(["packet", "link", "invite"]);
const isCbor = (vector) => !NOT_CBOR.has(vector.type) && !vector.cid.startsWith("bafk");

/** What is signed in the record of that name. */
function bodyNamed(name) {
  return decode(bytesOf(records.find((vector) => vector.name === name))).get("body");
}

/** Whether bytes are what their type says, as far as one value alone shows it. */
function isValid(vector) {
  if (vector.type === "invite") return isInvite(Buffer.from(bytesOf(vector)).toString());
  if (vector.type === "link") return isLink(Buffer.from(bytesOf(vector)).toString());
  try {
    if (vector.cid.startsWith("bafk")) return vector.type === "public";
    const value = decode(bytesOf(vector));
    if (isSignedType(vector.type)) return isSignedRecord(vector.type, value);
    SHAPES[vector.type](value);
    if (vector.type === "public") return value.get("links").length > 0;
    return vector.type !== "sealed" || opened(value, Buffer.from(vector.key, "hex")) !== null;
  } catch {
    return false;
  }
}

test("what decodes is encoded again to the same bytes", () => {
  for (const vector of [...identity, ...records].filter((vector) => isCbor(vector) && vector.valid)) {
    const bytes = bytesOf(vector);
    assert.deepEqual(encode(decode(bytes)), Buffer.from(bytes), vector.name);
  }
});

test("what has another encoding is refused", () => {
  const names = ["Truncated", "Trailing", "NotCanonical", "NotUtf8"];
  const errors = [...names, 'ExpectedKey("sig")', 'Expected("a link")', 'Expected("an unsigned integer")'];
  const wrong = identity.filter((vector) => isCbor(vector) && errors.includes(vector.error));
  assert.ok(wrong.length >= 10);
  wrong.push(...records.filter(({ name }) => /cut short$|with a byte behind$/.test(name)));
  for (const vector of wrong) {
    if (isCbor(vector)) assert.throws(() => decode(bytesOf(vector)), undefined, vector.name);
  }
});

test("addresses are those of the bytes", () => {
  for (const vector of [...identity, ...records].filter(({ cid }) => cid !== null)) {
    const codec = vector.cid.startsWith("bafk") ? RAW : DAG_CBOR;
    assert.equal(textOf(cidOf(bytesOf(vector), codec)), vector.cid, vector.name);
  }
});

test("records get their verdict, by shape, signature and seal", () => {
  for (const vector of records) assert.equal(isValid(vector), vector.valid, `${vector.type}: ${vector.name}`);
});

test("entries, messages and proofs get their verdict", () => {
  const types = ["entry", "message", "proof", "sessionClaim"];
  for (const vector of identity.filter(({ type }) => types.includes(type))) {
    assert.equal(isValid(vector), vector.valid, `${vector.type}: ${vector.name}`);
  }
  const claimed = identity.find(({ name }) => name === "a dialer's claim");
  const proven = decode(bytesOf(identity.find(({ name }) => name === "the dialer's proof for that claim")));
  assert.ok(isSignedBy(proven.get("device"), "mimei/session/1", decode(bytesOf(claimed)), proven.get("sig")));
});

test("every entry of a valid log is signed, and names entries before it", () => {
  const logs = identity.filter(({ type, valid }) => type === "log" && valid);
  for (const vector of logs) {
    const seen = new Set();
    for (const value of decode(bytesOf(vector))) {
      assert.ok(isSignedRecord("entry", value), vector.name);
      const [[, fields]] = value.get("body");
      const prev = (fields.get("prev") ?? []).map(hexOf);
      assert.ok(prev.every((id) => seen.has(id)), vector.name);
      seen.add(hexOf(cidOf(encode(value))));
    }
  }
  assert.ok(logs.length > 0);
});

test("a device that signs by a link has the link's signature", () => {
  const body = bodyNamed("by a link");
  const by = body.get("by");
  const shown = by.get("proof").get("link");
  const [user, mimei, access] = [by.get("user"), body.get("mimei"), shown.get("access")];
  const use = (device) => mapOf({ user, mimei, access, device });
  const [link, sig] = [shown.get("link"), shown.get("sig")];
  const isShown = (device) => isSignedBy(link, "mimei/exercise/1", use(device), sig);
  assert.ok(isShown(by.get("device")));
  assert.ok(!isShown(new Uint8Array(32)), "it serves no other device");
});

test("keys of devices and of epochs are what they name", () => {
  const first = decode(bytesOf(identity[0])).get("body").get("create");
  const nameSecret = Buffer.from("e81ca293e5abad58b220f2080ae5c651c9ecc3d188f6e2e283aa3a8e74e1ee39", "hex");
  const nameTag = Buffer.from(first.get("nameTag"));
  assert.deepEqual(nameTag, derive("mimei/name-tag/1", nameSecret), "the example of docs/format.md");
  const open = bodyNamed("everyone may read").get("keys");
  assert.deepEqual(Buffer.from(open.get("epoch")), epochId(open.get("clear")));
});

test("a link's secret gives its keys, and opens the epoch that is sealed to it", () => {
  const body = bodyNamed("a user until a date, and a link");
  const keys = body.get("keys");
  const named = body.get("audiences")[1].get("who").get("link");
  const { sign, seal } = keysOfLink(Buffer.alloc(32, 5));
  assert.deepEqual(publicBytes(sign), Buffer.from(named.get("sign")));
  assert.deepEqual(publicBytes(seal), Buffer.from(named.get("seal")));
  const share = keys.get("sealed").find((share) => publicBytes(seal).equals(share.get("to")));
  const info = Buffer.concat([Buffer.from("mimei/epoch-key/1"), body.get("mimei").bytes, keys.get("epoch")]);
  const epochKey = hpkeOpened(seal, info, Buffer.from(share.get("sealed")));
  assert.deepEqual(epochId(epochKey), Buffer.from(keys.get("epoch")));
  assert.throws(() => hpkeOpened(seal, Buffer.from("mimei/seal-share/1"), Buffer.from(share.get("sealed"))));
});

test("maps of so many entries have these roots", () => {
  for (const { salt, entries, heavy, nodes, root } of vectorsOf("maps")) {
    const list = Array.from({ length: entries }, (_, n) => entryOf(n, heavy));
    const made = mapFrom(list, Buffer.from(salt, "hex"), addressOf);
    assert.equal(textOf(made.root), root, `${entries} entries`);
    assert.equal(made.nodes.length, nodes, `${entries} entries`);
  }
});

function entryOf(n, heavy) {
  const key = Buffer.from(`key-${String(n).padStart(6, "0")}`);
  const value = Buffer.from(n + "x".repeat(heavy === 0 ? 0 : (37 * n) % heavy));
  const block = cidOf(value, RAW);
  if (n % 7 === 0) return { key, value, links: [block] };
  return n % 11 === 0 ? { key, links: [block], isBlock: true } : { key, value, links: [] };
}

function addressOf(body, links) {
  const { codec, bytes } = publicStored(body, links);
  return cidOf(bytes, codec);
}
