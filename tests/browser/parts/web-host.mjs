/** A host of files that knows nothing of MiMei: it serves a folder as it is. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { extname, join, normalize } from "node:path";
import { whenDone } from "./cleanup.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** Serves a folder, each file with these headers. Returns its origin. */
export async function hostFolder(t, folder, headers = {}) {
  const server = http.createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname)).replace(/\/$/, "/index.html");
    const body = await readFile(join(folder, path)).catch(() => undefined);
    // Browsers ask for it by themselves; a 404 would be a complaint of the page.
    if (path === "/favicon.ico") response.writeHead(204).end();
    else if (body === undefined) response.writeHead(404, headers).end("not here");
    else response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", ...headers }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  whenDone(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${server.address().port}`;
}
