// The wasm client and an implementation that was written from docs/format.md and docs/protocol.md alone
// (test/independent) agree: each takes what the other makes, and refuses what breaks a rule.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { decode, mapOf } from "./dag-cbor.js";
import { hexOf, secretOf, textOf } from "./independent/address.js";
import { Tab } from "./independent/client.js";
import { packetsOf } from "./independent/frames.js";
import { signed } from "./independent/keys.js";
import { entriesOf, mapFrom } from "./independent/map.js";
import { BLOB_SALT, accessTo, blocksUnder, filesOf, rebuiltBlob } from "./independent/reader.js";
import { Relay } from "./independent/relay.js";
import { deviceOf, newUser } from "./independent/user.js";
import { bytesOf, vectorsOf } from "./independent/vectors.js";

const APP = "org.example.notes";
const FILES = [["empty", 0], ["one byte", 1], ["one piece", 262_144], ["three pieces", 600_000]];
const MEMO = "what was said ".repeat(60);

const tabs = [];
afterEach(() => Promise.all(tabs.splice(0).map((tab) => tab.close())));

async function tabAt(relay) {
  tabs.push(await Tab.at(relay));
  return tabs.at(-1);
}

/** Bytes of which no two pieces are alike. */
function bytesLike(length) {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8) * 13) % 251);
}

const folderFiles = () => FILES.map(([name, length]) => [name, bytesLike(length)]);

/** A folder that a client has brought to the relay, its link, and what the relay keeps of it. */
async function sharedFolder({ relay = new Relay(), isPublic = false, files = folderFiles() } = {}) {
  const author = await tabAt(relay);
  const folder = { app: APP, kind: "folder", name: "things", public: isPublic };
  const { id } = await author.call("create", folder);
  const link = isPublic ? `mimei:${id}` : (await author.call("share", { id, to: "link", can: "read" })).link;
  const saved = await author.save(id, files, MEMO);
  // It asks before it brings the genesis; everything else kept all rules.
  assert.deepEqual(relay.refused, ["look: notFound: there is no such MiMei here"]);
  return { relay, author, id, link, saved, kept: relay.keptByText(id) };
}

/** Everything of the newest version, worked out again from what the relay keeps. */
function readIndependently(kept, secret) {
  const access = accessTo(kept, secret);
  const version = kept.versions.newest[0].body;
  const entries = entriesOf(version.get("root"), access.open);
  return { access, version, entries, files: filesOf(entries, access) };
}

function assertSameFiles(found, expected) {
  assert.deepEqual(found.map(([name]) => name), expected.map(([name]) => name));
  for (const [at, [name, bytes]] of found.entries()) {
    assert.ok(Buffer.from(bytes).equals(expected[at][1]), `${name} has the same bytes`);
  }
}

/** That what the client made is what the documents lead to. */
function assertRebuilt(kept, { access, version, entries, files }) {
  const rebuilt = mapFrom(entries, access.salt, access.addressOf);
  assert.equal(textOf(rebuilt.root), textOf(version.get("root")), "the root of the state");
  for (const { name, blob, bytes } of files) {
    assert.equal(textOf(rebuiltBlob(bytes, access)), textOf(blob), `the blob of ${name}`);
  }
  const memo = entries.find(({ key }) => key.toString() === "memo");
  assert.equal(access.open(memo.links[0]).body.toString(), MEMO, "the memo, a block of its own");
  const named = blocksUnder(kept, version.get("root"));
  assert.deepEqual(named, new Set(kept.blocks.keys()), "nothing is there beside");
}

const sorted = (files) => [...files].sort(([a], [b]) => (a < b ? -1 : 1));
const asPairs = (files) => files.map(({ name, bytes }) => [name, bytes]);

test("a private folder arrives complete, and the link's secret opens it", async () => {
  const { id, link, saved, kept } = await sharedFolder();
  assert.equal(textOf(kept.id), id);
  assert.equal(textOf(kept.versions.newest[0].id), saved.version);
  assert.equal(hexOf(kept.heads.newest[0].body.get("last")), hexOf(kept.versions.newest[0].id));
  const read = readIndependently(kept, secretOf(link));
  assertSameFiles(asPairs(read.files), sorted(folderFiles()));
  assertRebuilt(kept, read);
});

test("another secret opens nothing", async () => {
  const { kept } = await sharedFolder({ files: [] });
  assert.throws(() => accessTo(kept, Buffer.alloc(32)), /not a link that may come in/);
});

