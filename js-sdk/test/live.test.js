import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveSource, whenever } from "../dist/live.js";

test("a subscriber hears the present value at once and then each change", () => {
  const live = new LiveSource(1);
  const heard = [];
  const stop = live.subscribe((value) => heard.push(value));
  live.set(2);
  stop();
  live.set(3);
  assert.deepEqual(heard, [1, 2]);
  assert.equal(live.value, 3);
});

test("a slow iteration gets the newest value, not a queue of old ones", async () => {
  const live = new LiveSource(1);
  const iterator = live[Symbol.asyncIterator]();
  assert.deepEqual(await iterator.next(), { value: 1, done: false });
  live.set(2);
  live.set(3);
  assert.deepEqual(await iterator.next(), { value: 3, done: false });
});

test("an iteration wakes on a change and finishes at the end", async () => {
  const live = new LiveSource("a");
  const heard = [];
  const finished = (async () => {
    for await (const value of live) {
      heard.push(value);
      if (value === "b") live.end();
    }
  })();
  await Promise.resolve();
  await Promise.resolve();
  live.set("b");
  await finished;
  assert.deepEqual(heard, ["a", "b"]);
});

test("after the end nothing changes any more", () => {
  const live = new LiveSource(1);
  const heard = [];
  live.subscribe((value) => heard.push(value));
  live.end();
  live.set(2);
  assert.deepEqual(heard, [1]);
  assert.equal(live.value, 1);
});

test("one can wait for a value, and does not wait for it without end", async () => {
  const live = new LiveSource(1);
  await whenever(live, (value) => value === 1, 1e6);
  const waited = whenever(live, (value) => value === 3, 1e6);
  live.set(2);
  live.set(3);
  await waited;
  await whenever(live, () => false, 1);
});

test("waiting for a value can be given up, before it began and later", async () => {
  const live = new LiveSource(1);
  const abort = new AbortController();
  const waited = whenever(live, () => false, 1e6, abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(waited, /enough/);
  await assert.rejects(whenever(live, () => true, 1e6, abort.signal), /enough/);
});
