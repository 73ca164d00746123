import assert from "node:assert/strict";
import { after, test } from "node:test";
import { MimeiError } from "../dist/errors.js";
import { Items } from "../dist/item/items.js";
import { PIECE_BYTES, STREAM_PIECES_AT_ONCE, STREAM_RANGE_BYTES_MAX, STREAM_READS_MAX, STREAMS_MAX } from "../dist/limits.js";
import { Streams } from "../dist/stream/streams.js";
import { answer, isStream } from "../dist/stream/worker/answer.js";
import { wanted } from "../dist/stream/worker/range.js";
import { fakeCore, fakeDesk } from "./fake-core.js";

const ORIGIN = "https://site.example";
const SOME_ID = "00000000-0000-4000-8000-000000000000";
/** A read that a test leaves open would keep the process. */
const opened = [];
after(() => opened.forEach((url) => url.close()));

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Bytes of which no two pieces are alike. */
const noise = (length) => Uint8Array.from({ length }, (_, at) => (at * 31 + Math.floor(at / PIECE_BYTES) * 7) & 0xff);

/** A source that notes what is read of it. A piece waits as long as `held` says so. */
function sourceOf(content) {
  const source = { length: content.length, asked: [], held: () => undefined };
  source.piece = async (offset, signal) => {
    source.asked.push(offset / PIECE_BYTES);
    await source.held(offset / PIECE_BYTES, signal);
    return content.slice(offset, offset + PIECE_BYTES);
  };
  return source;
}

/** A page with a film, and a worker that it asks. */
function pageWith(content, more = {}) {
  const streams = new Streams({ freshId: () => crypto.randomUUID(), origin: ORIGIN });
  const source = sourceOf(content);
  const url = streams.open({ source, name: "film.webm", type: "video/webm", ...more });
  opened.push(url);
  return { streams, source, url, ask: asks(streams) };
}

/** The page that asks hears the worker by itself; `undefined` is one that is gone. */
const asks = (streams) => (href, { method = "GET", mode = "no-cors", destination = "video", ...headers } = {}) => {
  const page = streams && { postMessage: (message, [port]) => streams.answer(structuredClone(message), port) };
  return answer({ url: href, method, mode, destination, headers: new Headers(headers) }, async () => page);
};

const bytesOf = async (response) => new Uint8Array(await response.arrayBuffer());

test("one range of bytes is a part, and no part is longer than it may be", () => {
  const of = (range, length = 10, max = 100) => wanted(new Headers({ range }), length, max);
  const part = (start, end) => ({ kind: "part", start, end });
  assert.deepEqual(of("bytes=0-0"), part(0, 1));
  assert.deepEqual(of("bytes=2-5"), part(2, 6));
  assert.deepEqual(of("bytes=8-"), part(8, 10));
  assert.deepEqual(of("bytes=8-99999999999999999999999"), part(8, 10));
  assert.deepEqual(of("bytes=-3"), part(7, 10));
  assert.deepEqual(of("bytes=-30"), part(0, 10));
  assert.deepEqual(of("Bytes = 1-2 "), part(1, 3));
  assert.deepEqual(of("bytes=2-", 10, 3), part(2, 5));
  assert.deepEqual(of("bytes=-9", 10, 3), part(1, 4));
});

test("a range outside is beyond", () => {
  for (const range of ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"]) {
    assert.deepEqual(wanted(new Headers({ range }), 10, 100), { kind: "beyond" }, range);
  }
  assert.deepEqual(wanted(new Headers({ range: "bytes=0-" }), 0, 100), { kind: "beyond" });
});

test("what is not one range of bytes is all of it", () => {
  for (const range of ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=-", "bytes=a-b", "bytes=+1-2", "bytes=1.5-2", "bytes", ""]) {
    assert.deepEqual(wanted(new Headers({ range }), 10, 100), { kind: "whole" }, range);
  }
  assert.deepEqual(wanted(new Headers(), 10, 100), { kind: "whole" });
  assert.deepEqual(wanted(new Headers({ range: "bytes=0-1", "if-range": '"e"' }), 10, 100), { kind: "whole" });
});

test("only what is below the stream path of this origin is for the worker", () => {
  assert.ok(isStream(`${ORIGIN}/~stream/a/b/c`, ORIGIN));
  for (const url of [`${ORIGIN}/`, `${ORIGIN}/x/~stream/a/b/c`, `${ORIGIN}/?/~stream/`, "https://elsewhere.example/~stream/a/b/c"]) {
    assert.ok(!isStream(url, ORIGIN), url);
  }
});