test("a second client reads the same bytes by the link", async () => {
  const { relay, id, link, saved } = await sharedFolder();
  const reader = await tabAt(relay);
  const opened = await reader.open(link);
  assert.deepEqual([opened.rights, opened.at, opened.warning], [["read"], saved.version, undefined]);
  assertSameFiles(await reader.files(id, opened.at), sorted(folderFiles()));
});

test("who has the id alone is told that there is nothing", async () => {
  const { relay, id } = await sharedFolder({ files: [] });
  const stranger = await tabAt(relay);
  await assert.rejects(stranger.open(`mimei:${id}`), { code: "mimei.notFound" });
});

test("a public folder needs no secret", async () => {
  const { relay, id, link, kept } = await sharedFolder({ isPublic: true });
  const read = readIndependently(kept);
  assertSameFiles(asPairs(read.files), sorted(folderFiles()));
  assertRebuilt(kept, read);
  const reader = await tabAt(relay);
  const opened = await reader.open(link);
  assertSameFiles(await reader.files(id, opened.at), sorted(folderFiles()));
});

test("who watches is told of the second version", async () => {
  const { relay, author, id, link, kept } = await sharedFolder({ files: [["a", bytesLike(1)]] });
  const reader = await tabAt(relay);
  const first = await reader.open(link);
  assert.equal(first.versions.length, 1);
  const seen = reader.until(id, ({ versions }) => versions.length === 2);
  const second = await author.save(id, [["b", bytesLike(2)]]);
  assert.equal(relay.refused.length, 1, "the second version kept all rules too");
  assert.equal((await seen).tips[0].last, second.version);
  const expected = [["a", bytesLike(1)], ["b", bytesLike(2)]];
  assertSameFiles(await reader.files(id, second.version), expected);
  const read = readIndependently(kept, secretOf(link));
  assertSameFiles(asPairs(read.files), expected);
  assert.deepEqual([read.version.get("number"), read.version.get("parents").map(textOf)], [2n, [first.at]]);
});

test("a folder of 2,000 files has the same root", async () => {
  // Names of all lengths, so that many groups are too heavy for one node and are split.
  const nameOf = (n) => `file ${n} ${"x".repeat((n * 7) % 230)}.txt`;
  const files = Array.from({ length: 2_000 }, (_, n) => [nameOf(n), bytesLike(n % 40)]);
  const { kept, link } = await sharedFolder({ files });
  const read = readIndependently(kept, secretOf(link));
  assertSameFiles(asPairs(read.files), sorted(files));
  assertRebuilt(kept, read);
});

test("a blob of many pieces has the same root", async () => {
  const { author, id, link, kept } = await sharedFolder({ files: [] });
  // The same piece again and again: what counts is the map of them.
  const piece = await author.call("piece", { id, bytes: bytesLike(262_144) });
  const file = { pieces: Array(600).fill(piece), length: 600 * 262_144, type: "" };
  await author.call("save", { id, edits: [{ name: "long", file }], memo: "" });
  await author.call("settle", { id });
  const access = accessTo(kept, secretOf(link));
  const entries = entriesOf(kept.versions.newest[0].body.get("root"), access.open);
  const [blob] = entries.find(({ key }) => key.toString() === "f/long").links;
  const pieces = entriesOf(blob, access.open);
  assert.equal(pieces.length, 600);
  const { root, nodes } = mapFrom(pieces, BLOB_SALT, access.addressOf);
  assert.equal(textOf(root), textOf(blob));
  assert.ok(nodes.length > 2, "it is large enough to be cut");
});

/** Shows one block with a bit of it turned. */
class FlippingRelay extends Relay {
  flipped = null;

  shownBlock(kept, cid) {
    const bytes = Buffer.from(super.shownBlock(kept, cid));
    if (this.flipped === hexOf(cid)) bytes[bytes.length - 1] ^= 1;
    return bytes;
  }
}

test("a block with a flipped bit is refused, and read when it is whole", async () => {
  const { relay, id, link, kept } = await sharedFolder({ relay: new FlippingRelay() });
  const { version, files } = readIndependently(kept, secretOf(link));
  const reader = await tabAt(relay);
  const { at } = await reader.open(link);
  for (const cid of [version.get("root"), ...files.map(({ blob }) => blob)]) {
    relay.flipped = hexOf(cid);
    await assert.rejects(reader.files(id, at), { code: "verify.failed" }, textOf(cid));
  }
  relay.flipped = null;
  assertSameFiles(await reader.files(id, at), sorted(folderFiles()));
});

