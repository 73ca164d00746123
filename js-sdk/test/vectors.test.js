// The shared vectors, read by what docs/format.md and docs/protocol.md say and by nothing of ours: another
// implementation must reach the same bytes, addresses, signatures and verdicts.
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Link, decode, encode } from "./dag-cbor.js";

const read = (name) => JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url), "utf8"));
const identity = read("identity");
const records = read("records");
const bytesOf = (vector) => new Uint8Array(Buffer.from(vector.hex, "hex"));
/** Types whose bytes are not one CBOR value. */
const NOT_CBOR = new Set(["packet", "link"]);
const isCbor = (vector) => !NOT_CBOR.has(vector.type) && !vector.cid.startsWith("bafk");

// What a record must look like: a value that has another shape throws.

const must = (holds, what) => {
  if (!holds) throw new Error(`not ${what}`);
};
const uint = (v) => must(typeof v === "bigint", "an integer");
const bool = (v) => must(typeof v === "boolean", "a boolean");
const text = (v) => must(typeof v === "string", "text");
const bytes = (n) => (v) => must(v instanceof Uint8Array && (n === undefined || v.length === n), `${n} bytes`);
const link = (v) => must(v instanceof Link, "a link");
const id = (v) => must(v instanceof Link && v.codec === 0x71, "the address of a record");
const none = (v) => must(v === null, "null");
const oneOf = (...names) => (v) => must(names.includes(v), names.join(" or "));
const orNull = (shape) => (v) => v === null || shape(v);
const list = (shape) => (v) => {
  must(Array.isArray(v), "an array");
  v.forEach(shape);
};
const pair = (a, b) => (v) => {
  must(Array.isArray(v) && v.length === 2, "a pair");
  a(v[0]);
  b(v[1]);
};
const record = (fields) => (v) => {
  must(v instanceof Map && v.size === Object.keys(fields).length, "a record with these keys");
  for (const [name, shape] of Object.entries(fields)) {
    must(v.has(name), `a record with ${name}`);
    shape(v.get(name));
  }
};
const union = (variants) => (v) => {
  must(v instanceof Map && v.size === 1, "one variant");
  const [[name, value]] = v;
  must(Object.hasOwn(variants, name), "a known variant");
  variants[name](value);
};
const signed = (body) => record({ sig: bytes(64), body });

const key = bytes(32);
const device = record({ seal: key, sign: key });
const share = record({ device: key, sealed: bytes() });
const generation = record({ key, number: uint, shares: list(share) });
const entry = union({
  create: record({ root: key, seal: generation, time: uint, device, nameTag: key, nextRoot: key }),
  addDevice: record({ by: key, prev: list(id), time: uint, user: id, proof: bytes(64), share, device }),
  revokeDevice: record({ by: key, prev: list(id), seal: generation, time: uint, user: id, device: key, accepted: list(link) }),
});
const app = (v) => {
  text(v);
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  must(v.length <= 253 && new RegExp(`^${label}(?:\\.${label})+$`).test(v), "an app");
};
const ext = (v) => {
  text(v);
  must(/^[a-z0-9._+-]{0,32}$/.test(v), "an extension");
};
const genesis = record({ app, ext, kind: oneOf("file", "folder", "database"), name: key, author: id });
const linkProof = record({ sig: bytes(64), link: key, access: id });
const signer = record({ log: list(id), user: id, proof: orNull(union({ link: linkProof })), device: key });
const version = record({ by: signer, refs: orNull(link), root: link, time: uint, mimei: id, covers: none, number: uint, parents: list(id) });
const head = record({ by: signer, seq: uint, last: id, prev: list(id), time: uint, mimei: id, access: orNull(id), release: orNull(id) });
const RIGHTS = ["read", "write", "save", "release", "setRights", "reference", "run"];
const rights = (v) => {
  list(oneOf(...RIGHTS))(v);
  must(v.every((right, at) => at === 0 || RIGHTS.indexOf(v[at - 1]) < RIGHTS.indexOf(right)), "rights in order");
};
const who = union({ user: id, link: record({ seal: key, sign: key }), everyone: record({}) });
const audience = record({ who, until: orNull(uint), rights, sponsor: none });
const epochKeys = record({ clear: orNull(key), epoch: bytes(16), sealed: list(record({ to: key, sealed: bytes(80) })), earlier: bytes() });
const access = record({
  by: signer, seq: uint, host: none, keys: orNull(epochKeys), prev: orNull(id), mimei: id, relays: list(id),
  decides: list(id), mirrors: list(id), accepted: list(id), audiences: list(audience),
});
const sealed = record({ siv: bytes(24), epoch: bytes(16), links: list(link), ciphertext: bytes() });
const publicBlock = record({ body: bytes(), links: list(link) });
const claim = record({ key, role: oneOf("dialer", "listener") });
const proof = record({ log: list(id), sig: bytes(64), user: id, device: key });

