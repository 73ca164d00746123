/** Serves the built demo site and nothing else, as any web host would. Run as a program: it prints its port. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { whenDone } from "./cleanup.mjs";

const SITE = fileURLToPath(new URL("../../../demo-site/dist", import.meta.url));
const SELF = fileURLToPath(import.meta.url);
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Starts it inside a machine; returns its origin there. */
export async function startStaticSite(t, { inside }) {
  const [command, ...args] = [...inside, process.execPath, SELF];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  whenDone(t, () => child.kill("SIGKILL"));
  const [port] = await once(child.stdout.setEncoding("utf8"), "data");
  return `http://localhost:${port.trim()}`;
}

async function serve(request, response) {
  const path = normalize(new URL(request.url, "http://localhost").pathname).replace(/\/$/, "/index.html");
  const body = await readFile(join(SITE, path)).catch(() => undefined);
  if (body === undefined) response.writeHead(404).end("not here");
  else response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(body);
}

if (process.argv[1] === SELF) {
  const server = http.createServer(serve);
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}