const CONTENT = noise(3 * PIECE_BYTES + 1_000);
for (const [range, start, end] of [
  ["bytes=0-99", 0, 100],
  ["bytes=262143-262144", PIECE_BYTES - 1, PIECE_BYTES + 1],
  ["bytes=262144-524287", PIECE_BYTES, 2 * PIECE_BYTES],
  ["bytes=500000-", 500_000, CONTENT.length],
  ["bytes=-10", CONTENT.length - 10, CONTENT.length],
]) {
  test(`${range} is answered with exactly these bytes, and only their pieces are read`, async () => {
    const { source, url, ask } = pageWith(CONTENT);
    const response = await ask(url.href, { range });
    assert.equal(response.status, 206);
    assert.equal(response.headers.get("content-range"), `bytes ${start}-${end - 1}/${CONTENT.length}`);
    assert.equal(response.headers.get("content-length"), String(end - start));
    assert.equal(response.headers.get("accept-ranges"), "bytes");
    assert.deepEqual(await bytesOf(response), CONTENT.slice(start, end));
    const pieces = Array.from({ length: Math.ceil(end / PIECE_BYTES) - Math.floor(start / PIECE_BYTES) }, (_, at) => Math.floor(start / PIECE_BYTES) + at);
    assert.deepEqual(source.asked, pieces);
  });
}

test("without a range all of it comes, and everything says how it may be used", async () => {
  const { url, ask } = pageWith(CONTENT);
  const response = await ask(url.href);
  assert.equal(response.status, 200);
  assert.deepEqual(await bytesOf(response), CONTENT);
  const expected = {
    "content-type": "video/webm",
    "content-length": String(CONTENT.length),
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(response.headers.get(name), value, name);
  assert.equal(response.headers.get("content-disposition"), null);
});

test("an open range ends after a while, so that no answer lives long", async () => {
  const { url, ask } = pageWith(noise(STREAM_RANGE_BYTES_MAX + 2 * PIECE_BYTES));
  const response = await ask(url.href, { range: "bytes=5-" });
  assert.match(response.headers.get("content-range"), new RegExp(`^bytes 5-${STREAM_RANGE_BYTES_MAX + 4}/`));
  assert.equal((await bytesOf(response)).length, STREAM_RANGE_BYTES_MAX);
});

test("a range that is not there is refused with the length", async () => {
  const { url, ask, source } = pageWith(CONTENT);
  const response = await ask(url.href, { range: `bytes=${CONTENT.length}-` });
  assert.deepEqual([response.status, response.headers.get("content-range")], [416, `bytes */${CONTENT.length}`]);
  assert.deepEqual(source.asked, []);
});

test("an empty file is all there", async () => {
  const { url, ask } = pageWith(new Uint8Array());
  assert.deepEqual([(await ask(url.href)).status, (await bytesOf(await ask(url.href))).length], [200, 0]);
  assert.equal((await ask(url.href, { range: "bytes=0-" })).status, 416);
});

test("HEAD says what there is and reads nothing, other methods are refused", async () => {
  const { url, ask, source } = pageWith(CONTENT);
  const head = await ask(url.href, { method: "HEAD", destination: "" });
  assert.deepEqual([head.status, head.headers.get("content-length"), (await bytesOf(head)).length], [200, String(CONTENT.length), 0]);
  assert.deepEqual(source.asked, []);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const response = await ask(url.href, { method });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
  }
});

test("nothing is read before it is wanted, and then only a few pieces ahead", async () => {
  const { url, ask, source } = pageWith(noise(16 * PIECE_BYTES));
  const response = await ask(url.href, { range: "bytes=0-" });
  const reader = response.body.getReader();
  await turns();
  assert.deepEqual(source.asked, []);
  await reader.read();
  await turns();
  assert.equal(source.asked.length, STREAM_PIECES_AT_ONCE);
  await reader.read();
  await turns();
  assert.ok(source.asked.length <= STREAM_PIECES_AT_ONCE + 1, `${source.asked.length} pieces for two`);
  await reader.cancel();
});