const nothing = record({});
const entries = list(signed(entry));
const has = record({ heads: list(id), access: list(id) });
const known = record({ user: id, known: list(id) });
const parcel = record({
  logs: list(record({ user: id, entries })), heads: list(signed(head)), access: list(signed(access)), versions: list(signed(version)),
});
const ask = union({
  ping: nothing,
  log: known,
  enter: record({ sig: bytes(64), link: key, mimei: id }),
  look: record({ has, logs: list(known), mimei: id, watch: bool }),
  publish: record({ seen: orNull(list(id)), mimei: id, genesis: orNull(genesis), records: parcel }),
  put: record({ cid: link, mimei: id }),
  get: record({ cid: link, mimei: id }),
});
const answer = union({
  done: nothing,
  log: record({ entries }),
  look: record({ has, more: bool, tips: list(id), total: uint, genesis, records: parcel }),
  publish: record({ tips: list(id) }),
});
const code = oneOf("busy", "notFound", "denied", "invalid", "conflict", "full", "missing", "store");
const message = union({
  hello: record({ log: entries }),
  ask: pair(uint, ask),
  answer: pair(uint, answer),
  refuse: pair(uint, record({ code, message: text })),
  tell: record({ mimei: id }),
  bye: record({ code: text, message: text }),
});

/** What is signed, and by which key. */
const SIGNED = {
  entry: ["mimei/identity-entry/1", entry, (body) => signerOfEntry(body)],
  version: ["mimei/version/1", version, (body) => body.get("by").get("device")],
  head: ["mimei/head/1", head, (body) => body.get("by").get("device")],
  access: ["mimei/access/1", access, (body) => body.get("by").get("device")],
};
const SHAPES = { genesis, sessionClaim: claim, proof, message, log: entries, sealed, public: publicBlock };

function signerOfEntry(body) {
  const [[name, fields]] = body;
  return fields.get(name === "create" ? "root" : "by");
}

function isSignedBy(publicKey, domain, body, sig) {
  const x = Buffer.from(publicKey).toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return verify(null, Buffer.concat([Buffer.from(domain), Buffer.of(0), encode(body)]), key, sig);
}

/** Whether bytes are what their type says, as far as one value alone shows it. */
function isValid(vector) {
  if (vector.type === "link") return isLink(Buffer.from(bytesOf(vector)).toString());
  try {
    if (vector.cid.startsWith("bafk")) return vector.type === "public";
    const value = decode(bytesOf(vector));
    if (SIGNED[vector.type]) return isSignedRecord(value, ...SIGNED[vector.type]);
    SHAPES[vector.type](value);
    if (vector.type === "public") return value.get("links").length > 0;
    return vector.type !== "sealed" || opened(value, Buffer.from(vector.key, "hex")) !== null;
  } catch {
    return false;
  }
}

function isSignedRecord(value, domain, shape, by) {
  signed(shape)(value);
  const body = value.get("body");
  return isSignedBy(by(body), domain, body, value.get("sig"));
}

