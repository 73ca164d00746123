/** The relay's answers over HTTP, without a browser. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { startRelay } from "./parts/relay.mjs";

const relay = await startRelay({ after });

const get = (path, init) => fetch(relay.origin + path, init);

function post(body, kind = "application/sdp") {
  return get("/rtc", { method: "POST", body, headers: { "content-type": kind } });
}

test("a relay says who and where it is", async () => {
  const answer = await get("/.well-known/mimei");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const { user, address, wire, version } = await answer.json();
  assert.deepEqual({ user, address, wire }, { user: relay.user, address: relay.address, wire: [1] });
  assert.match(version, /^\d+\.\d+\.\d+/);
});

test("a relay says that it is well, and how many it serves", async () => {
  const answer = await get("/health");
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { status: "ok", counts: { connections: 0, sessions: 0 } });
});

for (const path of ["/", "/.well-known/mimei", "/health", "/nothing-here", "/favicon.svg"]) {
  test(`${path} is answered with the security headers`, async () => {
    const { headers } = await get(path);
    const policy = headers.get("content-security-policy");
    assert.match(policy, /^default-src 'none';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /'unsafe-inline'|'unsafe-eval'|script-src[^;]*https?:/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("x-frame-options"), "DENY");
  });
}

test("the page is asked for again, its hashed files are kept", async () => {
  const page = await get("/");
  assert.match(page.headers.get("content-type"), /^text\/html/);
  assert.equal(page.headers.get("cache-control"), "no-cache");
  const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(await page.text());
  const file = await get(script);
  assert.equal(file.status, 200);
  assert.match(file.headers.get("content-type"), /javascript/);
  assert.match(file.headers.get("cache-control"), /immutable/);
});

/** Node's `fetch` always says what it can read, and shows only what was in it. */
function raw(path, headers) {
  return new Promise((resolve, reject) => {
    const request = http.get(relay.origin + path, { headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part)).on("end", () => resolve({ headers: answer.headers, bytes: Buffer.concat(parts) }));
    });
    request.on("error", reject);
  });
}

test("what the page loads is as small as the browser can read it", async () => {
  const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(await (await get("/")).text());
  const plain = await raw(script, {});
  assert.equal(plain.headers["content-encoding"], undefined);
  const encodings = { br: brotliDecompressSync, gzip: gunzipSync };
  for (const [encoding, decompress] of Object.entries(encodings)) {
    const { headers, bytes } = await raw(script, { "accept-encoding": encoding });
    assert.equal(headers["content-encoding"], encoding);
    assert.equal(headers["content-type"], plain.headers["content-type"]);
    assert.match(headers.vary, /accept-encoding/i);
    assert.ok(bytes.length < plain.bytes.length / 2, `${bytes.length} of ${plain.bytes.length} bytes`);
    assert.deepEqual(decompress(bytes), plain.bytes);
  }
  const refused = await raw(script, { "accept-encoding": "br;q=0, gzip;q=0" });
  assert.deepEqual(refused.bytes, plain.bytes);
});

test("a folder of the site is the page in it, and without the slash leads there", async () => {
  const page = await get("/table/");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type"), /^text\/html/);
  assert.equal(page.headers.get("cache-control"), "no-cache");
  const moved = await get("/table", { redirect: "manual" });
  assert.deepEqual([moved.status, moved.headers.get("location")], [308, "/table/"]);
  for (const none of ["/assets", "/table/table/", "//table"]) assert.notEqual((await get(none, { redirect: "manual" })).status, 200, none);
});

test("WebAssembly has its type, so that it is compiled while it arrives", async () => {
  const page = await (await get("/")).text();
  const scripts = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map(([, path]) => get(path).then((answer) => answer.text()));
  const script = (await Promise.all(scripts)).join("\n");
  const worker = await (await get(/\/assets\/worker[^"'`]+\.js/.exec(script)[0])).text();
  const wasm = await get(/\/assets\/[^"'`]+\.wasm/.exec(worker)[0]);
  assert.equal(wasm.headers.get("content-type"), "application/wasm");
});

test("the SDK's service worker may control the whole site, and is asked for again", async () => {
  const script = await get("/sdk/mimei-sw.js", { headers: { "service-worker": "script" } });
  assert.equal(script.status, 200);
  assert.match(script.headers.get("content-type"), /^text\/javascript/);
  assert.equal(script.headers.get("service-worker-allowed"), "/");
  assert.equal(script.headers.get("cache-control"), "no-cache");
  assert.doesNotMatch(await script.text(), /\b(?:import|export)\b/, "it is one classic script");
  for (const path of ["/", "/favicon.svg"]) assert.equal((await get(path)).headers.get("service-worker-allowed"), null, path);
});

test("no other file of the site becomes a service worker", async () => {
  const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(await (await get("/")).text());
  assert.equal((await get(script, { headers: { "service-worker": "script" } })).status, 403);
});

const outside = ["/../package.json", "/assets/../../package.json", "/..%2fpackage.json"];
for (const path of ["/nothing-here", "/assets/nothing.js", "/rtc/more", ...outside]) {
  test(`${path} is not there`, async (t) => {
    // `fetch` would resolve the dots itself.
    const request = http.get({ host: "127.0.0.1", port: relay.port, path });
    const [answer] = await once(request, "response", { signal: t.signal });
    answer.resume();
    assert.equal(answer.statusCode, 404);
  });
}

test("another method than the one of a path is refused", async () => {
  assert.equal((await get("/rtc")).status, 405);
  assert.equal((await get("/health", { method: "POST" })).status, 405);
  assert.equal((await get("/", { method: "DELETE" })).status, 405);
});

test("an offer of another type is refused", async () => {
  assert.equal((await post("v=0\r\n", "text/plain")).status, 415);
  assert.equal((await get("/rtc", { method: "POST" })).status, 415);
});

test("an offer that is none is refused", async () => {
  for (const body of ["", "garbage", "v=0\r\n", new Uint8Array([0xff, 0xfe]), "a=fingerprint:sha-256 AA\r\n".repeat(100)]) {
    assert.equal((await post(body)).status, 400, JSON.stringify(String(body).slice(0, 40)));
  }
});

test("an offer that is too large is refused", async () => {
  assert.equal((await post("a=x\r\n".repeat(100_000))).status, 413);
});

test("refused offers leave nothing behind", async () => {
  await post("garbage");
  assert.deepEqual((await (await get("/health")).json()).counts, { connections: 0, sessions: 0 });
});

test("pages of other origins may post an offer", async () => {
  const answer = await get("/rtc", { method: "OPTIONS", headers: { origin: "https://elsewhere.example" } });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.match(answer.headers.get("access-control-allow-methods"), /POST/);
  assert.match(answer.headers.get("access-control-allow-headers"), /content-type/);
});

test("a WebSocket of another version of the wire is closed", async (t) => {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
    "sec-websocket-protocol": "mimei.v0",
  };
  const request = http.get(`${relay.origin}/ws`, { headers });
  const [answer, socket] = await once(request, "upgrade", { signal: t.signal });
  t.after(() => socket.destroy());
  assert.equal(answer.headers["sec-websocket-protocol"], undefined);
  socket.resume();
  await once(socket, "end", { signal: t.signal });
});