test("a read that is cancelled reaches the source, and nothing more is read", async () => {
  const { url, ask, source } = pageWith(noise(16 * PIECE_BYTES));
  const signals = [];
  source.held = (_, signal) => {
    signals.push(signal);
    return signals.length > 2 ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))) : undefined;
  };
  const reader = (await ask(url.href, { range: "bytes=0-" })).body.getReader();
  await reader.read();
  await reader.read();
  const waiting = reader.read();
  await turns();
  await reader.cancel();
  assert.equal((await waiting).done, true);
  await turns();
  assert.ok(signals.every(({ aborted }) => aborted));
  const asked = source.asked.length;
  await turns();
  assert.equal(source.asked.length, asked);
});

test("a closed URL is unknown, and what is being read under it ends", async () => {
  const { url, ask, source } = pageWith(CONTENT);
  const reader = (await ask(url.href)).body.getReader();
  await reader.read();
  url.close();
  await assert.rejects(reader.read(), /no longer shows it/);
  assert.equal((await ask(url.href)).status, 404);
  const asked = source.asked.length;
  await turns();
  assert.equal(source.asked.length, asked);
  url.close(); // Twice is once.
});

test("a URL that was closed while nobody was reading does not leave its reader waiting", async () => {
  const { url, ask } = pageWith(CONTENT);
  const reader = (await ask(url.href)).body.getReader();
  await turns();
  url[Symbol.dispose]();
  await turns();
  await assert.rejects(reader.read());
});

test("ids that this page does not have, and URLs in another form, are not there", async () => {
  const { url, ask } = pageWith(CONTENT);
  const [, tab, stream] = /~stream\/([^/]+)\/([^/]+)/.exec(url.href);
  for (const path of [`${tab}/${SOME_ID}/a`, `${SOME_ID}/${stream}/a`, `${tab}/${stream}`, `${tab}/${stream}/`, `${tab}/${stream}/a/b`, `${tab}/x/a`, ""]) {
    assert.equal((await ask(`${ORIGIN}/~stream/${path}`)).status, 404, path);
  }
  assert.equal((await ask(`${ORIGIN}/~stream/${tab}/${stream}/another-name`)).status, 200, "the name is for people");
});

test("another tab's URL is not there, and neither is one that nobody asks for", async () => {
  const { url } = pageWith(CONTENT);
  const other = pageWith(CONTENT);
  assert.equal((await other.ask(url.href)).status, 404);
  assert.equal((await asks(undefined)(url.href)).status, 404);
});

test("a page that does not answer is not waited for for ever", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const silent = asks({ answer() {} });
  const waiting = silent(`${ORIGIN}/~stream/${SOME_ID}/${SOME_ID}/a`);
  await turns();
  t.mock.timers.runAll();
  const response = await waiting;
  assert.equal(response.status, 504);
  assert.match(await response.text(), /does not answer/);
});

test("nobody navigates to a stream, frames it or runs it", async () => {
  const { url, ask, source } = pageWith(CONTENT);
  assert.equal((await ask(url.href, { mode: "navigate", destination: "document" })).status, 403);
  const others = ["document", "iframe", "frame", "object", "embed", "script", "style", "worker", "sharedworker", "serviceworker", "audioworklet", "manifest", "xslt", "font"];
  for (const destination of others) {
    const response = await ask(url.href, { destination });
    assert.equal(response.status, 403, destination);
    assert.equal(response.headers.get("content-security-policy"), "sandbox; default-src 'none'");
  }
  assert.deepEqual(source.asked, []);
  for (const destination of ["", "audio", "image", "track", "video"]) assert.equal((await ask(url.href, { destination })).status, 200, destination);
});

test("a type that is not of our table is only saved, whatever the page says", async () => {
  for (const type of ["text/html", "image/svg+xml", "text/javascript", "application/octet-stream", "video/webm; x", ""]) {
    const { url, ask } = pageWith(CONTENT, { type });
    const { headers } = await ask(url.href, { destination: "" });
    assert.deepEqual([headers.get("content-type"), headers.get("content-disposition")], ["application/octet-stream", "attachment"], type);
  }
});

test("a read that fails says why to the page that shows it", async () => {
  const failures = [];
  const { url, ask, source } = pageWith(CONTENT, { onFailure: ({ code }) => failures.push(code) });
  source.held = (piece) => {
    if (piece === 2) throw new MimeiError("verify.failed", "the piece is another one");
  };
  await assert.rejects(bytesOf(await ask(url.href)), /the piece is another one/);
  assert.deepEqual(failures, ["verify.failed"]);
});