/** The form of an address, with the parts of relays taken as they are. */
function isLink(address) {
  const cid = "b[a-z2-7]{58}";
  const at = `@(?:[1-9][0-9]*|last|release|${cid})`;
  const query = `\\?(?:h=${cid}(?:&r=[^&#]+){0,8}|r=[^&#]+(?:&r=[^&#]+){0,7})`;
  return new RegExp(`^mimei:${cid}(?:${at})?(?:${query})?(?:#[a-z2-7]{52})?$`).test(address);
}

test("what decodes is encoded again to the same bytes", () => {
  for (const vector of [...identity, ...records].filter((vector) => isCbor(vector) && vector.valid)) {
    const bytes = bytesOf(vector);
    assert.deepEqual(encode(decode(bytes)), Buffer.from(bytes), vector.name);
  }
});

test("what has another encoding is refused", () => {
  const errors = /^(Truncated|Trailing|NotCanonical|NotUtf8|ExpectedKey\("sig"\)|Expected\("a link"\)|Expected\("an unsigned integer"\))$/;
  const wrong = identity.filter((vector) => isCbor(vector) && errors.test(vector.error ?? ""));
  assert.ok(wrong.length >= 10);
  for (const vector of [...wrong, ...records.filter(({ name }) => /cut short$|with a byte behind$/.test(name))]) {
    if (isCbor(vector)) assert.throws(() => decode(bytesOf(vector)), undefined, vector.name);
  }
});

test("addresses are those of the bytes", () => {
  for (const vector of [...identity, ...records].filter(({ cid }) => cid !== null)) {
    const codec = vector.cid.startsWith("bafk") ? 0x55 : 0x71;
    const cid = Buffer.concat([Buffer.of(1, codec, 0x1e, 32), blake3(bytesOf(vector))]);
    assert.equal("b" + base32(cid), vector.cid, vector.name);
  }
});

test("records get their verdict, by shape, signature and seal", () => {
  for (const vector of records) assert.equal(isValid(vector), vector.valid, `${vector.type}: ${vector.name}`);
});

test("entries, messages and proofs get their verdict", () => {
  for (const vector of identity.filter(({ type }) => ["entry", "message", "proof", "sessionClaim"].includes(type))) {
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
      assert.ok(isSignedRecord(value, ...SIGNED.entry), vector.name);
      const [[, fields]] = value.get("body");
      const prev = (fields.get("prev") ?? []).map((link) => Buffer.from(link.bytes.subarray(4)).toString("hex"));
      assert.ok(prev.every((hash) => seen.has(hash)), vector.name);
      seen.add(blake3(encode(value)).toString("hex"));
    }
  }
  assert.ok(logs.length > 0);
});

test("a device that signs by a link has the link's signature", () => {
  const value = decode(bytesOf(records.find(({ name }) => name === "by a link")));
  const body = value.get("body");
  const by = body.get("by");
  const shown = by.get("proof").get("link");
  const use = (device) => new Map([["user", by.get("user")], ["mimei", body.get("mimei")], ["access", shown.get("access")], ["device", device]]);
  const isShown = (device) => isSignedBy(shown.get("link"), "mimei/exercise/1", use(device), shown.get("sig"));
  assert.ok(isShown(by.get("device")));
  assert.ok(!isShown(new Uint8Array(32)), "it serves no other device");
});

test("keys of devices and of epochs are what they name", () => {
  const first = decode(bytesOf(identity[0])).get("body").get("create");
  const nameSecret = Buffer.from("e81ca293e5abad58b220f2080ae5c651c9ecc3d188f6e2e283aa3a8e74e1ee39", "hex");
  assert.deepEqual(Buffer.from(first.get("nameTag")), derive("mimei/name-tag/1", nameSecret), "the example of docs/format.md");
  const open = decode(bytesOf(records.find(({ name }) => name === "everyone may read"))).get("body").get("keys");
  assert.deepEqual(Buffer.from(open.get("epoch")), epochId(open.get("clear")));
});

