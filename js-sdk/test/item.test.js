import assert from "node:assert/strict";
import { test } from "node:test";
import { MimeiError } from "../dist/errors.js";
import { Items } from "../dist/item/items.js";
import { PIECES_AT_ONCE } from "../dist/limits.js";
import { fakeCore, fakeDesk, fakeRelays, ID, RELAY } from "./fake-core.js";

const PIECE = 262_144;
const full = () => new MimeiError("storage.full", "there is no room left", { retry: "later" });

function items(options) {
  const core = fakeCore(options);
  return { core, me: new Items(fakeDesk(core), "com.example.test") };
}

/** Bytes of which no two pieces are alike. */
const bytes = (length) => Uint8Array.from({ length }, (_, at) => (at * 31 + Math.floor(at / PIECE) * 7) & 0xff);
const turns = async (count = 10) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

for (const [length, cut] of [[0, [0]], [1, [1]], [PIECE - 1, [PIECE - 1]], [PIECE, [PIECE]], [PIECE + 1, [PIECE, 1]]]) {
  test(`a file of ${length} bytes is ${cut.length} piece(s), and comes back as it was`, async () => {
    const { core, me } = items({ kind: "file" });
    const file = await me.file();
    const content = bytes(length);
    const saved = await file.put(new Blob([content], { type: "image/png" }));
    assert.deepEqual(saved, { version: "v1", number: 1, keptTwice: [] });
    assert.deepEqual(core.of("piece").map((args) => args.part.size), cut);
    const [{ edits, memo }] = core.of("save");
    assert.deepEqual(edits, [{ file: { pieces: cut.map((_, at) => `p${at}`), length, type: "image/png" } }]);
    assert.equal(memo, "");

    const [entry] = await file.list();
    assert.deepEqual(new Uint8Array(await (await file.blob(entry)).arrayBuffer()), content);
    const streamed = await new Response(file.stream(entry)).arrayBuffer();
    assert.deepEqual(new Uint8Array(streamed), content);
  });
}

test("pieces keep their order although later ones are sealed first, and few are in memory", async () => {
  const { core, me } = items({ kind: "file" });
  const answer = core.call;
  core.call = async (method, args) => {
    const value = await answer(method, args);
    if (method === "piece") await turns((new Uint8Array(await args.part.arrayBuffer())[0] ?? 0) % 5);
    return value;
  };
  const content = bytes(20 * PIECE + 5);
  const file = await me.file();
  await file.put(new Blob([content]));
  assert.equal(core.of("piece").length, 21);
  assert.ok(core.runningMost > 1 && core.runningMost <= PIECES_AT_ONCE, `${core.runningMost} at once`);
  const [entry] = await file.list();
  core.runningMost = 0;
  assert.deepEqual(new Uint8Array(await (await file.blob(entry)).arrayBuffer()), content);
  assert.ok(core.runningMost <= PIECES_AT_ONCE, `${core.runningMost} at once`);
});

test("a stream fetches no more than a few pieces ahead of its reader, and none after it is cancelled", async () => {
  const { core, me } = items({ kind: "file" });
  const file = await me.file();
  await file.put(new Blob([bytes(40 * PIECE)]));
  const reader = file.stream((await file.list())[0]).getReader();
  await turns();
  assert.equal(core.of("read").length, 0, "nobody read yet");
  await reader.read();
  await turns();
  assert.ok(core.of("read").length <= PIECES_AT_ONCE, `${core.of("read").length} were fetched`);
  const fetched = core.of("read").length;
  await reader.cancel();
  await turns();
  assert.equal(core.of("read").length, fetched);
});

test("progress only grows, and ends with all, both ways", async () => {
  const { me } = items();
  const folder = await me.folder();
  const said = { put: [], got: [] };
  const files = [["a", new Blob([bytes(3 * PIECE + 9)])], ["b", "grün"]];
  await folder.putAll(files, { onProgress: (...progress) => said.put.push(progress) });
  const [entry] = await folder.list();
  await folder.blob(entry, { onProgress: (...progress) => said.got.push(progress) });
  for (const [way, total] of [["put", 3 * PIECE + 14], ["got", 3 * PIECE + 9]]) {
    const done = said[way].map(([bytes]) => bytes);
    assert.deepEqual(done, [...done].sort((a, b) => a - b), way);
    assert.deepEqual(said[way].at(-1), [total, total], way);
    assert.ok(said[way].length >= 4, way);
    assert.ok(said[way].every((each) => each[1] === total), way);
  }
});

