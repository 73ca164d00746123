// tsc emits only what it compiles; the generated wasm module goes beside the worker that loads it.
import { cpSync, existsSync } from "node:fs";

const from = new URL("../src/wasm/", import.meta.url);
if (!existsSync(new URL("client_bg.wasm", from))) {
  console.error("js-sdk/src/wasm is missing: run `cargo xtask wasm` first.");
  process.exit(1);
}
cpSync(from, new URL("../dist/wasm/", import.meta.url), { recursive: true });