test("a link's secret gives its keys, and opens the epoch that is sealed to it", () => {
  const body = decode(bytesOf(records.find(({ name }) => name === "a user until a date, and a link"))).get("body");
  const keys = body.get("keys");
  const named = body.get("audiences")[1].get("who").get("link");
  const secret = Buffer.alloc(32, 5);
  const seal = privateKey("6e", derive("mimei/link-seal/1", secret));
  assert.deepEqual(publicBytes(privateKey("70", derive("mimei/link-sign/1", secret))), Buffer.from(named.get("sign")));
  assert.deepEqual(publicBytes(seal), Buffer.from(named.get("seal")));
  const share = keys.get("sealed").find((share) => publicBytes(seal).equals(share.get("to")));
  const info = Buffer.concat([Buffer.from("mimei/epoch-key/1"), body.get("mimei").bytes, keys.get("epoch")]);
  const epochKey = hpkeOpened(seal, info, Buffer.from(share.get("sealed")));
  assert.deepEqual(epochId(epochKey), Buffer.from(keys.get("epoch")));
  assert.throws(() => hpkeOpened(seal, Buffer.from("mimei/seal-share/1"), Buffer.from(share.get("sealed"))));
});

// HPKE, base mode (RFC 9180).

/** Ed25519 is 1.3.101.112, X25519 1.3.101.110. */
function privateKey(oid, seed) {
  const key = Buffer.concat([Buffer.from(`302e020100300506032b65${oid}04220420`, "hex"), seed]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

function publicBytes(privateKey) {
  return Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x, "base64url");
}

function hpkeOpened(own, info, sealed) {
  const [encapsulated, ciphertext, tag] = [sealed.subarray(0, 32), sealed.subarray(32, -16), sealed.subarray(-16)];
  const [kem, suite, empty] = [Buffer.from("KEM\0\x20"), Buffer.from("HPKE\0\x20\0\x01\0\x03"), Buffer.alloc(0)];
  const hmac = (key, ...data) => createHmac("sha256", key).update(Buffer.concat(data)).digest();
  const version = Buffer.from("HPKE-v1");
  const extract = (id, salt, label, input) => hmac(salt, version, id, Buffer.from(label), input);
  const expand = (id, key, label, data, length) =>
    hmac(key, Buffer.of(0, length), version, id, Buffer.from(label), data, Buffer.of(1)).subarray(0, length);
  const x = encapsulated.toString("base64url");
  const theirs = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
  const shared = extract(kem, empty, "eae_prk", diffieHellman({ privateKey: own, publicKey: theirs }));
  const secretOfBoth = expand(kem, shared, "shared_secret", Buffer.concat([encapsulated, publicBytes(own)]), 32);
  const context = Buffer.concat([Buffer.of(0), extract(suite, empty, "psk_id_hash", empty), extract(suite, empty, "info_hash", info)]);
  const secret = extract(suite, secretOfBoth, "secret", empty);
  const [key, nonce] = [expand(suite, secret, "key", context, 32), expand(suite, secret, "base_nonce", context, 12)];
  const cipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 }).setAuthTag(tag);
  return Buffer.concat([cipher.update(ciphertext), cipher.final()]);
}

// Sealed blocks.

function epochId(key) {
  return derive("mimei/epoch-id/1", key).subarray(0, 16);
}

/** The plaintext of a sealed block, or null if the key is not that of its seal. */
function opened(block, key) {
  const siv = block.get("siv");
  if (!epochId(key).equals(block.get("epoch"))) return null;
  const plaintext = xchacha20(derive("mimei/seal-cipher/1", key), siv, block.get("ciphertext"));
  const links = Buffer.concat(block.get("links").map((link) => link.bytes));
  const parts = [Buffer.from("mimei/seal-block/1"), epochId(key), links, plaintext].flatMap((part) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(part.length));
    return [length, part];
  });
  const expected = blake3(Buffer.concat(parts), { key: derive("mimei/seal-siv/1", key), length: 24 });
  return expected.equals(siv) ? plaintext : null;
}