test("a piece that cannot be kept ends the upload: nothing is saved, and no more is begun", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  core.refuse.piece = () => (core.of("piece").length > 10 ? full() : undefined);
  const said = [];
  await assert.rejects(folder.put("a", new Blob([bytes(40 * PIECE)]), { onProgress: (done) => said.push(done) }), { code: "storage.full", retry: "later" });
  const begun = core.of("piece").length;
  const heard = said.length;
  await turns(30);
  assert.equal(core.of("piece").length, begun);
  assert.equal(said.length, heard);
  assert.ok(begun <= 11 + PIECES_AT_ONCE, `${begun} were begun`);
  assert.equal(core.of("save").length, 0);
});

test("an upload that is aborted ends with the reason, and saves nothing", async () => {
  const { core, me } = items({ kind: "file" });
  const file = await me.file();
  const abort = new AbortController();
  const onProgress = () => abort.abort(new Error("changed my mind"));
  await assert.rejects(file.put(new Blob([bytes(5 * PIECE)]), { signal: abort.signal, onProgress }), /changed my mind/);
  await assert.rejects(file.put("x", { signal: abort.signal }), /changed my mind/);
  assert.equal(core.of("save").length, 0);
});

test("a download whose piece does not verify fails as that", async () => {
  const { core, me } = items({ kind: "file" });
  const file = await me.file();
  await file.put(new Blob([bytes(9 * PIECE)]));
  core.refuse.read = ({ offset }) => offset === 4 * PIECE && new MimeiError("verify.failed", "the piece is another one");
  const [entry] = await file.list();
  await assert.rejects(file.blob(entry), { code: "verify.failed" });
  await assert.rejects(new Response(file.stream(entry)).arrayBuffer(), { code: "verify.failed" });
});

test("an event of the core refreshes the view of that MiMei alone", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  const heard = [];
  folder.view.subscribe(({ versions }) => heard.push(versions.length));
  core.saved([{ name: "a", file: { pieces: [], length: 0, type: "" } }]);
  core.emit("item", { id: "somebody-else" });
  await turns();
  assert.deepEqual(heard, [0]);
  core.emit("item", { id: ID });
  await turns();
  assert.deepEqual(heard, [0, 1]);
  assert.equal(folder.view.value.current.version, "v1");
});

test("events during a look make one more look, not one each", async () => {
  const { core, me } = items();
  await me.folder();
  for (let times = 0; times < 20; times++) core.emit("item", { id: ID });
  await turns();
  core.emit("item", { id: ID });
  core.emit("item", { id: ID });
  await turns();
  assert.ok(core.of("view").length <= 4, `${core.of("view").length} looks`);
});

test("what was done is in the view when it is done, even if no event came", async () => {
  const { me } = items();
  const folder = await me.folder();
  await folder.put("a", "1");
  assert.equal(folder.versions.length, 1);
  await folder.put("a", "2");
  assert.equal(folder.view.value.last.number, 2);
  await folder.release(1);
  assert.equal(folder.view.value.release.version, "v1");
});

test("a closed item hears nothing more, and closing all closes each", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  await me.folder();
  await folder.close();
  core.emit("item", { id: ID });
  await turns();
  assert.equal(core.of("view").length, 1, "the other one looked");
  await me.close();
  assert.equal(core.listening(), 0);
});

test("who may save works on the newest version, others see the release", async () => {
  for (const [rights, number] of [[["read", "save"], 2], [["read"], 1]]) {
    const { core, me } = items({ rights });
    const folder = await me.folder();
    core.saved([{ name: "a", file: { pieces: ["p0"], length: 1, type: "" } }]);
    core.state.tips[0].release = "v1";
    core.saved([{ name: "a", file: { pieces: ["p1"], length: 1, type: "" } }]);
    core.emit("item", { id: ID });
    await turns();
    assert.equal(folder.view.value.current.number, number, rights.join());
    assert.equal((await folder.list())[0].blob, `p${number - 1}`);
  }
});

test("before the first version there is nothing to list, and that has its own code", async () => {
  const { me } = items();
  await assert.rejects((await me.folder()).list(), { name: "MimeiError", code: "mimei.empty" });
});

test("a version can be looked at and not be changed", async () => {
  const { me } = items();
  const folder = await me.folder();
  await folder.put("a.txt", "first");
  await folder.put("a.txt", "second");
  for (const at of [1, "1", "v1"]) {
    const old = await folder.at(at);
    assert.deepEqual([old.version, old.number, old.kind, old.id], ["v1", 1, "folder", ID]);
    const [entry] = await old.list();
    assert.equal(await (await old.blob(entry)).text(), "first");
    for (const change of ["put", "putAll", "remove", "release", "choose", "merge", "share", "unshare"]) assert.equal(old[change], undefined);
    assert.ok(Object.isFrozen(old));
  }
  assert.equal((await folder.at("last")).number, 2);
  await assert.rejects(folder.at(9), { code: "mimei.notFound" });
  await assert.rejects(folder.at("release"), { code: "mimei.notFound" });
});

