// What the package ships, and a relay serves: one module for the page, one for the worker beside it with its
// WebAssembly, and the service worker, which is one classic script. Of the modules that tsc writes beside them only
// the tests read any.
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const BUNDLES = [
  { source: "index.ts", file: "mimei.js", format: "esm" },
  { source: "worker.ts", file: "worker.js", format: "esm" },
  { source: "stream/worker/main.ts", file: "mimei-sw.js", format: "iife" },
];

for (const { source, file, format } of BUNDLES) {
  await build({
    input: path(`../src/${source}`),
    output: { file: path(`../dist/sdk/${file}`), format, minify: true, sourcemap: true, sourcemapExcludeSources: true },
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    transform: { target: "es2022" },
    logLevel: "warn",
  });
}
cpSync(path("../src/wasm/client_bg.wasm"), path("../dist/sdk/client_bg.wasm"));
