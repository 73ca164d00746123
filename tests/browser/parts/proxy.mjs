/** Somebody between the page and its relay, who ends HTTP (as with a certificate of their own they would end TLS). */
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { whenDone } from "./cleanup.mjs";
import { frameFilter } from "./frames.mjs";

/** Sent on to the page; the others belong to one connection. */
const HEADERS_PASSED = ["content-type", "content-security-policy", "cache-control"];
const HEAD_END = "\r\n\r\n";

/**
 * Stands in front of the relay at `origin`. What it does beyond passing on can be set at any time:
 *
 * - `answer(path, body, passOn)` returns the body that the page gets; `passOn(origin?)` asks a relay for it
 * - `sockets`: the origin where WebSockets are led
 * - `message(direction, at, bytes)` returns the bytes of the `at`th WebSocket message `toRelay` or `toPage`
 */
export async function startProxy(t, origin) {
  const proxy = { answer: (_path, _body, passOn) => passOn(), sockets: origin, message: (_way, _at, bytes) => bytes };
  const server = http.createServer((request, response) => {
    serve(proxy, origin, request, response).catch((error) => response.writeHead(502).end(String(error)));
  });
  const open = new Set();
  server.on("upgrade", (request, socket, head) => open.add(pipe(proxy, request, socket, head)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  whenDone(t, () => {
    for (const close of open) close();
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(proxy, { origin: `http://localhost:${server.address().port}` });
}

async function serve(proxy, origin, request, response) {
  const parts = await request.toArray();
  const body = parts.length === 0 ? undefined : Buffer.concat(parts);
  const kind = request.headers["content-type"];
  let passed = new Response();
  const passOn = async (to = origin) => {
    passed = await fetch(to + request.url, { method: request.method, body, headers: kind ? { "content-type": kind } : {} });
    return Buffer.from(await passed.arrayBuffer());
  };
  const answer = await proxy.answer(request.url, body, passOn);
  for (const name of HEADERS_PASSED) if (passed.headers.has(name)) response.setHeader(name, passed.headers.get(name));
  if (!passed.headers.has("content-type") && request.url === "/rtc") response.setHeader("content-type", "application/sdp");
  response.writeHead(passed.status).end(answer);
}

/** Returns what ends it. */
function pipe(proxy, request, page, head) {
  const { hostname, port } = new URL(proxy.sockets);
  const relay = net.connect(Number(port), hostname);
  const lines = Object.entries({ ...request.headers, "sec-websocket-extensions": undefined })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`);
  relay.write([`GET ${request.url} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  const toRelay = counted(proxy, "toRelay");
  const toPage = afterHead(counted(proxy, "toPage"));
  if (head.length > 0) relay.write(toRelay(head));
  page.on("data", (chunk) => relay.write(toRelay(chunk)));
  relay.on("data", (chunk) => page.write(toPage(chunk)));
  const close = () => (page.destroy(), relay.destroy());
  for (const socket of [page, relay]) socket.on("error", close).on("end", close);
  return close;
}

function counted(proxy, direction) {
  let at = 0;
  return frameFilter((bytes) => proxy.message(direction, at++, bytes));
}

/** Frames begin behind the HTTP head of the answer, which is passed on as it is. */
function afterHead(filter) {
  let head = Buffer.alloc(0);
  let passed = false;
  return (chunk) => {
    if (passed) return filter(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(HEAD_END);
    if (end < 0) return Buffer.alloc(0);
    passed = true;
    const rest = end + HEAD_END.length;
    return Buffer.concat([head.subarray(0, rest), filter(head.subarray(rest))]);
  };
}