/** Shows other records than it keeps. */
class ForgingRelay extends Relay {
  forge = (records) => records;

  shownRecords(kept, records) {
    return this.forge(records);
  }
}

/** A record in which `changes` were made, signed by the relay's key. */
function forged(type, { body }, relay, changes = {}) {
  const other = new Map([...body, ...Object.entries(changes)]);
  return { body: other, signed: signed(relay.user.sign, `mimei/${type}/1`, other) };
}

/** What becomes of a head: said to be the author's as before, or the relay's own. */
const FORGERIES = {
  "that its device did not sign": { changes: () => ({}), code: "verify.failed", message: /signature does not verify/ },
  "by a user without the right": {
    changes: ({ id, log }) => ({ by: mapOf({ log: [id], user: id, proof: null, device: deviceOf(log) }) }),
    code: "access.denied",
    message: /may not save/,
  },
};

for (const [name, { changes, code, message }] of Object.entries(FORGERIES)) {
  test(`a head ${name} is refused, and the true one taken`, async () => {
    const relay = new ForgingRelay();
    const { link, saved, kept } = await sharedFolder({ relay, files: [["a", bytesLike(1)]] });
    const reader = await tabAt(relay);
    relay.forge = ({ heads, ...rest }) => {
      return { ...rest, heads: heads.map((head) => forged("head", head, relay, changes(relay.user))) };
    };
    await assert.rejects(reader.open(link), { code, message });
    relay.forge = (records) => records;
    const { tips, warning } = await reader.open(link);
    assert.deepEqual([tips.map(({ head }) => head), tips[0].last], [kept.tips.map(textOf), saved.version]);
    assert.equal(warning, undefined);
  });
}

test("a version that its device did not sign is refused", async () => {
  const relay = new ForgingRelay();
  const { link } = await sharedFolder({ relay, files: [["a", bytesLike(1)]] });
  relay.forge = ({ versions, ...rest }) => {
    return { ...rest, versions: versions.map((version) => forged("version", version, relay)) };
  };
  const reader = await tabAt(relay);
  await assert.rejects(reader.open(link), { code: "verify.failed" });
});

test("a relay that is somebody else is refused", async () => {
  const relay = new Relay();
  const tab = await Tab.at(relay, { expect: newUser().id });
  tabs.push(tab);
  assert.equal((await tab.ended).code, "handshake.unexpected-peer");
  assert.equal(relay.logs.size, 1, "it never learns who came");
});

test("messages and packets of the vectors are taken or end the session", async () => {
  const sent = vectorsOf("identity").filter(({ type }) => type === "message" || type === "packet");
  for (const vector of sent.filter(({ valid }) => !valid)) {
    const tab = await tabAt(new Relay());
    tab.hearFromRelay(packetsOfVector(vector));
    assert.equal((await tab.ended).code, "wire.malformed", vector.name);
  }
  const tab = await tabAt(new Relay());
  for (const vector of sent.filter((vector) => vector.valid && isSaidAnyTime(vector))) {
    tab.hearFromRelay(packetsOfVector(vector));
    assert.ok((await tab.ping()).rttMs >= 0, vector.name);
  }
});

function packetsOfVector(vector) {
  const bytes = Buffer.from(bytesOf(vector));
  return vector.type === "packet" ? [bytes] : packetsOf(bytes, 0);
}

/** Not hello and bye, which are said once, and not an ask under a number of the dialer's. */
function isSaidAnyTime({ type, hex }) {
  if (type === "packet") return true;
  const [[kind, content]] = decode(Buffer.from(hex, "hex"));
  return kind === "ask" ? content[0] % 2n === 1n : kind !== "hello" && kind !== "bye";
}

test("addresses of the vectors are understood or refused", async () => {
  const tab = await Tab.alone();
  tabs.push(tab);
  const links = vectorsOf("records").filter(({ type }) => type === "link");
  for (const vector of links) {
    const link = Buffer.from(bytesOf(vector)).toString();
    const code = vector.valid ? "mimei.notFound" : "link.invalid";
    await assert.rejects(tab.call("open", { link }), { code }, vector.name);
  }
  assert.ok(links.length > 0);
});