test("a file of a folder can be removed, and an empty change is refused", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  await folder.put("a", "1");
  await folder.remove("a");
  assert.deepEqual(core.of("save").at(-1).edits, [{ name: "a" }]);
  assert.deepEqual(await folder.list(), []);
  await assert.rejects(folder.putAll([]), { code: "argument.invalid" });
});

test("several tips are seen, and choosing one settles them", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  await folder.put("a", "1");
  core.state.tips.push({ head: "other", last: "w" });
  core.emit("item", { id: ID });
  await turns();
  assert.deepEqual(folder.view.value.tips.map(({ last }) => last), ["v1", "w"]);
  await folder.choose("v1");
  assert.equal(folder.view.value.tips.length, 1);
  await folder.merge();
  assert.deepEqual(core.of("merge"), [{ id: ID }]);
});

test("a link that is shared names the relay", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  const { link } = await folder.share({ to: "link", can: "write" });
  assert.deepEqual(core.of("share"), [{ id: ID, to: "link", can: "write" }]);
  assert.equal(link, `mimei:${ID}?h=head&r=${RELAY}#secret`);
});

test("who was let in is seen and can be shut out again", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  const until = new Date(1_800_000_000_000);
  const first = await folder.share({ to: "link", can: "read", until });
  await folder.share({ to: "link", can: "write" });
  await folder.share({ to: "everyone", can: "read" });
  assert.deepEqual(folder.view.value.shares.map(({ with: kind, id, untilMs }) => [kind, id, untilMs]), [
    ["link", "key0", until.getTime()],
    ["link", "key1", undefined],
    ["everyone", undefined, undefined],
  ]);
  await first.revoke();
  await folder.unshare({ with: "everyone", id: undefined });
  assert.deepEqual(folder.view.value.shares.map(({ id }) => id), ["key1"]);
  assert.deepEqual(core.of("unshare"), [{ id: ID, with: "link", withId: "key0" }, { id: ID, with: "everyone" }]);
});

test("a refusal of the core comes through with its code", async () => {
  const { core, me } = items();
  const folder = await me.folder();
  core.refuse.save = () => new MimeiError("access.denied", "You may read it only.");
  await assert.rejects(folder.put("a", "1"), { code: "access.denied", message: "You may read it only." });
});

test("opening waits for the relay and asks through it", async () => {
  const { core, me } = items();
  core.openedMore = { at: "v3" };
  const link = `mimei:${ID}@3?h=head#secret`;
  const item = await me.open(`https://host.example/page?x=1#${link.replace("#", "%23")}`);
  assert.deepEqual(core.of("open"), [{ link, conn: 7 }]);
  assert.equal(item.asked, "v3");
  assert.equal((await me.open(ID)).asked, undefined, "no version was asked for");
  assert.equal(core.of("open").at(-1).link, `mimei:${ID}`);
});

test("without a relay what is here is opened, and what is not here is not said to be nowhere", async () => {
  const { core, me } = items();
  const alone = new Items(fakeDesk(core, fakeRelays(async () => ({ session: undefined, address: undefined }))), "com.example.test");
  assert.equal((await alone.open(`mimei:${ID}#s`)).id, ID);
  assert.deepEqual(core.of("open"), [{ link: `mimei:${ID}#s` }]);
  core.refuse.open = () => new MimeiError("mimei.notFound", "not here");
  await assert.rejects(alone.open(`mimei:${ID}#s`), { code: "offline.missing", retry: "later" });
  await assert.rejects(me.open(`mimei:${ID}#s`), { code: "mimei.notFound" }, "a relay was asked");
});

test("opening can be given up while it waits", async () => {
  const { core } = items();
  const abort = new AbortController();
  const me = new Items(fakeDesk(core, fakeRelays(() => new Promise(() => {}))), "com.example.test");
  const opening = me.open(`mimei:${ID}`, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(opening, /enough/);
  assert.equal(core.of("open").length, 0);
});

test("what was made has app, kind and name; what is known is told by id", async () => {
  const { core, me } = items({ kind: "file" });
  await me.file("Photo.PNG");
  await me.file(undefined, { ext: "tar.gz", public: true });
  const made = { app: "com.example.test", kind: "file" };
  const [named, { seed, ...unnamed }] = core.of("create");
  assert.deepEqual(named, { ...made, ext: "png", name: "Photo.PNG", public: false });
  assert.deepEqual(unnamed, { ...made, ext: "tar.gz", public: true });
  assert.equal(seed.length, 32);
  assert.deepEqual(await me.known(), [ID]);
  assert.equal((await me.here(ID)).kind, "file");
});

test("an answer of another shape is a failure, not a guess", async () => {
  const { core, me } = items();
  core.openedMore = { kind: "database" };
  await assert.rejects(me.open(`mimei:${ID}`), { code: "core.failed" });
  core.openedMore = { versions: [{ version: "v1" }] };
  await assert.rejects(me.open(`mimei:${ID}`), { code: "core.failed" });
});
