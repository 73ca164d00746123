/** A page that runs the cases of the conformance suite: the module of tests/in-browser, and what drives it. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { fileURLToPath } from "node:url";
import { whenDone } from "./cleanup.mjs";

const PKG = new URL("../../in-browser/pkg/", import.meta.url);
const HERE = new URL("./", import.meta.url);
const FILES = {
  "/": { type: "text/html", text: `<!doctype html><title>Stores</title><script type="module" src="/suite-page.mjs"></script>` },
  "/suite-page.mjs": { type: "text/javascript", file: new URL("suite-page.mjs", HERE) },
  "/suite-worker.mjs": { type: "text/javascript", file: new URL("suite-worker.mjs", HERE) },
  "/in_browser.js": { type: "text/javascript", file: new URL("in_browser.js", PKG) },
  "/in_browser_bg.wasm": { type: "application/wasm", file: new URL("in_browser_bg.wasm", PKG) },
};

/** Serves it and returns its origin. */
export async function serveSuite(t) {
  if (!existsSync(PKG)) throw new Error(`${fileURLToPath(PKG)} is missing: run \`cargo xtask wasm --tests\` first.`);
  const server = http.createServer(async (request, response) => {
    const found = FILES[new URL(request.url, "http://localhost").pathname];
    if (found === undefined) return void response.writeHead(404).end("not here");
    const body = found.text ?? (await readFile(found.file));
    response.writeHead(200, { "content-type": found.type }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  whenDone(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${server.address().port}`;
}
