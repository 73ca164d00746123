// A service worker is one classic script: its modules are joined, and nothing of it is imported by a page.
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

await build({
  input: path("../dist/stream/worker/main.js"),
  output: { file: path("../dist/mimei-sw.js"), format: "iife", minify: true },
  logLevel: "warn",
});