test("a piece of another length than it must have is not passed on", async () => {
  const failures = [];
  const { url, ask, source } = pageWith(CONTENT, { onFailure: ({ code }) => failures.push(code) });
  source.piece = async () => new Uint8Array(10);
  await assert.rejects(bytesOf(await ask(url.href)));
  assert.deepEqual(failures, ["core.failed"]);
});

test("reads and URLs are bounded: the oldest read makes room, one URL too many is refused", async () => {
  const { url, ask, streams, source } = pageWith(CONTENT);
  const readers = [];
  for (let at = 0; at <= STREAM_READS_MAX; at++) readers.push((await ask(url.href)).body.getReader());
  await turns();
  await assert.rejects(readers[0].read());
  assert.equal((await readers[1].read()).value.byteLength, PIECE_BYTES);
  for (let at = 1; at < STREAMS_MAX; at++) streams.open({ source, name: "a", type: "video/webm" });
  assert.throws(() => streams.open({ source, name: "a", type: "video/webm" }), { code: "argument.invalid" });
  url.close();
  streams.open({ source, name: "a", type: "video/webm" });
});

for (const [name, end] of [["ä b/c?.webm", "%C3%A4%20b%2Fc%3F.webm"], ["..", "file"], ["", "file"], ["a\ud800", "a_"]]) {
  test(`the name ${JSON.stringify(name)} stands in the URL as ${end}`, async () => {
    const { url, ask } = pageWith(CONTENT, { name });
    assert.ok(url.href.endsWith(`/${end}`), url.href);
    assert.equal((await ask(new URL(url.href).href)).status, 200);
  });
}

/** A file in a fake core, and its URL. */
async function filed(content, { ext = "webm", type = "text/html" } = {}) {
  const core = fakeCore({ kind: "folder" });
  const streams = new Streams({ freshId: () => crypto.randomUUID(), origin: ORIGIN });
  const door = { open: async (shown) => opened[opened.push(streams.open(shown)) - 1] };
  const folder = await new Items(fakeDesk(core), "com.example.test", door).folder();
  await folder.put(`name${ext && `.${ext}`}`, new Blob([content], { type }));
  const [entry] = await folder.list();
  return { core, folder, entry, ask: asks(streams) };
}

test("a file's URL gives its bytes under a type by its name, never by its writer", async () => {
  for (const [ext, type] of [["webm", "video/webm"], ["png", "image/png"], ["html", "application/octet-stream"], ["svg", "application/octet-stream"]]) {
    const { folder, entry, ask } = await filed(CONTENT, { ext });
    const response = await ask((await folder.url(entry)).href);
    assert.equal(response.headers.get("content-type"), type, ext);
    assert.deepEqual(await bytesOf(response), CONTENT);
  }
});

test("a file without an extension is known by how it begins, as HTML by nothing", async () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1);
  for (const [content, type] of [[png, "image/png"], ["<html><script>", "application/octet-stream"]]) {
    const { folder, entry, ask } = await filed(content, { ext: "" });
    assert.equal((await ask((await folder.url(entry)).href)).headers.get("content-type"), type);
  }
});

test("a version's files have URLs, too", async () => {
  const { folder, entry, ask } = await filed(CONTENT);
  const url = await (await folder.at(1)).url(entry);
  assert.deepEqual(await bytesOf(await ask(url.href)), CONTENT);
});

test("where there is no page, a URL is refused with its own code", async () => {
  const core = fakeCore({ kind: "file" });
  const file = await new Items(fakeDesk(core), "com.example.test").file();
  await file.put("x");
  const [entry] = await file.list();
  await assert.rejects(file.url(entry), { code: "stream.unsupported" });
});

test("a read under a URL waits while credit is used up, and goes on", async () => {
  const { core, folder, entry, ask } = await filed(CONTENT);
  const said = [];
  let isPaid = false;
  core.refuse.read = ({ offset }) => offset > 0 && !isPaid && new MimeiError("credit.paused", "your line is used up");
  const url = await folder.url(entry, { onPause: (why) => said.push(why?.code) });
  const reading = bytesOf(await ask(url.href));
  await turns(40);
  assert.deepEqual(said, ["credit.paused"]);
  isPaid = true;
  core.emit("credit", {});
  assert.deepEqual(await reading, CONTENT);
  assert.deepEqual(said, ["credit.paused", undefined]);
});