function xchacha20(key, nonce, data) {
  const words = new Uint32Array(16);
  words.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  words.set(wordsOf(key), 4);
  words.set(wordsOf(nonce.subarray(0, 16)), 12);
  const quarter = (a, b, c, d) => {
    for (const [x, y, z, turn] of [[a, b, d, 16], [c, d, b, 12], [a, b, d, 8], [c, d, b, 7]]) {
      words[x] += words[y];
      words[z] = rotateLeft(words[z] ^ words[x], turn);
    }
  };
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
  }
  const subkey = bytesOfWords([...words.subarray(0, 4), ...words.subarray(12)]);
  const iv = Buffer.concat([Buffer.alloc(8), nonce.subarray(16)]);
  const cipher = createCipheriv("chacha20", subkey, iv);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

// BLAKE3, which neither node:crypto nor WebCrypto has: section 2 of its paper.

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const [CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL] = [1, 2, 4, 8, 16, 32, 64];

function derive(context, material) {
  const key = wordsOf(blake3(Buffer.from(context), { flags: CONTEXT }));
  return blake3(material, { words: key, flags: MATERIAL });
}

function blake3(input, { key, words = key ? wordsOf(key) : IV, flags = key ? KEYED : 0, length = 32 } = {}) {
  const root = tree(input, 0, words, flags);
  const out = [];
  for (let counter = 0; counter * 64 < length; counter++) out.push(bytesOfWords(compress({ ...root, counter, flags: root.flags | ROOT })));
  return Buffer.concat(out).subarray(0, length);
}

/** The last node of a tree, not yet compressed, as it may be the root. */
function tree(input, chunk, words, flags) {
  if (input.length <= 1024) return lastBlock(input, chunk, words, flags);
  const left = 2 ** Math.floor(Math.log2((input.length - 1) / 1024)) * 1024;
  const value = (node) => compress(node).slice(0, 8);
  const block = [
    ...value(tree(input.subarray(0, left), chunk, words, flags)),
    ...value(tree(input.subarray(left), chunk + left / 1024, words, flags)),
  ];
  return { words, block, counter: 0, size: 64, flags: flags | PARENT };
}

function lastBlock(input, counter, words, flags) {
  let value = words;
  for (let at = 0; ; at += 64) {
    const part = input.subarray(at, at + 64);
    const block = wordsOf(Buffer.concat([part, Buffer.alloc(64 - part.length)]));
    const isLast = at + 64 >= input.length;
    const node = { words: value, block, counter, size: part.length, flags: flags | (at === 0 ? CHUNK_START : 0) | (isLast ? CHUNK_END : 0) };
    if (isLast) return node;
    value = compress(node).slice(0, 8);
  }
}

function compress({ words, block, counter, size, flags }) {
  const v = new Uint32Array([...words, ...IV.slice(0, 4), counter, Math.floor(counter / 2 ** 32), size, flags]);
  let m = block;
  const mix = (a, b, c, d, x, y) => {
    for (const [input, first, second] of [[x, 16, 12], [y, 8, 7]]) {
      v[a] += v[b] + input;
      v[d] = rotateLeft(v[d] ^ v[a], 32 - first);
      v[c] += v[d];
      v[b] = rotateLeft(v[b] ^ v[c], 32 - second);
    }
  };
  for (let round = 0; round < 7; round++) {
    for (let i = 0; i < 4; i++) mix(i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1]);
    for (let i = 0; i < 4; i++) mix(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4), m[8 + 2 * i], m[9 + 2 * i]);
    m = ORDER.map((from) => m[from]);
  }
  return [...v].map((word, i) => (i < 8 ? word ^ v[i + 8] : word ^ words[i - 8]) >>> 0);
}

function rotateLeft(word, turn) {
  return ((word << turn) | (word >>> (32 - turn))) >>> 0;
}

function wordsOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function bytesOfWords(words) {
  const out = Buffer.alloc(4 * words.length);
  words.forEach((word, i) => out.writeUInt32LE(word, 4 * i));
  return out;
}

function base32(bytes) {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.match(/.{1,5}/g).map((five) => "abcdefghijklmnopqrstuvwxyz234567"[parseInt(five.padEnd(5, "0"), 2)]).join("");
}
