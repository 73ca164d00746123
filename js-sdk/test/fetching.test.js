/** Blocks by HTTP, as the worker fetches them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { fetchBlocks, readFetch } from "../dist/fetching.js";

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
  assert.deepEqual(await fetchBlocks(url, WANTED), { status: 200, body: new TextEncoder().encode("0123456789") });
  assert.deepEqual(asked, [{ method: "POST", authorization: "MiMei secret", body: [1, 2] }]);
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
    assert.deepEqual(await fetchBlocks(url, WANTED), NOTHING);
    assert.equal(asked.length, 1);
  });
}

test("a refusal is told by its status, without what it says", async (t) => {
  const { url } = await relay(t, (response) => response.writeHead(402).end("nobody pays"));
  assert.deepEqual(await fetchBlocks(url, WANTED), { status: 402, body: new Uint8Array() });
});

test("nobody is asked where no relay is known, and nobody there is no answer", async () => {
  assert.deepEqual(await fetchBlocks(undefined, WANTED), NOTHING);
  assert.deepEqual(await fetchBlocks("http://127.0.0.1:1/blocks", WANTED), NOTHING);
});

test("what is no request of the core is not read as one", () => {
  assert.equal(readFetch(WANTED), WANTED);
  for (const said of [null, "fetch", { ...WANTED, job: -1 }, { ...WANTED, wanted: [1] }, { type: "send", conn: 1, bytes: new Uint8Array() }]) {
    assert.equal(readFetch(said), undefined);
  }
});
