/** Blocks by HTTP, as the worker fetches them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { fetchBlocks, readFetch } from "../dist/fetching.js";

/** A copy: the body is of use in the call alone. */
async function fetched(url, wanted = WANTED) {
  const taken = [];
  await fetchBlocks(url, wanted, (status, body) => taken.push({ status, body: body.slice() }));
  assert.equal(taken.length, 1);
  return taken[0];
}

const WANTED = { type: "fetch", job: 7, conn: 1, authorization: "MiMei secret", wanted: new Uint8Array([1, 2]), bytesMax: 10 };

/** A relay that answers as `answer` does; what it was asked is in `asked`. */
async function relay(t, answer) {
  const asked = [];
  const server = http.createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    asked.push({ method: request.method, authorization: request.headers.authorization, body: [...body] });
    answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  return { asked, url: `http://127.0.0.1:${server.address().port}/blocks` };
}

test("a request shows the ticket in a header and brings what the relay answers", async (t) => {
  const { asked, url } = await relay(t, (response) => response.end("0123456789"));
  assert.deepEqual(await fetched(url), { status: 200, body: new TextEncoder().encode("0123456789") });
  assert.deepEqual(asked, [{ method: "POST", authorization: "MiMei secret", body: [1, 2] }]);
});

test("answers at the same time and one after the other do not mix", async (t) => {
  let count = 0;
  const { url } = await relay(t, (response) => response.end(String(count++ % 10).repeat(1 + (count % 9))));
  for (let round = 0; round < 3; round++) {
    const bodies = await Promise.all(Array.from({ length: 12 }, async () => new TextDecoder().decode((await fetched(url)).body)));
    for (const body of bodies) assert.match(body, /^(\d)\1*$/);
  }
  assert.equal(count, 36);
});

test("a browser that cannot read into a buffer copies", async (t) => {
  const { getReader } = ReadableStream.prototype;
  ReadableStream.prototype.getReader = function (options) {
    if (options !== undefined) throw new TypeError("no such mode");
    return getReader.call(this);
  };
  t.after(() => (ReadableStream.prototype.getReader = getReader));
  const answers = ["0123456789", "0123456789a"];
  const { url } = await relay(t, (response) => response.end(answers.shift()));
  assert.deepEqual(await fetched(url), { status: 200, body: new TextEncoder().encode("0123456789") });
  assert.deepEqual(await fetched(url), NOTHING);
});

const NOTHING = { status: 0, body: new Uint8Array() };
const FAULTS = {
  "says more than was asked for": (response) => response.end("0123456789a"),
  "breaks off": (response) => (response.writeHead(200, { "content-length": 10 }).write("01234"), setTimeout(() => response.destroy(), 20)),
  "leads elsewhere": (response) => response.writeHead(302, { location: "/elsewhere" }).end(),
};
for (const [what, answer] of Object.entries(FAULTS)) {
  test(`a relay that ${what} has not answered`, async (t) => {
    const { url, asked } = await relay(t, answer);
    assert.deepEqual(await fetched(url), NOTHING);
    assert.equal(asked.length, 1);
  });
}

test("a refusal is told by its status, without what it says", async (t) => {
  const { url } = await relay(t, (response) => response.writeHead(402).end("nobody pays"));
  assert.deepEqual(await fetched(url), { status: 402, body: new Uint8Array() });
});

test("nobody is asked where no relay is known, and nobody there is no answer", async () => {
  assert.deepEqual(await fetched(undefined), NOTHING);
  assert.deepEqual(await fetched("http://127.0.0.1:1/blocks"), NOTHING);
});

test("what is no request of the core is not read as one", () => {
  assert.equal(readFetch(WANTED), WANTED);
  for (const said of [null, "fetch", { ...WANTED, job: -1 }, { ...WANTED, wanted: [1] }, { type: "send", conn: 1, bytes: new Uint8Array() }]) {
    assert.equal(readFetch(said), undefined);
  }
});
