/** Large files are told of while they are put, and read while they come. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MimeiError } from "../dist/errors.js";
import { Incoming } from "../dist/item/incoming.js";
import { telling } from "../dist/item/telling.js";
import { PIECE_BYTES, TOLD_AFTER_PIECES, TOLD_EVERY_PIECES } from "../dist/limits.js";

const TOTAL = 40 * PIECE_BYTES;
const names = (from, to) => Array.from({ length: to - from }, (_, at) => `piece ${from + at}`);

/** A desk that knows what it was told, until another tab takes its place. */
class Desk {
  calls = [];
  known = 0;
  #listeners = new Map();
  answers = {};

  async call(method, args = {}) {
    await undefined;
    if (method in this.answers) return this.answers[method](args);
    this.calls.push({ method, ...args });
    if (method !== "tellUpload") return undefined;
    if (args.at !== this.known) throw new MimeiError("upload.gap", "from the first piece");
    this.known += args.pieces.length;
    return undefined;
  }

  on(name, listener) {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(listener));
    return () => all.delete(listener);
  }

  tell(name, data) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(data);
  }

  get listeners() {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

const began = (desk, total = TOTAL) => telling(desk, { id: "a MiMei", name: "film.webm", type: "video/webm", total });
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("of small files nothing is told", () => {
  assert.equal(began(new Desk(), (TOLD_AFTER_PIECES - 1) * PIECE_BYTES), undefined);
  assert.notEqual(began(new Desk(), (TOLD_AFTER_PIECES - 1) * PIECE_BYTES + 1), undefined);
});

test("pieces are told in order, each once, some at a time", async () => {
  const desk = new Desk();
  const teller = began(desk);
  for (const name of names(0, 40)) {
    teller.add(name);
    await settled();
  }
  await teller.whole();
  await teller.end(true);
  const told = desk.calls.filter(({ method }) => method === "tellUpload");
  assert.deepEqual(told.flatMap(({ pieces }) => pieces), names(0, 40));
  assert.deepEqual(told.map(({ at }) => at), [0, TOLD_AFTER_PIECES, TOLD_AFTER_PIECES + TOLD_EVERY_PIECES, TOLD_AFTER_PIECES + 2 * TOLD_EVERY_PIECES]);
  assert.equal(new Set(desk.calls.map(({ upload }) => upload)).size, 1);
  assert.match(desk.calls[0].upload, /^[0-9a-f]{32}$/);
  assert.deepEqual([told[0].name, told[0].type, told[0].total], ["film.webm", "video/webm", TOTAL]);
  assert.deepEqual([desk.calls.at(-1).method, desk.calls.at(-1).saved], ["endUpload", true]);
});

test("what comes while something is told goes with the next", async () => {
  const desk = new Desk();
  const teller = began(desk);
  for (const name of names(0, 40)) teller.add(name);
  await teller.whole();
  assert.deepEqual(desk.calls.flatMap(({ pieces }) => pieces), names(0, 40));
});

test("a tab that takes over is told from the first piece", async () => {
  const desk = new Desk();
  const teller = began(desk);
  for (const name of names(0, TOLD_AFTER_PIECES)) teller.add(name);
  await settled();
  desk.known = 0;
  for (const name of names(TOLD_AFTER_PIECES, 40)) teller.add(name);
  await teller.whole();
  assert.equal(desk.known, 40);
  assert.deepEqual(desk.calls.at(-1).at, 0);
});

test("whoever tells goes on when nobody can be told", async () => {
  const desk = new Desk();
  desk.answers.tellUpload = () => {
    throw new MimeiError("upload.many", "too many");
  };
  desk.answers.endUpload = desk.answers.tellUpload;
  const teller = began(desk);
  for (const name of names(0, 40)) teller.add(name);
  await teller.whole();
  await teller.end(false);
});

/** An upload of which so many pieces are there. */
function coming(desk, state) {
  const entry = { name: "film.webm", ext: "", blob: "so far", length: 3 * PIECE_BYTES + 5, type: "", upload: "an upload" };
  const there = () => {
    if (state.over) throw new MimeiError("upload.over", "it is over");
    return { ...entry, blob: `${state.pieces} pieces`, length: Math.min(state.pieces * PIECE_BYTES, entry.length) };
  };
  const looks = {
    soFar: async () => there(),
    list: async () => state.saved ?? [],
    source: ({ blob, length }) => ({ length, piece: async (offset) => `${offset / PIECE_BYTES} of ${blob}` }),
  };
  desk.answers.view = () => ({ ...VIEW, ...state.view });
  return new Incoming(desk, "a MiMei", entry, looks);
}

const VERSION = { version: "v1", number: 1, timeMs: 1, by: "somebody", parents: [] };
const VIEW = {
  ...{ id: "a MiMei", kind: "folder", ext: "", app: "an app", author: "somebody", rights: ["read"], everyone: [], shares: [] },
  ...{ forks: [], tips: [], tipsTotal: 0, versions: [], uploads: [], unsentBlocks: 0, waiting: false },
};
const SAVED = { tips: [{ head: "h", last: "v1" }], tipsTotal: 1, versions: [VERSION] };

test("what is there is read at once, and what is not there is waited for", async () => {
  const [desk, state] = [new Desk(), { pieces: 2 }];
  const source = coming(desk, state);
  const { signal } = new AbortController();
  assert.equal(await source.piece(PIECE_BYTES, signal), "1 of 2 pieces");
  let read;
  const reading = source.piece(3 * PIECE_BYTES, signal).then((bytes) => (read = bytes));
  await settled();
  state.pieces = 3;
  desk.tell("item", { id: "a MiMei" });
  await settled();
  assert.equal(read, undefined, "the last piece is not there");
  state.pieces = 4;
  desk.tell("item", { id: "another" });
  await settled();
  assert.equal(read, undefined, "nothing was heard of it");
  desk.tell("item", { id: "a MiMei" });
  await reading;
  assert.equal(read, "3 of 4 pieces");
  assert.equal(desk.listeners, 0);
});

test("an upload that is over because it is saved is read from what was saved", async () => {
  const [desk, state] = [new Desk(), { pieces: 2 }];
  const source = coming(desk, state);
  const { signal } = new AbortController();
  const reading = source.piece(2 * PIECE_BYTES, signal);
  await settled();
  Object.assign(state, { over: true, view: SAVED, saved: [{ name: "film.webm", ext: "", blob: "saved", length: source.length, type: "" }] });
  desk.tell("item", { id: "a MiMei" });
  assert.equal(await reading, "2 of saved");
});

test("an upload that is over and not saved ends the reading, and so does whoever reads", async () => {
  const [desk, state] = [new Desk(), { pieces: 1 }];
  const source = coming(desk, state);
  const ends = new AbortController();
  const stopped = source.piece(PIECE_BYTES, ends.signal);
  await settled();
  ends.abort(new Error("nobody looks any more"));
  await assert.rejects(stopped, /nobody looks/);
  const reading = source.piece(PIECE_BYTES, new AbortController().signal);
  await settled();
  state.over = true;
  desk.tell("item", { id: "a MiMei" });
  await assert.rejects(reading, { code: "upload.over" });
  assert.equal(desk.listeners, 0);
});
